//! The laws of the wire over everything that can be built, and over everything that cannot.
//!
//! The laws themselves and an encoder that shares nothing with the library are in `fuzz/laws.rs`;
//! here they meet messages from all corners of their ranges, damaged ones and hostile ones.

#[path = "../fuzz/laws.rs"]
mod laws;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use rollcall::access::{
    Guest, InviteCode, InviteId, PersonName, Remarks, Role, RoomCode, Terms, Who,
};
use rollcall::attendance::{Correction, Listed, Plan, RosterChange, RosterEdit, Status, Tally};
use rollcall::exchange::{
    Act, ActList, ActRecord, Acted, Answer, Ask, BeginAgain, Busy, Closed, Corrected, Deed, Drawn,
    Enrolled, Extended, FileEntry, FileInfo, FileList, FileState, Joined, Marked, MineList, MyMark,
    OpenRollCall, Opened, Operation, PersonList, Pull, Pulled, Query, Refusal, Refused, Reply,
    Request, Revision, RevisionList, RoomState, RosterInfo, SheetInfo, SheetList, SpotList,
    StaffDevice, StatusList, Tallied, Watched, WatchedEntry, acts, decode_reply, decode_request,
    encode_reply, encode_request, files, mine, people, revisions, sheets, status,
};
use rollcall::ids::{
    ActNumber, ClassId, ClientId, ContentId, Cookie, DeviceId, FileKey, FileName, RequestNumber,
    RollCallNumber, StudentNumber,
};
use rollcall::limits::{
    BLOCK_BYTES, DATAGRAM_MAX_BYTES, DATAGRAM_MIN_BYTES, FILE_BYTES_MAX, FILE_NAME_MAX_BYTES,
    FILES_REQUEST_MIN_BYTES, LONE_PULL_MIN_BYTES, PERSON_NAME_MAX_BYTES, PULL_REQUEST_MIN_BYTES,
    SHEET_REQUEST_MIN_BYTES, SPOT_MAX, STATUS_REQUEST_MIN_BYTES, STUDENT_LENGTH_MAX_BYTES,
    TITLE_MAX_BYTES, UDP_PAYLOAD_MAX_BYTES, WATCHED_MAX,
};
use rollcall::time::WallTime;
use rollcall::wire::{Datagram, Kind, Rejected, Versions};

fn request_bytes(request: &Request) -> Vec<u8> {
    let mut datagram = Datagram::new();
    encode_request(request, &mut datagram);
    datagram.as_bytes().to_vec()
}

fn reply_bytes(reply: &Reply) -> Vec<u8> {
    let mut datagram = Datagram::new();
    encode_reply(reply, &mut datagram);
    datagram.as_bytes().to_vec()
}

fn body(datagram: &[u8]) -> &[u8] {
    &datagram[4..datagram.len() - 4]
}

/// Numbers at the places where their encoding grows, and any others.
fn edgy(max: u64) -> impl Strategy<Value = u64> {
    let edge = (0..=9_u32, -1_i64..=1).prop_map(move |(bytes, beside)| {
        let edge = 1_u64.checked_shl(7 * bytes).unwrap_or(u64::MAX);
        edge.saturating_add_signed(beside).min(max)
    });
    prop_oneof![edge, 0..=max, Just(max)]
}

fn edgy_u32() -> impl Strategy<Value = u32> {
    edgy(u32::MAX.into()).prop_map(|it| u32::try_from(it).expect("bounded"))
}

fn class() -> impl Strategy<Value = ClassId> {
    edgy_u32().prop_filter_map("zero is no class", ClassId::new)
}

fn student() -> impl Strategy<Value = StudentNumber> {
    "[!-~]{1,32}".prop_map(|text| text.parse().expect("graphic ASCII"))
}

fn time() -> impl Strategy<Value = WallTime> {
    edgy(WallTime::MAX.as_millis()).prop_map(WallTime::from_millis)
}

fn client() -> impl Strategy<Value = ClientId> {
    any::<[u8; 16]>().prop_map(ClientId::from_bytes)
}

fn content() -> impl Strategy<Value = ContentId> {
    any::<[u8; 32]>().prop_map(ContentId::from_bytes)
}

fn number() -> impl Strategy<Value = RequestNumber> {
    edgy(u64::MAX).prop_filter_map("zero is no number", RequestNumber::new)
}

fn terms() -> impl Strategy<Value = Terms> {
    let who = select(&[Who::Anyone, Who::Device, Who::Enrolled]);
    (who, any::<bool>(), any::<bool>()).prop_map(|(who, strict, code)| Terms { who, strict, code })
}

fn room_code() -> impl Strategy<Value = RoomCode> {
    edgy(999_999).prop_map(|it| RoomCode::new(u32::try_from(it).expect("bounded")).expect("six"))
}

fn device() -> impl Strategy<Value = DeviceId> {
    any::<[u8; 16]>().prop_map(DeviceId::from_bytes)
}

fn person() -> impl Strategy<Value = PersonName> {
    let longest = Just("x".repeat(PERSON_NAME_MAX_BYTES));
    let any = "[!-~À-ÿ]{1,15}( [!-~À-ÿ]{1,15})?";
    prop_oneof![9 => any.boxed(), 1 => longest.boxed()]
        .prop_filter_map("no name of a person", |text| text.parse().ok())
}

fn guest() -> impl Strategy<Value = Guest> {
    prop_oneof![
        (select(&[Role::Admin, Role::Teacher]), person())
            .prop_map(|(role, name)| Guest::Staff { role, name }),
        student().prop_map(|student| Guest::Student { student }),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (any::<[u8; 16]>().prop_map(InviteId::from_bytes), guest())
            .prop_map(|(invite, guest)| Act::Invite { invite, guest }),
        device().prop_map(|device| Act::Revoke { device }),
        student().prop_map(|student| Act::Release { student }),
        (class(), person()).prop_map(|(class, to)| Act::Give { class, to }),
        (class(), person()).prop_map(|(class, with)| Act::Share { class, with }),
        (class(), student(), any::<bool>()).prop_map(|(class, student, there)| Act::Call {
            class,
            student,
            there
        }),
        (class(), any::<[u8; 16]>(), student()).prop_map(|(class, invite, student)| Act::Enrol {
            class,
            invite: InviteId::from_bytes(invite),
            student
        }),
    ]
}

fn plan() -> impl Strategy<Value = Plan> {
    let length = || proptest::option::of(1..=86_400_u32);
    let title = proptest::option::of("[A-Za-zÀ-ÿ0-9]{1,30}");
    (length(), length(), 1..=20_u8, 0..=600_u16, title)
        .prop_map(|(closes_after_s, late_after_s, lessons, accept_delayed_s, title)| Plan {
            closes_after_s,
            late_after_s,
            lessons,
            accept_delayed_s,
            title: title.map(|it| it.parse().expect("a title")),
        })
        .prop_filter("late is before the end", Plan::is_valid)
}

fn listed() -> impl Strategy<Value = Listed> {
    let group = proptest::option::of("[A-Z0-9]{1,9}");
    (student(), "[A-Za-zÀ-ÿ]{1,20}( [A-Za-zÀ-ÿ]{1,20})?", group).prop_map(
        |(student, name, group)| Listed {
            student,
            name: name.parse().expect("a name"),
            group: group.map(|it| it.parse().expect("a group")),
        },
    )
}

