//! What a run found, for people (a table, Markdown) and for programs (JSON).

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use crate::fault::Fault;
use crate::goals::{Figure, Goal};
use crate::machine::Machine;
use crate::rounds::{Length, What};
use crate::stats::Summary;

/// Beyond this factor between the floor's fastest and slowest round a machine was not quiet.
const STEADY: f64 = 1.5;

/// Everything about one run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) date: String,
    pub(crate) machine: Machine,
    pub(crate) kapelle: String,
    pub(crate) commit: Option<String>,
    /// Whether bench and hub were built for release.
    pub(crate) optimised: bool,
    pub(crate) blender: String,
    pub(crate) settings: Length,
    pub(crate) rows: Vec<Row>,
    pub(crate) figures: Vec<Figure>,
    pub(crate) goals: Vec<Goal>,
    /// Parts that could not be measured, with the reason.
    pub(crate) failed: Vec<String>,
}

/// One way in one discipline.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) what: What,
    pub(crate) way: &'static str,
    #[serde(flatten)]
    pub(crate) summary: Summary,
    /// Its p50 divided by the floor's of the same round, the median over rounds.
    pub(crate) to_floor: Option<f64>,
}

/// How a report is written, by the end of its file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Markdown,
    Json,
}

impl Form {
    /// # Errors
    /// For any other ending.
    pub(crate) fn of(path: &Path) -> Result<Self, Fault> {
        match path.extension().and_then(|end| end.to_str()) {
            Some("md") => Ok(Self::Markdown),
            Some("json") => Ok(Self::Json),
            _ => Err(format!("{}: a report ends in .md or .json", path.display()).into()),
        }
    }
}

/// # Errors
/// When the file cannot be written.
pub(crate) fn write(report: &Report, path: &Path) -> Result<(), Fault> {
    let text = match Form::of(path)? {
        Form::Markdown => markdown(report),
        Form::Json => serde_json::to_string_pretty(report)? + "\n",
    };
    std::fs::write(path, text)
        .map_err(|error| format!("{} cannot be written: {error}", path.display()).into())
}

