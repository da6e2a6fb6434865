//! The values that are hashed, and how each type is written.
//!
//! A type that is added gets its line in [`FORMATS`]; a variant that is added does not compile until
//! `check_variety` knows it, and fails until it is drawn.

use std::collections::BTreeMap;

use rollcall::access::{
    Guest, InviteCode, InviteId, PersonName, Remarks, Role, RoomCode, Terms, Who,
};
use rollcall::exchange::{
    Act, ActList, ActRecord, Acted, Answer, Ask, BeginAgain, Busy, Closed, Deed, Drawn, FileEntry,
    FileInfo, FileList, FileState, Joined, Marked, MineList, MyMark, OpenRollCall, Opened,
    Operation, Outcome, PersonList, Pull, Pulled, Query, Refusal, Refused, Reply, Request,
    RoomState, SheetInfo, SheetList, SpotList, StaffDevice, StatusList, decode_reply,
    decode_request, encode_reply, encode_request,
};
use rollcall::ids::{
    ActNumber, ClassId, ClientId, ContentId, Cookie, DeviceId, FileKey, FileName, RequestNumber,
    RollCallId, RollCallNumber, StudentNumber,
};
use rollcall::journal::encoding::{decode_items, decode_records, encode_items, encode_records};
use rollcall::limits::{BLOCK_BYTES, FILE_BYTES_MAX};
use rollcall::people::{Invite, PeopleItem, PersonId, Pool, RoomSecret, Staff, Tried};
use rollcall::record::{Record, SnapshotItem};
use rollcall::roll::{
    ClientRecord, Mark, ProceedingsItem, RegisterItem, Remarked, RosterItem, Sheet,
};
use rollcall::time::WallTime;
use rollcall::wire::{Datagram, Versions};
use serde::Serialize;

/// Draws a value of a type and writes it.
pub(crate) type Write = fn(&mut Values) -> Vec<u8>;

