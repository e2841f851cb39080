//! What it costs to tell 1,000 WebSocket subscribers of an event, beside a bare hub that does the least ([`floor`]).
//!
//! A bridge (this program) says that its state moved; the hub tells everybody who subscribed to `state`. Measured in
//! turns, in the same run: from the bridge's write until all have the event, one event at a time; the same of many
//! events sent in one go; and the processor time of the hub for each event that one subscriber got. All subscribers are
//! one task each in this process, on one thread, and are the same for both. Every event is checked.

use std::cell::RefCell;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use wire::frame::encode_message;
use wire::link::FromBridge;

use crate::echo::Bridge;
use crate::fault::Fault;
use crate::goals::Goal;
use crate::http::Target;
use crate::kapelle::{self, Hub};
use crate::machine::cpu_seconds;
use crate::processes::{Processes, own_role};
use crate::stats::median;

pub(crate) mod floor;

const SUBSCRIBERS: usize = 1_000;
/// Times the floor, at most.
const OF_FLOOR: f64 = 1.2;
/// Events in one round, each sent when all have the one before.
const ONE_BY_ONE: u64 = 40;
/// Events in one round that are sent in one go: a lively second.
const AT_ONCE: u64 = 50;
/// Events before the first round that are not counted.
const WARM_UP: u64 = 20;
/// How long events may take to reach all.
const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the floor may take to say where it listens.
const FLOOR_TIMEOUT: Duration = Duration::from_secs(10);

/// Measures and prints.
///
/// # Errors
/// What keeps it from measuring.
pub(crate) fn measure(kapelle: Option<PathBuf>, quick: bool) -> Result<(), Fault> {
    if cfg!(debug_assertions) {
        println!("NOT A RELEASE BUILD: these figures mean nothing.");
    }
    // A thousand subscribers of two hubs.
    hub::descriptors::raise();
    let program = kapelle::program(kapelle)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut processes = Processes::new()?;
    let dir = tempfile::tempdir()?;
    processes.remove_at_end(dir.path())?;
    let hub = Hub::start(&mut processes, &program, &dir.path().join("home"))?;
    let goals = tokio::task::LocalSet::new().block_on(&runtime, async {
        let mut ways = [Way::floor(&mut processes).await?, Way::kapelle(&hub).await?];
        in_turns(&mut ways, if quick { 5 } else { 15 }).await
    })?;
    println!();
    for goal in goals {
        let verdict = if goal.met { "met" } else { "NOT MET" };
        println!(
            "{}: {:.2} {} (limit {:.2}): {verdict}",
            goal.name, goal.measured, goal.unit, goal.limit
        );
    }
    Ok(())
}

async fn in_turns(ways: &mut [Way; 2], rounds: usize) -> Result<Vec<Goal>, Fault> {
    for way in ways.iter_mut() {
        for _ in 0..WARM_UP {
            way.tell(1).await?;
        }
    }
    let mut all = Vec::with_capacity(rounds);
    for round in 0..rounds {
        eprint!("\rround {} of {rounds}", round + 1);
        let mut found = [Figures::default(); 2];
        for turn in [round % 2, (round + 1) % 2] {
            found[turn] = ways[turn].figures().await?;
        }
        all.push(found);
    }
    eprintln!();
    let of = |at: usize, what: fn(&Figures) -> f64| median(all.iter().map(|pair| what(&pair[at])));
    for (at, name) in ["floor", "Kapelle"].into_iter().enumerate() {
        println!(
            "{name}: one event to {SUBSCRIBERS} subscribers {:.1} ms, {AT_ONCE} events at once {:.1} ms, \
             processor time {:.2} µs for each event of one subscriber ({:.2} µs of many at once)",
            of(at, |one| one.event_ms),
            of(at, |one| one.burst_ms),
            of(at, |one| one.cpu_us),
            of(at, |one| one.burst_cpu_us),
        );
    }
    let in_floors =
        |what: fn(&Figures) -> f64| median(all.iter().map(|[floor, own]| what(own) / what(floor)));
    let goal = |name: &str, what: fn(&Figures) -> f64| {
        Goal::at_most(
            format!("{name}, {SUBSCRIBERS} subscribers, in floors"),
            OF_FLOOR,
            in_floors(what),
            "× floor",
        )
    };
    Ok(vec![
        goal("an event, until all have it", |one| one.event_ms),
        goal("its processor time", |one| one.cpu_us),
        goal("many events at once, until all have them", |one| {
            one.burst_ms
        }),
        goal("their processor time", |one| one.burst_cpu_us),
    ])
}

