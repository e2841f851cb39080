//! Messages of a bridge: any JSON is a message or an error, and a message survives its own encoding. What it claims to have
//! been given has been sealed by a hub, or it is not believed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::link::{Announcement, FromBridge, FromHub};

fuzz_target!(|data: &[u8]| {
    if let Ok(message) = serde_json::from_slice::<FromBridge>(data) {
        let text = serde_json::to_vec(&message).expect("a message is JSON");
        serde_json::from_slice::<FromBridge>(&text).expect("and can be read again");
    }
    if let Ok(message) = serde_json::from_slice::<FromHub>(data) {
        let text = serde_json::to_vec(&message).expect("a message is JSON");
        serde_json::from_slice::<FromHub>(&text).expect("and can be read again");
    }
    if let Ok(said) = serde_json::from_slice::<Announcement>(data) {
        for known in said.calls.iter() {
            hub::fuzzing::claim(&said.app, known);
        }
    }
});
