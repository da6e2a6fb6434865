//! The journal, on a thread of its own where it waits for a disk, and beside it a thread that reads
//! closed sheets.
//!
//! ```text
//!   loop:     receive ─ judge ─ Order::Commit ─ receive ─ judge ── … ── Done::Committed ─ send
//!   journal:                     └─ write, sync ──────────────────────┘ wakes the loop
//!   sheets:        Order::Read ─ read ─ Done::Read
//! ```
//!
//! The loop stays one thread: the others see only orders and tell only that they are done. There is
//! one commit under way at most (the core gives out the next batch when the last one is durable), so
//! a slow disk makes batches larger, not a queue. A commit never waits for a sheet to be read; a
//! sheet that is asked for while a commit is under way is read after it, because that commit may be
//! what makes it.
//!
//! Once a second the journal's thread looks whether its files are still there and how much room is
//! left on the disk.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use mio::Waker;

use super::clock::Clock;
use super::serve::ServeError;
use crate::ids::ContentId;
use crate::journal::{Condition, Journal, JournalError, SheetReader};
use crate::limits::{BLOCKS_AWAITED_MAX, SHEET_QUESTIONS_MAX};
use crate::operation::SheetInfo;
use crate::record::{Batch, SnapshotPart};
use crate::server::SheetsQuestion;

/// What can be under way at the journal: a commit and a part of a snapshot. Its condition comes between.
const WRITES_MAX: usize = 2;
/// What can be under way at the reader: every sheet and every list that somebody waits for.
const READS_MAX: usize = BLOCKS_AWAITED_MAX + SHEET_QUESTIONS_MAX;
/// How often the journal looks at its folder.
const CONDITION_INTERVAL: Duration = Duration::from_secs(1);

/// Something for the journal to do.
pub(super) enum Order {
    Commit(Batch),
    Read(Read),
    KeepSnapshot(SnapshotPart),
}

/// Something to read of the closed sheets.
#[derive(Clone, Copy)]
pub(super) enum Read {
    Sheet(ContentId),
    List(SheetsQuestion),
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
    /// Sheets of a class were read in brief, one more than was asked for if there is one.
    Listed(SheetsQuestion, Vec<SheetInfo>),
    /// The part of a snapshot is kept.
    SnapshotKept,
    /// How it stands with the disk; told without an order, at the start and when it is worth a word.
    Condition(Condition),
}

type Told = Result<Done, JournalError>;

/// A journal that takes orders.
pub(super) enum Keeper<J> {
    /// It answers at once: there is nothing to wait for.
    Here { journal: J, done: VecDeque<Told> },
    /// It waits for the disk, and the loop does not.
    Apart(Box<Apart>),
}

/// The two threads, and what is under way at each.
pub(super) struct Apart {
    journal: Worker<Order>,
    sheets: Worker<Read>,
    /// Whether a commit is under way. Sheets that are asked for meanwhile wait for its end.
    committing: bool,
    after_commit: Vec<Read>,
    /// The condition at the start.
    first: Option<Condition>,
}

/// A thread with its orders.
struct Worker<O> {
    orders: SyncSender<O>,
    done: Receiver<Told>,
    under_way: usize,
    thread: JoinHandle<()>,
}