fn roster_change() -> impl Strategy<Value = RosterChange> {
    let edit = prop_oneof![
        3 => listed().prop_map(RosterEdit::Put),
        1 => student().prop_map(RosterEdit::Remove),
    ];
    (edgy(u64::MAX), edgy(u64::MAX), vec(edit, 1..8))
        .prop_map(|(base, import, edits)| RosterChange { base, import, edits: edits.into() })
}

fn correction() -> impl Strategy<Value = Correction> {
    let number = proptest::option::of(edgy_u32().prop_filter_map("zero", RollCallNumber::new));
    let reason = proptest::option::of("[A-Za-zÀ-ÿ]{1,50}");
    (number, student(), select(&Status::ALL), reason).prop_map(
        |(number, student, status, reason)| Correction {
            number,
            student,
            status,
            reason: reason.map(|it| it.parse().expect("a reason")),
        },
    )
}

fn operation_on_a_class() -> impl Strategy<Value = Operation> {
    prop_oneof![
        (class(), terms(), plan()).prop_map(|(class, terms, plan)| Operation::OpenWith {
            class,
            terms,
            plan
        }),
        (class(), 1..=86_400_u32).prop_map(|(class, seconds)| Operation::Extend { class, seconds }),
        class().prop_map(|class| Operation::Reopen { class }),
        (class(), student(), proptest::option::of(room_code()), edgy_u32()).prop_map(
            |(class, student, code, delay_ms)| Operation::Deliver {
                class,
                student,
                code,
                delay_ms
            }
        ),
        (class(), correction()).prop_map(|(class, correction)| Operation::Correct {
            class,
            correction: Box::new(correction)
        }),
        (class(), roster_change()).prop_map(|(class, change)| Operation::Enrol { class, change }),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        (class(), terms()).prop_map(|(class, terms)| Operation::Open { class, terms }),
        class().prop_map(|class| Operation::Close { class }),
        (class(), student(), proptest::option::of(room_code()))
            .prop_map(|(class, student, code)| Operation::Mark { class, student, code }),
        any::<[u8; 10]>().prop_map(|it| Operation::Join { code: InviteCode::from_bytes(it) }),
        act().prop_map(Operation::Act),
        operation_on_a_class(),
    ]
}

fn act_number() -> impl Strategy<Value = ActNumber> {
    edgy(u64::MAX).prop_filter_map("zero is no number", ActNumber::new)
}

fn query() -> impl Strategy<Value = Query> {
    prop_oneof![
        class().prop_map(|from| Query::Status { from }),
        (class(), 1..=u32::MAX).prop_map(|(class, at_most)| {
            Query::Sheets { class, at_most: RollCallNumber::new(at_most).expect("not zero") }
        }),
        edgy_u32().prop_map(|from| Query::Files { from }),
        any::<[u8; 16]>().prop_map(|key| Query::File { file: FileKey::from_bytes(key) }),
        proptest::option::of(device()).prop_map(|after| Query::People { after }),
        act_number().prop_map(|at_most| Query::Acts { at_most }),
        class().prop_map(|class| Query::Room { class }),
        edgy_u32().prop_map(|skip| Query::Mine { skip }),
        (class(), 1..=SPOT_MAX).prop_map(|(class, count)| Query::Spot { class, count }),
        class().prop_map(|class| Query::Roster { class }),
        (class(), edgy_u32()).prop_map(|(class, from)| Query::Watch { class, from }),
        (class(), 1..=u32::MAX, edgy_u32()).prop_map(|(class, number, revision)| {
            let number = RollCallNumber::new(number).expect("not zero");
            Query::Revisions { class, number, revision }
        }),
        (class(), student()).prop_map(|(class, student)| Query::Tally { class, student }),
    ]
}

fn cookie() -> impl Strategy<Value = Cookie> {
    any::<[u8; 16]>().prop_map(Cookie::from_bytes)
}

/// Any block may be the first, up to the last that there can be.
fn pull() -> impl Strategy<Value = Pull> {
    (content(), cookie(), edgy_u32(), edgy(u64::MAX), 0..64_u32).prop_map(
        |(object, cookie, first, wanted, blocks)| {
            let reachable = (u32::MAX - first).min(blocks);
            let wanted = wanted & (u64::MAX >> (63 - reachable)) | 1;
            Pull { object, cookie, first, wanted }
        },
    )
}

fn ask() -> impl Strategy<Value = Ask> {
    let perform =
        (time(), operation()).prop_map(|(started, operation)| Ask::Perform { started, operation });
    prop_oneof![perform, query().prop_map(Ask::Read), pull().prop_map(Ask::Pull)]
}

fn request() -> impl Strategy<Value = Request> {
    (any::<u8>(), client(), number(), ask()).prop_map(|(attempt, client, number, ask)| Request {
        attempt,
        client,
        number,
        ask,
    })
}

fn sheet_info() -> impl Strategy<Value = SheetInfo> {
    (class(), 1..=u32::MAX, time(), time(), edgy_u32(), edgy_u32(), content()).prop_map(
        |(class, number, opened_at, closed_at, students, bytes, content)| SheetInfo {
            class,
            number: RollCallNumber::new(number).expect("not zero"),
            opened_at,
            closed_at,
            students,
            bytes,
            content,
        },
    )
}

fn open_roll_call() -> impl Strategy<Value = OpenRollCall> {
    (class(), time(), edgy_u32()).prop_map(|(class, opened_at, present)| OpenRollCall {
        class,
        opened_at,
        present,
    })
}

fn file_name() -> impl Strategy<Value = FileName> {
    let any = r"[^./\\\p{C}][^/\\\p{Cc}]{0,60}";
    let longest = "x".repeat(FILE_NAME_MAX_BYTES);
    let name = |text: String| FileName::try_from(text).ok();
    prop_oneof![9 => any.boxed(), 1 => Just(longest).boxed()]
        .prop_filter_map("no name of a file", name)
}

fn file_entry() -> impl Strategy<Value = FileEntry> {
    (file_name(), edgy(u64::MAX)).prop_map(|(name, bytes)| FileEntry { name, bytes })
}

fn file_list() -> impl Strategy<Value = FileList> {
    (edgy_u32(), vec(file_entry(), 0..=4)).prop_map(|(total, files)| FileList { total, files })
}

fn file_state() -> impl Strategy<Value = FileState> {
    let size = || edgy(FILE_BYTES_MAX);
    prop_oneof![
        Just(FileState::Absent),
        (size(), size()).prop_map(|(a, b)| FileState::Reading { done: a.min(b), bytes: a.max(b) }),
        (size(), content())
            .prop_map(|(bytes, content)| FileState::Ready(FileInfo { bytes, content })),
    ]
}

fn staff_device() -> impl Strategy<Value = StaffDevice> {
    (device(), person(), time(), any::<[bool; 3]>()).prop_map(
        |(device, name, joined_at, [admin, teacher, revoked])| StaffDevice {
            device,
            name,
            joined_at,
            admin,
            teacher,
            revoked,
        },
    )
}

