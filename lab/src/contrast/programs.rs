//! The programs that are measured: started as processes of their own, each held to one core, and
//! ended with us.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::Failure;

/// The core that the servers run on, and the one for the load.
pub(crate) const SERVER_CORE: &str = "0";
pub(crate) const LOAD_CORE: &str = "1";

/// How long a server may need until it listens.
const LOOK_EVERY: Duration = Duration::from_millis(5);
const LOOKS_MAX: u32 = 1_000;

/// Where the programs are.
pub(crate) struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// Has them built, since cargo built no program but this one. Each package by itself: what is
    /// measured is what is installed, without features that only the laboratory asks for.
    pub(crate) fn build() -> Result<Self, Failure> {
        build("rollcall")?;
        build("rollcall-lab")?;
        let this = std::env::current_exe()?;
        let folder = this.parent().ok_or("where is this program?")?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// A command for this program, on that core.
    pub(crate) fn on_core(&self, core: &str, program: &str) -> Command {
        let mut command = self.bare_on_core(core, program);
        command.args(plainly(program));
        command
    }

    /// The same without the flag that has our programs speak plainly.
    pub(crate) fn bare_on_core(&self, core: &str, program: &str) -> Command {
        let mut command = Command::new("taskset");
        command.args(["-c", core]).arg(self.path(program));
        command
    }

    /// Where a program is: a command of the package, a peer over TCP, or this one in another role. One
    /// that is named by its whole path is there.
    pub(crate) fn path(&self, program: &str) -> PathBuf {
        self.folder.join(program)
    }

    /// The batched echo, answering with so many bytes; the synced one if it keeps them on disk.
    pub(crate) fn echo(&self, reply_bytes: usize, kept: Kept) -> Result<Server, Failure> {
        let mut command = self.on_core(SERVER_CORE, "contrast");
        command.args(["echo", "127.0.0.1:0", &reply_bytes.to_string()]);
        if kept == Kept::OnDisk {
            command.arg("--synced");
        }
        Server::start(command)
    }

    /// A program that only counts, beside the servers on their core.
    pub(crate) fn spin(&self) -> Result<Spinner, Failure> {
        let mut command = self.on_core(SERVER_CORE, "contrast");
        Ok(Spinner(command.arg("spin").stdin(Stdio::null()).spawn()?))
    }

    /// The server, with its journal in a folder of its own or in memory.
    pub(crate) fn server(&self, kept: Kept) -> Result<Server, Failure> {
        self.kept_server("rollcall-server", kept)
    }

    /// The TCP twin, the same.
    pub(crate) fn twin(&self, kept: Kept) -> Result<Server, Failure> {
        self.kept_server("tcp_twin", kept)
    }

    fn kept_server(&self, program: &str, kept: Kept) -> Result<Server, Failure> {
        Server::keeping(self.on_core(SERVER_CORE, program), "127.0.0.1:0", kept)
    }
}

/// The designs are compared in plain datagrams, also where no computer is trusted by itself.
pub(crate) fn plainly(program: &str) -> Option<&'static str> {
    program.starts_with("rollcall-").then_some("--plain")
}

/// Builds the programs of a package of this workspace, beside this program.
fn build(package: &str) -> Result<(), Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--release", "--bins", "--package", package, "--manifest-path"])
        .arg(manifest)
        .status()?;
    if built.success() {
        return Ok(());
    }
    Err(format!("the programs of {package} could not be built; see the messages above").into())
}

/// Where a server keeps what it knows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    InMemory,
    OnDisk,
}

/// A server that runs until this is dropped.
pub(crate) struct Server {
    process: Child,
    pub(crate) address: SocketAddr,
    /// Of its journal, or its settings; goes with it.
    _folder: Option<tempfile::TempDir>,
}

impl Server {
    /// Starts the server or its twin with its journal in a folder of its own or in memory.
    pub(crate) fn keeping(mut command: Command, listen: &str, kept: Kept) -> Result<Self, Failure> {
        command.args(["--listen", listen]).env("RUST_LOG", "warn");
        let folder = match kept {
            Kept::InMemory => None,
            Kept::OnDisk => Some(tempfile::tempdir()?),
        };
        match &folder {
            None => command.arg("--in-memory"),
            Some(folder) => command.arg("--data").arg(folder.path()),
        };
        Self::start_on(command, folder)
    }

    /// Starts it and waits until it says where it listens.
    pub(crate) fn start(command: Command) -> Result<Self, Failure> {
        Self::start_on(command, None)
    }

    fn start_on(mut command: Command, folder: Option<tempfile::TempDir>) -> Result<Self, Failure> {
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("piped")).read_line(&mut line)?;
        let address = line.trim().strip_prefix("listening on ").map(str::parse);
        let unknown = SocketAddr::from(([0; 4], 0));
        let mut server = Self { process, address: unknown, _folder: folder };
        let Some(Ok(address)) = address else {
            return Err(format!("{command:?} did not begin: {line}").into());
        };
        server.address = address;
        Ok(server)
    }

    /// Starts a program that does not say when it listens, and waits until it does. The folder is
    /// what it needs as long as it runs.
    pub(crate) fn start_silent(
        mut command: Command,
        protocol: &str,
        address: SocketAddr,
        folder: tempfile::TempDir,
    ) -> Result<Self, Failure> {
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let mut server = Self { process, address, _folder: Some(folder) };
        // What its network namespace has listening, in hexadecimal.
        let sockets = format!("/proc/{}/net/{protocol}", server.id());
        let listens = format!(":{:04X} 00000000:0000 ", address.port());
        for _ in 0..LOOKS_MAX {
            if std::fs::read_to_string(&sockets)?.contains(&listens) {
                return Ok(server);
            }
            if server.process.try_wait()?.is_some() {
                break;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Err(format!("{command:?} did not begin").into())
    }

    /// Its process; `taskset` becomes the program itself.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A program that takes its share of the servers' core until this is dropped.
pub(crate) struct Spinner(Child);

impl Drop for Spinner {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a program to its end and reads the one line of JSON that it prints.
pub(crate) fn measure<S: AsRef<OsStr>>(
    command: &mut Command,
    arguments: impl IntoIterator<Item = S>,
) -> Result<Value, Failure> {
    match measure_failing(command.args(arguments))? {
        (value, status) if status.success() => Ok(value),
        (value, status) => Err(format!("{command:?}: {status}, {value}").into()),
    }
}

/// The same for a program that may end with a failure after its line, since the line tells it: a
/// rehearsal in which somebody had no answer.
pub(crate) fn measure_failing(command: &mut Command) -> Result<(Value, ExitStatus), Failure> {
    let output = command.stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.lines().last().map(serde_json::from_str) {
        Some(Ok(value)) => Ok((value, output.status)),
        _ => Err(format!("{command:?}: {}, {text}", output.status).into()),
    }
}
