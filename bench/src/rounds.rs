//! The measurements that are taken in turns: one call at a time, eight clients at once, large values.
//!
//! In come the ways that a call can go; out come figures for each. Each round measures every way,
//! beginning with another one, so that what else the machine does hits all of them alike.

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};

use crate::bridge_link::Kept;
use crate::fault::Fault;
use crate::http::{Client, Target};
use crate::scene::FLOOR;
use crate::stats::{Round, Summary, Times, median};

/// Clients at once, each with one call in flight.
pub(crate) const CROWD: usize = 8;
/// Bytes of the large code and of the large string.
pub(crate) const LARGE_BYTES: usize = 5_000_000;
/// Calls before each measurement that are not counted: connections and caches are warm then.
const WARM_UP: usize = 30;
/// Evaluations in one call that measures Blender's own time.
const OWN_LOOPS: u32 = 100_000;

/// How much is measured. Many short rounds: what hits one way then hits the floor of its round as well.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Length {
    pub(crate) rounds: usize,
    /// Calls one after the other, in each round and way.
    pub(crate) calls: usize,
    pub(crate) crowd_ms: u64,
    pub(crate) large_rounds: usize,
    pub(crate) large_calls: usize,
    pub(crate) busy_s: u32,
    pub(crate) starts: usize,
}

impl Length {
    pub(crate) const FULL: Self = Self {
        rounds: 15,
        calls: 500,
        crowd_ms: 400,
        large_rounds: 5,
        large_calls: 3,
        busy_s: 5,
        starts: 15,
    };
    pub(crate) const QUICK: Self = Self {
        rounds: 7,
        calls: 200,
        crowd_ms: 200,
        large_rounds: 3,
        large_calls: 1,
        busy_s: 2,
        starts: 5,
    };
}

/// A way that a call can go.
pub(crate) struct Way {
    pub(crate) name: &'static str,
    pub(crate) end: End,
}

pub(crate) enum End {
    Http(Target),
    Link(Kept),
}

/// What a row of the table is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    OneClient,
    Crowd,
    LargeIn,
    LargeOut,
}

/// Everything that the rounds found.
#[derive(Default)]
pub(crate) struct Found {
    rounds: BTreeMap<(What, usize), Vec<Round>>,
    /// What outcomes say a `1+1` took in the app, in milliseconds; by way.
    durations: BTreeMap<usize, Vec<f64>>,
    own: Vec<Own>,
}

/// Blender's own time for `1+1`, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Own {
    /// Running code that is compiled already.
    pub(crate) run_ms: f64,
    /// Compiling and running it.
    pub(crate) compile_and_run_ms: f64,
}

impl Found {
    pub(crate) fn summary(&self, what: What, way: usize) -> Option<Summary> {
        self.rounds
            .get(&(what, way))
            .map(|rounds| Summary::of(rounds))
    }

    /// How many floors a call costs, beyond `less_ms` (given the round): each round is compared with its own
    /// floor, and the middle one counts.
    pub(crate) fn in_floors(
        &self,
        what: What,
        way: usize,
        less_ms: impl Fn(usize) -> f64,
    ) -> Option<f64> {
        let floors = self.rounds.get(&(what, FLOOR))?.iter();
        let rounds = self.rounds.get(&(what, way))?.iter().enumerate();
        let ratios = rounds.zip(floors);
        Some(median(ratios.map(|((at, round), floor)| {
            (round.p50_ms - less_ms(at)) / floor.p50_ms
        })))
    }

    /// The p50 of one round, in milliseconds.
    pub(crate) fn p50_ms(&self, what: What, way: usize, round: usize) -> Option<f64> {
        self.rounds
            .get(&(what, way))?
            .get(round)
            .map(|round| round.p50_ms)
    }

    pub(crate) fn duration_ms(&self, way: usize) -> Option<f64> {
        self.durations
            .get(&way)
            .map(|all| median(all.iter().copied()))
    }

