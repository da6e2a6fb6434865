//! A list that grows without moving what is in it.
//!
//! A vector that grows copies itself, which for a million clients takes longer than a turn of the
//! loop may. Here only the first segment is ever copied.

use std::ops::{Index, IndexMut};

/// The things of one segment.
const SEGMENT_LEN: usize = 1_024;

/// A list of things, found by their places.
#[derive(Clone)]
pub(super) struct Segments<T> {
    /// All full but the last.
    segments: Vec<Vec<T>>,
}

impl<T> Segments<T> {
    pub(super) fn new() -> Self {
        Self { segments: vec![Vec::new()] }
    }

    pub(super) fn len(&self) -> usize {
        let last = self.segments.len() - 1;
        last * SEGMENT_LEN + self.segments[last].len()
    }

    /// Adds something, at the place that is the length so far.
    pub(super) fn push(&mut self, value: T) {
        let last = self.segments.len() - 1;
        if self.segments[last].len() < SEGMENT_LEN {
            self.segments[last].push(value);
            return;
        }
        let mut segment = Vec::with_capacity(SEGMENT_LEN);
        segment.push(value);
        self.segments.push(segment);
    }
}

impl<T> Index<u32> for Segments<T> {
    type Output = T;

    fn index(&self, place: u32) -> &T {
        &self.segments[place as usize / SEGMENT_LEN][place as usize % SEGMENT_LEN]
    }
}

impl<T> IndexMut<u32> for Segments<T> {
    fn index_mut(&mut self, place: u32) -> &mut T {
        &mut self.segments[place as usize / SEGMENT_LEN][place as usize % SEGMENT_LEN]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_stays_at_its_place() {
        let mut list = Segments::new();
        for number in 0..5_000_u32 {
            assert_eq!(list.len(), number as usize);
            list.push(number);
        }
        list[4_999] += 1;
        assert!((0..4_999).all(|number| list[number] == number));
        assert_eq!(list[4_999], 5_000);
    }
}
