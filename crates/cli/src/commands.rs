//! One file per verb: its words, with their help, and what it does.

use std::sync::Arc;

use clap::Subcommand;
use doors::mcp::Addition;
use terminal::answer::Answered;
use terminal::session::Session;

use crate::built_in;

pub(crate) mod apps;
pub(crate) mod batch;
pub(crate) mod blob;
pub(crate) mod cancel;
pub(crate) mod code;
#[expect(clippy::module_inception, reason = "a verb of that name")]
pub(crate) mod commands;
pub(crate) mod completions;
pub(crate) mod confined;
pub(crate) mod dashboard;
pub(crate) mod describe;
pub(crate) mod doctor;
pub(crate) mod find;
pub(crate) mod history;
pub(crate) mod jobs;
pub(crate) mod mcp;
pub(crate) mod recover;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod start;
pub(crate) mod state;
pub(crate) mod status;
pub(crate) mod stop;
pub(crate) mod token;
pub(crate) mod undo;
pub(crate) mod watch;
mod welcome;

/// What can be done; each has its file in `commands/`.
#[derive(Subcommand, Debug)]
pub enum Verb {
    Serve(serve::Serve),
    Start(start::Start),
    Stop(stop::Stop),
    Code(code::Code),
    Run(run::Run),
    Batch(batch::Batch),
    #[command(flatten)]
    OfApp(built_in::Verb),
    Status(status::Status),
    Apps(apps::Apps),
    Commands(commands::Commands),
    Find(find::Find),
    Describe(describe::Describe),
    State(state::State),
    History(history::History),
    Undo(undo::Undo),
    Redo(undo::Redo),
    Revert(undo::Revert),
    Watch(watch::Watch),
    Jobs(jobs::Jobs),
    Cancel(cancel::Cancel),
    Recover(recover::Recover),
    Dashboard(dashboard::Dashboard),
    Token(token::Token),
    Blob(blob::Blob),
    Mcp(mcp::Mcp),
    Doctor(doctor::Doctor),
    Completions(completions::Completions),
    #[command(hide = true)]
    Confined(confined::Confined),
}

/// Does what the words say; without a verb `status`, or a welcome where no hub is running.
pub(crate) fn run(
    session: &Session,
    verb: Option<Verb>,
    cli: &mut clap::Command,
    addition: Option<Arc<dyn Addition>>,
) -> Answered {
    match verb {
        None if session.try_find()?.is_none() => Ok(welcome::show(session)),
        None => status::Status {}.run(session),
        Some(Verb::Serve(words)) => words.run(session, addition),
        Some(Verb::Start(words)) => words.run(session),
        Some(Verb::Stop(words)) => words.run(session),
        Some(Verb::Code(words)) => words.run(session),
        Some(Verb::Run(words)) => words.run(session, cli),
        Some(Verb::Batch(words)) => words.run(session),
        Some(Verb::OfApp(words)) => words.run(session),
        Some(Verb::Status(words)) => words.run(session),
        Some(Verb::Apps(words)) => words.run(session),
        Some(Verb::Commands(words)) => words.run(session),
        Some(Verb::Find(words)) => words.run(session),
        Some(Verb::Describe(words)) => words.run(session),
        Some(Verb::State(words)) => words.run(session),
        Some(Verb::History(words)) => words.run(session),
        Some(Verb::Undo(words)) => words.run(session),
        Some(Verb::Redo(words)) => words.run(session),
        Some(Verb::Revert(words)) => words.run(session),
        Some(Verb::Blob(words)) => words.run(session),
        Some(Verb::Watch(words)) => words.run(session),
        Some(Verb::Jobs(words)) => words.run(session),
        Some(Verb::Cancel(words)) => words.run(session),
        Some(Verb::Recover(words)) => words.run(session),
        Some(Verb::Token(words)) => words.run(session),
        Some(Verb::Dashboard(words)) => words.run(session),
        Some(Verb::Mcp(words)) => words.run(session),
        Some(Verb::Doctor(words)) => words.run(session),
        Some(Verb::Completions(words)) => words.run(cli),
        Some(Verb::Confined(words)) => words.run(),
    }
}
