//! Plans and corrections at their bounds, which no test reaches from outside.

use super::*;
use crate::attendance::{Correction, Plan, Status};
use crate::hashing::HashKey;
use crate::ids::DeviceId;
use crate::limits::{CORRECTED_CACHED_BYTES, CORRECTED_CACHED_MAX, REOPEN_MARKS_MAX};
use crate::roll::{Mark, ProceedingsItem, Sheet};

fn class(number: u32) -> ClassId {
    ClassId::new(number).unwrap()
}

fn student(number: usize) -> StudentNumber {
    number.to_string().parse().unwrap()
}

fn at(seconds: u64) -> WallTime {
    WallTime::from_millis(1_000 * seconds)
}

fn state() -> State {
    State::new(HashKey::new(1))
}

fn decide(state: &State, operation: &Operation, now: u64) -> Decision {
    let (at, instant) = (at(now), Instant::ZERO);
    let codes = CodeClock::new(crate::time::Now { instant, wall: at });
    state.decide(Principal::Plain, operation, Moment { at, instant, codes })
}

fn run(state: &mut State, operation: &Operation, now: u64) -> (Outcome, Changed) {
    let Decision::Outcome(outcome) = decide(state, operation, now) else { panic!("decided") };
    let changed = state.apply(Principal::Plain, operation, &outcome).unwrap();
    (outcome, changed)
}

fn refusal(state: &State, operation: &Operation, now: u64) -> Option<Refusal> {
    match decide(state, operation, now) {
        Decision::Outcome(Outcome::Refused(refused)) => Some(refused.reason),
        _ => None,
    }
}

fn open(number: u32) -> Operation {
    Operation::Open { class: class(number), terms: Terms::PLAIN }
}

fn close(number: u32) -> Operation {
    Operation::Close { class: class(number) }
}

fn mark(number: u32, who: usize) -> Operation {
    Operation::Mark { class: class(number), student: student(who), code: None }
}

fn correct(number: u32, roll_call: Option<u32>, who: usize, status: Status) -> Operation {
    let number_of = roll_call.map(|it| RollCallNumber::new(it).unwrap());
    let correction = Correction { number: number_of, student: student(who), status, reason: None };
    Operation::Correct { class: class(number), correction: Box::new(correction) }
}

/// The number that a roll call is opened under.
fn opened(outcome: &Outcome) -> u32 {
    let &Outcome::Opened { number, .. } = outcome else { panic!("{outcome:?}") };
    number.get()
}

#[test]
fn a_roll_call_that_was_forgotten_is_not_corrected_from_memory() {
    let mut state = state();
    state.register.set_limits(crate::roll::RegisterLimits {
        empty_sheets: 1,
        ..crate::roll::RegisterLimits::default()
    });
    for operation in [open(1), close(1), open(1), mark(1, 7), close(1)] {
        run(&mut state, &operation, 1);
    }
    let correction = correct(1, Some(1), 8, Status::Present);
    assert!(matches!(decide(&state, &correction, 2), Decision::Outcome(Outcome::Corrected { .. })));
    run(&mut state, &open(2), 3);
    let (_, changed) = run(&mut state, &close(2), 3);
    assert_eq!(changed.applied.forgotten.len(), 1, "the empty one of class 1 has no row any more");
    assert!(state.kept.sheet(class(1), RollCallNumber::FIRST).is_some(), "it is still in memory");
    assert_eq!(refusal(&state, &correction, 4), Some(Refusal::NoSuchRollCall));
}

