//! Ten stories that such a system gets wrong when it gets something wrong, each told by itself; and
//! the table of what loss costs.

use std::convert::Infallible;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rollcall::access::Terms;
use rollcall::blocks::{Download, Event, PathState};
use rollcall::client::{Client, Output as Told, Progress};
use rollcall::exchange::{
    Answer, Ask, BeginAgain, Closed, Marked, Operation, Outcome, Refusal, Refused, Request,
    decode_reply, encode_request,
};
use rollcall::ids::{ClassId, ClientId, RequestNumber, StudentNumber};
use rollcall::record::{Recovery as _, SnapshotItem};
use rollcall::roll::{ClientRecord, Sheet};
use rollcall::server::{Output, Server};
use rollcall::time::{Instant, Now, WallTime};
use rollcall::wire::Datagram;

use crate::disk::Disk;
use crate::network::Wire;
use crate::params::{Link, Params};

/// A server with its disk. Batches are durable at once unless the test holds them back.
struct Stage {
    server: Server<u8>,
    disk: Disk,
    now: Now,
    holds_commits: bool,
}

impl Stage {
    fn new() -> Self {
        let wall = WallTime::from_millis(1_790_000_000_000);
        let now = Now { instant: Instant::ZERO, wall };
        Self { server: Server::new(1), disk: Disk::default(), now, holds_commits: false }
    }

    fn wait(&mut self, seconds: u64) {
        self.now.instant = self.now.instant.after(Duration::from_secs(seconds));
        self.now.wall = self.now.wall.shifted((seconds * 1_000).cast_signed());
    }

    /// What the server answers to these bytes, at once.
    fn hand(&mut self, datagram: &[u8]) -> Vec<Vec<u8>> {
        self.server.handle_datagram(self.now, 0, datagram);
        self.drain()
    }

    fn drain(&mut self) -> Vec<Vec<u8>> {
        let (mut replies, mut space) = (Vec::new(), Datagram::new());
        while let Some(output) = self.server.poll_output(&mut space) {
            match output {
                Output::Append(batch) => {
                    let number = batch.number;
                    self.disk.append(batch);
                    if !self.holds_commits {
                        self.disk.commit();
                        self.server.handle_durable(number);
                    }
                }
                Output::Snapshot(part) => unreachable!("none is begun: {part:?}"),
                Output::Folder(order) => unreachable!("no files are offered: {order:?}"),
                Output::ListRows(question) => unreachable!("nobody asks for rows: {question:?}"),
                Output::ListSheets(question) => {
                    self.server.handle_sheets(question, self.disk.history(question));
                }
                Output::Load(content) => {
                    self.server.handle_sheet(content, self.disk.sheet(content));
                }
                Output::Transmit { .. } => replies.push(space.as_bytes().to_vec()),
            }
        }
        replies
    }

    fn ask(&mut self, request: &Request) -> Answer {
        let replies = self.hand(&bytes(request));
        assert_eq!(replies.len(), 1, "{request:?}");
        decode_reply(&replies[0]).expect("a reply").answer
    }

    /// The server ends, and a new one begins with what the disk has.
    fn restart(&mut self) {
        self.server = self.disk.recover(2).expect("the journal is sound");
        self.now.instant = Instant::ZERO;
        self.holds_commits = false;
    }

    fn request(&self, client: u32, number: u64, operation: Operation) -> Request {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&client.to_le_bytes());
        let ask = Ask::Perform { started: self.now.wall, operation };
        let number = RequestNumber::new(number).expect("above 0");
        Request { attempt: 1, client: ClientId::from_bytes(id), number, ask }
    }

    /// Everything that the server knows, but for the time.
    fn knows(&self) -> Vec<SnapshotItem> {
        let timeless = |item: &SnapshotItem| !matches!(item, SnapshotItem::Latest(_));
        self.server.snapshot().filter(timeless).collect()
    }
}

fn bytes(request: &Request) -> Vec<u8> {
    let mut space = Datagram::new();
    encode_request(request, &mut space);
    space.as_bytes().to_vec()
}

fn class() -> ClassId {
    ClassId::new(3030).expect("above 0")
}

fn open() -> Operation {
    Operation::Open { class: class(), terms: Terms::PLAIN }
}

fn close() -> Operation {
    Operation::Close { class: class() }
}

fn mark(number: u32) -> Operation {
    Operation::Mark { class: class(), student: student(number), code: None }
}

