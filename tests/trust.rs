//! Sealed datagrams with the real programs: joining, and what is not spoken to.

#[expect(dead_code, reason = "each file of tests uses its part")]
mod support;

use std::fs;
use std::path::Path;

use support::network::Network;
use support::{Call, Place, STUDENT, Server, Setup, TEACHER, counters, skip};

/// A command of somebody whose configuration is in this folder.
fn of(person: &Path, server: &Server, program: &str) -> Call {
    Call::new(&Place::default(), program, Some(server.log().clone()))
        .env("ROLLCALL_CONFIG", person.to_str().expect("text"))
        .args(["--server", &server.address().to_string()])
}

/// The join link that a server logs.
fn link(server: &Server) -> String {
    let has_link = |text: &str| text.contains("join link: ");
    let log = server.process().wait_for_log("its join link", has_link);
    let line = log.lines().find_map(|line| line.split_once("join link: "));
    line.expect("its link").1.trim().to_owned()
}

fn sealed(data: &Path) -> Server {
    Setup::new().folder(data).sealed().start()
}

#[test]
fn a_roll_call_is_held_in_sealed_datagrams_and_goes_on_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, ana, bia) =
        (folder.path().join("data"), folder.path().join("ana"), folder.path().join("bia"));
    fs::create_dir(&data).expect("made");
    let server = sealed(&data);
    let link = link(&server);
    for person in [&ana, &bia] {
        let joined = of(person, &server, STUDENT).args(["join", &link]).run().expect(0);
        assert!(joined.stdout.contains("joined"), "{joined}");
        let again = of(person, &server, STUDENT).args(["join", &link]).run().expect(0);
        assert!(again.stdout.contains("joined before"), "{again}");
    }
    of(&ana, &server, TEACHER).args(["open", "3030"]).run().expect(0);
    of(&bia, &server, STUDENT).args(["mark", "3030", "042191010"]).run().expect(0);
    // Killed and started again: its key is the same, and nobody joins again.
    let server = server.kill().start();
    of(&bia, &server, STUDENT).args(["mark", "3030", "10"]).run().expect(0);
    let closed = of(&ana, &server, TEACHER).args(["--json", "close", "3030"]).run().expect(0);
    assert_eq!(closed.object()["students"], serde_json::json!(["042191010", "10"]), "{closed}");
    let (_, ended) = server.stop("TERM");
    assert_eq!(counters(&ended.stderr).get("rejected_plain"), None, "{ended}");
}

#[test]
fn another_key_for_a_server_that_was_joined_is_a_loud_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, ana) = (folder.path().join("data"), folder.path().join("ana"));
    fs::create_dir(&data).expect("made");
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
    of(&ana, &server, STUDENT)
        .args(["--forget-server", "--plain", "--timeout", "500ms", "mark", "1", "10"])
        .run()
        .expect(4);
    of(&ana, &server, STUDENT).args(["join", &second]).run().expect(0);
}

#[test]
fn a_link_that_is_cut_wrong_or_of_nobody_is_told_and_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, ana) = (folder.path().join("data"), folder.path().join("ana"));
    fs::create_dir(&data).expect("made");
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

// spec: R-PLAIN-2
#[test]
fn a_stranger_is_not_spoken_to() {
    let told = Call::new(&Place::default(), STUDENT, None)
        .args(["--server", "192.0.2.7:5050", "mark", "1", "10"])
        .run()
        .expect(2);
    assert!(told.stderr.contains("join LINK"), "{told}");
}

/// Every secret that a type holds is shown by no `Debug`, and so by no log.
#[test]
fn no_secret_is_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, ana) = (folder.path().join("data"), folder.path().join("ana"));
    fs::create_dir(&data).expect("made");
    let server = Setup::new().folder(&data).sealed().arg("-vv").start();
    let link = link(&server);
    of(&ana, &server, STUDENT).args(["join", &link]).run().expect(0);
    of(&ana, &server, TEACHER).args(["open", "1"]).run().expect(0);
    of(&ana, &server, STUDENT).args(["mark", "1", "10"]).run().expect(0);
    let (_, ended) = server.stop("TERM");
    for file in [data.join("service.key"), ana.join("device.key")] {
        let text = fs::read_to_string(&file).expect("a key");
        let digits = text.trim().rsplit(':').next().expect("digits");
        let all = format!("{ended}");
        assert!(!all.contains(digits) && !all.to_lowercase().contains(&digits.to_lowercase()));
    }
}
