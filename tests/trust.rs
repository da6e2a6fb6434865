//! Sealed datagrams with the real programs: joining, and what is not spoken to.

#[expect(dead_code, reason = "each file of tests uses its part")]
mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::network::Network;
use support::people::{School, leave_admin_invite, link, of};
use support::{ADMIN, Call, Place, SERVER, STUDENT, Server, Setup, TEACHER, counters, has, skip};

/// A folder, and places in it with these names: the first is made, for a journal; the others are those of
/// people.
fn places<const N: usize>(names: [&str; N]) -> (tempfile::TempDir, [PathBuf; N]) {
    let folder = tempfile::tempdir().expect("a folder");
    let places = names.map(|name| folder.path().join(name));
    fs::create_dir(&places[0]).expect("made");
    (folder, places)
}

fn sealed(data: &Path) -> Server {
    Setup::new().folder(data).sealed().start()
}

#[test]
fn a_roll_call_is_held_in_sealed_datagrams_and_goes_on_after_a_restart() {
    let school = School::with_ana();
    school.make_students(&["bia"]);
    let again = school.run("bia", STUDENT, &["join", &school.link]).expect(0);
    assert!(again.stdout.contains("joined before"), "{again}");
    school.run("ana", TEACHER, &["open", "3030", "--no-code"]).expect(0);
    school.run("bia", STUDENT, &["mark", "3030", "042191010"]).expect(0);
    // Killed and started again: its key is the same, and nobody joins again.
    let school = school.restart();
    school.run("bia", STUDENT, &["mark", "3030", "10"]).expect(0);
    let closed = school.run("ana", TEACHER, &["--json", "close", "3030"]).expect(0);
    assert_eq!(closed.object()["students"], serde_json::json!(["042191010", "10"]), "{closed}");
    let (_, ended) = school.server.stop("TERM");
    assert_eq!(counters(&ended.stderr).get("rejected_plain"), None, "{ended}");
}

/// The key is made by whoever is first, and each process draws nonces and client ids of its own.
#[test]
fn many_processes_of_one_device_at_once_are_one_device() {
    let school = School::with_ana();
    let joins: Vec<_> = (0..8)
        .map(|_| {
            let mut join = school.of("bia", STUDENT).args(["join", &school.link]).start();
            // No invite.
            join.write(b"\n");
            join
        })
        .collect();
    for join in joins {
        join.finish().expect(0);
    }
    school.run("ana", TEACHER, &["open", "3030", "--no-code", "--who", "anyone"]).expect(0);
    let numbers: Vec<_> = (10..26).map(|number| number.to_string()).collect();
    let mark = |number: &String| school.of("bia", STUDENT).args(["mark", "3030", number]).start();
    let marks: Vec<_> = numbers.iter().map(mark).collect();
    for mark in marks {
        mark.finish().expect(0);
    }
    let closed = school.run("ana", TEACHER, &["--json", "close", "3030"]).expect(0).object();
    let students = closed["students"].as_array().expect("a list");
    let mut students: Vec<_> = students.iter().map(|it| it.as_str().expect("a text")).collect();
    students.sort_unstable();
    assert_eq!(students, numbers);
    let mine = school.run("bia", STUDENT, &["--json", "mine"]).expect(0).objects();
    assert_eq!(mine.len(), numbers.len(), "all from one device: {mine:?}");
}

