use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use client::problems;
use serde_json::{Value, json};
use terminal::answer::{Answer, Answered, Shown};
use terminal::screen::Out;
use terminal::session::Session;
use terminal::ui::{FAINT, HEADING, NAME, Ui};
use wire::{Code, Problem};

use crate::mcp_clients::entry::Entry;
use crate::mcp_clients::machine::{Machine, this_system};
use crate::mcp_clients::table::{CLIENTS, Client, named};
use crate::mcp_clients::{Done, Edit, Plan, plan};

/// Serve the Model Context Protocol, and set up its clients
///
/// On its own it speaks MCP on stdin and stdout, the way MCP clients start it: a pipe to the hub, which is
/// started if none is running.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Mcp {
    #[command(subcommand)]
    pub what: Option<What>,
    /// Offer each command of this app as a separate tool.
    #[arg(long, value_name = "APP")]
    pub app: Option<String>,
}

#[derive(Subcommand, Debug)]
pub enum What {
    /// Add Kapelle to the configuration of MCP clients
    ///
    /// By default, the clients found on this machine. A file that changes is first copied beside it, with the
    /// time in its name. Comments and everything else in it are kept.
    Install(Install),
    /// Remove Kapelle from the configuration of MCP clients
    Uninstall(Clients),
}

#[derive(Args, Debug)]
pub struct Install {
    #[command(flatten)]
    pub clients: Clients,
    /// Show what would be written and where, without writing it.
    #[arg(long)]
    pub print: bool,
    /// Offer each command of this app as a separate tool.
    #[arg(long, value_name = "APP")]
    pub app: Option<String>,
}

#[derive(Args, Debug)]
pub struct Clients {
    /// The clients.
    #[arg(value_name = "CLIENT", ignore_case = true, value_parser = clap::builder::PossibleValuesParser::new(CLIENTS.iter().map(|client| client.id)))]
    pub names: Vec<String>,
    /// All clients found on this machine.
    #[arg(long, conflicts_with = "names")]
    pub all: bool,
}

impl Mcp {
    pub(crate) fn run(self, session: &Session) -> Answered {
        let Some(what) = self.what else {
            return crate::pipe::run(session, self.app.as_deref());
        };
        let variable = |name: &str| std::env::var_os(name);
        let machine = Machine {
            system: this_system(),
            home: user_home()?,
            variable: &variable,
        };
        match what {
            What::Install(words) => words.run(session, &machine),
            What::Uninstall(words) => words.take_out(&machine),
        }
    }
}

impl Install {
    fn run(self, session: &Session, machine: &Machine<'_>) -> Answered {
        let clients = self.clients.chosen(session.ui, machine, self.print)?;
        let elsewhere = (!session.home.is_usual()).then(|| session.home.path());
        let entry = Entry::new(&this_program()?, self.app.as_deref(), elsewhere);
        let edit = Edit::Put(entry);
        let plans = plans(machine, &clients, &edit)?;
        if self.print {
            return Ok(printed(plans));
        }
        Ok(Box::new(Report(carried_out(plans)?)))
    }
}

impl Clients {
    fn take_out(self, machine: &Machine<'_>) -> Answered {
        // Without names: wherever an entry of ours is.
        let clients: Vec<&'static Client> = if self.names.is_empty() {
            machine.found()
        } else {
            self.named()
        };
        let plans = plans(machine, &clients, &Edit::Remove)?;
        Ok(Box::new(Report(carried_out(plans)?)))
    }

    fn named(&self) -> Vec<&'static Client> {
        self.names.iter().filter_map(|name| named(name)).collect()
    }

    fn chosen(
        &self,
        ui: Ui,
        machine: &Machine<'_>,
        only_shown: bool,
    ) -> Result<Vec<&'static Client>, Box<Problem>> {
        if !self.names.is_empty() {
            return Ok(self.named());
        }
        let found = machine.found();
        let ids = list(&found);
        if found.is_empty() {
            return Err(problems::new(
                Code::NOT_FOUND,
                format!(
                    "None of the MCP clients that Kapelle knows was found on this machine: {}.",
                    list(&CLIENTS.iter().collect::<Vec<_>>())
                ),
                format!(
                    "Name one to write its configuration anyway, for example: kapelle mcp install {}",
                    CLIENTS[0].id
                ),
            ));
        }
        if self.all || only_shown || found.len() == 1 || asked(ui, &ids) {
            return Ok(found);
        }
        Err(problems::usage(
            format!("Several clients were found: {ids}. Nothing was written."),
            "Name the ones you want, or take them all: kapelle mcp install --all",
        ))
    }
}

