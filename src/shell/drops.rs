//! How many datagrams the system dropped because a socket's receive buffer was full.
//!
//! Linux tells it in `/proc/net/udp` and `/proc/net/udp6`, one line for each socket of this network
//! namespace, where a socket is known by its inode. Elsewhere nothing is known.

use super::socket::Listener;

/// Where to look.
pub(super) struct Drops {
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "nothing is known there"))]
    inodes: Vec<u64>,
}

impl Drops {
    /// The drops of these sockets.
    pub(super) fn of(listeners: &[Listener]) -> Self {
        Self { inodes: listeners.iter().filter_map(inode).collect() }
    }

    /// All drops since the sockets were opened, as far as they are known.
    #[cfg(target_os = "linux")]
    pub(super) fn count(&self) -> Option<u64> {
        let mut known = None;
        for table in ["/proc/thread-self/net/udp", "/proc/thread-self/net/udp6"] {
            let Ok(text) = std::fs::read_to_string(table) else { continue };
            let dropped =
                text.lines().filter_map(drops_of).filter(|row| self.inodes.contains(&row.0));
            known = dropped.fold(known, |sum, row| Some(sum.unwrap_or(0) + row.1));
        }
        known
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unused_self, reason = "as on Linux")]
    pub(super) fn count(&self) -> Option<u64> {
        None
    }
}

#[cfg(target_os = "linux")]
fn inode(listener: &Listener) -> Option<u64> {
    Some(rustix::fs::fstat(&listener.socket).ok()?.st_ino)
}

#[cfg(not(target_os = "linux"))]
fn inode(_: &Listener) -> Option<u64> {
    None
}

/// Inode and drops of one line; `None` for the heading.
#[cfg(target_os = "linux")]
fn drops_of(line: &str) -> Option<(u64, u64)> {
    let mut columns = line.split_ascii_whitespace();
    let inode = columns.nth(9)?.parse().ok()?;
    let drops = columns.next_back()?.parse().ok()?;
    Some((inode, drops))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn what_does_not_fit_the_buffer_is_counted() {
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        socket2::SockRef::from(&listener.socket).set_recv_buffer_size(4_096).unwrap();
        let listeners = [listener];
        let drops = Drops::of(&listeners);
        assert_eq!(drops.count(), Some(0));
        for _ in 0..200 {
            sender.send_to(&[7; 500], listeners[0].address).unwrap();
        }
        let dropped = drops.count().unwrap();
        assert!((100..=200).contains(&dropped), "{dropped} of 200");
        drop(listeners);
        assert_eq!(drops.count(), None, "a socket that is closed has no line");
    }
}
