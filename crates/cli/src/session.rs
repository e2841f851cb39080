//! One run of the command line: how it talks, where its home is, and which hub it asks.
//!
//! The hub is the one at `--url` or `KAPELLE_URL`, else the one that `run/hub.json` names and that
//! answers with the same pid. The token is `KAPELLE_TOKEN`, else the one in the token file.

use std::path::Path;

use serde::Deserialize;
use wire::Problem;

use crate::args::Global;
use crate::client::{Client, Health};
use crate::home::{self, Home};
use crate::run_file::RunFile;
use crate::ui::Ui;
use crate::{launch, problems};

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) ui: Ui,
    pub(crate) home: Home,
    url: Option<String>,
    token: Option<String>,
}

/// A hub that answered.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) client: Client,
    pub(crate) health: Health,
}

impl Session {
    pub(crate) fn new(global: &Global, ui: Ui) -> Result<Self, Box<Problem>> {
        let full = |text: &String| !text.is_empty();
        Ok(Self {
            ui,
            home: Home::new(global.home.as_deref())?,
            url: global.url.clone().filter(full),
            token: std::env::var("KAPELLE_TOKEN").ok().filter(full),
        })
    }

    /// Whether the hub was named by its address, and so may be on another machine.
    pub(crate) fn has_address(&self) -> bool {
        self.url.is_some()
    }

    /// Whether the hub is on this machine, as far as its address tells.
    pub(crate) fn is_here(&self) -> bool {
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
    pub(crate) fn hub(&self) -> Result<Client, Box<Problem>> {
        Ok(self.find()?.client)
    }

    /// The hub; starts one when none runs, and says so.
    ///
    /// # Errors
    /// As [`Session::hub`], and when the hub does not start. With an explicit address none is started.
    pub(crate) fn hub_or_start(&self) -> Result<Client, Box<Problem>> {
        match self.try_find()? {
            Some(found) => Ok(found.client),
            None => launch::start_hub(self),
        }
    }

    pub(crate) fn find(&self) -> Result<Found, Box<Problem>> {
        self.try_find()?
            .ok_or_else(|| problems::no_hub(self.home.path()))
    }

    /// A hub that answers, or nothing when none runs for this home folder.
    pub(crate) fn try_find(&self) -> Result<Option<Found>, Box<Problem>> {
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
    pub(crate) fn has_token(&self) -> bool {
        self.token.is_some() || self.home.owner_token().exists()
    }

    /// The token that calls are made with.
    ///
    /// # Errors
    /// When its file cannot be read, or others can read it.
    pub(crate) fn token(&self) -> Result<String, Box<Problem>> {
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

/// Reads a typed answer out of a document.
///
/// # Errors
/// When the hub's words are not those this version knows.
pub(crate) fn typed<T: for<'a> Deserialize<'a>>(
    document: &serde_json::Value,
) -> Result<T, Box<Problem>> {
    T::deserialize(document).map_err(problems::strange_answer)
}
