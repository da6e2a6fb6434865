//! A server and its clients, with a way between them that loses, holds back and forges.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;
use crate::access::{Guest, InviteCode, Role, Terms};
use crate::client::{LinkedClient, Output as ClientOutput};
use crate::exchange::{Act, Answer, Operation, Query, decode_reply};
use crate::ids::{ClassId, StudentNumber};
use crate::limits::{
    DATAGRAM_MAX_BYTES, HELLO_SPACING, HELLOS_QUEUED_MAX, SEALED_SHORT_BYTES, TICKET_LIFE,
};
use crate::seal::{Channel, Link, SecretKey};
use crate::time::WallTime;

const START: u64 = 1_795_353_485_000;

struct World {
    millis: u64,
    key: SecretKey,
    endpoint: Endpoint<u32>,
    /// What the server sent, with its way.
    sent: Vec<(u32, Vec<u8>)>,
}

impl World {
    fn new() -> Self {
        let key = SecretKey::from_bytes([1; 32]);
        let mut world = Self { millis: 1_000, endpoint: endpoint(&key, 1), key, sent: Vec::new() };
        world.settle();
        world
    }

    fn now(&self) -> Now {
        let instant = Instant::from_micros(self.millis * 1_000);
        Now { instant, wall: WallTime::from_millis(START + self.millis) }
    }

    /// A client of a device of its own.
    fn client(&self, number: u8) -> Client {
        Client::new(number, &self.key)
    }

    /// A client of a device of its own, which has become a teacher's.
    fn teacher(&mut self, number: u8, way: impl FnMut(&mut Self, bool, &[u8]) -> bool) -> Client {
        let mut client = self.client(number);
        self.appoint(&mut client, way);
        client
    }

    /// Makes a device an admin's by an invite from the server's terminal, and by another one, which it
    /// makes for itself, a teacher's.
    fn appoint(
        &mut self,
        client: &mut Client,
        mut way: impl FnMut(&mut Self, bool, &[u8]) -> bool,
    ) {
        let name = "Ana".parse().unwrap();
        let [admin, teacher] = [1, 2].map(|byte| InviteCode::from_bytes([byte; 10]));
        let now = self.now();
        let ends_at = now.wall.shifted(3_600_000);
        assert!(self.endpoint.server_mut().invite_admin(now, admin.id(), name, ends_at));
        let guest = Guest::Staff { role: Role::Teacher, name };
        for operation in [
            Operation::Join { code: admin },
            Operation::Act(Act::Invite { invite: teacher.id(), guest }),
            Operation::Join { code: teacher },
        ] {
            client.linked.perform(self.now(), operation.clone(), PATIENCE);
            let answer = self.run(client, &mut way);
            let is_done = matches!(answer, Some(Answer::Joined(_) | Answer::Acted(_)));
            assert!(is_done, "{operation:?}: {answer:?}");
        }
    }

    /// The server is started again: the journal brings its state back, the keys of tickets are others.
    fn restart(&mut self) {
        let mut fresh = endpoint(&self.key, 9);
        std::mem::swap(fresh.server_mut(), self.endpoint.server_mut());
        self.endpoint = fresh;
    }

    fn deliver(&mut self, from: u32, datagram: &[u8]) {
        let now = self.now();
        self.endpoint.handle_datagram(now, from, datagram);
        self.settle();
    }

    /// Lets the server do all that it wants, with a worker and a disk that are at once.
    fn settle(&mut self) {
        let now = self.now();
        self.endpoint.handle_timeout(now);
        let mut space = Datagram::new();
        while let Some(effect) = self.endpoint.poll_output(now, &mut space) {
            match effect {
                Effect::Handshake(job) => self.endpoint.handle_welcomed(job.answer(&self.key)),
                Effect::Core(Output::Append(batch)) => {
                    self.endpoint.server_mut().handle_durable(batch.number);
                }
                Effect::Core(Output::Transmit { to }) => {
                    self.sent.push((to, space.as_bytes().to_vec()));
                }
                Effect::Core(other) => panic!("{other:?}"),
            }
        }
    }

    fn take_sent(&mut self) -> Vec<(u32, Vec<u8>)> {
        std::mem::take(&mut self.sent)
    }

