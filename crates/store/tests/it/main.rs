//! The store as its users see it: through the traits of the hub, and over the end of its process.

mod holds;
mod killed;
mod model;
mod old_files;
mod slow;
