//! What a command that the hub runs has in its hand: its arguments, a way to say how far it is, ordinary calls, and
//! instances of its app that are its own.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;
use wire::{CallId, CallRequest, InstanceName, InstanceView, Problem, Progress};

use crate::call::Call;
use crate::callers::Caller;
use crate::home::Home;
use crate::launch::LaunchRequest;

/// The context of one call that the hub runs itself. Clones are of the same one.
pub type Context = Arc<dyn CommandContext>;

/// The work of one call.
pub type Conducting = Pin<Box<dyn Future<Output = Conducted> + Send>>;

/// Something that takes its time, on behalf of a command.
pub type Doing<'a, T> = Pin<Box<dyn Future<Output = Result<T, Problem>> + Send + 'a>>;

/// What came of a command. With a problem the call has failed (or was cancelled, when that was asked for); a value may
/// stand beside it.
#[derive(Debug)]
pub struct Conducted {
    pub value: Value,
    pub problem: Option<Problem>,
}

impl From<Result<Value, Problem>> for Conducted {
    fn from(result: Result<Value, Problem>) -> Self {
        match result {
            Ok(value) => Self {
                value,
                problem: None,
            },
            Err(problem) => Self {
                value: Value::Null,
                problem: Some(problem),
            },
        }
    }
}

/// What the hub gives a command that it runs.
pub trait CommandContext: Send + Sync {
    fn id(&self) -> &CallId;

    fn command(&self) -> &str;

    /// Checked against the description, with its defaults.
    fn args(&self) -> &Map<String, Value>;

    fn caller(&self) -> &Caller;

    fn home(&self) -> &Home;

    /// Cancelled when the work is to end: it then has [`crate::limits::CONDUCT_END_MAX`] to do so.
    fn ends(&self) -> &CancellationToken;

    /// Says how far it is; details that are too large are left out.
    fn progress(&self, progress: Progress);

    /// A line of the outcome's logs, told at once as well.
    fn note(&self, level: &str, text: String);

    /// Asks for an ordinary call, as the caller of this one and with this one as its parent.
    ///
    /// # Errors
    /// What the desk says; `arguments_invalid` for one that is not for exactly one instance.
    fn ask(&self, request: CallRequest) -> Result<Arc<Call>, Problem>;

    /// Tells a call that was asked from here to end.
    fn cancel(&self, call: &Call);

    /// Starts an instance of this app that is this command's own, and waits until it is connected. `reserved_for`
    /// of the request marks it: it gets no call that does not name it.
    ///
    /// # Errors
    /// `forbidden`, `path_refused`, `name_taken`, `start_failed`.
    fn start(&self, request: LaunchRequest) -> Doing<'_, InstanceView>;

    /// Ends an instance that was started from here, or by an earlier command under the same mark.
    ///
    /// # Errors
    /// `instance_unknown`, or `forbidden` for one that is somebody else's.
    fn stop<'a>(&'a self, view: &'a InstanceView, force: bool) -> Doing<'a, ()>;

    /// How an instance is now.
    ///
    /// # Errors
    /// `instance_unknown`.
    fn instance(&self, name: &InstanceName) -> Result<InstanceView, Problem>;

    /// Instances under that mark, of an earlier hub too.
    fn reserved_for(&self, mark: &str) -> Vec<InstanceView>;

    /// The real path of a file that the caller may read.
    ///
    /// # Errors
    /// `path_refused`.
    fn may_read(&self, path: &Path) -> Result<PathBuf, Problem>;

    /// The real path of a file or folder that the caller may write.
    ///
    /// # Errors
    /// `path_refused`.
    fn may_write(&self, path: &Path) -> Result<PathBuf, Problem>;

    /// The file with the bytes of a blob.
    ///
    /// # Errors
    /// `blob_unknown`.
    fn blob(&self, name: &str) -> Result<PathBuf, Problem>;
}

impl dyn CommandContext {
    /// As [`CommandContext::note`].
    pub fn log(&self, level: &str, text: impl Into<String>) {
        self.note(level, text.into());
    }
}
