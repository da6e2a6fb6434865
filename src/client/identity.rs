//! The name under which a client performs operations.

use std::time::Duration;

use crate::ids::{ClientId, RequestNumber};
use crate::time::{Now, WallTime};

/// What makes a client known to the server.
pub(super) struct Identity {
    pub(super) client: ClientId,
    pub(super) started: WallTime,
    pub(super) next: RequestNumber,
    /// When the server was last known to know it.
    pub(super) heard: Now,
}

/// How much time lies between two moments by the clock that shows more: one of them may have stood
/// still while the computer slept, the other may have been set.
pub(super) fn elapsed(from: Now, to: Now) -> Duration {
    to.instant.since(from.instant).max(to.wall.distance(from.wall))
}
