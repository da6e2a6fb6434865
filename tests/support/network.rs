//! Two computers of our own, joined by a cable that may lose datagrams: network namespaces, where
//! they may be made.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::process::Process;
use super::{Call, Place, Server, Setup, has};

/// Two namespaces joined by a cable: the server's computer and the students'. Gone when this is.
pub(crate) struct Network {
    server: Namespace,
    students: Namespace,
}

/// The addresses of the server's computer.
pub(crate) const SERVER_V4: [&str; 2] = ["10.77.0.1", "10.77.0.2"];
pub(crate) const SERVER_V6: [&str; 3] = ["fd77::1", "fd77::2", "fd77::3"];

impl Network {
    /// The network, or why there is none.
    pub(crate) fn new() -> Result<Self, String> {
        for program in ["ip", "nft"] {
            if !has(program) {
                return Err(format!("there is no command '{program}'"));
            }
        }
        let network = Self { server: Namespace::new()?, students: Namespace::new()? };
        let Self { server, students } = &network;
        let cable = ["-n", &server.name, "link", "add", "cable", "type", "veth"];
        ip(&[&cable[..], &["peer", "name", "cable", "netns", &students.name]].concat());
        for (namespace, v4, v6) in [
            (server, &SERVER_V4[..], &SERVER_V6[..]),
            (students, &["10.77.0.9"][..], &["fd77::9"][..]),
        ] {
            let within = ["-n", namespace.name.as_str()];
            let addresses = v4
                .iter()
                .map(|address| vec![format!("{address}/24")])
                // Nobody else is on the cable who could have the address already.
                .chain(v6.iter().map(|address| vec![format!("{address}/64"), "nodad".into()]));
            for address in addresses {
                let mut arguments = within.to_vec();
                arguments.extend(["addr", "add", "dev", "cable"]);
                arguments.extend(address.iter().map(String::as_str));
                ip(&arguments);
            }
            for link in ["lo", "cable"] {
                ip(&[&within[..], &["link", "set", link, "up"]].concat());
            }
        }
        Ok(network)
    }

    /// The same, losing so many of a hundred datagrams in each direction, or why not.
    pub(crate) fn losing(percent: u32) -> Result<Self, String> {
        let network = Self::new()?;
        let rules = format!(
            "table inet loss {{\n chain arriving {{\n type filter hook input priority 0\n \
             meta l4proto udp numgen random mod 100 < {percent} drop\n }}\n}}\n"
        );
        for namespace in [&network.server, &network.students] {
            let mut command = namespace.place().command("nft");
            command.args(["-f", "-"]);
            let mut filter = Process::spawn(command, None);
            filter.write(rules.as_bytes());
            let filter = filter.finish();
            if filter.code() != Some(0) {
                return Err(format!("nft cannot drop datagrams here: {}", filter.stderr.trim()));
            }
        }
        Ok(network)
    }

    /// A server on the one computer.
    pub(crate) fn setup(&self) -> Setup {
        Setup::new().place(&self.server.place())
    }

    /// The server's computer.
    pub(crate) fn server(&self) -> Place {
        self.server.place()
    }

    /// The other computer.
    pub(crate) fn students(&self) -> Place {
        self.students.place()
    }

    /// A command on the other computer.
    pub(crate) fn client(&self, program: &str, server: &Server, address: SocketAddr) -> Call {
        Call::new(&self.students(), program, Some(server.log().clone())).args([
            "--plain",
            "--server",
            &address.to_string(),
            "--json",
            "--timeout",
            "30s",
        ])
    }
}

/// A network namespace. Removed when this is dropped.
struct Namespace {
    name: String,
}

impl Namespace {
    fn new() -> Result<Self, String> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let made = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("rollcall-{}-{made}", std::process::id());
        let added = Command::new("ip").args(["netns", "add", &name]).output();
        let added = added.map_err(|error| error.to_string())?;
        if added.status.success() {
            Ok(Self { name })
        } else {
            let why = String::from_utf8_lossy(&added.stderr).trim().to_owned();
            Err(format!("no network namespace may be made here: {why}"))
        }
    }

    fn place(&self) -> Place {
        Place::behind(&["ip", "netns", "exec", &self.name])
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

#[track_caller]
fn ip(arguments: &[&str]) {
    let mut command = Command::new("ip");
    command.args(arguments);
    Process::spawn(command, None).finish().expect(0);
}
