//! Tools for the walk tests: a real hub in the test's process and a bridge that misbehaves on purpose.
//!
//! [`TestHub`] is a [`hub::Hub`] in a temporary home with a real bridge port. [`FakeBridge`] speaks the
//! bridge protocol over real TCP, with the real proof, and does what the test says: reply, delay,
//! raise, drop the link, send garbage, freeze, never answer. [`Socket`] is the bare connection, for
//! what no bridge would send. [`toy`] is an app that can be launched. Nothing here is for production,
//! and nothing here knows a real app.

mod asking;
mod bridge;
mod hub;
mod socket;
mod store;
pub mod store_holds;
pub mod toy;
mod wait;

pub use asking::{job, request};
pub use bridge::{Dial, FakeBridge, Manners, Over, Refused, Reply, outcome, succeeded};
pub use hub::{Ended, TestHub, caller};
pub use socket::{Said, Socket, bridge_proof, hub_proof};
pub use store::MemoryStore;
pub use wait::{CAP, capped, wait_for};