fn act_record() -> impl Strategy<Value = ActRecord> {
    let by = proptest::option::of(device());
    let deed = prop_oneof![act().prop_map(Deed::Act), guest().prop_map(Deed::Joined)];
    (act_number(), time(), by, proptest::option::of(person()), deed)
        .prop_map(|(number, at, by, name, deed)| ActRecord { number, at, by, name, deed })
}

fn room_state() -> impl Strategy<Value = RoomState> {
    let numbers = (edgy_u32(), edgy_u32(), edgy_u32(), any::<u16>());
    (class(), time(), numbers, terms(), room_code()).prop_map(
        |(class, opened_at, (present, remarked, wrong_codes, left_ms), terms, code)| RoomState {
            class,
            opened_at,
            present,
            remarked,
            wrong_codes,
            terms,
            code: Some(code).filter(|_| terms.code),
            left_ms,
        },
    )
}

fn my_mark() -> impl Strategy<Value = MyMark> {
    (class(), 1..=u32::MAX, student(), time()).prop_map(|(class, number, student, at)| {
        let number = RollCallNumber::new(number).expect("not zero");
        MyMark { class, number, student, at }
    })
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let remarks = (0..64_u8).prop_map(|byte| Remarks::try_from(byte).expect("six remarks"));
    (student(), remarks).prop_map(|(student, remarks)| Drawn { student, remarks })
}

/// What only those are answered who are known.
fn answer_to_people() -> impl Strategy<Value = Answer> {
    prop_oneof![
        (time(), guest()).prop_map(|(at, guest)| Answer::Joined(Joined { at, guest })),
        (time(), edgy_u32()).prop_map(|(at, count)| Answer::Acted(Acted { at, count })),
        (vec(staff_device(), 0..=people::CAPACITY), any::<bool>())
            .prop_map(|(devices, more)| Answer::People(PersonList { devices, more })),
        (vec(act_record(), 0..=acts::CAPACITY), any::<bool>())
            .prop_map(|(acts, more)| Answer::Acts(ActList { acts, more })),
        room_state().prop_map(Answer::Room),
        (vec(my_mark(), 0..=mine::CAPACITY), any::<bool>())
            .prop_map(|(marks, more)| Answer::Mine(MineList { marks, more })),
        (class(), vec(drawn(), 0..=usize::from(SPOT_MAX)))
            .prop_map(|(class, drawn)| Answer::Spot(SpotList { class, drawn })),
        Just(Answer::Revoked),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![3 => answer_to_anybody().boxed(), 2 => answer_to_people().boxed()]
}

fn answer_to_anybody() -> impl Strategy<Value = Answer> {
    let capacity = status::capacity(DATAGRAM_MAX_BYTES);
    prop_oneof![
        (class(), time(), any::<bool>()).prop_map(|(class, opened_at, already_open)| {
            Answer::Opened(Opened { class, opened_at, already_open })
        }),
        (sheet_info(), any::<bool>())
            .prop_map(|(sheet, already_closed)| Answer::Closed(Closed { sheet, already_closed })),
        (class(), time(), any::<bool>()).prop_map(|(class, at, already_present)| {
            Answer::Marked(Marked { class, at, already_present })
        }),
        (time(), select(&Refusal::ALL))
            .prop_map(|(at, reason)| Answer::MarkRefused(Refused { at, reason })),
        (time(), select(&Refusal::ALL))
            .prop_map(|(at, reason)| Answer::Refused(Refused { at, reason })),
        (vec(open_roll_call(), 0..=capacity), any::<bool>())
            .prop_map(|(open, more)| Answer::Status(StatusList { open, more })),
        (vec(sheet_info(), 0..=17), any::<bool>())
            .prop_map(|(sheets, more)| Answer::Sheets(SheetList { sheets, more })),
        proptest::option::of(file_list()).prop_map(Answer::Files),
        file_state().prop_map(Answer::File),
        (edgy_u32(), vec(any::<u8>(), 0..=BLOCK_BYTES))
            .prop_map(|(index, bytes)| Answer::Pulled(Pulled { index, bytes })),
        cookie().prop_map(Answer::Cookie),
        Just(Answer::Stale),
        proptest::option::of(time())
            .prop_map(|server_time| Answer::BeginAgain(BeginAgain { server_time })),
        any::<u16>().prop_map(|retry_after_ms| Answer::Busy(Busy { retry_after_ms })),
    ]
}

fn reply() -> impl Strategy<Value = Reply> {
    (client(), number(), answer()).prop_map(|(client, number, answer)| Reply {
        client,
        number,
        answer,
    })
}

/// A whole valid datagram of either direction.
fn datagram() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        request().prop_map(|it| request_bytes(&it)),
        (request(), 0..1_100_usize).prop_map(|(it, zeros)| laws::request(&it, zeros)),
        reply().prop_map(|it| reply_bytes(&it)),
    ]
}

