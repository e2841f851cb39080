//! The named checks of `doctor`: each looks at one thing and says how to mend it. Nothing is changed,
//! but the home folder is made where there is none.

use std::fs;
use std::io;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use client::home::mode_open_to_others;
use client::run_file::RunFile;
use client::{Client, problems};
use hub::config::Config;
use terminal::ago::{short, size};
use terminal::finding::Finding;
use terminal::launch::DEFAULT_LISTEN;
use terminal::session::Session;

use crate::built_in;

/// Under this much, in bytes, recovery copies and logs fail soon.
const ROOM_BYTES_NEEDED: u64 = 200_000_000;

/// What a hub without room goes on doing, and what to do.
pub(crate) const DISK_FULL: &str = "no room is left on the disk of the home: calls go on, but nothing can be stored (jobs, blobs, tokens, recovery copies, the history); free some space";

/// A port of this machine answers at once or not at all.
const PORT_TIMEOUT: Duration = Duration::from_secs(1);

pub(crate) fn all(session: &Session) -> Vec<Finding> {
    let mut findings = vec![home(session.home.path()), config(session.home.path())];
    findings.extend(tokens(&session.home.tokens_dir()));
    findings.extend(room(session.home.path()));
    findings.extend(hub(session));
    findings.push(confinement());
    for app in built_in::all() {
        findings.extend(app.checks(&session.home));
    }
    findings
}

/// Whether a background instance can be kept to the allowed folders by the system.
fn confinement() -> Finding {
    const NAME: &str = "confinement";
    match hub::confine::kernel::look() {
        Ok(kernel) => Finding::ok(
            NAME,
            format!("background instances can be confined: {}", kernel.says()),
        ),
        Err(why) => Finding::warn(
            NAME,
            format!("not confined: {why}"),
            "callers without the scope `code` import glTF, OBJ and .blend only; it needs Linux 6.2 or newer with Landlock",
        ),
    }
}

fn home(path: &Path) -> Finding {
    const NAME: &str = "home folder";
    let shown = path.display();
    match fs::metadata(path) {
        Err(_) => Finding::ok(
            NAME,
            format!("{shown} does not exist yet; the hub creates it"),
        ),
        Ok(found) if !found.is_dir() => Finding::fail(
            NAME,
            format!("{shown} is not a folder"),
            "set KAPELLE_HOME to a folder of your own",
        ),
        Ok(_) => match mode_open_to_others(path) {
            None => Finding::ok(NAME, format!("{shown}, private to you")),
            Some(mode) if mode & 0o022 != 0 => Finding::fail(
                NAME,
                format!("others can write in {shown} (mode {mode:03o}); the hub refuses it"),
                format!("chmod 700 {shown}"),
            ),
            Some(mode) => Finding::warn(
                NAME,
                format!("others can look into {shown} (mode {mode:03o})"),
                format!("chmod 700 {shown}"),
            ),
        },
    }
}

/// The settings of a person: a hub does not start with wrong ones.
fn config(home: &Path) -> Finding {
    const NAME: &str = "config file";
    let path = home.join("config.toml");
    let read = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Finding::ok(NAME, "there is none; every setting has its default");
        }
        Err(error) => Err(problems::file(&path, "cannot be read", &error)),
        Ok(text) => Config::of_text(&path, &text).map_err(Box::new),
    };
    match read {
        Ok(_) => Finding::ok(NAME, format!("{} is valid", path.display())),
        Err(problem) => Finding::fail(
            NAME,
            problem.message.clone(),
            problem.hint_at(wire::Door::Terminal).unwrap_or_default(),
        ),
    }
}

fn tokens(dir: &Path) -> Vec<Finding> {
    const NAME: &str = "tokens";
    let Ok(entries) = fs::read_dir(dir) else {
        return vec![Finding::ok(
            NAME,
            "none yet; the hub creates them when it first starts",
        )];
    };
    let paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    let open: Vec<Finding> = paths
        .iter()
        .filter_map(|path| Some((path, mode_open_to_others(path)?)))
        .map(|(path, mode)| {
            let shown = path.display();
            Finding::fail(
                NAME,
                format!("others can read {shown} (mode {mode:03o})"),
                format!("chmod 600 {shown}; if others use this machine, delete the file and restart the hub"),
            )
        })
        .collect();
    if open.is_empty() {
        return vec![Finding::ok(
            NAME,
            format!("{} files, private to you", paths.len()),
        )];
    }
    open
}

fn room(home: &Path) -> Option<Finding> {
    const NAME: &str = "disk";
    let there = home.ancestors().find(|dir| dir.is_dir())?;
    let free = fs4::available_space(there).ok()?;
    let says = format!("{} free in {}", size(free), there.display());
    Some(if free < ROOM_BYTES_NEEDED {
        Finding::fail(
            NAME,
            says,
            "free some space, or set KAPELLE_HOME to a folder on another disk",
        )
    } else if let Some(app) = built_in::all()
        .iter()
        .find(|app| free < app.room_bytes_wanted())
    {
        let title = app.title();
        Finding::warn(
            NAME,
            says,
            format!("enough to work, too little to set up a {title} of its own"),
        )
    } else {
        Finding::ok(NAME, says)
    })
}

