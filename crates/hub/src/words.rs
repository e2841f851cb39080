//! The words of a request: names, ids, keys and labels are short, whichever door it came through.
//!
//! In comes a request of a call; out comes a problem that names the first word which is too long. Arguments are no
//! words: they are the business of the command's description, and of [`crate::history`] for what is kept of them.

use std::collections::BTreeMap;

use wire::job::Select;
use wire::{CallId, CallRequest, Code, Problem};

use crate::limits;

/// # Errors
/// `arguments_invalid`.
pub(crate) fn in_bounds(request: &CallRequest) -> Result<(), Problem> {
    // All members by name: a new one does not compile before it has a bound.
    let CallRequest {
        app,
        instance,
        command,
        args: _,
        timeout_ms: _,
        wait: _,
        check_only: _,
        correlation_id,
        confirm,
        revision: _,
        select,
        durable: _,
        priority: _,
        not_before,
        deadline,
        retry: _,
        idempotency_key,
        labels,
        after,
    } = request;
    word("app", app.as_str())?;
    word("command", command)?;
    let instance = instance.as_ref().map(wire::InstanceName::as_str);
    maybe("instance", instance)?;
    maybe("correlation_id", correlation_id.as_deref())?;
    maybe("confirm", confirm.as_deref())?;
    maybe("not_before", not_before.as_deref())?;
    maybe("deadline", deadline.as_deref())?;
    maybe("idempotency_key", idempotency_key.as_deref())?;
    selector(select.as_ref())?;
    names(labels)?;
    after.iter().try_for_each(id)
}

fn selector(select: Option<&Select>) -> Result<(), Problem> {
    let Some(Select {
        version,
        mode: _,
        label,
        file,
    }) = select
    else {
        return Ok(());
    };
    maybe("select.version", version.as_deref())?;
    maybe("select.label", label.as_deref())?;
    let file = file.as_deref().unwrap_or_default();
    bounded("select.file", file, limits::PATH_BYTES_MAX)
}

fn names(labels: &BTreeMap<String, String>) -> Result<(), Problem> {
    labels.iter().try_for_each(|(name, value)| {
        word("labels", name)?;
        word("labels", value)
    })
}

fn id(id: &CallId) -> Result<(), Problem> {
    word("after", id.as_str())
}

fn maybe(name: &str, text: Option<&str>) -> Result<(), Problem> {
    text.map_or(Ok(()), |text| word(name, text))
}

fn word(name: &str, text: &str) -> Result<(), Problem> {
    bounded(name, text, limits::WORD_BYTES_MAX)
}

fn bounded(name: &str, text: &str, max: usize) -> Result<(), Problem> {
    if text.len() <= max {
        return Ok(());
    }
    Err(Problem::new(
        Code::ARGUMENTS_INVALID,
        format!("`{name}` has {} bytes; the most is {max}.", text.len()),
    )
    .hint("Put long values in `args`."))
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    #[test]
    fn each_word_has_a_bound_and_arguments_have_none() {
        let long = "x".repeat(limits::WORD_BYTES_MAX + 1);
        let with = |name: &str, value: serde_json::Value| {
            let mut body = json!({"app": "toy", "command": "toy.echo", "args": {"a": long}});
            body[name] = value;
            let request: CallRequest = serde_json::from_value(body).unwrap();
            in_bounds(&request)
        };
        with("wait", json!(true)).unwrap();
        for name in [
            "app",
            "command",
            "instance",
            "correlation_id",
            "confirm",
            "not_before",
            "deadline",
            "idempotency_key",
        ] {
            let problem = with(name, json!(long)).unwrap_err();
            assert!(
                problem.message.starts_with(&format!("`{name}` has")),
                "{problem}"
            );
        }
        with("select", json!({"version": long})).unwrap_err();
        with("select", json!({"label": long})).unwrap_err();
        with(
            "select",
            json!({"file": "x".repeat(limits::PATH_BYTES_MAX)}),
        )
        .unwrap();
        with(
            "select",
            json!({"file": "x".repeat(limits::PATH_BYTES_MAX + 1)}),
        )
        .unwrap_err();
        with("labels", json!({"a": long})).unwrap_err();
        with(
            "labels",
            json!(Map::from_iter([(long.clone(), json!("a"))])),
        )
        .unwrap_err();
        with("after", json!([long])).unwrap_err();
    }
}