fn student(number: u32) -> StudentNumber {
    format!("0421{number:05}").parse().expect("digits")
}

/// A client asks, over two wires, until it is told something; gives the answer, the sendings and
/// the microseconds that it took.
fn talk(
    stage: &mut Stage,
    client: &mut Client,
    (there, back): (&mut Wire, &mut Wire),
    rng: &mut StdRng,
) -> (Answer, u32, u64) {
    let (begin, wall) = (stage.now.instant.as_micros(), stage.now.wall);
    let mut flying: Vec<(u64, bool, Vec<u8>)> = Vec::new();
    let mut space = Datagram::new();
    loop {
        while let Some(told) = client.poll_output(&mut space) {
            let now = stage.now.instant.as_micros();
            match told {
                Told::Transmit => {
                    let copies = there.carry(rng, now, space.as_bytes());
                    flying.extend(copies.into_iter().map(|(wait, copy)| (now + wait, true, copy)));
                }
                Told::Answered { answer, attempts } => return (answer, attempts, now - begin),
                Told::Progress(Progress::Retrying { .. } | Progress::Refused) => {}
                other => panic!("{other:?}"),
            }
        }
        flying.sort_by_key(|(at, ..)| std::cmp::Reverse(*at));
        let timer = client.poll_timeout().expect("it waits").as_micros();
        let arrives = flying.last().map_or(u64::MAX, |(at, ..)| *at);
        let at = timer.min(arrives).max(stage.now.instant.as_micros());
        stage.now.instant = Instant::from_micros(at);
        stage.now.wall = wall.shifted(((at - begin) / 1_000).cast_signed());
        if arrives > timer {
            client.handle_timeout(stage.now);
            continue;
        }
        let (_, to_server, datagram) = flying.pop().expect("it arrives");
        if to_server {
            for reply in stage.hand(&datagram) {
                let copies = back.carry(rng, at, &reply);
                flying.extend(copies.into_iter().map(|(wait, copy)| (at + wait, false, copy)));
            }
        } else {
            client.handle_datagram(stage.now, &datagram);
        }
    }
}

#[test]
fn scenario_1_a_copy_of_an_open_comes_after_the_close_and_after_the_next_open() {
    let mut stage = Stage::new();
    let first = stage.request(1, 1, open());
    let opened = stage.hand(&bytes(&first));
    stage.ask(&stage.request(1, 2, close()));
    let known = stage.knows();
    assert_eq!(stage.ask(&first), Answer::Stale);
    assert_eq!(stage.knows(), known);
    // The same where the open was its client's last word: the first answer again, and no effect.
    let other = stage.request(2, 1, open());
    let reopened = stage.hand(&bytes(&other));
    stage.wait(60);
    stage.ask(&stage.request(3, 1, close()));
    let known = stage.knows();
    assert_eq!(stage.hand(&bytes(&other)), reopened);
    assert_eq!((stage.server.open_roll_calls(), stage.knows().len()), (0, known.len()));
    assert_ne!(opened, reopened);
}

#[test]
fn scenario_2_the_answer_to_a_close_is_lost_twenty_times_and_the_server_starts_anew() {
    let mut stage = Stage::new();
    stage.ask(&stage.request(1, 1, open()));
    stage.ask(&stage.request(2, 1, mark(1)));
    let request = stage.request(1, 2, close());
    let first = stage.hand(&bytes(&request));
    for attempt in 2..22 {
        stage.wait(2);
        if attempt % 7 == 0 {
            stage.restart();
        }
        assert_eq!(stage.hand(&bytes(&Request { attempt, ..request.clone() })), first);
    }
}

