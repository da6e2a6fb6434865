//! The page in a real browser, through the real relay to the real server.
//!
//! Chromium and its driver come from Debian's packages `chromium` and `chromium-driver`. Without them each test
//! says "skipped".
#![cfg(unix)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use support::{LONG, Relay, Server};

#[expect(dead_code, reason = "each file of tests uses its part")]
mod support;

/// What a program runs in that the system lacks: the driver of a browser.
struct Driver {
    child: Child,
    port: u16,
}

impl Driver {
    /// Nothing, if there is none here.
    fn start() -> Option<Self> {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null());
        let (Ok(mut child), true) = (command.spawn(), Path::new("/usr/bin/chromium").exists())
        else {
            println!(
                "skipped: no chromium and chromedriver here (Debian: chromium, chromium-driver)"
            );
            return None;
        };
        let mut lines = BufReader::new(child.stdout.take().expect("piped"));
        let port = loop {
            let mut line = String::new();
            assert!(lines.read_line(&mut line).expect("text") > 0, "the driver ended");
            if let Some((_, rest)) = line.split_once("started successfully on port ") {
                break rest.trim().trim_end_matches('.').parse().expect("a port");
            }
        };
        thread::spawn(move || lines.read_to_string(&mut String::new()));
        Some(Self { child, port })
    }

    /// One command of `WebDriver` (W3C).
    #[track_caller]
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if method == "GET" { String::new() } else { body.to_string() };
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the driver");
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("written");
        stream.set_read_timeout(Some(LONG + LONG)).expect("it can be set");
        let mut answer = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            answer.read_line(&mut line).expect("a head");
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(it) = line.strip_prefix("content-length:") {
                length = it.trim().parse().expect("a length");
            }
        }
        // The driver leaves the connection open.
        let mut json = vec![0; length];
        answer.read_exact(&mut json).expect("a body");
        let answer: Value = serde_json::from_slice(&json).expect("JSON");
        assert!(answer["value"]["error"].is_null(), "{method} {path}: {answer}");
        answer["value"].clone()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A telephone: a browser with nothing in it.
struct Browser<'a> {
    driver: &'a Driver,
    session: String,
}

