//! The feed, live in the terminal.
//!
//! In come the events of `GET /v1/events`; out goes one line for each, on stdout. When the hub goes away
//! it is waited for, and the feed goes on from where it was: what was missed is told then, or, if it is
//! not kept any more, what is known. How a line looks is [`lines`]'s business.

use std::io;
use std::time::{Duration, Instant};

use client::sse::{Events, SseEvent};
use client::{Client, problems, typed};
use terminal::answer::{Answered, Spoken};
use terminal::screen;
use terminal::session::Session;
use terminal::ui::FAINT;
use wire::event::{Event, Position, Resync, Told, Topic};
use wire::{CallId, Code, Problem};

mod lines;

use lines::{Filter, Lines};

/// First wait before a hub that went away is looked for again; doubles each time.
const RETRY_MIN: Duration = Duration::from_millis(200);
/// Longest wait between two looks.
const RETRY_MAX: Duration = Duration::from_secs(3);
/// How long a hub may be away: an update or a restart of the machine's services, not a night.
const AWAY_MAX: Duration = Duration::from_secs(600);

/// What of the feed is wanted.
pub(crate) struct Wanted {
    pub(crate) app: Option<String>,
    pub(crate) instance: Option<String>,
    pub(crate) topics: Vec<String>,
    /// The end, after so many events.
    pub(crate) limit: Option<u64>,
}

/// Watches until it is ended, the limit is reached, or the hub stays away.
///
/// # Errors
/// When there is no hub, or it refuses to tell.
pub(crate) fn watch(session: &Session, words: &Wanted) -> Answered {
    if let Some(wrong) = words
        .topics
        .iter()
        .find(|topic| Topic::parse(topic).is_none())
    {
        return Err(problems::usage(
            format!("There is no topic `{wrong}`."),
            "The topics are calls, instances, state, jobs and call:ID.",
        ));
    }
    let mut watching = Watching {
        session,
        limit: words.limit,
        open: single_calls(&words.topics),
        position: None,
        lines: Lines::new(
            Filter::new(words.app.clone(), words.instance.clone()),
            // Calls tell it already.
            words.topics.iter().any(|topic| topic == "calls"),
        ),
    };
    let path = format!("/v1/events?topics={}", words.topics.join(","));
    let mut client = session.hub()?;
    let mut is_back = false;
    loop {
        match watching.read(&client, &path, is_back) {
            Ok(Ended::Enough) => return Ok(Box::new(Spoken)),
            Ok(Ended::HubWentAway) => {}
            Err(problem) if problem.code == Code::HUB_UNREACHABLE => {}
            Err(problem) => return Err(problem),
        }
        client = come_back(session)?;
        is_back = true;
    }
}

/// The ids, or beginnings of ids, where nothing but single calls is wanted; else nothing.
fn single_calls(topics: &[String]) -> Option<Vec<String>> {
    let id = |topic: &String| Some(bare(topic.strip_prefix("call:")?).to_owned());
    topics.iter().map(id).collect()
}

fn bare(id: &str) -> &str {
    id.strip_prefix("call_").unwrap_or(id)
}

struct Watching<'a> {
    session: &'a Session,
    limit: Option<u64>,
    /// The calls that have not ended, where only they are watched: with the last of them it ends too.
    open: Option<Vec<String>>,
    position: Option<Position>,
    lines: Lines,
}

enum Ended {
    Enough,
    HubWentAway,
}

impl Watching<'_> {
    /// One stream to its end.
    fn read(&mut self, client: &Client, path: &str, is_back: bool) -> Result<Ended, Box<Problem>> {
        let since = self.position.as_ref().map(ToString::to_string);
        let mut events = Events::new(client.events(path, since.as_deref())?);
        if is_back {
            self.say(format_args!("the hub is back at {}", client.url()));
        }
        loop {
            let is_over = self.open.as_ref().is_some_and(Vec::is_empty);
            if self.limit == Some(0) || is_over {
                return Ok(Ended::Enough);
            }
            let Ok(Some(event)) = events.next_event() else {
                return Ok(Ended::HubWentAway);
            };
            match self.take(&event)? {
                Ok(()) => {}
                // Who reads our output has seen enough.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    return Ok(Ended::Enough);
                }
                Err(error) => {
                    return Err(problems::file(
                        "stdout".as_ref(),
                        "cannot be written",
                        &error,
                    ));
                }
            }
        }
    }

    fn take(&mut self, event: &SseEvent) -> Result<io::Result<()>, Box<Problem>> {
        let mut document = event.document().map_err(problems::strange_answer)?;
        self.position = Some(typed(&document)?);
        let is_resync = event.name == "resync";
        let shown = if is_resync {
            let mut resync: Resync = typed(&document)?;
            for call in resync.calls.iter().flatten() {
                if call.status.is_end() {
                    self.ended(&call.call_id);
                }
            }
            self.lines.resync(&mut resync);
            document = serde_json::to_value(&resync).map_err(problems::strange_answer)?;
            document["event"] = "resync".into();
            true
        } else {
            // An event of a newer hub has no line.
            match serde_json::from_str::<Told>(&event.data) {
                Ok(told) => {
                    if let Event::CallEnded { call } = &told.event {
                        self.ended(&call.call_id);
                    }
                    self.lines.event(&told)
                }
                Err(_) => return Ok(Ok(())),
            }
        };
        if !shown {
            return Ok(Ok(()));
        }
        if let Some(left) = self.limit.as_mut().filter(|_| !is_resync) {
            *left -= 1;
        }
        let written = if self.session.ui.json {
            self.lines.forget();
            screen::document_line(&document)
        } else {
            self.lines.print(&mut screen::out())
        };
        Ok(written)
    }

    fn ended(&mut self, id: &CallId) {
        let Some(open) = &mut self.open else {
            return;
        };
        // Ids are in capitals; few people type them so.
        let id = bare(id.as_str()).to_ascii_uppercase();
        open.retain(|typed| !id.starts_with(&typed.to_ascii_uppercase()));
    }

    fn say(&self, text: impl std::fmt::Display) {
        self.session.ui.say(format_args!("{FAINT}{text}{FAINT:#}"));
    }
}

/// Waits for a hub to be there again.
#[expect(
    clippy::disallowed_methods,
    reason = "nothing tells that a hub is back: its file is looked at"
)]
fn come_back(session: &Session) -> Result<Client, Box<Problem>> {
    session.ui.say(format_args!(
        "{FAINT}the hub went away; waiting for it{FAINT:#}"
    ));
    let began = Instant::now();
    let mut pause = RETRY_MIN;
    while began.elapsed() < AWAY_MAX {
        std::thread::sleep(pause);
        pause = (pause * 2).min(RETRY_MAX);
        match session.try_find() {
            Ok(Some(found)) => return Ok(found.client),
            Ok(None) => {}
            Err(problem) if problem.code == Code::HUB_UNREACHABLE => {}
            Err(problem) => return Err(problem),
        }
    }
    Err(problems::new(
        Code::HUB_UNREACHABLE,
        format!(
            "The hub has been away for {} minutes.",
            AWAY_MAX.as_secs() / 60
        ),
        session.how_to_start(),
    ))
}
