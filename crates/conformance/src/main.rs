//! `kapelle-conformance serve`: the hub of `kapelle serve`, with the tools, resources and prompts of the official MCP
//! conformance suite on `/mcp`. Tests run it; it is never shipped.

mod fixtures;

use std::process::ExitCode;
use std::sync::Arc;

fn main() -> Result<ExitCode, String> {
    Ok(cli::main_with(Arc::new(fixtures::Fixtures::new()?)))
}
