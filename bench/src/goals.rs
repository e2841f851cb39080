//! The goals, and which of them this run met. A ratio binds; a figure in milliseconds is true of one machine on one
//! day.

use serde::Serialize;

use crate::rounds::{Found, What};
use crate::scene::{BLENDER, BLENDER_ALONE, ECHO};
use crate::single::{Ready, Watched};

/// A call through the hub may cost this many times the floor, beside the app's own time.
const TIMES_FLOOR: f64 = 2.5;
/// Status and state while a call runs, in milliseconds.
const STATUS_MS: f64 = 5.0;
/// From the start of the process to the line that says ready, in milliseconds.
const READY_MS: f64 = 150.0;
/// Resident memory of an idle hub, in MB.
const IDLE_MB: f64 = 40.0;

/// A figure that has no rows of its own.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
}

/// A goal beside what was measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Goal {
    pub(crate) name: String,
    pub(crate) limit: f64,
    pub(crate) measured: f64,
    pub(crate) unit: &'static str,
    /// Measured divided by the limit, or the limit by a measured rate: met up to 1.
    pub(crate) ratio: f64,
    pub(crate) met: bool,
}

impl Figure {
    pub(crate) fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self {
            name: name.into(),
            value,
            unit,
        }
    }
}

impl Goal {
    /// A cost: met up to the limit.
    pub(crate) fn at_most(
        name: impl Into<String>,
        limit: f64,
        measured: f64,
        unit: &'static str,
    ) -> Self {
        Self {
            name: name.into(),
            limit,
            measured,
            unit,
            ratio: measured / limit,
            met: measured <= limit,
        }
    }

    /// A rate: met from the limit on.
    pub(crate) fn at_least(
        name: impl Into<String>,
        limit: f64,
        measured: f64,
        unit: &'static str,
    ) -> Self {
        Self {
            name: format!("{} (at least)", name.into()),
            limit,
            measured,
            unit,
            ratio: limit / measured,
            met: measured >= limit,
        }
    }
}

/// All goals that this run can judge.
pub(crate) fn of(
    found: &Found,
    watched: Option<&Watched>,
    ready: Option<&Ready>,
    rss_mb: &[(&'static str, Option<f64>)],
) -> Vec<Goal> {
    let mut goals = through_blender(found);
    if let Some(floors) = found.in_floors(What::OneClient, ECHO, |_| 0.0) {
        let name = "`1+1` over HTTP to the echo bridge, p50 in floors";
        goals.push(Goal::at_most(name, TIMES_FLOOR, floors, "× floor"));
    }
    if let Some(watched) = watched {
        goals.push(Goal::at_most(
            "status while a call runs, p99",
            STATUS_MS,
            watched.instances.p99_ms,
            "ms",
        ));
        goals.push(Goal::at_most(
            "state while a call runs, p99",
            STATUS_MS,
            watched.state.p99_ms,
            "ms",
        ));
    }
    goals.extend(ready.map(|ready| {
        Goal::at_most(
            "hub ready in a fresh home, p50",
            READY_MS,
            ready.fresh.p50_ms,
            "ms",
        )
    }));
    for (when, value) in rss_mb.iter().take(3) {
        if let Some(value) = value {
            goals.push(Goal::at_most(
                format!("hub's resident memory {when}"),
                IDLE_MB,
                *value,
                "MB",
            ));
        }
    }
    goals
}

/// The goal says "beside Blender's own time"; that can be read in three ways, from strict to generous.
fn through_blender(found: &Found) -> Vec<Goal> {
    let Some(own) = found.own() else {
        return Vec::new();
    };
    let told_ms = found.duration_ms(BLENDER).unwrap_or_default();
    let what = What::OneClient;
    let alone_ms = |round| found.p50_ms(what, BLENDER_ALONE, round).unwrap_or_default();
    let readings = [
        (
            "compiling and running the code",
            found.in_floors(what, BLENDER, |_| own.compile_and_run_ms),
        ),
        (
            "`duration_ms` of the outcome",
            found.in_floors(what, BLENDER, |_| told_ms),
        ),
        (
            "all that the bridge takes alone",
            found.in_floors(what, BLENDER, alone_ms),
        ),
    ];
    let goals = readings.into_iter().filter_map(|(reading, floors)| {
        let name = format!("`1+1` over HTTP in Blender, p50 less {reading}, in floors");
        Some(Goal::at_most(name, TIMES_FLOOR, floors?, "× floor"))
    });
    goals.collect()
}
