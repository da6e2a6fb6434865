//! The messages, told as conversations. The client always speaks first; the server only answers,
//! and answers each datagram at most once.
//!
//! ```text
//!  client                                     server
//!    │ OPEN  ──────────────────────────────────▶ │  a teacher begins a roll call
//!    │ ◀────────────────────────── OPENED        │  or REFUSED
//!    │ MARK  ──────────────────────────────────▶ │  a student answers
//!    │ ◀────────────────────────── MARKED        │  class zero: refused
//!    │ CLOSE ──────────────────────────────────▶ │  a teacher ends it
//!    │ ◀────────────────────────── CLOSED        │  names the sheet; or REFUSED
//!    │ STATUS ─────────────────────────────────▶ │  what is open?
//!    │ ◀────────────────────────── STATUS_LIST   │
//!    │ SHEETS ─────────────────────────────────▶ │  which sheets has a class?
//!    │ ◀────────────────────────── SHEET_LIST    │
//!    │ FILES ──────────────────────────────────▶ │  which files are offered?
//!    │ ◀────────────────────────── FILE_LIST     │
//!    │ FILE ───────────────────────────────────▶ │  what is in that one?
//!    │ ◀────────────────────────── FILE_INFO     │
//!    │ PULL ───────────────────────────────────▶ │  many blocks of a sheet or a file
//!    │ ◀────────────────────────── PULLED        │  each; or COOKIE: prove your address first
//! ```
//!
//! Instead of its answer a request may get a verdict on the asking itself: `STALE`, `BEGIN_AGAIN`,
//! `BUSY`, or `VERSIONS`.
//!
//! A lost request or a lost answer looks the same to the client, and the cure is the same: the
//! same bytes again, with only the attempt number changed.

use std::borrow::Cow;
use std::fmt;

use postcard::ser_flavors::Size;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Rejected;
use super::frame::{self, Datagram, VERSION, VERSION_NEGOTIATION};
use crate::ids::{
    ClassId, ClientId, ContentId, Cookie, FileKey, RequestNumber, RollCallNumber, StudentNumber,
};
use crate::limits::{
    BLOCK_BYTES, DATAGRAM_MAX_BYTES, DATAGRAM_MIN_BYTES, FILE_BYTES_MAX, FILE_NAME_MAX_BYTES,
    FILE_REQUEST_MIN_BYTES, FILES_REQUEST_MIN_BYTES, LONE_PULL_MIN_BYTES, PULL_REQUEST_MIN_BYTES,
    REQUEST_MIN_BYTES, SHEET_REQUEST_MIN_BYTES, STATUS_REQUEST_MIN_BYTES,
};
use crate::operation::{
    FileEntry, FileInfo, FileList, FileState, OpenRollCall, Operation, Outcome, Pull, Query,
    Refusal, SheetInfo,
};
use crate::time::WallTime;

/// What a client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Which sending of the same request this is, from 1; stays at 255. The only part in which two
    /// sendings differ, and outside of what is compared.
    pub attempt: u8,
    /// Who asks.
    pub client: ClientId,
    /// The sequence number of the request, per client id, from 1. A client id is used for operations
    /// or for queries, never for both: only operations are remembered.
    pub number: RequestNumber,
    /// What is asked.
    pub ask: Ask,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Something that may change the register.
    Perform {
        /// The client's clock when it drew its client id.
        started: WallTime,
        /// What to do.
        operation: Operation,
    },
    /// Something to read.
    Read(Query),
    /// Blocks of an object.
    Pull(Pull),
}

impl Ask {
    /// The kind of datagram that asks this.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Perform { operation: Operation::Open { .. }, .. } => Kind::Open,
            Self::Perform { operation: Operation::Close { .. }, .. } => Kind::Close,
            Self::Perform { operation: Operation::Mark { .. }, .. } => Kind::Mark,
            Self::Read(Query::Status { .. }) => Kind::Status,
            Self::Read(Query::Sheets { .. }) => Kind::Sheets,
            Self::Read(Query::Files { .. }) => Kind::Files,
            Self::Read(Query::File { .. }) => Kind::File,
            Self::Pull(_) => Kind::Pull,
        }
    }
}

