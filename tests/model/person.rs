//! A person with the real client, and all that can be seen of it.
//!
//! A person is a value: what happens to one makes another. The client draws random numbers and can
//! not be cloned, so it is made again from what has happened to it, once for each history
//! ([`crate::world::SmallWorld::after`] remembers the results).

use std::fmt::Write as _;
use std::sync::Arc;

use rollcall::client::{Client, Output, Progress};
use rollcall::exchange::{Operation, Request, decode_request, encode_request};
use rollcall::ids::{ClientId, RequestNumber};
use rollcall::principal::Principal;
use rollcall::time::{Instant, Now};
use rollcall::wire::Datagram;

use crate::world::{DEADLINE, NIGHT, hash_of};

/// A datagram; of requests without the attempt number.
pub(crate) type Bytes = Arc<[u8]>;

/// What may happen to a person.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Happening {
    /// Wants the next thing of the script. The request is sent in the same moment.
    Perform,
    /// The deadline passes, with no other clock moving.
    GiveUp,
    /// The timer of a deadline that passed in the night.
    Overdue,
    Datagram(Bytes),
    Night,
    /// A night in which the computer sleeps: its monotonic clock stands still.
    Sleep,
}

#[derive(Clone)]
pub(crate) struct Person {
    /// Who it is, and all that has happened.
    pub(crate) id: u64,
    /// All that can be seen: of two persons with the same, nobody can ever tell which is which.
    pub(crate) seen: u64,
    seed: u8,
    history: Vec<Event>,
    now: Now,
    deadline: Instant,
    /// What of the script comes next, or is under way.
    pub(crate) step: usize,
    /// The step that was given up and is not settled yet.
    unsettled: Option<usize>,
    /// Every request that was sent, under which name, and for which step.
    pub(crate) sent: Vec<(ClientId, RequestNumber, usize)>,
    pub(crate) requests: Vec<Bytes>,
    pub(crate) answered: usize,
    /// The steps that were given up for good.
    pub(crate) abandoned: Vec<usize>,
    pub(crate) idle: bool,
    awaits: Option<ClientId>,
    /// The request whose answer the client looks at, or will when it settles.
    listening: Option<(ClientId, RequestNumber)>,
}

#[derive(Clone)]
struct Event {
    now: Now,
    what: What,
}

#[derive(Clone)]
enum What {
    Perform(Operation),
    Timeout,
    Datagram(Bytes),
}

/// What the client put out, with the datagram if it is one to send.
type Outputs = Vec<(Output, Option<Bytes>)>;

impl Person {
    pub(crate) fn new(who: usize, now: Now, script: &[Operation]) -> Self {
        let mut person = Self {
            id: hash_of(&who),
            seen: 0,
            seed: u8::try_from(who).expect("few people"),
            history: Vec::new(),
            now,
            deadline: Instant::ZERO,
            step: 0,
            unsettled: None,
            sent: Vec::new(),
            requests: Vec::new(),
            answered: 0,
            abandoned: Vec::new(),
            idle: true,
            awaits: None,
            listening: None,
        };
        let client = person.client();
        person.look(client, script);
        person
    }

    /// The person after that, or `None` if it makes no difference.
    pub(crate) fn after(&self, happening: &Happening, script: &[Operation]) -> Option<Self> {
        let mut person = self.clone();
        person.id = hash_of(&(self.id, happening));
        let mut client = person.client();
        let what = match happening {
            Happening::Perform => {
                person.deadline = person.now.instant.after(DEADLINE);
                Some(What::Perform(script[person.step].clone()))
            }
            Happening::GiveUp | Happening::Overdue => {
                person.now.instant = person.now.instant.max(person.deadline);
                Some(What::Timeout)
            }
            Happening::Datagram(bytes) => Some(What::Datagram(bytes.clone())),
            Happening::Night | Happening::Sleep => {
                if *happening == Happening::Night {
                    person.now.instant = person.now.instant.after(NIGHT);
                }
                let millis = i64::try_from(NIGHT.as_millis()).expect("half an hour");
                person.now.wall = person.now.wall.shifted(millis);
                None
            }
        };
        if let Some(what) = what {
            let is_datagram = matches!(what, What::Datagram(_));
            let said_nothing = !person.experience(&mut client, what);
            if is_datagram && said_nothing && client.awaits() == self.awaits {
                return None;
            }
            // What is to be sent is sent at once.
            let due = client.poll_timeout().filter(|_| !client.is_idle());
            if let Some(at) = due.filter(|&at| at < person.deadline) {
                person.now.instant = person.now.instant.max(at);
                person.experience(&mut client, What::Timeout);
            }
        }
        person.look(client, script);
        Some(person)
    }

    /// Whether the client looks at an answer to this request, now or when it settles.
    pub(crate) fn listens_to(&self, client: ClientId, number: RequestNumber) -> bool {
        self.listening == Some((client, number))
    }

