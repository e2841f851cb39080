//! Pictures of what an instance shows, for somebody who looks at it from afar.
//!
//! In comes somebody who looks now; out goes the newest picture there is. A new one is taken by the
//! app's own command of the role [`LOOK`], as an ordinary call of the one who looks, and only when nothing runs or
//! waits there, the app's state has changed since, and the last one is a few seconds old. So several who
//! look cost no more than one, and nobody looking costs nothing. An app without that command has no pictures.
//!
//! ```text
//! nothing ── idle, a new revision, not too soon ──> taking ──> kept (or failed: not again for a minute)
//! ```
//!
//! A look is nobody's work: the instance is as idle as before while one is taken, since when it was, and the
//! feed is not told. Its bridge keeps the mark, so that it is a look to the next hub as well when this one is killed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use tokio::time::Instant;
use wire::command::role::LOOK;
use wire::{
    CallRequest, Code, CommandSpec, Effect, InstanceName, InstanceState, Mode, Problem, Runs,
};

use crate::call::Call;
use crate::callers::Caller;
use crate::catalog::Catalog;
use crate::clock::{millis, rfc3339};
use crate::corridor::Origin;
use crate::limits;
use crate::looks::MARK;
use crate::tickets::{Asked, Tickets};

/// How wide and high a picture is asked for, in pixels: a card on a page, twice as fine.
const WIDTH: u32 = 720;
const HEIGHT: u32 = 450;

/// The newest picture of each instance.
#[derive(Default)]
pub(crate) struct Pictures {
    kept: Mutex<BTreeMap<InstanceName, Kept>>,
}

struct Kept {
    /// When the last one was begun.
    begun: Instant,
    failed: bool,
    /// The app's state that the last one was begun at.
    revision: Option<u64>,
    picture: Option<Picture>,
}

/// A picture and when it was taken.
#[derive(Clone, Debug, Serialize)]
pub struct Picture {
    #[serde(rename = "$blob")]
    pub blob: String,
    pub width: Option<u64>,
    pub height: Option<u64>,
    /// RFC 3339.
    pub taken_at: String,
    /// The revision of the app's state that it shows.
    pub revision: Option<u64>,
}

/// The newest picture, taken now if it is time for one.
pub(crate) async fn look(
    pictures: &Pictures,
    tickets: &Tickets,
    caller: &Caller,
    name: &InstanceName,
) -> Result<Option<Picture>, Problem> {
    let instance = tickets.desk.roster.named(name)?;
    let app = tickets.desk.catalog.app_of(&instance.app, name)?;
    let command = app.command_for(LOOK, &["width", "height"])?;
    // It is taken unasked, so it may do nothing but look.
    if command.spec.effect != Effect::Read {
        return Err(Problem::new(
            Code::NOT_SUPPORTED,
            format!(
                "No picture is taken of {}: its `{}` does more than look.",
                app.title, command.spec.name
            ),
        ));
    }
    let view = instance.view();
    let revision = instance.snapshot().map(|snapshot| snapshot.revision);
    let is_free = view.state == InstanceState::Idle && instance.lane.load() == 0;
    if is_free && pictures.begin(name, revision) {
        let request = CallRequest {
            instance: Some(name.clone()),
            timeout_ms: Some(millis(limits::PICTURE_TIMEOUT)),
            correlation_id: Some(MARK.to_owned()),
            ..CallRequest::new(
                instance.app.clone(),
                command.spec.name.clone(),
                args(&command.spec, view.mode),
            )
        };
        let taken = take(tickets, caller, request, revision).await;
        pictures.put(name, taken);
    }
    Ok(pictures.newest(name))
}

/// The picture file that a call of the hub's own side made last: what its progress names, or in the end its sheet.
/// Never one that a bridge names: that could be any file.
pub(crate) fn made_by(catalog: &Catalog, call: &Call) -> Result<PathBuf, Problem> {
    let app = catalog.app(&call.app)?;
    let none = |message: String| Problem::new(Code::NOT_SUPPORTED, message);
    if app.command(&call.command)?.spec.runs != Runs::Hub {
        return Err(none(format!(
            "`{}` has no picture files to show.",
            call.command
        )));
    }
    let view = call.view();
    let named = |value: Option<&Value>| value.and_then(Value::as_str).map(PathBuf::from);
    let last = view.progress.and_then(|progress| {
        let details = progress.details?;
        named(details.get("last"))
    });
    let sheet = view
        .outcome
        .and_then(|outcome| named(outcome.value.get("sheet")));
    sheet
        .or(last)
        .ok_or_else(|| none("No picture is finished yet.".to_owned()))
}

