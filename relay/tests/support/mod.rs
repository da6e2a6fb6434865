//! The real programs, and a page without a browser: the client core over HTTP.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{Request, Response, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rollcall::client::{LinkedClient, Output, Unanswered};
use rollcall::exchange::{Answer, Operation};
use rollcall::seal::{Channel, Link, SecretKey};
use rollcall::shell::clock::{Clock, entropy};
use rollcall::shell::trust::JoinLink;
use rollcall::time::Instant;
use rollcall::wire::Datagram;
use rustls::crypto::ring::default_provider;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::mpsc;

/// What a program has to do within this, on a computer that is busy.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// A program that is ended with this.
pub(crate) struct Program {
    child: Child,
    said: Arc<Mutex<String>>,
}

impl Program {
    pub(crate) fn start(command: &mut Command) -> (Self, String) {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let said = Arc::new(Mutex::new(String::new()));
        let (errors, all) = (child.stderr.take().expect("piped"), said.clone());
        thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                let mut all = all.lock().expect("nobody panics with it");
                all.push_str(&line);
                all.push('\n');
            }
        });
        let mut first = String::new();
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        output.read_line(&mut first).expect("text");
        thread::spawn(move || output.read_to_string(&mut String::new()));
        (Self { child, said }, first.trim_end().to_owned())
    }

    pub(crate) fn signal(&self, name: &str) {
        let signal = format!("-{name}");
        let pid = self.child.id().to_string();
        let killed = Command::new("kill").args([signal, pid]).status().expect("kill");
        assert!(killed.success());
    }

    /// Waits until it has logged that.
    #[track_caller]
    pub(crate) fn wait_for(&self, what: &str) -> String {
        let until = std::time::Instant::now() + LONG;
        loop {
            let said = self.said.lock().expect("nobody panics with it").clone();
            if said.contains(what) {
                return said;
            }
            assert!(std::time::Instant::now() < until, "it never said {what:?}, but:\n{said}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().expect("its end");
        thread::sleep(Duration::from_millis(20));
        (status.code(), self.said.lock().expect("nobody panics with it").clone())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program of the roll call, which lies beside this test once it is built.
pub(crate) fn program(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        let here = std::env::current_exe().expect("a path");
        let folder = here.ancestors().nth(2).expect("target/profile").to_owned();
        let names = ["rollcall-server", "rollcall-teacher"];
        if !names.iter().all(|it| folder.join(it).exists()) {
            let mut build = Command::new(env!("CARGO"));
            build.args(["build", "--locked", "--package", "rollcall", "--bins"]);
            assert!(build.status().expect("cargo").success(), "the programs cannot be built");
        }
        folder
    });
    folder.join(name)
}

fn address_after(line: &str, word: &str) -> SocketAddr {
    let rest = line.strip_prefix(word).unwrap_or_else(|| panic!("not {word:?}: {line:?}"));
    rest.parse().unwrap_or_else(|_| panic!("no address: {line:?}"))
}

/// The roll call server, with its journal in a folder; ended with this.
pub(crate) struct Server {
    program: Program,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn on(folder: &Path, port: u16) -> Self {
        let mut command = Command::new(program("rollcall-server"));
        let listen = format!("127.0.0.1:{port}");
        command.args(["--listen", &listen, "--data"]).arg(folder);
        let (program, line) = Program::start(&mut command);
        Self { program, address: address_after(&line, "listening on ") }
    }

    /// Ends it with SIGKILL.
    pub(crate) fn kill(&self) {
        self.program.signal("KILL");
    }

    /// By which key it is known.
    pub(crate) fn link(&self, folder: &Path) -> JoinLink {
        let mut command = Command::new(program("rollcall-server"));
        let output = command.arg("link").arg(self.address.to_string()).arg("--data").arg(folder);
        let output = output.output().expect("it runs");
        let text = String::from_utf8(output.stdout).expect("text");
        let link = text.split_whitespace().find(|it| it.starts_with("rollcall://"));
        link.unwrap_or_else(|| panic!("no link: {text}")).parse().expect("a link")
    }

    /// What the teacher's program prints for programs.
    #[track_caller]
    pub(crate) fn teacher(&self, words: &[&str]) -> String {
        let mut command = Command::new(program("rollcall-teacher"));
        command.args(["--json", "--server", &self.address.to_string()]).args(words);
        let output = command.stdin(Stdio::null()).output().expect("it runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {errors}");
        String::from_utf8(output.stdout).expect("text")
    }
}

/// The relay.
pub(crate) struct Relay {
    pub(crate) program: Program,
    pub(crate) address: SocketAddr,
}

impl Relay {
    pub(crate) fn to(server: &str, more: &[&str]) -> Self {
        let mut command = Self::command();
        command.args(["--listen", "127.0.0.1:0", "--server", server]).args(more);
        let (program, line) = Program::start(&mut command);
        Self { program, address: address_after(&line, "relaying on ") }
    }

    pub(crate) fn command() -> Command {
        Command::new(env!("CARGO_BIN_EXE_rollcall-relay"))
    }

    /// Writes these bytes and reads until the other side ends.
    pub(crate) fn raw(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(LONG)).expect("it can be set");
        stream.write_all(request).expect("written");
        let mut text = Vec::new();
        stream.read_to_end(&mut text).expect("read");
        String::from_utf8_lossy(&text).into_owned()
    }

    pub(crate) fn post(&self, headers: &str, body: &[u8]) -> String {
        let head = format!(
            "POST /d HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n",
            self.address,
            body.len()
        );
        self.raw(&[head.as_bytes(), body].concat())
    }
}