impl<'a> Browser<'a> {
    fn start(driver: &'a Driver, language: &str) -> Self {
        let quiet = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=390,780",
        ];
        let mut arguments: Vec<_> = quiet.map(str::to_owned).to_vec();
        arguments.push(format!("--accept-lang={language}"));
        let options = json!({ "binary": "/usr/bin/chromium", "args": arguments });
        let wanted =
            json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } });
        let session = driver.ask("POST", "/session", &wanted);
        let session = session["sessionId"].as_str().expect("a session").to_owned();
        Self { driver, session }
    }

    #[track_caller]
    fn ask(&self, path: &str, body: &Value) -> Value {
        self.driver.ask("POST", &format!("/session/{}{path}", self.session), body)
    }

    /// Loads a page anew, also if it is the one that is shown.
    #[track_caller]
    fn open(&self, url: &str) {
        self.ask("/url", &json!({ "url": "about:blank" }));
        self.ask("/url", &json!({ "url": url }));
    }

    #[track_caller]
    fn run(&self, script: &str) -> Value {
        self.ask("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    #[track_caller]
    fn element(&self, selector: &str) -> String {
        let found = json!({ "using": "css selector", "value": selector });
        let found = self.ask("/element", &found);
        let id = found.as_object().and_then(|it| it.values().next()).expect("an element");
        format!("/element/{}", id.as_str().expect("text"))
    }

    #[track_caller]
    fn type_into(&self, selector: &str, text: &str) {
        let element = self.element(selector);
        self.ask(&format!("{element}/clear"), &json!({}));
        self.ask(&format!("{element}/value"), &json!({ "text": text }));
    }

    #[track_caller]
    fn click(&self, selector: &str) {
        let element = self.element(selector);
        self.ask(&format!("{element}/click"), &json!({}));
    }

    /// What a person sees.
    #[track_caller]
    fn text(&self) -> String {
        self.run("return document.body.innerText").as_str().expect("text").to_owned()
    }

    #[track_caller]
    fn wait_for(&self, what: &str) -> String {
        let until = Instant::now() + LONG + LONG;
        loop {
            let text = self.text();
            if text.contains(what) {
                return text;
            }
            assert!(Instant::now() < until, "{what:?} never came, but:\n{text}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    #[track_caller]
    fn press(&self, student: &str) {
        self.type_into("#student", student);
        self.click("#press");
    }
}

impl Drop for Browser<'_> {
    fn drop(&mut self) {
        // A test that failed in it must not fail again.
        let end = format!("/session/{}", self.session);
        if !thread::panicking() {
            self.driver.ask("DELETE", &end, &json!({}));
        }
    }
}

/// A server, a relay, and what a phone opens.
struct School {
    server: Server,
    relay: Relay,
    folder: tempfile::TempDir,
    key: String,
}

impl School {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::on(folder.path(), 0);
        let relay = Relay::to(&server.address.to_string(), &[]);
        let key = server.link(folder.path()).key.to_string();
        Self { server, relay, folder, key }
    }

    fn url(&self, class: &str) -> String {
        format!("http://{}/{class}#{}", self.relay.address, self.key)
    }

    /// The students on the last sheet of a class.
    fn close(&self, class: &str) -> Vec<String> {
        self.server.teacher(&["close", class]);
        let sheet = self.server.teacher(&["sheet", class]);
        let sheet: Value = serde_json::from_str(&sheet).expect("a sheet");
        let entries = sheet["entries"].as_array().expect("a list").iter();
        entries.map(|it| it["student"].as_str().expect("text").to_owned()).collect()
    }

    fn restarted(self) -> Self {
        let port = self.server.address.port();
        drop(self.server);
        let server = Server::on(self.folder.path(), port);
        Self { server, ..self }
    }
}

#[test]
fn a_student_presses_and_sees_the_receipt_and_a_second_press_changes_nothing() {
    let Some(driver) = Driver::start() else { return };
    let school = School::new();
    school.server.teacher(&["open", "3030"]);
    let browser = Browser::start(&driver, "en");
    browser.open(&school.url("3030"));
    browser.press("042191010");
    let text = browser.wait_for("Recorded");
    assert!(text.contains("Class 3030") && text.contains("042191010"), "{text}");
    let focused = browser.run("return document.activeElement.id");
    assert_eq!(focused, "receipt-heading", "who cannot see hears it");
    browser.open(&school.url("3030"));
    let kept = browser.run("return document.querySelector('#student').value");
    assert_eq!(kept, "042191010", "it is remembered");
    browser.click("#press");
    browser.wait_for("Already recorded");
    assert_eq!(school.close("3030"), ["042191010"]);
    browser.open(&school.url("3030"));
    browser.press("042191010");
    let text = browser.wait_for("no open roll call");
    assert!(!text.contains("Recorded"), "{text}");
}

#[test]
fn a_page_in_portuguese_says_what_is_wrong_with_a_link() {
    let Some(driver) = Driver::start() else { return };
    let school = School::new();
    let browser = Browser::start(&driver, "pt-BR");
    let lang = |it: &Browser<'_>| it.run("return document.documentElement.lang");
    browser.open(&format!("http://{}/3030", school.relay.address));
    browser.wait_for("QR");
    assert_eq!(lang(&browser), "pt-BR");
    browser.open(&format!("http://{}/3030#nonsense", school.relay.address));
    browser.wait_for("QR");
    school.server.teacher(&["open", "3030"]);
    browser.open(&school.url("3030"));
    browser.press("10");
    browser.wait_for("3030");
    browser.wait_for("registrada");
    assert_eq!(school.close("3030"), ["10"]);
}

#[test]
fn what_was_pressed_without_a_server_is_sent_on_after_the_page_was_loaded_again() {
    let Some(driver) = Driver::start() else { return };
    let school = School::new();
    school.server.teacher(&["open", "3030"]);
    let browser = Browser::start(&driver, "en");
    browser.open(&school.url("3030"));
    browser.press("1");
    browser.wait_for("Recorded");
    school.server.kill();
    browser.open(&school.url("3030"));
    browser.press("2");
    // It is under way: in the outbox.
    browser.wait_for("Sending");
    // The tab is gone, and opened again when the server is there.
    browser.open("about:blank");
    let school = school.restarted();
    browser.open(&school.url("3030"));
    browser.wait_for("Recorded");
    assert_eq!(school.close("3030"), ["1", "2"]);
}

/// A network that answers in the relay's place, as one that wants a person to sign in.
fn portal() -> String {
    let school = School::new();
    let relay = school.relay.address;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let address = listener.local_addr().expect("one");
    let url = format!("http://{address}/3030#{}", school.key);
    thread::spawn(move || {
        // It lives as long as this.
        let _school = school;
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || pass_through(stream, relay));
        }
    });
    url
}

