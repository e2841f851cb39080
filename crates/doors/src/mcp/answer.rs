//! What an answer says. The text suffices alone; the structured form carries the same for programs,
//! without a large part twice.
//!
//! Order of the text: what came out, what was printed, what changed, pictures, the call in one line, and
//! the next useful step. What does not fit is cut in the middle, and the answer says where the rest is.

use hub::Checked;
use hub::catalog::near_or_all;
use rmcp::ErrorData;
use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Map, Value, json};
use wire::command::role;
use wire::outcome::{Changes, Item, OutcomeBody};
use wire::{CallView, Code, Door, Effect, Problem, Status, hint};

use super::{Mcp, cut, images, uris};
use crate::limits;

/// Before the next step, in every answer.
const NEXT: &str = "Next: ";

/// A result with text and the same for programs.
pub(crate) fn plain(text: impl Into<String>, structured: Value) -> CallToolResult {
    let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
    result.structured_content = Some(structured);
    result
}

/// Nothing ran, or the tool could not do its part.
pub(crate) fn problem(problem: &Problem) -> CallToolResult {
    let mut result = CallToolResult::error(vec![ContentBlock::text(problem_text(problem))]);
    result.structured_content = Some(json!({ "problem": problem.clone().told_at(Door::Mcp) }));
    result
}

/// The answer of a tool that takes the command's arguments as its own: what a hint says of `args` is said of the tool.
pub(crate) fn with_own_arguments(mut result: CallToolResult) -> CallToolResult {
    let own = |text: &str| text.replace(hint::IN_ARGS, "");
    if let Some(ContentBlock::Text(said)) = result.content.first_mut()
        && let Some((before, next)) = said.text.rsplit_once(NEXT)
    {
        said.text = format!("{before}{NEXT}{}", own(next));
    }
    let problem = result
        .structured_content
        .as_mut()
        .and_then(|told| told.get_mut("problem"));
    if let Some(Value::String(hint)) = problem.and_then(|problem| problem.get_mut("hint")) {
        *hint = own(hint);
    }
    result
}

/// For requests that no tool answers: what cannot be told to the model.
pub(crate) fn protocol(problem: Problem) -> ErrorData {
    let text = match problem.hint_at(Door::Mcp) {
        Some(hint) => format!("{} {hint}", problem.message),
        None => problem.message.clone(),
    };
    ErrorData::invalid_params(text, Some(json!({ "code": problem.code })))
}

pub(crate) fn checked(checked: &Checked) -> CallToolResult {
    let text = format!(
        "`{}` would run ({}) with {}; nothing ran.\nNext: the same call without check_only.",
        checked.command,
        checked.effect.as_str(),
        Value::Object(checked.args.clone()),
    );
    plain(text, json!(checked))
}

/// Calls as they stand: ended, or still under way. `note` is what was done besides.
pub(crate) fn calls(mcp: &Mcp, views: &[CallView], note: Option<&str>) -> CallToolResult {
    let mut text = note.map(|note| format!("{note}\n")).unwrap_or_default();
    let mut blocks = Vec::new();
    let mut structured = Vec::new();
    for view in views {
        if views.len() > 1 {
            text.push_str(&format!("== {} ==\n", view.instance));
        }
        let (said, pictures) = one(mcp, view);
        text.push_str(&said);
        blocks.extend(pictures);
        structured.push(for_programs(view));
    }
    blocks.insert(0, ContentBlock::text(text.trim_end()));
    let failed = views
        .iter()
        .any(|view| view.status.is_end() && view.status != Status::Succeeded);
    let mut result = if failed {
        CallToolResult::error(blocks)
    } else {
        CallToolResult::success(blocks)
    };
    let mut structured = match structured.len() {
        1 => structured.remove(0),
        _ => json!({ "outcomes": structured }),
    };
    if let (Some(note), Some(members)) = (note, structured.as_object_mut()) {
        members.insert("note".into(), note.into());
    }
    result.structured_content = Some(structured);
    result
}

