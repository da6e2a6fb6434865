//! The values of what came with plans, rosters and corrections. What there was before is written as it was.

use std::sync::Arc;

use rollcall::access::RoomCode;
use rollcall::attendance::{
    Change, Correction, Group, Listed, Plan, Reason, RosterChange, RosterEdit, Status, StudentName,
    Tally, Title, TrailEntry,
};
use rollcall::exchange::{
    Act, Answer, Arrived, Ask, Closed, Corrected, Enrolled, Extended, Marked, Operation, Outcome,
    Query, Refusal, Refused, Revision, RevisionList, RosterInfo, Tallied, Watched, WatchedEntry,
};
use rollcall::limits::{LESSONS_MAX, WINDOW_LENGTH_MAX};
use rollcall::record::{Record, SnapshotItem};
use rollcall::roll::{
    Kept, Pressed, ProceedingsItem, Remarked, RosterItem, RosterObject, Sheet, Standing, Supplement,
};

use crate::values::{Values, Write, stored};

/// Their formats.
pub(crate) const FORMATS: &[(&str, Write)] = &[
    ("PLAN", |it| {
        let operation = it.open_with();
        it.performed(operation)
    }),
    ("EXTEND", |it| {
        let operation = it.extend();
        it.performed(operation)
    }),
    ("REOPEN", |it| {
        let operation = Operation::Reopen { class: it.class() };
        it.performed(operation)
    }),
    ("DELIVER", |it| {
        let operation = it.deliver();
        it.performed(operation)
    }),
    ("CORRECT", |it| {
        let operation = it.correct();
        it.performed(operation)
    }),
    ("ENROL", |it| {
        let operation = it.enrol();
        it.performed(operation)
    }),
    ("act-enrol", |it| {
        let (class, student) = (it.class(), it.student());
        let act = Act::Enrol { class, invite: it.invite(), student };
        it.performed(Operation::Act(act))
    }),
    ("ROSTER", |it| {
        let query = Query::Roster { class: it.class() };
        it.asked(Ask::Read(query))
    }),
    ("WATCH", |it| {
        let query = Query::Watch { class: it.class(), from: it.u32() };
        it.asked(Ask::Read(query))
    }),
    ("REVISIONS", |it| {
        let (class, number, revision) = (it.class(), it.roll_call_number(), it.u32());
        it.asked(Ask::Read(Query::Revisions { class, number, revision }))
    }),
    ("TALLY", |it| {
        let (class, student) = (it.class(), it.student());
        it.asked(Ask::Read(Query::Tally { class, student }))
    }),
    ("EXTENDED", |it| {
        let extended = it.extended();
        it.answered(Answer::Extended(extended))
    }),
    ("CORRECTED", |it| {
        let corrected = it.corrected();
        it.answered(Answer::Corrected(corrected))
    }),
    ("ENROLLED", |it| {
        let enrolled = it.enrolled();
        it.answered(Answer::Enrolled(enrolled))
    }),
    ("marked-arrived", |it| {
        let arrived = it.arrived();
        it.answered(Answer::Arrived(arrived))
    }),
    ("refused-attendance", |it| {
        let (at, reasons) = (it.time(), &Refusal::ALL[24..29]);
        let place = usize::try_from(it.below(reasons.len() as u64)).expect("small");
        it.answered(Answer::Refused(Refused { at, reason: reasons[place] }))
    }),
    ("ROSTER_INFO", |it| {
        let info = RosterInfo {
            class: it.class(),
            version: it.number(),
            students: it.u32(),
            bytes: it.u32(),
            content: it.content(),
        };
        it.answered(Answer::Roster(info))
    }),
    ("WATCHED", |it| {
        let watched = it.watched();
        it.answered(Answer::Watched(Box::new(watched)))
    }),
    ("REVISION_LIST", |it| {
        let revisions = it.some(12, |it| Revision {
            revision: it.u32(),
            at: it.time(),
            sheet: it.sheet_info(),
        });
        let more = it.flag();
        it.answered(Answer::Revisions(RevisionList { revisions, more }))
    }),
    ("TALLIED", |it| {
        let (class, student) = (it.class(), it.student());
        let mut tally = Tally::default();
        for _ in 0..it.u32() % 5 {
            tally.count(it.u32() % 20 + 1, it.status());
        }
        it.answered(Answer::Tallied(Tallied { class, student, tally }))
    }),
    ("operation-attendance", |it| stored(&it.attendance_operation())),
    ("outcome-attendance", |it| stored(&it.attendance_outcome())),
    ("record-attendance", |it| stored(&it.attendance_record())),
    ("snapshot-item-attendance", |it| stored(&it.attendance_item())),
    ("supplement", |it| stored(&it.supplement(3))),
    ("sheet-supplemented", |it| it.supplemented_sheet().to_bytes()),
    ("roster", |it| {
        let (class, version) = (it.class(), it.number());
        let mut students = it.some(12, Values::listed);
        students.sort_by_key(|it| it.student);
        stored(&RosterObject { form: RosterObject::FORM, class, version, students })
    }),
];

