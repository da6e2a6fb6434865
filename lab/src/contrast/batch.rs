//! Datagrams in batches, both ways, for the echo and for the load: nothing between them and the
//! system but `recvmmsg` and `sendmmsg`.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg};

/// The datagrams of one call to the system.
pub(crate) const BATCH: usize = 64;
/// Room for any datagram of this protocol.
const SLOT_BYTES: usize = 1_500;

/// Space for a batch of datagrams.
pub(crate) struct Batch {
    headers: MultiHeaders<SockaddrStorage>,
    slots: Vec<[u8; SLOT_BYTES]>,
    lengths: [usize; BATCH],
    peers: [Option<SockaddrStorage>; BATCH],
    filled: usize,
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self {
            headers: MultiHeaders::preallocate(BATCH, None),
            slots: vec![[0; SLOT_BYTES]; BATCH],
            lengths: [0; BATCH],
            peers: [None; BATCH],
            filled: 0,
        }
    }

    /// Takes what has arrived, without waiting; how many datagrams that was.
    pub(crate) fn receive(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        self.filled = 0;
        let Self { headers, slots, lengths, peers, filled } = self;
        let mut slices: Vec<[IoSliceMut<'_>; 1]> =
            slots.iter_mut().map(|slot| [IoSliceMut::new(slot)]).collect();
        let flags = MsgFlags::MSG_DONTWAIT;
        let received = match recvmmsg(socket.as_raw_fd(), headers, slices.iter_mut(), flags, None) {
            Err(nix::Error::EAGAIN | nix::Error::ECONNREFUSED) => return Ok(0),
            other => other?,
        };
        for message in received {
            lengths[*filled] = message.bytes;
            peers[*filled] = message.address;
            *filled += 1;
        }
        Ok(*filled)
    }

    pub(crate) fn clear(&mut self) {
        self.filled = 0;
    }

    pub(crate) fn is_full(&self) -> bool {
        self.filled == BATCH
    }

    /// Adds a datagram that goes where the socket is connected to.
    pub(crate) fn push(&mut self, datagram: &[u8]) {
        self.slots[self.filled][..datagram.len()].copy_from_slice(datagram);
        self.lengths[self.filled] = datagram.len();
        self.peers[self.filled] = None;
        self.filled += 1;
    }

    pub(crate) fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        self.slots.iter().zip(self.lengths).take(self.filled).map(|(slot, length)| &slot[..length])
    }

    /// Shortens every datagram to at most so many bytes.
    pub(crate) fn shorten(&mut self, bytes: usize) {
        for length in &mut self.lengths {
            *length = (*length).min(bytes);
        }
    }

    /// Sends the datagrams, each to the peer it came from; what the system refuses is lost.
    pub(crate) fn send(&mut self, socket: &UdpSocket) -> io::Result<()> {
        let Self { headers, slots, lengths, peers, filled } = self;
        let slices: Vec<[IoSlice<'_>; 1]> = slots
            .iter()
            .zip(lengths.iter())
            .take(*filled)
            .map(|(slot, &length)| [IoSlice::new(&slot[..length])])
            .collect();
        let mut sent = 0;
        while sent < *filled {
            let flags = MsgFlags::MSG_DONTWAIT;
            let result = sendmmsg(
                socket.as_raw_fd(),
                headers,
                slices[sent..].iter(),
                &peers[sent..*filled],
                [],
                flags,
            );
            match result {
                Ok(results) => sent += results.count().max(1),
                Err(nix::Error::EAGAIN | nix::Error::ECONNREFUSED) => sent += 1,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// A socket of this family with room for a whole school.
pub(crate) fn socket(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::DGRAM,
        Some(socket2::Protocol::UDP),
    )?;
    socket.set_recv_buffer_size(4 << 20)?;
    socket.set_send_buffer_size(4 << 20)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}
