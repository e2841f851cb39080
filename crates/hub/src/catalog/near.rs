//! Names that are near to a wrong one, for hints.

/// "Did you mean …?" when something is near, else all that there is (in bounds).
#[must_use]
pub fn near_or_all(wrong: &str, names: &[&str], lead: &str) -> String {
    const SHOWN_MAX: usize = 40;
    let mut near: Vec<(f64, &str)> = names
        .iter()
        .map(|name| (nearness(wrong, name), *name))
        .filter(|(score, _)| *score > 0.72)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    near.truncate(3);
    if !near.is_empty() {
        let near: Vec<String> = near.iter().map(|(_, name)| format!("`{name}`")).collect();
        return format!("Did you mean {}?", near.join(" or "));
    }
    if names.is_empty() {
        return format!("{lead}: none.");
    }
    let more = names.len().saturating_sub(SHOWN_MAX);
    let shown = names[..names.len() - more].join(", ");
    if more > 0 {
        format!("{lead}: {shown} and {more} more.")
    } else {
        format!("{lead}: {shown}.")
    }
}

/// 0 to 1. `cube.create` for `create.cube`, `object_create` and `create` should all find
/// `object.create`, so the parts are compared as well as the whole.
fn nearness(wrong: &str, name: &str) -> f64 {
    let (wrong, name) = (wrong.to_lowercase().replace('_', "."), name.to_lowercase());
    let whole = strsim::jaro_winkler(&wrong, &name);
    let part = name
        .split('.')
        .map(|part| {
            if part.len() > 3 {
                strsim::jaro_winkler(&wrong, part)
            } else {
                0.0
            }
        })
        .fold(0.0, f64::max);
    whole.max(part * 0.9).max(typo(&wrong, &name))
}

/// Likes one slip of the fingers in every four letters, also where the word is short.
fn typo(wrong: &str, name: &str) -> f64 {
    let slips = strsim::osa_distance(wrong, name);
    let allowed = name.chars().count().div_ceil(4);
    if slips <= allowed { 0.8 } else { 0.0 }
}
