//! Limits the bytes of blocks that leave in a second, in all and to each address.
//!
//! Two layers of token buckets. The capacity of a bucket is what its rate brings in [`PACE_BURST`], so that
//! blocks do not leave in bursts that fill the queue of a narrow link.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::limits::{PACE_BURST, PACE_BURST_MIN_BYTES, PACED_ADDRESSES_MAX};
use crate::time::Instant;

/// The limit, if there is one.
#[derive(Clone)]
pub(super) struct Pace {
    /// Bytes a second; `None`: no limit.
    rate: Option<u64>,
    all: Bucket,
    addresses: BTreeMap<u64, Bucket>,
}

#[derive(Clone, Copy)]
struct Bucket {
    bytes: u64,
    filled_at: Instant,
}

impl Bucket {
    fn full(rate: u64, now: Instant) -> Self {
        Self { bytes: capacity(rate), filled_at: now }
    }

    fn fill(&mut self, rate: u64, now: Instant) {
        let micros = u64::try_from(now.since(self.filled_at).as_micros()).unwrap_or(u64::MAX);
        let brought = rate.saturating_mul(micros) / 1_000_000;
        // A fraction of a byte is carried over.
        if brought > 0 {
            self.bytes = self.bytes.saturating_add(brought).min(capacity(rate));
            self.filled_at = now;
        }
    }
}

/// The capacity of a bucket, in bytes.
fn capacity(rate: u64) -> u64 {
    let burst = rate / (1_000 / u64::try_from(PACE_BURST.as_millis()).expect("short"));
    burst.max(PACE_BURST_MIN_BYTES)
}

impl Pace {
    /// No limit.
    pub(super) fn unlimited() -> Self {
        let all = Bucket { bytes: 0, filled_at: Instant::ZERO };
        Self { rate: None, all, addresses: BTreeMap::new() }
    }

    /// So many bytes a second in all, and half of it for each address.
    pub(super) fn limited(rate: u64) -> Self {
        let all = Bucket::full(rate, Instant::ZERO);
        Self { rate: Some(rate), all, addresses: BTreeMap::new() }
    }

    /// Whether so many bytes may leave to this address now; if so, takes them from the buckets.
    pub(super) fn takes(&mut self, now: Instant, address: u64, bytes: u64) -> bool {
        let Some(rate) = self.rate else { return true };
        self.all.fill(rate, now);
        if self.all.bytes < bytes {
            return false;
        }
        if self.addresses.len() >= PACED_ADDRESSES_MAX {
            self.forget_full(rate, now);
        }
        let share = rate / 2;
        let bucket = self.addresses.entry(address).or_insert_with(|| Bucket::full(share, now));
        bucket.fill(share, now);
        if bucket.bytes < bytes {
            return false;
        }
        bucket.bytes -= bytes;
        self.all.bytes -= bytes;
        true
    }

    /// After how long to try again when so many bytes may not leave.
    pub(super) fn wait(&self, bytes: u64) -> Duration {
        let micros = self.rate.map_or(0, |rate| bytes * 1_000_000 / rate.max(1));
        Duration::from_micros(micros.clamp(100, 1_000_000))
    }

    /// Forgets addresses whose buckets are full, which are as good as unknown; if there are none, forgets
    /// all: the limit for all of them together still holds.
    fn forget_full(&mut self, rate: u64, now: Instant) {
        let share = rate / 2;
        self.addresses.retain(|_, bucket| {
            bucket.fill(share, now);
            bucket.bytes < capacity(share)
        });
        if self.addresses.len() >= PACED_ADDRESSES_MAX {
            self.addresses.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: u64 = 1_100;

    /// The bytes that leave for each of these addresses in so many seconds, if all want all they may.
    fn run<const N: usize>(pace: &mut Pace, addresses: [u64; N], seconds: u64) -> [u64; N] {
        let mut sent = [0; N];
        for millis in 0..seconds * 1_000 {
            let now = Instant::from_micros(millis * 1_000);
            let mut goes_on = true;
            while std::mem::take(&mut goes_on) {
                for (place, &address) in addresses.iter().enumerate() {
                    if pace.takes(now, address, BLOCK) {
                        sent[place] += BLOCK;
                        goes_on = pace.rate.is_some();
                    }
                }
            }
        }
        sent
    }

    #[test]
    fn one_address_gets_half_of_what_all_get() {
        let rate = 2 << 20;
        let near = |bytes: u64, expected: u64| {
            assert!(bytes.abs_diff(expected) * 10 < expected, "{bytes} for {expected}");
        };
        let [one] = run(&mut Pace::limited(rate), [1], 10);
        near(one, 10 * rate / 2);
        let all: u64 = run(&mut Pace::limited(rate), [1, 2, 3, 4, 5, 6, 7, 8], 10).iter().sum();
        near(all, 10 * rate);
    }

    #[test]
    fn without_a_limit_everything_leaves_and_nothing_is_kept() {
        let mut pace = Pace::unlimited();
        assert!((0..1_000_000).all(|_| pace.takes(Instant::ZERO, 1, BLOCK)));
        assert!(pace.addresses.is_empty());
    }

    #[test]
    fn a_limit_of_next_to_nothing_still_lets_a_block_pass_now_and_then() {
        let [sent] = run(&mut Pace::limited(1), [1], 1);
        assert!(sent >= BLOCK, "at the beginning");
        assert!(Pace::limited(1).wait(BLOCK) <= Duration::from_secs(1));
    }

    #[test]
    fn addresses_without_end_use_no_memory_without_end() {
        let mut pace = Pace::limited(u64::MAX / 4_000_000);
        for address in 0..3 * PACED_ADDRESSES_MAX as u64 {
            assert!(pace.takes(Instant::ZERO, address, BLOCK));
            assert!(pace.addresses.len() <= PACED_ADDRESSES_MAX);
        }
    }
}
