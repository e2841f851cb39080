//! Arguments as everybody may see them while nothing of them is written down yet: without secrets, large ones as a note.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::json_size::weight_up_to;
use crate::limits;
use crate::secrets::{Marked, Masking};

/// Arguments as everybody may see them, while nothing is written down yet; large ones as a note.
pub(crate) fn shown(
    masking: &Masking,
    marked: &Marked,
    args: &Map<String, Value>,
) -> Arc<Map<String, Value>> {
    if weight_up_to(args, limits::HISTORY_ARGS_BYTES_MAX).is_none() {
        return Arc::new(omitted_args());
    }
    Arc::new(masking.args(marked, args))
}

/// In the place of arguments that are too large for memory.
pub(crate) fn omitted_args() -> Map<String, Value> {
    let why = json!({"why": "the arguments are too large to be stored"});
    Map::from_iter([("$omitted".to_owned(), why)])
}
