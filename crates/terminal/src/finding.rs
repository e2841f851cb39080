//! What a check of `doctor` found, and how to fix it.

use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    Ok,
    Warn,
    Fail,
}

/// What one check found.
#[derive(Debug, Serialize)]
pub struct Finding {
    pub name: &'static str,
    #[serde(rename = "status")]
    pub health: Health,
    pub says: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Finding {
    pub fn ok(name: &'static str, says: impl Into<String>) -> Self {
        Self {
            name,
            health: Health::Ok,
            says: says.into(),
            fix: None,
        }
    }

    pub fn warn(name: &'static str, says: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            name,
            health: Health::Warn,
            says: says.into(),
            fix: Some(fix.into()),
        }
    }

    pub fn fail(name: &'static str, says: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            health: Health::Fail,
            ..Self::warn(name, says, fix)
        }
    }
}
