//! The addresses of resources.

use wire::InstanceName;

pub(crate) const STATUS: &str = "kapelle://status";

pub(crate) fn call_uri(call: &str) -> String {
    format!("kapelle://calls/{call}")
}

pub(crate) fn blob_uri(blob: &str) -> String {
    format!("kapelle://blobs/{blob}")
}

pub(crate) fn state_uri(instance: &InstanceName) -> String {
    format!("kapelle://instances/{instance}/state")
}