#[test]
fn scenario_3_the_power_goes_at_every_boundary_of_a_commit() {
    const BATCHES: u64 = 6;
    for durable in 0..=BATCHES {
        for seed in 0..8 {
            let mut stage = Stage::new();
            stage.ask(&stage.request(9, 1, open()));
            stage.holds_commits = true;
            let marks: Vec<Request> =
                (1..=6).map(|number| stage.request(number, 1, mark(number))).collect();
            let mut receipts = Vec::new();
            for (request, batch) in marks.iter().zip(2..) {
                assert!(stage.hand(&bytes(request)).is_empty(), "nothing is durable yet");
                if batch < 2 + durable {
                    stage.disk.commit();
                    stage.server.handle_durable(batch);
                    receipts.extend(stage.drain());
                }
            }
            assert_eq!(receipts.len() as u64, durable);
            let kept = stage.disk.tear(&mut StdRng::seed_from_u64(seed)).len();
            stage.restart();
            // Whoever had a receipt gets it again, and nobody is there twice.
            let again: Vec<_> = marks.iter().flat_map(|mark| stage.hand(&bytes(mark))).collect();
            assert_eq!(again[..receipts.len()], receipts);
            let Answer::Closed(Closed { sheet, .. }) = stage.ask(&stage.request(9, 2, close()))
            else {
                panic!("{durable} durable, {kept} kept: not closed");
            };
            assert_eq!(sheet.students, 6);
        }
    }
}

#[test]
fn scenario_4_a_commit_fails_and_nothing_is_acknowledged_after_it() {
    let mut stage = Stage::new();
    stage.ask(&stage.request(1, 1, open()));
    stage.holds_commits = true;
    for number in 2..10 {
        assert!(stage.hand(&bytes(&stage.request(number, 1, mark(number)))).is_empty());
    }
    stage.disk.tear(&mut StdRng::seed_from_u64(0));
    stage.restart();
    let Answer::Marked(_) = stage.ask(&stage.request(2, 1, mark(2))) else {
        panic!("whatever was kept, the mark is answered now");
    };
}

#[test]
fn scenario_5_two_clients_from_one_image_and_a_client_that_begins_anew() {
    let mut stage = Stage::new();
    stage.ask(&stage.request(9, 1, open()));
    let rng = &mut StdRng::seed_from_u64(5);
    let (mut there, mut back) = wires(0);
    let mut clones = [Client::new([5; 32]), Client::new([5; 32]), Client::new([6; 32])];
    for (number, client) in (1..).zip(&mut clones) {
        client.perform(stage.now, mark(number), Duration::from_secs(30));
        let (answer, ..) = talk(&mut stage, client, (&mut there, &mut back), rng);
        assert!(
            matches!(answer, Answer::Marked(Marked { already_present: false, .. })),
            "{answer:?}"
        );
    }
    let Answer::Closed(Closed { sheet, .. }) = stage.ask(&stage.request(9, 2, close())) else {
        panic!("not closed");
    };
    assert_eq!(sheet.students, 3);
}

#[test]
fn scenario_6_numbers_near_two_to_the_32_and_two_to_the_64() {
    for start in [(1 << 32) - 2, u64::MAX - 2] {
        let mut stage = Stage::new();
        stage.ask(&stage.request(9, 1, open()));
        let Request { client, .. } = stage.request(1, 1, open());
        let number = RequestNumber::new(start).expect("above 0");
        let at = stage.now.wall;
        let outcome = Outcome::MarkRefused(Refused { at, reason: Refusal::NotOpen });
        let record = ClientRecord { client, started: at, number, fingerprint: 0, outcome };
        stage.server.restore(SnapshotItem::Client(record)).expect("it contradicts nothing");
        for (student, number) in (1..).zip(start + 1..=start.saturating_add(4)) {
            let request = stage.request(1, number, mark(student));
            let first = stage.hand(&bytes(&request));
            let answer = decode_reply(&first[0]).expect("a reply").answer;
            assert!(matches!(answer, Answer::Marked(Marked { already_present: false, .. })));
            assert_eq!(stage.hand(&bytes(&request)), first);
        }
        assert_eq!(stage.ask(&stage.request(1, 1, mark(77))), Answer::Stale, "nothing wraps");
        assert_eq!(stage.ask(&stage.request(1, start, mark(77))), Answer::Stale);
    }
}

#[test]
fn scenario_7_the_clock_goes_back_an_hour_ahead_a_day_and_then_stands_still() {
    let mut stage = Stage::new();
    let mut times = Vec::new();
    let mut client = 0;
    stage.ask(&stage.request(99, 1, open()));
    for step_ms in [0, -3_600_000, 0, 86_400_000, 0, -86_400_000, 0] {
        client += 1;
        stage.now.wall = stage.now.wall.shifted(step_ms);
        let mut request = stage.request(client, 1, mark(client));
        if let Answer::BeginAgain(BeginAgain { server_time: Some(server_time) }) =
            stage.ask(&request)
        {
            client += 1;
            request = stage.request(client, 1, mark(client));
            request.ask = Ask::Perform { started: server_time, operation: mark(client) };
        }
        let Answer::Marked(Marked { at, .. }) = stage.ask(&request) else { panic!("not marked") };
        times.push(at);
        stage.restart();
    }
    assert!(times.is_sorted(), "{times:?}");
}

