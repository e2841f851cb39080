//! What somebody who puts a hub together adds to the tools, resources and prompts of `/mcp`.
//!
//! The hub's own come first; an addition is asked for names that are not the hub's tools, and before the hub for its
//! own resources, prompts and completions. It reaches no hub and no app, and switches no check off: whoever asks has
//! passed the guard.

use futures_util::future::BoxFuture;
use rmcp::ErrorData;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CompleteRequestParams, CompleteResult,
    GetPromptRequestParams, GetPromptResponse, Prompt, ReadResourceResult, Resource,
    ResourceTemplate, ServerCapabilities, Tool,
};
use rmcp::service::{RequestContext, RoleServer, SubscriptionSink};
use rmcp::task_manager::TaskManager;

/// What a tool of an addition answers; `None` when the tool is none of its own.
pub type Called<'a> = BoxFuture<'a, Option<Result<CallToolResponse, ErrorData>>>;

/// Tools, resources and prompts beside the hub's own.
pub trait Addition: Send + Sync {
    /// Declares what its tools, resources and prompts need.
    fn declare(&self, capabilities: &mut ServerCapabilities);

    fn tools(&self) -> &[Tool];

    fn call_tool<'a>(
        &'a self,
        request: &'a CallToolRequestParams,
        context: &'a RequestContext<RoleServer>,
    ) -> Called<'a>;

    fn resources(&self) -> &[Resource];

    fn templates(&self) -> &[ResourceTemplate];

    /// `None` when it is no resource of its own.
    fn read(&self, uri: &str) -> Option<ReadResourceResult>;

    fn prompts(&self) -> &[Prompt];

    /// `None` when it is no prompt of its own.
    fn prompt(
        &self,
        request: &GetPromptRequestParams,
    ) -> Option<Result<GetPromptResponse, ErrorData>>;

    /// `None` when what is completed is not its own.
    fn complete(&self, request: &CompleteRequestParams) -> Option<CompleteResult>;

    /// Somebody listens for changes, until what this gives is dropped.
    fn listening(&self, sink: SubscriptionSink) -> Box<dyn Send>;

    /// Tasks under ids that are no calls.
    fn tasks(&self) -> &TaskManager;
}