impl<O: Send + 'static> Worker<O> {
    fn begin(
        name: &str,
        orders_max: usize,
        work: impl FnOnce(&Receiver<O>, &SyncSender<Told>) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (orders, to_do) = sync_channel(orders_max);
        // And one more for what is told without an order.
        let (tell, done) = sync_channel(orders_max + 1);
        let work = move || work(&to_do, &tell);
        let thread = std::thread::Builder::new().name(name.into()).spawn(work)?;
        Ok(Self { orders, done, under_way: 0, thread })
    }

    fn order(&mut self, order: O) {
        self.under_way += 1;
        // A thread that has ended has told why, or has panicked: either is found in `poll`.
        let _ = self.orders.send(order);
    }

    fn poll(&mut self) -> Result<Option<Done>, JournalError> {
        match self.done.try_recv() {
            Ok(told) => self.take(told).map(Some),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(JournalError::stopped()),
        }
    }

    fn wait(&mut self) -> Result<Done, JournalError> {
        let told = self.done.recv().map_err(|_| JournalError::stopped())?;
        self.take(told)
    }

    fn take(&mut self, told: Told) -> Result<Done, JournalError> {
        // A condition, or that there is none any more, is told without an order.
        if !matches!(told, Ok(Done::Condition(_))) {
            self.under_way = self.under_way.saturating_sub(1);
        }
        told
    }

    fn end(self) {
        drop((self.orders, self.done));
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

impl<J: Journal + Send + 'static> Keeper<J> {
    /// Takes over the journal. Whenever something was done apart from the loop, the waker wakes it.
    ///
    /// # Errors
    /// If the system gives no thread or no second way to the sheets, or the journal is not where it
    /// was.
    pub(super) fn begin(mut journal: J, waker: Arc<Waker>) -> Result<Self, ServeError> {
        let Some(reader) = journal.reader()? else {
            return Ok(Self::Here { journal, done: VecDeque::new() });
        };
        let first = Some(journal.condition()?);
        let wake = Arc::clone(&waker);
        let sheets = Worker::begin("sheets", READS_MAX, move |to_do, tell| {
            read_sheets(reader, to_do, tell, &wake);
        })?;
        let journal = Worker::begin("journal", WRITES_MAX, move |to_do, tell| {
            work(journal, to_do, tell, &waker);
        })?;
        let after_commit = Vec::new();
        Ok(Self::Apart(Box::new(Apart { journal, sheets, committing: false, after_commit, first })))
    }

    /// Gives an order. There are never more under way than have room, so this does not wait.
    pub(super) fn order(&mut self, order: Order) {
        match self {
            Self::Here { journal, done } => done.push_back(carry_out(journal, order)),
            Self::Apart(apart) => match order {
                Order::Read(read) if apart.committing => apart.after_commit.push(read),
                Order::Read(read) => apart.sheets.order(read),
                order => {
                    apart.committing |= matches!(order, Order::Commit(_));
                    apart.journal.order(order);
                }
            },
        }
    }

    /// What was done since the last time, if anything was.
    ///
    /// # Errors
    /// The journal's; it must not be used any more.
    pub(super) fn poll_done(&mut self) -> Result<Option<Done>, JournalError> {
        match self {
            Self::Here { done, .. } => done.pop_front().transpose(),
            Self::Apart(apart) => {
                if let Some(first) = apart.first.take() {
                    return Ok(Some(Done::Condition(first)));
                }
                match apart.journal.poll()? {
                    Some(done) => Ok(Some(apart.noted(done))),
                    None => apart.sheets.poll(),
                }
            }
        }
    }

    /// Waits for the next thing to be done, `None` if nothing is under way.
    ///
    /// # Errors
    /// As for [`Keeper::poll_done`].
    pub(super) fn wait_done(&mut self) -> Result<Option<Done>, JournalError> {
        match self {
            Self::Here { .. } => self.poll_done(),
            Self::Apart(apart) if apart.journal.under_way > 0 => {
                let done = apart.journal.wait()?;
                Ok(Some(apart.noted(done)))
            }
            Self::Apart(apart) if apart.sheets.under_way > 0 => apart.sheets.wait().map(Some),
            Self::Apart(_) => Ok(None),
        }
    }

    /// Ends the journal, so that its folder is free when this returns.
    pub(super) fn end(self) {
        let Self::Apart(apart) = self else { return };
        // The journal is the last on its files, and leaves them in order.
        apart.sheets.end();
        apart.journal.end();
    }
}

