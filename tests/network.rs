//! Networks that lose datagrams, computers with many addresses, clients that are gone before their
//! answer: with real sockets, and with network namespaces of the test's own where they may be made.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc;
use std::thread;

use rollcall::exchange::{Answer, Marked, Opened, Reply, decode_request, encode_reply};
use rollcall::time::WallTime;
use rollcall::wire::Datagram;
use serde_json::{Value, json};

use support::network::{Network, SERVER_V4, SERVER_V6};
use support::process::{Finished, Process};
use support::raw::{Raw, class, first_request, mark, open};
use support::{Call, Place, STUDENT, Server, Setup, TEACHER, counters, own_address, skip};

#[expect(dead_code, reason = "each file of tests uses its part")]
mod support;

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

// Loss.

const CROWD: usize = 60;

fn names() -> Vec<String> {
    (0..CROWD).map(|place| format!("0{place:03}")).collect()
}

/// Sixty students press at once, each with a process of their own.
fn crowd(network: &Network, server: &Server) -> Vec<Process> {
    let student = |name: &String| {
        network.client(STUDENT, server, server.address()).args(["mark", "3030", name]).start()
    };
    names().iter().map(student).collect()
}

/// Fails unless everybody has a receipt of their own first mark; gives the datagrams it took.
#[track_caller]
fn receipts(finished: Vec<Finished>) -> u64 {
    let mut receipts = BTreeMap::new();
    let mut attempts = 0;
    for student in finished {
        let student = student.expect(0);
        let receipt = student.object();
        assert_eq!(receipt["outcome"], "present", "a retry is no second mark\n{student}");
        attempts += receipt["attempts"].as_u64().expect("a count");
        receipts.insert(receipt["student"].as_str().expect("text").to_owned(), receipt);
    }
    assert_eq!(receipts.into_keys().collect::<Vec<_>>(), names());
    attempts
}

/// Fails unless everybody is on the sheet once.
#[track_caller]
fn everybody_is_on_the_sheet(network: &Network, server: &Server) {
    let closed = network.client(TEACHER, server, server.address()).args(["close", "3030"]).run();
    let closed = closed.expect(0);
    let sheet: Value = closed.object();
    let mut listed: Vec<String> = serde_json::from_value(sheet["students"].clone()).expect("texts");
    listed.sort_unstable();
    assert_eq!(listed, names(), "each of them once\n{closed}");
}

#[test]
fn sixty_students_at_once_get_their_receipts_although_every_fifth_datagram_is_lost() {
    let network = match Network::losing(20) {
        Ok(network) => network,
        Err(why) => return skip(&why),
    };
    let server = network.setup().listen(address("10.77.0.1:0")).start();
    network.client(TEACHER, &server, server.address()).args(["open", "3030"]).run().expect(0);
    let students = crowd(&network, &server);
    let attempts = receipts(students.into_iter().map(Process::finish).collect());
    assert!(attempts > CROWD as u64, "nothing was lost, so nothing was shown");
    everybody_is_on_the_sheet(&network, &server);
    let (_, ended) = server.stop("TERM");
    let counted = counters(&ended.stderr);
    assert_eq!(counted.get("marked"), Some(&(CROWD as u64)), "{ended}");
    assert_eq!(counted.get("already_present"), None, "{ended}");
    assert!(counted.contains_key("duplicate_repeated"), "no answer was lost either\n{ended}");
    println!("{attempts} datagrams for {CROWD} receipts");
}

#[test]
fn sixty_students_at_once_get_their_receipts_although_the_server_is_killed_among_them() {
    let network = match Network::losing(20) {
        Ok(network) => network,
        Err(why) => return skip(&why),
    };
    let folder = tempfile::tempdir().expect("a folder");
    let server = network.setup().listen(address("10.77.0.1:0")).folder(folder.path()).start();
    network.client(TEACHER, &server, server.address()).args(["open", "3030"]).run().expect(0);
    let (tell, told) = mpsc::channel();
    for student in crowd(&network, &server) {
        let tell = tell.clone();
        thread::spawn(move || tell.send(student.finish()));
    }
    drop(tell);
    let mut finished: Vec<_> = told.iter().take(10).collect();
    let server = server.kill().start();
    finished.extend(told);
    receipts(finished);
    everybody_is_on_the_sheet(&network, &server);
    let (_, ended) = server.stop("TERM");
    let after = counters(&ended.stderr).get("marked").copied().unwrap_or_default();
    assert!((1..CROWD as u64).contains(&after), "it was not killed among them\n{ended}");
    println!("{after} of {CROWD} were marked after the kill");
}

// Many addresses.

// spec: R-CLIENT-6
#[test]
fn an_answer_from_another_address_is_ignored() {
    let server = UdpSocket::bind(own_address()).expect("a free port");
    let stranger = UdpSocket::bind(own_address()).expect("a free port");
    let address = server.local_addr().expect("it is bound").to_string();
    let arguments = ["--server", &address, "--json", "mark", "1", "10"];
    let student = Call::new(&Place::default(), STUDENT, None).args(arguments).start();
    let mut space = [0; 1_200];
    let (length, from) = server.recv_from(&mut space).expect("a request");
    let asked = decode_request(&space[..length]).expect("a request").request;
    // The stranger knows everything that the request says, and is quicker.
    for (socket, at) in [(&stranger, 1_000), (&server, 2_000)] {
        let at = WallTime::from_millis(at);
        let answer = Answer::Marked(Marked { class: class(1), at, already_present: false });
        let mut datagram = Datagram::new();
        let reply = Reply { client: asked.client, number: asked.number, answer };
        encode_reply(&reply, &mut datagram);
        socket.send_to(datagram.as_bytes(), from).expect("sent");
    }
    let receipt = student.finish().expect(0).object();
    assert_eq!(receipt["at"], "1970-01-01T00:00:02.000Z", "{receipt}");
}

