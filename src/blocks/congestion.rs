//! Congestion control: BBR, as published in draft-cardwell-iccrg-bbr-congestion-control-00 (Cardwell et
//! al., "BBR: Congestion-Based Congestion Control", ACM Queue 2016), counted in blocks.
//!
//! It measures the path (the highest delivery rate, the shortest round trip) and keeps as much in flight
//! as that path holds. Random loss, as on bad Wi-Fi, does not slow it down, as it does a loss-based
//! control; a growing queue does. It satisfies RFC 8085 3.1.2: bulk transfers use a published congestion
//! control.
//!
//! The receiver controls the transfer, so "sent" means requested and "acknowledged" means arrived.

use std::time::Duration;

use crate::time::Instant;

/// The first window: what RFC 6928 allows a new connection.
const WINDOW_INITIAL: f64 = 10.0;
/// The window never closes further.
const WINDOW_MIN: f64 = 4.0;
/// 2 / ln 2: the least gain that doubles the rate in each round trip.
const GAIN_HIGH: f64 = 2.885;
/// The window is this many times what the path holds, because arrivals come in bursts.
const GAIN_WINDOW: f64 = 2.0;
/// The gains of one cycle: probe for more bandwidth, drain the queue that made, and cruise.
const CYCLE: [f64; 8] = [1.25, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
/// The highest rate of so many rounds is the rate of the path.
const BANDWIDTH_ROUNDS: u64 = 10;
/// After so long the shortest round trip is measured anew.
const ROUND_TRIP_LIFE: Duration = Duration::from_secs(10);
/// For how long the window is kept small to measure it.
const ROUND_TRIP_PROBE: Duration = Duration::from_millis(200);
/// The pipe is full when the rate has grown less than this in each of three rounds.
const GROWTH: f64 = 1.25;
const GROWTH_ROUNDS: u32 = 3;
/// One request names what the path carries in so long: few requests, and bursts that a queue of a
/// millisecond holds.
const QUANTUM: Duration = Duration::from_millis(1);
/// The least and the most blocks that one request names. With four, the loss of a request can be told
/// from that of a block.
const QUANTUM_MIN: f64 = 4.0;
const QUANTUM_MAX: f64 = 64.0;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Startup,
    Drain,
    ProbeBandwidth { phase: usize, since: Instant },
    ProbeRoundTrip { until: Instant },
}

/// The state of the path when a request was sent, for the delivery rate that its blocks show.
#[derive(Clone, Copy, Debug)]
pub(super) struct SendState {
    pub(super) at: Instant,
    delivered: u64,
    delivered_at: Instant,
    /// When that was requested which had arrived last.
    first_at: Instant,
    /// Whether there was no more to request, although the path may carry more.
    is_limited: bool,
}

/// The model of the path.
#[derive(Clone, Debug)]
pub(super) struct Congestion {
    mode: Mode,
    window: f64,
    delivered: u64,
    delivered_at: Instant,
    first_at: Instant,
    round: u64,
    /// The round is over when a block arrives that was requested after so many had been delivered.
    round_ends: u64,
    /// The highest rates, in blocks a second, each with its round: falling rates of rising rounds.
    rates: Vec<(u64, f64)>,
    full_rate: f64,
    full_rounds: u32,
    round_trip: Option<Duration>,
    round_trip_at: Instant,
}

