//! Fetches a whole sheet: an [`ObjectFetch`] whose bytes are read as a sheet while they arrive.
//!
//! What a server announces is not believed: no sheet is fetched that cannot be, and none is given out
//! that is not the announced one.

use std::time::Duration;

use super::object::{ObjectEvent, ObjectFetch, Prefix};
use super::path::PathState;
use crate::exchange::{Reply, SheetInfo};
use crate::roll::{Sheet, SheetError, SheetReader};
use crate::time::Instant;
use crate::wire::Datagram;

/// An effect or the end of a [`SheetFetch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SheetEvent {
    /// Send the datagram that was written into the space given to [`SheetFetch::poll_output`].
    Transmit,
    /// The announced sheet.
    Complete(Sheet),
    /// It ended without a sheet.
    Failed(SheetFailure),
}

/// Why a sheet could not be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SheetFailure {
    /// No sheet of so many students has so many bytes, or they are more than a client keeps: nothing was
    /// sent.
    Implausible,
    /// The server has no such sheet.
    Gone,
    /// No block arrived for the idle timeout.
    Unanswered,
    /// What arrived is not the announced sheet.
    Sheet(SheetError),
}

/// The transfer of one sheet.
pub struct SheetFetch {
    fetch: ObjectFetch,
    info: SheetInfo,
    /// `None` once it has ended.
    reader: Option<SheetReader>,
}

impl SheetFetch {
    /// Begins to fetch a sheet. The seed is fresh randomness. `buffered_max` is how many blocks the
    /// receive buffer of the socket holds. When no block is taken for `idle_timeout`, it ends.
    #[must_use]
    pub fn new(
        path: PathState,
        seed: [u8; 32],
        now: Instant,
        info: SheetInfo,
        buffered_max: u64,
        idle_timeout: Duration,
    ) -> Self {
        let (object, prefix) = (info.into(), Prefix::default());
        let fetch = ObjectFetch::new(path, seed, now, object, prefix, buffered_max, idle_timeout);
        Self { fetch, info, reader: Some(SheetReader::new(info)) }
    }

    /// What was learnt of the path, for the next object.
    #[must_use]
    pub fn into_path(self) -> PathState {
        self.fetch.into_path()
    }

    /// The announced sheet.
    #[must_use]
    pub fn info(&self) -> &SheetInfo {
        &self.info
    }

    /// How many requests were sent.
    #[must_use]
    pub fn requests(&self) -> u32 {
        self.fetch.requests()
    }

