//! Names and ids, each a type of its own, so that one cannot stand where another belongs.
//!
//! They are made elsewhere (the hub draws call ids); here is only their form.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            #[must_use]
            pub fn new(text: &str) -> Self {
                Self(Arc::from(text))
            }

            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(Arc::from(text))
            }
        }
    };
}

name_type! {
    /// One request to run a command: `call_` and a ULID, so that ids sort by the time of asking.
    CallId
}
name_type! {
    /// A kind of program, for example `toy`.
    AppId
}
name_type! {
    /// One running copy, for example `toy-2`. Given by the hub, kept over reconnects.
    InstanceName
}
name_type! {
    /// An authenticated somebody, for example `owner`.
    CallerName
}
name_type! {
    /// Who that somebody is: its name and, behind a `#`, the mark of its token. What is kept for a caller is kept under
    /// this, so that a later token of the same name gets nothing of it.
    CallerId
}

impl CallerId {
    /// The caller of that name whose token has that mark.
    #[must_use]
    pub fn of_token(name: &CallerName, mark: &str) -> Self {
        Self::from(format!("{name}#{mark}"))
    }

    /// Of a name alone, as older bridges and files have it. Which token's caller that was nobody can say, so it is none's;
    /// names that no token can have say enough.
    #[must_use]
    pub fn of_name(name: &str) -> Self {
        match is_reserved_name(name) {
            true => Self::new(name),
            false => Self::from(format!("{name}#")),
        }
    }

    /// Its name, for people.
    #[must_use]
    pub fn name(&self) -> CallerName {
        CallerName::new(self.0.split('#').next().unwrap_or_default())
    }

    /// The mark of its token; nothing for the owner and those that act for it.
    #[must_use]
    pub fn mark(&self) -> Option<&str> {
        self.0.split_once('#').map(|(_, mark)| mark)
    }
}

/// Names of callers that no token can have: the owner, and those that act for it.
#[must_use]
pub fn is_reserved_name(text: &str) -> bool {
    matches!(text, "owner" | "dashboard") || text.starts_with("mcp:")
}

impl InstanceName {
    /// Whether a call that names no instance goes to this one, however many there are: it is named like its app.
    #[must_use]
    pub fn is_default_of(&self, app: &AppId) -> bool {
        self.as_str() == app.as_str()
    }
}

/// Characters of a name that people type: letters, digits, `-`, `_`, `.`; 1 to 64 of them, a letter
/// or digit first. The same rule for apps, instances and callers.
#[must_use]
pub fn is_plain_name(text: &str) -> bool {
    text.len() <= NAME_BYTES_MAX
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// Longest name of an app, instance or caller, in bytes: it must fit in a table's column.
pub const NAME_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_told_from_a_later_one_of_its_name_and_keeps_its_name() {
        let name = CallerName::new("agent");
        let first = CallerId::of_token(&name, "1f");
        assert_ne!(first, CallerId::of_token(&name, "2e"));
        assert_eq!((first.name(), first.mark()), (name, Some("1f")));
        assert_ne!(CallerId::of_name("agent"), CallerId::new("agent"));
        assert_eq!(CallerId::of_name("agent").name(), "agent".into());
        for reserved in ["owner", "dashboard", "mcp:claude"] {
            assert_eq!(CallerId::of_name(reserved), CallerId::new(reserved));
            assert_eq!(CallerId::new(reserved).mark(), None);
        }
    }

    #[test]
    fn plain_names_are_safe_in_paths_and_tables() {
        for good in ["toy", "toy-2", "shot_010.v3", "A"] {
            assert!(is_plain_name(good), "{good}");
        }
        for bad in [
            "",
            "..",
            ".hidden",
            "a/b",
            "a b",
            "-x",
            &"a".repeat(65),
            "ä",
        ] {
            assert!(!is_plain_name(bad), "{bad}");
        }
    }
}
