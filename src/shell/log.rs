//! What is logged of the requests themselves: with `-v` each opening, close and refusal, with `-vv`
//! each mark, with the client and the address that it came from.
//!
//! Logged when it is durable, because only then has it happened. The core knows no addresses in what
//! it records, so the address is noted when a datagram arrives, and only while somebody wants to
//! read it: at the usual level this costs one comparison a datagram.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;

use tracing::{Level, debug, enabled, trace};

use super::socket::ReturnPath;
use crate::exchange::{
    Acted, Arrived, Closed, Deed, Enrolled, Extended, Marked, Operation, Outcome, Refused,
};
use crate::ids::ClientId;
use crate::limits::REPLIES_HELD_MAX;
use crate::principal::Principal;
use crate::record::Batch;

/// Who asked from where, since the last batch was given out and in that one.
pub(super) struct EventLog {
    wanted: bool,
    now: HashMap<ClientId, Asker>,
    committing: HashMap<ClientId, Asker>,
}

/// Who asked, and from where.
#[derive(Clone, Copy)]
struct Asker {
    who: Principal,
    from: SocketAddr,
}

impl fmt::Display for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Principal::Device(device) = self.who {
            write!(f, "device {device:?}, ")?;
        }
        self.from.fmt(f)
    }
}

impl EventLog {
    pub(super) fn new() -> Self {
        let wanted = enabled!(Level::DEBUG);
        Self { wanted, now: HashMap::new(), committing: HashMap::new() }
    }

    /// A datagram came by this way, and perhaps asked for an operation.
    pub(super) fn heard(&mut self, path: &ReturnPath, asked: Option<(ClientId, Principal)>) {
        if !self.wanted || self.now.len() >= REPLIES_HELD_MAX {
            return;
        }
        if let Some((client, who)) = asked {
            // The first way: what comes later is a copy or a retry.
            self.now.entry(client).or_insert(Asker { who, from: path.client });
        }
    }

    /// Everything that was heard so far is in the batch that is given out now.
    pub(super) fn begin_commit(&mut self) {
        if self.wanted {
            self.committing = std::mem::take(&mut self.now);
        }
    }

    /// The batch is durable.
    pub(super) fn committed(&mut self, batch: &Batch) {
        if !self.wanted {
            return;
        }
        for record in &batch.records {
            if let Some((_, operation, client)) = record.answered() {
                let from = self.committing.get(&client.client);
                let from = from.map_or_else(|| "?".to_owned(), ToString::to_string);
                tell(operation, &client.outcome, client.client, &from);
            }
        }
    }
}

fn tell(operation: &Operation, outcome: &Outcome, client: ClientId, from: &str) {
    let class = operation.class().map(|class| format!("class {class}")).unwrap_or_default();
    let already = |already| if already { "already " } else { "" };
    match *outcome {
        Outcome::Opened { opened_at, already_open, .. } => {
            let already = already(already_open);
            debug!("{class} was {already}opened at {opened_at} by {client:?} from {from}");
        }
        Outcome::Closed(ref closed) => {
            let Closed { ref sheet, already_closed } = **closed;
            let (at, students, already) =
                (sheet.closed_at, sheet.students, already(already_closed));
            debug!(
                "{class} was {already}closed at {at} with {students} present by {client:?} \
                 from {from}"
            );
        }
        Outcome::Marked(Marked { at, already_present, .. })
        | Outcome::Arrived(Arrived { marked: Marked { at, already_present, .. }, .. }) => {
            let already = already(already_present);
            if let Operation::Mark { student, .. } | Operation::Deliver { student, .. } = operation
            {
                trace!(
                    "{student} was {already}marked present in {class} at {at} by {client:?} \
                     from {from}"
                );
            }
        }
        Outcome::MarkRefused(Refused { at, reason }) | Outcome::Refused(Refused { at, reason }) => {
            let what = match operation {
                Operation::Open { .. } | Operation::OpenWith { .. } => format!("opening {class}"),
                Operation::Close { .. } => format!("closing {class}"),
                Operation::Mark { student, .. } | Operation::Deliver { student, .. } => {
                    format!("marking {student} in {class}")
                }
                Operation::Extend { .. } => format!("extending {class}"),
                Operation::Reopen { .. } => format!("opening {class} again"),
                Operation::Correct { correction, .. } => {
                    format!("correcting {} in {class}", correction.student)
                }
                Operation::Enrol { .. } => format!("changing the roster of {class}"),
                Operation::Join { .. } => "the use of an invite".to_owned(),
                Operation::Act(act) => format!("the act '{}'", Deed::Act(*act)),
            };
            let reason = reason.name();
            debug!("{what} was refused at {at}: {reason}, to {client:?} from {from}");
        }
        Outcome::Joined { ref joined, .. } => {
            debug!("{client:?} from {from} joined as {} at {}", joined.guest, joined.at);
        }
        Outcome::Acted(Acted { at, .. }) => {
            if let Operation::Act(act) = operation {
                debug!("{client:?} from {from} {} at {at}", Deed::Act(*act));
            }
        }
        Outcome::Extended(Extended { at, closes_at, .. }) => {
            debug!("{class} was extended to {closes_at} at {at} by {client:?} from {from}");
        }
        Outcome::Reopened { at, .. } => {
            debug!("{class} was opened again at {at} by {client:?} from {from}");
        }
        Outcome::Corrected { corrected, .. } => {
            if let Operation::Correct { correction, .. } = operation {
                let (student, status, at) = (correction.student, correction.status, corrected.at);
                debug!("{student} in {class} was set {status} at {at} by {client:?} from {from}");
            }
        }
        Outcome::Enrolled(Enrolled { at, version, students, .. }) => debug!(
            "the roster of {class} has {students} students in version {version} at {at}, by {client:?} \
             from {from}"
        ),
        Outcome::ClockSkew { server_time } => {
            debug!("the clock of {client:?} from {from} is ahead at {server_time}");
        }
    }
}