proptest! {
    // spec: R-FRAME-5, R-SIZE-1
    #[test]
    fn every_request_that_can_be_built_is_read_back(request in request()) {
        let bytes = request_bytes(&request);
        prop_assert!(bytes.len() <= DATAGRAM_MAX_BYTES);
        prop_assert_eq!(decode_request(&bytes).map(|it| it.request), Ok(request));
        laws::check(&bytes);
    }

    #[test]
    fn every_reply_that_can_be_built_is_read_back(reply in reply()) {
        let bytes = reply_bytes(&reply);
        prop_assert!(bytes.len() <= DATAGRAM_MAX_BYTES);
        prop_assert_eq!(decode_reply(&bytes), Ok(reply));
        laws::check(&bytes);
    }

    // spec: R-SIZE-4
    #[test]
    fn a_request_may_be_padded_further_than_it_must(request in request(), more in any::<Index>()) {
        let least = request_bytes(&request).len();
        let zeros = laws::padding_of(&request, least);
        let most = laws::padding_of(&request, DATAGRAM_MAX_BYTES);
        let padded = laws::request(&request, zeros + more.index(most - zeros + 1));
        prop_assert!(padded.len() <= DATAGRAM_MAX_BYTES);
        prop_assert_eq!(decode_request(&padded).map(|it| it.request), Ok(request));
        laws::check(&padded);
    }

    // spec: R-SIZE-2
    #[test]
    fn padding_that_is_not_zero_is_rejected(
        request in request(),
        place in any::<Index>(),
        byte in 1..=u8::MAX,
    ) {
        let datagram = request_bytes(&request);
        let zeros = laws::padding_of(&request, datagram.len());
        prop_assume!(zeros > 0);
        let mut body = body(&datagram).to_vec();
        let at = body.len() - 1 - place.index(zeros);
        body[at] = byte;
        let padded = laws::frame(1, datagram[3], &body);
        prop_assert_eq!(decode_request(&padded), Err(Rejected::Body));
    }

    // spec: R-READ-1
    #[test]
    fn nothing_that_arrives_panics_or_breaks_a_law(bytes in vec(any::<u8>(), 0..1_300)) {
        laws::check(&bytes);
        if let Some(mended) = laws::mended(&bytes) {
            laws::check(&mended);
        }
    }

    #[test]
    fn no_body_under_a_right_checksum_panics_or_breaks_a_law(
        kind in prop_oneof![select(&Kind::TABLE).prop_map(|row| row.1), any::<u8>()],
        version in 0..3_u8,
        body in vec(prop_oneof![any::<u8>(), 0..3_u8], 0..1_200),
    ) {
        laws::check(&laws::frame(version, kind, &body));
    }

    #[test]
    fn a_changed_body_under_a_right_checksum_breaks_no_law(
        datagram in datagram(),
        kind in proptest::option::of(select(&Kind::TABLE)),
        changes in vec((any::<Index>(), 0..3_u8, any::<u8>()), 1..4),
    ) {
        let mut body = body(&datagram).to_vec();
        for (place, change, byte) in changes {
            let place = place.index(body.len());
            match change {
                0 => body[place] = byte,
                1 => body.insert(place, byte),
                _ => drop(body.remove(place)),
            }
        }
        let kind = kind.map_or(datagram[3], |row| row.1);
        laws::check(&laws::frame(1, kind, &body));
    }

    // spec: R-VALUE-1
    #[test]
    fn a_number_in_more_bytes_than_it_needs_is_never_read(datagram in datagram()) {
        let body = body(&datagram);
        // At every place: the same seven bits, and a further byte that adds nothing.
        for place in 0..body.len().min(80) {
            let mut longer = body.to_vec();
            longer[place] |= 0x80;
            longer.insert(place + 1, 0);
            laws::check(&laws::frame(1, datagram[3], &longer));
        }
    }

    // spec: R-VALUE-3
    #[test]
    fn bytes_after_the_body_are_left_over(datagram in datagram(), more in vec(any::<u8>(), 1..9)) {
        let mut body = body(&datagram).to_vec();
        body.extend(more);
        prop_assume!(body.len() + DATAGRAM_MIN_BYTES <= DATAGRAM_MAX_BYTES);
        let longer = laws::frame(1, datagram[3], &body);
        let read_as_its_own = if datagram[3] < 0x80 {
            decode_request(&longer).map(|_| ())
        } else {
            decode_reply(&longer).map(|_| ())
        };
        prop_assert_eq!(read_as_its_own, Err(Rejected::LeftOver));
    }

    // spec: R-REQUEST-4, R-JUDGE-12
    #[test]
    fn only_the_attempt_leaves_the_fingerprint_as_it_is(
        request in request(),
        attempt in any::<u8>(),
        other in request(),
    ) {
        let fingerprint = |request: &Request| {
            decode_request(&request_bytes(request)).expect("it was built").fingerprint
        };
        let first = fingerprint(&request);
        prop_assert_eq!(fingerprint(&Request { attempt, ..request.clone() }), first);
        let others = [
            Request { client: other.client, ..request.clone() },
            Request { number: other.number, ..request.clone() },
            Request { ask: other.ask, ..request.clone() },
        ];
        for other in others.iter().chain(&variations(&request)).filter(|&it| *it != request) {
            prop_assert_ne!(fingerprint(other), first, "{:?}", other);
        }
    }
}

/// The request with one thing in what it asks made another.
#[expect(clippy::too_many_lines, reason = "one arm for each kind of request")]
fn variations(request: &Request) -> Vec<Request> {
    let other = |class: ClassId| ClassId::new(class.get() ^ 2).or(ClassId::new(9)).expect("not 0");
    let asks = match request.ask.clone() {
        Ask::Perform { started, operation } => {
            let class = operation.class().unwrap_or(other(first_class()));
            let another: StudentNumber = "another".parse().expect("a student");
            let name: PersonName = "Another".parse().expect("a name");
            let mut operations = vec![
                Operation::Open { class, terms: Terms::PLAIN },
                Operation::Open { class, terms: Terms::SEALED },
                Operation::Close { class },
                Operation::Mark { class, student: another, code: None },
                Operation::Mark { class, student: another, code: RoomCode::new(0) },
                Operation::Join { code: InviteCode::SPENT },
                Operation::Act(Act::Give { class, to: name }),
                Operation::Act(Act::Share { class, with: name }),
                Operation::Act(Act::Release { student: another }),
            ];
            operations.push(match operation.clone() {
                Operation::OpenWith { class, terms, plan } => {
                    let lessons = plan.lessons % 20 + 1;
                    Operation::OpenWith { class, terms, plan: Plan { lessons, ..plan } }
                }
                Operation::Extend { class, seconds } => {
                    Operation::Extend { class, seconds: seconds % 86_400 + 1 }
                }
                Operation::Reopen { class } => Operation::Reopen { class: other(class) },
                Operation::Deliver { class, student, code, delay_ms } => {
                    Operation::Deliver { class, student, code, delay_ms: delay_ms ^ 1 }
                }
                Operation::Correct { class, mut correction } => {
                    correction.status = match correction.status {
                        Status::Present => Status::Late,
                        _ => Status::Present,
                    };
                    Operation::Correct { class, correction }
                }
                Operation::Enrol { class, change } => {
                    let import = change.import ^ 1;
                    Operation::Enrol { class, change: RosterChange { import, ..change } }
                }
                Operation::Open { class, terms } => Operation::Open { class: other(class), terms },
                Operation::Close { class } => Operation::Close { class: other(class) },
                Operation::Mark { class, student, code } => {
                    Operation::Mark { class: other(class), student, code }
                }
                Operation::Join { .. } => {
                    Operation::Join { code: InviteCode::from_bytes([0xaa; 10]) }
                }
                Operation::Act(Act::Invite { guest, .. }) => {
                    let invite = InviteId::from_bytes([0xaa; 16]);
                    Operation::Act(Act::Invite { invite, guest })
                }
                Operation::Act(Act::Call { class, student, there }) => {
                    Operation::Act(Act::Call { class, student, there: !there })
                }
                Operation::Act(_) => {
                    Operation::Act(Act::Call { class, student: another, there: true })
                }
            });
            let mut asks: Vec<_> = operations
                .into_iter()
                .map(|operation| Ask::Perform { started, operation })
                .collect();
            let started = WallTime::from_millis(started.as_millis() ^ 1);
            asks.push(Ask::Perform { started, operation });
            asks
        }
        Ask::Read(Query::Status { from }) => vec![Ask::Read(Query::Status { from: other(from) })],
        Ask::Read(Query::Sheets { class, at_most }) => {
            let another = RollCallNumber::new(at_most.get() ^ 2).unwrap_or(RollCallNumber::FIRST);
            vec![
                Ask::Read(Query::Status { from: class }),
                Ask::Read(Query::Sheets { class: other(class), at_most }),
                Ask::Read(Query::Sheets { class, at_most: another }),
            ]
        }
        Ask::Read(Query::Files { from }) => vec![Ask::Read(Query::Files { from: from ^ 1 })],
        Ask::Read(Query::File { file }) => {
            let mut key = *file.as_bytes();
            key[15] ^= 1;
            vec![Ask::Read(Query::File { file: FileKey::from_bytes(key) })]
        }
        Ask::Read(Query::People { after }) => {
            let another = after.xor(Some(DeviceId::from_bytes([7; 16])));
            vec![Ask::Read(Query::People { after: another })]
        }
        Ask::Read(Query::Acts { at_most }) => {
            let another = ActNumber::new(at_most.get() ^ 2).unwrap_or(at_most);
            vec![Ask::Read(Query::Acts { at_most: another })]
        }
        Ask::Read(Query::Room { class }) => {
            vec![
                Ask::Read(Query::Room { class: other(class) }),
                Ask::Read(Query::Status { from: class }),
            ]
        }
        Ask::Read(Query::Roster { class }) => {
            vec![Ask::Read(Query::Roster { class: other(class) }), Ask::Read(Query::Room { class })]
        }
        Ask::Read(Query::Watch { class, from }) => {
            vec![Ask::Read(Query::Watch { class, from: from ^ 1 })]
        }
        Ask::Read(Query::Revisions { class, number, revision }) => {
            vec![Ask::Read(Query::Revisions { class, number, revision: revision ^ 1 })]
        }
        Ask::Read(Query::Tally { class, student }) => {
            vec![Ask::Read(Query::Tally { class: other(class), student })]
        }
        Ask::Read(Query::Mine { skip }) => vec![Ask::Read(Query::Mine { skip: skip ^ 1 })],
        Ask::Read(Query::Spot { class, count }) => {
            vec![
                Ask::Read(Query::Spot { class: other(class), count }),
                Ask::Read(Query::Spot { class, count: count % SPOT_MAX + 1 }),
            ]
        }
        Ask::Pull(pull) => {
            let mut cookie = *pull.cookie.as_bytes();
            cookie[0] ^= 1;
            let others = [
                Pull { object: ContentId::of(b"another"), ..pull },
                Pull { cookie: Cookie::from_bytes(cookie), ..pull },
                Pull { first: pull.first / 2, ..pull },
                Pull { wanted: 1, ..pull },
            ];
            others.map(Ask::Pull).to_vec()
        }
    };
    asks.into_iter().map(|ask| Request { ask, ..*request }).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    // spec: R-FRAME-4
    #[test]
    fn a_flipped_bit_never_makes_another_message(datagram in datagram()) {
        for bit in 0..datagram.len() * 8 {
            let mut damaged = datagram.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(decode_request(&damaged).is_err(), "bit {} of a request", bit);
            prop_assert!(decode_reply(&damaged).is_err(), "bit {} of a reply", bit);
            prop_assert!(Versions::decode(&damaged).is_err(), "bit {} of versions", bit);
        }
    }

    #[test]
    fn a_truncated_datagram_is_never_read(datagram in datagram()) {
        for length in 0..datagram.len() {
            let cut = &datagram[..length];
            let expected =
                if length < DATAGRAM_MIN_BYTES { Rejected::TooShort } else { Rejected::Checksum };
            prop_assert_eq!(decode_request(cut), Err(expected), "{} bytes", length);
            prop_assert_eq!(decode_reply(cut), Err(expected), "{} bytes", length);
        }
    }

    #[test]
    fn a_truncated_body_under_a_right_checksum_is_never_read(datagram in datagram()) {
        let body = body(&datagram);
        for length in 0..body.len() {
            let cut = laws::frame(1, datagram[3], &body[..length]);
            prop_assert!(decode_request(&cut).is_err(), "{} bytes", length);
            prop_assert!(decode_reply(&cut).is_err(), "{} bytes", length);
        }
    }
}

