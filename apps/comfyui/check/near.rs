//! Names that are near one that does not exist: another folder, other slashes, other case, a slip of the fingers.

use crate::comfyui::bounds::{NAME_CHARS_MAX, NAMES_COMPARED_MAX};
use crate::comfyui::notes::shortened;

/// How many are told.
const TOLD_MAX: usize = 3;
/// How alike they must be, of 1.
const LIKENESS_MIN: f64 = 0.85;

/// Looks for near names, within a bound for the whole check.
#[derive(Debug)]
pub(super) struct Names {
    left: usize,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            left: NAMES_COMPARED_MAX,
        }
    }
}

impl Names {
    /// The nearest of these, best first.
    pub(super) fn near<'a>(
        &mut self,
        wanted: &str,
        names: impl Iterator<Item = &'a str>,
    ) -> Vec<&'a str> {
        let (whole, last) = (plain(wanted), plain(base(wanted)));
        let mut near: Vec<(f64, &str)> = Vec::new();
        for name in names {
            if self.left == 0 {
                break;
            }
            self.left -= 1;
            let other = plain(base(name));
            let score = if plain(name) == whole {
                2.0
            } else if other == last {
                1.5
            } else {
                strsim::jaro_winkler(&other, &last)
            };
            if score >= LIKENESS_MIN {
                near.push((score, name));
            }
        }
        near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        near.truncate(TOLD_MAX);
        near.into_iter().map(|(_, name)| name).collect()
    }
}

/// Whether the two differ in slashes or case alone.
pub(super) fn is_same_but_for_spelling(one: &str, other: &str) -> bool {
    plain(one) == plain(other)
}

/// ` Did you mean …?`, or nothing.
pub(super) fn did_you_mean(near: &[&str]) -> String {
    if near.is_empty() {
        return String::new();
    }
    let names: Vec<String> = near
        .iter()
        .map(|name| format!("`{}`", shortened(name)))
        .collect();
    format!(" Did you mean {}?", names.join(" or "))
}

fn base(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

fn plain(name: &str) -> String {
    let letters = name.chars().take(NAME_CHARS_MAX);
    letters
        .map(|letter| if letter == '\\' { '/' } else { letter })
        .flat_map(char::to_lowercase)
        .collect()
}
