//! How much may be on its way: BBR, as published in draft-cardwell-iccrg-bbr-congestion-control-00
//! (Cardwell et al., "BBR: Congestion-Based Congestion Control", ACM Queue 2016), counted in blocks.
//!
//! It measures the path (the most that arrives in a second, the shortest round trip) and asks for as
//! much as that path holds. What is lost by chance, as on bad Wi-Fi, does not slow it down, as it
//! does everything that takes each loss for congestion; what piles up in a queue does. It satisfies
//! RFC 8085 3.1.2: a sender of bulk data has a published congestion control.
//!
//! The data flows towards the one who decides, so "sent" means asked for and "acknowledged" means
//! arrived.

use std::time::Duration;

use crate::time::Instant;

/// The first window: what RFC 6928 allows a new connection.
const WINDOW_INITIAL: f64 = 10.0;
/// The window never closes further.
const WINDOW_MIN: f64 = 4.0;
/// 2 / ln 2: the least gain that doubles the rate in each round trip.
const GAIN_HIGH: f64 = 2.885;
/// Windows are this many times what the path holds, because arrivals come in bursts.
const GAIN_WINDOW: f64 = 2.0;
/// The gains of one cycle: look for more, let go of what that piled up, and stay.
const CYCLE: [f64; 8] = [1.25, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
/// The rounds for which the best rate is believed.
const BANDWIDTH_ROUNDS: u64 = 10;
/// How long the shortest round trip is believed.
const ROUND_TRIP_LIFE: Duration = Duration::from_secs(10);
/// How long the window is kept small to measure it again.
const ROUND_TRIP_PROBE: Duration = Duration::from_millis(200);
/// The pipe is full when the rate has grown less than this in each of three rounds.
const GROWTH: f64 = 1.25;
const GROWTH_ROUNDS: u32 = 3;
/// One request asks for what the path carries in so long: fewer requests, and bursts that a queue
/// of a millisecond holds.
const QUANTUM: Duration = Duration::from_millis(1);
/// The least and the most blocks that one request asks for. With four it can be told whether the
/// request was lost, or a block.
const QUANTUM_MIN: f64 = 4.0;
const QUANTUM_MAX: f64 = 64.0;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Startup,
    Drain,
    ProbeBandwidth { phase: usize, since: Instant },
    ProbeRoundTrip { until: Instant },
}

/// The state of the path when something was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) at: Instant,
    delivered: u64,
    delivered_at: Instant,
    /// When that was asked for which had arrived last.
    first_at: Instant,
    /// Whether it was the one who asks who had no more to ask for.
    limited: bool,
}

/// What is known of the path.
#[derive(Clone, Debug)]
pub(super) struct Congestion {
    mode: Mode,
    window: f64,
    delivered: u64,
    delivered_at: Instant,
    first_at: Instant,
    round: u64,
    /// The round is over when something arrives that was asked for after so much had been delivered.
    round_ends: u64,
    /// The best rates, in blocks a second, each with its round: ever lower, ever later.
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

    /// Something is asked for, while so many blocks are on their way. `limited`: there is less to ask
    /// for than the path would take.
    pub(super) fn ask(&mut self, now: Instant, in_flight: u64, limited: bool) -> Asked {
        if in_flight == 0 {
            (self.first_at, self.delivered_at) = (now, now);
        }
        let &mut Self { delivered, delivered_at, first_at, .. } = self;
        Asked { at: now, delivered, delivered_at, first_at, limited }
    }

    /// A block arrived; so many are still on their way.
    pub(super) fn arrived(&mut self, now: Instant, asked: &Asked, in_flight: u64) {
        self.delivered += 1;
        self.delivered_at = now;
        self.first_at = self.first_at.max(asked.at);
        let new_round = asked.delivered >= self.round_ends;
        if new_round {
            self.round += 1;
            self.round_ends = self.delivered;
        }
        self.learn_round_trip(now, now.since(asked.at), in_flight);
        self.learn_rate(now, asked);
        if new_round && !asked.limited {
            self.watch_growth();
        }
        self.change_mode(now, in_flight);
        self.grow();
    }

    /// Nothing has arrived for so long that all that was asked for counts as lost: begin anew with
    /// what is known.
    pub(super) fn timed_out(&mut self) {
        self.window = WINDOW_MIN;
    }

    /// How many blocks may be on their way.
    pub(super) fn window(&self) -> u64 {
        let window = match self.mode {
            Mode::ProbeRoundTrip { .. } => WINDOW_MIN,
            _ => self.window,
        };
        whole(window)
    }

    /// How long asking for so many takes at the present rate; nothing while no rate is known.
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

    /// How many blocks one request should ask for.
    pub(super) fn quantum(&self) -> u32 {
        let blocks = self.rate().map_or(WINDOW_INITIAL, |rate| rate * QUANTUM.as_secs_f64());
        u32::try_from(whole(blocks.clamp(QUANTUM_MIN, QUANTUM_MAX))).expect("at most 64")
    }

    /// Blocks a second, as far as known.
    pub(super) fn rate(&self) -> Option<f64> {
        self.rates.first().map(|&(_, rate)| rate)
    }

    fn learn_rate(&mut self, now: Instant, asked: &Asked) {
        let arriving = now.since(asked.delivered_at);
        let asking = asked.at.since(asked.first_at);
        let interval = arriving.max(asking);
        // Shorter than a round trip it says nothing: what came then was on its way before.
        if self.round_trip.is_none_or(|shortest| interval < shortest) || interval.is_zero() {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "blocks of one round")]
        let rate = (self.delivered - asked.delivered) as f64 / interval.as_secs_f64();
        if asked.limited && self.rate().is_some_and(|best| rate < best) {
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
            // What is measured now, with next to nothing on its way, is the path's own.
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

    fn watch_growth(&mut self) {
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
                // Looking for more ends, too, when so much is lost that it never fills.
                let tired = now.since(since) > self.round_trip.unwrap_or_default() * 4;
                if over || tired {
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
