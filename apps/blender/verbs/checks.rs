//! What `doctor` looks at for Blender: the program, the add-on in it, a Python for its wheel, and who else listens on
//! the ports of this field. Nothing is changed.

use client::home::Home;
use terminal::finding::Finding;

use crate::blender::probe::{PORTS, look};
use crate::blender::{self, Addon};

/// Under this much room, in bytes, a set-up of the `bpy` wheel (about 900 MB) would fail.
pub(super) const ROOM_BYTES_WANTED: u64 = 3_000_000_000;

pub(super) fn all(home: &Home) -> Vec<Finding> {
    let mut findings = program(home);
    findings.extend(blender::addons().iter().map(addon));
    findings.extend(neighbours());
    findings
}

/// Blender, and where there is none a Python for its wheel.
fn program(home: &Home) -> Vec<Finding> {
    const NAME: &str = "Blender";
    let home = match hub::home::Home::open(home.path()) {
        Ok(home) => home,
        Err(problem) => {
            return vec![Finding::warn(
                NAME,
                "not checked: the home folder cannot be used",
                problem.message,
            )];
        }
    };
    let Some(found) = blender::find(&home) else {
        return vec![
            Finding::warn(
                NAME,
                "none found",
                "install Blender, set KAPELLE_BLENDER to its program, or let `kapelle demo` set up its wheel",
            ),
            python(),
        ];
    };
    let at = format!("{} ({})", found.path.display(), found.from);
    vec![match blender::version_of(&found) {
        Some(version) => Finding::ok(NAME, format!("{version}, {at}")),
        None => Finding::fail(
            NAME,
            format!("{at} does not run"),
            "set KAPELLE_BLENDER to a Blender that runs",
        ),
    }]
}

/// A copy of the add-on in a folder of Blender's.
fn addon(found: &Addon) -> Finding {
    const NAME: &str = "add-on";
    const FIX: &str = "kapelle install blender";
    let ours = blender::bridge_version();
    let version = found.version.as_deref().unwrap_or("of an unknown version");
    let of = found
        .blender
        .as_deref()
        .map_or_else(String::new, |blender| format!(" for Blender {blender}"));
    let says = format!("{version}{of}, {}", found.path.display());
    if found.version.as_deref() != Some(ours) {
        return Finding::warn(NAME, format!("{says}; this Kapelle brings {ours}"), FIX);
    }
    if !found.current {
        return Finding::warn(
            NAME,
            format!("{says}; some of its files are not from this Kapelle"),
            FIX,
        );
    }
    Finding::ok(NAME, says)
}

fn python() -> Finding {
    const NAME: &str = "Python";
    let pythons = blender::WHEELS
        .iter()
        .flat_map(|wheel| blender::pythons(wheel.python));
    match pythons.into_iter().next() {
        Some(python) => Finding::ok(
            NAME,
            format!("{}, good for Blender's wheel", python.path.display()),
        ),
        None => Finding::warn(
            NAME,
            "none that Blender's wheel supports",
            "install Python 3.13 or 3.11, for example with pyenv",
        ),
    }
}

/// Who listens on the ports that other programs of this field use; all asked at once.
fn neighbours() -> Vec<Finding> {
    const NAME: &str = "neighbours";
    let asked: Vec<_> = PORTS
        .iter()
        .map(|(port, usual)| (port, usual, std::thread::spawn(move || look(*port))))
        .collect();
    let found = asked.into_iter().filter_map(|(port, usual, look)| {
        let dialect = look.join().ok().flatten()?;
        let says = format!(
            "port {port}: {} (the usual place of {usual})",
            dialect.says()
        );
        Some(if dialect.is_adoptable() {
            Finding::ok(
                NAME,
                format!("{says}; take its Blender over: kapelle adopt {port}"),
            )
        } else {
            Finding::ok(NAME, says)
        })
    });
    found.collect()
}
