//! Fetches the same file again and again and keeps nothing of it, until standard input ends.

use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rollcall::exchange::FileInfo;
use rollcall::ids::ContentId;
use rollcall::shell::download::{FetchError, Fetcher};
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

pub(crate) fn pull(pull: &Pull) -> Result<(), Failure> {
    let content = std::fs::read(&pull.file)?;
    let file = FileInfo { bytes: content.len() as u64, content: ContentId::of(&content) };
    let over = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&over);
    thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        told.store(true, Ordering::Relaxed);
    });
    let mut fetcher = Fetcher::new(pull.server, None)?;
    let begin = Instant::now();
    let mut bytes = 0;
    let mut take = |piece: &[u8]| {
        bytes += piece.len();
        if over.load(Ordering::Relaxed) { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
    };
    loop {
        match fetcher.fetch(file, 0, PATIENCE, &mut take, &mut |_| {}) {
            Ok(_) => {}
            Err(FetchError::Write(_)) => break,
            Err(error) => return Err(error.into()),
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    println!("{}", json!({ "bytes": bytes, "seconds": seconds, "rate": bytes as f64 / seconds }));
    Ok(())
}
