//! The shelf of apps. One app is one folder: its commands, its bridge, how it is started, its tests.
//! Apps do not know each other, and the hub does not know them by name.

use std::sync::Arc;

use hub::app::App;

pub mod blender;
mod bridge_files;
pub mod running;
mod embedded {
    include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
}

/// Every app of this build.
#[must_use]
pub fn all() -> Vec<Arc<dyn App>> {
    vec![Arc::new(blender::Blender)]
}
