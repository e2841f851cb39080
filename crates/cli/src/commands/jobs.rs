use clap::{Args, Subcommand};
use client::{Client, problems, segment, typed};
use serde_json::{Value, json};
use terminal::answer::{Answer, Answered, Shown};
use terminal::calling::confirm;
use terminal::ids;
use terminal::job_options::{self, labels};
use terminal::session::Session;
use terminal::ui::Ui;
use wire::job::{Place, Retry};
use wire::{Code, JobChange, JobPage, JobStatus, JobView, Problem};

use crate::commands::batch;
use crate::keyvalue;
use crate::watching::{self, Wanted};

mod shown;

use shown::{Listed, words_of, write_one};

/// Show and change jobs and their queues
///
/// `kapelle run … --job` makes a job. On its own this lists them.
#[derive(Args, Debug)]
pub struct Jobs {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Subcommand, Debug)]
enum What {
    List(List),
    /// Show one job in full, with its attempts, or each call of a batch
    Show(Named),
    Watch(Watch),
    /// Cancel jobs, waiting or running, or all that is open of a batch
    Cancel(Several),
    Retry(Retried),
    Edit(Edit),
    Move(Move),
    /// Hold back a job, or the whole queue of an app
    Pause(Which),
    /// Resume a job, or the queue of an app that was paused or drained
    Resume(Which),
    /// Accept no new jobs for an app; those in the queue still run
    Drain(OfApp),
    /// List the jobs that have used up their tries
    Dead(List),
}

/// List jobs, newest first
#[derive(Args, Debug, Default)]
struct List {
    /// Only these statuses, separated by commas.
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    status: Vec<String>,
    /// Only this app.
    #[arg(long, value_name = "APP")]
    app: Option<String>,
    /// Only this instance.
    #[arg(long, short, value_name = "NAME")]
    instance: Option<String>,
    /// Only this caller's.
    #[arg(long, value_name = "NAME")]
    caller: Option<String>,
    /// Only those with this label.
    #[arg(long, value_name = "NAME=VALUE", value_parser = job_options::label)]
    label: Option<(String, String)>,
    /// How many to show.
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 20)]
    limit: u32,
    /// Continue where an earlier list ended.
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    /// `newest`, or `queue` for the waiting ones in order.
    #[arg(long, value_name = "ORDER", value_parser = ["newest", "queue"])]
    order: Option<String>,
}

#[derive(Args, Debug)]
struct Named {
    /// The job or batch, by its id or the beginning of it.
    #[arg(value_name = "CALL_ID|BATCH_ID")]
    id: String,
}

#[derive(Args, Debug)]
struct Several {
    /// The jobs or batches, by their ids or the beginnings of them.
    #[arg(value_name = "CALL_ID|BATCH_ID", required = true)]
    ids: Vec<String>,
}

/// Watch jobs, or follow one to its end
///
/// Given a job, it ends when the job does, with the exit code the call would have had.
#[derive(Args, Debug)]
struct Watch {
    /// Only this job.
    #[arg(value_name = "CALL_ID")]
    job: Option<String>,
    /// Stop after this many events.
    #[arg(long, short = 'n', value_name = "COUNT")]
    limit: Option<u64>,
}

/// Run ended jobs again
#[derive(Args, Debug)]
struct Retried {
    /// The jobs, by their ids or the beginnings of them.
    #[arg(value_name = "CALL_ID", required = true)]
    jobs: Vec<String>,
    /// Use these arguments instead: a JSON object, `@file` or `@-`.
    #[arg(long, value_name = "JSON")]
    args: Option<String>,
    /// Say yes where a person must confirm.
    #[arg(long, short)]
    yes: bool,
}

/// Change a waiting job
#[derive(Args, Debug)]
struct Edit {
    /// The job, by its id or the beginning of it.
    #[arg(value_name = "CALL_ID")]
    job: String,
    /// From 0 to 9; 9 goes first.
    #[arg(long, value_name = "0-9", value_parser = clap::value_parser!(u8).range(0..=9))]
    priority: Option<u8>,
    /// Run it no earlier than this; `none` removes it.
    #[arg(long, value_name = "TIME", value_parser = job_options::time_or_none)]
    not_before: Option<String>,
    /// Run it no later than this; `none` removes it.
    #[arg(long, value_name = "TIME", value_parser = job_options::time_or_none)]
    deadline: Option<String>,
    /// How often to try again after a failure, and how long to wait first.
    #[arg(long, value_name = "MAX[:WAIT]", value_parser = job_options::retry)]
    retry: Option<Retry>,
    /// Replace its labels with these.
    #[arg(long, value_name = "NAME=VALUE", value_parser = job_options::label)]
    label: Vec<(String, String)>,
    /// Use these arguments instead: a JSON object, `@file` or `@-`.
    #[arg(long, value_name = "JSON")]
    args: Option<String>,
    /// Say yes where a person must confirm.
    #[arg(long, short)]
    yes: bool,
}

