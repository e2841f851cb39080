use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use serde_json::json;
use terminal::ago::short;
use terminal::answer::{Answered, Shown};
use terminal::screen::Style;
use terminal::session::Session;
use terminal::table::{Cell, Table};
use terminal::ui::{BAD, CAREFUL, FAINT, GOOD, HEADING};
use wire::{InstanceState, InstanceView, Mode};

use crate::built_in;
use crate::subject::about;
use crate::{checkup, pick};

/// Show the hub, the instances and what they are doing
///
/// The same as `kapelle` on its own.
#[derive(Args, Debug)]
pub struct Status {}

impl Status {
    pub(crate) fn run(self, session: &Session) -> Answered {
        let found = session.find()?;
        let (document, instances) = pick::instances(&found.client)?;
        let (url, health) = (found.client.url().to_owned(), found.health);
        let document = json!({
            "hub": {"url": url, "version": health.version, "pid": health.pid, "uptime_ms": health.uptime_ms, "disk_full": health.disk_full},
            "confinement": document["confinement"],
            "instances": document["instances"],
        });
        let unconfined = document["confinement"].as_str().map(str::to_owned);
        Ok(Shown::boxed(document, move |out| {
            writeln!(
                out,
                "{HEADING}hub{HEADING:#} {} at {url}, pid {}, up {}",
                health.version,
                health.pid,
                short(Duration::from_millis(health.uptime_ms))
            )?;
            if health.disk_full {
                writeln!(out, "{BAD}{}{BAD:#}", checkup::DISK_FULL)?;
            }
            if let Some(why) = &unconfined {
                writeln!(out, "{FAINT}not confined: {why}{FAINT:#}")?;
            }
            if instances.is_empty() {
                return writeln!(
                    out,
                    "{FAINT}no instance is running; start one: kapelle start {}{FAINT:#}",
                    built_in::example()
                );
            }
            writeln!(out)?;
            write_instances(out, &instances)
        }))
    }
}

fn write_instances(out: &mut dyn Write, instances: &[InstanceView]) -> io::Result<()> {
    let mut table = Table::new([
        "INSTANCE",
        "STATE",
        "VERSION",
        "MODE",
        "PID",
        "LIMITS",
        "WAITING",
        "NOW",
        "FILE",
        "RESERVED FOR",
    ]);
    for instance in instances {
        table.row([
            instance.name.as_str().into(),
            Cell::styled(instance.state.as_str(), state_style(instance.state)),
            format!(
                "{} {}",
                instance.app,
                instance.version.as_deref().unwrap_or_default()
            )
            .trim()
            .into(),
            mode_words(instance).into(),
            instance
                .pid
                .map(|pid| pid.to_string())
                .unwrap_or_default()
                .into(),
            limits(instance).into(),
            match instance.queued {
                0 => String::new(),
                waiting => waiting.to_string(),
            }
            .into(),
            now(instance).into(),
            instance.file.as_deref().unwrap_or_default().into(),
            instance.reserved_for.as_deref().unwrap_or_default().into(),
        ]);
    }
    table.write(out)?;
    for instance in instances {
        if let Some(notice) = &instance.notice {
            writeln!(out, "{CAREFUL}{}{CAREFUL:#}: {notice}", instance.name)?;
        }
    }
    Ok(())
}

/// What it uses of what it may use.
fn limits(instance: &InstanceView) -> String {
    let Some(limits) = &instance.limits else {
        return String::new();
    };
    let memory = limits.memory_mb.map(|limit_mb| match instance.rss_mb {
        Some(held_mb) => format!("{held_mb:.0} of {limit_mb} MB"),
        None => format!("{limit_mb} MB"),
    });
    let time = limits.time_s.map(|limit_s| {
        let shown = |seconds| short(Duration::from_secs(seconds));
        format!(
            "{} of {}",
            shown(limits.lived_s.unwrap_or_default()),
            shown(limit_s)
        )
    });
    let both: Vec<String> = memory.into_iter().chain(time).collect();
    both.join(", ")
}

/// What runs, or why it is in this state.
fn now(instance: &InstanceView) -> String {
    match (&instance.running, &instance.why) {
        (Some(running), _) => format!(
            "{}{} by {} for {}",
            running.command,
            about(running.subject.as_deref()),
            running.caller,
            short(Duration::from_millis(running.running_ms))
        ),
        (None, Some(why)) => why.clone(),
        (None, None) => String::new(),
    }
}

fn mode_words(instance: &InstanceView) -> String {
    let word = match instance.mode {
        Mode::Background => "background",
        Mode::Gui => "gui",
        Mode::Module => "module",
    };
    if instance.confined {
        format!("{word}, confined")
    } else {
        word.to_owned()
    }
}

fn state_style(state: InstanceState) -> Style {
    match state {
        InstanceState::Idle => GOOD,
        InstanceState::Busy | InstanceState::Starting => CAREFUL,
        InstanceState::Wedged | InstanceState::Failed => BAD,
        InstanceState::Disconnected => FAINT,
    }
}
