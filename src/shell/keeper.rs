//! Who keeps what was promised: the journal, on a thread of its own where it waits for a disk.
//!
//! ```text
//!   loop:     receive ─ judge ─ Order::Commit ─ receive ─ judge ── … ── Done::Committed ─ send
//!   journal:                     └─ write, sync ──────────────────────┘ wakes the loop
//! ```
//!
//! The loop stays one thread: the journal's thread sees only orders and tells only that they are
//! done, in the order in which they came. There is one commit under way at most (the core gives out
//! the next batch when the last one is durable), so a slow disk makes batches larger, not a queue.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;

use mio::Waker;

use crate::ids::ContentId;
use crate::journal::{Journal, JournalError, Snapshot};
use crate::limits::BLOCKS_AWAITED_MAX;
use crate::record::Batch;

/// What can be under way: every block that is waited for, one commit and one snapshot.
const ORDERS_MAX: usize = BLOCKS_AWAITED_MAX + 2;

/// Something for the journal to do.
pub(super) enum Order {
    Commit(Batch),
    Read(ContentId),
    Replace(Snapshot),
}

/// What it has done.
pub(super) enum Done {
    /// The batch is durable. It comes back, so that its memory can be used again.
    Committed {
        batch: Batch,
        /// A snapshot would pay now.
        snapshot_due: bool,
    },
    /// A sheet was read, if there is one.
    Read(ContentId, Option<Vec<u8>>),
    /// The snapshot stands in place of the batches before it.
    Replaced,
}

/// A journal that takes orders.
pub(super) enum Keeper<J> {
    /// It answers at once: there is nothing to wait for.
    Here { journal: J, done: VecDeque<Result<Done, JournalError>> },
    /// It waits for the disk, and the loop does not.
    Apart {
        orders: SyncSender<Order>,
        done: Receiver<Result<Done, JournalError>>,
        under_way: usize,
        thread: JoinHandle<()>,
    },
}

impl<J: Journal + Send + 'static> Keeper<J> {
    /// Takes over the journal. Whenever something was done apart from the loop, the waker wakes it.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(super) fn begin(journal: J, waker: Arc<Waker>) -> io::Result<Self> {
        if !J::WAITS {
            return Ok(Self::Here { journal, done: VecDeque::new() });
        }
        let (orders, to_do) = sync_channel(ORDERS_MAX);
        let (tell, done) = sync_channel(ORDERS_MAX);
        let work = move || work(journal, &to_do, &tell, &waker);
        let thread = std::thread::Builder::new().name("journal".into()).spawn(work)?;
        Ok(Self::Apart { orders, done, under_way: 0, thread })
    }

    /// Gives an order. There are never more than [`ORDERS_MAX`] under way, so this does not wait.
    pub(super) fn order(&mut self, order: Order) {
        match self {
            Self::Here { journal, done } => done.push_back(carry_out(journal, order)),
            Self::Apart { orders, under_way, .. } => {
                *under_way += 1;
                // A thread that has ended has told why, or has panicked: either is found below.
                let _ = orders.send(order);
            }
        }
    }

    /// What was done since the last time, if anything was.
    ///
    /// # Errors
    /// The journal's; it must not be used any more.
    pub(super) fn poll_done(&mut self) -> Result<Option<Done>, JournalError> {
        match self {
            Self::Here { done, .. } => done.pop_front().transpose(),
            Self::Apart { done, under_way, .. } => match done.try_recv() {
                Ok(result) => {
                    *under_way -= 1;
                    result.map(Some)
                }
                Err(TryRecvError::Empty) => Ok(None),
                Err(TryRecvError::Disconnected) => Err(JournalError::Stopped),
            },
        }
    }

    /// Waits for the next thing to be done, `None` if nothing is under way.
    ///
    /// # Errors
    /// As for [`Keeper::poll_done`].
    pub(super) fn wait_done(&mut self) -> Result<Option<Done>, JournalError> {
        match self {
            Self::Here { .. } => self.poll_done(),
            Self::Apart { under_way: 0, .. } => Ok(None),
            Self::Apart { done, under_way, .. } => {
                *under_way -= 1;
                done.recv().map_err(|_| JournalError::Stopped)?.map(Some)
            }
        }
    }

    /// Ends the journal, so that its folder is free when this returns.
    pub(super) fn end(self) {
        let Self::Apart { orders, done, thread, .. } = self else { return };
        drop((orders, done));
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

/// The journal's thread: until there are no more orders, or until one fails.
fn work<J: Journal>(
    mut journal: J,
    to_do: &Receiver<Order>,
    tell: &SyncSender<Result<Done, JournalError>>,
    waker: &Waker,
) {
    while let Ok(order) = to_do.recv() {
        let result = carry_out(&mut journal, order);
        let failed = result.is_err();
        if tell.send(result).is_err() || failed {
            break;
        }
        waker.wake().expect("the loop is there as long as it takes what is told");
    }
    // Whatever ended this thread, the loop must look.
    let _ = waker.wake();
}

fn carry_out<J: Journal>(journal: &mut J, order: Order) -> Result<Done, JournalError> {
    match order {
        Order::Commit(batch) => {
            journal.commit(&batch)?;
            Ok(Done::Committed { batch, snapshot_due: journal.snapshot_due() })
        }
        Order::Read(content) => Ok(Done::Read(content, journal.sheet(content)?)),
        Order::Replace(snapshot) => {
            journal.compact(&snapshot)?;
            Ok(Done::Replaced)
        }
    }
}
