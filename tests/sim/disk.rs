//! The disk: commits take time, fail, and are torn by crashes; snapshots take the place of batches.

use std::collections::{BTreeMap, VecDeque};

use rand::RngExt as _;
use rand::rngs::StdRng;
use rollcall::exchange::SheetInfo;
use rollcall::ids::{ClassId, ContentId, RollCallNumber};
use rollcall::record::{Batch, Recovery as _, Rows, RowsQuestion, SnapshotItem, SnapshotPart};
use rollcall::roll::{ClosedSheet, Contradiction};
use rollcall::server::{Server, SheetsQuestion};

use crate::rows::rows;

/// What survives a crash, and what may.
#[derive(Default)]
pub(crate) struct Disk {
    snapshot: Vec<SnapshotItem>,
    snapshot_after: u64,
    /// What is there of a snapshot that is not whole.
    parts: Vec<SnapshotItem>,
    batches: Vec<Batch>,
    /// Appended and not durable yet, the oldest first.
    pending: VecDeque<Batch>,
    sheets: BTreeMap<ContentId, Vec<u8>>,
    /// In the order of their closes.
    infos: Vec<SheetInfo>,
    /// Every revision, in the order in which they were made.
    closed: Vec<ClosedSheet>,
    /// When the commit that was begun last will be done.
    pub(crate) busy_until: u64,
}

impl Disk {
    pub(crate) fn append(&mut self, batch: Batch) {
        self.pending.push_back(batch);
    }

    /// How many batches were appended and are not durable.
    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Whether there is a snapshot, and something after it.
    pub(crate) fn has_both(&self) -> bool {
        self.snapshot_after > 0 && !self.batches.is_empty()
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.pending.is_empty()
    }

    /// The oldest batch that was appended is durable now.
    pub(crate) fn commit(&mut self) -> Option<&Batch> {
        let batch = self.pending.pop_front()?;
        for ClosedSheet { bytes, info, .. } in &batch.sheets {
            self.infos.push(*info);
            let bytes = bytes.to_vec();
            self.sheets.insert(ContentId::of(&bytes), bytes);
        }
        self.closed.extend(batch.sheets.iter().cloned());
        self.batches.push(batch);
        self.batches.last()
    }

    /// The power is gone: some of what was not durable is kept, from the oldest on.
    pub(crate) fn tear(&mut self, rng: &mut StdRng) -> Vec<Batch> {
        let kept = rng.random_range(0..=self.pending.len());
        let kept = (0..kept).filter_map(|_| self.commit().cloned()).collect();
        self.pending.clear();
        self.parts.clear();
        self.busy_until = 0;
        kept
    }

    /// Keeps a part of a snapshot; with the last one it takes the place of what came before.
    pub(crate) fn keep_snapshot(&mut self, part: SnapshotPart) {
        assert!(part.batch <= self.last_batch(), "a snapshot is of what is durable");
        self.parts.extend(part.items);
        if part.is_last {
            self.snapshot = std::mem::take(&mut self.parts);
            self.snapshot_after = part.batch;
            self.batches.retain(|batch| batch.number > part.batch);
        }
    }

    /// The last batch that is durable.
    pub(crate) fn last_batch(&self) -> u64 {
        self.batches.last().map_or(self.snapshot_after, |last| last.number)
    }

    /// Whether a snapshot is half written.
    pub(crate) fn has_parts(&self) -> bool {
        !self.parts.is_empty()
    }

    /// What a server begins with.
    pub(crate) fn recover<P>(&self, seed: u128) -> Result<Server<P>, Contradiction> {
        let mut server = Server::new(seed);
        for item in &self.snapshot {
            server.restore(item.clone())?;
        }
        for record in self.batches.iter().flat_map(|batch| &batch.records) {
            server.replay(record.clone())?;
        }
        server.resume_after(self.last_batch());
        Ok(server)
    }

    /// The sheets of a class that are kept, the last one first, and one more than is asked for.
    pub(crate) fn history(&self, question: SheetsQuestion) -> Vec<SheetInfo> {
        let asked = |it: &&SheetInfo| it.class == question.class && it.number <= question.at_most;
        self.infos.iter().rev().filter(asked).take(question.limit + 1).copied().collect()
    }

    /// Other rows.
    pub(crate) fn rows(&self, question: RowsQuestion) -> Rows {
        rows(question, &self.closed.iter().collect::<Vec<_>>())
    }

    pub(crate) fn revision(
        &self,
        class: ClassId,
        number: RollCallNumber,
        revision: u32,
    ) -> Option<&ClosedSheet> {
        let of = |it: &ClosedSheet| (it.info.class, it.info.number, it.revision());
        self.closed.iter().find(|it| of(it) == (class, number, revision))
    }

    pub(crate) fn sheet(&self, content: ContentId) -> Option<Vec<u8>> {
        self.sheets.get(&content).cloned()
    }
}
