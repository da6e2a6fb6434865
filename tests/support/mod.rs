//! Runs the real commands and waits for what they do: a line, an end, a datagram; never for a time.
//!
//! Servers listen on port 0 of a loopback address of their own, so that one that was killed finds
//! its port free again, whatever other tests do meanwhile.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

pub(crate) mod disk;
pub(crate) mod masked;
pub(crate) mod network;
pub(crate) mod people;
pub(crate) mod process;
pub(crate) mod raw;
pub(crate) mod relay;

use process::{Finished, Process, Stream, TIMEOUT};

pub(crate) const SERVER: &str = env!("CARGO_BIN_EXE_rollcall-server");
pub(crate) const TEACHER: &str = env!("CARGO_BIN_EXE_rollcall-teacher");
pub(crate) const STUDENT: &str = env!("CARGO_BIN_EXE_rollcall-student");
pub(crate) const ADMIN: &str = env!("CARGO_BIN_EXE_rollcall-admin");
pub(crate) const LOAD: &str = env!("CARGO_BIN_EXE_rollcall-load");

/// Where a command runs: here, or inside of something that another command enters first.
#[derive(Clone, Default)]
pub(crate) struct Place {
    entering: Vec<OsString>,
}

impl Place {
    /// Behind a command that runs the rest of its arguments.
    pub(crate) fn behind(entering: &[&str]) -> Self {
        Self { entering: entering.iter().map(OsString::from).collect() }
    }

    /// A command in this place that knows nothing of who runs the tests.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = match self.entering.split_first() {
            None => Command::new(program),
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
        };
        command.env_remove("ROLLCALL_SERVER").env_remove("RUST_LOG");
        // What the person who runs the tests has joined is none of their business.
        // What one run of the tests keeps there, because nobody answered, is not sent on in another one.
        let folder =
            format!("{}/nothing-joined-{}", env!("CARGO_TARGET_TMPDIR"), std::process::id());
        command.env("ROLLCALL_CONFIG", folder);
        command.env("TZ", "UTC").env("LC_ALL", "C");
        // Nor is the language they speak.
        command.env("ROLLCALL_LANG", "en");
        command
    }
}

/// Runs a command that talks to no server.
pub(crate) fn run<S: AsRef<OsStr>>(
    program: &str,
    arguments: impl IntoIterator<Item = S>,
) -> Finished {
    let mut command = Place::default().command(program);
    command.args(arguments);
    Process::spawn(command, None).finish()
}

/// How a server is started, and started again.
#[derive(Clone, Default)]
pub(crate) struct Setup {
    place: Place,
    listen: Vec<SocketAddr>,
    folder: Option<PathBuf>,
    files: Option<PathBuf>,
    arguments: Vec<OsString>,
    /// It is not told to read plain datagrams where it listens on a network.
    is_sealed: bool,
}

impl Setup {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Where it runs.
    pub(crate) fn place(mut self, place: &Place) -> Self {
        self.place = place.clone();
        self
    }

    /// One more address to listen on.
    pub(crate) fn listen(mut self, address: SocketAddr) -> Self {
        self.listen.push(address);
        self
    }

    /// The folder of its journal; without one it keeps nothing.
    pub(crate) fn folder(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// The folder of files that it offers.
    pub(crate) fn files(mut self, folder: &Path) -> Self {
        self.files = Some(folder.to_owned());
        self
    }

    /// Reads no plain datagrams, also where nothing but this computer is listened on.
    pub(crate) fn sealed(self) -> Self {
        self.without_plain().arg("--sealed")
    }

    /// Is not told to read plain datagrams where it listens on a network.
    pub(crate) fn without_plain(mut self) -> Self {
        self.is_sealed = true;
        self
    }

    /// One more argument.
    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// The first address that it listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        self.listen[0]
    }

    /// Starts it and waits until it serves.
    #[track_caller]
    pub(crate) fn start(mut self) -> Server {
        if self.listen.is_empty() {
            self.listen.push(own_address());
        }
        let process = self.spawn();
        let many = self.listen.len();
        let said =
            process.wait_for_output("where it listens", |text| text.matches('\n').count() >= many);
        let address = |line: &str| -> SocketAddr {
            let address = line.strip_prefix("listening on ").and_then(|text| text.parse().ok());
            address.unwrap_or_else(|| panic!("not an address: {line:?}\n{process}"))
        };
        self.listen = said.lines().map(address).collect();
        assert_eq!(self.listen.len(), many, "a line for each address\n{process}");
        Server { process, setup: self }
    }

    /// Starts it without waiting for anything: it may end with an error.
    pub(crate) fn spawn(&self) -> Process {
        let mut command = self.place.command(SERVER);
        for address in &self.listen {
            command.args(["--listen", &address.to_string()]);
        }
        match &self.folder {
            Some(folder) => command.arg("--data").arg(folder),
            None => command.arg("--in-memory"),
        };
        if let Some(files) = &self.files {
            command.arg("--files").arg(files);
        }
        if self.listen.iter().any(|it| !it.ip().is_loopback()) && !self.is_sealed {
            command.arg("--plain");
        }
        command.args(&self.arguments);
        Process::spawn(command, None)
    }
}

