//! The tool about durable calls: one, with a verb, because agents read every tool's description.

use hub::jobs::JobsAsked;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use wire::job::{Place, QueueChange};
use wire::{AppId, CallId, Code, JobChange, JobStatus, JobView, Problem};

use crate::jobs::ListQuery;
use crate::mcp::asking::{Answered, Asking, Stop};
use crate::mcp::{answer, confirm};

/// Jobs in one answer.
const LIST_MAX: usize = 100;
const LIST_DEFAULT: usize = 20;

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Verb {
    List,
    Show,
    Retry,
    Edit,
    Pause,
    Resume,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    verb: Verb,
    call_id: Option<CallId>,
    status: Option<String>,
    app: Option<AppId>,
    limit: Option<usize>,
    priority: Option<u8>,
    args: Option<Map<String, Value>>,
    place: Option<Place>,
    /// The value of an earlier `confirmation_required`.
    confirm: Option<String>,
}

pub(crate) async fn jobs(asking: &Asking<'_>) -> Answered {
    let said: Said = super::shelf::said(asking)?;
    let mut wanted = JobChange {
        priority: said.priority,
        args: said.args.clone(),
        place: said.place.clone(),
        ..JobChange::default()
    };
    match said.verb {
        Verb::List => return list(asking, said).await,
        Verb::Show => return show(asking, &said.call_id).await,
        Verb::Pause | Verb::Resume if said.call_id.is_none() => return queue(asking, said).await,
        Verb::Pause => wanted.paused = Some(true),
        Verb::Resume => wanted.paused = Some(false),
        Verb::Retry => wanted.status = Some(JobStatus::Queued),
        Verb::Edit => {}
    }
    let id = named(&said.call_id)?;
    wanted.confirm = confirm::given(asking)?.or(said.confirm);
    let job = loop {
        let hub = &asking.mcp.hub;
        let problem = match hub.change_job(&asking.caller, &id, wanted.clone()).await {
            Ok(job) => break job,
            Err(problem) if problem.code == Code::CONFIRMATION_REQUIRED => problem,
            Err(problem) => return Err(problem.into()),
        };
        match confirm::ask(asking, problem).await? {
            confirm::Asked::Yes(value) => wanted.confirm = Some(value),
            confirm::Asked::Later(response) => return Ok(*response),
        }
    };
    Ok(answer::plain(
        format!("{}\nNext: wait {{\"call_id\": \"{id}\"}}", line(&job)),
        json!(job),
    )
    .into())
}

async fn list(asking: &Asking<'_>, said: Said) -> Answered {
    let query: ListQuery =
        serde_json::from_value(json!({"status": said.status})).unwrap_or_default();
    let asked = JobsAsked {
        app: said.app,
        limit: said.limit.unwrap_or(LIST_DEFAULT).min(LIST_MAX),
        ..query.asked()?
    };
    let page = asking.mcp.hub.jobs(&asking.caller, asked).await?;
    let counts: Vec<String> = page
        .counts
        .iter()
        .map(|(status, count)| format!("{count} {}", status.as_str()))
        .collect();
    let counts = match counts.is_empty() {
        true => "No jobs are kept".to_owned(),
        false => counts.join(", "),
    };
    let lines: Vec<String> = page.jobs.iter().map(line).collect();
    let text = format!(
        "{counts}.\n{}\nNext: jobs {{\"verb\": \"show\", \"call_id\": \"…\"}} shows one in full.",
        lines.join("\n")
    );
    let ids: Vec<Value> = page
        .jobs
        .iter()
        .map(|job| json!({"call_id": job.call_id, "status": job.status}))
        .collect();
    Ok(answer::plain(text, json!({"jobs": ids, "counts": page.counts})).into())
}

async fn show(asking: &Asking<'_>, id: &Option<CallId>) -> Answered {
    let id = named(id)?;
    if id.as_str().starts_with("batch_") {
        let hub = &asking.mcp.hub;
        let batch = hub.batch_view(&asking.caller, id.as_str()).await?;
        let next = "jobs {\"verb\": \"show\", \"call_id\": \"…\"} shows one call in full.";
        return Ok(answer::value(&json!(batch), next).into());
    }
    let job = asking.mcp.hub.job(&asking.caller, &id).await?;
    let next = match job.status {
        JobStatus::Dead | JobStatus::Interrupted | JobStatus::Failed => {
            "jobs {\"verb\": \"retry\", …} runs it again, once the problem is fixed."
        }
        status if status.is_end() => "history {} shows what else was done.",
        _ => "wait {\"call_id\": \"…\"} for its end.",
    };
    Ok(answer::value(&json!(job), next).into())
}

async fn queue(asking: &Asking<'_>, said: Said) -> Answered {
    let Some(app) = said.app else {
        return Err(Problem::new(
            Code::ARGUMENTS_INVALID,
            "Name a job by its `call_id`, or an `app` for its whole queue.",
        )
        .into());
    };
    let wanted = QueueChange {
        app,
        paused: Some(matches!(said.verb, Verb::Pause)),
        drain: None,
    };
    let queue = asking.mcp.hub.change_queue(&asking.caller, wanted).await?;
    let how = if queue.paused {
        "is paused"
    } else {
        "is running"
    };
    let text = format!(
        "The queue of {} {how}.\nNext: jobs {{\"verb\": \"list\"}}",
        queue.app
    );
    Ok(answer::plain(text, json!(queue)).into())
}

fn named(id: &Option<CallId>) -> Result<CallId, Stop> {
    id.clone().ok_or_else(|| {
        Problem::new(Code::ARGUMENTS_INVALID, "This verb needs a `call_id`.")
            .hint("To list them: jobs {\"verb\": \"list\"}")
            .into()
    })
}

/// One job in one line.
fn line(job: &JobView) -> String {
    let why = job.why.as_deref().map(|why| format!(": {why}"));
    let problem = job
        .problem
        .as_ref()
        .map(|problem| format!(": {}", problem.message));
    format!(
        "{} {} {} (priority {}, attempt {}, {}){}",
        job.call_id,
        job.command,
        job.status.as_str(),
        job.priority,
        job.attempt,
        job.caller,
        why.or(problem).unwrap_or_default()
    )
}
