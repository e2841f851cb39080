//! Events as lines for people: time, instance, caller, command, and what happened.
//!
//! In come events; out go lines whose columns line up as far as they can without knowing what comes. An
//! event of a call says only its id, so what was called by whom is remembered while the call is under way.

use std::collections::HashMap;
use std::io::{self, Write};

use serde_json::{Map, Value};
use terminal::ago::short_ms;
use terminal::outcome;
use terminal::screen::{PLAIN, Style, one_line};
use terminal::ui::{BAD, CAREFUL, FAINT, GOOD, NAME};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};
use unicode_width::UnicodeWidthStr as _;
use wire::event::{Event, Resync, Told, Why};
use wire::{CallId, CallView, InstanceName, InstanceState, InstanceView, JobStatus, JobView};

/// Columns grow with what stands in them, up to this width, in letters.
const COLUMN_MAX: usize = 28;
/// Their first widths: instance, caller, command.
const COLUMNS_MIN: [usize; 3] = [8, 6, 14];
/// Calls whose command and caller are remembered; more are never under way in a hub that one can read.
const CALLS_MAX: usize = 10_000;

/// Which events are shown.
pub(super) struct Filter {
    app: Option<String>,
    instance: Option<String>,
}

impl Filter {
    pub(super) fn new(app: Option<String>, instance: Option<String>) -> Self {
        Self { app, instance }
    }

    fn takes(&self, app: Option<&str>, instance: Option<&str>) -> bool {
        let fits = |wanted: &Option<String>, is: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| is == Some(wanted))
        };
        fits(&self.app, app) && fits(&self.instance, instance)
    }
}

/// What is known of a call that is under way.
#[derive(Clone)]
struct Known {
    app: String,
    instance: String,
    caller: String,
    command: String,
    /// What it has printed, by stream; nothing where its beginning was missed.
    printed: Option<HashMap<String, Printed>>,
}

/// What was heard of a stream.
#[derive(Clone, Default)]
struct Printed {
    bytes: usize,
    /// A line that has not ended yet.
    open: String,
}

impl Printed {
    /// The lines that are whole now.
    fn add(&mut self, text: &str) -> Vec<String> {
        self.bytes += text.len();
        self.open.push_str(text);
        let Some((whole, open)) = self.open.rsplit_once('\n') else {
            return Vec::new();
        };
        let lines = whole.lines().map(printed_line).collect();
        self.open = open.to_owned();
        lines
    }

    /// What only the outcome says, and the line that never ended.
    fn rest(&mut self, whole: &str) -> Vec<String> {
        let rest = whole.get(self.bytes..).unwrap_or_default().to_owned();
        let mut lines = self.add(&rest);
        let open = std::mem::take(&mut self.open);
        if !open.is_empty() {
            lines.push(printed_line(&open));
        }
        lines
    }
}

fn printed_line(line: &str) -> String {
    format!("│ {}", line.trim_end_matches('\r'))
}

impl Known {
    fn of(call: &CallView) -> Self {
        Self {
            app: call.app.to_string(),
            instance: call.instance.to_string(),
            caller: call.caller.clone(),
            command: call.command.clone(),
            printed: None,
        }
    }
}

pub(super) struct Lines {
    filter: Filter,
    hides_work: bool,
    offset: UtcOffset,
    calls: HashMap<CallId, Known>,
    instances: HashMap<InstanceName, (String, InstanceState)>,
    widths: [usize; 3],
    ready: Vec<Line>,
}

struct Line {
    time: String,
    /// Instance, caller, command.
    who: [String; 3],
    what: String,
    style: Style,
}

impl Lines {
    /// With `hides_work`, instances that are only busy or idle again get no line.
    pub(super) fn new(filter: Filter, hides_work: bool) -> Self {
        Self {
            filter,
            hides_work,
            // UTC where the system does not tell.
            offset: UtcOffset::current_local_offset().unwrap_or(UtcOffset::UTC),
            calls: HashMap::new(),
            instances: HashMap::new(),
            widths: COLUMNS_MIN,
            ready: Vec::new(),
        }
    }

