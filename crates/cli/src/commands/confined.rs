use clap::Args;
use terminal::answer::Answered;
use wire::{Code, Problem};

/// Becomes a program that the system keeps to some folders; the plan is on stdin
///
/// Started by the hub and by bridges, see `hub::confine`.
#[derive(Args, Debug)]
pub struct Confined {}

impl Confined {
    /// Comes back only when nothing was started.
    pub(crate) fn run(self) -> Answered {
        let why = hub::confine::enter::enter();
        Err(Box::new(
            Problem::new(
                Code::START_FAILED,
                format!("The program was not started, because it could not be confined: {why}."),
            )
            .hint("See what this system can do: kapelle doctor"),
        ))
    }
}