#[test]
fn another_key_for_a_server_that_was_joined_is_a_loud_error() {
    let (_folder, [data, ana]) = places(["data", "ana"]);
    let server = sealed(&data);
    let first = link(&server);
    of(&ana, &server, STUDENT).args(["join", &first]).run().expect(0);
    let setup = server.kill();
    fs::remove_file(data.join("service.key")).expect("it was there");
    let server = setup.start();
    let second = link(&server);
    assert_ne!(first, second);
    let refused = of(&ana, &server, STUDENT).args(["join", &second]).run().expect(1);
    assert!(refused.stderr.contains("ANOTHER KEY"), "{refused}");
    // Nor is it spoken to plainly, or by the new key.
    let silent = ["--timeout", "500ms", "mark", "1", "10"];
    of(&ana, &server, STUDENT).args(silent).run().expect(4);
    let plain = of(&ana, &server, STUDENT).args(["--plain", "mark", "1", "10"]).run().expect(2);
    assert!(plain.stderr.contains("--forget-server"), "{plain}");
    let gone = of(&ana, &server, STUDENT).args(silent).run().expect(4);
    assert!(gone.stderr.contains("still the key"), "{gone}");
    let joined = of(&ana, &server, STUDENT).args(["--forget-server", "join", &second]).run();
    assert!(joined.expect(0).stdout.contains("joined"));
    of(&ana, &server, STUDENT).arg("mine").run().expect(0);
    of(&ana, &server, STUDENT)
        .args(["--forget-server", "--plain", "--timeout", "500ms", "mark", "1", "10"])
        .run()
        .expect(4);
}

#[test]
fn a_link_that_is_cut_wrong_or_of_nobody_is_told_and_changes_nothing() {
    let (_folder, [data, ana]) = places(["data", "ana"]);
    let server = sealed(&data);
    let link = link(&server);
    let (head, key) = link.split_once('#').expect("a key");
    let other = if &key[9..10] == "q" { "z" } else { "q" };
    let swapped = format!("{}{other}{}", &key[..9], &key[10..]);
    for (wrong, says) in [
        (link[..link.len() - 3].to_owned(), "is the link whole?"),
        (format!("{head}#{swapped}"), "copy the link again"),
        (link.replace("rollcall:", "https:"), "rollcall://HOST:PORT/#KEY"),
        ("hello".to_owned(), "rollcall://HOST:PORT/#KEY"),
        (link.replace("127.", "no such host."), "its address is not understood"),
    ] {
        let told = of(&ana, &server, STUDENT).args(["join", &wrong]).run().expect(2);
        assert!(told.stderr.contains(says), "{wrong}\n{told}");
    }
    let nowhere = link.replace(&server.address().ip().to_string(), "nowhere.invalid");
    let told = of(&ana, &server, STUDENT).args(["join", &nowhere]).run().expect(1);
    assert!(told.stderr.contains("cannot find the server"), "{told}");
    let other = rollcall::seal::SecretKey::from_bytes([7; 32]).public();
    let of_another = format!("{head}#{other}");
    let told = of(&ana, &server, STUDENT)
        .args(["--timeout", "500ms", "join", &of_another])
        .run()
        .expect(4);
    assert!(told.stderr.contains("Nothing was changed"), "{told}");
    assert!(!ana.join("servers").exists(), "nothing was joined");
}

#[test]
fn a_folder_for_keys_that_cannot_be_made_is_told_and_another_can_be_named() {
    let (_folder, [data, ana]) = places(["data", "ana"]);
    let server = sealed(&data);
    let link = link(&server);
    fs::write(&ana, "a file and no folder").expect("written");
    for folder in [ana.clone(), ana.join("deeper")] {
        for command in [&["join", &link][..], &["mark", "1", "10"]] {
            let told = of(&folder, &server, STUDENT).args(command).run().expect(1);
            assert!(told.stderr.contains("name another one in ROLLCALL_CONFIG"), "{told}");
        }
    }
    fs::remove_file(&ana).expect("it was there");
    of(&ana, &server, STUDENT).args(["join", &link]).run().expect(0);
}

// spec: R-PLAIN-1
#[test]
fn a_server_that_listens_on_a_network_reads_no_plain_datagram() {
    let network = match Network::new() {
        Ok(network) => network,
        Err(why) => return skip(&why),
    };
    let address = "10.77.0.1:0".parse().expect("an address");
    let local = "127.0.0.1:0".parse().expect("an address");
    let server = network.setup().listen(address).listen(local).without_plain().start();
    for &address in server.addresses() {
        let place = if address.ip().is_loopback() { network.server() } else { network.students() };
        let mark = ["--timeout", "500ms", "mark", "1", "10"];
        Call::new(&place, STUDENT, None)
            .args(["--plain", "--server", &address.to_string()])
            .args(mark)
            .run()
            .expect(4);
    }
    let (_, ended) = server.stop("TERM");
    assert!(counters(&ended.stderr).contains_key("rejected_plain"), "{ended}");
}

