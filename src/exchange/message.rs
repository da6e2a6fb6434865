//! Requests and replies as whole datagrams: an envelope around the message of an exchange.

use serde::{Deserialize, Serialize};

use super::act::ActMessage;
use super::acts::Acts;
use super::close::Close;
use super::correct::Correct;
use super::deliver::Deliver;
use super::extend::Extend;
use super::file::File;
use super::files::{FileList, FileListMessage, Files};
use super::join::Join;
use super::mark::{Mark, MarkedMessage};
use super::mine::Mine;
use super::open::Open;
use super::people::People;
use super::plan::PlanMessage;
use super::pull::{CookieMessage, PulledMessage};
use super::reopen::Reopen;
use super::revisions::Revisions;
use super::room::Room;
use super::roster::{Enrol, RosterQuestion};
use super::sheets::Sheets;
use super::spot::Spot;
use super::status::Status;
use super::tally::TallyQuestion;
use super::verdict::{Revoked, Stale};
use super::watch::Watch;
use super::{
    ActList, Acted, Answer, Ask, BeginAgain, Busy, Closed, Corrected, Enrolled, Extended,
    FileState, Joined, MineList, Opened, Operation, PersonList, Pull, Query, Refused, RevisionList,
    RoomState, RosterInfo, SheetList, SpotList, StatusList, Tallied, Watched,
};
use crate::ids::{ClientId, RequestNumber};
use crate::time::WallTime;
use crate::wire::codec::{Bytes, Message};
use crate::wire::envelope::{
    Bare, Opened as Envelope, Question, ReplyHeader, RequestHeader, RequestWriter, bare, open,
    write_reply,
};
use crate::wire::{Datagram, Kind, Rejected};

/// What a client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
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