#[test]
fn a_roll_call_that_is_too_large_to_be_corrected_is_refused_and_not_read_for_ever() {
    let mut state = state();
    run(&mut state, &open(1), 1);
    let marks: Vec<_> =
        (0..=REOPEN_MARKS_MAX).map(|who| Mark { student: student(who), at: at(1) }).collect();
    for &mark in &marks {
        state.register.insert_corrected(class(1), mark).unwrap();
    }
    run(&mut state, &close(1), 2);
    let correction = correct(1, None, 3, Status::Late);
    assert_eq!(refusal(&state, &correction, 3), Some(Refusal::NoRoom));
    // The same after a start, when the journal has been asked.
    state.kept = KeptRollCalls::default();
    assert!(matches!(decide(&state, &correction, 3), Decision::Load(..)));
    let sheet = Sheet {
        class: class(1),
        opened_at: at(1),
        closed_at: at(2),
        marks,
        remarks: Vec::new(),
        supplement: None,
    };
    let closed = ClosedSheet::new(crate::ids::RollCallId::FIRST, RollCallNumber::FIRST, &sheet);
    state.kept.insert(class(1), RollCallNumber::FIRST, Some(Arc::new(closed)));
    assert_eq!(refusal(&state, &correction, 3), Some(Refusal::NoRoom));
}

#[test]
fn no_number_comes_twice_although_an_earlier_roll_call_was_opened_again() {
    let mut state = state();
    state.register.set_limits(crate::roll::RegisterLimits {
        empty_sheets: 1,
        ..crate::roll::RegisterLimits::default()
    });
    for operation in [open(1), mark(1, 7), close(1), open(1), close(1), open(2), close(2)] {
        run(&mut state, &operation, 1);
    }
    // The second of class 1 is forgotten, so that the last one is the first.
    let (outcome, _) = run(&mut state, &Operation::Reopen { class: class(1) }, 2);
    assert!(matches!(outcome, Outcome::Reopened { number: RollCallNumber::FIRST, .. }));
    run(&mut state, &close(1), 3);
    assert_eq!(opened(&run(&mut state, &open(1), 4).0), 3);
}

#[test]
fn a_class_whose_absentees_are_kept_is_not_forgotten_with_its_empty_roll_calls() {
    let mut state = state();
    state.register.set_limits(crate::roll::RegisterLimits {
        empty_sheets: 1,
        ..crate::roll::RegisterLimits::default()
    });
    let roster = |edit, base| {
        let change = crate::attendance::RosterChange { base, import: 7, edits: Box::new([edit]) };
        Operation::Enrol { class: class(1), change }
    };
    let listed = crate::attendance::Listed {
        student: student(7),
        name: "Ana".parse().unwrap(),
        group: None,
    };
    run(&mut state, &roster(crate::attendance::RosterEdit::Put(listed), 0), 1);
    // Nobody came: who was expected is on the sheet.
    run(&mut state, &open(1), 1);
    run(&mut state, &close(1), 1);
    run(&mut state, &roster(crate::attendance::RosterEdit::Remove(student(7)), 1), 1);
    for operation in [open(1), close(1), open(2), close(2)] {
        run(&mut state, &operation, 2);
    }
    assert_eq!(state.register.last_sheet(class(1)).map(|it| it.number.get()), Some(1));
    assert_eq!(opened(&run(&mut state, &open(1), 3).0), 3);
}

#[test]
fn a_plan_alone_does_not_keep_an_empty_roll_call_for_ever() {
    let mut state = state();
    state.register.set_limits(crate::roll::RegisterLimits {
        empty_sheets: 2,
        ..crate::roll::RegisterLimits::default()
    });
    let plan = Plan { closes_after_s: Some(60), ..Plan::default() };
    let planned = Operation::OpenWith { class: class(1), terms: Terms::PLAIN, plan };
    let mut forgotten = 0;
    for _ in 0..5 {
        run(&mut state, &planned, 1);
        forgotten += run(&mut state, &close(1), 1).1.applied.forgotten.len();
    }
    assert_eq!(forgotten, 3);
}

#[test]
fn a_trail_ends_whatever_is_appended_to_it() {
    let mut state = state();
    run(&mut state, &open(1), 1);
    let extend = Operation::Extend { class: class(1), seconds: 1 };
    for _ in 0..TRAIL_MAX {
        assert!(matches!(run(&mut state, &extend, 1).0, Outcome::Extended(_)));
    }
    assert_eq!(refusal(&state, &extend, 1), Some(Refusal::NoRoom));
    run(&mut state, &close(1), 2);
    let reopen = Operation::Reopen { class: class(1) };
    assert_eq!(refusal(&state, &reopen, 3), Some(Refusal::NoRoom));
}

