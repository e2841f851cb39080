//! How many files and connections this process may have open.
//!
//! Many systems give a program 1,024 descriptors and let it ask for more; a hub with a thousand subscribers needs more.

/// Asks the system for as many descriptors as the hub's bounds can need, or as many as it may have. What was there
/// already stays.
pub fn raise() {
    #[cfg(unix)]
    {
        use crate::limits;
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
