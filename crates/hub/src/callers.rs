//! Who may ask: tokens, the callers they stand for, and their scopes.
//!
//! In comes the bearer text of a request; out comes a [`Caller`] or nothing. The owner's token lies
//! in its file; further tokens are kept as SHA-256 hashes in `tokens/callers.json`. What a caller may
//! do with a command is the business of [`crate::policy`].

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, RwLock};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::watch;
use wire::id::is_reserved_name;
use wire::{CallerId, CallerName, Code, Problem, Step};

use crate::clock::rfc3339;
use crate::home::{Home, disk_full, fresh_token, is_disk_full, write_private};
use crate::limits;

mod scopes;

pub use scopes::{Scope, Scopes};

/// An authenticated somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// For people, and for rules that a person wrote down.
    pub name: CallerName,
    /// For everything that is kept: rights belong to a token, not to its name.
    pub id: CallerId,
    pub scopes: Scopes,
    /// Effects for which a person is asked first.
    pub asks: Scopes,
}

impl Caller {
    /// The person whose machine it is: may do everything.
    #[must_use]
    pub fn owner() -> Self {
        Self {
            scopes: Scopes::ALL,
            ..Self::known_as(CallerId::new("owner"))
        }
    }

    /// Somebody of whom only this much is known, and who may do nothing: whoever asked for a call of earlier.
    #[must_use]
    pub fn known_as(id: CallerId) -> Self {
        Self {
            name: id.name(),
            id,
            scopes: Scopes::NONE,
            asks: Scopes::NONE,
        }
    }

    /// An agent's client that was started with this caller's token: no administration, a person is asked
    /// before anything destructive, and the owner's agents go by their client's name.
    #[must_use]
    pub fn as_mcp_client(&self, client: &str) -> Self {
        let kept = Scope::ALL
            .into_iter()
            .filter(|scope| *scope != Scope::Admin && self.scopes.has(*scope));
        let asked = Scope::ALL
            .into_iter()
            .filter(|scope| *scope == Scope::Destructive || self.asks.has(*scope));
        let id = if self.is_owner() {
            CallerId::from(format!("mcp:{}", plain(client)))
        } else {
            self.id.clone()
        };
        Self {
            name: id.name(),
            id,
            scopes: kept.collect(),
            asks: asked.collect(),
        }
    }

    /// A browser that was signed in with this caller's token: it may do the same under a name of its own, so that the
    /// history tells it from the terminal.
    #[must_use]
    pub fn as_dashboard(&self) -> Self {
        let id = if self.is_owner() {
            CallerId::new("dashboard")
        } else {
            CallerId::from(format!("dashboard:{}", self.id))
        };
        Self {
            name: id.name(),
            id,
            ..*self
        }
    }

    /// Whether it is the same caller, may do all that the other one may, and asks for no more.
    #[must_use]
    pub fn may_all_of(&self, other: &Self) -> bool {
        let keeps = |scope: Scope| self.scopes.has(scope) || !other.scopes.has(scope);
        let asks_no_more = |scope: Scope| other.asks.has(scope) || !self.asks.has(scope);
        self.id == other.id
            && Scope::ALL
                .into_iter()
                .all(|scope| keeps(scope) && asks_no_more(scope))
    }

    #[must_use]
    pub fn is_owner(&self) -> bool {
        self.id.as_str() == "owner"
    }
}

/// A token beside the owner's, without its secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenView {
    pub name: CallerName,
    pub scopes: Scopes,
    #[serde(default)]
    pub ask: Scopes,
    /// RFC 3339: from then on it is none any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// What is to be changed of a token; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenChange {
    pub scopes: Option<Scopes>,
    pub ask: Option<Scopes>,
    /// An empty text takes it away.
    pub expires_at: Option<String>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Kept {
    /// SHA-256 of the token, hexadecimal.
    hash: String,
    scopes: Scopes,
    #[serde(default)]
    ask: Scopes,
    /// Seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<i64>,
}

impl Kept {
    fn is_over(&self) -> bool {
        self.expires
            .is_some_and(|at| at <= OffsetDateTime::now_utc().unix_timestamp())
    }