async fn take(
    tickets: &Tickets,
    caller: &Caller,
    request: CallRequest,
    revision: Option<u64>,
) -> Option<Picture> {
    let Ok(Asked::One(call)) = tickets.ask(caller, request, Origin::default()) else {
        return None;
    };
    // The call's own time is over by then; a bridge that says nothing is another's business.
    call.ended(Some(limits::PICTURE_TIMEOUT)).await;
    let outcome = call.stage().outcome?;
    let image = outcome.value.get("image")?;
    Some(Picture {
        blob: image.get("$blob")?.as_str()?.to_owned(),
        width: image.get("width").and_then(Value::as_u64),
        height: image.get("height").and_then(Value::as_u64),
        taken_at: rfc3339(OffsetDateTime::now_utc()),
        revision,
    })
}

/// A small picture; of a window the view that its artist has, as that is shaped.
fn args(spec: &CommandSpec, mode: Mode) -> Map<String, Value> {
    let mut args = Map::new();
    if spec.takes("width") {
        args.insert("width".to_owned(), json!(WIDTH));
    }
    let view = spec.properties().find(|(name, _)| *name == "view");
    if mode == Mode::Gui && view.is_some_and(|(_, schema)| has_current(schema)) {
        args.insert("view".to_owned(), json!("current"));
    } else if spec.takes("height") {
        args.insert("height".to_owned(), json!(HEIGHT));
    }
    args
}

fn has_current(schema: &Value) -> bool {
    let choices = schema.get("enum").and_then(Value::as_array);
    choices.is_some_and(|choices| choices.iter().any(|choice| choice == "current"))
}

impl Pictures {
    /// Whether it is time for one; from then on it is being taken.
    fn begin(&self, name: &InstanceName, revision: Option<u64>) -> bool {
        let mut kept = self.lock();
        let known = kept.get_mut(name);
        let is_due = known.as_ref().is_none_or(|known| {
            let wait = match known.failed {
                true => limits::PICTURE_RETRY,
                false => limits::PICTURE_INTERVAL,
            };
            known.begun.elapsed() >= wait && (known.failed || known.revision != revision)
        });
        if !is_due {
            return false;
        }
        match known {
            Some(known) => {
                known.begun = Instant::now();
                known.revision = revision;
            }
            None => {
                // Instances that are gone make room.
                if kept.len() >= limits::INSTANCES_MAX {
                    kept.pop_first();
                }
                let first = Kept {
                    begun: Instant::now(),
                    failed: false,
                    revision,
                    picture: None,
                };
                kept.insert(name.clone(), first);
            }
        }
        true
    }

    fn put(&self, name: &InstanceName, taken: Option<Picture>) {
        if let Some(known) = self.lock().get_mut(name) {
            known.failed = taken.is_none();
            known.picture = taken.or_else(|| known.picture.take());
        }
    }

    fn newest(&self, name: &InstanceName) -> Option<Picture> {
        self.lock().get(name)?.picture.clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<InstanceName, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Option<Picture> {
        Some(Picture {
            blob: "sha256:00".to_owned(),
            width: None,
            height: None,
            taken_at: String::new(),
            revision: Some(1),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_one_is_due_when_something_changed_and_not_too_soon() {
        let pictures = Pictures::default();
        let name = InstanceName::new("toy");
        assert!(pictures.begin(&name, Some(1)));
        assert!(!pictures.begin(&name, Some(1)), "it is being taken");
        pictures.put(&name, picture());
        assert!(!pictures.begin(&name, Some(2)), "too soon");
        tokio::time::advance(limits::PICTURE_INTERVAL).await;
        assert!(!pictures.begin(&name, Some(1)), "nothing has changed");
        assert!(pictures.begin(&name, Some(2)));
        pictures.put(&name, None);
        assert_eq!(pictures.newest(&name).unwrap().revision, Some(1));
        tokio::time::advance(limits::PICTURE_INTERVAL).await;
        assert!(!pictures.begin(&name, Some(3)), "it has just failed");
        tokio::time::advance(limits::PICTURE_RETRY).await;
        assert!(pictures.begin(&name, Some(2)));
    }
}
