//! The spine of Kapelle. One call walks through it like this:
//!
//! door → [`desk`] → [`catalog`] → [`policy`] → lane → link → bridge … and back through link → lane,
//! which settles it once and tells [`journal`] and [`feed`].
//!
//! It knows no HTTP, no MCP and no app by name: doors come in through [`Hub`], apps stand behind
//! [`app::App`] and [`driver::Driver`]. Read `desk.rs` first, then `lane.rs`.

pub mod app;
mod aside;
pub mod batch;
pub mod blobs;
pub mod call;
pub mod callers;
pub mod catalog;
pub mod conduct;
pub mod config;
pub mod confine;
pub mod descriptors;
pub mod desk;
pub mod driver;
pub mod feed;
pub mod find;
#[cfg(fuzzing)]
pub mod fuzzing;
pub(crate) mod history;
pub mod home;
mod hub;
pub mod jobs;
pub mod journal;
mod lane;
pub mod limits;
mod link;
mod past;
mod pictures;
mod places;
pub mod policy;
mod prefix;
mod question;
mod recent;
pub mod recovery;
mod room;
mod roster;
mod seal;
pub mod secrets;
mod sessions;
pub mod shares;
mod snapshot;
pub mod store;
pub mod strangers;
mod subject;
mod supervisor;
mod weigh;
mod words;

pub use aside::{aside, weight};
pub use desk::Asked;
pub use hub::Hub;
pub use past::{Forgotten, Remembered};
pub use pictures::Picture;
pub use roster::Snapshot;
pub use supervisor::{Stopped, port_of_earlier};
