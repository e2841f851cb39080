//! Ids as people read and type them: short where they are shown, any unique beginning where they are typed.
//!
//! The hub finds what a beginning means; here is only their form. Scripts get whole ids (`--json`, and what a verb
//! prints as its answer).

use client::problems;
use wire::Problem;

/// Characters of a short id: the millisecond in which it was made, and two more.
const SHORT_CHARS: usize = 12;

/// The shortest beginning, of at least some characters, that no other one of these has. Without `call_`.
pub struct Short(usize);

impl Short {
    pub fn of<'a>(ids: impl Iterator<Item = &'a str>) -> Self {
        let mut bare: Vec<&str> = ids.map(bare).collect();
        bare.sort_unstable();
        bare.dedup();
        let common = |pair: &[&str]| {
            let same = pair[0].bytes().zip(pair[1].bytes());
            same.take_while(|(one, other)| one == other).count()
        };
        let longest = bare.windows(2).map(common).max().unwrap_or(0);
        Self(SHORT_CHARS.max(longest + 1))
    }

    pub fn show<'a>(&self, id: &'a str) -> &'a str {
        let bare = bare(id);
        bare.get(..self.0).unwrap_or(bare)
    }
}

/// One id alone.
pub fn short(id: &str) -> &str {
    Short(SHORT_CHARS).show(id)
}

fn bare(id: &str) -> &str {
    let known = ["call_", "batch_"];
    known
        .iter()
        .find_map(|prefix| id.strip_prefix(prefix))
        .unwrap_or(id)
}

/// A blob's name, or a beginning of it, as a part of a path.
///
/// # Errors
/// When the text cannot be one.
pub fn blob(text: &str) -> Result<&str, Box<Problem>> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(digits);
    }
    Err(problems::usage(
        format!("`{text}` is not the name of a blob."),
        "A name looks like sha256:2cf24dba…; its first few digits are enough.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_ids_tell_those_shown_apart() {
        let ids = [
            "call_01KBW3X9TQ1A00000000000000",
            "call_01KBW3X9TQ2B00000000000000",
        ];
        let short = Short::of(ids.into_iter());
        assert_eq!(
            ids.map(|id| short.show(id)),
            ["01KBW3X9TQ1A", "01KBW3X9TQ2B"]
        );
        let near = ["call_01KBW3X9TQ1A0B", "call_01KBW3X9TQ1A0C"];
        let short = Short::of(near.into_iter());
        assert_eq!(
            near.map(|id| short.show(id)),
            ["01KBW3X9TQ1A0B", "01KBW3X9TQ1A0C"]
        );
        assert_eq!(Short::of(std::iter::once("call_1")).show("call_1"), "1");
        assert_eq!(super::short("batch_0123456789abcdef"), "0123456789ab");
    }

    #[test]
    fn a_blob_is_named_by_its_digits() {
        assert_eq!(blob("sha256:2cf2").unwrap(), "2cf2");
        assert_eq!(blob("2cf2").unwrap(), "2cf2");
        for wrong in ["", "sha256:", "../x", "xyz"] {
            assert!(blob(wrong).is_err(), "{wrong}");
        }
    }
}
