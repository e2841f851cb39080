use clap::{Args, Subcommand};
use client::{segment, typed};
use serde::Deserialize;
use serde_json::json;
use terminal::answer::{Answered, Shown};
use terminal::job_options;
use terminal::session::Session;
use terminal::table::{Cell, Table};
use terminal::ui::NAME;

/// Show the token, or create and revoke others
///
/// On its own it prints the path of the owner's token, which can do everything.
#[derive(Args, Debug)]
pub struct Token {
    #[command(subcommand)]
    pub what: Option<What>,
}

#[derive(Subcommand, Debug)]
pub enum What {
    /// Print the path of the owner's token [default]
    Path,
    /// Print the token itself, and nothing else
    Show,
    /// List the tokens
    List,
    /// Create a token and print its secret, which is shown only once
    Create(Create),
    Change(Change),
    /// Revoke a token and end its calls and jobs
    Revoke {
        /// The token's name.
        name: String,
    },
}

#[derive(Args, Debug)]
pub struct Create {
    /// Name of the token: who it is for.
    name: String,
    /// What it may do; can be repeated, or separate several with commas.
    #[arg(long, required = true, value_delimiter = ',', value_name = "SCOPE", value_parser = SCOPES)]
    scope: Vec<String>,
    /// What a person must confirm each time; can be repeated, or separate several with commas.
    #[arg(long, value_delimiter = ',', value_name = "SCOPE", value_parser = SCOPES)]
    ask: Vec<String>,
    /// When it expires: a time, or how long from now, for example 7d.
    #[arg(long, value_name = "TIME", value_parser = job_options::time)]
    expires: Option<String>,
}

/// Change what a token may do, and for how long
///
/// Running work that it may no longer do is ended.
#[derive(Args, Debug)]
pub struct Change {
    /// Name of the token.
    name: String,
    /// What it may do, instead of its present scopes; can be repeated, or separate several with commas.
    #[arg(long, value_delimiter = ',', value_name = "SCOPE", value_parser = SCOPES)]
    scope: Option<Vec<String>>,
    /// What a person must confirm each time; `--ask=` for nothing.
    #[arg(long, value_delimiter = ',', value_name = "SCOPE")]
    ask: Option<Vec<String>>,
    /// When it expires: a time, or how long from now, for example 7d; `none` for never.
    #[arg(long, value_name = "TIME", value_parser = job_options::time_or_none)]
    expires: Option<String>,
}

const SCOPES: [&str; 5] = ["read", "write", "destructive", "code", "admin"];

#[derive(Deserialize)]
struct Listed {
    name: String,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    ask: Vec<String>,
    #[serde(default)]
    expires_at: Option<String>,
}

impl Token {
    pub(crate) fn run(self, session: &Session) -> Answered {
        match self.what {
            None | Some(What::Path) => Ok(path(session)),
            Some(What::Show) => show(session),
            Some(What::List) => list(session),
            Some(What::Create(words)) => create(session, &words),
            Some(What::Change(words)) => change(session, &words),
            Some(What::Revoke { name }) => revoke(session, &name),
        }
    }
}

fn path(session: &Session) -> Box<dyn terminal::answer::Answer> {
    let path = session.home.owner_token();
    if !path.exists() {
        session
            .ui
            .say("there is no token yet; the hub creates one when it first starts");
    }
    let shown = path.display().to_string();
    Shown::boxed(json!({ "token_file": path }), move |out| {
        writeln!(out, "{shown}")
    })
}

/// Of a home that is new the hub makes it first.
fn show(session: &Session) -> Answered {
    if !session.has_token() {
        session.hub_or_start()?;
    }
    let token = session.token()?;
    Ok(Shown::boxed(json!({ "token": token }), move |out| {
        writeln!(out, "{token}")
    }))
}

fn list(session: &Session) -> Answered {
    let document = session.hub_or_start()?.get("/v1/tokens")?;
    let tokens: Vec<Listed> = typed(&document["tokens"])?;
    if tokens.is_empty() {
        session.ui.say(
            "there is none beside the owner's; to make one: kapelle token create NAME --scope read,write",
        );
        return Ok(Shown::boxed(document, |_| Ok(())));
    }
    Ok(Shown::boxed(document, move |out| {
        let mut table = Table::new(["TOKEN", "MAY", "ASKS FOR", "UNTIL"]);
        for token in &tokens {
            table.row([
                Cell::styled(&token.name, NAME),
                token.scopes.join(", ").into(),
                token.ask.join(", ").into(),
                token.expires_at.clone().unwrap_or_default().into(),
            ]);
        }
        table.write(out)
    }))
}

fn create(session: &Session, words: &Create) -> Answered {
    let mut body = json!({ "name": words.name, "scopes": words.scope, "ask": words.ask });
    if let Some(at) = &words.expires {
        body["expires_at"] = json!(at);
    }
    let document = session.hub_or_start()?.post("/v1/tokens", &body)?;
    let secret = document["token"].as_str().unwrap_or_default().to_owned();
    session.ui.say(format_args!(
        "token `{}` can {}; it is shown only this once",
        words.name,
        words.scope.join(", ")
    ));
    Ok(Shown::boxed(document, move |out| writeln!(out, "{secret}")))
}

fn change(session: &Session, words: &Change) -> Answered {
    let mut body = json!({});
    let ask = words.ask.as_ref().map(|all| {
        let named = all.iter().filter(|name| !name.is_empty());
        named.cloned().collect::<Vec<String>>()
    });
    let parts = [
        ("scopes", words.scope.as_ref().map(|all| json!(all))),
        ("ask", ask.map(|all| json!(all))),
        ("expires_at", words.expires.as_ref().map(|at| json!(at))),
    ];
    for (name, value) in parts {
        if let Some(value) = value {
            body[name] = value;
        }
    }
    let path = format!("/v1/tokens/{}", segment("name of a token", &words.name)?);
    let document = session.hub_or_start()?.patch(&path, &body)?;
    let token: Listed = typed(&document)?;
    let until = token.expires_at.map(|at| format!(" until {at}"));
    session.ui.say(format_args!(
        "token `{}` can now {}{}",
        token.name,
        token.scopes.join(", "),
        until.unwrap_or_default()
    ));
    Ok(Shown::boxed(document, |_| Ok(())))
}

fn revoke(session: &Session, name: &str) -> Answered {
    let path = format!("/v1/tokens/{}", segment("token name", name)?);
    let document = session.hub_or_start()?.delete(&path)?;
    session.ui.say(format_args!("token `{name}` is revoked"));
    Ok(Shown::boxed(document, |_| Ok(())))
}