fn asked(ui: Ui, ids: &str) -> bool {
    if !ui.can_ask() {
        return false;
    }
    ui.text(&format!("Add Kapelle to all of these: {ids}? [y/N] "));
    let mut line = String::new();
    io::stdin().read_line(&mut line).ok();
    matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

fn list(clients: &[&Client]) -> String {
    let ids: Vec<&str> = clients.iter().map(|client| client.id).collect();
    ids.join(", ")
}

/// All of them before the first is written: a broken file keeps every file as it is.
fn plans(
    machine: &Machine<'_>,
    clients: &[&'static Client],
    edit: &Edit,
) -> Result<Vec<Plan>, Box<Problem>> {
    clients
        .iter()
        .map(|client| plan(machine, client, edit))
        .collect()
}

fn carried_out(plans: Vec<Plan>) -> Result<Vec<Done>, Box<Problem>> {
    plans.into_iter().map(Plan::carry_out).collect()
}

fn printed(plans: Vec<Plan>) -> Box<dyn Answer> {
    let document = plans
        .iter()
        .map(|plan| {
            json!({
                "client": plan.client.id,
                "path": plan.path,
                "changes": plan.changes(),
                "text": plan.after,
            })
        })
        .collect::<Vec<Value>>();
    Shown::boxed(json!({ "clients": document }), move |out| {
        for plan in &plans {
            let note = if plan.changes() { "" } else { " (unchanged)" };
            writeln!(
                out,
                "{HEADING}{}{HEADING:#} {}{note}",
                plan.client.title,
                plan.path.display()
            )?;
            writeln!(out, "{}", plan.after.trim_end())?;
        }
        Ok(())
    })
}

struct Report(Vec<Done>);

impl Answer for Report {
    fn json(&self) -> Value {
        json!({ "clients": self.0 })
    }

    fn text(&self, out: &mut dyn Out) -> io::Result<()> {
        for done in &self.0 {
            let path = done.path.display();
            if !done.changed {
                writeln!(out, "{NAME}{}{NAME:#} unchanged: {path}", done.client)?;
                continue;
            }
            writeln!(out, "{NAME}{}{NAME:#} written: {path}", done.client)?;
            if let Some(backup) = &done.backup {
                writeln!(out, "  {FAINT}before: {}{FAINT:#}", backup.display())?;
            }
            writeln!(out, "  {FAINT}next: {}{FAINT:#}", done.then)?;
        }
        if self.0.is_empty() {
            writeln!(
                out,
                "none of the clients that Kapelle knows is on this machine: {}",
                list(&CLIENTS.iter().collect::<Vec<_>>())
            )?;
        }
        Ok(())
    }
}

fn user_home() -> Result<PathBuf, Box<Problem>> {
    std::env::home_dir()
        .filter(|home| !home.as_os_str().is_empty())
        .ok_or_else(|| {
            problems::new(
                Code::HOME_UNSAFE,
                "You have no home folder, where clients keep their configuration.",
                "Set HOME.",
            )
        })
}

/// The path that clients start. A link on the PATH that leads to this program is better than the program's
/// own path: it stays when a new version is installed elsewhere.
fn this_program() -> Result<PathBuf, Box<Problem>> {
    let program = std::env::current_exe().map_err(|error| {
        problems::new(
            Code::CALL_FAILED,
            format!("The path of this program could not be found: {error}."),
            "Run it by its full path.",
        )
    })?;
    let leads_here =
        |path: &Path| std::fs::canonicalize(path).ok() == std::fs::canonicalize(&program).ok();
    let name = program.file_name().unwrap_or_default().to_owned();
    let on_path = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join(&name))
        .find(|path| path.is_file() && leads_here(path));
    Ok(on_path.unwrap_or(program))
}
