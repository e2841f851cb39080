//! What the queue reaches: the instances that jobs are handed to, the hub's own commands, and who may what.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::callers::Callers;
use crate::catalog::Catalog;
use crate::conduct::Conductors;
use crate::policy::Policy;
use crate::roster::Roster;

pub(crate) struct Reach {
    pub(crate) callers: Arc<Callers>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) roster: Arc<Roster>,
    pub(crate) conductors: Arc<Conductors>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) stopping: CancellationToken,
}
