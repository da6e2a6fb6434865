//! Replies on their way out: collected, then handed to the system many at a time.
//!
//! A system call for each reply costs more than everything else that is done for a mark. Linux takes
//! many datagrams in one call (`sendmmsg`); elsewhere they are sent one by one. What is collected
//! has nothing to wait for any more: it is sent before the loop waits again. Blocks of one object for
//! one client are handed over as one long datagram that the system cuts (GSO), where it can.

use std::io;
use std::ops::Range;

use quinn_udp::{Transmit, UdpSockRef};

use super::socket::{Listener, ReturnPath};
use crate::limits::{DATAGRAM_MAX_BYTES, REPLIES_PER_SEND_MAX, UDP_PAYLOAD_MAX_BYTES};

/// Shorter replies do not come in runs.
const RUN_MIN_BYTES: usize = 512;

/// Replies to be sent.
pub(super) struct Outbox {
    /// All datagrams, one behind the other.
    bytes: Vec<u8>,
    replies: Vec<Waiting>,
    system: system::Sender,
}

/// A reply that was collected.
struct Waiting {
    path: ReturnPath,
    bytes: Range<usize>,
}

impl Outbox {
    pub(super) fn new() -> Self {
        Self {
            bytes: Vec::with_capacity(REPLIES_PER_SEND_MAX * DATAGRAM_MAX_BYTES),
            replies: Vec::with_capacity(REPLIES_PER_SEND_MAX),
            system: system::Sender::new(),
        }
    }

    /// Adds a reply; true if it is time to flush.
    #[must_use]
    pub(super) fn push(&mut self, path: ReturnPath, datagram: &[u8]) -> bool {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(datagram);
        self.replies.push(Waiting { path, bytes: start..self.bytes.len() });
        self.replies.len() == REPLIES_PER_SEND_MAX
    }

    /// Sends everything. `told` hears of each reply whether the system took it; one that it did not
    /// take is lost like any other on the way, and its client will ask again.
    pub(super) fn flush(
        &mut self,
        listeners: &[Listener],
        mut told: impl FnMut(&ReturnPath, io::Result<()>),
    ) {
        let Self { bytes, replies, system } = self;
        // One call has one socket and one address to send from.
        for group in replies.chunk_by(|a, b| a.path.leaves_like(&b.path)) {
            let listener = &listeners[group[0].path.socket];
            let mut left = group;
            while !left.is_empty() {
                let run = run_length(left, listener.state.max_gso_segments());
                let result = if run > 1 {
                    send_run(listener, &left[..run], bytes).map(|()| run)
                } else {
                    system.send(listener, &left[..before_run(left)], bytes)
                };
                match result {
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

/// How many of the first ones go to one client and have one length, but for the last, which may be
/// shorter.
fn run_length(replies: &[Waiting], most: usize) -> usize {
    let first = &replies[0];
    let length = first.bytes.len();
    if length < RUN_MIN_BYTES {
        return 1;
    }
    let most = most.min(UDP_PAYLOAD_MAX_BYTES / length);
    let mut run = 1;
    for reply in &replies[1..] {
        let shorter = reply.bytes.len() < length;
        if run >= most || reply.path != first.path || reply.bytes.len() > length {
            break;
        }
        run += 1;
        if shorter {
            break;
        }
    }
    run
}

/// How many of the first ones to send each for itself, until a run begins.
fn before_run(replies: &[Waiting]) -> usize {
    let begins = |pair: &[Waiting]| {
        pair[0].bytes.len() >= RUN_MIN_BYTES
            && pair[0].path == pair[1].path
            && pair[0].bytes.len() >= pair[1].bytes.len()
    };
    replies.windows(2).skip(1).position(begins).map_or(replies.len(), |place| place + 1)
}

/// Hands a run over in one piece; the bytes of its replies lie one behind the other.
fn send_run(listener: &Listener, run: &[Waiting], bytes: &[u8]) -> io::Result<()> {
    let (first, last) = (&run[0], &run[run.len() - 1]);
    let transmit = Transmit {
        destination: first.path.client,
        ecn: None,
        contents: &bytes[first.bytes.start..last.bytes.end],
        segment_size: (run.len() > 1).then_some(first.bytes.len()),
        src_ip: first.path.asked,
    };
    let send = || listener.state.try_send(UdpSockRef::from(&listener.socket), &transmit);
    listener.socket.try_io(send)
}

#[cfg(target_os = "linux")]
mod system {
    use std::io::{self, IoSlice};
    use std::net::IpAddr;
    use std::os::fd::AsRawFd as _;

    use nix::cmsg_space;
    use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
    use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg};

    use super::{Listener, REPLIES_PER_SEND_MAX, Waiting};

    type Headers = MultiHeaders<SockaddrStorage>;

    /// Space for the headers of one call; the address to send from makes them longer.
    pub(super) struct Sender {
        bare: Headers,
        from_v4: Headers,
        from_v6: Headers,
    }

    impl Sender {
        pub(super) fn new() -> Self {
            let headers = |space| Headers::preallocate(REPLIES_PER_SEND_MAX, space);
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
            let mut slices = [[IoSlice::new(&[])]; REPLIES_PER_SEND_MAX];
            let mut clients = [None; REPLIES_PER_SEND_MAX];
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

    use super::{Listener, Waiting, send_run};

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
            send_run(listener, &replies[..1], bytes).map(|()| 1)
        }
    }
}
