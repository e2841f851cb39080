//! Instances as doors see them: what is known of them, their pictures, their start and their end.

use std::sync::Arc;

use wire::Step;
use wire::{Code, InstanceName, InstanceView, Problem};

use super::Hub;
use crate::call::Call;
use crate::callers::{Caller, Scope};
use crate::instance::Snapshot;
use crate::launch::LaunchRequest;
use crate::launch_options;
use crate::pictures::{self, Picture};
use crate::policy::{self, Seen};
use crate::recovery;
use crate::supervisor::Stopped;

impl Hub {
    #[must_use]
    pub fn instances(&self) -> Vec<InstanceView> {
        self.0
            .roster
            .all()
            .iter()
            .map(|instance| instance.view())
            .collect()
    }

    /// As that caller may see them.
    #[must_use]
    pub fn instances_for(&self, caller: &Caller) -> Vec<InstanceView> {
        let all = self.instances().into_iter();
        all.map(|view| seen_by(caller, view)).collect()
    }

    /// # Errors
    /// `instance_unknown`.
    pub fn instance_for(
        &self,
        caller: &Caller,
        name: &InstanceName,
    ) -> Result<InstanceView, Problem> {
        Ok(seen_by(caller, self.instance(name)?))
    }

    /// # Errors
    /// `instance_unknown`.
    pub fn instance(&self, name: &InstanceName) -> Result<InstanceView, Problem> {
        Ok(self.0.roster.named(name)?.view())
    }

    /// What the app last said of itself. Never asks the app.
    ///
    /// # Errors
    /// `instance_unknown`, or `not_found` when it has not said anything yet.
    pub fn instance_state(&self, name: &InstanceName) -> Result<Snapshot, Problem> {
        self.0.roster.named(name)?.snapshot().ok_or_else(|| {
            Problem::new(
                Code::INSTANCE_NOT_CONNECTED,
                format!("`{name}` has not reported its state yet."),
            )
            .hint(wire::hint![
                "Try again once it is connected: ",
                Step::Status
            ])
        })
    }

    /// The picture file that a call of the hub's own side, such as a render farm, made last.
    ///
    /// # Errors
    /// `not_supported` when it tells of none.
    pub fn picture_of_call(&self, call: &Call) -> Result<std::path::PathBuf, Problem> {
        pictures::made_by(&self.0.catalog, call)
    }

    /// A picture of what an instance shows, for somebody who looks at it now; see [`pictures`].
    ///
    /// # Errors
    /// `forbidden` without `read`, `instance_unknown`, `not_supported` when the app gives no pictures.
    pub async fn picture(
        &self,
        caller: &Caller,
        name: &InstanceName,
    ) -> Result<Option<Picture>, Problem> {
        policy::may_see(caller, Seen::State)?;
        pictures::look(&self.0.pictures, &self.0.tickets, caller, name).await
    }

    /// Puts options of the app that stand beside the other members of a request to start it where they belong.
    pub fn gather_options(&self, given: &mut serde_json::Map<String, serde_json::Value>) {
        launch_options::gather(&self.0.catalog, given);
    }

    /// Starts a copy of an app and waits for its bridge. `true` when it was not there before.
    ///
    /// # Errors
    /// `forbidden` (a program by path needs `admin`, anything else `write`), `start_failed` …
    pub async fn start_instance(
        &self,
        caller: &Caller,
        mut request: LaunchRequest,
    ) -> Result<(InstanceView, bool), Problem> {
        self.0.tickets.refuse_when_stopping()?;
        // Never a mark of a command that the hub runs: those have no spaces.
        request.reserved_for = request
            .reserved_for
            .filter(|work| wire::id::is_plain_name(work))
            .map(|work| format!("{work} of {}", caller.name));
        policy::require(caller, Scope::Write, || "start a program".to_owned())?;
        let entry = self.0.catalog.app(&request.app)?;
        request.app = entry.id.clone();
        let app = entry.startable()?;
        launch_options::check(app.as_ref(), &mut request)?;
        launch_options::may(caller, app.as_ref(), &request)?;
        if request.program.is_some() {
            policy::require(caller, Scope::Admin, || {
                "start a program by its path".to_owned()
            })?;
        }
        if request.display.is_some() {
            // Who sees the window and types in it can do everything that the program can.
            policy::require(caller, Scope::Admin, || {
                "choose the display of a program".to_owned()
            })?;
        }
        if request.file.is_some() {
            policy::require(caller, Scope::Code, || {
                "start a program with a file".to_owned()
            })?;
        }
        let must_be_confined = request.confined == Some(true);
        self.0.confinement.settle(caller, &mut request)?;
        let supervisor = Arc::clone(&self.0.supervisor);
        // A task of its own: a caller that goes away leaves no half-started program.
        let started = tokio::spawn(async move { supervisor.start(request).await });
        let (view, is_new) = started.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a start panicked");
            Err(Problem::new(
                Code::INTERNAL,
                "The start failed because of a fault in the hub.",
            ))
        })?;
        if must_be_confined && !view.confined {
            return Err(Problem::new(
                Code::NAME_TAKEN,
                format!(
                    "`{}` is already running, and it is not confined.",
                    view.name
                ),
            )
            .hint("Choose another name, or stop it first."));
        }
        Ok((view, is_new))
    }

    /// # Errors
    /// `instance_unknown`, `forbidden`.
    pub async fn stop_instance(
        &self,
        caller: &Caller,
        name: &InstanceName,
        force: bool,
    ) -> Result<Stopped, Problem> {
        policy::require(caller, Scope::Destructive, || "stop a program".to_owned())?;
        self.0.supervisor.stop(name, force).await
    }

    #[must_use]
    pub fn recovery_copies(&self) -> Vec<recovery::Copy> {
        recovery::list(&self.0.home)
    }
}

/// Who may not see what the instances do sees that they are there and whether they are free.
fn seen_by(caller: &Caller, mut view: InstanceView) -> InstanceView {
    if policy::may_see(caller, Seen::Status).is_err() {
        view.file = None;
        view.running = None;
    }
    view
}
