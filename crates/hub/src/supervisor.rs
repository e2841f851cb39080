//! Processes that this hub started: launched, watched, started again when they die, stopped.
//!
//! In comes a launch request; out comes a connected instance, or a problem with the end of its log.
//! Every launched process has a file in `run/instances/`, so that a hub that was killed knows its own
//! again when they dial. Only these are ever killed; a program with a window is not restarted.
//!
//! ```text
//! launched ─ handshake ─> lives ─ dies ─> waits (back-off) ─> launched
//!     └─ exits or too late ─> failed        └─ too often ─> failed
//! ```

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use wire::{Code, InstanceName, InstanceState, InstanceView, Problem};

use crate::corridor::HUB;
use crate::home::random_hex;
use crate::instance::Instance;
use crate::launch::LaunchRequest;
use crate::limits;

mod bounds;
mod confined;
mod launching;
mod own;
mod run_file;
mod stop;
mod watch;

use launching::{start_failed, stopped_meanwhile};
pub(crate) use own::{Means, Supervisor};
#[cfg(fuzzing)]
pub(crate) use run_file::fuzzing_run_file;
pub use run_file::port_of_earlier;
pub use stop::Stopped;
use watch::Process;

/// Where a start leads to.
enum Place {
    /// It runs already, or is just being started.
    Taken(Arc<Instance>),
    /// A place of its own, and the mark that it is ours.
    New(Arc<Instance>, CancellationToken),
}

impl Supervisor {
    /// Starts a copy and waits for its handshake. A name that runs already is answered as it is.
    pub(crate) async fn start(
        self: &Arc<Self>,
        request: LaunchRequest,
    ) -> Result<(InstanceView, bool), Problem> {
        let app = self.app_of(&request)?;
        bounds::check(&request, &self.config)?;
        check_labels(&request.labels)?;
        let launch_id = random_hex(16)?;
        let (instance, ours) = match self.place(&request, &launch_id)? {
            Place::Taken(instance) => {
                let view = self.when_connected(&instance, &request).await?;
                return Ok((view, false));
            }
            Place::New(instance, ours) => (instance, ours),
        };
        let child = self
            .launch(app, &instance, &request, &launch_id, &ours)
            .await;
        let child = match child {
            Ok(child) => child,
            Err(problem) => {
                self.disown(&instance, &ours);
                self.roster.forget(&instance);
                return Err(problem);
            }
        };
        tokio::spawn(watch::watch(
            Arc::clone(self),
            Arc::clone(&instance),
            Process::Child(child),
            ours,
        ));
        match self.when_connected(&instance, &request).await {
            Ok(view) => Ok((view, true)),
            Err(problem) => {
                self.end(&instance, true).await;
                self.roster.forget(&instance);
                Err(problem)
            }
        }
    }

    /// The instance that runs under the wanted name already, or a new one's place. One start after the
    /// other: two that want the same name at once must meet at one instance.
    fn place(&self, request: &LaunchRequest, launch_id: &str) -> Result<Place, Problem> {
        let _one_at_a_time = self
            .starts
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(name) = &request.name {
            check_name(name)?;
            if let Some(instance) = self.roster.find(name) {
                let usable = !matches!(
                    instance.view().state,
                    InstanceState::Disconnected | InstanceState::Failed
                );
                if usable && instance.app != request.app {
                    return Err(Problem::new(
                        Code::NAME_TAKEN,
                        format!(
                            "`{name}` is already the name of a running {}.",
                            instance.app
                        ),
                    )
                    .hint("Choose another name."));
                }
                if usable {
                    return Ok(Place::Taken(instance));
                }
                self.roster.forget(&instance);
                self.let_go(&instance);
            }
        }
        let instance = self
            .roster
            .reserve(request.name.as_ref(), launch_id, request)?;
        instance.set_labels(&request.labels);
        let ours = self.own(&instance, request.clone(), None);
        Ok(Place::New(instance, ours))
    }

    /// Another one takes the name of this one, which is just leaving: whoever sees it off must not take that one away.
    fn let_go(&self, instance: &Instance) {
        if let Some(before) = instance.owned().take() {
            before.ours.cancel();
            self.forget_walls(before.walls);
        }
    }

    /// Waits for the handshake of an instance that was launched.
    async fn when_connected(
        &self,
        instance: &Instance,
        request: &LaunchRequest,
    ) -> Result<InstanceView, Problem> {
        let waiter = instance
            .owned()
            .as_ref()
            .map(|owned| owned.connects.subscribe());
        if instance.lane.is_up() {
            return Ok(instance.view());
        }
        let Some(mut waiter) = waiter else {
            return Err(stopped_meanwhile(&instance.name));
        };
        let came = tokio::time::timeout(limits::START_TIMEOUT, waiter.changed()).await;
        match came {
            Ok(Ok(())) => Ok(instance.view()),
            // The sender is dropped when the process ended before it connected.
            Ok(Err(_)) => Err(start_failed(
                &self.log_file(&instance.name),
                &instance.name,
                request,
                "ended before it connected",
            )),
            Err(_) => Err(start_failed(
                &self.log_file(&instance.name),
                &instance.name,
                request,
                &format!(
                    "did not connect within {} s",
                    limits::START_TIMEOUT.as_secs()
                ),
            )),
        }
    }
}

fn check_name(name: &InstanceName) -> Result<(), Problem> {
    if wire::id::is_plain_name(name.as_str()) && name.as_str() != HUB {
        return Ok(());
    }
    Err(Problem::new(
        Code::ARGUMENTS_INVALID,
        format!("`{name}` is not a valid instance name."),
    )
    .hint("Use up to 64 letters, digits, `-`, `_` and `.`, starting with a letter or digit. `hub` is taken: it means the hub itself."))
}

fn check_labels(labels: &[String]) -> Result<(), Problem> {
    let fits = |label: &String| wire::id::is_plain_name(label);
    if labels.len() <= limits::INSTANCE_LABELS_MAX && labels.iter().all(fits) {
        return Ok(());
    }
    Err(Problem::new(
        Code::ARGUMENTS_INVALID,
        format!(
            "An instance can have up to {} labels, each a single word.",
            limits::INSTANCE_LABELS_MAX
        ),
    )
    .hint("Use up to 64 letters, digits, `-`, `_` and `.`, starting with a letter or digit."))
}
