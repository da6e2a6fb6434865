//! The specification, executed: `proto-spec.md` is read here, and what it says is held against the
//! library.
//!
//! Its examples are decoded, compared with the values beside them, and encoded again; its invalid
//! datagrams are rejected for the reason that it names; its tables are compared with the constants;
//! its rules about the server are played through. What is not here: the rules of the client.
//!
//! With `UPDATE_SPEC=1` the bytes in the document are written anew from the values beside them, and
//! with `UPDATE_CORPUS=1` the examples are written where the fuzzer starts from.

#[path = "../fuzz/laws.rs"]
#[expect(dead_code, reason = "the laws themselves are applied by tests/wire.rs")]
mod laws;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use rollcall::access::{Guest, InviteCode, InviteId, Role, RoomCode, Terms, Who};
use rollcall::attendance::{
    Change, Correction, Listed, Plan, RosterChange, RosterEdit, Status, Tally, TrailEntry,
};
use rollcall::exchange::{
    Act, ActList, ActRecord, Acted, Answer, Arrived, Ask, BeginAgain, Busy, Closed, Corrected,
    Deed, Drawn, Enrolled, Extended, FileEntry, FileInfo, FileList, FileState, Joined, Marked,
    MineList, MyMark, OpenRollCall, Opened, Operation, PersonList, Pull, Pulled, Query, Refusal,
    Refused, Reply, Request, Revision, RevisionList, RoomState, RosterInfo, SheetInfo, SheetList,
    SpotList, StaffDevice, StatusList, Tallied, Watched, WatchedEntry, decode_reply,
    decode_request, encode_reply, encode_request,
};
use rollcall::ids::{
    ActNumber, ClassId, ClientId, ContentId, Cookie, DeviceId, FileKey, FileName, RequestNumber,
    RollCallNumber, StudentNumber,
};
use rollcall::journal::encoding::encode_records;
use rollcall::limits;
use rollcall::record::{Record, Recovery as _, Rows, RowsQuestion};
use rollcall::roll::{
    ClosedSheet, Mark, Pressed, Remarked, Roster, RosterObject, Rosters, Sheet, Standing,
    Supplement,
};
use rollcall::server::{Output, Server};
use rollcall::stats::Counter;
use rollcall::time::{Instant, Now, WallTime};
use rollcall::wire::{Datagram, Kind, Rejected, Versions};

const SPEC: &str = include_str!("../proto-spec.md");

// Reading the document.

/// A fenced block that describes bytes.
struct Example {
    /// `vector`, `vector-invalid`, `sheet` or `roster`.
    what: &'static str,
    name: &'static str,
    /// The lines from the opening fence up to but without the closing one.
    lines: std::ops::Range<usize>,
    /// All but `hex`, in their order.
    fields: Vec<(&'static str, &'static str)>,
    bytes: Vec<u8>,
}

impl Example {
    fn all() -> Vec<Self> {
        let lines: Vec<_> = SPEC.lines().collect();
        let mut examples = Vec::new();
        let mut at = 0;
        while at < lines.len() {
            let Some(info) = lines[at].strip_prefix("```") else {
                at += 1;
                continue;
            };
            let length = lines[at + 1..].iter().position(|&line| line == "```");
            let end = at + 1 + length.expect("every fence is closed");
            let (what, name) = info.split_once(' ').unwrap_or((info, ""));
            if matches!(what, "vector" | "vector-invalid" | "sheet" | "roster") {
                examples.push(Self::parse(what, name, at..end, &lines[at + 1..end]));
            }
            at = end + 1;
        }
        examples
    }

    fn parse(
        what: &'static str,
        name: &'static str,
        lines: std::ops::Range<usize>,
        body: &[&'static str],
    ) -> Self {
        let hex_at = body.iter().position(|line| line.starts_with("hex =")).expect("has bytes");
        let field = |line: &&'static str| {
            let (key, value) = line.split_once(" =").expect("key = value");
            (key, value.trim())
        };
        let fields = body[..hex_at].iter().map(field).collect();
        let digits = body[hex_at..].join(" ").replacen("hex =", "", 1);
        Self { what, name, lines, fields, bytes: unrolled(&digits) }
    }

    fn of(what: &str) -> Vec<Self> {
        Self::all().into_iter().filter(|it| it.what == what).collect()
    }