/// What every datagram is sent with.
pub(crate) const OCTETS: &str = "content-type: application/octet-stream\r\n";

/// Without TLS where the address says `http`.
pub(crate) type Http = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

pub(crate) fn http() -> Http {
    https(RootCertStore::empty(), false)
}

/// Who trusts these, and speaks HTTP/2 or HTTP/1.1.
pub(crate) fn https(roots: RootCertStore, http2: bool) -> Http {
    let config = ClientConfig::builder_with_provider(default_provider().into())
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let builder = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http();
    let connector =
        if http2 { builder.enable_http2().build() } else { builder.enable_http1().build() };
    Client::builder(TokioExecutor::new()).http2_only(http2).build(connector)
}

/// Sends one datagram: the status, and what came back.
pub(crate) async fn carry(http: &Http, url: &str, datagram: &[u8]) -> Option<(StatusCode, Bytes)> {
    let request = Request::post(url)
        .header("content-type", "application/octet-stream")
        .body(Full::from(datagram.to_vec()))
        .expect("a request");
    let response: Response<_> = http.request(request).await.ok()?;
    let status = response.status();
    Some((status, response.into_body().collect().await.ok()?.to_bytes()))
}

/// A phone: a device of its own, which asks until it is answered.
pub(crate) struct Phone {
    client: LinkedClient,
    clock: Clock,
    http: Http,
    url: String,
}

impl Phone {
    pub(crate) fn new(link: &JoinLink, http: &Http, url: &str) -> Self {
        let channel = Channel::new(link.key, SecretKey::from_bytes(entropy()), entropy());
        let client = LinkedClient::new(entropy(), Link::Sealed(Box::new(channel)));
        Self { client, clock: Clock::start(), http: http.clone(), url: url.to_owned() }
    }

    /// Asks, and waits for the answer.
    pub(crate) async fn perform(&mut self, operation: Operation) -> Result<Answer, Unanswered> {
        let (answers, mut came) = mpsc::unbounded_channel();
        let mut space = Datagram::new();
        self.client.perform(self.clock.now(), operation, LONG);
        loop {
            let send = |space: &Datagram| {
                let (http, url) = (self.http.clone(), self.url.clone());
                let (answers, bytes) = (answers.clone(), space.as_bytes().to_vec());
                tokio::spawn(async move {
                    if let Some((StatusCode::OK, answer)) = carry(&http, &url, &bytes).await {
                        // Who has an answer already listens no more.
                        let _ = answers.send(answer);
                    }
                });
            };
            while self.client.poll_hello(&mut space) {
                send(&space);
            }
            while let Some(output) = self.client.poll_output(self.clock.now(), &mut space) {
                match output {
                    Output::Transmit => send(&space),
                    Output::Progress(_) => {}
                    Output::Answered { answer, .. } => return Ok(answer),
                    Output::Unanswered(why) => return Err(why),
                }
            }
            while self.client.poll_hello(&mut space) {
                send(&space);
            }
            let wait = |until: Instant| until.since(self.clock.now().instant);
            let wait = self.client.poll_timeout().map_or(LONG, wait);
            match tokio::time::timeout(wait, came.recv()).await {
                Ok(Some(answer)) => {
                    self.client.handle_datagram(self.clock.now(), &answer);
                }
                _ => self.client.handle_timeout(self.clock.now()),
            }
        }
    }
}