    pub(crate) fn own(&self) -> Option<Own> {
        let of = |figure: fn(&Own) -> f64| median(self.own.iter().map(figure));
        (!self.own.is_empty()).then(|| Own {
            run_ms: of(|own| own.run_ms),
            compile_and_run_ms: of(|own| own.compile_and_run_ms),
        })
    }
}

impl Found {
    /// Measures small calls on all ways, in turns. `teller` is the way whose app can tell its own time.
    ///
    /// # Errors
    /// When a call fails or gives something else than it should.
    pub(crate) fn add_small(
        &mut self,
        ways: &[Way],
        length: &Length,
        teller: Option<usize>,
    ) -> Result<(), Fault> {
        for round in 0..length.rounds {
            eprint!("\rround {} of {}", round + 1, length.rounds);
            for at in in_turn(ways, round) {
                let (figures, duration_ms) = one_client(&ways[at], length.calls)?;
                self.rounds
                    .entry((What::OneClient, at))
                    .or_default()
                    .push(figures);
                self.durations.entry(at).or_default().extend(duration_ms);
            }
            for at in in_turn(ways, round) {
                if let End::Http(target) = &ways[at].end {
                    let figures = crowd(target, Duration::from_millis(length.crowd_ms))?;
                    self.rounds
                        .entry((What::Crowd, at))
                        .or_default()
                        .push(figures);
                }
            }
            if let Some(at) = teller {
                self.own.push(own_time(&ways[at])?);
            }
        }
        eprintln!();
        Ok(())
    }

    /// Measures large values on all ways, in turns.
    ///
    /// # Errors
    /// When a call fails or gives something else than it should.
    pub(crate) fn add_large(&mut self, ways: &[Way], length: &Length) -> Result<(), Fault> {
        for round in 0..length.large_rounds {
            eprint!(
                "\rlarge values, round {} of {}",
                round + 1,
                length.large_rounds
            );
            for at in in_turn(ways, round) {
                for what in [What::LargeIn, What::LargeOut] {
                    let figures = large(&ways[at], what, length.large_calls)?;
                    self.rounds.entry((what, at)).or_default().push(figures);
                }
            }
        }
        eprintln!();
        Ok(())
    }
}

fn in_turn(ways: &[Way], round: usize) -> impl Iterator<Item = usize> {
    let count = ways.len();
    (0..count).map(move |at| (at + round) % count)
}

/// One connection of a way.
struct Caller<'a> {
    http: Option<Client>,
    way: &'a Way,
}

impl<'a> Caller<'a> {
    fn new(way: &'a Way) -> Result<Self, Fault> {
        let http = match &way.end {
            End::Http(target) => Some(Client::new(target)?),
            End::Link(_) => None,
        };
        Ok(Self { http, way })
    }

    /// Time, value, and the duration that the app told, in milliseconds.
    fn call(&mut self, request: &Value) -> Result<(Duration, Value, Option<f64>), Fault> {
        let failed = |fault: Fault| -> Fault { format!("{}: {fault}", self.way.name).into() };
        match (&mut self.http, &self.way.end) {
            (Some(client), _) => {
                let start = Instant::now();
                let mut answer = client.post("/v1/calls", request).map_err(failed)?;
                let took = start.elapsed();
                Ok((took, answer["value"].take(), answer["duration_ms"].as_f64()))
            }
            (None, End::Link(link)) => {
                let mut link = link.lock();
                let code = request["args"]["code"].as_str().unwrap_or_default();
                let start = Instant::now();
                let (value, duration_ms) = link.run(code).map_err(failed)?;
                let took = start.elapsed();
                link.acknowledge()?;
                Ok((took, value, Some(duration_ms)))
            }
            (None, End::Http(_)) => Err("a caller over HTTP has a client".into()),
        }
    }
}

fn request(code: &str) -> Value {
    json!({"app": "blender", "command": "code.run", "args": {"code": code}})
}

