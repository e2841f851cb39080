//! One run of the command line: how it talks, where its home is, and which hub it asks.
//!
//! The hub is the one at `--url` or `KAPELLE_URL`, else the one that `run/hub.json` names and that
//! answers with the same pid. The token is `KAPELLE_TOKEN`, else the one in the token file.

use std::path::Path;

use client::home::{self, Home};
use client::run_file::RunFile;
use client::{Client, Health, problems};
use wire::Problem;

use crate::options::Global;
use crate::ui::Ui;

#[derive(Debug)]
pub struct Session {
    pub ui: Ui,
    pub home: Home,
    url: Option<String>,
    token: Option<String>,
    app: Option<AppName>,
}

/// The app that hints name where any would do.
#[derive(Clone, Debug)]
pub struct AppName {
    pub id: String,
    pub title: String,
}

/// A hub that answered.
#[derive(Debug)]
pub struct Found {
    pub client: Client,
    pub health: Health,
}

impl Session {
    pub fn new(global: &Global, ui: Ui, app: Option<AppName>) -> Result<Self, Box<Problem>> {
        let full = |text: &String| !text.is_empty();
        Ok(Self {
            ui,
            app,
            home: Home::new(global.home.as_deref())?,
            url: global.url.clone().filter(full),
            token: std::env::var("KAPELLE_TOKEN").ok().filter(full),
        })
    }

    /// What to do where no hub is running.
    pub fn how_to_start(&self) -> String {
        match &self.app {
            Some(app) => format!(
                "Start one with `kapelle serve`, or start one together with a {}: kapelle start {}",
                app.title, app.id
            ),
            None => "Start one with `kapelle serve`.".to_owned(),
        }
    }

    /// The problem of those that need a running hub.
    pub fn no_hub(&self) -> Box<Problem> {
        problems::no_hub(self.home.path(), self.how_to_start())
    }

    /// Whether the hub was named by its address, and so may be on another machine.
    pub fn has_address(&self) -> bool {
        self.url.is_some()
    }

    /// Whether the hub is on this machine, as far as its address tells.
    pub fn is_here(&self) -> bool {
        self.url.as_ref().is_none_or(|url| {
            ["127.", "localhost", "[::1]"]
                .iter()
                .any(|here| url.trim_start_matches("http://").starts_with(here))
        })
    }

    /// The hub, if one runs.
    ///
    /// # Errors
    /// `hub_unreachable` when none answers; problems with the token.
    pub fn hub(&self) -> Result<Client, Box<Problem>> {
        Ok(self.find()?.client)
    }

    pub fn find(&self) -> Result<Found, Box<Problem>> {
        self.try_find()?.ok_or_else(|| self.no_hub())
    }

    /// A hub that answers, or nothing when none runs for this home folder.
    pub fn try_find(&self) -> Result<Option<Found>, Box<Problem>> {
        if let Some(url) = &self.url {
            let mut client = Client::new(url)?;
            let health = client.health()?;
            client.authenticate(self.token_from(&self.home.owner_token())?);
            return Ok(Some(self.checked(Found { client, health })));
        }
        let Some(run) = RunFile::read(&self.home.run_file()) else {
            return Ok(None);
        };
        let mut client = Client::new(&run.url)?;
        // The token is shown only to the process that wrote the file: another program may have taken
        // the port since.
        let Some(health) = client.health().ok().filter(|health| health.pid == run.pid) else {
            return Ok(None);
        };
        let token_file = run.token_file.unwrap_or_else(|| self.home.owner_token());
        client.authenticate(self.token_from(&token_file)?);
        Ok(Some(self.checked(Found { client, health })))
    }

    /// Whether there is a token already.
    pub fn has_token(&self) -> bool {
        self.token.is_some() || self.home.owner_token().exists()
    }

    /// The token that calls are made with.
    ///
    /// # Errors
    /// When its file cannot be read, or others can read it.
    pub fn token(&self) -> Result<String, Box<Problem>> {
        self.token_from(&self.home.owner_token())
    }

    fn token_from(&self, file: &Path) -> Result<String, Box<Problem>> {
        match &self.token {
            Some(token) => Ok(token.clone()),
            None => home::read_secret(file),
        }
    }

    fn checked(&self, found: Found) -> Found {
        let ours = env!("CARGO_PKG_VERSION");
        if found.health.version != ours && !self.ui.json {
            self.ui.warn(format_args!(
                "the hub is version {}, this is {ours}; to update it, run `kapelle stop --hub`: the next call starts the new one",
                found.health.version
            ));
        }
        found
    }
}
