//! Every course of events in small worlds: two students, one teacher, one class.
//!
//! The real cores of server and client are explored exhaustively, whatever the network, the disk
//! and a crash do to them; `docs/model.md` says what was visited and what it notices. How the
//! worlds are made small:
//!
//! * **The network** keeps every datagram that was ever sent and may deliver it at any time, any
//!   number of times, or never: loss, duplication, reordering and delay in one. A sending that
//!   differs from an earlier one only in its attempt number adds nothing to it.
//! * **The disk** takes batches of one or several datagrams when the server's loop turns, and makes
//!   them durable one by one at any later time. A **crash** loses what is not durable, with all
//!   replies that waited for it.
//! * **Time** is abstract. A deadline may pass at any moment, as often as a world allows.
//!   The date moves by a millisecond with each execution, so that an operation that is
//!   executed twice gives two different answers, and by a second with a crash. A **night** moves
//!   all clocks by 31 minutes, more than the server's window and the silence after which clients are forgotten;
//!   the server sweeps its table at its end. In one world the people's computers sleep meanwhile,
//!   and only their dates move. Every datagram outlives it: the specification's
//!   assumption about the age of datagrams is not used.
//!
//! * **A forger**, in one world, has read everything, which is more than anybody can, and asks for each
//!   request again, sealed with a key of his own and from an address of his own. What a seal proves is
//!   taken as proved: each request comes with the device whose key sealed it. That nothing else opens is
//!   for `fuzz/sealed_laws.rs`.
//!
//! What is left out because it changes nothing that anybody could see:
//!
//! * *The same moment twice.* Two moments are the same if the server remembers, has on disk, holds
//!   back and would append the same, each client would send the same next, and the network has the
//!   same datagrams. Hidden are jitter and waits, the ids not drawn yet (no step depends on which
//!   they are), and the order in which clients were heard, which only the sweep looks at: at the
//!   end of a night all were silent for as long. A delivery that changes nothing is no step.
//! * *Which student is which.* Two who want the same are told apart by who is heard first.
//! * *Answers that nobody will listen to.* Names and numbers of a client only go on, so an answer to
//!   a request that its client has left behind is tried on it once, when it is sent, must be
//!   ignored, and is dropped. Outcomes are kept for ever, as what was promised.
//! * *When nobody could tell.* What a client has to send it sends at once, since the network may
//!   delay it as long. For the same reason a person begins at once when no night is left to fall
//!   before. After the last crash batches become durable at once: what a later commit adds is
//!   silence and a later answer, which the network adds too.
//! * *Clients between two datagrams of one turn of the loop.* The server says nothing until it has
//!   turned, so what they do in between they can do before.
//!
//! The bounds are the script of each person and the number of crashes, nights and deadlines that pass;
//! there is none on deliveries. In worlds with a night, or with a server's clock that is wrong, the
//! date does not move with executions: the time that a client learns from `BEGIN_AGAIN` with a time would make
//! moments differ that differ in nothing else. `MODEL_BOUND=large` explores more of the same.

mod machine;
mod person;
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rollcall::access::{Terms, Who};
use rollcall::attendance::{Correction, Plan, Status};
use rollcall::exchange::Operation;
use stateright::{Checker, HasDiscoveries, Model};

use crate::world::{Memory, NIGHT, SmallWorld, class, student};

fn open() -> Operation {
    Operation::Open { class: class(), terms: Terms::PLAIN }
}

fn close() -> Operation {
    Operation::Close { class: class() }
}

fn mark(who: usize) -> Operation {
    Operation::Mark { class: class(), student: student(who), code: None }
}

fn is_large() -> bool {
    std::env::var("MODEL_BOUND").is_ok_and(|bound| bound == "large")
}

fn explore(name: &str, world: SmallWorld) -> Arc<Memory> {
    let memory = world.memory.clone();
    let checker = world.checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    println!(
        "{name}: {} states visited, {} of them different, up to {} steps deep",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth()
    );
    if let Some((law, visited)) = memory.broken.get() {
        println!("{name}: {law:?} is broken after {visited} states visited");
    }
    checker.assert_properties();
    memory
}

