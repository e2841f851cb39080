//! What lies in the home folder: `config.toml`, tokens, notes of recovery copies, run files.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        hub::fuzzing::config(text);
    }
    hub::fuzzing::home_files(data);
});
