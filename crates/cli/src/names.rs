//! A name that does not exist: the one that was probably meant, and those that exist.

/// The name that was probably meant, and those that exist.
pub(crate) fn names_hint<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let listed = names.join(", ");
    match closest(wrong, &names) {
        _ if names.is_empty() => "There are none.".to_owned(),
        Some(near) => format!("Did you mean `{near}`? Possible names: {listed}"),
        None => format!("Possible names: {listed}"),
    }
}

/// Likeness under which a name is not worth suggesting (Jaro-Winkler, 0 to 1).
const LIKENESS_MIN: f64 = 0.8;

fn closest<'a>(wrong: &str, names: &[&'a str]) -> Option<&'a str> {
    names
        .iter()
        .map(|name| (strsim::jaro_winkler(wrong, name), *name))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_suggested_and_all_are_listed() {
        let hint = names_hint("locaton", ["kind", "location"].into_iter());
        assert_eq!(
            hint,
            "Did you mean `location`? Possible names: kind, location"
        );
        assert_eq!(
            names_hint("zzz", ["kind"].into_iter()),
            "Possible names: kind"
        );
        assert_eq!(names_hint("zzz", [].into_iter()), "There are none.");
    }
}