/// Move a waiting job within its queue
#[derive(Args, Debug)]
struct Move {
    /// The job, by its id or the beginning of it.
    #[arg(value_name = "CALL_ID")]
    job: String,
    /// `first`, `last`, or the job to run it before.
    #[arg(value_name = "PLACE")]
    place: String,
}

#[derive(Args, Debug)]
struct Which {
    /// A job, or an app for its whole queue.
    #[arg(value_name = "CALL_ID|APP")]
    which: String,
}

#[derive(Args, Debug)]
struct OfApp {
    /// The app.
    app: String,
}

impl Jobs {
    pub(crate) fn run(self, session: &Session) -> Answered {
        let what = self.what.unwrap_or_else(|| {
            What::List(List {
                limit: 20,
                ..List::default()
            })
        });
        if let What::Watch(words) = &what {
            return words.run(session);
        }
        let client = session.hub()?;
        match what {
            What::List(words) => words.run(&client),
            What::Dead(mut words) => {
                words.status = vec!["dead".to_owned()];
                words.run(&client)
            }
            What::Show(words) if words.id.starts_with("batch_") => batch::show(&client, &words.id),
            What::Show(words) => match show(&client, &words.id) {
                // A batch may be named without `batch_`, too.
                Err(problem) if problem.code == wire::Code::JOB_UNKNOWN => {
                    batch::show(&client, &words.id).map_err(|_| problem)
                }
                shown => shown,
            },
            What::Cancel(words) => cancel(&client, &words.ids),
            What::Retry(words) => {
                let change = JobChange {
                    status: Some(JobStatus::Queued),
                    args: words.args.as_deref().map(keyvalue::object).transpose()?,
                    ..JobChange::default()
                };
                each(&words.jobs, |id| {
                    changed(session.ui, &client, id, &change, words.yes)
                })
            }
            What::Edit(words) => words.run(session.ui, &client),
            What::Move(words) => {
                let place = match words.place.as_str() {
                    "first" => Place::First,
                    "last" => Place::Last,
                    other => Place::Before(segment("job id", other)?.into()),
                };
                let change = JobChange {
                    place: Some(place),
                    ..JobChange::default()
                };
                each(&[words.job], |id| client.patch(&path(id)?, &change))
            }
            What::Pause(words) => hold(&client, &words.which, true),
            What::Resume(words) => hold(&client, &words.which, false),
            What::Drain(words) => queue(&client, &json!({"app": words.app, "drain": true})),
            What::Watch(_) => Ok(Box::new(terminal::answer::Spoken)),
        }
    }
}

impl List {
    fn run(self, client: &Client) -> Answered {
        let mut query = vec![("limit", self.limit.to_string())];
        let filters = [
            (
                "status",
                Some(self.status.join(",")).filter(|all| !all.is_empty()),
            ),
            ("app", self.app),
            ("instance", self.instance),
            ("caller", self.caller),
            (
                "label",
                self.label.map(|(name, value)| format!("{name}:{value}")),
            ),
            ("cursor", self.cursor),
            ("order", self.order),
        ];
        let given = filters.into_iter();
        query.extend(given.filter_map(|(key, value)| Some((key, value?))));
        let document = client.get_with("/v1/jobs", &query)?;
        let page: JobPage = typed(&document)?;
        Ok(Box::new(Listed { document, page }))
    }
}

impl Watch {
    fn run(&self, session: &Session) -> Answered {
        let Some(id) = &self.job else {
            let wanted = Wanted {
                app: None,
                instance: None,
                topics: vec!["jobs".to_owned()],
                limit: self.limit,
            };
            return watching::watch(session, &wanted);
        };
        terminal::calling::follow_job(session, id)
    }
}

