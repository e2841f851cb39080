//! Errors as they go over a wire: what happened, and the next thing to do.
//!
//! One type for HTTP, the terminal, MCP and the bridge; one table from code to HTTP status and exit
//! code. Who makes a problem about its own room does so in that room's `problems` functions, always
//! with the names that exist. The internal cause belongs in the log, under the same call id.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::hint::{Door, Hint, Part, text_of};
use crate::id::CallId;

/// What went wrong and what to do now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    pub code: Code,
    /// What happened, in one or two sentences.
    pub message: String,
    /// The next thing to do, as it is said over HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The same in parts, for doors that say it in other words; empty where there is nothing to say differently.
    #[serde(default, skip_serializing_if = "no_parts")]
    pub hint_parts: Box<[Part]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<CallId>,
    #[serde(default)]
    pub severity: Severity,
    /// Whether the same request may succeed later without a change.
    #[serde(default)]
    pub retryable: bool,
    /// Boxed, so that a problem stays small as an error.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub details: Box<Map<String, Value>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nothing is wrong.
    Info,
    /// What was asked for was done, with something to look at.
    Warning,
    /// What was asked for was not done; everything else goes on.
    #[default]
    Error,
    /// An instance, its link, the store or the hub itself failed: other calls are hit as well.
    Critical,
    /// Our fault: please report it.
    Bug,
}

impl Severity {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
            Self::Bug => "bug",
        }
    }
}

impl Problem {
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let row = code.row();
        Self {
            code,
            message: message.into(),
            hint: None,
            hint_parts: Box::default(),
            call_id: None,
            severity: row.severity,
            retryable: row.retryable,
            details: Box::default(),
        }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<Hint>) -> Self {
        let hint = hint.into();
        self.hint = Some(hint.at(Door::Http));
        self.hint_parts = hint.into_parts();
        self
    }

    /// With one thing more to do, after what is there.
    #[must_use]
    pub fn hint_also(self, more: impl Into<Hint>) -> Self {
        let before = match &*self.hint_parts {
            [] => self.hint.clone().map(Hint::from).unwrap_or_default(),
            parts => Hint::of(parts),
        };
        let both = before.then(more.into());
        self.hint(both)
    }

    /// The hint in the words of a door.
    #[must_use]
    pub fn hint_at(&self, door: Door) -> Option<String> {
        text_of(&self.hint_parts, door).or_else(|| self.hint.clone())
    }

    /// The problem as that door tells it: with its own words alone.
    #[must_use]
    pub fn told_at(mut self, door: Door) -> Self {
        self.hint = self.hint_at(door);
        self.hint_parts = Box::default();
        self
    }

    #[must_use]
    pub fn detail(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.details.insert(key.to_owned(), value.into());
        self
    }

    #[must_use]
    pub fn of_call(mut self, id: &CallId) -> Self {
        self.call_id = Some(id.clone());
        self
    }

    #[must_use]
    pub fn http_status(&self) -> u16 {
        self.code.row().http
    }

    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.code.row().exit
    }
}

#[expect(clippy::borrowed_box, reason = "the form that serde asks for")]
fn no_parts(parts: &Box<[Part]>) -> bool {
    parts.is_empty()
}

