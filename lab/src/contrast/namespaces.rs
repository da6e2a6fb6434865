//! Two computers of our own, joined by a cable: network namespaces. The cable may lose packets, or
//! take its time; it is counted by the kernel what goes over it.
//!
//! Where they cannot be made, the error is [`Unavailable`], and a chapter can say so and go on. They
//! are gone when the [`Network`] is dropped, or at the latest with the next run, and named after this
//! process, so that two runs do not meet.

use std::ffi::OsStr;
use std::fmt;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Sub;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::Failure;
use super::delay::READY;
use super::programs::{Kept, LOAD_CORE, Programs, SERVER_CORE, Server, plainly};

/// The address of the server's computer, and a port that is free there.
pub(crate) const SERVER_IP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 1));
const SERVER_LISTENS: &str = "10.77.0.1:0";
const SERVER_ADDRESS: &str = "10.77.0.1/24";
const LOAD_ADDRESS: &str = "10.77.0.2/24";
/// What both reach over the cable.
const SUBNET: &str = "10.77.0.0/24";
/// What the names of the namespaces begin with.
const PREFIX: &str = "contrast-";
/// What either end of the cable is called in its namespace.
const CABLE: &str = "cable";
/// Packets that wait at an end of the cable: more than are ever there, so that none is lost unasked.
const QUEUE: &str = "10000";

/// Why there is no such network here.
#[derive(Debug)]
pub(crate) struct Unavailable(String);

impl Unavailable {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unavailable {}

/// Two namespaces joined by a cable: the server's computer and the load's.
pub(crate) struct Network {
    server: Namespace,
    load: Namespace,
    /// What carries the packets, if it is not the kernel.
    _link: Option<Link>,
}

impl Network {
    /// Joined by the kernel's own cable.
    pub(crate) fn joined() -> Result<Self, Failure> {
        let (server, load) = (Namespace::new()?, Namespace::new()?);
        let cable = ["-n", &server.name, "link", "add", CABLE, "type", "veth"];
        run("ip", &[&cable[..], &["peer", "name", CABLE, "netns", &load.name]].concat())?;
        Self { server, load, _link: None }.up()
    }

    /// Joined by a link with this round trip.
    pub(crate) fn delayed(programs: &Programs, round_trip: Duration) -> Result<Self, Failure> {
        let (server, load) = (Namespace::new()?, Namespace::new()?);
        let link = Link::new(programs, round_trip / 2)?;
        for (name, namespace) in link.ends.iter().zip([&server, &load]) {
            let moved = ["link", "set", name, "netns", &namespace.name, "name", CABLE];
            run("ip", &moved)?;
        }
        Self { server, load, _link: Some(link) }.up()
    }

    /// With its addresses, and nothing on the cable that is not ours.
    fn up(self) -> Result<Self, Failure> {
        for (namespace, address) in [(&self.server, SERVER_ADDRESS), (&self.load, LOAD_ADDRESS)] {
            namespace.ip(&["addr", "add", address, "dev", CABLE])?;
            // Without an address of its own IPv6 asks for no routers.
            namespace.ip(&["link", "set", CABLE, "addrgenmode", "none", "txqueuelen", QUEUE])?;
            namespace.ip(&["link", "set", CABLE, "up"])?;
            namespace.ip(&["link", "set", "lo", "up"])?;
        }
        Ok(self)
    }

    /// From now on loses so many of a hundred packets in each direction.
    pub(crate) fn lose(&self, percent: u32) -> Result<(), Failure> {
        let rules = format!(
            "table inet loss {{\n chain arriving {{\n type filter hook input priority 0\n \
             iifname \"{CABLE}\" meta l4proto {{ tcp, udp }} \
             numgen random mod 100 < {percent} drop\n }}\n}}\n"
        );
        self.server.filter(&rules)?;
        self.load.filter(&rules)
    }

