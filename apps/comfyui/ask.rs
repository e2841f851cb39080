//! The calls `workflow.convert` and `workflow.check`: reads what is given, within bounds, and answers.
//!
//! A workflow or an `/object_info` comes as the JSON itself, as the path of a file, or as a blob. The work is done
//! aside, as a large workflow keeps a processor busy for some tenths of a second.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use hub::command_context::{CommandContext, Conducted, Conducting, Context};
use serde_json::{Value, json};
use wire::{Code, Problem};

use super::bounds::{OBJECT_INFO_BYTES_MAX, WORKFLOW_BYTES_MAX};
use super::check;
use super::convert::{Converted, convert};
use super::graph;
use super::notes::Note;
use super::schema::{self, Schema};
use super::workflow;

/// Runs a command of this app.
pub(super) fn conduct(context: Context) -> Conducting {
    Box::pin(async move {
        let work = tokio::task::spawn_blocking(move || match context.command() {
            "workflow.convert" => convert_workflow(&*context),
            "workflow.check" => check_workflow(&*context),
            other => Err(Problem::new(
                Code::NOT_SUPPORTED,
                format!("The hub cannot run `{other}` for ComfyUI."),
            )),
        });
        let result = work.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a command for workflows broke");
            Err(Problem::new(
                Code::INTERNAL,
                "The workflow could not be read because of a fault in Kapelle.",
            ))
        });
        Conducted::from(result)
    })
}

fn convert_workflow(context: &dyn CommandContext) -> Result<Value, Problem> {
    let given = workflow_of(context)?;
    if let Some(graph) = graph::graph_in(&given) {
        return Ok(json!({"graph": graph, "warnings": []}));
    }
    let schema = schema_of(context)?;
    let converted = converted(&given, &schema)?;
    if !converted.refusals.is_empty() {
        return Err(refused(converted.refusals.into_vec()));
    }
    Ok(json!({"graph": converted.graph, "warnings": converted.warnings.into_vec()}))
}

fn check_workflow(context: &dyn CommandContext) -> Result<Value, Problem> {
    let given = workflow_of(context)?;
    let schema = schema_of(context)?;
    let may_cost = context.args().get("allow_paid") == Some(&Value::Bool(true));
    let faults = match graph::graph_in(&given) {
        Some(graph) => check::graph(graph, &schema, may_cost, Vec::new()),
        None => {
            let converted = converted(&given, &schema)?;
            let refusals = converted.refusals.into_vec();
            check::graph(&Value::Object(converted.graph), &schema, may_cost, refusals)
        }
    };
    Ok(json!({"ok": faults.is_empty(), "faults": faults}))
}

fn converted(given: &Value, schema: &Schema) -> Result<Converted, Problem> {
    if !workflow::is_ui_form(given) {
        return Err(Problem::new(
            Code::ARGUMENTS_INVALID,
            "`workflow` is neither a workflow as ComfyUI saves it (with `nodes`) nor a graph in API format (nodes by id, each with `class_type`).",
        )
        .hint("Give the file that ComfyUI's Save or Export wrote."));
    }
    let workflow = workflow::read(given).map_err(|why| {
        Problem::new(
            Code::ARGUMENTS_INVALID,
            format!("The workflow cannot be read: {why}"),
        )
    })?;
    Ok(convert(&workflow, schema))
}

fn refused(refusals: Vec<Note>) -> Problem {
    let told = |note: &Note| {
        if note.node.is_empty() {
            note.message.clone()
        } else {
            format!("Node {}: {}", note.node, note.message)
        }
    };
    let first = refusals.first().map(told).unwrap_or_default();
    let message = match refusals.len() {
        1 => format!("The workflow cannot be converted. {first}"),
        count => {
            format!("The workflow cannot be converted for {count} reasons. The first: {first}")
        }
    };
    Problem::new(Code::NOT_SUPPORTED, message)
        .hint("`workflow.check` lists everything that is wrong with it.")
        .detail("refusals", json!(refusals))
}

fn workflow_of(context: &dyn CommandContext) -> Result<Value, Problem> {
    let value = context.args().get("workflow").cloned().unwrap_or_default();
    document(context, value, "workflow", WORKFLOW_BYTES_MAX)
}

fn schema_of(context: &dyn CommandContext) -> Result<Schema, Problem> {
    let given = context.args().get("object_info").cloned();
    let Some(given) = given.filter(|given| !given.is_null()) else {
        return Err(Problem::new(
            Code::NO_INSTANCE,
            "No ComfyUI is connected that could say what its nodes take.",
        )
        .hint(wire::hint![
            "Give what it answers at /object_info: ",
            wire::Step::argument(
                "object_info",
                "/path/to/object_info.json",
                "object_info=@FILE"
            ),
            "."
        ]));
    };
    let given = document(context, given, "object_info", OBJECT_INFO_BYTES_MAX)?;
    schema::read(&given).map_err(|why| Problem::new(Code::ARGUMENTS_INVALID, why))
}

/// The JSON that an argument is or names.
fn document(
    context: &dyn CommandContext,
    value: Value,
    name: &str,
    bytes_max: u64,
) -> Result<Value, Problem> {
    let blob = value.get("$blob").and_then(Value::as_str);
    if let Some(blob) = blob {
        return read_file(&context.blob(blob)?, name, bytes_max);
    }
    match value {
        // Some clients send JSON as text.
        Value::String(text) if text.trim_start().starts_with('{') => {
            serde_json::from_str(&text).map_err(|error| not_json(name, &error))
        }
        Value::String(path) => read_file(&context.may_read(Path::new(&path))?, name, bytes_max),
        Value::Object(_) => Ok(value),
        _ => Err(Problem::new(
            Code::ARGUMENTS_INVALID,
            format!("`{name}` must be a JSON object, the path of a file or a blob."),
        )),
    }
}

fn read_file(path: &PathBuf, name: &str, bytes_max: u64) -> Result<Value, Problem> {
    let unreadable = |error: std::io::Error| {
        let (code, what) = match error.kind() {
            std::io::ErrorKind::NotFound => (Code::FILE_NOT_FOUND, "There is no file".to_owned()),
            _ => (Code::CALL_FAILED, format!("{error}:")),
        };
        Problem::new(code, format!("{what} {}.", path.display())).hint(format!(
            "Check the path in `{name}`; it is read on the machine where the hub runs."
        ))
    };
    // A pipe would be waited for.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(Problem::new(
            Code::ARGUMENTS_INVALID,
            format!("{} is not a file.", path.display()),
        ));
    }
    let file = File::open(path).map_err(unreadable)?;
    let mut text = Vec::new();
    file.take(bytes_max + 1)
        .read_to_end(&mut text)
        .map_err(unreadable)?;
    if text.len() as u64 > bytes_max {
        return Err(Problem::new(
            Code::ARGUMENTS_INVALID,
            format!(
                "{} is larger than {} MB, the most that is read as `{name}`.",
                path.display(),
                bytes_max / (1024 * 1024)
            ),
        ));
    }
    serde_json::from_slice(&text).map_err(|error| not_json(name, &error))
}

fn not_json(name: &str, error: &serde_json::Error) -> Problem {
    Problem::new(
        Code::ARGUMENTS_INVALID,
        format!("`{name}` is not JSON: {error}."),
    )
}