/// What a server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Whose request is answered.
    pub client: ClientId,
    /// Which of them.
    pub number: RequestNumber,
    /// The answer.
    pub answer: Answer,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `OPENED`: the roll call is open since then.
    Opened {
        /// The class.
        class: ClassId,
        /// Since when.
        opened_at: WallTime,
        /// True if an earlier request had opened it.
        already_open: bool,
    },
    /// `CLOSED`: the sheet is made.
    Closed {
        /// The sheet in brief.
        sheet: SheetInfo,
        /// True if an earlier request had closed it.
        already_closed: bool,
    },
    /// `MARKED`: the student is on the register.
    Marked {
        /// The class.
        class: ClassId,
        /// When the student was first recorded.
        at: WallTime,
        /// True if the student had been marked before.
        already_present: bool,
    },
    /// `MARKED` with class zero: the mark was refused.
    MarkRefused {
        /// When.
        at: WallTime,
        /// Why.
        reason: Refusal,
    },
    /// `REFUSED`: the opening or the close was refused.
    Refused {
        /// When.
        at: WallTime,
        /// Why.
        reason: Refusal,
    },
    /// `STATUS_LIST`: open roll calls in order of class.
    Status {
        /// As many as the answer has room for.
        open: Vec<OpenRollCall>,
        /// True if there are more after the last one.
        more: bool,
    },
    /// `SHEET_LIST`: closed sheets of the class, the highest number first.
    Sheets {
        /// As many as the answer has room for.
        sheets: Vec<SheetInfo>,
        /// True if there are more below the last one.
        more: bool,
    },
    /// `FILE_LIST`: the offered files; nothing if this server offers none.
    Files(Option<FileList>),
    /// `FILE_INFO`: how it stands with the file.
    File(FileState),
    /// `PULLED`: one of the blocks; no bytes if there is no such object or no such block.
    Pulled {
        /// Which block.
        index: u32,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// `COOKIE`: the address has not proved itself; with this it can.
    Cookie(Cookie),
    /// `STALE`: the number is older than the client's last one, or leaves one out.
    Stale,
    /// `BEGIN_AGAIN`: under this client id the datagram was not executed, and no copy of it will be:
    /// the server does not know the client (any more), knows another request under this number, or
    /// finds `started` too far from its clock. An earlier sending may have been executed, if it is so
    /// long ago that the server has forgotten the client since.
    BeginAgain {
        /// The server's clock, if `started` was too far from it.
        server_time: Option<WallTime>,
    },
    /// `BUSY`: a table is full; not executed now, ask again later.
    Busy {
        /// How long to wait before the next sending, in milliseconds.
        retry_after_ms: u16,
    },
}

impl From<&Outcome> for Answer {
    fn from(outcome: &Outcome) -> Self {
        match *outcome {
            Outcome::Opened { class, opened_at, already_open, .. } => {
                Self::Opened { class, opened_at, already_open }
            }
            Outcome::Closed { ref sheet, already_closed } => {
                Self::Closed { sheet: **sheet, already_closed }
            }
            Outcome::Marked { class, at, already_present } => {
                Self::Marked { class, at, already_present }
            }
            Outcome::MarkRefused { at, reason } => Self::MarkRefused { at, reason },
            Outcome::Refused { at, reason } => Self::Refused { at, reason },
            Outcome::ClockSkew { server_time } => {
                Self::BeginAgain { server_time: Some(server_time) }
            }
        }
    }
}

/// The kind of a datagram: its fourth byte. Requests are below 0x80, what answers them is above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the module's figure and the specification tell each one")]
pub enum Kind {
    Open,
    Close,
    Mark,
    Status,
    Sheets,
    Files,
    File,
    Pull,
    Sealed,
    Opened,
    Closed,
    Marked,
    Refused,
    StatusList,
    SheetList,
    FileList,
    FileInfo,
    Pulled,
    Cookie,
    Stale,
    BeginAgain,
    Busy,
    SealedReply,
    Versions,
}

impl Kind {
    /// Every kind with its byte on the wire and its name in the specification.
    pub const TABLE: [(Self, u8, &'static str); 24] = [
        (Self::Open, 0x01, "OPEN"),
        (Self::Close, 0x02, "CLOSE"),
        (Self::Mark, 0x03, "MARK"),
        (Self::Status, 0x11, "STATUS"),
        (Self::Sheets, 0x12, "SHEETS"),
        (Self::Files, 0x13, "FILES"),
        (Self::File, 0x14, "FILE"),
        (Self::Pull, 0x15, "PULL"),
        (Self::Sealed, 0x7e, "SEALED"),
        (Self::Opened, 0x81, "OPENED"),
        (Self::Closed, 0x82, "CLOSED"),
        (Self::Marked, 0x83, "MARKED"),
        (Self::Refused, 0x84, "REFUSED"),
        (Self::StatusList, 0x91, "STATUS_LIST"),
        (Self::SheetList, 0x92, "SHEET_LIST"),
        (Self::FileList, 0x93, "FILE_LIST"),
        (Self::FileInfo, 0x94, "FILE_INFO"),
        (Self::Pulled, 0x95, "PULLED"),
        (Self::Cookie, 0x96, "COOKIE"),
        (Self::Stale, 0xa1, "STALE"),
        (Self::BeginAgain, 0xa2, "BEGIN_AGAIN"),
        (Self::Busy, 0xa3, "BUSY"),
        (Self::SealedReply, 0xfe, "SEALED_REPLY"),
        (Self::Versions, 0xff, "VERSIONS"),
    ];

    /// Its byte on the wire.
    #[must_use]
    pub fn byte(self) -> u8 {
        self.row().1
    }

    /// Its name in the specification.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> (Self, u8, &'static str) {
        let row = Self::TABLE[self as usize];
        debug_assert_eq!(row.0, self);
        row
    }

