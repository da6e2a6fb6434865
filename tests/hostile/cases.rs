//! The hostile servers: what each of them answers, which commands meet it, and how those must end.

use rollcall::exchange::{
    Answer, Ask, BeginAgain, Busy, Closed, FileInfo, FileList, FileState, Marked, OpenRollCall,
    Opened, Pulled, Query, Request, Revision, RevisionList, SheetInfo, SheetList, StatusList,
    Watched,
};
use rollcall::ids::{ClassId, ClientId, ContentId, Cookie, RequestNumber, RollCallNumber};
use rollcall::time::WallTime;
use rollcall::wire::{Datagram, Versions};

use crate::Command::{self, Close, Files, Get, History, Mark, Open, Sheet, SheetNumber, Status};
use crate::peer::{Behave, World, at, entry, reply, written};

/// One hostile server.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) behave: Behave,
    /// Who meets it.
    pub(crate) commands: &'static [Command],
    /// With which exit codes these commands may end.
    pub(crate) exits: &'static [i32],
    /// How many requests each of them may send.
    pub(crate) requests_max: usize,
}

/// What a second without an answer takes is four requests, and no command asks more than a handful of
/// questions, the transfer of a small object among them.
const FEW: usize = 60;

/// What the longest list takes: 262,144 open roll calls with 67 on a page, and 65,536 files, four on a
/// page: each page brings the list further.
const STATUS_PAGES: usize = 4_000;
const FILES_PAGES: usize = 16_500;
/// 65,536 sheets of one class with 17 on a page, or 14 of their revisions.
const SHEETS_PAGES: usize = 4_700;

/// Done, failed, refused, unknown: whatever the help names, but wrong usage.
const ANY: &[i32] = &[0, 1, 3, 4];
const DONE: &[i32] = &[0];
const REFUSED: &[i32] = &[3];
const UNKNOWN: &[i32] = &[4];
const FAILED: &[i32] = &[1, 4];

const ALL: &[Command] = Command::ALL;
const OPERATIONS: &[Command] = &[Open, Close, Mark];
const TRANSFERS: &[Command] = &[Close, Sheet, SheetNumber, Get];
const SHEETS: &[Command] = &[Close, Sheet, SheetNumber];
const OF_A_CLASS: &[Command] = &[Open, Close, Mark, Sheet, SheetNumber, History];
const LISTS: &[Command] = &[Sheet, SheetNumber, History];

/// The server that the others deviate from.
pub(crate) const HONEST: Case = case("honest", ALL, DONE, FEW, honest);

const fn case(
    name: &'static str,
    commands: &'static [Command],
    exits: &'static [i32],
    requests_max: usize,
    behave: Behave,
) -> Case {
    Case { name, behave, commands, exits, requests_max }
}

