//! The crowd over TCP: each student connects at a moment of its own, marks, reads the receipt and
//! closes. It is what `rollcall-load --rate` is over UDP.
//!
//! A connection that is refused or breaks is begun again, with the mark. Who has no receipt when the
//! time is over is counted as unanswered.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, BufRead as _, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use rollcall::exchange::{Operation, Outcome};
use rollcall::ids::ClassId;
use serde_json::json;

use super::press_tcp::{open_classes, request};

/// As long as the students over UDP are told to keep asking.
const GIVE_UP_AFTER: Duration = Duration::from_secs(120);
/// How long a student waits before it begins again.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

/// What is to be done.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CrowdTcp {
    /// The server.
    server: SocketAddr,
    /// How many students there are.
    #[arg(long)]
    students: usize,
    /// Within which time they press, in milliseconds.
    #[arg(long, default_value_t = 1_000)]
    within_millis: u64,
    /// Keep the connections until standard input ends.
    #[arg(long)]
    hold: bool,
}

pub(crate) fn press(crowd: &CrowdTcp) -> io::Result<()> {
    open_classes(crowd.server, 1)?;
    let mut run = Run::begin(crowd)?;
    let seconds = run.until_answered()?;
    let millis = |micros: u64| Duration::from_micros(micros).as_secs_f64() * 1e3;
    let quantile = |quantile| millis(run.latency.value_at_quantile(quantile));
    println!(
        "{}",
        json!({
            "students": crowd.students,
            "seconds": seconds,
            "p50_ms": quantile(0.5),
            "p99_ms": quantile(0.99),
            "max_ms": millis(run.latency.max()),
            "again": run.again,
            "unanswered": run.waiting,
        })
    );
    if crowd.hold {
        io::stdin().lock().skip_until(b'\n')?;
    }
    Ok(())
}

/// A student that has not begun, waits, or has the receipt; only the last may keep its connection.
#[derive(Default)]
struct Student {
    stream: Option<TcpStream>,
    /// When it began for the first time.
    began: Option<Instant>,
    asked: bool,
}

struct Run<'a> {
    crowd: &'a CrowdTcp,
    poll: Poll,
    students: Vec<Student>,
    /// Who begins, or begins again, and when.
    due: BinaryHeap<Reverse<(Instant, usize)>>,
    start: Instant,
    /// The students without a receipt.
    waiting: usize,
    latency: Histogram<u64>,
    again: u64,
}

impl<'a> Run<'a> {
    fn begin(crowd: &'a CrowdTcp) -> io::Result<Self> {
        let start = Instant::now();
        let within = Duration::from_millis(crowd.within_millis);
        let moment = |place: usize| start + within.mul_f64(place as f64 / crowd.students as f64);
        Ok(Self {
            crowd,
            poll: Poll::new()?,
            students: (0..crowd.students).map(|_| Student::default()).collect(),
            due: (0..crowd.students).map(|place| Reverse((moment(place), place))).collect(),
            start,
            waiting: crowd.students,
            latency: Histogram::new_with_bounds(1, 600_000_000, 3).expect("right bounds"),
            again: 0,
        })
    }

    /// Returns how long it took until the last had the receipt, or all who had none gave up.
    fn until_answered(&mut self) -> io::Result<f64> {
        let mut events = Events::with_capacity(1_024);
        let end = self.start + Duration::from_millis(self.crowd.within_millis) + GIVE_UP_AFTER;
        while self.waiting > 0 {
            let now = Instant::now();
            if now >= end {
                break;
            }
            self.begin_due(now)?;
            let until = self.due.peek().map_or(end, |Reverse((when, _))| *when);
            self.poll.poll(&mut events, Some(until.saturating_duration_since(now)))?;
            for event in &events {
                let place = event.token().0;
                if event.is_writable() {
                    self.ask(place);
                }
                if event.is_readable() {
                    self.take_answer(place)?;
                }
            }
        }
        Ok(self.start.elapsed().as_secs_f64())
    }

    fn begin_due(&mut self, now: Instant) -> io::Result<()> {
        while let Some(&Reverse((when, place))) = self.due.peek()
            && when <= now
        {
            self.due.pop();
            self.connect(place)?;
        }
        Ok(())
    }

    fn connect(&mut self, place: usize) -> io::Result<()> {
        let student = &mut self.students[place];
        student.began.get_or_insert_with(Instant::now);
        student.asked = false;
        match TcpStream::connect(self.crowd.server) {
            Ok(mut stream) => {
                stream.set_nodelay(true)?;
                let interest = Interest::READABLE | Interest::WRITABLE;
                self.poll.registry().register(&mut stream, Token(place), interest)?;
                student.stream = Some(stream);
            }
            Err(_) => self.begin_again(place),
        }
        Ok(())
    }

    /// Sends the mark once the connection is there.
    fn ask(&mut self, place: usize) {
        let student = &mut self.students[place];
        let Some(stream) = student.stream.as_mut().filter(|_| !student.asked) else { return };
        let class = ClassId::new(1).expect("not zero");
        let number = (place + 1).to_string().parse().expect("a student number");
        let mut space = [0; 64];
        let length = request(&Operation::Mark { class, student: number, code: None }, &mut space);
        match stream.write(&space[..length]) {
            Ok(_) => student.asked = true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => self.begin_again(place),
        }
    }

    fn take_answer(&mut self, place: usize) -> io::Result<()> {
        let student = &mut self.students[place];
        let Some(stream) = &mut student.stream else { return Ok(()) };
        let mut space = [0; 512];
        match stream.read(&mut space) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(0) | Err(_) => self.begin_again(place),
            // An answer is shorter than a segment, so it is never in two pieces here.
            Ok(length) => self.answered(place, &space[..length])?,
        }
        Ok(())
    }

    fn answered(&mut self, place: usize, answer: &[u8]) -> io::Result<()> {
        let outcome = answer.get(2..).map(postcard::from_bytes::<Outcome>);
        if !matches!(outcome, Some(Ok(Outcome::Marked(_)))) {
            return Err(io::Error::other(format!("not a receipt: {outcome:?}")));
        }
        let student = &mut self.students[place];
        let began = student.began.expect("it has asked");
        let micros = u64::try_from(began.elapsed().as_micros()).expect("not so long");
        self.latency.saturating_record(micros);
        self.waiting -= 1;
        if !self.crowd.hold {
            student.stream = None;
        }
        Ok(())
    }

    fn begin_again(&mut self, place: usize) {
        self.again += 1;
        self.students[place].stream = None;
        self.due.push(Reverse((Instant::now() + AGAIN_AFTER, place)));
    }
}
