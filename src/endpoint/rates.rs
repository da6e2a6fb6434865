//! How many operations a device may ask for: a bucket of tokens for each that asked a moment ago.
//!
//! Keys cost nothing, so that a limit for each device bounds nobody who draws many; it bounds what one
//! program that has run wild costs everybody else.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::ids::DeviceId;
use crate::limits::{DEVICE_BURST_MAX, DEVICE_RATE_MAX, DEVICES_METERED_MAX};
use crate::time::Instant;

/// How long a token takes to come.
const TOKEN: Duration = Duration::from_secs(1).checked_div(DEVICE_RATE_MAX).expect("some");
/// An empty bucket is full again after this.
const FULL: Duration = TOKEN.saturating_mul(DEVICE_BURST_MAX);

/// The devices that asked a moment ago.
pub(super) struct Rates {
    buckets: BTreeMap<DeviceId, Bucket>,
    /// When which device asked, so that a full bucket is forgotten: the first is the longest ago.
    asked: VecDeque<(Instant, DeviceId)>,
}

/// Until when the tokens are spent: each operation puts it off by one token, and it may be no further
/// ahead than a whole burst (the virtual scheduling of ITU-T I.371).
struct Bucket {
    spent_until: Instant,
    asked: Instant,
}

impl Rates {
    pub(super) fn new() -> Self {
        Self { buckets: BTreeMap::new(), asked: VecDeque::new() }
    }

    /// A device asks for an operation.
    ///
    /// # Errors
    /// If it has asked for too many: how long until it may ask again.
    pub(super) fn take(&mut self, device: DeviceId, now: Instant) -> Result<(), Duration> {
        self.forget(now);
        if !self.buckets.contains_key(&device) && self.buckets.len() >= DEVICES_METERED_MAX {
            return Err(FULL);
        }
        let bucket = self.buckets.entry(device).or_insert(Bucket { spent_until: now, asked: now });
        let spent_until = bucket.spent_until.max(now).after(TOKEN);
        // R-SEALED-7
        let over = spent_until.since(now).saturating_sub(FULL);
        if !over.is_zero() {
            return Err(over);
        }
        *bucket = Bucket { spent_until, asked: now };
        self.asked.push_back((now, device));
        Ok(())
    }

    /// Forgets buckets that are full again.
    fn forget(&mut self, now: Instant) {
        while let Some(&(at, device)) = self.asked.front()
            && now.since(at) >= FULL
        {
            self.asked.pop_front();
            if self.buckets.get(&device).is_some_and(|bucket| bucket.asked == at) {
                self.buckets.remove(&device);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::CLIENTS_MAX;
    use crate::people::Pool;

    // spec: R-SEALED-7
    #[test]
    fn a_device_may_ask_for_a_burst_and_then_for_so_many_in_a_second() {
        let mut rates = Rates::new();
        let device = |number: u8| DeviceId::from_bytes([number; 16]);
        let at = |millis: u64| Instant::from_micros(millis * 1_000);
        for _ in 0..DEVICE_BURST_MAX {
            assert_eq!(rates.take(device(1), at(1_000)), Ok(()));
        }
        assert_eq!(rates.take(device(1), at(1_000)), Err(TOKEN));
        assert_eq!(rates.take(device(2), at(1_000)), Ok(()), "another device has its own");
        let later = (1_001..=3_000).filter(|&millis| rates.take(device(1), at(millis)).is_ok());
        assert_eq!(later.count(), 2 * DEVICE_RATE_MAX as usize, "in two seconds");
        assert_eq!(rates.take(device(3), at(60_000)), Ok(()));
        assert_eq!(rates.buckets.len(), 1, "who is silent is forgotten");
        assert_eq!(rates.asked.len(), 1);
    }

    /// A client is forgotten half an hour after it was heard and drew its id.
    #[test]
    fn a_device_with_a_million_client_ids_takes_less_than_a_tenth_of_its_share() {
        let mut rates = Rates::new();
        let device = DeviceId::from_bytes([1; 16]);
        let asked = 1_000_000;
        let at = |number: u64| Instant::from_micros(number * 1_860_000_000 / asked);
        let taken = (0..asked).filter(|&number| rates.take(device, at(number)).is_ok()).count();
        assert!(taken > 50_000, "{taken} are its due");
        assert!(taken * 10 < Pool::Bound.share_of(CLIENTS_MAX), "{taken}");
    }
}
