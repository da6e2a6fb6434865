//! The files of a folder, offered and fetched: the story of the file server that this replaces, told
//! with the real programs, and what may go wrong with files, disks, names, crashes and bad networks.
#![cfg(unix)]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rollcall::blocks::Prefix;
use rollcall::client::inquiry::FileInquiry;
use rollcall::exchange::{Answer, Ask, FileInfo, FileState, Pull, Pulled};
use rollcall::ids::{ContentId, Cookie, FileName};
use rollcall::seal::Link;
use rollcall::server::{FolderRequest, Output, PieceRead};
use rollcall::shell::call::Caller;
use rollcall::shell::clock::Clock;
use rollcall::shell::download::{FetchError, Fetcher};
use rollcall::wire::Datagram;
use serde_json::json;
use tempfile::TempDir;

use support::disk::SmallDisk;
use support::network::Network;
use support::process::{Finished, Process, TIMEOUT};
use support::raw::{Raw, new_client, request};
use support::{Call, LOAD, Place, STUDENT, Server, Setup, TEACHER, counters, skip, wait_for_part};

#[expect(dead_code, reason = "each file of tests uses its part")]
mod support;

/// A folder of files to offer, and one to fetch them to.
struct Folders {
    offered: TempDir,
    fetched: TempDir,
}

impl Folders {
    fn new() -> Self {
        let folder = || tempfile::tempdir().expect("a folder");
        Self { offered: folder(), fetched: folder() }
    }

    fn offered(&self, name: &str) -> PathBuf {
        self.offered.path().join(name)
    }

    fn offer(&self, name: &str, content: &[u8]) {
        fs::write(self.offered(name), content).expect("written");
    }

    fn fetched(&self, name: &str) -> Vec<u8> {
        fs::read(self.fetched.path().join(name)).expect("fetched")
    }

    /// What lies in the folder of fetched files.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.fetched.path()).expect("a folder");
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        let mut names: Vec<_> = entries.map(|entry| name(entry.expect("an entry"))).collect();
        names.sort_unstable();
        names
    }

    fn server(&self) -> Server {
        Setup::new().files(self.offered.path()).start()
    }

    /// A `get` that saves into the folder of fetched files.
    fn get(&self, server: &Server, arguments: &[&str]) -> Call {
        let call = server.client(STUDENT).args(["--json", "get", "--output"]);
        call.arg(self.fetched.path()).args(arguments)
    }
}

fn content(bytes: usize, seed: u64) -> Vec<u8> {
    let mut content = vec![0; bytes];
    StdRng::seed_from_u64(seed).fill(&mut content[..]);
    content
}

/// Asks until the server has read the file.
#[track_caller]
fn info_of(server: &Server, name: &str) -> FileInfo {
    let mut caller = Caller::at(vec![server.address()], Link::Plain).expect("a server");
    let key = name.parse::<FileName>().expect("a name").key();
    let mut inquiry = FileInquiry::new(key, caller.now(), TIMEOUT);
    let described = caller.inquire(&mut inquiry, TIMEOUT, &mut |_, _| {}, &mut |_| {});
    described.expect("answered").0.expect("offered")
}

/// Fetches an object by the name of its content alone.
fn fetch(server: &Server, info: FileInfo) -> Result<Vec<u8>, FetchError> {
    let mut bytes = Vec::new();
    let mut fetcher = Fetcher::new(server.address(), None, Link::Plain, Clock::start())?;
    fetcher.fetch(info, Prefix::default(), TIMEOUT, &mut bytes, &mut |_| {})?;
    Ok(bytes)
}

