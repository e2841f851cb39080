//! Classes that the editor knows and the server does not: they stand on the canvas and never run.

/// What such a node is for the conversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Own {
    /// A note or a switch for people.
    Note,
    /// What comes in at its first input goes out.
    Reroute,
    /// Its first value goes to the widgets that it is linked to.
    Value,
    /// Gives a name to what comes in.
    Set,
    /// Gives what was named.
    Get,
    /// It changes links when the workflow is queued, in a way of its own.
    Refused(&'static str),
}

/// The class, if it is the editor's own.
pub(super) fn own(class: &str) -> Option<Own> {
    Some(match class {
        "Note"
        | "MarkdownNote"
        | "Label (rgthree)"
        | "Bookmark (rgthree)"
        | "Fast Groups Muter (rgthree)"
        | "Fast Groups Bypasser (rgthree)"
        | "Fast Muter (rgthree)"
        | "Fast Bypasser (rgthree)"
        | "Fast Actions Button (rgthree)"
        | "Mute / Bypass Repeater (rgthree)"
        | "Mute / Bypass Relay (rgthree)"
        | "Random Unmuter (rgthree)"
        | "Node Collector (rgthree)" => Own::Note,
        "Reroute" | "Reroute (rgthree)" => Own::Reroute,
        "PrimitiveNode" => Own::Value,
        "SetNode" | "easy setNode" => Own::Set,
        "GetNode" | "easy getNode" => Own::Get,
        "Anything Everywhere"
        | "Anything Everywhere?"
        | "Anything Everywhere3"
        | "Prompts Everywhere"
        | "Seed Everywhere"
        | "Simple String" => Own::Refused(
            "makes links when the workflow is queued in the editor. Convert its links to real ones there and save the workflow again.",
        ),
        _ => return None,
    })
}
