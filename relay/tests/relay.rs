//! The real relay between the real server and the client core of a page.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rollcall::exchange::{Answer, Operation};
use rollcall::wire::{Kind, MAGIC, VERSION};
use serde_json::Value;

use rcgen::CertifiedKey;
use rustls::RootCertStore;
use support::{LONG, OCTETS, Phone, Program, Relay, Server, carry, http, https};

#[expect(dead_code, reason = "each file of tests uses its part")]
mod support;

fn datagram(kind: Kind, length: usize, fill: u8) -> Vec<u8> {
    let mut bytes = vec![fill; length];
    bytes[..4].copy_from_slice(&[MAGIC[0], MAGIC[1], VERSION, kind.byte()]);
    bytes
}

fn sealed(device: u8, nonce: u8) -> Vec<u8> {
    let mut bytes = datagram(Kind::Sealed, 256, device);
    bytes[104..128].fill(nonce);
    bytes
}

fn mark(class: &str, student: usize) -> Operation {
    let (class, student) = (class.parse().expect("a class"), student.to_string());
    Operation::Mark { class, student: student.parse().expect("a number"), code: None }
}

/// Who is on the last sheet of a class, and since when.
fn sheet(server: &Server, class: &str) -> BTreeMap<String, String> {
    let sheet: Value = serde_json::from_str(&server.teacher(&["sheet", class])).expect("a sheet");
    let entries = sheet["entries"].as_array().expect("a list").iter();
    let text = |it: &Value| it.as_str().expect("text").to_owned();
    let rows: Vec<_> = entries.map(|it| (text(&it["student"]), text(&it["at"]))).collect();
    let count = rows.len();
    let rows: BTreeMap<_, _> = rows.into_iter().collect();
    assert_eq!(rows.len(), count, "each student once");
    rows
}

/// Presses on so many phones at once: what each was told.
async fn press(phones: Vec<Phone>, class: &'static str) -> BTreeMap<String, String> {
    let pressed = phones.into_iter().enumerate().map(|(student, mut phone)| {
        tokio::spawn(async move { (student, phone.perform(mark(class, student)).await) })
    });
    let pressed: Vec<_> = pressed.collect();
    let mut receipts = BTreeMap::new();
    for it in pressed {
        let (student, answer) = it.await.expect("no panic");
        let Ok(Answer::Marked(marked)) = answer else { panic!("student {student}: {answer:?}") };
        receipts.insert(student.to_string(), marked.at.to_rfc3339());
    }
    receipts
}

// spec: R-RELAY-2
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_phone_is_told_is_on_the_sheet() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::on(folder.path(), 0);
    let relay = Relay::to(&server.address.to_string(), &[]);
    let (link, http) = (server.link(folder.path()), http());
    let url = format!("http://{}/d", relay.address);
    server.teacher(&["open", "3030"]);
    let phones = (0..20).map(|_| Phone::new(&link, &http, &url)).collect();
    let receipts = press(phones, "3030").await;
    server.teacher(&["close", "3030"]);
    assert_eq!(sheet(&server, "3030"), receipts);
    relay.program.signal("USR1");
    let counters = relay.program.wait_for("carried=");
    assert!(counters.contains("lanes=40"), "one for each handshake and each ticket\n{counters}");
    relay.program.signal("TERM");
    let (code, said) = relay.program.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("3030"), "nothing of what it carries\n{said}");
}