/// What one round found of one way.
#[derive(Clone, Copy, Default)]
struct Figures {
    event_ms: f64,
    burst_ms: f64,
    /// Of the hub, for each event that one subscriber got.
    cpu_us: f64,
    burst_cpu_us: f64,
}

/// A hub with its publisher and its subscribers.
struct Way {
    pid: u32,
    publisher: Publisher,
    /// Of the last event.
    revision: u64,
    arrivals: Rc<Arrivals>,
}

enum Publisher {
    Bridge(Bridge),
    Bare(TcpStream),
}

impl Way {
    async fn floor(processes: &mut Processes) -> Result<Self, Fault> {
        let mut command = own_role("fanout-floor")?;
        let (pid, line) = processes.spawn_and_hear(&mut command, FLOOR_TIMEOUT)?;
        let said: Value = serde_json::from_str(&line)?;
        let address = |name: &str| -> Result<SocketAddr, Fault> {
            Ok(said[name].as_str().unwrap_or_default().parse()?)
        };
        let target = Target {
            addr: address("http")?,
            token: None,
        };
        let stream = TcpStream::connect(address("link")?)?;
        stream.set_nodelay(true)?;
        Self::new(pid, &target, Publisher::Bare(stream)).await
    }

    async fn kapelle(hub: &Hub) -> Result<Self, Fault> {
        let bridge = Bridge::dial(&hub.home)?;
        Self::new(hub.pid, &hub.target, Publisher::Bridge(bridge)).await
    }

    async fn new(pid: u32, target: &Target, publisher: Publisher) -> Result<Self, Fault> {
        let arrivals = Rc::new(Arrivals::default());
        for _ in 0..SUBSCRIBERS {
            subscribe(target, &arrivals).await?;
        }
        Ok(Self {
            pid,
            publisher,
            revision: 0,
            arrivals,
        })
    }

    async fn figures(&mut self) -> Result<Figures, Fault> {
        let begin = cpu_seconds(self.pid)?;
        let mut each = Vec::new();
        for _ in 0..ONE_BY_ONE {
            each.push(self.tell(1).await?.as_secs_f64() * 1e3);
        }
        let between = cpu_seconds(self.pid)?;
        let burst = self.tell(AT_ONCE).await?;
        let end = cpu_seconds(self.pid)?;
        #[expect(clippy::cast_precision_loss, reason = "some ten thousand")]
        let of_each =
            |seconds: f64, events: u64| seconds * 1e6 / (events as f64 * SUBSCRIBERS as f64);
        Ok(Figures {
            event_ms: median(each.into_iter()),
            burst_ms: burst.as_secs_f64() * 1e3,
            cpu_us: of_each(between - begin, ONE_BY_ONE),
            burst_cpu_us: of_each(end - between, AT_ONCE),
        })
    }

