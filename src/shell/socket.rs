//! The server's sockets: batches in, single replies out, each from the address that was asked.
//!
//! `quinn-udp` gives us the system's batched receive and, with every datagram, the local address
//! that it was sent to. It also lets Linux join datagrams of one sender into one buffer (UDP GRO);
//! therefore the buffers hold 64 KiB, and what was joined is cut apart again by its stride. For the
//! same reason nothing is ever truncated, and the length that the core judges is the real one.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};

use mio::net::UdpSocket;
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};

use crate::limits::{RECEIVE_BUFFER_BYTES, UDP_PAYLOAD_MAX_BYTES};

/// The way back to a client: the same in reverse as the way that its datagram came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// Which of the server's sockets.
    pub socket: usize,
    /// Where the client is.
    pub client: SocketAddr,
    /// The address that the client sent to: a wildcard socket has many.
    pub asked: Option<IpAddr>,
}

/// A socket that the server listens on.
pub(super) struct Listener {
    pub(super) socket: UdpSocket,
    pub(super) address: SocketAddr,
    /// What the system gave of [`RECEIVE_BUFFER_BYTES`].
    pub(super) receive_buffer_bytes: usize,
    state: UdpSocketState,
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
        Ok(Self { socket, address, receive_buffer_bytes, state })
    }

    /// Sends one reply.
    ///
    /// # Errors
    /// The system's; the reply is lost then, and its client will ask again.
    pub(super) fn send(&self, path: &Path, datagram: &[u8]) -> io::Result<()> {
        let transmit = Transmit {
            destination: path.client,
            ecn: None,
            contents: datagram,
            segment_size: None,
            src_ip: path.asked,
        };
        self.socket.try_io(|| self.state.try_send(UdpSockRef::from(&self.socket), &transmit))
    }
}

/// Space for one batch of datagrams, used again and again.
pub(super) struct ReceiveBuffer {
    bytes: Vec<u8>,
    metas: [RecvMeta; BATCH_SIZE],
}

impl ReceiveBuffer {
    /// A little more than any datagram, and a multiple of what a processor reads at once.
    const SLOT_BYTES: usize = 1 << 16;

    pub(super) fn new() -> Self {
        const { assert!(Self::SLOT_BYTES > UDP_PAYLOAD_MAX_BYTES) };
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
        mut handle: impl FnMut(Path, &[u8]),
    ) -> io::Result<usize> {
        let Self { bytes, metas } = self;
        let batch = {
            let mut slots = bytes.chunks_exact_mut(Self::SLOT_BYTES).map(IoSliceMut::new);
            let mut slots: [IoSliceMut<'_>; BATCH_SIZE] =
                std::array::from_fn(|_| slots.next().expect("a slot for each"));
            let reference = UdpSockRef::from(&listener.socket);
            listener.socket.try_io(|| listener.state.recv(reference, &mut slots, metas))?
        };
        let mut datagrams = 0;
        for (meta, slot) in metas.iter().zip(bytes.chunks_exact(Self::SLOT_BYTES)).take(batch) {
            let path = Path { socket: index, client: meta.addr, asked: meta.dst_ip };
            if meta.len == 0 {
                handle(path, &[]);
                datagrams += 1;
            }
            for datagram in slot[..meta.len].chunks(meta.stride.max(1)) {
                handle(path, datagram);
                datagrams += 1;
            }
        }
        Ok(datagrams)
    }
}
