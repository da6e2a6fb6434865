//! The thread of a folder, and the channel to it. Requests come first; between them it lists and hashes,
//! a piece at a time.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;

use mio::Waker;

use super::super::priority::lower_priority;
use super::{Folder, FolderCompletion};
use crate::server::FolderRequest;

/// A folder on a thread of its own.
pub(in crate::shell) struct FolderWorker {
    requests: Sender<FolderRequest>,
    completions: Receiver<FolderCompletion>,
    thread: JoinHandle<()>,
}

impl FolderWorker {
    /// Starts the thread. The waker wakes the loop whenever there is a completion.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(in crate::shell) fn spawn(folder: Folder, waker: Arc<Waker>) -> io::Result<Self> {
        // The core bounds the requests under way.
        let (requests, to_do) = channel();
        let (report, completions) = channel();
        let work = move || work(folder, &to_do, &report, &waker);
        let thread = std::thread::Builder::new().name("files".into()).spawn(work)?;
        Ok(Self { requests, completions, thread })
    }

    pub(in crate::shell) fn send(&self, request: FolderRequest) {
        // A thread that has ended has panicked, which `join` finds.
        let _ = self.requests.send(request);
    }

    pub(in crate::shell) fn poll_completion(&self) -> Option<FolderCompletion> {
        self.completions.try_recv().ok()
    }

    /// Ends the thread.
    ///
    /// # Panics
    /// If the thread has panicked.
    pub(in crate::shell) fn join(self) {
        let Self { requests, completions, thread } = self;
        drop((requests, completions));
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Runs the thread until the other end of a channel is gone.
fn work(
    mut folder: Folder,
    to_do: &Receiver<FolderRequest>,
    report: &Sender<FolderCompletion>,
    waker: &Waker,
) {
    lower_priority("files are read");
    loop {
        let request = if folder.is_idle() {
            to_do.recv().map_err(|_| TryRecvError::Disconnected)
        } else {
            to_do.try_recv()
        };
        let now = folder.clock.now();
        match request {
            Ok(request) => folder.handle_request(request, now),
            Err(TryRecvError::Empty) => folder.work_some(now),
            Err(TryRecvError::Disconnected) => return,
        }
        if folder.completions.is_empty() {
            continue;
        }
        for completion in folder.completions.drain(..) {
            if report.send(completion).is_err() {
                return;
            }
        }
        if waker.wake().is_err() {
            return;
        }
    }
}
