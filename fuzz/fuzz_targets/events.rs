//! Server-sent events as the terminal reads them, split anywhere.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    cli::fuzzing::events(data);
});