/// A server whose first transfers of the only file are damaged on their way.
struct DamagingServer {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl DamagingServer {
    fn start(name: &str, file: Vec<u8>, damaged: u32) -> Self {
        let socket = UdpSocket::bind(support::own_address()).expect("a free port");
        socket.set_read_timeout(Some(Duration::from_millis(10))).expect("longer than zero");
        let address = socket.local_addr().expect("an address");
        let stop = Arc::new(AtomicBool::new(false));
        let key = name.parse::<FileName>().expect("a name").key();
        let stopped = Arc::clone(&stop);
        let serve = move || {
            let clock = rollcall::shell::clock::Clock::start();
            let (mut space, mut buffer) = (Datagram::new(), [0; 2_000]);
            let mut core = rollcall::server::Server::new(1);
            core.offer_files();
            let info = FileInfo { bytes: file.len() as u64, content: ContentId::of(&file) };
            let mut begun = 0;
            while !stopped.load(Ordering::Relaxed) {
                core.handle_timeout(clock.now());
                while let Some(output) = core.poll_output(&mut space) {
                    match output {
                        Output::Transmit { to } => drop(socket.send_to(space.as_bytes(), to)),
                        Output::Load(content) => core.handle_sheet(content, None),
                        Output::Folder(FolderRequest::Describe(asked)) => {
                            let state = if asked == key {
                                FileState::Ready(info)
                            } else {
                                FileState::Absent
                            };
                            core.handle_file(asked, state);
                        }
                        Output::Folder(FolderRequest::Read(piece)) => {
                            begun += u32::from(piece.first == 0);
                            let start = piece.first as usize * 1_024;
                            let end = (start + piece.blocks as usize * 1_024).min(file.len());
                            let mut bytes = file[start..end].to_vec();
                            bytes[0] ^= u8::from(begun <= damaged && piece.first == 0);
                            core.handle_piece(piece, PieceRead::Bytes(bytes));
                        }
                        other => unreachable!("{other:?}"),
                    }
                }
                if let Ok((length, from)) = socket.recv_from(&mut buffer) {
                    core.handle_datagram(clock.now(), from, &buffer[..length]);
                }
            }
        };
        Self { address, stop, thread: Some(std::thread::spawn(serve)) }
    }
}

impl Drop for DamagingServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().expect("it runs").join().expect("it served");
    }
}

// The story.

#[test]
fn a_student_sees_the_list_picks_by_number_and_the_file_arrives_whole() {
    let folders = Folders::new();
    let (slides, notes) = (content(300_000, 1), content(5_000, 2));
    folders.offer("slides.pdf", &slides);
    folders.offer("João 3º – notes.txt", &notes);
    let server = folders.server();
    let list = server.client(STUDENT).arg("files").run().expect(0);
    assert_eq!(
        list.stdout,
        "   1      4.88 KiB  João 3º – notes.txt\n   2    292.97 KiB  slides.pdf\n"
    );
    let get = server.client(STUDENT).args(["get", "--output"]).arg(folders.fetched.path());
    let picked = get.run_with(b"9\nnonsense\n0\n2\n").expect(0);
    assert!(picked.stdout.starts_with(&list.stdout), "{picked}");
    assert_eq!(
        picked.stdout.matches("File: ").count(),
        4,
        "a wrong answer is asked again\n{picked}"
    );
    assert_eq!(
        picked.stderr.matches("type a number from 1 to 2, or a name").count(),
        3,
        "{picked}"
    );
    assert!(folders.fetched("slides.pdf") == slides);
    folders.get(&server, &["João 3º – notes.txt"]).run().expect(0);
    assert!(folders.fetched("João 3º – notes.txt") == notes);
    assert_eq!(folders.names(), ["João 3º – notes.txt", "slides.pdf"], "nothing else is left");
}

#[test]
fn for_programs_there_is_an_object_for_each_file() {
    let folders = Folders::new();
    folders.offer("a", b"");
    folders.offer("b", b"bytes");
    let server = folders.server();
    assert_eq!(
        server.student(["files"]).expect(0).objects(),
        [
            json!({"index": 1, "name": "a", "bytes": 0, "attempts": 1}),
            json!({"index": 2, "name": "b", "bytes": 5, "attempts": 1}),
        ]
    );
    let got = folders.get(&server, &["2"]).run().expect(0).object();
    assert_eq!(
        (&got["name"], &got["bytes"], &got["resumed_at"]),
        (&json!("b"), &json!(5), &json!(0))
    );
    assert_eq!(got["path"], json!(folders.fetched.path().join("b").display().to_string()));
    assert_eq!(got["sha256"], json!(format!("{:?}", ContentId::of(b"bytes"))));
    assert!(got["attempts"].as_u64().is_some_and(|count| count >= 3), "{got}");
}

#[test]
fn any_bytes_of_any_length_arrive() {
    let folders = Folders::new();
    let lengths = [0, 1, 1_023, 1_024, 1_025, 65_536, 65_537, 1_000_000, 9_000_000];
    for length in lengths {
        folders.offer(&length.to_string(), &content(length, length as u64));
    }
    let server = folders.server();
    for length in lengths {
        let name = length.to_string();
        folders.get(&server, &[&name]).run().expect(0);
        assert!(folders.fetched(&name) == content(length, length as u64), "{length} bytes");
    }
}

#[test]
fn two_files_with_one_content_are_two_files() {
    let folders = Folders::new();
    let same = content(100_000, 1);
    folders.offer("a", &same);
    folders.offer("b", &same);
    let server = folders.server();
    for name in ["a", "b"] {
        folders.get(&server, &[name]).run().expect(0);
    }
    fs::remove_file(folders.offered("b")).expect("removed");
    folders.get(&server, &["a", "--force"]).run().expect(0);
    assert!(folders.fetched("a") == same && folders.fetched("b") == same);
}