impl Congestion {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            mode: Mode::Startup,
            window: WINDOW_INITIAL,
            delivered: 0,
            delivered_at: now,
            first_at: now,
            round: 0,
            round_ends: 0,
            rates: Vec::new(),
            full_rate: 0.0,
            full_rounds: 0,
            round_trip: None,
            round_trip_at: now,
        }
    }

    /// A request is sent while so many blocks are in flight. `is_limited`: there is no more to request,
    /// although the path may carry more.
    pub(super) fn on_request(
        &mut self,
        now: Instant,
        in_flight: u64,
        is_limited: bool,
    ) -> SendState {
        if in_flight == 0 {
            (self.first_at, self.delivered_at) = (now, now);
        }
        let &mut Self { delivered, delivered_at, first_at, .. } = self;
        SendState { at: now, delivered, delivered_at, first_at, is_limited }
    }

    /// A block arrived; so many are still in flight.
    pub(super) fn on_block(&mut self, now: Instant, sent: &SendState, in_flight: u64) {
        self.delivered += 1;
        self.delivered_at = now;
        self.first_at = self.first_at.max(sent.at);
        let new_round = sent.delivered >= self.round_ends;
        if new_round {
            self.round += 1;
            self.round_ends = self.delivered;
        }
        self.learn_round_trip(now, now.since(sent.at), in_flight);
        self.learn_rate(now, sent);
        if new_round && !sent.is_limited {
            self.check_full_pipe();
        }
        self.change_mode(now, in_flight);
        self.grow();
    }

    /// Nothing has arrived for several timers (RFC 9002 7.6): closes the window to its minimum. What was
    /// measured stays.
    pub(super) fn on_persistent_timeout(&mut self) {
        self.window = WINDOW_MIN;
    }

    /// How many blocks may be in flight.
    pub(super) fn window(&self) -> u64 {
        let window = match self.mode {
            Mode::ProbeRoundTrip { .. } => WINDOW_MIN,
            _ => self.window,
        };
        whole(window)
    }

    /// How long requesting so many blocks takes at the present rate; zero while no rate is known.
    pub(super) fn spacing(&self, blocks: u32) -> Duration {
        let gain = match self.mode {
            Mode::Startup => GAIN_HIGH,
            Mode::Drain => 1.0 / GAIN_HIGH,
            Mode::ProbeBandwidth { phase, .. } => CYCLE[phase],
            Mode::ProbeRoundTrip { .. } => 1.0,
        };
        match self.rate() {
            Some(rate) => Duration::from_secs_f64((f64::from(blocks) / (gain * rate)).min(1.0)),
            None => Duration::ZERO,
        }
    }

    /// How many blocks one request should name.
    pub(super) fn quantum(&self) -> u32 {
        let blocks = self.rate().map_or(WINDOW_INITIAL, |rate| rate * QUANTUM.as_secs_f64());
        u32::try_from(whole(blocks.clamp(QUANTUM_MIN, QUANTUM_MAX))).expect("at most 64")
    }

    /// Blocks a second, as far as known.
    pub(super) fn rate(&self) -> Option<f64> {
        self.rates.first().map(|&(_, rate)| rate)
    }

    fn learn_rate(&mut self, now: Instant, sent: &SendState) {
        let arriving = now.since(sent.delivered_at);
        let requesting = sent.at.since(sent.first_at);
        let interval = arriving.max(requesting);
        // An interval shorter than a round trip says nothing: what came in it was in flight before.
        if self.round_trip.is_none_or(|shortest| interval < shortest) || interval.is_zero() {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "blocks of one round")]
        let rate = (self.delivered - sent.delivered) as f64 / interval.as_secs_f64();
        if sent.is_limited && self.rate().is_some_and(|best| rate < best) {
            return;
        }
        self.rates.retain(|&(round, kept)| kept > rate && round + BANDWIDTH_ROUNDS > self.round);
        self.rates.push((self.round, rate));
    }

    fn learn_round_trip(&mut self, now: Instant, sample: Duration, in_flight: u64) {
        let expired = now.since(self.round_trip_at) > ROUND_TRIP_LIFE;
        if self.round_trip.is_none_or(|shortest| sample <= shortest) {
            (self.round_trip, self.round_trip_at) = (Some(sample), now);
        } else if expired && !matches!(self.mode, Mode::ProbeRoundTrip { .. }) {
            self.mode = Mode::ProbeRoundTrip { until: now.after(ROUND_TRIP_PROBE) };
        }
        if let Mode::ProbeRoundTrip { until } = self.mode {
            // Measured with next to nothing in flight: no queue is part of it.
            if in_flight <= whole(WINDOW_MIN) && expired {
                self.round_trip = Some(sample);
            }
            if now >= until {
                self.round_trip_at = now;
                self.mode = if self.is_full() {
                    Mode::ProbeBandwidth { phase: 2, since: now }
                } else {
                    Mode::Startup
                };
            }
        }
    }

    fn check_full_pipe(&mut self) {
        let Some(rate) = self.rate() else { return };
        if self.is_full() {
            return;
        }
        if rate >= self.full_rate * GROWTH {
            (self.full_rate, self.full_rounds) = (rate, 0);
        } else {
            self.full_rounds += 1;
        }
    }

    fn is_full(&self) -> bool {
        self.full_rounds >= GROWTH_ROUNDS
    }

    fn change_mode(&mut self, now: Instant, in_flight: u64) {
        match self.mode {
            Mode::Startup if self.is_full() => self.mode = Mode::Drain,
            Mode::Drain if in_flight <= whole(self.held()) => {
                self.mode = Mode::ProbeBandwidth { phase: 0, since: now };
            }
            Mode::ProbeBandwidth { phase, since } => {
                let long = now.since(since) > self.round_trip.unwrap_or_default();
                let over = match CYCLE[phase] {
                    gain if gain > 1.0 => long && in_flight >= whole(gain * self.held()),
                    gain if gain < 1.0 => long || in_flight <= whole(self.held()),
                    _ => long,
                };
                // Probing ends, too, when so much is lost that the target is never reached.
                let is_overdue = now.since(since) > self.round_trip.unwrap_or_default() * 4;
                if over || is_overdue {
                    self.mode =
                        Mode::ProbeBandwidth { phase: (phase + 1) % CYCLE.len(), since: now };
                }
            }
            Mode::Startup | Mode::Drain | Mode::ProbeRoundTrip { .. } => {}
        }
    }

    fn grow(&mut self) {
        let gain = if self.is_full() { GAIN_WINDOW } else { GAIN_HIGH };
        let target = gain * self.held() + 3.0 * f64::from(self.quantum());
        if self.is_full() {
            self.window = (self.window + 1.0).min(target);
        } else if self.window < target || self.delivered < whole(WINDOW_INITIAL) {
            self.window += 1.0;
        }
        self.window = self.window.max(WINDOW_MIN);
    }

    /// The blocks that the path holds: rate times round trip.
    fn held(&self) -> f64 {
        match (self.rate(), self.round_trip) {
            (Some(rate), Some(round_trip)) => rate * round_trip.as_secs_f64(),
            _ => WINDOW_INITIAL,
        }
    }
}

/// A number of blocks.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and a cast keeps to the bounds of the type"
)]
fn whole(blocks: f64) -> u64 {
    blocks.ceil() as u64
}