#[test]
fn a_full_disk_takes_no_more_revisions() {
    let mut state = state();
    for operation in [open(1), mark(1, 7), close(1)] {
        run(&mut state, &operation, 1);
    }
    state.register.set_disk_low(true);
    let same = correct(1, None, 7, Status::Present);
    assert_eq!(refusal(&state, &same, 2), None, "nothing would be written");
    assert_eq!(refusal(&state, &correct(1, None, 7, Status::Late), 2), Some(Refusal::DiskLow));
}

#[test]
fn what_is_of_an_open_roll_call_is_refused_in_a_journal_that_has_none() {
    let begin = ProceedingsItem::Begin {
        class: class(1),
        plan: Plan::default(),
        closes_at: Some(at(5)),
        late_at: None,
        closed_revision: 0,
    };
    assert!(state().restore(SnapshotItem::Proceedings(begin)).is_err());
    let extended = Extended { at: at(1), class: class(1), closes_at: at(2) };
    let operation = Operation::Extend { class: class(1), seconds: 1 };
    let outcome = Outcome::Extended(extended);
    assert!(state().apply(Principal::Plain, &operation, &outcome).is_err());
    let corrected = crate::exchange::Corrected {
        at: at(1),
        class: class(1),
        number: RollCallNumber::FIRST,
        revision: 0,
        was: Some(Status::Present),
    };
    let outcome = Outcome::Corrected { corrected, revised: None };
    let operation = correct(1, None, 7, Status::Absent);
    assert!(state().apply(Principal::Plain, &operation, &outcome).is_err());
}

#[test]
fn as_many_roll_calls_are_in_memory_as_are_announced() {
    let mut state = state();
    let numbers = 1..=u32::try_from(CORRECTED_CACHED_MAX).unwrap() + 20;
    for number in numbers.clone() {
        for operation in [open(number), mark(number, 7), close(number)] {
            run(&mut state, &operation, 1);
        }
    }
    let kept = numbers.filter(|&it| state.kept.get(class(it), RollCallNumber::FIRST).is_some());
    assert_eq!(kept.count(), CORRECTED_CACHED_MAX);
}

/// What a device did, as the journal has it.
fn record(by: DeviceId, operation: &Operation, outcome: Outcome) -> Record {
    let client = ClientRecord {
        client: crate::ids::ClientId::from_bytes([1; 16]),
        started: at(0),
        number: crate::ids::RequestNumber::FIRST,
        fingerprint: 0,
        outcome,
    };
    Record::AnsweredTo { at: at(1), by, operation: operation.clone(), client }
}

