//! What a verb of the command line stands on, whoever brings it: `cli` or an app.
//!
//! In come a [`session::Session`] and words that clap has read; out goes an [`answer::Answer`]: data on stdout,
//! everything else on stderr, and an exit code from the table in `wire::problem`. No verb is here, and no app.
//!
//! | module | what it is |
//! |---|---|
//! | [`options`] | the options of every verb |
//! | [`session`], [`launch`] | which hub is asked, and how one is started |
//! | [`screen`] | the one way to the terminal: nothing foreign steers it |
//! | [`answer`], [`ui`], [`table`], [`pretty`] | how answers look, for people and as JSON |
//! | [`app`], [`finding`] | what an app brings: verbs and checks |
//! | [`ago`], [`amount`], [`ids`] | times, sizes and ids as people read and type them |
//! | [`calling`], [`job_options`], [`live`], [`interrupt`], [`outcome`] | a call from its asking to its end, Ctrl-C included |

pub mod ago;
pub mod amount;
pub mod answer;
pub mod app;
pub mod calling;
pub mod finding;
pub mod ids;
pub mod interrupt;
pub mod job_options;
pub mod launch;
pub mod live;
pub mod options;
pub mod outcome;
pub mod pretty;
pub mod screen;
pub mod session;
pub mod table;
pub mod ui;
