//! What this folder's `app.toml` says of the app.

use std::sync::LazyLock;

use crate::manifest::Manifest;

pub(super) static MANIFEST: LazyLock<Manifest> =
    LazyLock::new(|| Manifest::read(include_str!("app.toml")));

/// The name of the Python package that the bridge is at run time.
pub(super) fn package() -> &'static str {
    MANIFEST
        .bridge
        .as_ref()
        .map_or("", |bridge| &bridge.package)
}