/// A server that serves. It never outlives this value.
pub(crate) struct Server {
    process: Process,
    setup: Setup,
}

impl Server {
    /// A server that keeps nothing.
    #[track_caller]
    pub(crate) fn in_memory() -> Self {
        Setup::new().start()
    }

    /// A server with its journal in this folder.
    #[track_caller]
    pub(crate) fn on(folder: &Path) -> Self {
        Setup::new().folder(folder).start()
    }

    /// The first address that it listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        self.setup.listen[0]
    }

    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.setup.listen
    }

    pub(crate) fn process(&self) -> &Process {
        &self.process
    }

    pub(crate) fn log(&self) -> &Stream {
        self.process.stderr()
    }

    /// Runs the teacher's command with `--json`, to its end.
    #[track_caller]
    pub(crate) fn teacher<S: AsRef<OsStr>>(&self, arguments: impl AsRef<[S]>) -> Finished {
        self.client(TEACHER).arg("--json").args(arguments.as_ref()).run()
    }

    /// Runs the student's command with `--json`, to its end.
    #[track_caller]
    pub(crate) fn student<S: AsRef<OsStr>>(&self, arguments: impl AsRef<[S]>) -> Finished {
        self.client(STUDENT).arg("--json").args(arguments.as_ref()).run()
    }

    /// A command that talks to this server.
    pub(crate) fn client(&self, program: &str) -> Call {
        Call::new(&Place::default(), program, Some(self.log().clone()))
            .args(["--server", &self.address().to_string()])
    }

    /// Kills it as a crash does; what is left is how to start it again, on the same port.
    pub(crate) fn kill(self) -> Setup {
        self.process.kill();
        self.setup
    }

    /// Ends it in order by this signal.
    #[track_caller]
    pub(crate) fn stop(self, signal: &str) -> (Setup, Finished) {
        self.process.signal(signal);
        (self.setup, self.process.finish().expect(0))
    }

    /// Waits until it ends by itself.
    #[track_caller]
    pub(crate) fn finish(self) -> (Setup, Finished) {
        (self.setup, self.process.finish())
    }
}

/// A client's command before it is run.
pub(crate) struct Call {
    command: Command,
    server_log: Option<Stream>,
}

impl Call {
    pub(crate) fn new(place: &Place, program: &str, server_log: Option<Stream>) -> Self {
        Self { command: place.command(program), server_log }
    }

    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.command.args(arguments);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts it.
    pub(crate) fn start(self) -> Process {
        Process::spawn(self.command, self.server_log)
    }

    /// Runs it to its end with this on its standard input.
    #[track_caller]
    pub(crate) fn run_with(self, input: &[u8]) -> Finished {
        let mut process = self.start();
        process.write(input);
        process.finish()
    }

    /// Runs it to its end with nothing on its standard input.
    #[track_caller]
    pub(crate) fn run(self) -> Finished {
        self.start().finish()
    }
}

/// Waits until so much of a file has arrived in this folder.
#[track_caller]
pub(crate) fn wait_for_part(folder: &Path, bytes: u64, process: &Process) {
    let clock = rollcall::shell::clock::Clock::start();
    loop {
        let arrived = fs::read_dir(folder).expect("a folder").flatten().any(|entry| {
            let is_part = entry.path().extension() == Some(OsStr::new("part"));
            is_part && entry.metadata().is_ok_and(|it| it.len() >= bytes)
        });
        if arrived {
            return;
        }
        let waited = Duration::from_micros(clock.now().instant.as_micros());
        assert!(waited < TIMEOUT, "no part of {bytes} bytes arrives\n{process}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Port 0 of a loopback address that no other test uses.
pub(crate) fn own_address() -> SocketAddr {
    static USED: AtomicU32 = AtomicU32::new(0);
    if !cfg!(target_os = "linux") {
        // Elsewhere there is only this one.
        return (Ipv4Addr::LOCALHOST, 0).into();
    }
    let used = USED.fetch_add(1, Ordering::Relaxed);
    let place = (std::process::id().wrapping_mul(251).wrapping_add(used)) % (253 << 16);
    let [_, a, b, c] = ((1 << 16) + place).to_be_bytes();
    (Ipv4Addr::new(127, a, b, c), 0).into()
}

/// The counters that a server logged last, by name.
#[track_caller]
pub(crate) fn counters(log: &str) -> BTreeMap<String, u64> {
    let line = log.lines().rev().find_map(|line| line.split_once("counters: "));
    let (_, counts) = line.unwrap_or_else(|| panic!("no counters in the log\n{log}"));
    let counts = counts.split_once(';').map_or(counts, |(counts, _)| counts);
    let pairs = counts.split_whitespace().filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, count)| (name.to_owned(), count.parse().expect("a count"))).collect()
}

/// Says why a test was not run, where a person reading the output finds it.
pub(crate) fn skip(why: &str) {
    eprintln!("skipped: {why}");
}

/// Whether there is a command of that name.
pub(crate) fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
