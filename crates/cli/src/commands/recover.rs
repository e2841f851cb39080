use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use client::{Client, problems, typed};
use serde::Deserialize;
use serde_json::{Value, json};
use terminal::ago::{ago, size};
use terminal::answer::{Answered, Shown};
use terminal::calling::{self, CallOptions};
use terminal::session::Session;
use terminal::table::{Cell, Table};
use terminal::ui::NAME;
use wire::command::role;
use wire::{Code, Problem};

use crate::built_in;
use crate::names;

/// List recovery copies, or restore one
///
/// Kapelle keeps copies of unsaved work. On its own this lists them, newest first. Given a copy, it prints
/// its path, copies it (--out) or opens it in an instance (--open).
#[derive(Args, Debug)]
pub struct Recover {
    /// The copy: its number in the list, its path, or an instance for its newest copy.
    #[arg(value_name = "COPY|INSTANCE")]
    pub copy: Option<String>,
    /// Copy it to this file, which must not exist.
    #[arg(long, value_name = "FILE", requires = "copy", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
    /// Open it in the instance it came from, or in the one given by --instance.
    #[arg(long, requires = "copy")]
    pub open: bool,
    /// The instance to open it in.
    #[arg(long, short, value_name = "NAME", requires = "open")]
    pub instance: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Copy {
    instance: String,
    path: PathBuf,
    /// RFC 3339.
    taken: String,
    bytes: u64,
    /// The file that was open.
    file: Option<String>,
}

impl Recover {
    pub(crate) fn run(self, session: &Session) -> Answered {
        let client = session.hub()?;
        let document = client.get("/v1/recovery")?;
        let copies: Vec<Copy> = typed(&document["copies"])?;
        let Some(word) = &self.copy else {
            if copies.is_empty() {
                session.ui.say("there are no recovery copies");
            }
            return Ok(Shown::boxed(document, move |out| table(&copies).write(out)));
        };
        let copy = chosen(&copies, word)?;
        let mut path = copy.path.clone();
        if let Some(out) = &self.out {
            path = copy_to(&copy.path, out)?;
        }
        if self.open {
            return self.open(session, &client, copy, &path);
        }
        let shown = path.display().to_string();
        Ok(Shown::boxed(
            json!({ "path": path, "copy": copy_document(&document, copy) }),
            move |out| writeln!(out, "{shown}"),
        ))
    }

    fn open(&self, session: &Session, client: &Client, copy: &Copy, path: &Path) -> Answered {
        let (_, instances) = crate::pick::instances(client)?;
        let name = self.instance.as_ref().unwrap_or(&copy.instance);
        let Some(instance) = instances
            .iter()
            .find(|instance| instance.name.as_str() == name)
        else {
            return Err(problems::new(
                Code::INSTANCE_UNKNOWN,
                format!("`{name}` is not running."),
                format!(
                    "Start it with the copy: kapelle start {} --name {name} --file {}",
                    built_in::example(),
                    shell_words::quote(&path.display().to_string())
                ),
            ));
        };
        let options = CallOptions {
            instance: Some(name.clone()),
            ..CallOptions::default()
        };
        let args = [("path".to_owned(), Value::from(path.to_string_lossy()))]
            .into_iter()
            .collect();
        let app = instance.app.as_str();
        let command = calling::command_for(client, app, role::OPEN)?;
        calling::call(session, client, &options, app, &command, args)
    }
}

fn chosen<'a>(copies: &'a [Copy], word: &str) -> Result<&'a Copy, Box<Problem>> {
    let by_number = word
        .parse::<usize>()
        .ok()
        .and_then(|number| copies.get(number.checked_sub(1)?));
    let by_path = || {
        copies.iter().find(|copy| {
            copy.path == Path::new(word) || copy.path.file_name() == Some(word.as_ref())
        })
    };
    let by_instance = || copies.iter().find(|copy| copy.instance == word);
    by_number
        .or_else(by_path)
        .or_else(by_instance)
        .ok_or_else(|| {
            problems::usage(format!("There is no recovery copy `{word}`."), {
                let names: BTreeSet<&str> =
                    copies.iter().map(|copy| copy.instance.as_str()).collect();
                names::names_hint(word, names.into_iter())
            })
        })
}

fn copy_to(from: &Path, to: &Path) -> Result<PathBuf, Box<Problem>> {
    let to = std::path::absolute(to)
        .map_err(|error| problems::file(to, "is not a usable path", &error))?;
    let mut source = std::fs::File::open(from)
        .map_err(|error| problems::file(from, "cannot be read", &error))?;
    let mut target = std::fs::File::create_new(&to).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => problems::new(
            Code::FILE_EXISTS,
            format!("{} already exists.", to.display()),
            "Choose another name.",
        ),
        _ => problems::file(&to, "cannot be written", &error),
    })?;
    std::io::copy(&mut source, &mut target)
        .map_err(|error| problems::file(&to, "cannot be written", &error))?;
    Ok(to)
}

fn copy_document(document: &Value, copy: &Copy) -> Value {
    let mut copies = document["copies"].as_array().into_iter().flatten();
    let path = copy.path.to_string_lossy();
    copies
        .find(|one| one["path"] == path.as_ref())
        .cloned()
        .unwrap_or_default()
}

fn table(copies: &[Copy]) -> Table<6> {
    let mut table = Table::new(["#", "INSTANCE", "TAKEN", "SIZE", "OF", "COPY"]);
    for (at, copy) in copies.iter().enumerate() {
        table.row([
            (at + 1).to_string().into(),
            Cell::styled(&copy.instance, NAME),
            ago(&copy.taken).into(),
            size(copy.bytes).into(),
            copy.file.as_deref().unwrap_or("(unsaved)").into(),
            copy.path.to_string_lossy().into(),
        ]);
    }
    table
}
