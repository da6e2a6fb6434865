//! The real server and client cores against a world that is worse than any campus: see
//! `docs/simulation.md`.
//!
//! `SIM_SEED=n` repeats one run and tells it line by line, `SIM_RUNS=n` says how many seeds are
//! run, `SIM_BASE=n` which is the first. Without them, the same seeds are run every time.

use std::env;
use std::panic::{self, UnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use params::Params;
use premises::Premise;
use rollcall::shell::clock::Clock;
use world::Figures;

mod attendance;
#[path = "../../fuzz/auditor.rs"]
#[expect(dead_code, reason = "no files are offered here")]
mod auditor;
mod disk;
#[path = "../../fuzz/laws.rs"]
#[expect(dead_code, reason = "only the auditor's own encoder is used here")]
mod laws;
mod linear;
mod network;
mod params;
#[path = "../../fuzz/premises.rs"]
mod premises;
#[path = "../../fuzz/rows.rs"]
mod rows;
mod scenarios;
mod sealed;
#[path = "../../fuzz/sealed_laws.rs"]
#[expect(dead_code, reason = "bytes of a fuzzer are not read here")]
mod sealed_laws;
mod seen;
mod witness;
mod world;

const RUNS_DEFAULT: u64 = 2_000;
/// Of days with plans and corrections.
const DAYS_DEFAULT: u64 = 1_000;

#[test]
fn nothing_wrong_is_ever_said_and_everything_converges() {
    if let Some(seed) = number("SIM_SEED") {
        let params = Params::draw(seed);
        println!("{params:#?}");
        let figures = run(seed, true);
        println!("{:#?}", figures.unwrap_or_else(|story| panic!("{story}")));
        return;
    }
    let base = number("SIM_BASE").unwrap_or(0);
    let runs = number("SIM_RUNS").unwrap_or(RUNS_DEFAULT);
    let premises = premises_here();
    let since = premises::counts(&premises);
    let clock = Clock::start();
    let before = core_seconds(&clock);
    let total = run_all(base, runs, |seed| run(seed, false), add);
    let core_seconds = core_seconds(&clock) - before;
    println!("{runs} runs from seed {base}: {}", in_words(&total, core_seconds));
    println!("{}", premises::table(&premises, &since));
    let rare = premises::too_rare(&premises, &since, least(runs));
    assert!(rare.is_empty(), "laws that were hardly put to the test:\n{}", rare.join("\n"));
}

/// `SIM_SEED=n` repeats one day, `SIM_RUNS` and `SIM_BASE` say which are run, as for the others.
#[test]
fn no_correction_is_made_twice_and_what_people_are_told_is_on_the_sheets() {
    if let Some(seed) = number("SIM_SEED") {
        println!("{:#?}", Params::draw(seed));
        attendance::run(seed).unwrap_or_else(|story| panic!("{story}"));
        return;
    }
    let base = number("SIM_BASE").unwrap_or(0);
    let runs = number("SIM_RUNS").unwrap_or(DAYS_DEFAULT);
    let premises: Vec<_> =
        attendance::seen::ALL.iter().chain(auditor::taught::ALL).copied().collect();
    let since = premises::counts(&premises);
    let day = |seed| {
        caught(|| attendance::run(seed)).map_err(|story| {
            format!(
                "seed {seed}: {story}\nrepeat it with: SIM_SEED={seed} cargo test --test sim \
                 no_correction -- --nocapture"
            )
        })
    };
    let operations = run_all(base, runs, day, |total: &mut u64, more| *total += more);
    println!("{runs} days from seed {base}: {operations} operations");
    println!("{}", premises::table(&premises, &since));
    let rare = premises::too_rare(&premises, &since, u64::from(runs >= DAYS_DEFAULT));
    assert!(rare.is_empty(), "laws that were hardly put to the test:\n{}", rare.join("\n"));
}

/// What the laws of the witness and of the auditor speak of, as far as it can come about here.
fn premises_here() -> Vec<&'static Premise> {
    use auditor::seen::{
        AT_THE_EDGE, CHANGED, CODE_FOR_NOTHING, LIST_PAST, NO_DEVICE, NO_FILE, NOT_HERE, OF_A_FILE,
        OLD_COOKIE, PAST_THE_END, STOLEN, TOLD_NOBODY,
    };
    // Files, and what a client of ours never or hardly ever sends, are for `server_ops`.
    let elsewhere = [
        &AT_THE_EDGE,
        &CHANGED,
        &CODE_FOR_NOTHING,
        &NO_DEVICE,
        &TOLD_NOBODY,
        &LIST_PAST,
        &NO_FILE,
        &NOT_HERE,
        &OF_A_FILE,
        &OLD_COOKIE,
        &PAST_THE_END,
        &STOLEN,
    ];
    let here = |it: &&Premise| !elsewhere.iter().any(|other| std::ptr::eq(*it, *other));
    seen::ALL.iter().chain(auditor::seen::ALL.iter().filter(|it| here(it))).copied().collect()
}

