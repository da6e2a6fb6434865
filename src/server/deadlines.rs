//! Roll calls that close by themselves.
//!
//! A deadline is a time of the server's clock, which is journaled; the close says that it happened at the
//! deadline, whenever it is noticed: after a sleep, after a restart, or with the first request that comes later.
//! Thus whoever asks at the same moment, a teacher who closes or a student who answers, finds it closed.

use super::Server;
use crate::exchange::Outcome;
use crate::ids::ClassId;
use crate::limits::{DEADLINE_CHECK_INTERVAL, DEADLINES_PER_TURN_MAX};
use crate::record::Record;
use crate::stats::Counter;
use crate::time::{Now, WallTime};

impl<P> Server<P> {
    /// Closes what is to be closed by now, some at a time, and looks at the clock again soon: it may be set,
    /// and the monotonic clock stands while a computer sleeps.
    pub(super) fn close_due(&mut self, now: Now) {
        let at = self.advance(now.wall);
        for _ in 0..DEADLINES_PER_TURN_MAX {
            let Some((closes_at, class)) = self.state.agenda.due(at) else { break };
            self.close_at(class, closes_at);
        }
        self.next_deadline = self.state.agenda.next_deadline().map(|next| {
            let wait = if next <= at { std::time::Duration::ZERO } else { next.distance(at) };
            now.instant.after(wait.min(DEADLINE_CHECK_INTERVAL))
        });
    }

    /// Closes the roll call of a class if that is due.
    pub(super) fn close_if_due(&mut self, at: WallTime, class: ClassId) {
        let closes_at = self.state.agenda.of(class).and_then(crate::roll::Proceedings::closes_at);
        if let Some(closes_at) = closes_at.filter(|&it| it <= at) {
            self.close_at(class, closes_at);
        }
    }

    fn close_at(&mut self, class: ClassId, closes_at: WallTime) {
        let Outcome::Closed(closed) = self.state.decide_deadline(class, closes_at) else {
            unreachable!("what has a deadline is open");
        };
        let applied = self.state.apply_deadline(class, &closed);
        let applied = applied.expect("what was just decided can be done");
        self.sheets.extend(applied.closed);
        self.forgotten.extend(applied.forgotten);
        self.record(closes_at, Record::ClosedAtDeadline { class, closed });
        self.stats.count(Counter::ClosedAtDeadline);
    }
}
