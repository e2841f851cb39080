//! The configuration of MCP clients, which is somebody else's file: JSON with comments, and TOML.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    cli::fuzzing::client_config(text);
});
