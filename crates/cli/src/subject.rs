//! What a call is about, beside its command.

/// ` (shot_010)`
pub(crate) fn about(subject: Option<&str>) -> String {
    subject.map_or_else(String::new, |subject| format!(" ({subject})"))
}