pub(crate) const CASES: &[Case] = &[
    // No answer, or none that counts.
    case("silence", ALL, UNKNOWN, FEW, |_, _| Vec::new()),
    case("the number of the next question", ALL, UNKNOWN, FEW, |world, request| {
        let number = request.number.next().expect("far from the end");
        honest(world, &Request { number, ..request.clone() })
    }),
    case("the number of the question before", ALL, UNKNOWN, FEW, |world, request| {
        let number = RequestNumber::new(request.number.get().saturating_sub(1));
        let number = number.unwrap_or(RequestNumber::new(u64::MAX).expect("above zero"));
        honest(world, &Request { number, ..request.clone() })
    }),
    case("the client id of another", ALL, UNKNOWN, FEW, |world, request| {
        let client = ClientId::from_bytes([9; 16]);
        honest(world, &Request { client, ..request.clone() })
    }),
    case("an answer of another kind", ALL, UNKNOWN, FEW, of_another_kind),
    case("another class", OF_A_CLASS, UNKNOWN, FEW, |world, request| {
        let other = ClassId::new(4040).expect("above zero");
        let sheet = SheetInfo { class: other, ..world.sheet_info() };
        let answer = match world.honest(request).remove(0) {
            Answer::Opened(Opened { opened_at, already_open, .. }) => {
                Answer::Opened(Opened { class: other, opened_at, already_open })
            }
            Answer::Marked(Marked { at, already_present, .. }) => {
                Answer::Marked(Marked { class: other, at, already_present })
            }
            Answer::Closed(Closed { already_closed, .. }) => {
                Answer::Closed(Closed { sheet, already_closed })
            }
            Answer::Sheets(SheetList { more, .. }) => {
                Answer::Sheets(SheetList { sheets: vec![sheet], more })
            }
            Answer::Revisions(RevisionList { more, .. }) => {
                Answer::Revisions(RevisionList { revisions: vec![first(sheet)], more })
            }
            Answer::Watched(watched) => {
                Answer::Watched(Box::new(Watched { class: other, ..*watched }))
            }
            answer => answer,
        };
        vec![reply(request, answer)]
    }),
    case("cut after half", ALL, UNKNOWN, FEW, |world, request| {
        changed(honest(world, request), |datagram| datagram.truncate(datagram.len() / 2))
    }),
    case("empty datagrams", ALL, UNKNOWN, FEW, |_, _| vec![Vec::new()]),
    case("one byte", ALL, UNKNOWN, FEW, |_, _| vec![vec![b'R']]),
    case("60,000 bytes more", ALL, UNKNOWN, FEW, |world, request| {
        changed(honest(world, request), |datagram| datagram.resize(60_000, 0))
    }),
    case("one bit is wrong", ALL, UNKNOWN, FEW, |world, request| {
        changed(honest(world, request), |datagram| datagram[6] ^= 1)
    }),
    case("the request itself", ALL, UNKNOWN, FEW, |_, request| {
        let mut datagram = Datagram::new();
        rollcall::exchange::encode_request(request, &mut datagram);
        vec![datagram.as_bytes().to_vec()]
    }),
    case("VERSIONS for ever", ALL, UNKNOWN, FEW, |_, _| {
        let mut datagram = Datagram::new();
        Versions::ours().encode(&mut datagram);
        vec![datagram.as_bytes().to_vec()]
    }),
    // The right answer, but not once.
    case("everything twice", ALL, DONE, FEW, |world, request| {
        let once = honest(world, request);
        [once.clone(), once].concat()
    }),
    case("everything twenty times, and junk", ALL, DONE, FEW, |world, request| {
        let once = honest(world, request);
        let junk = (0..20_u8).map(|byte| vec![byte; 50]);
        junk.chain(std::iter::repeat_n(once, 20).flatten()).collect()
    }),
    case("each answer with the request after it", ALL, ANY, FEW, |world, request| {
        let now = honest(world, request);
        std::mem::replace(&mut world.held, now)
    }),
    case("only every fourth request is answered", ALL, ANY, 2 * FEW, |world, request| {
        if world.asked.is_multiple_of(4) { honest(world, request) } else { Vec::new() }
    }),
    case("all that was ever answered, each time", ALL, DONE, FEW, |world, request| {
        let now = honest(world, request);
        world.held.extend(now);
        world.held.clone()
    }),
    // Verdicts on the asking, for ever.
    case("BUSY, ask again at once", ALL, UNKNOWN, FEW, |_, request| {
        vec![reply(request, Answer::Busy(Busy { retry_after_ms: 0 }))]
    }),
    case("BUSY, ask again in a minute", ALL, UNKNOWN, FEW, |_, request| {
        vec![reply(request, Answer::Busy(Busy { retry_after_ms: u16::MAX }))]
    }),
    case("STALE for ever", ALL, UNKNOWN, FEW, |_, request| vec![reply(request, Answer::Stale)]),
    case("BEGIN_AGAIN for ever", ALL, UNKNOWN, FEW, |_, request| {
        vec![reply(request, Answer::BeginAgain(BeginAgain { server_time: None }))]
    }),
    case("BEGIN_AGAIN for ever, another time each", ALL, UNKNOWN, FEW, |world, request| {
        let server_time = WallTime::from_millis(world.asked as u64 * 3_600_000);
        vec![reply(request, Answer::BeginAgain(BeginAgain { server_time: Some(server_time) }))]
    }),
    case("BEGIN_AGAIN for ever, the end of time", ALL, UNKNOWN, FEW, |_, request| {
        vec![reply(request, Answer::BeginAgain(BeginAgain { server_time: Some(WallTime::MAX) }))]
    }),
    case("BEGIN_AGAIN for ever, with a time and without", ALL, UNKNOWN, FEW, |world, request| {
        let server_time = world.asked.is_multiple_of(2).then_some(at(1_000));
        vec![reply(request, Answer::BeginAgain(BeginAgain { server_time }))]
    }),
    case("BEGIN_AGAIN and BUSY in turn", OPERATIONS, UNKNOWN, FEW, |world, request| {
        let busy = Answer::Busy(Busy { retry_after_ms: 0 });
        let again = Answer::BeginAgain(BeginAgain { server_time: None });
        let answer = if world.asked.is_multiple_of(2) { busy } else { again };
        vec![reply(request, answer)]
    }),
    case("a verdict on each PULL", TRANSFERS, UNKNOWN, FEW, |world, request| {
        let verdicts = [
            Answer::Stale,
            Answer::BeginAgain(BeginAgain { server_time: None }),
            Answer::BeginAgain(BeginAgain { server_time: Some(at(1_000)) }),
            Answer::Busy(Busy { retry_after_ms: 0 }),
        ];
        unless_pulled(world, request, |_| verdicts.to_vec())
    }),
    // Lists without an end.
    case("STATUS: the same page and more, for ever", &[Status], ANY, FEW, |_, request| {
        let open = vec![open_roll_call(World::CLASS)];
        vec![reply(request, Answer::Status(StatusList { open, more: true }))]
    }),
    case("STATUS: one more class for ever", &[Status], ANY, STATUS_PAGES, |_, request| {
        let Ask::Read(Query::Status { from }) = request.ask else { return Vec::new() };
        let open = vec![open_roll_call(from.get())];
        vec![reply(request, Answer::Status(StatusList { open, more: true }))]
    }),
    case("STATUS: nothing, but more", &[Status], ANY, FEW, |_, request| {
        vec![reply(request, Answer::Status(StatusList { open: Vec::new(), more: true }))]
    }),
    case("STATUS: the last class of all, and more", &[Status], ANY, FEW, |_, request| {
        let open = vec![open_roll_call(u32::MAX)];
        vec![reply(request, Answer::Status(StatusList { open, more: true }))]
    }),
    case("SHEETS: none", LISTS, REFUSED, FEW, |_, request| listed(request, Vec::new(), false)),
    case("SHEETS: none, but more", LISTS, UNKNOWN, FEW, |_, request| {
        listed(request, Vec::new(), true)
    }),
    case("SHEETS: the same one and more, for ever", LISTS, UNKNOWN, FEW, |world, request| {
        listed(request, vec![world.sheet_info()], true)
    }),
    case(
        "SHEETS: full pages for ever",
        &[Sheet, History],
        UNKNOWN,
        SHEETS_PAGES,
        |world, request| {
            let sheets = numbered(world, request, |place| -place);
            listed(request, sheets, true)
        },
    ),
    case(
        "SHEETS: full pages, the same for ever",
        &[Sheet, History],
        UNKNOWN,
        FEW,
        |world, request| {
            let last = RollCallNumber::MAX;
            let sheets = (0..PAGE).filter_map(|place| number(last, -place));
            let sheets = sheets.map(|number| SheetInfo { number, ..world.sheet_info() }).collect();
            listed(request, sheets, true)
        },
    ),
    case("SHEETS: rising", &[Sheet, History], UNKNOWN, FEW, |world, request| {
        let sheets = numbered(world, request, |place| place - 2 * PAGE);
        listed(request, sheets, true)
    }),
    case("SHEETS: above what was asked for", &[SheetNumber], UNKNOWN, FEW, |world, request| {
        let sheets = numbered(world, request, |place| PAGE - place);
        listed(request, sheets, true)
    }),
    case("SHEETS: one number twice", &[Sheet, History], UNKNOWN, FEW, |world, request| {
        listed(request, vec![world.sheet_info(); 2], false)
    }),
    case("FILES: five, none listed", &[Files], ANY, FEW, |_, request| {
        vec![reply(request, Answer::Files(Some(FileList { total: 5, files: Vec::new() })))]
    }),
    case("FILES: the same page for ever", &[Files], ANY, FEW, |_, request| {
        let files = vec![entry("a", 1), entry("b", 2)];
        vec![reply(request, Answer::Files(Some(FileList { total: 5, files })))]
    }),
    case("FILES: one more for ever", &[Files], UNKNOWN, FEW, |world, request| {
        let files = vec![entry(&format!("{:09}", world.asked), 1)];
        vec![reply(request, Answer::Files(Some(FileList { total: u32::MAX, files })))]
    }),
    case("FILES: four more for ever", &[Files], ANY, FILES_PAGES, |world, request| {
        full_page(request, world.asked)
    }),
    case("FILES: the same full page for ever", &[Files], UNKNOWN, FEW, |_, request| {
        full_page(request, 7)
    }),
    case("FILES: a total that grows, from 1", &[Files], ANY, FEW, |world, request| {
        let files = if world.asked == 1 { vec![entry("a", 1)] } else { Vec::new() };
        let total = u32::try_from(world.asked).expect("few") + 1;
        vec![reply(request, Answer::Files(Some(FileList { total, files })))]
    }),
    // A file that is never ready, or never the same.
    case("FILE: reading, the same for ever", &[Get], ANY, FEW, |world, request| {
        reading(world, request, |_| (10, 1_000))
    }),
    case("FILE: reading, nothing of nothing", &[Get], ANY, FEW, |world, request| {
        reading(world, request, |_| (0, 0))
    }),
    case("FILE: reading, one byte further each time", &[Get], ANY, 200, |world, request| {
        reading(world, request, |asked| (asked, 1 << 40))
    }),
    case("FILE: reading, and growing as fast", &[Get], ANY, 200, |world, request| {
        reading(world, request, |asked| (asked * 1_000, asked * 1_000 + 1))
    }),
    case("FILE: reading, growing and never begun", &[Get], ANY, FEW, |world, request| {
        reading(world, request, |asked| (0, asked * 1_000))
    }),
    case("FILE: reading, forwards and backwards", &[Get], ANY, FEW, |world, request| {
        reading(world, request, |asked| (asked % 2 * 500, 1_000))
    }),
    case(
        "FILE: another content each time",
        &[Get],
        FAILED,
        2 * FEW,
        |world, request| match request.ask {
            Ask::Read(Query::File { .. }) => {
                let content = ContentId::of(&world.asked.to_le_bytes());
                let info = FileInfo { content, ..world.file_info() };
                vec![reply(request, Answer::File(FileState::Ready(info)))]
            }
            _ => honest(world, request),
        },
    ),
    // Cookies.
    case("a new COOKIE for each PULL", TRANSFERS, UNKNOWN, FEW, |world, request| {
        let cookie = Cookie::from_bytes([u8::try_from(world.asked % 256).expect("a byte"); 16]);
        unless_pulled(world, request, |_| vec![Answer::Cookie(cookie)])
    }),
    case("the same COOKIE for each PULL", TRANSFERS, UNKNOWN, FEW, |world, request| {
        unless_pulled(world, request, |_| vec![Answer::Cookie(World::COOKIE)])
    }),
    case("the COOKIE of zeros for each PULL", TRANSFERS, UNKNOWN, FEW, |world, request| {
        unless_pulled(world, request, |_| vec![Answer::Cookie(Cookie::NONE)])
    }),
    case("ten new COOKIEs for each PULL", TRANSFERS, UNKNOWN, FEW, |world, request| {
        let first = u8::try_from(world.asked % 25).expect("a byte") * 10;
        let cookies = (first..first + 10).map(|it| Answer::Cookie(Cookie::from_bytes([it; 16])));
        unless_pulled(world, request, |_| cookies.collect())
    }),
    // Blocks.
    case("blocks of 1,023 bytes for ever", TRANSFERS, FAILED, FEW, |world, request| {
        with_blocks(world, request, |_, index| (index, vec![1; 1_023]))
    }),
    case("blocks of one byte for ever", TRANSFERS, FAILED, FEW, |world, request| {
        with_blocks(world, request, |_, index| (index, vec![1]))
    }),
    case("PULLED without data for ever", TRANSFERS, FAILED, FEW, |world, request| {
        with_blocks(world, request, |_, index| (index, Vec::new()))
    }),
    case("blocks that were not asked for", TRANSFERS, FAILED, FEW, |world, request| {
        with_blocks(world, request, |_, index| (index ^ 0x4000, vec![1; 1_024]))
    }),
    case("always block 0", TRANSFERS, FAILED, FEW, |world, request| {
        with_blocks(world, request, |_, _| (0, vec![1; 1_024]))
    }),
    case("block by block, all but the last", TRANSFERS, FAILED, FEW, |world, request| {
        let last = |answer: &Answer| matches!(answer, Answer::Pulled(Pulled { bytes, .. }) if bytes.len() < 1_024);
        let mut answers = world.honest(request);
        answers.retain(|answer| !last(answer));
        written(request, answers)
    }),
    case("bytes that never fit the name", TRANSFERS, FAILED, 3 * FEW, |world, request| {
        let mut answers = world.honest(request);
        for answer in &mut answers {
            if let Answer::Pulled(Pulled { bytes, .. }) = answer {
                bytes.fill(7);
            }
        }
        written(request, answers)
    }),
    // An object of one block, which is asked for without a cookie.
    case("lone: honest, without a cookie", TRANSFERS, DONE, FEW, |world, request| {
        lone(world, request, |index, bytes| vec![Answer::Pulled(Pulled { index, bytes })])
    }),
    case("lone: honest, twice, and a COOKIE", TRANSFERS, DONE, FEW, |world, request| {
        lone(world, request, |index, bytes| {
            let pulled = Answer::Pulled(Pulled { index, bytes });
            vec![pulled.clone(), pulled, Answer::Cookie(World::COOKIE)]
        })
    }),
    case("lone: a COOKIE before each block", TRANSFERS, ANY, FEW, |world, request| {
        lone(world, request, |index, bytes| {
            vec![Answer::Cookie(World::COOKIE), Answer::Pulled(Pulled { index, bytes })]
        })
    }),
    case("lone: without data for ever", TRANSFERS, FAILED, FEW, |world, request| {
        lone(world, request, |index, _| vec![Answer::Pulled(Pulled { index, bytes: Vec::new() })])
    }),
    case("lone: another index for ever", TRANSFERS, UNKNOWN, FEW, |world, request| {
        lone(world, request, |index, bytes| {
            vec![Answer::Pulled(Pulled { index: index + 1, bytes })]
        })
    }),
    case("lone: the last index for ever", TRANSFERS, UNKNOWN, FEW, |world, request| {
        lone(world, request, |_, bytes| vec![Answer::Pulled(Pulled { index: u32::MAX, bytes })])
    }),
    case("lone: one byte too few for ever", TRANSFERS, UNKNOWN, FEW, |world, request| {
        lone(world, request, |index, mut bytes| {
            bytes.pop();
            vec![Answer::Pulled(Pulled { index, bytes })]
        })
    }),
    case("lone: a whole block for ever", TRANSFERS, UNKNOWN, FEW, |world, request| {
        lone(world, request, |index, _| {
            vec![Answer::Pulled(Pulled { index, bytes: vec![1; 1_024] })]
        })
    }),
    case("lone: bytes that never fit the name", TRANSFERS, FAILED, FEW, |world, request| {
        lone(world, request, |index, mut bytes| {
            bytes.fill(7);
            vec![Answer::Pulled(Pulled { index, bytes })]
        })
    }),
    case("lone: a new COOKIE each time", TRANSFERS, UNKNOWN, FEW, |world, request| {
        let cookie = Cookie::from_bytes([u8::try_from(world.asked % 256).expect("a byte"); 16]);
        lone(world, request, |_, _| vec![Answer::Cookie(cookie)])
    }),
    case("lone: the same COOKIE each time", TRANSFERS, UNKNOWN, FEW, |world, request| {
        lone(world, request, |_, _| vec![Answer::Cookie(World::COOKIE)])
    }),
    case(
        "lone: a wrong block and a COOKIE each time",
        TRANSFERS,
        UNKNOWN,
        FEW,
        |world, request| {
            lone(world, request, |index, bytes| {
                let wrong = Answer::Pulled(Pulled { index: index + 1, bytes });
                vec![wrong, Answer::Cookie(World::COOKIE)]
            })
        },
    ),
    // Sheets that cannot be.
    case("a sheet of 4 GB for 3 students", SHEETS, FAILED, FEW, |world, request| {
        let sheet = SheetInfo { bytes: u32::MAX, students: 3, ..world.sheet_info() };
        announced(world, request, sheet, |_, index| vec![index.to_le_bytes()[0]; 1_024])
    }),
    case("a sheet of 4 GB for 4 billion students", SHEETS, FAILED, FEW, |world, request| {
        let sheet = SheetInfo { bytes: u32::MAX, students: u32::MAX, ..world.sheet_info() };
        announced(world, request, sheet, |_, index| vec![index.to_le_bytes()[0]; 1_024])
    }),
    case("a sheet of no bytes for 200 students", SHEETS, FAILED, FEW, |world, request| {
        let sheet = SheetInfo { bytes: 0, ..world.sheet_info() };
        announced(world, request, sheet, |_, _| Vec::new())
    }),
    case(
        "a sheet whose hash fits and whose form does not",
        SHEETS,
        FAILED,
        FEW,
        |world, request| {
            let bytes = [0xff; 600];
            let content = ContentId::of(&bytes);
            let sheet = SheetInfo { bytes: 600, students: 20, content, ..world.sheet_info() };
            announced(world, request, sheet, |_, _| vec![0xff; 600])
        },
    ),
    case("a sheet of another class under its right hash", SHEETS, FAILED, FEW, |world, request| {
        let bytes = of_another_class().to_bytes();
        let length = u32::try_from(bytes.len()).expect("short");
        let sheet = SheetInfo {
            bytes: length,
            students: 0,
            content: ContentId::of(&bytes),
            ..world.sheet_info()
        };
        announced(world, request, sheet, |_, _| of_another_class().to_bytes())
    }),
    case("a new sheet each time", SHEETS, FAILED, FEW, |world, request| {
        let content = ContentId::of(&world.asked.to_le_bytes());
        let sheet = SheetInfo { content, ..world.sheet_info() };
        announced(world, request, sheet, |_, _| vec![3; 1_024])
    }),
];

