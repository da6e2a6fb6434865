//! What a client asks its owner to do, and what it tells.

use std::time::Duration;

use crate::exchange::{Answer, Operation};
use crate::wire::Versions;

/// An effect that the client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send the datagram that was written into the space given to [`Client::poll_output`](super::Client::poll_output).
    Transmit,
    /// Something that a person who waits may be told.
    Progress(Progress),
    /// The exchange is over, with its answer.
    Answered {
        /// The answer; it fits what was asked.
        answer: Answer,
        /// How many datagrams were sent for it.
        attempts: u32,
    },
    /// The exchange is over, without an answer.
    Unanswered(Unanswered),
}

/// What a person may be told while waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The request was sent again.
    Retrying {
        /// The sendings so far, with this one.
        attempt: u32,
        /// What is left until the deadline.
        left: Duration,
    },
    /// The network says that nobody listens at the server's address: the server is not running, or
    /// not yet.
    Refused,
    /// An operation that an earlier deadline had left open is answered now.
    Settled {
        /// The earlier operation.
        operation: Operation,
        /// Its answer.
        answer: Answer,
    },
    /// The outcome of an operation that an earlier deadline had left open will never be known.
    Abandoned {
        /// The earlier operation.
        operation: Operation,
    },
}

impl Unanswered {
    /// A `HELLO` had no answer: nothing was asked.
    #[must_use]
    pub fn of_hello(refused: bool) -> Self {
        Self { attempts: 0, lost: false, refused, busy: false, versions: None }
    }
}

/// What is known when there was no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// How many datagrams were sent for it. Zero: an earlier operation had to be settled first and
    /// was not, so this one was never sent.
    pub attempts: u32,
    /// True if the server lost track of this client: the operation may or may not have been
    /// executed, and it will not be asked again.
    pub lost: bool,
    /// True if the network said that nobody listens there. A hint: the server may be starting.
    pub refused: bool,
    /// True if the server said `BUSY`: it is there, and one of its tables is full.
    pub busy: bool,
    /// The versions that the server speaks, if it said that ours is not among them. A hint too.
    pub versions: Option<Versions>,
}
