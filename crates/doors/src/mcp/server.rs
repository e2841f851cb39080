//! The protocol's methods. Each is handed to its room; nothing is decided here.

use std::sync::Arc;

use axum::http::request::Parts;
use hub::callers::Caller;
#[allow(deprecated, reason = "only an addition may declare logging")]
use rmcp::model::SetLevelRequestParams;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CancelTaskParams,
    CompleteRequestParams, CompleteResult, CustomRequest, CustomResult, ErrorCode, Extensions,
    GetPromptRequestParams, GetPromptResponse, GetTaskParams, GetTaskResult, Implementation,
    ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
    PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities,
    ServerConfig, SetLevelRequestMethod, SubscribeRequestParams, SubscriptionFilter, Tool,
    UnsubscribeRequestParams, UpdateTaskParams,
};
use rmcp::service::{RequestContext, RoleServer, SubscriptionContext};
use rmcp::{ErrorData, ServerHandler};
use tokio::time::Instant;
use wire::AppId;

use super::addition::Addition;
use super::asking::{Asking, Stop};
use super::listening::Watched;
use super::{Mcp, answer, asking, listening, prompts, resources, tasks, tools, typed};

/// What one session, one pipe or one request of the newer protocol talks to.
#[derive(Clone)]
pub(crate) struct Server {
    mcp: Arc<Mcp>,
    app: Option<AppId>,
    who: Who,
    watched: Arc<Watched>,
}

/// Where the caller of a request comes from.
#[derive(Clone)]
pub(crate) enum Who {
    /// Each HTTP request has its own token.
    Requests,
    /// A pipe was opened with this token, which may be taken back meanwhile. What the pipe may do is
    /// narrower, and it is named after its client.
    Pipe(Arc<str>),
}

type Context = RequestContext<RoleServer>;

impl Server {
    pub(crate) fn new(mcp: Arc<Mcp>, app: Option<AppId>, who: Who) -> Self {
        Self {
            mcp,
            app,
            who,
            watched: Arc::default(),
        }
    }

    fn caller(&self, context: &Context) -> Result<Caller, ErrorData> {
        match &self.who {
            Who::Requests => caller_of(&context.extensions)
                .ok_or_else(|| ErrorData::internal_error("The request has no caller.", None)),
            Who::Pipe(token) => {
                let opener = self.mcp.hub.authenticate(token).ok_or_else(|| {
                    ErrorData::invalid_request("The token of this pipe was revoked.", None)
                })?;
                let client = context.client_info().map(|client| client.name);
                Ok(opener.as_mcp_client(client.as_deref().unwrap_or_default()))
            }
        }
    }

    /// What is added to the hub's own, on `/mcp` only.
    fn addition(&self) -> Option<&dyn Addition> {
        self.mcp.addition.as_deref().filter(|_| self.app.is_none())
    }

    fn all_tools(&self) -> Result<Vec<Tool>, ErrorData> {
        let mut all = match &self.app {
            None => tools::list().to_vec(),
            Some(app) => typed::list(&self.mcp.hub, app).map_err(answer::protocol)?,
        };
        if let Some(addition) = self.addition() {
            all.extend_from_slice(addition.tools());
        }
        all.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(all)
    }
}

/// An answer in the words of the tool that was called.
fn told(asking: &Asking<'_>, result: CallToolResult) -> CallToolResult {
    match asking.app.is_some() || tools::has_own_arguments(&asking.request.name) {
        true => answer::with_own_arguments(result),
        false => result,
    }
}

fn caller_of(extensions: &Extensions) -> Option<Caller> {
    extensions.get::<Parts>()?.extensions.get().cloned()
}

