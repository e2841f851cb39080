//! What went wrong, for the person who runs the bench.

/// A sentence.
pub(crate) type Fault = Box<dyn std::error::Error + Send + Sync>;
