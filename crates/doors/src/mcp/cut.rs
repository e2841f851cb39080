//! Text that fits: the middle goes, beginning and end stay, and what is missing is said.

/// The text, or its beginning and end with a note between them. Never cuts a character.
pub(crate) fn middle(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let half = bytes_max / 2;
    let head = floor(text, half);
    let tail = ceiling(text, text.len() - half);
    let missing = tail - head;
    format!(
        "{}\n… {missing} bytes left out …\n{}",
        &text[..head],
        &text[tail..]
    )
}

/// The beginning that fits.
pub(crate) fn end(text: &str, bytes_max: usize) -> &str {
    &text[..floor(text, bytes_max)]
}

fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

fn ceiling(text: &str, at: usize) -> usize {
    (at..=text.len())
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_text_stays_long_text_keeps_both_ends() {
        assert_eq!(middle("abc", 3), "abc");
        let long = format!("begin{}end", "é".repeat(1_000));
        let cut = middle(&long, 101);
        assert!(
            cut.starts_with("begin") && cut.ends_with("end") && cut.contains("bytes left out"),
            "{cut}"
        );
        assert!(cut.len() < 101 + 50);
        assert_eq!(end("éé", 3), "é");
    }
}
