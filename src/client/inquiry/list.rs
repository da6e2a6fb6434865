//! Lists that come page by page.

use super::{Inquiry, Step};
use crate::exchange::{
    ActList, ActRecord, Answer, MineList, MyMark, OpenRollCall, PersonList, Query, StaffDevice,
    StatusList,
};
use crate::ids::{ActNumber, ClassId};
use crate::limits::{MARKS_LISTED_MAX, OPEN_ROLL_CALLS_MAX};
use crate::time::Instant;

/// What stands in a list that is asked for page by page.
pub trait Listed: Sized {
    /// The list, as it is named where it does not come to an end.
    const LIST: &'static str;
    /// More than so many are not listed.
    const MAX: usize;

    /// The question for what follows these; `None` if nothing can.
    fn after(listed: &[Self]) -> Option<Query>;

    /// A page, and whether there are more.
    fn page(answer: Answer) -> Option<(Vec<Self>, bool)>;
}

/// Asks for a whole list.
pub struct ListInquiry<T> {
    /// The question for the next page, if there is one.
    next: Option<Query>,
    listed: Vec<T>,
}

impl<T: Listed> ListInquiry<T> {
    /// From the beginning on.
    #[must_use]
    pub fn new() -> Self {
        Self { next: T::after(&[]), listed: Vec::new() }
    }
}

impl<T: Listed> Default for ListInquiry<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Listed> Inquiry for ListInquiry<T> {
    type Found = Vec<T>;

    fn poll(&mut self, _: Instant) -> Step<Self::Found> {
        if self.listed.len() > T::MAX {
            return Step::Stalled(T::LIST);
        }
        match self.next {
            Some(query) => Step::Ask(query),
            None => Step::Done(std::mem::take(&mut self.listed)),
        }
    }

    fn handle_answer(&mut self, _: Instant, answer: Answer) {
        let Some((page, more)) = T::page(answer) else { return };
        self.listed.extend(page);
        self.next = if more { T::after(&self.listed) } else { None };
    }
}

/// The open roll calls, in order of class.
impl Listed for OpenRollCall {
    const LIST: &'static str = "its list of open roll calls";
    const MAX: usize = OPEN_ROLL_CALLS_MAX;

    fn after(listed: &[Self]) -> Option<Query> {
        let from = match listed.last() {
            None => ClassId::new(1),
            Some(last) => last.class.next(),
        };
        from.map(|from| Query::Status { from })
    }

    fn page(answer: Answer) -> Option<(Vec<Self>, bool)> {
        let Answer::Status(StatusList { open, more }) = answer else { return None };
        Some((open, more))
    }
}

/// The devices with a role, in order of their names.
impl Listed for StaffDevice {
    const LIST: &'static str = "its list of people";
    const MAX: usize = MARKS_LISTED_MAX;

    fn after(listed: &[Self]) -> Option<Query> {
        Some(Query::People { after: listed.last().map(|last| last.device) })
    }

    fn page(answer: Answer) -> Option<(Vec<Self>, bool)> {
        let Answer::People(PersonList { devices, more }) = answer else { return None };
        Some((devices, more))
    }
}

/// What admins and teachers did, the last act first.
impl Listed for ActRecord {
    const LIST: &'static str = "its list of what was done";
    const MAX: usize = MARKS_LISTED_MAX;

    fn after(listed: &[Self]) -> Option<Query> {
        let at_most = match listed.last() {
            None => Some(ActNumber::MAX),
            Some(last) => last.number.before(),
        };
        at_most.map(|at_most| Query::Acts { at_most })
    }

    fn page(answer: Answer) -> Option<(Vec<Self>, bool)> {
        let Answer::Acts(ActList { acts, more }) = answer else { return None };
        Some((acts, more))
    }
}

/// The marks that were made from the asking device, those of the last roll call first.
impl Listed for MyMark {
    const LIST: &'static str = "its list of marks";
    const MAX: usize = MARKS_LISTED_MAX;

    fn after(listed: &[Self]) -> Option<Query> {
        u32::try_from(listed.len()).ok().map(|skip| Query::Mine { skip })
    }

    fn page(answer: Answer) -> Option<(Vec<Self>, bool)> {
        let Answer::Mine(MineList { marks, more }) = answer else { return None };
        Some((marks, more))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::WallTime;

    fn page(first: u64, count: u64, more: bool) -> Answer {
        let device = crate::ids::DeviceId::from_bytes([7; 16]);
        let act = |number| ActRecord {
            number: ActNumber::new(number).unwrap(),
            at: WallTime::from_millis(number),
            by: Some(device),
            name: None,
            deed: crate::exchange::Deed::Act(crate::exchange::Act::Revoke { device }),
        };
        Answer::Acts(ActList { acts: (first - count + 1..=first).rev().map(act).collect(), more })
    }

    #[test]
    fn a_list_is_asked_for_page_by_page_and_ends() {
        let mut inquiry = ListInquiry::<ActRecord>::new();
        let ask = |number| Step::Ask(Query::Acts { at_most: ActNumber::new(number).unwrap() });
        assert_eq!(inquiry.poll(Instant::ZERO), ask(u64::MAX));
        inquiry.handle_answer(Instant::ZERO, page(9, 4, true));
        assert_eq!(inquiry.poll(Instant::ZERO), ask(5));
        inquiry.handle_answer(Instant::ZERO, page(5, 5, true));
        let Step::Done(acts) = inquiry.poll(Instant::ZERO) else { panic!("nothing is below 1") };
        assert_eq!(
            acts.iter().map(|it| it.number.get()).collect::<Vec<_>>(),
            [9, 8, 7, 6, 5, 4, 3, 2, 1]
        );
    }

    #[test]
    fn a_list_without_an_end_is_told_as_that() {
        let mut inquiry = ListInquiry::<MyMark>::new();
        let mark = MyMark {
            class: ClassId::new(1).unwrap(),
            number: crate::ids::RollCallNumber::FIRST,
            student: "10".parse().unwrap(),
            at: WallTime::default(),
        };
        for _ in 0..=MARKS_LISTED_MAX / 1_000 {
            assert!(matches!(inquiry.poll(Instant::ZERO), Step::Ask(_)));
            let list = MineList { marks: vec![mark; 1_000], more: true };
            inquiry.handle_answer(Instant::ZERO, Answer::Mine(list));
        }
        assert_eq!(inquiry.poll(Instant::ZERO), Step::Stalled("its list of marks"));
    }
}