    /// Runs until the client has its answer; every datagram goes through `way`, which may lose it.
    fn run(
        &mut self,
        client: &mut Client,
        mut way: impl FnMut(&mut Self, bool, &[u8]) -> bool,
    ) -> Option<Answer> {
        for _ in 0..200_000 {
            let now = self.now();
            if let Some(End(answer)) = client.turn(now) {
                return answer;
            }
            for datagram in std::mem::take(&mut client.out) {
                if way(self, true, &datagram) {
                    self.deliver(client.address, &datagram);
                }
            }
            for (to, datagram) in self.take_sent() {
                if to == client.address && way(self, false, &datagram) {
                    client.linked.handle_datagram(now, &datagram);
                }
            }
            self.millis += 1;
        }
        panic!("it does not end");
    }

    fn count(&self, counter: Counter) -> u64 {
        self.endpoint.server().stats().get(counter)
    }
}

fn endpoint(key: &SecretKey, seed: u8) -> Endpoint<u32> {
    let server = Server::new(seed.into());
    Endpoint::new(server, key.public(), PlainPolicy::Refuse, [seed; 32], Instant::from_micros(1))
}

/// How an exchange ended: with its answer, or without.
#[derive(Debug)]
struct End(Option<Answer>);

struct Client {
    address: u32,
    linked: LinkedClient,
    out: Vec<Vec<u8>>,
}

impl Client {
    /// A client of a device of its own, to the service with this key.
    fn new(number: u8, server: &SecretKey) -> Self {
        let device = SecretKey::from_bytes([100 + number; 32]);
        let channel = Channel::new(server.public(), device, [number; 32]);
        let link = Link::Sealed(Box::new(channel));
        let linked = LinkedClient::new([number; 32], link);
        Self { address: number.into(), linked, out: Vec::new() }
    }

    /// The end of the exchange, if it has ended.
    fn turn(&mut self, now: Now) -> Option<End> {
        self.linked.handle_timeout(now);
        let mut space = Datagram::new();
        while self.linked.poll_hello(&mut space) {
            self.out.push(space.as_bytes().to_vec());
        }
        while let Some(output) = self.linked.poll_output(now, &mut space) {
            match output {
                ClientOutput::Transmit => self.out.push(space.as_bytes().to_vec()),
                ClientOutput::Answered { answer, .. } => return Some(End(Some(answer))),
                ClientOutput::Unanswered(_) => return Some(End(None)),
                ClientOutput::Progress(_) => {}
            }
        }
        None
    }
}

fn class() -> ClassId {
    ClassId::new(3030).unwrap()
}

/// Without a code: nobody here can see a room.
fn open() -> Operation {
    Operation::Open { class: class(), terms: Terms { code: false, ..Terms::SEALED } }
}

fn mark(student: &str) -> Operation {
    let student = student.parse::<StudentNumber>().unwrap();
    Operation::Mark { class: class(), student, code: None }
}

const PATIENCE: Duration = Duration::from_secs(30);

fn everything_arrives(_: &mut World, _: bool, _: &[u8]) -> bool {
    true
}

/// A world with an open class.
fn opened() -> (World, Client) {
    let mut world = World::new();
    let mut teacher = world.teacher(1, everything_arrives);
    teacher.linked.perform(world.now(), open(), PATIENCE);
    let answer = world.run(&mut teacher, everything_arrives);
    assert!(matches!(answer, Some(Answer::Opened(_))), "{answer:?}");
    (world, teacher)
}

