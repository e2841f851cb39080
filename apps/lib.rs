//! The shelf of apps. One app is one folder: its commands, its bridge, how it is started, its verbs at the command line,
//! its tests. Apps do not know each other, and neither the hub nor the command line knows them by name.

use std::sync::Arc;

use hub::app::App;
use terminal::app::CommandLine;

pub mod blender;
mod bridge_files;
pub mod comfyui;
mod descriptions;
mod embedded;
mod manifest;
pub mod running;

/// An app with everything that it brings.
trait Whole: App + CommandLine {}

impl<T: App + CommandLine> Whole for T {}

/// Every app of this build.
fn shelf() -> Vec<Arc<dyn Whole>> {
    vec![Arc::new(blender::Blender), Arc::new(comfyui::ComfyUi)]
}

/// The apps, for the hub.
#[must_use]
pub fn all() -> Vec<Arc<dyn App>> {
    let apps = shelf().into_iter();
    apps.map(|app| app as Arc<dyn App>).collect()
}

/// The apps, for the command line.
#[must_use]
pub fn command_lines() -> Vec<Arc<dyn CommandLine>> {
    let apps = shelf().into_iter();
    apps.map(|app| app as Arc<dyn CommandLine>).collect()
}