/// Every format, by the name under which its hash is kept.
pub(crate) const FORMATS: &[(&str, Write)] = &[
    // Requests, as whole datagrams.
    ("OPEN", |it| {
        let operation = Operation::Open { class: it.class(), terms: it.terms() };
        it.performed(operation)
    }),
    ("CLOSE", |it| {
        let operation = Operation::Close { class: it.class() };
        it.performed(operation)
    }),
    ("MARK", |it| {
        let operation =
            Operation::Mark { class: it.class(), student: it.student(), code: it.room_code() };
        it.performed(operation)
    }),
    ("JOIN", |it| {
        let operation = Operation::Join { code: it.invite_code() };
        it.performed(operation)
    }),
    ("ACT", |it| {
        let operation = Operation::Act(it.act());
        it.performed(operation)
    }),
    ("PEOPLE", |it| {
        let query = Query::People { after: it.flag().then(|| it.device()) };
        it.asked(Ask::Read(query))
    }),
    ("ACTS", |it| {
        let query = Query::Acts { at_most: it.act_number() };
        it.asked(Ask::Read(query))
    }),
    ("ROOM", |it| {
        let query = Query::Room { class: it.class() };
        it.asked(Ask::Read(query))
    }),
    ("MINE", |it| {
        let query = Query::Mine { skip: it.u32() };
        it.asked(Ask::Read(query))
    }),
    ("SPOT", |it| {
        let query = Query::Spot { class: it.class(), count: it.spot_count() };
        it.asked(Ask::Read(query))
    }),
    ("STATUS", |it| {
        let query = Query::Status { from: it.class() };
        it.asked(Ask::Read(query))
    }),
    ("SHEETS", |it| {
        let query = Query::Sheets { class: it.class(), at_most: it.roll_call_number() };
        it.asked(Ask::Read(query))
    }),
    ("FILES", |it| {
        let query = Query::Files { from: it.u32() };
        it.asked(Ask::Read(query))
    }),
    ("FILE", |it| {
        let query = Query::File { file: FileKey::from_bytes(it.bytes()) };
        it.asked(Ask::Read(query))
    }),
    ("PULL", |it| {
        let pull = it.pull();
        it.asked(Ask::Pull(pull))
    }),
    // Answers, as whole datagrams.
    ("OPENED", |it| {
        let (class, opened_at, already_open) = (it.class(), it.time(), it.flag());
        it.answered(Answer::Opened(Opened { class, opened_at, already_open }))
    }),
    ("CLOSED", |it| {
        let (sheet, already_closed) = (it.sheet_info(), it.flag());
        it.answered(Answer::Closed(Closed { sheet, already_closed }))
    }),
    ("MARKED", |it| {
        let (class, at, already_present) = (it.class(), it.time(), it.flag());
        let (refused, reason) = (it.flag(), it.refusal());
        it.answered(if refused {
            Answer::MarkRefused(Refused { at, reason })
        } else {
            Answer::Marked(Marked { class, at, already_present })
        })
    }),
    ("REFUSED", |it| {
        let (at, reason) = (it.time(), it.refusal());
        it.answered(Answer::Refused(Refused { at, reason }))
    }),
    ("refused-disk-low", |it| {
        let at = it.time();
        it.answered(Answer::Refused(Refused { at, reason: Refusal::DiskLow }))
    }),
    ("refused-access", |it| {
        let (at, reasons) = (it.time(), &Refusal::ALL[6..24]);
        let place = usize::try_from(it.below(reasons.len() as u64)).expect("small");
        it.answered(Answer::Refused(Refused { at, reason: reasons[place] }))
    }),
    ("JOINED", |it| {
        let joined = Joined { at: it.time(), guest: it.guest() };
        it.answered(Answer::Joined(joined))
    }),
    ("ACTED", |it| {
        let acted = Acted { at: it.time(), count: it.u32() };
        it.answered(Answer::Acted(acted))
    }),
    ("PERSON_LIST", |it| {
        let devices = it.some(8, |it| StaffDevice {
            device: it.device(),
            name: it.name(),
            joined_at: it.time(),
            admin: it.flag(),
            teacher: it.flag(),
            revoked: it.flag(),
        });
        let more = it.flag();
        it.answered(Answer::People(PersonList { devices, more }))
    }),
    ("ACT_LIST", |it| {
        let acts = it.some(5, Values::act_record);
        let more = it.flag();
        it.answered(Answer::Acts(ActList { acts, more }))
    }),
    ("ROOM_STATE", |it| {
        let code = it.room_code();
        let state = RoomState {
            class: it.class(),
            opened_at: it.time(),
            present: it.u32(),
            remarked: it.u32(),
            wrong_codes: it.u32(),
            terms: Terms { code: code.is_some(), ..it.terms() },
            code,
            left_ms: u16::try_from(it.number() & 0xffff).expect("16 bits"),
        };
        it.answered(Answer::Room(state))
    }),
    ("MINE_LIST", |it| {
        let marks = it.some(12, |it| MyMark {
            class: it.class(),
            number: it.roll_call_number(),
            student: it.student(),
            at: it.time(),
        });
        let more = it.flag();
        it.answered(Answer::Mine(MineList { marks, more }))
    }),
    ("SPOT_LIST", |it| {
        let class = it.class();
        let drawn = it.some(20, |it| Drawn { student: it.student(), remarks: it.remarks() });
        it.answered(Answer::Spot(SpotList { class, drawn }))
    }),
    ("REVOKED", |it| it.answered(Answer::Revoked)),
    ("STATUS_LIST", |it| {
        let open = it.some(12, |it| OpenRollCall {
            class: it.class(),
            opened_at: it.time(),
            present: it.u32(),
        });
        let more = it.flag();
        it.answered(Answer::Status(StatusList { open, more }))
    }),
    ("SHEET_LIST", |it| {
        let sheets = it.some(14, Values::sheet_info);
        let more = it.flag();
        it.answered(Answer::Sheets(SheetList { sheets, more }))
    }),
    ("FILE_LIST", |it| {
        let list = it.flag().then(|| {
            let files = it.some(8, |it| FileEntry { name: it.file_name(), bytes: it.number() });
            FileList { total: it.u32(), files }
        });
        it.answered(Answer::Files(list))
    }),
    ("FILE_INFO", |it| {
        let state = it.file_state();
        it.answered(Answer::File(state))
    }),
    ("PULLED", |it| {
        let (index, bytes) = (it.u32(), it.block());
        it.answered(Answer::Pulled(Pulled { index, bytes }))
    }),
    ("COOKIE", |it| {
        let cookie = it.cookie();
        it.answered(Answer::Cookie(cookie))
    }),
    ("STALE", |it| it.answered(Answer::Stale)),
    ("BEGIN_AGAIN", |it| {
        let server_time = it.flag().then(|| it.time());
        it.answered(Answer::BeginAgain(BeginAgain { server_time }))
    }),
    ("BUSY", |it| {
        let retry_after_ms = u16::try_from(it.number() & 0xffff).expect("16 bits");
        it.answered(Answer::Busy(Busy { retry_after_ms }))
    }),
    ("VERSIONS", |_| {
        let mut datagram = Datagram::new();
        Versions::ours().encode(&mut datagram);
        datagram.as_bytes().to_vec()
    }),
    // What is computed from the bytes of the wire, and compared with what was computed before.
    ("fingerprint", |it| {
        let operation = it.operation();
        let datagram = it.performed(operation);
        let received = decode_request(&datagram).expect("it was written here");
        received.fingerprint.to_le_bytes().to_vec()
    }),
    ("file-key", |it| it.file_name().key().as_bytes().to_vec()),
    // What is on the disk.
    ("Operation", |it| stored(&it.operation())),
    ("Outcome", |it| stored(&it.outcome())),
    ("SheetInfo", |it| stored(&it.sheet_info())),
    ("ClientRecord", |it| stored(&it.client_record())),
    ("RegisterItem", |it| stored(&it.register_item())),
    ("Record", |it| stored(&it.record())),
    ("SnapshotItem", |it| stored(&it.snapshot_item())),
    ("Sheet", |it| it.sheet().to_bytes()),
    // What came with people and rooms. What there was before is written as it was.
    ("operation-access", |it| stored(&it.access_operation())),
    ("outcome-access", |it| stored(&it.access_outcome())),
    ("record-access", |it| stored(&it.access_record())),
    ("snapshot-item-access", |it| stored(&it.access_item())),
    ("act-record", |it| stored(&it.act_record())),
    ("sheet-remarked", |it| it.remarked_sheet().to_bytes()),
    ("batch-blob", |it| {
        let records = it.some(6, Values::record);
        encode_records(&records, Vec::new())
    }),
    ("snapshot-blob", |it| {
        let items = it.some(6, Values::snapshot_item);
        encode_items(items).concat()
    }),
    ("schema", |_| {
        let statements = include_str!("../../src/journal/sqlite/schema.sql");
        let bare = statements.lines().map(|line| line.split("--").next().unwrap_or_default());
        let words: Vec<_> = bare.flat_map(str::split_whitespace).collect();
        words.join(" ").into_bytes()
    }),
];