impl Apart {
    fn noted(&mut self, done: Done) -> Done {
        if matches!(done, Done::Committed { .. }) {
            self.committing = false;
            for read in std::mem::take(&mut self.after_commit) {
                self.sheets.order(read);
            }
        }
        done
    }
}

/// The thread that reads sheets: until there are no more orders, or until one fails.
fn read_sheets(
    mut reader: Box<dyn SheetReader>,
    to_do: &Receiver<Read>,
    tell: &SyncSender<Told>,
    waker: &Waker,
) {
    while let Ok(read) = to_do.recv() {
        let told = match read {
            Read::Sheet(content) => reader.sheet(content).map(|it| Done::Read(content, it)),
            Read::List(question) => {
                let SheetsQuestion { class, at_most, limit } = question;
                let listed = reader.history(class, at_most, limit + 1);
                listed.map(|it| Done::Listed(question, it))
            }
        };
        if !tell_of(told, tell, waker) {
            break;
        }
    }
    let _ = waker.wake();
}

/// The journal's thread: until there are no more orders, or until one fails.
fn work<J: Journal>(
    mut journal: J,
    to_do: &Receiver<Order>,
    tell: &SyncSender<Told>,
    waker: &Waker,
) {
    let clock = Clock::start();
    let (mut looked, mut known) = (clock.now().instant, Condition::default());
    loop {
        let order = match to_do.recv_timeout(CONDITION_INTERVAL) {
            Ok(order) => Some(order),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        if let Some(order) = order
            && !tell_of(carry_out(&mut journal, order), tell, waker)
        {
            break;
        }
        let now = clock.now().instant;
        if now.since(looked) < CONDITION_INTERVAL {
            continue;
        }
        looked = now;
        let told = match journal.condition() {
            Ok(found) => {
                let is_news = found.is_low() || found.log_is_long() || known.is_low();
                known = found;
                is_news.then_some(Ok(Done::Condition(found)))
            }
            Err(error) => Some(Err(error)),
        };
        if told.is_some_and(|told| !tell_of(told, tell, waker)) {
            break;
        }
    }
    // Whatever ended this thread, the loop must look.
    let _ = waker.wake();
}

/// Tells what was done; true if there may be more to do.
fn tell_of(told: Told, tell: &SyncSender<Told>, waker: &Waker) -> bool {
    let failed = told.is_err();
    if tell.send(told).is_err() || failed {
        return false;
    }
    waker.wake().expect("the loop is there as long as it takes what is told");
    true
}

fn carry_out<J: Journal>(journal: &mut J, order: Order) -> Told {
    match order {
        Order::Commit(batch) => {
            journal.commit(&batch)?;
            Ok(Done::Committed { batch, snapshot_due: journal.snapshot_due() })
        }
        Order::Read(Read::Sheet(content)) => Ok(Done::Read(content, journal.sheet(content)?)),
        Order::Read(Read::List(question)) => {
            let SheetsQuestion { class, at_most, limit } = question;
            Ok(Done::Listed(question, journal.history(class, at_most, limit + 1)?))
        }
        Order::KeepSnapshot(part) => {
            journal.keep_snapshot(&part)?;
            Ok(Done::SnapshotKept)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};

    use mio::{Poll, Token};

    use super::*;
    use crate::ids::{ClassId, RollCallNumber};
    use crate::journal::Recovered;
    use crate::operation::SheetInfo;
    use crate::record::Recovery;

    /// A journal whose reads and commits take until they are allowed.
    struct Gated {
        reads: Mutex<Option<mpsc::Receiver<()>>>,
        commits: mpsc::Receiver<()>,
    }

    struct GatedReader(mpsc::Receiver<()>);

    impl SheetReader for GatedReader {
        fn sheet(&mut self, _: ContentId) -> Result<Option<Vec<u8>>, JournalError> {
            self.0.recv().map_err(|_| JournalError::stopped())?;
            Ok(None)
        }

        fn history(
            &mut self,
            _: ClassId,
            _: RollCallNumber,
            _: usize,
        ) -> Result<Vec<SheetInfo>, JournalError> {
            Ok(Vec::new())
        }
    }

    impl Journal for Gated {
        fn recover(&mut self, _: &mut dyn Recovery) -> Result<Recovered, JournalError> {
            Ok(Recovered::default())
        }

        fn commit(&mut self, _: &Batch) -> Result<(), JournalError> {
            self.commits.recv().map_err(|_| JournalError::stopped())
        }

        fn sheet(&mut self, _: ContentId) -> Result<Option<Vec<u8>>, JournalError> {
            unreachable!("sheets are read beside the journal")
        }

        fn history(
            &mut self,
            _: ClassId,
            _: RollCallNumber,
            _: usize,
        ) -> Result<Vec<SheetInfo>, JournalError> {
            Ok(Vec::new())
        }

        fn reader(&self) -> Result<Option<Box<dyn SheetReader>>, JournalError> {
            let gate = self.reads.lock().unwrap().take().expect("one reader");
            Ok(Some(Box::new(GatedReader(gate))))
        }

        fn condition(&mut self) -> Result<Condition, JournalError> {
            Ok(Condition::default())
        }

        fn snapshot_due(&self) -> bool {
            false
        }

        fn keep_snapshot(&mut self, _: &SnapshotPart) -> Result<(), JournalError> {
            Ok(())
        }
    }

    /// The keeper, and what lets a read and a commit go on. The poll is kept for its waker.
    fn keeper() -> (Keeper<Gated>, mpsc::Sender<()>, mpsc::Sender<()>, Poll) {
        let poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
        let (read, reads) = mpsc::channel();
        let (commit, commits) = mpsc::channel();
        let journal = Gated { reads: Mutex::new(Some(reads)), commits };
        let mut keeper = Keeper::begin(journal, waker).unwrap();
        let first = keeper.poll_done().unwrap();
        assert!(matches!(first, Some(Done::Condition(_))), "told before anything else");
        (keeper, read, commit, poll)
    }

    fn batch(number: u64) -> Batch {
        Batch { number, records: vec![], sheets: vec![], forgotten: vec![] }
    }

    fn content(byte: u8) -> ContentId {
        ContentId::from_bytes([byte; 32])
    }

    #[test]
    fn a_commit_does_not_wait_for_sheets_that_are_read() {
        let (mut keeper, read, commit, _poll) = keeper();
        for byte in 0..100 {
            keeper.order(Order::Read(Read::Sheet(content(byte))));
        }
        keeper.order(Order::Commit(batch(1)));
        commit.send(()).unwrap();
        // No read has ended, and none can.
        let done = keeper.wait_done().unwrap();
        assert!(matches!(done, Some(Done::Committed { batch: Batch { number: 1, .. }, .. })));
        for byte in 0..100 {
            read.send(()).unwrap();
            let done = keeper.wait_done().unwrap();
            assert!(matches!(done, Some(Done::Read(it, None)) if it == content(byte)));
        }
        assert!(keeper.wait_done().unwrap().is_none());
        drop((read, commit));
        keeper.end();
    }

    #[test]
    fn a_sheet_that_is_asked_for_during_a_commit_is_read_after_it() {
        let (mut keeper, read, commit, _poll) = keeper();
        keeper.order(Order::Commit(batch(1)));
        keeper.order(Order::Read(Read::Sheet(content(7))));
        // It could be read at once, but its close may be in that commit.
        read.send(()).unwrap();
        assert!(keeper.poll_done().unwrap().is_none());
        commit.send(()).unwrap();
        assert!(matches!(keeper.wait_done().unwrap(), Some(Done::Committed { .. })));
        assert!(
            matches!(keeper.wait_done().unwrap(), Some(Done::Read(it, None)) if it == content(7))
        );
        drop((read, commit));
        keeper.end();
    }
}