    fn from_byte(byte: u8) -> Option<Self> {
        Self::TABLE.into_iter().find(|row| row.1 == byte).map(|row| row.0)
    }

    /// The length below which a request of this kind is not read: no answer to it is longer.
    fn request_min_bytes(self) -> usize {
        match self {
            Self::Close | Self::Sheets => SHEET_REQUEST_MIN_BYTES,
            Self::Status => STATUS_REQUEST_MIN_BYTES,
            Self::Pull => PULL_REQUEST_MIN_BYTES,
            Self::Files => FILES_REQUEST_MIN_BYTES,
            Self::File => FILE_REQUEST_MIN_BYTES,
            _ => REQUEST_MIN_BYTES,
        }
    }
}

impl Ask {
    /// The length to which a client pads: lists ask for as much room as there can be, a `PULL` of one
    /// block without a cookie for the room of that block.
    fn padded_bytes(&self) -> usize {
        match self {
            Self::Read(Query::Status { .. } | Query::Sheets { .. }) => DATAGRAM_MAX_BYTES,
            Self::Pull(pull) if pull.wanted == 1 && pull.cookie == Cookie::NONE => {
                LONE_PULL_MIN_BYTES
            }
            other => other.kind().request_min_bytes(),
        }
    }
}

/// The answer to a datagram of an unknown version: which versions this server speaks. Its form is
/// the same in every version, and it is never answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versions(Vec<u8>);

impl Versions {
    /// The length of the datagram in which this code tells its versions: a request that is shorter
    /// gets no answer.
    pub const ENCODED_BYTES: usize = DATAGRAM_MIN_BYTES + 2;

    /// What this code speaks.
    #[must_use]
    pub fn ours() -> Self {
        Self(vec![VERSION])
    }

    /// The versions, at least one.
    #[must_use]
    pub fn spoken(&self) -> &[u8] {
        &self.0
    }

    /// Reads a datagram about versions.
    ///
    /// # Errors
    /// Why it is none.
    pub fn decode(datagram: &[u8]) -> Result<Self, Rejected> {
        let body = frame::parse_negotiation(datagram, Kind::Versions.byte())?;
        let Bytes(spoken) = canonical(body)?;
        if spoken.is_empty() {
            return Err(Rejected::Body);
        }
        Ok(Self(spoken.to_vec()))
    }

    /// Writes it down.
    pub fn encode(&self, datagram: &mut Datagram) {
        let body = datagram.begin(VERSION_NEGOTIATION, Kind::Versions.byte());
        let length = to_body(&Bytes(self.spoken()), body);
        datagram.end(length);
    }
}

/// A request as it was read, with what the judge of duplicates needs to know of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// What it says.
    pub request: Request,
    /// CRC-32 of its kind and its body without the attempt number: equal for every sending of one
    /// request, different for another request.
    pub fingerprint: u32,
}

/// Reads a datagram as a server does.
///
/// # Errors
/// The first check that failed. Only [`Rejected::Version`] may be answered, with [`Versions`].
pub fn decode_request(datagram: &[u8]) -> Result<Received, Rejected> {
    let frame = frame::parse(datagram)?;
    // R-FRAME-3, R-READ-1
    let kind = Kind::from_byte(frame.kind).ok_or(Rejected::Kind(frame.kind))?;
    let request = match kind {
        Kind::Open => {
            let it: ClassBody = canonical(frame.body)?;
            it.head.perform(it.started, Operation::Open { class: it.class })
        }
        Kind::Close => {
            let it: ClassBody = canonical(frame.body)?;
            it.head.perform(it.started, Operation::Close { class: it.class })
        }
        Kind::Mark => {
            let it: MarkBody = canonical(frame.body)?;
            let operation = Operation::Mark { class: it.class, student: it.student };
            it.head.perform(it.started, operation)
        }
        Kind::Status => {
            let it: StatusBody = canonical(frame.body)?;
            it.head.read(Query::Status { from: it.class })
        }
        Kind::Sheets => {
            let it: SheetsBody = canonical(frame.body)?;
            it.head.read(Query::Sheets { class: it.class, at_most: it.at_most })
        }
        Kind::Files => {
            let it: FilesBody = canonical(frame.body)?;
            it.head.read(Query::Files { from: it.from })
        }
        Kind::File => {
            let it: FileBody = canonical(frame.body)?;
            it.head.read(Query::File { file: it.file })
        }
        Kind::Pull => canonical::<PullBody>(frame.body)?.into_request(),
        Kind::Sealed => return Err(Rejected::Sealed),
        // R-KIND-1
        _ => return Err(Rejected::Kind(frame.kind)),
    };
    // R-SIZE-1
    if datagram.len() < kind.request_min_bytes() {
        return Err(Rejected::RequestTooShort);
    }
    // R-JUDGE-12, R-REQUEST-5
    let mut fingerprint = crc32fast::Hasher::new();
    fingerprint.update(&[frame.kind]);
    fingerprint.update(&frame.body[ATTEMPT_BYTES..]);
    Ok(Received { request, fingerprint: fingerprint.finalize() })
}

