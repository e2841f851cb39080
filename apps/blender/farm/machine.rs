//! What this machine has room for. Only looks; how many workers that makes is [`workers`], a pure rule.

/// Cores that a worker should have: a frame is rendered by all cores, but is prepared and written by one.
const CORES_PER_WORKER: usize = 2;
/// Workers when nobody says: beyond it memory and the disk are what they share.
const WORKERS_MAX: usize = 8;
/// Memory that a worker should find, in MB, when it has no limit of its own: a Blender with a scene of middle size.
const WORKER_MB: u64 = 3_000;

/// The machine, as far as it can be seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Machine {
    pub(super) cores: usize,
    pub(super) free_mb: Option<u64>,
}

impl Machine {
    pub(super) fn look() -> Self {
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            free_mb: free_mb(),
        }
    }

    /// How many workers, when nobody says. A graphics card is one, whatever the number of cores.
    pub(super) fn workers(self, memory_mb: Option<u64>, graphics_card: bool) -> usize {
        if graphics_card {
            return 1;
        }
        let each = memory_mb.unwrap_or(WORKER_MB).max(1);
        let by_memory = self.free_mb.map_or(WORKERS_MAX, |free| {
            usize::try_from(free / each).unwrap_or(WORKERS_MAX)
        });
        // Two on two cores as well: one of them prepares while the other computes.
        let by_cores = (self.cores / CORES_PER_WORKER).max(self.cores.min(2));
        by_cores.min(by_memory).clamp(1, WORKERS_MAX)
    }

    /// The threads of each of so many workers.
    pub(super) fn threads(self, workers: usize) -> u32 {
        u32::try_from((self.cores / workers.max(1)).max(1)).unwrap_or(1)
    }
}

#[cfg(target_os = "linux")]
fn free_mb() -> Option<u64> {
    use procfs::Current as _;
    let memory = procfs::Meminfo::current().ok()?;
    Some(memory.mem_available? / 1_000_000)
}

#[cfg(not(target_os = "linux"))]
fn free_mb() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_and_memory_decide() {
        let workers =
            |cores, free_mb, memory_mb| Machine { cores, free_mb }.workers(memory_mb, false);
        assert_eq!(workers(1, None, None), 1);
        assert_eq!(workers(2, None, None), 2);
        assert_eq!(workers(16, Some(100_000), None), 8);
        assert_eq!(workers(16, Some(10_000), None), 3);
        assert_eq!(workers(16, Some(10_000), Some(5_000)), 2);
        assert_eq!(workers(16, Some(100), None), 1);
        let machine = Machine {
            cores: 16,
            free_mb: None,
        };
        assert_eq!(machine.workers(None, true), 1);
        assert_eq!((machine.threads(3), machine.threads(64)), (5, 1));
        assert!(Machine::look().cores >= 1);
    }
}