/// Every format, also those that came later.
pub(crate) fn formats() -> impl Iterator<Item = &'static (&'static str, Write)> {
    FORMATS.iter().chain(crate::attendance::FORMATS)
}

pub(crate) fn stored(value: &impl Serialize) -> Vec<u8> {
    postcard::to_stdvec(value).expect("everything on the disk can be written")
}

/// Draws values: `SplitMix64` (Steele, Lea and Flood, 2014), from a seed that is the CRC-32 of the
/// type's name.
pub(crate) struct Values {
    state: u64,
}

impl Values {
    pub(crate) fn of(name: &str) -> Self {
        Self { state: crc32fast::hash(name.as_bytes()).into() }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.below(2) == 1
    }

    /// Every length in bits is as likely as every other, so that each length of a varint comes.
    pub(crate) fn number(&mut self) -> u64 {
        let bits = self.below(65);
        let number = self.next();
        if bits == 0 { 0 } else { number >> (64 - bits) }
    }

    pub(crate) fn u32(&mut self) -> u32 {
        let bits = self.below(33);
        let number = self.next() & u64::from(u32::MAX);
        u32::try_from(number >> (32 - bits)).expect("32 bits")
    }

    pub(crate) fn bytes<const LENGTH: usize>(&mut self) -> [u8; LENGTH] {
        std::array::from_fn(|_| self.next().to_le_bytes()[7])
    }

    pub(crate) fn some<T>(&mut self, most: u64, mut draw: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let count = self.below(most + 1);
        (0..count).map(|_| draw(self)).collect()
    }

    pub(crate) fn text(&mut self, alphabet: &[char], most: u64) -> String {
        let length = 1 + self.below(most);
        let mut letter = || alphabet[usize::try_from(self.below(alphabet.len() as u64)).unwrap()];
        (0..length).map(|_| letter()).collect()
    }