// spec: R-KIND-3
#[test]
fn a_wildcard_server_answers_from_the_address_that_was_asked() {
    let server = Setup::new().listen(address("0.0.0.0:0")).start();
    let port = server.address().port();
    for (class, asked) in (1..).zip(["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.8.9.10"]) {
        // Connected sockets, as students have: an answer from elsewhere does not reach them.
        let raw = Raw::at(
            SocketAddr::new(asked.parse().expect("an address"), port),
            server.log().clone(),
        );
        let answer = raw.reply(&first_request(open(class))).answer;
        assert!(
            matches!(answer, Answer::Opened(Opened { already_open: false, .. })),
            "{asked}: {answer:?}"
        );
        let asked = format!("{asked}:{port}");
        let student = Call::new(&Place::default(), STUDENT, Some(server.log().clone())).args([
            "--plain",
            "--server",
            &asked,
            "--json",
            "mark",
            &class.to_string(),
            "10",
        ]);
        student.run().expect(0);
    }
}

#[test]
fn a_wildcard_server_answers_from_the_ipv6_address_that_was_asked() {
    let Ok(server) =
        UdpSocket::bind("[::1]:0").map(|_| Setup::new().listen(address("[::]:0")).start())
    else {
        return skip("this computer has no IPv6");
    };
    let raw = Raw::at(
        SocketAddr::new("::1".parse().expect("an address"), server.address().port()),
        server.log().clone(),
    );
    let answer = raw.reply(&first_request(open(1))).answer;
    assert!(matches!(answer, Answer::Opened(Opened { already_open: false, .. })), "{answer:?}");
}

#[test]
fn a_computer_with_many_addresses_answers_over_a_cable_from_the_one_that_was_asked() {
    let network = match Network::new() {
        Ok(network) => network,
        Err(why) => return skip(&why),
    };
    // Both kinds of address under one port number.
    let both = network.setup().listen(address("0.0.0.0:5050")).listen(address("[::]:5050"));
    let server = both.start();
    let asked: Vec<_> = SERVER_V4
        .map(|asked| format!("{asked}:5050"))
        .into_iter()
        .chain(SERVER_V6.map(|asked| format!("[{asked}]:5050")))
        .collect();
    network.client(TEACHER, &server, address(&asked[0])).args(["open", "1"]).run().expect(0);
    for (student, asked) in asked.iter().enumerate() {
        let marked = network
            .client(STUDENT, &server, address(asked))
            .args(["mark", "1", &student.to_string()])
            .run();
        assert_eq!(marked.expect(0).object()["outcome"], "present");
    }
    let closed = network.client(TEACHER, &server, address(&asked[4])).args(["close", "1"]).run();
    assert_eq!(closed.expect(0).object()["students"], json!(["0", "1", "2", "3", "4"]));
}

#[test]
fn a_server_listens_on_several_addresses_and_keeps_one_register() {
    let mut setup = Setup::new().listen(own_address()).listen(own_address());
    let has_ipv6 = UdpSocket::bind("[::1]:0").is_ok();
    if has_ipv6 {
        setup = setup.listen(address("[::1]:0"));
    } else {
        skip("the IPv6 part: this computer has no IPv6");
    }
    let server = setup.start();
    let mut expected = Vec::new();
    server.teacher(["open", "1"]).expect(0);
    for listening in server.addresses() {
        assert_ne!(listening.port(), 0, "{}", server.process());
        let student = expected.len().to_string();
        Call::new(&Place::default(), STUDENT, Some(server.log().clone()))
            .args(["--server", &listening.to_string(), "mark", "1", &student])
            .run()
            .expect(0);
        expected.push(student);
    }
    assert_eq!(expected.len(), 2 + usize::from(has_ipv6));
    let closed = server.teacher(["close", "1"]).expect(0);
    assert_eq!(closed.object()["students"], json!(expected), "{closed}");
}

#[test]
fn a_server_name_with_several_addresses_is_asked_at_the_one_that_answers() {
    // `localhost` is 127.0.0.1 or ::1 or both, in an order that nobody knows.
    let server = Setup::new().listen(address("127.0.0.1:0")).start();
    let name = format!("localhost:{}", server.address().port());
    let call = |program| {
        Call::new(&Place::default(), program, Some(server.log().clone()))
            .args(["--server", &name, "--json"])
    };
    call(TEACHER).args(["open", "1"]).run().expect(0);
    call(STUDENT).args(["mark", "1", "10"]).run().expect(0);
}

// Clients that are gone.

#[test]
fn clients_that_are_gone_before_their_answer_do_not_stop_the_server() {
    let server = Server::in_memory();
    for class in 1..=500 {
        // The socket is closed at once: the answer meets nobody, and the network says so.
        Raw::to(&server).send(&first_request(open(class)));
    }
    server.student(["mark", "500", "10"]).expect(0);
    let raw = Raw::to(&server);
    let refused = raw.reply(&first_request(mark(501, "10"))).answer;
    assert!(matches!(refused, Answer::MarkRefused(_)), "{refused:?}");
    let (_, ended) = server.stop("TERM");
    let counted = counters(&ended.stderr);
    assert_eq!(counted.get("opened"), Some(&500), "{ended}");
    assert_eq!(counted.get("marked"), Some(&1), "{ended}");
}
