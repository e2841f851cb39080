use std::fs::File;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::mpsc;
use std::time::Duration;

use clap::Args;
use client::{Client, INSTANCE_TIMEOUT, problems, segment};
use serde_json::{Value, json};
use terminal::answer::{Answered, Shown};
use terminal::session::Session;
use wire::{Code, Problem};

use crate::pick;

/// How long a hub may take to let its instances leave and to write what it knows.
const HUB_LEAVES_TIMEOUT: Duration = Duration::from_secs(30);

/// Stop an instance, or the hub
///
/// A background instance saves a recovery copy of unsaved changes and exits; one with a window only
/// disconnects.
#[derive(Args, Debug)]
pub struct Stop {
    /// The instance [default: the only one, or the one named like its app]
    #[arg(conflicts_with_all = ["all", "hub"])]
    pub name: Option<String>,
    /// Stop all instances.
    #[arg(long)]
    pub all: bool,
    /// Stop the hub, along with the background instances it started.
    #[arg(long, conflicts_with = "all")]
    pub hub: bool,
    /// Kill the process if it does not exit by itself; only for one that the hub started.
    #[arg(long, conflicts_with = "hub")]
    pub force: bool,
}

impl Stop {
    pub(crate) fn run(self, session: &Session) -> Answered {
        let client = session.hub()?;
        if self.hub {
            return stop_hub(session, &client);
        }
        if !self.all {
            let name = pick::instance(&client, self.name.as_deref(), "stop")?;
            let document = self.stop(&client, &name)?;
            let line = stopped_line(&document);
            return Ok(Shown::boxed(document, move |out| writeln!(out, "{line}")));
        }
        let (_, instances) = pick::instances(&client)?;
        let mut stopped = Vec::new();
        for instance in &instances {
            stopped.push(self.stop(&client, instance.name.as_str())?);
        }
        let lines: Vec<String> = stopped.iter().map(stopped_line).collect();
        if lines.is_empty() {
            session.ui.say("no instance is running");
        }
        Ok(Shown::boxed(json!({ "stopped": stopped }), move |out| {
            lines.iter().try_for_each(|line| writeln!(out, "{line}"))
        }))
    }

    fn stop(&self, client: &Client, name: &str) -> Result<Value, Box<Problem>> {
        let name = segment("instance name", name)?;
        let force = if self.force { "true" } else { "false" };
        client.delete_with(
            &format!("/v1/instances/{name}"),
            &[("force", force)],
            INSTANCE_TIMEOUT,
        )
    }
}

fn stopped_line(document: &Value) -> String {
    let text = |key: &str| document[key].as_str().unwrap_or_default().to_owned();
    format!("{}: {}", text("stopped"), text("how"))
}

/// Asks the hub to stop and waits until it has.
fn stop_hub(session: &Session, client: &Client) -> Answered {
    let gone = Gone::expect(session, client);
    let document = client.post("/v1/stop", &json!({}))?;
    if !gone.wait(HUB_LEAVES_TIMEOUT) {
        return Err(problems::new(
            Code::HUB_STOPPING,
            format!(
                "The hub at {} is still running after {} s.",
                client.url(),
                HUB_LEAVES_TIMEOUT.as_secs()
            ),
            "See what keeps it busy: kapelle status",
        ));
    }
    Ok(Shown::boxed(document, |out| {
        writeln!(out, "the hub has stopped")
    }))
}

/// What shows that a hub is gone.
enum Gone {
    /// It holds this lock to its very end.
    Lock(File),
    /// It is elsewhere: a connection that says nothing ends when the hub does.
    Connection(Option<TcpStream>),
}

impl Gone {
    fn expect(session: &Session, client: &Client) -> Self {
        if !session.has_address()
            && let Ok(lock) = File::open(session.home.hub_lock())
        {
            return Self::Lock(lock);
        }
        Self::Connection(connect(client.url()))
    }

    fn wait(self, limit: Duration) -> bool {
        let (tell, told) = mpsc::sync_channel(1);
        std::thread::spawn(move || {
            let gone = match self {
                Self::Lock(lock) => lock.lock_shared().is_ok(),
                Self::Connection(None) => true,
                Self::Connection(Some(mut stream)) => {
                    // An end, or an error: either says that the connection is gone.
                    std::io::copy(&mut stream, &mut std::io::sink()).ok();
                    true
                }
            };
            tell.send(gone).ok();
        });
        told.recv_timeout(limit).unwrap_or(false)
    }
}

fn connect(url: &str) -> Option<TcpStream> {
    let address = url
        .strip_prefix("http://")?
        .to_socket_addrs()
        .ok()?
        .next()?;
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()
}