/// Calls one after the other. Gives what outcomes say they took in the app, too, in milliseconds.
///
/// # Errors
/// When a call fails or does not give 2.
pub(crate) fn one_client(way: &Way, calls: usize) -> Result<(Round, Option<f64>), Fault> {
    let mut caller = Caller::new(way)?;
    let request = request("1+1");
    let (mut times, mut durations) = (Times::new(), Times::new());
    for _ in 0..WARM_UP {
        caller.call(&request)?;
    }
    let begin = Instant::now();
    for _ in 0..calls {
        let (took, value, duration_ms) = caller.call(&request)?;
        expect(way.name, &value, &json!(2))?;
        times.add(took);
        if let Some(ms) = duration_ms {
            durations.add(Duration::from_secs_f64(ms / 1e3));
        }
    }
    let round = Round::new(&times, begin.elapsed());
    let has_durations = durations.count() > 0;
    Ok((round, has_durations.then(|| durations.percentile_ms(50.0))))
}

/// Eight clients at once.
///
/// # Errors
/// When a call fails or does not give 2.
pub(crate) fn crowd(target: &Target, lasts: Duration) -> Result<Round, Fault> {
    let ready = Barrier::new(CROWD);
    let one = || -> Result<(Times, Duration), Fault> {
        let client = Client::new(target);
        // Whoever cannot connect comes to the barrier too, or all others would wait for ever.
        ready.wait();
        let mut client = client?;
        let request = request("1+1");
        let mut times = Times::new();
        let begin = Instant::now();
        while begin.elapsed() < lasts {
            let start = Instant::now();
            let answer = client.post("/v1/calls", &request)?;
            times.add(start.elapsed());
            expect("eight clients", &answer["value"], &json!(2))?;
        }
        Ok((times, begin.elapsed()))
    };
    let ends: Vec<_> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CROWD).map(|_| scope.spawn(one)).collect();
        clients
            .into_iter()
            .map(std::thread::ScopedJoinHandle::join)
            .collect()
    });
    let (mut all, mut longest) = (Times::new(), Duration::ZERO);
    for end in ends {
        let (times, took) = end.map_err(|_| "a client panicked")??;
        all.merge(&times);
        longest = longest.max(took);
    }
    Ok(Round::new(&all, longest))
}

fn large(way: &Way, what: What, calls: usize) -> Result<Round, Fault> {
    let (code, expected) = match what {
        What::LargeIn => (format!("#{}\n1+1", "x".repeat(LARGE_BYTES)), json!(2)),
        _ => (
            format!("'x' * {LARGE_BYTES}"),
            Value::from("x".repeat(LARGE_BYTES)),
        ),
    };
    let mut caller = Caller::new(way)?;
    let request = request(&code);
    let mut times = Times::new();
    let begin = Instant::now();
    for _ in 0..calls {
        let (took, value, _) = caller.call(&request)?;
        expect(way.name, &value, &expected)?;
        times.add(took);
    }
    Ok(Round::new(&times, begin.elapsed()))
}

fn own_time(way: &Way) -> Result<Own, Fault> {
    let mut caller = Caller::new(way)?;
    let mut time = |code: &str| -> Result<f64, Fault> {
        let (_, _, duration_ms) = caller.call(&request(code))?;
        Ok(duration_ms.unwrap_or_default() / f64::from(OWN_LOOPS))
    };
    let run = format!("c = compile('1+1', 'bench', 'eval')\nfor _ in range({OWN_LOOPS}): eval(c)");
    let compile = format!("for _ in range({OWN_LOOPS}): eval(compile('1+1', 'bench', 'eval'))");
    Ok(Own {
        run_ms: time(&run)?,
        compile_and_run_ms: time(&compile)?,
    })
}

fn expect(way: &str, value: &Value, expected: &Value) -> Result<(), Fault> {
    if value == expected {
        return Ok(());
    }
    let mut text = value.to_string();
    text.truncate(text.floor_char_boundary(200));
    Err(format!("{way}: a call gave {text}").into())
}
