//! What a journal answers that keeps every revision of every sheet.

use std::collections::BTreeMap;

use rollcall::exchange::Revision;
use rollcall::record::{Rows, RowsQuestion};
use rollcall::roll::ClosedSheet;

/// The rows that answer a question, of these sheets in the order in which they were made.
pub(crate) fn rows(question: RowsQuestion, sheets: &[&ClosedSheet]) -> Rows {
    match question {
        RowsQuestion::RollCall { class, number } => {
            let mut last = sheets.iter().rev();
            let last = last.find(|it| (it.info.class, it.info.number) == (class, number));
            Rows::RollCall(last.map(|it| Box::new((*it).clone())))
        }
        RowsQuestion::Revisions { class, number, revision, limit } => {
            let of_class = sheets.iter().filter(|it| it.info.class == class);
            let all = of_class.map(|it| Revision {
                revision: it.revision(),
                at: it.revised_at(),
                sheet: it.info,
            });
            let mut all: Vec<_> =
                all.filter(|it| (it.sheet.number, it.revision) <= (number, revision)).collect();
            all.sort_by_key(|it| std::cmp::Reverse((it.sheet.number, it.revision)));
            all.truncate(limit + 1);
            Rows::Revisions(all)
        }
        RowsQuestion::Tally { class, student } => {
            let mut last = BTreeMap::new();
            let of_class = sheets.iter().filter(|it| it.info.class == class);
            of_class.for_each(|it| _ = last.insert(it.info.number, *it));
            Rows::Tally(last.values().filter_map(|it| it.expected(student)).collect())
        }
        other => panic!("rows are for devices: {other:?}"),
    }
}
