//! How long the texts of a request may be, and how much it may hold: read off its JSON before anything is made of it.
//!
//! In comes a body, a frame or a message as bytes; out comes nothing, or a problem that names the member which is too long.
//! One rule for every request of every door: a text (a name of a member, too) has a bound, and so have all of them
//! together, the depth, and the count of values, since each value takes more memory than its text. Only the
//! arguments of a call are as long as the body may be: what a command takes is its description's business, and
//! what is kept of them has bounds of its own. Whether it is JSON at all is seen by who reads it afterwards.

use memchr::memchr2;
use wire::{Code, Problem};

use crate::limits;

/// Where arguments stand.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// A call, a batch of calls, a change of a job; over HTTP, or as a frame.
    Request,
    /// A message of MCP, or several.
    Mcp,
}

impl Form {
    /// The ways to members that may be long; `*` is every item of a list.
    fn ways(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Request => &[
                &["args"],
                &["calls", "*", "args"],
                &["change", "args"],
                // In an envelope.
                &["payload", "args"],
            ],
            Self::Mcp => &[
                &["params", "arguments"],
                &["*", "params", "arguments"],
                // What the hub itself has sealed comes back there.
                &["params", "requestState"],
            ],
        }
    }
}

/// # Errors
/// `arguments_invalid` for a text, `body_too_large` for the whole, `body_malformed` for its depth.
pub(crate) fn check(form: Form, json: &[u8]) -> Result<(), Problem> {
    Scan {
        json,
        at: 0,
        ways: form.ways(),
        open: Vec::new(),
        free_at: None,
        texts: 0,
        values: 0,
    }
    .run()
}

/// A list or an object that is open.
struct Level {
    is_list: bool,
    /// Of the ways, those that lead here: a bit for each.
    ways: u8,
    /// Where the name of the member stands whose value comes next.
    name: (usize, usize),
    /// In an object: whether a name comes next.
    is_name_due: bool,
}

struct Scan<'a> {
    json: &'a [u8],
    at: usize,
    ways: &'static [&'static [&'static str]],
    open: Vec<Level>,
    /// The depth at which a part began that may be long.
    free_at: Option<usize>,
    /// Bytes of texts outside such parts.
    texts: usize,
    values: usize,
}

