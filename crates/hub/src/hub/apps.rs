//! Apps as doors see them: their commands, and the programs that their bridges can be installed in.

use std::path::Path;
use std::sync::Arc;

use wire::{AppId, Code, CommandSpec, InstanceName, InstanceView, Problem};

use super::Hub;
use crate::app::Program;
use crate::callers::{Caller, Scope};
use crate::catalog::{AppEntry, Command};
use crate::find::{self, Found};
use crate::policy;

impl Hub {
    /// Every app, with the instances that calls may go to or come back to.
    #[must_use]
    pub fn apps(&self) -> Vec<(Arc<AppEntry>, Vec<InstanceName>)> {
        let names = |app: &AppId| {
            self.0
                .roster
                .of_app(app)
                .iter()
                .filter(|instance| instance.reserved_for.is_none() && !instance.is_gone())
                .map(|i| i.name.clone())
                .collect()
        };
        self.0
            .catalog
            .apps()
            .into_iter()
            .map(|app| (Arc::clone(&app), names(&app.id)))
            .collect()
    }

    /// # Errors
    /// `app_unknown`.
    pub fn commands(&self, app: &AppId) -> Result<Vec<CommandSpec>, Problem> {
        Ok(specs(self.0.catalog.app(app)?.commands()))
    }

    /// The commands that have a role, at least one.
    ///
    /// # Errors
    /// `app_unknown`; `not_supported`, with the roles that the app has.
    pub fn commands_for(&self, app: &AppId, role: &str) -> Result<Vec<CommandSpec>, Problem> {
        let entry = self.0.catalog.app(app)?;
        entry.command_for(role, &[])?;
        Ok(specs(
            entry
                .commands()
                .filter(|command| command.spec.has_role(role)),
        ))
    }

    /// # Errors
    /// `app_unknown`, `command_unknown`.
    pub fn command(&self, app: &AppId, name: &str) -> Result<CommandSpec, Problem> {
        Ok(self.0.catalog.app(app)?.command(name)?.spec.clone())
    }

    /// The command that has a role in an app: of several the one that takes most of these arguments.
    ///
    /// # Errors
    /// `app_unknown`; `not_supported`, with the roles that the app has.
    pub fn command_for(
        &self,
        app: &AppId,
        instance: Option<&InstanceName>,
        role: &str,
        args: &[&str],
    ) -> Result<CommandSpec, Problem> {
        let entry = match instance {
            Some(name) => self.0.catalog.app_of(app, name)?,
            None => self.0.catalog.app(app)?,
        };
        Ok(entry.command_for(role, args)?.spec.clone())
    }

    /// Commands that fit somebody's words, best first, in the bounds of [`crate::find`].
    ///
    /// # Errors
    /// `app_unknown`.
    pub fn find(
        &self,
        query: &str,
        app: Option<&AppId>,
        limit: usize,
    ) -> Result<Vec<Found>, Problem> {
        let apps = match app {
            Some(app) => vec![self.0.catalog.app(app)?],
            None => self.0.catalog.apps(),
        };
        let hits = apps.iter().flat_map(|app| app.find(query)).collect();
        Ok(find::best(hits, limit))
    }

    /// Programs of this machine that the app can be started from; some can have its bridge installed.
    ///
    /// # Errors
    /// `app_unknown`, `forbidden` without `admin`.
    pub async fn programs(&self, caller: &Caller, app: &AppId) -> Result<Vec<Program>, Problem> {
        policy::require(caller, Scope::Admin, || {
            "look for programs on this machine".to_owned()
        })?;
        let entry = self.0.catalog.app(app)?;
        let home = self.0.home.clone();
        let look = move || entry.app.as_ref().map(|app| app.programs(&home));
        Ok(blocking(look).await?.unwrap_or_default())
    }

    /// Installs the app's bridge in one of [`Self::programs`], and sees that it reaches this hub.
    ///
    /// # Errors
    /// `app_unknown`, `forbidden` without `admin`, `not_found` for another program, what the app says.
    pub async fn install(
        &self,
        caller: &Caller,
        app: &AppId,
        program: &Path,
    ) -> Result<InstanceView, Problem> {
        let mut programs = self.programs(caller, app).await?;
        programs.retain(|one| one.installs);
        if !programs.iter().any(|one| one.program == program) {
            let names: Vec<String> = programs
                .iter()
                .map(|one| one.program.display().to_string())
                .collect();
            return Err(Problem::new(
                Code::FILE_NOT_FOUND,
                format!("It cannot be installed in {}.", program.display()),
            )
            .hint(format!("They are: {}.", names.join(", "))));
        }
        let entry = self.0.catalog.app(app)?;
        let hub = Arc::clone(&self.0);
        let program = program.to_owned();
        let install = move || {
            let mut look =
                |name: &InstanceName| hub.roster.find(name).map(|instance| instance.view());
            match &entry.app {
                Some(app) => app.install(&hub.home, &program, &mut look),
                None => Err(Problem::new(
                    Code::NOT_SUPPORTED,
                    format!("{} brings its own bridge.", entry.title),
                )),
            }
        };
        blocking(install).await?
    }
}

/// Runs what blocks on a thread of its own.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "an app's own code panicked");
        Problem::new(Code::INTERNAL, "The app's component in the hub failed.")
    })
}

fn specs<'a>(commands: impl Iterator<Item = &'a Arc<Command>>) -> Vec<CommandSpec> {
    commands.map(|command| command.spec.clone()).collect()
}