impl Edit {
    fn run(self, ui: Ui, client: &Client) -> Answered {
        let change = JobChange {
            priority: self.priority,
            not_before: self.not_before,
            deadline: self.deadline,
            retry: self.retry,
            labels: (!self.label.is_empty()).then(|| labels(&self.label)),
            args: self.args.as_deref().map(keyvalue::object).transpose()?,
            ..JobChange::default()
        };
        if change == JobChange::default() {
            return Err(problems::usage(
                "Nothing to change.".to_owned(),
                "Say what to change, for example --priority 9",
            ));
        }
        each(&[self.job], |id| changed(ui, client, id, &change, self.yes))
    }
}

/// Changes what runs; a person is asked where one must be.
fn changed(
    ui: Ui,
    client: &Client,
    id: &str,
    change: &JobChange,
    yes: bool,
) -> Result<Value, Box<Problem>> {
    match client.patch(&path(id)?, change) {
        Err(problem) if problem.code == Code::CONFIRMATION_REQUIRED => {
            let confirmed = JobChange {
                confirm: Some(confirm(ui, yes, problem)?),
                ..change.clone()
            };
            client.patch(&path(id)?, &confirmed)
        }
        other => other,
    }
}

fn path(id: &str) -> Result<String, Box<Problem>> {
    Ok(format!("/v1/jobs/{}", segment("job id", id)?))
}

/// What was changed, and its line.
type Changed = (Value, String);

/// The same for each.
fn each(ids: &[String], ask: impl Fn(&str) -> Result<Value, Box<Problem>>) -> Answered {
    let mut all = Vec::with_capacity(ids.len());
    for id in ids {
        all.push(with_line(ask(id)?)?);
    }
    Ok(told(all))
}

fn with_line(document: Value) -> Result<Changed, Box<Problem>> {
    let job: JobView = typed(&document)?;
    let line = format!("{}: {}", ids::short(job.call_id.as_str()), words_of(&job));
    Ok((document, line))
}

/// A line each; one document for one.
fn told(all: Vec<Changed>) -> Box<dyn Answer> {
    let (mut documents, lines): (Vec<Value>, Vec<String>) = all.into_iter().unzip();
    let document = match documents.len() {
        1 => documents.remove(0),
        _ => json!({ "jobs": documents }),
    };
    Shown::boxed(document, move |out| {
        lines.iter().try_for_each(|line| writeln!(out, "{line}"))
    })
}

fn cancel(client: &Client, ids: &[String]) -> Answered {
    let mut all = Vec::with_capacity(ids.len());
    for id in ids {
        if id.starts_with("batch_") {
            all.extend(batch::cancel(client, id)?);
            continue;
        }
        match client.delete(&path(id)?) {
            // A batch may be named without `batch_`, too.
            Err(problem) if problem.code == Code::JOB_UNKNOWN => {
                all.extend(batch::cancel(client, id).map_err(|of_batch| {
                    let is_none = of_batch.code == Code::BATCH_UNKNOWN;
                    if is_none { problem } else { of_batch }
                })?);
            }
            job => all.push(with_line(job?)?),
        }
    }
    Ok(told(all))
}

fn hold(client: &Client, which: &str, paused: bool) -> Answered {
    if is_id(which) {
        let change = JobChange {
            paused: Some(paused),
            ..JobChange::default()
        };
        return each(&[which.to_owned()], |id| client.patch(&path(id)?, &change));
    }
    let mut wanted = json!({"app": which, "paused": paused});
    if !paused {
        wanted["drain"] = false.into();
    }
    queue(client, &wanted)
}

/// An id or the beginning of one; apps are not named by capitals and digits.
fn is_id(which: &str) -> bool {
    which.starts_with("call_") || which.starts_with("01")
}

fn queue(client: &Client, wanted: &Value) -> Answered {
    let document = client.post("/v1/jobs/queue", wanted)?;
    let queue: wire::job::QueueView = typed(&document)?;
    let how = match (queue.paused, queue.draining) {
        (true, true) => "is paused and accepts no new jobs",
        (true, false) => "is paused",
        (false, true) => "accepts no new jobs; those in it still run",
        (false, false) => "is running",
    };
    let line = format!("the queue of {} {how}", queue.app);
    Ok(Shown::boxed(document, move |out| writeln!(out, "{line}")))
}

fn show(client: &Client, id: &str) -> Answered {
    let document = client.get(&path(id)?)?;
    let job: JobView = typed(&document)?;
    Ok(Shown::boxed(document, move |out| write_one(out, &job)))
}
