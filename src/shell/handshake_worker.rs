//! The handshakes, on a thread of their own: two Diffie-Hellman each way take as long as fifty marks.
//!
//! How many are under way is bounded by the core ([`HANDSHAKES_MAX`]), which also decides what waits.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use mio::Waker;

use super::priority::lower_priority;
use super::socket::ReturnPath;
use crate::limits::HANDSHAKES_MAX;
use crate::seal::{HandshakeJob, SecretKey, Welcomed};

/// A thread that has the service's secret key.
pub(super) struct HandshakeWorker {
    jobs: SyncSender<HandshakeJob<ReturnPath>>,
    done: Receiver<Welcomed<ReturnPath>>,
    thread: JoinHandle<()>,
}

impl HandshakeWorker {
    /// Starts the thread. The waker wakes the loop whenever a handshake is done.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(super) fn spawn(key: SecretKey, waker: Arc<Waker>) -> io::Result<Self> {
        let (jobs, to_do) = sync_channel::<HandshakeJob<ReturnPath>>(HANDSHAKES_MAX);
        let (report, done) = sync_channel(HANDSHAKES_MAX);
        let work = move || {
            lower_priority("handshakes are done");
            while let Ok(job) = to_do.recv() {
                if report.send(job.answer(&key)).is_err() || waker.wake().is_err() {
                    return;
                }
                // A thread that is woken waits for the end of another's time slice, which is ten handshakes.
                std::thread::yield_now();
            }
        };
        let thread = std::thread::Builder::new().name("handshakes".into()).spawn(work)?;
        Ok(Self { jobs, done, thread })
    }

    /// Sends a job. There are never more under way than have room, so this does not wait.
    pub(super) fn send(&self, job: HandshakeJob<ReturnPath>) {
        // A thread that has ended has panicked, which `join` finds.
        let _ = self.jobs.send(job);
    }

    pub(super) fn poll_done(&self) -> Option<Welcomed<ReturnPath>> {
        self.done.try_recv().ok()
    }

    /// Ends the thread.
    ///
    /// # Panics
    /// If the thread has panicked.
    pub(super) fn join(self) {
        let Self { jobs, done, thread } = self;
        drop((jobs, done));
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}
