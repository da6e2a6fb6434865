//! The steps of one mark on its way through the server, each timed by itself.
//!
//! ```text
//! cargo bench -p rollcall-lab --bench hot_path
//! ```
//!
//! The tables are those of a full day: 100,000 clients, 70,000 students in the class.

use std::cell::RefCell;
use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use rollcall::access::Terms;
use rollcall::exchange::{
    Answer, Ask, Marked, Operation, Outcome, Reply, Request, decode_request, encode_reply,
    encode_request,
};
use rollcall::hashing::HashKey;
use rollcall::ids::{ClassId, ClientId, RequestNumber, StudentNumber};
use rollcall::journal::encoding::encode_records;
use rollcall::people::Pool;
use rollcall::record::Record;
use rollcall::roll::{ClientRecord, Extras, Register, Sessions};
use rollcall::time::{Instant, WallTime};
use rollcall::wire::Datagram;

const CLIENTS: u64 = 100_000;
const STUDENTS: u64 = 70_000;
/// The records of the batch that is encoded.
const BATCH: u64 = 64;
/// The batch that every client's last operation is in; it is durable.
const DURABLE: u64 = 1;

fn today() -> WallTime {
    WallTime::from_millis(1_800_000_000_000)
}

fn class() -> ClassId {
    ClassId::new(3030).expect("not zero")
}

fn client(number: u64) -> ClientId {
    ClientId::from_bytes(u128::from(number).to_le_bytes())
}

fn student(number: u64) -> StudentNumber {
    format!("{number:09}").parse().expect("a student number")
}

fn mark(number: u64) -> Operation {
    Operation::Mark { class: class(), student: student(number), code: None }
}

fn marked() -> Outcome {
    Outcome::Marked(Marked { class: class(), at: today(), already_present: false })
}

fn record(number: u64) -> ClientRecord {
    ClientRecord {
        client: client(number),
        started: today(),
        number: RequestNumber::FIRST,
        fingerprint: 7,
        outcome: marked(),
    }
}

fn decode(criterion: &mut Criterion) {
    let ask = Ask::Perform { started: today(), operation: mark(1) };
    let request = Request { attempt: 1, client: client(1), number: RequestNumber::FIRST, ask };
    let mut datagram = Datagram::new();
    encode_request(&request, &mut datagram);
    criterion.bench_function("decode a MARK", |bench| {
        bench.iter(|| decode_request(black_box(datagram.as_bytes())));
    });
}

fn judge(criterion: &mut Criterion) {
    let mut sessions = Sessions::new(HashKey::new(1));
    for number in 0..CLIENTS {
        sessions.record(record(number), Pool::Strangers, Instant::ZERO, DURABLE);
    }
    let second = RequestNumber::FIRST.next().expect("there are more");
    for (name, first, number) in [
        ("judge, client known", 0, second),
        ("judge, client unknown", CLIENTS, RequestNumber::FIRST),
    ] {
        let mut next = 0;
        criterion.bench_function(name, |bench| {
            bench.iter(|| {
                // Another client each time, so that not always the same one is at hand.
                next = (next + 7_919) % CLIENTS;
                let client = client(first + next);
                sessions.judge(black_box(client), number, today(), 8, today(), DURABLE, None)
            });
        });
    }
}

fn apply(criterion: &mut Criterion) {
    let register = RefCell::new(full_class());
    let mut next = STUDENTS;
    criterion.bench_function("decide and apply a mark", |bench| {
        bench.iter_batched(
            || {
                // Not timed: before the class is twice as large, it is another one.
                let mut register = register.borrow_mut();
                let open = register.open_from(class()).next().expect("it is open");
                if u64::from(open.present) >= 2 * STUDENTS {
                    *register = full_class();
                }
                next += 1;
                mark(next)
            },
            |operation| perform(&mut register.borrow_mut(), black_box(&operation)),
            BatchSize::SmallInput,
        );
    });
}

/// A register with the students before those that are timed.
fn full_class() -> Register {
    let mut register = Register::new(HashKey::new(1));
    perform(&mut register, &Operation::Open { class: class(), terms: Terms::PLAIN });
    (0..STUDENTS).for_each(|number| perform(&mut register, &mark(number)));
    register
}

fn perform(register: &mut Register, operation: &Operation) {
    let outcome = match *operation {
        Operation::Open { class, .. } => register.decide_open(class, today()),
        Operation::Mark { class, student, .. } => register.decide_mark(class, student, today()),
        _ => panic!("{operation:?} is not timed"),
    };
    register.apply(operation, &outcome, Extras::default()).expect("it was just decided");
}

fn encode(criterion: &mut Criterion) {
    let answer = Answer::from(&marked());
    let reply = Reply { client: client(1), number: RequestNumber::FIRST, answer };
    let mut datagram = Datagram::new();
    criterion.bench_function("encode a MARKED", |bench| {
        bench.iter(|| encode_reply(black_box(&reply), &mut datagram));
    });
}

fn encode_batch(criterion: &mut Criterion) {
    let record =
        |number| Record::Answered { at: today(), operation: mark(number), client: record(number) };
    let records: Vec<Record> = (0..BATCH).map(record).collect();
    let mut space = Vec::new();
    criterion.bench_function("encode a batch of 64 for the journal", |bench| {
        bench.iter(|| space = encode_records(black_box(&records), std::mem::take(&mut space)));
    });
}

criterion_group!(hot_path, decode, judge, apply, encode, encode_batch);
criterion_main!(hot_path);
