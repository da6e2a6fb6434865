//! Questions of a teacher who watches a roll call: who has answered, and who is expected.

use std::collections::VecDeque;
use std::hash::Hash;

use super::Server;
use crate::access::Remarks;
use crate::attendance::Status;
use crate::exchange::{Refusal, RosterInfo, Watched, WatchedEntry};
use crate::ids::{ClassId, ContentId, StudentNumber};
use crate::limits::{ROSTERS_CACHED_MAX, WATCHED_MAX};
use crate::people::Room;
use crate::principal::Principal;
use crate::roll::{Mark, Proceedings};
use crate::time::Now;

/// The rosters that were asked for last, by class and version.
#[derive(Clone, Default)]
pub(super) struct RosterObjects {
    infos: VecDeque<RosterInfo>,
}

impl RosterObjects {
    fn find(&self, class: ClassId, version: u64) -> Option<RosterInfo> {
        self.infos.iter().find(|it| (it.class, it.version) == (class, version)).copied()
    }

    fn insert(&mut self, info: RosterInfo) {
        self.infos.retain(|it| it.class != info.class);
        if self.infos.len() >= ROSTERS_CACHED_MAX {
            self.infos.pop_front();
        }
        self.infos.push_back(info);
    }
}

impl<P: Clone + Hash> Server<P> {
    /// The roster of a class in brief. Its bytes can be pulled from now on, as those of a sheet.
    pub(super) fn roster(&mut self, who: Principal, class: ClassId) -> Result<RosterInfo, Refusal> {
        // R-WATCH-1
        self.check_holds(who, class)?;
        let rosters = &self.state.rosters;
        let version = rosters.version(class);
        if let Some(info) = self.roster_objects.find(class, version)
            && self.blocks.has_sheet(info.content)
        {
            return Ok(info);
        }
        // R-ROSTER-5
        let none = crate::roll::Roster::default();
        let roster = rosters.latest(class).unwrap_or(&none);
        let bytes = roster.to_bytes(class);
        let info = RosterInfo {
            class,
            version,
            students: u32::try_from(roster.len()).expect("bounded by ROSTER_MAX"),
            bytes: u32::try_from(bytes.len()).expect("bounded by ROSTER_MAX"),
            content: ContentId::of(&bytes),
        };
        self.blocks.keep_sheet(info.content, bytes);
        self.roster_objects.insert(info);
        Ok(info)
    }

    /// Whether somebody may see what belongs to a class: whoever holds it, or may be the first to.
    fn check_holds(&self, who: Principal, class: ClassId) -> Result<(), Refusal> {
        let is_known = self.state.register.knows(class) || self.state.rosters.version(class) > 0;
        self.state.people.decide_close(who, class, is_known)
    }

    /// The open roll call of a class, and who answered from a place on.
    pub(super) fn watch(
        &mut self,
        now: Now,
        who: Principal,
        class: ClassId,
        from: u32,
    ) -> Result<Watched, Refusal> {
        self.check_holds(who, class)?;
        let now = Now { wall: self.advance(now.wall), ..now };
        self.close_if_due(now.wall, class);
        let (step, left_ms) = self.moment(now).codes.step(now.instant);
        let register = &self.state.register;
        let open = register.open_roll_call(class).ok_or(Refusal::NotOpen)?;
        let (_, number, opened_at, _) = open;
        let none = Proceedings::default();
        let proceedings = self.state.agenda.of(class).unwrap_or(&none);
        let room = self.state.people.room(class);
        let roster = self.state.rosters.of(class);
        let is_expected = |it: StudentNumber| roster.is_some_and(|roster| roster.has(it));
        let marked = register.marks(class).map(|mark| entry(&mark, proceedings, room));
        let unmarked = proceedings.standings().iter();
        let unmarked = unmarked.filter(|it| !register.is_present(class, *it.0));
        let unmarked = unmarked.map(|(&student, &status)| WatchedEntry {
            student,
            at: opened_at,
            status,
            remarks: Remarks::NONE,
        });
        let mut watched = Watched {
            class,
            number,
            opened_at,
            closes_at: proceedings.closes_at(),
            late_at: proceedings.late_at(),
            present: 0,
            late: 0,
            expected: roster.map(|it| u32::try_from(it.len()).expect("bounded by ROSTER_MAX")),
            expected_present: 0,
            remarked: count(room.map_or(0, Room::suspicious)),
            wrong_codes: room.map_or(0, Room::wrong_codes),
            roster: self.state.rosters.version(class),
            corrections: count(proceedings.trail().len()),
            code: room.and_then(|room| room.code(step)),
            left_ms,
            title: proceedings.plan.title.clone(),
            entries: 0,
            listed: Vec::new(),
        };
        for entry in marked.chain(unmarked) {
            watched.present += u32::from(entry.status.is_there());
            watched.late += u32::from(entry.status == Status::Late);
            watched.expected_present +=
                u32::from(entry.status.is_there() && is_expected(entry.student));
            if watched.entries >= from && watched.listed.len() < WATCHED_MAX {
                watched.listed.push(entry);
            }
            watched.entries += 1;
        }
        Ok(watched)
    }
}

fn entry(mark: &Mark, proceedings: &Proceedings, room: Option<&Room>) -> WatchedEntry {
    let &Mark { student, at } = mark;
    let pressed_at = proceedings.pressed_at(student).unwrap_or(at);
    let by_itself = if proceedings.is_late(pressed_at) { Status::Late } else { Status::Present };
    WatchedEntry {
        student,
        at,
        status: proceedings.standing(student).unwrap_or(by_itself),
        remarks: room.map(|room| room.remarks(student)).unwrap_or_default(),
    }
}

fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
