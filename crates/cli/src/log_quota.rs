//! The log's room, in shares: whoever makes the hub write the same line again and again leaves room for the others.
//!
//! In come records on their way to the log; out goes whether each is written. Records of one place in the code about one
//! caller are one kind; of each kind a bounded number is written in a minute. How many were left out is told afterwards.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter};

/// Records of one kind in a minute: enough to see what goes on.
const RECORDS_MAX: u32 = 60;
/// What [`RECORDS_MAX`] is counted in.
const WINDOW: Duration = Duration::from_secs(60);
/// Kinds that are told apart in a minute; further ones count as one.
const KINDS_MAX: usize = 4_096;

/// Clones count together.
#[derive(Clone, Default)]
pub(crate) struct LogQuota(Arc<Mutex<Counts>>);

#[derive(Default)]
struct Counts {
    began: Option<Instant>,
    of: HashMap<(&'static str, String), u32>,
    further: u32,
    left_out: u64,
}

impl LogQuota {
    /// Tells now and then how many records were left out, for as long as the process lives.
    pub(crate) async fn tell(self) {
        let mut looks = tokio::time::interval(WINDOW);
        loop {
            looks.tick().await;
            let left_out = std::mem::take(&mut self.lock().left_out);
            if left_out > 0 {
                tracing::warn!(left_out, "more of the same was not written down");
            }
        }
    }

    fn takes(&self, place: &'static str, who: String, now: Instant) -> bool {
        let mut counts = self.lock();
        let counts = &mut *counts;
        let is_over = |began: Instant| now.saturating_duration_since(began) >= WINDOW;
        if counts.began.is_none_or(is_over) {
            counts.began = Some(now);
            counts.of.clear();
            counts.further = 0;
        }
        let kind = (place, who);
        let is_known = counts.of.contains_key(&kind);
        let count = match is_known || counts.of.len() < KINDS_MAX {
            true => counts.of.entry(kind).or_default(),
            false => &mut counts.further,
        };
        *count = count.saturating_add(1);
        let takes = *count <= RECORDS_MAX;
        counts.left_out += u64::from(!takes);
        takes
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subscriber> Filter<S> for LogQuota {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let mut who = Who::default();
        event.record(&mut who);
        // Of an event it is its place in the code.
        self.takes(event.metadata().name(), who.0, Instant::now())
    }
}

/// The caller that a record is about, if it names one.
#[derive(Default)]
struct Who(String);

impl Visit for Who {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "caller" {
            self.0 = format!("{value:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tracing_subscriber::Layer as _;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_flood_of_one_caller_leaves_the_log_to_the_others() {
        let (written, quota) = (Written::default(), LogQuota::default());
        let into = written.clone();
        let layer = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_writer(move || into.clone())
            .with_filter(quota.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let open = |caller: &str| tracing::info!(%caller, "a WebSocket is open");
            (0..5_000).for_each(|_| open("busy"));
            open("calm");
            tracing::info!("something else");
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches("caller=busy").count(), RECORDS_MAX as usize);
        assert_eq!(text.matches("caller=calm").count(), 1);
        assert_eq!(text.matches("something else").count(), 1);
        assert_eq!(quota.lock().left_out, 5_000 - u64::from(RECORDS_MAX));
    }

    #[test]
    fn a_new_minute_has_new_room_and_the_kinds_are_bounded() {
        let quota = LogQuota::default();
        let now = Instant::now();
        let mut taken = 0;
        for n in 0..KINDS_MAX * 2 {
            taken += usize::from(quota.takes("place", n.to_string(), now));
        }
        assert_eq!(taken, KINDS_MAX + RECORDS_MAX as usize);
        assert!(quota.takes("place", "late".to_owned(), now + WINDOW));
    }
}
