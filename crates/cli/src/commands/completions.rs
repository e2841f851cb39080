use clap::{Args, Command};
use clap_complete::Shell;
use serde_json::json;
use terminal::answer::{Answered, Shown};

/// Print shell completions
#[derive(Args, Debug)]
#[command(
    after_help = "For example:\n  kapelle completions bash > ~/.local/share/bash-completion/completions/kapelle"
)]
pub struct Completions {
    /// The shell.
    pub shell: Shell,
}

impl Completions {
    pub(crate) fn run(self, cli: &mut Command) -> Answered {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, cli, "kapelle", &mut script);
        let document =
            json!({ "shell": self.shell.to_string(), "script": String::from_utf8_lossy(&script) });
        Ok(Shown::boxed(document, move |out| out.write_all(&script)))
    }
}
