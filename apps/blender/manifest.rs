//! What this folder's `app.toml` says of the app.

use std::sync::LazyLock;

use crate::manifest::Manifest;

pub(super) static MANIFEST: LazyLock<Manifest> =
    LazyLock::new(|| Manifest::read(include_str!("app.toml")));
