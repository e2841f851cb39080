//! The hub's log: a file a day in the home, and the terminal if there is one.
//!
//! In come events of the whole process, whose fields hold foreign texts: names, problems, what a bridge said. Each
//! event is one line: ends of lines in a field are not made, so that nobody writes a line that looks like the
//! hub's, and what steers a terminal is shown instead. `KAPELLE_LOG` filters what is written.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use hub::home::Home;
use terminal::screen::{self, Stream, one_line};
use terminal::ui::Ui;
use time::{Date, OffsetDateTime};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::filter::FilterExt as _;
use tracing_subscriber::fmt::format::{FormatFields, Writer, debug_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::log_quota::LogQuota;

/// Days of log that are kept: enough to look back over a week's work.
const FILES_MAX: usize = 7;
const PREFIX: &str = "kapelle";
const SUFFIX: &str = "log";

/// Gives what keeps anybody from filling the file.
pub(crate) fn write_logs(home: &Home, ui: Ui) -> LogQuota {
    let quota = LogQuota::default();
    let filter =
        || EnvFilter::try_from_env("KAPELLE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let file = match DayFiles::open(home.join("logs")) {
        Ok(file) => Some(
            tracing_subscriber::fmt::layer()
                .with_ansi(false)
                .fmt_fields(fields())
                .with_writer(Mutex::new(file)),
        ),
        Err(error) => {
            ui.warn(format_args!("no log is kept: {error}"));
            None
        }
    };
    let terminal = Stream::Err.is_terminal().then(|| {
        tracing_subscriber::fmt::layer()
            .with_target(false)
            .fmt_fields(fields())
            .with_writer(screen::log)
    });
    tracing_subscriber::registry()
        .with(file.map(|layer| layer.with_filter(filter().and(quota.clone()))))
        .with(terminal.map(|layer| layer.with_filter(filter())))
        .init();
    quota
}

/// `message name=value name=value`, on one line.
fn fields() -> impl for<'a> FormatFields<'a> + 'static {
    use tracing_subscriber::field::MakeExt as _;
    debug_fn(|to: &mut Writer<'_>, field, value| {
        let text = format!("{value:?}");
        let text = one_line(&text);
        if field.name() == "message" {
            to.write_str(&text)
        } else {
            write!(to, "{field}={text}")
        }
    })
    .delimited(" ")
}

/// A file a day that only its owner reads.
struct DayFiles {
    folder: PathBuf,
    files: RollingFileAppender,
    day: Date,
}

impl DayFiles {
    fn open(folder: PathBuf) -> Result<Self, Box<dyn std::error::Error>> {
        let day = OffsetDateTime::now_utc().date();
        make_private(&folder, day)?;
        let files = RollingFileAppender::builder()
            .rotation(Rotation::DAILY)
            .filename_prefix(PREFIX)
            .filename_suffix(SUFFIX)
            .max_log_files(FILES_MAX)
            .build(&folder)?;
        Ok(Self { folder, files, day })
    }
}

impl io::Write for DayFiles {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let today = OffsetDateTime::now_utc().date();
        if today != self.day {
            // Made before it is opened by a library that has no say in modes. If it cannot be made, neither can that.
            make_private(&self.folder, today).ok();
            self.day = today;
        }
        self.files.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.files.flush()
    }
}

fn make_private(folder: &Path, day: Date) -> io::Result<()> {
    let name = format!(
        "{PREFIX}.{}-{:02}-{:02}.{SUFFIX}",
        day.year(),
        u8::from(day.month()),
        day.day()
    );
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(folder.join(name)).map(drop)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::Arc;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_is_one_line_whatever_its_fields_hold() {
        let kept = Kept::default();
        let to = kept.clone();
        let layer = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .fmt_fields(fields())
            .with_writer(move || to.clone());
        let evil = "Cube\n2026-01-01T00:00:00Z  INFO hub: signed in\x1b]0;t\x07\u{9b}2J\r";
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let _span = tracing::info_span!("call", name = %evil).entered();
            tracing::warn!(name = %evil, text = evil, error = ?io::Error::other(evil), "{evil}");
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text:?}");
        let line = text.trim_end_matches('\n');
        assert!(!line.contains(char::is_control), "{text:?}");
        assert!(line.contains("Cube 2026"), "{text:?}");
    }

    #[cfg(unix)]
    #[test]
    fn the_files_are_private_from_their_first_byte() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let mut log = DayFiles::open(dir.path().to_owned()).unwrap();
        log.write_all(b"a line\n").unwrap();
        let all: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(
            all.len(),
            1,
            "the library writes into the file that was made"
        );
        let file = all[0].as_ref().unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read(file.path()).unwrap(), b"a line\n");
    }
}