const LETTERS: [char; 8] = ['a', 'Z', '0', '-', 'é', 'ß', '漢', '\''];

impl Values {
    fn name_of(&mut self) -> StudentName {
        self.text(&LETTERS, 24).parse().expect("a name")
    }

    fn group(&mut self) -> Option<Group> {
        self.flag().then(|| self.text(&LETTERS, 9).parse().expect("a group"))
    }

    fn reason_text(&mut self) -> Option<Reason> {
        self.flag().then(|| self.text(&LETTERS, 24).parse().expect("a reason"))
    }

    fn title(&mut self) -> Option<Title> {
        self.flag().then(|| self.text(&LETTERS, 20).parse().expect("a title"))
    }

    fn status(&mut self) -> Status {
        Status::ALL[usize::try_from(self.below(5)).expect("small")]
    }

    fn code_of(&mut self) -> Option<RoomCode> {
        self.room_code()
    }

    fn window(&mut self) -> u32 {
        u32::try_from(1 + self.below(WINDOW_LENGTH_MAX.as_secs())).expect("a day")
    }

    fn plan(&mut self) -> Plan {
        let (one, other) = (self.window(), self.window());
        let closes_after_s = self.flag().then_some(one.max(other));
        let late_after_s = self.flag().then_some(one.min(other)).filter(|_| one != other);
        Plan {
            closes_after_s,
            late_after_s,
            lessons: u8::try_from(1 + self.below(LESSONS_MAX.into())).expect("small"),
            accept_delayed_s: u16::try_from(self.below(601)).expect("small"),
            title: self.title(),
        }
    }

    fn listed(&mut self) -> Listed {
        Listed { student: self.student(), name: self.name_of(), group: self.group() }
    }

    fn open_with(&mut self) -> Operation {
        Operation::OpenWith { class: self.class(), terms: self.terms(), plan: self.plan() }
    }

    fn extend(&mut self) -> Operation {
        Operation::Extend { class: self.class(), seconds: self.window() }
    }

    fn deliver(&mut self) -> Operation {
        Operation::Deliver {
            class: self.class(),
            student: self.student(),
            code: self.code_of(),
            delay_ms: self.u32(),
        }
    }

    fn correct(&mut self) -> Operation {
        let number = self.flag().then(|| self.roll_call_number());
        let (student, status) = (self.student(), self.status());
        let correction = Correction { number, student, status, reason: self.reason_text() };
        Operation::Correct { class: self.class(), correction: Box::new(correction) }
    }

    fn enrol(&mut self) -> Operation {
        let mut edits = vec![RosterEdit::Remove(self.student())];
        edits.extend(self.some(5, |it| {
            if it.flag() { RosterEdit::Put(it.listed()) } else { RosterEdit::Remove(it.student()) }
        }));
        let (base, import) = (self.number(), self.number());
        let change = RosterChange { base, import, edits: edits.into() };
        Operation::Enrol { class: self.class(), change }
    }

    pub(crate) fn attendance_operation(&mut self) -> Operation {
        match self.below(6) {
            0 => self.open_with(),
            1 => self.extend(),
            2 => Operation::Reopen { class: self.class() },
            3 => self.deliver(),
            4 => self.correct(),
            _ => self.enrol(),
        }
    }

    fn extended(&mut self) -> Extended {
        Extended { at: self.time(), class: self.class(), closes_at: self.time() }
    }

    fn corrected(&mut self) -> Corrected {
        Corrected {
            at: self.time(),
            class: self.class(),
            number: self.roll_call_number(),
            revision: self.u32(),
            was: self.flag().then(|| self.status()),
        }
    }

    fn enrolled(&mut self) -> Enrolled {
        Enrolled {
            at: self.time(),
            class: self.class(),
            version: self.number(),
            students: self.u32(),
        }
    }

    fn arrived(&mut self) -> Arrived {
        let marked = Marked { class: self.class(), at: self.time(), already_present: false };
        let late = self.flag();
        Arrived { marked, late, unlisted: !late || self.flag() }
    }

    fn watched(&mut self) -> Watched {
        Watched {
            class: self.class(),
            number: self.roll_call_number(),
            opened_at: self.time(),
            closes_at: self.flag().then(|| self.time()),
            late_at: self.flag().then(|| self.time()),
            present: self.u32(),
            late: self.u32(),
            expected: self.flag().then(|| self.u32()),
            expected_present: self.u32(),
            remarked: self.u32(),
            wrong_codes: self.u32(),
            roster: self.number(),
            corrections: self.u32(),
            code: self.code_of(),
            left_ms: u16::try_from(self.number() & 0xffff).expect("16 bits"),
            title: self.title(),
            entries: self.u32(),
            listed: self.some(12, |it| WatchedEntry {
                student: it.student(),
                at: it.time(),
                status: it.status(),
                remarks: it.remarks(),
            }),
        }
    }

