//! Which instances a call is for.
//!
//! In come a checked call and the instances that there are; out come those that it names or that fit what it selects.
//! Among several it is the one that is named like its app, or a problem that names them.

use std::sync::Arc;

use wire::job::Select;
use wire::{Code, InstanceName, Opt, Problem, Step};

use crate::corridor::CheckedCall;
use crate::instance::Instance;
use crate::roster::Roster;

/// # Errors
/// `instance_unknown`, `no_instance`, `instance_ambiguous`.
pub(crate) fn choose(roster: &Roster, call: &CheckedCall) -> Result<Vec<Arc<Instance>>, Problem> {
    if let Some(name) = call.named_instance() {
        return Ok(vec![named(roster, call, name)?]);
    }
    let mut usable: Vec<Arc<Instance>> = roster.of_app(&call.app.id);
    usable.retain(|instance| {
        instance.reserved_for.is_none() && (instance.lane.is_up() || instance.lane.accepts_calls())
    });
    if let Some(select) = &call.select {
        return any_that_fits(call, select, usable);
    }
    match usable.len() {
        0 => Err(none_connected(call)),
        1 => Ok(usable),
        _ if call.is_to_all() => Ok(usable),
        _ => {
            let is_default = |one: &&Arc<Instance>| one.name.is_default_of(&call.app.id);
            match usable.iter().find(is_default) {
                Some(default) => Ok(vec![Arc::clone(default)]),
                None => Err(ambiguous(call, &usable)),
            }
        }
    }
}

/// The instance of that name, if it is one of the call's app.
///
/// # Errors
/// `instance_unknown`.
pub(crate) fn named(
    roster: &Roster,
    call: &CheckedCall,
    name: &InstanceName,
) -> Result<Arc<Instance>, Problem> {
    let instance = roster.named(name)?;
    if instance.app != call.app.id {
        return Err(Problem::new(
            Code::INSTANCE_UNKNOWN,
            format!("`{name}` is {}, not {}.", instance.app, call.app.id),
        )
        .hint(wire::hint!["Name an instance of the app: ", Step::Status]));
    }
    Ok(instance)
}

/// Of those that fit, the one with the fewest calls.
fn any_that_fits(
    call: &CheckedCall,
    select: &Select,
    usable: Vec<Arc<Instance>>,
) -> Result<Vec<Arc<Instance>>, Problem> {
    let fits = usable
        .into_iter()
        .filter(|instance| instance.offer().fits(select));
    let found = fits.min_by_key(|instance| instance.lane.load());
    found.map(|instance| vec![instance]).ok_or_else(|| {
        Problem::new(
            Code::NO_INSTANCE,
            format!(
                "No connected {} fits what the call selects.",
                call.app.title
            ),
        )
        .hint(wire::hint![
            "Start one that does: ",
            Step::start(&call.app.id),
            "; or make it a job, which waits for one: ",
            Opt::Durable.with(true),
            ".",
        ])
    })
}

fn none_connected(call: &CheckedCall) -> Problem {
    Problem::new(
        Code::NO_INSTANCE,
        format!("No {} is connected.", call.app.title),
    )
    .hint(if call.app.startable().is_ok() {
        wire::hint!["Start one: ", Step::start(&call.app.id)]
    } else {
        "Start the program itself; its bridge then connects to the hub.".into()
    })
}

fn ambiguous(call: &CheckedCall, usable: &[Arc<Instance>]) -> Problem {
    let names: Vec<&str> = usable.iter().map(|one| one.name.as_str()).collect();
    Problem::new(
        Code::INSTANCE_AMBIGUOUS,
        format!(
            "{} instances of {} are running: {}.",
            names.len(),
            call.app.title,
            names.join(", ")
        ),
    )
    .hint(wire::hint![
        "Name one, for example ",
        Opt::Instance.with(names[0]),
        ". `*` means all of them.",
    ])
    .detail("instances", names)
}
