use clap::Args;

use crate::answer::Answered;
use crate::session::Session;
use crate::watching;

/// Show what happens, as it happens
///
/// Who calls what where and how it ends, what is printed, instances that come, go or get stuck, and how
/// their states change; one line for each. It waits for a hub that goes away, and tells then what it
/// missed. With `--json` every event is a JSON document on a line of its own. Ctrl-C ends it.
#[derive(Args, Debug)]
pub struct Watch {
    /// Only of this app.
    #[arg(long, value_name = "APP")]
    pub app: Option<String>,
    /// Only on this instance.
    #[arg(long, short, value_name = "NAME")]
    pub instance: Option<String>,
    /// Which events, with commas between: calls, instances, state, jobs, `call:ID`.
    #[arg(
        long,
        value_name = "TOPICS",
        value_delimiter = ',',
        default_value = "calls,instances,state"
    )]
    pub topics: Vec<String>,
    /// End after so many events.
    #[arg(long, short = 'n', value_name = "COUNT")]
    pub limit: Option<u64>,
}

impl Watch {
    pub(crate) fn run(self, session: &Session) -> Answered {
        watching::watch(session, &self)
    }
}
