//! The journal, on a thread of its own where it waits for a disk, and beside it a thread that reads
//! closed sheets.
//!
//! ```text
//!   loop:     receive ─ judge ─ Command::Commit ─ receive ─ judge ── … ── Completion::Committed ─ send
//!   journal:                     └─ write, sync ────────────────────────┘ wakes the loop
//!   sheets:        Command::Read ─ read ─ Completion::Read
//! ```
//!
//! The loop stays one thread: the others get commands and report completions. There is one commit
//! under way at most (the core gives out the next batch when the last one is durable), so a slow disk
//! makes batches larger, not a queue. A commit never waits for a sheet to be read; a
//! sheet that is asked for while a commit is under way is read after it, because that commit may be
//! what makes it.
//!
//! Once a second the journal's thread checks that its files are still there and how much room is
//! left on the disk.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;

use mio::Waker;

use super::clock::Clock;
use super::serve::ServeError;
use crate::exchange::SheetInfo;
use crate::ids::ContentId;
use crate::journal::{DiskStatus, Journal, JournalError, SheetReader};
use crate::limits::{DISK_CHECK_INTERVAL, JOURNAL_READS_MAX, JOURNAL_WRITES_MAX};
use crate::record::{Batch, Rows, RowsQuestion, SnapshotPart};
use crate::server::SheetsQuestion;

/// A task for the journal.
pub(super) enum Command {
    /// Append the batch and make it durable.
    Commit(Batch),
    /// Read closed sheets.
    Read(Read),
    /// Keep a part of a snapshot.
    KeepSnapshot(SnapshotPart),
}

/// What to read of the closed sheets.
#[derive(Clone, Copy)]
pub(super) enum Read {
    /// The canonical bytes of one.
    Sheet(ContentId),
    /// Some of a class, in brief.
    List(SheetsQuestion),
    /// Other rows.
    Rows(RowsQuestion),
}

/// The end of a command.
pub(super) enum Completion {
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
    /// Other rows were read, one more than was asked for if there is one.
    Rows(RowsQuestion, Rows),
    /// The part of a snapshot is kept.
    SnapshotKept,
    /// The status of the disk. Reported without a command: at the start, and when the operator or the
    /// core must know.
    DiskStatus(DiskStatus),
}

type Report = Result<Completion, JournalError>;

/// A journal that executes commands.
pub(super) enum JournalWorker<J> {
    /// On the loop's thread: it never waits for a disk.
    Inline { journal: J, done: VecDeque<Report> },
    /// On threads of its own: it waits for the disk, and the loop does not.
    Threaded(Box<Threads>),
}

/// The two threads, and what is under way at each.
pub(super) struct Threads {
    journal: Thread<Command>,
    sheets: Thread<Read>,
    /// Whether a commit is under way. Sheets that are asked for meanwhile wait for its end.
    committing: bool,
    after_commit: Vec<Read>,
    /// The status of the disk at the start.
    first_status: Option<DiskStatus>,
}

/// A thread with its commands.
struct Thread<C> {
    commands: SyncSender<C>,
    completions: Receiver<Report>,
    under_way: usize,
    handle: JoinHandle<()>,
}