#[test]
fn a_server_that_listens_everywhere_logs_its_link_once() {
    let network = match Network::new() {
        Ok(network) => network,
        Err(why) => return skip(&why),
    };
    let [four, six] = ["0.0.0.0:5050", "[::]:5050"].map(|it| it.parse().expect("an address"));
    let server = network.setup().listen(four).listen(six).without_plain().start();
    let (_, ended) = server.stop("TERM");
    assert_eq!(ended.stderr.matches("join link: rollcall://HOST:5050/#").count(), 1, "{ended}");
}

// spec: R-PLAIN-2
#[test]
fn a_stranger_is_not_spoken_to() {
    let told = Call::new(&Place::default(), STUDENT, None)
        .args(["--server", "192.0.2.7:5050", "mark", "1", "10"])
        .run()
        .expect(2);
    assert!(told.stderr.contains("join LINK"), "{told}");
}

/// Every secret that a type holds is shown by no `Debug`, and so by no log; an invite is in no file either.
#[test]
fn no_secret_is_shown() {
    let school = School::with(|setup| setup.sealed().arg("-vv"));
    school.make_admin("rui");
    let invite = school.invite(&["teacher", "Ana"]);
    school.join("ana", TEACHER, &invite).expect(0);
    let other = school.invite(&["student", "10"]);
    school.make_students(&["bia"]);
    school.run("ana", TEACHER, &["open", "1"]).expect(0);
    let code = school.code("1");
    school.run("bia", STUDENT, &["mark", "1", "10", "--code", &code]).expect(0);
    let (data, ana) = (school.data(), school.person("ana"));
    let School { server, .. } = &school;
    server.process().signal("USR1");
    server.process().wait_for_log("its counters", |text| text.contains("counters: "));
    let journal = fs::read(data.join("rollcall.sqlite3-wal")).expect("what was committed");
    for invite in [&invite, &other] {
        let bytes = data_encoding::BASE32_NOPAD.decode(invite.replace('-', "").as_bytes());
        let bytes = bytes.expect("an invite");
        assert!(!journal.windows(bytes.len()).any(|it| it == bytes), "an invite is in the journal");
    }
    let (_, ended) = school.server.stop("TERM");
    assert!(ended.stderr.contains("from device "), "who did what is told: {ended}");
    let all = format!("{ended}").to_lowercase();
    for file in [data.join("service.key"), ana.join("device.key")] {
        let text = fs::read_to_string(&file).expect("a key");
        let digits = text.trim().rsplit(':').next().expect("digits");
        assert!(!all.contains(&digits.to_lowercase()), "a key is in the log");
    }
    for secret in [&invite, &other, &code] {
        assert!(!all.contains(&secret.to_lowercase()), "{secret} is in the log");
    }
}

const CROWD: usize = 20;
/// The lengths of all sealed datagrams and of what answers a `HELLO`: `RENEW`, `RETRY`, `WELCOME`, and the
/// two of everything that says something.
const LENGTHS: [u64; 5] = [24, 40, 244, 256, 1_200];

