//! Lines of MCP through `kapelle mcp`, by turns from the client and from the hub.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    cli::fuzzing::pipe_lines(data);
});