#[test]
fn scenario_8_ten_thousand_forged_sources() {
    let mut stage = Stage::new();
    stage.ask(&stage.request(0, 1, open()));
    let rng = &mut StdRng::seed_from_u64(8);
    let (mut bytes_in, mut bytes_out) = (0, 0);
    for source in 1..=10_000 {
        let mut datagram = bytes(&stage.request(source, 1, mark(source)));
        if source % 3 == 0 {
            datagram = (0..rng.random_range(0..200)).map(|_| rng.random()).collect();
        }
        let replies = stage.hand(&datagram);
        let out: usize = replies.iter().map(Vec::len).sum();
        assert!(out <= datagram.len());
        (bytes_in, bytes_out) = (bytes_in + datagram.len(), bytes_out + out);
    }
    assert!(bytes_out <= bytes_in);
    assert!(stage.server.clients() <= 10_001);
    let answer = stage.ask(&stage.request(0, 2, close()));
    assert!(matches!(answer, Answer::Closed(_)), "honest clients are served: {answer:?}");
    // Silence and the window pass, and the table is empty again.
    for _ in 0..100 {
        stage.wait(1_900);
        stage.server.handle_timeout(stage.now);
        stage.drain();
    }
    assert_eq!(stage.server.clients(), 0);
}

/// Datagrams that are on their way: when each arrives, whether at the server, and its bytes.
type Flying = Vec<(u64, bool, Vec<u8>)>;

/// Fetches an object over two wires; what is still on its way when it ends stays there.
fn fetch(
    stage: &mut Stage,
    mut download: Download,
    (there, back): (&mut Wire, &mut Wire),
    flying: &mut Flying,
    rng: &mut StdRng,
) -> (Vec<u8>, PathState) {
    let (mut fetched, mut space) = (Vec::new(), Datagram::new());
    loop {
        let now = stage.now.instant;
        let micros = now.as_micros();
        download.handle_timeout(now);
        while let Some(event) = download.poll_output(&mut space) {
            let Ok(()) = download.read(|piece| {
                fetched.extend_from_slice(piece);
                Ok::<_, Infallible>(())
            });
            match event {
                Event::Transmit => {
                    let copies = there.carry(rng, micros, space.as_bytes()).into_iter();
                    flying.extend(copies.map(|(wait, copy)| (micros + wait, true, copy)));
                }
                Event::Complete => return (fetched, download.into_path()),
                other => panic!("{other:?} after {} bytes", fetched.len()),
            }
        }
        flying.sort_by_key(|(at, ..)| std::cmp::Reverse(*at));
        let arrives = flying.last().map_or(u64::MAX, |(at, ..)| *at);
        let at = download.poll_timeout().as_micros().min(arrives).max(micros);
        stage.now.instant = Instant::from_micros(at);
        while let Some((_, to_server, datagram)) = flying.pop_if(|(arrives, ..)| *arrives <= at) {
            if to_server {
                stage.server.handle_timeout(stage.now);
                for reply in stage.hand(&datagram) {
                    let copies = back.carry(rng, at, &reply).into_iter();
                    flying.extend(copies.map(|(wait, copy)| (at + wait, false, copy)));
                }
                flying.sort_by_key(|(at, ..)| std::cmp::Reverse(*at));
            } else {
                download.handle_datagram(stage.now.instant, &datagram);
            }
        }
    }
}