/// For the terminal.
pub(crate) fn table(report: &Report) -> String {
    let mut text = format!("{}\n", about(report).join("\n"));
    for part in parts(report) {
        let widths: Vec<usize> = (0..part.head.len())
            .map(|at| {
                let cells = part.rows.iter().map(|row| row[at].chars().count());
                cells
                    .chain([part.head[at].chars().count()])
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let line = |cells: &[String]| {
            let cells = cells
                .iter()
                .zip(&widths)
                .enumerate()
                .map(|(at, (cell, width))| {
                    let fill = " ".repeat(width - cell.chars().count());
                    if at == 0 {
                        format!("{cell}{fill}")
                    } else {
                        format!("{fill}{cell}")
                    }
                });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        let head: Vec<String> = part.head.iter().map(|&cell| cell.to_owned()).collect();
        writeln!(text, "\n{}\n{}", part.title, line(&head)).ok();
        for row in &part.rows {
            writeln!(text, "{}", line(row)).ok();
        }
    }
    text
}

fn markdown(report: &Report) -> String {
    let mut text = "# Kapelle beside a bare axum hub\n\n".to_owned();
    for line in about(report) {
        writeln!(text, "- {line}").ok();
    }
    for part in parts(report) {
        writeln!(text, "\n## {}\n\n| {} |", part.title, part.head.join(" | ")).ok();
        writeln!(text, "|---|{}", "---:|".repeat(part.head.len() - 1)).ok();
        for row in &part.rows {
            writeln!(text, "| {} |", row.join(" | ")).ok();
        }
    }
    text
}

fn about(report: &Report) -> Vec<String> {
    let machine = &report.machine;
    let memory = machine
        .memory_gb
        .map_or_else(String::new, |gb| format!(", {gb:.0} GB"));
    let commit = report
        .commit
        .as_ref()
        .map_or_else(String::new, |commit| format!(" ({commit})"));
    let settings = &report.settings;
    let mut lines = vec![
        format!(
            "{}; load {} before, {} after",
            report.date, machine.load.0, machine.load.1
        ),
        format!(
            "{}, {} cores{memory}, {}",
            machine.processor, machine.cores, machine.kernel
        ),
        format!("{}{commit}; Blender: {}", report.kapelle, report.blender),
        format!(
            "{} alternating rounds of {} calls each; all figures are medians over rounds. Compare the ratios: the times are those of this machine on this day.",
            settings.rounds, settings.calls
        ),
    ];
    if let Some(floor) = report.rows.first() {
        let (least, most) = floor.summary.p50_range_ms;
        if most > least * STEADY {
            lines.push(format!(
                "The floor varied by a factor of {:.1} between rounds: the machine was busy, and verdicts close to a limit mean little.",
                most / least
            ));
        }
    }
    for one in &report.failed {
        lines.push(format!("NOT MEASURED: {one}"));
    }
    if !report.optimised {
        lines.push("NOT A RELEASE BUILD: these figures mean nothing.".to_owned());
    }
    lines
}

struct Part {
    title: &'static str,
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

fn parts(report: &Report) -> Vec<Part> {
    let mut parts = Vec::new();
    for (what, title) in [
        (What::OneClient, "`1+1`, one client"),
        (What::Crowd, "`1+1`, eight clients at once"),
        (What::LargeIn, "5 MB of code in"),
        (What::LargeOut, "5 MB of text out"),
    ] {
        let rows = report
            .rows
            .iter()
            .filter(|row| row.what == what)
            .map(row_cells)
            .collect();
        let head = vec![
            "way",
            "p50 ms",
            "p99 ms",
            "calls/s",
            "× floor",
            "p50 of rounds",
        ];
        parts.push(Part { title, head, rows });
    }
    let figures = report.figures.iter();
    parts.push(Part {
        title: "Beside it",
        head: vec!["what", "value", "unit"],
        rows: figures
            .map(|f| vec![f.name.clone(), number(f.value), f.unit.to_owned()])
            .collect(),
    });
    parts.push(Part {
        title: "Goals",
        head: vec!["goal", "limit", "measured", "unit", "ratio", "verdict"],
        rows: report.goals.iter().map(goal_cells).collect(),
    });
    parts.retain(|part| !part.rows.is_empty());
    parts
}

fn row_cells(row: &Row) -> Vec<String> {
    let summary = &row.summary;
    let (least, most) = summary.p50_range_ms;
    vec![
        row.way.to_owned(),
        number(summary.p50_ms),
        number(summary.p99_ms),
        format!("{:.0}", summary.calls_per_s),
        row.to_floor
            .map_or_else(String::new, |ratio| format!("{ratio:.2}")),
        format!("{}–{}", number(least), number(most)),
    ]
}

fn goal_cells(goal: &Goal) -> Vec<String> {
    vec![
        goal.name.clone(),
        number(goal.limit),
        number(goal.measured),
        goal.unit.to_owned(),
        format!("{:.2}", goal.ratio),
        if goal.met { "met" } else { "NOT MET" }.to_owned(),
    ]
}

/// Three digits that say something.
fn number(value: f64) -> String {
    match value.abs() {
        big if big >= 100.0 => format!("{value:.0}"),
        big if big >= 10.0 => format!("{value:.1}"),
        big if big >= 0.01 => format!("{value:.3}"),
        _ => format!("{value:.5}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_names_the_form() {
        assert_eq!(Form::of(Path::new("a/b.md")).unwrap(), Form::Markdown);
        assert_eq!(Form::of(Path::new("b.json")).unwrap(), Form::Json);
        assert!(Form::of(Path::new("b.txt")).is_err());
    }

    #[test]
    fn numbers_are_short() {
        let shown: Vec<String> = [1234.5, 12.34, 0.1234, 0.000_123].map(number).to_vec();
        assert_eq!(shown, ["1234", "12.3", "0.123", "0.00012"]);
    }
}
