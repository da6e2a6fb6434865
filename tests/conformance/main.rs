//! Every format that somebody else reads later: what goes over the wire, and what stays on the disk.
//!
//! For each type the SHA-256 over the bytes of 1,024 seeded values stands in `hashes.txt`. A hash that
//! changes is a format that changed: clients that are older, servers that are older and journals that
//! are older do not read it. That may be meant, but never unnoticed, and it has its line in
//! `CHANGELOG.md`.
//!
//! The values are drawn by a generator of a few lines that stands here, so that no version of a crate
//! changes them, and each type has a seed of its own, so that a change of one changes no other hash.

mod attendance;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use rollcall::wire::Kind;
use sha2::Digest as _;

use values::{Values, formats};

const HASHES: &str = include_str!("hashes.txt");
const CHANGELOG: &str = include_str!("../../CHANGELOG.md");

/// How many values of each type are hashed.
const COUNT: usize = 1_024;

/// How many digits of a hash the changelog repeats.
const SHORT_DIGITS: usize = 8;

/// Which form of a type this is, counted from 1, and its hash in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Form {
    number: u32,
    hash: String,
}

impl Form {
    /// As the changelog names it.
    fn named(&self, name: &str) -> String {
        format!("{name} {} ({})", self.number, &self.hash[..SHORT_DIGITS])
    }
}

fn recorded(hashes: &str) -> BTreeMap<String, Form> {
    let lines = hashes.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let forms = lines.map(|line| {
        let [name, number, hash] =
            line.split_whitespace().collect::<Vec<_>>().try_into().expect("name, number, hash");
        assert_eq!(hash.len(), 64, "{line}");
        (name.to_owned(), Form { number: number.parse().expect("a number"), hash: hash.to_owned() })
    });
    forms.collect()
}

/// The hash of the values of each type, as this code writes them.
fn hashed() -> BTreeMap<String, String> {
    let hash = |name: &str, write: values::Write| {
        let mut values = Values::of(name);
        let mut hasher = sha2::Sha256::new();
        for _ in 0..COUNT {
            let bytes = write(&mut values);
            // With its length, so that no byte can move from one value to the next.
            hasher.update((bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        }
        let digits = hasher.finalize().iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("text takes anything");
            text
        });
        (name.to_owned(), digits)
    };
    formats().map(|&(name, write)| hash(name, write)).collect()
}

/// What the changelog says is looked for without its line breaks.
fn names(changelog: &str, form: &str) -> bool {
    let text = changelog.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut found = text.match_indices(form);
    found.any(|(at, _)| at == 0 || text.as_bytes()[at - 1] == b' ')
}

/// Everything that is wrong, and what `hashes.txt` would have to be.
fn judged(
    recorded: &BTreeMap<String, Form>,
    hashed: &BTreeMap<String, String>,
    changelog: &str,
) -> (Vec<String>, BTreeMap<String, Form>) {
    let mut complaints = Vec::new();
    let mut right = BTreeMap::new();
    for (name, hash) in hashed {
        let before = recorded.get(name);
        let number = before.map_or(1, |form| form.number + u32::from(form.hash != *hash));
        let form = Form { number, hash: hash.clone() };
        let named = form.named(name);
        match before {
            Some(before) if *before == form && names(changelog, &named) => {}
            Some(before) if *before == form => {
                complaints.push(format!("CHANGELOG.md does not name \"{named}\""));
            }
            Some(_) => complaints.push(format!(
                "the format of {name} changed: older programs and journals do not read it. If that \
                 is meant, add to CHANGELOG.md \"Format {named}: what changed\" and put the new \
                 hash into tests/conformance/hashes.txt",
            )),
            None => complaints.push(format!(
                "{name} is new: add to CHANGELOG.md \"Format {named}: what it is\" and put its hash \
                 into tests/conformance/hashes.txt",
            )),
        }
        right.insert(name.clone(), form);
    }
    let gone = recorded.keys().filter(|name| !hashed.contains_key(*name));
    complaints.extend(gone.map(|name| {
        format!(
            "{name} is gone: say so in CHANGELOG.md and take its line out of \
             tests/conformance/hashes.txt"
        )
    }));
    (complaints, right)
}

fn written(forms: &BTreeMap<String, Form>) -> String {
    let head: String = HASHES.lines().take_while(|it| it.starts_with('#')).fold(
        String::new(),
        |mut head, line| {
            head.push_str(line);
            head.push('\n');
            head
        },
    );
    forms.iter().fold(head, |mut text, (name, Form { number, hash })| {
        writeln!(text, "{name} {number} {hash}").expect("text takes anything");
        text
    })
}

#[test]
fn no_format_changes_without_its_line_in_the_changelog() {
    let (complaints, right) = judged(&recorded(HASHES), &hashed(), CHANGELOG);
    if !complaints.is_empty() {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let named: Vec<_> = right.iter().map(|(name, form)| form.named(name)).collect();
        fs::write(folder.join("hashes.txt"), written(&right)).expect("the folder of this build");
        fs::write(folder.join("formats.md"), named.join(", ")).expect("the folder of this build");
        panic!(
            "\n{}\nAs they would be with this code, in {}: hashes.txt, and in formats.md the names \
             of all forms for the changelog.",
            complaints.join("\n"),
            folder.display()
        );
    }
}

#[test]
fn every_kind_of_datagram_has_its_hash() {
    let kinds = Kind::TABLE.iter().filter(|row| !row.0.is_sealed()).map(|row| row.2);
    let hashed: BTreeSet<_> = formats().map(|row| row.0).collect();
    let missing: Vec<_> = kinds.filter(|name| !hashed.contains(name)).collect();
    assert!(missing.is_empty(), "no values of {missing:?} are hashed");
    assert_eq!(hashed.len(), formats().count(), "each name once");
}

#[test]
fn what_is_drawn_reaches_every_variant_and_is_read_back() {
    values::check_variety(COUNT);
}

#[test]
fn a_changed_format_is_noticed() {
    let form = |number, digit: &str| Form { number, hash: digit.repeat(64) };
    let known = BTreeMap::from([("A".to_owned(), form(1, "a"))]);
    let same = BTreeMap::from([("A".to_owned(), "a".repeat(64))]);
    let other = BTreeMap::from([("A".to_owned(), "b".repeat(64))]);
    let line = |forms: &str| format!("- Format {forms}: words.\n");
    let complaints = |known: &BTreeMap<_, _>, hashed: &BTreeMap<_, _>, changelog: &str| {
        judged(known, hashed, changelog).0.join("\n")
    };

    assert_eq!(complaints(&known, &same, &line("A 1 (aaaaaaaa)")), "");
    assert_eq!(complaints(&known, &same, &line("B 1\n  (cccccccc), A 1\n  (aaaaaaaa)")), "");
    assert!(complaints(&known, &same, &line("AA 1 (aaaaaaaa)")).contains("does not name"));
    let changed = complaints(&known, &other, &line("A 1 (aaaaaaaa)"));
    assert!(changed.contains("the format of A changed"), "{changed}");
    assert!(changed.contains("Format A 2 (bbbbbbbb)"), "{changed}");
    let replaced = BTreeMap::from([("A".to_owned(), form(1, "b"))]);
    let quiet = complaints(&replaced, &other, &line("A 1 (aaaaaaaa)"));
    assert!(quiet.contains("does not name \"A 1 (bbbbbbbb)\""), "only the hash replaced: {quiet}");
    assert!(complaints(&known, &BTreeMap::new(), "").contains("A is gone"));
    assert!(complaints(&BTreeMap::new(), &same, "").contains("A is new"));
}