fn honest(world: &mut World, request: &Request) -> Vec<Vec<u8>> {
    written(request, world.honest(request))
}

fn changed(mut datagrams: Vec<Vec<u8>>, change: impl Fn(&mut Vec<u8>)) -> Vec<Vec<u8>> {
    datagrams.iter_mut().for_each(change);
    datagrams
}

/// To each question the answer to another one.
fn of_another_kind(world: &mut World, request: &Request) -> Vec<Vec<u8>> {
    let opened =
        Answer::Opened(Opened { class: World::class(), opened_at: at(0), already_open: true });
    let answer = match &world.honest(request)[0] {
        Answer::Opened(_) => Answer::Sheets(SheetList { sheets: Vec::new(), more: false }),
        Answer::Closed(_) => Answer::Cookie(World::COOKIE),
        Answer::Sheets(_) | Answer::Revisions(_) => {
            Answer::Status(StatusList { open: Vec::new(), more: false })
        }
        _ => opened,
    };
    vec![reply(request, answer)]
}

fn of_another_class() -> rollcall::roll::Sheet {
    rollcall::roll::Sheet {
        class: ClassId::new(4040).expect("above zero"),
        opened_at: at(1_000),
        closed_at: at(9_000),
        marks: Vec::new(),
        remarks: Vec::new(),
        supplement: None,
    }
}