/// A certificate for this computer, laid down in a folder, and who trusts it.
fn certificate(folder: &Path) -> RootCertStore {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    std::fs::write(folder.join("key.pem"), signing_key.serialize_pem()).expect("written");
    std::fs::write(folder.join("cert.pem"), cert.pem()).expect("written");
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).expect("it can be trusted");
    roots
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn phones_speak_tls_and_a_certificate_that_is_renewed_is_used_without_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::on(folder.path(), 0);
    let first = certificate(folder.path());
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    let with = ["--tls-cert", &cert, "--tls-key", &key, "--name", "localhost"];
    let relay = Relay::to(&server.address.to_string(), &with);
    let link = server.link(folder.path());
    let url = format!("https://localhost:{}/d", relay.address.port());
    server.teacher(&["open", "3030"]);
    for (student, http2) in [(1, false), (2, true)] {
        let mut phone = Phone::new(&link, &https(first.clone(), http2), &url);
        let answer = phone.perform(mark("3030", student)).await;
        assert!(matches!(answer, Ok(Answer::Marked(_))), "{answer:?}");
    }
    let plain = relay.post(OCTETS, &sealed(1, 1));
    assert!(!plain.contains(" 200 "), "{plain}");
    // A bad one is told, and the one from before stays.
    std::fs::write(&cert, "nothing").expect("written");
    relay.program.wait_for("the certificate from before stays in use");
    let hello = datagram(Kind::Sealed, 256, 1);
    assert!(carry(&https(first.clone(), true), &url, &hello).await.is_some());
    let second = certificate(folder.path());
    relay.program.wait_for("the certificate was read again");
    assert!(carry(&https(first, true), &url, &hello).await.is_none(), "it is another one now");
    let mut phone = Phone::new(&link, &https(second, true), &url);
    assert!(matches!(phone.perform(mark("3030", 3)).await, Ok(Answer::Marked(_))));
    server.teacher(&["close", "3030"]);
    assert_eq!(sheet(&server, "3030").into_keys().collect::<Vec<_>>(), ["1", "2", "3"]);
}

/// Runs a test of this file again in a network of its own, of whose datagrams every fifth is lost.
/// Nothing, if there is none here.
fn in_lossy_network(test: &str) -> Option<String> {
    const RULES: &str = "ip link set lo up && nft add table ip loss && \
        nft 'add chain ip loss in { type filter hook input priority 0; }' && \
        nft 'add rule ip loss in meta l4proto udp numgen random mod 100 < 20 drop' && exec \"$0\" \"$@\"";
    let this = std::env::current_exe().expect("a path");
    let mut command = Command::new("unshare");
    command.args(["--net", "sh", "-c", RULES]).arg(this);
    command.args(["--exact", test, "--ignored", "--nocapture"]);
    let can = Command::new("unshare").args(["--net", "nft", "list", "tables"]).output();
    if !can.is_ok_and(|it| it.status.success()) {
        println!("skipped: no network namespace with nftables here (root, unshare and nft)");
        return None;
    }
    let output = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    Some(said)
}