impl Ask {
    /// The kind of datagram that asks this.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Perform { operation: Operation::Open { .. }, .. } => Open::KIND,
            Self::Perform { operation: Operation::Close { .. }, .. } => Close::KIND,
            Self::Perform { operation: Operation::Mark { .. }, .. } => Mark::KIND,
            Self::Perform { operation: Operation::Join { .. }, .. } => Join::KIND,
            Self::Perform { operation: Operation::Act(_), .. } => ActMessage::KIND,
            Self::Perform { operation: Operation::OpenWith { .. }, .. } => PlanMessage::KIND,
            Self::Perform { operation: Operation::Extend { .. }, .. } => Extend::KIND,
            Self::Perform { operation: Operation::Reopen { .. }, .. } => Reopen::KIND,
            Self::Perform { operation: Operation::Deliver { .. }, .. } => Deliver::KIND,
            Self::Perform { operation: Operation::Correct { .. }, .. } => Correct::KIND,
            Self::Perform { operation: Operation::Enrol { .. }, .. } => Enrol::KIND,
            Self::Read(Query::Status { .. }) => Status::KIND,
            Self::Read(Query::Sheets { .. }) => Sheets::KIND,
            Self::Read(Query::Files { .. }) => Files::KIND,
            Self::Read(Query::File { .. }) => File::KIND,
            Self::Read(Query::People { .. }) => People::KIND,
            Self::Read(Query::Acts { .. }) => Acts::KIND,
            Self::Read(Query::Room { .. }) => Room::KIND,
            Self::Read(Query::Mine { .. }) => Mine::KIND,
            Self::Read(Query::Spot { .. }) => Spot::KIND,
            Self::Read(Query::Roster { .. }) => RosterQuestion::KIND,
            Self::Read(Query::Watch { .. }) => Watch::KIND,
            Self::Read(Query::Revisions { .. }) => Revisions::KIND,
            Self::Read(Query::Tally { .. }) => TallyQuestion::KIND,
            Self::Pull(_) => Pull::KIND,
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

/// A request as it was read, with what the judge of duplicates needs to know of its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
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
/// The first check that failed. Only [`Rejected::Version`] may be answered, with
/// [`Versions`](crate::wire::Versions).
pub fn decode_request(datagram: &[u8]) -> Result<Received, Rejected> {
    received(open(datagram)?)
}

/// Reads the kind and the body of a request that came sealed, with room for a plain answer of that
/// length.
///
/// # Errors
/// The first check that failed.
pub(crate) fn decode_bare_request(
    kind: u8,
    body: &[u8],
    room: usize,
) -> Result<Received, Rejected> {
    received(bare(kind, body, room)?)
}

fn received(envelope: Envelope<'_>) -> Result<Received, Rejected> {
    let request = match envelope.kind {
        Kind::Open => request::<Open>(&envelope),
        Kind::Close => request::<Close>(&envelope),
        Kind::Mark => request::<Mark>(&envelope),
        Kind::Join => request::<Join>(&envelope),
        Kind::Act => request::<ActMessage>(&envelope),
        Kind::Plan => request::<PlanMessage>(&envelope),
        Kind::Extend => request::<Extend>(&envelope),
        Kind::Reopen => request::<Reopen>(&envelope),
        Kind::Deliver => request::<Deliver>(&envelope),
        Kind::Correct => request::<Correct>(&envelope),
        Kind::Enrol => request::<Enrol>(&envelope),
        Kind::Status => request::<Status>(&envelope),
        Kind::Sheets => request::<Sheets>(&envelope),
        Kind::Files => request::<Files>(&envelope),
        Kind::File => request::<File>(&envelope),
        Kind::Pull => request::<Pull>(&envelope),
        Kind::People => request::<People>(&envelope),
        Kind::Acts => request::<Acts>(&envelope),
        Kind::Room => request::<Room>(&envelope),
        Kind::Mine => request::<Mine>(&envelope),
        Kind::Spot => request::<Spot>(&envelope),
        Kind::Roster => request::<RosterQuestion>(&envelope),
        Kind::Watch => request::<Watch>(&envelope),
        Kind::Revisions => request::<Revisions>(&envelope),
        Kind::Tally => request::<TallyQuestion>(&envelope),
        _ => Err(envelope.no_request()),
    };
    Ok(Received { request: request?, fingerprint: envelope.fingerprint() })
}

fn request<'a, T>(envelope: &Envelope<'a>) -> Result<Request, Rejected>
where
    T: Question + Deserialize<'a> + Into<Ask>,
{
    let (RequestHeader { attempt, client, number }, message) = envelope.request::<T>()?;
    Ok(Request { attempt, client, number, ask: message.into() })
}

/// Writes a request down, padded so that no answer to it is longer than itself.
pub fn encode_request(request: &Request, datagram: &mut Datagram) {
    write(request, datagram);
}

/// Writes the body of a request down without padding, to be sealed.
pub(crate) fn encode_bare_request<'a>(request: &Request, space: &'a mut [u8]) -> Bare<'a> {
    let mut bare = Bare::new(space);
    write(request, &mut bare);
    bare
}

fn write(request: &Request, writer: &mut impl RequestWriter) {
    let &Request { attempt, client, number, ref ask } = request;
    let header = RequestHeader { attempt, client, number };
    match *ask {
        Ask::Perform { started, ref operation } => perform(header, started, operation, writer),
        Ask::Read(query) => read(header, query, writer),
        Ask::Pull(pull) => writer.write(header, pull),
    }
}

