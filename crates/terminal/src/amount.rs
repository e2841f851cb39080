//! Sizes and times as people write them: `4GB`, `1.5 GB`, `2h`. A number alone is refused, because nobody
//! can tell what it counts.

use bytesize::ByteSize;

/// In MB of 1,000,000 bytes.
///
/// # Errors
/// A sentence that shows what is meant.
pub fn megabytes(text: &str) -> Result<u64, String> {
    let has_unit = text.trim_end().ends_with(|c: char| c.is_ascii_alphabetic());
    let size = text.parse::<ByteSize>().ok().filter(|_| has_unit);
    let megabytes = size.map_or(0, |size| {
        size.as_u64().saturating_add(bytesize::MB / 2) / bytesize::MB
    });
    match megabytes {
        0 => Err("write a size such as 4GB or 500MB".to_owned()),
        megabytes => Ok(megabytes),
    }
}

/// In seconds. Fractions are welcome: `1.5h`.
///
/// # Errors
/// A sentence that shows what is meant.
pub fn seconds(text: &str) -> Result<u64, String> {
    whole(text).ok_or_else(|| "write a time such as 2h, 30m or 90s".to_owned())
}

fn whole(text: &str) -> Option<u64> {
    /// Beyond it a whole number is no longer exact, and nothing lasts that long.
    const MOST: f64 = 1e15;
    let text = text.trim().to_ascii_lowercase();
    let at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(at);
    let factor = match unit {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    let seconds = number.trim().parse::<f64>().ok()? * factor;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "in the range just looked at"
    )]
    (1.0..MOST)
        .contains(&seconds)
        .then_some(seconds.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_with_their_unit() {
        assert_eq!(megabytes("4GB"), Ok(4000));
        assert_eq!(megabytes("1.5 gb"), Ok(1500));
        assert_eq!(megabytes("500MB"), Ok(500));
        assert_eq!(megabytes("1GiB"), Ok(1074));
        assert_eq!(seconds("2h"), Ok(7200));
        assert_eq!(seconds("1.5m"), Ok(90));
        for wrong in [
            "4",
            "",
            "GB",
            "-1GB",
            "0MB",
            "nanGB",
            "infGB",
            "1e99GB",
            "4 parsecs",
        ] {
            assert!(megabytes(wrong).is_err(), "{wrong}");
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
