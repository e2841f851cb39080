//! Threads that answer questions of a file, each on a connection of its own that cannot write.
//!
//! In come questions, through a bounded queue; out come answers. A question is one short look: nothing here
//! holds a look open, because the log of the file grows for as long.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use hub::store::Reading;
use rusqlite::Connection;
use tokio::sync::oneshot;
use wire::{Code, Problem};

use crate::{file, limits, problems};

type Question = Box<dyn FnOnce(&Connection) + Send>;

pub(crate) struct Readers {
    questions: Mutex<Option<SyncSender<Question>>>,
    path: PathBuf,
}

impl Readers {
    pub(crate) fn start(path: &Path) -> Result<Self, Problem> {
        let (sender, receiver) = sync_channel(limits::READS_WAITING_MAX);
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..limits::READERS {
            let connection = file::open_reader(path)?;
            let receiver = Arc::clone(&receiver);
            std::thread::Builder::new()
                .name("kapelle-reader".to_owned())
                .spawn(move || answer(&connection, &receiver))
                .map_err(|error| {
                    Problem::new(
                        Code::INTERNAL,
                        format!("A thread could not be started: {error}."),
                    )
                })?;
        }
        Ok(Self {
            questions: Mutex::new(Some(sender)),
            path: path.to_owned(),
        })
    }

    pub(crate) fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Reading<T> {
        let (sender, answer) = oneshot::channel();
        let path = self.path.clone();
        let question: Question = Box::new(move |connection| {
            let answer = question(connection).map_err(|fault| fault.into_problem(&path));
            sender.send(answer).ok();
        });
        let questions = self.lock();
        let asked = match &*questions {
            None => Err(problems::closed()),
            Some(queue) => queue
                .try_send(question)
                .map_err(|_| problems::busy(&self.path)),
        };
        Box::pin(async move {
            asked?;
            answer.await.unwrap_or_else(|_| Err(problems::closed()))
        })
    }

    /// No more questions; the threads end with the one that they are at.
    pub(crate) fn close(&self) {
        self.lock().take();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<SyncSender<Question>>> {
        self.questions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why there is no answer.
pub(crate) enum Fault {
    Problem(Problem),
    Failed(rusqlite::Error),
}

impl Fault {
    pub(crate) fn into_problem(self, path: &Path) -> Problem {
        match self {
            Self::Problem(problem) => problem,
            Self::Failed(error) => problems::failed(path, &error),
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

fn answer(connection: &Connection, questions: &Mutex<Receiver<Question>>) {
    loop {
        let next = questions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        match next {
            Ok(question) => question(connection),
            Err(_) => return,
        }
    }
}