    /// Takes what is known; leaves in it what the filter takes.
    pub(super) fn resync(&mut self, resync: &mut Resync) {
        if resync.why != Why::Start {
            let why = match resync.why {
                Why::Epoch => "the hub was restarted; what happened in between is unknown",
                Why::Start | Why::Window => "some events were missed; this is how things stand",
            };
            self.line(None, Default::default(), why.to_owned(), CAREFUL);
        }
        for instance in resync.instances.iter_mut().flatten() {
            self.remember(instance);
        }
        if let Some(instances) = &mut resync.instances {
            instances.retain(|one| {
                self.filter
                    .takes(Some(one.app.as_str()), Some(one.name.as_str()))
            });
        }
        if let Some(calls) = &mut resync.calls {
            calls.retain(|one| {
                self.filter
                    .takes(Some(one.app.as_str()), Some(one.instance.as_str()))
            });
        }
        for instance in resync.instances.clone().into_iter().flatten() {
            self.instance_line(None, &instance);
        }
        for job in resync.jobs.iter().flatten() {
            self.job_line(None, job);
        }
        for call in resync.calls.iter().flatten() {
            let known = Known::of(call);
            self.line(None, who(&known), outcome::status_words(call), FAINT);
            self.calls.insert(call.call_id.clone(), known);
        }
    }

    /// Whether the event has lines.
    pub(super) fn event(&mut self, told: &Told) -> bool {
        let at = Some(told.at.as_str());
        match &told.event {
            Event::CallQueued { call } => {
                let known = Known {
                    printed: Some(HashMap::new()),
                    ..Known::of(call)
                };
                if self.calls.len() < CALLS_MAX {
                    self.calls.insert(call.call_id.clone(), known.clone());
                }
                self.call_line(at, &known, vec![asked_words(call)], FAINT)
            }
            Event::CallStarted { call_id, .. } => {
                self.of_call(at, call_id, vec!["started".to_owned()], FAINT)
            }
            Event::CallProgress { call_id, progress } => {
                let percent = progress
                    .fraction
                    .map(|fraction| format!("{:.0} %, ", fraction * 100.0));
                let what = format!("{}{}", percent.unwrap_or_default(), progress.text);
                self.of_call(at, call_id, vec![what], NAME)
            }
            Event::CallOutput {
                call_id,
                stream,
                text,
            } => {
                let known = self.calls.get_mut(call_id);
                let lines = match known.and_then(|known| known.printed.as_mut()) {
                    Some(printed) => printed.entry(stream.clone()).or_default().add(text),
                    None => text.lines().map(printed_line).collect(),
                };
                self.of_call(at, call_id, lines, PLAIN)
            }
            Event::CallEnded { call } => {
                self.last_lines(at, call);
                self.calls.remove(&call.call_id);
                let style = outcome::status_style(call.status);
                self.call_line(at, &Known::of(call), vec![end_words(call)], style)
            }
            Event::Instance { instance } => self.instance_event(at, instance),
            Event::Job { job } => self.job_line(at, job),
            Event::State {
                instance,
                revision,
                changes,
            } => {
                let app = self.instances.get(instance).map(|(app, _)| app.as_str());
                if !self.filter.takes(app, Some(instance.as_str())) {
                    return false;
                }
                let what = state_words(*revision, changes.as_ref());
                self.line(
                    at,
                    [instance.to_string(), String::new(), String::new()],
                    what,
                    FAINT,
                );
                true
            }
        }
    }