impl<C: Send + 'static> Thread<C> {
    fn spawn(
        name: &str,
        commands_max: usize,
        work: impl FnOnce(&Receiver<C>, &SyncSender<Report>) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (commands, to_do) = sync_channel(commands_max);
        // And one more for what is reported without a command.
        let (done, completions) = sync_channel(commands_max + 1);
        let work = move || work(&to_do, &done);
        let handle = std::thread::Builder::new().name(name.into()).spawn(work)?;
        Ok(Self { commands, completions, under_way: 0, handle })
    }

    fn send(&mut self, command: C) {
        self.under_way += 1;
        // A thread that has ended has reported why, or has panicked: either is found in `poll`.
        let _ = self.commands.send(command);
    }

    fn poll(&mut self) -> Result<Option<Completion>, JournalError> {
        match self.completions.try_recv() {
            Ok(report) => self.take(report).map(Some),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(JournalError::stopped()),
        }
    }

    fn wait(&mut self) -> Result<Completion, JournalError> {
        let report = self.completions.recv().map_err(|_| JournalError::stopped())?;
        self.take(report)
    }

    fn take(&mut self, report: Report) -> Result<Completion, JournalError> {
        // The status of the disk, or that there is none any more, is reported without a command.
        if !matches!(report, Ok(Completion::DiskStatus(_))) {
            self.under_way = self.under_way.saturating_sub(1);
        }
        report
    }

    /// Ends the thread and waits for it.
    fn join(self) {
        drop((self.commands, self.completions));
        if let Err(panic) = self.handle.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

impl<J: Journal + Send + 'static> JournalWorker<J> {
    /// Takes over the journal. Whenever a thread has completed something, the waker wakes the loop.
    ///
    /// # Errors
    /// If the system gives no thread or no second connection to the sheets, or the journal is not
    /// where it was.
    pub(super) fn spawn(mut journal: J, waker: Arc<Waker>) -> Result<Self, ServeError> {
        let Some(reader) = journal.reader()? else {
            return Ok(Self::Inline { journal, done: VecDeque::new() });
        };
        let first_status = Some(journal.disk_status()?);
        let wake = Arc::clone(&waker);
        let sheets = Thread::spawn("sheets", JOURNAL_READS_MAX, move |commands, completions| {
            read_sheets(reader, commands, completions, &wake);
        })?;
        let journal =
            Thread::spawn("journal", JOURNAL_WRITES_MAX, move |commands, completions| {
                work(journal, commands, completions, &waker);
            })?;
        let after_commit = Vec::new();
        Ok(Self::Threaded(Box::new(Threads {
            journal,
            sheets,
            committing: false,
            after_commit,
            first_status,
        })))
    }

    /// Sends a command. There are never more under way than have room, so this does not wait.
    pub(super) fn send(&mut self, command: Command) {
        match self {
            Self::Inline { journal, done } => done.push_back(execute(journal, command)),
            Self::Threaded(threads) => match command {
                Command::Read(read) if threads.committing => threads.after_commit.push(read),
                Command::Read(read) => threads.sheets.send(read),
                command => {
                    threads.committing |= matches!(command, Command::Commit(_));
                    threads.journal.send(command);
                }
            },
        }
    }

    /// The next command that was completed, if one was.
    ///
    /// # Errors
    /// The journal's; it must not be used any more.
    pub(super) fn poll_completion(&mut self) -> Result<Option<Completion>, JournalError> {
        match self {
            Self::Inline { done, .. } => done.pop_front().transpose(),
            Self::Threaded(threads) => {
                if let Some(first) = threads.first_status.take() {
                    return Ok(Some(Completion::DiskStatus(first)));
                }
                match threads.journal.poll()? {
                    Some(done) => Ok(Some(threads.completed(done))),
                    None => threads.sheets.poll(),
                }
            }
        }
    }

    /// Waits for the next completion; `None` if nothing is under way.
    ///
    /// # Errors
    /// As for [`JournalWorker::poll_completion`].
    pub(super) fn wait_completion(&mut self) -> Result<Option<Completion>, JournalError> {
        match self {
            Self::Inline { .. } => self.poll_completion(),
            Self::Threaded(threads) if threads.journal.under_way > 0 => {
                let done = threads.journal.wait()?;
                Ok(Some(threads.completed(done)))
            }
            Self::Threaded(threads) if threads.sheets.under_way > 0 => {
                threads.sheets.wait().map(Some)
            }
            Self::Threaded(_) => Ok(None),
        }
    }

    /// Ends the journal, so that its folder is free when this returns.
    pub(super) fn join(self) {
        let Self::Threaded(threads) = self else { return };
        // The journal is the last on its files, and leaves them in order.
        threads.sheets.join();
        threads.journal.join();
    }
}

impl Threads {
    fn completed(&mut self, done: Completion) -> Completion {
        if matches!(done, Completion::Committed { .. }) {
            self.committing = false;
            for read in std::mem::take(&mut self.after_commit) {
                self.sheets.send(read);
            }
        }
        done
    }
}

/// The thread that reads sheets: until there are no more commands, or until one fails.
fn read_sheets(
    mut reader: Box<dyn SheetReader>,
    commands: &Receiver<Read>,
    completions: &SyncSender<Report>,
    waker: &Waker,
) {
    while let Ok(read) = commands.recv() {
        let result = match read {
            Read::Sheet(content) => reader.sheet(content).map(|it| Completion::Read(content, it)),
            Read::List(question) => {
                let SheetsQuestion { class, at_most, limit } = question;
                let listed = reader.history(class, at_most, limit + 1);
                listed.map(|it| Completion::Listed(question, it))
            }
            Read::Rows(question) => reader.rows(question).map(|it| Completion::Rows(question, it)),
        };
        if !report(result, completions, waker) {
            break;
        }
    }
    let _ = waker.wake();
}

