//! Every numbered rule of `proto-spec.md` is cited by a test that proves it, right above the test:
//! `// spec: R-FRAME-4, R-READ-3`.
//!
//! A rule without a citation fails, and so does a citation of a rule that does not exist or one that
//! stands above no test.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const SPEC: &str = include_str!("../proto-spec.md");
const MARKER: &str = "// spec: ";

/// Rules that no test of this package can prove, each with the reason. There should be none.
const NOT_HERE: &[(&str, &str)] = &[];

/// Name and text of every rule.
fn rules(specification: &str) -> BTreeMap<&str, &str> {
    let rule = |line: &'_ str| -> Option<(usize, usize)> {
        let end = line.strip_prefix("**R-")?.find("** ")?;
        Some(("**".len(), end + "**R-".len()))
    };
    let named = specification.lines().filter_map(|line| {
        let (begin, end) = rule(line)?;
        Some((&line[begin..end], &line[end + "** ".len()..]))
    });
    named.collect()
}

/// What a file cites: the rule, and in which line; or the line that cites without a test below it.
fn citations(text: &str) -> Result<Vec<(&str, usize)>, usize> {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let mut cited = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(names) = line.strip_prefix(MARKER) else { continue };
        // Between a citation and its test there is room for more comments and attributes only.
        let mut below = lines[at + 1..].iter().skip_while(|it| it.starts_with("//"));
        if below.next() != Some(&"#[test]") {
            return Err(at + 1);
        }
        cited.extend(names.split(", ").map(|name| (name, at + 1)));
    }
    Ok(cited)
}

/// Of a file in `src/` its tests, of any other all of it.
fn part_with_tests<'a>(path: &Path, text: &'a str) -> &'a str {
    let is_product = path.components().any(|it| it.as_os_str() == "src");
    if !is_product {
        return text;
    }
    text.find("#[cfg(test)]\nmod tests").map_or("", |begin| &text[begin..])
}

fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = ["tests", "fuzz/fuzz_targets", "src"].map(|it| root.join(it)).to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of the package") {
            let path = entry.expect("listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                found.push(path.strip_prefix(root).expect("below the root").to_owned());
            }
        }
    }
    found
}

/// Everything that is wrong with the citations of these files.
fn complaints(specification: &str, files: &[(PathBuf, String)]) -> Vec<String> {
    let rules = rules(specification);
    let mut complaints = Vec::new();
    let mut proven: BTreeSet<&str> = NOT_HERE.iter().map(|it| it.0).collect();
    for (path, text) in files {
        match citations(part_with_tests(path, text)) {
            Err(line) => complaints.push(format!("{}: no test below line {line}", path.display())),
            Ok(cited) => {
                for (name, _) in &cited {
                    if !rules.contains_key(name) {
                        complaints.push(format!("{} cites {name:?}: no rule", path.display()));
                    }
                }
                proven.extend(cited.iter().map(|it| it.0));
            }
        }
    }
    let uncited = rules.iter().filter(|(name, _)| !proven.contains(*name));
    complaints.extend(uncited.map(|(name, text)| format!("no test cites {name}: {text}")));
    complaints
}

#[test]
fn every_rule_is_cited_by_a_test_and_every_citation_is_of_a_rule() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: PathBuf| {
        let text = fs::read_to_string(root.join(&path)).expect("a source file");
        (path, text)
    };
    let files: Vec<_> = files().into_iter().map(read).collect();
    let complaints = complaints(SPEC, &files);
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
    assert!(rules(SPEC).len() > 100, "the rules are found");
}

#[test]
fn what_is_wrong_with_citations_is_noticed() {
    // Written with another sign, lest these count as citations themselves.
    let specification = "**§A-1** It MUST.\n\n**§A-2** It MUST NOT.\n".replace('§', "R-");
    let marker = MARKER;
    let judge = |path: &str, text: String| {
        let files = [(path.into(), text.replace('§', "R-"))];
        complaints(&specification, &files).join("\n").replace("R-", "§")
    };
    let both = format!("{marker}§A-1, §A-2\n#[test]\nfn it() {{}}\n");
    assert_eq!(judge("tests/a.rs", both.clone()), "");
    assert_eq!(judge("src/a.rs", format!("#[cfg(test)]\nmod tests {{\n{both}}}")), "");
    assert_eq!(judge("src/a.rs", both.clone()).lines().count(), 2, "outside of the tests");
    let one = both.replace(", §A-2", "");
    assert_eq!(judge("tests/a.rs", one), "no test cites §A-2: It MUST NOT.");
    let unknown = both.replace("§A-2", "§A-2, §A-3");
    assert_eq!(judge("tests/a.rs", unknown), "tests/a.rs cites \"§A-3\": no rule");
    let homeless = both.replace("#[test]\n", "");
    assert!(judge("tests/a.rs", homeless).contains("no test below line 1"));
}