// spec: R-FILES-10, R-PULL-3
#[test]
fn a_content_is_given_for_as_long_as_one_of_its_files_is_there() {
    let folders = Folders::new();
    let same = content(100_000, 1);
    for name in ["a", "b", "c"] {
        folders.offer(name, &same);
    }
    let server = folders.server();
    // Nobody has asked for the third one.
    let info = info_of(&server, "a");
    assert_eq!(info_of(&server, "b"), info);
    for name in ["b", "a"] {
        fs::remove_file(folders.offered(name)).expect("removed");
        assert!(fetch(&server, info).expect("here") == same, "without {name}");
    }
    fs::remove_file(folders.offered("c")).expect("removed");
    assert!(matches!(fetch(&server, info), Err(FetchError::Gone)));
}

// spec: R-FILES-11
#[test]
fn after_a_restart_a_transfer_goes_on_by_the_name_of_its_content_alone() {
    let folders = Folders::new();
    for name in 0..20 {
        folders.offer(&format!("other {name}"), &content(3_000_000, name));
    }
    let notes = content(3_000_000, 99);
    folders.offer("notes", &notes);
    let server = folders.server();
    let info = info_of(&server, "notes");
    let server = server.kill().start();
    assert!(fetch(&server, info).expect("here") == notes);
    let server = server.kill().start();
    let unknown = FileInfo { content: ContentId::of(b"in no file"), ..info };
    assert!(matches!(fetch(&server, unknown), Err(FetchError::Gone)));
}

// spec: R-FILES-1
#[test]
fn a_folder_with_many_files_is_listed_whole() {
    let folders = Folders::new();
    // Some with the longest names that there can be.
    let name = |place: usize| {
        let name = format!("{place:05}");
        if place.is_multiple_of(7) { format!("{name}-{}", "x".repeat(249)) } else { name }
    };
    for place in 0..1_000 {
        folders.offer(&name(place), &[]);
    }
    let server = folders.server();
    let listed = server.student(["files"]).expect(0).objects();
    let names: Vec<_> = listed.iter().map(|it| it["name"].as_str().expect("text")).collect();
    assert_eq!(names, (0..1_000).map(name).collect::<Vec<_>>());
}

#[test]
fn an_empty_folder_and_no_folder_are_told_apart() {
    let folders = Folders::new();
    let server = folders.server();
    let list = server.client(STUDENT).arg("files").run().expect(0);
    assert_eq!(list.stdout, "The folder of offered files is empty.\n");
    folders.get(&server, &["1"]).run().expect_error(3, "no file number 1");
    let server = Server::in_memory();
    server.student(["files"]).expect_error(3, "offers no files");
    server.student(["get", "a"]).expect_error(3, "offers no file 'a'");
    let missing = folders.offered("missing");
    let server = Setup::new().listen(support::own_address()).files(&missing);
    server.spawn().finish().expect_error(1, "cannot offer the files of");
}

// Safety.

// spec: R-FILES-4
#[test]
fn only_regular_files_directly_in_the_folder_are_offered() {
    let folders = Folders::new();
    let secret = tempfile::NamedTempFile::new().expect("a file");
    fs::write(secret.path(), "secret").expect("written");
    folders.offer("good", b"good");
    folders.offer(".hidden", b"secret");
    folders.offer("steers\u{1b}[31mterminals", b"secret");
    folders.offer("fdp\u{202e}.exe", b"secret");
    folders.offer("a\\b", b"secret");
    fs::write(folders.offered.path().join(OsStr::from_bytes(b"not \xff text")), "secret").unwrap();
    fs::create_dir(folders.offered("folder")).expect("made");
    folders.offer("folder/inside", b"secret");
    let link =
        |to: &Path, name: &str| std::os::unix::fs::symlink(to, folders.offered(name)).unwrap();
    link(secret.path(), "link-out");
    link(Path::new("good"), "link-in");
    link(Path::new("/dev/zero"), "device");
    let made = std::process::Command::new("mkfifo").arg(folders.offered("pipe")).status();
    assert!(made.expect("mkfifo").success());
    let server = folders.server();
    let listed = server.student(["files"]).expect(0).objects();
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0]["name"], "good");
    for name in ["link-out", "link-in", "device", "pipe", "folder", "inside"] {
        folders.get(&server, &[name]).run().expect_error(3, "offers no file");
    }
    for name in ["..", "../etc/passwd", "/etc/passwd", "folder/inside", ".hidden", "a\\b", ""] {
        folders.get(&server, &[name]).run().expect(2);
    }
    assert!(folders.names().is_empty());
}

