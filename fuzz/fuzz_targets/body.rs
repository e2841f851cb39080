//! Bodies of requests, before and while they are read.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| doors::fuzzing::body(data));
