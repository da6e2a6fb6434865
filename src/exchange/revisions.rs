//! `REVISIONS` → `REVISION_LIST`: every revision of the sheets of a class in brief.

use serde::{Deserialize, Serialize};

use super::{Answer, Ask, Query, SheetInfo};
use crate::ids::{ClassId, RollCallNumber};
use crate::limits::LIST_REQUEST_MIN_BYTES;
use crate::time::WallTime;
use crate::wire::Kind;
use crate::wire::codec::{MaxBytes, Message, max_bytes};
use crate::wire::envelope::{Question, REPLY_REST_MAX_BYTES};

/// The message of `REVISIONS`.
#[derive(Serialize, Deserialize)]
pub(super) struct Revisions {
    pub(super) class: ClassId,
    pub(super) number: RollCallNumber,
    pub(super) revision: u32,
}

/// `REVISION_LIST`: the highest roll call first, and of each the highest revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevisionList {
    /// As many as the answer has room for.
    pub revisions: Vec<Revision>,
    /// True if there are more below the last one.
    pub more: bool,
}

/// A revision of a closed sheet in brief.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// Counted from 1, which the close made.
    pub revision: u32,
    /// When it was made.
    pub at: WallTime,
    /// The sheet that it is.
    pub sheet: SheetInfo,
}

impl Message for Revisions {
    const KIND: Kind = Kind::Revisions;
}

impl Question for Revisions {
    const DATAGRAM_MIN_BYTES: usize = LIST_REQUEST_MIN_BYTES;
}

impl Message for RevisionList {
    const KIND: Kind = Kind::RevisionList;
}

max_bytes! {
    Revision: u32, WallTime, SheetInfo;
}
const _: () = assert!(CAPACITY >= 1);

impl From<Revisions> for Ask {
    fn from(Revisions { class, number, revision }: Revisions) -> Self {
        Self::Read(Query::Revisions { class, number, revision })
    }
}

impl From<RevisionList> for Answer {
    fn from(list: RevisionList) -> Self {
        Self::Revisions(list)
    }
}

/// How many revisions an answer has room for, counted with every value at its longest.
pub const CAPACITY: usize =
    (LIST_REQUEST_MIN_BYTES - REPLY_REST_MAX_BYTES - 1 - bool::MAX_BYTES) / Revision::MAX_BYTES;

/// Whether this answers the question for the revisions of that class from that one down.
pub(super) fn fits(class: ClassId, from: (RollCallNumber, u32), answer: &Answer) -> bool {
    let Answer::Revisions(RevisionList { revisions, more }) = answer else { return false };
    // R-WATCH-4
    let place = |it: &Revision| (it.sheet.number, it.revision);
    let falls = revisions.windows(2).all(|pair| place(&pair[0]) > place(&pair[1]));
    let fits = |it: &Revision| it.sheet.class == class && place(it) <= from;
    // A page that is not the last one is full: a list ends.
    falls && revisions.iter().all(fits) && (revisions.len() >= CAPACITY || !more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ContentId;

    // spec: R-WATCH-4
    #[test]
    fn a_list_of_revisions_falls_and_is_full_unless_it_ends() {
        let class = |number| ClassId::new(number).unwrap();
        let place = |number, revision| (RollCallNumber::new(number).unwrap(), revision);
        let revision = |of: u32, number, revision| {
            let at = WallTime::from_millis(7);
            let sheet = SheetInfo {
                class: class(of),
                number: RollCallNumber::new(number).unwrap(),
                opened_at: at,
                closed_at: at,
                students: 0,
                bytes: 4,
                content: ContentId::of(b"a sheet"),
            };
            Revision { revision, at, sheet }
        };
        let fits = |revisions: &[Revision], more| {
            let list = RevisionList { revisions: revisions.to_vec(), more };
            super::fits(class(3030), place(9, 2), &Answer::Revisions(list))
        };
        assert!(fits(&[], false));
        let falling = [revision(3030, 9, 2), revision(3030, 9, 1), revision(3030, 8, 7)];
        assert!(fits(&falling, false));
        assert!(!fits(&falling, true), "there was room for more");
        assert!(!fits(&[falling[1], falling[0]], false), "it rises");
        assert!(!fits(&[falling[0], falling[0]], false), "it stands still");
        assert!(!fits(&[revision(3030, 9, 3)], false), "above what was asked for");
        assert!(!fits(&[revision(3031, 9, 2)], false), "of another class");
        let full: Vec<_> = (1..=14).rev().map(|number| revision(3030, 8, number)).collect();
        assert!(fits(&full, true));
        assert_eq!(CAPACITY, 14, "as chapter 9 says");
        let other = Answer::Sheets(crate::exchange::SheetList { sheets: vec![], more: false });
        assert!(!super::fits(class(3030), place(9, 2), &other));
    }
}
