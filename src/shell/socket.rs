//! Sockets: the server's with what arrives at them, and the clients'.
//!
//! `quinn-udp` gives us the system's batched receive and, with every datagram, the local address
//! that it was sent to, from which the reply must leave.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use mio::net::UdpSocket;
use mio::{Interest, Poll, Token};
use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};

use crate::limits::{DATAGRAM_MAX_BYTES, RECEIVE_BUFFER_BYTES};

/// The way back to a client: the same in reverse as the way that its datagram came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReturnPath {
    /// Which of the server's sockets.
    pub socket: usize,
    /// Where the client is.
    pub client: SocketAddr,
    /// The address that the client sent to, where the socket has many (a wildcard).
    pub asked: Option<IpAddr>,
}

impl ReturnPath {
    /// Whether both leave from the same address of the same socket.
    pub(super) fn leaves_like(&self, other: &Self) -> bool {
        (self.socket, self.asked) == (other.socket, other.asked)
    }
}

/// A client's socket, connected to the server, so that the system drops what does not come from its
/// address and tells when nobody listens there.
pub(super) fn connect(server: SocketAddr, poll: &Poll, token: Token) -> io::Result<UdpSocket> {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = Socket::new(Domain::for_address(server), Type::DGRAM, Some(Protocol::UDP))?;
    // A wish, not a demand: the system gives what it allows.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
    socket.set_nonblocking(true)?;
    socket.bind(&any.into())?;
    // R-CLIENT-6
    socket.connect(&server.into())?;
    let mut socket = UdpSocket::from_std(socket.into());
    poll.registry().register(&mut socket, token, Interest::READABLE)?;
    Ok(socket)
}

/// A socket that the server listens on.
pub(super) struct Listener {
    pub(super) socket: UdpSocket,
    pub(super) address: SocketAddr,
    /// What the system gave of [`RECEIVE_BUFFER_BYTES`].
    pub(super) receive_buffer_bytes: usize,
    pub(super) state: UdpSocketState,
}

impl Listener {
    /// Binds the address; port 0 takes a free port.
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            // Systems differ in the default; `[::]` and `0.0.0.0` can both be listened on.
            socket.set_only_v6(true)?;
        }
        // A wish, not a demand: the system gives what it allows.
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
        let receive_buffer_bytes = socket.recv_buffer_size()?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        let socket = UdpSocket::from_std(socket.into());
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        let address = socket.local_addr()?;
        want_less(&socket, address)?;
        Ok(Self { socket, address, receive_buffer_bytes, state })
    }
}

/// Switches off what `quinn-udp` switches on for protocols that need it: datagrams of one sender
/// joined into one buffer of up to 64 KiB (UDP GRO; requests come one from each), the time and the
/// class of each packet, and, where it is always the same, the address that it was sent to. What
/// the system does not have to write, it does not write for each datagram.
#[cfg(target_os = "linux")]
fn want_less(socket: &UdpSocket, address: SocketAddr) -> io::Result<()> {
    use nix::sys::socket::{setsockopt, sockopt};

    setsockopt(socket, sockopt::UdpGroSegment, &false)?;
    setsockopt(socket, sockopt::ReceiveTimestampns, &false)?;
    let has_one = !address.ip().is_unspecified();
    if address.is_ipv4() {
        setsockopt(socket, sockopt::IpRecvTos, &false)?;
        if has_one {
            setsockopt(socket, sockopt::Ipv4PacketInfo, &false)?;
        }
    } else {
        setsockopt(socket, sockopt::Ipv6RecvTClass, &false)?;
        if has_one {
            setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &false)?;
        }
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn want_less(_: &UdpSocket, _: SocketAddr) -> io::Result<()> {
    Ok(())
}

/// Space for one batch of datagrams, used again and again.
pub(super) struct ReceiveBuffer {
    bytes: Vec<u8>,
    metas: [RecvMeta; BATCH_SIZE],
}

impl ReceiveBuffer {
    /// More than any datagram of ours: a longer one is cut, and is still too long.
    const SLOT_BYTES: usize = 2_048;

    pub(super) fn new() -> Self {
        // R-READ-6
        const { assert!(Self::SLOT_BYTES > DATAGRAM_MAX_BYTES) };
        Self {
            bytes: vec![0; Self::SLOT_BYTES * BATCH_SIZE],
            metas: [RecvMeta::default(); BATCH_SIZE],
        }
    }

    /// Receives one batch and hands out its datagrams; returns how many there were.
    ///
    /// # Errors
    /// The system's; `WouldBlock` when there is nothing more.
    pub(super) fn receive(
        &mut self,
        index: usize,
        listener: &Listener,
        mut handle: impl FnMut(ReturnPath, &[u8]),
    ) -> io::Result<usize> {
        let Self { bytes, metas } = self;
        let batch = {
            let mut slots = bytes.chunks_exact_mut(Self::SLOT_BYTES).map(IoSliceMut::new);
            let mut slots: [IoSliceMut<'_>; BATCH_SIZE] =
                std::array::from_fn(|_| slots.next().expect("a slot for each"));
            let reference = UdpSockRef::from(&listener.socket);
            listener.socket.try_io(|| listener.state.recv(reference, &mut slots, metas))?
        };
        let has_many = listener.address.ip().is_unspecified();
        for (meta, slot) in metas.iter().zip(bytes.chunks_exact(Self::SLOT_BYTES)).take(batch) {
            let asked = meta.dst_ip.filter(|_| has_many);
            // R-KIND-3
            let path = ReturnPath { socket: index, client: meta.addr, asked };
            // The stride of what was not joined is its length.
            handle(path, &slot[..meta.len]);
        }
        Ok(batch)
    }
}