// spec: R-READ-6
// spec: R-READ-5
#[test]
fn a_sealed_datagram_is_read_by_nobody() {
    for body in [&[][..], &[1; 40], &[0xff; 1_000]] {
        let request = laws::frame(1, Kind::Sealed.byte(), body);
        assert_eq!(decode_request(&request), Err(Rejected::Sealed));
        let reply = laws::frame(1, Kind::SealedReply.byte(), body);
        assert_eq!(decode_reply(&reply), Err(Rejected::Sealed));
    }
}

#[test]
fn whatever_udp_can_deliver_beyond_the_longest_datagram_is_too_long() {
    let open = Operation::Open { class: first_class(), terms: Terms::PLAIN };
    let mut payload = request_bytes(&smallest(open.into_ask()));
    payload.resize(UDP_PAYLOAD_MAX_BYTES, 0);
    for length in DATAGRAM_MAX_BYTES + 1..=UDP_PAYLOAD_MAX_BYTES {
        assert_eq!(decode_request(&payload[..length]), Err(Rejected::TooLong), "{length} bytes");
        assert_eq!(decode_reply(&payload[..length]), Err(Rejected::TooLong), "{length} bytes");
        assert_eq!(Versions::decode(&payload[..length]), Err(Rejected::TooLong), "{length} bytes");
    }
}

// spec: R-VALUE-1, R-VALUE-2
#[test]
fn overlong_numbers_are_named_as_not_canonical() {
    let head = [&[1; 17][..], &[1]].concat();
    let class_longer =
        [&head, &[5][..], &[0x87, 0x00], &[0; 3], &laws::byte_string(&[0; 30])].concat();
    let number_longer =
        [&[1; 17][..], &[0x81, 0x80, 0x00], &[5, 7, 0, 0, 0], &laws::byte_string(&[0; 30])]
            .concat();
    let padding_longer = [&head, &[5, 7, 0, 0, 0][..], &[0x9e, 0x00], &[0; 30]].concat();
    for body in [class_longer, number_longer, padding_longer] {
        let datagram = laws::frame(1, Kind::Open.byte(), &body);
        assert_eq!(decode_request(&datagram), Err(Rejected::NotCanonical));
    }
    // More bytes than a number of its type ever has, and more bits.
    for class in [[0x87, 0x80, 0x80, 0x80, 0x80, 0x00], [0xff, 0xff, 0xff, 0xff, 0x10, 0x00]] {
        let body = [&head, &[5][..], &class, &[0; 3], &laws::byte_string(&[0; 30])].concat();
        let datagram = laws::frame(1, Kind::Open.byte(), &body);
        assert_eq!(decode_request(&datagram), Err(Rejected::Body));
    }
}

// spec: R-VALUE-4
#[test]
fn a_block_has_at_most_1024_bytes() {
    let body = |length| [&[1; 16][..], &[1, 0], &laws::byte_string(&vec![7; length])].concat();
    let block = |length| decode_reply(&laws::frame(1, Kind::Pulled.byte(), &body(length)));
    assert!(block(BLOCK_BYTES).is_ok());
    assert_eq!(block(BLOCK_BYTES + 1), Err(Rejected::Body));
}

// spec: R-VALUE-4
#[test]
fn a_pulled_block_has_at_most_1024_bytes() {
    let body = |length| [&[1; 16][..], &[1, 9], &laws::byte_string(&vec![7; length])].concat();
    let block = |length| decode_reply(&laws::frame(1, Kind::Pulled.byte(), &body(length)));
    assert!(block(BLOCK_BYTES).is_ok());
    assert_eq!(block(BLOCK_BYTES + 1), Err(Rejected::Body));
}

