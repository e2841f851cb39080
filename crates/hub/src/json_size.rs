//! How many bytes a JSON value is, roughly, and whether that is within a bound: it looks no further than the bound.

use serde_json::{Map, Value};

/// Roughly the bytes of arguments; nothing when they are over the bound. Looks no further than that.
pub(crate) fn weight_up_to(args: &Map<String, Value>, max: usize) -> Option<usize> {
    let mut left = max;
    args.iter()
        .all(|(name, value)| take(&mut left, name.len() + 4) && fits(value, &mut left))
        .then(|| max - left)
}

/// The same of a value.
pub(crate) fn weight_of_value(value: &Value, max: usize) -> Option<usize> {
    let mut left = max;
    fits(value, &mut left).then(|| max - left)
}

/// Takes a value's bytes from what is left; `false` as soon as there is not enough.
pub(crate) fn fits(value: &Value, left: &mut usize) -> bool {
    match value {
        Value::String(text) => take(left, text.len() + 3),
        Value::Array(items) => take(left, 2) && items.iter().all(|item| fits(item, left)),
        Value::Object(map) => {
            take(left, 2)
                && map
                    .iter()
                    .all(|(name, value)| take(left, name.len() + 4) && fits(value, left))
        }
        Value::Null | Value::Bool(_) => take(left, 5),
        // The longest numbers have some twenty digits; most are shorter.
        Value::Number(_) => take(left, 12),
    }
}

pub(crate) fn take(left: &mut usize, bytes: usize) -> bool {
    match left.checked_sub(bytes) {
        Some(rest) => {
            *left = rest;
            true
        }
        None => false,
    }
}