    fn text(&self, key: &str) -> &'static str {
        let found = self.fields.iter().find(|field| field.0 == key);
        found.unwrap_or_else(|| panic!("{} has no {key}", self.name)).1
    }

    fn has(&self, key: &str) -> bool {
        self.fields.iter().any(|field| field.0 == key)
    }

    fn value<T: FromStr<Err: std::fmt::Debug>>(&self, key: &str) -> T {
        self.text(key).parse().unwrap_or_else(|error| panic!("{}: {key}: {error:?}", self.name))
    }

    fn class(&self, key: &str) -> ClassId {
        self.value(key)
    }

    fn time(&self, key: &str) -> WallTime {
        WallTime::try_from(self.value::<u64>(key)).expect("a time")
    }

    fn client(&self) -> ClientId {
        ClientId::from_bytes(unhex(self.text("client")).try_into().expect("16 bytes"))
    }

    fn number(&self) -> RequestNumber {
        RequestNumber::new(self.value("number")).expect("not zero")
    }

    fn content(&self) -> ContentId {
        ContentId::from_bytes(unhex(self.text("content")).try_into().expect("32 bytes"))
    }

    fn cookie(&self) -> Cookie {
        Cookie::from_bytes(unhex(self.text("cookie")).try_into().expect("16 bytes"))
    }

    fn pull(&self) -> Pull {
        let object = unhex(self.text("object")).try_into().expect("32 bytes");
        Pull {
            object: ContentId::from_bytes(object),
            cookie: self.cookie(),
            first: self.value("first"),
            wanted: parse_number(self.text("wanted")),
        }
    }

    fn sheet_info(&self) -> SheetInfo {
        SheetInfo {
            class: self.class("class"),
            number: RollCallNumber::new(self.value("roll_call")).expect("not zero"),
            opened_at: self.time("opened_at"),
            closed_at: self.time("closed_at"),
            students: self.value("students"),
            bytes: self.value("bytes"),
            content: self.content(),
        }
    }

    fn reason(&self) -> Refusal {
        Refusal::try_from(self.value::<u8>("reason")).expect("a reason")
    }

    fn message(&self) -> Message {
        match self.text("kind") {
            "VERSIONS" => Message::Versions(self.text("spoken")),
            "OPEN" | "CLOSE" | "MARK" | "JOIN" | "ACT" | "STATUS" | "SHEETS" | "FILES" | "FILE"
            | "PULL" | "PEOPLE" | "ACTS" | "ROOM" | "MINE" | "SPOT" | "PLAN" | "EXTEND"
            | "REOPEN" | "DELIVER" | "CORRECT" | "ENROL" | "ROSTER" | "WATCH" | "REVISIONS"
            | "TALLY" => Message::Request(self.request()),
            _ => Message::Reply(self.reply()),
        }
    }

    fn request(&self) -> Request {
        let perform = |operation| Ask::Perform { started: self.time("started"), operation };
        let ask = match self.text("kind") {
            "OPEN" => perform(Operation::Open { class: self.class("class"), terms: self.terms() }),
            "CLOSE" => perform(Operation::Close { class: self.class("class") }),
            "MARK" => {
                let student = self.value::<StudentNumber>("student");
                let code = self.has("code").then(|| self.value("code"));
                perform(Operation::Mark { class: self.class("class"), student, code })
            }
            "JOIN" => {
                let code = unhex(self.text("code")).try_into().expect("10 bytes");
                perform(Operation::Join { code: InviteCode::from_bytes(code) })
            }
            "ACT" => perform(Operation::Act(self.act())),
            "PEOPLE" => {
                let after = self.has("after").then(|| self.device("after"));
                Ask::Read(Query::People { after })
            }
            "ACTS" => {
                let at_most = ActNumber::new(self.value("at_most")).expect("not zero");
                Ask::Read(Query::Acts { at_most })
            }
            "ROOM" => Ask::Read(Query::Room { class: self.class("class") }),
            "MINE" => Ask::Read(Query::Mine { skip: self.value("skip") }),
            "SPOT" => {
                let (class, count) = (self.class("class"), self.value("count"));
                Ask::Read(Query::Spot { class, count })
            }
            "STATUS" => Ask::Read(Query::Status { from: self.class("from") }),
            "SHEETS" => {
                let at_most = RollCallNumber::new(self.value("at_most")).expect("not zero");
                Ask::Read(Query::Sheets { class: self.class("class"), at_most })
            }
            "FILES" => Ask::Read(Query::Files { from: self.value("from") }),
            "FILE" => {
                let key = unhex(self.text("key")).try_into().expect("16 bytes");
                Ask::Read(Query::File { file: FileKey::from_bytes(key) })
            }
            "PULL" => Ask::Pull(self.pull()),
            other => self.ask_of_a_class(other),
        };
        let attempt = self.value("attempt");
        Request { attempt, client: self.client(), number: self.number(), ask }
    }

    /// What came with plans, rosters and corrections.
    fn ask_of_a_class(&self, kind: &str) -> Ask {
        let class = self.class("class");
        let code = || self.has("code").then(|| self.value("code"));
        let operation = match kind {
            "ROSTER" => return Ask::Read(Query::Roster { class }),
            "WATCH" => return Ask::Read(Query::Watch { class, from: self.value("from") }),
            "REVISIONS" => {
                let number = self.roll_call().expect("one");
                let revision = self.value("revision");
                return Ask::Read(Query::Revisions { class, number, revision });
            }
            "TALLY" => {
                return Ask::Read(Query::Tally { class, student: self.value("student") });
            }
            "PLAN" => Operation::OpenWith { class, terms: self.terms(), plan: self.plan() },
            "EXTEND" => Operation::Extend { class, seconds: self.value("seconds") },
            "REOPEN" => Operation::Reopen { class },
            "DELIVER" => {
                let (student, delay_ms) = (self.value("student"), self.value("delay_ms"));
                Operation::Deliver { class, student, code: code(), delay_ms }
            }
            "CORRECT" => {
                let correction = Correction {
                    number: self.roll_call(),
                    student: self.value("student"),
                    status: self.status("status"),
                    reason: self.has("reason").then(|| self.value("reason")),
                };
                Operation::Correct { class, correction: Box::new(correction) }
            }
            "ENROL" => {
                let (base, import) = (self.value("base"), self.value("import"));
                let edits = self.fields.iter().filter_map(|&field| edit(field)).collect();
                Operation::Enrol { class, change: RosterChange { base, import, edits } }
            }
            other => panic!("{other} is no request"),
        };
        Ask::Perform { started: self.time("started"), operation }
    }

    fn roll_call(&self) -> Option<RollCallNumber> {
        self.has("roll_call")
            .then(|| RollCallNumber::new(self.value("roll_call")).expect("not zero"))
    }

    fn status(&self, key: &str) -> Status {
        Status::ALL[self.value::<usize>(key)]
    }

    fn plan(&self) -> Plan {
        Plan {
            closes_after_s: self.has("closes_after_s").then(|| self.value("closes_after_s")),
            late_after_s: self.has("late_after_s").then(|| self.value("late_after_s")),
            lessons: self.value("lessons"),
            accept_delayed_s: self.value("accept_delayed_s"),
            title: self.has("title").then(|| self.value("title")),
        }
    }

    fn watched(&self) -> Watched {
        let rows = self.fields.iter().filter(|field| field.0 == "entry").map(|&(_, row)| {
            let columns: Vec<_> = row.split(' ').collect();
            let &[student, at, status, remarks] = &columns[..] else { panic!("four: {row}") };
            let remarks: u8 = remarks.parse().expect("a number");
            WatchedEntry {
                student: student.parse().expect("a student"),
                at: WallTime::from_millis(at.parse().expect("a time")),
                status: Status::ALL[status.parse::<usize>().expect("a number")],
                remarks: remarks.try_into().expect("remarks"),
            }
        });
        Watched {
            class: self.class("class"),
            number: self.roll_call().expect("one"),
            opened_at: self.time("opened_at"),
            closes_at: self.has("closes_at").then(|| self.time("closes_at")),
            late_at: self.has("late_at").then(|| self.time("late_at")),
            present: self.value("present"),
            late: self.value("late"),
            expected: self.has("expected").then(|| self.value("expected")),
            expected_present: self.value("expected_present"),
            remarked: self.value("remarked"),
            wrong_codes: self.value("wrong_codes"),
            roster: self.value("roster"),
            corrections: self.value("corrections"),
            code: self.has("code").then(|| self.value("code")),
            left_ms: self.value("left_ms"),
            title: self.has("title").then(|| self.value("title")),
            entries: self.value("entries"),
            listed: rows.collect(),
        }
    }

    /// The answers that came with plans, rosters and corrections.
    fn answer_of_a_class(&self, kind: &str) -> Answer {
        let class = self.class("class");
        match kind {
            "EXTENDED" => {
                let (at, closes_at) = (self.time("at"), self.time("closes_at"));
                Answer::Extended(Extended { at, class, closes_at })
            }
            "CORRECTED" => Answer::Corrected(Corrected {
                at: self.time("at"),
                class,
                number: self.roll_call().expect("one"),
                revision: self.value("revision"),
                was: self.has("was").then(|| self.status("was")),
            }),
            "ENROLLED" => Answer::Enrolled(Enrolled {
                at: self.time("at"),
                class,
                version: self.value("version"),
                students: self.value("students"),
            }),
            "ROSTER_INFO" => Answer::Roster(RosterInfo {
                class,
                version: self.value("version"),
                students: self.value("students"),
                bytes: self.value("bytes"),
                content: self.content(),
            }),
            "WATCHED" => Answer::Watched(Box::new(self.watched())),
            "TALLIED" => Answer::Tallied(Tallied {
                class,
                student: self.value("student"),
                tally: Tally {
                    roll_calls: self.value("roll_calls"),
                    of: self.value("of"),
                    present: self.value("present"),
                    late: self.value("late"),
                    excused: self.value("excused"),
                    absent: self.value("absent"),
                },
            }),
            "REVISION_LIST" => Answer::Revisions(RevisionList {
                revisions: vec![Revision {
                    revision: self.value("revision"),
                    at: self.time("at"),
                    sheet: self.sheet_info(),
                }],
                more: self.value("more"),
            }),
            other => panic!("{other} is no answer"),
        }
    }

    fn reply(&self) -> Reply {
        let answer = match self.text("kind") {
            "OPENED" => Answer::Opened(Opened {
                class: self.class("class"),
                opened_at: self.time("opened_at"),
                already_open: self.value("already_open"),
            }),
            "CLOSED" => Answer::Closed(Closed {
                sheet: self.sheet_info(),
                already_closed: self.value("already_closed"),
            }),
            "MARKED" => self.marked(),
            "REFUSED" => Answer::Refused(Refused { at: self.time("at"), reason: self.reason() }),
            "JOINED" => Answer::Joined(Joined { at: self.time("at"), guest: self.guest() }),
            "ACTED" => Answer::Acted(Acted { at: self.time("at"), count: self.value("count") }),
            "PERSON_LIST" => Answer::People(PersonList {
                devices: self.has("device").then(|| self.staff_device()).into_iter().collect(),
                more: self.value("more"),
            }),
            "ACT_LIST" => Answer::Acts(ActList {
                acts: self.has("act_number").then(|| self.act_record()).into_iter().collect(),
                more: self.value("more"),
            }),
            "ROOM_STATE" => Answer::Room(RoomState {
                class: self.class("class"),
                opened_at: self.time("opened_at"),
                present: self.value("present"),
                remarked: self.value("remarked"),
                wrong_codes: self.value("wrong_codes"),
                terms: self.terms(),
                code: self.has("code").then(|| self.value("code")),
                left_ms: self.value("left_ms"),
            }),
            "MINE_LIST" => self.mine_list(),
            "SPOT_LIST" => self.spot_list(),
            "REVOKED" => Answer::Revoked,
            "STATUS_LIST" => self.status_list(),
            "SHEET_LIST" => Answer::Sheets(SheetList {
                sheets: self.has("class").then(|| self.sheet_info()).into_iter().collect(),
                more: self.value("more"),
            }),
            "FILE_LIST" => Answer::Files(self.has("total").then(|| self.file_list())),
            "FILE_INFO" => Answer::File(self.file_state()),
            "PULLED" => Answer::Pulled(Pulled {
                index: self.value("index"),
                bytes: unhex(self.text("data")),
            }),
            "COOKIE" => Answer::Cookie(self.cookie()),
            "STALE" => Answer::Stale,
            "BEGIN_AGAIN" => {
                let has_time = self.has("server_time");
                Answer::BeginAgain(BeginAgain {
                    server_time: has_time.then(|| self.time("server_time")),
                })
            }
            "BUSY" => Answer::Busy(Busy { retry_after_ms: self.value("retry_after_ms") }),
            other => self.answer_of_a_class(other),
        };
        Reply { client: self.client(), number: self.number(), answer }
    }

    /// `who strict code`, as three numbers.
    fn terms(&self) -> Terms {
        let columns: Vec<u8> =
            self.text("terms").split(' ').map(|it| it.parse().expect("a number")).collect();
        let &[who, strict, code] = &columns[..] else { panic!("three numbers") };
        let who = match who {
            0 => Who::Anyone,
            1 => Who::Device,
            _ => Who::Enrolled,
        };
        Terms { who, strict: strict == 1, code: code == 1 }
    }

    fn device(&self, key: &str) -> DeviceId {
        DeviceId::from_bytes(unhex(self.text(key)).try_into().expect("16 bytes"))
    }

    /// `admin NAME`, `teacher NAME` or `student NUMBER`.
    fn guest(&self) -> Guest {
        let (what, name) = self.text("guest").split_once(' ').expect("what and who");
        let name_of = |name: &str| name.parse().expect("a name");
        match what {
            "admin" => Guest::Staff { role: Role::Admin, name: name_of(name) },
            "teacher" => Guest::Staff { role: Role::Teacher, name: name_of(name) },
            _ => Guest::Student { student: name.parse().expect("a student") },
        }
    }

    fn act(&self) -> Act {
        match self.text("act") {
            "invite" => {
                let invite = unhex(self.text("invite")).try_into().expect("16 bytes");
                Act::Invite { invite: InviteId::from_bytes(invite), guest: self.guest() }
            }
            "revoke" => Act::Revoke { device: self.device("device") },
            "release" => Act::Release { student: self.value("student") },
            "give" => Act::Give { class: self.class("class"), to: self.value("name") },
            "share" => Act::Share { class: self.class("class"), with: self.value("name") },
            "enrol" => {
                let (class, student) = (self.class("class"), self.value("student"));
                let invite = unhex(self.text("invite")).try_into().expect("16 bytes");
                Act::Enrol { class, invite: InviteId::from_bytes(invite), student }
            }
            "call" => {
                let (class, student) = (self.class("class"), self.value("student"));
                Act::Call { class, student, there: self.value("there") }
            }
            other => panic!("there is no act {other}"),
        }
    }

    fn staff_device(&self) -> StaffDevice {
        StaffDevice {
            device: self.device("device"),
            name: self.value("name"),
            joined_at: self.time("joined_at"),
            admin: self.value("admin"),
            teacher: self.value("teacher"),
            revoked: self.value("revoked"),
        }
    }

    fn act_record(&self) -> ActRecord {
        let deed = if self.has("act") { Deed::Act(self.act()) } else { Deed::Joined(self.guest()) };
        ActRecord {
            number: ActNumber::new(self.value("act_number")).expect("not zero"),
            at: self.time("at"),
            by: self.has("by").then(|| self.device("by")),
            name: self.has("by_name").then(|| self.value("by_name")),
            deed,
        }
    }

    fn mine_list(&self) -> Answer {
        let rows = self.fields.iter().filter(|field| field.0 == "mark").map(|&(_, row)| {
            let columns: Vec<_> = row.split(' ').collect();
            let &[class, number, student, at] = &columns[..] else { panic!("four columns: {row}") };
            MyMark {
                class: class.parse().expect("a class"),
                number: number.parse().expect("a number"),
                student: student.parse().expect("a student"),
                at: WallTime::from_millis(at.parse().expect("a time")),
            }
        });
        Answer::Mine(MineList { marks: rows.collect(), more: self.value("more") })
    }

    fn spot_list(&self) -> Answer {
        let rows = self.fields.iter().filter(|field| field.0 == "drawn").map(|&(_, row)| {
            let (student, remarks) = row.split_once(' ').expect("student and remarks");
            let remarks: u8 = remarks.parse().expect("a number");
            let student = student.parse().expect("a student");
            Drawn { student, remarks: remarks.try_into().expect("remarks") }
        });
        Answer::Spot(SpotList { class: self.class("class"), drawn: rows.collect() })
    }

    fn marked(&self) -> Answer {
        let at = self.time("at");
        match self.value::<u8>("standing") {
            standing @ 0..=1 => Answer::Marked(Marked {
                class: self.class("class"),
                at,
                already_present: standing == 1,
            }),
            standing @ 2..=4 => {
                let marked = Marked { class: self.class("class"), at, already_present: false };
                let (late, unlisted) = (standing != 3, standing != 2);
                Answer::Arrived(Arrived { marked, late, unlisted })
            }
            refused => {
                assert_eq!(self.text("class"), "0", "{}", self.name);
                let reason = Refusal::try_from(refused - 16).expect("a reason");
                Answer::MarkRefused(Refused { at, reason })
            }
        }
    }

    fn status_list(&self) -> Answer {
        let rows = self.fields.iter().filter(|field| field.0 == "open");
        let open = rows.map(|&(_, row)| {
            let columns: Vec<u64> = row.split(' ').map(|it| it.parse().expect("number")).collect();
            let &[class, opened_at, present] = &columns[..] else { panic!("three numbers: {row}") };
            OpenRollCall {
                class: u32::try_from(class).ok().and_then(ClassId::new).expect("a class"),
                opened_at: WallTime::from_millis(opened_at),
                present: u32::try_from(present).expect("a count"),
            }
        });
        Answer::Status(StatusList { open: open.collect(), more: self.value("more") })
    }

    fn file_list(&self) -> FileList {
        let files = self.fields.iter().filter(|field| field.0 == "file").map(|&(_, row)| {
            let (bytes, name) = row.split_once(' ').expect("length and name");
            let name = name.parse().expect("a name");
            FileEntry { name, bytes: bytes.parse().expect("a number") }
        });
        FileList { total: self.value("total"), files: files.collect() }
    }

    fn file_state(&self) -> FileState {
        match self.text("state") {
            "0" => FileState::Absent,
            "1" => FileState::Reading { done: self.value("done"), bytes: self.value("bytes") },
            "2" => {
                FileState::Ready(FileInfo { bytes: self.value("bytes"), content: self.content() })
            }
            other => panic!("there is no state {other}"),
        }
    }

    fn sheet(&self) -> Sheet {
        let marks = self.fields.iter().filter(|field| field.0 == "mark").map(|&(_, row)| {
            let (student, at) = row.split_once(' ').expect("student and time");
            let at = WallTime::from_millis(at.parse().expect("a time"));
            Mark { student: student.parse().expect("a student"), at }
        });
        Sheet {
            class: self.class("class"),
            opened_at: self.time("opened_at"),
            closed_at: self.time("closed_at"),
            marks: marks.collect(),
            remarks: self.remarks(),
            supplement: self.has("revision").then(|| Arc::new(self.supplement())),
        }
    }

    /// The rows of so many columns under this key; the last one has the rest of the line.
    fn rows<const COLUMNS: usize>(&self, key: &str) -> Vec<[&'static str; COLUMNS]> {
        let rows = self.fields.iter().filter(|field| field.0 == key);
        let columns = |row: &'static str| row.splitn(COLUMNS, ' ').collect::<Vec<_>>();
        rows.map(|field| columns(field.1).try_into().expect("so many columns")).collect()
    }

    fn supplement(&self) -> Supplement {
        let [[closes_after_s, late_after_s, lessons, accept_delayed_s, title]] =
            self.rows("plan")[..]
        else {
            panic!("one plan")
        };
        let plan = Plan {
            closes_after_s: unless_hyphen(closes_after_s),
            late_after_s: unless_hyphen(late_after_s),
            lessons: lessons.parse().expect("a number"),
            accept_delayed_s: accept_delayed_s.parse().expect("a number"),
            title: unless_hyphen(title),
        };
        let pressed = self
            .rows("pressed")
            .into_iter()
            .map(|[place, at]| Pressed { place: place.parse().expect("a place"), at: millis(at) });
        let standings = self.rows("standing").into_iter().map(|[student, status]| Standing {
            student: student.parse().expect("a student"),
            status: status_of(status),
        });
        let extended = self.rows("extended").into_iter().map(|[at, closes_at, by]| TrailEntry {
            at: millis(at),
            by: unless_hyphen(by),
            change: Change::Extended { closes_at: millis(closes_at) },
            reason: None,
        });
        let corrected = self.rows("corrected").into_iter();
        let corrected = corrected.map(|[at, student, was, is, by, reason]| TrailEntry {
            at: millis(at),
            by: unless_hyphen(by),
            change: Change::Corrected {
                student: student.parse().expect("a student"),
                was: Some(was).filter(|it| *it != "-").map(status_of),
                is: status_of(is),
            },
            reason: unless_hyphen(reason),
        });
        Supplement {
            revision: self.value("revision"),
            plan,
            closes_at: self.has("closes_at").then(|| self.time("closes_at")),
            late_at: self.has("late_at").then(|| self.time("late_at")),
            pressed: pressed.collect(),
            standings: standings.collect(),
            trail: extended.chain(corrected).collect(),
            roster: Some(self.listed()),
        }
    }

    fn listed(&self) -> Vec<Listed> {
        let listed = |[student, group, name]: [&str; 3]| Listed {
            student: student.parse().expect("a student"),
            name: name.parse().expect("a name"),
            group: unless_hyphen(group),
        };
        self.rows("listed").into_iter().map(listed).collect()
    }

    fn roster(&self) -> Roster {
        let edits = self.listed().into_iter().map(RosterEdit::Put).collect();
        let mut rosters = Rosters::default();
        let (class, version) = (self.class("class"), self.value("version"));
        rosters.apply(class, &RosterChange { base: 0, import: 1, edits }, version);
        rosters.of(class).expect("somebody is on it").clone()
    }

    fn remarks(&self) -> Vec<Remarked> {
        let rows = self.fields.iter().filter(|field| field.0 == "remarked").map(|&(_, row)| {
            let (place, remarks) = row.split_once(' ').expect("place and remarks");
            let remarks: u8 = remarks.parse().expect("a number");
            let place = place.parse().expect("a number");
            Remarked { place, remarks: remarks.try_into().expect("remarks") }
        });
        rows.collect()
    }

    /// The bytes that the library gives for this block.
    fn encoded(&self) -> Vec<u8> {
        match self.what {
            "vector" => self.message().encoded(),
            "sheet" => self.sheet().to_bytes(),
            "roster" => self.roster().to_bytes(self.class("class")),
            _ => invalid(self.name),
        }
    }

    /// The block as it should stand in the document.
    fn written_anew(&self) -> String {
        let bytes = self.encoded();
        let name = format!("```{} {}", self.what, self.name);
        let mut block = format!("{}\n", name.trim_end());
        for &(key, value) in &self.fields {
            let value = match key {
                "padding" => laws::padding_of(&self.request(), bytes.len()).to_string(),
                "sha256" => format!("{:?}", ContentId::of(&bytes)),
                _ => value.to_owned(),
            };
            block += format!("{key} = {value}").trim_end();
            block.push('\n');
        }
        let words = rolled(&bytes);
        let separator = if bytes.len() > 48 { '\n' } else { ' ' };
        block += "hex =";
        for word in words {
            write!(block, "{separator}{word}").expect("to a string");
        }
        block.push('\n');
        block
    }
}

