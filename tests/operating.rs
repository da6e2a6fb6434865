//! What whoever runs a server does to it, on purpose or not: copies, backups, deleted files, wrong
//! clocks, full disks, other users on the same computer.
#![cfg(unix)]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use rollcall::access::Terms;
use rollcall::exchange::{Answer, Ask, Opened, Operation, Request, encode_request};
use rollcall::ids::{ClassId, ClientId, RequestNumber};
use rollcall::journal::{Journal, SqliteJournal};
use rollcall::server::{Output, Server as Core};
use rollcall::shell::clock::Clock;
use rollcall::time::{Instant, Now, WallTime};
use rollcall::wire::Datagram;
use serde_json::json;

use support::disk::SmallDisk;
use support::process::{Finished, Process};
use support::raw::{Raw, close, first_request, mark, open};
use support::{Place, SERVER, STUDENT, Server, Setup, own_address, run, skip};

#[expect(dead_code, reason = "each file of tests uses its part")]
mod support;

const DATABASE: &str = "rollcall.sqlite3";
const LOG: &str = "rollcall.sqlite3-wal";
const LOCK: &str = "rollcall.lock";

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn copy(from: &Path, to: &Path, names: &[&str]) {
    for name in names {
        fs::copy(from.join(name), to.join(name)).expect("a file to copy");
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o7777
}

/// A start on this folder that ends by itself.
#[track_caller]
fn start_in_vain(folder: &Path) -> Finished {
    Setup::new().listen(own_address()).folder(folder).spawn().finish()
}

#[track_caller]
fn students(server: &Server, class: &str) -> serde_json::Value {
    server.teacher(["close", class]).expect(0).object()["students"].clone()
}

// Other users of the same computer.

#[test]
fn the_folder_and_its_files_are_their_owners_only_whatever_the_umask() {
    for umask in ["0000", "0022", "0277"] {
        let home = folder();
        let script = format!("cd '{}' && umask {umask} && exec \"$@\"", home.path().display());
        let place = Place::behind(&["sh", "-c", &script, "sh"]);
        let mut command = place.command(SERVER);
        command.args(["--listen", &own_address().to_string()]);
        let process = Process::spawn(command, None);
        process.wait_for_output("where it listens", |text| text.ends_with('\n'));
        let data = home.path().join("rollcall-data");
        assert_eq!(mode(&data), 0o700, "umask {umask}\n{process}");
        for name in [DATABASE, LOG, "rollcall.sqlite3-shm", LOCK] {
            assert_eq!(mode(&data.join(name)), 0o600, "umask {umask}: {name}\n{process}");
        }
        assert!(!process.stderr().text().contains("chmod"), "{process}");
    }
}

#[test]
fn files_that_others_could_read_are_closed_and_a_folder_is_warned_about() {
    let folder = folder();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
    let setup = Server::on(folder.path()).kill();
    for name in [DATABASE, LOG, LOCK] {
        let file = folder.path().join(name);
        fs::set_permissions(file, fs::Permissions::from_mode(0o644)).expect("it is ours");
    }
    let server = setup.start();
    for name in [DATABASE, LOG, LOCK] {
        assert_eq!(mode(&folder.path().join(name)), 0o600, "{name}");
    }
    assert_eq!(mode(folder.path()), 0o755, "it is not ours to change");
    let log = server.process().wait_for_log("a warning", |log| log.contains("chmod 700"));
    assert!(log.contains("other users of this computer may look into"), "{log}");
}

// Copies.

#[test]
fn a_copy_of_the_database_alone_is_refused_while_it_runs_and_after_a_kill() {
    let (folder, alone, whole) = (folder(), folder(), folder());
    let server = Server::on(folder.path());
    let refused = |copy: &Path| {
        let refused = start_in_vain(copy).expect_error(1, "lacks what was acknowledged last");
        assert!(refused.stderr.contains("rollcall.sqlite3-wal"), "{refused}");
        assert!(refused.stderr.contains("restore a backup"), "{refused}");
    };
    // From its first moment on: an empty journal would be as wrong as an old one.
    copy(folder.path(), alone.path(), &[DATABASE]);
    refused(alone.path());
    server.teacher(["open", "3030"]).expect(0);
    server.student(["mark", "3030", "10"]).expect(0);
    copy(folder.path(), alone.path(), &[DATABASE]);
    refused(alone.path());
    refused(alone.path());
    server.kill();
    copy(folder.path(), alone.path(), &[DATABASE, LOCK]);
    refused(alone.path());
    copy(folder.path(), whole.path(), &[DATABASE, LOG]);
    // With the log it is what it was.
    let server = Server::on(whole.path());
    assert_eq!(students(&server, "3030"), json!(["10"]));
}

#[test]
fn a_log_that_was_emptied_after_a_kill_is_noticed() {
    let folder = folder();
    let server = Server::on(folder.path());
    server.teacher(["open", "3030"]).expect(0);
    server.kill();
    fs::write(folder.path().join(LOG), "").expect("it is ours");
    let refused = start_in_vain(folder.path());
    refused.expect_error(1, "it ends with batch 0 of 1");
    let again = start_in_vain(folder.path());
    again.expect_error(1, "lacks what was acknowledged last");
}

#[test]
fn a_copy_of_the_folder_of_a_stopped_server_works() {
    let (folder, copied) = (folder(), folder());
    let server = Server::on(folder.path());
    server.teacher(["open", "3030"]).expect(0);
    server.student(["mark", "3030", "10"]).expect(0);
    server.stop("TERM");
    assert!(!folder.path().join(LOG).exists(), "everything is in the database");
    copy(folder.path(), copied.path(), &[DATABASE, LOCK]);
    let server = Server::on(copied.path());
    assert_eq!(students(&server, "3030"), json!(["10"]));
    server.stop("TERM");
    fs::remove_file(folder.path().join(LOCK)).expect("it is ours");
    let server = Server::on(folder.path());
    assert_eq!(students(&server, "3030"), json!(["10"]));
}

#[test]
fn who_looks_into_the_database_after_a_kill_does_no_harm() {
    let folder = folder();
    let server = Server::on(folder.path());
    server.teacher(["open", "3030"]).expect(0);
    server.student(["mark", "3030", "10"]).expect(0);
    server.kill();
    // The last program that closes a database copies its log into it and removes it.
    let other = rusqlite::Connection::open(folder.path().join(DATABASE)).expect("a database");
    let count: i64 = other.query_row("SELECT count(*) FROM batch", (), |row| row.get(0)).unwrap();
    assert_eq!(count, 2);
    drop(other);
    assert!(!folder.path().join(LOG).exists(), "the log is gone");
    let server = Server::on(folder.path());
    assert_eq!(students(&server, "3030"), json!(["10"]));
}

// Backups.

fn back_up(folder: &Path, file: &Path) -> Finished {
    let arguments =
        [OsStr::new("backup"), file.as_os_str(), OsStr::new("--data"), folder.as_os_str()];
    run(SERVER, arguments)
}

#[test]
fn a_backup_of_a_running_server_is_restored_in_an_empty_folder() {
    let (folder, backups, restored) = (folder(), folder(), folder());
    let file = backups.path().join("monday.backup");
    let server = Server::on(folder.path());
    server.teacher(["open", "1"]).expect(0);
    server.student(["mark", "1", "10", "20"]).expect(0);
    let sheet = server.teacher(["close", "1"]).expect(0).object()["students"].clone();
    server.teacher(["open", "2"]).expect(0);
    let marking = first_request(mark(2, "042191010"));
    let receipt = Raw::to(&server).ask(&marking);
    let made = back_up(folder.path(), &file).expect(0);
    assert!(
        made.stdout.contains("1 closed roll call with 2 marks, 1 roll call open, up to batch"),
        "{made}"
    );
    assert_eq!(mode(&file), 0o600);
    let before = fs::read(&file).expect("a backup");
    back_up(folder.path(), &file).expect_error(1, "exists already");
    assert_eq!(fs::read(&file).expect("a backup"), before, "nothing is overwritten");
    server.student(["mark", "2", "99"]).expect(0);
    server.stop("TERM");

    fs::copy(&file, restored.path().join(DATABASE)).expect("a copy");
    let server = Server::on(restored.path());
    assert_eq!(Raw::to(&server).ask(&marking), receipt, "who was answered gets the same bytes");
    assert_eq!(server.teacher(["sheet", "1"]).expect(0).object()["students"], sheet);
    assert_eq!(students(&server, "2"), json!(["042191010"]), "as it was at that moment");
}

#[test]
fn a_backup_is_made_while_marks_are_recorded() {
    let (folder, backups) = (folder(), folder());
    let server = Server::on(folder.path());
    server.teacher(["open", "1"]).expect(0);
    let names: Vec<_> = (0..600).map(|number| number.to_string()).collect();
    let marking = server.client(STUDENT).args(["--json", "mark", "1"]).args(&names).start();
    marking.wait_for_output("a receipt", |text| text.contains('\n'));
    let made = back_up(folder.path(), &backups.path().join("b")).expect(0);
    assert!(made.stdout.contains("read back and whole"), "{made}");
    marking.finish().expect(0);
}

#[test]
fn without_a_whole_journal_there_is_no_backup() {
    let (folder, backups) = (folder(), folder());
    let file = backups.path().join("b");
    back_up(folder.path(), &file).expect_error(1, "there is no journal in");
    back_up(&folder.path().join("none"), &file).expect_error(1, "does not exist");
    let server = Server::on(folder.path());
    server.teacher(["open", "1"]).expect(0);
    server.kill();
    fs::remove_file(folder.path().join(LOG)).expect("it is ours");
    back_up(folder.path(), &file).expect_error(1, "lacks what was acknowledged last");
    back_up(folder.path(), &backups.path().join("no/b")).expect(1);
    assert_eq!(fs::read_dir(backups.path()).expect("a folder").count(), 0, "nothing is left");
}

#[test]
fn a_damaged_sheet_is_found_by_the_doctor_and_gets_no_backup() {
    let (folder, backups) = (folder(), folder());
    let server = Server::on(folder.path());
    server.teacher(["open", "1"]).expect(0);
    server.student(["mark", "1", "10"]).expect(0);
    server.teacher(["close", "1"]).expect(0);
    server.stop("TERM");
    let data = folder.path().to_str().expect("a name");
    let doctor = || run(SERVER, ["doctor", "--data", data]);
    let found = doctor().expect(0);
    assert!(found.stdout.contains("1 closed roll call with 1 mark: each sheet is"), "{found}");
    let other = rusqlite::Connection::open(folder.path().join(DATABASE)).expect("a database");
    other.execute("UPDATE mark SET student = '11'", ()).expect("nobody holds it");
    drop(other);
    doctor().expect_error(1, "the sheet of roll call 1");
    let refused = back_up(folder.path(), &backups.path().join("b"));
    refused.expect_error(1, "could not be read back and was removed");
    assert_eq!(fs::read_dir(backups.path()).expect("a folder").count(), 0);
    // A server that runs is not examined at the same time.
    let _server = Server::on(folder.path());
    doctor().expect_error(1, "is in use by another server");
}

// Files that are gone.

/// What a server says that has lost its files, and that it acknowledges nothing.
#[track_caller]
fn assert_it_stops(server: Server) {
    // Whether or not somebody asks, it ends; who asks is not answered.
    let asking = Raw::to(&server);
    asking.send(&first_request(mark(3030, "20")));
    let (_, ended) = server.finish();
    assert_eq!(ended.code(), Some(1), "{ended}");
    let last = ended.stderr.lines().last().unwrap_or_default();
    assert!(last.contains("was deleted, moved or replaced while the server ran"), "{ended}");
    assert!(asking.receive_rest().is_empty(), "nothing is acknowledged any more");
}

#[test]
fn a_server_whose_folder_is_deleted_stops_and_acknowledges_nothing() {
    let parent = folder();
    let data = parent.path().join("data");
    fs::create_dir(&data).expect("a folder");
    let server = Server::on(&data);
    server.teacher(["open", "3030"]).expect(0);
    fs::remove_dir_all(&data).expect("it is ours");
    assert_it_stops(server);
    // And when nobody asks.
    fs::create_dir(&data).expect("a folder");
    let server = Server::on(&data);
    fs::rename(&data, parent.path().join("elsewhere")).expect("it is ours");
    let (_, ended) = server.finish();
    assert_eq!(ended.code(), Some(1), "{ended}");
}

#[test]
fn a_server_whose_database_or_log_is_replaced_stops_and_acknowledges_nothing() {
    for name in [DATABASE, LOG] {
        let folder = folder();
        let server = Server::on(folder.path());
        server.teacher(["open", "3030"]).expect(0);
        let file = folder.path().join(name);
        let aside = folder.path().join("aside");
        fs::copy(&file, &aside).expect("a copy");
        fs::rename(&aside, &file).expect("it is ours");
        assert_it_stops(server);
    }
}

#[test]
fn a_second_server_is_refused_although_the_lock_file_was_removed() {
    let folder = folder();
    let server = Server::on(folder.path());
    server.teacher(["open", "1"]).expect(0);
    fs::remove_file(folder.path().join(LOCK)).expect("it is ours");
    start_in_vain(folder.path()).expect_error(1, "is in use by another server");
    server.student(["mark", "1", "10"]).expect(0);
    let server = server.kill().start();
    assert_eq!(students(&server, "1"), json!(["10"]));
}

#[test]
fn too_many_open_files_are_told_as_that() {
    let folder = folder();
    drop(Server::on(folder.path()).stop("TERM"));
    let mut told = 0;
    for files in 3..12 {
        let script = format!("ulimit -n {files}; exec \"$@\"");
        let place = Place::behind(&["sh", "-c", &script, "sh"]);
        let process =
            Setup::new().place(&place).listen(own_address()).folder(folder.path()).spawn();
        let said = process.wait_for_log("how it went", |log| log.contains('\n'));
        if said.contains("rollcall.") {
            assert!(said.contains("open files"), "{said}");
            assert!(!said.contains("cannot be written") && !said.contains("damaged"), "{said}");
            told += 1;
        }
    }
    assert!(told > 0, "no limit stopped the journal");
}

// Clocks.

/// A journal that was written when the clock showed this time: class 1 is open with one student.
/// Gives the request of the mark and its answer.
fn written_at(folder: &Path, wall: WallTime) -> (Vec<u8>, Vec<u8>) {
    let mut journal = SqliteJournal::open(folder).expect("a journal");
    let mut core = Core::<u8>::new(1);
    journal.recover(&mut core).expect("an empty one");
    let now = Now { instant: Instant::ZERO, wall };
    let class = ClassId::new(1).expect("a class");
    let student = "10".parse().expect("a student");
    let mut space = Datagram::new();
    let mut last = (Vec::new(), Vec::new());
    for (who, operation) in [
        (1, Operation::Open { class, terms: Terms::PLAIN }),
        (2, Operation::Mark { class, student, code: None }),
    ] {
        let mut datagram = Datagram::new();
        let request = Request {
            attempt: 1,
            client: ClientId::from_bytes([who; 16]),
            number: RequestNumber::FIRST,
            ask: Ask::Perform { started: wall, operation },
        };
        encode_request(&request, &mut datagram);
        core.handle_datagram(now, 0, datagram.as_bytes());
        while let Some(output) = core.poll_output(&mut space) {
            match output {
                Output::Append(batch) => {
                    journal.commit(&batch).expect("room");
                    core.handle_durable(batch.number);
                }
                Output::Transmit { .. } => {
                    last = (datagram.as_bytes().to_vec(), space.as_bytes().to_vec());
                }
                other => panic!("{other:?}"),
            }
        }
    }
    drop(journal);
    wait_until_free(folder);
    last
}

/// A program that another test is about to execute has a copy of our lock until it is executed.
fn wait_until_free(folder: &Path) {
    let data = folder.to_str().expect("a name");
    let looks = || run(SERVER, ["doctor", "--data", data]);
    let is_free = (0..200).any(|_| !looks().stderr.contains("is in use by another server"));
    assert!(is_free, "somebody else has the journal in {data}");
}

// spec: R-TIME-4, R-TIME-5
#[test]
fn an_implausible_clock_is_refused_until_somebody_has_looked_at_it() {
    const HOUR_MS: i64 = 3_600_000;
    let now = Clock::start().now().wall;
    for leap in [3 * HOUR_MS, 24 * 365 * 10 * HOUR_MS, -24 * 401 * HOUR_MS] {
        let folder = folder();
        let (request, receipt) = written_at(folder.path(), now.shifted(leap));
        let refused = start_in_vain(folder.path()).expect_error(1, "this computer's clock shows");
        let journals = now.shifted(leap).to_rfc3339();
        assert!(refused.stderr.contains(&journals), "both times\n{refused}");
        assert!(refused.stderr.contains("rollcall-server doctor --accept-clock"), "{refused}");
        let data = folder.path().to_str().expect("a name");
        run(SERVER, ["doctor", "--data", data]).expect(1);
        let accepted = run(SERVER, ["doctor", "--accept-clock", "--data", data]).expect(0);
        assert!(accepted.stdout.contains("the clock is accepted"), "{accepted}");
        // Nothing is lost, a retry gets its answer, and times go on from the clock.
        let server = Server::on(folder.path());
        let raw = Raw::to(&server);
        assert_eq!(raw.ask(&request), receipt);
        let answer = raw.reply(&first_request(open(2))).answer;
        let Answer::Opened(Opened { opened_at, .. }) = answer else { panic!("{answer:?}") };
        assert!(opened_at.distance(now) < Duration::from_secs(600), "{opened_at}");
        assert_eq!(students(&server, "1"), json!(["10"]));
        let server = server.kill().start();
        assert_eq!(Raw::to(&server).ask(&request), receipt, "after one more start");
    }
}

#[test]
fn a_plausible_clock_needs_nobody() {
    let folder = folder();
    let now = Clock::start().now().wall;
    written_at(folder.path(), now.shifted(-60_000));
    let data = folder.path().to_str().expect("a name");
    let nothing = run(SERVER, ["doctor", "--accept-clock", "--data", data]).expect(0);
    assert!(nothing.stdout.contains("nothing to accept"), "{nothing}");
    let server = Server::on(folder.path());
    assert_eq!(students(&server, "1"), json!(["10"]));
}

// Full disks.

// spec: R-ROLL-13
#[test]
fn on_a_disk_that_is_almost_full_no_roll_call_is_opened_and_the_others_go_on() {
    let disk = match SmallDisk::new("16m") {
        Ok(disk) => disk,
        Err(why) => return skip(&why),
    };
    let server = Setup::new().place(&disk.place).folder(&disk.path).start();
    server.teacher(["open", "1"]).expect(0);
    // A sixteenth of this disk is 1 MiB.
    disk.fill(15 * 1_024 + 256);
    server.process().wait_for_log("a warning", |log| log.contains("no new roll call is opened"));
    let refused = server.teacher(["open", "2"]).expect(3);
    assert_eq!(refused.object()["reason"], "disk_low", "{refused}");
    server.student(["mark", "1", "10"]).expect(0);
    server.teacher(["open", "1"]).expect(0);
    assert_eq!(students(&server, "1"), json!(["10"]));
    disk.free();
    server.process().wait_for_log("that there is room", |log| log.contains("has room again"));
    server.teacher(["open", "2"]).expect(0);
}

// Logs.

#[test]
fn the_log_tells_what_was_asked_and_by_whom_as_much_as_is_wanted() {
    let ask = |setup: Setup| {
        let server = setup.start();
        let raw = Raw::to(&server);
        for operation in [open(3030), mark(3030, "042191010"), mark(4040, "7"), close(3030)] {
            raw.ask(&first_request(operation));
        }
        server.stop("TERM").1.stderr
    };
    let lines = [
        "class 3030 was opened at ",
        "class 3030 was closed at ",
        "marking 7 in class 4040 was refused at ",
    ];
    let marked = "042191010 was marked present in class 3030 at ";
    let quiet = ask(Setup::new());
    assert!(!lines.iter().chain([&marked]).any(|line| quiet.contains(line)), "{quiet}");
    let verbose = ask(Setup::new().arg("-v"));
    assert!(lines.iter().all(|line| verbose.contains(line)), "{verbose}");
    assert!(!verbose.contains(marked), "{verbose}");
    assert!(
        verbose.contains("with 1 present by ") && verbose.contains(": not_open, "),
        "{verbose}"
    );
    let everything = ask(Setup::new().arg("-vv"));
    assert!(lines.iter().chain([&marked]).all(|line| everything.contains(line)), "{everything}");
    for line in everything.lines().filter(|line| line.contains("class ")) {
        assert!(line.contains(" from 127."), "where it came from\n{line}");
    }
    // Every line says when, with its zone.
    let folder = folder();
    let on_disk = ask(Setup::new().arg("-vv").folder(folder.path()));
    assert!(on_disk.contains(marked), "{on_disk}");
    for line in on_disk.lines().chain(everything.lines()) {
        let (time, _) = line.split_once(' ').unwrap_or_default();
        assert!(time.starts_with("20") && time.ends_with('Z'), "{line}");
    }
}

#[test]
fn the_commands_of_the_server_are_told_by_its_help() {
    let help = run(SERVER, ["--help"]).expect(0);
    for said in ["backup", "doctor", "--data", "--listen"] {
        assert!(help.stdout.contains(said), "{help}");
    }
    run(SERVER, ["backup"]).expect(2);
    run(SERVER, ["backup", "x", "--listen", "127.0.0.1:0"]).expect(2);
    run(SERVER, ["doctor", "--data", "/nonexistent/data"]).expect_error(1, "does not exist");
}
