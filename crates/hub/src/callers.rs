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
use wire::Step;
use wire::{CallerName, Code, Problem};

use crate::home::{Home, disk_full, fresh_token, is_disk_full, write_private};
use crate::limits;

mod scopes;

pub use scopes::{Scope, Scopes};

/// An authenticated somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub name: CallerName,
    pub scopes: Scopes,
    /// Effects for which a person is asked first.
    pub asks: Scopes,
}

impl Caller {
    /// The person whose machine it is: may do everything.
    #[must_use]
    pub fn owner() -> Self {
        Self {
            name: CallerName::new("owner"),
            scopes: Scopes::ALL,
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
        let name = if self.is_owner() {
            CallerName::from(format!("mcp:{}", plain(client)))
        } else {
            self.name.clone()
        };
        Self {
            name,
            scopes: kept.collect(),
            asks: asked.collect(),
        }
    }

    /// A browser that was signed in with this caller's token: it may do the same under a name of its own, so that the
    /// history tells it from the terminal.
    #[must_use]
    pub fn as_dashboard(&self) -> Self {
        let name = if self.is_owner() {
            CallerName::new("dashboard")
        } else {
            CallerName::from(format!("dashboard:{}", self.name))
        };
        Self { name, ..*self }
    }

    #[must_use]
    pub fn is_owner(&self) -> bool {
        self.name.as_str() == "owner"
    }
}

/// Callers that are there without a token in the list: nobody else may look like them.
const RESERVED: [&str; 2] = ["owner", "dashboard"];

/// A token beside the owner's, without its secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenView {
    pub name: CallerName,
    pub scopes: Scopes,
    #[serde(default)]
    pub ask: Scopes,
}

#[derive(Clone, Serialize, Deserialize)]
struct Kept {
    /// SHA-256 of the token, hexadecimal.
    hash: String,
    scopes: Scopes,
    #[serde(default)]
    ask: Scopes,
}

/// All who may ask.
pub struct Callers {
    owner_hash: [u8; 32],
    file: PathBuf,
    kept: RwLock<Arc<BTreeMap<CallerName, Kept>>>,
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
            if bool::from(given.as_slice().ct_eq(&expected)) {
                found = Some(Caller {
                    name: name.clone(),
                    scopes: token.scopes,
                    asks: token.ask,
                });
            }
        }
        found
    }

    /// A token's caller by its name, with the hash of the token, hexadecimal.
    pub(crate) fn with_token(&self, name: &CallerName) -> Option<(Caller, String)> {
        if name.as_str() == "owner" {
            return Some((Caller::owner(), hex::encode(self.owner_hash)));
        }
        let kept = Arc::clone(
            &self
                .kept
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        );
        let token = kept.get(name)?;
        let caller = Caller {
            name: name.clone(),
            scopes: token.scopes,
            asks: token.ask,
        };
        Some((caller, token.hash.clone()))
    }

    /// The caller of that name as he is now: for work that he asked for earlier. Nothing when his token was
    /// taken back.
    #[must_use]
    pub fn named(&self, name: &CallerName) -> Option<Caller> {
        if name.as_str() == "owner" {
            return Some(Caller::owner());
        }
        if let Some(client) = name.as_str().strip_prefix("mcp:") {
            return Some(Caller::owner().as_mcp_client(client));
        }
        if name.as_str() == "dashboard" {
            return Some(Caller::owner().as_dashboard());
        }
        if let Some(maker) = name.as_str().strip_prefix("dashboard:") {
            let maker = self.named(&CallerName::new(maker))?;
            return Some(maker.as_dashboard());
        }
        let kept = self
            .kept
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        kept.get(name).map(|token| Caller {
            name: name.clone(),
            scopes: token.scopes,
            asks: token.ask,
        })
    }

    /// A caller from before, with what it may do now: long work asks again, because its token may have been
    /// revoked since.
    ///
    /// # Errors
    /// `forbidden` when its token is gone.
    pub fn now(&self, before: &Caller) -> Result<Caller, Problem> {
        let Some(today) = self.named(&before.name) else {
            return Err(Problem::new(
                Code::FORBIDDEN,
                format!("The token of `{}` was revoked.", before.name),
            ));
        };
        let both = |scope: &Scope| today.scopes.has(*scope) && before.scopes.has(*scope);
        Ok(Caller {
            name: before.name.clone(),
            scopes: Scope::ALL.into_iter().filter(both).collect(),
            asks: before.asks,
        })
    }

    #[must_use]
    pub fn list(&self) -> Vec<TokenView> {
        let kept = Arc::clone(
            &self
                .kept
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        );
        kept.iter()
            .map(|(name, token)| TokenView {
                name: name.clone(),
                scopes: token.scopes,
                ask: token.ask,
            })
            .collect()
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
        let secret = fresh_token()?;
        self.change(|kept| {
            let is_taken = RESERVED.contains(&view.name.as_str()) || kept.contains_key(&view.name);
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
            };
            kept.insert(view.name.clone(), token);
            Ok(())
        })?;
        Ok(secret)
    }

    /// Takes a token back at once.
    ///
    /// # Errors
    /// `token_unknown`, or what the disk says.
    pub fn revoke(&self, name: &str) -> Result<(), Problem> {
        self.change(|kept| {
            if kept.remove(&CallerName::new(name)).is_some() {
                return Ok(());
            }
            let names: Vec<&str> = kept.keys().map(CallerName::as_str).collect();
            let hint = if name == "owner" {
                "To replace the owner's token, delete its file and restart the hub.".to_owned()
            } else if names.is_empty() {
                "The owner's token is the only one.".to_owned()
            } else {
                format!("The tokens are: {}.", names.join(", "))
            };
            Err(
                Problem::new(Code::TOKEN_UNKNOWN, format!("There is no token `{name}`."))
                    .hint(hint),
            )
        })
    }

    fn change(
        &self,
        change: impl FnOnce(&mut BTreeMap<CallerName, Kept>) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let mut kept = self
            .kept
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut next = BTreeMap::clone(&kept);
        change(&mut next)?;
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
        Ok(())
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