// spec: R-SEALED-4, R-SEALED-5, R-WELCOME-1
#[test]
fn a_class_is_opened_and_marked_in_datagrams_of_two_lengths_that_show_nothing() {
    let mut world = World::new();
    let mut lengths = Vec::new();
    let mut watch = |_: &mut World, _: bool, datagram: &[u8]| {
        lengths.push((datagram[3], datagram.len()));
        assert!(!datagram.windows(9).any(|part| part == b"042191010"), "in the clear");
        true
    };
    let mut teacher = world.teacher(1, &mut watch);
    teacher.linked.perform(world.now(), open(), PATIENCE);
    assert!(matches!(world.run(&mut teacher, &mut watch), Some(Answer::Opened(_))));
    let mut student = world.client(2);
    student.linked.perform(world.now(), mark("042191010"), PATIENCE);
    assert!(matches!(world.run(&mut student, &mut watch), Some(Answer::Marked(_))));
    let status = Query::Status { from: ClassId::new(1).unwrap() };
    for (client, listed) in [(&mut student, 0), (&mut teacher, 1)] {
        client.linked.ask(world.now(), status, PATIENCE);
        let Some(Answer::Status(list)) = world.run(client, &mut watch) else { panic!() };
        assert_eq!(list.open.len(), listed, "only who holds the class sees it");
    }
    let short = SEALED_SHORT_BYTES;
    let hello = [(0x7d, short), (0xfd, 244)];
    let operation = [(0x7e, short), (0xfe, short)];
    let asked = [(0x7e, DATAGRAM_MAX_BYTES), (0xfe, DATAGRAM_MAX_BYTES)];
    let (teacher, student) = ([&hello[..], &operation.repeat(4)], [&hello[..], &operation]);
    let expected = [teacher.concat(), student.concat(), asked.repeat(2)];
    assert_eq!(lengths, expected.concat());
}

// spec: R-CHANNEL-1, R-RENEW-1
#[test]
fn after_a_restart_the_same_request_goes_on_under_a_new_ticket() {
    let (mut world, mut teacher) = opened();
    let mut student = world.client(2);
    student.linked.perform(world.now(), mark("1"), PATIENCE);
    assert!(world.run(&mut student, everything_arrives).is_some());
    world.restart();
    world.millis += 10_000;
    teacher.linked.perform(world.now(), Operation::Close { class: class() }, PATIENCE);
    let answer = world.run(&mut teacher, everything_arrives);
    let Some(Answer::Closed(closed)) = answer else { panic!("{answer:?}") };
    assert_eq!((closed.sheet.students, closed.already_closed), (1, false));
    assert_eq!(world.count(Counter::TicketUnknown), 1, "one RENEW, one HELLO");
    assert_eq!(world.count(Counter::Closed), 1, "executed once");
}

// spec: R-SEALED-1
#[test]
fn what_is_forged_changes_nothing_and_is_not_answered() {
    let (mut world, mut teacher) = opened();
    teacher.linked.perform(world.now(), Operation::Close { class: class() }, PATIENCE);
    assert!(teacher.turn(world.now()).is_none());
    let request = teacher.out.pop().unwrap();
    let before = world.count(Counter::Closed);
    for place in 0..request.len() {
        let mut forged = request.clone();
        forged[place] ^= 0x10;
        world.deliver(1, &forged);
        // Another version, or another ticket key, may be told so; nothing else is.
        let told = world.take_sent();
        let ours = (2..3).contains(&place) || (4..8).contains(&place);
        assert!(told.is_empty() || ours, "byte {place}: {told:?}");
        assert!(told.iter().all(|(_, datagram)| datagram.len() <= request.len()));
    }
    for length in 0..request.len() {
        world.deliver(1, &request[..length]);
        assert!(world.take_sent().is_empty(), "{length} bytes");
    }
    assert_eq!(world.count(Counter::Closed), before);
    world.deliver(1, &request);
    assert_eq!(world.count(Counter::Closed), before + 1, "as it is, it is executed");
}

// spec: R-SEALED-3
#[test]
fn what_is_held_back_for_more_than_a_minute_has_no_effect() {
    for (held_back, executed) in [(59_900, 1), (60_100, 0), (3_000_000, 0), (7_300_000, 0)] {
        let (mut world, mut teacher) = opened();
        teacher.linked.perform(world.now(), Operation::Close { class: class() }, PATIENCE);
        assert!(teacher.turn(world.now()).is_none());
        let request = teacher.out.pop().unwrap();
        world.millis += held_back;
        world.deliver(1, &request);
        assert_eq!(world.count(Counter::Closed), executed, "{held_back} ms");
    }
}

