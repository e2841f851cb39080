//! What is written down of a farm on its way: the manifest in the folder, kept up with what the workers make.

use wire::{Code, Problem};

use super::manifest::Manifest;
use super::state::Farm;

impl Farm {
    /// Moves what came since the last time into the manifest.
    pub(super) fn book(&self) -> bool {
        let mut state = self.state();
        let made = std::mem::take(&mut state.made);
        let retried = state.pool.retried().collect();
        let failed = state.pool.failed().clone();
        let Some(manifest) = state.manifest.as_mut() else {
            return false;
        };
        let is_new = !made.is_empty() || failed.len() != manifest.failed.len();
        manifest.frames.extend(made);
        manifest.retried = retried;
        manifest.failed = failed;
        is_new
    }

    pub(super) fn book_end(&self, all: bool) {
        self.book();
        let seconds = self.began.elapsed().as_secs_f64();
        self.with_manifest(|manifest| {
            manifest.finished = all && manifest.failed.is_empty();
            manifest.seconds += seconds;
        });
    }

    pub(super) fn with_manifest(&self, change: impl FnOnce(&mut Manifest)) {
        if let Some(manifest) = self.state().manifest.as_mut() {
            change(manifest);
        }
    }

    /// Writes the manifest when frames came since.
    pub(super) async fn save_news(&self) {
        if self.book()
            && let Err(problem) = self.save().await
        {
            tracing::warn!(%problem, "the report of a farm cannot be written");
        }
    }

    pub(super) async fn save(&self) -> Result<(), Problem> {
        let Some(manifest) = self.state().manifest.clone() else {
            return Ok(());
        };
        let out = self.request.out.clone();
        let written = tokio::task::spawn_blocking(move || manifest.write(&out)).await;
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) if hub::home::is_disk_full(&error) => {
                Err(hub::home::disk_full(&self.request.out))
            }
            Ok(Err(error)) => Err(Problem::new(
                Code::PATH_REFUSED,
                format!("{} cannot be written: {error}.", self.request.out.display()),
            )),
            Err(error) => Err(Problem::new(Code::INTERNAL, error.to_string())),
        }
    }
}
