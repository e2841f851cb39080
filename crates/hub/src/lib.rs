//! The spine of Kapelle. One call walks through it like this:
//!
//! door → desk → [`catalog`] → [`policy`] → tickets → lane → link → bridge … and back through link → lane,
//! which settles it once and tells [`journal`] and [`feed`].
//!
//! It knows no HTTP, no MCP and no app by name: doors come in through [`Hub`], apps stand behind
//! [`app::App`] and [`driver::Driver`]. Read `desk.rs` first, then `tickets.rs` and `lane.rs`.

pub mod app;
mod aside;
mod attempts;
pub mod batch;
pub mod blobs;
pub mod call;
pub mod callers;
pub mod catalog;
mod choosing;
pub mod clock;
pub mod command_context;
mod conduct;
pub mod config;
pub mod confine;
mod corridor;
pub mod descriptors;
mod desk;
mod disk_space;
pub mod driver;
pub mod feed;
mod file_access;
pub mod find;
#[cfg(fuzzing)]
pub mod fuzzing;
pub(crate) mod history;
pub mod home;
mod hub;
mod id_prefix;
mod instance;
pub mod jobs;
pub mod journal;
mod json_size;
mod lane;
pub mod launch;
mod launch_options;
pub mod limits;
mod link;
mod looks;
mod pictures;
pub mod policy;
mod process;
mod question;
mod recent;
mod records;
pub mod recovery;
mod roster;
mod seal;
pub mod secrets;
mod sessions;
pub mod shares;
mod shown;
pub mod store;
pub mod strangers;
mod subject;
mod supervisor;
mod tickets;
mod weigh;
mod words;

pub use aside::{aside, weight};
pub use corridor::HUB;
pub use hub::{Forgotten, Hub, Remembered};
pub use instance::Snapshot;
pub use pictures::Picture;
pub use supervisor::{Stopped, port_of_earlier};
pub use tickets::{Asked, Checked};