    /// A datagram arrived from the server's address. One that answers no request in flight is ignored.
    pub fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) {
        self.fetch.handle_datagram(now, datagram);
    }

    /// A reply arrived.
    pub fn handle_reply(&mut self, now: Instant, reply: &Reply) {
        self.fetch.handle_reply(now, reply);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.fetch.handle_timeout(now);
    }

    /// When [`SheetFetch::handle_timeout`] wants to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Instant {
        self.fetch.poll_timeout()
    }

    /// The next effect, or `None` when there is nothing to do until the next event. A datagram to send
    /// is written into `space`. Its end is returned once.
    pub fn poll_output(&mut self, space: &mut Datagram) -> Option<SheetEvent> {
        // R-SHEET-4
        if !self.info.is_plausible() {
            return self.reader.take().map(|_| SheetEvent::Failed(SheetFailure::Implausible));
        }
        loop {
            let reader = self.reader.as_mut()?;
            let failure = match self.fetch.poll_output(space)? {
                ObjectEvent::Transmit => return Some(SheetEvent::Transmit),
                ObjectEvent::Readable => {
                    let Ok(()) = self.fetch.read(|bytes| {
                        reader.push(bytes);
                        Ok::<(), std::convert::Infallible>(())
                    });
                    continue;
                }
                ObjectEvent::Restarted => {
                    *reader = SheetReader::new(self.info);
                    continue;
                }
                ObjectEvent::Complete => return self.finish(),
                ObjectEvent::Gone => SheetFailure::Gone,
                ObjectEvent::Unanswered => SheetFailure::Unanswered,
                ObjectEvent::Damaged => SheetFailure::Sheet(SheetError::Damaged),
            };
            self.reader = None;
            return Some(SheetEvent::Failed(failure));
        }
    }

    /// All bytes are here and have the right name.
    fn finish(&mut self) -> Option<SheetEvent> {
        Some(match self.reader.take()?.finish() {
            Ok(sheet) => SheetEvent::Complete(sheet),
            Err(error) => SheetEvent::Failed(SheetFailure::Sheet(error)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::Pulled;
    use crate::exchange::{Answer, Ask, decode_request};
    use crate::ids::{ClassId, RollCallNumber};
    use crate::limits::BLOCK_BYTES;
    use crate::roll::Mark;
    use crate::time::WallTime;

    const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

    fn sheet(students: u32) -> Sheet {
        let at = WallTime::from_millis(1_795_353_485_000);
        let student = |number: u32| number.to_string().parse().expect("a student number");
        let marks = (1..=students).map(|number| Mark { student: student(number), at }).collect();
        let class = ClassId::new(7).expect("a class");
        Sheet { class, opened_at: at, closed_at: at, marks, remarks: Vec::new(), supplement: None }
    }

    /// Fetches a sheet from a server that answers with these bytes; the end, and how many requests it
    /// took.
    fn fetch(info: SheetInfo, mut bytes: impl FnMut(u32) -> Vec<u8>) -> (SheetEvent, u32) {
        let mut now = Instant::from_micros(1_000_000);
        let path = PathState::new(now, None);
        let mut fetch = SheetFetch::new(path, [5; 32], now, info, 64, IDLE_TIMEOUT);
        let mut space = Datagram::new();
        for _ in 0..10_000 {
            while let Some(event) = fetch.poll_output(&mut space) {
                if event != SheetEvent::Transmit {
                    assert_eq!(fetch.poll_output(&mut space), None, "it ends once");
                    return (event, fetch.requests());
                }
                let request = decode_request(space.as_bytes()).expect("a request").request;
                let Ask::Pull(pull) = request.ask else { panic!("{request:?}") };
                let bytes = bytes(fetch.requests());
                for index in pull.blocks() {
                    let block = bytes.chunks(BLOCK_BYTES).nth(index as usize).unwrap_or_default();
                    let answer = Answer::Pulled(Pulled { index, bytes: block.to_vec() });
                    let (client, number) = (request.client, request.number);
                    fetch.handle_reply(now, &Reply { client, number, answer });
                }
            }
            now = now.max(fetch.poll_timeout());
            fetch.handle_timeout(now);
        }
        panic!("it does not end");
    }

    #[test]
    fn a_sheet_arrives_whole() {
        for students in [0, 1, 300] {
            let sheet = sheet(students);
            let (end, _) = fetch(sheet.info(RollCallNumber::FIRST), |_| sheet.to_bytes());
            assert_eq!(end, SheetEvent::Complete(sheet));
        }
    }

    // spec: R-SHEET-4
    #[test]
    fn a_sheet_that_cannot_be_is_not_asked_for() {
        let sheet = sheet(3);
        let info = SheetInfo { students: 2_000_001, ..sheet.info(RollCallNumber::FIRST) };
        let (end, requests) = fetch(info, |_| sheet.to_bytes());
        assert_eq!((end, requests), (SheetEvent::Failed(SheetFailure::Implausible), 0));
    }

    // spec: R-SHEET-7, R-TRANSFER-9
    #[test]
    fn a_damaged_sheet_is_fetched_once_more_and_then_given_up() {
        let sheet = sheet(30);
        let info = sheet.info(RollCallNumber::FIRST);
        let damaged = |is_damaged: bool| {
            let mut bytes = sheet.to_bytes();
            bytes[20] ^= u8::from(is_damaged);
            bytes
        };
        let (end, _) = fetch(info, |requests| damaged(requests == 1));
        assert_eq!(end, SheetEvent::Complete(sheet.clone()));
        let (end, requests) = fetch(info, |_| damaged(true));
        let failure = SheetFailure::Sheet(SheetError::Damaged);
        assert_eq!((end, requests), (SheetEvent::Failed(failure), 2));
    }

    // spec: R-SHEET-7
    #[test]
    fn what_is_no_sheet_is_fetched_once() {
        let bytes = vec![0xff; 200];
        let info = sheet(10).info(RollCallNumber::FIRST);
        let content = crate::ids::ContentId::of(&bytes);
        let (end, requests) = fetch(SheetInfo { bytes: 200, content, ..info }, |_| bytes.clone());
        let failure = SheetFailure::Sheet(SheetError::NotASheet);
        assert_eq!((end, requests), (SheetEvent::Failed(failure), 1));
    }

    #[test]
    fn a_sheet_that_is_gone_is_told_as_that() {
        let (end, _) = fetch(sheet(3).info(RollCallNumber::FIRST), |_| Vec::new());
        assert_eq!(end, SheetEvent::Failed(SheetFailure::Gone));
    }
}