    fn view(&self, name: &CallerName) -> TokenView {
        let expires = self
            .expires
            .and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
        TokenView {
            name: name.clone(),
            scopes: self.scopes,
            ask: self.ask,
            expires_at: expires.map(rfc3339),
        }
    }

    fn caller(&self, name: &CallerName) -> Caller {
        Caller {
            name: name.clone(),
            id: CallerId::of_token(name, &self.mark()),
            scopes: self.scopes,
            asks: self.ask,
        }
    }

    /// Tells this token from every other, and nothing else about it.
    fn mark(&self) -> String {
        let mut mark = hex::encode(hash(&format!("kapelle token mark {}", self.hash)));
        mark.truncate(MARK_CHARS);
        mark
    }
}

/// Of the marks of tokens: enough that no two of all that a home ever has are alike.
const MARK_CHARS: usize = 16;

/// All who may ask.
pub struct Callers {
    owner_hash: [u8; 32],
    file: PathBuf,
    kept: RwLock<Arc<BTreeMap<CallerName, Kept>>>,
    /// Turns with every token that is changed, taken back or over.
    changes: watch::Sender<u64>,
}

impl Callers {
    /// Reads the tokens of a home; makes the owner's on first start.
    ///
    /// # Errors
    /// `home_unsafe` when a file cannot be read or others can read it.
    pub fn open(home: &Home) -> Result<Self, Problem> {
        let owner = home.secret(&home.owner_token_file())?;
        let file = home.join("tokens/callers.json");
        let kept = match std::fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                Problem::new(
                    Code::HOME_UNSAFE,
                    format!("{} is damaged: {error}.", file.display()),
                )
                .hint("Restore it from a backup, or delete it and create the tokens again.")
            })?,
            Err(_) => BTreeMap::new(),
        };
        Ok(Self {
            owner_hash: hash(&owner),
            file,
            kept: RwLock::new(Arc::new(kept)),
            changes: watch::Sender::new(0),
        })
    }

    /// The caller of a bearer token. Compares hashes in constant time, against every token.
    #[must_use]
    pub fn authenticate(&self, bearer: &str) -> Option<Caller> {
        let given = hash(bearer.trim());
        let mut found = None;
        if bool::from(given.ct_eq(&self.owner_hash)) {
            found = Some(Caller::owner());
        }
        let kept = Arc::clone(
            &self
                .kept
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        );
        for (name, token) in kept.iter() {
            let Ok(expected) = hex::decode(&token.hash) else {
                continue;
            };
            if bool::from(given.as_slice().ct_eq(&expected)) && !token.is_over() {
                found = Some(token.caller(name));
            }
        }
        found
    }

    /// The caller of a token, with the hash of the token, hexadecimal.
    pub(crate) fn with_token(&self, id: &CallerId) -> Option<(Caller, String)> {
        self.of_name(&id.name())
            .filter(|(caller, _)| caller.id == *id)
    }

    /// The same by its name, for those who know the token by what they have hashed with it.
    pub(crate) fn of_name(&self, name: &CallerName) -> Option<(Caller, String)> {
        if name.as_str() == "owner" {
            return Some((Caller::owner(), hex::encode(self.owner_hash)));
        }
        let kept = Arc::clone(
            &self
                .kept
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        );
        let token = kept.get(name).filter(|token| !token.is_over())?;
        Some((token.caller(name), token.hash.clone()))
    }

    /// That caller as they are now: for work that they asked for earlier. Nothing when their token was taken back, also
    /// when there is another one of its name.
    #[must_use]
    pub fn known(&self, id: &CallerId) -> Option<Caller> {
        let text = id.as_str();
        if let Some(maker) = text.strip_prefix("dashboard:") {
            return Some(self.known(&CallerId::new(maker))?.as_dashboard());
        }
        if text == "owner" {
            return Some(Caller::owner());
        }
        if text == "dashboard" {
            return Some(Caller::owner().as_dashboard());
        }
        if let Some(client) = text.strip_prefix("mcp:") {
            return Some(Caller::owner().as_mcp_client(client));
        }
        let name = id.name();
        let kept = self
            .kept
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let token = kept.get(&name).filter(|token| !token.is_over())?;
        let caller = token.caller(&name);
        (caller.id == *id).then_some(caller)
    }

    /// A caller from before, with what it may do now: long work asks again, because its token may have been
    /// revoked since.
    ///
    /// # Errors
    /// `forbidden` when its token is gone.
    pub fn now(&self, before: &Caller) -> Result<Caller, Problem> {
        let Some(today) = self.known(&before.id) else {
            return Err(revoked(&before.name));
        };
        let both = |scope: &Scope| today.scopes.has(*scope) && before.scopes.has(*scope);
        let either = |scope: &Scope| today.asks.has(*scope) || before.asks.has(*scope);
        Ok(Caller {
            scopes: Scope::ALL.into_iter().filter(both).collect(),
            asks: Scope::ALL.into_iter().filter(either).collect(),
            ..before.clone()
        })
    }

    /// The callers of all tokens, and of those that are signed in with them.
    pub(crate) fn ids(&self) -> Vec<CallerId> {
        let kept = Arc::clone(
            &self
                .kept
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        );
        kept.iter()
            .flat_map(|(name, token)| {
                let caller = token.caller(name);
                [caller.as_dashboard().id, caller.id]
            })
            .collect()
    }

    #[must_use]
    pub fn list(&self) -> Vec<TokenView> {
        let kept = Arc::clone(
            &self
                .kept
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        );
        kept.iter().map(|(name, token)| token.view(name)).collect()
    }

    /// Makes a token and gives its secret, this once.
    ///
    /// # Errors
    /// `arguments_invalid` for a bad name, `name_taken`, or what the disk says.
    pub fn create(&self, view: &TokenView) -> Result<String, Problem> {
        if !wire::id::is_plain_name(view.name.as_str()) {
            return Err(Problem::new(
                Code::ARGUMENTS_INVALID,
                format!("`{}` is not a valid token name.", view.name),
            )
            .hint(
                "Use up to 64 letters, digits, `-`, `_` and `.`, starting with a letter or digit.",
            ));
        }
        let expires = seconds_of(view.expires_at.as_deref().unwrap_or_default())?;
        let secret = fresh_token()?;
        self.change(|kept| {
            let is_taken = is_reserved_name(view.name.as_str()) || kept.contains_key(&view.name);
            if is_taken {
                return Err(Problem::new(
                    Code::NAME_TAKEN,
                    format!("A token named `{}` already exists.", view.name),
                )
                .hint(wire::hint![
                    "Choose another name, or revoke it first: ",
                    Step::RevokeToken {
                        name: view.name.to_string(),
                    },
                ]));
            }
            if kept.len() >= limits::TOKENS_MAX {
                return Err(Problem::new(
                    Code::QUEUE_FULL,
                    format!(
                        "There are already {} tokens, the most there can be.",
                        limits::TOKENS_MAX
                    ),
                )
                .hint(wire::hint!["Revoke those no longer in use: ", Step::Tokens]));
            }
            let token = Kept {
                hash: hex::encode(hash(&secret)),
                scopes: view.scopes,
                ask: view.ask,
                expires,
            };
            kept.insert(view.name.clone(), token);
            Ok(())
        })?;
        Ok(secret)
    }

    /// Takes a token back at once. Gives who that was.
    ///
    /// # Errors
    /// `token_unknown`, or what the disk says.
    pub fn revoke(&self, name: &str) -> Result<CallerId, Problem> {
        self.change(|kept| {
            let name = CallerName::new(name);
            let gone = kept.remove(&name).ok_or_else(|| unknown(kept, &name))?;
            Ok(gone.caller(&name).id)
        })
    }

    /// Changes what a token may do, and how long. Gives how it stands then, and whose it is.
    ///
    /// # Errors
    /// `token_unknown`, `arguments_invalid`, or what the disk says.
    pub fn set(&self, name: &str, wanted: &TokenChange) -> Result<(TokenView, CallerId), Problem> {
        let expires = wanted.expires_at.as_deref().map(seconds_of).transpose()?;
        self.change(|kept| {
            let name = CallerName::new(name);
            if !kept.contains_key(&name) {
                return Err(unknown(kept, &name));
            }
            let token = kept.get_mut(&name).ok_or_else(|| revoked(&name))?;
            token.scopes = wanted.scopes.unwrap_or(token.scopes);
            token.ask = wanted.ask.unwrap_or(token.ask);
            token.expires = expires.unwrap_or(token.expires);
            Ok((token.view(&name), token.caller(&name).id))
        })
    }

    /// Tells of every token that is changed, taken back or over, from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Somebody may have fewer rights than before: who stays open looks again.
    pub(crate) fn tell_changed(&self) {
        self.changes.send_modify(|turn| *turn += 1);
    }

    /// Those whose time is over, and when the next one's is.
    pub(crate) fn over(&self) -> (Vec<CallerId>, Option<OffsetDateTime>) {
        let kept = Arc::clone(
            &self
                .kept
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        );
        let over = kept.iter().filter(|(_, token)| token.is_over());
        let over = over.map(|(name, token)| token.caller(name).id).collect();
        let to_come = kept.values().filter(|token| !token.is_over());
        let next = to_come.filter_map(|token| token.expires).min();
        let next = next.and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
        (over, next)
    }

    fn change<T>(
        &self,
        change: impl FnOnce(&mut BTreeMap<CallerName, Kept>) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let mut kept = self
            .kept
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut next = BTreeMap::clone(&kept);
        let changed = change(&mut next)?;
        let text = serde_json::to_vec_pretty(&next).unwrap_or_default();
        write_private(&self.file, &text).map_err(|error| {
            if is_disk_full(&error) {
                return disk_full(&self.file);
            }
            Problem::new(
                Code::HOME_UNSAFE,
                format!("{} cannot be written: {error}.", self.file.display()),
            )
        })?;
        *kept = Arc::new(next);
        Ok(changed)
    }
}

