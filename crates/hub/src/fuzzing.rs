//! Openings for the fuzzer (`fuzz/`): decoders of this crate that are not public, with what must hold of them.
//! Compiled with `--cfg fuzzing` only. A broken promise is a panic.

use std::path::Path;

use crate::config::Config;
use crate::{callers, recovery, supervisor};

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
}