// spec: R-PULL-1
#[test]
fn a_pull_wants_its_first_block_and_none_past_the_last_that_there_can_be() {
    let pull = |first: u32, wanted: u64| {
        let (first, wanted) = (laws::varint(first.into()), laws::varint(wanted));
        let body = [&[1; 17][..], &[1], &[7; 48], &first, &wanted, &[0]].concat();
        decode_request(&laws::frame(1, Kind::Pull.byte(), &body)).map(|it| it.request.ask)
    };
    for (first, wanted, blocks) in [
        (0, 1, vec![0]),
        (7, 0b1011, vec![7, 8, 10]),
        (u32::MAX, 1, vec![u32::MAX]),
        (u32::MAX - 63, 1 | 1 << 63, vec![u32::MAX - 63, u32::MAX]),
    ] {
        let Ok(Ask::Pull(pull)) = pull(first, wanted) else { panic!("{first} {wanted:b}") };
        assert_eq!(pull.blocks().collect::<Vec<_>>(), blocks);
    }
    for (first, wanted) in [
        (0, 0),
        (0, 2),
        (0, u64::MAX - 1),
        (u32::MAX, 0b11),
        (u32::MAX - 62, 1 | 1 << 63),
        (u32::MAX, u64::MAX),
    ] {
        assert_eq!(pull(first, wanted), Err(Rejected::Body), "{first} {wanted:b}");
    }
}

// spec: R-VALUE-4
#[test]
fn a_file_has_no_more_bytes_than_there_can_be_and_no_more_are_read() {
    let info = |state: &[u64], more: &[u8]| {
        let state: Vec<u8> = state.iter().flat_map(|&it| laws::varint(it)).collect();
        let body = [&[1; 16][..], &[1], &state, more].concat();
        decode_reply(&laws::frame(1, Kind::FileInfo.byte(), &body)).map(|it| it.answer)
    };
    let most = FILE_BYTES_MAX;
    assert_eq!(info(&[0], &[]), Ok(Answer::File(FileState::Absent)));
    let reading = FileState::Reading { done: most, bytes: most };
    assert_eq!(info(&[1, most, most], &[]), Ok(Answer::File(reading)));
    assert!(info(&[2, most], &[5; 32]).is_ok());
    assert_eq!(info(&[1, 8, 7], &[]), Err(Rejected::Body), "more is read than there is");
    assert_eq!(info(&[1, 0, most + 1], &[]), Err(Rejected::Body));
    assert_eq!(info(&[2, most + 1], &[5; 32]), Err(Rejected::Body));
    assert_eq!(info(&[3], &[]), Err(Rejected::Body), "there is no such state");
    assert_eq!(info(&[2, most], &[5; 31]), Err(Rejected::Body));
    assert_eq!(info(&[0], &[0]), Err(Rejected::LeftOver));
}

// spec: R-VALUE-4
#[test]
fn a_list_with_a_name_that_no_file_has_is_not_read() {
    let list = |name: &[u8]| {
        let entry = [laws::byte_string(name), laws::varint(7)].concat();
        let body = [&[1; 16][..], &[1], &[1, 1, 1], &entry].concat();
        decode_reply(&laws::frame(1, Kind::FileList.byte(), &body)).map(|it| it.answer)
    };
    assert!(list("notes 3º.pdf".as_bytes()).is_ok());
    assert!(list(&[b'x'; FILE_NAME_MAX_BYTES]).is_ok());
    let wrong = [
        "",
        ".",
        "..",
        ".hidden",
        "a/b",
        "a\\b",
        "a\0",
        "a\n",
        "\u{1b}[2J",
        "a\u{202e}b",
        "a\u{200f}",
        "a\u{200d}",
    ];
    for name in wrong {
        assert_eq!(list(name.as_bytes()), Err(Rejected::Body), "{name:?}");
    }
    assert_eq!(list(&[b'x'; FILE_NAME_MAX_BYTES + 1]), Err(Rejected::Body));
    assert_eq!(list(&[0xff]), Err(Rejected::Body), "not UTF-8");
}

// spec: R-SIZE-3
#[test]
fn no_answer_is_longer_than_the_shortest_request_that_it_answers() {
    let class = first_class();
    let student = "1".parse().expect("a student");
    let sheet = ContentId::from_bytes([0; 32]);
    let correction = Correction { number: None, student, status: Status::Present, reason: None };
    let change = RosterChange { base: 0, import: 0, edits: [RosterEdit::Remove(student)].into() };
    let asks = [
        Operation::Open { class, terms: Terms::PLAIN }.into_ask(),
        Operation::Close { class }.into_ask(),
        Operation::Mark { class, student, code: None }.into_ask(),
        Ask::Read(Query::Status { from: class }),
        Ask::Read(Query::Sheets { class, at_most: RollCallNumber::FIRST }),
        Ask::Read(Query::Files { from: 0 }),
        Ask::Read(Query::File { file: FileKey::from_bytes([0; 16]) }),
        Operation::Join { code: InviteCode::SPENT }.into_ask(),
        Operation::Act(Act::Release { student }).into_ask(),
        Ask::Read(Query::People { after: None }),
        Ask::Read(Query::Acts { at_most: ActNumber::new(1).expect("not zero") }),
        Ask::Read(Query::Room { class }),
        Ask::Read(Query::Mine { skip: 0 }),
        Ask::Read(Query::Spot { class, count: SPOT_MAX }),
        Operation::OpenWith { class, terms: Terms::PLAIN, plan: Plan::default() }.into_ask(),
        Operation::Extend { class, seconds: 1 }.into_ask(),
        Operation::Reopen { class }.into_ask(),
        Operation::Deliver { class, student, code: None, delay_ms: 0 }.into_ask(),
        Operation::Correct { class, correction: Box::new(correction) }.into_ask(),
        Operation::Enrol { class, change }.into_ask(),
        Ask::Read(Query::Roster { class }),
        Ask::Read(Query::Watch { class, from: 0 }),
        Ask::Read(Query::Revisions { class, number: RollCallNumber::FIRST, revision: 0 }),
        Ask::Read(Query::Tally { class, student }),
        Ask::Pull(Pull { object: sheet, cookie: Cookie::NONE, first: 0, wanted: 1 }),
    ];
    for ask in asks {
        let shortest = shortest_that_is_read(&smallest(ask.clone()));
        for answer in longest_answers(ask.kind(), shortest) {
            let length = longest_reply(answer.clone());
            assert!(
                length <= shortest,
                "{} of {shortest} bytes may be answered with {length} bytes: {answer:?}",
                ask.kind(),
            );
        }
    }
}

// spec: R-SIZE-3, R-SHEET-8
#[test]
fn a_longer_question_for_sheets_makes_room_for_more_and_never_for_too_much() {
    let mut last = 0;
    for length in SHEET_REQUEST_MIN_BYTES..=DATAGRAM_MAX_BYTES {
        let capacity = sheets::capacity(length);
        assert!(capacity >= last.max(1), "{length} bytes");
        let [longest, _] = &longest_answers(Kind::Sheets, length)[..] else { panic!("two") };
        assert!(longest_reply(longest.clone()) <= length, "{length} bytes");
        last = capacity;
    }
    assert_eq!(last, 17, "what the longest request has room for");
}