/// One call as text, and its pictures.
fn one(mcp: &Mcp, view: &CallView) -> (String, Vec<ContentBlock>) {
    let Some(outcome) = &view.outcome else {
        return (under_way(view), Vec::new());
    };
    let mut text = String::new();
    let mut blocks = Vec::new();
    match &outcome.problem {
        Some(problem) => text.push_str(&reason_text(problem)),
        None => text.push_str(&value_text(view, outcome)),
    }
    printed(&mut text, view, outcome);
    if !outcome.changes.is_empty() {
        text.push_str(&format!("changes: {}\n", changes_text(&outcome.changes)));
    }
    if let Some(by) = &view.undone_by {
        text.push_str(&format!("undone by {by}\n"));
    }
    for picture in images::of(&mcp.hub, &outcome.value) {
        text.push_str(&format!("{}\n", picture.line));
        blocks.extend(picture.blocks);
    }
    text.push_str(&format!(
        "({} {} in {:.1} ms on {}, {})\n",
        view.command,
        view.status.as_str(),
        outcome.duration_ms,
        view.instance,
        view.call_id,
    ));
    let next = match &outcome.problem {
        Some(problem) => mend(problem),
        None => next(mcp, view, outcome),
    };
    text.push_str(&format!("{NEXT}{next}\n"));
    (text, blocks)
}

fn value_text(view: &CallView, outcome: &OutcomeBody) -> String {
    let value = match &outcome.value {
        Value::Null if outcome.output.stdout.is_empty() => {
            return "done, no value\n".to_owned();
        }
        Value::Null => return String::new(),
        // Lines are read as lines.
        Value::String(text) if text.contains('\n') => text.clone(),
        value => value.to_string(),
    };
    if value.len() <= limits::ANSWER_VALUE_BYTES_MAX {
        return format!("{value}\n");
    }
    let cut = cut::middle(&value, limits::ANSWER_VALUE_BYTES_MAX);
    format!(
        "{cut}\n(the value has {} bytes; all of it is at {})\n",
        value.len(),
        whole(view)
    )
}

fn printed(text: &mut String, view: &CallView, outcome: &OutcomeBody) {
    let output = &outcome.output;
    for (name, printed) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        stream(text, view, name, printed);
    }
    let logs: Vec<String> = output
        .logs
        .iter()
        .map(|record| format!("{} {}: {}", record.level, record.source, record.text))
        .collect();
    stream(text, view, "log", &logs.join("\n"));
}

fn stream(text: &mut String, view: &CallView, name: &str, printed: &str) {
    if printed.trim().is_empty() {
        return;
    }
    let shown = cut::middle(printed.trim_end(), limits::ANSWER_OUTPUT_BYTES_MAX);
    text.push_str(&format!("{name}:\n{shown}\n"));
    if printed.len() > limits::ANSWER_OUTPUT_BYTES_MAX {
        text.push_str(&format!(
            "({name} has {} bytes; all of it is at {})\n",
            printed.len(),
            whole(view)
        ));
    }
}

/// Where all of an outcome is: for readers of resources and for programs.
fn whole(view: &CallView) -> String {
    format!(
        "{} and GET /v1/calls/{}",
        uris::call_uri(view.call_id.as_str()),
        view.call_id
    )
}

fn under_way(view: &CallView) -> String {
    let mut text = format!(
        "{} is {} on {}",
        view.command,
        view.status.as_str(),
        view.instance
    );
    if let (Some(position), Some(behind)) = (view.position, &view.behind) {
        text.push_str(&format!(
            ", {position} before it; {} of {} has been running for {} ms",
            behind.command, behind.caller, behind.running_ms
        ));
    }
    if let Some(progress) = &view.progress {
        let part = progress
            .fraction
            .map(|part| format!("{:.0} % ", part * 100.0))
            .unwrap_or_default();
        text.push_str(&format!(", {part}{}", progress.text));
    }
    format!(
        "{text}. It carries on by itself.\nNext: wait {{\"call_id\": \"{0}\"}} for its end, or \
         cancel {{\"call_id\": \"{0}\"}}.\n",
        view.call_id
    )
}