#[test]
fn a_file_that_becomes_a_link_is_not_followed() {
    let folders = Folders::new();
    folders.offer("notes", &content(100_000, 1));
    let server = folders.server();
    folders.get(&server, &["notes"]).run().expect(0);
    folders.offer("others", b"what is offered under another name");
    for target in ["/etc/passwd", "others"] {
        fs::remove_file(folders.offered("notes")).expect("removed");
        std::os::unix::fs::symlink(target, folders.offered("notes")).expect("linked");
        folders.get(&server, &["notes", "--force"]).run().expect_error(3, "offers no file");
    }
}

#[test]
fn a_file_that_is_here_stays_unless_it_is_to_be_replaced() {
    let folders = Folders::new();
    folders.offer("notes", b"new");
    let server = folders.server();
    let here = folders.fetched.path().join("notes");
    fs::write(&here, "mine").expect("written");
    folders.get(&server, &["notes"]).run().expect_error(1, "--force");
    assert_eq!(folders.fetched("notes"), b"mine");
    folders.get(&server, &["notes", "--force"]).run().expect(0);
    assert_eq!(folders.fetched("notes"), b"new");
    let other = folders.fetched.path().join("other");
    server.client(STUDENT).args(["get", "notes", "--output"]).arg(&other).run().expect(0);
    assert_eq!(folders.fetched("other"), b"new");
    let nowhere = folders.fetched.path().join("no/folder");
    let get = server.client(STUDENT).args(["get", "notes", "--output"]).arg(nowhere);
    get.run().expect_error(1, "cannot write");
    assert_eq!(folders.names(), ["notes", "other"]);
}

// What changes, and what is killed.

// spec: R-FILES-5, R-TRANSFER-8
#[test]
fn a_file_that_changes_while_it_is_fetched_is_begun_again() {
    let folders = Folders::new();
    folders.offer("notes", &content(200_000_000, 1));
    let server = folders.server();
    let new = content(3_000_000, 2);
    let get = folders.get(&server, &["notes"]).start();
    wait_for_part(folders.fetched.path(), 1_000_000, &get);
    folders.offer("notes", &new);
    let got = get.finish().expect(0).object();
    assert_eq!(got["bytes"], 3_000_000);
    assert!(folders.fetched("notes") == new);
    assert_eq!(folders.names(), ["notes"]);
}

#[test]
fn a_download_that_was_killed_goes_on_where_it_stopped() {
    let folders = Folders::new();
    let notes = content(200_000_000, 3);
    folders.offer("notes", &notes);
    let server = folders.server();
    let get = folders.get(&server, &["notes"]).start();
    wait_for_part(folders.fetched.path(), 10_000_000, &get);
    let one_at_a_time = folders.get(&server, &["notes"]).run();
    one_at_a_time.expect_error(1, "another download of this file");
    get.kill();
    assert!(!folders.fetched.path().join("notes").exists(), "nobody sees half a file");
    let got = folders.get(&server, &["notes"]).run().expect(0).object();
    assert!(got["resumed_at"].as_u64().is_some_and(|at| at >= 9_000_000), "{got}");
    assert!(folders.fetched("notes") == notes);
}

// spec: R-TRANSFER-9
#[test]
fn a_part_that_was_damaged_is_fetched_again() {
    let folders = Folders::new();
    let notes = content(50_000_000, 4);
    folders.offer("notes", &notes);
    let server = folders.server();
    let get = folders.get(&server, &["notes"]).start();
    wait_for_part(folders.fetched.path(), 1_000_000, &get);
    get.kill();
    let part = folders.fetched.path().join(&folders.names()[0]);
    let mut part = File::options().write(true).open(part).expect("a part");
    part.write_all(b"damaged").expect("written");
    drop(part);
    let got = folders.get(&server, &["notes"]).run().expect(0).object();
    assert_eq!(got["resumed_at"], 0, "{got}");
    assert!(folders.fetched("notes") == notes);
}

#[test]
fn a_server_that_is_killed_and_comes_back_goes_on() {
    let folders = Folders::new();
    let notes = content(200_000_000, 5);
    folders.offer("notes", &notes);
    let server = folders.server();
    let get = folders.get(&server, &["notes"]).start();
    wait_for_part(folders.fetched.path(), 10_000_000, &get);
    let server = server.kill().start();
    let got = get.finish().expect(0).object();
    assert_eq!(got["bytes"], 200_000_000);
    assert!(folders.fetched("notes") == notes);
    drop(server);
}

