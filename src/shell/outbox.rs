//! Replies on their way out: collected, then handed to the system many at a time.
//!
//! A system call for each reply costs more than everything else that is done for a mark. Linux takes
//! many datagrams in one call (`sendmmsg`); elsewhere they are sent one by one. What is collected
//! has nothing to wait for any more: it is sent before the loop waits again.

use std::io;
use std::ops::Range;

use super::socket::{Listener, Path};
use crate::limits::DATAGRAM_MAX_BYTES;

/// The replies of one call to the system.
const REPLIES_MAX: usize = 64;

/// Replies to be sent.
pub(super) struct Outbox {
    /// All datagrams, one behind the other.
    bytes: Vec<u8>,
    replies: Vec<Waiting>,
    system: system::Sender,
}

/// A reply that was collected.
struct Waiting {
    path: Path,
    bytes: Range<usize>,
}

impl Outbox {
    pub(super) fn new() -> Self {
        Self {
            bytes: Vec::with_capacity(REPLIES_MAX * DATAGRAM_MAX_BYTES),
            replies: Vec::with_capacity(REPLIES_MAX),
            system: system::Sender::new(),
        }
    }

    /// Adds a reply; true if it is time to flush.
    #[must_use]
    pub(super) fn push(&mut self, path: Path, datagram: &[u8]) -> bool {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(datagram);
        self.replies.push(Waiting { path, bytes: start..self.bytes.len() });
        self.replies.len() == REPLIES_MAX
    }

    /// Sends everything. `told` hears of each reply whether the system took it; one that it did not
    /// take is lost like any other on the way, and its client will ask again.
    pub(super) fn flush(
        &mut self,
        listeners: &[Listener],
        mut told: impl FnMut(&Path, io::Result<()>),
    ) {
        let Self { bytes, replies, system } = self;
        // One call has one socket and one address to send from.
        for group in replies.chunk_by(|a, b| a.path.leaves_like(&b.path)) {
            let listener = &listeners[group[0].path.socket];
            let mut left = group;
            while !left.is_empty() {
                match system.send(listener, left, bytes) {
                    Ok(taken) => {
                        let (sent, rest) = left.split_at(taken);
                        for reply in sent {
                            told(&reply.path, Ok(()));
                        }
                        left = rest;
                    }
                    // It says why the first one was not taken, and has not looked at the others.
                    Err(error) => {
                        told(&left[0].path, Err(error));
                        left = &left[1..];
                    }
                }
            }
        }
        replies.clear();
        bytes.clear();
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::io::{self, IoSlice};
    use std::net::IpAddr;
    use std::os::fd::AsRawFd as _;

    use nix::cmsg_space;
    use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
    use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg};

    use super::{Listener, REPLIES_MAX, Waiting};

    type Headers = MultiHeaders<SockaddrStorage>;

    /// Space for the headers of one call; the address to send from makes them longer.
    pub(super) struct Sender {
        bare: Headers,
        from_v4: Headers,
        from_v6: Headers,
    }

    impl Sender {
        pub(super) fn new() -> Self {
            let headers = |space| Headers::preallocate(REPLIES_MAX, space);
            Self {
                bare: headers(None),
                from_v4: headers(Some(cmsg_space!(in_pktinfo))),
                from_v6: headers(Some(cmsg_space!(in6_pktinfo))),
            }
        }

        /// Sends the first ones of these, at least one; tells how many.
        pub(super) fn send(
            &mut self,
            listener: &Listener,
            replies: &[Waiting],
            bytes: &[u8],
        ) -> io::Result<usize> {
            let mut slices = [[IoSlice::new(&[])]; REPLIES_MAX];
            let mut clients = [None; REPLIES_MAX];
            for (place, reply) in replies.iter().enumerate() {
                slices[place] = [IoSlice::new(&bytes[reply.bytes.clone()])];
                clients[place] = Some(SockaddrStorage::from(reply.path.client));
            }
            let (slices, clients) = (&slices[..replies.len()], &clients[..replies.len()]);
            let socket = listener.socket.as_raw_fd();
            let flags = MsgFlags::MSG_DONTWAIT;
            let sent = match replies[0].path.asked {
                None => sendmmsg(socket, &mut self.bare, slices, clients, [], flags)?.count(),
                Some(IpAddr::V4(from)) => {
                    let from = in_pktinfo {
                        ipi_ifindex: 0,
                        ipi_spec_dst: in_addr { s_addr: u32::from(from).to_be() },
                        ipi_addr: in_addr { s_addr: 0 },
                    };
                    let from = [ControlMessage::Ipv4PacketInfo(&from)];
                    sendmmsg(socket, &mut self.from_v4, slices, clients, from, flags)?.count()
                }
                Some(IpAddr::V6(from)) => {
                    let from = in6_pktinfo {
                        ipi6_ifindex: 0,
                        ipi6_addr: in6_addr { s6_addr: from.octets() },
                    };
                    let from = [ControlMessage::Ipv6PacketInfo(&from)];
                    sendmmsg(socket, &mut self.from_v6, slices, clients, from, flags)?.count()
                }
            };
            Ok(sent)
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;

    use quinn_udp::{Transmit, UdpSockRef};

    use super::{Listener, Waiting};

    pub(super) struct Sender;

    impl Sender {
        pub(super) fn new() -> Self {
            Self
        }

        /// Sends the first of these.
        pub(super) fn send(
            &mut self,
            listener: &Listener,
            replies: &[Waiting],
            bytes: &[u8],
        ) -> io::Result<usize> {
            let Waiting { path, bytes: place } = &replies[0];
            let transmit = Transmit {
                destination: path.client,
                ecn: None,
                contents: &bytes[place.clone()],
                segment_size: None,
                src_ip: path.asked,
            };
            let send = || listener.state.try_send(UdpSockRef::from(&listener.socket), &transmit);
            listener.socket.try_io(send).map(|()| 1)
        }
    }
}