impl Scan<'_> {
    fn run(mut self) -> Result<(), Problem> {
        while let Some(&byte) = self.json.get(self.at) {
            match byte {
                b'"' => self.text()?,
                b'{' | b'[' => self.begin(byte == b'[')?,
                b'}' | b']' => self.end(),
                b',' => {
                    if let Some(level) = self.open.last_mut() {
                        level.is_name_due = !level.is_list;
                    }
                    self.at += 1;
                }
                b':' | b' ' | b'\n' | b'\t' | b'\r' => self.at += 1,
                _ => self.word()?,
            }
        }
        Ok(())
    }

    fn text(&mut self) -> Result<(), Problem> {
        let begin = self.at + 1;
        let end = end_of_text(self.json, begin);
        self.at = end + 1;
        let is_name = self.open.last().is_some_and(|level| level.is_name_due);
        if let Some(level) = self.open.last_mut().filter(|_| is_name) {
            level.is_name_due = false;
            level.name = (begin, end);
        } else {
            self.value()?;
            if self.ways_to_here().1 {
                return Ok(());
            }
        }
        if self.free_at.is_some() {
            return Ok(());
        }
        let bytes = end - begin;
        if bytes > limits::TEXT_BYTES_MAX {
            return Err(self.too_long(bytes, is_name));
        }
        self.texts += bytes;
        if self.texts > limits::TEXTS_BYTES_MAX {
            return Err(Problem::new(
                Code::BODY_TOO_LARGE,
                format!(
                    "The texts of the request have more than {} bytes together, its arguments not counted.",
                    limits::TEXTS_BYTES_MAX
                ),
            )
            .hint("What is long belongs into `args`, or into a blob (PUT /v1/blobs)."));
        }
        Ok(())
    }

    fn begin(&mut self, is_list: bool) -> Result<(), Problem> {
        self.value()?;
        let depth = self.open.len();
        if depth >= limits::JSON_DEPTH_MAX {
            return Err(Problem::new(
                Code::BODY_MALFORMED,
                format!(
                    "The request nests more than {} deep.",
                    limits::JSON_DEPTH_MAX
                ),
            )
            .hint("Send what is deeper as a text, or as a blob."));
        }
        let (ways, is_free) = self.ways_to_here();
        if is_free && self.free_at.is_none() {
            self.free_at = Some(depth);
        }
        self.open.push(Level {
            is_list,
            ways,
            name: (0, 0),
            is_name_due: !is_list,
        });
        self.at += 1;
        Ok(())
    }

    fn end(&mut self) {
        self.open.pop();
        if self.free_at.is_some_and(|depth| depth >= self.open.len()) {
            self.free_at = None;
        }
        self.at += 1;
    }

    /// A number, `true` and the like.
    fn word(&mut self) -> Result<(), Problem> {
        let rest = &self.json[self.at..];
        let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b'"' | b'{' | b'[' | b':');
        let length = rest.iter().position(ends).unwrap_or(rest.len());
        self.at += length.max(1);
        self.value()
    }

    fn value(&mut self) -> Result<(), Problem> {
        self.values += 1;
        if self.values > limits::JSON_VALUES_MAX {
            return Err(Problem::new(
                Code::BODY_TOO_LARGE,
                format!(
                    "The request has more than {} values.",
                    limits::JSON_VALUES_MAX
                ),
            )
            .hint("Store long lists with PUT /v1/blobs and refer to them by {\"$blob\": …}."));
        }
        Ok(())
    }

    /// Which ways lead to the value that begins here, and whether one of them ends here.
    fn ways_to_here(&self) -> (u8, bool) {
        let Some(level) = self.open.last() else {
            return (u8::MAX, false);
        };
        let step = self.open.len() - 1;
        let name = self
            .json
            .get(level.name.0..level.name.1)
            .unwrap_or_default();
        let mut ways = 0;
        let mut is_free = false;
        for (number, way) in self.ways.iter().enumerate() {
            let leads_here = level.ways & (1 << number) != 0;
            let goes_on = way.get(step).is_some_and(|wanted| match level.is_list {
                true => *wanted == "*",
                false => wanted.as_bytes() == name,
            });
            if leads_here && goes_on {
                ways |= 1 << number;
                is_free |= way.len() == step + 1;
            }
        }
        (ways, is_free)
    }

    fn too_long(&self, bytes: usize, is_name: bool) -> Problem {
        let max = limits::TEXT_BYTES_MAX;
        let message = if is_name {
            format!("The name of a member has {bytes} bytes; the most is {max}.")
        } else {
            let level = self.open.last();
            let name = level.and_then(|level| self.json.get(level.name.0..level.name.1));
            let name = String::from_utf8_lossy(name.unwrap_or_default()).into_owned();
            match name.is_empty() || name.len() > SHOWN_BYTES_MAX {
                true => format!("A text in the request has {bytes} bytes; the most is {max}."),
                false => format!("`{name}` has {bytes} bytes; the most is {max}."),
            }
        };
        Problem::new(Code::ARGUMENTS_INVALID, message)
            .hint("Put long values in `args`, or in a blob (PUT /v1/blobs).")
            .detail("limit_bytes", max)
    }
}

/// A name up to this length, in bytes, is shown in a message.
const SHOWN_BYTES_MAX: usize = 64;