/// What stands there, unless it is a hyphen.
fn unless_hyphen<T: FromStr<Err: std::fmt::Debug>>(text: &str) -> Option<T> {
    Some(text).filter(|it| *it != "-").map(|it| it.parse().expect("what it is"))
}

fn millis(text: &str) -> WallTime {
    WallTime::from_millis(text.parse().expect("a time"))
}

fn status_of(text: &str) -> Status {
    Status::ALL[text.parse::<usize>().expect("a number")]
}

/// `put = NUMBER GROUP NAME`, with a hyphen for no group, or `remove = NUMBER`.
fn edit((key, value): (&str, &str)) -> Option<RosterEdit> {
    match key {
        "put" => {
            let mut parts = value.splitn(3, ' ');
            let mut part = || parts.next().expect("number, group, name");
            let student = part().parse().expect("a student");
            let group = Some(part()).filter(|it| *it != "-").map(|it| it.parse().expect("a group"));
            let name = part().parse().expect("a name");
            Some(RosterEdit::Put(Listed { student, name, group }))
        }
        "remove" => Some(RosterEdit::Remove(value.parse().expect("a student"))),
        _ => None,
    }
}

#[derive(Debug, PartialEq)]
enum Message {
    Request(Request),
    Reply(Reply),
    Versions(&'static str),
}

impl Message {
    fn encoded(&self) -> Vec<u8> {
        let mut datagram = Datagram::new();
        match self {
            Self::Request(request) => encode_request(request, &mut datagram),
            Self::Reply(reply) => encode_reply(reply, &mut datagram),
            Self::Versions(spoken) => {
                assert_eq!(*spoken, "1", "what this library speaks");
                Versions::ours().encode(&mut datagram);
            }
        }
        datagram.as_bytes().to_vec()
    }

    /// What stands in the bytes, read as the same sort of message.
    fn decoded_like(&self, bytes: &[u8]) -> Result<Self, Rejected> {
        match self {
            Self::Request(_) => decode_request(bytes).map(|it| Self::Request(it.request)),
            Self::Reply(_) => decode_reply(bytes).map(Self::Reply),
            Self::Versions(spoken) => {
                let versions = Versions::decode(bytes)?;
                let list: Vec<_> = versions.spoken().iter().map(u8::to_string).collect();
                assert_eq!(list.join(" "), *spoken);
                Ok(Self::Versions(spoken))
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(digits, "{byte:02x}").expect("to a string");
    }
    digits
}

/// Hexadecimal digits, at most 48 bytes to a word; a row of equal bytes that is longer is one word.
fn rolled(bytes: &[u8]) -> Vec<String> {
    const ROW_MIN: usize = 48;
    let mut words = Vec::new();
    let mut plain = Vec::new();
    let end = |plain: &mut Vec<u8>, words: &mut Vec<String>| {
        words.extend(plain.chunks(48).map(hex));
        plain.clear();
    };
    for row in bytes.chunk_by(|a, b| a == b) {
        if row.len() > ROW_MIN {
            end(&mut plain, &mut words);
            words.push(format!("{:02x}*{}", row[0], row.len()));
        } else {
            plain.extend_from_slice(row);
        }
    }
    end(&mut plain, &mut words);
    words
}

/// The bytes that such words tell.
fn unrolled(words: &str) -> Vec<u8> {
    let word = |word: &str| match word.split_once('*') {
        Some((byte, count)) => unhex(byte).repeat(count.parse().expect("a count")),
        None => unhex(word),
    };
    words.split_whitespace().flat_map(word).collect()
}

fn unhex(digits: &str) -> Vec<u8> {
    let digits: Vec<_> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).expect("ASCII"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("two digits")).collect()
}

/// The rows of the first table after this heading whose head has these columns.
fn table(heading: &str, columns: &[&str]) -> Vec<Vec<&'static str>> {
    let cells = |line: &'static str| -> Vec<&'static str> {
        line.trim_matches('|').split('|').map(str::trim).collect()
    };
    let mut lines = SPEC.lines().skip_while(|line| *line != heading);
    assert!(lines.next().is_some(), "there is no {heading:?}");
    let found = lines.by_ref().find(|line| line.starts_with('|') && cells(line) == columns);
    assert!(found.is_some(), "there is no such table under {heading:?}");
    lines.skip(1).take_while(|line| line.starts_with('|')).map(cells).collect()
}

/// `0x..` or decimal, with commas.
fn parse_number(text: &str) -> u64 {
    let text = text.replace(',', "");
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).expect("a number"),
        None => text.parse().unwrap_or_else(|_| panic!("{text:?} is no number")),
    }
}

fn unquoted(cell: &str) -> &str {
    cell.trim_matches('`')
}

// The examples.

#[test]
fn the_bytes_in_the_document_are_those_of_the_library() {
    let mut lines: Vec<_> = SPEC.lines().map(str::to_owned).collect();
    for example in Example::all().iter().rev() {
        let anew = example.written_anew();
        lines.splice(example.lines.clone(), anew.lines().map(str::to_owned));
    }
    let anew = lines.join("\n") + "\n";
    if std::env::var_os("UPDATE_SPEC").is_some() {
        fs::write(root("proto-spec.md"), anew).expect("the specification can be written");
        return;
    }
    for (number, (here, there)) in SPEC.lines().zip(anew.lines()).enumerate() {
        assert_eq!(here, there, "line {}; UPDATE_SPEC=1 writes it anew", number + 1);
    }
    assert_eq!(SPEC, anew);
}

#[test]
fn every_example_is_read_as_what_stands_beside_it() {
    for example in Example::of("vector") {
        let message = example.message();
        assert_eq!(message.decoded_like(&example.bytes), Ok(message), "{}", example.name);
    }
}

#[test]
fn every_kind_that_is_spoken_has_an_example() {
    let shown: BTreeSet<_> = Example::of("vector").iter().map(|it| it.text("kind")).collect();
    let spoken = Kind::TABLE.iter().filter(|row| !row.0.is_sealed());
    let spoken: BTreeSet<_> = spoken.map(|row| row.2).collect();
    assert_eq!(shown, spoken);
}

#[test]
fn examples_have_names_of_their_own() {
    let examples = Example::all();
    let names: BTreeSet<_> = examples.iter().map(|it| it.name).collect();
    assert_eq!(names.len(), examples.len());
}

// spec: R-MARKED-1, R-VALUE-4
#[test]
fn every_invalid_datagram_is_rejected_for_the_reason_beside_it() {
    let mut seen = BTreeSet::new();
    for example in Example::of("vector-invalid") {
        let rejected = match example.text("reader") {
            "server" => decode_request(&example.bytes).map(|_| ()),
            "client" => decode_reply(&example.bytes).map(|_| ()),
            other => panic!("nobody is called {other}"),
        };
        let rejected = rejected.expect_err(example.name);
        assert_eq!(rejected_name(rejected), example.text("rejected"), "{}", example.name);
        seen.insert(rejected_name(rejected));
    }
    let all = EVERY_REJECTED.iter().map(|&rejected| rejected_name(rejected)).collect();
    assert_eq!(seen, all, "every way to be rejected is shown");
}

const EVERY_REJECTED: [Rejected; 12] = [
    Rejected::TooShort,
    Rejected::TooLong,
    Rejected::Magic,
    Rejected::Version(2),
    Rejected::Negotiation,
    Rejected::Checksum,
    Rejected::Sealed,
    Rejected::Kind(0),
    Rejected::Body,
    Rejected::LeftOver,
    Rejected::NotCanonical,
    Rejected::RequestTooShort,
];

