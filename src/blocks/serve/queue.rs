//! Blocks that are in memory, on their way to whoever pulled them: by address, in turn, and no faster
//! than their rate.

use super::cache::BlockRun;
use super::fair::FairQueue;
use super::pace::Pace;
use super::{BlockRequest, Requester};
use crate::limits::{BLOCKS_PER_TURN_MAX, BLOCKS_PER_VISIT_MAX, LONE_PULL_MIN_BYTES};
use crate::time::Instant;

/// What a block counts for in a rate: the longest datagram with one, and the headers of Ethernet, IP
/// and UDP around it.
const PULLED_BYTES: u64 = LONE_PULL_MIN_BYTES as u64 + 66;

/// A request and the bytes to answer it with.
#[derive(Clone)]
struct Transmission<P> {
    requester: Requester<P>,
    first: u32,
    /// The blocks from `first` on that are still to be sent; never empty.
    map: u64,
    run: BlockRun,
}

/// Transmissions by address.
#[derive(Clone)]
pub(super) struct TransmitQueue<P> {
    transmissions: FairQueue<Transmission<P>>,
    pace: Pace,
    now: Instant,
    /// How many more blocks may be sent in this turn of the loop.
    left: u32,
    /// How many blocks the address at the front of the queue was sent since it came to the front.
    visited: u32,
    /// Whether only the passing of time lets further blocks leave.
    is_paced: bool,
}

impl<P> TransmitQueue<P> {
    pub(super) fn new() -> Self {
        Self {
            transmissions: FairQueue::new(),
            pace: Pace::unlimited(),
            now: Instant::ZERO,
            left: BLOCKS_PER_TURN_MAX,
            visited: 0,
            is_paced: false,
        }
    }

    /// Limits the bytes of blocks that leave in a second.
    pub(super) fn limit(&mut self, bytes_per_second: u64) {
        self.pace = Pace::limited(bytes_per_second);
    }

    /// A turn of the loop begins.
    pub(super) fn begin_turn(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.left = BLOCKS_PER_TURN_MAX;
        self.is_paced = false;
    }

    /// When the next turn has to begin for the blocks that this one may not send.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        if self.transmissions.is_empty() {
            return None;
        }
        if self.is_paced {
            return Some(self.now.after(self.pace.wait(PULLED_BYTES)));
        }
        (self.left == 0).then_some(Instant::ZERO)
    }

    /// How many requests are not answered to their end.
    pub(super) fn len(&self) -> usize {
        self.transmissions.len()
    }

    /// How many of them are of this address.
    pub(super) fn len_of(&self, address: u64) -> usize {
        self.transmissions.len_of(address)
    }

    /// Answers a request with these bytes in the turns to come.
    pub(super) fn enqueue(&mut self, request: BlockRequest<P>, run: BlockRun) {
        let BlockRequest { requester, address, first, map, .. } = request;
        // An object that does not exist is answered once, not once a block.
        // R-PULL-3
        let map = if run.block(first).is_empty() { 1 } else { map };
        self.transmissions.push(address, Transmission { requester, first, map, run });
    }

    fn end_visit(&mut self, address: u64) {
        self.transmissions.end_turn(address);
        self.visited = 0;
    }

    /// Brings the first address that may be sent a block now to the front; false if there is none.
    fn find_paced(&mut self) -> bool {
        for _ in 0..self.transmissions.callers() {
            let Some((address, _)) = self.transmissions.front_mut() else { return false };
            // R-PULL-8
            if self.pace.takes(self.now, address, PULLED_BYTES) {
                return true;
            }
            self.end_visit(address);
        }
        self.is_paced = !self.transmissions.is_empty();
        false
    }
}

impl<P: Clone> TransmitQueue<P> {
    /// Sends the next block that may leave in this turn: `encode` gets whom it answers, its number and
    /// its bytes. Returns the way to send it.
    pub(super) fn poll_transmit(
        &mut self,
        encode: impl FnOnce(&Requester<P>, u32, &[u8]),
    ) -> Option<P> {
        if self.left == 0 || !self.find_paced() {
            return None;
        }
        let (address, transmission) = self.transmissions.front_mut()?;
        self.left -= 1;
        self.visited += 1;
        let index = transmission.first + transmission.map.trailing_zeros();
        // R-PULL-2, R-PULL-5
        transmission.map &= transmission.map - 1;
        encode(&transmission.requester, index, transmission.run.block(index));
        let to = transmission.requester.to.clone();
        let is_over = transmission.map == 0;
        if is_over {
            self.transmissions.pop_front();
        }
        // R-PULL-8
        if is_over || self.visited >= BLOCKS_PER_VISIT_MAX {
            self.end_visit(address);
        }
        Some(to)
    }
}
