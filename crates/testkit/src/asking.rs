//! The toy app's name and version, and what is asked of it.

use serde_json::Value;
use wire::{CallRequest, Durability};

/// The app's id.
pub const APP: &str = "toy";

/// The version of the bridge that belongs to this app.
pub const BRIDGE_VERSION: &str = "0.1.0";

/// A request for a toy command on the only instance.
///
/// # Panics
/// When `args` is no object.
#[must_use]
pub fn request(command: &str, args: Value) -> CallRequest {
    let Value::Object(args) = args else {
        panic!("arguments are an object")
    };
    CallRequest::new(APP.into(), command, args)
}

/// The same as a job.
///
/// # Panics
/// When `args` is no object.
#[must_use]
pub fn job(command: &str, args: Value) -> CallRequest {
    CallRequest {
        durable: Some(Durability::Fsync),
        ..request(command, args)
    }
}
