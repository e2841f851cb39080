//! What somebody wants rendered: the arguments of `render.farm`, read, and the files they name, looked at.

use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use hub::callers::Scope;
use hub::command_context::Context;
use hub::policy;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use wire::{Code, Problem};

use super::frames::{self, Frame};
use super::watch::Patience;

/// Of a worker's name, so that the whole fits where names are told.
const STEM_CHARS_MAX: usize = 24;

#[derive(Deserialize)]
struct Args {
    file: PathBuf,
    frames: Option<String>,
    out: Option<PathBuf>,
    workers: Option<usize>,
    chunk: Option<usize>,
    #[serde(default)]
    existing: Existing,
    memory_mb: Option<u64>,
    threads: Option<u32>,
    frame_timeout_s: Option<f64>,
    stall_timeout_s: f64,
    silence_timeout_s: f64,
    #[serde(default)]
    ignore_missing: bool,
    #[serde(default)]
    scripts: bool,
    #[serde(default)]
    film: bool,
    #[serde(default)]
    sheet: bool,
    program: Option<PathBuf>,
    python: Option<PathBuf>,
}

/// What happens where a frame is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Existing {
    /// It counts, if this file and these settings made it.
    #[default]
    Resume,
    /// It counts.
    Skip,
    /// It is rendered again.
    Overwrite,
}

/// Arguments that go to the workers as they are, and make other pictures when they change.
const SETTINGS: [&str; 10] = [
    "scene",
    "camera",
    "engine",
    "samples",
    "time_limit",
    "width",
    "height",
    "percentage",
    "transparent",
    "format",
];

/// A request that was read.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) file: PathBuf,
    pub(super) out: PathBuf,
    /// As asked for; else the scene's.
    pub(super) frames: Option<Vec<Frame>>,
    pub(super) workers: Option<usize>,
    pub(super) chunk: Option<usize>,
    pub(super) existing: Existing,
    pub(super) memory_mb: Option<u64>,
    pub(super) threads: Option<u32>,
    pub(super) patience: Patience,
    pub(super) ignore_missing: bool,
    pub(super) scripts: bool,
    pub(super) film: bool,
    pub(super) sheet: bool,
    pub(super) program: Option<PathBuf>,
    pub(super) python: Option<PathBuf>,
    pub(super) settings: Map<String, Value>,
    pub(super) source: Source,
    /// Of this farm: the same request has the same one, also after everything was killed.
    pub(super) mark: String,
}

/// Which version of which file, with which settings: what made a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Source {
    pub(super) file: PathBuf,
    modified_ms: u64,
    bytes: u64,
    settings: Map<String, Value>,
}

impl Request {
    /// # Errors
    /// `file_not_found`, `path_refused`, `forbidden`, `arguments_invalid`.
    pub(super) fn of(context: &Context) -> Result<Self, Problem> {
        let args: Args = Args::deserialize(Value::Object(context.args().clone()))
            .map_err(|error| Problem::new(Code::ARGUMENTS_INVALID, format!("{error}.")))?;
        let caller = context.caller();
        if args.scripts {
            policy::require(caller, Scope::Code, || {
                "run scripts inside a file".to_owned()
            })?;
        }
        if args.program.is_some() || args.python.is_some() {
            policy::require(caller, Scope::Admin, || {
                "start a program by its path".to_owned()
            })?;
        }
        let file = context.may_read(&args.file)?;
        let settings: Map<String, Value> = context
            .args()
            .iter()
            .filter(|(key, value)| SETTINGS.contains(&key.as_str()) && !value.is_null())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let source = Source::look(&file, &settings)?;
        let stem = file.file_stem().unwrap_or_default();
        let out = args.out.unwrap_or_else(|| {
            let mut name = stem.to_owned();
            name.push("-frames");
            file.with_file_name(name)
        });
        let out = context.may_write(&out)?;
        let seconds = |seconds: f64| {
            Duration::try_from_secs_f64(seconds)
                .map_err(|error| Problem::new(Code::ARGUMENTS_INVALID, format!("{error}.")))
        };
        let patience = Patience {
            frame: args.frame_timeout_s.map(seconds).transpose()?,
            stall: seconds(args.stall_timeout_s)?,
            silence: seconds(args.silence_timeout_s)?,
        };
        Ok(Self {
            frames: args.frames.as_deref().map(frames::parse).transpose()?,
            workers: args.workers,
            chunk: args.chunk,
            existing: args.existing,
            memory_mb: args.memory_mb,
            threads: args.threads,
            patience,
            ignore_missing: args.ignore_missing,
            scripts: args.scripts,
            film: args.film,
            sheet: args.sheet,
            program: args.program,
            python: args.python,
            settings,
            source,
            mark: mark(&stem.to_string_lossy(), &out),
            file,
            out,
        })
    }

