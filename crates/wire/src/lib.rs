//! The vocabulary of Kapelle: what a command is, what a call asks, how it ends, what goes over a wire.
//!
//! Everything here is data with serde and small pure functions. There is no I/O, no clock, no
//! randomness and no tokio: whoever needs those sits above.
//!
//! | module | words |
//! |---|---|
//! | [`id`] | names and ids as types of their own |
//! | [`command`] | what an app can do, and how it is described (`commands/*.toml`) |
//! | [`batch`] | several calls as one |
//! | [`call`] | a request, and how it looks on its way |
//! | [`outcome`] | what came of it |
//! | [`job`] | a call that is stored before it runs |
//! | [`problem`] | errors for the person who reads them, and the one table of their codes |
//! | [`hint`] | the next thing to do, in the language of each door |
//! | [`event`] | what the feed tells, about which topics, and where in it one stands |
//! | [`instance`] | a running copy of an app, as the hub sees it |
//! | [`job`] | how far a durable call is, and how safely it is stored |
//! | [`frame`] | bytes of the bridge protocol, sans I/O |
//! | [`link`] | messages of the bridge protocol |

pub mod batch;
pub mod call;
pub mod command;
pub mod event;
pub mod frame;
pub mod hint;
pub mod id;
pub mod instance;
pub mod job;
pub mod link;
pub mod outcome;
pub mod problem;

pub use batch::{BatchRequest, BatchView};
pub use call::{CallRequest, CallView};
pub use command::{CommandSpec, Effect, Repeatable, Runs};
pub use event::{Event, Position, Resync, Told, Topic};
pub use hint::{Door, Hint, Opt, Step};
pub use id::{AppId, CallId, CallerId, CallerName, InstanceName};
pub use instance::{InstanceLimits, InstanceState, InstanceView, Mode};
pub use job::{Durability, JobChange, JobPage, JobStatus, JobView};
pub use outcome::{Changes, Item, LogRecord, Memory, Outcome, Output, Progress, Status};
pub use problem::{Code, Problem, Severity};
