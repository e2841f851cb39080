//! The files of the bridges and the descriptions of commands, as `build.rs` found them in the folders.

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