#[test]
fn a_roll_call_of_a_device_that_is_opened_again_is_the_same_after_a_replay() {
    let (teacher, one, other) = (device(1), device(2), device(3));
    let mut live = state();
    let name = "Ana".parse().unwrap();
    let admin = crate::access::InviteCode::from_bytes([1; 10]);
    let invite = crate::access::InviteCode::from_bytes([2; 10]);
    let guest = crate::access::Guest::Staff { role: crate::access::Role::Teacher, name };
    live.people.apply_admin_invite(admin.id(), name, at(0), at(9));
    let mut replayed = live.clone();
    let terms = Terms { code: false, ..Terms::SEALED };
    let plan = Plan { late_after_s: Some(2), ..Plan::default() };
    let call = crate::exchange::Act::Call { class: class(1), student: student(10), there: true };
    let deliver =
        Operation::Deliver { class: class(1), student: student(12), code: None, delay_ms: 1_000 };
    let invites = crate::exchange::Act::Invite { invite: invite.id(), guest };
    let reopen = Operation::Reopen { class: class(1) };
    let steps = [
        (teacher, Operation::Join { code: admin }),
        (teacher, Operation::Act(invites)),
        (teacher, Operation::Join { code: invite }),
        (teacher, Operation::OpenWith { class: class(1), terms, plan }),
        (one, mark(1, 10)),
        (one, mark(1, 11)),
        (other, deliver),
        (teacher, correct(1, None, 13, Status::Present)),
        (teacher, correct(1, None, 11, Status::Excused)),
        (teacher, Operation::Act(call)),
        (teacher, close(1)),
        (teacher, correct(1, None, 14, Status::Late)),
        (teacher, reopen.clone()),
        (other, mark(1, 15)),
        (teacher, correct(1, None, 10, Status::Left)),
        (teacher, close(1)),
        (teacher, reopen),
    ];
    let mut sheets = Vec::new();
    for (now, (by, operation)) in (1..).zip(steps) {
        let (at, instant) = (at(now), Instant::ZERO);
        let codes = CodeClock::new(crate::time::Now { instant, wall: at });
        let who = Principal::Device(by);
        let decided = live.decide(who, &operation, Moment { at, instant, codes });
        let Decision::Outcome(outcome) = decided else { panic!("{operation:?}") };
        assert!(!matches!(outcome, Outcome::Refused(_) | Outcome::MarkRefused(_)), "{outcome:?}");
        if let Outcome::Reopened { class, number, .. } = outcome {
            // As if it had been read: a start forgets what is in memory.
            let closed = live.kept.sheet(class, number).unwrap();
            replayed.kept = KeptRollCalls::default();
            replayed.replay(Record::Reopening(Box::new(closed.as_ref().into()))).unwrap();
        }
        let changed = live.apply(who, &operation, &outcome).unwrap();
        sheets.extend(changed.applied.closed);
        replayed.replay(record(by, &operation, outcome)).unwrap();
        // The clients and the time are not what this is about.
        let of_it = |it: &SnapshotItem| {
            !matches!(
                it,
                SnapshotItem::ClientOf { .. } | SnapshotItem::Client(_) | SnapshotItem::Latest(_)
            )
        };
        let items = |state: &State| state.items().filter(of_it).collect::<Vec<_>>();
        assert_eq!(items(&replayed), items(&live), "after {operation:?}");
    }
    let revisions: Vec<_> = sheets.iter().map(ClosedSheet::revision).collect();
    assert_eq!(revisions, [1, 2, 3]);
    let remarks = |place: u32| sheets[2].sheet().remarks_at(place);
    assert!(remarks(3).has(crate::access::Remarks::BY_TEACHER), "13 was marked by the teacher");
    assert!(remarks(4).has(crate::access::Remarks::BY_TEACHER), "14, after the close");
    assert!(remarks(0).has(crate::access::Remarks::CALLED_PRESENT));
    assert!(sheets[2].devices.contains_key(&student(15)));
}

fn device(which: u8) -> DeviceId {
    DeviceId::from_bytes([which; 16])
}

#[test]
fn what_is_large_leaves_memory_for_what_is_asked_for_after_it() {
    let mut state = state();
    for operation in [open(1), mark(1, 7), close(1)] {
        run(&mut state, &operation, 1);
    }
    let small = ClosedSheet::clone(state.kept.sheet(class(1), RollCallNumber::FIRST).unwrap());
    let mut keep = |number: u32, bytes: usize| {
        let mut closed = small.clone();
        closed.info.bytes = bytes.try_into().unwrap();
        state.kept.insert(class(number), RollCallNumber::FIRST, Some(Arc::new(closed)));
        (1..=4).filter(|&it| state.kept.get(class(it), RollCallNumber::FIRST).is_some()).collect()
    };
    let most = CORRECTED_CACHED_BYTES;
    let first: Vec<u32> = keep(1, most / 2);
    assert_eq!(first, [1]);
    assert_eq!(keep(2, most / 2), [1, 2]);
    assert_eq!(keep(2, most / 2 + 1), [2], "it is counted once");
    assert_eq!(keep(3, most * 2), [3], "the last one is here whatever it has");
    assert_eq!(keep(4, 1), [4]);
    assert_eq!(keep(3, 1), [3, 4]);
}