    pub(crate) fn class(&mut self) -> ClassId {
        ClassId::new(self.u32().max(1)).expect("not zero")
    }

    pub(crate) fn student(&mut self) -> StudentNumber {
        let alphabet: Vec<_> = ('!'..='~').collect();
        self.text(&alphabet, 32).parse().expect("graphic ASCII")
    }

    pub(crate) fn file_name(&mut self) -> FileName {
        let alphabet = ['a', 'Z', '0', ' ', '-', 'é', 'ß', '漢', '🎓'];
        FileName::try_from(self.text(&alphabet, 40)).expect("the name of a file")
    }

    pub(crate) fn time(&mut self) -> WallTime {
        WallTime::from_millis(self.number().min(WallTime::MAX.as_millis()))
    }

    pub(crate) fn client(&mut self) -> ClientId {
        ClientId::from_bytes(self.bytes())
    }

    pub(crate) fn request_number(&mut self) -> RequestNumber {
        RequestNumber::new(self.number().max(1)).expect("not zero")
    }

    pub(crate) fn content(&mut self) -> ContentId {
        ContentId::from_bytes(self.bytes())
    }

    pub(crate) fn cookie(&mut self) -> Cookie {
        Cookie::from_bytes(self.bytes())
    }

    pub(crate) fn refusal(&mut self) -> Refusal {
        // Not Refusal::ALL: a refusal that is added later changes no hash.
        let all = [
            Refusal::NotOpen,
            Refusal::NeverOpened,
            Refusal::RollCallFull,
            Refusal::TooManyOpen,
            Refusal::TooManyClasses,
        ];
        all[usize::try_from(self.below(all.len() as u64)).expect("small")]
    }

    pub(crate) fn block(&mut self) -> Vec<u8> {
        let length = usize::try_from(self.below(BLOCK_BYTES as u64 + 1)).expect("small");
        (0..length).map(|_| self.next().to_le_bytes()[7]).collect()
    }

    pub(crate) fn pull(&mut self) -> Pull {
        let (object, cookie, first) = (self.content(), self.cookie(), self.u32());
        let reachable = (u32::MAX - first).min(63);
        let wanted = self.next() & (u64::MAX >> (63 - reachable)) | 1;
        Pull { object, cookie, first, wanted }
    }

    pub(crate) fn file_state(&mut self) -> FileState {
        let (a, b) = (self.number().min(FILE_BYTES_MAX), self.number().min(FILE_BYTES_MAX));
        match self.below(3) {
            0 => FileState::Absent,
            1 => FileState::Reading { done: a.min(b), bytes: a.max(b) },
            _ => FileState::Ready(FileInfo { bytes: a, content: self.content() }),
        }
    }

    pub(crate) fn operation(&mut self) -> Operation {
        let (class, student) = (self.class(), self.student());
        match self.below(3) {
            0 => Operation::Open { class, terms: Terms::PLAIN },
            1 => Operation::Close { class },
            _ => Operation::Mark { class, student, code: None },
        }
    }

    pub(crate) fn sheet_info(&mut self) -> SheetInfo {
        SheetInfo {
            class: self.class(),
            number: self.roll_call_number(),
            opened_at: self.time(),
            closed_at: self.time(),
            students: self.u32(),
            bytes: self.u32(),
            content: self.content(),
        }
    }

    pub(crate) fn outcome(&mut self) -> Outcome {
        let (class, at, flag, reason) = (self.class(), self.time(), self.flag(), self.refusal());
        let (roll_call, number) = (self.roll_call(), self.roll_call_number());
        match self.below(6) {
            0 => Outcome::Opened { class, roll_call, number, opened_at: at, already_open: flag },
            1 => {
                Outcome::Closed(Box::new(Closed { sheet: self.sheet_info(), already_closed: flag }))
            }
            2 => Outcome::Marked(Marked { class, at, already_present: flag }),
            3 => Outcome::MarkRefused(Refused { at, reason }),
            4 => Outcome::Refused(Refused { at, reason }),
            _ => Outcome::ClockSkew { server_time: at },
        }
    }

    pub(crate) fn roll_call(&mut self) -> RollCallId {
        RollCallId::new(self.number())
    }

    pub(crate) fn roll_call_number(&mut self) -> RollCallNumber {
        RollCallNumber::new(self.u32().max(1)).expect("not zero")
    }

