//! Which frames: `1-250`, `1-250x5`, `1-10,20,30-40`, also with `..` for the dash and negative numbers.
//!
//! In comes what a person wrote; out come numbers in that order, each once, or what is wrong with it. And back:
//! many numbers as short words.

use std::collections::HashSet;

use wire::Step;
use wire::{Code, Problem};

/// The number of a frame.
pub(super) type Frame = i32;

/// Frames of one farm: a day at 24 a second would be two million.
pub(super) const FRAMES_MAX: usize = 100_000;
/// The numbers that Blender counts to.
const FRAME_MAX: Frame = 1_048_574;

/// The frames that these words mean.
pub(super) fn parse(text: &str) -> Result<Vec<Frame>, Problem> {
    let mut frames = Vec::new();
    let mut seen = HashSet::new();
    let words = text.split([',', ' ', ';']).filter(|word| !word.is_empty());
    for word in words {
        let (first, last, step) = range(word).ok_or_else(|| wrong(word))?;
        for frame in (first..=last).step_by(step) {
            if seen.insert(frame) {
                frames.push(frame);
            }
            if frames.len() > FRAMES_MAX {
                return Err(Problem::new(
                    Code::ARGUMENTS_INVALID,
                    format!("`{text}` is more than {FRAMES_MAX} frames."),
                )
                .hint("Render them in several parts, or use a step, for example 1-250000x10."));
            }
        }
    }
    if frames.is_empty() {
        return Err(wrong(text));
    }
    Ok(frames)
}

/// A range with its step, as a scene has it.
pub(super) fn of_scene(start: Frame, end: Frame, step: u32) -> Result<Vec<Frame>, Problem> {
    if end < start {
        return Err(Problem::new(
            Code::ARGUMENTS_INVALID,
            format!("The scene ends at frame {end}, before it starts at {start}."),
        )
        .hint(wire::hint![
            "Say which frames: ",
            Step::argument("frames", "1-250", "--frames 1-250"),
        ]));
    }
    parse(&format!("{start}..{end}x{}", step.max(1)))
}

/// Many numbers as people write them: `1-10, 20`. Longer than `words_max` ranges ends in `…`.
pub(super) fn words(frames: &[Frame], words_max: usize) -> String {
    let mut sorted = frames.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let mut ranges: Vec<(Frame, Frame)> = Vec::new();
    for frame in sorted {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == frame => *last = frame,
            _ => ranges.push((frame, frame)),
        }
    }
    let more = ranges.len() > words_max;
    let mut told: Vec<String> = ranges
        .iter()
        .take(words_max)
        .map(|(first, last)| match last - first {
            0 => first.to_string(),
            1 => format!("{first}, {last}"),
            _ if *first < 0 => format!("{first}..{last}"),
            _ => format!("{first}-{last}"),
        })
        .collect();
    if more {
        told.push("…".to_owned());
    }
    told.join(", ")
}

fn range(word: &str) -> Option<(Frame, Frame, usize)> {
    let (span, step) = match word.split_once('x') {
        Some((span, step)) => (span, step.parse().ok().filter(|step| *step > 0)?),
        None => (word, 1),
    };
    let (first, last) = match span.split_once("..") {
        Some(ends) => ends,
        // A dash that is not the sign of the first number.
        None => match span.get(1..).and_then(|rest| rest.find('-')) {
            Some(at) => (&span[..=at], &span[at + 2..]),
            None => (span, span),
        },
    };
    let number = |text: &str| {
        let number: Frame = text.parse().ok()?;
        (-FRAME_MAX..=FRAME_MAX).contains(&number).then_some(number)
    };
    let (first, last) = (number(first)?, number(last)?);
    (first <= last).then_some((first, last, step))
}

fn wrong(word: &str) -> Problem {
    Problem::new(
        Code::ARGUMENTS_INVALID,
        format!("`{word}` is not a range of frames."),
    )
    .hint("Write 1-250, 1-250x5 (every fifth), 1-10,20,30-40 or -5..5, the smaller number first.")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn people_write_frames_in_many_ways() {
        assert_eq!(parse("1-3,300").unwrap(), [1, 2, 3, 300]);
        assert_eq!(parse("1..3 5").unwrap(), [1, 2, 3, 5]);
        assert_eq!(parse("1-10x4").unwrap(), [1, 5, 9]);
        assert_eq!(parse("-2--1,-1..1").unwrap(), [-2, -1, 0, 1]);
        assert_eq!(
            parse("9,1-3,2").unwrap(),
            [9, 1, 2, 3],
            "in this order, each once"
        );
        assert_eq!(of_scene(1, 5, 2).unwrap(), [1, 3, 5]);
        for wrong in [
            "", ",", "a", "3-1", "1-", "-", "1-5x0", "1-5x", "1-5-9", "99999999", "1-200001",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(parse("ä").is_err() && of_scene(5, 1, 1).is_err());
    }

    #[test]
    fn numbers_become_short_words() {
        assert_eq!(words(&[3, 1, 2, 9, 20, 21], 9), "1-3, 9, 20, 21");
        assert_eq!(words(&[-3, -2, -1], 9), "-3..-1");
        assert_eq!(words(&[1, 3, 5, 7], 2), "1, 3, …");
    }

    proptest! {
        #[test]
        fn words_mean_the_numbers_they_were_made_of(frames in prop::collection::btree_set(-500..500, 1..60)) {
            let frames: Vec<Frame> = frames.into_iter().collect();
            prop_assert_eq!(parse(&words(&frames, usize::MAX)).unwrap(), frames);
        }

        #[test]
        fn nothing_that_is_written_breaks_it(text in ".{0,30}") {
            let _ = parse(&text);
        }
    }
}