/// A close that was executed comes again: at once, and after 30 s, 2 minutes and 50 minutes, after the class was
/// opened again, with the server's clock set by an hour meanwhile, and after a restart.
#[test]
fn what_was_executed_has_no_second_effect_however_late_it_comes_again() {
    for (millis, forward, restart) in [
        (0, 0, false),
        (30_000, 0, false),
        (120_000, 0, false),
        (3_000_000, 0, false),
        (3_000_000, 3_600_000, false),
        (30_000, -3_600_000, false),
        (30_000, 0, true),
    ] {
        let (mut world, mut teacher) = opened();
        let mut closing = Vec::new();
        teacher.linked.perform(world.now(), Operation::Close { class: class() }, PATIENCE);
        let answer = world.run(&mut teacher, |_, to_server, datagram| {
            if to_server {
                closing.push(datagram.to_vec());
            }
            true
        });
        assert!(matches!(answer, Some(Answer::Closed(_))), "{answer:?}");
        teacher.linked.perform(world.now(), open(), PATIENCE);
        let answer = world.run(&mut teacher, everything_arrives);
        assert!(matches!(answer, Some(Answer::Opened(_))), "{answer:?}");
        if restart {
            world.restart();
        }
        world.millis += millis;
        let now = world.now();
        let now = Now { wall: now.wall.shifted(forward), ..now };
        for datagram in &closing {
            world.endpoint.handle_datagram(now, 1, datagram);
            world.settle();
        }
        assert_eq!(world.count(Counter::Closed), 1, "{millis} ms, {forward} ms forward, {restart}");
        assert_eq!(world.endpoint.server().open_roll_calls(), 1);
    }
}

/// What is sealed for one server comes to another one.
#[test]
fn a_ticket_of_another_server_opens_nothing() {
    let (_, teacher) = opened();
    let mut other = World::new();
    other.key = SecretKey::from_bytes([77; 32]);
    other.endpoint = endpoint(&other.key, 5);
    let Link::Sealed(channel) = teacher.linked.link() else { panic!() };
    let datagram = channel.seal_anything(Kind::Close.byte(), &[], 0);
    other.deliver(1, &datagram);
    assert_eq!(other.count(Counter::TicketUnknown), 1);
    let answers: Vec<_> = other.take_sent().iter().map(|it| kind_of(&it.1)).collect();
    assert_eq!(answers, [Some(Kind::Renew)]);
}

// spec: R-SEALED-6
#[test]
fn the_client_id_of_another_device_opens_nothing() {
    let (mut world, _teacher) = opened();
    let mut first = world.client(2);
    first.linked.perform(world.now(), mark("1"), PATIENCE);
    assert!(world.run(&mut first, everything_arrives).is_some());
    // The same client id, drawn from the same seed, by another device.
    let channel = Channel::new(world.key.public(), SecretKey::from_bytes([77; 32]), [78; 32]);
    let linked = LinkedClient::new([2; 32], Link::Sealed(Box::new(channel)));
    let mut second = Client { address: 3, linked, out: Vec::new() };
    second.linked.perform(world.now(), mark("2"), PATIENCE);
    let answer = world.run(&mut second, everything_arrives);
    let Some(Answer::Marked(marked)) = answer else { panic!("{answer:?}") };
    assert!(!marked.already_present, "a mark of its own, and no repeat of the other's");
    assert_eq!(world.count(Counter::Marked), 2);
}

// spec: R-CHANNEL-2
#[test]
fn nothing_that_comes_unsealed_is_taken_for_an_answer() {
    let (mut world, mut teacher) = opened();
    teacher.linked.perform(
        world.now(),
        Operation::Close { class: class() },
        Duration::from_secs(2),
    );
    let mut plain = Server::new(3);
    let lie = |_: &mut World, to_server: bool, _: &[u8]| !to_server;
    let mut space = Datagram::new();
    crate::wire::Versions::ours().encode(&mut space);
    assert!(!teacher.linked.handle_datagram(world.now(), space.as_bytes()));
    // A plain server in the middle that answers whatever it can read.
    let mut answered = 0;
    assert_eq!(
        world.run(&mut teacher, |world, to_server, datagram| {
            if to_server {
                let now = world.now();
                plain.handle_datagram(now, 1_u32, datagram);
                answered += usize::from(plain.poll_output(&mut space).is_some());
            }
            lie(world, to_server, datagram)
        }),
        None,
        "no answer"
    );
    assert_eq!(answered, 0, "there was nothing to read");
}

