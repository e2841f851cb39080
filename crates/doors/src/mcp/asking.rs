//! One `tools/call`: who asks, what, and what their client can do.

use hub::callers::Caller;
use hub::catalog::Form;
use rmcp::ErrorData;
use rmcp::model::{CallToolRequestParams, CallToolResponse, JsonObject, ProtocolVersion};
use rmcp::service::{RequestContext, RoleServer};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;
use wire::{AppId, Code, Problem};

use super::Mcp;
use crate::forms;

/// Members in which models say to their person, or to themselves, why they call a tool. They are no arguments:
/// a tool that has none of that name does without it. Any other name that a tool does not know is refused.
const REMARKS: [&str; 12] = [
    "comment",
    "description",
    "explanation",
    "intent",
    "justification",
    "purpose",
    "rationale",
    "reason",
    "reasoning",
    "thought",
    "thoughts",
    "user_prompt",
];

/// How a hint begins to tell the names that exist.
const NAMES: &str = "The arguments are";

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

/// The parameters of a `tools/call` that the protocol's own form refuses: some clients send the arguments as JSON text.
///
/// # Errors
/// A problem for arguments that are no object, of the protocol where it is the rest that is wrong.
pub(crate) fn with_arguments_as_text(mut params: Value) -> Result<CallToolRequestParams, Stop> {
    let arguments = params.get_mut("arguments").map(Value::take);
    let read = match &arguments {
        Some(Value::String(text)) if matches!(text.trim(), "" | "null") => Some(JsonObject::new()),
        Some(Value::String(text)) => serde_json::from_str(text).ok(),
        _ => None,
    };
    let mut request: CallToolRequestParams = serde_json::from_value(params).map_err(|error| {
        ErrorData::invalid_params(format!("This is not a valid tool call: {error}."), None)
    })?;
    let Some(read) = read else {
        let message = format!("{}: `arguments` must be an object.", request.name);
        let problem = Problem::new(Code::ARGUMENTS_INVALID, message)
            .hint("Send them as a JSON object with the members of the tool's input schema.");
        return Err(problem.into());
    };
    request.arguments = Some(read);
    Ok(request)
}

impl Asking<'_> {
    /// The arguments in the form that a tool takes.
    ///
    /// # Errors
    /// `arguments_invalid`, with the names that exist.
    pub(crate) fn read<T: DeserializeOwned>(&self, form: Option<&Form>) -> Result<T, Problem> {
        let knows = |name: &str| form.is_some_and(|form| form.names().any(|own| own == name));
        self.read_as(form, self.arguments(knows))
    }

    /// Some of the arguments.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(crate) fn read_as<T: DeserializeOwned>(
        &self,
        form: Option<&Form>,
        given: JsonObject,
    ) -> Result<T, Problem> {
        let Some(form) = form else {
            let message = format!("The schema of `{}` is missing.", self.request.name);
            return Err(Problem::new(Code::INTERNAL, message));
        };
        let read = form.check(given).and_then(forms::typed);
        read.map_err(|unfit| {
            let message = format!("{}: {}", self.request.name, unfit.message);
            let mut hint = unfit.hint;
            if !hint.contains(NAMES) {
                let names: Vec<&str> = form.names().collect();
                hint.push_str(&format!(" {NAMES} `{}`.", names.join("`, `")));
            }
            Problem::new(Code::ARGUMENTS_INVALID, message).hint(hint)
        })
    }

    /// What was sent, without the remarks that clients put beside: for a tool that knows these names.
    pub(crate) fn arguments(&self, knows: impl Fn(&str) -> bool) -> JsonObject {
        let mut given = self.request.arguments.clone().unwrap_or_default();
        given.retain(|name, _| knows(name) || !REMARKS.contains(&name.as_str()));
        given
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