    pub(crate) fn client_record(&mut self) -> ClientRecord {
        ClientRecord {
            client: self.client(),
            started: self.time(),
            number: self.request_number(),
            fingerprint: self.u32(),
            outcome: self.outcome(),
        }
    }

    pub(crate) fn mark(&mut self) -> Mark {
        Mark { student: self.student(), at: self.time() }
    }

    pub(crate) fn register_item(&mut self) -> RegisterItem {
        match self.below(7) {
            0 => RegisterItem::NextRollCall(self.roll_call()),
            1 => RegisterItem::LastSheet(self.sheet_info()),
            2 => RegisterItem::Open {
                class: self.class(),
                roll_call: self.roll_call(),
                number: self.roll_call_number(),
                opened_at: self.time(),
            },
            3 => RegisterItem::Mark { class: self.class(), mark: self.mark() },
            4 => RegisterItem::EarlierSheet(self.sheet_info()),
            5 => RegisterItem::LastNumber { class: self.class(), number: self.roll_call_number() },
            _ => RegisterItem::Empty {
                class: self.class(),
                roll_call: self.roll_call(),
                number: self.roll_call_number(),
            },
        }
    }

    pub(crate) fn record(&mut self) -> Record {
        let at = self.time();
        match self.below(4) {
            0 => {
                let (operation, client) = (self.operation(), self.client_record());
                Record::Answered { at, operation, client }
            }
            1 => Record::Forgot { at, client: self.client() },
            2 => Record::TimeDisclosed { at },
            _ => Record::ClockSet { at },
        }
    }

    pub(crate) fn snapshot_item(&mut self) -> SnapshotItem {
        match self.below(4) {
            0 => SnapshotItem::Latest(self.time()),
            1 => SnapshotItem::Client(self.client_record()),
            2 => SnapshotItem::Register(self.register_item()),
            _ => SnapshotItem::KeptUntilPast(self.client()),
        }
    }

    pub(crate) fn sheet(&mut self) -> Sheet {
        Sheet {
            class: self.class(),
            opened_at: self.time(),
            closed_at: self.time(),
            marks: self.some(20, Self::mark),
            remarks: vec![],
            supplement: None,
        }
    }

    pub(crate) fn remarked_sheet(&mut self) -> Sheet {
        let mut sheet = self.sheet();
        sheet.marks.push(self.mark());
        for place in (0..).take(sheet.marks.len()) {
            let remarks = self.remarks();
            if !remarks.is_empty() {
                sheet.remarks.push(Remarked { place, remarks });
            }
        }
        sheet
    }

    pub(crate) fn device(&mut self) -> DeviceId {
        DeviceId::from_bytes(self.bytes())
    }

    pub(crate) fn invite(&mut self) -> InviteId {
        InviteId::from_bytes(self.bytes())
    }

    pub(crate) fn invite_code(&mut self) -> InviteCode {
        InviteCode::from_bytes(self.bytes())
    }

    pub(crate) fn name(&mut self) -> PersonName {
        let alphabet = ['a', 'Z', '0', '-', 'é', 'ß', '漢', '🎓'];
        self.text(&alphabet, 16).parse().expect("a name")
    }

    pub(crate) fn terms(&mut self) -> Terms {
        let who = match self.below(3) {
            0 => Who::Anyone,
            1 => Who::Device,
            _ => Who::Enrolled,
        };
        Terms { who, strict: self.flag(), code: self.flag() }
    }

    pub(crate) fn room_code(&mut self) -> Option<RoomCode> {
        let number = u32::try_from(self.below(1_000_000)).expect("six digits");
        self.flag().then(|| RoomCode::new(number).expect("six digits"))
    }

    pub(crate) fn remarks(&mut self) -> Remarks {
        u8::try_from(self.below(64)).expect("small").try_into().expect("six bits")
    }

    pub(crate) fn spot_count(&mut self) -> u8 {
        u8::try_from(1 + self.below(20)).expect("small")
    }

    pub(crate) fn act_number(&mut self) -> ActNumber {
        ActNumber::new(self.number().max(1)).expect("not zero")
    }

    pub(crate) fn guest(&mut self) -> Guest {
        let (name, student) = (self.name(), self.student());
        match self.below(3) {
            0 => Guest::Staff { role: Role::Admin, name },
            1 => Guest::Staff { role: Role::Teacher, name },
            _ => Guest::Student { student },
        }
    }