/// How many sheets a page holds.
const PAGE: i64 = 17;

fn number(from: RollCallNumber, away: i64) -> Option<RollCallNumber> {
    u32::try_from(i64::from(from.get()) + away).ok().and_then(RollCallNumber::new)
}

/// A page of sheets, each so far away from the number that was asked for.
fn numbered(world: &World, request: &Request, away: fn(i64) -> i64) -> Vec<SheetInfo> {
    let Ask::Read(Query::Sheets { at_most, .. } | Query::Revisions { number: at_most, .. }) =
        request.ask
    else {
        return Vec::new();
    };
    let numbers = (0..PAGE).filter_map(|place| number(at_most, away(place)));
    numbers.map(|number| SheetInfo { number, ..world.sheet_info() }).collect()
}

/// The first revision of a sheet.
fn first(sheet: SheetInfo) -> Revision {
    Revision { revision: 1, at: sheet.closed_at, sheet }
}

/// How many revisions a page holds.
const REVISIONS_PAGE: usize = 14;

/// To the question for sheets, or for their revisions, this list.
fn listed(request: &Request, sheets: Vec<SheetInfo>, more: bool) -> Vec<Vec<u8>> {
    if let Ask::Read(Query::Revisions { .. }) = request.ask {
        let revisions = sheets.into_iter().take(REVISIONS_PAGE).map(first).collect();
        return vec![reply(request, Answer::Revisions(RevisionList { revisions, more }))];
    }
    vec![reply(request, Answer::Sheets(SheetList { sheets, more }))]
}

