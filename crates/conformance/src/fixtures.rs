//! What the official MCP conformance suite wants to find on a server.
//!
//! The suite tests a protocol by tools, resources and prompts with agreed names; a hub has others. They hang on
//! the same handler stack as the hub's own, so that what is proved is the way in, guard and sessions included.
//! In comes a request; out comes an answer, or `None` for names that are not of the suite. Everything that needs
//! no code is in `fixtures.json`. They reach no hub and no app, and nothing here switches a check off.

mod asking;
mod plain;
mod rounds;
mod tasks;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use doors::mcp::{Addition, Called};
use rmcp::ErrorData;
use rmcp::model::{
    CallToolRequestParams, CallToolResult, CompleteRequestParams, CompleteResult, CompletionInfo,
    ContentBlock, GetPromptRequestParams, GetPromptResponse, GetPromptResult, InputRequest,
    InputResponses, JsonObject, Prompt, PromptMessage, ReadResourceResult, Reference,
    RequestStateCodec, Resource, ResourceContents, ResourceTemplate, ServerCapabilities, Tool,
};
use rmcp::service::{RequestContext, RoleServer, SubscriptionSink};
use rmcp::task_manager::TaskManager;
use serde::Deserialize;
use serde_json::Value;

/// Bytes of the key that seals the state of rounds; it lives as long as the process.
const KEY_BYTES: usize = 32;

/// The suite's tools, resources and prompts.
#[derive(Clone)]
pub(crate) struct Fixtures {
    inner: Arc<Inner>,
}

struct Inner {
    document: Document,
    tasks: TaskManager,
    codec: RequestStateCodec,
    listening: Mutex<HashMap<u64, SubscriptionSink>>,
    next: AtomicU64,
}

/// `fixtures.json`.
#[derive(Deserialize)]
struct Document {
    tools: Vec<Tool>,
    /// Results of tools that always give the same.
    answers: HashMap<String, Answer>,
    resources: Vec<Resource>,
    templates: Vec<ResourceTemplate>,
    reads: HashMap<String, ResourceContents>,
    prompts: Vec<Prompt>,
    /// Messages of prompts; `{name}` stands for an argument.
    messages: HashMap<String, Value>,
    /// What the older protocol asks the person in the middle of a call.
    questions: HashMap<String, Value>,
    /// What the newer protocol wants before it answers.
    inputs: HashMap<String, InputRequest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    content: Vec<ContentBlock>,
    #[serde(default)]
    is_error: bool,
}

/// Keeps a listener of `subscriptions/listen` known until it is dropped.
struct Listening {
    inner: Arc<Inner>,
    key: u64,
}

impl Fixtures {
    /// # Errors
    /// The embedded document does not fit the protocol's types, or the machine gives no random bytes.
    pub(crate) fn new() -> Result<Self, String> {
        let document = serde_json::from_str(include_str!("fixtures/fixtures.json"))
            .map_err(|error| format!("fixtures.json: {error}"))?;
        let mut key = [0_u8; KEY_BYTES];
        getrandom::fill(&mut key).map_err(|error| format!("no random bytes: {error}"))?;
        let codec = RequestStateCodec::try_new(key).map_err(|error| error.to_string())?;
        Ok(Self {
            inner: Arc::new(Inner {
                document,
                tasks: TaskManager::new(),
                codec,
                listening: Mutex::default(),
                next: AtomicU64::new(0),
            }),
        })
    }

    fn tool(&self, name: &str) -> Option<&Tool> {
        self.tools().iter().find(|tool| tool.name == name)
    }
}

impl Addition for Fixtures {
    /// What the suite's scenarios need beside the hub's own.
    fn declare(&self, capabilities: &mut ServerCapabilities) {
        capabilities.logging = Some(JsonObject::new());
        if let Some(tools) = &mut capabilities.tools {
            tools.list_changed = Some(true);
        }
        if let Some(prompts) = &mut capabilities.prompts {
            prompts.list_changed = Some(true);
        }
        if let Some(resources) = &mut capabilities.resources {
            resources.list_changed = Some(true);
            resources.subscribe = Some(true);
        }
    }

    fn tools(&self) -> &[Tool] {
        &self.inner.document.tools
    }

