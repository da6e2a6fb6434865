//! Every course of events in a small world: two students, one teacher, one class.
//!
//! The real cores of server and client are explored exhaustively, whatever the network, the disk
//! and a crash do to them. How the world is made small without leaving anything out:
//!
//! * **The network** keeps every datagram that was ever sent and may deliver it at any time, any
//!   number of times, or never: loss, duplication, reordering and delay in one. A sending that
//!   differs from an earlier one only in its attempt number adds nothing to it.
//! * **The disk** takes batches when the server's loop turns, and makes them durable one by one at
//!   any later time. A **crash** loses what is not durable, with all replies that waited for it.
//! * **Time** is abstract. A timeout may come at any moment; the client is then told the time it
//!   had asked for. The date moves by a millisecond with each batch, so that an operation that is
//!   executed twice gives two different answers. A **night** moves all clocks by 31 minutes,
//!   more than the server's window and its patience with silent clients, and keeps every datagram:
//!   the specification's assumption about the age of datagrams is not even used.
//!
//! Two worlds are taken as the same (and only one of them is explored further) if everything that
//! can be seen of them is: what the server has on disk, remembers, holds back and would append; what
//! each client would send next; what is in the network. Hidden are only the values of jitter and
//! waits, and with them the value of ids not drawn yet: no step depends on which one they are. The
//! server is cloned; the client has randomness that cannot be, and is made again from what happened
//! to it.
//!
//! The bound is the script of each person. `MODEL_BOUND=large` doubles the scripts, which takes
//! minutes; what is left out in the small one is only a third request of one client, which for the
//! judge of duplicates is the second again: it knows "next", "same" and "lower".

mod machine;
mod person;
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rollcall::operation::Operation;
use stateright::{Checker, HasDiscoveries, Model};

use crate::world::{Memory, NIGHT, SmallWorld, class, student};

fn open() -> Operation {
    Operation::Open { class: class() }
}

fn close() -> Operation {
    Operation::Close { class: class() }
}

fn mark(who: usize) -> Operation {
    Operation::Mark { class: class(), student: student(who) }
}

fn is_large() -> bool {
    std::env::var("MODEL_BOUND").is_ok_and(|bound| bound == "large")
}

fn explore(name: &str, world: SmallWorld) -> Arc<Memory> {
    let memory = world.memory.clone();
    let checker = world.checker().threads(2).finish_when(HasDiscoveries::AnyFailures);
    let checker = checker.spawn_bfs().join();
    println!(
        "{name}: {} states visited, {} of them different, up to {} steps deep",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth()
    );
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
fn a_teacher_who_opens_again_and_loses_patience() {
    let give_ups = if is_large() { 3 } else { 2 };
    let mut world = SmallWorld { give_ups, ..class_of_one() };
    world.scripts[0].push(open());
    let memory = explore("no patience", world);
    assert!(was_seen(&memory.loss) && was_seen(&memory.stale));
}

#[test]
fn a_night_in_which_clients_are_forgotten() {
    let mut world = SmallWorld { nights: 1, date_moves: false, ..class_of_one() };
    if is_large() {
        world.scripts[0].push(open());
    }
    let memory = explore("one night", world);
    assert!(was_seen(&memory.forsaken) && was_seen(&memory.skew) && was_seen(&memory.begin_again));
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
