//! Kapelle's add-on in the Blenders of this machine: which Blender is meant, installing, taking out, and a
//! look whether what was installed reaches the hub.
//!
//! In come the words of `install` and `uninstall`; out goes what became of each Blender. Where one fails
//! the others go on. Only Blenders are asked: wheels are started with the bridge anyway and keep no
//! preferences; one that is named by its path is taken all the same.

use std::io;
use std::path::PathBuf;

use client::{Client, problems, typed};
use hub::home::Home;
use serde::Serialize;
use terminal::session::Session;
use wire::{Code, Problem};

use crate::blender::{self, Found};

/// What became of one Blender.
#[derive(Debug, Default, Serialize)]
pub(super) struct Became {
    pub(super) program: PathBuf,
    pub(super) blender: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) module: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) removed: Option<bool>,
    /// What the hub saw of it; nothing when nobody looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seen: Option<Seen>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) problem: Option<Problem>,
}

/// The add-on as the hub saw it.
#[derive(Debug, Serialize)]
pub(super) struct Seen {
    pub(super) version: Option<String>,
    pub(super) bridge_version: Option<String>,
}

/// A Blender and what it says of its version.
#[derive(Debug)]
pub(super) struct Candidate {
    found: Found,
    version: Option<String>,
}

/// The Blenders that are meant: those named, or with `all` every one, or the only one, or what a person
/// chooses.
///
/// # Errors
/// When there is none, and when there are several and nobody can be asked.
pub(super) fn chosen(
    session: &Session,
    home: &Home,
    paths: Vec<PathBuf>,
    all: bool,
) -> Result<Vec<Candidate>, Box<Problem>> {
    if !paths.is_empty() {
        let named = paths.into_iter().map(|path| {
            let found = blender::named(path)?;
            Ok(candidate(found))
        });
        return named.collect();
    }
    let found = blender::installable(home).into_iter();
    let found: Vec<Candidate> = found
        .map(|(found, version)| Candidate { found, version })
        .collect();
    if found.is_empty() {
        return Err(problems::new(
            Code::NOT_FOUND,
            "No Blender was found on this machine.",
            "Name one with --blender PATH; or write the add-on's file and install it in Blender's preferences: kapelle install blender --zip kapelle.zip",
        ));
    }
    if all || found.len() == 1 {
        return Ok(found);
    }
    let listed: Vec<String> = found.iter().map(Candidate::told).collect();
    if session.ui.can_ask() {
        session.ui.text(&format!(
            "Blenders found:\n  {}\nUse all of them? [y/N] ",
            listed.join("\n  ")
        ));
        let mut line = String::new();
        io::stdin().read_line(&mut line).ok();
        if matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
            return Ok(found);
        }
    }
    Err(problems::usage(
        format!(
            "Several Blenders were found: {}. Nothing was done.",
            listed.join(", ")
        ),
        "Name one with --blender PATH, or use them all: --all",
    ))
}

fn candidate(found: Found) -> Candidate {
    Candidate {
        version: blender::version_of(&found),
        found,
    }
}

impl Candidate {
    pub(super) fn told(&self) -> String {
        let version = self.version.as_deref().unwrap_or("that does not run");
        format!("Blender {version} ({})", self.found.path.display())
    }

    fn became(&self, done: Result<blender::Installed, Problem>) -> Became {
        let program = self.found.path.clone();
        match done {
            Ok(told) => Became {
                program,
                blender: told.blender,
                module: told.module,
                path: told.path,
                ..Became::default()
            },
            Err(problem) => Became {
                program,
                blender: self.version.clone().unwrap_or_default(),
                problem: Some(problem),
                ..Became::default()
            },
        }
    }

    pub(super) fn install(&self, home: &Home, its_home: Option<&str>) -> Became {
        self.became(blender::install(home, &self.found, its_home))
    }

    pub(super) fn remove(&self, home: &Home) -> Became {
        let done = blender::remove(home, &self.found);
        let removed = done.as_ref().ok().map(|told| told.removed);
        Became {
            removed,
            ..self.became(done)
        }
    }

    /// Starts this Blender in background, lets its add-on connect, and ends it.
    ///
    /// # Errors
    /// What Blender said when the add-on is not switched on; `start_failed` when it does not reach the hub.
    pub(super) fn verify(&self, home: &Home, client: &Client) -> Result<Seen, Box<Problem>> {
        let look = |name: &str| match client.get(&format!("/v1/instances/{name}")) {
            Ok(document) => typed(&document).map(Some),
            Err(problem) if problem.code == Code::INSTANCE_UNKNOWN => Ok(None),
            Err(problem) => Err(problem),
        };
        let seen = blender::verify(home, &self.found, look)?;
        Ok(Seen {
            version: seen.version,
            bridge_version: seen.bridge_version,
        })
    }
}
