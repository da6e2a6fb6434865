//! Requests and replies as whole datagrams: an envelope around the message of an exchange.

use serde::{Deserialize, Serialize};

use super::act::ActMessage;
use super::acts::Acts;
use super::close::Close;
use super::file::File;
use super::files::{FileList, FileListMessage, Files};
use super::join::Join;
use super::mark::{Mark, MarkedMessage};
use super::mine::Mine;
use super::open::Open;
use super::people::People;
use super::pull::{CookieMessage, PulledMessage};
use super::room::Room;
use super::sheets::Sheets;
use super::spot::Spot;
use super::status::Status;
use super::verdict::{Revoked, Stale};
use super::{
    ActList, Acted, Answer, Ask, BeginAgain, Busy, Closed, FileState, Joined, MineList, Opened,
    Operation, PersonList, Pull, Query, Refused, RoomState, SheetList, SpotList, StatusList,
};
use crate::ids::{ClientId, RequestNumber};
use crate::wire::codec::{Bytes, Message};
use crate::wire::envelope::{
    Bare, Opened as Envelope, Question, ReplyHeader, RequestHeader, RequestWriter, bare, open,
    write_reply,
};
use crate::wire::{Datagram, Kind, Rejected};

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
            Self::Read(Query::Status { .. }) => Status::KIND,
            Self::Read(Query::Sheets { .. }) => Sheets::KIND,
            Self::Read(Query::Files { .. }) => Files::KIND,
            Self::Read(Query::File { .. }) => File::KIND,
            Self::Read(Query::People { .. }) => People::KIND,
            Self::Read(Query::Acts { .. }) => Acts::KIND,
            Self::Read(Query::Room { .. }) => Room::KIND,
            Self::Read(Query::Mine { .. }) => Mine::KIND,
            Self::Read(Query::Spot { .. }) => Spot::KIND,
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
    let &Request { attempt, client, number, ask } = request;
    let header = RequestHeader { attempt, client, number };
    match ask {
        Ask::Perform { started, operation: Operation::Open { class, terms } } => {
            writer.write(header, Open { started, class, terms });
        }
        Ask::Perform { started, operation: Operation::Close { class } } => {
            writer.write(header, Close { started, class });
        }
        Ask::Perform { started, operation: Operation::Mark { class, student, code } } => {
            writer.write(header, Mark { started, class, student, code });
        }
        Ask::Perform { started, operation: Operation::Join { code } } => {
            writer.write(header, Join { started, code });
        }
        Ask::Perform { started, operation: Operation::Act(act) } => {
            writer.write(header, ActMessage { started, act });
        }
        Ask::Read(Query::Status { from }) => writer.write(header, Status { from }),
        Ask::Read(Query::Sheets { class, at_most }) => {
            writer.write(header, Sheets { class, at_most });
        }
        Ask::Read(Query::Files { from }) => writer.write(header, Files { from }),
        Ask::Read(Query::File { file }) => writer.write(header, File { file }),
        Ask::Read(Query::People { after }) => writer.write(header, People { after }),
        Ask::Read(Query::Acts { at_most }) => writer.write(header, Acts { at_most }),
        Ask::Read(Query::Room { class }) => writer.write(header, Room { class }),
        Ask::Read(Query::Mine { skip }) => writer.write(header, Mine { skip }),
        Ask::Read(Query::Spot { class, count }) => writer.write(header, Spot { class, count }),
        Ask::Pull(pull) => writer.write(header, pull),
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
