//! `cargo xtask gen` writes what is generated; a test tells when it is stale.
#![expect(
    clippy::disallowed_macros,
    reason = "it tells who builds which files it wrote"
)]

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words != ["gen"] {
        eprintln!("usage: cargo xtask gen");
        return ExitCode::from(2);
    }
    for (path, text) in xtask::generated() {
        let path = xtask::root().join(path);
        if std::fs::read_to_string(&path).is_ok_and(|old| old == text) {
            continue;
        }
        if let Err(error) = std::fs::write(&path, text) {
            eprintln!("{}: {error}", path.display());
            return ExitCode::FAILURE;
        }
        println!("wrote {}", path.display());
    }
    ExitCode::SUCCESS
}