fn perform(
    header: RequestHeader,
    started: WallTime,
    operation: &Operation,
    writer: &mut impl RequestWriter,
) {
    match operation.clone() {
        Operation::Open { class, terms } => writer.write(header, Open { started, class, terms }),
        Operation::Close { class } => writer.write(header, Close { started, class }),
        Operation::Mark { class, student, code } => {
            writer.write(header, Mark { started, class, student, code });
        }
        Operation::Join { code } => writer.write(header, Join { started, code }),
        Operation::Act(act) => writer.write(header, ActMessage { started, act }),
        Operation::OpenWith { class, terms, plan } => {
            writer.write(header, PlanMessage { started, class, terms, plan });
        }
        Operation::Extend { class, seconds } => {
            writer.write(header, Extend { started, class, seconds });
        }
        Operation::Reopen { class } => writer.write(header, Reopen { started, class }),
        Operation::Deliver { class, student, code, delay_ms } => {
            writer.write(header, Deliver { started, class, student, code, delay_ms });
        }
        Operation::Correct { class, correction } => {
            writer.write(header, Correct { started, class, correction: *correction });
        }
        Operation::Enrol { class, change } => {
            writer.write(header, Enrol { started, class, change });
        }
    }
}

fn read(header: RequestHeader, query: Query, writer: &mut impl RequestWriter) {
    match query {
        Query::Status { from } => writer.write(header, Status { from }),
        Query::Sheets { class, at_most } => writer.write(header, Sheets { class, at_most }),
        Query::Files { from } => writer.write(header, Files { from }),
        Query::File { file } => writer.write(header, File { file }),
        Query::People { after } => writer.write(header, People { after }),
        Query::Acts { at_most } => writer.write(header, Acts { at_most }),
        Query::Room { class } => writer.write(header, Room { class }),
        Query::Mine { skip } => writer.write(header, Mine { skip }),
        Query::Spot { class, count } => writer.write(header, Spot { class, count }),
        Query::Roster { class } => writer.write(header, RosterQuestion { class }),
        Query::Watch { class, from } => writer.write(header, Watch { class, from }),
        Query::Revisions { class, number, revision } => {
            writer.write(header, Revisions { class, number, revision });
        }
        Query::Tally { class, student } => writer.write(header, TallyQuestion { class, student }),
    }
}

/// Reads a datagram as a client does.
///
/// # Errors
/// The first check that failed. A client never answers any of them.
pub fn decode_reply(datagram: &[u8]) -> Result<Reply, Rejected> {
    replied(open(datagram)?)
}

/// Reads the kind and the body of a reply that came sealed.
///
/// # Errors
/// The first check that failed.
pub(crate) fn decode_bare_reply(kind: u8, body: &[u8]) -> Result<Reply, Rejected> {
    replied(bare(kind, body, 0)?)
}

fn replied(envelope: Envelope<'_>) -> Result<Reply, Rejected> {
    match envelope.kind {
        Kind::Opened => reply::<Opened>(&envelope),
        Kind::Closed => reply::<Closed>(&envelope),
        Kind::Marked => reply::<MarkedMessage>(&envelope),
        Kind::Refused => reply::<Refused>(&envelope),
        Kind::Joined => reply::<Joined>(&envelope),
        Kind::Acted => reply::<Acted>(&envelope),
        Kind::Extended => reply::<Extended>(&envelope),
        Kind::Corrected => reply::<Corrected>(&envelope),
        Kind::Enrolled => reply::<Enrolled>(&envelope),
        Kind::RosterInfo => reply::<RosterInfo>(&envelope),
        Kind::Watched => reply::<Watched>(&envelope),
        Kind::RevisionList => reply::<RevisionList>(&envelope),
        Kind::Tallied => reply::<Tallied>(&envelope),
        Kind::PersonList => reply::<PersonList>(&envelope),
        Kind::ActList => reply::<ActList>(&envelope),
        Kind::RoomState => reply::<RoomState>(&envelope),
        Kind::MineList => reply::<MineList>(&envelope),
        Kind::SpotList => reply::<SpotList>(&envelope),
        Kind::Revoked => reply::<Revoked>(&envelope),
        Kind::StatusList => reply::<StatusList>(&envelope),
        Kind::SheetList => reply::<SheetList>(&envelope),
        Kind::FileList => reply::<FileListMessage<FileList>>(&envelope),
        Kind::FileInfo => reply::<FileState>(&envelope),
        Kind::Pulled => reply::<PulledMessage<'_>>(&envelope),
        Kind::Cookie => reply::<CookieMessage>(&envelope),
        Kind::Stale => reply::<Stale>(&envelope),
        Kind::BeginAgain => reply::<BeginAgain>(&envelope),
        Kind::Busy => reply::<Busy>(&envelope),
        _ => Err(envelope.no_reply()),
    }
}