/// The name in the specification, which is also the counter's.
fn rejected_name(rejected: Rejected) -> &'static str {
    Counter::from(rejected).name().strip_prefix("rejected_").expect("a counter of rejections")
}

/// The invalid datagrams, each made from a valid one by one mistake.
fn invalid(name: &str) -> Vec<u8> {
    let open = example("open");
    let opened = example("opened");
    let body = |of: &[u8]| of[4..of.len() - 4].to_vec();
    let request = |kind: Kind, parts: &[&[u8]]| laws::frame(1, kind.byte(), &parts.concat());
    let head = &open[4..22];
    let tail = &opened[4..21];
    let started = &laws::varint(1_795_353_480_000)[..];
    let time = &laws::varint(1_795_353_485_000)[..];
    let class = &laws::varint(3_030)[..];
    // Behind the class of an `OPEN` its terms, and behind the student of a `MARK` that there is no code.
    let zeros = &[&[0, 0, 0][..], &laws::byte_string(&[0; 10])].concat()[..];
    let student = |text: &str| laws::byte_string(text.as_bytes());
    let mark = |student: &[u8]| {
        request(Kind::Mark, &[head, started, class, student, &[0], &laws::byte_string(&[0; 13])])
    };
    let marked = |class: &[u8], standing| request(Kind::Marked, &[tail, class, time, &[standing]]);
    let pull = |rest: &[u8]| request(Kind::Pull, &[head, &[7; 32], &[9; 16], rest]);
    match name {
        "too-short" => open[..7].to_vec(),
        "too-long" => [&example("status")[..], &[0]].concat(),
        "magic" => {
            let mut changed = open[..open.len() - 4].to_vec();
            changed[0] = b'X';
            let checksum = laws::crc32(&changed).to_le_bytes();
            [changed, checksum.to_vec()].concat()
        }
        "all-zeros" => vec![0; 48],
        "version" => laws::frame(2, open[3], &body(&open)),
        "version-too-short-for-an-answer" => laws::frame(2, Kind::Open.byte(), &[0]),
        "negotiation" => example("versions"),
        "checksum" => {
            let mut changed = open;
            changed[30] ^= 1;
            changed
        }
        "sealed" => laws::frame(1, Kind::Sealed.byte(), &body(&open)),
        "sealed-reply" => laws::frame(1, Kind::SealedReply.byte(), &body(&opened)),
        "kind-unassigned" => laws::frame(1, 0x55, &body(&open)),
        "kind-answer-to-server" => opened,
        "kind-request-to-client" => open,
        "body-cut-off" => request(Kind::Open, &[head, started]),
        "body-class-zero" => request(Kind::Open, &[head, started, &[0], zeros]),
        "body-number-zero" => request(Kind::Open, &[&head[..17], &[0], started, class, zeros]),
        "body-time-past-the-end" => {
            let past = laws::varint(WallTime::MAX.as_millis() + 1);
            request(Kind::Open, &[head, &past, class, zeros])
        }
        "body-class-too-large" => {
            let large = laws::varint(u64::from(u32::MAX) + 1);
            request(Kind::Open, &[head, started, &large, zeros])
        }
        "body-padding-not-zero" => {
            let not_zeros = [&zeros[..zeros.len() - 1], &[1]].concat();
            request(Kind::Open, &[head, started, class, &not_zeros])
        }
        "body-student-empty" => mark(&student("")),
        "body-student-with-space" => mark(&student("42 191")),
        "body-student-too-long" => mark(&student(&"1".repeat(33))),
        "body-boolean" => request(Kind::Opened, &[tail, class, time, &[2]]),
        "body-refusal-with-class" => marked(class, 17),
        "body-mark-without-class" => marked(&[0], 0),
        "body-standing" => marked(&[0], 16),
        "body-reason" => request(Kind::Refused, &[tail, time, &[30]]),
        "body-option" => request(Kind::FileList, &[tail, &[2]]),
        "body-pull-without-its-first" => pull(&[0, 0b110, 0]),
        "body-pull-past-the-last" => {
            pull(&[&laws::varint(u32::MAX.into())[..], &[0b11, 0]].concat())
        }
        "body-pull-past-the-last-and-left-over" => {
            pull(&[&laws::varint(u32::MAX.into())[..], &[0b11, 0, 0]].concat())
        }
        "body-file-read-past-its-end" => request(Kind::FileInfo, &[tail, &[1, 8, 7]]),
        "body-file-too-large" => {
            let large = laws::varint(limits::FILE_BYTES_MAX + 1);
            request(Kind::FileInfo, &[tail, &[2], &large, &[7; 32]])
        }
        "body-file-name-hidden" => {
            request(Kind::FileList, &[tail, &[1, 1, 1], &student(".profile"), &[7]])
        }
        "body-file-name-invisible" => {
            request(Kind::FileList, &[tail, &[1, 1, 1], &student("fdp\u{200f}"), &[7]])
        }
        "body-file-name-joiner-after-ascii" => {
            request(Kind::FileList, &[tail, &[1, 1, 1], &student("fdp\u{200d}"), &[7]])
        }
        "body-file-state" => request(Kind::FileInfo, &[tail, &[3]]),
        "body-pulled-too-long" => {
            request(Kind::Pulled, &[tail, &[0], &laws::byte_string(&[7; 1_025])])
        }
        "left-over-pull" => pull(&[0, 1, 0, 0]),
        "short-file" => request(Kind::File, &[head, &[7; 16], &laws::byte_string(&[0; 36])]),
        "left-over" => laws::frame(1, open[3], &[&body(&open)[..], &[0]].concat()),
        "left-over-answer" => laws::frame(1, opened[3], &[&body(&opened)[..], &[0]].concat()),
        "not-canonical-class" => request(Kind::Open, &[head, started, &[0xd6, 0x97, 0], zeros]),
        "not-canonical-length" => mark(&[&[0x82, 0][..], b"10"].concat()),
        "not-canonical-answer" => request(Kind::Stale, &[&tail[..16], &[0x81, 0]]),
        "short-status" => request(Kind::Status, &[head, class, &laws::byte_string(&[0; 34])]),
        other => invalid_of_people(other),
    }
}

/// The invalid datagrams of people and rooms.
fn invalid_of_people(name: &str) -> Vec<u8> {
    let (open, opened) = (example("open"), example("opened"));
    let request = |kind: Kind, parts: &[&[u8]]| laws::frame(1, kind.byte(), &parts.concat());
    let (head, tail) = (&open[4..22], &opened[4..21]);
    let started = &laws::varint(1_795_353_480_000)[..];
    let time = &laws::varint(1_795_353_485_000)[..];
    let class = &laws::varint(3_030)[..];
    let padding = &laws::byte_string(&[0; 10])[..];
    let text = |text: &str| laws::byte_string(text.as_bytes());
    match name {
        "body-terms" => request(Kind::Open, &[head, started, class, &[3, 0, 0], padding]),
        "body-code" => {
            let code = laws::varint(1_000_000);
            let parts = [head, started, class, &text("10"), &[1], &code];
            request(Kind::Mark, &[&parts.concat()[..], &laws::byte_string(&[0; 13])])
        }
        "body-name" => request(Kind::Joined, &[tail, time, &[0, 1], &text("Ana  Silva")]),
        "body-spot-of-none" => {
            let padding = laws::byte_string(&[0; 1_200 - 40]);
            request(Kind::Spot, &[head, class, &[0], &padding])
        }
        "body-code-without-terms" => request(
            Kind::RoomState,
            &[tail, class, time, &[0, 0, 0], &[1, 0, 0], &[1, 7], &laws::varint(9_000)],
        ),
        "short-open" => {
            request(Kind::Open, &[head, started, class, &[0; 3], &laws::byte_string(&[0; 9])])
        }
        other => panic!("nobody knows how to make {other}"),
    }
}

/// The bytes of a valid example.
fn example(name: &str) -> Vec<u8> {
    let all = Example::of("vector");
    let found = all.iter().find(|it| it.name == name);
    found.unwrap_or_else(|| panic!("there is no example {name}")).encoded()
}

#[test]
fn the_worked_sheet_has_its_bytes_and_its_name() {
    let sheets = Example::of("sheet");
    let [example, remarked, corrected] = &sheets[..] else { panic!("one of each form") };
    for later in [remarked, corrected] {
        let (sheet, info) = (later.sheet(), later.sheet().info(RollCallNumber::FIRST));
        assert_eq!(later.text("sha256"), format!("{:?}", info.content));
        assert_eq!(Sheet::from_bytes(&later.bytes, &info), Ok(sheet));
    }
    let sheet = example.sheet();
    let info = sheet.info(RollCallNumber::FIRST);
    assert_eq!(hex(&example.bytes), hex(&sheet.to_bytes()));
    assert_eq!(example.text("sha256"), format!("{:?}", info.content));
    assert_eq!(Sheet::from_bytes(&example.bytes, &info), Ok(sheet));
    for vector in Example::of("vector") {
        match (vector.name, vector.message()) {
            (
                "closed",
                Message::Reply(Reply { answer: Answer::Closed(Closed { sheet, .. }), .. }),
            ) => {
                assert_eq!(sheet, info);
            }
            ("sheet-list", Message::Reply(Reply { answer, .. })) => {
                assert_eq!(answer, Answer::Sheets(SheetList { sheets: vec![info], more: true }));
            }
            ("pull", Message::Request(Request { ask, .. })) => {
                let object = info.content;
                let pull = Pull { object, cookie: Cookie::NONE, first: 0, wanted: 1 };
                assert_eq!(ask, Ask::Pull(pull));
            }
            ("pulled", Message::Reply(Reply { answer, .. })) => {
                assert_eq!(
                    answer,
                    Answer::Pulled(Pulled { index: 0, bytes: example.bytes.clone() })
                );
            }
            _ => {}
        }
    }
}

#[test]
fn everybody_on_the_worked_sheet_is_what_chapter_12_says() {
    let sheets = Example::of("sheet");
    let corrected = sheets.iter().find(|it| it.name == "third-form").expect("one");
    let entries = corrected.sheet().entries();
    let shown = entries.iter().map(|it| {
        let walk_in = if it.listed { "" } else { " walk-in" };
        format!("{} {}{walk_in}", it.student, it.status)
    });
    let expected = ["042191010 present", "10 present", "30 late walk-in", "20 excused"];
    assert_eq!(shown.collect::<Vec<_>>(), expected);
}

#[test]
fn the_worked_roster_is_what_its_info_tells_of() {
    let rosters = Example::of("roster");
    let [example] = &rosters[..] else { panic!("one roster") };
    let class = example.class("class");
    let content = ContentId::of(&example.bytes);
    assert_eq!(example.text("sha256"), format!("{content:?}"));
    let read = RosterObject::from_bytes(&example.bytes, class).expect("a roster");
    assert_eq!(read.students, example.listed());
    let info = Example::of("vector").into_iter().find(|it| it.name == "roster-info");
    let Message::Reply(Reply { answer: Answer::Roster(info), .. }) = info.expect("one").message()
    else {
        panic!("it tells of a roster")
    };
    let students = read.students.len().try_into().expect("few");
    let bytes = example.bytes.len().try_into().expect("few");
    assert_eq!(info, RosterInfo { class, version: read.version, students, bytes, content });
}

#[test]
fn the_worked_file_is_asked_for_by_the_key_of_its_name() {
    let name = "Week 2.pdf".parse::<FileName>().expect("a name");
    let ask = |name| match decode_request(&example(name)) {
        Ok(received) => received.request.ask,
        Err(rejected) => panic!("{rejected}"),
    };
    assert_eq!(ask("file"), Ask::Read(Query::File { file: name.key() }));
    let answer = |name| decode_reply(&example(name)).expect("an answer").answer;
    let Answer::Files(Some(list)) = answer("file-list") else { panic!("a list") };
    let Answer::File(FileState::Ready(info)) = answer("file-info") else { panic!("a file") };
    assert!(list.files.contains(&FileEntry { name, bytes: info.bytes }));
    let Ask::Pull(pull) = ask("pull-proved") else { panic!("a pull") };
    assert_eq!(pull.object, info.content);
    assert!(pull.blocks().all(|block| block < info.blocks()), "blocks that it has");
    assert_eq!(answer("cookie"), Answer::Cookie(pull.cookie));
}

