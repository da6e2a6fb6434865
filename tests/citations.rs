//! Every numbered rule of `proto-spec.md` is traced both ways: the code that keeps it names it, right
//! above the line (`// R-FRAME-4`), and a test that proves it names it, right above the test
//! (`// spec: R-FRAME-4, R-READ-3`).
//!
//! A rule without both fails, and so does the name of a rule that does not exist, and a citation that
//! stands above nothing. That the tests of a rule execute the code that names it is shown by
//! `tests/coverage/run.py`, which takes too long for every run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const SPEC: &str = include_str!("../proto-spec.md");
const MARKER: &str = "// spec: ";

/// What the code has above a line that keeps a rule.
const KEPT: &str = "// R-";

/// Rules that no test here can prove, each with the reason. There should be none.
const NOT_HERE: &[(&str, &str)] = &[];

/// Rules that no line here keeps, because they hold by what is absent or because only
/// another program could break them, each with the reason.
const NOT_IN_CODE: &[(&str, &str)] = &[];

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
        if !below.next().is_some_and(|it| *it == "#[test]" || it.starts_with("#[tokio::test")) {
            return Err(at + 1);
        }
        cited.extend(names.split(", ").map(|name| (name, at + 1)));
    }
    Ok(cited)
}

/// The rules that the code names above its lines; or the line that names one above nothing.
fn kept(text: &str) -> Result<Vec<&str>, usize> {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let mut kept = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if !line.starts_with(KEPT) {
            continue;
        }
        let mut below = lines[at + 1..].iter().skip_while(|it| it.starts_with("//"));
        if below.next().is_none_or(|code| code.is_empty() || code.starts_with('}')) {
            return Err(at + 1);
        }
        kept.extend(line["// ".len()..].split(", "));
    }
    Ok(kept)
}

/// Everything that looks like the name of a rule, wherever it stands.
fn mentioned(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("R-").filter_map(|(at, _)| {
        let is_begun = text[..at].ends_with(|it: char| it.is_alphanumeric() || it == '-');
        let rest = &text[at + "R-".len()..];
        let chapter = rest.find(|it: char| !it.is_ascii_uppercase())?;
        let digits = rest[chapter..].strip_prefix('-')?;
        let digits = digits.find(|it: char| !it.is_ascii_digit()).unwrap_or(digits.len());
        let is_name = !is_begun && chapter > 0 && digits > 0;
        is_name.then(|| &text[at..at + "R-".len() + chapter + "-".len() + digits])
    })
}

/// The code of a file and its tests. A file in `src/` or `relay/src/` may have both, `tests.rs` and any file elsewhere
/// is all tests.
fn parts<'a>(path: &Path, text: &'a str) -> (&'a str, &'a str) {
    let is_product = ["src", "relay/src"].iter().any(|it| path.starts_with(it));
    let is_product = is_product && path.file_name().is_some_and(|it| it != "tests.rs");
    if !is_product {
        return ("", text);
    }
    text.split_at(text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len()))
}

fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders =
        ["tests", "fuzz/fuzz_targets", "src", "relay"].map(|it| root.join(it)).to_vec();
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
    let mut held: BTreeSet<&str> = NOT_IN_CODE.iter().map(|it| it.0).collect();
    for (path, text) in files {
        let shown = path.display();
        let (code, tests) = parts(path, text);
        let mut names: Vec<_> = mentioned(text).collect();
        match citations(tests) {
            Err(line) => complaints.push(format!("{shown}: no test below line {line}")),
            Ok(cited) => proven.extend(cited.iter().map(|it| it.0)),
        }
        match kept(code) {
            Err(line) => complaints.push(format!("{shown}: no code below line {line}")),
            Ok(kept) => {
                names.extend(&kept);
                held.extend(kept);
            }
        }
        let unknown: BTreeSet<_> = names.into_iter().filter(|it| !rules.contains_key(it)).collect();
        complaints.extend(unknown.iter().map(|name| format!("{shown} cites {name:?}: no rule")));
    }
    for (name, text) in &rules {
        if !proven.contains(name) {
            complaints.push(format!("no test cites {name}: {text}"));
        }
        if !held.contains(name) {
            complaints.push(format!("no line of the code names {name}: {text}"));
        }
    }
    let elsewhere = NOT_HERE.iter().chain(NOT_IN_CODE).map(|it| it.0);
    let gone = elsewhere.filter(|name| !rules.contains_key(name));
    complaints.extend(gone.map(|name| format!("{name} is excused: no rule")));
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
    let judge = |files: &[(&str, &str)]| {
        let files: Vec<_> =
            files.iter().map(|(path, text)| (path.into(), text.replace('§', "R-"))).collect();
        complaints(&specification, &files).join("\n").replace("R-", "§")
    };
    let code = "fn it() {\n    // §A-1, §A-2\n    keep();\n}\n";
    let both = format!("{marker}§A-1, §A-2\n#[test]\nfn it() {{}}\n");
    let with_code = |tests: &str| judge(&[("src/b.rs", code), ("tests/a.rs", tests)]);
    assert_eq!(with_code(&both), "");
    let unit_tests = format!("{code}#[cfg(test)]\nmod tests {{\n{both}}}");
    assert_eq!(judge(&[("src/a.rs", &unit_tests)]), "");
    let outside = judge(&[("src/a.rs", &format!("{code}{both}"))]);
    assert_eq!(outside.lines().count(), 2, "outside of the tests: {outside}");
    let one = both.replace(", §A-2", "");
    assert_eq!(with_code(&one), "no test cites §A-2: It MUST NOT.");
    let unknown = both.replace("§A-2", "§A-2, §A-3");
    assert_eq!(with_code(&unknown), "tests/a.rs cites \"§A-3\": no rule");
    let homeless = both.replace("#[test]\n", "");
    assert!(with_code(&homeless).contains("no test below line 1"));

    let with_tests = |code: &str| judge(&[("src/b.rs", code), ("tests/a.rs", &both)]);
    let half = code.replace(", §A-2", "");
    assert_eq!(with_tests(&half), "no line of the code names §A-2: It MUST NOT.");
    assert_eq!(with_tests(&format!("{code}// so says §A-9\n")), "src/b.rs cites \"§A-9\": no rule");
    let above_nothing = code.replace("    keep();\n", "");
    assert!(with_tests(&above_nothing).contains("no code below line 2"));
    assert_eq!(with_tests("").lines().count(), 2, "no code at all");
}
