//! Where a server is, as people write it.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The port of a server whose address names none.
const DEFAULT_PORT: u16 = 5050;

/// Where a server is: a host name or an IP address, and a port. Without a port: 5050.
///
/// `localhost`, `192.0.2.7:5050`, `::1`, `[::1]` and `[::1]:5050` are all understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerName {
    pub(super) host: String,
    pub(super) port: u16,
}

/// A text that is no address of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write HOST:PORT, for example 192.0.2.7:5050")]
pub struct NotAServer;

impl FromStr for ServerName {
    type Err = NotAServer;

    fn from_str(text: &str) -> Result<Self, NotAServer> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or(NotAServer)?;
                if !is_ipv6(host) {
                    return Err(NotAServer);
                }
                match port {
                    "" => (host, None),
                    port => (host, Some(port.strip_prefix(':').ok_or(NotAServer)?)),
                }
            }
            None if is_ipv6(text) => (text, None),
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let port = match port {
            None => DEFAULT_PORT,
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                port.parse().ok().filter(|&port| port != 0).ok_or(NotAServer)?
            }
            Some(_) => return Err(NotAServer),
        };
        if !(is_ipv6(host) || is_host_name(host)) {
            return Err(NotAServer);
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

/// An IPv6 address, with a zone perhaps: `fe80::1%eth0`.
fn is_ipv6(text: &str) -> bool {
    let (address, zone) = text.split_once('%').unwrap_or((text, "0"));
    address.parse::<Ipv6Addr>().is_ok()
        && !zone.is_empty()
        && zone.bytes().all(|byte| byte.is_ascii_graphic() && !b"[]%/:".contains(&byte))
}

/// An IPv4 address, or something that the resolver may know. What looks like a number and is no
/// address is refused: resolvers take `5050` for the address 0.0.19.186.
fn is_host_name(text: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
    let is_number = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    let is_name = !text.is_empty() && text.chars().all(is_part) && !text.starts_with(['.', '-']);
    is_name && (!is_number || text.parse::<Ipv4Addr>().is_ok())
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_leave_out_the_port() {
        for (text, whole) in [
            ("localhost", "localhost:5050"),
            ("localhost:6000", "localhost:6000"),
            ("192.0.2.7", "192.0.2.7:5050"),
            ("192.0.2.7:1", "192.0.2.7:1"),
            ("rollcall.example.edu:65535", "rollcall.example.edu:65535"),
            ("::1", "[::1]:5050"),
            ("[::1]", "[::1]:5050"),
            ("[::1]:6000", "[::1]:6000"),
            ("fe80::1%eth0", "[fe80::1%eth0]:5050"),
            ("[fe80::1%2]:6000", "[fe80::1%2]:6000"),
            ("escola_1.exemplo", "escola_1.exemplo:5050"),
        ] {
            let server: ServerName = text.parse().unwrap();
            assert_eq!(server.to_string(), whole, "{text}");
            assert_eq!(whole.parse(), Ok(server), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_not_looked_up() {
        for text in [
            "",
            ":",
            ":5050",
            "localhost:",
            "localhost:0",
            "localhost:99999",
            "localhost:+5",
            "localhost:port",
            "localhost:5050:",
            "5050",
            "127.0.0.256",
            "127.1",
            "[::1",
            "[::1]5050",
            "[localhost]:5050",
            "[]:5050",
            "1:2:3",
            "http://localhost:5050",
            "no host here",
            "\u{1b}[31m:1",
            "-host:5050",
            "fe80::1%:5050",
        ] {
            assert_eq!(text.parse::<ServerName>(), Err(NotAServer), "{text:?}");
        }
    }
}