#[test]
fn three_hundred_phones_press_at_once_while_every_fifth_datagram_is_lost() {
    if let Some(said) = in_lossy_network("inside_three_hundred_phones") {
        assert!(said.contains("1 passed"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs in the network of the test above"]
async fn inside_three_hundred_phones() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::on(folder.path(), 0);
    let relay = Relay::to(&server.address.to_string(), &[]);
    let (link, http) = (server.link(folder.path()), http());
    let url = format!("http://{}/d", relay.address);
    server.teacher(&["open", "3030"]);
    let phones = (0..300).map(|_| Phone::new(&link, &http, &url)).collect();
    let receipts = press(phones, "3030").await;
    assert_eq!(receipts.len(), 300);
    server.teacher(&["close", "3030"]);
    assert_eq!(sheet(&server, "3030"), receipts);
    relay.program.signal("USR1");
    let counters = relay.program.wait_for("server_silent=");
    assert!(!counters.contains("server_silent=0 "), "datagrams were lost\n{counters}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_and_a_relay_that_is_killed_cost_a_phone_no_more_than_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::on(folder.path(), 0);
    let address = server.address;
    let relay = Relay::to(&address.to_string(), &[]);
    let (link, http) = (server.link(folder.path()), http());
    let url = format!("http://{}/d", relay.address);
    server.teacher(&["open", "3030"]);
    let mut phone = Phone::new(&link, &http, &url);
    assert!(matches!(phone.perform(mark("3030", 1)).await, Ok(Answer::Marked(_))));
    drop(server);
    let pressing = tokio::spawn(async move { (phone.perform(mark("3030", 2)).await, phone) });
    wait_for_count(&relay.program, "server_silent=", 1);
    let server = Server::on(folder.path(), address.port());
    let (answer, mut phone) = pressing.await.expect("no panic");
    assert!(matches!(answer, Ok(Answer::Marked(_))), "{answer:?}");
    let port = relay.address.port();
    drop(relay);
    let pressing = tokio::spawn(async move { phone.perform(mark("3030", 3)).await });
    let listen = format!("127.0.0.1:{port}");
    let mut command = Relay::command();
    command.args(["--listen", &listen, "--server", &address.to_string()]);
    let (_relay, _) = Program::start(&mut command);
    let answer = pressing.await.expect("no panic");
    assert!(matches!(answer, Ok(Answer::Marked(_))), "{answer:?}");
    server.teacher(&["close", "3030"]);
    assert_eq!(sheet(&server, "3030").into_keys().collect::<Vec<_>>(), ["1", "2", "3"]);
}

/// Waits until a counter of the relay has come to this.
fn wait_for_count(relay: &Program, name: &str, count: u64) {
    let until = std::time::Instant::now() + LONG;
    loop {
        relay.signal("USR1");
        let said = relay.wait_for(name);
        let last = said.rsplit(name).next().expect("there is one");
        let digits: String = last.chars().take_while(char::is_ascii_digit).collect();
        if digits.parse::<u64>().is_ok_and(|it| it >= count) {
            return;
        }
        assert!(std::time::Instant::now() < until, "{said}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

// spec: R-RELAY-1, R-RELAY-2, R-RELAY-5, R-RELAY-6
#[test]
fn what_is_no_sealed_datagram_of_this_page_goes_nowhere() {
    let server = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let relay = Relay::to(&server.local_addr().expect("one").to_string(), &[]);
    let good = sealed(1, 1);
    let origin = |it: &str| format!("{OCTETS}origin: {it}\r\n");
    for (headers, body, status, why) in [
        (OCTETS.to_owned(), datagram(Kind::Mark, 256, 0), "400", "neither a handshake nor"),
        (OCTETS.to_owned(), good[..255].to_vec(), "400", "neither a handshake nor"),
        (OCTETS.to_owned(), Vec::new(), "400", "neither a handshake nor"),
        (OCTETS.to_owned(), vec![0; 1_201], "413", "at most 1,200 bytes"),
        (String::new(), good.clone(), "415", "application/octet-stream"),
        ("content-type: text/plain\r\n".to_owned(), good.clone(), "415", "octet-stream"),
        (origin("https://evil.example"), good.clone(), "403", "another origin"),
        (origin("null"), good.clone(), "403", "another origin"),
        (format!("{OCTETS}sec-fetch-site: cross-site\r\n"), good.clone(), "403", "another origin"),
        (format!("{OCTETS}sec-fetch-site: same-site\r\n"), good.clone(), "403", "another origin"),
    ] {
        let answer = relay.post(&headers, &body);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer}");
        assert!(answer.contains(why), "{why}: {answer}");
        for header in ["cache-control: no-store", "x-content-type-options: nosniff"] {
            assert!(answer.contains(header), "{header}: {answer}");
        }
        assert!(!answer.contains("access-control-allow"), "{answer}");
    }
    let head = format!("POST /d HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{OCTETS}");
    let long = relay.raw(format!("{head}content-length: 1000000000\r\n\r\n").as_bytes());
    assert!(long.starts_with("HTTP/1.1 413 "), "before it comes: {long}");
    let chunk = "x".repeat(0x600);
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n600\r\n{chunk}\r\n");
    let long = relay.raw(chunked.as_bytes());
    assert!(long.starts_with("HTTP/1.1 413 "), "without a length: {long}");
    let get = relay.raw(b"GET /d HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    assert!(get.starts_with("HTTP/1.1 405 ") && get.contains("allow: POST"), "{get}");
    let preflight = relay.raw(b"OPTIONS /d HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    assert!(preflight.starts_with("HTTP/1.1 405 "), "{preflight}");
    let other = relay.raw(b"GET /etc/passwd HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    assert!(other.starts_with("HTTP/1.1 404 "), "{other}");
    let broken = relay.raw(b"\x16\x03\x01\x02\x00");
    assert!(broken.is_empty() || broken.starts_with("HTTP/1.1 400 "), "{broken}");
    server.set_nonblocking(true).expect("it can be set");
    assert!(server.recv(&mut [0; 2_000]).is_err(), "nothing came to the server");
    let same =
        format!("{OCTETS}origin: http://{}\r\nsec-fetch-site: same-origin\r\n", relay.address);
    assert!(relay.post(&same, &good).starts_with("HTTP/1.1 504 "), "nobody answers here");
    assert_eq!(server.recv(&mut [0; 2_000]).expect("it came"), 256);
    assert!(server.recv(&mut [0; 2_000]).is_err(), "once");
}

/// The next datagram, and where its answer goes.
fn next(server: &UdpSocket) -> (Vec<u8>, std::net::SocketAddr) {
    let mut space = [0; 2_000];
    let (length, from) = server.recv_from(&mut space).expect("a datagram");
    (space[..length].to_vec(), from)
}

// spec: R-RELAY-3, R-RELAY-4
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_has_a_port_of_its_own_and_is_not_given_what_came_too_late() {
    let server = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    server.set_read_timeout(Some(LONG)).expect("it can be set");
    let relay = Relay::to(&server.local_addr().expect("one").to_string(), &[]);
    let (http, url) = (http(), format!("http://{}/d", relay.address));
    let post = |bytes: Vec<u8>| {
        let (http, url) = (http.clone(), url.clone());
        tokio::spawn(async move { carry(&http, &url, &bytes).await.expect("an answer") })
    };
    let reply = |fill: u8| datagram(Kind::SealedReply, 256, fill);
    // Neither plain datagrams nor the answers to other handshakes are one.
    let first = post(sealed(1, 1));
    let (came, port_of_1) = next(&server);
    assert_eq!(came, sealed(1, 1), "it is carried as it is");
    for other in [
        datagram(Kind::Marked, 64, 0),
        datagram(Kind::Welcome, 244, 1),
        datagram(Kind::Renew, 24, 9),
        Vec::new(),
        vec![0; 1_500],
    ] {
        server.send_to(&other, port_of_1).expect("sent");
    }
    server.send_to(&reply(1), port_of_1).expect("sent");
    assert_eq!(first.await.expect("no panic").1, reply(1));
    // Another device, another port; the same one, the same.
    let second = post(sealed(2, 1));
    let (_, port_of_2) = next(&server);
    assert_ne!(port_of_1, port_of_2);
    server.send_to(&reply(2), port_of_2).expect("sent");
    assert_eq!(second.await.expect("no panic").1, reply(2));
    let late = post(sealed(1, 2));
    assert_eq!(next(&server).1, port_of_1);
    assert_eq!(late.await.expect("no panic").0, 504);
    server.send_to(&reply(3), port_of_1).expect("sent, too late");
    let third = post(sealed(1, 3));
    let (came, from) = next(&server);
    assert_eq!((came, from), (sealed(1, 3), port_of_1));
    server.send_to(&reply(4), port_of_1).expect("sent");
    assert_eq!(third.await.expect("no panic").1, reply(4), "not what came too late");
    // An answer from another address is none.
    let fourth = post(sealed(1, 4));
    let (_, from) = next(&server);
    let stranger = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    stranger.send_to(&reply(5), from).expect("sent");
    server.send_to(&reply(6), from).expect("sent");
    assert_eq!(fourth.await.expect("no panic").1, reply(6));
}

// spec: R-RELAY-5
#[test]
fn who_sends_too_much_is_told_when_to_go_on() {
    let relay = Relay::to("127.0.0.1:9", &["--behind-proxy"]);
    let one = |from: &str| {
        format!(
            "POST /d HTTP/1.1\r\nhost: a\r\n{OCTETS}x-forwarded-for: 192.0.2.1, {from}\r\n\
             content-length: 1\r\n\r\nx"
        )
    };
    let mut stream = TcpStream::connect(relay.address).expect("a connection");
    stream.set_read_timeout(Some(LONG)).expect("it can be set");
    let mut ask = |from: &str| {
        stream.write_all(one(from).as_bytes()).expect("written");
        let mut text = String::new();
        let mut space = [0; 4_096];
        while !text.contains("carried") && !text.contains("too much") {
            let length = stream.read(&mut space).expect("an answer");
            assert!(length > 0, "it ended: {text}");
            text.push_str(&String::from_utf8_lossy(&space[..length]));
        }
        text
    };
    // The bound is refilled meanwhile: 1,000 in a second.
    let limited = (0..200_000).map(|_| ask("203.0.113.7")).find(|it| it.contains(" 429 "));
    let limited = limited.expect("there is a bound");
    assert!(limited.contains("retry-after: 1"), "{limited}");
    assert!(ask("203.0.113.8").contains(" 400 "), "another one is not concerned");
}

#[test]
fn connections_that_say_nothing_keep_nobody_out() {
    let relay = Relay::to("127.0.0.1:9", &[]);
    let open = |begin: &[u8]| {
        let mut stream = TcpStream::connect(relay.address).expect("a connection");
        stream.write_all(begin).expect("written");
        stream
    };
    let idle: Vec<_> = (0..400).map(|_| open(b"")).collect();
    let slow: Vec<_> = (0..400).map(|_| open(b"POST /d HTTP/1.1\r\nhost: a\r\nx-slow: ")).collect();
    let head = format!("POST /d HTTP/1.1\r\nhost: a\r\n{OCTETS}content-length: 256\r\n\r\nRC");
    let mut half: Vec<_> = (0..400).map(|_| open(head.as_bytes())).collect();
    let answer = relay.post(OCTETS, b"x");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let mut text = String::new();
    half[0].set_read_timeout(Some(LONG)).expect("it can be set");
    half[0].read_to_string(&mut text).expect("it is ended");
    assert!(text.starts_with("HTTP/1.1 408 ") && text.contains("in time"), "{text}");
    drop((idle, slow, half));
}

#[track_caller]
fn refused(arguments: &[&str], code: i32, says: &str) {
    let output = Relay::command().args(arguments).output().expect("it runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
    assert!(errors.contains(says), "{arguments:?}: {errors}");
}

#[test]
fn wrong_usage_is_told_and_nothing_is_listened_on() {
    let to = ["--server", "127.0.0.1:5050"];
    let with = |more: &[&'static str]| [&to[..], more].concat();
    refused(&[], 2, "--server");
    refused(&["--server", "roll.example.edu"], 2, "a port is missing");
    refused(&["--server", "::1:5050"], 2, "an address of IPv6 in brackets");
    refused(&["--server", "a:0"], 2, "a number from 1 to 65535");
    refused(&with(&["--listen", "here"]), 2, "--listen");
    refused(&with(&["--listen", "0.0.0.0:0"]), 1, "without TLS no browser gives a page its keys");
    refused(&with(&["--tls-cert", "/nowhere"]), 2, "--tls-key");
    refused(&with(&["--tls-cert", "/nowhere", "--tls-key", "/nowhere"]), 1, "cannot read /nowhere");
    let taken = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a socket");
    let address = listener.local_addr().expect("one").to_string();
    let output = Relay::command().args(to).args(["--listen", &address]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot listen on"));
    drop(taken);
}

#[test]
fn a_server_that_is_not_there_is_told_and_one_without_address_too() {
    let relay = Relay::to("127.0.0.1:9", &[]);
    assert!(relay.post(OCTETS, &sealed(1, 1)).starts_with("HTTP/1.1 504 "));
    relay.program.wait_for("the server does not answer: is it running");
    let relay = Relay::to("nobody.invalid:5050", &[]);
    let answer = relay.post(OCTETS, &sealed(1, 1));
    assert!(answer.starts_with("HTTP/1.1 504 ") && answer.contains("has no address"), "{answer}");
}