/// Writes a request down, padded so that no answer to it is longer than itself.
pub fn encode_request(request: &Request, datagram: &mut Datagram) {
    let (kind, length) = (request.ask.kind(), request.ask.padded_bytes());
    let head = Head { attempt: request.attempt, client: request.client, number: request.number };
    let padding = Padding::default();
    let body = datagram.begin(VERSION, kind.byte());
    let length = match request.ask {
        Ask::Perform { started, operation: Operation::Mark { class, student } } => {
            padded(MarkBody { head, started, class, student, padding }, length, body)
        }
        Ask::Perform { started, operation } => {
            padded(ClassBody { head, started, class: operation.class(), padding }, length, body)
        }
        Ask::Read(Query::Status { from: class }) => {
            padded(StatusBody { head, class, padding }, length, body)
        }
        Ask::Read(Query::Sheets { class, at_most }) => {
            padded(SheetsBody { head, class, at_most, padding }, length, body)
        }
        Ask::Read(Query::Files { from }) => padded(FilesBody { head, from, padding }, length, body),
        Ask::Read(Query::File { file }) => padded(FileBody { head, file, padding }, length, body),
        Ask::Pull(Pull { object, cookie, first, wanted }) => {
            padded(PullBody { head, object, cookie, first, wanted, padding }, length, body)
        }
    };
    datagram.end(length);
}

/// Reads a datagram as a client does.
///
/// # Errors
/// The first check that failed. A client never answers any of them.
pub fn decode_reply(datagram: &[u8]) -> Result<Reply, Rejected> {
    let frame = frame::parse(datagram)?;
    let kind = Kind::from_byte(frame.kind).ok_or(Rejected::Kind(frame.kind))?;
    let body = frame.body;
    let reply = match kind {
        Kind::Opened => canonical::<OpenedBody>(body)?.into_reply(),
        Kind::Closed => canonical::<ClosedBody>(body)?.into_reply(),
        Kind::Marked => canonical::<MarkedBody>(body)?.into_reply(),
        Kind::Refused => canonical::<RefusedBody>(body)?.into_reply(),
        Kind::StatusList => canonical::<StatusListBody<'_>>(body)?.into_reply(),
        Kind::SheetList => canonical::<SheetListBody<'_>>(body)?.into_reply(),
        Kind::FileList => {
            let it: FileListBody<'_> = canonical(body)?;
            it.tail.reply(Answer::Files(it.list.map(FileListPart::into_list)))
        }
        Kind::FileInfo => canonical::<FileInfoBody>(body)?.into_reply(),
        Kind::Pulled => canonical::<PulledBody<'_>>(body)?.into_reply(),
        Kind::Cookie => {
            let it: CookieBody = canonical(body)?;
            it.tail.reply(Answer::Cookie(it.cookie))
        }
        Kind::Stale => canonical::<Tail>(body)?.reply(Answer::Stale),
        Kind::BeginAgain => {
            let it: BeginAgainBody = canonical(body)?;
            it.tail.reply(Answer::BeginAgain { server_time: it.server_time })
        }
        Kind::Busy => {
            let it: BusyBody = canonical(body)?;
            it.tail.reply(Answer::Busy { retry_after_ms: it.retry_after_ms })
        }
        // R-READ-5
        Kind::SealedReply => return Err(Rejected::Sealed),
        _ => return Err(Rejected::Kind(frame.kind)),
    };
    Ok(reply)
}

