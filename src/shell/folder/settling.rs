//! Decides when a file that is being written is hashed.
//!
//! A content counts only if the file had the same length and times before and after it was hashed, so
//! hashing a file while it is written is mostly in vain; a file that is being rewritten may also be empty
//! for a moment. It is therefore hashed when it has not changed for a while. One that keeps changing is
//! hashed anyway after two seconds, and refused when that has not succeeded for ten, so that clients do
//! not wait for ever.

use std::collections::HashMap;

use super::stamp::Stamp;
use crate::ids::FileName;
use crate::limits::{
    ASKED_AGAIN_WITHIN, READINGS_MAX, RESTLESS_AFTER, RESTLESS_REFUSED_AFTER, SETTLED_AFTER,
    SETTLING_TICK,
};
use crate::time::{Instant, Now};

/// What to do with a file whose content is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Do not hash it yet: it seems to be being written.
    Wait,
    /// Hash it.
    Read,
    /// Refuse it: it keeps changing.
    Refuse,
}

/// The files that have changed lately.
#[derive(Default)]
pub(super) struct Settling {
    watched: HashMap<FileName, Watched>,
}

struct Watched {
    stamp: Stamp,
    /// When it was first seen to have this stamp.
    changed: Instant,
    /// Since when it is waited for.
    since: Instant,
    /// When it was last asked for.
    asked: Instant,
    /// Attempts to hash it that found it changed at their end.
    failures: u32,
}

impl Settling {
    /// Whether to hash a file that has this stamp. `known` is the stamp with which its content was known
    /// before, if it was.
    pub(super) fn judge(
        &mut self,
        name: &FileName,
        stamp: Stamp,
        known: Option<Stamp>,
        now: Now,
    ) -> Verdict {
        let age = stamp.age(now.wall);
        let Now { instant: now, .. } = now;
        let Some(watched) = self.watched.get_mut(name) else {
            // Its time alone is not enough: a copied file may have an old one.
            let changed = known.is_some_and(|known| known != stamp);
            if !changed && age.is_none_or(|age| age >= SETTLED_AFTER) {
                return Verdict::Read;
            }
            self.watch(name, stamp, now);
            return Verdict::Wait;
        };
        if now.since(watched.asked) > ASKED_AGAIN_WITHIN {
            watched.since = now;
            watched.failures = 0;
        }
        watched.asked = now;
        if watched.stamp != stamp {
            watched.stamp = stamp;
            watched.changed = now;
        }
        let waited = now.since(watched.since);
        if now.since(watched.changed) >= SETTLED_AFTER * (1 << (2 * watched.failures)) {
            Verdict::Read
        } else if waited >= RESTLESS_REFUSED_AFTER {
            // R-FILES-9
            Verdict::Refuse
        } else if waited >= RESTLESS_AFTER && age.is_none_or(|age| age >= SETTLING_TICK) {
            Verdict::Read
        } else {
            Verdict::Wait
        }
    }

    /// The file has changed; it had this stamp.
    pub(super) fn changed(&mut self, name: &FileName, before: Stamp, now: Instant) {
        if !self.watched.contains_key(name) {
            self.watch(name, before, now);
        }
    }

    /// The file changed while it was hashed.
    pub(super) fn failed(&mut self, name: &FileName, before: Stamp, now: Instant) {
        self.changed(name, before, now);
        let watched = self.watched.get_mut(name).expect("watched from now on");
        if watched.failures < READINGS_MAX {
            watched.failures += 1;
            watched.since = now;
        }
    }

    /// The file was hashed to its end.
    pub(super) fn settled(&mut self, name: &FileName) {
        self.watched.remove(name);
    }

    /// Forgets the files that are gone.
    pub(super) fn retain(&mut self, mut is_here: impl FnMut(&FileName) -> bool) {
        self.watched.retain(|name, _| is_here(name));
    }

    fn watch(&mut self, name: &FileName, stamp: Stamp, now: Instant) {
        let watched = Watched { stamp, changed: now, since: now, asked: now, failures: 0 };
        self.watched.insert(name.clone(), watched);
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use std::time::Duration;

    use super::*;
    use crate::time::WallTime;

    const START: u64 = 1_795_353_485_000;

    fn at(millis: u64) -> Now {
        Now {
            instant: Instant::from_micros(millis * 1_000),
            wall: WallTime::from_millis(START + millis),
        }
    }

    /// The file as it was written at that time.
    fn written(millis: u64) -> Stamp {
        Stamp {
            bytes: 1,
            modified: Some(SystemTime::UNIX_EPOCH + Duration::from_millis(START + millis)),
            #[cfg(unix)]
            changed: (0, 0, 0),
        }
    }

    fn name() -> FileName {
        "notes".parse().expect("a name")
    }

    /// Asks 20 times a second about a file that is written every `period`; what it comes to, and
    /// after how many milliseconds.
    fn asked(period: u64) -> (Verdict, u64) {
        let mut settling = Settling::default();
        for now in (1_007..60_000).step_by(50) {
            let stamp = written(now / period * period);
            match settling.judge(&name(), stamp, None, at(now)) {
                Verdict::Wait => {}
                verdict => return (verdict, now - 1_007),
            }
        }
        panic!("waits for ever");
    }

    #[test]
    fn a_file_is_read_when_it_was_quiet_for_a_while() {
        let mut settling = Settling::default();
        assert_eq!(settling.judge(&name(), written(0), None, at(299)), Verdict::Wait);
        assert_eq!(settling.judge(&name(), written(0), None, at(598)), Verdict::Wait);
        assert_eq!(settling.judge(&name(), written(0), None, at(599)), Verdict::Read);
        settling.settled(&name());
        assert_eq!(settling.judge(&name(), written(0), None, at(300)), Verdict::Read);
        // Another file under the same name, whose time is an old one.
        let known = Some(written(7));
        assert_eq!(settling.judge(&name(), written(0), known, at(900)), Verdict::Wait);
        assert_eq!(settling.judge(&name(), written(0), known, at(1_200)), Verdict::Read);
    }

    #[test]
    fn a_file_that_is_written_ten_times_a_second_is_read_after_two_seconds() {
        let (verdict, after) = asked(100);
        assert_eq!(verdict, Verdict::Read);
        assert!((2_000..2_200).contains(&after), "{after} ms");
    }

    // spec: R-FILES-9
    #[test]
    fn a_file_that_is_written_all_the_time_is_refused_after_ten_seconds() {
        let (verdict, after) = asked(1);
        assert_eq!(verdict, Verdict::Refuse);
        assert!((10_000..10_100).contains(&after), "{after} ms");
    }

    #[test]
    fn a_file_that_changes_during_each_reading_is_refused_in_the_end_and_read_when_it_is_quiet() {
        let mut settling = Settling::default();
        let mut now = 0;
        let refused = loop {
            match settling.judge(&name(), written(now), None, at(now)) {
                Verdict::Wait => {}
                Verdict::Read => settling.failed(&name(), written(now), at(now).instant),
                Verdict::Refuse => break now,
            }
            now += 50;
            assert!(now < 120_000, "asked for ever");
        };
        let last = written(refused);
        let read = (refused..)
            .step_by(50)
            .find(|&now| settling.judge(&name(), last, None, at(now)) == Verdict::Read);
        assert!(read.is_some_and(|at| at < refused + 30_000), "{read:?} after {refused}");
        // Somebody else, later, waits anew.
        assert_eq!(settling.judge(&name(), written(90_000), None, at(90_001)), Verdict::Wait);
    }
}
