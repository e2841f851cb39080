//! Who is signed in by a browser: links that open a session once, and the sessions.
//!
//! In comes a caller with `admin`, or the secret of a link; out comes a secret that a browser keeps as a
//! cookie, and for that secret a [`Caller`]: `dashboard`, with the scopes that the maker of the link has
//! now. A session ends when somebody signs out, by its age, when newer ones need its place, and with
//! the token that made its link; nobody's sessions sign out somebody else's. Only hashes lie on the disk; links live in memory. Which request may use a
//! session is the doors' business.
//!
//! ```text
//! link made ── opened once ──> session ── signed out, a week, token taken back ──> gone
//!     └── a minute ──> gone
//! ```

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use time::OffsetDateTime;
use tokio::time::Instant;
use wire::Step;
use wire::{CallerId, CallerName, Code, Problem};

use crate::callers::{Caller, Callers};
use crate::home::{Home, disk_full, fresh_token, is_disk_full, random_hex, write_private};
use crate::limits;

/// Links that wait, and sessions that are open.
pub(crate) struct Sessions {
    links: Mutex<VecDeque<Link>>,
    file: PathBuf,
    kept: Mutex<VecDeque<Kept>>,
}

struct Link {
    hash: [u8; 32],
    maker: CallerId,
    made: Instant,
}

/// A session as it lies on the disk, oldest first.
#[derive(Clone, Serialize, Deserialize)]
struct Kept {
    /// Over the session's secret and its maker's token, hexadecimal: another token, another hash.
    hash: String,
    maker: CallerName,
    /// Seconds since 1970.
    made: i64,
}

impl Sessions {
    /// Reads the sessions of a home. A file that is none of ours only signs everybody out.
    pub(crate) fn open(home: &Home) -> Self {
        let file = home.join("tokens/sessions.json");
        let kept = match std::fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(%error, file = %file.display(), "all sessions are forgotten");
                VecDeque::new()
            }),
            Err(_) => VecDeque::new(),
        };
        Self {
            links: Mutex::new(VecDeque::new()),
            file,
            kept: Mutex::new(kept),
        }
    }

    /// The secret of a new link, good once and for a minute.
    ///
    /// # Errors
    /// `forbidden` for one who is no token's caller, and so has nothing that a session could hang on.
    pub(crate) fn make_link(&self, callers: &Callers, maker: &Caller) -> Result<String, Problem> {
        if callers.with_token(&maker.id).is_none() {
            return Err(Problem::new(
                Code::FORBIDDEN,
                format!("`{}` may not create dashboard links.", maker.name),
            )
            .hint(wire::hint![
                "Create one with a token: ",
                Step::terminal("dashboard")
            ]));
        }
        let secret = random_hex(32)?;
        let mut links = lock(&self.links);
        links.retain(|link| link.made.elapsed() < limits::LINK_LIFE);
        let own = |link: &Link| link.maker == maker.id;
        leave_one_free(&mut links, limits::LINKS_OF_ONE_MAX, limits::LINKS_MAX, own);
        links.push_back(Link {
            hash: hash(&secret, ""),
            maker: maker.id.clone(),
            made: Instant::now(),
        });
        Ok(secret)
    }

    /// Opens a session with a link's secret, which is good for nothing after that. Gives the session's own.
    ///
    /// # Errors
    /// `unauthenticated` when the link is used, too old, or none of ours; what the disk says.
    pub(crate) fn open_session(
        &self,
        callers: &Callers,
        link: &str,
    ) -> Result<(String, Caller), Problem> {
        let maker = self.take_link(link).ok_or_else(used_up)?;
        let (caller, token) = callers.with_token(&maker).ok_or_else(used_up)?;
        let secret = fresh_token()?;
        let session = Kept {
            hash: hex::encode(hash(&secret, &token)),
            maker: maker.name(),
            made: now(),
        };
        self.change(|kept| {
            kept.retain(is_young);
            let own = |other: &Kept| other.maker == session.maker;
            leave_one_free(kept, limits::SESSIONS_OF_ONE_MAX, limits::SESSIONS_MAX, own);
            kept.push_back(session);
        })?;
        Ok((secret, caller.as_dashboard()))
    }

    /// The caller of a session. Compares hashes in constant time, against every session.
    pub(crate) fn caller(&self, callers: &Callers, secret: &str) -> Option<Caller> {
        let mut kept = lock(&self.kept);
        let mut found = None;
        let now = now();
        for session in kept.iter_mut() {
            // The clock was set back since: it is as young as it can be, and not for longer than any other.
            session.made = session.made.min(now);
        }
        for session in kept.iter().filter(|session| is_young(session)) {
            if let Some(caller) = session.opened_by(callers, secret) {
                found = Some(caller.as_dashboard());
            }
        }
        found
    }

    /// Signs out.
    ///
    /// # Errors
    /// What the disk says; the session ends all the same, until the hub's next start.
    pub(crate) fn end(&self, callers: &Callers, secret: &str) -> Result<(), Problem> {
        self.change(|kept| kept.retain(|session| session.opened_by(callers, secret).is_none()))
    }

    fn take_link(&self, secret: &str) -> Option<CallerId> {
        let given = hash(secret, "");
        let mut links = lock(&self.links);
        links.retain(|link| link.made.elapsed() < limits::LINK_LIFE);
        let at = links
            .iter()
            .position(|link| bool::from(link.hash.ct_eq(&given)))?;
        links.remove(at).map(|link| link.maker)
    }

    fn change(&self, change: impl FnOnce(&mut VecDeque<Kept>)) -> Result<(), Problem> {
        let mut kept = lock(&self.kept);
        change(&mut kept);
        let text = serde_json::to_vec_pretty(&*kept).unwrap_or_default();
        write_private(&self.file, &text).map_err(|error| {
            if is_disk_full(&error) {
                return disk_full(&self.file);
            }
            Problem::new(
                Code::HOME_UNSAFE,
                format!("{} cannot be written: {error}.", self.file.display()),
            )
        })
    }
}