// spec: R-SIZE-3, R-STATUS-3
#[test]
fn a_longer_status_makes_room_for_more_and_never_for_too_much() {
    let mut last = 0;
    for length in STATUS_REQUEST_MIN_BYTES..=DATAGRAM_MAX_BYTES {
        let capacity = status::capacity(length);
        assert!(capacity >= last.max(1), "{length} bytes");
        assert!(longest_reply(longest_status(capacity)) <= length, "{length} bytes");
        last = capacity;
    }
    assert_eq!(last, 68, "what the longest request has room for");
}

proptest! {
    // spec: R-SIZE-3, R-FILES-2
    #[test]
    fn as_many_files_are_listed_as_the_answer_has_room_for(
        files in vec(file_entry(), 0..80),
        total in edgy_u32(),
        request_bytes in 0..=DATAGRAM_MAX_BYTES,
    ) {
        let fit = files::that_fit(&files, request_bytes).to_vec();
        prop_assert!(files.starts_with(&fit));
        let listed = longest_reply(Answer::Files(Some(FileList { total, files: fit.clone() })));
        prop_assert!(fit.is_empty() || listed <= request_bytes);
        let room = files::that_fit(&files, FILES_REQUEST_MIN_BYTES).len();
        prop_assert!(room >= files.len().min(4), "four names have room, however long");
        prop_assert!(fit.len() <= room || request_bytes > FILES_REQUEST_MIN_BYTES);
        let needed = |count: usize| {
            42 + files[..count].iter().map(|it| 12 + it.name.as_str().len()).sum::<usize>()
        };
        prop_assert!(fit.is_empty() || needed(fit.len()) <= request_bytes);
        prop_assert!(fit.len() == files.len() || needed(fit.len() + 1) > request_bytes);
    }
}

// spec: R-COOKIE-1
#[test]
fn a_cookie_is_shorter_than_the_shortest_pull() {
    let object = ContentId::from_bytes([0; 32]);
    let pull = Pull { object, cookie: Cookie::NONE, first: 0, wanted: 1 };
    let shortest = shortest_that_is_read(&smallest(Ask::Pull(pull)));
    assert_eq!((shortest, PULL_REQUEST_MIN_BYTES), (laws::PULL_MIN_BYTES, laws::PULL_MIN_BYTES));
    // A lone block needs no cookie, because its request is as long as its answer.
    let lone = request_bytes(&smallest(Ask::Pull(pull))).len();
    let block = Answer::Pulled(Pulled { index: u32::MAX, bytes: vec![7; BLOCK_BYTES] });
    assert_eq!((lone, LONE_PULL_MIN_BYTES), (longest_reply(block.clone()), longest_reply(block)));
    let with_cookie = Pull { cookie: Cookie::from_bytes([1; 16]), ..pull };
    let unpadded = request_bytes(&smallest(Ask::Pull(with_cookie))).len();
    assert_eq!(unpadded, shortest, "who has a cookie does not pad");
    let longest = longest_reply(Answer::Cookie(Cookie::from_bytes([0xff; 16])));
    assert_eq!(longest, 50);
    assert!(longest < shortest);
}

// spec: R-FRAME-3
#[test]
fn every_kind_tells_its_own_byte_and_name() {
    for (kind, byte, name) in Kind::TABLE {
        assert_eq!((kind.byte(), kind.name()), (byte, name));
        assert_eq!(format!("{kind:>13}"), format!("{name:>13}"));
    }
}

// spec: R-VERSION-1
#[test]
fn versions_are_told_in_as_many_bytes_as_announced() {
    let mut datagram = Datagram::new();
    Versions::ours().encode(&mut datagram);
    assert_eq!(datagram.as_bytes().len(), Versions::ENCODED_BYTES);
    assert_eq!(Versions::decode(datagram.as_bytes()), Ok(Versions::ours()));
}

// spec: R-VERSION-1
#[test]
fn every_version_that_is_told_is_read() {
    let spoken = [2, 3, 250];
    let datagram = laws::frame(0, Kind::Versions.byte(), &laws::byte_string(&spoken));
    let versions = Versions::decode(&datagram).expect("about versions");
    assert_eq!(versions.spoken(), spoken);
}

#[test]
fn what_the_fuzzer_starts_from_breaks_no_law() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/decode");
    let files = std::fs::read_dir(corpus).expect("the corpus is committed");
    for file in files {
        let input = std::fs::read(file.expect("listed").path()).expect("readable");
        laws::check(&input);
        if let Some(mended) = laws::mended(&input) {
            laws::check(&mended);
        }
    }
}

#[test]
fn the_second_encoder_knows_the_checksum() {
    assert_eq!(laws::crc32(b"123456789"), 0xcbf4_3926);
}

/// What an operation asks with a clock that shows nothing.
trait IntoAsk {
    fn into_ask(self) -> Ask;
}

impl IntoAsk for Operation {
    fn into_ask(self) -> Ask {
        Ask::Perform { started: WallTime::from_millis(0), operation: self }
    }
}

fn first_class() -> ClassId {
    ClassId::new(1).expect("not zero")
}

fn smallest(ask: Ask) -> Request {
    Request { attempt: 1, client: ClientId::from_bytes([0; 16]), number: RequestNumber::FIRST, ask }
}

fn shortest_that_is_read(request: &Request) -> usize {
    let lengths = (0..=laws::padding_of(request, DATAGRAM_MAX_BYTES))
        .map(|zeros| laws::request(request, zeros));
    let shortest = lengths.into_iter().find(|datagram| decode_request(datagram).is_ok());
    shortest.expect("some padding is enough").len()
}

fn longest_reply(answer: Answer) -> usize {
    let number = RequestNumber::new(u64::MAX).expect("not zero");
    reply_bytes(&Reply { client: ClientId::from_bytes([0xff; 16]), number, answer }).len()
}

fn longest_status(roll_calls: usize) -> Answer {
    let class = ClassId::new(u32::MAX).expect("not zero");
    let open = OpenRollCall { class, opened_at: WallTime::MAX, present: u32::MAX };
    Answer::Status(StatusList { open: vec![open; roll_calls], more: true })
}

fn longest_name() -> PersonName {
    "x".repeat(PERSON_NAME_MAX_BYTES).parse().expect("a name")
}

fn longest_guest() -> Guest {
    Guest::Staff { role: Role::Teacher, name: longest_name() }
}

fn longest_student() -> StudentNumber {
    "~".repeat(STUDENT_LENGTH_MAX_BYTES).parse().expect("a student")
}