// spec: R-CHANNEL-3, R-CHANNEL-4
#[test]
fn who_answers_with_retry_for_ever_gets_few_hellos() {
    let mut world = World::new();
    let mut client = world.client(1);
    client.linked.perform(world.now(), mark("1"), PATIENCE);
    let (mut hellos, mut cookie) = (0, 0);
    for _ in 0..40_000 {
        let at = world.now();
        if client.turn(at).is_some() {
            break;
        }
        for datagram in std::mem::take(&mut client.out) {
            hellos += 1;
            let hello =
                Hello::read(&datagram, &HelloKey::new(&world.key.public())).expect("a HELLO");
            let mut retry = Datagram::new();
            cookie = cookie % 250 + 1;
            let cookie = crate::ids::Cookie::from_bytes([cookie; 16]);
            Retry { echo: hello.echo(), cookie }.write(&mut retry);
            client.linked.handle_datagram(at, retry.as_bytes());
        }
        world.millis += 1;
    }
    let silent = hellos_without_an_answer();
    assert!(hellos <= silent * 2, "{hellos} in place of {silent}");
}

fn hellos_without_an_answer() -> usize {
    let mut world = World::new();
    let mut client = world.client(1);
    client.linked.perform(world.now(), mark("1"), PATIENCE);
    let mut hellos = 0;
    let answer = world.run(&mut client, |_, to_server, _| {
        hellos += usize::from(to_server);
        false
    });
    assert_eq!(answer, None);
    hellos
}

/// "A client that waits for nothing begins no handshake" (chapter 23.4): a page that stays open, and a server that
/// is gone.
#[test]
fn who_waits_for_nothing_says_hello_no_more() {
    let world = World::new();
    // Got ready, and asked nothing; asked, and gave up.
    for asks in [false, true] {
        let mut client = world.client(1);
        let start = world.now();
        client.linked.connect(start);
        if asks {
            client.linked.perform(start, mark("1"), PATIENCE);
        }
        let mut last = start.instant;
        for _ in 0..1_000 {
            let at = Now { instant: last, wall: start.wall };
            client.turn(at);
            client.out.clear();
            match client.linked.poll_timeout() {
                Some(next) => last = next.max(last.after(Duration::from_micros(1))),
                None => break,
            }
        }
        assert_eq!(client.linked.poll_timeout(), None, "asks: {asks}");
        let most = HELLO_SPACING + if asks { PATIENCE } else { Duration::ZERO };
        assert!(last.since(start.instant) <= most, "asks: {asks}, until {last:?}");
        // It is asked something later.
        client.linked.perform(Now { instant: last, wall: start.wall }, mark("1"), PATIENCE);
        client.turn(Now { instant: last, wall: start.wall });
        assert_eq!(client.out.len(), 1, "a HELLO");
    }
}

// spec: R-CHANNEL-1
#[test]
fn a_forged_renew_costs_one_hello_in_five_seconds_and_takes_no_ticket_away() {
    let (mut world, mut teacher) = opened();
    world.millis += 60_000;
    teacher.linked.perform(world.now(), Operation::Close { class: class() }, PATIENCE);
    let (mut hellos, mut sealed) = (0, 0);
    let began = world.millis;
    for _ in 0..20_000 {
        let at = world.now();
        assert!(teacher.turn(at).is_none());
        for datagram in std::mem::take(&mut teacher.out) {
            match kind_of(&datagram) {
                Some(Kind::Hello) => hellos += 1,
                Some(Kind::Sealed) => {
                    sealed += 1;
                    let mut renew = Datagram::new();
                    write_renew(&datagram, &mut renew);
                    teacher.linked.handle_datagram(at, renew.as_bytes());
                }
                other => panic!("{other:?}"),
            }
        }
        world.millis += 1;
    }
    let seconds = (world.millis - began) / 1_000;
    assert!(sealed >= seconds, "it goes on: {sealed} sendings");
    // Each handshake is sent again as often as any request is.
    assert!(hellos <= 5 * seconds, "{hellos} HELLOs in {seconds} s");
}