/// Writes a reply down.
///
/// # Panics
/// If a list or a block in it does not fit a datagram; see [`Answer::status_capacity`] and
/// [`BLOCK_BYTES`].
pub fn encode_reply(reply: &Reply, datagram: &mut Datagram) {
    let tail = Tail { client: reply.client, number: reply.number };
    let mut write = Writer { datagram };
    match reply.answer {
        Answer::Opened { class, opened_at, already_open } => {
            write.body(Kind::Opened, &OpenedBody { tail, class, opened_at, already_open });
        }
        Answer::Closed { sheet, already_closed } => {
            write.body(Kind::Closed, &ClosedBody { tail, sheet, already_closed });
        }
        Answer::Marked { class, at, already_present } => {
            let standing =
                if already_present { Standing::AlreadyPresent } else { Standing::Present };
            write.body(Kind::Marked, &MarkedBody { tail, class: class.get(), at, standing });
        }
        Answer::MarkRefused { at, reason } => {
            // R-MARKED-1
            let standing = Standing::Refused(reason);
            write.body(Kind::Marked, &MarkedBody { tail, class: 0, at, standing });
        }
        Answer::Refused { at, reason } => {
            write.body(Kind::Refused, &RefusedBody { tail, at, reason });
        }
        Answer::Status { ref open, more } => {
            write.body(Kind::StatusList, &StatusListBody { tail, open: Cow::Borrowed(open), more });
        }
        Answer::Sheets { ref sheets, more } => {
            write.body(
                Kind::SheetList,
                &SheetListBody { tail, sheets: Cow::Borrowed(sheets), more },
            );
        }
        Answer::Files(ref list) => {
            let list = list
                .as_ref()
                .map(|list| FileListPart { total: list.total, files: Cow::Borrowed(&list.files) });
            write.body(Kind::FileList, &FileListBody { tail, list });
        }
        Answer::File(state) => {
            write.body(Kind::FileInfo, &FileInfoBody { tail, state: state.into() });
        }
        Answer::Pulled { index, ref bytes } => {
            write.body(Kind::Pulled, &PulledBody { tail, index, bytes: Bytes(bytes) });
        }
        Answer::Cookie(cookie) => write.body(Kind::Cookie, &CookieBody { tail, cookie }),
        Answer::Stale => write.body(Kind::Stale, &tail),
        Answer::BeginAgain { server_time } => {
            write.body(Kind::BeginAgain, &BeginAgainBody { tail, server_time });
        }
        Answer::Busy { retry_after_ms } => {
            write.body(Kind::Busy, &BusyBody { tail, retry_after_ms });
        }
    }
}

/// Writes a `PULLED` down without a copy of its block in between.
///
/// # Panics
/// If the block is longer than [`BLOCK_BYTES`].
pub fn encode_pulled(
    client: ClientId,
    number: RequestNumber,
    index: u32,
    block: &[u8],
    datagram: &mut Datagram,
) {
    let body = PulledBody { tail: Tail { client, number }, index, bytes: Bytes(block) };
    Writer { datagram }.body(Kind::Pulled, &body);
}

impl Answer {
    /// The longest part of these files that the answer to a `FILES` of this length has room for,
    /// counted with every number at its longest.
    #[must_use]
    pub fn files_that_fit(files: &[FileEntry], request_bytes: usize) -> &[FileEntry] {
        // R-FILES-2, R-SIZE-3
        let mut room = files_room(request_bytes);
        let fit = files.iter().take_while(|file| {
            let needed = file_bytes(file.name.as_str().len());
            let fits = needed <= room;
            room = room.saturating_sub(needed);
            fits
        });
        &files[..fit.count()]
    }

    /// Whether the answer to a `FILES` of this length has room for one more file beside these, however
    /// long its name is.
    #[must_use]
    pub fn has_room_for_a_file(files: &[FileEntry], request_bytes: usize) -> bool {
        let listed: usize = files.iter().map(|file| file_bytes(file.name.as_str().len())).sum();
        listed + file_bytes(FILE_NAME_MAX_BYTES) <= files_room(request_bytes)
    }

    /// How many sheets the answer to a `SHEETS` of this length has room for, counted with every number
    /// at its longest.
    #[must_use]
    pub fn sheets_capacity(request_bytes: usize) -> usize {
        const SHEET_MAX_BYTES: usize = 5 + 5 + 7 + 7 + 5 + 5 + 32;
        const REST_MAX_BYTES: usize = DATAGRAM_MIN_BYTES + 16 + 10 + 1 + 1;
        request_bytes.min(DATAGRAM_MAX_BYTES).saturating_sub(REST_MAX_BYTES) / SHEET_MAX_BYTES
    }