impl Kept {
    /// The maker, as it is now, if this secret is the session's.
    fn opened_by(&self, callers: &Callers, secret: &str) -> Option<Caller> {
        let (caller, token) = callers.of_name(&self.maker)?;
        let expected = hex::decode(&self.hash).ok()?;
        let is_it = bool::from(hash(secret, &token).as_slice().ct_eq(&expected));
        is_it.then_some(caller)
    }
}

/// Room for one more of somebody's, who has so many at most: its own oldest goes first. Where all are too many the oldest
/// goes.
fn leave_one_free<T>(
    all: &mut VecDeque<T>,
    of_one_max: usize,
    all_max: usize,
    own: impl Fn(&T) -> bool,
) {
    if all.iter().filter(|one| own(one)).count() >= of_one_max
        && let Some(oldest) = all.iter().position(&own)
    {
        all.remove(oldest);
    }
    while all.len() >= all_max {
        all.pop_front();
    }
}

fn is_young(session: &Kept) -> bool {
    let age_s = now().saturating_sub(session.made);
    u64::try_from(age_s).unwrap_or_default() < limits::SESSION_LIFE.as_secs()
}

fn now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

fn used_up() -> Problem {
    Problem::new(
        Code::UNAUTHENTICATED,
        "This link has already been used, or is more than a minute old.",
    )
    .hint(wire::hint!["Open a new one: ", Step::terminal("dashboard")])
}

