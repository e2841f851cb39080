//! How somebody shows who it is: a token, or the cookie of the dashboard's page.
//!
//! A browser sends its cookie along with whatever any page asks for, and to every port of this machine's name; so it
//! counts only with the sign that the hub's own page asks: an `Origin` that is exactly the host asked, or, where a browser
//! sends none (GET), its word that the request is of the same origin.

use std::net::SocketAddr;

use axum::http::{HeaderMap, Method, header};
use hub::Hub;
use hub::callers::Caller;
use wire::{Code, Problem};

/// How somebody shows who it is. What stays open looks at it again: it can be taken back.
#[derive(Clone, Debug)]
pub(crate) enum Proof {
    /// A token, in the header or in a WebSocket's first frame.
    Token(String),
    /// The cookie of the dashboard's page.
    Session(String),
}

impl Proof {
    /// What a request carries, if anything; a token before a cookie.
    ///
    /// # Errors
    /// `origin_refused` for a cookie that comes without the sign of its own page.
    pub(crate) fn of(
        address: SocketAddr,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Option<Self>, Problem> {
        if headers.contains_key(header::AUTHORIZATION) {
            // What it holds may be no token of any kind: then it is none that is known.
            let token = bearer(headers).unwrap_or_default();
            return Ok(Some(Self::Token(token.to_owned())));
        }
        let Some(secret) = cookie(headers, &cookie_name(address)) else {
            return Ok(None);
        };
        own_page(method, headers)?;
        Ok(Some(Self::Session(secret.to_owned())))
    }

    pub(crate) fn caller(&self, hub: &Hub) -> Option<Caller> {
        match self {
            Self::Token(token) => hub.authenticate(token),
            Self::Session(secret) => hub.authenticate_session(secret),
        }
    }

    /// Whether the caller may still do all that it could.
    pub(crate) fn holds(&self, hub: &Hub, caller: &Caller) -> bool {
        self.caller(hub)
            .is_some_and(|today| today.may_all_of(caller))
    }

    /// Resolves when the caller may do less than it could, with what is to be said about it.
    pub(crate) async fn lost(&self, hub: &Hub, caller: &Caller) -> Problem {
        let mut changes = hub.rights_changes();
        loop {
            match self.caller(hub) {
                None => return self.taken_back(),
                Some(today) if !today.may_all_of(caller) => return narrowed(caller),
                Some(_) => {}
            }
            if changes.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    fn taken_back(&self) -> Problem {
        match self {
            Self::Token(_) => Problem::new(Code::UNAUTHENTICATED, "The token was revoked.")
                .hint(wire::hint!["Use another token: ", wire::Step::CreateToken]),
            Self::Session(_) => signed_out(),
        }
    }

    pub(crate) fn unknown(&self) -> Problem {
        match self {
            Self::Token(_) => unauthenticated(true),
            Self::Session(_) => signed_out(),
        }
    }
}

fn narrowed(caller: &Caller) -> Problem {
    Problem::new(
        Code::FORBIDDEN,
        format!(
            "The scopes of `{}` have changed in the meantime.",
            caller.name
        ),
    )
    .hint("Send the request again: whatever it may still do is answered.")
}

/// For a page whose session has ended.
pub(crate) fn signed_out() -> Problem {
    Problem::new(Code::UNAUTHENTICATED, "This page is not signed in.").hint(wire::hint![
        "Open a new link: ",
        wire::Step::terminal("dashboard")
    ])
}

/// The cookie's name: cookies know no port, and two hubs may run on one machine.
pub(crate) fn cookie_name(address: SocketAddr) -> String {
    format!("kapelle-{}", address.port())
}

/// The value of a cookie.
pub(crate) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(own, _)| *own == name)
        .map(|(_, value)| value)
}

/// Whether the hub's own page asks, under the very name that the request is for.
///
/// # Errors
/// `origin_refused`.
pub(crate) fn own_page(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text("host").unwrap_or_default();
    let is_own = match text("origin") {
        Some(origin) => origin
            .strip_prefix("http://")
            .is_some_and(|origin| origin.eq_ignore_ascii_case(host)),
        None => {
            matches!(*method, Method::GET | Method::HEAD)
                && text("sec-fetch-site") == Some("same-origin")
        }
    };
    if is_own {
        return Ok(());
    }
    Err(Problem::new(
        Code::ORIGIN_REFUSED,
        "The dashboard's cookie is only accepted from its own page.",
    )
    .hint("In a program, send `Authorization: Bearer TOKEN` instead."))
}

/// The bearer token of a request, if it carries one.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    value
        .strip_prefix("Bearer ")
        .or_else(|| value.strip_prefix("bearer "))
}

/// For a request without a token that this hub knows.
pub(crate) fn unauthenticated(carries_one: bool) -> Problem {
    let what = if carries_one {
        "This hub does not know the token."
    } else {
        "The request carries no token."
    };
    Problem::new(Code::UNAUTHENTICATED, what).hint(
        "Send `Authorization: Bearer TOKEN`. In a terminal, `kapelle token show` prints the owner's token.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others_and_in_several_headers() {
        let mut headers = HeaderMap::new();
        headers.append("cookie", "a=1; kapelle-7=x=y;b=2".parse().unwrap());
        headers.append("cookie", "kapelle-8=z".parse().unwrap());
        assert_eq!(cookie(&headers, "kapelle-7"), Some("x=y"));
        assert_eq!(cookie(&headers, "kapelle-8"), Some("z"));
        assert_eq!(cookie(&headers, "kapelle"), None);
    }
}