/// The journal's thread: until there are no more commands, or until one fails.
fn work<J: Journal>(
    mut journal: J,
    commands: &Receiver<Command>,
    completions: &SyncSender<Report>,
    waker: &Waker,
) {
    let clock = Clock::start();
    let (mut looked, mut known) = (clock.now().instant, DiskStatus::default());
    loop {
        let command = match commands.recv_timeout(DISK_CHECK_INTERVAL) {
            Ok(command) => Some(command),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        if let Some(command) = command
            && !report(execute(&mut journal, command), completions, waker)
        {
            break;
        }
        let now = clock.now().instant;
        if now.since(looked) < DISK_CHECK_INTERVAL {
            continue;
        }
        looked = now;
        let result = match journal.disk_status() {
            Ok(found) => {
                let is_news = found.is_low() || found.log_is_long() || known.is_low();
                known = found;
                is_news.then_some(Ok(Completion::DiskStatus(found)))
            }
            Err(error) => Some(Err(error)),
        };
        if result.is_some_and(|result| !report(result, completions, waker)) {
            break;
        }
    }
    // Whatever ended this thread, the loop must look.
    let _ = waker.wake();
}

/// Reports a completion; true if there may be more to do.
fn report(result: Report, completions: &SyncSender<Report>, waker: &Waker) -> bool {
    let failed = result.is_err();
    if completions.send(result).is_err() || failed {
        return false;
    }
    waker.wake().expect("the loop is there as long as it takes completions");
    true
}

fn execute<J: Journal>(journal: &mut J, command: Command) -> Report {
    match command {
        Command::Commit(batch) => {
            journal.commit(&batch)?;
            Ok(Completion::Committed { batch, snapshot_due: journal.snapshot_due() })
        }
        Command::Read(Read::Sheet(content)) => {
            Ok(Completion::Read(content, journal.sheet(content)?))
        }
        Command::Read(Read::List(question)) => {
            let SheetsQuestion { class, at_most, limit } = question;
            Ok(Completion::Listed(question, journal.history(class, at_most, limit + 1)?))
        }
        Command::Read(Read::Rows(question)) => {
            Ok(Completion::Rows(question, journal.rows(question)?))
        }
        Command::KeepSnapshot(part) => {
            journal.keep_snapshot(&part)?;
            Ok(Completion::SnapshotKept)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};

    use mio::{Poll, Token};

    use super::*;
    use crate::exchange::SheetInfo;
    use crate::ids::{ClassId, RollCallNumber};
    use crate::journal::Recovered;
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

        fn rows(&mut self, _: RowsQuestion) -> Result<Rows, JournalError> {
            Err(JournalError::stopped())
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

        fn rows(&mut self, _: RowsQuestion) -> Result<Rows, JournalError> {
            Err(JournalError::stopped())
        }

        fn reader(&self) -> Result<Option<Box<dyn SheetReader>>, JournalError> {
            let gate = self.reads.lock().unwrap().take().expect("one reader");
            Ok(Some(Box::new(GatedReader(gate))))
        }

        fn disk_status(&mut self) -> Result<DiskStatus, JournalError> {
            Ok(DiskStatus::default())
        }

        fn snapshot_due(&self) -> bool {
            false
        }

        fn keep_snapshot(&mut self, _: &SnapshotPart) -> Result<(), JournalError> {
            Ok(())
        }
    }

    /// The worker, and what lets a read and a commit go on. The poll is kept for its waker.
    fn worker() -> (JournalWorker<Gated>, mpsc::Sender<()>, mpsc::Sender<()>, Poll) {
        let poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
        let (read, reads) = mpsc::channel();
        let (commit, commits) = mpsc::channel();
        let journal = Gated { reads: Mutex::new(Some(reads)), commits };
        let mut worker = JournalWorker::spawn(journal, waker).unwrap();
        let first = worker.poll_completion().unwrap();
        assert!(matches!(first, Some(Completion::DiskStatus(_))), "reported before anything else");
        (worker, read, commit, poll)
    }

    fn batch(number: u64) -> Batch {
        Batch { number, records: vec![], sheets: vec![], forgotten: vec![], acts: vec![] }
    }

    fn content(byte: u8) -> ContentId {
        ContentId::from_bytes([byte; 32])
    }

    #[test]
    fn a_commit_does_not_wait_for_sheets_that_are_read() {
        let (mut worker, read, commit, _poll) = worker();
        for byte in 0..100 {
            worker.send(Command::Read(Read::Sheet(content(byte))));
        }
        worker.send(Command::Commit(batch(1)));
        commit.send(()).unwrap();
        // No read has ended, and none can.
        let done = worker.wait_completion().unwrap();
        assert!(matches!(done, Some(Completion::Committed { batch: Batch { number: 1, .. }, .. })));
        for byte in 0..100 {
            read.send(()).unwrap();
            let done = worker.wait_completion().unwrap();
            assert!(matches!(done, Some(Completion::Read(it, None)) if it == content(byte)));
        }
        assert!(worker.wait_completion().unwrap().is_none());
        drop((read, commit));
        worker.join();
    }

    #[test]
    fn a_sheet_that_is_asked_for_during_a_commit_is_read_after_it() {
        let (mut worker, read, commit, _poll) = worker();
        worker.send(Command::Commit(batch(1)));
        worker.send(Command::Read(Read::Sheet(content(7))));
        // It could be read at once, but its close may be in that commit.
        read.send(()).unwrap();
        assert!(worker.poll_completion().unwrap().is_none());
        commit.send(()).unwrap();
        assert!(matches!(worker.wait_completion().unwrap(), Some(Completion::Committed { .. })));
        assert!(
            matches!(worker.wait_completion().unwrap(), Some(Completion::Read(it, None)) if it == content(7))
        );
        drop((read, commit));
        worker.join();
    }
}
