//! The stable tools as they are described, and what each takes.

use std::collections::HashMap;
use std::sync::LazyLock;

use hub::catalog::Form;
use rmcp::model::Tool;
use serde::de::DeserializeOwned;
use wire::Problem;

use crate::forms;
use crate::mcp::asking::Asking;

/// The tool's own arguments as they were asked.
pub(super) fn said<T: DeserializeOwned>(asking: &Asking<'_>) -> Result<T, Problem> {
    asking.read(FORMS.get(asking.request.name.as_ref()))
}

pub(super) static TOOLS: LazyLock<Vec<Tool>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../tools.json")).unwrap_or_else(|error| {
        // Held by a test; a broken list must not take the hub down.
        tracing::error!(%error, "tools.json does not fit the protocol");
        Vec::new()
    })
});

/// What each tool takes.
pub(super) static FORMS: LazyLock<HashMap<String, Form>> = LazyLock::new(|| {
    let each = TOOLS.iter().filter_map(|tool| {
        let form = forms::strict(&tool.name, &tool.input_schema)?;
        Some((tool.name.to_string(), form))
    });
    each.collect()
});

/// The tools as clients list them.
pub(crate) fn list() -> &'static [Tool] {
    &TOOLS
}