    /// How many open roll calls the answer to a `STATUS` of this length has room for, counted with
    /// every number at its longest.
    #[must_use]
    pub fn status_capacity(request_bytes: usize) -> usize {
        const ROLL_CALL_MAX_BYTES: usize = 5 + 7 + 5;
        const REST_MAX_BYTES: usize = DATAGRAM_MIN_BYTES + 16 + 10 + 2 + 1;
        // R-STATUS-3, R-SIZE-3
        request_bytes.min(DATAGRAM_MAX_BYTES).saturating_sub(REST_MAX_BYTES) / ROLL_CALL_MAX_BYTES
    }
}

/// What the answer to a `FILES` of this length has for files.
fn files_room(request_bytes: usize) -> usize {
    const REST_MAX_BYTES: usize = DATAGRAM_MIN_BYTES + 16 + 10 + 1 + 5 + 2;
    request_bytes.min(DATAGRAM_MAX_BYTES).saturating_sub(REST_MAX_BYTES)
}

/// What a file with a name of this length takes of it.
fn file_bytes(name_bytes: usize) -> usize {
    2 + name_bytes + 10
}

// The bodies, field by field as the specification lists them. postcard writes a nested structure as
// its fields in a row.

const ATTEMPT_BYTES: usize = 1;

#[derive(Serialize, Deserialize)]
struct Head {
    // First, because it is left out of the fingerprint. A `u8` is one byte in postcard.
    attempt: u8,
    client: ClientId,
    number: RequestNumber,
}

impl Head {
    fn perform(self, started: WallTime, operation: Operation) -> Request {
        self.request(Ask::Perform { started, operation })
    }

    fn read(self, query: Query) -> Request {
        self.request(Ask::Read(query))
    }

    fn request(self, ask: Ask) -> Request {
        Request { attempt: self.attempt, client: self.client, number: self.number, ask }
    }
}

#[derive(Serialize, Deserialize)]
struct ClassBody {
    head: Head,
    started: WallTime,
    class: ClassId,
    padding: Padding,
}

#[derive(Serialize, Deserialize)]
struct MarkBody {
    head: Head,
    started: WallTime,
    class: ClassId,
    student: StudentNumber,
    padding: Padding,
}

#[derive(Serialize, Deserialize)]
struct StatusBody {
    head: Head,
    class: ClassId,
    padding: Padding,
}

#[derive(Serialize, Deserialize)]
struct SheetsBody {
    head: Head,
    class: ClassId,
    at_most: RollCallNumber,
    padding: Padding,
}

#[derive(Serialize, Deserialize)]
struct FilesBody {
    head: Head,
    from: u32,
    padding: Padding,
}

#[derive(Serialize, Deserialize)]
struct FileBody {
    head: Head,
    file: FileKey,
    padding: Padding,
}

#[derive(Serialize, Deserialize)]
struct PullBody {
    head: Head,
    object: ContentId,
    cookie: Cookie,
    first: u32,
    wanted: u64,
    padding: Padding,
}

impl PullBody {
    fn pull(&self) -> Pull {
        let &Self { object, cookie, first, wanted, .. } = self;
        Pull { object, cookie, first, wanted }
    }

    fn into_request(self) -> Request {
        let pull = self.pull();
        self.head.request(Ask::Pull(pull))
    }
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct Tail {
    client: ClientId,
    number: RequestNumber,
}

impl Tail {
    fn reply(self, answer: Answer) -> Reply {
        Reply { client: self.client, number: self.number, answer }
    }
}

#[derive(Serialize, Deserialize)]
struct OpenedBody {
    tail: Tail,
    class: ClassId,
    opened_at: WallTime,
    already_open: bool,
}

impl OpenedBody {
    fn into_reply(self) -> Reply {
        let Self { tail, class, opened_at, already_open } = self;
        tail.reply(Answer::Opened { class, opened_at, already_open })
    }
}

#[derive(Serialize, Deserialize)]
struct ClosedBody {
    tail: Tail,
    sheet: SheetInfo,
    already_closed: bool,
}

impl ClosedBody {
    fn into_reply(self) -> Reply {
        let Self { tail, sheet, already_closed } = self;
        tail.reply(Answer::Closed { sheet, already_closed })
    }
}

#[derive(Serialize, Deserialize)]
struct MarkedBody {
    tail: Tail,
    class: u32,
    at: WallTime,
    standing: Standing,
}

impl MarkedBody {
    /// The answer, unless a refusal names a class, or a mark names none (R-MARKED-1).
    fn answer(&self) -> Option<Answer> {
        let &Self { class, at, standing, .. } = self;
        match (ClassId::new(class), standing) {
            (Some(class), Standing::Present) => {
                Some(Answer::Marked { class, at, already_present: false })
            }
            (Some(class), Standing::AlreadyPresent) => {
                Some(Answer::Marked { class, at, already_present: true })
            }
            (None, Standing::Refused(reason)) => Some(Answer::MarkRefused { at, reason }),
            _ => None,
        }
    }