/// Four files with the longest names, told of as the ones after so many pages.
fn full_page(request: &Request, page: usize) -> Vec<Vec<u8>> {
    let name = |place: usize| format!("{page:09}{place}{}", "x".repeat(245));
    let files = (0..4).map(|place| entry(&name(place), 1)).collect();
    vec![reply(request, Answer::Files(Some(FileList { total: u32::MAX, files })))]
}

fn open_roll_call(class: u32) -> OpenRollCall {
    let class = ClassId::new(class).expect("above zero");
    OpenRollCall { class, opened_at: at(1_000), present: 7 }
}

/// Honest, but the file is still being read: done and bytes by how many requests have come.
fn reading(
    world: &mut World,
    request: &Request,
    state: impl Fn(u64) -> (u64, u64),
) -> Vec<Vec<u8>> {
    let Ask::Read(Query::File { .. }) = request.ask else { return honest(world, request) };
    let (done, bytes) = state(world.asked as u64);
    vec![reply(request, Answer::File(FileState::Reading { done, bytes }))]
}

/// Honest, but for a `PULL`.
fn unless_pulled(
    world: &mut World,
    request: &Request,
    answers: impl FnOnce(&World) -> Vec<Answer>,
) -> Vec<Vec<u8>> {
    let answers = match request.ask {
        Ask::Pull(_) => answers(world),
        _ => world.honest(request),
    };
    written(request, answers)
}

