//! Requests that were sent, which of their blocks have not arrived, and which of those count as lost.
//!
//! As in RACK (RFC 8985), a block counts as lost when a block of a later request, or a later block of
//! the same request, has arrived and a quarter more than a round trip has passed. When no block arrives
//! at all, a timer runs out as in RFC 9002 6.2 and everything in flight counts as lost.
//!
//! A request that counts as lost is *retired*, not forgotten: its blocks may still come, and are taken.

use std::collections::VecDeque;
use std::time::Duration;

use super::congestion::SendState;
use crate::ids::RequestNumber;
use crate::limits::PULLS_RETIRED_MAX;
use crate::time::Instant;

/// When none of so many blocks arrived, it was their request that was lost.
const WHOLE_LOSS_MIN: u32 = 4;

/// The requests of one object.
pub(super) struct SentRequests {
    /// Those of which blocks are in flight, in order of their numbers.
    requests: VecDeque<SentRequest>,
    /// Those that count as lost, the newest at the end.
    retired: VecDeque<Retired>,
    /// The latest request of which a block has arrived.
    newest_answered: Option<RequestNumber>,
    /// How many blocks are in flight.
    in_flight: u64,
}

struct SentRequest {
    number: RequestNumber,
    first: u32,
    /// What it asked for: a map of the blocks from `first` on.
    wanted: u64,
    /// Which of them are in flight.
    missing: u64,
    sent: SendState,
    /// All bits up to that of the last block that has arrived: the server sends blocks in order.
    passed: u64,
    /// Whether some of its blocks count as lost.
    has_lost: bool,
}

impl SentRequest {
    /// Whether any of its blocks has arrived.
    fn is_answered(&self) -> bool {
        self.passed != 0
    }
}

/// A request that counts as lost.
struct Retired {
    number: RequestNumber,
    first: u32,
    wanted: u64,
}

/// How a block that arrived was requested.
#[derive(Clone, Copy)]
pub(super) enum Arrival {
    /// It is in flight.
    InFlight {
        /// The place of its request.
        place: usize,
        /// Its bit in the map of the request.
        bit: u32,
    },
    /// It counted as lost, or has arrived before.
    Late,
}

/// A block that was in flight and has arrived.
pub(super) struct Taken {
    pub(super) sent: SendState,
    /// Whether it is the first of its request.
    pub(super) is_first: bool,
}

/// Blocks of one request that count as lost.
pub(super) struct Lost {
    pub(super) first: u32,
    /// Which of the blocks from `first` on.
    pub(super) map: u64,
    /// How many of them were probably never sent, because it was their request that was lost.
    pub(super) never_sent: u32,
}

/// A request that the server answered with a cookie.
pub(super) struct Refused {
    pub(super) sent_at: Instant,
    pub(super) lost: Lost,
}

/// The bit of a block in the map of the blocks from `first` on, if it is in the map.
fn bit_in(first: u32, map: u64, index: u32) -> Option<u32> {
    let bit = index.checked_sub(first).filter(|bit| *bit < u64::BITS)?;
    (map & 1 << bit != 0).then_some(bit)
}

impl SentRequests {
    pub(super) fn new() -> Self {
        Self {
            requests: VecDeque::new(),
            retired: VecDeque::new(),
            newest_answered: None,
            in_flight: 0,
        }
    }

    /// Whether no request is in flight.
    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// How many blocks are in flight.
    pub(super) fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// When the last request of which blocks are in flight was sent.
    pub(super) fn newest_sent_at(&self) -> Option<Instant> {
        self.requests.back().map(|request| request.sent.at)
    }

    /// A request was sent. Its number is higher than that of any before.
    pub(super) fn push(&mut self, number: RequestNumber, first: u32, wanted: u64, sent: SendState) {
        self.in_flight += u64::from(wanted.count_ones());
        let (missing, passed, has_lost) = (wanted, 0, false);
        let request = SentRequest { number, first, wanted, missing, sent, passed, has_lost };
        self.requests.push_back(request);
    }

    /// How this block was requested under this number; `None` if it was not.
    pub(super) fn find(&self, number: RequestNumber, index: u32) -> Option<Arrival> {
        let Some(place) = self.place(number) else {
            let retired = self.retired.iter().find(|retired| retired.number == number)?;
            return bit_in(retired.first, retired.wanted, index).map(|_| Arrival::Late);
        };
        let &SentRequest { first, wanted, missing, .. } = &self.requests[place];
        let bit = bit_in(first, wanted, index)?;
        let is_missing = missing & 1 << bit != 0;
        Some(if is_missing { Arrival::InFlight { place, bit } } else { Arrival::Late })
    }

