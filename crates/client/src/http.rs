//! The hub's HTTP, as a small blocking client: JSON in, JSON out, and one stream of events.
//!
//! Every problem of the hub comes back as the problem it sent; what the network does wrong becomes
//! `hub_unreachable`. There are no retries here: a call must not run twice.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use ureq::http::Response;
use ureq::{Agent, Body};
use wire::hint::retell;
use wire::{CallId, Door, Problem};

use crate::problems;

/// A hub on this machine connects at once or not at all; another machine may take a moment.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// `/healthz` touches nothing that could be held up.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(3);

/// Requests that wait for no app. A cancel waits up to 2 s for the end.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Starting or stopping an instance waits for the program, which may be slow to load a large file.
pub const INSTANCE_TIMEOUT: Duration = Duration::from_secs(300);

/// Longest answer that is read, in bytes: four whole outcomes of the longest frame.
const ANSWER_BYTES_MAX: u64 = 256 * 1024 * 1024;

#[derive(Clone, Debug)]
pub struct Client {
    agent: Agent,
    url: String,
    token: Option<String>,
}

/// What `/healthz` says.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Health {
    pub version: String,
    pub pid: u32,
    pub uptime_ms: u64,
    /// A hub older than this says nothing of it.
    #[serde(default)]
    pub disk_full: bool,
}

/// How long a request may take; nothing: as long as the call.
type Limit = Option<Duration>;

impl Client {
    /// # Errors
    /// When the address is not one of HTTP.
    pub fn new(url: &str) -> Result<Self, Box<Problem>> {
        let url = url.trim_end_matches('/');
        if !url.starts_with("http://") {
            return Err(problems::usage(
                format!("`{url}` is not the address of a hub."),
                "An address looks like http://127.0.0.1:7420",
            ));
        }
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            // A token for this machine must not travel through a proxy, nor follow a redirect.
            .proxy(None)
            .max_redirects(0)
            .user_agent(concat!("kapelle/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Self {
            agent,
            url: url.to_owned(),
            token: None,
        })
    }

    pub fn authenticate(&mut self, token: String) {
        self.token = Some(token);
    }

    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn health(&self) -> Result<Health, Box<Problem>> {
        let asked = self
            .agent
            .get(self.at("/healthz"))
            .config()
            .timeout_global(Some(HEALTH_TIMEOUT))
            .build()
            .call();
        let document = self.document(asked)?;
        Health::deserialize(document)
            .map_err(|_| problems::hub_silent(&self.url, "something other than Kapelle answered"))
    }

    pub fn get(&self, path: &str) -> Result<Value, Box<Problem>> {
        self.get_with(path, &[])
    }

    pub fn get_with(&self, path: &str, query: &[(&str, String)]) -> Result<Value, Box<Problem>> {
        let mut request = self.agent.get(self.at(path));
        for (key, value) in query {
            request = request.query(key, value);
        }
        self.document(self.ready(request, Some(ANSWER_TIMEOUT)).call())
    }

    pub fn post(&self, path: &str, body: &impl Serialize) -> Result<Value, Box<Problem>> {
        self.post_within(path, body, Some(ANSWER_TIMEOUT))
    }

    pub fn post_within(
        &self,
        path: &str,
        body: &impl Serialize,
        limit: Limit,
    ) -> Result<Value, Box<Problem>> {
        self.document(
            self.ready(self.agent.post(self.at(path)), limit)
                .send_json(body),
        )
    }

    pub fn patch(&self, path: &str, body: &impl Serialize) -> Result<Value, Box<Problem>> {
        let request = self.ready(self.agent.patch(self.at(path)), Some(ANSWER_TIMEOUT));
        self.document(request.send_json(body))
    }

    pub fn delete(&self, path: &str) -> Result<Value, Box<Problem>> {
        self.delete_with(path, &[], ANSWER_TIMEOUT)
    }

    pub fn delete_with(
        &self,
        path: &str,
        query: &[(&str, &str)],
        limit: Duration,
    ) -> Result<Value, Box<Problem>> {
        let request = self
            .agent
            .delete(self.at(path))
            .query_pairs(query.iter().copied());
        self.document(self.ready(request, Some(limit)).call())
    }

    /// Stores a file as a blob; gives the reference.
    pub fn put_blob(&self, file: File) -> Result<Value, Box<Problem>> {
        let request = self.ready(self.agent.put(self.at("/v1/blobs")), None);
        self.document(request.content_type("application/octet-stream").send(file))
    }

