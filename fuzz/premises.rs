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

    fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

/// The table of all of them, as Markdown, the rarest first.
pub(crate) fn table(premises: &[&Premise]) -> String {
    let mut rows: Vec<_> = premises.iter().map(|it| (it.count(), it.name, it.law)).collect();
    rows.sort_unstable();
    let head = "| count | what came about | law |\n|---:|---|---|\n".to_owned();
    rows.into_iter().fold(head, |mut text, (count, name, law)| {
        writeln!(text, "| {count} | {name} | {law} |").expect("text takes anything");
        text
    })
}

/// Those that came about less often than that, in words.
pub(crate) fn too_rare(premises: &[&Premise], least: u64) -> Vec<String> {
    let rare = premises.iter().filter(|it| it.count() < least);
    rare.map(|it| format!("'{}' came about {} times, of {least}: {}", it.name, it.count(), it.law))
        .collect()
}

/// Declares premises, each `NAME: "what came about" => "the law that speaks of it";`, and lists them.
macro_rules! premises {
    ($($name:ident: $words:literal => $law:literal;)*) => {
        $(pub(crate) static $name: $crate::premises::Premise =
            $crate::premises::Premise::new($words, $law);)*

        /// All of them.
        pub(crate) static ALL: &[&$crate::premises::Premise] = &[$(&$name),*];
    };
}
pub(crate) use premises;