    /// A block arrived under the request for which it is in flight.
    pub(super) fn take(&mut self, place: usize, bit: u32) -> Taken {
        let request = &mut self.requests[place];
        self.newest_answered = self.newest_answered.max(Some(request.number));
        let taken = Taken { sent: request.sent, is_first: !request.is_answered() };
        request.passed |= u64::MAX >> (u64::BITS - 1 - bit);
        self.arrived(place, bit);
        taken
    }

    /// A block arrived under an earlier request than the one for which it is in flight; false if it is
    /// not in flight.
    pub(super) fn take_late(&mut self, index: u32) -> bool {
        let again = self.requests.iter().enumerate().find_map(|(place, request)| {
            Some((place, bit_in(request.first, request.missing, index)?))
        });
        let Some((place, bit)) = again else { return false };
        self.arrived(place, bit);
        true
    }

    /// The server answered this request with a cookie: none of its blocks will come.
    pub(super) fn refuse(&mut self, number: RequestNumber) -> Option<Refused> {
        let place = self.place(number)?;
        let request = self.requests.remove(place).expect("found above");
        let sent_at = request.sent.at;
        Some(Refused { sent_at, lost: self.lose(&request) })
    }

    /// Finds what counts as lost because something later has arrived and so much time has passed.
    pub(super) fn find_overtaken(&mut self, now: Instant, after: Duration) -> Vec<Lost> {
        let mut lost = Vec::new();
        self.lose_passed(now, after, &mut lost);
        while let Some(request) = self.requests.front() {
            // R-TRANSFER-4
            let is_overtaken = Some(request.number) < self.newest_answered;
            if !is_overtaken || request.sent.at.after(after) > now {
                break;
            }
            let request = self.requests.pop_front().expect("it is the first");
            lost.push(self.lose(&request));
            self.retire(&request);
        }
        lost
    }

    /// When something counts as lost next, if anything later has arrived.
    pub(super) fn overtaken_at(&self, after: Duration) -> Option<Instant> {
        let is_overtaken = |request: &&SentRequest| {
            request.missing & request.passed != 0 || Some(request.number) < self.newest_answered
        };
        self.requests.iter().find(is_overtaken).map(|request| request.sent.at.after(after))
    }

    /// Everything that is in flight counts as lost.
    pub(super) fn lose_all(&mut self) -> Vec<Lost> {
        let mut lost = Vec::with_capacity(self.requests.len());
        while let Some(request) = self.requests.pop_front() {
            lost.push(self.lose(&request));
            self.retire(&request);
        }
        lost
    }

    /// Blocks before one of the same request that has arrived: the server sends them in order.
    fn lose_passed(&mut self, now: Instant, after: Duration, lost: &mut Vec<Lost>) {
        for request in &mut self.requests {
            if request.sent.at.after(after) > now {
                break;
            }
            let passed = request.missing & request.passed;
            if passed != 0 {
                request.missing &= !passed;
                request.has_lost = true;
                self.in_flight -= u64::from(passed.count_ones());
                lost.push(Lost { first: request.first, map: passed, never_sent: 0 });
            }
        }
        while let Some(place) = self.requests.iter().position(|request| request.missing == 0) {
            let request = self.requests.remove(place).expect("found above");
            self.retire(&request);
        }
    }

    fn place(&self, number: RequestNumber) -> Option<usize> {
        self.requests.binary_search_by_key(&number, |request| request.number).ok()
    }

    /// A block is no longer in flight, because it has arrived.
    fn arrived(&mut self, place: usize, bit: u32) {
        let request = &mut self.requests[place];
        request.missing &= !(1 << bit);
        self.in_flight -= 1;
        if request.missing == 0 {
            let request = self.requests.remove(place).expect("it was just looked at");
            if request.has_lost {
                self.retire(&request);
            }
        }
    }

    /// The blocks of a removed request that were in flight.
    fn lose(&mut self, request: &SentRequest) -> Lost {
        let &SentRequest { first, missing, .. } = request;
        let blocks = missing.count_ones();
        self.in_flight -= u64::from(blocks);
        let is_whole = !request.is_answered() && blocks >= WHOLE_LOSS_MIN;
        Lost { first, map: missing, never_sent: if is_whole { blocks } else { 0 } }
    }

    fn retire(&mut self, request: &SentRequest) {
        if self.retired.len() >= PULLS_RETIRED_MAX {
            self.retired.pop_front();
        }
        let &SentRequest { number, first, wanted, .. } = request;
        self.retired.push_back(Retired { number, first, wanted });
    }
}