    /// Publishes so many events in one go; gives how long it took until all subscribers have all of them.
    async fn tell(&mut self, events: u64) -> Result<Duration, Fault> {
        self.arrivals.expect(self.revision + events);
        let mut messages = Vec::new();
        for _ in 0..events {
            self.revision += 1;
            let state = json!({"revision": self.revision});
            messages.push(FromBridge::State {
                state: state.as_object().cloned().unwrap_or_default(),
                changes: None,
            });
        }
        let begin = Instant::now();
        match &mut self.publisher {
            Publisher::Bridge(bridge) => {
                for message in &messages {
                    bridge.send(message)?;
                }
            }
            Publisher::Bare(stream) => {
                for message in &messages {
                    stream.write_all(&encode_message(message)?)?;
                }
            }
        }
        let all_have = tokio::time::timeout(ARRIVAL_TIMEOUT, self.arrivals.all.notified());
        if all_have.await.is_err() {
            let (there, fault) = self.arrivals.so_far();
            let fault = fault.unwrap_or_else(|| "no more came".to_owned());
            return Err(format!("{there} of {SUBSCRIBERS} have all events: {fault}").into());
        }
        Ok(begin.elapsed())
    }
}

/// How many subscribers have the last event that is expected.
#[derive(Default)]
struct Arrivals {
    counted: RefCell<Counted>,
    all: Notify,
}

#[derive(Default)]
struct Counted {
    last: u64,
    there: usize,
    /// The first thing that went wrong.
    fault: Option<String>,
}

impl Arrivals {
    fn expect(&self, last: u64) {
        let mut counted = self.counted.borrow_mut();
        counted.last = last;
        counted.there = 0;
    }

    fn has(&self, revision: u64) {
        let mut counted = self.counted.borrow_mut();
        if revision == counted.last {
            counted.there += 1;
            if counted.there == SUBSCRIBERS {
                self.all.notify_one();
            }
        }
    }

    fn went_wrong(&self, fault: String) {
        self.counted.borrow_mut().fault.get_or_insert(fault);
    }

    fn so_far(&self) -> (usize, Option<String>) {
        let counted = self.counted.borrow();
        (counted.there, counted.fault.clone())
    }
}

/// Connects one subscriber and lets it count in a task of its own.
async fn subscribe(target: &Target, arrivals: &Rc<Arrivals>) -> Result<(), Fault> {
    let mut request = format!("ws://{}/v1/ws", target.addr).into_client_request()?;
    if let Some(token) = &target.token {
        let value = format!("Bearer {token}").parse()?;
        request.headers_mut().insert("authorization", value);
    }
    let stream = tokio::net::TcpStream::connect(target.addr).await?;
    stream.set_nodelay(true)?;
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await?;
    if target.token.is_some() {
        let wanted = json!({"type": "subscribe", "id": 1, "topics": ["state"]});
        socket.send(Message::text(wanted.to_string())).await?;
    }
    loop {
        let message = socket.next().await.ok_or("the hub closed a subscriber")??;
        let Message::Text(text) = message else {
            continue;
        };
        match serde_json::from_str::<Value>(&text)?["type"].as_str() {
            Some("subscribed") => break,
            Some("problem") => return Err(format!("no subscription: {text}").into()),
            _ => {}
        }
    }
    let arrivals = Rc::clone(arrivals);
    tokio::task::spawn_local(async move {
        let mut next = 1;
        while let Some(message) = socket.next().await {
            match message {
                Ok(Message::Text(text)) if text.contains(r#""event":"state""#) => {
                    if revision_of(&text) != Some(next) {
                        arrivals.went_wrong(format!("{text} came in the place of {next}"));
                        return;
                    }
                    arrivals.has(next);
                    next += 1;
                }
                Ok(_) => {}
                Err(error) => return arrivals.went_wrong(error.to_string()),
            }
        }
        arrivals.went_wrong("the hub closed a subscriber".to_owned());
    });
    Ok(())
}

/// Found without parsing the rest: the subscribers' cost is in both ways' time.
fn revision_of(event: &str) -> Option<u64> {
    let (_, rest) = event.split_once(r#""revision":"#)?;
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_revision_of_an_event_is_found() {
        let event = r#"{"type":"event","event":"state","instance":"echo","revision":17}"#;
        assert_eq!(revision_of(event), Some(17));
        assert_eq!(revision_of("{}"), None);
    }
}
