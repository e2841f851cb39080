//! How a batch stands, step by step.

use std::sync::Arc;

use wire::batch::BatchStatus;
use wire::{Problem, Status};

use crate::call::Call;

#[derive(Clone, Default)]
pub(crate) struct Stage {
    pub(crate) asked: Vec<Result<Arc<Call>, Problem>>,
    /// Not asked yet.
    pub(crate) waiting: usize,
    pub(crate) not_run: usize,
    pub(crate) ended: bool,
}

pub(crate) fn status_of(stage: &Stage) -> BatchStatus {
    let is_well = |asked: &Result<Arc<Call>, Problem>| {
        asked
            .as_ref()
            .is_ok_and(|call| call.status() == Status::Succeeded)
    };
    match stage.ended {
        false => BatchStatus::Running,
        true if stage.not_run == 0 && stage.asked.iter().all(is_well) => BatchStatus::Succeeded,
        true => BatchStatus::Failed,
    }
}
