//! Roles: what a command is to every app that has such a thing.
//!
//! A description says `role = "undo"`; then the terminal's `undo`, the tool of that name and the page's button call
//! that command, whatever its own name is. What a role takes and answers is in `docs/reference/command-format.md`.
//! Roles that nobody here knows are kept and told: a later door, or somebody's own client, may ask for them.

/// Takes a picture: `view`, `width`, `height`; the value has an `image`.
pub const LOOK: &str = "look";
/// Several views in one picture: `views`, `width`, `height`; the value has an `image`.
pub const SHEET: &str = "sheet";
/// Takes back the last changes: `steps`, `through`; the value lists them as `undone`.
pub const UNDO: &str = "undo";
/// Brings back what was taken back: `steps`, `through`; the value lists it as `redone`.
pub const REDO: &str = "redo";
/// Takes back what one call changed: `id`, `through`; the value lists it as `undone`.
pub const REVERT: &str = "revert";
/// Lists the steps that can be undone and redone.
pub const STEPS: &str = "steps";
/// Runs code: `code`, `namespace`, `reset`, `undo`.
pub const CODE: &str = "code";
/// The app's own documentation: `query` searches, `name` reads.
pub const DOCS: &str = "docs";
/// Opens a file: `path`.
pub const OPEN: &str = "open";
/// Saves what is open: `path`.
pub const SAVE: &str = "save";
/// Brings a file into what is open: `path`.
pub const IMPORT: &str = "import";
/// Writes what is open in another format: `path`.
pub const EXPORT: &str = "export";
/// Makes finished pictures, a film or sound.
pub const RENDER: &str = "render";
/// Plays, stops, moves the playhead.
pub const TRANSPORT: &str = "transport";

/// Names that stood for roles before there were any.
const NAMES: [(&str, &str); 8] = [
    ("viewport.screenshot", LOOK),
    ("viewport.sheet", SHEET),
    ("history.undo", UNDO),
    ("history.redo", REDO),
    ("history.revert", REVERT),
    ("code.run", CODE),
    ("docs.search", DOCS),
    ("docs.get", DOCS),
];

/// The role that a command has by its name, for a bridge that says of none of its commands what its role is.
#[must_use]
pub fn of_name(name: &str) -> Option<&'static str> {
    let known = NAMES.iter().find(|(known, _)| *known == name);
    known.map(|(_, role)| *role)
}

/// All that a door of ours asks for, or that is agreed between apps, with what an app that lacks it cannot do.
const WHAT: [(&str, &str); 14] = [
    (LOOK, "take a picture of what is open"),
    (SHEET, "take several views in one picture"),
    (UNDO, "take back changes"),
    (REDO, "bring back what was taken back"),
    (REVERT, "take back what one call changed"),
    (STEPS, "list the steps that can be undone"),
    (CODE, "run code"),
    (DOCS, "search its own documentation"),
    (OPEN, "open files"),
    (SAVE, "save what is open"),
    (IMPORT, "import files"),
    (EXPORT, "export files"),
    (RENDER, "render"),
    (TRANSPORT, "play and stop"),
];

/// The roles that doors ask for, or that apps agree on.
pub fn known() -> impl Iterator<Item = &'static str> {
    WHAT.iter().map(|(role, _)| *role)
}

/// What an app with that role can do, for "it cannot …".
#[must_use]
pub fn what(role: &str) -> &'static str {
    let known = WHAT.iter().find(|(known, _)| *known == role);
    known.map_or("do that", |(_, what)| what)
}
