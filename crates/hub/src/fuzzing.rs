//! Openings for the fuzzer (`fuzz/`): decoders of this crate that are not public, with what must hold of them.
//! Compiled with `--cfg fuzzing` only. A broken promise is a panic.

use std::path::Path;

use serde_json::{Map, Value};
use wire::AppId;
use wire::link::KnownCall;

use crate::config::Config;
use crate::confine::Plan;
use crate::{callers, question, recovery, seal, sessions, supervisor};

/// `config.toml`: taken, or refused with a sentence that names the file.
pub fn config(text: &str) {
    match Config::of_text(Path::new("/home/config.toml"), text) {
        Ok(config) => assert!(config.files.roots.iter().all(|root| root.is_absolute())),
        Err(problem) => assert!(problem.message.contains("/home/config.toml")),
    }
}

/// The files that a hub leaves in its home and finds again, torn by a full disk or written by a stranger.
pub fn home_files(bytes: &[u8]) {
    callers::fuzzing_kept(bytes);
    recovery::fuzzing_note(bytes);
    supervisor::fuzzing_run_file(bytes);
    sessions::fuzzing_kept(bytes);
    // What the launcher of a confined process reads from its stdin.
    if let Ok(plan) = serde_json::from_slice::<Plan>(bytes) {
        let text = serde_json::to_vec(&plan).expect("a plan is JSON");
        let again = serde_json::from_slice::<Plan>(&text).expect("and can be read again");
        assert_eq!(plan, again);
    }
}

/// A call that a bridge says it has: no hub has sealed it, whatever it says.
pub fn claim(app: &AppId, known: &KnownCall) {
    seal::fuzzing_claim(app, known);
}

/// Arguments that a person is asked about.
pub fn question(args: &Map<String, Value>) {
    question::fuzzing(args);
}
