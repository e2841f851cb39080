//! `kapelle mcp`: MCP on stdin and stdout, as a pipe to the hub that runs.
//!
//! Lines of JSON-RPC go to the hub over one connection, answers come back the same way; nothing else is ever
//! written to stdout. There is no second server here: the hub answers, and knows the client by its name.
//!
//! ```text
//! connected ──(the hub goes)──> apart ──(a hub is back, or the client asks and one is started)──> connected
//!                                └─ what was under way is answered: its end is not known
//! any ──(stdin ends)──> over
//! ```
//!
//! The client's session lives on with a new hub: its `initialize` and its subscriptions are sent again.

mod dial;
mod memory;

use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use client::problems;
use memory::{Head, Memory};
use terminal::answer::{Answered, Spoken};
use terminal::screen;
use terminal::session::Session;
use wire::{Code, Problem};

/// One message, in bytes: what the hub takes in one body.
const LINE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Messages of the client that wait here while the hub is slow to take them; then stdin waits.
const WAITING_MAX: usize = 16;
/// How often a hub is looked for while there is none. Another process's start has no event.
const LOOK: Duration = Duration::from_millis(500);
/// How often a start is tried when the client wants something: a hub that is leaving needs a moment.
const TRIES: u32 = 20;
/// How long answers that are under way are waited for when stdin has ended.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// Pipes until stdin ends.
///
/// # Errors
/// When there is no hub at the beginning and none can be started.
pub(crate) fn run(session: &Session, app: Option<&str>) -> Answered {
    let (events_in, events) = sync_channel(WAITING_MAX);
    let mut pipe = Pipe {
        session,
        app,
        events: events_in.clone(),
        shared: Arc::default(),
        writer: None,
        number: 0,
    };
    pipe.connect_or_start()?;
    // It ends with the process: a read of stdin cannot be taken back.
    std::thread::spawn(move || read_stdin(&events_in));
    pipe.work(&events);
    pipe.shared.await_answers();
    if let Some(writer) = pipe.writer {
        writer.shutdown(Shutdown::Both).ok();
    }
    Ok(Box::new(Spoken))
}

/// What wakes the pipe.
enum Event {
    Line(String),
    /// The client has said its last word.
    Over,
    /// The connection of this number has ended.
    Apart(u64),
}

/// What the two directions share.
#[derive(Default)]
struct Shared {
    memory: Mutex<Memory>,
    /// Turns when something was answered.
    answered: Condvar,
}

/// The direction to the hub.
struct Pipe<'a> {
    session: &'a Session,
    app: Option<&'a str>,
    events: SyncSender<Event>,
    shared: Arc<Shared>,
    writer: Option<TcpStream>,
    /// Counts connections, so that the end of an old one is not taken for that of a new one.
    number: u64,
}

impl Pipe<'_> {
    fn work(&mut self, events: &Receiver<Event>) {
        loop {
            let event = match self.writer {
                Some(_) => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
                None => events.recv_timeout(LOOK),
            };
            match event {
                Ok(Event::Line(line)) => self.send(&line),
                Ok(Event::Apart(number)) if number == self.number => self.writer = None,
                Ok(Event::Apart(_)) => {}
                // Nobody asked for anything, so nothing is started.
                Err(RecvTimeoutError::Timeout) => drop(self.connect(false)),
                Ok(Event::Over) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn send(&mut self, line: &str) {
        let head = Head::of(line);
        // Again for a connection that turns out to be gone: before the line was written, or while it was.
        for _ in 0..3 {
            if self.writer.is_none()
                && let Err(problem) = self.connect_or_start()
            {
                self.shared.refuse(&head, &problem);
                return;
            }
            if !self.shared.memory().sent(&head, line, self.number) {
                // Its end was told to the client, and the news of it is still on the way here.
                self.writer = None;
                continue;
            }
            let Some(writer) = &mut self.writer else {
                return;
            };
            if write_line(writer, line).is_ok() {
                return;
            }
            self.writer = None;
            // What was not written whole did not run; unless its end was told already, it goes again.
            if !self.shared.memory().take_back(&head, self.number) {
                return;
            }
        }
        let gone = problems::hub_went_away(None);
        self.shared.refuse(&head, &gone);
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "another process's start has no event"
    )]
    fn connect_or_start(&mut self) -> Result<(), Box<Problem>> {
        // At the beginning an address that is wrong should be told at once.
        let tries = if self.number == 0 && self.session.has_address() {
            1
        } else {
            TRIES
        };
        let mut tried = 0;
        loop {
            tried += 1;
            match self.connect(true) {
                Err(problem) if tried < tries && may_pass(&problem) => std::thread::sleep(LOOK),
                done => return done,
            }
        }
    }

    fn connect(&mut self, start: bool) -> Result<(), Box<Problem>> {
        let client = if start {
            self.session.hub_or_start()?
        } else {
            self.session.hub()?
        };
        let (mut stream, reader) = dial::open(&client, self.app)?;
        let again = self.shared.memory().again();
        for line in again {
            write_line(&mut stream, &line)
                .map_err(|error| problems::hub_silent(client.url(), error))?;
        }
        self.number += 1;
        self.writer = Some(stream);
        let (shared, events, number) = (Arc::clone(&self.shared), self.events.clone(), self.number);
        std::thread::spawn(move || {
            shared.read_hub(reader, number);
            events.send(Event::Apart(number)).ok();
        });
        Ok(())
    }
}

impl Shared {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The direction from the hub, until its connection ends.
    fn read_hub(&self, mut reader: BufReader<TcpStream>, number: u64) {
        let mut line = Vec::new();
        loop {
            line.clear();
            match reader.read_until(b'\n', &mut line) {
                Ok(length) if length > 0 && line.ends_with(b"\n") => {}
                _ => break,
            }
            let is_for_client = self.memory().came(&line);
            if is_for_client && !say(&line) {
                break;
            }
            self.answered.notify_all();
        }
        let lost = self.memory().lost(number);
        for answer in lost {
            say(answer.as_bytes());
        }
        self.answered.notify_all();
    }

    fn refuse(&self, head: &Head, problem: &Problem) {
        if let Some(answer) = memory::refusal(head, problem) {
            say(answer.as_bytes());
        }
    }

    fn await_answers(&self) {
        let memory = self.memory();
        drop(
            self.answered
                .wait_timeout_while(memory, LAST_ANSWERS, |memory| memory.has_open()),
        );
    }
}

fn read_stdin(events: &SyncSender<Event>) {
    let mut stdin = io::stdin().lock();
    loop {
        let mut line = Vec::new();
        let read = (&mut stdin)
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut line);
        let is_over = !matches!(read, Ok(length) if length > 0);
        let line = String::from_utf8_lossy(&line);
        let line = line.trim();
        if !line.is_empty() && events.send(Event::Line(line.to_owned())).is_err() {
            return;
        }
        if is_over {
            events.send(Event::Over).ok();
            return;
        }
    }
}

fn write_line(stream: &mut TcpStream, line: &str) -> io::Result<()> {
    stream.write_all(format!("{line}\n").as_bytes())
}

/// To the client; `false` when it no longer listens.
fn say(line: &[u8]) -> bool {
    screen::protocol(line).is_ok()
}

/// Whether it may be otherwise in a moment.
fn may_pass(problem: &Problem) -> bool {
    let passing = [Code::HUB_UNREACHABLE, Code::HUB_RUNNING, Code::HUB_STOPPING];
    passing.contains(&problem.code)
}

#[cfg(fuzzing)]
pub(crate) fn fuzzing(data: &[u8]) {
    memory::fuzzing(data);
}
