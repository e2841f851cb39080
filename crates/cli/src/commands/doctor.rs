use std::io;

use clap::Args;
use serde_json::{Value, json};
use terminal::answer::{Answer, Answered};
use terminal::finding::{Finding, Health};
use terminal::screen::Out;
use terminal::session::Session;
use terminal::table::{Cell, Table};
use terminal::ui::{BAD, CAREFUL, FAINT, GOOD};
use wire::problem::exit;

use crate::checkup;

/// Check everything Kapelle needs, and say how to fix what is wrong
///
/// Attach the output of `--json` to bug reports; it contains no secrets.
#[derive(Args, Debug)]
pub struct Doctor {}

impl Doctor {
    pub(crate) fn run(self, session: &Session) -> Answered {
        Ok(Box::new(Report {
            home: session.home.path().display().to_string(),
            findings: checkup::all(session),
        }))
    }
}

struct Report {
    home: String,
    findings: Vec<Finding>,
}

impl Answer for Report {
    fn json(&self) -> Value {
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "os": std::env::consts::OS,
            "arch": std::env::consts::ARCH,
            "home": self.home,
            "settings": settings(),
            "checks": self.findings,
        })
    }

    fn text(&self, out: &mut dyn Out) -> io::Result<()> {
        let mut table = Table::<3>::indented(0);
        for finding in &self.findings {
            let (word, style) = match finding.health {
                Health::Ok => ("ok", GOOD),
                Health::Warn => ("warn", CAREFUL),
                Health::Fail => ("fail", BAD),
            };
            table.row([
                Cell::styled(word, style),
                finding.name.into(),
                finding.says.as_str().into(),
            ]);
            if let Some(fix) = &finding.fix {
                table.row([
                    "".into(),
                    "".into(),
                    Cell::styled(format!("→ {fix}"), FAINT),
                ]);
            }
        }
        table.write(out)
    }

    fn exit_code(&self) -> u8 {
        let fails = self
            .findings
            .iter()
            .any(|finding| finding.health == Health::Fail);
        if fails { exit::FAILED } else { 0 }
    }
}

/// Which settings come from the environment; values only where they are no secret.
fn settings() -> Value {
    let mut settings = serde_json::Map::new();
    for (name, value) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("KAPELLE_") {
            let shown = if name.contains("TOKEN") {
                "(set)".into()
            } else {
                value.to_string_lossy().into_owned()
            };
            settings.insert(name.into_owned(), shown.into());
        }
    }
    settings.into()
}