    pub(crate) fn attendance_outcome(&mut self) -> Outcome {
        match self.below(5) {
            0 => Outcome::Arrived(self.arrived()),
            1 => Outcome::Extended(self.extended()),
            2 => Outcome::Reopened {
                at: self.time(),
                class: self.class(),
                roll_call: self.roll_call(),
                number: self.roll_call_number(),
                opened_at: self.time(),
            },
            3 => {
                let revised = self.flag().then(|| Box::new(self.sheet_info()));
                Outcome::Corrected { corrected: self.corrected(), revised }
            }
            _ => Outcome::Enrolled(self.enrolled()),
        }
    }

    fn trail_entry(&mut self) -> TrailEntry {
        let change = match self.below(3) {
            0 => Change::Corrected {
                student: self.student(),
                was: self.flag().then(|| self.status()),
                is: self.status(),
            },
            1 => Change::Extended { closes_at: self.time() },
            _ => Change::Reopened,
        };
        let (at, by) = (self.time(), self.flag().then(|| self.name()));
        TrailEntry { at, by, change, reason: self.reason_text() }
    }

    fn supplement(&mut self, marks: u32) -> Supplement {
        let mut standings =
            self.some(4, |it| Standing { student: it.student(), status: it.status() });
        standings.sort_by_key(|it| it.student);
        let mut pressed = Vec::new();
        for place in 0..marks {
            if self.flag() {
                pressed.push((place, self.time()));
            }
        }
        Supplement {
            revision: self.u32().max(1),
            plan: self.plan(),
            closes_at: self.flag().then(|| self.time()),
            late_at: self.flag().then(|| self.time()),
            pressed: pressed.into_iter().map(|(place, at)| Pressed { place, at }).collect(),
            standings,
            trail: self.some(4, Self::trail_entry),
            roster: self.flag().then(|| {
                let mut listed = self.some(6, Self::listed);
                listed.sort_by_key(|it| it.student);
                listed
            }),
        }
    }

    fn supplemented_sheet(&mut self) -> Sheet {
        let sheet = if self.flag() { self.sheet() } else { self.remarked_sheet() };
        let marks = u32::try_from(sheet.marks.len()).expect("few");
        Sheet { supplement: Some(Arc::new(self.supplement(marks))), ..sheet }
    }

    pub(crate) fn attendance_record(&mut self) -> Record {
        match self.below(3) {
            0 => {
                let closed = Closed { sheet: self.sheet_info(), already_closed: self.flag() };
                Record::ClosedAtDeadline { class: self.class(), closed: Box::new(closed) }
            }
            1 => Record::Reopening(Box::new(self.kept())),
            _ => {
                let (at, operation) = (self.time(), self.attendance_operation());
                let mut client = self.client_record();
                client.outcome = self.attendance_outcome();
                Record::Answered { at, operation, client }
            }
        }
    }

    fn kept(&mut self) -> Kept {
        Kept {
            roll_call: self.roll_call(),
            number: self.roll_call_number(),
            class: self.class(),
            opened_at: self.time(),
            closed_at: self.time(),
            marks: self.some(3, Self::mark),
            remarks: self.some(3, |it| Remarked { place: it.u32(), remarks: it.remarks() }),
            supplement: self.flag().then(|| self.supplement(3)),
            devices: self.some(3, |it| (it.student(), it.device())),
            terms: self.flag().then(|| self.terms()),
        }
    }

    pub(crate) fn attendance_item(&mut self) -> SnapshotItem {
        let (class, student, at) = (self.class(), self.student(), self.time());
        match self.below(6) {
            0 => SnapshotItem::Roster(RosterItem::Begin {
                class,
                version: self.number(),
                import: self.number(),
            }),
            1 => SnapshotItem::Roster(RosterItem::Listed { class, listed: self.listed() }),
            2 => SnapshotItem::Proceedings(ProceedingsItem::Begin {
                class,
                plan: self.plan(),
                closes_at: self.flag().then_some(at),
                late_at: self.flag().then_some(at),
                closed_revision: self.u32(),
            }),
            3 => {
                let status = self.status();
                SnapshotItem::Proceedings(ProceedingsItem::Standing { class, student, status })
            }
            4 => SnapshotItem::Proceedings(ProceedingsItem::Pressed { class, student, at }),
            _ => {
                let entry = self.trail_entry();
                SnapshotItem::Proceedings(ProceedingsItem::Trail { class, entry })
            }
        }
    }
}