// The tables.

#[test]
fn values_are_written_as_the_table_of_chapter_4_shows() {
    let rows = table("## 4. How values are written", &["value", "bytes"]);
    for row in rows {
        let (kind, value) = row[0].trim_start_matches('`').split_once("` ").expect("type, value");
        let number = || value.parse::<u64>().unwrap_or_else(|_| panic!("{value:?}"));
        let encoded = match kind {
            "u8" => postcard::to_stdvec(&u8::try_from(number()).expect("a u8")),
            "u16" => postcard::to_stdvec(&u16::try_from(number()).expect("a u16")),
            "u32" => postcard::to_stdvec(&u32::try_from(number()).expect("a u32")),
            "u64" => postcard::to_stdvec(&number()),
            "bool" => postcard::to_stdvec(&(value == "true")),
            "text" => postcard::to_stdvec(value.trim_matches('"')),
            "bytes" if value == "of nothing" => postcard::to_stdvec::<[u8]>(&[]),
            "bytes" => postcard::to_stdvec::<[u8]>(&[0, 0, 0]),
            "option of u32" => postcard::to_stdvec(&value.parse::<u32>().ok()),
            "list of u32" => {
                let items = value.split(", ").map(|it| it.parse::<u32>().expect("a u32"));
                postcard::to_stdvec(&items.collect::<Vec<_>>())
            }
            other => panic!("no such type: {other}"),
        };
        assert_eq!(hex(&unhex(row[1])), hex(&encoded.expect("encoded")), "{}", row[0]);
    }
}

