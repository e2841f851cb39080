//! The context of commands that the hub runs: what [`CommandContext`] promises, by way of the rooms that do it.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;
use wire::{
    AppId, CallId, CallRequest, Code, Event, InstanceName, InstanceView, LogRecord, Output,
    Problem, Progress,
};

use super::{Hub, Inner};
use crate::call::Call;
use crate::callers::{Caller, Scope};
use crate::command_context::{CommandContext, Context, Doing};
use crate::conduct::{Contexts, Opened};
use crate::corridor::Origin;
use crate::feed::is_small;
use crate::file_access::FileAccess;
use crate::home::Home;
use crate::launch::LaunchRequest;
use crate::launch_options;
use crate::limits;
use crate::policy;
use crate::tickets::Asked;

impl Hub {
    /// From here on the hub can run commands itself.
    pub(super) fn open_contexts(&self) {
        let contexts = HubContexts(Arc::downgrade(&self.0));
        self.0.conductors.use_contexts(Box::new(contexts));
    }
}

/// Makes the contexts of a hub, as long as it lives.
struct HubContexts(Weak<Inner>);

impl Contexts for HubContexts {
    fn open(&self, call: &Arc<Call>, ends: CancellationToken) -> Option<Arc<dyn Opened>> {
        Some(Arc::new(HubContext {
            hub: self.0.upgrade()?,
            call: Arc::clone(call),
            args: call.args(),
            ends,
            kept: Mutex::default(),
        }))
    }
}

struct HubContext {
    hub: Arc<Inner>,
    call: Arc<Call>,
    args: Arc<Map<String, Value>>,
    ends: CancellationToken,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    output: Output,
    logs_left_out: usize,
    /// Asked from here; those that have ended are let go now and then.
    asked: Vec<Arc<Call>>,
    /// Started from here and not stopped.
    started: Vec<InstanceName>,
}

impl CommandContext for HubContext {
    fn id(&self) -> &CallId {
        self.call.public_id()
    }

    fn command(&self) -> &str {
        &self.call.command
    }

    fn args(&self) -> &Map<String, Value> {
        &self.args
    }

    fn caller(&self) -> &Caller {
        &self.call.caller
    }

    fn home(&self) -> &Home {
        &self.hub.home
    }

    fn ends(&self) -> &CancellationToken {
        &self.ends
    }

    fn progress(&self, mut progress: Progress) {
        progress.details = progress.details.filter(is_small);
        self.call.set_progress(progress.clone());
        self.hub.feed.tell(|| Event::CallProgress {
            call_id: self.call.public_id().clone(),
            progress,
        });
    }

    fn note(&self, level: &str, text: String) {
        let record = LogRecord {
            level: level.to_owned(),
            source: self.call.command.clone(),
            text,
        };
        {
            let mut kept = self.kept();
            if kept.output.logs.len() >= limits::CONDUCT_LOGS_MAX {
                kept.logs_left_out += 1;
                return;
            }
            kept.output.logs.push(record.clone());
        }
        self.hub.feed.tell(|| Event::CallOutput {
            call_id: self.call.public_id().clone(),
            stream: "log".to_owned(),
            text: serde_json::to_string(&record).unwrap_or_default(),
        });
    }

    fn ask(&self, request: CallRequest) -> Result<Arc<Call>, Problem> {
        let caller = self.hub.callers.now(&self.call.caller)?;
        let origin = Origin {
            parent: Some(self.call.public_id().clone()),
            group: None,
        };
        let asked = self.hub.tickets.ask(&caller, request, origin)?;
        let Asked::One(call) = asked else {
            return Err(Problem::new(
                Code::ARGUMENTS_INVALID,
                "A command that the hub runs can only make one call at a time.",
            ));
        };
        let mut kept = self.kept();
        kept.asked.retain(|call| !call.status().is_end());
        kept.asked.push(Arc::clone(&call));
        Ok(call)
    }

    fn cancel(&self, call: &Call) {
        self.hub.tickets.cancel(call);
    }