#[expect(clippy::borrowed_box, reason = "the form that serde asks for")]
fn is_empty(details: &Box<Map<String, Value>>) -> bool {
    details.is_empty()
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

/// A problem's stable name. The known ones are constants; a third party's bridge may bring its own.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Code(Cow<'static, str>);

impl Code {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The row of the table; for a code of a third party the row of [`Code::CALL_FAILED`].
    #[must_use]
    pub fn row(&self) -> &'static Row {
        let named = |name: &str| TABLE.iter().find(|row| row.code == name);
        named(&self.0)
            .or_else(|| named(Self::CALL_FAILED.as_str()))
            .unwrap_or(&TABLE[0])
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a code shows on each door.
#[derive(Debug)]
pub struct Row {
    pub code: &'static str,
    /// HTTP status when nothing ran. A call that ran answers 200 with the problem in its outcome.
    pub http: u16,
    pub exit: u8,
    pub severity: Severity,
    pub retryable: bool,
    pub meaning: &'static str,
}

/// Exit codes of the terminal. 0 is success.
pub mod exit {
    /// The app said no, or the call failed.
    pub const FAILED: u8 = 1;
    /// The words of the request are wrong.
    pub const USAGE: u8 = 2;
    /// The hub or an instance cannot be reached.
    pub const UNREACHABLE: u8 = 3;
    /// Refused by policy, or not authenticated.
    pub const REFUSED: u8 = 4;
    /// Timed out, cancelled or interrupted.
    pub const ENDED: u8 = 5;
    /// A fault of ours.
    pub const BUG: u8 = 70;
    /// Ctrl-C.
    pub const CTRL_C: u8 = 130;
}

macro_rules! codes {
    ($($name:ident = $text:literal, $http:literal, $exit:expr, $severity:ident, $retryable:literal, $meaning:literal;)*) => {
        impl Code {
            $(#[doc = $meaning] pub const $name: Self = Self(Cow::Borrowed($text));)*
        }

        /// Every code that Kapelle itself uses.
        pub const TABLE: &[Row] = &[
            $(Row { code: $text, http: $http, exit: $exit, severity: Severity::$severity, retryable: $retryable, meaning: $meaning },)*
        ];
    };
}

codes! {
    // the request
    ARGUMENTS_INVALID = "arguments_invalid", 400, exit::USAGE, Error, false, "An argument is \
     missing, unknown or invalid.";
    BODY_MALFORMED = "body_malformed", 400, exit::USAGE, Error, false, "The body is not the JSON \
     this route takes.";
    BODY_TOO_LARGE = "body_too_large", 413, exit::USAGE, Error, false, "The body exceeds the \
     limit; send large values as blobs.";
    BODY_LATE = "body_late", 408, exit::UNREACHABLE, Error, true, "The body arrived too slowly. \
     Nothing ran.";
    MEDIA_TYPE_UNSUPPORTED = "media_type_unsupported", 415, exit::USAGE, Error, false, "The body's content type is not the one this route takes.";
    ROUTE_UNKNOWN = "route_unknown", 404, exit::USAGE, Error, false, "There is no such path or method.";
    APP_UNKNOWN = "app_unknown", 404, exit::USAGE, Error, false, "There is no app of that name.";
    COMMAND_UNKNOWN = "command_unknown", 404, exit::USAGE, Error, false, "The app has no such command.";
    INSTANCE_UNKNOWN = "instance_unknown", 404, exit::UNREACHABLE, Error, false, "There is no \
     instance of that name.";
    CALL_UNKNOWN = "call_unknown", 404, exit::USAGE, Error, false, "There is no call with that id.";
    JOB_UNKNOWN = "job_unknown", 404, exit::USAGE, Error, false, "There is no job with that id.";
    BATCH_UNKNOWN = "batch_unknown", 404, exit::USAGE, Error, false, "There is no batch with that \
     id.";
    ID_AMBIGUOUS = "id_ambiguous", 409, exit::USAGE, Error, false, "Several ids start like this; \
     type more of it.";
    BLOB_UNKNOWN = "blob_unknown", 404, exit::USAGE, Error, false, "There is no blob with that \
     hash.";
    BLOB_MISMATCH = "blob_mismatch", 400, exit::USAGE, Error, false, "The bytes do not match the \
     hash given.";
    RANGE_INVALID = "range_invalid", 416, exit::USAGE, Error, false, "The requested byte range is \
     outside the blob.";
    JOB_KEY_TAKEN = "job_key_taken", 409, exit::USAGE, Error, false, "The caller has used this \
     idempotency key for a different job.";
    TOKEN_UNKNOWN = "token_unknown", 404, exit::USAGE, Error, false, "There is no token of that \
     name.";
    NAME_TAKEN = "name_taken", 409, exit::USAGE, Error, false, "The name is already in use.";
    JOB_NOT_OPEN = "job_not_open", 409, exit::USAGE, Error, false, "The job is running or has \
     ended, so this cannot be changed.";
    REVISION_CHANGED = "revision_changed", 409, exit::FAILED, Error, false, "The instance's state \
     is not at the requested revision.";
    // policy
    UNAUTHENTICATED = "unauthenticated", 401, exit::REFUSED, Error, false, "The request has no \
     valid token.";
    FORBIDDEN = "forbidden", 403, exit::REFUSED, Error, false, "The caller's scopes do not allow this.";
    ORIGIN_REFUSED = "origin_refused", 403, exit::REFUSED, Error, false, "The request comes from a web page of another origin.";
    HOST_REFUSED = "host_refused", 403, exit::REFUSED, Error, false, "The Host header does not name this hub.";
    CONFIRMATION_REQUIRED = "confirmation_required", 409, exit::REFUSED, Error, false, "A person \
     must agree first: then send the call again with the confirm value.";
    RATE_LIMITED = "rate_limited", 429, exit::REFUSED, Error, true, "The caller sends too many \
     requests.";
    // instances
    NO_INSTANCE = "no_instance", 503, exit::UNREACHABLE, Error, true, "No instance of the app is connected.";
    INSTANCE_AMBIGUOUS = "instance_ambiguous", 409, exit::USAGE, Error, false, "Several instances \
     are possible; name one.";
    INSTANCE_NOT_CONNECTED = "instance_not_connected", 503, exit::UNREACHABLE, Error, true, "The \
     instance is known but not connected.";
    INSTANCE_WEDGED = "instance_wedged", 503, exit::UNREACHABLE, Critical, true, "The instance is \
     stuck in native code that cannot be interrupted.";
    QUEUE_FULL = "queue_full", 429, exit::REFUSED, Error, true, "The instance's queue is full.";
    QUEUE_DRAINING = "queue_draining", 503, exit::REFUSED, Error, true, "The app's queue is being \
     drained and accepts no new jobs.";
    START_FAILED = "start_failed", 503, exit::UNREACHABLE, Critical, false, "The program did not start or did not connect.";
    NOT_SUPPORTED = "not_supported", 400, exit::USAGE, Error, false, "The app, or this version of \
     it, cannot do that.";
    HUB_STOPPING = "hub_stopping", 503, exit::UNREACHABLE, Error, true, "The hub is shutting down.";
    HUB_UNREACHABLE = "hub_unreachable", 503, exit::UNREACHABLE, Critical, true, "No hub answers at the address.";
    HUB_RUNNING = "hub_running", 409, exit::UNREACHABLE, Error, false, "Another hub already uses this home folder.";
    HOME_UNSAFE = "home_unsafe", 500, exit::REFUSED, Critical, false, "Files in the home folder \
     can be read by others, or cannot be written.";
    CONFIG_INVALID = "config_invalid", 500, exit::FAILED, Error, false, "Kapelle's own \
     configuration file contains a mistake.";
    CONFIG_BROKEN = "config_broken", 500, exit::FAILED, Error, false, "Another program's \
     configuration file cannot be read and was left unchanged.";
    STORE_BUSY = "store_busy", 503, exit::REFUSED, Error, true, "The disk cannot keep up with \
     what is to be stored. Nothing was stored.";
    STORE_FAILED = "store_failed", 503, exit::FAILED, Critical, true, "The store cannot be read \
     or written. Nothing was stored.";
    STORE_UNUSABLE = "store_unusable", 500, exit::FAILED, Critical, false, "The file with stored \
     jobs and history cannot be used and was left unchanged.";
    DISK_FULL = "disk_full", 507, exit::FAILED, Critical, true, "The disk is full.";
    // bridges
    HANDSHAKE_REFUSED = "handshake_refused", 403, exit::REFUSED, Critical, false, "A bridge could not prove that it knows the bridge token.";
    PROTOCOL_MISMATCH = "protocol_mismatch", 400, exit::UNREACHABLE, Critical, false, "The bridge speaks another version of the protocol.";
    FRAME_MALFORMED = "frame_malformed", 400, exit::UNREACHABLE, Critical, false, "What arrived \
     is not a frame of the bridge protocol.";
    // how calls end
    CALL_FAILED = "call_failed", 500, exit::FAILED, Error, false, "The app could not do what was asked.";
    CODE_RAISED = "code_raised", 500, exit::FAILED, Error, false, "The code raised an exception.";
    CODE_SYNTAX = "code_syntax", 500, exit::FAILED, Error, false, "The code is not valid Python.";
    CODE_EXITED = "code_exited", 500, exit::FAILED, Error, false, "The code tried to end the \
     program; the program carries on.";
    OPERATOR_REFUSED = "operator_refused", 500, exit::FAILED, Error, false, "The operator would \
     quit or reset the program, so it was not run.";
    NOT_FOUND = "not_found", 500, exit::FAILED, Error, false, "The app has nothing of that name.";
    PATH_REFUSED = "path_refused", 500, exit::REFUSED, Error, false, "The path is outside the \
     folders this caller may use.";
    FILE_EXISTS = "file_exists", 500, exit::FAILED, Error, false, "The file already exists, and \
     overwriting was not requested.";
    FILE_NOT_FOUND = "file_not_found", 500, exit::FAILED, Error, false, "There is no such file.";
    VALUE_TOO_LARGE = "value_too_large", 500, exit::FAILED, Error, false, "The result is too \
     large for an outcome.";
    DEADLINE_PASSED = "deadline_passed", 500, exit::ENDED, Error, false, "The job's deadline passed before it could run.";
    AFTER_FAILED = "after_failed", 500, exit::ENDED, Error, false, "A job that had to succeed \
     before this one failed to.";
    TIMED_OUT = "timed_out", 500, exit::ENDED, Error, false, "The call exceeded its time limit.";
    CANCELLED = "cancelled", 500, exit::ENDED, Error, false, "The call was cancelled.";
    INTERRUPTED = "interrupted", 500, exit::ENDED, Critical, false, "The instance or the hub went \
     away while the call was running; how far it got is unknown.";
    MEMORY_EXCEEDED = "memory_exceeded", 500, exit::ENDED, Critical, false, "The process exceeded \
     its memory limit and was ended.";
    TIME_EXCEEDED = "time_exceeded", 500, exit::ENDED, Error, false, "The process reached its \
     time limit and was ended.";
    OUT_OF_MEMORY = "out_of_memory", 500, exit::FAILED, Critical, false, "The app ran out of memory.";
    INTERNAL = "internal", 500, exit::BUG, Bug, false, "A fault in Kapelle itself.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_statuses_are_http() {
        for (at, row) in TABLE.iter().enumerate() {
            assert!(
                TABLE[..at].iter().all(|other| other.code != row.code),
                "{} twice",
                row.code
            );
            assert!((400..600).contains(&row.http), "{}", row.code);
            assert!(row.meaning.ends_with('.'), "{}", row.code);
        }
    }

    #[test]
    fn a_foreign_code_counts_as_a_failed_call() {
        let foreign: Code = serde_json::from_str("\"toaster_on_fire\"").unwrap();
        assert_eq!(foreign.row().code, "call_failed");
        assert_eq!(foreign.as_str(), "toaster_on_fire");
    }

    #[test]
    fn our_own_faults_are_marked_as_bugs() {
        assert_eq!(Problem::new(Code::INTERNAL, "x").severity, Severity::Bug);
        assert_eq!(Problem::new(Code::FORBIDDEN, "x").severity, Severity::Error);
        for row in TABLE {
            assert_eq!(
                row.severity == Severity::Bug,
                row.exit == exit::BUG,
                "{}",
                row.code
            );
        }
    }

    #[test]
    fn what_fails_for_others_as_well_is_critical() {
        for code in [Code::INTERRUPTED, Code::INSTANCE_WEDGED, Code::STORE_FAILED] {
            assert_eq!(Problem::new(code, "x").severity, Severity::Critical);
        }
        assert_eq!(
            serde_json::to_string(&Severity::Critical).unwrap(),
            "\"critical\""
        );
        let told = r#"{"code":"call_failed","message":"x","severity":"critical"}"#;
        assert_eq!(
            serde_json::from_str::<Problem>(told).unwrap().severity,
            Severity::Critical
        );
    }
}
