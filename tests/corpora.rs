//! Everything that the fuzzer has kept, played again: each target's laws over its committed corpus.
//!
//! The laws are the very files that the fuzz targets are made of. What a run has found stays
//! checked by `cargo test`, without a nightly compiler and without a fuzzer. `CORPUS=path` plays one
//! file or folder instead, for a finding that is not committed yet; the file's target is told by the
//! name of its folder.

#[path = "../fuzz/auditor.rs"]
mod auditor;
#[path = "../fuzz/client_laws.rs"]
mod client_laws;
#[path = "../fuzz/download_laws.rs"]
mod download_laws;
#[path = "../fuzz/journal_laws.rs"]
mod journal_laws;
#[path = "../fuzz/laws.rs"]
mod laws;
#[path = "../fuzz/sealed_laws.rs"]
mod sealed_laws;
#[path = "../fuzz/server_laws.rs"]
mod server_laws;

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

/// The inputs of one target that are committed at most.
const FILES_MAX: usize = 150;

type Law = fn(&[u8]);

/// Every target and what it does with an input.
const TARGETS: [(&str, Law); 6] = [
    ("client_ops", client_laws::check),
    ("decode", decode),
    ("decode_sealed", sealed_laws::check),
    ("download_ops", download_laws::check),
    ("journal_replay", journal_laws::check),
    ("server_ops", server_laws::check),
];

fn decode(input: &[u8]) {
    laws::check(input);
    if let Some(mended) = laws::mended(input) {
        laws::check(&mended);
    }
}

fn play(target: &str) {
    let (_, law) = TARGETS.into_iter().find(|it| it.0 == target).expect("a target");
    let folder = root("fuzz/corpus").join(target);
    let other = std::env::var_os("CORPUS").map(PathBuf::from);
    let other = other.filter(|path| path.components().any(|part| part.as_os_str() == target));
    let files = files(other.as_deref().unwrap_or(&folder));
    assert!(!files.is_empty(), "{} is empty", folder.display());
    assert!(other.is_some() || files.len() <= FILES_MAX, "{} files", files.len());
    for file in files {
        let input = fs::read(&file).expect("readable");
        let command = format!("CORPUS={} cargo test --test corpora {target}", file.display());
        assert!(catch_unwind(|| law(&input)).is_ok(), "a law is broken; again with: {command}");
    }
}

fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let folder = fs::read_dir(path).expect("the corpus is committed");
    let mut files: Vec<_> = folder.map(|file| file.expect("listed").path()).collect();
    files.sort();
    files
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn client_ops() {
    play("client_ops");
}

#[test]
fn decode_corpus() {
    play("decode");
}

#[test]
fn decode_sealed() {
    play("decode_sealed");
}

#[test]
fn download_ops() {
    play("download_ops");
}

#[test]
fn journal_replay() {
    play("journal_replay");
}

#[test]
fn server_ops() {
    play("server_ops");
}

#[test]
fn every_target_has_its_corpus_here() {
    let targets = files(&root("fuzz/fuzz_targets"));
    let stem = |path: &PathBuf| path.file_stem().expect("named").to_string_lossy().into_owned();
    let targets: BTreeSet<_> = targets.iter().map(stem).collect();
    assert_eq!(targets, TARGETS.iter().map(|it| it.0.to_owned()).collect());
}
