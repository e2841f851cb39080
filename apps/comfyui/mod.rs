//! ComfyUI: workflows read, converted and checked on the hub's side.
//!
//! Its commands come from `commands/*.toml` and are all run by the hub, so that they can be called while no ComfyUI is
//! connected. It starts no ComfyUI and does not talk to one yet; what a command has to know of a server comes as an
//! argument.
//!
//! | module | what it is |
//! |---|---|
//! | [`ask`] | the calls: what is given, what is answered |
//! | [`workflow`], [`graph`] | the two forms of a workflow: the editor's, and the one that the server runs |
//! | [`schema`] | what the nodes of a server take and give |
//! | [`convert`] | the editor's form into the server's |
//! | [`check`] | what is wrong with a graph, before a server is asked |
//! | [`notes`], [`bounds`] | how it is said, and how much there may be |

use std::sync::LazyLock;

use hub::app::App;
use hub::command_context::{Conducting, Context};
use hub::home::Home;
use hub::launch::{Launch, LaunchRequest};
use terminal::app::CommandLine;
use wire::{AppId, Code, CommandSpec, Problem};

use crate::descriptions;
use crate::embedded::COMFYUI_COMMANDS;
use crate::manifest::Manifest;

mod ask;
mod bounds;
mod check;
mod convert;
#[cfg(fuzzing)]
pub mod fuzzing;
mod graph;
mod notes;
mod schema;
mod workflow;

/// What this folder's `app.toml` says of the app.
static MANIFEST: LazyLock<Manifest> = LazyLock::new(|| Manifest::read(include_str!("app.toml")));

/// The app.
#[derive(Debug)]
pub struct ComfyUi;

impl App for ComfyUi {
    fn id(&self) -> AppId {
        AppId::new(&MANIFEST.id)
    }

    fn title(&self) -> &str {
        &MANIFEST.title
    }

    fn commands(&self) -> Vec<CommandSpec> {
        descriptions::read(COMFYUI_COMMANDS)
    }

    fn starts(&self) -> bool {
        false
    }

    fn launch(&self, _home: &Home, _request: &LaunchRequest) -> Result<Launch, Problem> {
        Err(
            Problem::new(Code::NOT_SUPPORTED, "Kapelle does not start ComfyUI.")
                .hint("Its commands for workflows need no running ComfyUI; call them as they are."),
        )
    }

    fn conduct(&self, context: Context) -> Conducting {
        ask::conduct(context)
    }
}

impl CommandLine for ComfyUi {
    fn id(&self) -> &str {
        &MANIFEST.id
    }

    fn title(&self) -> &str {
        &MANIFEST.title
    }
}

#[cfg(test)]
mod tests;
