//! Times as the wire has them.
//!
//! In comes a time or a length of one; out come RFC 3339 texts and milliseconds, and back.

use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;
use wire::{Code, Problem};

/// A time as the wire shows it.
#[must_use]
pub fn rfc3339(time: OffsetDateTime) -> String {
    let whole = time.replace_millisecond(time.millisecond()).unwrap_or(time);
    whole.format(&Rfc3339).unwrap_or_default()
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds since 1970 of a time on the wire.
///
/// # Errors
/// `arguments_invalid` when it is no RFC 3339 time.
pub(crate) fn millis_of(name: &str, text: &str) -> Result<u64, Problem> {
    let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|error| {
        Problem::new(
            Code::ARGUMENTS_INVALID,
            format!("`{name}` is not a valid time: {error}."),
        )
        .hint("Write it as RFC 3339, for example 2031-05-04T22:00:00Z.")
    })?;
    Ok(to_millis(time))
}

pub(crate) fn to_millis(time: OffsetDateTime) -> u64 {
    u64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or_default()
}

pub(crate) fn now_millis() -> u64 {
    to_millis(OffsetDateTime::now_utc())
}

/// The same of milliseconds since 1970.
pub(crate) fn rfc3339_of(at: u64) -> String {
    let nanos = i128::from(at) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanos).map_or_else(|_| String::new(), rfc3339)
}

/// Resolves then; never without a time.
pub(crate) async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Resolves after so long; never without a length.
pub(crate) async fn sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_shown() {
        let at = millis_of("deadline", "2031-05-04T22:00:00.5Z").unwrap();
        assert_eq!(rfc3339_of(at), "2031-05-04T22:00:00.5Z");
        assert!(
            millis_of("deadline", "tomorrow")
                .unwrap_err()
                .message
                .contains("deadline")
        );
    }
}
