//! The hub's HTTP for programs in Rust: where the hub is, how it is asked, and a call from its asking to its end.
//!
//! In go paths and documents of the API; out come documents, or types of `wire`, and the problem that the hub sent.
//! Nothing here speaks to a person or decides what a caller may do.
//!
//! | module | what it is |
//! |---|---|
//! | `http` | one request and its answer, or a stream of events |
//! | [`sse`] | that stream, read |
//! | [`follow`] | a call to its end, as it happens |
//! | [`home`], [`run_file`] | the home folder, and what a running hub leaves in it |
//! | [`problems`] | the problems that a client has by itself |

pub mod follow;
pub mod home;
mod http;
pub mod problems;
pub mod run_file;
pub mod sse;

pub use http::{Client, Health, INSTANCE_TIMEOUT, segment, typed};