/// Honest, with objects of one block, but for what a `PULL` gets: told the block's index and bytes.
fn lone(
    world: &mut World,
    request: &Request,
    answers: impl FnOnce(u32, Vec<u8>) -> Vec<Answer>,
) -> Vec<Vec<u8>> {
    world.shrink();
    let answers = match request.ask {
        Ask::Pull(pull) => answers(pull.first, world.block_of(pull.object, pull.first)),
        _ => world.honest(request),
    };
    written(request, answers)
}

/// Honest, but for what is in each block that was pulled.
fn with_blocks(
    world: &mut World,
    request: &Request,
    change: impl Fn(&World, u32) -> (u32, Vec<u8>),
) -> Vec<Vec<u8>> {
    let mut answers = world.honest(request);
    for answer in &mut answers {
        if let Answer::Pulled(Pulled { index, bytes }) = answer {
            (*index, *bytes) = change(world, *index);
        }
    }
    written(request, answers)
}

/// Honest, but for the sheet and what is in it.
fn announced(
    world: &mut World,
    request: &Request,
    sheet: SheetInfo,
    block: impl Fn(&World, u32) -> Vec<u8>,
) -> Vec<Vec<u8>> {
    let mut answers = world.honest(request);
    for answer in &mut answers {
        match answer {
            Answer::Closed(Closed { sheet: honest, .. }) => *honest = sheet,
            Answer::Sheets(SheetList { sheets, .. }) => sheets.fill(sheet),
            Answer::Revisions(RevisionList { revisions, .. }) => revisions.fill(first(sheet)),
            Answer::Pulled(Pulled { index, bytes }) => *bytes = block(world, *index),
            _ => {}
        }
    }
    written(request, answers)
}