/// The README's four steps, in two computers of our own joined by a cable on which every fifth datagram is
/// lost each way, with somebody who listens.
#[test]
fn strangers_hold_a_roll_call_over_a_network_that_loses_and_listens() {
    let network = match Network::losing(20) {
        Ok(network) => network,
        Err(why) => return skip(&why),
    };
    if !has("python3") {
        return skip("no python3 to listen with");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    fs::create_dir(&data).expect("made");
    let listen = "10.77.0.1:0".parse().expect("an address");
    let server = network.setup().listen(listen).folder(&data).without_plain().start();
    let address = server.address().to_string();
    let link = Call::new(&network.server(), SERVER, None)
        .args(["link", &address, "--data", data.to_str().expect("text")])
        .run()
        .expect(0);
    let link = link.stdout.trim().to_owned();

    let names: Vec<String> = (0..CROWD).map(|number| format!("04219{number:03}X")).collect();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/capture.py");
    let listener = Call::new(&network.students(), "python3", None)
        .args(["-B", script.to_str().expect("text"), "cable"])
        .args(&names)
        .start();
    listener.wait_for_output("that it listens", |text| text.contains("listening"));

    let person = |name: &str| folder.path().join(name);
    let call = |name: &str, program: &str| {
        Call::new(&network.students(), program, Some(server.log().clone()))
            .env("ROLLCALL_CONFIG", person(name).to_str().expect("text"))
            .args(["--server", &address, "--timeout", "60s", "--json"])
    };
    let joining: Vec<_> =
        names.iter().map(|name| call(name, STUDENT).args(["join", &link]).start()).collect();
    for joined in joining {
        joined.finish().expect(0);
    }
    let admin = leave_admin_invite(&data, "Rui");
    let join = |name: &str, program: &str, code: &str| {
        let join = call(name, program).args(["join", &link]);
        join.run_with(format!("{code}\n").as_bytes()).expect(0)
    };
    join("admin", ADMIN, &admin);
    let invited = call("admin", ADMIN).args(["invite", "teacher", "Ana"]).run().expect(0);
    join("teacher", TEACHER, invited.object()["invite"].as_str().expect("a text"));
    let opened = call("teacher", TEACHER).args(["open", "3030"]).run().expect(0);
    let code = opened.object()["code"].as_str().expect("a code").to_owned();
    let pressing: Vec<_> = names
        .iter()
        .map(|name| call(name, STUDENT).args(["mark", "3030", name, "--code", &code]).start())
        .collect();
    for pressed in pressing {
        let receipt = pressed.finish().expect(0);
        assert_eq!(receipt.object()["outcome"], "present", "{receipt}");
    }
    let closed = call("teacher", TEACHER).args(["close", "3030"]).run().expect(0);
    let mut present: Vec<String> =
        serde_json::from_value(closed.object()["students"].clone()).expect("texts");
    present.sort_unstable();
    assert_eq!(present, names, "each of them once\n{closed}");

    let heard = listener.finish().expect(0).stdout;
    let heard: serde_json::Value =
        serde_json::from_str(heard.lines().last().expect("an object")).expect("an object");
    assert!(heard["datagrams"].as_u64().expect("a count") > 4 * CROWD as u64, "{heard}");
    assert_eq!(heard["found"], 0, "a student number was heard: {heard}");
    let lengths: Vec<u64> = serde_json::from_value(heard["lengths"].clone()).expect("lengths");
    assert!(lengths.iter().all(|length| LENGTHS.contains(length)), "{heard}");
}

// spec: R-CHANNEL-6
#[test]
fn a_key_that_was_announced_is_changed_without_anybody_joining_again() {
    let school = School::with_ana();
    school.make_students(&["bia"]);
    let (ana, bia, data) = (school.person("ana"), school.person("bia"), school.data());
    let care = |command: &str| {
        Call::new(&Place::default(), SERVER, None)
            .args([command, "--data", data.to_str().expect("text")])
            .run()
    };
    care("change-key").expect_error(1, "another server");
    let (setup, _) = school.server.stop("TERM");
    care("change-key").expect_error(1, "service.key.next");
    let announced = care("next-key").expect(0);
    assert_eq!(announced.stdout, care("next-key").expect(0).stdout, "the same when asked again");
    let server = setup.start();
    // Only Ana speaks with it while it is announced.
    of(&ana, &server, TEACHER).args(["open", "1", "--no-code"]).run().expect(0);
    let (setup, _) = server.stop("TERM");
    care("change-key").expect(0);
    let server = setup.start();
    of(&ana, &server, STUDENT).args(["mark", "1", "10"]).run().expect(0);
    of(&ana, &server, STUDENT).args(["--timeout", "3s", "mark", "1", "20"]).run().expect(0);
    let lost = of(&bia, &server, STUDENT).args(["--timeout", "500ms", "mark", "1", "30"]).run();
    lost.expect(4);
}