    fn into_reply(self) -> Reply {
        self.tail.reply(self.answer().expect("what is canonical is valid"))
    }
}

/// The last byte of `MARKED`: 0 present, 1 already present, 16 and up refused and why.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
enum Standing {
    Present,
    AlreadyPresent,
    Refused(Refusal),
}

impl Standing {
    const REFUSED: u8 = 16;
}

impl From<Standing> for u8 {
    fn from(standing: Standing) -> u8 {
        match standing {
            Standing::Present => 0,
            Standing::AlreadyPresent => 1,
            Standing::Refused(reason) => Standing::REFUSED + u8::from(reason),
        }
    }
}

impl TryFrom<u8> for Standing {
    type Error = &'static str;

    fn try_from(byte: u8) -> Result<Self, Self::Error> {
        match byte {
            0 => Ok(Self::Present),
            1 => Ok(Self::AlreadyPresent),
            _ => byte
                .checked_sub(Self::REFUSED)
                .and_then(|number| Refusal::try_from(number).ok())
                .map(Self::Refused)
                .ok_or("no such standing"),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct RefusedBody {
    tail: Tail,
    at: WallTime,
    reason: Refusal,
}

impl RefusedBody {
    fn into_reply(self) -> Reply {
        self.tail.reply(Answer::Refused { at: self.at, reason: self.reason })
    }
}

#[derive(Serialize, Deserialize)]
struct StatusListBody<'a> {
    tail: Tail,
    open: Cow<'a, [OpenRollCall]>,
    more: bool,
}

impl StatusListBody<'_> {
    fn into_reply(self) -> Reply {
        self.tail.reply(Answer::Status { open: self.open.into_owned(), more: self.more })
    }
}

#[derive(Serialize, Deserialize)]
struct SheetListBody<'a> {
    tail: Tail,
    sheets: Cow<'a, [SheetInfo]>,
    more: bool,
}

impl SheetListBody<'_> {
    fn into_reply(self) -> Reply {
        self.tail.reply(Answer::Sheets { sheets: self.sheets.into_owned(), more: self.more })
    }
}

#[derive(Serialize, Deserialize)]
struct FileListBody<'a> {
    tail: Tail,
    list: Option<FileListPart<'a>>,
}

#[derive(Serialize, Deserialize)]
struct FileListPart<'a> {
    total: u32,
    files: Cow<'a, [FileEntry]>,
}

impl FileListPart<'_> {
    fn into_list(self) -> FileList {
        FileList { total: self.total, files: self.files.into_owned() }
    }
}

#[derive(Serialize, Deserialize)]
struct FileInfoBody {
    tail: Tail,
    state: WireFileState,
}

/// 0 absent, 1 being read, 2 ready: the numbers that postcard gives them.
#[derive(Serialize, Deserialize)]
enum WireFileState {
    Absent,
    Reading { done: u64, bytes: u64 },
    Ready { bytes: u64, content: ContentId },
}

impl From<FileState> for WireFileState {
    fn from(state: FileState) -> Self {
        match state {
            FileState::Absent => Self::Absent,
            FileState::Reading { done, bytes } => Self::Reading { done, bytes },
            FileState::Ready(FileInfo { bytes, content }) => Self::Ready { bytes, content },
        }
    }
}

impl FileInfoBody {
    fn into_reply(self) -> Reply {
        let state = match self.state {
            WireFileState::Absent => FileState::Absent,
            WireFileState::Reading { done, bytes } => FileState::Reading { done, bytes },
            WireFileState::Ready { bytes, content } => {
                FileState::Ready(FileInfo { bytes, content })
            }
        };
        self.tail.reply(Answer::File(state))
    }
}

#[derive(Serialize, Deserialize)]
struct PulledBody<'a> {
    tail: Tail,
    index: u32,
    #[serde(borrow)]
    bytes: Bytes<'a>,
}

impl PulledBody<'_> {
    fn into_reply(self) -> Reply {
        self.tail.reply(Answer::Pulled { index: self.index, bytes: self.bytes.0.to_vec() })
    }
}

#[derive(Serialize, Deserialize)]
struct CookieBody {
    tail: Tail,
    cookie: Cookie,
}

#[derive(Serialize, Deserialize)]
struct BeginAgainBody {
    tail: Tail,
    server_time: Option<WallTime>,
}

#[derive(Serialize, Deserialize)]
struct BusyBody {
    tail: Tail,
    retry_after_ms: u16,
}

/// Bytes that postcard writes as a length and then as they are.
struct Bytes<'a>(&'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Bytes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'de [u8]>::deserialize(deserializer).map(Bytes)
    }
}