/// The hub and what depends on it: its version, the token, the bridge port, or who has its port.
fn hub(session: &Session) -> Vec<Finding> {
    const NAME: &str = "hub";
    let run = RunFile::read(&session.home.run_file());
    match session.try_find() {
        Ok(Some(found)) => {
            let ours = env!("CARGO_PKG_VERSION");
            let health = &found.health;
            let says = format!(
                "{} at {}, pid {}, up {}",
                health.version,
                found.client.url(),
                health.pid,
                short(Duration::from_millis(health.uptime_ms))
            );
            let version = if health.version == ours {
                Finding::ok(NAME, says)
            } else {
                Finding::warn(
                    NAME,
                    format!("{says}; this program is {ours}"),
                    "kapelle stop --hub",
                )
            };
            let mut findings = vec![version, token(&found.client)];
            if health.disk_full {
                let (says, fix) = DISK_FULL.split_once("; ").unwrap_or((DISK_FULL, ""));
                findings.push(Finding::fail("disk", says, fix));
            }
            findings.extend(
                run.and_then(|run| run.bridge)
                    .map(|address| bridge_port(&address)),
            );
            findings
        }
        Ok(None) => {
            let mut findings = vec![match run {
                Some(run) => Finding::warn(
                    NAME,
                    format!(
                        "none answers at {}, where one with pid {} was running",
                        run.url, run.pid
                    ),
                    "kapelle serve; it replaces the left-over run file",
                ),
                None => Finding::warn(
                    NAME,
                    "none runs",
                    "kapelle serve; other verbs start one when they need it",
                ),
            }];
            findings.push(default_port());
            findings
        }
        Err(problem) => vec![Finding::fail(
            NAME,
            problem.message.clone(),
            problem.hint_at(wire::Door::Terminal).unwrap_or_default(),
        )],
    }
}

fn token(client: &Client) -> Finding {
    const NAME: &str = "token";
    match client.get("/v1/instances") {
        Ok(document) => {
            let count = document["instances"].as_array().map_or(0, Vec::len);
            Finding::ok(NAME, format!("accepted; instances: {count}"))
        }
        Err(problem) => Finding::fail(
            NAME,
            problem.message.clone(),
            problem.hint_at(wire::Door::Terminal).unwrap_or_default(),
        ),
    }
}

fn bridge_port(address: &str) -> Finding {
    const NAME: &str = "bridge port";
    let reached = address
        .parse()
        .map_err(|error| format!("{error}"))
        .and_then(|address| {
            TcpStream::connect_timeout(&address, PORT_TIMEOUT).map_err(|error| error.to_string())
        });
    match reached {
        Ok(_) => Finding::ok(NAME, format!("{address} listens")),
        Err(error) => Finding::fail(
            NAME,
            format!("{address} cannot be reached: {error}"),
            "bridges cannot connect; check for a firewall, then kapelle stop --hub and kapelle \
             serve",
        ),
    }
}

/// Who has the port that a hub would take.
fn default_port() -> Finding {
    const NAME: &str = "port";
    let Ok(address) = DEFAULT_LISTEN.parse() else {
        return Finding::ok(NAME, DEFAULT_LISTEN);
    };
    if TcpStream::connect_timeout(&address, PORT_TIMEOUT).is_err() {
        return Finding::ok(NAME, format!("{DEFAULT_LISTEN} is free"));
    }
    let other = Client::new(&format!("http://{DEFAULT_LISTEN}")).and_then(|client| client.health());
    let who = match other {
        Ok(health) => format!("the hub of another home folder (pid {})", health.pid),
        Err(_) => "another program".to_owned(),
    };
    Finding::warn(
        NAME,
        format!("{DEFAULT_LISTEN} is taken by {who}"),
        "a hub that another verb starts takes a free port; or choose one: kapelle serve --listen 127.0.0.1:0",
    )
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use terminal::finding::Health;

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_home_open_to_others_is_named_with_the_remedy() {
        let dir = tempfile::tempdir().unwrap();
        set_mode(dir.path(), 0o700);
        assert_eq!(home(dir.path()).health, Health::Ok);
        set_mode(dir.path(), 0o750);
        assert_eq!(home(dir.path()).health, Health::Warn);
        set_mode(dir.path(), 0o777);
        let finding = home(dir.path());
        assert_eq!(finding.health, Health::Fail);
        assert!(finding.fix.unwrap().starts_with("chmod 700 /"));
        assert_eq!(home(Path::new("/nowhere/at/all")).health, Health::Ok);
    }

    #[test]
    fn a_broken_config_fails_with_its_place() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(config(dir.path()).health, Health::Ok);
        let path = dir.path().join("config.toml");
        fs::write(&path, "[history]\nkeep_days = 2\n").unwrap();
        assert_eq!(config(dir.path()).health, Health::Ok);
        fs::write(&path, "[history]\nkeep_days = many\n").unwrap();
        let finding = config(dir.path());
        assert_eq!(finding.health, Health::Fail);
        assert!(finding.says.contains("line 2, column "), "{}", finding.says);
        assert!(finding.fix.is_some());
    }

    #[test]
    fn an_open_token_fails() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("owner");
        fs::write(&path, "secret").unwrap();
        set_mode(&path, 0o644);
        let findings = tokens(dir.path());
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].health, Health::Fail);
        assert!(!serde_json::to_string(&findings).unwrap().contains("secret"));
        set_mode(&path, 0o600);
        assert_eq!(tokens(dir.path())[0].health, Health::Ok);
    }
}