    pub(crate) fn act(&mut self) -> Act {
        let (class, name, student) = (self.class(), self.name(), self.student());
        match self.below(6) {
            0 => Act::Invite { invite: self.invite(), guest: self.guest() },
            1 => Act::Revoke { device: self.device() },
            2 => Act::Release { student },
            3 => Act::Give { class, to: name },
            4 => Act::Share { class, with: name },
            _ => Act::Call { class, student, there: self.flag() },
        }
    }

    pub(crate) fn act_record(&mut self) -> ActRecord {
        let (number, at) = (self.act_number(), self.time());
        let by = self.flag().then(|| self.device());
        let name = self.flag().then(|| self.name());
        let deed = if self.flag() { Deed::Act(self.act()) } else { Deed::Joined(self.guest()) };
        ActRecord { number, at, by, name, deed }
    }

    pub(crate) fn access_operation(&mut self) -> Operation {
        let (class, student) = (self.class(), self.student());
        match self.below(4) {
            0 => Operation::Open { class, terms: Terms { strict: true, ..self.terms() } },
            1 => Operation::Mark { class, student, code: RoomCode::new(123_456) },
            2 => Operation::Join { code: InviteCode::SPENT },
            _ => Operation::Act(self.act()),
        }
    }

    pub(crate) fn access_outcome(&mut self) -> Outcome {
        let at = self.time();
        if self.flag() {
            Outcome::Acted(Acted { at, count: self.u32() })
        } else {
            let joined = Box::new(Joined { at, guest: self.guest() });
            Outcome::Joined { invite: self.invite(), joined }
        }
    }

    pub(crate) fn access_record(&mut self) -> Record {
        let at = self.time();
        match self.below(4) {
            0 => {
                let (operation, outcome) = (self.access_operation(), self.access_outcome());
                let client = ClientRecord { outcome, ..self.client_record() };
                Record::AnsweredTo { at, by: self.device(), operation, client }
            }
            1 => Record::CodeDrawn { class: self.class(), secret: self.secret() },
            2 => Record::AdminInvited {
                at,
                invite: self.invite(),
                name: self.name(),
                ends_at: self.time(),
            },
            _ => Record::Restored,
        }
    }

    pub(crate) fn secret(&mut self) -> RoomSecret {
        RoomSecret::from_bytes(self.bytes())
    }

    /// People are counted where they are kept, and nowhere else.
    pub(crate) fn person(&mut self) -> PersonId {
        postcard::from_bytes(&stored(&self.u32())).expect("a number")
    }

    pub(crate) fn access_item(&mut self) -> SnapshotItem {
        let (class, person, device) = (self.class(), self.person(), self.device());
        let (student, flag) = (self.student(), self.flag());
        SnapshotItem::People(match self.below(13) {
            0 => PeopleItem::Acts(self.number()),
            1 => PeopleItem::Person { person, name: self.name() },
            2 => {
                let (joined_at, teacher) = (self.time(), self.flag());
                PeopleItem::Staff {
                    device,
                    staff: Staff { person, joined_at, admin: flag, teacher },
                }
            }
            3 => PeopleItem::Revoked(device),
            4 => {
                let (guest, ends_at) = (self.guest(), self.time());
                let it = Invite { guest, ends_at, used_by: flag.then_some(device) };
                PeopleItem::Invite { invite: self.invite(), it }
            }
            5 => PeopleItem::Owner { class, person },
            6 => PeopleItem::Share { class, person },
            7 => PeopleItem::Bond { student, device, enrolled: flag },
            8 => {
                let (terms, secret) = (self.terms(), flag.then(|| self.secret()));
                PeopleItem::Room { class, terms, secret, wrong_codes: self.u32() }
            }
            9 => PeopleItem::Answer { class, student, device },
            10 => PeopleItem::Remarks { class, student, remarks: self.remarks() },
            11 => {
                let tried = match self.below(3) {
                    0 => Tried::Own(student),
                    1 => Tried::Others(student),
                    _ => Tried::Device(device),
                };
                PeopleItem::Tries { class, tried, count: self.spot_count() }
            }
            _ => {
                let pool = if flag { Pool::Staff } else { Pool::Bound };
                return SnapshotItem::ClientOf { pool, client: self.client_record() };
            }
        })
    }