fn was_seen(what: &AtomicBool) -> bool {
    what.load(Ordering::Relaxed)
}

fn class_of_two() -> SmallWorld {
    SmallWorld {
        scripts: vec![vec![open(), close()], vec![mark(1)], vec![mark(2)]],
        clocks_ahead: vec![Duration::ZERO; 3],
        crashes: 1,
        give_ups: 1,
        date_moves: true,
        lazy_turns: true,
        ..SmallWorld::default()
    }
}

fn class_of_one() -> SmallWorld {
    let mut world = class_of_two();
    world.scripts.truncate(2);
    world
}

#[test]
fn two_students_one_teacher_one_crash() {
    let crashes = if is_large() { 2 } else { 1 };
    let memory = explore("two students", SmallWorld { crashes, ..class_of_two() });
    assert!(was_seen(&memory.loss) && was_seen(&memory.stale));
}

#[test]
fn a_deadline_a_close_and_a_correction_meet() {
    let plan = Plan { closes_after_s: Some(30), ..Plan::default() };
    let open = Operation::OpenWith { class: class(), terms: Terms::PLAIN, plan };
    let correction =
        Correction { number: None, student: student(1), status: Status::Left, reason: None };
    let correct = Operation::Correct { class: class(), correction: Box::new(correction) };
    let give_ups = if is_large() { 2 } else { 1 };
    let world = SmallWorld {
        scripts: vec![vec![open, close(), correct], vec![mark(1)]],
        minutes: 1,
        lazy_turns: false,
        give_ups,
        ..class_of_one()
    };
    let memory = explore("a deadline", world);
    assert!(was_seen(&memory.loss) && was_seen(&memory.stale));
    assert!(was_seen(&memory.closed_by_itself) && was_seen(&memory.corrected));
}

#[test]
fn a_teacher_who_opens_again_and_gives_up() {
    let give_ups = if is_large() { 3 } else { 2 };
    let mut world = SmallWorld { give_ups, ..class_of_one() };
    world.scripts[0].push(open());
    let memory = explore("deadlines pass", world);
    assert!(was_seen(&memory.loss) && was_seen(&memory.stale));
}

#[test]
fn a_night_in_which_clients_are_forgotten() {
    let mut world = SmallWorld { nights: 1, date_moves: false, ..class_of_one() };
    if is_large() {
        world.scripts[0].push(open());
    }
    let memory = explore("one night", world);
    assert!(was_seen(&memory.abandoned) && was_seen(&memory.skew) && was_seen(&memory.begin_again));
}

#[test]
fn a_night_in_which_the_computers_sleep() {
    let world = SmallWorld { nights: 1, asleep: true, date_moves: false, ..class_of_one() };
    let memory = explore("a night asleep", world);
    assert!(was_seen(&memory.abandoned) && was_seen(&memory.skew) && was_seen(&memory.begin_again));
}

#[test]
fn a_clock_that_is_ahead_by_as_much_as_a_night() {
    let give_ups = u8::from(is_large());
    let mut world = SmallWorld { nights: 1, give_ups, date_moves: false, ..class_of_one() };
    world.clocks_ahead[1] = NIGHT;
    let memory = explore("a clock ahead", world);
    assert!(was_seen(&memory.skew));
}

#[test]
fn a_server_whose_clock_is_set_right() {
    let nights = u8::from(is_large());
    let ahead = SmallWorld { server_ahead: NIGHT, nights, date_moves: false, ..class_of_one() };
    let memory = explore("a clock set right", ahead);
    assert!(was_seen(&memory.skew));
}

#[test]
fn a_forger_who_has_read_everything_marks_as_nobody_but_himself() {
    let mut world = SmallWorld { sealed: true, give_ups: u8::from(is_large()), ..class_of_one() };
    let terms = Terms { who: Who::Device, strict: false, code: false };
    world.scripts[0][0] = Operation::Open { class: class(), terms };
    let memory = explore("a forger", world);
    assert!(was_seen(&memory.forged) && was_seen(&memory.marked_by_forger));
}
