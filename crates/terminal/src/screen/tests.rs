use proptest::prelude::*;
use serde_json::json;

use super::*;

impl Out for Vec<u8> {
    fn data(&mut self, text: &str) -> io::Result<()> {
        self.write_all(text.as_bytes())
    }
}

fn cleaned(text: &str) -> String {
    let mut shown = String::new();
    Cleaner::default().clean(text, &mut shown);
    shown
}

/// What no text may bring to a terminal.
fn steers(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[test]
fn nothing_foreign_steers_a_terminal() {
    let cases = [
        ("\x1b]0;title\x07", "␛]0;title␇"),
        ("\x1b]52;c;aGk=\x1b\\x", "␛]52;c;aGk=␛\\x"),
        ("\x1b[2Jx", "␛[2Jx"),
        ("\u{9b}2J\u{9d}0;t\u{9c}", "\u{fffd}2J\u{fffd}0;t\u{fffd}"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b[8", "␛[8"),
        // Taking one out does not make another.
        ("\x1b\x1b[31m[2J", "␛[2J"),
        ("10 %\r20 %\r\ndone", "10 %\n20 %\ndone"),
        ("a\u{202e}txt.exe\u{2066}", "a\u{fffd}txt.exe\u{fffd}"),
        ("\u{200f}שלום", "שלום"),
        ("a\tb\n\x08\x7f\0", "a\tb\n␈␡␀"),
    ];
    for (text, shown) in cases {
        assert_eq!(cleaned(text), shown, "{text:?}");
    }
}

#[test]
fn a_name_is_one_line() {
    assert_eq!(
        one_line("Cube\n\x1b[31merror\r: x\t\u{85}y\n"),
        "Cube ␛[31merror␍: x \u{fffd}y"
    );
    assert!(matches!(one_line("Würfel 立方体"), Cow::Borrowed(_)));
}

#[test]
fn colours_are_ours_alone() {
    assert_eq!(
        cleaned(&format!("{BAD}error{BAD:#}: \x1b[32mno")),
        "\x1b[1m\x1b[31merror\x1b[0m: no"
    );
    assert_eq!(cleaned(&format!("{PLAIN}a{PLAIN:#}")), "a");
}

#[test]
fn json_means_the_same_and_has_no_control_characters() {
    let value = json!({"a\u{9b}": "\x1b[2J\u{202e}\x7f\u{2028}ü", "b": ["\r\n"]});
    let compact = value.to_string();
    let pretty = serde_json::to_string_pretty(&value).unwrap();
    for json in [&compact, &pretty] {
        let shown = json_text(json);
        assert!(!shown.contains(steers), "{shown:?}");
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
    }
}

#[test]
fn a_stream_is_cleaned_piece_by_piece() {
    let mut cleaner = Cleaner::default();
    let mut shown = String::new();
    for piece in ["a\r", "\nb\x1b", "[2J\r", "c"] {
        cleaner.clean(piece, &mut shown);
    }
    assert_eq!(shown, "a\nb␛[2J\nc");
    assert_eq!(whole_letters("aü".as_bytes()), 3);
    assert_eq!(whole_letters(&"aü".as_bytes()[..2]), 1);
    assert_eq!(whole_letters(b"a\xff"), 2);
}

proptest! {
    /// Whatever comes, in whatever pieces, nothing that steers goes out but our own colours.
    #[test]
    fn any_text_is_clean(pieces in prop::collection::vec("[\\x00-\\x9f\u{200e}-\u{206f}\\[\\]0-9;mJ]{0,12}", 0..6)) {
        let mut cleaner = Cleaner::default();
        let mut shown = String::new();
        for piece in &pieces {
            cleaner.clean(piece, &mut shown);
        }
        prop_assert!(!shown.contains(steers), "{shown:?}");
        let whole = pieces.concat();
        prop_assert!(!one_line(&whole).contains(|c| steers(c) || c == '\n'));
    }
}