fn reply<'a, T>(envelope: &Envelope<'a>) -> Result<Reply, Rejected>
where
    T: Message + Serialize + Deserialize<'a> + Into<Answer>,
{
    let (ReplyHeader { client, number }, message) = envelope.reply::<T>()?;
    Ok(Reply { client, number, answer: message.into() })
}

/// Writes a reply down.
///
/// # Panics
/// If a list or a block in it does not fit a datagram; see [`status::capacity`](super::status::capacity)
/// and [`BLOCK_BYTES`](crate::limits::BLOCK_BYTES).
pub fn encode_reply(reply: &Reply, datagram: &mut Datagram) {
    let &Reply { client, number, ref answer } = reply;
    let header = ReplyHeader { client, number };
    match answer {
        Answer::Opened(it) => write_reply(header, it, datagram),
        Answer::Closed(it) => write_reply(header, it, datagram),
        Answer::Marked(it) => write_reply(header, &MarkedMessage::marked(it), datagram),
        Answer::MarkRefused(it) => write_reply(header, &MarkedMessage::refused(it), datagram),
        Answer::Refused(it) => write_reply(header, it, datagram),
        Answer::Joined(it) => write_reply(header, it, datagram),
        Answer::Acted(it) => write_reply(header, it, datagram),
        Answer::Arrived(it) => write_reply(header, &MarkedMessage::arrived(it), datagram),
        Answer::Extended(it) => write_reply(header, it, datagram),
        Answer::Corrected(it) => write_reply(header, it, datagram),
        Answer::Enrolled(it) => write_reply(header, it, datagram),
        Answer::Roster(it) => write_reply(header, it, datagram),
        Answer::Watched(it) => write_reply(header, &**it, datagram),
        Answer::Revisions(it) => write_reply(header, it, datagram),
        Answer::Tallied(it) => write_reply(header, it, datagram),
        Answer::People(it) => write_reply(header, it, datagram),
        Answer::Acts(it) => write_reply(header, it, datagram),
        Answer::Room(it) => write_reply(header, it, datagram),
        Answer::Mine(it) => write_reply(header, it, datagram),
        Answer::Spot(it) => write_reply(header, it, datagram),
        Answer::Revoked => write_reply(header, &Revoked, datagram),
        Answer::Status(it) => write_reply(header, it, datagram),
        Answer::Sheets(it) => write_reply(header, it, datagram),
        Answer::Files(list) => {
            write_reply(header, &FileListMessage { list: list.as_ref() }, datagram);
        }
        Answer::File(it) => write_reply(header, it, datagram),
        Answer::Pulled(it) => encode_pulled(client, number, it.index, &it.bytes, datagram),
        &Answer::Cookie(cookie) => write_reply(header, &CookieMessage { cookie }, datagram),
        Answer::Stale => write_reply(header, &Stale, datagram),
        Answer::BeginAgain(it) => write_reply(header, it, datagram),
        Answer::Busy(it) => write_reply(header, it, datagram),
    }
}

/// Writes a `PULLED` down without a copy of its block in between.
///
/// # Panics
/// If the block is longer than [`BLOCK_BYTES`](crate::limits::BLOCK_BYTES).
pub fn encode_pulled(
    client: ClientId,
    number: RequestNumber,
    index: u32,
    block: &[u8],
    datagram: &mut Datagram,
) {
    let message = PulledMessage { index, bytes: Bytes(block) };
    write_reply(ReplyHeader { client, number }, &message, datagram);
}
