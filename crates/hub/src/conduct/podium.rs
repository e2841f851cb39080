//! What a command that the hub runs has in its hand: its arguments, a way to say how far it is, ordinary calls,
//! and instances of its app that are its own.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;
use wire::{
    AppId, CallId, CallRequest, Code, Event, InstanceName, InstanceView, LogRecord, Output,
    Problem, Progress,
};

use crate::app::LaunchRequest;
use crate::call::Call;
use crate::callers::{Caller, Scope};
use crate::desk::{self, Asked};
use crate::feed::is_small;
use crate::home::Home;
use crate::hub::Inner as Hub;
use crate::limits;
use crate::places;
use crate::policy;
use crate::supervisor::Supervisor;

/// The place of a call that the hub runs itself. Clones stand at the same one.
#[derive(Clone)]
pub struct Podium(Arc<Inner>);

pub struct Inner {
    hub: Arc<Hub>,
    call: Arc<Call>,
    args: Map<String, Value>,
    pub(super) ends: CancellationToken,
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

impl std::ops::Deref for Podium {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Podium {
    pub(super) fn new(
        hub: &Arc<Hub>,
        call: &Arc<Call>,
        args: Map<String, Value>,
        ends: CancellationToken,
    ) -> Self {
        Self(Arc::new(Inner {
            hub: Arc::clone(hub),
            call: Arc::clone(call),
            args,
            ends,
            kept: Mutex::default(),
        }))
    }
}

impl Inner {
    #[must_use]
    pub fn id(&self) -> &CallId {
        self.call.public_id()
    }

    #[must_use]
    pub fn command(&self) -> &str {
        &self.call.command
    }

    /// Checked against the description, with its defaults.
    #[must_use]
    pub fn args(&self) -> &Map<String, Value> {
        &self.args
    }

    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.call.caller
    }

    #[must_use]
    pub fn home(&self) -> &Home {
        &self.hub.home
    }

    /// Cancelled when the work is to end: it then has [`limits::CONDUCT_END_MAX`] to do so.
    #[must_use]
    pub fn ends(&self) -> &CancellationToken {
        &self.ends
    }

    /// Says how far it is; details that are too large are left out.
    pub fn progress(&self, mut progress: Progress) {
        progress.details = progress.details.filter(is_small);
        self.call.set_progress(progress.clone());
        self.hub.feed.tell(|| Event::CallProgress {
            call_id: self.call.public_id().clone(),
            progress,
        });
    }

    /// A line of the outcome's logs, told at once as well.
    pub fn log(&self, level: &str, text: impl Into<String>) {
        let record = LogRecord {
            level: level.to_owned(),
            source: self.call.command.clone(),
            text: text.into(),
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

    /// Asks for an ordinary call, as the caller of this one and with this one as its parent.
    ///
    /// # Errors
    /// What the desk says; `arguments_invalid` for one that is not for exactly one instance.
    pub fn ask(&self, request: CallRequest) -> Result<Arc<Call>, Problem> {
        let caller = self.hub.callers.now(&self.call.caller)?;
        let asked = desk::ask(
            &self.hub,
            &caller,
            request,
            Some(self.call.public_id().clone()),
        )?;
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

    /// Tells a call that was asked from here to end.
    pub fn cancel(&self, call: &Call) {
        self.hub.cancel_call(call);
    }

    /// Starts an instance of this app that is this command's own, and waits until it is connected. `reserved_for`
    /// of the request marks it: it gets no call that does not name it.
    ///
    /// # Errors
    /// `forbidden`, `path_refused`, `name_taken`, `start_failed`.
    pub async fn start(&self, mut request: LaunchRequest) -> Result<InstanceView, Problem> {
        let caller = self.hub.callers.now(&self.call.caller)?;
        policy::require(&caller, Scope::Write, || "start a program".to_owned())?;
        if request.scripts {
            policy::require(&caller, Scope::Code, || {
                "run scripts inside a file".to_owned()
            })?;
        }
        if let Some(file) = &request.file {
            self.may_read(file)?;
        }
        self.hub.confinement.settle(&caller, &mut request)?;
        request.app = self.call.app.clone();
        request
            .reserved_for
            .get_or_insert_with(|| self.call.public_id().to_string());
        let (hub, name) = (Arc::clone(&self.hub), request.name.clone());
        if let Some(name) = &name {
            self.kept().started.push(name.clone());
        }
        // A task of its own: when this one is given up, no half-started program is left.
        let started = tokio::spawn(async move { hub.supervisor.start(&hub, request).await });
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

    /// Ends an instance that was started from here, or by an earlier command under the same mark.
    ///
    /// # Errors
    /// `instance_unknown`, or `forbidden` for one that is somebody else's.
    pub async fn stop(&self, view: &InstanceView, force: bool) -> Result<(), Problem> {
        let mine = self.kept().started.contains(&view.name);
        let found = self.hub.roster.named(&view.name)?;
        if !mine && (found.reserved_for.is_none() || found.reserved_for != view.reserved_for) {
            return Err(Problem::new(
                Code::FORBIDDEN,
                format!("`{}` was not started for this.", view.name),
            ));
        }
        Supervisor::stop(&self.hub, &view.name, force).await?;
        self.kept().started.retain(|one| *one != view.name);
        Ok(())
    }

    /// How an instance is now.
    ///
    /// # Errors
    /// `instance_unknown`.
    pub fn instance(&self, name: &InstanceName) -> Result<InstanceView, Problem> {
        Ok(self.hub.roster.named(name)?.view(&self.hub))
    }

    /// Instances under that mark, of an earlier hub too.
    #[must_use]
    pub fn reserved_for(&self, mark: &str) -> Vec<InstanceView> {
        let app: &AppId = &self.call.app;
        let all = self.hub.roster.of_app(app);
        all.iter()
            .filter(|instance| instance.reserved_for.as_deref() == Some(mark))
            .map(|instance| instance.view(&self.hub))
            .collect()
    }

    /// The real path of a file that the caller may read.
    ///
    /// # Errors
    /// `path_refused`.
    pub fn may_read(&self, path: &std::path::Path) -> Result<PathBuf, Problem> {
        places::may_read(&self.hub, &self.call.caller, path)
    }

    /// The real path of a file or folder that the caller may write.
    ///
    /// # Errors
    /// `path_refused`.
    pub fn may_write(&self, path: &std::path::Path) -> Result<PathBuf, Problem> {
        places::may_write(&self.hub, &self.call.caller, path)
    }

    pub(super) fn output(&self) -> Output {
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

    /// Nothing of it goes on when it has ended.
    pub(super) async fn leave_nothing(&self) {
        let (asked, started) = {
            let mut kept = self.kept();
            (
                std::mem::take(&mut kept.asked),
                std::mem::take(&mut kept.started),
            )
        };
        for call in asked.iter().filter(|call| !call.status().is_end()) {
            self.hub.cancel_call(call);
        }
        let stops: Vec<_> = started
            .into_iter()
            .map(|name| {
                let hub = Arc::clone(&self.hub);
                tokio::spawn(async move { Supervisor::stop(&hub, &name, true).await })
            })
            .collect();
        for stop in stops {
            stop.await.ok();
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
