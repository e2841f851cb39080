use std::io;

use clap::Args;
use client::{Client, problems, segment, typed};
use serde_json::{Map, Value, json};
use terminal::answer::{Answer, Answered};
use terminal::calling::{command_for, confirm};
use terminal::outcome;
use terminal::screen::Out;
use terminal::session::Session;
use terminal::ui::{FAINT, Ui};
use wire::call::CallView;
use wire::command::role;
use wire::{Code, InstanceView, Status};

use crate::pick;

/// Undo the last change in an app
///
/// One step is one call that changed something, or one action of the artist's. What somebody else did stays unless you
/// add `--through`.
#[derive(Args, Debug)]
pub struct Undo {
    #[command(flatten)]
    steps: Steps,
}

/// Redo what was undone last
///
/// Works as long as nothing else has been done since.
#[derive(Args, Debug)]
pub struct Redo {
    #[command(flatten)]
    steps: Steps,
}

/// Undo the changes of one call
///
/// If something came after it, `kapelle revert` lists what would be undone too; `--through` undoes all of it.
/// `kapelle history` shows the calls, `kapelle redo` brings them back.
#[derive(Args, Debug)]
pub struct Revert {
    /// The call, or the beginning of its id.
    #[arg(value_name = "CALL_ID")]
    call: String,
    /// Undo what came after it as well.
    #[arg(long)]
    through: bool,
    /// Agree where a person must confirm.
    #[arg(long, short)]
    yes: bool,
}

#[derive(Args, Debug)]
struct Steps {
    /// How many steps.
    #[arg(value_name = "STEPS", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    steps: u16,
    /// The instance [default: the only one, or the one named like its app]
    #[arg(long, short, value_name = "NAME")]
    instance: Option<String>,
    /// Include steps of the artist's.
    #[arg(long)]
    through: bool,
    /// Agree where a person must confirm.
    #[arg(long, short)]
    yes: bool,
}

impl Undo {
    pub(crate) fn run(self, session: &Session) -> Answered {
        self.steps.take(session, role::UNDO, "undone")
    }
}

impl Redo {
    pub(crate) fn run(self, session: &Session) -> Answered {
        self.steps.take(session, role::REDO, "redone")
    }
}

impl Steps {
    fn take(self, session: &Session, role: &str, list: &'static str) -> Answered {
        let client = session.hub()?;
        let name = pick::instance(&client, self.instance.as_deref(), &format!("{role} -i"))?;
        let instance: InstanceView = typed(&client.get(&format!("/v1/instances/{name}"))?)?;
        let command = command_for(&client, instance.app.as_str(), role)?;
        let mut args = Map::from_iter([("steps".to_owned(), json!(self.steps))]);
        if self.through {
            args.insert("through".into(), true.into());
        }
        let asked =
            json!({"app": instance.app, "instance": name, "command": command, "args": args});
        ask(session, &client, asked, self.yes, list)
    }
}

impl Revert {
    pub(crate) fn run(self, session: &Session) -> Answered {
        let client = session.hub()?;
        let path = format!("/v1/calls/{}", segment("call id", &self.call)?);
        let call: CallView = typed(&client.get(&path)?)?;
        if let Some(by) = &call.undone_by {
            return Err(problems::new(
                Code::CALL_FAILED,
                format!("{} has already been undone, by {by}.", call.call_id),
                "To bring it back, as long as nothing else was done since: kapelle redo",
            ));
        }
        let mut args = Map::from_iter([("id".to_owned(), json!(call.call_id))]);
        if self.through {
            args.insert("through".into(), true.into());
        }
        let command = command_for(&client, call.app.as_str(), role::REVERT)?;
        let asked = json!({
            "app": call.app, "instance": call.instance, "command": command, "args": args
        });
        ask(session, &client, asked, self.yes, "undone")
    }
}

fn ask(
    session: &Session,
    client: &Client,
    mut asked: Value,
    yes: bool,
    list: &'static str,
) -> Answered {
    let go = |asked: &Value| client.post_within("/v1/calls", asked, None);
    let document = match go(&asked) {
        Err(problem) if problem.code == Code::CONFIRMATION_REQUIRED => {
            asked["confirm"] = confirm(session.ui, yes, problem)?.into();
            go(&asked)?
        }
        other => other?,
    };
    let call: CallView = typed(&document)?;
    Ok(Box::new(Taken {
        document,
        call,
        list,
    }))
}

/// What was undone or redone.
struct Taken {
    document: Value,
    call: CallView,
    list: &'static str,
}

impl Taken {
    fn value(&self) -> &Value {
        let outcome = self.call.outcome.as_ref();
        outcome.map_or(&Value::Null, |outcome| &outcome.value)
    }
}

impl Answer for Taken {
    fn json(&self) -> Value {
        self.document.clone()
    }

    fn text(&self, out: &mut dyn Out) -> io::Result<()> {
        if self.call.status != Status::Succeeded {
            return Ok(());
        }
        let steps = self.value()[self.list].as_array();
        for step in steps.into_iter().flatten() {
            writeln!(out, "{}: {}", self.list, step_words(step))?;
        }
        Ok(())
    }

    fn remarks(&self, ui: Ui) {
        let lost = self.value()["invalid_variables"].as_array();
        let lost: Vec<&str> = lost
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if !lost.is_empty() {
            ui.warn(format_args!(
                "these variables refer to things that are gone: {}",
                lost.join(", ")
            ));
        }
        if let Some(problem) = self
            .call
            .outcome
            .as_ref()
            .and_then(|outcome| outcome.problem.as_ref())
        {
            ui.complain(problem);
        } else if self.call.status != Status::Succeeded {
            ui.say(format_args!(
                "{FAINT}{}{FAINT:#}",
                outcome::status_words(&self.call)
            ));
        }
    }

    fn exit_code(&self) -> u8 {
        outcome::exit_code(&self.call)
    }
}

/// `object.create of owner`, or the label of an artist's step.
fn step_words(step: &Value) -> String {
    let text = |key: &str| step[key].as_str().filter(|text| !text.is_empty());
    match (text("command"), text("owner"), text("label")) {
        (Some(command), Some(owner), _) => format!("{command} by {owner}"),
        (_, _, Some(label)) => format!("{label} by the artist"),
        _ => step.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_told_by_who_made_it() {
        let ours = json!({"by": "call", "label": "x", "command": "object.create", "owner": "ann"});
        assert_eq!(step_words(&ours), "object.create by ann");
        assert_eq!(
            step_words(&json!({"by": "artist", "label": "Move"})),
            "Move by the artist"
        );
    }
}
