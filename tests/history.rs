//! Histories of real runs, judged for linearizability: real clients and a real server with its
//! journal, links that lose and double datagrams, and `kill -9` again and again.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rollcall::access::Terms;
use rollcall::client::Progress;
use rollcall::exchange::{Answer, Marked, Operation, Query, StatusList};
use rollcall::ids::ClassId;
use rollcall::limits::DATAGRAM_MAX_BYTES;
use rollcall::seal::Link;
use rollcall::shell::call::{CallError, Caller};
use rollcall::shell::clock::Clock;

use linear::{Event, Finding, Heard, Question, judge};
use support::Server;

#[path = "sim/linear.rs"]
mod linear;
#[expect(dead_code, reason = "each file of tests uses its part")]
mod support;

const PEOPLE: u8 = 6;
const QUESTIONS_EACH: usize = 60;
const KILLS: usize = 6;
const CLASSES: u32 = 2;
const STUDENTS: u32 = 8;
/// Shorter than some answers take, so that some outcomes stay unknown for a while, or for ever.
const TIMEOUT: Duration = Duration::from_millis(700);
/// How often a sleeping link looks whether it is still needed.
const LINK_LOOKS: Duration = Duration::from_millis(50);

/// The history of each class.
type History = BTreeMap<ClassId, Vec<Event>>;

#[test]
fn what_people_see_of_a_server_that_is_killed_again_and_again_could_be_one_after_the_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::on(folder.path());
    let (address, clock) = (server.address(), Clock::start());
    let over = Arc::new(AtomicBool::new(false));
    let (tell, asked) = channel();
    let mut history = thread::scope(|scope| {
        let people: Vec<_> = (0..PEOPLE)
            .map(|seed| {
                let (tell, link) = (tell.clone(), lossy_link(address, seed.into(), &over));
                scope.spawn(move || Person::new(seed.into(), link, clock).live(&tell))
            })
            .collect();
        for _ in 0..KILLS {
            asked.iter().take(QUESTIONS_EACH * usize::from(PEOPLE) / (KILLS + 1)).for_each(drop);
            server = server.kill().start();
        }
        let mut history = History::new();
        for person in people {
            for (class, events) in person.join().expect("nobody fails") {
                history.entry(class).or_default().extend(events);
            }
        }
        history
    });
    over.store(true, Ordering::Relaxed);
    let events = || history.values().flatten();
    let unknown = events().filter(|event| event.heard.is_none()).count();
    println!("{} operations and questions, {unknown} of them unknown for ever", events().count());
    for (class, events) in &history {
        assert_eq!(judge(events.clone()), Finding::Linearizable, "class {class}: {events:#?}");
    }
    // The judge is awake: one receipt that is turned around is noticed.
    let told = history.values_mut().flatten().find_map(|event| match &mut event.heard {
        Some(Heard::Answer(Answer::Marked(Marked { already_present, .. }))) => {
            Some(already_present)
        }
        _ => None,
    });
    let told = told.expect("somebody was marked");
    *told = !*told;
    assert!(history.into_values().any(|events| judge(events) == Finding::Impossible));
}

/// Somebody who opens, marks, closes and looks, one after the other.
struct Person {
    rng: StdRng,
    caller: Caller,
    clock: Clock,
    history: History,
    /// The event whose operation is not settled.
    open: Option<(ClassId, usize)>,
}