    /// The bytes of a blob.
    pub fn blob(&self, name: &str) -> Result<impl std::io::Read + use<>, Box<Problem>> {
        let request = self.ready(self.agent.get(self.at(&format!("/v1/blobs/{name}"))), None);
        Ok(self.accepted(request.call())?.into_body().into_reader())
    }

    /// Cancels a call; gives it as it stands then.
    pub fn cancel(&self, id: &CallId) -> Result<Value, Box<Problem>> {
        self.delete(&format!("/v1/calls/{}", segment("call id", id.as_str())?))
    }

    /// Posts and gives the answer as a stream of events.
    ///
    /// # Errors
    /// The problem, when nothing ran.
    pub fn stream(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Box<dyn BufRead>, Box<Problem>> {
        let request = self.ready(self.agent.post(self.at(path)), None);
        let asked = request
            .header("Accept", "text/event-stream")
            .send_json(body);
        self.as_stream(asked)
    }

    /// The feed as a stream of events, from the event with that id on.
    ///
    /// # Errors
    /// The problem, when the hub tells nothing.
    pub fn events(
        &self,
        path: &str,
        since: Option<&str>,
    ) -> Result<Box<dyn BufRead>, Box<Problem>> {
        let mut request = self.ready(self.agent.get(self.at(path)), None);
        request = request.header("Accept", "text/event-stream");
        if let Some(since) = since {
            request = request.header("Last-Event-ID", since);
        }
        self.as_stream(request.call())
    }

    fn as_stream(
        &self,
        asked: Result<Response<Body>, ureq::Error>,
    ) -> Result<Box<dyn BufRead>, Box<Problem>> {
        let response = self.accepted(asked)?;
        if response.body().mime_type() != Some("text/event-stream") {
            return Err(problems::strange_answer("it is not a stream of events"));
        }
        Ok(Box::new(BufReader::new(response.into_body().into_reader())))
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    fn ready<B>(&self, request: ureq::RequestBuilder<B>, limit: Limit) -> ureq::RequestBuilder<B> {
        let request = request.config().timeout_global(limit).build();
        match &self.token {
            Some(token) => request.header("Authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    fn document(&self, asked: Result<Response<Body>, ureq::Error>) -> Result<Value, Box<Problem>> {
        let response = self.accepted(asked)?;
        let mut document = read_json(response).map_err(|error| self.broken(error))?;
        retell(&mut document, Door::Terminal);
        Ok(document)
    }

    /// An answer that is no problem.
    fn accepted(
        &self,
        asked: Result<Response<Body>, ureq::Error>,
    ) -> Result<Response<Body>, Box<Problem>> {
        let response = asked.map_err(|error| self.broken(error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let document = read_json(response).unwrap_or_default();
        Err(Problem::deserialize(document)
            .map(Box::new)
            .unwrap_or_else(|_| {
                problems::hub_silent(
                    &self.url,
                    format_args!("something other than Kapelle answered, with {status}"),
                )
            }))
    }

    fn broken(&self, error: ureq::Error) -> Box<Problem> {
        match error {
            ureq::Error::Json(error) => problems::strange_answer(error),
            ureq::Error::Io(error) => problems::hub_silent(&self.url, error),
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => problems::usage(
                format!("`{}` is not the address of a hub: {error}", self.url),
                "An address looks like http://127.0.0.1:7420",
            ),
            other => problems::hub_silent(&self.url, other),
        }
    }
}

/// Reads a typed answer out of a document.
///
/// # Errors
/// When the hub's words are not those this version knows.
pub fn typed<T: for<'a> Deserialize<'a>>(document: &Value) -> Result<T, Box<Problem>> {
    T::deserialize(document).map_err(problems::strange_answer)
}

/// A name as a part of a path: what is no plain name cannot be the name of anything.
///
/// # Errors
/// When the text is no plain name.
pub fn segment<'a>(what: &str, text: &'a str) -> Result<&'a str, Box<Problem>> {
    if wire::id::is_plain_name(text) {
        return Ok(text);
    }
    Err(problems::usage(
        format!("`{text}` is not a valid {what}."),
        "Use up to 64 letters, digits, `-`, `_` and `.`, starting with a letter or digit.",
    ))
}

fn read_json(response: Response<Body>) -> Result<Value, ureq::Error> {
    response
        .into_body()
        .into_with_config()
        .limit(ANSWER_BYTES_MAX)
        .read_json()
}
