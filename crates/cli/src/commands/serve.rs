use std::sync::Arc;

use clap::Args;
use doors::mcp::Addition;
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
}

impl Serve {
    pub(crate) fn run(self, session: &Session, addition: Option<Arc<dyn Addition>>) -> Answered {
        let wanted = Wanted {
            listen: self.listen,
            any_port: self.any_port,
            addition,
        };
        serve::run(session, &wanted)?;
        Ok(Box::new(Spoken))
    }
}
