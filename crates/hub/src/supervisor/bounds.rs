//! What a process of ours may use: memory and time. Watched here, acted upon by [`super::watch`].
//!
//! Memory is looked at every [`limits::MEMORY_LOOK`]: on Linux by the hub itself, which also sees a process
//! whose interpreter is held by native code, elsewhere by what the bridge says in its beats. A process can
//! take more than its limit for as long as one look; the system's own limit on address space is no help,
//! because an app may reserve several times what it holds. Children of the process (renders) count by
//! themselves, which is to say not.

use tokio::time::{Instant, MissedTickBehavior};
use wire::Step;
use wire::{Code, Mode, Problem};

use crate::clock::until;
use crate::config::Config;
use crate::instance::{Instance, Limits};
use crate::launch::LaunchRequest;
use crate::limits;

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

/// The limits that hold: the request's own, else those of the configuration. The configuration of a later
/// hub counts for processes that have outlived the one which started them.
pub(super) fn limits_of(request: &LaunchRequest, config: &Config) -> Limits {
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
pub(super) async fn over(instance: &Instance) -> Over {
    let Some(bounds) = bounds_of(instance) else {
        return std::future::pending().await;
    };
    tokio::select! {
        held_mb = memory_over(instance, bounds.memory_mb) => {
            Over::Memory(too_large(instance, held_mb, bounds.memory_mb.unwrap_or_default()))
        }
        () = until(bounds.ends_at) => Over::Time(too_long(instance, bounds.time_s.unwrap_or_default())),
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

fn bounds_of(instance: &Instance) -> Option<Bounds> {
    instance.owned().as_ref().map(|owned| Bounds {
        memory_mb: owned.bounds.memory_mb,
        time_s: owned.bounds.time_s,
        ends_at: owned.ends_at(),
    })
}