/// Where the quote stands that ends a text; the end of all when none does.
fn end_of_text(json: &[u8], begin: usize) -> usize {
    let mut at = begin;
    while let Some(found) = json.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found;
        if json[at] == b'"' {
            return at;
        }
        at += 2;
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn said(form: Form, value: &Value) -> String {
        let checked = check(form, value.to_string().as_bytes());
        checked
            .err()
            .map_or_else(String::new, |problem| problem.message)
    }

    fn long() -> String {
        "x".repeat(limits::TEXT_BYTES_MAX + 1)
    }

    #[test]
    fn every_text_has_a_bound_and_arguments_have_none() {
        let form = Form::Request;
        let good = json!({"app": "toy", "args": {"a": long(), "b": [{"c": long(), (long()): 1}]}, "wait": true});
        assert_eq!(said(form, &good), "");
        assert_eq!(
            said(form, &json!({"calls": [good, good], "on_error": "stop"})),
            ""
        );
        assert_eq!(
            said(
                form,
                &json!({"type": "job_change", "change": {"args": {"a": long()}}})
            ),
            ""
        );
        assert_eq!(
            said(form, &json!({"args": long()})),
            "",
            "whether that is right is seen later"
        );
        for bad in [
            json!({"correlation_id": long()}),
            json!({"labels": {"a": long()}}),
            json!({"labels": {(long()): "a"}}),
            json!({"topics": ["calls", long()]}),
            json!({"calls": [{"args": {}, "app": long()}]}),
            json!({"other": {"args": long()}}),
            json!({"calls": {"args": {"a": long()}}}),
            json!([{"args": {"a": long()}}]),
            json!({"args": {"a": 1}, "late": long()}),
            json!(long()),
        ] {
            assert!(
                said(form, &bad).contains("the most is"),
                "{}",
                &bad.to_string()[..60]
            );
        }
        assert!(said(form, &json!({"correlation_id": long()})).starts_with("`correlation_id` has"));
        let mcp = json!({"method": "tools/call", "params": {"name": "code", "arguments": {"code": long()}}});
        assert_eq!(said(Form::Mcp, &mcp), "");
        assert_eq!(said(Form::Mcp, &json!([mcp, mcp])), "");
        for bad in [
            json!({"params": {"clientInfo": {"name": long()}}}),
            json!({"params": {"_meta": {"arguments": {"x": long()}}}}),
            json!({"params": {"capabilities": {"experimental": {"arguments": long()}}}}),
            json!({"result": {"content": {"answer": long()}}}),
            json!({"id": long()}),
        ] {
            assert!(said(Form::Mcp, &bad).contains("the most is"));
        }
    }

    #[test]
    fn many_texts_many_values_and_depth_have_bounds() {
        let form = Form::Request;
        let many: Vec<String> = (0..300)
            .map(|_| "x".repeat(limits::TEXT_BYTES_MAX))
            .collect();
        assert!(said(form, &json!({"after": many})).contains("together"));
        assert_eq!(said(form, &json!({"args": {"after": many}})), "");
        let deep = "[".repeat(limits::JSON_DEPTH_MAX + 1);
        let problem = check(form, deep.as_bytes()).unwrap_err();
        assert!(problem.message.contains("deep"), "{problem}");
        let list = format!(
            "{{\"args\":{{\"a\":[{}0]}}}}",
            "0,".repeat(limits::JSON_VALUES_MAX)
        );
        let problem = check(form, list.as_bytes()).unwrap_err();
        assert_eq!(problem.code, Code::BODY_TOO_LARGE);
        let empty = format!("[{}[]]", "[],".repeat(limits::JSON_VALUES_MAX));
        assert!(check(form, empty.as_bytes()).is_err());
    }

    #[test]
    fn what_is_no_json_is_left_to_its_reader() {
        for odd in [
            "",
            "\"",
            "\"\\",
            "{",
            "}",
            "]]]",
            "{\"a",
            "{\"a\":",
            ",,,",
            "\\",
            "{\"args\":\"",
            "[}",
            "{]",
            "\u{0}",
            "nul",
            "{\"a\" \"b\" \"c\"}",
            "{{{}",
            "é",
        ] {
            check(Form::Request, odd.as_bytes()).unwrap();
            check(Form::Mcp, odd.as_bytes()).unwrap();
        }
    }

    /// However the name is written: another spelling only makes the rule stricter.
    #[test]
    fn an_escaped_name_opens_no_way() {
        let text = format!("{{\"\\u0061rgs\":{{\"a\":\"{}\"}}}}", long());
        assert!(check(Form::Request, text.as_bytes()).is_err());
        let text = format!("{{\"args\":{{\"a\":\"\\\"{}\"}},\"b\":\"\\\\\"}}", long());
        check(Form::Request, text.as_bytes()).unwrap();
    }
}