/// Files are the relay's; every datagram is answered with a page.
fn pass_through(mut stream: TcpStream, relay: std::net::SocketAddr) {
    let mut space = [0; 16_384];
    let length = stream.read(&mut space).unwrap_or(0);
    let head = String::from_utf8_lossy(&space[..length]).into_owned();
    let Some(line) = head.lines().next() else { return };
    let path = line.split(' ').nth(1).unwrap_or("/");
    if line.starts_with("POST") {
        let body = "<html>Please sign in</html>";
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        return;
    }
    let mut to = TcpStream::connect(relay).expect("the relay");
    write!(to, "GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").expect("written");
    let mut answer = Vec::new();
    to.read_to_end(&mut answer).expect("read");
    let _ = stream.write_all(&answer);
}

#[test]
fn a_network_that_wants_a_person_to_sign_in_is_told_as_that() {
    let Some(driver) = Driver::start() else { return };
    let browser = Browser::start(&driver, "en");
    browser.open(&portal());
    browser.press("10");
    let text = browser.wait_for("sign in");
    assert!(!text.contains("Recorded"), "{text}");
}

#[test]
fn the_page_loads_nothing_from_elsewhere_and_shows_itself_in_no_frame() {
    let Some(driver) = Driver::start() else { return };
    let school = School::new();
    let browser = Browser::start(&driver, "en");
    browser.open(&school.url("3030"));
    browser.wait_for("I am here");
    let loaded = browser.run("return performance.getEntriesByType('resource').map(it => it.name)");
    let origin = format!("http://{}/", school.relay.address);
    let loaded = loaded.as_array().expect("a list");
    assert!(loaded.len() >= 3, "{loaded:?}");
    for it in loaded {
        assert!(it.as_str().is_some_and(|it| it.starts_with(&origin)), "{it}");
    }
    let injected = "const it = document.createElement('script'); it.textContent = 'window.mine = 1'; \
                    document.head.append(it); return window.mine ?? 'refused'";
    assert_eq!(browser.run(injected), "refused", "a script in the page");
    // Another page, of another origin, that would put ours into a frame.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let framing = format!("http://localhost:{}/", listener.local_addr().expect("one").port());
    let body = format!("<iframe src='{origin}3030'></iframe>");
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 4_096]);
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    browser.open(&framing);
    let frames = browser
        .run("try { return window.frames[0].document.body.innerText } catch (e) { return e.name }");
    assert_eq!(frames, "SecurityError", "an error page of the browser, and not ours");
    let from_there = format!(
        "return fetch('{origin}d', {{method: 'POST', mode: 'no-cors', body: 'x'}}).then(it => it.type, it => it.name)"
    );
    assert_eq!(browser.run(&from_there), "TypeError", "it is told nothing");
    school.relay.program.signal("USR1");
    school.relay.program.wait_for("foreign=1");
}