fn hash(secret: &str, token: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(secret.as_bytes());
    hash.update(b"\0");
    hash.update(token.as_bytes());
    hash.finalize().into()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file of sessions is read, or signs everybody out.
#[cfg(fuzzing)]
pub(crate) fn fuzzing_kept(bytes: &[u8]) {
    if let Ok(kept) = serde_json::from_slice::<VecDeque<Kept>>(bytes) {
        let text = serde_json::to_vec(&kept).expect("sessions are JSON");
        let again = serde_json::from_slice::<VecDeque<Kept>>(&text).expect("and can be read");
        assert_eq!(kept.len(), again.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callers::{Scope, Scopes, TokenView};

    fn house() -> (tempfile::TempDir, Home, Callers) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path()).unwrap();
        let callers = Callers::open(&home).unwrap();
        (dir, home, callers)
    }

    #[test]
    fn a_link_opens_one_session_which_outlives_the_hub() {
        let (_dir, home, callers) = house();
        let sessions = Sessions::open(&home);
        let link = sessions.make_link(&callers, &Caller::owner()).unwrap();
        let (secret, caller) = sessions.open_session(&callers, &link).unwrap();
        assert_eq!(caller.name.as_str(), "dashboard");
        assert!(caller.scopes.has(Scope::Admin) && !caller.is_owner());
        assert_eq!(
            sessions.open_session(&callers, &link).unwrap_err().code,
            Code::UNAUTHENTICATED
        );
        assert_eq!(sessions.caller(&callers, &link), None);
        let again = Sessions::open(&home);
        assert_eq!(again.caller(&callers, &secret), Some(caller));
        let text = std::fs::read_to_string(home.join("tokens/sessions.json")).unwrap();
        assert!(!text.contains(&secret) && !text.contains(&link));
        again.end(&callers, &secret).unwrap();
        assert_eq!(again.caller(&callers, &secret), None);
        assert_eq!(Sessions::open(&home).caller(&callers, &secret), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_link_is_good_for_a_minute() {
        let (_dir, home, callers) = house();
        let sessions = Sessions::open(&home);
        let link = sessions.make_link(&callers, &Caller::owner()).unwrap();
        tokio::time::advance(limits::LINK_LIFE).await;
        assert!(sessions.open_session(&callers, &link).is_err());
    }

    #[test]
    fn sessions_end_with_age_number_and_the_token_of_their_maker() {
        let (_dir, home, callers) = house();
        let sessions = Sessions::open(&home);
        let view = TokenView {
            name: "td".into(),
            scopes: Scopes::ALL,
            ask: Scopes::NONE,
            expires_at: None,
        };
        let token = callers.create(&view).unwrap();
        let td = callers.authenticate(&token).unwrap();
        let open = |maker: &Caller| {
            let link = sessions.make_link(&callers, maker).unwrap();
            sessions.open_session(&callers, &link).unwrap()
        };
        let (of_td, caller) = open(&td);
        assert_eq!(caller.name.as_str(), "dashboard:td");
        // A session makes no links: it would outlive the token that it hangs on.
        assert_eq!(
            sessions.make_link(&callers, &caller).unwrap_err().code,
            Code::FORBIDDEN
        );
        callers.revoke("td").unwrap();
        assert_eq!(sessions.caller(&callers, &of_td), None);
        callers.create(&view).unwrap();
        assert_eq!(sessions.caller(&callers, &of_td), None, "another token");

        let (first, _) = open(&Caller::owner());
        let token = callers
            .create(&TokenView {
                name: "eve".into(),
                ..view
            })
            .unwrap();
        let eve = callers.authenticate(&token).unwrap();
        for _ in 0..limits::SESSIONS_MAX {
            open(&eve);
        }
        assert!(sessions.caller(&callers, &first).is_some(), "another's own");
        for _ in 0..limits::SESSIONS_OF_ONE_MAX {
            open(&Caller::owner());
        }
        assert_eq!(sessions.caller(&callers, &first), None);
        let (last, _) = open(&Caller::owner());
        for session in lock(&sessions.kept).iter_mut() {
            session.made -= i64::try_from(limits::SESSION_LIFE.as_secs()).unwrap();
        }
        assert_eq!(sessions.caller(&callers, &last), None, "too old");
    }

    #[test]
    fn a_session_outlives_a_clock_that_is_set_back_and_lives_no_longer_for_it() {
        let (_dir, home, callers) = house();
        let sessions = Sessions::open(&home);
        let link = sessions.make_link(&callers, &Caller::owner()).unwrap();
        let (secret, _) = sessions.open_session(&callers, &link).unwrap();
        lock(&sessions.kept)[0].made += 86_400;
        let link = sessions.make_link(&callers, &Caller::owner()).unwrap();
        sessions.open_session(&callers, &link).unwrap();
        assert!(sessions.caller(&callers, &secret).is_some());
        assert!(lock(&sessions.kept)[0].made <= now());
    }
}