    fn start(&self, request: LaunchRequest) -> Doing<'_, InstanceView> {
        Box::pin(self.start_one(request))
    }

    fn stop<'a>(&'a self, view: &'a InstanceView, force: bool) -> Doing<'a, ()> {
        Box::pin(self.stop_one(view, force))
    }

    fn instance(&self, name: &InstanceName) -> Result<InstanceView, Problem> {
        Ok(self.hub.roster.named(name)?.view())
    }

    fn reserved_for(&self, mark: &str) -> Vec<InstanceView> {
        let app: &AppId = &self.call.app;
        let all = self.hub.roster.of_app(app);
        all.iter()
            .filter(|instance| instance.reserved_for.as_deref() == Some(mark))
            .map(|instance| instance.view())
            .collect()
    }

    fn may_read(&self, path: &Path) -> Result<PathBuf, Problem> {
        self.files().may_read(&self.call.caller, path)
    }

    fn may_write(&self, path: &Path) -> Result<PathBuf, Problem> {
        self.files().may_write(&self.call.caller, path)
    }

    fn blob(&self, name: &str) -> Result<PathBuf, Problem> {
        self.hub.blobs.path(name)
    }
}

impl HubContext {
    async fn start_one(&self, mut request: LaunchRequest) -> Result<InstanceView, Problem> {
        let caller = self.hub.callers.now(&self.call.caller)?;
        policy::require(&caller, Scope::Write, || "start a program".to_owned())?;
        request.app = self.call.app.clone();
        let app = self.hub.catalog.app(&request.app)?.startable()?;
        launch_options::check(app.as_ref(), &mut request)?;
        launch_options::may(&caller, app.as_ref(), &request)?;
        if let Some(file) = &request.file {
            self.may_read(file)?;
        }
        self.hub.confinement.settle(&caller, &mut request)?;
        request
            .reserved_for
            .get_or_insert_with(|| self.call.public_id().to_string());
        let name = request.name.clone();
        if let Some(name) = &name {
            self.kept().started.push(name.clone());
        }
        // A task of its own: when this one is given up, no half-started program is left.
        let supervisor = Arc::clone(&self.hub.supervisor);
        let started = tokio::spawn(async move { supervisor.start(request).await });
        let started = started.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a start panicked");
            Err(Problem::new(
                Code::INTERNAL,
                "The start failed because of a fault in the hub.",
            ))
        });
        let forget = |name: &Option<InstanceName>| {
            self.kept().started.retain(|one| Some(one) != name.as_ref());
        };
        match started {
            Ok((view, true)) => {
                if name.as_ref() != Some(&view.name) {
                    forget(&name);
                    self.kept().started.push(view.name.clone());
                }
                Ok(view)
            }
            Ok((view, false)) => {
                forget(&name);
                Err(Problem::new(
                    Code::NAME_TAKEN,
                    format!("`{}` is already running.", view.name),
                ))
            }
            Err(problem) => {
                forget(&name);
                Err(problem)
            }
        }
    }

    async fn stop_one(&self, view: &InstanceView, force: bool) -> Result<(), Problem> {
        let mine = self.kept().started.contains(&view.name);
        let found = self.hub.roster.named(&view.name)?;
        if !mine && (found.reserved_for.is_none() || found.reserved_for != view.reserved_for) {
            return Err(Problem::new(
                Code::FORBIDDEN,
                format!("`{}` was not started for this.", view.name),
            ));
        }
        self.hub.supervisor.stop(&view.name, force).await?;
        self.kept().started.retain(|one| *one != view.name);
        Ok(())
    }

    async fn end_what_is_left(&self) {
        let (asked, started) = {
            let mut kept = self.kept();
            (
                std::mem::take(&mut kept.asked),
                std::mem::take(&mut kept.started),
            )
        };
        for call in asked.iter().filter(|call| !call.status().is_end()) {
            self.hub.tickets.cancel(call);
        }
        let stops: Vec<_> = started
            .into_iter()
            .map(|name| {
                let supervisor = Arc::clone(&self.hub.supervisor);
                tokio::spawn(async move { supervisor.stop(&name, true).await })
            })
            .collect();
        for stop in stops {
            stop.await.ok();
        }
    }

    fn files(&self) -> FileAccess<'_> {
        FileAccess {
            home: &self.hub.home,
            roots: &self.hub.config.files.roots,
            catalog: &self.hub.catalog,
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Opened for HubContext {
    fn context(self: Arc<Self>) -> Context {
        self
    }

    fn output(&self) -> Output {
        let mut kept = self.kept();
        let mut output = std::mem::take(&mut kept.output);
        if kept.logs_left_out > 0 {
            output.logs.push(LogRecord {
                level: "warning".to_owned(),
                source: self.call.command.clone(),
                text: format!("{} further lines were left out.", kept.logs_left_out),
            });
        }
        output
    }

    fn leave_nothing(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.end_what_is_left())
    }
}
