//! What all requests of this door share, and how it is set up.

use std::sync::Arc;
use std::time::Duration;

use hub::Hub;
use hub::shares::{Bound, Shares};
use rmcp::model::RequestStateCodec;
use tokio_util::sync::CancellationToken;
use wire::{AppId, CallerId, Code, Problem};

use super::addition::Addition;
use super::sessions::Sessions;
use crate::bodies::Bodies;
use crate::limits;

/// How this door is set up.
#[derive(Clone, Default)]
pub struct Settings {
    pub pace: Pace,
    /// Tools, resources and prompts beside the hub's own.
    pub addition: Option<Arc<dyn Addition>>,
}

/// How long a client waits for what.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// After this an answer says that the call goes on: clients give up at a minute.
    pub answer_within: Duration,
    /// After this a client that knows tasks gets one. Shorter calls are cheaper without.
    pub task_after: Duration,
    /// How often a client that wants progress hears something when there is nothing new.
    pub heartbeat: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            answer_within: limits::WAIT_MAX,
            task_after: Duration::from_secs(5),
            heartbeat: Duration::from_secs(10),
        }
    }
}

/// What all requests of this door share.
pub(crate) struct Mcp {
    pub(crate) hub: Hub,
    pub(crate) pace: Pace,
    pub(super) sessions: Arc<Sessions>,
    /// Seals what a client carries from one round to the next. Its key lives as long as the hub.
    pub(super) seal: RequestStateCodec,
    pub(super) addition: Option<Arc<dyn Addition>>,
    pub(super) pipes: Arc<Shares>,
    pub(super) bodies: Bodies,
    pub(super) ending: CancellationToken,
}

impl Mcp {
    /// # Errors
    /// `internal` when the machine gives no random bytes.
    pub(crate) fn new(hub: Hub, settings: &Settings, bodies: Bodies) -> Result<Arc<Self>, Problem> {
        let fault =
            |what: String| Problem::new(Code::INTERNAL, format!("MCP cannot start: {what}."));
        let mut key = [0_u8; limits::SEAL_KEY_BYTES];
        getrandom::fill(&mut key).map_err(|error| fault(error.to_string()))?;
        Ok(Arc::new(Self {
            hub,
            pace: settings.pace,
            sessions: Arc::new(Sessions::default()),
            seal: RequestStateCodec::try_new(key).map_err(|error| fault(error.to_string()))?,
            addition: settings.addition.clone(),
            pipes: Shares::new(Bound {
                all: limits::MCP_PIPES_MAX,
                each: limits::MCP_CALLER_PIPES_MAX,
                kept: limits::MCP_PIPES_KEPT,
            }),
            bodies,
            ending: CancellationToken::new(),
        }))
    }

    /// Ends sessions with the tokens that they belong to, and sessions and pipes when the hub stops.
    pub(crate) async fn end_with_hub(self: Arc<Self>) {
        let mut changes = self.hub.rights_changes();
        loop {
            tokio::select! {
                () = self.hub.stopping() => break,
                changed = changes.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    let is_known = |owner: &CallerId| self.hub.is_known(owner);
                    self.sessions.end_unknown(is_known).await;
                }
            }
        }
        self.ending.cancel();
    }

    /// # Errors
    /// `app_unknown`.
    pub(super) fn known(&self, app: &str) -> Result<AppId, Problem> {
        let app = AppId::from(app);
        self.hub.commands(&app)?;
        Ok(app)
    }
}