    pub(crate) fn performed(&mut self, operation: Operation) -> Vec<u8> {
        let started = self.time();
        self.asked(Ask::Perform { started, operation })
    }

    pub(crate) fn asked(&mut self, ask: Ask) -> Vec<u8> {
        let attempt = self.next().to_le_bytes()[7];
        let request =
            Request { attempt, client: self.client(), number: self.request_number(), ask };
        let mut datagram = Datagram::new();
        encode_request(&request, &mut datagram);
        datagram.as_bytes().to_vec()
    }

    pub(crate) fn answered(&mut self, answer: Answer) -> Vec<u8> {
        let reply = Reply { client: self.client(), number: self.request_number(), answer };
        let mut datagram = Datagram::new();
        encode_reply(&reply, &mut datagram);
        datagram.as_bytes().to_vec()
    }
}

/// Each variant of what is kept or sent is among the values, and each datagram and blob is read back.
///
/// # Panics
/// If one is not.
pub(crate) fn check_variety(count: usize) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut values = Values::of("variety");
    for _ in 0..count {
        let all = [
            record_name(&values.access_record()),
            item_name(&values.access_item()),
            outcome_name(&values.access_outcome()),
            operation_name(&values.access_operation()),
            record_name(&values.attendance_record()),
            item_name(&values.attendance_item()),
            outcome_name(&values.attendance_outcome()),
            operation_name(&values.attendance_operation()),
            record_name(&values.record()),
            item_name(&values.snapshot_item()),
            outcome_name(&values.outcome()),
            operation_name(&values.operation()),
            state_name(&values.file_state()),
        ];
        for name in all {
            *seen.entry(name).or_default() += 1;
        }
        let records = values.some(6, Values::record);
        assert_eq!(decode_records(&encode_records(&records, Vec::new())), Ok(records));
        let records = values.some(6, Values::access_record);
        assert_eq!(decode_records(&encode_records(&records, Vec::new())), Ok(records));
        let records = values.some(6, Values::attendance_record);
        assert_eq!(decode_records(&encode_records(&records, Vec::new())), Ok(records));
        let items = vec![values.snapshot_item(), values.access_item(), values.attendance_item()];
        assert_eq!(decode_items(&encode_items(items.clone())[0]), Ok(items));
    }
    for name in VARIANTS {
        assert!(seen.contains_key(name), "{name} is never drawn");
    }
    for (name, write) in formats().filter(|row| row.0.chars().all(|it| !it.is_lowercase())) {
        let mut values = Values::of(name);
        for _ in 0..count {
            let bytes = write(&mut values);
            let read = match bytes[3] {
                0xff => Versions::decode(&bytes).map(drop),
                kind if kind < 0x80 => decode_request(&bytes).map(drop),
                _ => decode_reply(&bytes).map(drop),
            };
            assert_eq!(read, Ok(()), "{name} is read back");
        }
    }
}

/// What the functions below can say.
const VARIANTS: &[&str] = &[
    "Answered",
    "Forgot",
    "TimeDisclosed",
    "ClockSet",
    "KeptUntilPast",
    "EarlierSheet",
    "LastNumber",
    "Empty",
    "Latest",
    "Client",
    "NextRollCall",
    "LastSheet",
    "Open",
    "Mark",
    "Opened",
    "Closed",
    "Marked",
    "MarkRefused",
    "Refused",
    "ClockSkew",
    "OpenRollCall",
    "CloseRollCall",
    "MarkStudent",
    "AnsweredTo",
    "CodeDrawn",
    "AdminInvited",
    "Restored",
    "ClientOf",
    "Acts",
    "Person",
    "Staff",
    "Revoked",
    "Invite",
    "Owner",
    "Share",
    "Bond",
    "Room",
    "Answer",
    "Remarks",
    "Tries",
    "Joined",
    "Acted",
    "UseInvite",
    "Act",
    "Absent",
    "Reading",
    "Ready",
    "ClosedAtDeadline",
    "Reopening",
    "Roster",
    "Listed",
    "Proceedings",
    "Standing",
    "Pressed",
    "Trail",
    "Arrived",
    "Extended",
    "Reopened",
    "Corrected",
    "Enrolled",
    "OpenWith",
    "Extend",
    "Reopen",
    "Deliver",
    "Correct",
    "Enrol",
];

