//! The baselines: UDP echoes that receive and send in batches.
//!
//! The *batched* echo does nothing else: no server answers faster. The *synced* echo does what any
//! server must do that acknowledges only what is durable, in the cheapest way that there is: it
//! writes all requests that have arrived over blocks of a file that exist already, syncs them, and
//! then answers: one `pwrite` and one `fdatasync` for all of them.

use std::fs::File;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use mio::{Events, Interest, Poll, Token};

use super::batch::{self, BATCH, Batch};

/// The batches that are answered after one sync at most.
const BATCHES_MAX: usize = 64;
/// The file that is written round and round.
const FILE_BYTES: u64 = 64 << 20;
/// What a disk writes at once.
const BLOCK_BYTES: usize = 4_096;

/// Which echo.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Echo {
    /// Where to listen; port 0 takes a free one.
    listen: SocketAddr,
    /// The bytes of an answer.
    reply_bytes: usize,
    /// Write and sync what arrived before it is answered.
    #[arg(long)]
    synced: bool,
}

/// Sends every datagram back, cut to so many bytes, until it is killed.
pub(crate) fn serve(echo: &Echo) -> io::Result<()> {
    let socket = batch::socket(echo.listen)?;
    let mut log = echo.synced.then(Log::new).transpose()?;
    println!("listening on {}", socket.local_addr()?);
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(8);
    let mut watched = mio::net::UdpSocket::from_std(socket.try_clone()?);
    poll.registry().register(&mut watched, Token(0), Interest::READABLE)?;
    let batches_max = if echo.synced { BATCHES_MAX } else { 1 };
    let mut batches: Vec<Batch> = (0..batches_max).map(|_| Batch::new()).collect();
    loop {
        poll.poll(&mut events, Some(Duration::from_secs(1)))?;
        loop {
            let filled = receive(&socket, &mut batches)?;
            if filled.is_empty() {
                break;
            }
            if let Some(log) = &mut log {
                log.keep(filled)?;
            }
            for batch in filled {
                batch.shorten(echo.reply_bytes);
                batch.send(&socket)?;
            }
        }
    }
}

/// Takes what has arrived; gives the batches that have something.
fn receive<'a>(socket: &UdpSocket, batches: &'a mut [Batch]) -> io::Result<&'a mut [Batch]> {
    let mut filled = 0;
    for batch in batches.iter_mut() {
        let received = batch.receive(socket)?;
        filled += usize::from(received > 0);
        if received < BATCH {
            break;
        }
    }
    Ok(&mut batches[..filled])
}

/// A file whose blocks exist, so that a sync writes data and nothing else.
struct Log {
    file: File,
    at: u64,
    space: Vec<u8>,
}

impl Log {
    /// In the folder for temporary files, where the journals of the measured servers are, too.
    fn new() -> io::Result<Self> {
        let file = tempfile::tempfile()?;
        let zeros = vec![0; 1 << 20];
        for at in (0..FILE_BYTES).step_by(zeros.len()) {
            file.write_all_at(&zeros, at)?;
        }
        file.sync_all()?;
        Ok(Self { file, at: 0, space: Vec::new() })
    }

    /// Writes the datagrams in whole blocks, and returns when they are durable.
    fn keep(&mut self, batches: &[Batch]) -> io::Result<()> {
        self.space.clear();
        for datagram in batches.iter().flat_map(Batch::datagrams) {
            self.space.extend_from_slice(datagram);
        }
        self.space.resize(self.space.len().next_multiple_of(BLOCK_BYTES), 0);
        if self.at + self.space.len() as u64 > FILE_BYTES {
            self.at = 0;
        }
        self.file.write_all_at(&self.space, self.at)?;
        self.at += self.space.len() as u64;
        self.file.sync_data()
    }
}