// spec: R-HELLO-3, R-HELLO-4
#[test]
fn under_pressure_an_address_proves_itself_and_gets_in() {
    let mut world = World::new();
    // The worker stands still, and strangers fill the queue.
    let now = world.now();
    let mut space = Datagram::new();
    for number in 0..100_u32 {
        let mut channel = Channel::new(
            world.key.public(),
            SecretKey::from_bytes([7; 32]),
            [u8::try_from(number).unwrap(); 32],
        );
        channel.connect(now.instant);
        assert!(channel.poll_transmit(&mut space));
        world.endpoint.handle_datagram(now, 1_000 + number, space.as_bytes());
    }
    assert!(world.count(Counter::HelloUnproved) > 0);
    world.settle();
    world.take_sent();
    let mut client = world.client(1);
    client.linked.ask(world.now(), Query::Status { from: class() }, PATIENCE);
    let mut retries = 0;
    let answer = world.run(&mut client, |_, to_server, datagram| {
        retries += u32::from(!to_server && kind_of(datagram) == Some(Kind::Retry));
        true
    });
    assert!(matches!(answer, Some(Answer::Status(_))), "{answer:?}");
    assert_eq!(retries, 1);
}

fn hello(number: u8) -> Hello {
    Hello { cookie: crate::ids::Cookie::NONE, first: [number; 96] }
}

// spec: R-HELLO-5
#[test]
fn a_full_queue_drops_one_at_random_and_an_address_waits_once() {
    let mut hellos = Hellos::new();
    let mut rng = StdRng::from_seed([1; 32]);
    assert!(hellos.push(&mut rng, 0, hello(1)));
    assert!(!hellos.push(&mut rng, 0, hello(2)), "the same address");
    for address in 1..2 * HELLOS_QUEUED_MAX {
        assert!(hellos.push(&mut rng, address, hello(3)));
    }
    let waiting: Vec<_> = std::iter::from_fn(|| hellos.pop()).map(|it| it.0).collect();
    assert_eq!(waiting.len(), HELLOS_QUEUED_MAX);
    let late = waiting.iter().filter(|&&address| address >= HELLOS_QUEUED_MAX).count();
    // With each one that comes, one of all is dropped: of those that came first some 1/e are left.
    assert!((256..450).contains(&late), "{late} of those that came late");
}

/// The worst flood: 20,000 right `HELLO`s a second, each from another address that has proved itself, while
/// the worker does a seventh of them. Newcomers who say it again each 250 ms get in.
#[test]
fn a_newcomer_gets_in_within_forty_sendings_whatever_flood_there_is() {
    let mut hellos = Hellos::new();
    let mut rng = StdRng::from_seed([2; 32]);
    // Addresses below are newcomers, and all above flood.
    let newcomers = 200_u64;
    let mut flood = newcomers;
    let mut sendings = vec![0; 200];
    let mut got_in = BTreeSet::new();
    for ms in 0..40 * 250_u64 {
        for _ in 0..20 {
            flood += 1;
            hellos.push(&mut rng, flood, hello(1));
        }
        for newcomer in (0..newcomers).filter(|it| (ms + it) % 250 == 0) {
            if !got_in.contains(&newcomer) {
                sendings[usize::try_from(newcomer).unwrap()] += 1;
                hellos.push(&mut rng, newcomer, hello(2));
            }
        }
        for _ in 0..20 / 7 + usize::from(ms % 7 < 6) {
            let (address, _) = hellos.pop().expect("more come than go");
            if address < newcomers {
                got_in.insert(address);
            }
        }
    }
    assert_eq!(got_in.len(), sendings.len(), "everybody got in");
    sendings.sort_unstable();
    println!("half got in with {}, all with {}", sendings[100], sendings[199]);
    assert!(sendings[199] <= 40);
}

// spec: R-SEALED-2
#[test]
fn what_is_sealed_rightly_and_says_nonsense_is_not_used() {
    let (mut world, teacher) = opened();
    let Link::Sealed(channel) = teacher.linked.link() else { panic!() };
    let before = world.endpoint.server().stats().clone();
    for (kind, body, zeros) in
        [(0x03, &[0xff; 40][..], 0), (0x81, &[], 0), (0x7e, &[], 0), (0x02, &[], 0), (0x02, &[], 7)]
    {
        let datagram = channel.seal_anything(kind, body, zeros);
        world.deliver(1, &datagram);
        assert!(world.take_sent().is_empty(), "{kind:#04x} {body:?}");
    }
    for counter in [Counter::Closed, Counter::Marked, Counter::Opened] {
        assert_eq!(world.count(counter), before.get(counter));
    }
}

