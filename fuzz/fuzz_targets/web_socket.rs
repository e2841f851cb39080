//! Frames of a WebSocket from a client, as text and as bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        doors::fuzzing::ws_text(text);
        doors::fuzzing::envelope(text);
    }
    doors::fuzzing::ws_piece(data);
});
