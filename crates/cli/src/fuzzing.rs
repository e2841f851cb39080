//! Openings for the fuzzer (`fuzz/`): every decoder of this crate, with what must hold of it. Compiled with
//! `--cfg fuzzing` only. A broken promise is a panic.

use std::io::{BufRead, BufReader, Read};

use client::sse;
use serde_json::Value;
use terminal::{amount, calling};
use wire::CommandSpec;

use crate::{keyvalue, mcp_clients, pipe};

/// A stream of events: the same ones however the bytes are split.
pub fn events(data: &[u8]) {
    let Some((&step, data)) = data.split_first() else {
        return;
    };
    let whole = all(data);
    let split = all(BufReader::with_capacity(
        1,
        Steps {
            data,
            step: usize::from(step).max(1),
        },
    ));
    assert_eq!(whole, split);
}

fn all(reader: impl BufRead) -> (Vec<sse::SseEvent>, bool) {
    let mut events = sse::Events::new(reader);
    let mut told = Vec::new();
    loop {
        match events.next_event() {
            Ok(Some(event)) => told.push(event),
            Ok(None) => return (told, true),
            Err(_) => return (told, false),
        }
    }
}

struct Steps<'a> {
    data: &'a [u8],
    step: usize,
}

impl Read for Steps<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let step = self.step;
        (&mut self.data).take(step as u64).read(buffer)
    }
}

/// `key=value` words, one a line: arguments of the command, or a sentence. Files are not read here.
pub fn key_values(spec: &CommandSpec, text: &str) {
    let words: Vec<String> = text
        .lines()
        .filter(|word| !word.contains("=@") || word.contains("=@@"))
        .map(str::to_owned)
        .collect();
    match keyvalue::arguments(spec, &words, &|_| Ok(Value::Null)) {
        Ok(arguments) => assert_eq!(arguments.len(), words.len()),
        Err(problem) => assert!(!problem.message.is_empty()),
    }
}

/// Sizes and times.
pub fn words(text: &str) {
    for amount in [amount::megabytes(text), amount::seconds(text)] {
        match amount {
            Ok(amount) => assert!(amount >= 1),
            Err(why) => assert!(!why.is_empty()),
        }
    }
    if let Ok(limit) = calling::seconds(text) {
        assert!(limit.as_secs_f64() > 0.0);
    }
}

/// An MCP client's own configuration: it is refused, or our entry is in it once and a second time changes
/// nothing; taken out again, everything else is as it was.
pub fn client_config(text: &str) {
    mcp_clients::fuzzing(text);
}

/// Foreign text and JSON on their way to a terminal.
pub fn terminal(data: &[u8]) {
    terminal::screen::fuzzing(data);
}

/// Lines that pass through the pipe of `kapelle mcp`, from both sides, in turns.
pub fn pipe_lines(data: &[u8]) {
    pipe::fuzzing(data);
}
