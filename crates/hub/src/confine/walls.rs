//! The walls of one confined process: what was open to it when it was launched, as far as that may change.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What was open to a confined process when it was launched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Walls {
    pub(crate) launch: String,
    /// `[files] roots` of that time.
    pub(crate) roots: Vec<PathBuf>,
    /// Where it may dial.
    port: u16,
}

impl Walls {
    pub(crate) fn new(launch: &str, roots: &[PathBuf], hub: SocketAddr) -> Self {
        Self {
            launch: launch.to_owned(),
            roots: roots.to_vec(),
            port: hub.port(),
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Whether they allow no more than this, and enough to dial.
    pub(crate) fn fit(&self, roots: &[PathBuf], hub: SocketAddr) -> bool {
        let inside = |root: &PathBuf| roots.iter().any(|allowed| root.starts_with(allowed));
        self.port == hub.port() && self.roots.iter().all(inside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walls_fit_as_long_as_nothing_more_is_open_than_is_allowed() {
        let hub: SocketAddr = "127.0.0.1:4000".parse().unwrap();
        let roots = |all: &[&str]| all.iter().map(PathBuf::from).collect::<Vec<_>>();
        let walls = Walls::new("a", &roots(&["/data/one", "/data/two"]), hub);
        assert!(walls.fit(&roots(&["/data/one", "/data/two"]), hub));
        assert!(walls.fit(&roots(&["/data"]), hub));
        assert!(!walls.fit(&roots(&["/data/one"]), hub));
        assert!(!walls.fit(&roots(&["/data/one", "/data/twofold"]), hub));
        assert!(!walls.fit(&roots(&[]), hub));
        assert!(!walls.fit(&roots(&["/data"]), "127.0.0.1:4001".parse().unwrap()));
    }
}