// spec: R-CHANNEL-5
#[test]
fn a_client_whose_clock_is_days_wrong_is_punctual() {
    for wrong in [-3_i64, 3] {
        let (mut world, mut teacher) = opened();
        let days = wrong * 86_400_000;
        let mut student = world.client(2);
        let skewed = |world: &World| Now { wall: world.now().wall.shifted(days), ..world.now() };
        student.linked.perform(skewed(&world), mark("1"), PATIENCE);
        let answer = loop {
            let now = skewed(&world);
            if let Some(End(answer)) = student.turn(now) {
                break answer;
            }
            for datagram in std::mem::take(&mut student.out) {
                world.deliver(student.address, &datagram);
            }
            for (_, datagram) in world.take_sent() {
                student.linked.handle_datagram(now, &datagram);
            }
            world.millis += 1;
        };
        assert!(matches!(answer, Some(Answer::Marked(_))), "{answer:?}");
        let skew = [Counter::ClockAhead, Counter::ClockBehind].map(|it| world.count(it));
        assert_eq!(skew, [0, 0], "{wrong} days");
        teacher.linked.perform(world.now(), Operation::Close { class: class() }, PATIENCE);
        assert!(world.run(&mut teacher, everything_arrives).is_some());
    }
}

// spec: R-HELLO-1, R-HELLO-2
#[test]
fn a_hello_that_was_damaged_or_is_for_another_service_is_not_answered() {
    let mut world = World::new();
    let mut channel = Channel::new(world.key.public(), SecretKey::from_bytes([7; 32]), [3; 32]);
    channel.connect(world.now().instant);
    let mut space = Datagram::new();
    assert!(channel.poll_transmit(&mut space));
    let hello = space.as_bytes().to_vec();
    for place in 4..hello.len() {
        let mut damaged = hello.clone();
        damaged[place] ^= 1;
        world.deliver(1, &damaged);
        assert!(world.take_sent().is_empty(), "byte {place}");
    }
    let other = SecretKey::from_bytes([2; 32]);
    let mut client = Client::new(4, &other);
    client.linked.perform(world.now(), mark("1"), Duration::from_secs(3));
    assert_eq!(world.run(&mut client, everything_arrives), None, "another service's key");
    world.deliver(1, &hello);
    assert_eq!(world.take_sent().len(), 1, "as it is, it is answered");
    world.deliver(1, &hello);
    assert_eq!(world.take_sent().len(), 1, "and again, because a WELCOME may be lost");
}

// spec: R-WELCOME-2
#[test]
fn a_welcome_is_taken_by_who_said_hello_and_within_five_seconds() {
    for (late, ready) in [(HELLO_SPACING.as_millis() - 1, true), (HELLO_SPACING.as_millis(), false)]
    {
        let mut world = World::new();
        let mut channel = Channel::new(world.key.public(), SecretKey::from_bytes([7; 32]), [3; 32]);
        channel.connect(world.now().instant);
        let mut space = Datagram::new();
        assert!(channel.poll_transmit(&mut space));
        world.deliver(1, space.as_bytes());
        let (_, welcome) = world.take_sent().pop().unwrap();
        let mut other = Channel::new(world.key.public(), SecretKey::from_bytes([7; 32]), [4; 32]);
        other.connect(world.now().instant);
        other.handle_datagram(world.now().instant, &welcome);
        assert!(!other.is_ready(), "another HELLO's");
        for place in 4..welcome.len() {
            let mut forged = welcome.clone();
            forged[place] ^= 1;
            channel.handle_datagram(world.now().instant, &forged);
            assert!(!channel.is_ready(), "byte {place}");
        }
        world.millis += u64::try_from(late).unwrap();
        channel.handle_datagram(world.now().instant, &welcome);
        assert_eq!(channel.is_ready(), ready, "after {late} ms");
    }
}