    /// What a worker is started with.
    pub(super) fn launch(&self, name: &str, threads: u32) -> Value {
        let mut wanted = json!({
            "app": "blender", "name": name, "file": self.file, "reserved_for": self.mark,
            "options": {"threads": threads, "scripts": self.scripts},
        });
        for (key, value) in [
            ("memory_mb", json!(self.memory_mb)),
            ("program", json!(self.program)),
        ] {
            if !value.is_null() {
                wanted[key] = value;
            }
        }
        if let Some(python) = &self.python {
            wanted["options"]["python"] = json!(python);
        }
        wanted
    }
}

impl Source {
    fn look(file: &Path, settings: &Map<String, Value>) -> Result<Self, Problem> {
        let found = std::fs::metadata(file)
            .ok()
            .filter(std::fs::Metadata::is_file);
        let found = found.ok_or_else(|| {
            Problem::new(
                Code::FILE_NOT_FOUND,
                format!("There is no file {}.", file.display()),
            )
            .hint("Check its name, and that it is on the machine where the hub runs.")
        })?;
        let modified = found.modified().ok();
        let age = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Ok(Self {
            file: file.to_owned(),
            modified_ms: age.map_or(0, |age| u64::try_from(age.as_millis()).unwrap_or(0)),
            bytes: found.len(),
            settings: settings.clone(),
        })
    }
}

/// `render-castle-1f3a`: the file's name for people, the folder's hash so that no two farms meet.
fn mark(stem: &str, out: &Path) -> String {
    use sha2::Digest as _;
    let hash = sha2::Sha256::digest(out.as_os_str().as_encoded_bytes());
    let plain: String = stem
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        .take(STEM_CHARS_MAX)
        .collect();
    format!("render-{plain}-{}", hex::encode(&hash[..4]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_a_name_and_the_folder_s_own() {
        let one = mark("Schloß in the mist, final (2)", Path::new("/a"));
        assert!(
            one.starts_with("render-Schloinhemist") || wire::id::is_plain_name(&one),
            "{one}"
        );
        assert!(wire::id::is_plain_name(&format!("{one}-64")), "{one}");
        assert_ne!(one, mark("Schloß in the mist, final (2)", Path::new("/b")));
        assert!(wire::id::is_plain_name(&mark("", Path::new("/a"))));
    }

    #[test]
    fn another_version_of_a_file_is_another_source() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.blend");
        std::fs::write(&file, "1").unwrap();
        let none = Map::new();
        let first = Source::look(&file, &none).unwrap();
        assert_eq!(first, Source::look(&file, &none).unwrap());
        let more = Map::from_iter([("samples".to_owned(), json!(4))]);
        assert_ne!(first, Source::look(&file, &more).unwrap());
        std::fs::write(&file, "12").unwrap();
        assert_ne!(first, Source::look(&file, &none).unwrap());
        assert_eq!(
            Source::look(dir.path(), &none).unwrap_err().code,
            Code::FILE_NOT_FOUND
        );
    }
}
