//! How many calls a bridge is given ahead of their turn: a pure rule without clock, locks or I/O.
//!
//! A bridge with only one call at a time would idle for a round trip after each, and that counts where calls are quick. But
//! what it has been given runs before whatever comes now, also another caller's; so it has many only while they are quick,
//! and of long ones a few, because these outlive a hub that is killed.

use std::time::Duration;

use crate::limits;

#[derive(Debug)]
pub(crate) struct Window(usize);

impl Default for Window {
    fn default() -> Self {
        Self(limits::LANE_WINDOW_MIN)
    }
}

impl Window {
    pub(crate) fn size(&self) -> usize {
        self.0
    }

    /// A call has ended that ran for so long.
    pub(crate) fn ended(&mut self, ran: Duration) {
        self.0 = match ran <= limits::LANE_QUICK {
            true => limits::LANE_WINDOW.min(self.0 * 2),
            false => limits::LANE_WINDOW_MIN,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_while_calls_are_quick_and_closes_with_the_first_that_is_not() {
        let mut window = Window::default();
        assert_eq!(window.size(), limits::LANE_WINDOW_MIN);
        for _ in 0..10 {
            window.ended(Duration::from_millis(1));
        }
        assert_eq!(window.size(), limits::LANE_WINDOW);
        window.ended(Duration::from_secs(1));
        assert_eq!(window.size(), limits::LANE_WINDOW_MIN);
    }
}
