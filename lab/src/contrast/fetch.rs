//! What serves files, and what fetches them from it as a process of its own.

use std::fmt;
use std::fs::{self, File, Permissions};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rollcall::limits::BLOCK_BYTES;
use serde_json::Value;
use tempfile::TempDir;

use super::namespaces::{Network, SERVER_IP, Unavailable};
use super::programs::{LOAD_CORE, SERVER_CORE, Server};
use super::{Context, Failure};

/// Bytes of a block for TFTP: what a packet of Ethernet holds.
const TFTP_BLOCK_BYTES: u32 = 1_428;
/// For a shell: runs what it is told, and then waits until the first of it is on the disk.
const THEN_SYNC: &str = r#""$@" && sync "$0""#;
/// Where servers are installed that are not for everybody's path.
const MORE_FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// A file that is offered.
#[derive(Clone, Copy)]
pub(crate) struct Piece {
    pub(crate) name: &'static str,
    pub(crate) bytes: u32,
}

pub(crate) const LARGE: Piece = Piece { name: "50MB", bytes: 50_000_000 };
/// For those who would take too long.
pub(crate) const MEDIUM: Piece = Piece { name: "5MB", bytes: 5_000_000 };
pub(crate) const SMALL: Piece = Piece { name: "1MB", bytes: 1_000_000 };

impl Piece {
    /// MB/s, if it took so many seconds.
    pub(crate) fn rate(self, seconds: f64) -> f64 {
        f64::from(self.bytes) / 1e6 / seconds
    }

    pub(crate) fn blocks(self) -> f64 {
        (f64::from(self.bytes) / BLOCK_BYTES as f64).ceil()
    }
}

/// The folder of the files, which nobody guesses the bytes of and everybody may read.
pub(crate) struct Offered(TempDir);

impl Offered {
    pub(crate) fn new() -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        // Some servers read it as somebody without rights.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
        for piece in [LARGE, MEDIUM, SMALL] {
            let mut bytes = vec![0; piece.bytes as usize];
            StdRng::seed_from_u64(piece.bytes.into()).fill(&mut bytes[..]);
            let path = folder.path().join(piece.name);
            fs::write(&path, bytes)?;
            fs::set_permissions(&path, Permissions::from_mode(0o644))?;
            // So that the disk is done with it.
            File::open(&path)?.sync_all()?;
        }
        Ok(Self(folder))
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self, piece: Piece) -> PathBuf {
        self.folder().join(piece.name)
    }
}

/// Where servers and clients are.
#[derive(Clone, Copy)]
pub(crate) enum Site<'a> {
    Loopback,
    Network(&'a Network),
}

impl Site<'_> {
    pub(crate) fn ip(self) -> IpAddr {
        match self {
            Self::Loopback => Ipv4Addr::LOCALHOST.into(),
            Self::Network(_) => SERVER_IP,
        }
    }

    pub(crate) fn server(self, context: &Context, program: &str) -> Command {
        match self {
            Self::Loopback => context.programs.on_core(SERVER_CORE, program),
            Self::Network(it) => it.host(&context.programs, program),
        }
    }

    /// A command on the server's computer that is not told to speak plainly.
    pub(crate) fn bare_server(self, context: &Context, program: &str) -> Command {
        match self {
            Self::Loopback => context.programs.bare_on_core(SERVER_CORE, program),
            Self::Network(it) => it.bare_host(&context.programs, program),
        }
    }

    /// The same on the load's.
    pub(crate) fn bare_client(self, context: &Context, program: &str) -> Command {
        match self {
            Self::Loopback => context.programs.bare_on_core(LOAD_CORE, program),
            Self::Network(it) => it.bare_load(&context.programs, program),
        }
    }

    pub(crate) fn client(self, context: &Context, program: &str) -> Command {
        match self {
            Self::Loopback => context.programs.on_core(LOAD_CORE, program),
            Self::Network(it) => it.load(&context.programs, program),
        }
    }
}

/// A way to fetch files.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Rollcall,
    Http,
    /// The same, and then it waits for the disk, as ours does.
    HttpSynced,
    Tcp,
    Tftp,
    Atftp {
        window: u32,
    },
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rollcall => f.write_str("`rollcall-student get`"),
            Self::Http => f.write_str("HTTP, nginx and curl"),
            Self::HttpSynced => f.write_str("the same and then `sync`"),
            Self::Tcp => f.write_str("TCP, `tcp_files`"),
            Self::Tftp => f.write_str("TFTP, tftp-hpa, 512 bytes"),
            Self::Atftp { window } => {
                write!(f, "TFTP, atftp, {TFTP_BLOCK_BYTES} bytes, windows of {window}")
            }
        }
    }
}

/// A server of one of them, and its client. Both are gone when this is dropped.
pub(crate) struct Service<'a> {
    context: &'a Context,
    site: Site<'a>,
    peer: Peer,
    offered: &'a Offered,
    server: Server,
    client: String,
    /// What it writes, if anybody reads it.
    log: PathBuf,
    targets: TempDir,
}