    /// Whether the deadline of what is under way has passed.
    pub(crate) fn is_overdue(&self) -> bool {
        !self.idle && self.now.instant >= self.deadline
    }

    /// For which step of the script this request was, by the name under which the server knows it, and
    /// whether it was asked again since under another name.
    pub(crate) fn step_of(
        &self,
        by: Principal,
        client: ClientId,
        number: RequestNumber,
    ) -> Option<(usize, bool)> {
        let place = self.sent.iter().position(|it| (by.client(it.0), it.1) == (client, number))?;
        let step = self.sent[place].2;
        Some((step, self.sent[place + 1..].iter().any(|it| it.2 == step)))
    }

    /// The client after all that has happened to it.
    fn client(&self) -> Client {
        let mut client = Client::new([self.seed; 32]);
        for event in &self.history {
            step_client(&mut client, event);
        }
        client
    }

    /// Lets that happen; true if the client said anything.
    fn experience(&mut self, client: &mut Client, what: What) -> bool {
        let event = Event { now: self.now, what };
        let outputs = step_client(client, &event);
        self.history.push(event);
        let said = !outputs.is_empty();
        for output in outputs {
            self.take(output, client);
        }
        said
    }

    fn take(&mut self, output: (Output, Option<Bytes>), client: &Client) {
        match output {
            (Output::Transmit, Some(datagram)) => {
                let request = decode_request(&datagram).expect("a request").request;
                let name = (request.client, request.number);
                if !self.sent.iter().any(|it| (it.0, it.1) == name) {
                    let step = self.unsettled.unwrap_or(self.step);
                    self.sent.push((name.0, name.1, step));
                }
                if !self.requests.contains(&datagram) {
                    self.requests.push(datagram);
                }
            }
            (Output::Progress(Progress::Settled { .. }), _) => self.unsettled = None,
            (Output::Progress(Progress::Abandoned { .. }), _) => {
                self.abandoned.extend(self.unsettled.take());
            }
            (Output::Answered { .. }, _) => {
                self.step += 1;
                self.answered += 1;
            }
            (Output::Unanswered(unanswered), _) => {
                if unanswered.lost {
                    self.abandoned.push(self.step);
                }
                if client.unsettled().is_some() {
                    self.unsettled.get_or_insert(self.step);
                }
                self.step += 1;
            }
            _ => {}
        }
    }

    /// Notes what can be seen: what is under way or would come next, and as whom. The client is
    /// used up by it: it goes one step into its future.
    ///
    /// An id that was drawn and never sent is nobody's yet, so it has no name here.
    fn look(&mut self, mut client: Client, script: &[Operation]) {
        self.idle = client.is_idle();
        self.awaits = client.awaits();
        let listens = !self.idle || client.unsettled().is_some();
        self.listening = self.sent.last().filter(|_| listens).map(|it| (it.0, it.1));
        let mut words = format!("{:?} {:?}", self.idle, client.unsettled());
        let mut outputs = Vec::new();
        if let Some(operation) = script.get(self.step).cloned().filter(|_| self.idle) {
            let event = Event { now: self.now, what: What::Perform(operation) };
            outputs = step_client(&mut client, &event);
        }
        if let Some(at) = client.poll_timeout() {
            let now = Now { instant: self.now.instant.max(at), ..self.now };
            outputs.extend(step_client(&mut client, &Event { now, what: What::Timeout }));
        }
        for (output, datagram) in outputs {
            let Some(datagram) = datagram else {
                // The values of waits are left out.
                if !matches!(output, Output::Progress(Progress::Retrying { .. })) {
                    write!(words, "; {output:?}").expect("written");
                }
                continue;
            };
            let request = decode_request(&datagram).expect("a request").request;
            let named = self.sent.iter().any(|it| it.0 == request.client);
            let name = named.then_some(request.client);
            write!(words, "; {name:?} {} {:?}", request.number.get(), request.ask)
                .expect("written");
        }
        let script = (self.step, self.unsettled, self.answered, &self.abandoned);
        self.seen = hash_of(&(words, script, &self.requests, self.is_overdue()));
    }
}

fn step_client(client: &mut Client, event: &Event) -> Outputs {
    match &event.what {
        What::Perform(operation) => client.perform(event.now, operation.clone(), DEADLINE),
        What::Timeout => client.handle_timeout(event.now),
        What::Datagram(bytes) => _ = client.handle_datagram(event.now, bytes),
    }
    let mut outputs = Vec::new();
    let mut space = Datagram::new();
    while let Some(output) = client.poll_output(&mut space) {
        let datagram = (output == Output::Transmit).then(|| first_sending(&space));
        outputs.push((output, datagram));
    }
    outputs
}

/// The datagram as it was when it was sent for the first time.
fn first_sending(space: &Datagram) -> Bytes {
    let request = decode_request(space.as_bytes()).expect("a client sends requests").request;
    let mut first = Datagram::new();
    encode_request(&Request { attempt: 1, ..request }, &mut first);
    first.as_bytes().into()
}
