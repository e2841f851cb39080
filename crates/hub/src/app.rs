//! What the hub wants of an app: its commands, and how a copy of it is started.
//!
//! The apps themselves live in `apps/`; the hub never names one.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value};
use wire::{AppId, Code, CommandSpec, InstanceName, InstanceView, Problem};

use crate::command_context::{Conducted, Conducting, Context};
use crate::home::Home;
use crate::launch::{Launch, LaunchRequest};

/// A kind of program that can be conducted.
pub trait App: Send + Sync {
    fn id(&self) -> AppId;
    /// The name that people use, for example `Toy`.
    fn title(&self) -> &str;
    fn commands(&self) -> Vec<CommandSpec>;
    /// The version of the bridge that this build brings; one that dials with another is told of.
    fn bridge_version(&self) -> Option<&str> {
        None
    }
    /// The command that brings an installed bridge up to date.
    fn update_hint(&self) -> Option<&str> {
        None
    }
    /// Whether there is a bridge of this app that can be installed in its programs.
    fn installs(&self) -> bool {
        false
    }
    /// Whether the hub can start a copy of it. Commands that the hub runs itself need none.
    fn starts(&self) -> bool {
        true
    }
    /// The programs of this machine that a copy can be started from, best first. May block: it looks at each.
    fn programs(&self, _home: &Home) -> Vec<Program> {
        Vec::new()
    }
    /// Installs the bridge in a program and sees that it reaches the hub. May block for minutes. `look`
    /// tells what the hub knows of an instance of a name.
    ///
    /// # Errors
    /// What the program said, or `start_failed` when the bridge did not reach the hub.
    fn install(
        &self,
        _home: &Home,
        program: &Path,
        _look: &mut dyn FnMut(&InstanceName) -> Option<InstanceView>,
    ) -> Result<InstanceView, Problem> {
        Err(Problem::new(
            Code::NOT_SUPPORTED,
            format!("Nothing can be installed in {}.", program.display()),
        ))
    }
    /// What it can be told at its start that other apps do not understand: a JSON Schema of an object. A member with
    /// `x-scope` is for callers with that scope.
    fn launch_options(&self) -> Value {
        CommandSpec::no_args()
    }
    /// How one copy is started: finds the program, lays out what it needs. May block for disk and for
    /// a look at a program's version; it is called where that is allowed.
    ///
    /// # Errors
    /// `start_failed` when no program is found, `not_supported` when the mode is not.
    fn launch(&self, home: &Home, request: &LaunchRequest) -> Result<Launch, Problem>;

    /// Runs a command whose description says `runs = "hub"`. It ends soon after [`CommandContext::ends`](crate::command_context::CommandContext::ends) is cancelled.
    fn conduct(&self, context: Context) -> Conducting {
        let command = context.command().to_owned();
        Box::pin(async move {
            let problem = Problem::new(
                Code::NOT_SUPPORTED,
                format!("The hub cannot run `{command}` for this app."),
            );
            Conducted::from(Err(problem))
        })
    }
}

/// A program of this machine.
#[derive(Clone, Debug, Serialize)]
pub struct Program {
    pub program: PathBuf,
    /// Nothing when it does not run.
    pub version: Option<String>,
    /// It is a Python that has the app as a module.
    pub module: bool,
    /// The members of a request that start this one: `program`, or one of the app's options.
    pub start: Map<String, Value>,
    /// Whether the app's bridge can be installed in it.
    pub installs: bool,
}
