//! What a run is made of: every number that a seed draws, and conditions with names people know.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// One direction of a network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    /// Datagrams lost one by one, in thousandths.
    pub(crate) loss: u32,
    /// How often a burst of loss begins, in thousandths of datagrams; a burst loses nine of ten.
    pub(crate) bursts: u32,
    /// Datagrams delivered twice, in thousandths.
    pub(crate) duplication: u32,
    /// Datagrams damaged (bits turned over, or cut off), in thousandths.
    pub(crate) damage: u32,
    /// The delay of most datagrams: up to this, each its own, so that they overtake each other.
    pub(crate) delay: Duration,
    /// Datagrams that take up to ten minutes, in thousandths.
    pub(crate) late: u32,
}

/// Everything that a seed draws before its run begins. Rates are per hour of simulated time.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each fault is there or not, by itself")]
pub(crate) struct Params {
    pub(crate) name: &'static str,
    pub(crate) to_server: Link,
    pub(crate) to_client: Link,
    pub(crate) teachers: usize,
    pub(crate) students: usize,
    pub(crate) classes: u32,
    /// How many things each person does before the healing.
    pub(crate) acts: u32,
    /// Pauses between acts: short ones up to this many seconds.
    pub(crate) pause_s: u64,
    /// Acts before which somebody pauses for minutes, or for more than half an hour, in thousandths.
    pub(crate) long_pauses: u32,
    pub(crate) partitions: u32,
    pub(crate) server_crashes: u32,
    pub(crate) client_crashes: u32,
    /// Commits that fail, in thousandths.
    pub(crate) failed_commits: u32,
    pub(crate) commit: Duration,
    /// Commits that take up to five seconds, in thousandths.
    pub(crate) slow_commits: u32,
    pub(crate) snapshots: u32,
    /// Wall clocks are wrong from the beginning, by up to days.
    pub(crate) wrong_clocks: bool,
    pub(crate) clock_jumps: u32,
    /// Computers that sleep: the monotonic clock stands still, the wall clock does not.
    pub(crate) sleeps: u32,
    /// Two clients begin with the same seed, as on computers copied from one image.
    pub(crate) clones: bool,
    /// Somebody sends requests that no client should send.
    pub(crate) meddler: bool,
    /// Answers are sent back to the server as if they were requests.
    pub(crate) reflections: bool,
    /// A class with so many students that its sheets have several blocks is opened and closed twice.
    pub(crate) crowd: bool,
    /// The faults heal then, in seconds, and not only when nobody waits any more: whoever waits at that
    /// moment must be answered.
    pub(crate) heals_after_s: Option<u64>,
}

const CALM: Link = Link {
    loss: 0,
    bursts: 0,
    duplication: 0,
    damage: 0,
    delay: Duration::from_millis(2),
    late: 0,
};

impl Params {
    /// A wired network on a good day: what phase two heals to.
    pub(crate) fn quiet_lan() -> Self {
        Self {
            name: "quiet_lan",
            to_server: CALM,
            to_client: CALM,
            teachers: 2,
            students: 4,
            classes: 2,
            acts: 8,
            pause_s: 10,
            long_pauses: 0,
            partitions: 0,
            server_crashes: 0,
            client_crashes: 0,
            failed_commits: 0,
            commit: Duration::from_millis(5),
            slow_commits: 0,
            snapshots: 0,
            wrong_clocks: false,
            clock_jumps: 0,
            sleeps: 0,
            clones: false,
            meddler: false,
            reflections: false,
            crowd: false,
            heals_after_s: None,
        }
    }

    /// A room full of telephones on one access point.
    pub(crate) fn classroom_wifi() -> Self {
        let delay = Duration::from_millis(60);
        let link = Link { loss: 20, bursts: 5, duplication: 5, delay, ..CALM };
        let calm = Self::quiet_lan();
        Self { name: "classroom_wifi", to_server: link, to_client: link, slow_commits: 20, ..calm }
    }