    /// What a call printed just before its end comes with its outcome alone.
    fn last_lines(&mut self, at: Option<&str>, call: &CallView) {
        let known = self.calls.get_mut(&call.call_id);
        let (Some(printed), Some(outcome)) = (
            known.and_then(|known| known.printed.as_mut()),
            &call.outcome,
        ) else {
            return;
        };
        let output = &outcome.output;
        let mut lines = Vec::new();
        for (stream, whole) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            lines.extend(printed.entry(stream.to_owned()).or_default().rest(whole));
        }
        let known = Known::of(call);
        self.call_line(at, &known, lines, PLAIN);
    }

    /// Drops the lines that are not to be printed.
    pub(super) fn forget(&mut self) {
        self.ready.clear();
    }

    pub(super) fn print(&mut self, out: &mut dyn Write) -> io::Result<()> {
        for line in std::mem::take(&mut self.ready) {
            write!(out, "{FAINT}{:8}{FAINT:#}", line.time)?;
            for (text, width) in line.who.iter().zip(&mut self.widths) {
                *width = (*width).max(text.width().min(COLUMN_MAX));
                let padding = width.saturating_sub(text.width());
                write!(out, "  {text}{:padding$}", "")?;
            }
            let style = line.style;
            writeln!(out, "  {style}{}{style:#}", line.what)?;
        }
        out.flush()
    }

    fn of_call(&mut self, at: Option<&str>, id: &CallId, what: Vec<String>, style: Style) -> bool {
        match self.calls.get(id).cloned() {
            Some(known) => self.call_line(at, &known, what, style),
            // Nobody knows whose it is: asked before we came, or of an older run.
            None if self.filter.takes(None, None) => {
                for what in what {
                    self.line(
                        at,
                        [String::new(), String::new(), id.to_string()],
                        what,
                        style,
                    );
                }
                true
            }
            None => false,
        }
    }

    fn call_line(
        &mut self,
        at: Option<&str>,
        call: &Known,
        what: Vec<String>,
        style: Style,
    ) -> bool {
        if !self.filter.takes(Some(&call.app), Some(&call.instance)) {
            return false;
        }
        for what in what {
            self.line(at, who(call), what, style);
        }
        true
    }

    fn job_line(&mut self, at: Option<&str>, job: &JobView) -> bool {
        let on = job
            .instance
            .as_ref()
            .map_or(job.app.as_str(), |name| name.as_str());
        if !self.filter.takes(Some(job.app.as_str()), Some(on)) {
            return false;
        }
        let mut what = format!("job {}", job.status.as_str());
        if job.attempt > 1 {
            what.push_str(&format!(" (attempt {})", job.attempt));
        }
        let problem = job.problem.as_ref().map(|problem| problem.message.clone());
        if let Some(why) = job.why.clone().or(problem) {
            what.push_str(&format!(": {why}"));
        }
        let style = match job.status {
            JobStatus::Succeeded => GOOD,
            JobStatus::Queued | JobStatus::Leased | JobStatus::Running => FAINT,
            JobStatus::Cancelled => CAREFUL,
            _ => BAD,
        };
        let who = [on.to_owned(), job.caller.clone(), job.command.clone()];
        self.line(at, who, what, style);
        true
    }

    fn instance_event(&mut self, at: Option<&str>, instance: &InstanceView) -> bool {
        let before = self.remember(instance);
        let works = |state| matches!(state, InstanceState::Idle | InstanceState::Busy);
        let only_works = works(instance.state) && before.is_some_and(works);
        let takes = self
            .filter
            .takes(Some(instance.app.as_str()), Some(instance.name.as_str()));
        if !takes || (self.hides_work && only_works) {
            return false;
        }
        self.instance_line(at, instance);
        true
    }

    /// Gives its state before.
    fn remember(&mut self, instance: &InstanceView) -> Option<InstanceState> {
        let now = (instance.app.to_string(), instance.state);
        let before = self.instances.insert(instance.name.clone(), now);
        before.map(|(_, state)| state)
    }

    fn instance_line(&mut self, at: Option<&str>, instance: &InstanceView) {
        let style = match instance.state {
            InstanceState::Idle => GOOD,
            InstanceState::Busy | InstanceState::Starting => PLAIN,
            InstanceState::Disconnected => CAREFUL,
            InstanceState::Wedged | InstanceState::Failed => BAD,
        };
        let mut what = instance.state.as_str().to_owned();
        if let Some(why) = &instance.why {
            what.push_str(": ");
            what.push_str(why);
        } else if let Some(version) = &instance.version {
            what.push_str(&format!(" ({} {version})", instance.app));
        }
        let who = [instance.name.to_string(), String::new(), String::new()];
        self.line(at, who, what, style);
    }

    fn line(&mut self, at: Option<&str>, who: [String; 3], what: String, style: Style) {
        let line = Line {
            time: at.map(|at| self.clock(at)).unwrap_or_default(),
            who: who.map(|text| one_line(&text).into_owned()),
            what: one_line(&what).into_owned(),
            style,
        };
        self.ready.push(line);
    }

    /// The time of day, here.
    fn clock(&self, at: &str) -> String {
        match OffsetDateTime::parse(at, &Rfc3339) {
            Ok(at) => {
                let (hour, minute, second) = at.to_offset(self.offset).to_hms();
                format!("{hour:02}:{minute:02}:{second:02}")
            }
            Err(_) => at.to_owned(),
        }
    }
}