fn record_name(record: &Record) -> &'static str {
    match record {
        Record::Answered { .. } => "Answered",
        Record::Forgot { .. } => "Forgot",
        Record::TimeDisclosed { .. } => "TimeDisclosed",
        Record::ClockSet { .. } => "ClockSet",
        Record::AnsweredTo { .. } => "AnsweredTo",
        Record::CodeDrawn { .. } => "CodeDrawn",
        Record::AdminInvited { .. } => "AdminInvited",
        Record::Restored => "Restored",
        Record::ClosedAtDeadline { .. } => "ClosedAtDeadline",
        Record::Reopening(_) => "Reopening",
    }
}

fn item_name(item: &SnapshotItem) -> &'static str {
    match item {
        SnapshotItem::Latest(_) => "Latest",
        SnapshotItem::Client(_) => "Client",
        SnapshotItem::Register(RegisterItem::NextRollCall(_)) => "NextRollCall",
        SnapshotItem::Register(RegisterItem::LastSheet(_)) => "LastSheet",
        SnapshotItem::Register(RegisterItem::Open { .. }) => "Open",
        SnapshotItem::Register(RegisterItem::Mark { .. }) => "Mark",
        SnapshotItem::Register(RegisterItem::EarlierSheet(_)) => "EarlierSheet",
        SnapshotItem::Register(RegisterItem::LastNumber { .. }) => "LastNumber",
        SnapshotItem::Register(RegisterItem::Empty { .. }) => "Empty",
        SnapshotItem::KeptUntilPast(_) => "KeptUntilPast",
        SnapshotItem::ClientOf { .. } => "ClientOf",
        SnapshotItem::Roster(RosterItem::Begin { .. }) => "Roster",
        SnapshotItem::Roster(RosterItem::Listed { .. }) => "Listed",
        SnapshotItem::Proceedings(item) => match item {
            ProceedingsItem::Begin { .. } => "Proceedings",
            ProceedingsItem::Standing { .. } => "Standing",
            ProceedingsItem::Pressed { .. } => "Pressed",
            ProceedingsItem::Trail { .. } => "Trail",
        },
        SnapshotItem::People(item) => match item {
            PeopleItem::Acts(_) => "Acts",
            PeopleItem::Person { .. } => "Person",
            PeopleItem::Staff { .. } => "Staff",
            PeopleItem::Revoked(_) => "Revoked",
            PeopleItem::Invite { .. } => "Invite",
            PeopleItem::Owner { .. } => "Owner",
            PeopleItem::Share { .. } => "Share",
            PeopleItem::Bond { .. } => "Bond",
            PeopleItem::Room { .. } => "Room",
            PeopleItem::Answer { .. } => "Answer",
            PeopleItem::Remarks { .. } => "Remarks",
            PeopleItem::Tries { .. } => "Tries",
        },
    }
}

fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Opened { .. } => "Opened",
        Outcome::Closed(_) => "Closed",
        Outcome::Marked(_) => "Marked",
        Outcome::MarkRefused(_) => "MarkRefused",
        Outcome::Refused(_) => "Refused",
        Outcome::ClockSkew { .. } => "ClockSkew",
        Outcome::Joined { .. } => "Joined",
        Outcome::Acted(_) => "Acted",
        Outcome::Arrived(_) => "Arrived",
        Outcome::Extended(_) => "Extended",
        Outcome::Reopened { .. } => "Reopened",
        Outcome::Corrected { .. } => "Corrected",
        Outcome::Enrolled(_) => "Enrolled",
    }
}

fn operation_name(operation: &Operation) -> &'static str {
    match operation {
        Operation::Open { .. } => "OpenRollCall",
        Operation::Close { .. } => "CloseRollCall",
        Operation::Mark { .. } => "MarkStudent",
        Operation::Join { .. } => "UseInvite",
        Operation::Act(_) => "Act",
        Operation::OpenWith { .. } => "OpenWith",
        Operation::Extend { .. } => "Extend",
        Operation::Reopen { .. } => "Reopen",
        Operation::Deliver { .. } => "Deliver",
        Operation::Correct { .. } => "Correct",
        Operation::Enrol { .. } => "Enrol",
    }
}

fn state_name(state: &FileState) -> &'static str {
    match state {
        FileState::Absent => "Absent",
        FileState::Reading { .. } => "Reading",
        FileState::Ready(_) => "Ready",
    }
}
