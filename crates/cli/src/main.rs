//! The `kapelle` binary; everything is in the library, so that tests reach it.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// What a call is made of is allocated by the thread that serves it and freed by those that write it down.
#[global_allocator]
static MEMORY: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    kapelle_cli::main()
}
