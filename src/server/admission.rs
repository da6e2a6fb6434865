//! Who is read while more arrives than can be read.
//!
//! When the system drops datagrams because the server's receive buffer is full, it drops those of
//! honest clients with all others. What can be done is to read faster than the flood arrives, by not
//! reading on: what one address sends beyond an allowance is thrown away unread, before its checksum
//! is looked at. The allowance begins at what the busiest address sends and is quartered for as long as
//! datagrams are dropped, so that an address that sends little is never touched, and nobody is while
//! nothing is dropped. To a client that is thrown away it is a lost datagram.
//!
//! Addresses are told apart by a keyed hash in a table of fixed size. Two addresses that share a place
//! share an allowance; which ones do, nobody outside can know.

use std::hash::{Hash, Hasher as _};

use siphasher::sip::SipHasher13;

use crate::limits::{ADMISSION_CALM, ADMISSION_PLACES, ADMISSION_WINDOW, ALLOWANCE_MIN};
use crate::time::Instant;

/// Decides which datagrams are read.
#[derive(Clone)]
pub(crate) struct Admission {
    key: [u8; 16],
    /// Only since the system dropped datagrams; nothing is counted otherwise.
    pressed: Option<Box<Pressed>>,
}

/// What is counted while datagrams are dropped.
#[derive(Clone)]
struct Pressed {
    /// The datagrams of each place in this window.
    counts: [u32; ADMISSION_PLACES],
    window_ends: Instant,
    /// The most of one place in the last window, if there was one since the last change of the
    /// allowance.
    busiest: Option<u32>,
    /// What one place may send in a window.
    allowance: u32,
    /// When a datagram was last dropped by the system or thrown away here.
    last_loss: Instant,
}

impl Admission {
    /// Everybody is read. `secret` keys the hash of addresses.
    pub(crate) fn new(secret: u128) -> Self {
        Self { key: secret.to_le_bytes(), pressed: None }
    }

    /// The system has dropped datagrams since the last time that it was asked.
    pub(crate) fn handle_overflow(&mut self, now: Instant) {
        let pressed = self.pressed.get_or_insert_with(|| {
            Box::new(Pressed {
                counts: [0; ADMISSION_PLACES],
                // The first datagram from now on begins a window, so that it is a whole one.
                window_ends: now,
                busiest: None,
                allowance: u32::MAX,
                last_loss: now,
            })
        });
        pressed.last_loss = now;
        // A change shows what it does only after a window.
        if let Some(busiest) = pressed.busiest.take() {
            pressed.allowance = (pressed.allowance.min(busiest) / 4).max(ALLOWANCE_MIN);
        }
    }

    /// A number that stands for an address and that nobody outside can know.
    pub(crate) fn key_of(&self, address: &impl Hash) -> u64 {
        key_of(&self.key, address)
    }

    /// Whether to read a datagram from this address.
    pub(crate) fn admits(&mut self, now: Instant, from: &impl Hash) -> bool {
        let Some(pressed) = &mut self.pressed else { return true };
        if now >= pressed.window_ends {
            if now.since(pressed.last_loss) >= ADMISSION_CALM {
                self.pressed = None;
                return true;
            }
            pressed.busiest = pressed.counts.iter().max().copied().filter(|&count| count > 0);
            pressed.counts.fill(0);
            pressed.window_ends = now.after(ADMISSION_WINDOW);
        }
        let place =
            usize::try_from(key_of(&self.key, from) % ADMISSION_PLACES as u64).expect("a place");
        let count = &mut pressed.counts[place];
        *count = count.saturating_add(1);
        let admitted = *count <= pressed.allowance;
        if !admitted {
            pressed.last_loss = now;
        }
        admitted
    }

    /// Whether datagrams are counted.
    #[cfg(test)]
    fn is_pressed(&self) -> bool {
        self.pressed.is_some()
    }
}

fn key_of(key: &[u8; 16], address: &impl Hash) -> u64 {
    let mut hasher = SipHasher13::new_with_key(key);
    address.hash(&mut hasher);
    hasher.finish()
}

const _: () = assert!(ADMISSION_WINDOW.as_micros() < ADMISSION_CALM.as_micros());

#[cfg(test)]
mod tests {
    use super::*;

    /// A flood and some honest ones, a window after the other.
    struct Bench {
        admission: Admission,
        now: Instant,
    }

    impl Bench {
        fn new() -> Self {
            Self { admission: Admission::new(7), now: Instant::ZERO }
        }

        /// One window in which each of these addresses sends so many; how many of each are read.
        fn window<const N: usize>(&mut self, sent: [(u32, u32); N]) -> [u32; N] {
            self.now = self.now.after(ADMISSION_WINDOW);
            let now = self.now;
            sent.map(|(address, count)| {
                let reads = (0..count).filter(|_| self.admission.admits(now, &address));
                u32::try_from(reads.count()).unwrap()
            })
        }
    }

    #[test]
    fn while_nothing_is_dropped_everybody_is_read_however_much_they_send() {
        let mut bench = Bench::new();
        for _ in 0..10 {
            assert_eq!(bench.window([(1, 100_000), (2, 1)]), [100_000, 1]);
        }
        assert!(!bench.admission.is_pressed(), "and nothing is counted");
    }

    #[test]
    fn a_flood_gets_less_and_less_until_nothing_is_dropped_and_others_are_never_touched() {
        let mut bench = Bench::new();
        let mut read = 4_000;
        for _ in 0..40 {
            let [flood, honest, other] = bench.window([(1, 4_000), (2, 3), (3, ALLOWANCE_MIN)]);
            assert_eq!((honest, other), (3, ALLOWANCE_MIN));
            read = flood;
            if read > 200 {
                bench.admission.handle_overflow(bench.now);
            }
        }
        assert!((50..=200).contains(&read), "{read} are read of the flood");
        for _ in 0..1_000 {
            bench.admission.handle_overflow(bench.now);
            let [flood, honest] = bench.window([(1, 4_000), (2, 3)]);
            assert_eq!(honest, 3);
            read = flood;
        }
        assert_eq!(read, ALLOWANCE_MIN, "never less");
    }

    #[test]
    fn an_allowance_holds_for_as_long_as_somebody_sends_more_and_ends_soon_after() {
        let mut bench = Bench::new();
        for _ in 0..20 {
            bench.window([(1, 4_000)]);
            bench.admission.handle_overflow(bench.now);
        }
        for _ in 0..10_000 {
            let [read] = bench.window([(1, 4_000)]);
            assert!(read < 2_000, "the flood goes on, although nothing is dropped any more");
        }
        bench.now = bench.now.after(ADMISSION_CALM);
        assert_eq!(bench.window([(1, 4_000)]), [4_000], "after a pause all are read again");
    }

    #[test]
    fn many_who_send_alike_are_all_read_again_when_their_crowd_is_gone() {
        let mut bench = Bench::new();
        let crowd =
            |sent| std::array::from_fn::<_, 16, _>(|place| (u32::try_from(place).unwrap(), sent));
        for _ in 0..5 {
            bench.window(crowd(300));
            bench.admission.handle_overflow(bench.now);
        }
        let read = bench.window(crowd(300));
        assert!(read.iter().all(|read| (ALLOWANCE_MIN..300).contains(read)), "{read:?}");
        bench.now = bench.now.after(ADMISSION_CALM);
        assert_eq!(bench.window(crowd(300)), [300; 16]);
    }
}
