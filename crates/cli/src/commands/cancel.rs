use clap::Args;
use client::typed;
use terminal::answer::{Answered, Shown};
use terminal::session::Session;
use terminal::{ids, outcome};
use wire::call::CallView;

/// Cancel a call
///
/// A waiting call ends at once; a running one is interrupted. Code that cannot be interrupted carries on
/// until it returns; until then the instance is shown as wedged.
#[derive(Args, Debug)]
pub struct Cancel {
    /// The call, by its id or the beginning of it.
    #[arg(value_name = "CALL_ID")]
    pub call: String,
}

impl Cancel {
    pub(crate) fn run(self, session: &Session) -> Answered {
        let document = session.hub()?.cancel(&self.call.as_str().into())?;
        let call: CallView = typed(&document)?;
        if !call.status.is_end() {
            session.ui.warn(
                "it was told to stop but is still running; `kapelle status` shows whether it is wedged",
            );
        }
        Ok(Shown::boxed(document, move |out| {
            writeln!(
                out,
                "{}: {}",
                ids::short(call.call_id.as_str()),
                outcome::status_words(&call)
            )
        }))
    }
}