/// One in two is doubled, and one copy in ten comes up to ten minutes later, when the client fetches
/// another sheet over the same path.
// spec: R-TRANSFER-2, R-TRANSFER-3
#[test]
fn scenario_9_sheets_are_fetched_at_thirty_percent_loss_while_blocks_of_others_come_late() {
    let mut stage = Stage::new();
    let classes: Vec<_> = (1..=8).map(|number| ClassId::new(number).expect("above 0")).collect();
    let mut sheets = Vec::new();
    for (&class, first) in classes.iter().zip((0..).step_by(1_000)) {
        stage.ask(&stage.request(first, 1, Operation::Open { class, terms: Terms::PLAIN }));
        for number in 1..=300 {
            let mark = Operation::Mark { class, student: student(first + number), code: None };
            stage.ask(&stage.request(first + number, 1, mark));
        }
        let closed = stage.ask(&stage.request(first, 2, Operation::Close { class }));
        let Answer::Closed(Closed { sheet, .. }) = closed else { panic!("not closed") };
        sheets.push(sheet);
    }
    let rng = &mut StdRng::seed_from_u64(9);
    let (mut there, mut back) = wires(300);
    for wire in [&mut there, &mut back] {
        wire.link.duplication = 500;
        wire.link.late = 100;
    }
    let mut flying = Flying::new();
    let mut path = PathState::new(stage.now.instant, None);
    // Again and again, so that the late ones have something to be mistaken for.
    for info in sheets.iter().cycle().take(200) {
        let now = stage.now.instant;
        let deadline = Duration::from_secs(600);
        let download = Download::new(path, rng.random(), now, (*info).into(), 0, 64, deadline);
        let wires = (&mut there, &mut back);
        let (fetched, known) = fetch(&mut stage, download, wires, &mut flying, rng);
        path = known;
        let sheet = Sheet::from_bytes(&fetched, info).expect("the sheet that was announced");
        assert_eq!(sheet.marks.len(), 300);
        stage.wait(3);
    }
}

#[test]
fn scenario_10_recorded_traffic_is_replayed_after_the_server_starts_anew() {
    let mut stage = Stage::new();
    let mut record = Vec::new();
    for round in 0..3 {
        let mut requests = vec![stage.request(round * 10, 1, open())];
        requests.extend((1..5).map(|who| stage.request(round * 10 + who, 1, mark(who))));
        requests.push(stage.request(round * 10, 2, close()));
        for request in requests {
            record.push(bytes(&request));
            stage.ask(&request);
        }
    }
    stage.restart();
    let operations = |stage: &Stage| {
        let mut known = stage.knows();
        known.sort_by_key(|item| format!("{item:?}"));
        known
    };
    let known = operations(&stage);
    record.iter().chain(record.iter().rev()).for_each(|datagram| {
        stage.hand(datagram);
    });
    assert_eq!(operations(&stage), known);
}

// What loss costs.

fn wires(loss: u32) -> (Wire, Wire) {
    let link = Link { loss, ..Params::quiet_lan().to_server };
    (Wire::new(link), Wire::new(link))
}

/// Marks until there are this many receipts, each by a client of its own.
const MARKS: u32 = 2_000;

fn loss_row(percent: u32) -> String {
    let mut stage = Stage::new();
    stage.ask(&stage.request(0, 1, open()));
    let rng = &mut StdRng::seed_from_u64(u64::from(percent));
    let (mut there, mut back) = wires(percent * 10);
    let (mut sent, mut waits) = (0, Vec::new());
    for number in 1..=MARKS {
        let mut seed = [0; 32];
        seed[..4].copy_from_slice(&number.to_le_bytes());
        let mut client = Client::new(seed);
        client.perform(stage.now, mark(number), Duration::from_secs(600));
        let (answer, attempts, micros) =
            talk(&mut stage, &mut client, (&mut there, &mut back), rng);
        assert!(matches!(answer, Answer::Marked(_)), "{answer:?}");
        sent += attempts;
        waits.push(micros);
    }
    waits.sort_unstable();
    let hundredths = sent * 100 / MARKS;
    let at = |percent: usize| waits[(waits.len() - 1) * percent / 100] / 1_000;
    let (whole, part, median, p99) = (hundredths / 100, hundredths % 100, at(50), at(99));
    format!("| {percent} % | {whole}.{part:02} | {median} ms | {p99} ms |\n")
}

#[test]
fn the_table_of_what_loss_costs_is_up_to_date() {
    let mut table = format!(
        "{MARKS} marks, each by a client of its own, on a LAN (0.5 to 2 ms each way) that loses so \
         much each way.\n\n| loss each way | datagrams per mark | median to the receipt | p99 |\n\
         |---|---|---|---|\n"
    );
    table.extend([0, 1, 5, 10, 20, 30].map(loss_row));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sim/loss-table.md");
    if std::env::var_os("UPDATE_SNAPSHOT").is_some() {
        std::fs::write(path, &table).expect("the snapshot can be written");
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(kept, table, "UPDATE_SNAPSHOT=1 cargo test --test sim table writes it anew");
}
