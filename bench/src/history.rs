//! What the history costs a call: two hubs with a bridge each, one that writes down what was called and one that does not
//! (`keep_days = 0`), asked in turns by one client and by eight.
//!
//! Once with a bridge that answers at once, so that nothing but the hub has to do, and, if one is named, once with a
//! Blender.

use std::path::Path;
use std::time::Duration;

use crate::fault::Fault;
use crate::goals::Goal;
use crate::http::Client;
use crate::kapelle::Hub;
use crate::processes::Processes;
use crate::rounds::{End, Length, Way, crowd, one_client};
use crate::scene::Blender;
use crate::stats::median;
use crate::store::start_echo;

/// What a call may cost with the history, times what it costs without.
const WITH_HISTORY: f64 = 1.1;

/// # Errors
/// What keeps it from measuring.
pub(crate) fn measure(
    program: &Path,
    blender: &Blender,
    length: &Length,
) -> Result<Vec<Goal>, Fault> {
    let mut goals = at(program, None, length)?;
    if !matches!(blender, Blender::None | Blender::Any) {
        goals.extend(at(program, Some(blender), length)?);
    }
    Ok(goals)
}

/// With that Blender, else with an echo bridge.
fn at(program: &Path, blender: Option<&Blender>, length: &Length) -> Result<Vec<Goal>, Fault> {
    let mut processes = Processes::new()?;
    let dir = tempfile::tempdir()?;
    processes.remove_at_end(dir.path())?;
    let bridge = if blender.is_some() {
        "a Blender"
    } else {
        "an echo bridge"
    };
    let mut hubs = Vec::new();
    for (name, config) in [("without", "[history]\nkeep_days = 0\n"), ("with", "")] {
        let home = dir.path().join(name);
        hub::home::Home::open(&home)?;
        std::fs::write(home.join("config.toml"), config)?;
        let hub = Hub::start(&mut processes, program, &home)?;
        match blender {
            Some(blender) => drop(hub.start_blender(&mut processes, &blender.options())?),
            None => start_echo(&mut processes, &hub)?,
        }
        hubs.push(hub);
    }
    let way = |at: usize, name| Way {
        name,
        end: End::Http(hubs[at].target.clone()),
    };
    let ways = [way(0, "without the history"), way(1, "with the history")];
    let (mut one, mut many) = (Vec::new(), Vec::new());
    for round in 0..length.rounds {
        let (mut small, mut crowds) = ([0.0; 2], [0.0; 2]);
        for turn in [round % 2, (round + 1) % 2] {
            small[turn] = one_client(&ways[turn], length.calls)?.0.p50_ms;
            let lasts = Duration::from_millis(length.crowd_ms);
            crowds[turn] = crowd(&hubs[turn].target, lasts)?.calls_per_s;
        }
        one.push(small);
        many.push(crowds);
    }
    let of = |all: &[[f64; 2]], at: usize| median(all.iter().map(|pair| pair[at]));
    println!(
        "a call to {bridge}, one client, p50: {:.3} ms without the history, {:.3} ms with it",
        of(&one, 0),
        of(&one, 1)
    );
    println!(
        "calls/s to {bridge}, eight clients: {:.0} without the history, {:.0} with it",
        of(&many, 0),
        of(&many, 1)
    );
    let left_out = Client::new(&hubs[1].target)?.get("/v1/calls?limit=1")?["left_out"].clone();
    println!("calls that were not written down: {left_out}");
    Ok(vec![
        Goal::at_most(
            format!("a call to {bridge} with the history, p50, times one without"),
            WITH_HISTORY,
            median(one.iter().map(|pair| pair[1] / pair[0])),
            "×",
        ),
        Goal::at_most(
            format!(
                "the time of a call to {bridge} with the history, eight clients, times without"
            ),
            WITH_HISTORY,
            median(many.iter().map(|pair| pair[0] / pair[1])),
            "×",
        ),
    ])
}