fn problem_text(problem: &Problem) -> String {
    format!("{}{NEXT}{}", reason_text(problem), mend(problem))
}

/// What happened, with what is known of it.
fn reason_text(problem: &Problem) -> String {
    let mut text = format!("{}: {}\n", problem.code, problem.message);
    // The hint says what to do with a value that confirms.
    let details = problem
        .details
        .iter()
        .filter(|(name, _)| *name != "confirm");
    for (name, detail) in details {
        let detail = match detail {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let detail = cut::middle(detail.trim_end(), limits::ANSWER_TWICE_BYTES_MAX);
        let separator = if detail.contains('\n') { "\n" } else { " " };
        text.push_str(&format!("{name}:{separator}{detail}\n"));
    }
    text
}

/// What to do about it.
fn mend(problem: &Problem) -> String {
    match (problem.hint_at(Door::Mcp), &problem.call_id) {
        (Some(hint), _) => hint,
        (None, _) if problem.retryable => "try the same again a little later.".to_owned(),
        (None, Some(id)) => {
            format!(
                "fix what the message names; history {{\"call_id\": \"{id}\"}} shows the whole \
                 call."
            )
        }
        (None, None) => "fix what the message names.".to_owned(),
    }
}

fn changes_text(changes: &Changes) -> String {
    let kinds = [
        ("added", &changes.added),
        ("changed", &changes.changed),
        ("removed", &changes.removed),
    ];
    let mut parts: Vec<String> = kinds
        .into_iter()
        .filter(|(_, items)| !items.is_empty())
        .map(|(kind, items)| format!("{kind} {}", items_text(items)))
        .collect();
    if let Some(more) = changes.truncated {
        parts.push(format!("and {more} more"));
    }
    parts.join("; ")
}

fn items_text(items: &[Item]) -> String {
    let shown: Vec<String> = items
        .iter()
        .take(limits::ANSWER_CHANGES_MAX)
        .map(|item| format!("{} `{}`", item.kind, item.name))
        .collect();
    match items.len().saturating_sub(shown.len()) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The step that is most often useful now.
fn next(mcp: &Mcp, view: &CallView, outcome: &OutcomeBody) -> String {
    let command_for = |role: &str| {
        let found = mcp
            .hub
            .command_for(&view.app, Some(&view.instance), role, &[]);
        found.ok().map(|spec| spec.name)
    };
    let can = |role: &str| command_for(role).is_some();
    let spec = mcp.hub.command(&view.app, &view.command).ok();
    let role_is = |role: &str| spec.as_ref().is_some_and(|spec| spec.has_role(role));
    let undid = role_is(role::UNDO) || role_is(role::REVERT) || view.undone_by.is_some();
    if let (true, Some(redo)) = (undid, command_for(role::REDO)) {
        let call = json!({"app": view.app, "command": redo});
        return format!("run {call} brings back what was undone last.");
    }
    if !outcome.changes.is_empty() {
        let mut steps = Vec::new();
        if can(role::LOOK) {
            steps.push("screenshot {} shows it".to_owned());
        }
        match &outcome.changes.cannot_undo {
            Some(why) => steps.push(format!("it cannot be undone: {why}")),
            None if can(role::REVERT) => {
                steps.push(format!("undo {} reverts it", json!({"call": view.call_id})));
            }
            None if can(role::UNDO) => steps.push("undo {} reverts it".to_owned()),
            None => {}
        }
        if !steps.is_empty() {
            return format!("{}.", steps.join("; ").trim_end_matches('.'));
        }
    }
    match spec.as_ref().map(|spec| spec.effect) {
        Some(Effect::Code) => {
            "more code (variables are kept), or find {\"query\": \"…\"} for a ready-made command."
                .to_owned()
        }
        Some(Effect::Read) => {
            "find {\"query\": \"…\"} names the command for what you want to do with it.".to_owned()
        }
        _ => "state {} shows how things are now; history {} what was done.".to_owned(),
    }
}

/// The same for programs. What is large stands in the text alone.
fn for_programs(view: &CallView) -> Value {
    let mut told = Map::new();
    told.insert("call_id".into(), json!(view.call_id));
    told.insert("app".into(), json!(view.app));
    told.insert("instance".into(), json!(view.instance));
    told.insert("command".into(), json!(view.command));
    told.insert("status".into(), json!(view.status));
    if let Some(progress) = &view.progress {
        told.insert("progress".into(), json!(progress));
    }
    let Some(outcome) = &view.outcome else {
        return Value::Object(told);
    };
    let mut part = |name: &str, part: Value| {
        let bytes = part.to_string().len();
        if bytes <= limits::ANSWER_TWICE_BYTES_MAX {
            told.insert(name.into(), part);
        } else {
            told.insert(format!("{name}_bytes"), bytes.into());
        }
    };
    part("value", outcome.value.clone());
    if !outcome.output.stdout.is_empty() {
        part("stdout", json!(outcome.output.stdout));
    }
    if !outcome.output.stderr.is_empty() {
        part("stderr", json!(outcome.output.stderr));
    }
    if !outcome.changes.is_empty() {
        part("changes", json!(outcome.changes));
    }
    if let Some(problem) = &outcome.problem {
        let mut bare = problem.clone().told_at(Door::Mcp);
        if json!(bare.details).to_string().len() > limits::ANSWER_TWICE_BYTES_MAX {
            bare.details.clear();
        }
        told.insert("problem".into(), json!(bare));
    }
    told.insert("duration_ms".into(), json!(outcome.duration_ms));
    Value::Object(told)
}

/// A text that is no call's: cut like a value.
pub(crate) fn value(value: &Value, next: &str) -> CallToolResult {
    let text = value.to_string();
    let shown = cut::middle(&text, limits::ANSWER_VALUE_BYTES_MAX);
    let structured = match text.len() <= limits::ANSWER_TWICE_BYTES_MAX {
        true => value.clone(),
        false => json!({ "bytes": text.len() }),
    };
    plain(format!("{shown}\nNext: {next}"), structured)
}

/// A tool was asked for that is not there.
pub(crate) fn unknown_tool(name: &str, names: &[String]) -> ErrorData {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let near = near_or_all(name, &names, "The tools are");
    ErrorData::invalid_params(
        format!("Unknown tool: `{name}`. {near}"),
        Some(json!({ "code": Code::COMMAND_UNKNOWN })),
    )
}

#[cfg(test)]
mod tests {
    use wire::Step;

    use super::*;

    #[test]
    fn a_tool_with_arguments_of_its_own_says_so() {
        let refused =
            Problem::new(Code::CALL_FAILED, "Later steps stand in the way.").hint(wire::hint![
                "Undo them too: ",
                Step::argument("through", true, "--through")
            ]);
        let by_name = problem(&refused);
        let own = with_own_arguments(by_name.clone());
        let texts = |result: &CallToolResult| {
            let ContentBlock::Text(said) = &result.content[0] else {
                panic!("an answer begins with its text");
            };
            let hint = result.structured_content.as_ref().unwrap()["problem"]["hint"].clone();
            (said.text.clone(), hint.as_str().unwrap().to_owned())
        };
        let (text, told) = texts(&by_name);
        assert!(
            text.ends_with(hint::IN_ARGS) && told.ends_with(hint::IN_ARGS),
            "{text}"
        );
        let (text, told) = texts(&own);
        let argument = "`\"through\": true`";
        assert!(
            text.ends_with(argument) && told.ends_with(argument),
            "{text}"
        );
    }
}
