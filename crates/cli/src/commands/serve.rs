use clap::Args;
use terminal::answer::{Answered, Spoken};
use terminal::launch::DEFAULT_LISTEN;
use terminal::session::Session;

use crate::serve::{self, Wanted};

/// Run the hub in this terminal
///
/// Prints its address when it is ready, and runs until Ctrl-C, SIGTERM or `kapelle stop --hub`. With
/// `--json` it prints one line: `{"url","pid","token_file"}`. Other verbs start a hub when they need
/// one.
#[derive(Args, Debug)]
pub struct Serve {
    /// The address to listen on; port 0 picks a free one.
    #[arg(long, value_name = "ADDR:PORT", default_value = DEFAULT_LISTEN)]
    pub listen: std::net::SocketAddr,
    /// If the port is taken, pick a free one, as other verbs do when they start a hub.
    #[arg(long)]
    pub any_port: bool,
    /// Add the tools, resources and prompts of the official MCP conformance suite to `/mcp`.
    #[arg(long, hide = true)]
    pub conformance_fixtures: bool,
}

impl Serve {
    pub(crate) fn run(self, session: &Session) -> Answered {
        let wanted = Wanted {
            listen: self.listen,
            any_port: self.any_port,
            conformance_fixtures: self.conformance_fixtures,
        };
        serve::run(session, &wanted)?;
        Ok(Box::new(Spoken))
    }
}
