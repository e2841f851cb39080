//! Which calls are looks: pictures taken for somebody who looks at an instance from afar, and nobody's work.
//!
//! Their caller's mark says so, and the note that their bridge keeps for the next hub.

use wire::Effect;

use crate::call::Call;

/// What such calls carry as their caller's mark, so that a page can leave them out of what was done, and as the hub's
/// own on the way to a bridge.
pub(crate) const MARK: &str = "picture";

/// Whether a call is a look, and not a picture that somebody asked for by himself. Nothing that changes something is
/// one, whatever mark its caller gave it.
pub(crate) fn is_look(call: &Call) -> bool {
    call.correlation_id.as_deref() == Some(MARK) && call.effect == Effect::Read
}

/// What its bridge keeps for the next hub, of a look; nothing of other calls.
pub(crate) fn note_of(call: &Call) -> &'static str {
    if is_look(call) { MARK } else { "" }
}

/// Whether a call that a bridge has kept for this hub, with that note, is a look: its correlation id and its effect.
pub(crate) fn kept(note: Option<&str>) -> Option<(String, Effect)> {
    (note == Some(MARK)).then(|| (MARK.to_owned(), Effect::Read))
}
