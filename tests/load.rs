//! The rehearsal with thousands of students, and what it is made for: loss, kills, a full disk,
//! wrong clocks, floods.
#![cfg(unix)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::thread;
use std::time::Duration;

use rollcall::exchange::{Answer, Busy, Reply, encode_reply};
use rollcall::ids::RequestNumber;
use rollcall::shell::clock::{Clock, entropy};
use rollcall::time::WallTime;
use rollcall::wire::Datagram;
use serde_json::Value;

use support::disk::SmallDisk;
use support::network::Network;
use support::process::{Finished, Process, TIMEOUT};
use support::raw::{Raw, first_request, frame, mark, new_client, open, sent_again, status};
use support::relay::{Habits, Relay};
use support::{Call, LOAD, Place, Server, Setup, counters, run, skip};

#[expect(dead_code, reason = "each file of tests uses its part")]
mod support;

/// A rehearsal at this place, whose standard error is the list of receipts.
fn rehearsal(place: &Place, server: &Server) -> Call {
    Call::new(place, LOAD, Some(server.log().clone()))
        .args(["--plain", "--server", &server.address().to_string(), "--json", "--timeout", "2m"])
        .args(["--acked", "/dev/stderr"])
}

/// Class, student, time.
type Row = (u32, String, String);

fn row(line: &str) -> Row {
    let words: Vec<_> = line.split(' ').collect();
    let [class, student, at] = words[..] else { panic!("not a receipt: {line:?}") };
    (class.parse().expect("a class"), student.to_owned(), at.to_owned())
}

fn receipts(load: &Finished) -> Vec<Row> {
    load.stderr.lines().filter(|line| !line.starts_with("error: ")).map(row).collect()
}

/// Waits until the rehearsal has had so many receipts.
#[track_caller]
fn wait_for_receipts(load: &Process, count: usize) {
    load.wait_for_log("so many receipts", |text| text.matches('\n').count() >= count);
}

/// The rows of all sheets, read from the journal without the product's help.
fn sheets(folder: &Path) -> Vec<Row> {
    let journal = rusqlite::Connection::open(folder.join("rollcall.sqlite3")).expect("a journal");
    let mut rows = journal.prepare("SELECT class, student, at FROM sheet").expect("a view");
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.expect("rows").collect::<Result<_, _>>().expect("rows")
}

/// Fails unless the sheets in this folder are the receipts, none more, none twice.
#[track_caller]
fn sheets_are_the_receipts(folder: &Path, load: &Finished) {
    let (mut sheets, mut receipts) = (sheets(folder), receipts(load));
    sheets.sort_unstable();
    receipts.sort_unstable();
    assert!(sheets == receipts, "{} rows, {} receipts\n{load}", sheets.len(), receipts.len());
    let students: BTreeSet<_> = sheets.iter().map(|(class, student, _)| (class, student)).collect();
    assert_eq!(students.len(), sheets.len(), "each student once");
}

