//! `config.toml` of the home folder: what a person may set. All of it has a default; an unknown name is
//! an error that says so, not a silent nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use wire::{Code, Problem};

use crate::home::Home;
use crate::limits;

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub files: Files,
    pub history: History,
    /// `[apps.NAME]`
    pub apps: BTreeMap<String, OfApp>,
}

/// What holds for every instance of an app that this hub starts without a window, unless the start says
/// otherwise.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OfApp {
    /// How much memory each process may hold, in MB of 1,000,000 bytes.
    pub memory_mb: Option<u64>,
    /// How long each process may live, in seconds.
    pub time_s: Option<u64>,
}

/// `[history]`: how much of what was done is kept.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct History {
    /// How many days ended calls and jobs are kept; 0: calls are not written down at all.
    pub keep_days: u32,
    /// How much room ended calls may take, in MB of 1,000,000 bytes; the oldest go first.
    pub keep_mb: u64,
}

impl Default for History {
    fn default() -> Self {
        Self {
            keep_days: limits::HISTORY_KEEP_DAYS,
            keep_mb: limits::HISTORY_KEEP_MB,
        }
    }
}

/// `[files]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Files {
    /// Folders that callers without the scope `code` may read and write, beside the open file's own and
    /// the home folder.
    pub roots: Vec<PathBuf>,
}

impl Config {
    /// # Errors
    /// `config_invalid` with line and reason when the file is not right.
    pub fn read(home: &Home) -> Result<Self, Problem> {
        let path = home.join("config.toml");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => {
                return Err(Problem::new(
                    Code::HOME_UNSAFE,
                    format!("{} cannot be read: {error}.", path.display()),
                ));
            }
        };
        Self::of_text(&path, &text)
    }

    /// The text of the file; `path` is for the words of a problem.
    ///
    /// # Errors
    /// See [`Self::read`].
    pub fn of_text(path: &Path, text: &str) -> Result<Self, Problem> {
        let config: Self = toml::from_str(text).map_err(|error| {
            Problem::new(
                Code::CONFIG_INVALID,
                format!("{} cannot be used: {}", path.display(), why(text, &error)),
            )
            .hint("Correct that line. The settings are described in docs/reference/config.md.")
        })?;
        if let Some(relative) = config.files.roots.iter().find(|root| !root.is_absolute()) {
            return Err(Problem::new(
                Code::CONFIG_INVALID,
                format!(
                    "{}: the root `{}` is not an absolute path.",
                    path.display(),
                    relative.display()
                ),
            )
            .hint("Write the full path, starting at the root of the disk."));
        }
        Ok(config)
    }
}

/// What is wrong, and where, as a sentence.
fn why(text: &str, error: &toml::de::Error) -> String {
    let what = error.message().trim().replace('\n', ", ");
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else {
        return format!("{what}.");
    };
    let line = before.matches('\n').count() + 1;
    let begun = before.rsplit('\n').next().unwrap_or_default();
    let column = begun.chars().count() + 1;
    format!("line {line}, column {column}: {what}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_of_the_history_has_its_default() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path()).unwrap();
        std::fs::write(home.join("config.toml"), "[history]\nkeep_days = 2\n").unwrap();
        let history = Config::read(&home).unwrap().history;
        let defaults = History::default();
        assert_eq!((history.keep_days, history.keep_mb), (2, defaults.keep_mb));
    }

    #[test]
    fn a_wrong_name_is_told_and_a_missing_file_is_fine() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path()).unwrap();
        assert_eq!(Config::read(&home).unwrap(), Config::default());
        std::fs::write(home.join("config.toml"), "[files]\nroots = [\"/data\"]\n").unwrap();
        assert_eq!(
            Config::read(&home).unwrap().files.roots,
            [PathBuf::from("/data")]
        );
        std::fs::write(home.join("config.toml"), "[files]\nrots = []\n").unwrap();
        let message = Config::read(&home).unwrap_err().message;
        assert!(
            message.contains("cannot be used: line 2, column ")
                && message.contains("`rots`")
                && !message.contains('\n'),
            "{message}"
        );
        std::fs::write(home.join("config.toml"), "[files]\nroots = [\n").unwrap();
        let message = Config::read(&home).unwrap_err().message;
        assert!(
            message.contains("line ") && message.ends_with('.') && !message.contains('\n'),
            "{message}"
        );
        std::fs::write(home.join("config.toml"), "[files]\nroots = [\"data\"]\n").unwrap();
        assert!(
            Config::read(&home)
                .unwrap_err()
                .message
                .contains("absolute")
        );
    }
}
