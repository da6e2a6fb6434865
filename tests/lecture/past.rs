//! Journals that were written some time ago, so that no test has to wait for minutes to pass.

use std::path::Path;
use std::time::Duration;

use rollcall::access::Terms;
use rollcall::attendance::Plan;
use rollcall::exchange::{Ask, Operation, Request, encode_request};
use rollcall::ids::{ClassId, ClientId, RequestNumber};
use rollcall::journal::{Journal, SqliteJournal};
use rollcall::server::{Output, Server as Core};
use rollcall::shell::clock::Clock;
use rollcall::time::{Instant, Now};
use rollcall::wire::Datagram;

/// What happened so many seconds ago.
pub(crate) type Deed = (u32, Operation);

/// Writes a journal in which this happened, each deed by a client of its own.
pub(crate) fn write(folder: &Path, deeds: &[Deed]) {
    let mut journal = SqliteJournal::open(folder).expect("a journal");
    let mut core = Core::<u8>::new(1);
    journal.recover(&mut core).expect("an empty one");
    let present = Clock::start().now().wall;
    let first = deeds.first().expect("something happened").0;
    for (client, &(seconds_ago, ref operation)) in (1..).zip(deeds) {
        let wall = present.shifted(-1_000 * i64::from(seconds_ago));
        let elapsed = Duration::from_secs(u64::from(first - seconds_ago));
        let now = Now { instant: Instant::ZERO.after(elapsed), wall };
        let request = Request {
            attempt: 1,
            client: ClientId::from_bytes([client; 16]),
            number: RequestNumber::FIRST,
            ask: Ask::Perform { started: wall, operation: operation.clone() },
        };
        perform(&mut core, &mut journal, now, &request);
    }
}

fn perform(core: &mut Core<u8>, journal: &mut SqliteJournal, now: Now, request: &Request) {
    let (mut datagram, mut space) = (Datagram::new(), Datagram::new());
    encode_request(request, &mut datagram);
    core.handle_datagram(now, 0, datagram.as_bytes());
    let mut answered = false;
    while let Some(output) = core.poll_output(&mut space) {
        match output {
            Output::Append(batch) => {
                journal.commit(&batch).expect("room");
                core.handle_durable(batch.number);
            }
            Output::Transmit { .. } => answered = true,
            other => panic!("{other:?}"),
        }
    }
    assert!(answered, "{request:?}");
}

/// The class of these tests.
pub(crate) fn class() -> ClassId {
    ClassId::new(3030).expect("a class")
}

/// It is opened.
pub(crate) fn open() -> Operation {
    Operation::Open { class: class(), terms: Terms::PLAIN }
}

/// It is opened, to close after so many minutes; who answers after so many is late.
pub(crate) fn open_for(minutes: u32, late_after: u32) -> Operation {
    let plan = Plan {
        closes_after_s: Some(60 * minutes),
        late_after_s: Some(60 * late_after),
        ..Plan::default()
    };
    Operation::OpenWith { class: class(), terms: Terms::PLAIN, plan }
}

/// It is closed.
pub(crate) fn close() -> Operation {
    Operation::Close { class: class() }
}

/// A student answers.
pub(crate) fn mark(student: &str) -> Operation {
    let student = student.parse().expect("a student");
    Operation::Mark { class: class(), student, code: None }
}