#[track_caller]
fn all_are_on_the_sheets(load: &Finished, students: usize) -> Value {
    let summary = load.object();
    assert_eq!(summary["receipts"], students, "{load}");
    assert_eq!(summary["every_receipt_on_sheets"], true, "{load}");
    for none in ["unknown", "refused", "not_asked", "already_present", "faults"] {
        assert_eq!(summary[none], 0, "{none}\n{load}");
    }
    summary
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn two_thousand_students_in_twenty_classes_are_on_the_sheets() {
    let folder = folder();
    let server = Server::on(folder.path());
    let load = rehearsal(&Place::default(), &server)
        .args(["--students", "2000", "--classes", "20", "--in-flight", "256"])
        .run()
        .expect(0);
    let summary = all_are_on_the_sheets(&load, 2_000);
    assert_eq!(summary["sheets"], 20);
    let number = |name: &str| summary[name].as_f64().unwrap_or_else(|| panic!("{name}\n{load}"));
    let quantiles = ["p50_ms", "p90_ms", "p99_ms", "max_ms"].map(number);
    assert!(quantiles.is_sorted() && quantiles[0] > 0.01, "{load}");
    assert!(number("marks_per_second") > 1.0 && number("seconds") > 0.0, "{load}");
    let whole = |name: &str| summary[name].as_u64();
    assert_eq!(whole("datagrams"), whole("retries").map(|retries| retries + 2_000), "{load}");
    sheets_are_the_receipts(folder.path(), &load);
    let (_, ended) = server.stop("TERM");
    assert_eq!(counters(&ended.stderr).get("marked"), Some(&2_000), "{ended}");
}

/// Promise 5, and what a link does that repeats datagrams seconds later, in the middle of another
/// sheet.
#[test]
fn no_sheet_is_damaged_although_the_way_repeats_datagrams_seconds_later() {
    let folder = folder();
    let server = Server::on(folder.path());
    let late_by = Duration::from_secs(5);
    let habits = Habits { lost: 0.1, repeated: 0.5, late: 0.2, late_by };
    let relay = Relay::to(server.address(), habits, entropy()[0].into());
    let load = Call::new(&Place::default(), LOAD, Some(server.log().clone()))
        .args(["--server", &relay.address().to_string(), "--json", "--timeout", "2m"])
        .args(["--acked", "/dev/stderr", "--students", "6000", "--classes", "30"])
        .run();
    let traffic = relay.finish();
    let load = load.expect(0);
    let summary = all_are_on_the_sheets(&load, 6_000);
    assert_eq!(summary["sheets"], 30);
    assert!(traffic.lost > 600 && traffic.late > 600, "it was a good link: {traffic:?}");
    sheets_are_the_receipts(folder.path(), &load);
    println!("{traffic:?}");
}

#[test]
fn an_open_loop_begins_so_many_in_a_second() {
    let server = Server::in_memory();
    let load = rehearsal(&Place::default(), &server)
        .args(["--students", "300", "--classes", "3", "--rate", "300", "--sockets", "1"])
        .run()
        .expect(0);
    let summary = all_are_on_the_sheets(&load, 300);
    assert_eq!((&summary["rate"], &summary["in_flight"]), (&300.into(), &Value::Null));
    assert!(summary["seconds"].as_f64() > Some(0.99), "the last begins after 299/300 s\n{load}");
}

/// Who is not on the roster is recorded like everybody else, and is told so besides.
#[test]
fn students_who_are_not_on_the_roster_have_receipts_too() {
    let folder = folder();
    let server = Server::on(folder.path());
    let roster = folder.path().join("roster.csv");
    std::fs::write(&roster, "number,name\n1,Ana\n").expect("a roster");
    server.teacher(["roster", "import", "10", "--yes", &roster.to_string_lossy()]).expect(0);
    let load = rehearsal(&Place::default(), &server)
        .args(["--students", "9", "--first-class", "10"])
        .run()
        .expect(0);
    all_are_on_the_sheets(&load, 9);
    sheets_are_the_receipts(folder.path(), &load);
}

#[test]
fn a_class_that_is_open_already_is_left_alone() {
    let server = Server::in_memory();
    server.teacher(["open", "11"]).expect(0);
    let arguments = ["--students", "9", "--classes", "3", "--first-class", "10"];
    let load = rehearsal(&Place::default(), &server).args(arguments).run();
    let load = load.expect_error(1, "class 11 was open already");
    assert_eq!(load.object()["not_asked"], 9, "{load}");
    let open = server.teacher(["status"]).expect(0).object();
    assert_eq!((&open["class"], &open["present"]), (&11.into(), &0.into()), "only theirs is open");
}

#[test]
fn wrong_usage_sends_nothing() {
    for (arguments, says) in [
        (&["--classes", "3"][..], "--students"),
        (&["--students", "0"], "--students"),
        (&["--students", "2000001"], "--students"),
        (&["--students", "1", "--rate", "0"], "--rate"),
        (&["--students", "1", "--rate", "5", "--in-flight", "5"], "--in-flight"),
        (&["--students", "1", "--classes", "2", "--first-class", "4294967295"], "--first-class"),
    ] {
        run(LOAD, arguments).expect_error(2, says);
    }
    let arguments = ["--students", "1", "--acked", "/nowhere/at/all"];
    run(LOAD, arguments).expect_error(1, "cannot write /nowhere/at/all");
}

#[test]
fn a_server_that_is_gone_for_good_leaves_the_outcome_unknown() {
    let folder = folder();
    let server = Server::on(folder.path());
    let load = Call::new(&Place::default(), LOAD, None)
        .args(["--server", &server.address().to_string(), "--json", "--timeout", "1s"])
        .args(["--acked", "/dev/stderr", "--students", "100000", "--rate", "500"])
        .start();
    wait_for_receipts(&load, 100);
    server.kill();
    let load = load.finish().expect(4);
    let summary = load.object();
    assert_eq!(summary["every_receipt_on_sheets"], Value::Null, "{load}");
    assert!(summary["unknown"].as_u64() > Some(0), "{load}");
    assert!(summary["not_asked"].as_u64() > Some(0), "it does not go on for ever\n{load}");
}

#[test]
fn every_receipt_is_on_the_sheets_after_twenty_kills_while_every_fifth_datagram_is_lost() {
    const STUDENTS: usize = 6_000;
    let network = match Network::losing(20) {
        Ok(network) => network,
        Err(why) => return skip(&why),
    };
    let folder = folder();
    let listen = "10.77.0.1:0".parse().expect("an address");
    let mut server = network.setup().listen(listen).folder(folder.path()).start();
    // So many a second that there is one kill in about a second.
    let load = rehearsal(&network.students(), &server)
        .args(["--students", &STUDENTS.to_string(), "--classes", "10", "--rate", "250"])
        .start();
    for kill in 1..=20 {
        wait_for_receipts(&load, kill * 250);
        server = server.kill().start();
    }
    let load = load.finish().expect(0);
    let summary = all_are_on_the_sheets(&load, STUDENTS);
    assert!(summary["retries"].as_u64() > Some(STUDENTS as u64 / 5), "{load}");
    drop(server);
    sheets_are_the_receipts(folder.path(), &load);
    println!("{summary}");
}

#[test]
fn every_receipt_is_on_the_sheets_after_the_disk_was_full() {
    let disk = match SmallDisk::new("8m") {
        Ok(disk) => disk,
        Err(why) => return skip(&why),
    };
    disk.fill(7_168);
    let server = Setup::new().place(&disk.place).folder(&disk.path).start();
    let load = rehearsal(&Place::default(), &server)
        .args(["--students", "3000", "--classes", "3", "--first-class", "1", "--in-flight", "16"])
        .start();
    let (setup, ended) = server.finish();
    assert_eq!(ended.code(), Some(1), "{ended}");
    assert!(ended.stderr.contains("the disk is full: free some space"), "{ended}");
    let before = load.stderr().text().lines().count();
    assert!((1..3_000).contains(&before), "it was full in the middle, after {before}\n{load}");
    disk.free();
    let server = setup.start();
    let load = load.finish();
    assert!(matches!(load.code(), Some(0 | 4)), "{load}");
    assert_eq!(load.object()["every_receipt_on_sheets"], true, "{load}");
    let mut listed: BTreeMap<(u32, String), usize> = BTreeMap::new();
    for class in 1..=3 {
        let sheet = server.teacher(["sheet", &class.to_string()]).expect(0).object();
        for student in sheet["students"].as_array().expect("a list") {
            let student = student.as_str().expect("text").to_owned();
            *listed.entry((class, student)).or_default() += 1;
        }
    }
    for (class, student, _) in receipts(&load) {
        let times = listed.get(&(class, student.clone()));
        assert_eq!(times, Some(&1), "student {student} of class {class}\n{load}");
    }
    println!("{before} receipts before the disk was full; {}", load.object());
}

/// A place where the clock is wrong by so many days.
fn with_wrong_clock(days: i32) -> Result<Place, String> {
    const LIBRARY: &str = "libfaketime.so.1";
    let folders = ["/usr/lib/faketime", "/usr/lib/x86_64-linux-gnu/faketime"];
    let more = ["/usr/lib/aarch64-linux-gnu/faketime", "/usr/lib64/faketime"];
    let found = folders.iter().chain(&more).map(|folder| Path::new(folder).join(LIBRARY));
    let found = found.into_iter().find(|path| path.is_file());
    let library = found.ok_or_else(|| format!("there is no {LIBRARY}"))?;
    let preload = format!("LD_PRELOAD={}", library.display());
    let time = format!("FAKETIME={days:+}d");
    Ok(Place::behind(&["env", &preload, &time, "FAKETIME_DONT_FAKE_MONOTONIC=1"]))
}

#[track_caller]
fn passes_with_a_clock_wrong_by(days: i32) {
    const STUDENTS: usize = 500;
    let place = match with_wrong_clock(days) {
        Ok(place) => place,
        Err(why) => return skip(&why),
    };
    let folder = folder();
    let server = Setup::new().place(&place).folder(folder.path()).start();
    let before = Clock::start().now().wall;
    let load = rehearsal(&Place::default(), &server)
        .args(["--students", &STUDENTS.to_string(), "--classes", "5"])
        .run()
        .expect(0);
    let summary = all_are_on_the_sheets(&load, STUDENTS);
    // Each is told the server's time first, and comes again as a new client.
    assert!(summary["retries"].as_u64() >= Some(STUDENTS as u64), "{load}");
    let (_, ended) = server.stop("TERM");
    sheets_are_the_receipts(folder.path(), &load);
    let (_, _, at) = &receipts(&load)[0];
    let at = chrono::DateTime::parse_from_rfc3339(at).expect("a time").timestamp_millis();
    let at = WallTime::from_millis(u64::try_from(at).expect("after 1970"));
    let wrong = at.distance(before.shifted(i64::from(days) * 86_400_000));
    assert!(wrong < TIMEOUT, "the clock was not wrong as wished, but by {wrong:?} more");
    let verdict = if days > 0 { "clock_behind" } else { "clock_ahead" };
    assert!(counters(&ended.stderr).get(verdict) >= Some(&(STUDENTS as u64)), "{ended}");
}

#[test]
fn a_server_whose_clock_is_four_hundred_days_ahead_serves_a_rehearsal() {
    passes_with_a_clock_wrong_by(400);
}

#[test]
fn a_server_whose_clock_is_three_days_behind_serves_a_rehearsal() {
    passes_with_a_clock_wrong_by(-3);
}

// Floods.

/// What went out of a socket, and what came back.
#[derive(Default)]
struct Traffic {
    sent: usize,
    received: usize,
}

/// So many clients that each ask once, to be marked where nothing is open: each is answered, each is
/// remembered, and each might have forged its address.
fn flood_of_clients(raw: &Raw, clients: usize) -> Traffic {
    const AT_ONCE: usize = 50;
    let mut traffic = Traffic::default();
    for place in (0..clients).step_by(AT_ONCE) {
        let some = AT_ONCE.min(clients - place);
        for client in 0..some {
            let datagram = first_request(mark(1, &(place + client).to_string()));
            traffic.sent += datagram.len();
            raw.send(&datagram);
        }
        // Waiting for the answers keeps the system from dropping the flood before the server.
        traffic.received += (0..some).map(|_| raw.receive().len()).sum::<usize>();
    }
    traffic
}

/// Datagrams of every kind that a server must not trip over.
fn garbage(round: usize) -> Vec<Vec<u8>> {
    let noise: Vec<u8> = entropy().into_iter().cycle().take(1 + round * 37 % 9_000).collect();
    let honest = first_request(open(1));
    let mut flipped = honest.clone();
    flipped[round % honest.len()] ^= 1 << (round % 8);
    let answer = Answer::Busy(Busy { retry_after_ms: 1 });
    let mut reply = Datagram::new();
    encode_reply(&Reply { client: new_client(), number: RequestNumber::FIRST, answer }, &mut reply);
    vec![
        Vec::new(),
        noise.clone(),
        flipped,
        honest[..round % honest.len()].to_vec(),
        reply.as_bytes().to_vec(),
        // Other versions, all kinds, nonsense under a right checksum.
        frame(u8::try_from(2 + round % 250).expect("below 252"), 1, &[0; 40]),
        frame(1, u8::try_from(round % 256).expect("a byte"), &noise[..noise.len().min(1_100)]),
        frame(1, 1, &noise[..noise.len().min(60)]),
        sent_again(&[honest, vec![0; 7]].concat(), 9),
        vec![b'R'; 65_507 - round % 7],
    ]
}

fn flood_of_garbage(raw: &Raw, rounds: usize) -> Traffic {
    let mut traffic = Traffic::default();
    for round in 0..rounds {
        // The honest question at the end is answered after all that came before it was read.
        let question = status(new_client());
        for datagram in garbage(round).into_iter().chain([question.clone()]) {
            traffic.sent += datagram.len();
            raw.send(&datagram);
        }
        let received: Vec<_> =
            std::iter::once(raw.receive()).chain(raw.receive_rest()).map(|it| it.len()).collect();
        traffic.received += received.iter().sum::<usize>();
    }
    traffic.received += raw.receive_rest().iter().map(Vec::len).sum::<usize>();
    traffic
}

#[test]
fn honest_students_are_served_during_a_flood_that_is_not_multiplied() {
    const STUDENTS: u64 = 4_000;
    const CLASSES: u64 = 8;
    const FLOOD: usize = 10_000;
    let folder = folder();
    let server = Server::on(folder.path());
    let load = rehearsal(&Place::default(), &server)
        .args(["--students", &STUDENTS.to_string(), "--classes", &CLASSES.to_string()])
        .args(["--rate", "800"])
        .start();
    wait_for_receipts(&load, 1);
    let sockets = [Raw::to(&server), Raw::to(&server)];
    let [clients, garbage] = thread::scope(|scope| {
        let clients = scope.spawn(|| flood_of_clients(&sockets[0], FLOOD));
        let garbage = scope.spawn(|| flood_of_garbage(&sockets[1], 500));
        [clients.join(), garbage.join()].map(|traffic| traffic.expect("it was answered"))
    });
    for Traffic { sent, received } in [&clients, &garbage] {
        assert!((1..=*sent).contains(received), "{received} bytes came back for {sent}");
    }
    let load = load.finish().expect(0);
    all_are_on_the_sheets(&load, 4_000);
    server.process().signal("USR1");
    // The line of the counters ends so; the line of the start goes on after these words.
    let known = server
        .process()
        .wait_for_log("its tables", |log| log.contains(" clients known; longest turn"));
    // The table holds who asked for something, and nobody else: a flood of garbage leaves nothing.
    let expected = FLOOD as u64 + STUDENTS + 2 * CLASSES;
    assert!(known.contains(&format!(" {expected} clients known")), "{expected} expected\n{known}");
    let (_, ended) = server.stop("TERM");
    sheets_are_the_receipts(folder.path(), &load);
    let counted = counters(&ended.stderr);
    let count = |name: &str| counted.get(name).copied().unwrap_or_default();
    assert_eq!((count("marked"), count("opened")), (STUDENTS, CLASSES), "{ended}");
    assert_eq!(count("refused_not_open"), FLOOD as u64, "{ended}");
    for name in ["too_short", "too_long", "magic", "version", "checksum", "kind", "body"] {
        assert!(count(&format!("rejected_{name}")) > 0, "{name}\n{ended}");
    }
    println!("clients: {} sent, {} back", clients.sent, clients.received);
    println!("garbage: {} sent, {} back; {}", garbage.sent, garbage.received, load.object());
}
