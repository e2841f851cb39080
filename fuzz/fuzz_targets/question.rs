//! Arguments that a person is asked about before a call runs.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(args) = serde_json::from_slice(data) {
        hub::fuzzing::question(&args);
    }
});
