//! How many files and connections this process may have open.
//!
//! Many systems give a program 1,024 descriptors and let it ask for more; a hub with a thousand subscribers needs more.
//! Where it gets fewer, each bound of connections is smaller in proportion, so that the hub's own files and the links to
//! bridges always have theirs.

use crate::limits;

/// Asks the system for as many descriptors as the hub's bounds can need, or as many as it may have. What was there
/// already stays.
pub fn raise() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let now = getrlimit(Resource::Nofile);
        // `None` is no limit at all.
        let Some(current) = now.current else { return };
        let wanted = now
            .maximum
            .map_or(limits::DESCRIPTORS, |most| most.min(limits::DESCRIPTORS));
        if current >= wanted {
            return;
        }
        let raised = Rlimit {
            current: Some(wanted),
            maximum: now.maximum,
        };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%error, current, wanted, "few connections can be open at once");
        }
    }
}

/// As many of `places` as this process has descriptors for.
#[must_use]
pub fn share_of(places: usize) -> usize {
    let there_are = available().min(limits::DESCRIPTORS);
    let share = places as u64 * there_are / limits::DESCRIPTORS;
    usize::try_from(share).unwrap_or(places).max(1)
}

#[cfg(unix)]
fn available() -> u64 {
    use rustix::process::{Resource, getrlimit};
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

#[cfg(not(unix))]
fn available() -> u64 {
    u64::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_connections_leave_room_for_files() {
        // CONNECTIONS_MAX and STRANGERS_MAX of the doors, bridges with theirs: half of all.
        assert!(share_of(8_192) as u64 <= limits::DESCRIPTORS);
        assert_eq!(share_of(0), 1);
    }
}
