//! What every route can reach.

use std::net::SocketAddr;
use std::time::Instant;

use hub::Hub;

use crate::bodies::Bodies;
use crate::sockets::Sockets;
use crate::upload::Uploads;

/// The hub, and what the doors hold in common.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) hub: Hub,
    pub(crate) address: SocketAddr,
    pub(crate) sockets: Sockets,
    pub(crate) bodies: Bodies,
    pub(crate) uploads: Uploads,
    pub(crate) started: Instant,
}