/// The answer to a question about people and rooms, with as much as it may hold.
fn longest_list(kind: Kind) -> Answer {
    let class = ClassId::new(u32::MAX).expect("not zero");
    let (at, device, name) = (WallTime::MAX, DeviceId::from_bytes([0xff; 16]), longest_name());
    let student = longest_student();
    let more = true;
    match kind {
        Kind::People => {
            let it = StaffDevice {
                device,
                name,
                joined_at: at,
                admin: true,
                teacher: true,
                revoked: true,
            };
            Answer::People(PersonList { devices: vec![it; people::CAPACITY], more })
        }
        Kind::Acts => {
            let invite = InviteId::from_bytes([0xff; 16]);
            let deed = Deed::Act(Act::Invite { invite, guest: longest_guest() });
            let number = ActNumber::new(u64::MAX).expect("not zero");
            let it = ActRecord { number, at, by: Some(device), name: Some(name), deed };
            Answer::Acts(ActList { acts: vec![it; acts::CAPACITY], more })
        }
        Kind::Room => Answer::Room(RoomState {
            class,
            opened_at: at,
            present: u32::MAX,
            remarked: u32::MAX,
            wrong_codes: u32::MAX,
            terms: Terms::SEALED,
            code: RoomCode::new(999_999),
            left_ms: u16::MAX,
        }),
        Kind::Mine => {
            let it = MyMark { class, number: RollCallNumber::MAX, student, at };
            Answer::Mine(MineList { marks: vec![it; mine::CAPACITY], more })
        }
        Kind::Spot => {
            let remarks = Remarks::try_from(63).expect("all of them");
            let it = Drawn { student, remarks };
            Answer::Spot(SpotList { class, drawn: vec![it; usize::from(SPOT_MAX)] })
        }
        Kind::Watch => {
            let remarks = Remarks::try_from(63).expect("all of them");
            let it = WatchedEntry { student, at, status: Status::Left, remarks };
            Answer::Watched(Box::new(Watched {
                class,
                number: RollCallNumber::MAX,
                opened_at: at,
                closes_at: Some(at),
                late_at: Some(at),
                present: u32::MAX,
                late: u32::MAX,
                expected: Some(u32::MAX),
                expected_present: u32::MAX,
                remarked: u32::MAX,
                wrong_codes: u32::MAX,
                roster: u64::MAX,
                corrections: u32::MAX,
                code: RoomCode::new(999_999),
                left_ms: u16::MAX,
                title: Some("x".repeat(TITLE_MAX_BYTES).parse().expect("a title")),
                entries: u32::MAX,
                listed: vec![it; WATCHED_MAX],
            }))
        }
        Kind::Revisions => {
            let it = Revision { revision: u32::MAX, at, sheet: longest_info() };
            Answer::Revisions(RevisionList { revisions: vec![it; revisions::CAPACITY], more })
        }
        other => panic!("{other} is no such question"),
    }
}

fn longest_info() -> SheetInfo {
    SheetInfo {
        class: ClassId::new(u32::MAX).expect("not zero"),
        number: RollCallNumber::MAX,
        opened_at: WallTime::MAX,
        closed_at: WallTime::MAX,
        students: u32::MAX,
        bytes: u32::MAX,
        content: ContentId::from_bytes([0xff; 32]),
    }
}

/// Every answer that chapter 5 of the specification allows for this kind, at its longest.
fn longest_answers(kind: Kind, request_bytes: usize) -> Vec<Answer> {
    let class = ClassId::new(u32::MAX).expect("not zero");
    let at = WallTime::MAX;
    let reason = Refusal::TooManyClasses;
    let sheet = longest_info();
    let busy = Answer::Busy(Busy { retry_after_ms: u16::MAX });
    let begin_again = Answer::BeginAgain(BeginAgain { server_time: Some(at) });
    let verdicts = [Answer::Stale, begin_again, busy.clone(), Answer::Revoked];
    let own = match kind {
        Kind::Join => vec![
            Answer::Joined(Joined { at, guest: longest_guest() }),
            Answer::Refused(Refused { at, reason }),
        ],
        Kind::Act => vec![
            Answer::Acted(Acted { at, count: u32::MAX }),
            Answer::Refused(Refused { at, reason }),
        ],
        Kind::People
        | Kind::Acts
        | Kind::Room
        | Kind::Mine
        | Kind::Spot
        | Kind::Watch
        | Kind::Revisions => {
            vec![longest_list(kind), Answer::Refused(Refused { at, reason }), Answer::Revoked]
        }
        Kind::Tally => {
            let student = "x".repeat(STUDENT_LENGTH_MAX_BYTES).parse().expect("a student");
            let most = u32::MAX;
            let tally =
                Tally { roll_calls: most, of: most, present: most, late: 0, excused: 0, absent: 0 };
            vec![Answer::Tallied(Tallied { class, student, tally }), Answer::Revoked]
        }
        Kind::Extend => vec![
            Answer::Extended(Extended { at, class, closes_at: at }),
            Answer::Refused(Refused { at, reason }),
        ],
        Kind::Correct => {
            let (number, was) = (RollCallNumber::MAX, Some(Status::Left));
            vec![
                Answer::Corrected(Corrected { at, class, number, revision: u32::MAX, was }),
                Answer::Refused(Refused { at, reason }),
            ]
        }
        Kind::Enrol => vec![
            Answer::Enrolled(Enrolled { at, class, version: u64::MAX, students: u32::MAX }),
            Answer::Refused(Refused { at, reason }),
        ],
        Kind::Roster => vec![
            Answer::Roster(RosterInfo {
                class,
                version: u64::MAX,
                students: u32::MAX,
                bytes: u32::MAX,
                content: sheet.content,
            }),
            Answer::Refused(Refused { at, reason }),
        ],
        Kind::Open | Kind::Plan | Kind::Reopen => vec![
            Answer::Opened(Opened { class, opened_at: at, already_open: true }),
            Answer::Refused(Refused { at, reason }),
        ],
        Kind::Close => {
            vec![
                Answer::Closed(Closed { sheet, already_closed: true }),
                Answer::Refused(Refused { at, reason }),
            ]
        }
        Kind::Mark | Kind::Deliver => vec![
            Answer::Marked(Marked { class, at, already_present: true }),
            Answer::MarkRefused(Refused { at, reason }),
        ],
        Kind::Status => {
            return vec![longest_status(status::capacity(request_bytes)), busy];
        }
        Kind::Sheets => {
            let sheets = vec![sheet; sheets::capacity(request_bytes)];
            return vec![Answer::Sheets(SheetList { sheets, more: true }), busy];
        }
        Kind::Files => {
            let name: FileName = "x".repeat(FILE_NAME_MAX_BYTES).parse().expect("a name");
            let files = vec![FileEntry { name, bytes: u64::MAX }; 80];
            let files = files::that_fit(&files, request_bytes).to_vec();
            return vec![Answer::Files(Some(FileList { total: u32::MAX, files }))];
        }
        Kind::File => {
            let bytes = FILE_BYTES_MAX;
            return vec![
                Answer::File(FileState::Reading { done: bytes, bytes }),
                Answer::File(FileState::Ready(FileInfo { bytes, content: sheet.content })),
            ];
        }
        // Who has proved an address gets more.
        Kind::Pull => return vec![Answer::Cookie(Cookie::from_bytes([0xff; 16]))],
        other => panic!("{other} is no request"),
    };
    own.into_iter().chain(verdicts).collect()
}

#[test]
fn the_longest_student_number_fits_a_mark() {
    let (class, student) = (first_class(), longest_student());
    let operation = Operation::Mark { class, student, code: RoomCode::new(999_999) };
    let started = WallTime::MAX;
    let request = smallest(Ask::Perform { started, operation });
    assert_eq!(decode_request(&request_bytes(&request)).map(|it| it.request), Ok(request));
}