impl<'a> Service<'a> {
    /// Starts the server. The error is [`Unavailable`] if it or its client is not installed.
    pub(crate) fn start(
        context: &'a Context,
        site: Site<'a>,
        peer: Peer,
        offered: &'a Offered,
    ) -> Result<Self, Failure> {
        let targets = tempfile::tempdir()?;
        let log = targets.path().join("log");
        let build = |server: &str, client: &str| {
            let words = |command: &mut Command| {
                command.args(["--listen", &SocketAddr::new(site.ip(), 0).to_string()]);
                command.arg("--files").arg(offered.folder());
            };
            let mut command = site.server(context, server);
            if peer == Peer::Tcp {
                words(command.arg("serve"));
            } else {
                // What the link gives is measured, not what the operator allows.
                command.args(["--in-memory", "--files-rate", "unlimited"]);
                words(command.env("RUST_LOG", "info"));
            }
            command.stderr(File::create(&log)?);
            let client = context.programs.path(client).display().to_string();
            Ok::<_, Failure>((Server::start(command)?, client))
        };
        let (server, client) = match peer {
            Peer::Rollcall => build("rollcall-server", "rollcall-student")?,
            Peer::Tcp => build("tcp_files", "tcp_files")?,
            Peer::Http | Peer::HttpSynced => {
                (nginx(context, site, offered, &log)?, installed("curl", None)?)
            }
            Peer::Tftp => {
                (tftpd_hpa(context, site, offered, &log)?, installed("tftp", Some("tftp-hpa"))?)
            }
            Peer::Atftp { .. } => {
                (atftpd(context, site, offered, &log)?, installed("atftp", None)?)
            }
        };
        Ok(Self { context, site, peer, offered, server, client, log, targets })
    }

    /// Fetches it once, so that the server has read it and knows its name.
    pub(crate) fn warm(&self, piece: Piece) -> Result<(), Failure> {
        match self.fetch(piece)? {
            Some(_) => Ok(()),
            None => Err(format!("{}: {} could not be fetched", self.peer, piece.name).into()),
        }
    }

    /// Fetches it; how many seconds that took. Nothing if the time was over or it was not the file
    /// that came.
    pub(crate) fn fetch(&self, piece: Piece) -> Result<Option<f64>, Failure> {
        let seconds = self.fetch_at_once(piece, 1)?;
        Ok(seconds[0])
    }

    /// The same for so many clients that begin together.
    pub(crate) fn fetch_at_once(
        &self,
        piece: Piece,
        clients: usize,
    ) -> Result<Vec<Option<f64>>, Failure> {
        let mut under_way = Vec::new();
        for client in 0..clients {
            let folder = self.targets.path().join(client.to_string());
            fs::create_dir(&folder)?;
            let target = folder.join("it");
            let mut command = self.site.client(self.context, "contrast");
            let limit = limit(self.context).as_secs().to_string();
            command.args(["timed", "--limit", &limit]).args(self.words(piece, &target));
            command.stdin(Stdio::null()).stdout(Stdio::piped());
            under_way.push((command.spawn()?, folder, target));
        }
        let mut came = Vec::new();
        for (process, folder, target) in under_way {
            came.push((process.wait_with_output()?.stdout, folder, target));
        }
        // Only now, when nobody is measured.
        let content = fs::read(self.offered.path(piece))?;
        let mut all = Vec::new();
        for (said, folder, target) in came {
            let said: Value = serde_json::from_slice(&said)?;
            let right = fs::read(target).is_ok_and(|it| it == content);
            let seconds = said["seconds"].as_f64().filter(|_| said["done"] == true && right);
            if seconds.is_none() {
                let why = said["said"].as_str().and_then(|it| it.lines().last());
                eprintln!("  {}: {} did not come: {}", self.peer, piece.name, why.unwrap_or("?"));
            }
            all.push(seconds);
            fs::remove_dir_all(folder)?;
        }
        Ok(all)
    }

