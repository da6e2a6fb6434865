//! The baseline: a bare UDP echo. It receives and sends in batches and does nothing else.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::{Events, Interest, Poll, Token};

use super::batch::{self, Batch};

/// Sends every datagram back, cut to so many bytes, until it is killed.
pub(crate) fn serve(address: SocketAddr, reply_bytes: usize) -> io::Result<()> {
    let socket = batch::socket(address)?;
    println!("listening on {}", socket.local_addr()?);
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(8);
    let mut watched = mio::net::UdpSocket::from_std(socket.try_clone()?);
    poll.registry().register(&mut watched, Token(0), Interest::READABLE)?;
    let mut batch = Batch::new();
    loop {
        poll.poll(&mut events, Some(Duration::from_secs(1)))?;
        while batch.receive(&socket)? > 0 {
            batch.shorten(reply_bytes);
            batch.send(&socket)?;
        }
    }
}
