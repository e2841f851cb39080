use clap::Args;
use terminal::answer::Answered;
use terminal::session::Session;

use crate::watching::{self, Wanted};

/// Watch what happens, live
///
/// One line for each event: calls, their output and how they end, instances that come, go or get stuck, and
/// changes of their state. If the hub goes away, it waits for it and catches up. With `--json` every event is
/// a JSON document on a line of its own. Ctrl-C ends it.
#[derive(Args, Debug)]
pub struct Watch {
    /// Only this app.
    #[arg(long, value_name = "APP")]
    pub app: Option<String>,
    /// Only this instance.
    #[arg(long, short, value_name = "NAME")]
    pub instance: Option<String>,
    /// Which events, separated by commas: calls, instances, state, jobs, `call:ID`.
    #[arg(
        long,
        value_name = "TOPICS",
        value_delimiter = ',',
        default_value = "calls,instances,state"
    )]
    pub topics: Vec<String>,
    /// Stop after this many events.
    #[arg(long, short = 'n', value_name = "COUNT")]
    pub limit: Option<u64>,
}

impl Watch {
    pub(crate) fn run(self, session: &Session) -> Answered {
        let wanted = Wanted {
            app: self.app,
            instance: self.instance,
            topics: self.topics,
            limit: self.limit,
        };
        watching::watch(session, &wanted)
    }
}
