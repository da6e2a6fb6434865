//! One request under way: what is asked, under which name, how often it was sent, and when it is sent
//! again.

use std::time::Duration;

use super::Unanswered;
use super::identity::elapsed;
use crate::exchange::{Ask, Operation, Request};
use crate::ids::{ClientId, RequestNumber};
use crate::retry::Backoff;
use crate::time::{Instant, Now};
use crate::wire::Versions;

/// One request under way.
pub(super) struct Pending {
    pub(super) ask: Ask,
    pub(super) client: ClientId,
    pub(super) number: RequestNumber,
    /// How many datagrams were sent, under whatever client id.
    pub(super) attempts: u32,
    /// How many of them under the present one.
    pub(super) sendings: u32,
    pub(super) first_sent: Option<Now>,
    pub(super) last_sent: Instant,
    pub(super) next_send: Instant,
    /// Until when the server asked not to be asked again.
    pub(super) not_before: Instant,
    pub(super) backoff: Backoff,
    pub(super) deadline: Instant,
    /// How often it began again under a new client id.
    pub(super) beginnings: u32,
    pub(super) refused: bool,
    pub(super) busy: bool,
    pub(super) versions: Option<Versions>,
    /// The operation that waits until this one, from before, is settled.
    pub(super) then: Option<Operation>,
}

impl Pending {
    /// A request that is sent as soon as possible.
    pub(super) fn new(
        ask: Ask,
        client: ClientId,
        number: RequestNumber,
        now: Instant,
        wait: Duration,
        deadline: Instant,
    ) -> Self {
        Self {
            ask,
            client,
            number,
            attempts: 0,
            sendings: 0,
            first_sent: None,
            last_sent: now,
            next_send: now,
            not_before: now,
            backoff: Backoff::new(wait),
            deadline,
            beginnings: 0,
            refused: false,
            busy: false,
            versions: None,
            then: None,
        }
    }

    pub(super) fn operation(&self) -> Option<Operation> {
        self.ask.operation().cloned()
    }

    pub(super) fn request(&self) -> Request {
        // R-REQUEST-3, R-REQUEST-4
        let attempt = u8::try_from(self.attempts).unwrap_or(u8::MAX);
        let &Self { client, number, ref ask, .. } = self;
        Request { attempt, client, number, ask: ask.clone() }
    }

    /// How long ago it was first sent.
    pub(super) fn age(&self, now: Now) -> Duration {
        // R-AGAIN-6
        self.first_sent.map_or(Duration::ZERO, |first| elapsed(first, now))
    }

    /// Goes on with an operation that was left open, before `then`.
    pub(super) fn resume(
        &mut self,
        now: Instant,
        deadline: Instant,
        then: Operation,
        wait: Duration,
    ) {
        self.deadline = deadline;
        self.next_send = now.max(self.not_before);
        self.backoff = Backoff::new(wait);
        self.then = Some(then);
    }

    pub(super) fn unanswered(&self, attempts: u32, lost: bool) -> Unanswered {
        let &Self { refused, busy, ref versions, .. } = self;
        Unanswered { attempts, lost, refused, busy, versions: versions.clone() }
    }
}
