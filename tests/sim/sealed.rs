//! Sealed clients with roles, servers that are started again, and an adversary that owns the network: the
//! world of `fuzz/sealed_laws.rs`, on bad days that a seed draws, and interrupted at every step of a roll call.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::params::{chance, pick};
use crate::premises;
use crate::sealed_laws::{Step, What, World, seen};
use crate::{caught, number, run_all};

const RUNS_DEFAULT: u64 = 4_000;

/// `SIM_SEED`, `SIM_RUNS` and `SIM_BASE` are those of the other world.
#[test]
fn nothing_sealed_is_done_twice_or_for_anybody_else_and_everybody_is_answered() {
    if let Some(seed) = number("SIM_SEED") {
        return run(seed);
    }
    let base = number("SIM_BASE").unwrap_or(0);
    let runs = number("SIM_RUNS").unwrap_or(RUNS_DEFAULT);
    let since = premises::counts(seen::ALL);
    let told = |seed| {
        caught(|| {
            run(seed);
            Ok(())
        })
        .map_err(|story| {
            format!("seed {seed}: {story}\nrepeat it with: SIM_SEED={seed} cargo test --test sim nothing_sealed")
        })
    };
    run_all(base, runs, told, |(), ()| {});
    println!("{runs} sealed runs from seed {base}:\n{}", premises::table(seen::ALL, &since));
    let rare = premises::too_rare(seen::ALL, &since, u64::from(runs >= RUNS_DEFAULT));
    assert!(rare.is_empty(), "laws that were hardly put to the test:\n{}", rare.join("\n"));
}

/// What a seed draws before its run begins, in thousandths of the steps.
#[derive(Debug)]
struct Day {
    steps: u32,
    asks: u32,
    /// Datagrams that are lost, arrive again, or overtake others.
    loss: u32,
    repeats: u32,
    /// What the adversary does with them.
    changes: u32,
    splices: u32,
    astray: u32,
    restarts: u32,
    /// Pauses of seconds to minutes, over which datagrams are held back and tickets end.
    pauses: u32,
    /// Invites and revocations.
    appointments: u32,
}

impl Day {
    fn draw(rng: &mut StdRng) -> Self {
        // Each of them is there or not, because faults hide each other.
        let mut maybe =
            |most: u32| if rng.random_bool(0.4) { 0 } else { rng.random_range(1..=most) };
        Self {
            loss: maybe(200),
            repeats: maybe(200),
            changes: maybe(150),
            splices: maybe(150),
            astray: maybe(100),
            restarts: maybe(30),
            pauses: maybe(40),
            appointments: maybe(20),
            asks: 60 + maybe(100),
            steps: 100 + maybe(300),
        }
    }

    fn step(&self, rng: &mut StdRng) -> Step {
        let [which, other, more] = [(); 3].map(|()| rng.random::<u8>());
        let place = rng.random::<u16>();
        let what = match rng.random_range(0..16) {
            0..3 => What::Open(which),
            3..5 => What::Close(which),
            5 => What::Join(which),
            6 => What::Invite(which),
            _ => What::Mark(which, other),
        };
        let changed = match rng.random_range(0..3) {
            0 => Step::Cut(which, place),
            1 => Step::Reflect(which),
            _ => Step::Turn(which, place),
        };
        for (often, step) in [
            (self.loss, Step::Lose(which)),
            (self.repeats, Step::Repeat(which)),
            (self.changes, changed),
            (self.splices, Step::Splice(which, other, more)),
            (self.astray, Step::Misdeliver(which, other)),
            (self.restarts, Step::Restart),
            (self.pauses, Step::WaitLong(which)),
            (self.appointments, Step::Appoint(which, other, more)),
            (self.asks, Step::Ask(which, what)),
        ] {
            if chance(rng, often) {
                return step;
            }
        }
        *pick(
            rng,
            &[Step::Arrive(which), Step::Arrive(0), Step::Wait(20), Step::Shake, Step::Commit],
        )
    }
}

/// One bad day, after which everything arrives.
fn run(seed: u64) {
    let rng = &mut StdRng::seed_from_u64(seed ^ 0x0073_6561_6c65_6400);
    let day = Day::draw(rng);
    let mut world = World::new();
    for _ in 0..day.steps {
        world.play(day.step(rng));
    }
    world.heal();
}

/// What happens between two steps.
type Interruption = &'static [Step];

const RESTART: Interruption = &[Step::Restart];
const RESTART_AFTER_COMMIT: Interruption = &[Step::Commit, Step::Restart];
/// What is under way is held back for so long that it gets `RENEW` for an answer.
const HELD_BACK: Interruption = &[Step::WaitLong(61)];
/// An admin revokes the student's device.
const REVOKED: Interruption = &[Step::Ask(2, What::Revoke(0))];
const REPEATED: Interruption = &[Step::Repeat(0)];

/// All that is tried, each followed by each.
const INTERRUPTIONS: [Interruption; 14] = [
    RESTART,
    RESTART_AFTER_COMMIT,
    HELD_BACK,
    REVOKED,
    REPEATED,
    &[Step::Ask(2, What::Revoke(0)), Step::Calm(50), Step::Restart],
    &[Step::Restart, Step::Ask(2, What::Revoke(0))],
    &[Step::Repeat(0), Step::WaitLong(61), Step::Restart],
    // The ticket ends, and the deadline passes before.
    &[Step::WaitLong(250); 30],
    &[Step::Lose(0)],
    &[Step::Turn(0, 900)],
    &[Step::Splice(0, 1, 0)],
    &[Step::Reflect(0)],
    &[Step::Misdeliver(0, 3)],
];

/// A teacher opens a class, a student answers, the teacher closes it, and at these steps of it something
/// happens. Counts the steps.
fn roll_call(interruptions: &[(usize, Interruption)]) -> usize {
    let mut world = World::new();
    // A second admin, who revokes.
    world.play(Step::Appoint(2, 0x40, u8::MAX));
    let mut count = 0;
    for asked in
        [Step::Ask(0, What::Open(0)), Step::Ask(1, What::Mark(0, 1)), Step::Ask(0, What::Close(0))]
    {
        world.play(asked);
        while let Some(step) = world.next_step() {
            let due = interruptions.iter().filter(|it| it.0 == count);
            due.flat_map(|it| it.1).for_each(|&step| world.play(step));
            world.play(step);
            count += 1;
        }
    }
    world.heal();
    count
}

/// RENEW, a restart or a revocation between a request and its answer, at each place that there is: nothing
/// is executed twice, and whoever waits is answered. The laws are those of the world.
#[test]
fn a_restart_a_renewal_or_a_revocation_at_any_step_executes_nothing_twice() {
    let steps = roll_call(&[]);
    assert_eq!(steps, 12, "three requests and answers, three commits, and a handshake");
    let all: Vec<(usize, Interruption)> =
        (0..steps).flat_map(|at| INTERRUPTIONS.map(|by| (at, by))).collect();
    let twice = |first: u64| {
        let one = all[usize::try_from(first).expect("few")];
        caught(|| {
            let later: Vec<_> = all.iter().filter(|other| other.0 >= one.0).collect();
            for &&other in &later {
                roll_call(&[one, other]);
            }
            Ok(later.len())
        })
        .map_err(|story| format!("{one:?} and something later: {story}"))
    };
    let firsts = u64::try_from(all.len()).expect("few");
    let played = run_all(0, firsts, twice, |total: &mut usize, more| *total += more);
    println!("{played} roll calls of {steps} steps, each interrupted twice in another way");
}