/// Each message has a table of its fields, headed by its name and its kind.
#[test]
fn every_message_is_headed_by_its_kind() {
    let heads = SPEC.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` 0x"));
    let heads = heads.map(|(name, rest)| {
        let byte = rest.get(..2).expect("two digits");
        (name, u8::from_str_radix(byte, 16).expect("two digits of base 16"))
    });
    let heads: BTreeMap<_, _> = heads.collect();
    let kinds = Kind::TABLE.into_iter();
    let spoken = kinds.filter(|row| !row.0.is_sealed());
    let mut known: BTreeMap<_, _> = spoken.map(|(_, byte, name)| (name, byte)).collect();
    known.insert("VERSIONS", 0xff);
    assert_eq!(heads, known);
}

// spec: R-FRAME-3
#[test]
fn the_table_of_kinds_is_the_librarys() {
    let columns = ["byte", "kind", "sent by", "least bytes", "fitting answers"];
    let rows = table("## 5. The kinds", &columns);
    let written: Vec<_> = rows.iter().map(|row| (parse_number(row[0]), unquoted(row[1]))).collect();
    let known: Vec<_> = Kind::TABLE.iter().map(|row| (u64::from(row.1), row.2)).collect();
    assert_eq!(written, known);
    for row in &rows {
        let sender = if parse_number(row[0]) < 0x80 { "client" } else { "server" };
        assert_eq!(row[2], sender, "{}", row[1]);
    }
    let least = rows.iter().filter(|row| !row[3].is_empty());
    let least: BTreeMap<_, _> = least.map(|row| (unquoted(row[1]), parse_number(row[3]))).collect();
    let again = table(
        "## 9. Sizes: no answer is longer than its request",
        &["request", "least bytes", "longest answer"],
    );
    let again = again.iter().map(|row| (unquoted(row[0]), parse_number(row[1]))).collect();
    assert_eq!(least, again);
    assert_eq!(least, BTreeMap::from(LEAST_BYTES.map(|(kind, bytes)| (kind, bytes as u64))));
}

const LEAST_BYTES: [(&str, usize); 25] = [
    ("PLAN", limits::REQUEST_MIN_BYTES),
    ("EXTEND", limits::WORK_REQUEST_MIN_BYTES),
    ("REOPEN", limits::REQUEST_MIN_BYTES),
    ("DELIVER", limits::REQUEST_MIN_BYTES),
    ("CORRECT", limits::WORK_REQUEST_MIN_BYTES),
    ("ENROL", limits::WORK_REQUEST_MIN_BYTES),
    ("ROSTER", limits::SHEET_REQUEST_MIN_BYTES),
    ("WATCH", limits::LIST_REQUEST_MIN_BYTES),
    ("REVISIONS", limits::LIST_REQUEST_MIN_BYTES),
    ("TALLY", limits::SHEET_REQUEST_MIN_BYTES),
    ("OPEN", limits::REQUEST_MIN_BYTES),
    ("CLOSE", limits::SHEET_REQUEST_MIN_BYTES),
    ("MARK", limits::REQUEST_MIN_BYTES),
    ("JOIN", limits::JOIN_REQUEST_MIN_BYTES),
    ("ACT", limits::REQUEST_MIN_BYTES),
    ("PEOPLE", limits::LIST_REQUEST_MIN_BYTES),
    ("ACTS", limits::LIST_REQUEST_MIN_BYTES),
    ("ROOM", limits::ROOM_REQUEST_MIN_BYTES),
    ("MINE", limits::LIST_REQUEST_MIN_BYTES),
    ("SPOT", limits::LIST_REQUEST_MIN_BYTES),
    ("STATUS", limits::STATUS_REQUEST_MIN_BYTES),
    ("SHEETS", limits::SHEET_REQUEST_MIN_BYTES),
    ("FILES", limits::FILES_REQUEST_MIN_BYTES),
    ("FILE", limits::FILE_REQUEST_MIN_BYTES),
    ("PULL", limits::PULL_REQUEST_MIN_BYTES),
];

#[test]
fn the_table_of_reasons_is_the_librarys() {
    let rows = table("## 21. Registry", &["reason", "name", "meaning"]);
    let written: Vec<_> = rows.iter().map(|row| (parse_number(row[0]), row[1])).collect();
    let known: Vec<_> =
        Refusal::ALL.iter().map(|&reason| (u64::from(u8::from(reason)), reason.name())).collect();
    assert_eq!(written, known);
}

#[test]
fn the_order_of_trust_names_every_rejection() {
    let columns = ["step", "check", "server", "client", "name if it fails"];
    let rows = table("## 7. Reading a datagram: the order of trust", &columns);
    let words: Vec<_> = rows.iter().flat_map(|row| row[4].split([' ', ','])).collect();
    for rejected in EVERY_REJECTED {
        assert!(words.contains(&rejected_name(rejected)), "{rejected}");
    }
}

/// A constant as its table shows it: a count of something, or a time.
enum Constant {
    Count(u64),
    Time(Duration),
}

impl Constant {
    fn count(count: impl TryInto<u64, Error: std::fmt::Debug>) -> Self {
        Self::Count(count.try_into().expect("not that many"))
    }
}

fn constants() -> BTreeMap<&'static str, Constant> {
    macro_rules! counts {
        ($($name:ident),* $(,)?) => {
            [$((stringify!($name), Constant::count(limits::$name)),)*]
        };
    }
    let counts = counts![
        DATAGRAM_MAX_BYTES,
        DATAGRAM_MIN_BYTES,
        UDP_PAYLOAD_MAX_BYTES,
        REQUEST_MIN_BYTES,
        SHEET_REQUEST_MIN_BYTES,
        STATUS_REQUEST_MIN_BYTES,
        BLOCK_BYTES,
        PULL_REQUEST_MIN_BYTES,
        LONE_PULL_MIN_BYTES,
        PULLS_RETIRED_MAX,
        READING_PROGRESS_BYTES,
        STUDENT_LENGTH_MAX_BYTES,
        MARKS_PER_ROLL_CALL_MAX,
        OPEN_ROLL_CALLS_MAX,
        CLASSES_MAX,
        EMPTY_SHEETS_KEPT_MAX,
        SHEET_QUESTIONS_MAX,
        SHEETS_LISTED_MAX,
        CLIENTS_MAX,
        BLOCKS_AWAITED_MAX,
        BLOCKS_AWAITED_PER_ADDRESS_MAX,
        FILES_RATE_DEFAULT_BYTES,
        REPLIES_HELD_MAX,
        FILES_REQUEST_MIN_BYTES,
        FILE_REQUEST_MIN_BYTES,
        FILE_NAME_MAX_BYTES,
        FILE_BYTES_MAX,
        FILE_QUESTIONS_MAX,
        FILES_MAX,
        BLOCKS_PER_PULL_MAX,
        PIECES_AHEAD_MAX,
        RETRY_EVEN_WAITS,
        BLOCKS_PER_TURN_MAX,
        BLOCKS_REORDERED_MAX,
        SEALED_SHORT_BYTES,
        SEALED_LONG_BYTES,
        SEALED_ROOM_BYTES,
        JOIN_REQUEST_MIN_BYTES,
        ROOM_REQUEST_MIN_BYTES,
        LIST_REQUEST_MIN_BYTES,
        PERSON_NAME_MAX_BYTES,
        INVITE_CODE_BYTES,
        ROOM_CODE_DIGITS,
        SPOT_MAX,
        ROOM_CODE_STEPS_TAKEN,
        WRONG_CODES_MAX,
        STRANGERS_WRONG_CODES_MAX,
        INVITES_MAX,
        INVITE_FILES_MAX,
        PEOPLE_MAX,
        STAFF_DEVICES_MAX,
        BONDS_MAX,
        BONDS_PER_ONE_MAX,
        SHARES_MAX,
        MARKS_LISTED_MAX,
        DEVICE_BURST_MAX,
        DEVICE_RATE_MAX,
        DEVICES_METERED_MAX,
        HELLOS_QUEUED_MAX,
        HELLOS_UNPROVED_MAX,
        HANDSHAKES_MAX,
        RENEWS_PER_SECOND_MAX,
        NOTICES_MAX,
        HELLO_RETRIES_MAX,
        UNANSWERED_MAX,
        WORK_REQUEST_MIN_BYTES,
        STUDENT_NAME_MAX_BYTES,
        GROUP_MAX_BYTES,
        REASON_MAX_BYTES,
        TITLE_MAX_BYTES,
        LESSONS_MAX,
        ROSTER_EDITS_MAX,
        WATCHED_MAX,
        ROSTER_MAX,
        ROSTERS_TOTAL_MAX,
        TRAIL_MAX,
        REOPEN_MARKS_MAX,
    ];
    let busy = Duration::from_millis(limits::BUSY_RETRY_AFTER_MS.into());
    let busy = [("BUSY_RETRY_AFTER_MS", Constant::Time(busy))];
    counts.into_iter().chain(times()).chain(busy).collect()
}

/// Those that are times.
fn times() -> impl Iterator<Item = (&'static str, Constant)> {
    macro_rules! times {
        ($($name:ident),* $(,)?) => {
            [$((stringify!($name), Constant::Time(limits::$name)),)*]
        };
    }
    times![
        RETRY_INITIAL,
        RETRY_MIN,
        RETRY_MAX,
        DEADLINE_DEFAULT,
        DEADLINE_MAX,
        WINDOW,
        CLIENT_SILENCE_MIN,
        PULL_TIMER_MIN,
        ASK_AGAIN_MIN,
        COOKIE_LIFE,
        LISTING_LIFE,
        TICKET_LIFE,
        HELD_BACK_MAX,
        HELLO_SPACING,
        HELLO_PRESSURE,
        SILENCE_MIN,
        INVITE_LIFE,
        ADMIN_LINK_LIFE,
        ROOM_CODE_STEP,
        WINDOW_LENGTH_MAX,
        ACCEPT_DELAYED_DEFAULT,
        REOPEN_MAX,
        DEADLINE_CHECK_INTERVAL,
    ]
    .into_iter()
}

fn parse_time(text: &str) -> Duration {
    let (number, unit) = text.split_once(' ').expect("number and unit");
    let number = parse_number(number);
    match unit {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "min" => Duration::from_secs(number * 60),
        other => panic!("no such unit: {other}"),
    }
}

#[test]
fn the_tables_of_timers_and_limits_are_the_constants() {
    let mut constants = constants();
    let timers = table("## 16. Timers", &["timer", "value", "constant", "reason"]);
    let limits = ["limit", "value", "constant", "at the limit"];
    let wire = table("## 17. Limits", &limits);
    let server = table("### 17.1 Limits of the reference server", &limits);
    for row in timers.iter().chain(&wire).chain(&server).filter(|row| !row[2].is_empty()) {
        let name = unquoted(row[2]);
        match constants.remove(name).unwrap_or_else(|| panic!("{name} is not known, or twice")) {
            Constant::Count(count) => {
                let number = row[1].split(' ').next().expect("a word");
                assert_eq!(parse_number(number), count, "{name}");
            }
            Constant::Time(time) => assert_eq!(parse_time(row[1]), time, "{name}"),
        }
    }
    let missing: Vec<_> = constants.keys().collect();
    assert!(missing.is_empty(), "not in the tables: {missing:?}");
}

#[test]
fn the_longest_answers_are_as_long_as_chapter_9_says() {
    let rows = table(
        "## 9. Sizes: no answer is longer than its request",
        &["request", "least bytes", "longest answer"],
    );
    let number = RequestNumber::new(u64::MAX).expect("not zero");
    let class = ClassId::new(u32::MAX).expect("not zero");
    let at = WallTime::MAX;
    let sheet = SheetInfo {
        class,
        number: RollCallNumber::MAX,
        opened_at: at,
        closed_at: at,
        students: u32::MAX,
        bytes: u32::MAX,
        content: ContentId::from_bytes([0xff; 32]),
    };
    for row in rows {
        let answer = match unquoted(row[0]) {
            "EXTEND" => Answer::Extended(Extended { at, class, closes_at: at }),
            "CORRECT" => {
                let (number, was) = (RollCallNumber::MAX, Some(Status::Left));
                Answer::Corrected(Corrected { at, class, number, revision: u32::MAX, was })
            }
            "ENROL" => {
                Answer::Enrolled(Enrolled { at, class, version: u64::MAX, students: u32::MAX })
            }
            "ROSTER" => Answer::Roster(RosterInfo {
                class,
                version: u64::MAX,
                students: u32::MAX,
                bytes: u32::MAX,
                content: sheet.content,
            }),
            "OPEN" | "PLAN" | "REOPEN" => {
                Answer::Opened(Opened { class, opened_at: at, already_open: true })
            }
            "MARK" | "DELIVER" => Answer::Marked(Marked { class, at, already_present: true }),
            "CLOSE" => Answer::Closed(Closed { sheet, already_closed: true }),
            "JOIN" => {
                let name = "x".repeat(limits::PERSON_NAME_MAX_BYTES).parse().expect("a name");
                let guest = Guest::Staff { role: Role::Teacher, name };
                Answer::Joined(Joined { at, guest })
            }
            "ACT" => Answer::Acted(Acted { at, count: u32::MAX }),
            "ROOM" => Answer::Room(RoomState {
                class,
                opened_at: at,
                present: u32::MAX,
                remarked: u32::MAX,
                wrong_codes: u32::MAX,
                terms: Terms::SEALED,
                code: RoomCode::new(999_999),
                left_ms: u16::MAX,
            }),
            "FILE" => {
                let bytes = limits::FILE_BYTES_MAX;
                Answer::File(FileState::Ready(FileInfo { bytes, content: sheet.content }))
            }
            "PULL" => Answer::Cookie(Cookie::from_bytes([0xff; 16])),
            _ => continue,
        };
        let client = ClientId::from_bytes([0xff; 16]);
        let length = Message::Reply(Reply { client, number, answer }).encoded().len();
        let written = row[2].rsplit(", ").next().and_then(|it| it.strip_suffix(" bytes"));
        assert_eq!(written.map(parse_number), Some(length as u64), "{}", row[0]);
    }
}

// The rules.

/// Name and text of every rule.
fn rules() -> Vec<(&'static str, &'static str)> {
    let rule = |line: &'static str| line.strip_prefix("**R-")?.split_once("** ");
    SPEC.lines().filter_map(rule).collect()
}

#[test]
fn rules_are_counted_without_gaps_and_are_one_sentence_with_a_must() {
    let mut counts = BTreeMap::new();
    for (name, text) in rules() {
        let (chapter, number) = name.rsplit_once('-').expect("chapter and number");
        let count = counts.entry(chapter).or_insert(0);
        *count += 1;
        assert_eq!(number, count.to_string(), "R-{name}");
        assert!(text.contains("MUST"), "R-{name}");
        assert!(text.ends_with('.') && !text.contains(". "), "R-{name} is one sentence");
    }
    assert!(counts.len() > 10, "the rules are found");
}

#[test]
fn every_rule_that_is_cited_exists() {
    let known: BTreeSet<_> = rules().iter().map(|rule| rule.0).collect();
    let mut files =
        vec![root("src"), root("tests"), root("fuzz/fuzz_targets"), root("fuzz/laws.rs")];
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(fs::read_dir(path).expect("listed").map(|it| it.expect("listed").path()));
            continue;
        }
        if path.extension().is_none_or(|it| it != "rs") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source file");
        for name in citations(&text) {
            assert!(known.contains(name), "{} cites R-{name}", path.display());
        }
    }
    for name in citations(SPEC) {
        assert!(known.contains(name), "the specification cites R-{name}");
    }
}

/// What looks like the name of a rule, without its first two characters.
fn citations(text: &str) -> impl Iterator<Item = &str> {
    text.split("R-").skip(1).filter_map(|rest| {
        let word = rest.find(|it: char| !it.is_ascii_uppercase())?;
        let digits = rest[word..].strip_prefix('-')?;
        let length = digits.find(|it: char| !it.is_ascii_digit()).unwrap_or(digits.len());
        (word > 0 && length > 0).then(|| &rest[..word + 1 + length])
    })
}

// Where the fuzzer starts from.

#[test]
fn every_example_is_where_the_fuzzer_starts_from() {
    for example in Example::all().iter().filter(|it| it.what.starts_with("vector")) {
        expect_in_corpus("decode", example.name, &example.bytes);
        // The same without its frame, after the place of a change that `decode_framed` makes.
        let bytes = &example.bytes;
        if (limits::DATAGRAM_MIN_BYTES..=limits::DATAGRAM_MAX_BYTES).contains(&bytes.len()) {
            let sealed = [&[7, 0], &bytes[3..bytes.len() - 4]].concat();
            expect_in_corpus("decode_framed", example.name, &sealed);
        }
    }
}

/// The targets that read a story from their input: what the examples are in such a story.
#[test]
fn every_story_of_the_fuzzer_starts_from_an_example() {
    let mut desk = Desk::new();
    for example in Example::of("vector") {
        let bytes = &example.bytes;
        if decode_request(bytes).is_ok() {
            // It arrives, the server's loop turns, its batch is durable, the loop turns again.
            let turn = [hall(5), hall(6), vec![1], hall(5)].concat();
            let story = [hall(3), listed(bytes), turn].concat();
            expect_in_corpus("server_ops", example.name, &story);
            desk.hand(bytes);
        }
        if let Ok(reply) = decode_reply(bytes) {
            // The client opens class 1 with the usual deadline, and sends. What it hears then has
            // the name of another client; a step of its own says the same in its own name.
            let opens = [desk_step(0), choice(0, 3), vec![0], choice(0, 3)].concat();
            let sends = [desk_step(8), vec![0]].concat();
            let hears = [desk_step(4), listed(bytes)].concat();
            let story = [opens, sends, hears, said(&reply.answer)].concat();
            expect_in_corpus("client_ops", example.name, &story);
        }
    }
    expect_in_corpus("server_ops", "files-and-pulls", &a_story_of_files());
    expect_in_corpus("download_ops", "blocks-in-any-order", &a_story_of_blocks());
    // The first batch is what a server has written when it was handed every request in order.
    let blob = encode_records(&desk.journal, Vec::new());
    let content = &blob[..blob.len() - 4];
    let row = [choice(0, 10), choice(0, 4), choice(1, 4), listed(content)].concat();
    expect_in_corpus("journal_replay", "requests", &row);
    // The same, but for the last byte of its checksum.
    let damaged = [&blob[..blob.len() - 1], &[!blob[blob.len() - 1]]].concat();
    let row = [choice(0, 10), choice(0, 4), choice(0, 4), listed(&damaged)].concat();
    expect_in_corpus("journal_replay", "checksum", &row);
}

/// A file is asked for and pulled: by who has a cookie, whose cookie is old, and who has another's.
fn a_story_of_files() -> Vec<u8> {
    let turn = || hall(5);
    let asks = |what: &[u8]| [&hall(0), &[0][..], &choice(1, 5), &choice(0, 4), what].concat();
    let files = asks(&[choice(7, 10), vec![0, 0]].concat());
    let file = asks(&[choice(8, 10), vec![0, 0]].concat());
    let block = asks(&[choice(9, 10), vec![0, 1, 0]].concat());
    let pull = |who: u8, proof: &[u8], first: u8, wanted: u64| {
        let wanted = wanted.to_le_bytes();
        [&hall(12), &[who][..], &choice(0, 3), &[0], proof, &[first], &wanted].concat()
    };
    let (none, last) = (choice(0, 4), choice(1, 4));
    let others = [choice(2, 4), vec![0]].concat();
    let a_minute = [hall(7), choice(1, 4), vec![1]].concat();
    let becomes = |size: u8| [hall(13), vec![0, size]].concat();
    let steps = [
        [becomes(200), file.clone(), turn(), file, turn(), files, block, turn()].concat(),
        [pull(0, &none, 0, 1), turn()].concat(),
        [pull(0, &last, 0, u64::MAX), pull(0, &last, 1, 0b1101), pull(0, &last, 7, u64::MAX)]
            .concat(),
        [pull(0, &last, 3, u64::MAX), turn(), hall(9), turn(), hall(9), turn()].concat(),
        [a_minute.clone(), pull(0, &last, 0, 0b11), turn()].concat(),
        [a_minute, pull(0, &last, 0, 0b11), turn(), pull(0, &last, 0, 0b11), turn()].concat(),
        [pull(1, &others, 0, 0b111), turn()].concat(),
        [becomes(0), pull(0, &last, 2, u64::MAX), turn()].concat(),
    ];
    steps.concat()
}

/// Blocks come twice, late, under another request, and with a wrong length.
fn a_story_of_blocks() -> Vec<u8> {
    let step = |place, values: &[u8]| [&choice(place, 17), values].concat();
    // A hundred blocks and a bit, a buffer of forty, and a server that answers in the end.
    let mut story = vec![100, 7, 0, 0, 40, 20, 1];
    story.extend([step(13, &[5, 0]), step(6, &[0, 9]), step(13, &[5, 0])].concat());
    for turn in 0..20 {
        story.extend(step(3, &[0, turn, turn, 3]));
        story.extend([step(0, &[turn % 3, turn]), step(1, &[turn % 3])].concat());
        story.extend([step(4, &[0, turn, 0]), step(5, &[turn])].concat());
        story.extend([step(13, &[3, 0]), step(14, &[0]), step(16, &[])].concat());
        story.extend(step(9, &[turn % 4, turn, turn % 2]));
    }
    story
}

/// One of the steps of `fuzz/server_laws.rs`.
fn hall(place: u64) -> Vec<u8> {
    choice(place, 18)
}

/// One of the steps of `fuzz/client_laws.rs`.
fn desk_step(place: u64) -> Vec<u8> {
    choice(place, 15)
}

/// One of so many, as `arbitrary` reads it.
fn choice(place: u64, count: u64) -> Vec<u8> {
    let number = u32::try_from((place << 32) / count + 1).expect("one of them");
    number.to_le_bytes().to_vec()
}

/// Bytes, each behind a word that there is one more.
fn listed(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|&byte| [1, byte]).chain([0]).collect()
}

/// Such an answer to the last request.
fn said(answer: &Answer) -> Vec<u8> {
    let (place, values) = match answer {
        Answer::Opened(_) => (1, vec![0]),
        Answer::Closed(_) => (2, vec![0]),
        Answer::Marked(_) => (3, vec![0]),
        Answer::MarkRefused(_) => (4, vec![]),
        Answer::Refused(_) => (5, vec![]),
        Answer::Status(StatusList { more, .. }) => (6, vec![1, 0, 0, (*more).into()]),
        Answer::Sheets(SheetList { sheets, .. }) => (7, vec![(!sheets.is_empty()).into(), 0]),
        Answer::Stale => (8, vec![]),
        Answer::BeginAgain(BeginAgain { server_time: None }) => (9, vec![]),
        Answer::BeginAgain(BeginAgain { server_time: Some(_) }) => (10, vec![60]),
        Answer::Busy(Busy { retry_after_ms }) => (11, retry_after_ms.to_le_bytes().to_vec()),
        Answer::Files(list) => (12, vec![list.is_some().into()]),
        Answer::File(state) => (13, vec![matches!(state, FileState::Ready(_)).into()]),
        // No answer to anything that this client asks.
        Answer::Pulled(_) => (14, vec![0]),
        Answer::Cookie(_)
        | Answer::Joined(_)
        | Answer::Acted(_)
        | Answer::People(_)
        | Answer::Acts(_)
        | Answer::Room(_)
        | Answer::Mine(_)
        | Answer::Spot(_)
        | Answer::Arrived(_)
        | Answer::Extended(_)
        | Answer::Corrected(_)
        | Answer::Enrolled(_)
        | Answer::Roster(_)
        | Answer::Watched(_)
        | Answer::Revisions(_)
        | Answer::Tallied(_)
        // It hears this one under the name of another client, as it does each of these.
        | Answer::Revoked => (15, vec![]),
    };
    [desk_step(2), choice(0, 4), choice(place, 16), values].concat()
}

fn expect_in_corpus(target: &str, name: &str, bytes: &[u8]) {
    let folder = root("fuzz/corpus").join(target);
    let file = folder.join(name);
    if std::env::var_os("UPDATE_CORPUS").is_some() {
        fs::create_dir_all(&folder).expect("the corpus can be written");
        fs::write(&file, bytes).expect("the corpus can be written");
    }
    let there = fs::read(&file).unwrap_or_default();
    let file = file.display();
    assert_eq!(hex(&there), hex(bytes), "{file}; UPDATE_CORPUS=1 writes it");
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

// The server's rules, played through.

const START: u64 = 1_795_353_480_000;
const MINUTE: u64 = 60_000;

/// A server with a clock and a disk that do what the test says.
struct Desk {
    server: Server<u8>,
    millis: u64,
    disk_works: bool,
    appended: u64,
    journal: Vec<Record>,
    sheets: Vec<Sheet>,
    infos: Vec<SheetInfo>,
}

impl Desk {
    fn new() -> Self {
        Self {
            server: Server::new(1),
            millis: 0,
            disk_works: true,
            appended: 0,
            journal: Vec::new(),
            sheets: Vec::new(),
            infos: Vec::new(),
        }
    }

    fn now(&self) -> Now {
        let instant = Instant::from_micros(self.millis * 1_000);
        Now { instant, wall: WallTime::from_millis(START + self.millis) }
    }

    fn wait(&mut self, millis: u64) {
        self.millis += millis;
    }

    /// What the server sends for a datagram; never more than one, and never more bytes.
    fn hand(&mut self, datagram: &[u8]) -> Option<Vec<u8>> {
        self.server.handle_datagram(self.now(), 7, datagram);
        let mut answers = self.poll();
        let answer = answers.pop();
        assert!(answers.is_empty(), "R-KIND-2");
        // Nobody here has proved an address.
        assert!(answer.iter().all(|it| it.len() <= datagram.len()), "R-SIZE-3");
        answer
    }

    fn poll(&mut self) -> Vec<Vec<u8>> {
        let mut space = Datagram::new();
        let mut sent = Vec::new();
        while let Some(output) = self.server.poll_output(&mut space) {
            match output {
                Output::Transmit { to } => {
                    assert_eq!(to, 7, "R-KIND-3");
                    sent.push(space.as_bytes().to_vec());
                }
                Output::Append(batch) => {
                    self.appended = batch.number;
                    self.journal.extend(batch.records);
                    self.infos.extend(batch.sheets.iter().map(|it| it.info));
                    self.sheets.extend(batch.sheets.iter().map(ClosedSheet::sheet));
                    if self.disk_works {
                        self.server.handle_durable(batch.number);
                    }
                }
                Output::Snapshot(part) => unreachable!("none is begun: {part:?}"),
                Output::Folder(order) => unreachable!("no files are offered: {order:?}"),
                Output::ListSheets(question) => {
                    let mut infos: Vec<_> = self.infos.clone();
                    infos.retain(|it| it.class == question.class && it.number <= question.at_most);
                    infos.reverse();
                    infos.truncate(question.limit + 1);
                    self.server.handle_sheets(question, infos);
                }
                Output::ListRows(question) => {
                    let none = match question {
                        RowsQuestion::Revisions { .. } => Rows::Revisions(vec![]),
                        RowsQuestion::RollCall { .. } => Rows::RollCall(None),
                        RowsQuestion::Tally { .. } => Rows::Tally(Tally::default()),
                        other => unreachable!("nobody has a device: {other:?}"),
                    };
                    self.server.handle_rows(question, &none);
                }
                Output::Load(content) => {
                    let bytes = self.sheets.iter().map(Sheet::to_bytes);
                    let found = bytes.into_iter().find(|it| ContentId::of(it) == content);
                    self.server.handle_sheet(content, found);
                }
            }
        }
        sent
    }

    fn ask(&mut self, request: &Request) -> Option<Answer> {
        let bytes = Message::Request(request.clone()).encoded();
        let answer = decode_reply(&self.hand(&bytes)?).expect("an answer");
        assert_eq!((answer.client, answer.number), (request.client, request.number), "R-REQUEST-6");
        Some(answer.answer)
    }

    /// The next operation of client 1, 2 and so on.
    fn perform(&mut self, client: u8, number: u64, operation: Operation) -> Option<Answer> {
        self.ask(&perform(client, number, START, operation))
    }

    /// As after a crash: all that is left is what was appended.
    fn start_anew(self) -> Self {
        let mut anew = Self::new();
        for record in &self.journal {
            anew.server.replay(record.clone()).expect("its own journal");
        }
        anew.server.resume_after(self.appended);
        Self { server: anew.server, ..self }
    }
}

fn client(byte: u8) -> ClientId {
    ClientId::from_bytes([byte; 16])
}

fn number(number: u64) -> RequestNumber {
    RequestNumber::new(number).expect("not zero")
}

fn perform(who: u8, which: u64, started: u64, operation: Operation) -> Request {
    let started = WallTime::from_millis(started);
    let ask = Ask::Perform { started, operation };
    Request { attempt: 1, client: client(who), number: number(which), ask }
}

fn read(which: u64, query: Query) -> Request {
    Request { attempt: 1, client: client(9), number: number(which), ask: Ask::Read(query) }
}

fn class(number: u32) -> ClassId {
    ClassId::new(number).expect("not zero")
}

fn open(number: u32) -> Operation {
    Operation::Open { class: class(number), terms: Terms::PLAIN }
}

fn close(number: u32) -> Operation {
    Operation::Close { class: class(number) }
}

fn mark(number: u32, student: &str) -> Operation {
    let student = student.parse().expect("a student");
    Operation::Mark { class: class(number), student, code: None }
}

fn opened(number: u32, millis: u64, already_open: bool) -> Answer {
    let opened_at = WallTime::from_millis(START + millis);
    Answer::Opened(Opened { class: class(number), opened_at, already_open })
}

fn marked(number: u32, millis: u64, already_present: bool) -> Answer {
    let at = WallTime::from_millis(START + millis);
    Answer::Marked(Marked { class: class(number), at, already_present })
}

fn begin_again() -> Answer {
    Answer::BeginAgain(BeginAgain { server_time: None })
}

fn clock_skew(millis: u64) -> Answer {
    Answer::BeginAgain(BeginAgain { server_time: Some(WallTime::from_millis(START + millis)) })
}

// spec: R-READ-1, R-READ-2, R-READ-3, R-READ-5, R-KIND-1, R-VERSION-1, R-VERSION-2, R-KIND-2
#[test]
fn what_a_server_cannot_read_it_counts_and_leaves_unanswered() {
    for example in Example::of("vector-invalid").iter().filter(|it| it.text("reader") == "server") {
        let mut desk = Desk::new();
        let answer = desk.hand(&example.bytes);
        let expected = (example.name == "version").then(|| self::example("versions"));
        assert_eq!(answer, expected, "{}", example.name);
        let counted: Vec<_> = desk.server.stats().iter().collect();
        let name = format!("rejected_{}", example.text("rejected"));
        assert_eq!(counted, [(&name[..], 1)], "{}", example.name);
        assert!(desk.journal.is_empty(), "{}", example.name);
    }
    for answer in
        Example::of("vector").iter().filter(|it| matches!(it.message(), Message::Reply(_)))
    {
        assert_eq!(Desk::new().hand(&answer.bytes), None, "{}", answer.name);
    }
}

// spec: R-JUDGE-1, R-JUDGE-2, R-JUDGE-4, R-JUDGE-5, R-JUDGE-6, R-JUDGE-7, R-REQUEST-5, R-REQUEST-6, R-KIND-2
#[test]
fn duplicates_are_told_as_chapter_10_says() {
    let mut desk = Desk::new();
    let first = perform(1, 1, START, open(1));
    assert_eq!(desk.ask(&first), Some(opened(1, 0, false)), "a new client");
    desk.wait(1_000);
    let again = Request { attempt: 2, ..first.clone() };
    assert_eq!(desk.ask(&again), Some(opened(1, 0, false)), "the first answer again");
    assert_eq!(desk.perform(1, 1, open(2)), Some(begin_again()));
    assert_eq!(desk.perform(1, 1, close(1)), Some(begin_again()));
    assert_eq!(desk.perform(1, 3, close(1)), Some(Answer::Stale), "a gap");
    assert!(matches!(desk.perform(1, 2, close(1)), Some(Answer::Closed(_))), "the next");
    assert_eq!(desk.ask(&first), Some(Answer::Stale), "the opening comes late");
    assert_eq!(desk.perform(2, 2, open(1)), Some(begin_again()), "nobody knows client 2");
    assert_eq!(desk.server.open_roll_calls(), 0, "none of that had an effect");
    assert_eq!(desk.journal.len(), 2);
}

// spec: R-JUDGE-8, R-JUDGE-11
#[test]
fn a_clock_behind_the_window_is_told_so_and_not_remembered() {
    let mut desk = Desk::new();
    desk.wait(15 * MINUTE + 1);
    assert_eq!(desk.perform(1, 1, open(1)), Some(clock_skew(15 * MINUTE + 1)));
    let told = Record::TimeDisclosed { at: WallTime::from_millis(START + 15 * MINUTE + 1) };
    assert_eq!(desk.journal, [told], "the time, and nothing of the client");
    let just_within = perform(1, 1, START + 1, open(1));
    assert_eq!(desk.ask(&just_within), Some(opened(1, 15 * MINUTE + 1, false)));
}

// spec: R-JUDGE-9, R-JUDGE-11
#[test]
fn a_clock_ahead_of_the_window_is_told_so_for_ever() {
    let mut desk = Desk::new();
    let ahead = perform(1, 1, START + 15 * MINUTE + 1, open(1));
    assert_eq!(desk.ask(&ahead), Some(clock_skew(0)));
    desk.wait(10 * MINUTE);
    assert_eq!(desk.ask(&ahead), Some(clock_skew(0)), "also when it would be punctual by now");
    let mut desk = desk.start_anew();
    assert_eq!(desk.ask(&ahead), Some(clock_skew(0)), "also after a start");
    assert_eq!(desk.server.open_roll_calls(), 0);
    let just_within = perform(2, 1, START + 25 * MINUTE, open(1));
    assert_eq!(desk.ask(&just_within), Some(opened(1, 10 * MINUTE, false)));
}

// spec: R-DURABLE-1, R-JUDGE-3
#[test]
fn nothing_is_told_before_it_is_durable() {
    let mut desk = Desk::new();
    desk.disk_works = false;
    let opening = perform(1, 1, START, open(1));
    assert_eq!(desk.ask(&opening), None);
    assert_eq!(desk.ask(&opening), None, "the same again is no reason to hurry");
    assert_eq!(desk.ask(&read(1, Query::Status { from: class(1) })), None, "a query would tell it");
    desk.server.handle_durable(desk.appended);
    assert_eq!(desk.poll().len(), 2, "the opening and the query; the repeat got silence");
    assert_eq!(desk.ask(&opening), Some(opened(1, 0, false)));
}

// spec: R-DURABLE-2, R-JUDGE-13
#[test]
fn a_refusal_stays_a_refusal() {
    let mut desk = Desk::new();
    let too_early = perform(1, 1, START, mark(1, "10"));
    let at = WallTime::from_millis(START);
    let refused = Some(Answer::MarkRefused(Refused { at, reason: Refusal::NotOpen }));
    assert_eq!(desk.ask(&too_early), refused);
    desk.perform(2, 1, open(1));
    assert_eq!(desk.ask(&too_early), refused, "though it would succeed by now");
    let mut desk = desk.start_anew();
    assert_eq!(desk.ask(&too_early), refused, "also after a start");
    assert_eq!(
        desk.perform(1, 2, mark(1, "10")),
        Some(marked(1, 0, false)),
        "a new one is judged anew"
    );
}

// spec: R-ROLL-1, R-ROLL-2, R-ROLL-3, R-ROLL-4, R-ROLL-5, R-ROLL-6, R-ROLL-7, R-ROLL-8, R-ROLL-9
// spec: R-SHEET-2, R-SHEET-5, R-SHEET-6
#[test]
fn a_register_is_kept_as_chapter_11_says() {
    let mut desk = Desk::new();
    let at = |millis| WallTime::from_millis(START + millis);
    let never = Some(Answer::Refused(Refused { at: at(0), reason: Refusal::NeverOpened }));
    assert_eq!(desk.perform(1, 1, close(1)), never);
    let sheets = |which, at_most| {
        let at_most = RollCallNumber::new(at_most).expect("not zero");
        read(which, Query::Sheets { class: class(1), at_most })
    };
    let none = Answer::Sheets(SheetList { sheets: vec![], more: false });
    assert_eq!(desk.ask(&sheets(1, u32::MAX)), Some(none.clone()));
    assert_eq!(desk.perform(1, 2, open(1)), Some(opened(1, 0, false)));
    assert_eq!(desk.perform(1, 3, open(2)), Some(opened(2, 0, false)));
    desk.wait(10);
    assert_eq!(desk.perform(1, 4, open(1)), Some(opened(1, 0, true)));
    assert_eq!(desk.perform(1, 5, mark(1, "042191010")), Some(marked(1, 10, false)));
    desk.wait(10);
    assert_eq!(desk.perform(1, 6, mark(1, "10")), Some(marked(1, 20, false)));
    assert_eq!(desk.perform(1, 7, mark(1, "042191010")), Some(marked(1, 10, true)));
    let Some(Answer::Closed(Closed { sheet, already_closed: false })) =
        desk.perform(1, 8, close(1))
    else {
        panic!("closed")
    };
    let expected = Sheet {
        class: class(1),
        opened_at: at(0),
        closed_at: at(20),
        marks: [("042191010", 10), ("10", 20)]
            .map(|(student, millis)| Mark { student: student.parse().unwrap(), at: at(millis) })
            .to_vec(),
        remarks: vec![],
        supplement: None,
    };
    assert_eq!(sheet, expected.info(RollCallNumber::FIRST));
    desk.wait(10);
    let not_open = Some(Answer::MarkRefused(Refused { at: at(30), reason: Refusal::NotOpen }));
    assert_eq!(desk.perform(1, 9, mark(1, "20")), not_open);
    let again = Some(Answer::Closed(Closed { sheet, already_closed: true }));
    assert_eq!(desk.perform(1, 10, close(1)), again);
    assert_eq!(
        desk.perform(1, 11, mark(2, "20")),
        Some(marked(2, 30, false)),
        "class 2 is untouched"
    );
    desk.perform(1, 12, open(1));
    let one = Some(Answer::Sheets(SheetList { sheets: vec![sheet], more: false }));
    assert_eq!(desk.ask(&sheets(2, u32::MAX)), one, "though the class is open again");
    // A second lesson does not hide the first.
    desk.perform(1, 13, mark(1, "30"));
    let Some(Answer::Closed(Closed { sheet: second, .. })) = desk.perform(1, 14, close(1)) else {
        panic!("closed")
    };
    assert_eq!((sheet.number.get(), second.number.get()), (1, 2));
    let both = Some(Answer::Sheets(SheetList { sheets: vec![second, sheet], more: false }));
    assert_eq!(desk.ask(&sheets(3, u32::MAX)), both, "the last one first");
    assert_eq!(desk.ask(&sheets(4, 1)), one, "from that number down");
}

// spec: R-SHEET-1, R-SHEET-3, R-SHEET-5, R-COOKIE-1, R-PULL-3, R-PULL-4
#[test]
fn a_sheet_is_fetched_block_by_block() {
    let mut desk = Desk::new();
    desk.perform(1, 1, open(1));
    for student in 0..100_u64 {
        desk.perform(1, 2 + student, mark(1, &format!("student-{student:08}")));
    }
    let Some(Answer::Closed(Closed { sheet: info, .. })) = desk.perform(1, 102, close(1)) else {
        panic!("closed")
    };
    let mut desk = desk.start_anew();
    let mut numbers = (1..).map(number);
    let mut block = |object, first| {
        let ask = Ask::Pull(Pull { object, cookie: Cookie::NONE, first, wanted: 1 });
        let number = numbers.next().expect("endless");
        match desk.ask(&Request { attempt: 1, client: client(9), number, ask }) {
            Some(Answer::Pulled(Pulled { index, bytes })) if index == first => bytes,
            other => panic!("{other:?}"),
        }
    };
    let blocks = info.bytes.div_ceil(1_024);
    assert!(blocks > 1);
    let bytes: Vec<_> = (0..blocks).flat_map(|index| block(info.content, index)).collect();
    assert_eq!(Sheet::from_bytes(&bytes, &info).map(|it| it.marks.len()), Ok(100));
    assert!(block(info.content, blocks).is_empty(), "past the end");
    assert!(block(info.content, u32::MAX).is_empty(), "far past the end");
    assert!(block(ContentId::of(b"nothing"), 0).is_empty(), "no such sheet");
}

// spec: R-STATUS-1, R-STATUS-2, R-STATUS-3, R-SIZE-3
#[test]
fn open_roll_calls_are_listed_page_by_page() {
    let mut desk = Desk::new();
    let classes: Vec<_> = (1..=150).map(|it| it * 7).collect();
    for (place, &class) in classes.iter().enumerate() {
        desk.perform(1, 1 + place as u64, open(class));
    }
    for bytes in [limits::STATUS_REQUEST_MIN_BYTES, 200, limits::DATAGRAM_MAX_BYTES] {
        let mut listed = Vec::new();
        let mut from = 1;
        for number in 1.. {
            let request = read(number, Query::Status { from: class(from) });
            let zeros = laws::padding_of(&request, bytes);
            let answer = desk.hand(&laws::request(&request, zeros)).expect("an answer");
            let Answer::Status(StatusList { open, more }) =
                decode_reply(&answer).expect("a list").answer
            else {
                panic!("a list")
            };
            listed.extend(open.iter().map(|it| it.class.get()));
            if !more {
                break;
            }
            from = listed.last().expect("at least one") + 1;
        }
        assert_eq!(listed, classes, "asked with {bytes} bytes");
    }
}

// spec: R-TIME-1, R-TIME-2
#[test]
fn the_servers_time_never_goes_back() {
    let mut desk = Desk::new();
    desk.wait(MINUTE);
    assert_eq!(desk.perform(1, 1, open(1)), Some(opened(1, MINUTE, false)));
    desk.millis = 0;
    assert_eq!(desk.perform(1, 2, open(2)), Some(opened(2, MINUTE, false)));
    let mut desk = desk.start_anew();
    assert_eq!(desk.perform(1, 3, open(3)), Some(opened(3, MINUTE, false)), "also after a start");
}

// spec: R-FORGET-1, R-FORGET-3, R-FORGET-4, R-JUDGE-7, R-JUDGE-8
#[test]
fn a_client_is_forgotten_after_long_silence_and_stays_forgotten() {
    let mut desk = Desk::new();
    let first = perform(1, 1, START, open(1));
    desk.ask(&first);
    desk.perform(2, 1, open(2));
    desk.wait(20 * MINUTE);
    assert_eq!(desk.perform(2, 1, open(2)), Some(opened(2, 0, false)), "a word from client 2");
    desk.wait(10 * MINUTE);
    desk.server.handle_timeout(desk.now());
    assert_eq!(desk.server.clients(), 2, "30 minutes are not more than 30 minutes");
    desk.wait(MINUTE);
    desk.server.handle_timeout(desk.now());
    assert_eq!(desk.server.clients(), 1);
    desk.disk_works = false;
    assert_eq!(desk.perform(1, 2, close(1)), None, "the forgetting is not durable yet");
    desk.disk_works = true;
    desk.server.handle_durable(desk.appended);
    let told = desk.poll().pop().expect("an answer");
    assert_eq!(decode_reply(&told).expect("an answer").answer, begin_again());
    assert_eq!(desk.ask(&first), Some(clock_skew(31 * MINUTE)), "too old to be a new client's");
    let mut desk = desk.start_anew();
    assert_eq!(desk.server.clients(), 1, "a start brings nobody back");
    assert_eq!(desk.perform(1, 2, close(1)), Some(begin_again()));
    assert_eq!(desk.server.open_roll_calls(), 2);
    // The silence of client 2 is counted from the start, which was at zero of the new clock.
    desk.millis = 29 * MINUTE;
    desk.server.handle_timeout(desk.now());
    assert_eq!(desk.server.clients(), 1);
}

// spec: R-FORGET-2
#[test]
fn a_client_that_would_be_punctual_is_not_forgotten() {
    let mut desk = Desk::new();
    desk.perform(1, 1, open(1));
    let silence = Instant::from_micros(31 * MINUTE * 1_000);
    let date_stood_still = Now { instant: silence, wall: WallTime::from_millis(START) };
    desk.server.handle_timeout(date_stood_still);
    assert_eq!(desk.server.clients(), 1);
}

// spec: R-KIND-4
#[test]
fn a_server_speaks_only_when_it_is_asked() {
    let mut desk = Desk::new();
    for which in 1..=3 {
        desk.perform(1, which, open(7));
        desk.perform(2, which, mark(7, "10"));
    }
    for _ in 0..100 {
        desk.wait(MINUTE);
        desk.server.handle_timeout(desk.now());
        assert!(desk.poll().is_empty());
    }
    assert_eq!(desk.server.clients(), 0, "it had something to do meanwhile");
}
