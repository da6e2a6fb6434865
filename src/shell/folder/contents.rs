//! Which file is known to have which content. Several files may have the same.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::RangeInclusive;

use super::stamp::Stamp;
use crate::ids::{ContentId, FileName};
use crate::limits::CONTENTS_LOST_MAX;

/// The known contents of the listed files.
#[derive(Default)]
pub(super) struct Contents {
    of: HashMap<FileName, (Stamp, ContentId)>,
    names: HashMap<ContentId, BTreeSet<FileName>>,
    unread: Unread,
    /// Contents that no file is known to have any more, with their length: only a file of this length
    /// can have it.
    lost: VecDeque<(ContentId, u64)>,
}

impl Contents {
    /// The content of the file, if it was hashed when it had this stamp.
    pub(super) fn known(&self, name: &FileName, stamp: Stamp) -> Option<ContentId> {
        self.of.get(name).filter(|(known, _)| *known == stamp).map(|(_, content)| *content)
    }

    /// The stamp that the file had when it was hashed.
    pub(super) fn stamp(&self, name: &FileName) -> Option<Stamp> {
        self.of.get(name).map(|(stamp, _)| *stamp)
    }

    /// A file that had this content when it was hashed.
    pub(super) fn name(&self, content: ContentId) -> Option<&FileName> {
        self.names.get(&content)?.first()
    }

    /// The file was hashed to its end.
    pub(super) fn learn(&mut self, name: &FileName, stamp: Stamp, content: ContentId) {
        self.forget(name);
        self.unread.remove(name);
        self.of.insert(name.clone(), (stamp, content));
        self.names.entry(content).or_default().insert(name.clone());
        self.lost.retain(|(lost, _)| *lost != content);
    }

    /// The file has changed. Returns the stamp that it had when it was hashed.
    pub(super) fn forget(&mut self, name: &FileName) -> Option<Stamp> {
        let (stamp, content) = self.of.remove(name)?;
        let names = self.names.get_mut(&content).expect("both ways are known");
        names.remove(name);
        if names.is_empty() {
            self.names.remove(&content);
            if self.lost.len() >= CONTENTS_LOST_MAX {
                self.lost.pop_front();
            }
            self.lost.push_back((content, stamp.bytes));
        }
        Some(stamp)
    }

    /// The file has this length, and its content is not known.
    pub(super) fn is_unread(&mut self, name: &FileName, length: u64) {
        self.unread.insert(name, length);
    }

    /// The file cannot be read: it is no candidate any more.
    pub(super) fn skip(&mut self, name: &FileName) {
        self.unread.remove(name);
    }

    /// The files were listed, with their lengths.
    pub(super) fn listed(&mut self, files: &BTreeMap<FileName, u64>) {
        let gone: Vec<_> = self.of.keys().filter(|it| !files.contains_key(*it)).cloned().collect();
        for name in gone {
            self.forget(&name);
        }
        self.unread = Unread::default();
        for (name, &length) in files {
            if !self.of.contains_key(name) {
                self.unread.insert(name, length);
            }
        }
    }

    /// The files that are not hashed and may have this content. If its length is not known, it has more
    /// than `longer_than` bytes.
    pub(super) fn candidates(
        &self,
        content: ContentId,
        longer_than: u64,
    ) -> impl Iterator<Item = &FileName> {
        let lost = self.lost.iter().find(|(lost, _)| *lost == content);
        let lengths = lost.map_or(longer_than + 1..=u64::MAX, |&(_, length)| length..=length);
        self.unread.within(lengths)
    }
}

/// Files that are not hashed, by length.
#[derive(Default)]
struct Unread {
    by_length: BTreeMap<u64, BTreeSet<FileName>>,
    lengths: HashMap<FileName, u64>,
}

impl Unread {
    fn insert(&mut self, name: &FileName, length: u64) {
        self.remove(name);
        self.by_length.entry(length).or_default().insert(name.clone());
        self.lengths.insert(name.clone(), length);
    }

    fn remove(&mut self, name: &FileName) {
        let Some(length) = self.lengths.remove(name) else { return };
        let names = self.by_length.get_mut(&length).expect("both ways are known");
        names.remove(name);
        if names.is_empty() {
            self.by_length.remove(&length);
        }
    }

    fn within(&self, lengths: RangeInclusive<u64>) -> impl Iterator<Item = &FileName> {
        self.by_length.range(lengths).flat_map(|(_, names)| names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> FileName {
        text.parse().expect("a name")
    }

    fn content(of: &str) -> ContentId {
        ContentId::of(of.as_bytes())
    }

    fn stamp(bytes: u64) -> Stamp {
        Stamp {
            bytes,
            modified: None,
            #[cfg(unix)]
            changed: (0, 0, 0),
        }
    }

    fn listed(files: &[(&str, u64)]) -> BTreeMap<FileName, u64> {
        files.iter().map(|(text, length)| (name(text), *length)).collect()
    }

    fn candidates(contents: &Contents, of: &str, longer_than: u64) -> Vec<String> {
        let names = contents.candidates(content(of), longer_than);
        names.map(|it| it.as_str().to_owned()).collect()
    }

    #[test]
    fn a_content_is_known_for_as_long_as_one_of_its_files_has_it() {
        let mut contents = Contents::default();
        contents.listed(&listed(&[("a", 1), ("b", 1), ("c", 1)]));
        contents.learn(&name("a"), stamp(1), content("x"));
        contents.learn(&name("b"), stamp(1), content("x"));
        contents.learn(&name("c"), stamp(1), content("y"));
        contents.forget(&name("a"));
        assert_eq!(contents.name(content("x")), Some(&name("b")));
        contents.learn(&name("b"), stamp(2), content("y"));
        assert_eq!(contents.name(content("x")), None);
        contents.listed(&listed(&[("b", 2)]));
        assert_eq!(contents.name(content("y")), Some(&name("b")));
        assert_eq!(contents.known(&name("b"), stamp(2)), Some(content("y")));
        assert_eq!(contents.known(&name("b"), stamp(1)), None);
        assert_eq!(contents.stamp(&name("c")), None);
    }

    #[test]
    fn what_nobody_has_read_may_have_any_content_of_its_length() {
        let mut contents = Contents::default();
        contents.listed(&listed(&[("a", 5), ("b", 7), ("c", 7), ("d", 0)]));
        assert_eq!(candidates(&contents, "x", 0), ["a", "b", "c"]);
        assert_eq!(candidates(&contents, "x", 5), ["b", "c"]);
        contents.learn(&name("a"), stamp(5), content("x"));
        contents.forget(&name("a"));
        contents.is_unread(&name("a"), 9);
        assert_eq!(candidates(&contents, "x", 0), [""; 0], "it had five bytes");
        contents.is_unread(&name("a"), 5);
        assert_eq!(candidates(&contents, "x", 1_024), ["a"]);
        contents.skip(&name("a"));
        assert_eq!(candidates(&contents, "x", 0), [""; 0]);
        contents.listed(&listed(&[("a", 5)]));
        assert_eq!(candidates(&contents, "x", 0), ["a"]);
    }
}
