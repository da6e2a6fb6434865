//! What is known of the path to a server: the cookie, the round trip, the timer, and how much it
//! carries. It outlives an object, so that the next one begins where the last one ended.

use std::time::Duration;

use super::congestion::{Congestion, SendState};
use crate::ids::Cookie;
use crate::limits::{PULL_ROUND_TRIP_MAX, PULL_TIMER_MIN, RETRY_INITIAL, RETRY_MAX};
use crate::round_trip::{Measured, RoundTrip};
use crate::time::Instant;

/// A window is requested in at least so many requests.
const REQUESTS_PER_WINDOW: u64 = 4;
/// When the timer has run out so often in a row, the path is congested (RFC 9002 7.6); before that,
/// the end of what was requested was lost.
const PERSISTENT_TIMEOUTS: u32 = 3;

/// What is known of the path to a server.
#[derive(Clone, Debug)]
pub struct PathState {
    cookie: Cookie,
    /// Whether the server has accepted the cookie.
    is_proved: bool,
    congestion: Congestion,
    round_trip: RoundTrip,
    /// How often in a row the timer ran out.
    timeouts: u32,
}

impl PathState {
    /// A path of which no more is known than perhaps a round trip.
    #[must_use]
    pub fn new(now: Instant, round_trip: Option<Duration>) -> Self {
        let mut known = RoundTrip::default();
        if let Some(round_trip) = round_trip {
            known.sample(round_trip);
        }
        Self {
            // R-COOKIE-4
            cookie: Cookie::NONE,
            is_proved: false,
            congestion: Congestion::new(now),
            round_trip: known,
            timeouts: 0,
        }
    }

    /// The cookie that the next request carries.
    pub(super) fn cookie(&self) -> Cookie {
        self.cookie
    }

    pub(super) fn is_proved(&self) -> bool {
        self.is_proved
    }

    /// Takes a sample of the round trip.
    pub(super) fn sample(&mut self, sample: Duration) {
        self.round_trip.sample(sample.min(PULL_ROUND_TRIP_MAX));
    }

    /// The server gave a cookie; the next block shows whether it accepts it.
    pub(super) fn on_cookie(&mut self, cookie: Cookie) {
        // R-COOKIE-4
        self.cookie = cookie;
        self.is_proved = false;
    }

    /// The server gave a further cookie instead of a block.
    pub(super) fn on_cookie_refused(&mut self) {
        self.timeouts = self.timeouts.saturating_add(1);
    }

    /// A request is sent while so many blocks are in flight. `is_limited`: there is no more to request,
    /// although the path may carry more.
    pub(super) fn on_request(
        &mut self,
        now: Instant,
        in_flight: u64,
        is_limited: bool,
    ) -> SendState {
        self.congestion.on_request(now, in_flight, is_limited)
    }

    /// A block arrived that was in flight; so many still are.
    pub(super) fn on_block(&mut self, now: Instant, sent: &SendState, in_flight: u64) {
        self.timeouts = 0;
        // One block is given without a cookie too, which proves nothing.
        self.is_proved = self.cookie != Cookie::NONE;
        self.congestion.on_block(now, sent, in_flight);
    }

    /// The timer ran out.
    pub(super) fn on_timeout(&mut self) {
        self.timeouts += 1;
        if self.timeouts >= PERSISTENT_TIMEOUTS {
            self.congestion.on_persistent_timeout();
        }
    }

    /// Whether the timer has run out several times in a row.
    pub(super) fn is_silent(&self) -> bool {
        self.timeouts > 1
    }

    /// For how long no block may arrive before all that is in flight counts as lost.
    pub(super) fn timer(&self) -> Duration {
        let first = match self.round_trip.measured() {
            None => RETRY_INITIAL,
            Some(Measured { smoothed, variation }) => {
                smoothed + (variation * 4).max(PULL_TIMER_MIN)
            }
        };
        // R-TRANSFER-5
        (first * (1 << self.timeouts.min(8))).min(RETRY_MAX.max(first))
    }

    /// How long after its request a block counts as lost, if a later one has arrived.
    pub(super) fn reordering(&self) -> Option<Duration> {
        let Measured { smoothed, .. } = self.round_trip.measured()?;
        // R-TRANSFER-4
        Some(smoothed + smoothed / 4)
    }

    /// How long requesting so many blocks takes at the rate of the path.
    pub(super) fn spacing(&self, blocks: u32) -> Duration {
        self.congestion.spacing(blocks)
    }

    /// How many blocks the next request may name: none, or enough to be worth a request. `requestable`
    /// blocks are wanted, and no more than `buffered_max` may be in flight.
    pub(super) fn allowance(&self, in_flight: u64, requestable: u32, buffered_max: u64) -> u32 {
        // R-TRANSFER-1
        let window = self.congestion.window().min(buffered_max);
        let room = u32::try_from(window.saturating_sub(in_flight)).unwrap_or(u32::MAX);
        // With several requests to a window, a later one shows what was lost of an earlier one. One that
        // names as much as possible is enough while nothing arrives.
        let is_answered = self.is_proved && self.timeouts < PERSISTENT_TIMEOUTS;
        let requests = if is_answered { REQUESTS_PER_WINDOW } else { 1 };
        let share = u32::try_from(window / requests).unwrap_or(u32::MAX).max(1);
        let quantum = self.congestion.quantum().min(share);
        let least = quantum.min(requestable).min(u32::try_from(window).unwrap_or(u32::MAX));
        if room < least || requestable == 0 { 0 } else { room.min(quantum) }
    }
}
