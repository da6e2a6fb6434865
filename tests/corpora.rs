//! Everything that the fuzzer has kept, played again: each target's laws over its committed corpus.
//!
//! The laws are the very files that the fuzz targets are made of. What a run has found stays
//! checked by `cargo test`, without a nightly compiler and without a fuzzer. `CORPUS=path` plays one
//! file or folder instead, for a finding that is not committed yet; the file's target is told by the
//! name of its folder.

#[path = "../fuzz/attendance_laws.rs"]
mod attendance_laws;
#[path = "../fuzz/auditor.rs"]
mod auditor;
#[path = "../fuzz/client_laws.rs"]
mod client_laws;
#[path = "../fuzz/download_laws.rs"]
mod download_laws;
#[path = "../fuzz/framed_laws.rs"]
mod framed_laws;
#[path = "../fuzz/journal_laws.rs"]
mod journal_laws;
#[path = "../fuzz/laws.rs"]
mod laws;
#[path = "../fuzz/premises.rs"]
mod premises;
#[path = "../fuzz/rows.rs"]
mod rows;
#[path = "../fuzz/sealed_laws.rs"]
mod sealed_laws;
#[path = "../fuzz/server_laws.rs"]
mod server_laws;

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The inputs of one target that are committed at most.
const FILES_MAX: usize = 200;

type Law = fn(&[u8]);

/// What the laws of a target speak of: each must come about with some input of its corpus.
const PREMISES: [(&str, &[&premises::Premise]); 6] = [
    ("attendance_ops", auditor::taught::ALL),
    ("client_ops", client_laws::seen::ALL),
    ("download_ops", download_laws::seen::ALL),
    ("journal_replay", journal_laws::seen::ALL),
    ("sealed_ops", sealed_laws::seen::ALL),
    ("server_ops", auditor::seen::ALL),
];

/// Every target and what it does with an input.
const TARGETS: [(&str, Law); 8] = [
    ("attendance_ops", attendance_laws::check),
    ("client_ops", client_laws::check),
    ("decode", decode),
    ("decode_framed", framed_laws::check),
    ("download_ops", download_laws::check),
    ("journal_replay", journal_laws::check),
    ("sealed_ops", sealed_laws::check),
    ("server_ops", server_laws::check),
];

/// What is counted is counted for one test at a time.
static COUNTING: Mutex<()> = Mutex::new(());

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
    let _counting = COUNTING.lock().unwrap_or_else(PoisonError::into_inner);
    let seen = PREMISES.into_iter().find(|it| it.0 == target).map_or(&[][..], |it| it.1);
    let since = premises::counts(seen);
    for file in files {
        let input = fs::read(&file).expect("readable");
        let command = format!("CORPUS={} cargo test --test corpora {target}", file.display());
        assert!(catch_unwind(|| law(&input)).is_ok(), "a law is broken; again with: {command}");
    }
    println!("{target}:\n{}", premises::table(seen, &since));
    if other.is_none() {
        let rare = premises::too_rare(seen, &since, 1);
        assert!(rare.is_empty(), "laws that were never put to the test:\n{}", rare.join("\n"));
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
fn attendance_ops() {
    play("attendance_ops");
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
fn decode_framed() {
    play("decode_framed");
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
fn sealed_ops() {
    play("sealed_ops");
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

/// Random inputs of one target that put its laws to the test, in the gate.
const RANDOM_INPUTS: u64 = 2_000;

/// Random bytes make what the laws speak of come about: where they do not, the generator has a blind
/// spot, and a fuzzer needs luck. `RANDOM_INPUTS=n` tries more, and asks for more; `RANDOM_TARGET=t` tries only that target. `UPDATE_CORPUS=1`
/// writes the inputs that were the first to show something into the corpora.
#[test]
fn random_inputs_put_every_law_to_the_test() {
    let inputs = std::env::var("RANDOM_INPUTS").map_or(RANDOM_INPUTS, |text| {
        text.parse().unwrap_or_else(|_| panic!("RANDOM_INPUTS is a number, not {text:?}"))
    });
    let least = if inputs >= 100_000 { inputs / 100 } else { 1 };
    let _counting = COUNTING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut rare = Vec::new();
    let only = std::env::var("RANDOM_TARGET").ok();
    let is_asked = |target: &str| only.as_ref().is_none_or(|only| only == target);
    for (target, seen) in PREMISES.into_iter().filter(|it| is_asked(it.0)) {
        let (_, law) = TARGETS.into_iter().find(|it| it.0 == target).expect("a target");
        let since = premises::counts(seen);
        let so_far =
            || premises::counts(seen).iter().zip(&since).filter(|(now, at)| now > at).count();
        let mut shown = 0;
        for seed in 0..inputs {
            let input = random(seed);
            let told = catch_unwind(|| law(&input));
            if told.is_err() {
                let found = Path::new(env!("CARGO_TARGET_TMPDIR")).join(target);
                fs::create_dir_all(&found).expect("the folder of this build");
                let found = found.join(format!("random-{seed}"));
                fs::write(&found, &input).expect("the folder of this build");
                let command =
                    format!("CORPUS={} cargo test --test corpora {target}", found.display());
                panic!("a law is broken by random input {seed}; again with: {command}");
            }
            if so_far() > shown {
                shown = so_far();
                if std::env::var_os("UPDATE_CORPUS").is_some() {
                    let name = format!("random-{seed}");
                    let file = root("fuzz/corpus").join(target).join(name);
                    fs::write(file, &input).expect("the corpus is here");
                }
            }
        }
        println!("{target}, {inputs} random inputs:\n{}", premises::table(seen, &since));
        rare.extend(premises::too_rare(seen, &since, least));
    }
    assert!(rare.is_empty(), "laws that were hardly put to the test:\n{}", rare.join("\n"));
}

/// Bytes of `SplitMix64` from this seed; short inputs are as likely as long ones.
fn random(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x2545_f491_4f6c_dd1d);
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let bits = 4 + next() % 9;
    let length = next() % (1 << bits);
    (0..length).map(|_| next().to_le_bytes()[7]).collect()
}
