//! Ranges of blobs, `Host`, `Last-Event-ID`, addresses of resources; the length of the blob comes first.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, &str)| {
    let (total, text) = input;
    doors::fuzzing::headers(text, u64::from(total));
});
