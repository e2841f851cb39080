//! The command line as its users meet it: the real binary, a home folder of its own, and a small hub made
//! of a listener and canned answers where a hub is needed. One binary, so that it links once.

mod batches;
mod calls;
mod doctor;
mod environment;
mod fake_hub;
mod hub;
mod instances;
mod jobs;
mod looks;
mod mcp;
mod mcp_install;
mod no_hub;
mod recovering;
mod undoing;
mod walk;
mod watch;
mod with_hub;
mod words;
mod workflows;
