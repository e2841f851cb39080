//! What a process of ours may use: memory and time. Watched here, acted upon by [`super::watch`].
//!
//! Memory is looked at every [`limits::MEMORY_LOOK`]: on Linux by the hub itself, which also sees a process
//! whose interpreter is held by native code, elsewhere by what the bridge says in its beats. A process can
//! take more than its limit for as long as one look; the system's own limit on address space is no help,
//! because an app may reserve several times what it holds. Children of the process (renders) count by
//! themselves, which is to say not.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};
use wire::Step;
use wire::{Code, InstanceLimits, InstanceName, Mode, Problem};

use super::Supervisor;
use crate::app::LaunchRequest;
use crate::config::Config;
use crate::hub::Inner as Hub;
use crate::limits;
use crate::roster::Instance;

/// Which bound was passed, and what is said of it.
pub(super) enum Over {
    Memory(Problem),
    Time(Problem),
}

/// Whether the limits of a request make sense, with those of the configuration.
///
/// # Errors
/// `arguments_invalid` when they do not.
pub(super) fn check(request: &LaunchRequest, config: &Config) -> Result<(), Problem> {
    let asked = request.memory_mb.is_some() || request.time_s.is_some();
    if request.mode == Mode::Gui {
        if asked {
            return Err(Problem::new(
                Code::ARGUMENTS_INVALID,
                "A program with a window cannot have limits, because the hub never ends it.",
            )
            .hint("Start it in the background, or leave out the limits."));
        }
        return Ok(());
    }
    let Limits { memory_mb, time_s } = limits_of(request, config);
    let in_range = |value: Option<u64>, max: u64| value.is_none_or(|it| (1..=max).contains(&it));
    if !in_range(memory_mb, limits::PROCESS_MEMORY_MAX_MB) {
        return Err(out_of_range("memory_mb", limits::PROCESS_MEMORY_MAX_MB));
    }
    if !in_range(time_s, limits::PROCESS_LIFE_MAX.as_secs()) {
        return Err(out_of_range("time_s", limits::PROCESS_LIFE_MAX.as_secs()));
    }
    Ok(())
}

struct Limits {
    memory_mb: Option<u64>,
    time_s: Option<u64>,
}

/// The limits that hold: the request's own, else those of the configuration. Looked up whenever they are needed: the
/// configuration of a later hub counts for processes that have outlived the one which started them.
fn limits_of(request: &LaunchRequest, config: &Config) -> Limits {
    let of_app = config.apps.get(request.app.as_str());
    let of_app = of_app.filter(|_| request.mode != Mode::Gui);
    Limits {
        memory_mb: request
            .memory_mb
            .or_else(|| of_app.and_then(|app| app.memory_mb)),
        time_s: request.time_s.or_else(|| of_app.and_then(|app| app.time_s)),
    }
}

fn out_of_range(name: &str, max: u64) -> Problem {
    Problem::new(
        Code::ARGUMENTS_INVALID,
        format!("`{name}` must be from 1 to {max}."),
    )
    .hint("Leave it out for no limit.")
}

/// Resolves when the process that lives now is over one of its bounds; never, when it has none.
pub(super) async fn over(hub: &Hub, instance: &Instance) -> Over {
    let Some(bounds) = hub.supervisor.bounds_of(&instance.name, &hub.config) else {
        return std::future::pending().await;
    };
    tokio::select! {
        held_mb = memory_over(instance, bounds.memory_mb) => {
            Over::Memory(too_large(instance, held_mb, bounds.memory_mb.unwrap_or_default()))
        }
        () = at(bounds.ends_at) => Over::Time(too_long(instance, bounds.time_s.unwrap_or_default())),
    }
}

/// The bounds of a process that lives.
struct Bounds {
    memory_mb: Option<u64>,
    time_s: Option<u64>,
    ends_at: Option<Instant>,
}

async fn memory_over(instance: &Instance, limit_mb: Option<u64>) -> f64 {
    let Some(limit_mb) = limit_mb else {
        return std::future::pending().await;
    };
    let mut looks = tokio::time::interval(limits::MEMORY_LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let limit_mb = limit_mb as f64;
        if let Some(held_mb) = instance.look_at_rss_mb().filter(|held| *held > limit_mb) {
            return held_mb;
        }
    }
}

async fn at(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when).await,
        None => std::future::pending().await,
    }
}

fn too_large(instance: &Instance, held_mb: f64, limit_mb: u64) -> Problem {
    let (name, app) = (&instance.name, &instance.app);
    Problem::new(
        Code::MEMORY_EXCEEDED,
        format!(
            "`{name}` used {held_mb:.0} MB of memory. Its limit is {limit_mb} MB, so it was ended."
        ),
    )
    .hint(wire::hint![
        "Work in smaller steps, or stop it and start it again with more memory: ",
        Step::Start {
            app: app.clone(),
            name: Some(name.clone()),
            memory_mb: Some(limit_mb.saturating_mul(2)),
        },
    ])
    .detail("held_mb", held_mb.round())
    .detail("limit_mb", limit_mb)
}

fn too_long(instance: &Instance, time_s: u64) -> Problem {
    let (name, app) = (&instance.name, &instance.app);
    Problem::new(
        Code::TIME_EXCEEDED,
        format!("`{name}` reached its time limit of {time_s} s and was ended."),
    )
    .hint(wire::hint![
        "A recovery copy has its work: ",
        Step::terminal("recover"),
        ". Start it again: ",
        Step::start_again(app, name),
    ])
    .detail("limit_s", time_s)
}

impl Supervisor {
    /// What an instance may use, for its view.
    pub(crate) fn limits_of(&self, name: &InstanceName, config: &Config) -> Option<InstanceLimits> {
        let all = self.lock();
        let owned = all.get(name)?;
        let Limits { memory_mb, time_s } = limits_of(&owned.request, config);
        (memory_mb.is_some() || time_s.is_some()).then(|| InstanceLimits {
            memory_mb,
            time_s,
            lived_s: owned.launched.map(|launched| launched.elapsed().as_secs()),
        })
    }

    fn bounds_of(&self, name: &InstanceName, config: &Config) -> Option<Bounds> {
        let all = self.lock();
        let owned = all.get(name)?;
        let Limits { memory_mb, time_s } = limits_of(&owned.request, config);
        let life = time_s.map(Duration::from_secs);
        let launched = owned.launched.unwrap_or_else(Instant::now);
        Some(Bounds {
            memory_mb,
            time_s,
            ends_at: life.map(|life| launched + life),
        })
    }
}
