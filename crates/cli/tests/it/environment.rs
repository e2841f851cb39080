//! A home of its own and no environment but what a test gives.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use hub::app::App;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) struct Environment {
    dir: TempDir,
}

impl Environment {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.path().join("home")
    }

    /// Writes a file with mode 0600 and the folders above it.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        path
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kapelle"));
        command
            .args(words)
            .current_dir(self.path())
            .env_clear()
            // Where a build with counters writes which lines have run (scripts/coverage-rust).
            .envs(std::env::var_os("LLVM_PROFILE_FILE").map(|file| ("LLVM_PROFILE_FILE", file)))
            .env("HOME", self.path())
            .env("KAPELLE_HOME", self.home())
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::null());
        #[cfg(windows)]
        command.env(
            "SystemRoot",
            std::env::var_os("SystemRoot").unwrap_or_default(),
        );
        command
    }

    #[must_use]
    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        Ran::new(self.command(words).output().unwrap(), self)
    }
}

/// The app of this build that examples name.
pub(crate) fn an_app() -> Arc<dyn App> {
    apps::all().swap_remove(0)
}

/// Its id, and the same with a letter missing.
pub(crate) fn its_id() -> (String, String) {
    let id = an_app().id().to_string();
    let wrong = id[..id.len() - 1].to_owned();
    (id, wrong)
}

/// What came of it, with paths of this run made alike.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) exit: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn new(output: Output, environment: &Environment) -> Self {
        let dir = environment.path().to_str().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(dir, "[DIR]");
        Self {
            exit: output.status.code(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    /// stdout as exactly one JSON document.
    pub(crate) fn document(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Everything, for snapshots.
    pub(crate) fn shown(&self) -> String {
        let exit = self
            .exit
            .map_or("signal".to_owned(), |exit| exit.to_string());
        let app = an_app();
        format!(
            "{}------- stderr -------\n{}------- exit {exit}\n",
            self.out, self.err
        )
        .replace(app.id().as_str(), "[app]")
        .replace(app.title(), "[App]")
    }
}