// spec: R-FILES-8
#[test]
fn a_file_that_is_written_again_ten_times_a_second_is_fetched_as_it_was_at_some_time() {
    let folders = Folders::new();
    folders.offer("notes", &[b'0'; 1_000]);
    let server = folders.server();
    let path = folders.offered("notes");
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let writer = std::thread::spawn(move || {
        for digit in (b'0'..=b'9').cycle() {
            fs::write(&path, [digit; 1_000]).expect("written");
            // Ten times a second.
            if stopped.recv_timeout(Duration::from_millis(100)) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    });
    folders.get(&server, &["notes"]).run().expect(0);
    drop(stop);
    writer.join().expect("it wrote");
    let got = folders.fetched("notes");
    // Between being cut and being written the file is empty, which a busy machine makes long.
    let is_of_one_time = got.iter().all(|it| *it == got[0]);
    assert!([0, 1_000].contains(&got.len()) && is_of_one_time, "of one time: {got:?}");
}

/// The memory of the server's own process seems to be an empty file of which not a byte can be read.
// spec: R-FILES-9
#[test]
#[cfg(target_os = "linux")]
fn a_file_that_cannot_be_read_is_refused_and_the_log_says_so_once() {
    let folders = Folders::new();
    let server = Setup::new().files(Path::new("/proc/self")).start();
    for _ in 0..3 {
        folders.get(&server, &["mem"]).run().expect_error(3, "'mem'");
    }
    let (_, ended) = server.stop("TERM");
    assert_eq!(ended.stderr.matches("'mem' is not offered").count(), 1, "{ended}");
}

#[cfg(target_os = "linux")]
#[test]
fn without_files_to_open_the_last_list_is_told_and_the_log_says_what_to_do() {
    if !support::has("prlimit") {
        return skip("there is no command 'prlimit'");
    }
    let folders = Folders::new();
    folders.offer("notes", b"notes");
    let server = folders.server();
    let pid = server.process().id();
    let open = fs::read_dir(format!("/proc/{pid}/fd")).expect("a process").count();
    let limit = |files: usize| {
        let mut prlimit = std::process::Command::new("prlimit");
        prlimit.args([format!("--pid={pid}"), format!("--nofile={files}:")]);
        assert!(prlimit.status().is_ok_and(|status| status.success()));
    };
    limit(open);
    folders.offer("more", b"more");
    let names = |server: &Server| -> Vec<String> {
        let listed = server.student(["files"]).expect(0).objects();
        listed.iter().map(|it| it["name"].as_str().expect("text").to_owned()).collect()
    };
    assert_eq!(names(&server), ["notes"]);
    server
        .process()
        .wait_for_log("what to do", |log| log.contains("raise the limit of open files"));
    limit(open + 100);
    let clock = rollcall::shell::clock::Clock::start();
    while names(&server) != ["more", "notes"] {
        let waited = Duration::from_micros(clock.now().instant.as_micros());
        assert!(waited < TIMEOUT, "the new file is never listed");
    }
    folders.get(&server, &["more"]).run().expect(0);
}

/// How many requests for blocks were answered with a cookie.
fn cookies(server: Server) -> u64 {
    let (_, ended) = server.stop("TERM");
    counters(&ended.stderr).get("pull_unproved").copied().unwrap_or_default()
}

// spec: R-COOKIE-4
#[test]
fn an_address_is_proved_once_for_all_files_that_one_client_fetches() {
    let folders = Folders::new();
    let files = [content(5_000, 1), content(300_000, 2), content(7_000, 3)];
    for (name, file) in ["a", "b", "c"].into_iter().zip(&files) {
        folders.offer(name, file);
    }
    let server = folders.server();
    let mut caller = Caller::at(vec![server.address()], Link::Plain).expect("a server");
    for (name, file) in ["a", "b", "c"].into_iter().zip(&files) {
        let info = info_of(&server, name);
        let fetcher = caller.fetcher().expect("a fetcher");
        let mut bytes = Vec::new();
        let came = fetcher.fetch(info, Prefix::default(), TIMEOUT, &mut bytes, &mut |_| {});
        came.expect("fetched");
        assert!(bytes == *file, "{name}");
    }
    assert_eq!(cookies(server), 1);
}

// spec: R-COOKIE-4
#[test]
fn an_address_is_proved_once_for_all_sheets_that_a_teacher_sees_at_a_prompt() {
    let server = Server::in_memory();
    for class in ["1", "2", "3"] {
        server.teacher(["open", class]).expect(0);
        let students = (0..80).map(|student: u32| (100_000_000 + student).to_string());
        server.client(STUDENT).args(["mark", class]).args(students).run().expect(0);
    }
    let talk = server.client(TEACHER).run_with(b"1\n1\n2\n2\n3\n3\n").expect(0);
    assert_eq!(talk.stdout.matches(". 80 students answered:").count(), 3, "{talk}");
    assert_eq!(cookies(server), 1);
}

// What a student may do wrong, and what others may do to a student.

// spec: R-TRANSFER-9
#[test]
fn what_arrives_damaged_is_fetched_once_more_before_anybody_hears_of_it() {
    for (damaged, code) in [(1, 0), (2, 1)] {
        let folders = Folders::new();
        let notes = content(300_000, 1);
        let server = DamagingServer::start("notes", notes.clone(), damaged);
        let get = Call::new(&Place::default(), STUDENT, None);
        let get = get.args(["--server", &server.address.to_string(), "get", "notes", "--output"]);
        let ended = get.arg(folders.fetched.path()).run();
        if code == 0 {
            assert_eq!(ended.expect(0).stderr, "");
            assert!(folders.fetched("notes") == notes);
        } else {
            ended.expect_error(code, "tell whoever runs the server");
            assert!(folders.names().is_empty(), "nothing is left");
        }
    }
}

#[test]
fn programs_hear_what_was_refused_and_what_is_unknown() {
    let folders = Folders::new();
    folders.offer("notes", b"notes");
    let server = folders.server();
    let failed = |get: &[&str], code: i32, says: &str| {
        let mut failed = server.student(get).expect_error(code, says).object();
        let attempts = failed.as_object_mut().expect("an object").remove("attempts");
        assert!(attempts.is_some_and(|it| it.as_u64() >= Some(1)), "{failed}");
        failed
    };
    let no_file = |name| json!({"name": name, "outcome": "refused", "reason": "no_file"});
    assert_eq!(failed(&["get", "other"], 3, "offers no file 'other'"), no_file("other"));
    assert_eq!(failed(&["get", "9"], 3, "no file number 9"), no_file("9"));
    let at_nobody = |get: &[&str]| {
        let nobody = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let address = nobody.local_addr().expect("an address").to_string();
        let call = Call::new(&Place::default(), STUDENT, None).args(["--server", &address]);
        let call = call.args(["--json", "--timeout", "300ms"]).args(get);
        let mut ended = call.run().expect_error(4, "no answer").object();
        ended.as_object_mut().expect("an object").remove("attempts").expect("attempts");
        ended
    };
    assert_eq!(at_nobody(&["get", "notes"]), json!({"name": "notes", "outcome": "unknown"}));
    assert_eq!(at_nobody(&["files"]), json!({"outcome": "unknown"}));
    let server = Server::in_memory();
    let refused = server.student(["files"]).expect_error(3, "offers no files").object();
    assert_eq!(refused, json!({"outcome": "refused", "reason": "no_files", "attempts": 1}));
}

#[test]
fn a_path_is_no_file_name_and_a_folder_that_is_not_there_is_told_before_anything_is_sent() {
    // Nobody would answer.
    let folders = Folders::new();
    let get = |arguments: &[&OsStr]| {
        let call = Call::new(&Place::default(), STUDENT, None);
        call.args(["--server", "127.0.0.1:9", "get"]).args(arguments).run()
    };
    for path in ["a/b", "../a", "/etc/passwd", "a\\b"] {
        get(&[OsStr::new(path)]).expect_error(2, "is a path; give a file name");
    }
    let output = |name: &str| folders.fetched.path().join(name).into_os_string();
    let to = |name: &str| get(&[OsStr::new("a"), OsStr::new("--output"), &output(name)]);
    to("new/").expect_error(1, "make it first");
    to("no/folder").expect_error(1, "cannot write");
    fs::create_dir(output("a")).expect("made");
    let get = |name: &str| {
        get(&[
            OsStr::new(name),
            OsStr::new("--force"),
            OsStr::new("--output"),
            folders.fetched.path().as_os_str(),
        ])
    };
    get("a").expect_error(1, "is a folder and is never replaced");
    let made = std::process::Command::new("mkfifo").arg(output("pipe")).status();
    assert!(made.expect("mkfifo").success());
    get("pipe").expect_error(1, "is no regular file and is never replaced");
    assert_eq!(folders.names(), ["a", "pipe"]);
}

#[test]
fn who_gets_no_answer_any_more_is_told_what_is_kept_and_how_to_go_on() {
    let folders = Folders::new();
    let notes = content(200_000_000, 6);
    folders.offer("notes", &notes);
    let server = folders.server();
    let get = |server: &Server| folders.get(server, &["notes", "--timeout", "2s"]);
    let begun = get(&server).start();
    wait_for_part(folders.fetched.path(), 10_000_000, &begun);
    let server = server.kill();
    let ended = begun.finish().expect_error(4, "no answer");
    assert!(ended.stderr.contains(" of 190.73 MiB are kept: run the same command"), "{ended}");
    assert_eq!(
        (&ended.object()["name"], &ended.object()["outcome"]),
        (&json!("notes"), &json!("unknown"))
    );
    let got = get(&server.start()).run().expect(0).object();
    assert!(got["resumed_at"].as_u64().is_some_and(|at| at >= 9_000_000), "{got}");
    assert!(folders.fetched("notes") == notes);
}

#[test]
fn ctrl_c_keeps_what_is_here_and_says_how_to_go_on() {
    let folders = Folders::new();
    let notes = content(200_000_000, 11);
    folders.offer("notes", &notes);
    let server = folders.server();
    let get = folders.get(&server, &["notes"]).start();
    wait_for_part(folders.fetched.path(), 1_000_000, &get);
    get.signal("INT");
    let ended = get.finish().expect_error(130, "interrupted; ");
    assert!(ended.stderr.contains("are kept: run the same command again to go on"), "{ended}");
    let got = folders.get(&server, &["notes"]).run().expect(0).object();
    assert!(got["resumed_at"].as_u64().is_some_and(|at| at >= 900_000), "{got}");
    assert!(folders.fetched("notes") == notes);
}

#[test]
fn nothing_is_left_of_what_a_file_was_before() {
    let folders = Folders::new();
    folders.offer("notes", &content(200_000_000, 7));
    let server = folders.server();
    let get = folders.get(&server, &["notes"]).start();
    wait_for_part(folders.fetched.path(), 1_000_000, &get);
    get.kill();
    folders.offer("notes", b"new");
    folders.get(&server, &["notes"]).run().expect(0);
    assert_eq!(folders.fetched("notes"), b"new");
    assert_eq!(folders.names(), ["notes"]);
}

#[test]
fn a_link_under_the_name_of_a_part_is_not_followed() {
    let folders = Folders::new();
    let notes = content(200_000_000, 8);
    folders.offer("notes", &notes);
    let server = folders.server();
    let get = folders.get(&server, &["notes"]).start();
    wait_for_part(folders.fetched.path(), 1_000_000, &get);
    get.kill();
    let part = folders.fetched.path().join(&folders.names()[0]);
    fs::remove_file(&part).expect("removed");
    let mine = tempfile::NamedTempFile::new().expect("a file");
    fs::write(mine.path(), "not to be overwritten").expect("written");
    std::os::unix::fs::symlink(mine.path(), &part).expect("linked");
    let got = folders.get(&server, &["notes"]).run().expect(0).object();
    assert_eq!(got["resumed_at"], 0);
    assert!(folders.fetched("notes") == notes);
    assert_eq!(fs::read(mine.path()).expect("read"), b"not to be overwritten");
}

#[test]
fn on_a_full_disk_one_is_told_so_and_goes_on_when_there_is_room() {
    let disk = match SmallDisk::new("4m") {
        Ok(disk) => disk,
        Err(why) => return skip(&why),
    };
    let folders = Folders::new();
    folders.offer("notes", &content(3_000_000, 9));
    let server = folders.server();
    disk.fill(2_048);
    let get = || {
        let call = Call::new(&disk.place, STUDENT, Some(server.log().clone()));
        let call = call.args(["--server", &server.address().to_string(), "--json", "get", "notes"]);
        call.arg("--output").arg(&disk.path).run()
    };
    let full = get().expect_error(1, "make room there");
    assert!(full.stderr.contains("are kept"), "{full}");
    disk.free();
    let got = get().expect(0).object();
    assert!(got["resumed_at"].as_u64() > Some(1_000_000), "{got}");
}

/// On 20 columns too: it is drawn over and over again, and a line that is too long would go on in a
/// new one each time.
#[test]
fn progress_stays_on_one_line() {
    if !support::has("script") || !support::has("stty") {
        return skip("there is no terminal to pretend: no commands 'script' and 'stty'");
    }
    let folders = Folders::new();
    folders.offer("notes", &content(200_000_000, 10));
    let server = folders.server();
    for columns in [20, 100] {
        let (address, to) = (server.address(), folders.fetched.path().display());
        let get = format!(
            "stty cols {columns}; exec {STUDENT} --server {address} get notes --force --output {to}"
        );
        let shown = Call::new(&Place::default(), "script", Some(server.log().clone()));
        let shown = shown.args(["-qec", &get, "/dev/null"]).run().expect(0).stdout;
        assert!(shown.contains(" of "), "progress is shown: {shown:?}");
        assert_eq!(shown.matches('\n').count(), 1, "{shown:?}");
    }
}

// Sizes.

#[test]
fn five_gigabytes_are_listed_and_their_first_and_last_blocks_are_given() {
    const BYTES: u64 = 5_000_000_500;
    let folders = Folders::new();
    let mut file = File::create(folders.offered("image")).expect("made");
    file.write_all(b"first").expect("written");
    file.seek(SeekFrom::Start(BYTES - 4)).expect("sought");
    file.write_all(b"last").expect("written");
    drop(file);
    let server = folders.server();
    let listed = server.student(["files"]).expect(0).object();
    assert_eq!((&listed["name"], &listed["bytes"]), (&json!("image"), &json!(BYTES)));
    let mut caller = Caller::at(vec![server.address()], Link::Plain).expect("a server");
    let key = "image".parse::<FileName>().expect("a name").key();
    let mut heard = 0;
    let mut inquiry = FileInquiry::new(key, caller.now(), TIMEOUT);
    let mut follow = |inquiry: &FileInquiry| {
        let Some((done, bytes)) = inquiry.reading() else { return };
        assert!(done >= heard && bytes == BYTES, "{done} of {bytes} after {heard}");
        heard = done;
    };
    let described = caller.inquire(&mut inquiry, TIMEOUT, &mut |_, _| {}, &mut follow);
    let (info, _) = described.expect("answered");
    let info = info.expect("offered");
    assert_eq!(info.bytes, BYTES);
    let raw = Raw::to(&server);
    let block = |first| {
        let pull = Pull { object: info.content, cookie: Cookie::NONE, first, wanted: 1 };
        match raw.reply(&request(new_client(), 1, 1, Ask::Pull(pull))).answer {
            Answer::Pulled(Pulled { index, bytes }) if index == first => bytes,
            other => panic!("{other:?}"),
        }
    };
    assert!(block(0).starts_with(b"first\0"));
    let last = block(info.blocks() - 1);
    assert_eq!(last.len() as u64, BYTES % 1_024);
    assert!(last.ends_with(b"\0last"));
    assert_eq!(block(info.blocks()), b"");
    // And somewhere between.
    assert!(block(info.blocks() / 2) == [0; 1_024]);
}

#[test]
fn sheets_of_any_size_are_fetched_and_stay_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::on(folder.path());
    server.teacher(["open", "1"]).expect(0);
    server.teacher(["close", "1"]).expect(0);
    for (class, students) in [(2, 1), (3, 200), (4, 5_000), (5, 100_000)] {
        let load = Call::new(&Place::default(), LOAD, Some(server.log().clone()));
        let load = load.args(["--server", &server.address().to_string(), "--json"]);
        let (students, class) = (students.to_string(), class.to_string());
        let load = load.args(["--students", &students, "--first-class", &class]).run().expect(0);
        assert_eq!(load.object()["sheets"], 1, "{load}");
    }
    let sheets = |server: &Server| -> Vec<Finished> {
        (1..=5).map(|class| server.teacher(["sheet", &class.to_string()]).expect(0)).collect()
    };
    let before = sheets(&server);
    for (sheet, students) in before.iter().zip([0, 1, 200, 5_000, 100_000]) {
        let listed = sheet.object()["students"].as_array().expect("a list").len();
        assert_eq!(listed, students);
    }
    let after = sheets(&server.kill().start());
    for (before, after) in before.iter().zip(&after) {
        let without_attempts = |sheet: &Finished| {
            let mut sheet = sheet.object();
            sheet["attempts"] = json!(0);
            sheet
        };
        assert!(without_attempts(before) == without_attempts(after));
    }
}

