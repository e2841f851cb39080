use clap::Args;
use wire::call::CallView;

use crate::answer::{Answered, Shown};
use crate::outcome;
use crate::session::{Session, typed};

/// Cancel a call
///
/// One that waits ends at once; one that runs is interrupted. Code that cannot be interrupted goes on
/// until it returns, and the instance shows as wedged meanwhile.
#[derive(Args, Debug)]
pub struct Cancel {
    /// Which call.
    #[arg(value_name = "CALL_ID")]
    pub call: String,
}

impl Cancel {
    pub(crate) fn run(self, session: &Session) -> Answered {
        let document = session.hub()?.cancel(&self.call.as_str().into())?;
        let call: CallView = typed(&document)?;
        if !call.status.is_end() {
            session.ui.warn(
                "it was told to stop and still runs; `kapelle status` shows whether it is wedged",
            );
        }
        Ok(Shown::boxed(document, move |out| {
            writeln!(out, "{}: {}", call.call_id, outcome::status_words(&call))
        }))
    }
}
