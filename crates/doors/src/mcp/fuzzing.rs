//! Openings for the fuzzer; see [`crate::fuzzing`].

use super::{cut, resources};

/// Addresses of resources, and the cutting of texts.
pub(crate) fn texts(text: &str) {
    let is_ours = resources::is_ours(text);
    assert!(!is_ours || text.starts_with("kapelle://"));
    for bytes_max in [0, 1, 7, 100] {
        assert!(cut::end(text, bytes_max).len() <= bytes_max);
        let middle = cut::middle(text, bytes_max);
        assert!(middle.len() <= text.len().max(bytes_max + 60));
    }
}