/// Zeros at the end of a request that make room for its answer: a server never sends more bytes
/// than it got (the idea of NTS, RFC 8915 5.7).
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Padding {
    length: usize,
}

impl Serialize for Padding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const ZEROS: [u8; DATAGRAM_MAX_BYTES] = [0; DATAGRAM_MAX_BYTES];
        serializer.serialize_bytes(&ZEROS[..self.length])
    }
}

impl<'de> Deserialize<'de> for Padding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // R-SIZE-2, R-SIZE-4
        let Bytes(bytes) = Bytes::deserialize(deserializer)?;
        if bytes.len() > DATAGRAM_MAX_BYTES || bytes.iter().any(|&byte| byte != 0) {
            return Err(serde::de::Error::custom("padding is zeros"));
        }
        Ok(Self { length: bytes.len() })
    }
}

trait Padded: Serialize {
    fn set_padding(&mut self, padding: Padding);
}

macro_rules! padded_bodies {
    ($($body:ty),*) => {$(
        impl Padded for $body {
            fn set_padding(&mut self, padding: Padding) {
                self.padding = padding;
            }
        }
    )*};
}

padded_bodies!(ClassBody, MarkBody, StatusBody, SheetsBody, FilesBody, FileBody, PullBody);

/// Writes a request's body, padded so that its datagram has that length, and returns the length of
/// the body.
fn padded(mut body: impl Padded, datagram_bytes: usize, space: &mut [u8]) -> usize {
    let bare = DATAGRAM_MIN_BYTES + to_body(&body, space);
    let missing = datagram_bytes.saturating_sub(bare);
    // The padding's own length takes a second byte from 128 on.
    let length = if missing > 128 { missing - 1 } else { missing };
    body.set_padding(Padding { length });
    to_body(&body, space)
}

struct Writer<'a> {
    datagram: &'a mut Datagram,
}

impl Writer<'_> {
    fn body(&mut self, kind: Kind, body: &impl Serialize) {
        let space = self.datagram.begin(VERSION, kind.byte());
        let length = to_body(body, space);
        self.datagram.end(length);
    }
}

fn to_body(value: &(impl Serialize + ?Sized), space: &mut [u8]) -> usize {
    postcard::to_slice(value, space).expect("the largest message fits its datagram").len()
}

/// What a body says beyond the form of its fields: the rest of step 7 of the order of trust.
trait Body {
    /// Whether its values fit each other and the tables of the specification.
    fn is_valid(&self) -> bool {
        true
    }
}

macro_rules! bodies_of_any_values {
    ($($body:ty),* $(,)?) => {
        $(impl Body for $body {})*
    };
}

bodies_of_any_values!(
    ClassBody,
    MarkBody,
    StatusBody,
    SheetsBody,
    FilesBody,
    FileBody,
    Tail,
    OpenedBody,
    ClosedBody,
    RefusedBody,
    StatusListBody<'_>,
    SheetListBody<'_>,
    FileListBody<'_>,
    CookieBody,
    BeginAgainBody,
    BusyBody,
    Bytes<'_>,
);

impl Body for PullBody {
    fn is_valid(&self) -> bool {
        self.pull().is_valid()
    }
}

impl Body for MarkedBody {
    fn is_valid(&self) -> bool {
        self.answer().is_some()
    }
}

impl Body for FileInfoBody {
    fn is_valid(&self) -> bool {
        match self.state {
            WireFileState::Absent => true,
            WireFileState::Reading { done, bytes } => done <= bytes && bytes <= FILE_BYTES_MAX,
            WireFileState::Ready { bytes, .. } => bytes <= FILE_BYTES_MAX,
        }
    }
}

impl Body for PulledBody<'_> {
    fn is_valid(&self) -> bool {
        self.bytes.0.len() <= BLOCK_BYTES
    }
}

/// Reads a body that is valid, has nothing left over, and is written in the one form that its values
/// have: steps 7 to 9 of the order of trust.
///
/// The only freedom that postcard leaves is to write a number with more bytes than it needs, so a
/// body that is as long as it would be if it were written again is the same body.
fn canonical<'a, T>(body: &'a [u8]) -> Result<T, Rejected>
where
    T: Deserialize<'a> + Serialize + Body,
{
    // R-VALUE-2, R-VALUE-4
    let (value, rest): (T, _) = postcard::take_from_bytes(body).map_err(|_| Rejected::Body)?;
    if !value.is_valid() {
        return Err(Rejected::Body);
    }
    // R-VALUE-3
    if !rest.is_empty() {
        return Err(Rejected::LeftOver);
    }
    // R-VALUE-1
    match postcard::serialize_with_flavor(&value, Size::default()) {
        Ok(length) if length == body.len() => Ok(value),
        _ => Err(Rejected::NotCanonical),
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