    /// The client and what it is told.
    fn words(&self, piece: Piece, target: &Path) -> Vec<String> {
        let client = &*self.client;
        let target = target.display().to_string();
        let address = self.server.address.to_string();
        let (ip, port) = (self.server.address.ip().to_string(), self.server.address.port());
        let port = port.to_string();
        let words = |words: &[&str]| words.iter().map(|&it| it.to_owned()).collect();
        match self.peer {
            Peer::Rollcall => words(&[
                client, "--server", &address, "get", piece.name, "--output", &target, "--force",
            ]),
            Peer::Http | Peer::HttpSynced => {
                let url = format!("http://{address}/{}", piece.name);
                let curl =
                    [client, "--silent", "--show-error", "--fail", "--output", &target, &url];
                match self.peer {
                    Peer::HttpSynced => {
                        words(&[&["sh", "-c", THEN_SYNC, &target][..], &curl].concat())
                    }
                    _ => words(&curl),
                }
            }
            Peer::Tcp => words(&[client, "get", &address, piece.name, "--output", &target]),
            Peer::Tftp => {
                words(&[client, "-4", "-m", "binary", &ip, &port, "-c", "get", piece.name, &target])
            }
            Peer::Atftp { window } => {
                let block = format!("blksize {TFTP_BLOCK_BYTES}");
                let window = format!("windowsize {window}");
                let options = [client, "--option", &block, "--option", &window];
                let file = ["--get", "--remote-file", piece.name, "--local-file", &target];
                words(&[&options[..], &file, &[&ip, &port]].concat())
            }
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// How many blocks the server has given so far, as it tells when it is asked for its counters.
    pub(crate) fn blocks_given(&self) -> Result<f64, Failure> {
        let told = || Ok::<_, Failure>(fs::read_to_string(&self.log)?.matches("counters:").count());
        let before = told()?;
        let asked = Command::new("kill").args(["-USR1", &self.server.id().to_string()]).status()?;
        let mut looks = 0;
        while told()? == before {
            looks += 1;
            if !asked.success() || looks > 1_000 {
                return Err("the server does not tell its counters".into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let log = fs::read_to_string(&self.log)?;
        let counters = log.lines().rfind(|line| line.contains("counters:")).unwrap_or_default();
        let given = counters.split(' ').find_map(|word| word.strip_prefix("blocks_given="));
        Ok(given.unwrap_or("0").trim_end_matches(';').parse()?)
    }
}

/// How long one download may take.
pub(crate) fn limit(context: &Context) -> Duration {
    Duration::from_secs(if context.quick { 10 } else { 60 })
}

/// In one process, like the others, and without what it would do besides: it writes no log.
fn nginx(
    context: &Context,
    site: Site<'_>,
    offered: &Offered,
    log: &Path,
) -> Result<Server, Failure> {
    let program = installed("nginx", None)?;
    let address =
        SocketAddr::new(site.ip(), TcpListener::bind("127.0.0.1:0")?.local_addr()?.port());
    let folder = tempfile::tempdir()?;
    let prefix = folder.path().display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("{what}_temp_path {prefix}/{what}; "))
        .concat();
    let settings = format!(
        "daemon off; master_process off; pid {prefix}/pid; events {{}}\n\
         http {{ sendfile on; tcp_nopush on; access_log off; {temporary}\n\
         server {{ listen {address}; root {}; }} }}\n",
        offered.folder().display()
    );
    let file = folder.path().join("conf");
    fs::write(&file, settings)?;
    let mut command = site.server(context, &program);
    command.arg("-p").arg(folder.path()).arg("-c").arg(file).arg("-e").arg(log);
    begun(Server::start_silent(command, "tcp", address, folder))
}

fn tftpd_hpa(
    context: &Context,
    site: Site<'_>,
    offered: &Offered,
    log: &Path,
) -> Result<Server, Failure> {
    // Other packages have a program of that name too.
    let program = installed("in.tftpd", Some("tftp-hpa"))?;
    let address = free_udp(site)?;
    let mut command = site.server(context, &program);
    command.args(["--foreground", "--address", &address.to_string(), "--secure"]);
    command.arg(offered.folder()).stderr(File::create(log)?);
    begun(Server::start_silent(command, "udp", address, tempfile::tempdir()?))
}

fn atftpd(
    context: &Context,
    site: Site<'_>,
    offered: &Offered,
    log: &Path,
) -> Result<Server, Failure> {
    let program = installed("atftpd", None)?;
    let address = free_udp(site)?;
    let mut command = site.server(context, &program);
    command.args(["--daemon", "--no-fork", "--bind-address", &address.ip().to_string()]);
    command.args(["--port", &address.port().to_string()]);
    command.arg(offered.folder()).stderr(File::create(log)?);
    begun(Server::start_silent(command, "udp", address, tempfile::tempdir()?))
}

/// One of the others that does not begin, for want of rights for example, is not there.
fn begun(server: Result<Server, Failure>) -> Result<Server, Failure> {
    server.map_err(|error| {
        eprintln!("  {error}");
        Unavailable::new("does not begin here").into()
    })
}

/// An address that is free; a network of our own has nothing else in it.
fn free_udp(site: Site<'_>) -> Result<SocketAddr, Failure> {
    let port = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
    Ok(SocketAddr::new(site.ip(), port))
}

/// Where a program is. With `version`: the first of that name whose `--version` tells of it.
fn installed(program: &str, version: Option<&str>) -> Result<String, Failure> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(MORE_FOLDERS.map(PathBuf::from));
    for candidate in folders.map(|folder| folder.join(program)).filter(|it| it.is_file()) {
        let right = version.is_none_or(|version| {
            let said = Command::new(&candidate).arg("-V").stdin(Stdio::null()).output();
            said.is_ok_and(|it| {
                [it.stdout, it.stderr]
                    .concat()
                    .windows(version.len())
                    .any(|part| part == version.as_bytes())
            })
        });
        if right {
            return Ok(candidate.display().to_string());
        }
    }
    Err(Unavailable::new(format!("not installed: {}", version.unwrap_or(program))).into())
}
