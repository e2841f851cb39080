//! Calls that a bridge ran for somebody beside the hub, by its direct mode: they stand in the history too.
//!
//! In comes what the bridge tells of an ended one; out goes an entry under a caller of its own, `direct:INSTANCE`,
//! with an id that the hub makes. So a bridge can tell what it did, and nothing in anybody else's name.

use std::sync::Arc;

use wire::link::DirectCall;
use wire::{Code, Effect, Problem};

use super::links::Links;
use crate::call::{Call, CallParts};
use crate::callers::Caller;
use crate::corridor::Ran;
use crate::instance::Instance;
use crate::secrets::Marked;
use crate::subject;

/// How the caller of such calls is named, before the instance's name.
const CALLER: &str = "direct";
/// A command's or a client's name, in characters.
const NAME_CHARS_MAX: usize = 128;

/// # Errors
/// `frame_malformed` for one that has not ended.
pub(super) fn told(links: &Links, instance: &Instance, told: DirectCall) -> Result<(), Problem> {
    if !told.outcome.status.is_end() {
        return Err(Problem::new(
            Code::FRAME_MALFORMED,
            "A call made in direct mode can only be reported once it has ended.",
        ));
    }
    let short = |text: String| -> String { text.chars().take(NAME_CHARS_MAX).collect() };
    let command = short(told.command);
    let known = links
        .catalog
        .app(&instance.app)
        .and_then(|app| app.command(&command).cloned());
    let (effect, marked) = match &known {
        Ok(known) => (known.spec.effect, Arc::clone(&known.marked)),
        Err(_) => (Effect::Write, Arc::<Marked>::default()),
    };
    let masking = links.records.history.masking();
    let file = instance.file();
    let subject = match &known {
        Ok(known) => {
            let own = subject::of(masking, &known.spec, &known.marked, &told.args);
            subject::on(masking, &known.spec, own, file.as_deref())
        }
        Err(_) => subject::of_file(masking, file.as_deref()),
    };
    let parts = CallParts {
        correlation_id: Some(short(told.client)).filter(|client| !client.is_empty()),
        effect,
        args: Arc::new(told.args),
        marked,
        ..CallParts::unknown(
            instance.app.clone(),
            instance.name.clone(),
            command,
            Caller::known_as(format!("{CALLER}:{}", instance.name).into()),
        )
    };
    let call = Arc::new(Call::new(parts).about(subject));
    links.records.journal.asked(&call);
    links
        .records
        .settle(&call, told.outcome.in_line(), Ran::Yes);
    Ok(())
}