    /// `None` when it is no tool of the suite.
    fn call_tool<'a>(
        &'a self,
        request: &'a CallToolRequestParams,
        context: &'a RequestContext<RoleServer>,
    ) -> Called<'a> {
        Box::pin(async move {
            let name = self.tool(&request.name)?.name.clone();
            if let Some(answer) = self.inner.document.answers.get(name.as_ref()) {
                return Some(Ok(answer.result().into()));
            }
            if let Some(answer) = self.plain(request, context).await {
                return Some(answer);
            }
            if let Some(answer) = self.ask(request, context).await {
                return Some(Ok(answer.into()));
            }
            if let Some(answer) = self.rounds(request, context) {
                return Some(answer);
            }
            Some(self.task(request, context).await)
        })
    }

    fn resources(&self) -> &[Resource] {
        &self.inner.document.resources
    }

    fn templates(&self) -> &[ResourceTemplate] {
        &self.inner.document.templates
    }

    /// `None` when it is no resource of the suite.
    fn read(&self, uri: &str) -> Option<ReadResourceResult> {
        if let Some(contents) = self.inner.document.reads.get(uri) {
            return Some(ReadResourceResult::new(vec![contents.clone()]));
        }
        let id = uri
            .strip_prefix("test://template/")?
            .strip_suffix("/data")?;
        let data = serde_json::json!({
            "id": id, "templateTest": true, "data": format!("Data for ID: {id}"),
        });
        let contents =
            ResourceContents::text(data.to_string(), uri).with_mime_type("application/json");
        Some(ReadResourceResult::new(vec![contents]))
    }

    fn prompts(&self) -> &[Prompt] {
        &self.inner.document.prompts
    }

    /// `None` when it is no prompt of the suite.
    fn prompt(
        &self,
        request: &GetPromptRequestParams,
    ) -> Option<Result<GetPromptResponse, ErrorData>> {
        let messages = self.inner.document.messages.get(&request.name)?;
        let mut arguments = request.arguments.clone().unwrap_or_default();
        if request.name == "test_input_required_result_prompt" {
            let Some(given) = answer_to(request.input_responses.as_ref(), "user_context") else {
                return Some(self.want(&["user_context"], None).map(Into::into));
            };
            arguments.insert("context".into(), field(given, "context").into());
        }
        let messages = filled(messages.clone(), &arguments);
        let messages: Result<Vec<PromptMessage>, _> = serde_json::from_value(messages);
        Some(
            messages
                .map(|messages| GetPromptResult::new(messages).into())
                .map_err(|error| ErrorData::internal_error(error.to_string(), None)),
        )
    }

    /// Values for the arguments of the suite's prompts and templates.
    fn complete(&self, request: &CompleteRequestParams) -> Option<CompleteResult> {
        let is_ours = match &request.r#ref {
            Reference::Prompt(prompt) => self.inner.document.messages.contains_key(&prompt.name),
            Reference::Resource(resource) => self
                .templates()
                .iter()
                .any(|one| one.uri_template == resource.uri),
            _ => false,
        };
        if !is_ours {
            return None;
        }
        let values = ["paris", "park", "party"]
            .into_iter()
            .filter(|value| value.starts_with(&request.argument.value))
            .map(str::to_owned)
            .collect();
        Some(CompleteResult::new(
            CompletionInfo::new(values).unwrap_or_default(),
        ))
    }

    /// Makes a listener known to the tools that say a list has changed.
    fn listening(&self, sink: SubscriptionSink) -> Box<dyn Send> {
        let key = self.inner.next.fetch_add(1, Ordering::Relaxed);
        self.inner.listening().insert(key, sink);
        let inner = Arc::clone(&self.inner);
        Box::new(Listening { inner, key })
    }

    fn tasks(&self) -> &TaskManager {
        &self.inner.tasks
    }
}

impl Answer {
    /// By the constructors: a result that was read from JSON lacks what the newer protocol adds to it.
    fn result(&self) -> CallToolResult {
        if self.is_error {
            CallToolResult::error(self.content.clone())
        } else {
            CallToolResult::success(self.content.clone())
        }
    }
}

impl Inner {
    fn listening(&self) -> std::sync::MutexGuard<'_, HashMap<u64, SubscriptionSink>> {
        self.listening
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.inner.listening().remove(&self.key);
    }
}

fn said(text: impl Into<String>) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

/// What the client gave for one input, if it gave it in the form of an answer.
fn answer_to<'a>(responses: Option<&'a InputResponses>, key: &str) -> Option<&'a JsonObject> {
    responses?.get(key)?.as_object()
}

/// A field of an elicited form, as text.
fn field(answer: &JsonObject, name: &str) -> String {
    match answer.get("content").and_then(|content| content.get(name)) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => "(nothing)".to_owned(),
    }
}

/// Puts arguments in place of their names in braces, wherever there is text.
fn filled(value: Value, arguments: &JsonObject) -> Value {
    match value {
        Value::String(mut text) => {
            for (name, value) in arguments {
                text = text.replace(&format!("{{{name}}}"), value.as_str().unwrap_or_default());
            }
            Value::String(text)
        }
        Value::Array(items) => items
            .into_iter()
            .map(|item| filled(item, arguments))
            .collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| (name, filled(value, arguments)))
            .collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_fits_the_types() {
        let fixtures = Fixtures::new().unwrap();
        assert!(fixtures.tool("test_simple_text").is_some());
        assert!(fixtures.read("test://template/7/data").is_some());
        assert!(fixtures.read("test://template").is_none());
    }

    #[test]
    fn arguments_fill_prompts() {
        let fixtures = Fixtures::new().unwrap();
        let mut request = GetPromptRequestParams::new("test_prompt_with_arguments");
        request.arguments = serde_json::json!({"arg1": "a", "arg2": "b"})
            .as_object()
            .cloned();
        let answer = fixtures.prompt(&request).unwrap().unwrap();
        let GetPromptResponse::Complete(result) = answer else {
            panic!("no answer")
        };
        let text = serde_json::to_string(&result).unwrap();
        assert!(text.contains("arg1='a', arg2='b'"), "{text}");
    }
}