    /// From now on the server's end of the cable carries so many Mbit/s, and what waits for it waits
    /// up to two seconds, as in many an access point.
    pub(crate) fn narrow(&self, megabits: u32) -> Result<(), Failure> {
        let rate = format!("{megabits}mbit");
        let queue = ["root", "tbf", "rate", &rate, "burst", "16kb", "latency", "2s"];
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.server.name, "tc", "qdisc", "add", "dev", CABLE]);
        command.args(queue);
        said(command, "").map(drop)
    }

    /// The server or its twin on the one computer.
    pub(crate) fn server(
        &self,
        programs: &Programs,
        program: &str,
        kept: Kept,
    ) -> Result<Server, Failure> {
        Server::keeping(self.server.command(programs, SERVER_CORE, program), SERVER_LISTENS, kept)
    }

    /// A command on the server's computer.
    pub(crate) fn host(&self, programs: &Programs, program: &str) -> Command {
        self.server.command(programs, SERVER_CORE, program)
    }

    /// A command on the server's computer that is not told to speak plainly.
    pub(crate) fn bare_host(&self, programs: &Programs, program: &str) -> Command {
        self.server.bare_command(programs, SERVER_CORE, program)
    }

    /// The same on the other.
    pub(crate) fn bare_load(&self, programs: &Programs, program: &str) -> Command {
        self.load.bare_command(programs, LOAD_CORE, program)
    }

    /// A command on the other.
    pub(crate) fn load(&self, programs: &Programs, program: &str) -> Command {
        self.load.command(programs, LOAD_CORE, program)
    }

    /// From now on nothing larger than a packet goes over the cable. Otherwise the kernel hands over
    /// many in one, and what is lost is all of them.
    pub(crate) fn part_packets(&self) -> Result<(), Failure> {
        for namespace in [&self.server, &self.load] {
            namespace.ip(&["link", "set", CABLE, "gso_max_segs", "1"])?;
        }
        Ok(())
    }

    /// From now on new connections of TCP use this congestion control. The route says so, because a
    /// namespace may not choose each that the kernel has for all its connections.
    pub(crate) fn control_congestion(&self, name: &str) -> Result<(), Failure> {
        for namespace in [&self.server, &self.load] {
            namespace.ip(&["route", "replace", SUBNET, "dev", CABLE, "congctl", name])?;
        }
        Ok(())
    }

    /// Which congestion control TCP uses on them.
    pub(crate) fn congestion_control(&self) -> Result<String, Failure> {
        let path = "/proc/sys/net/ipv4/tcp_congestion_control";
        let said = run("ip", &["netns", "exec", &self.load.name, "cat", path])?;
        Ok(said.trim().to_owned())
    }

    /// What has gone over the cable so far, both directions together.
    pub(crate) fn traffic(&self) -> Result<Traffic, Failure> {
        let said = self.load.ip(&["-s", "-j", "link", "show", "dev", CABLE])?;
        let links: Value = serde_json::from_str(&said)?;
        let both = |what: &str| {
            let count = |direction: &str| links[0]["stats64"][direction][what].as_u64();
            Some(count("rx")? + count("tx")?)
        };
        let (Some(packets), Some(bytes)) = (both("packets"), both("bytes")) else {
            return Err(Unavailable(format!("'ip' counts nothing: {said}")).into());
        };
        Ok(Traffic { packets, bytes })
    }
}

/// Packets on the cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
}

impl Sub for Traffic {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        let Self { packets, bytes } = earlier;
        Self { packets: self.packets - packets, bytes: self.bytes - bytes }
    }
}

/// A network namespace. Removed when this is dropped.
struct Namespace {
    name: String,
}

impl Namespace {
    fn new() -> Result<Self, Failure> {
        static TIDIED: Once = Once::new();
        TIDIED.call_once(remove_left_behind);
        let name = format!("{PREFIX}{}-{}", std::process::id(), next_number());
        run("ip", &["netns", "add", &name])?;
        Ok(Self { name })
    }

    fn ip(&self, arguments: &[&str]) -> Result<String, Failure> {
        run("ip", &[&["-n", &self.name], arguments].concat())
    }

    fn filter(&self, rules: &str) -> Result<(), Failure> {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, "nft", "-f", "-"]);
        said(command, rules).map(drop)
    }

    fn command(&self, programs: &Programs, core: &str, program: &str) -> Command {
        let mut command = self.bare_command(programs, core, program);
        command.args(plainly(program));
        command
    }

    fn bare_command(&self, programs: &Programs, core: &str, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, "taskset", "-c", core]);
        command.arg(programs.path(program));
        command
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let removed = run("ip", &["netns", "del", &self.name]);
        if let Err(error) = removed {
            eprintln!("  {} stays: {error}", self.name);
        }
    }
}

/// The process that carries packets between two interfaces. Ended when this is dropped, and the
/// interfaces with it.
struct Link {
    process: Child,
    ends: [String; 2],
}

impl Link {
    fn new(programs: &Programs, each_way: Duration) -> Result<Self, Failure> {
        // At most fifteen characters, with any process id.
        let name = || format!("rc{}-{}", std::process::id(), next_number());
        let ends = [name(), name()];
        let mut command = Command::new(programs.path("contrast"));
        command.arg("delay").args(&ends);
        command.args(["--millis", &each_way.as_millis().to_string()]);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut link = Self { process: command.spawn()?, ends };
        let mut said = String::new();
        let stdout = link.process.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut said)?;
        if said.trim() == READY {
            return Ok(link);
        }
        let stderr = link.process.stderr.take().expect("piped");
        let why = std::io::read_to_string(stderr)?;
        Err(Unavailable(format!("no link can be made here: {}", why.trim())).into())
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Removes the namespaces of runs that were ended before they could do it themselves.
fn remove_left_behind() {
    let all = run("ip", &["netns", "list"]).unwrap_or_default();
    for name in all.lines().filter_map(|line| line.split(' ').next()) {
        let process = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            drop(Namespace { name: name.to_owned() });
        }
    }
}

fn next_number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn run(program: &str, arguments: &[&str]) -> Result<String, Failure> {
    let mut command = Command::new(program);
    command.args(arguments);
    said(command, "")
}

/// What a command says when it is told this; whatever it complains about, we have no network then.
fn said(mut command: Command, input: &str) -> Result<String, Failure> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().map_err(|error| refused(&command, error))?;
    // One that has ended already says why below.
    let _ = process.stdin.take().expect("piped").write_all(input.as_bytes());
    let output = process.wait_with_output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(refused(&command, String::from_utf8_lossy(&output.stderr).trim()).into())
}

fn refused(command: &Command, why: impl fmt::Display) -> Unavailable {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
    Unavailable(format!("'{}': {why}", words.join(" ")))
}