/// `asked: shot.blend, 1-250`
fn asked_words(call: &CallView) -> String {
    match &call.subject {
        Some(subject) => format!("asked: {subject}"),
        None => "asked".to_owned(),
    }
}

fn who(call: &Known) -> [String; 3] {
    [
        call.instance.clone(),
        call.caller.clone(),
        call.command.clone(),
    ]
}

/// `succeeded in 12 ms: added object Cube`, `failed: …`
fn end_words(call: &CallView) -> String {
    let mut words = call.status.as_str().replace('_', " ");
    let Some(outcome) = &call.outcome else {
        return words;
    };
    if outcome.duration_ms > 0.0 {
        words.push_str(&format!(" in {}", short_ms(outcome.duration_ms)));
    }
    if let Some(problem) = &outcome.problem {
        words.push_str(&format!(": {}: {}", problem.code, problem.message));
    } else if !outcome.changes.is_empty() {
        words.push_str(&format!(": {}", outcome::changes_line(&outcome.changes)));
    }
    words
}

/// `state 12: added object Cube, by artist`
fn state_words(revision: u64, changes: Option<&Map<String, Value>>) -> String {
    let mut words = format!("state {revision}");
    let Some(changes) = changes else {
        return words;
    };
    let read: Option<wire::Changes> = serde_json::from_value(Value::Object(changes.clone())).ok();
    if let Some(read) = read.filter(|read| !read.is_empty()) {
        words.push_str(&format!(": {}", outcome::changes_line(&read)));
    } else if let Some(Value::Object(counts)) = changes.get("omitted") {
        let counts: Vec<String> = counts
            .iter()
            .filter(|(_, count)| count.as_u64().is_some_and(|count| count > 0))
            .map(|(did, count)| format!("{count} {did}"))
            .collect();
        words.push_str(&format!(": {}", counts.join(", ")));
    }
    if let Some(by) = changes.get("by").and_then(Value::as_str) {
        words.push_str(&format!(", by {by}"));
    }
    words
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(event: Value) -> Told {
        let mut whole = json!({"epoch": "e", "seq": 1, "at": "2030-01-01T00:00:00Z"});
        for (name, value) in event.as_object().unwrap() {
            whole[name] = value.clone();
        }
        serde_json::from_value(whole).unwrap()
    }

    fn call(more: Value) -> Value {
        let mut call = json!({"call_id": "call_1", "correlation_id": null, "app": "toy", "instance": "toy",
            "command": "toy.echo", "caller": "owner", "status": "queued", "asked_at": "2030-01-01T00:00:00Z"});
        for (name, value) in more.as_object().unwrap() {
            call[name] = value.clone();
        }
        call
    }

    #[test]
    fn the_last_lines_of_output_are_told_with_the_end() {
        let mut lines = Lines::new(Filter::new(Some("toy".to_owned()), None), true);
        lines.event(&told(
            json!({"event": "call_queued", "call": call(json!({}))}),
        ));
        let output = json!({"event": "call_output", "call_id": "call_1", "stream": "stdout", "text": "one\ntw"});
        lines.event(&told(output));
        let outcome = json!({"status": "succeeded", "value": null, "duration_ms": 1.0, "changes": {}, "memory": {"rss_mb": null, "delta_mb": null},
            "output": {"stdout": "one\ntwo\nthree", "stderr": "oh\n"}});
        lines.event(&told(json!({"event": "call_ended", "call": call(outcome)})));
        let shown: Vec<&str> = lines.ready.iter().map(|line| line.what.as_str()).collect();
        assert_eq!(
            shown,
            [
                "asked",
                "│ one",
                "│ two",
                "│ three",
                "│ oh",
                "succeeded in 1.0 ms"
            ]
        );
    }
}
