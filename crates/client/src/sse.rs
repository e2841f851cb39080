//! Server-sent events, as far as the hub sends them: `event:` and `data:` lines, blank line, next.
//!
//! Comments and other fields are passed over. The stream ends with the connection.

use std::io::{self, BufRead, Read as _};

use serde_json::Value;
use wire::Door;
use wire::hint::retell;

/// Longest line, in bytes: the last event holds a whole outcome, which came in one frame of 64 MiB;
/// escaping can make it longer.
const LINE_BYTES_MAX: u64 = 192 * 1024 * 1024;

#[derive(Debug, PartialEq, Eq)]
pub struct SseEvent {
    pub name: String,
    pub data: String,
}

impl SseEvent {
    /// The event's document, its hints in the words of the terminal.
    ///
    /// # Errors
    /// When it is not JSON.
    pub fn document(&self) -> serde_json::Result<Value> {
        let mut document = serde_json::from_str(&self.data)?;
        retell(&mut document, Door::Terminal);
        Ok(document)
    }
}

#[derive(Debug)]
pub struct Events<R> {
    reader: R,
}

impl<R: BufRead> Events<R> {
    pub fn new(reader: R) -> Self {
        Self { reader }
    }

    /// The next event; nothing when the stream has ended.
    ///
    /// # Errors
    /// When the connection breaks or a line is over the bound.
    pub fn next_event(&mut self) -> io::Result<Option<SseEvent>> {
        let mut name = String::new();
        let mut data: Option<String> = None;
        while let Some(line) = self.line()? {
            if line.is_empty() {
                if let Some(data) = data.take() {
                    return Ok(Some(SseEvent { name, data }));
                }
                name.clear();
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut name),
                "data" => match &mut data {
                    None => data = Some(value.to_owned()),
                    Some(text) => {
                        text.push('\n');
                        text.push_str(value);
                    }
                },
                _ => {}
            }
        }
        Ok(None)
    }

    /// A line without its end. A last line that was cut off does not count.
    fn line(&mut self) -> io::Result<Option<String>> {
        let mut bytes = Vec::new();
        self.reader
            .by_ref()
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut bytes)?;
        if bytes.pop() != Some(b'\n') {
            if bytes.len() as u64 + 1 >= LINE_BYTES_MAX {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "a line over the bound",
                ));
            }
            return Ok(None);
        }
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        String::from_utf8(bytes)
            .map(Some)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<(String, String)> {
        let mut events = Events::new(text.as_bytes());
        std::iter::from_fn(|| events.next_event().unwrap())
            .map(|event| (event.name, event.data))
            .collect()
    }

    #[test]
    fn events_comments_and_several_lines() {
        let text =
            ": hello\n\nevent: queued\ndata: {}\n\nevent:a\r\ndata: 1\r\ndata:  2\r\nid: 4\r\n\r\n";
        assert_eq!(
            all(text),
            [("queued".into(), "{}".into()), ("a".into(), "1\n 2".into())]
        );
    }

    #[test]
    fn a_torn_end_is_no_event() {
        assert!(all("event: ended\ndata: {\"call").is_empty());
        assert!(all("event: ended\ndata: {}\n").is_empty());
        assert!(all("event: lonely\n\n").is_empty());
    }
}