    /// The far end of a lecture hall: a third is lost, in bursts, and people restart what hangs.
    pub(crate) fn lossy_hall() -> Self {
        let delay = Duration::from_millis(400);
        let link = Link { loss: 250, bursts: 30, duplication: 100, damage: 20, delay, late: 5 };
        Self {
            name: "lossy_hall",
            to_server: link,
            to_client: link,
            partitions: 4,
            client_crashes: 2,
            wrong_clocks: true,
            ..Self::classroom_wifi()
        }
    }

    /// Everything at once.
    pub(crate) fn storm() -> Self {
        let delay = Duration::from_millis(900);
        let link = Link { loss: 300, bursts: 50, duplication: 500, damage: 50, delay, late: 60 };
        Self {
            name: "storm",
            to_server: link,
            to_client: link,
            partitions: 10,
            server_crashes: 12,
            client_crashes: 6,
            failed_commits: 15,
            slow_commits: 100,
            snapshots: 20,
            long_pauses: 150,
            clock_jumps: 6,
            sleeps: 4,
            clones: true,
            meddler: true,
            reflections: true,
            ..Self::lossy_hall()
        }
    }

    /// What this seed runs under: now and then a condition with a name, mostly a mixture in which
    /// each fault is there or not, because faults hide each other.
    pub(crate) fn draw(seed: u64) -> Self {
        let rng = &mut StdRng::seed_from_u64(seed ^ 0x0070_6172_616d_7300);
        let drawn = match rng.random_range(0..20) {
            0 => Self::quiet_lan(),
            1 => Self::classroom_wifi(),
            2 => Self::lossy_hall(),
            3 | 4 => Self::storm(),
            _ => Self::swarm(rng),
        };
        // In a third of the runs, mostly early: that is when most people wait.
        let longest = *pick(rng, &[30, 300, 3_600]);
        let heals_after_s = rng.random_bool(0.33).then(|| rng.random_range(2..longest));
        Self { heals_after_s, ..drawn }
    }

    fn swarm(rng: &mut StdRng) -> Self {
        Self {
            name: "swarm",
            to_server: link(rng),
            to_client: link(rng),
            teachers: rng.random_range(1..=3),
            students: rng.random_range(1..=5),
            classes: rng.random_range(1..=3),
            acts: rng.random_range(3..=10),
            pause_s: *pick(rng, &[1, 5, 30, 120]),
            long_pauses: maybe(rng, 400),
            partitions: maybe(rng, 20),
            server_crashes: maybe(rng, 30),
            client_crashes: maybe(rng, 12),
            failed_commits: maybe(rng, 30),
            commit: Duration::from_micros(*pick(rng, &[100, 3_000, 40_000, 300_000])),
            slow_commits: maybe(rng, 300),
            snapshots: maybe(rng, 40),
            wrong_clocks: rng.random_bool(0.6),
            clock_jumps: maybe(rng, 12),
            sleeps: maybe(rng, 60),
            clones: rng.random_bool(0.15),
            meddler: rng.random_bool(0.25),
            reflections: rng.random_bool(0.2),
            crowd: rng.random_bool(0.2),
            heals_after_s: None,
        }
    }
}

fn link(rng: &mut StdRng) -> Link {
    Link {
        loss: maybe(rng, 300),
        bursts: maybe(rng, 60),
        duplication: maybe(rng, 500),
        damage: maybe(rng, 60),
        delay: Duration::from_millis(*pick(rng, &[1, 20, 200, 2_000])),
        late: maybe(rng, 150),
    }
}

/// Nothing half of the time, otherwise anything up to `most`.
fn maybe(rng: &mut StdRng, most: u32) -> u32 {
    if rng.random_bool(0.5) { 0 } else { rng.random_range(1..=most) }
}

/// One of these.
pub(crate) fn pick<'a, T>(rng: &mut StdRng, from: &'a [T]) -> &'a T {
    &from[rng.random_range(0..from.len())]
}

/// True so many times in a thousand.
pub(crate) fn chance(rng: &mut StdRng, thousandths: u32) -> bool {
    thousandths > 0 && rng.random_range(0..1_000) < thousandths
}