/// How often each premise has to come about in so many runs: a law that nothing ever put to the test
/// says nothing.
fn least(runs: u64) -> u64 {
    match runs {
        100_000.. => runs / 100,
        RUNS_DEFAULT.. => 1,
        _ => 0,
    }
}

#[test]
fn every_law_has_a_premise_that_is_counted() {
    let witness = include_str!("witness.rs");
    let laws: Vec<_> = witness
        .match_indices("accuse(\"")
        .filter_map(|(at, begin)| witness[at + begin.len()..].split('"').next())
        .collect();
    assert!(laws.len() >= 15, "{laws:?}");
    // This one is about the simulation itself, which breaks it at any time if at all.
    let always = ["what is sent is what was asked"];
    let table = premises::table(seen::ALL, &vec![0; seen::ALL.len()]);
    let unseen = |law: &&&str| !always.contains(*law) && !table.contains(&format!("| {law} |"));
    let unseen: Vec<_> = laws.iter().filter(unseen).collect();
    assert!(unseen.is_empty(), "nothing counts what these speak of: {unseen:?}");
}

/// Runs the seeds on every processor and adds up what they came to; the failure with the lowest seed is told.
fn run_all<T: Default + Send>(
    base: u64,
    runs: u64,
    run: impl Fn(u64) -> Result<T, String> + Sync,
    add: impl Fn(&mut T, &T) + Sync,
) -> T {
    let next = AtomicU64::new(base);
    let failed = AtomicU64::new(u64::MAX);
    let work = || {
        let mut total = T::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= base + runs || seed > failed.load(Ordering::Relaxed) {
                return total;
            }
            match run(seed) {
                Ok(figures) => add(&mut total, &figures),
                Err(_) => {
                    failed.fetch_min(seed, Ordering::Relaxed);
                }
            }
        }
    };
    let mut total = T::default();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers()).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            add(&mut total, &worker.join().expect("a worker does not panic"));
        }
    });
    let seed = failed.into_inner();
    if seed != u64::MAX {
        let story = run(seed).err().expect("it failed just now");
        panic!("after {} runs: {story}", seed - base + 1);
    }
    total
}

/// The processor time of this process so far, from Linux in hundredths of a second; elsewhere what has
/// passed, on all processors.
fn core_seconds(clock: &Clock) -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name of the program, which may have spaces.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: Vec<u64> = fields.skip(11).take(2).flat_map(str::parse).collect();
    match ticks[..] {
        [user, system] => (user + system) / 100,
        _ => clock.now().instant.as_micros() / 1_000_000 * workers() as u64,
    }
}

fn workers() -> usize {
    thread::available_parallelism().map_or(2, usize::from)
}

/// One run; why it failed, and how to repeat it.
fn run(seed: u64, trace: bool) -> Result<Figures, String> {
    let params = Params::draw(seed);
    caught(|| world::run(seed, &params, trace)).map_err(|story| {
        format!(
            "seed {seed}: {story}\n{params:?}\nrepeat it with: SIM_SEED={seed} cargo test --test sim \
             nothing_wrong -- --nocapture"
        )
    })
}

/// A panic, of the product or of who judges it, is a failure like any other: it needs its seed too.
fn caught<T>(run: impl FnOnce() -> Result<T, String> + UnwindSafe) -> Result<T, String> {
    panic::catch_unwind(run).unwrap_or_else(|cause| {
        let text = cause.downcast_ref::<&str>().map(|&text| text.to_owned());
        let text = text.or_else(|| cause.downcast_ref::<String>().cloned());
        Err(format!("panicked: {}", text.unwrap_or_default()))
    })
}

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text:?}")))
}

fn add(total: &mut Figures, more: &Figures) {
    total.operations += more.operations;
    total.queries += more.queries;
    total.datagrams += more.datagrams;
    total.server_crashes += more.server_crashes;
    total.client_crashes += more.client_crashes;
    total.forgotten += more.forgotten;
    total.unknown += more.unknown;
    total.histories += more.histories;
    total.undecided += more.undecided;
    total.sheets += more.sheets;
    let slowest = total.slowest_after_healing_micros.max(more.slowest_after_healing_micros);
    total.slowest_after_healing_micros = slowest;
}

/// What was done, and how much of it in an hour of one core: the hours that were simulated say nothing,
/// because most of them are people who do nothing.
fn in_words(total: &Figures, core_seconds: u64) -> String {
    let crashes = total.server_crashes + total.client_crashes;
    let hourly = |count: u64| count * 3_600 / core_seconds.max(1);
    format!(
        "{} operations and {} crashes in a core-hour; {} operations ({} times unknown), {} queries, \
         {} datagrams at the server, {} crashes of servers and {} of clients, {} clients forgotten, \
         {} sheets fetched, {} histories linearizable ({} undecided), at most {} ms until an answer \
         after the healing",
        hourly(total.operations),
        hourly(crashes),
        total.operations,
        total.unknown,
        total.queries,
        total.datagrams,
        total.server_crashes,
        total.client_crashes,
        total.forgotten,
        total.sheets,
        total.histories,
        total.undecided,
        total.slowest_after_healing_micros / 1_000,
    )
}
