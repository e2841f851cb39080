//! One `tools/call`: who asks, what, and what their client can do.

use hub::callers::Caller;
use rmcp::ErrorData;
use rmcp::model::{CallToolRequestParams, CallToolResponse, JsonObject, ProtocolVersion};
use rmcp::service::{RequestContext, RoleServer};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;
use wire::{AppId, Code, Problem};

use super::Mcp;

/// A request for a tool, on its way.
pub(crate) struct Asking<'a> {
    pub(crate) mcp: &'a Mcp,
    /// The app of `/mcp/{app}`.
    pub(crate) app: Option<&'a AppId>,
    pub(crate) caller: Caller,
    pub(crate) request: &'a CallToolRequestParams,
    pub(crate) context: &'a RequestContext<RoleServer>,
    pub(crate) since: Instant,
}

/// Why there is no answer of the tool's own.
pub(crate) enum Stop {
    /// For the one who asked, as a result of the tool.
    Problem(Box<Problem>),
    /// For the client: the request itself is not right.
    Protocol(ErrorData),
}

pub(crate) type Answered = Result<CallToolResponse, Stop>;

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl From<ErrorData> for Stop {
    fn from(error: ErrorData) -> Self {
        Self::Protocol(error)
    }
}

impl Asking<'_> {
    /// The arguments in the form that a tool takes.
    ///
    /// # Errors
    /// `arguments_invalid`, with the names that exist.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let given = self.request.arguments.clone().unwrap_or_default();
        serde_json::from_value(Value::Object(given)).map_err(|error| {
            let message = format!(
                "The arguments of `{}` are not right: {error}.",
                self.request.name
            );
            Problem::new(Code::ARGUMENTS_INVALID, message)
                .hint("The tool's input schema has their names and types.")
        })
    }

    pub(crate) fn arguments(&self) -> JsonObject {
        self.request.arguments.clone().unwrap_or_default()
    }

    /// Whether the client speaks the protocol without sessions, where a question is an answer.
    pub(crate) fn is_modern(&self) -> bool {
        let version = self.context.protocol_version();
        version.is_some_and(|version| version.as_str() >= ProtocolVersion::V_2026_07_28.as_str())
    }

    pub(crate) fn can_elicit(&self) -> bool {
        let capabilities = self.context.client_capabilities();
        capabilities
            .and_then(|capabilities| capabilities.elicitation)
            // Before there were two forms, the capability had no members.
            .is_some_and(|elicitation| elicitation.form.is_some() || elicitation.url.is_none())
    }

    pub(crate) fn knows_tasks(&self) -> bool {
        let capabilities = self.context.client_capabilities();
        capabilities.is_some_and(|capabilities| capabilities.supports_tasks())
    }

    /// When the client must have an answer.
    pub(crate) fn deadline(&self) -> Instant {
        self.since + self.mcp.pace.answer_within
    }
}