// spec: R-HELLO-6
#[test]
fn a_key_of_low_order_opens_nothing() {
    let mut world = World::new();
    let nobody = PublicKey::from_bytes([0; 32]);
    let mut channel = Channel::new(nobody, SecretKey::from_bytes([7; 32]), [3; 32]);
    channel.connect(world.now().instant);
    let mut space = Datagram::new();
    assert!(channel.poll_transmit(&mut space));
    let hello = Hello::read(space.as_bytes(), &HelloKey::new(&nobody)).unwrap();
    assert_eq!(hello.first, [0; 96], "nothing of the device's key");
    // And a device that sends one as its own ephemeral key.
    let mut mac_of_ours = Datagram::new();
    hello.write(&HelloKey::new(&world.key.public()), &mut mac_of_ours);
    world.deliver(1, mac_of_ours.as_bytes());
    assert!(world.take_sent().is_empty());
    assert_eq!(world.count(Counter::HelloUnopened), 1);
}

// spec: R-CHANNEL-1
#[test]
fn silence_has_a_client_say_hello_again_and_a_burst_has_not() {
    let (world, teacher) = opened();
    let Link::Sealed(channel) = teacher.linked.link() else { panic!() };
    for (spacing, greets) in [(10, false), (200, true)] {
        let mut channel = channel.for_another_socket([spacing; 32]);
        let mut millis = world.millis + 60_000;
        let (mut request, mut space) = (Datagram::new(), Datagram::new());
        let status = crate::exchange::Request {
            attempt: 1,
            client: crate::ids::ClientId::from_bytes([1; 16]),
            number: crate::ids::RequestNumber::FIRST,
            ask: Ask::Read(Query::Status { from: class() }),
        };
        crate::exchange::encode_request(&status, &mut request);
        for sending in 1..=6 {
            space.clone_from(&request);
            assert!(channel.seal(Instant::from_micros(millis * 1_000), &mut space));
            let says_hello = channel.poll_transmit(&mut space);
            assert_eq!(says_hello, greets && sending == 4, "sending {sending}, {spacing} ms");
            millis += u64::from(spacing);
        }
    }
}

#[test]
fn tickets_are_renewed_before_they_end_while_requests_go_on() {
    let (mut world, mut teacher) = opened();
    for _ in 0..8 {
        world.millis += u64::try_from(TICKET_LIFE.as_millis()).unwrap() * 2 / 5;
        teacher.linked.ask(world.now(), Query::Status { from: class() }, PATIENCE);
        assert!(world.run(&mut teacher, everything_arrives).is_some());
        // What it said besides may still be under way.
        for _ in 0..50 {
            let now = world.now();
            teacher.turn(now);
            for datagram in std::mem::take(&mut teacher.out) {
                world.deliver(1, &datagram);
            }
            for (_, datagram) in world.take_sent() {
                teacher.linked.handle_datagram(now, &datagram);
            }
            world.millis += 10;
        }
    }
    assert_eq!(world.count(Counter::TicketEnded) + world.count(Counter::TicketUnknown), 0);
}

#[test]
fn plain_datagrams_are_not_read_where_they_are_refused() {
    let mut world = World::new();
    let mut plain = LinkedClient::new([8; 32], Link::Plain);
    plain.perform(world.now(), open(), Duration::from_secs(1));
    let mut client = Client { address: 5, linked: plain, out: Vec::new() };
    assert_eq!(world.run(&mut client, everything_arrives), None);
    assert!(world.count(Counter::Plain) > 0 && world.count(Counter::Opened) == 0);
}

/// What is answered is answered to who asked: the answer to one opens for no other.
#[test]
fn an_answer_opens_only_for_who_asked() {
    let (mut world, mut teacher) = opened();
    let mut student = world.client(2);
    student.linked.ask(world.now(), Query::Status { from: class() }, PATIENCE);
    assert!(world.run(&mut student, everything_arrives).is_some());
    teacher.linked.ask(world.now(), Query::Status { from: class() }, PATIENCE);
    assert!(teacher.turn(world.now()).is_none());
    let request = teacher.out.pop().unwrap();
    world.deliver(1, &request);
    let (_, answer) = world.take_sent().pop().unwrap();
    assert!(decode_reply(&answer).is_err(), "it is sealed");
    assert!(!student.linked.handle_datagram(world.now(), &answer));
    assert!(!teacher.linked.handle_datagram(world.now(), &request), "its own, sent back");
    assert!(teacher.linked.handle_datagram(world.now(), &answer));
}