// A bad network.

#[test]
fn ten_students_fetch_at_once_although_every_tenth_datagram_is_lost() {
    let network = match Network::losing(10) {
        Ok(network) => network,
        Err(why) => return skip(&why),
    };
    let folders = Folders::new();
    let files: Vec<Vec<u8>> = (0..3).map(|place| content(2_000_000, place)).collect();
    for (place, file) in files.iter().enumerate() {
        folders.offer(&format!("file-{place}"), file);
    }
    let server = network.setup().files(folders.offered.path());
    let server = server.listen("10.77.0.1:0".parse().expect("an address")).start();
    let target = |student: usize| folders.fetched.path().join(student.to_string());
    let students: Vec<Process> = (0..10)
        .map(|student| {
            let index = (student % 3 + 1).to_string();
            let get = network.client(STUDENT, &server, server.address());
            get.args(["get", &index, "--output"]).arg(target(student)).start()
        })
        .collect();
    for (student, process) in students.into_iter().enumerate() {
        let got = process.finish().expect(0).object();
        let expected = ContentId::of(&files[student % 3]);
        assert_eq!(got["sha256"], json!(format!("{expected:?}")));
        let here = fs::read(target(student)).expect("fetched");
        assert_eq!(ContentId::of(&here), expected, "what is on the disk");
    }
    server.process().signal("USR1");
    let log = server.process().wait_for_log("counters", |log| log.contains("counters: "));
    let given = support::counters(&log)["blocks_given"];
    assert!(given > 10 * 2_000_000 / 1_024, "nothing was lost, so nothing was shown: {given}");
}