const INSTRUCTIONS: &str = "\
Kapelle runs code and ready commands inside creative applications that stay open, such as a 3D program. \
Start with `code` (the value of the last expression comes back) or `find` (plain words → the command, with an \
example) and `run`.
- Nothing has to be started first: with no program open, `code` and `run` start one in the background and say so. \
`app` and `instance` are needed only where there are several.
- Every answer says what changed and the next useful step. `screenshot` shows the scene, `undo` takes a call back.
- A failure names the reason and the names that exist: follow its hint instead of trying again unchanged.
- Long work goes on by itself: after 45 s an answer gives a call id for `wait`; `cancel` ends it.
- What must survive everything is a job: `durable` in `run` and `code`; `jobs` shows and changes them.
- Destructive commands ask a person first.
- The program's own API differs between versions: `docs` asks the running one.";

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let mut capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_prompts()
            .enable_completions()
            .enable_tasks()
            .build();
        if let Some(addition) = self.addition() {
            addition.declare(&mut capabilities);
        }
        let own = Implementation::new("kapelle", env!("CARGO_PKG_VERSION")).with_title("Kapelle");
        ServerConfig::new(capabilities)
            .with_server_info(own)
            .with_instructions(INSTRUCTIONS)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: Context,
    ) -> Result<CallToolResponse, ErrorData> {
        if let Some(addition) = self.addition()
            && let Some(answer) = addition.call_tool(&request, &context).await
        {
            return answer;
        }
        let asking = Asking {
            mcp: &self.mcp,
            app: self.app.as_ref(),
            caller: self.caller(&context)?,
            request: &request,
            context: &context,
            since: Instant::now(),
        };
        let answered = match asking.app {
            None => tools::call(&asking).await,
            Some(app) => typed::call(&asking, app).await,
        };
        match answered {
            Ok(CallToolResponse::Complete(result)) => Ok(told(&asking, result).into()),
            Ok(response) => Ok(response),
            Err(Stop::Problem(problem)) => Ok(told(&asking, answer::problem(&problem)).into()),
            Err(Stop::Protocol(error)) => Err(error),
        }
    }

    /// What is no request of the protocol: a `tools/call` whose arguments are text, among others.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: Context,
    ) -> Result<CustomResult, ErrorData> {
        let params = match (request.method.as_str(), request.params) {
            ("tools/call", Some(params)) => asking::with_arguments_as_text(params),
            (method, _) => {
                let method = method.to_owned();
                return Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, method, None));
            }
        };
        let answered = match params {
            Ok(params) => self.call_tool(params, context).await?,
            Err(Stop::Problem(problem)) => answer::problem(&problem).into(),
            Err(Stop::Protocol(error)) => return Err(error),
        };
        let told = match answered {
            CallToolResponse::Complete(result) => serde_json::to_value(result),
            CallToolResponse::InputRequired(result) => serde_json::to_value(result),
            CallToolResponse::Task(result) => serde_json::to_value(result),
            _ => Ok(serde_json::Value::Null),
        };
        told.map(CustomResult::new)
            .map_err(|error| ErrorData::internal_error(error.to_string(), None))
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: Context,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.all_tools()?))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        // Every call asks for it, so it makes one tool and not all of them.
        let own = match &self.app {
            None => tools::tool(name),
            Some(app) => typed::named(&self.mcp.hub, app, name),
        };
        own.or_else(|| {
            let all = self.addition()?.tools();
            all.iter().find(|tool| tool.name == name).cloned()
        })
    }

    async fn list_resources(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: Context,
    ) -> Result<ListResourcesResult, ErrorData> {
        let mut all = resources::list(&self.mcp.hub, self.app.as_ref());
        all.extend(
            self.addition()
                .into_iter()
                .flat_map(|own| own.resources().to_vec()),
        );
        Ok(ListResourcesResult::with_all_items(all))
    }

    async fn list_resource_templates(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: Context,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let mut all = resources::templates();
        all.extend(
            self.addition()
                .into_iter()
                .flat_map(|own| own.templates().to_vec()),
        );
        Ok(ListResourceTemplatesResult::with_all_items(all))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: Context,
    ) -> Result<ReadResourceResponse, ErrorData> {
        if let Some(read) = self
            .addition()
            .and_then(|addition| addition.read(&request.uri))
        {
            return Ok(read.into());
        }
        let caller = self.caller(&context)?;
        Ok(resources::read(&self.mcp.hub, &caller, &request.uri)
            .await?
            .into())
    }

    async fn list_prompts(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: Context,
    ) -> Result<ListPromptsResult, ErrorData> {
        let mut all = prompts::list();
        all.extend(
            self.addition()
                .into_iter()
                .flat_map(|own| own.prompts().to_vec()),
        );
        Ok(ListPromptsResult::with_all_items(all))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: Context,
    ) -> Result<GetPromptResponse, ErrorData> {
        if let Some(got) = self
            .addition()
            .and_then(|addition| addition.prompt(&request))
        {
            return got;
        }
        let caller = self.caller(&context)?;
        Ok(prompts::get(&self.mcp.hub, &caller, &request)?.into())
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _context: Context,
    ) -> Result<CompleteResult, ErrorData> {
        let added = self
            .addition()
            .and_then(|addition| addition.complete(&request));
        Ok(added.unwrap_or_else(|| resources::complete(&self.mcp.hub, &request)))
    }

    #[allow(deprecated, reason = "only an addition may declare logging")]
    async fn set_level(
        &self,
        _request: SetLevelRequestParams,
        _context: Context,
    ) -> Result<(), ErrorData> {
        match self.addition() {
            Some(_) => Ok(()),
            None => Err(ErrorData::method_not_found::<SetLevelRequestMethod>()),
        }
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        let _listening = self
            .addition()
            .map(|own| own.listening(subscription.sink().clone()));
        let caller = self.caller(subscription.request_context())?;
        tokio::select! {
            () = listening::tell(&self.mcp.hub, &caller, &subscription) => {}
            () = self.mcp.ending.cancelled() => {}
        }
        Ok(())
    }

    #[allow(deprecated, reason = "the older protocol's way; the newer one listens")]
    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: Context,
    ) -> Result<(), ErrorData> {
        let is_added = self
            .addition()
            .is_some_and(|addition| addition.read(&request.uri).is_some());
        if !is_added {
            let caller = self.caller(&context)?;
            resources::may_watch(&self.mcp.hub, &caller, &request.uri)?;
        }
        self.watched.add(&self.mcp, &context.peer, request.uri)
    }

    #[allow(deprecated, reason = "as above")]
    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _context: Context,
    ) -> Result<(), ErrorData> {
        self.watched.remove(&request.uri);
        Ok(())
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        context: Context,
    ) -> Result<GetTaskResult, ErrorData> {
        let caller = self.caller(&context)?;
        tasks::get(&self.mcp, &caller, &request.task_id)
            .await
            .map(GetTaskResult::new)
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        context: Context,
    ) -> Result<(), ErrorData> {
        let caller = self.caller(&context)?;
        tasks::update(&self.mcp, &caller, request)
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        context: Context,
    ) -> Result<(), ErrorData> {
        let caller = self.caller(&context)?;
        tasks::cancel(&self.mcp, &caller, &request.task_id)
    }
}
