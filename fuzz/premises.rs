//! How often it came about what a law speaks of.
//!
//! A law says "if this happens, then never that". One whose *this* never happens holds of any code,
//! and nobody sees it: the generator has a blind spot. So each law counts its premises, they are listed
//! once, also those that were never seen, and a run says which were too rare.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// Something that a law speaks of.
pub(crate) struct Premise {
    name: &'static str,
    law: &'static str,
    count: AtomicU64,
}

impl Premise {
    pub(crate) const fn new(name: &'static str, law: &'static str) -> Self {
        Self { name, law, count: AtomicU64::new(0) }
    }

    /// It came about.
    pub(crate) fn held(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// It came about if this is so.
    pub(crate) fn held_if(&self, so: bool) {
        if so {
            self.held();
        }
    }
}

/// How often each has come about so far.
pub(crate) fn counts(premises: &[&Premise]) -> Vec<u64> {
    premises.iter().map(|it| it.count.load(Ordering::Relaxed)).collect()
}

/// How often each has come about since these were counted, as a table in Markdown, the rarest first.
pub(crate) fn table(premises: &[&Premise], since: &[u64]) -> String {
    let counts = counts(premises).into_iter().zip(since).map(|(now, before)| now - before);
    let mut rows: Vec<_> =
        counts.zip(premises).map(|(count, it)| (count, it.name, it.law)).collect();
    rows.sort_unstable();
    let head = "| count | what came about | law |\n|---:|---|---|\n".to_owned();
    rows.into_iter().fold(head, |mut text, (count, name, law)| {
        writeln!(text, "| {count} | {name} | {law} |").expect("text takes anything");
        text
    })
}

/// Those that have come about less often than that since these were counted, in words.
pub(crate) fn too_rare(premises: &[&Premise], since: &[u64], least: u64) -> Vec<String> {
    let counts = counts(premises).into_iter().zip(since).map(|(now, before)| now - before);
    let rare = counts.zip(premises).filter(|(count, _)| *count < least);
    rare.map(|(count, it)| {
        format!("'{}' came about {count} times, of {least}: {}", it.name, it.law)
    })
    .collect()
}

/// Declares premises, each `NAME: "what came about" => "the law that speaks of it";`, and lists them.
macro_rules! premises {
    ($($name:ident: $words:literal => $law:literal;)*) => {
        $(pub(crate) static $name: $crate::premises::Premise =
            $crate::premises::Premise::new($words, $law);)*

        /// All of them.
        pub(crate) static ALL: &[&$crate::premises::Premise] = &[$(&$name),*];

        const _: () = assert!(!ALL.is_empty(), "laws without premises");
    };
}
pub(crate) use premises;
