//! Times, durations and sizes as people say them.
//!
//! Sizes are of `bytesize`. No crate writes durations in two units with a space (`5 min 10 s`), or takes an age from RFC 3339.

use std::time::Duration;

use bytesize::ByteSize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const MINUTE_S: u64 = 60;
const HOUR_S: u64 = 60 * MINUTE_S;
const DAY_S: u64 = 24 * HOUR_S;

/// `12 s ago` for an RFC 3339 time; the text itself when it is none.
pub fn ago(rfc3339: &str) -> String {
    ago_from(rfc3339, OffsetDateTime::now_utc())
}

fn ago_from(rfc3339: &str, now: OffsetDateTime) -> String {
    let Ok(then) = OffsetDateTime::parse(rfc3339, &Rfc3339) else {
        return rfc3339.to_owned();
    };
    match u64::try_from((now - then).whole_seconds()) {
        // A clock that stands a little behind is not worth a word.
        Err(_) | Ok(0) => "now".to_owned(),
        Ok(seconds) => format!("{} ago", short(Duration::from_secs(seconds))),
    }
}

/// One unit for short times, two for long ones: `0.4 ms`, `3.2 s`, `5 min 10 s`, `2 d 3 h`.
pub fn short(duration: Duration) -> String {
    let whole = duration.as_secs();
    let two = |big: u64, big_name: &str, small: u64, small_name: &str| {
        if small == 0 {
            format!("{big} {big_name}")
        } else {
            format!("{big} {big_name} {small} {small_name}")
        }
    };
    match whole {
        0 => millis(duration.as_secs_f64() * 1e3),
        1..10 if duration.subsec_millis() >= 100 => format!("{:.1} s", duration.as_secs_f64()),
        1..MINUTE_S => format!("{whole} s"),
        MINUTE_S..HOUR_S => two(whole / MINUTE_S, "min", whole % MINUTE_S, "s"),
        HOUR_S..DAY_S => two(whole / HOUR_S, "h", whole % HOUR_S / MINUTE_S, "min"),
        _ => two(whole / DAY_S, "d", whole % DAY_S / HOUR_S, "h"),
    }
}

/// Milliseconds as measured by an app.
pub fn short_ms(ms: f64) -> String {
    if ms < 1000.0 {
        return millis(ms);
    }
    Duration::try_from_secs_f64(ms / 1e3).map_or_else(|_| format!("{ms} ms"), short)
}

fn millis(ms: f64) -> String {
    if ms < 10.0 {
        format!("{ms:.1} ms")
    } else {
        format!("{ms:.0} ms")
    }
}

/// `1.4 MB`; powers of 1000.
pub fn size(bytes: u64) -> String {
    ByteSize::b(bytes).display().si().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        let cases = [
            (0, "0.0 ms"),
            (42, "42 ms"),
            (1000, "1 s"),
            (3240, "3.2 s"),
            (59_900, "59 s"),
            (310_000, "5 min 10 s"),
            (3_600_000, "1 h"),
            (183_600_000, "2 d 3 h"),
        ];
        for (ms, text) in cases {
            assert_eq!(short(Duration::from_millis(ms)), text);
        }
        assert_eq!(short_ms(0.42), "0.4 ms");
        assert_eq!(short_ms(f64::NAN), "NaN ms");
    }

    #[test]
    fn times_are_relative_and_foreign_texts_stay() {
        let now = OffsetDateTime::parse("2030-01-01T00:01:10Z", &Rfc3339).unwrap();
        assert_eq!(ago_from("2030-01-01T00:00:00.5Z", now), "1 min 9 s ago");
        assert_eq!(ago_from("2030-01-01T00:01:11Z", now), "now");
        assert_eq!(ago_from("yesterday", now), "yesterday");
    }

    #[test]
    fn sizes_have_one_decimal() {
        let cases = [
            (0, "0 B"),
            (999, "999 B"),
            (1_449, "1.4 kB"),
            (999_600, "999.6 kB"),
            (123_456_789, "123.5 MB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(size(bytes), text);
        }
    }
}
