//! Starting a hub for a verb that needs one.
//!
//! `kapelle serve --json` is started apart from this terminal; its one line on stdout says that it is
//! ready. Whoever comes meanwhile waits at a file lock and then finds the hub that the first one started.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use client::home::make_private_dir;
use client::{Client, problems};
use wire::Problem;

use crate::session::Session;

/// Where a hub listens when nobody says otherwise.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:7420";

/// A hub is ready in a fraction of a second; a machine under heavy load gets more.
const READY_TIMEOUT: Duration = Duration::from_secs(20);

/// From this size on, in bytes, a start begins a new log and keeps one old one.
const LOG_BYTES_MAX: u64 = 5 * 1024 * 1024;

/// What is shown of the log when the hub did not start, in bytes.
const LOG_TAIL_BYTES: u64 = 2_000;

impl Session {
    /// The hub; starts one when none runs, and says so.
    ///
    /// # Errors
    /// As [`Session::hub`], and when the hub does not start. With an explicit address none is started.
    pub fn hub_or_start(&self) -> Result<Client, Box<Problem>> {
        match self.try_find()? {
            Some(found) => Ok(found.client),
            None => start_hub(self),
        }
    }
}

/// Starts a hub, unless somebody else has just done so.
///
/// # Errors
/// `hub_unreachable` with the end of the hub's log when it does not become ready.
fn start_hub(session: &Session) -> Result<Client, Box<Problem>> {
    let home = &session.home;
    let log = home.hub_log();
    for dir in [
        home.path(),
        &home.run_dir(),
        log.parent().unwrap_or(home.path()),
    ] {
        make_private_dir(dir).map_err(|error| problems::file(dir, "cannot be made", &error))?;
    }
    let lock_path = home.start_lock();
    let lock = File::create(&lock_path)
        .map_err(|error| problems::file(&lock_path, "cannot be made", &error))?;
    // The holder gives up after READY_TIMEOUT, so this ends.
    lock.lock()
        .map_err(|error| problems::file(&lock_path, "cannot be locked", &error))?;
    if let Some(found) = session.try_find()? {
        return Ok(found.client);
    }
    session.ui.say("no hub is running; starting one");
    let log_start = fs::metadata(&log).map_or(0, |log| log.len());
    let child = spawn(session, &log)?;
    let url = wait_until_ready(child, &log, log_start)?;
    session.ui.say(format_args!("hub ready at {url}"));
    Ok(session.find()?.client)
}

fn spawn(session: &Session, log_path: &Path) -> Result<Child, Box<Problem>> {
    let log = open_log(log_path)
        .map_err(|error| problems::file(log_path, "cannot be written", &error))?;
    let program = std::env::current_exe().map_err(|error| {
        problems::hub_did_not_start(
            format_args!("this program's own path cannot be found: {error}"),
            log_path,
        )
    })?;
    let mut command = Command::new(program);
    command
        .args(["serve", "--json", "--any-port", "--home"])
        .arg(session.home.path())
        .current_dir(session.home.path())
        .env_remove("KAPELLE_URL")
        .env_remove("KAPELLE_TOKEN")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log);
    set_apart(&mut command);
    command
        .spawn()
        .map_err(|error| problems::hub_did_not_start(error, log_path))
}

/// Ctrl-C in this terminal, or its end, must not reach the hub.
fn set_apart(command: &mut Command) {
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt as _;
        command.process_group(0);
    }
    #[cfg(windows)]
    {
        use std::os::windows::process::CommandExt as _;
        const DETACHED_PROCESS: u32 = 0x0000_0008;
        const CREATE_NEW_PROCESS_GROUP: u32 = 0x0000_0200;
        command.creation_flags(DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP);
    }
}

fn open_log(path: &Path) -> io::Result<File> {
    if fs::metadata(path).is_ok_and(|log| log.len() > LOG_BYTES_MAX) {
        fs::rename(path, path.with_extension("log.1"))?;
    }
    let mut options = File::options();
    options.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

/// Waits for the line that the hub prints when it is ready; gives its address.
fn wait_until_ready(mut child: Child, log: &Path, log_start: u64) -> Result<String, Box<Problem>> {
    let Some(stdout) = child.stdout.take() else {
        return Err(problems::hub_did_not_start("its output was closed", log));
    };
    let (line_in, line_out) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).ok();
        line_in.send(line).ok();
    });
    let line = line_out.recv_timeout(READY_TIMEOUT);
    let ready: Option<serde_json::Value> = line
        .as_deref()
        .ok()
        .and_then(|line| serde_json::from_str(line).ok());
    if let Some(url) = ready.as_ref().and_then(|ready| ready["url"].as_str()) {
        return Ok(url.to_owned());
    }
    // Its own problem, as `serve --json` prints it, says most.
    if let Some(problem) = ready.and_then(|ready| serde_json::from_value::<Problem>(ready).ok()) {
        child.wait().ok();
        return Err(Box::new(problem));
    }
    let reason = match line {
        Err(_) => {
            child.kill().ok();
            format!("it was not ready after {} s", READY_TIMEOUT.as_secs())
        }
        Ok(_) => "it exited at once".to_owned(),
    };
    child.wait().ok();
    let tail = log_tail(log, log_start);
    Err(problems::hub_did_not_start(
        format_args!("{reason}{tail}"),
        log,
    ))
}

/// What this start wrote to the log.
fn log_tail(log: &Path, start: u64) -> String {
    let read = || -> io::Result<String> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(
            start.max(length.saturating_sub(LOG_TAIL_BYTES)),
        ))?;
        let mut bytes = Vec::new();
        file.take(LOG_TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    };
    match read() {
        Ok(text) if !text.is_empty() => format!("\n{text}"),
        _ => String::new(),
    }
}
