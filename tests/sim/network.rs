//! One direction of the network: loses, copies, damages, delays.

use rand::RngExt as _;
use rand::rngs::StdRng;

use crate::params::{Link, chance};

/// The longest life of a datagram, well below the window of fifteen minutes.
pub(crate) const LATE_MAX_MICROS: u64 = 600_000_000;

/// A direction and its weather.
pub(crate) struct Wire {
    pub(crate) link: Link,
    in_burst: bool,
    /// Nothing passes until then.
    pub(crate) cut_until: u64,
}

impl Wire {
    pub(crate) fn new(link: Link) -> Self {
        Self { link, in_burst: false, cut_until: 0 }
    }

    /// What arrives of this datagram, and how long after now: nothing, or one or more copies.
    pub(crate) fn carry(
        &mut self,
        rng: &mut StdRng,
        now: u64,
        datagram: &[u8],
    ) -> Vec<(u64, Vec<u8>)> {
        let copies = if chance(rng, self.link.duplication) { rng.random_range(2..=3) } else { 1 };
        let mut arriving = Vec::new();
        for _ in 0..copies {
            let delay = self.delay(rng);
            if !self.loses(rng) && now >= self.cut_until {
                let mut copy = datagram.to_vec();
                if chance(rng, self.link.damage) {
                    damage(rng, &mut copy);
                }
                arriving.push((delay, copy));
            }
        }
        arriving
    }

    fn delay(&self, rng: &mut StdRng) -> u64 {
        let most = u64::try_from(self.link.delay.as_micros()).expect("short");
        if chance(rng, self.link.late) {
            rng.random_range(most..LATE_MAX_MICROS)
        } else {
            rng.random_range(most / 4..=most)
        }
    }

    /// Two states (Gilbert and Elliott): single losses, and bursts in which nine of ten are lost.
    fn loses(&mut self, rng: &mut StdRng) -> bool {
        if self.in_burst {
            self.in_burst = !chance(rng, 100);
        } else {
            self.in_burst = chance(rng, self.link.bursts);
        }
        chance(rng, if self.in_burst { 900 } else { self.link.loss })
    }
}

/// Turns one to three bits over, which a CRC-32 always finds, or cuts the end off.
fn damage(rng: &mut StdRng, datagram: &mut Vec<u8>) {
    if rng.random_bool(0.3) {
        datagram.truncate(rng.random_range(0..datagram.len()));
        return;
    }
    let bits = datagram.len() * 8;
    let first = rng.random_range(0..bits);
    for bit in
        [first, (first + 13) % bits, (first + 77) % bits].iter().take(rng.random_range(1..=3))
    {
        datagram[bit / 8] ^= 1 << (bit % 8);
    }
}
