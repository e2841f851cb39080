//! Who somebody is: tokens, the sign-in of a browser, and who may stop the hub.

use wire::Problem;

use super::Hub;
use crate::callers::{Caller, Scope, TokenChange, TokenView};
use crate::policy;

impl Hub {
    #[must_use]
    pub fn authenticate(&self, bearer: &str) -> Option<Caller> {
        self.0.callers.authenticate(bearer)
    }

    /// The caller of a browser that is signed in.
    #[must_use]
    pub fn authenticate_session(&self, secret: &str) -> Option<Caller> {
        self.0.sessions.caller(&self.0.callers, secret)
    }

    /// The secret of a link to the dashboard, good once and for [`limits::LINK_LIFE`].
    ///
    /// # Errors
    /// `forbidden` without `admin`, and for a session, which makes no further ones.
    pub fn make_link(&self, caller: &Caller) -> Result<String, Problem> {
        policy::require(caller, Scope::Admin, || {
            "make a link to the dashboard".to_owned()
        })?;
        self.0.sessions.make_link(&self.0.callers, caller)
    }

    /// Signs a browser in by a link's secret. Gives the session's own.
    ///
    /// # Errors
    /// `unauthenticated` when the link is used up.
    pub fn open_session(&self, link: &str) -> Result<(String, Caller), Problem> {
        self.0.sessions.open_session(&self.0.callers, link)
    }

    /// Signs a browser out.
    ///
    /// # Errors
    /// What the disk says.
    pub fn end_session(&self, secret: &str) -> Result<(), Problem> {
        let ended = self.0.sessions.end(&self.0.callers, secret);
        self.0.callers.tell_changed();
        ended
    }

    /// # Errors
    /// `forbidden` without `admin`.
    pub fn tokens(&self, caller: &Caller) -> Result<Vec<TokenView>, Problem> {
        policy::require(caller, Scope::Admin, || "see the tokens".to_owned())?;
        Ok(self.0.callers.list())
    }

    /// Makes a token; gives its secret, this once.
    ///
    /// # Errors
    /// `forbidden` without `admin`, `name_taken`, …
    pub fn create_token(&self, caller: &Caller, view: &TokenView) -> Result<String, Problem> {
        policy::require(caller, Scope::Admin, || "make a token".to_owned())?;
        let secret = self.0.callers.create(view)?;
        // Its end may be the next one.
        self.0.callers.tell_changed();
        Ok(secret)
    }

    /// # Errors
    /// `forbidden` without `admin`, `token_unknown`.
    pub fn revoke_token(&self, caller: &Caller, name: &str) -> Result<(), Problem> {
        policy::require(caller, Scope::Admin, || "revoke a token".to_owned())?;
        let gone = self.0.callers.revoke(name)?;
        self.0.rights_ended(&gone);
        Ok(())
    }

    /// Changes what a token may do, and how long. What it has under way and may not do any more ends.
    ///
    /// # Errors
    /// `forbidden` without `admin`, `token_unknown`, `arguments_invalid`.
    pub fn change_token(
        &self,
        caller: &Caller,
        name: &str,
        wanted: &TokenChange,
    ) -> Result<TokenView, Problem> {
        policy::require(caller, Scope::Admin, || "change a token".to_owned())?;
        let (view, id) = self.0.callers.set(name, wanted)?;
        self.0.rights_ended(&id);
        Ok(view)
    }

    /// # Errors
    /// `forbidden` without `admin`.
    pub fn may_stop(&self, caller: &Caller) -> Result<(), Problem> {
        policy::require(caller, Scope::Admin, || "stop the hub".to_owned())
    }
}