/// A client's own name as a part of a caller's: what it says is not trusted to be short or plain.
fn plain(client: &str) -> String {
    let fits = wire::id::NAME_BYTES_MAX - "mcp:".len();
    let plain: String = client
        .chars()
        .map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' => c,
            _ => '-',
        })
        .take(fits)
        .collect();
    if plain.is_empty() {
        "client".to_owned()
    } else {
        plain
    }
}

fn unknown(kept: &BTreeMap<CallerName, Kept>, name: &CallerName) -> Problem {
    let names: Vec<&str> = kept.keys().map(CallerName::as_str).collect();
    let hint = if name.as_str() == "owner" {
        "To change the owner's token, delete its file and start the hub again.".to_owned()
    } else if names.is_empty() {
        "The owner's token is the only one.".to_owned()
    } else {
        format!("The tokens are: {}.", names.join(", "))
    };
    Problem::new(Code::TOKEN_UNKNOWN, format!("No token is named `{name}`.")).hint(hint)
}

/// The seconds since 1970 of a time on the wire; nothing of an empty text.
fn seconds_of(text: &str) -> Result<Option<i64>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let at = OffsetDateTime::parse(text, &Rfc3339).map_err(|error| {
        Problem::new(
            Code::ARGUMENTS_INVALID,
            format!("`expires_at` is not a valid time: {error}."),
        )
        .hint("Write it as RFC 3339, for example 2031-05-04T22:00:00Z.")
    })?;
    Ok(Some(at.unix_timestamp()))
}

/// For work that its token does not allow any more.
pub(crate) fn narrowed(name: &CallerName) -> Problem {
    Problem::new(
        Code::FORBIDDEN,
        format!("The token `{name}` that asked for this is no longer allowed to do it."),
    )
    .hint("Have a caller with the necessary scopes ask for it again.")
}

/// For work whose token is gone.
pub(crate) fn revoked(name: &CallerName) -> Problem {
    Problem::new(
        Code::FORBIDDEN,
        format!("The token `{name}` that asked for this was revoked."),
    )
    .hint("Have a caller with the necessary scopes ask for it again.")
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// A file of tokens that can be read is written and read as the same.
#[cfg(fuzzing)]
pub(crate) fn fuzzing_kept(bytes: &[u8]) {
    type All = BTreeMap<CallerName, Kept>;
    if let Ok(kept) = serde_json::from_slice::<All>(bytes) {
        let text = serde_json::to_vec(&kept).expect("tokens are JSON");
        let again = serde_json::from_slice::<All>(&text).expect("and can be read again");
        assert!(kept.keys().eq(again.keys()));
    }
}

#[cfg(test)]
mod tests;