impl Person {
    fn new(seed: u64, server: SocketAddr, clock: Clock) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
            caller: Caller::at(vec![server], Link::Plain).expect("an address"),
            clock,
            history: History::new(),
            open: None,
        }
    }

    fn live(mut self, asked: &Sender<()>) -> History {
        for _ in 0..QUESTIONS_EACH {
            let class = ClassId::new(self.rng.random_range(1..=CLASSES)).expect("not zero");
            match self.rng.random_range(0..100) {
                0..12 => self.perform(Operation::Open { class, terms: Terms::PLAIN }),
                12..20 => self.perform(Operation::Close { class }),
                20..35 => self.look(class),
                _ => {
                    let student = self.rng.random_range(1..=STUDENTS).to_string();
                    let student = student.parse().expect("a student number");
                    self.perform(Operation::Mark { class, student, code: None });
                }
            }
            // Nobody counts any more after the last kill.
            let _ = asked.send(());
        }
        self.history
    }

    fn now(&self) -> u64 {
        self.clock.now().instant.as_micros()
    }

    fn perform(&mut self, operation: Operation) {
        let begin = self.now();
        let mut earlier = Vec::new();
        let result =
            self.caller.perform(operation.clone(), TIMEOUT, &mut |it, _| earlier.push(it.clone()));
        for progress in earlier {
            self.hear_of_earlier(progress);
        }
        let heard = match result {
            Ok(answered) => Some(Heard::Answer(answered.answer)),
            Err(CallError::Unanswered(_)) => None,
            Err(error) => panic!("{error}"),
        };
        if heard.is_none() && self.open.is_some() {
            // The earlier operation is still not settled, so this one was never sent: no event.
            return;
        }
        let end = if heard.is_some() { self.now() } else { u64::MAX };
        let class = operation.class().expect("each is about a class");
        let events = self.history.entry(class).or_default();
        events.push(Event { begin, end, question: Question::Do(operation), heard });
        self.open = self.caller.unsettled().map(|_| (class, events.len() - 1));
    }

    /// An operation that was left open is answered, or never will be.
    fn hear_of_earlier(&mut self, progress: Progress) {
        match progress {
            Progress::Settled { answer, .. } => {
                let end = self.now();
                let (class, place) = self.open.take().expect("one was open");
                let event = &mut self.history.get_mut(&class).expect("it is there")[place];
                event.heard = Some(Heard::Answer(answer));
                event.end = end;
            }
            Progress::Abandoned { .. } => self.open = None,
            Progress::Retrying { .. } | Progress::Refused => {}
        }
    }

    fn look(&mut self, class: ClassId) {
        let begin = self.now();
        let mut earlier = Vec::new();
        let query = Query::Status { from: class };
        let answered = self.caller.ask(query, TIMEOUT, &mut |it, _| earlier.push(it.clone()));
        for progress in earlier {
            self.hear_of_earlier(progress);
        }
        let Ok(answered) = answered else { return };
        let Answer::Status(StatusList { open, .. }) = answered.answer else { panic!("a list") };
        let told = open.iter().find(|it| it.class == class).map(|it| (it.opened_at, it.present));
        let (end, heard) = (self.now(), Some(Heard::Status(told)));
        let events = self.history.entry(class).or_default();
        events.push(Event { begin, end, question: Question::Status, heard });
    }
}

/// A link to the server that loses a fifth of the datagrams each way, and doubles a tenth.
fn lossy_link(server: SocketAddr, seed: u64, over: &Arc<AtomicBool>) -> SocketAddr {
    let socket = || {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(LINK_LOOKS)).expect("a time-out");
        Arc::new(socket)
    };
    let (front, back) = (socket(), socket());
    let address = front.local_addr().expect("an address");
    let client = Arc::new(Mutex::new(server));
    for (from, to, up) in [(&front, &back, true), (&back, &front, false)] {
        let (from, to, over) = (Arc::clone(from), Arc::clone(to), Arc::clone(over));
        let client = Arc::clone(&client);
        let mut rng = StdRng::seed_from_u64(seed * 2 + u64::from(up));
        thread::spawn(move || {
            let mut space = [0; DATAGRAM_MAX_BYTES];
            while !over.load(Ordering::Relaxed) {
                let (length, source) = match from.recv_from(&mut space) {
                    Ok(received) => received,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                    Err(error) => panic!("{error}"),
                };
                if up {
                    *client.lock().expect("not broken") = source;
                }
                let target = if up { server } else { *client.lock().expect("not broken") };
                let copies = [0, 0, 1, 1, 1, 1, 1, 1, 1, 2][rng.random_range(0..10)];
                for _ in 0..copies {
                    // While the server is away this fails, and is one more loss.
                    let _ = to.send_to(&space[..length], target);
                }
            }
        });
    }
    address
}
