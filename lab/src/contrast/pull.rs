//! Fetches the same file again and again and keeps nothing of it, until standard input ends.

use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rollcall::blocks::Prefix;
use rollcall::exchange::FileInfo;
use rollcall::ids::ContentId;
use rollcall::seal::Link;
use rollcall::shell::clock::Clock;
use rollcall::shell::download::{Destination, FetchError, Fetcher};
use serde_json::json;

use super::Failure;

/// How long nothing may come.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is to be done.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Pull {
    /// The server, which must know the file already.
    server: SocketAddr,
    /// The same file here.
    file: PathBuf,
}

/// Counts bytes and keeps none, until it is over.
struct Counter {
    bytes: usize,
    over: Arc<AtomicBool>,
}

impl Destination for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes += bytes.len();
        if self.over.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::InvalidData.into())
    }
}

pub(crate) fn pull(pull: &Pull) -> Result<(), Failure> {
    let content = std::fs::read(&pull.file)?;
    let file = FileInfo { bytes: content.len() as u64, content: ContentId::of(&content) };
    let over = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&over);
    thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        told.store(true, Ordering::Relaxed);
    });
    let mut fetcher = Fetcher::new(pull.server, None, Link::Plain, Clock::start())?;
    let begin = Instant::now();
    let mut counter = Counter { bytes: 0, over };
    loop {
        match fetcher.fetch(file, Prefix::default(), PATIENCE, &mut counter, &mut |_| {}) {
            Ok(_) => {}
            Err(FetchError::Write(_)) => break,
            Err(error) => return Err(error.into()),
        }
    }
    let bytes = counter.bytes;
    let seconds = begin.elapsed().as_secs_f64();
    println!("{}", json!({ "bytes": bytes, "seconds": seconds, "rate": bytes as f64 / seconds }));
    Ok(())
}
