use clap::Args;
use client::problems;
use serde_json::json;
use terminal::answer::{Answered, Shown};
use terminal::session::Session;

/// Open the dashboard in your browser
///
/// Signs the browser in with a link that works once and for one minute; it stays signed in for a week. Starts a
/// hub if none is running.
#[derive(Args, Debug)]
pub struct Dashboard {
    /// Only print the link, for another browser. For one on another machine, forward the hub's port there
    /// first (ssh -L).
    #[arg(long)]
    pub print: bool,
}

impl Dashboard {
    pub(crate) fn run(self, session: &Session) -> Answered {
        let client = session.hub_or_start()?;
        let mut document = client.post("/v1/dashboard/links", &json!({}))?;
        let Some(url) = document["url"].as_str().map(str::to_owned) else {
            return Err(problems::strange_answer("the hub gave no link"));
        };
        let opened = !self.print && opens(session, &url);
        document["opened"] = opened.into();
        if opened {
            session.ui.say("the dashboard opens in your browser");
        } else if !self.print {
            session
                .ui
                .say("no browser could be opened; open this link within a minute");
        }
        Ok(Shown::boxed(document, move |out| {
            if opened {
                return Ok(());
            }
            writeln!(out, "{url}")
        }))
    }
}

/// A script, and a machine without a screen, have no browser that somebody looks at.
fn opens(session: &Session, url: &str) -> bool {
    let has_screen = cfg!(not(target_os = "linux"))
        || ["DISPLAY", "WAYLAND_DISPLAY", "BROWSER"]
            .iter()
            .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    !session.ui.json && has_screen && open::that_detached(url).is_ok()
}
