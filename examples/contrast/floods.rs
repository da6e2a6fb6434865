//! Floods of datagrams from one address, and how long honest students wait meanwhile.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rollcall::ids::{ClassId, ClientId, ContentId, Cookie, FileName, RequestNumber};
use rollcall::operation::{Operation, Pull, Query};
use rollcall::shell::clock::{Clock, entropy};
use rollcall::wire::{Ask, Datagram, Request, encode_request};

use crate::batch::{self, Batch};
use crate::programs::{Kept, LOAD_CORE, SERVER_CORE, Server, measure_failing};
use crate::report::{Chapter, Sample, Table, Verdict, short};
use crate::{Context, Failure};

/// The honest students, and how many of them begin in a second.
const STUDENTS: &str = "600";
const RATE: &str = "200";
/// How long a flood lasts: longer than the honest ones need.
const FLOOD: Duration = Duration::from_secs(8);
const TARGET_MS: f64 = 250.0;

/// What a flood is made of.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Kind {
    /// Marks, each of a new client.
    NewIds,
    /// Marks of new clients whose clock is an hour behind.
    WrongClock,
    /// Openings and closes of classes, by one client after the other.
    OpenClose,
    /// Questions for one file.
    File,
    /// Requests for blocks by an address that has not proved itself.
    Unproved,
    /// Datagrams of another version.
    Version,
    /// Questions for what is open, with much room for the answer.
    Status,
}

const KINDS: [(Kind, &str); 7] = [
    (Kind::NewIds, "marks of new clients"),
    (Kind::WrongClock, "marks with a wrong clock"),
    (Kind::OpenClose, "`OPEN` and `CLOSE`"),
    (Kind::File, "`FILE`"),
    (Kind::Unproved, "`PULL` without a cookie"),
    (Kind::Version, "another version"),
    (Kind::Status, "`STATUS`"),
];

/// Sends as fast as it can.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Flood {
    /// The server.
    server: SocketAddr,
    /// What to send.
    #[arg(value_enum)]
    kind: Kind,
}

pub(crate) fn chapter(context: &Context) -> Result<Chapter, Failure> {
    let mut found: Vec<(Sample, Sample, Sample)> = vec![<_>::default(); KINDS.len() + 1];
    for run in 1..=context.runs {
        for (place, figures) in found.iter_mut().enumerate() {
            let kind = place.checked_sub(1).map(|place| KINDS[place].0);
            let (p50, p99, unanswered) = honest(context, kind)?;
            figures.0.push(p50);
            figures.1.push(p99);
            figures.2.push(unanswered);
            eprintln!("  run {run}: {kind:?}: p50 {p50} ms, p99 {p99} ms, {unanswered} unanswered");
        }
    }
    let mut text = String::from("## Floods\n\n");
    writeln!(
        text,
        "{STUDENTS} honest students, {RATE} a second, each a new client with a socket shared by a few, \
         while one other address sends as fast as one core lets it. The server is durable and offers \
         a file. Their latency from the first sending to the receipt. Median (range) of {} runs.\n",
        context.runs
    )?;
    let mut table = Table::new(["flood", "p50, ms", "p99, ms", "without an answer"]);
    let mut worst = 0.0;
    for (place, (p50, p99, unanswered)) in found.iter().enumerate() {
        let name = place.checked_sub(1).map_or("none", |place| KINDS[place].1);
        table.row([name, &p50.to_string(), &p99.to_string(), &unanswered.to_string()]);
        worst = f64::max(worst, p99.median());
    }
    writeln!(text, "{table}")?;
    let verdicts = vec![Verdict {
        figure: "honest p99 during each flood, at most, ms".into(),
        target: format!("≤ {TARGET_MS}"),
        reached: short(worst),
        met: worst <= TARGET_MS,
    }];
    Ok(Chapter { text, verdicts })
}

/// Median and p99 of the honest ones in milliseconds, and how many of them had no answer.
fn honest(context: &Context, kind: Option<Kind>) -> Result<(f64, f64, f64), Failure> {
    let files = tempfile::tempdir()?;
    std::fs::write(files.path().join("notes"), vec![7; 100_000])?;
    let mut command = context.programs.on_core(SERVER_CORE, "rollcall-server");
    command.arg("--files").arg(files.path());
    let server = Server::keeping(command, "127.0.0.1:0", Kept::OnDisk)?;
    let flood = kind.map(|kind| {
        let name = format!("{kind:?}");
        let kind = name.chars().fold(String::new(), |mut kebab, letter| {
            if letter.is_uppercase() && !kebab.is_empty() {
                kebab.push('-');
            }
            kebab.extend(letter.to_lowercase());
            kebab
        });
        let mut command = context.programs.on_core(LOAD_CORE, "contrast");
        command.arg("flood").arg(server.address.to_string()).arg(kind);
        command.stdin(Stdio::null()).spawn()
    });
    let mut flood = flood.transpose()?;
    let mut command = context.programs.on_core(LOAD_CORE, "rollcall-load");
    command.args(["--server", &server.address.to_string(), "--json", "--students", STUDENTS]);
    let measured = measure_failing(command.args(["--rate", RATE, "--timeout", "20s"]));
    if let Some(flood) = &mut flood {
        let _ = flood.kill();
        flood.wait()?;
    }
    let (value, _) = measured?;
    let number = |name: &str| value[name].as_f64().ok_or_else(|| format!("no {name}: {value}"));
    Ok((number("p50_ms")?, number("p99_ms")?, number("unknown")? + number("not_asked")?))
}

/// The flood itself; it ends by itself after [`FLOOD`].
pub(crate) fn flood(flood: &Flood) -> io::Result<()> {
    let socket = batch::socket(SocketAddr::from(([127, 0, 0, 2], 0)))?;
    socket.connect(flood.server)?;
    let mut dice = StdRng::from_seed(entropy());
    let end = Instant::now() + FLOOD;
    let mut outgoing = Batch::new();
    let mut datagram = Datagram::new();
    let key = "notes".parse::<FileName>().expect("a name").key();
    while Instant::now() < end {
        let now = Clock::start().now().wall;
        while !outgoing.is_full() {
            let perform = |started, operation| Ask::Perform { started, operation };
            let class = ClassId::new(dice.random_range(1..=u32::MAX)).expect("not zero");
            let student = dice.random::<u32>().to_string().parse().expect("digits");
            let mark = Operation::Mark { class, student };
            let ask = match flood.kind {
                Kind::NewIds | Kind::Version => perform(now, mark),
                Kind::WrongClock => perform(now.shifted(-3_600_000), mark),
                Kind::OpenClose if dice.random() => perform(now, Operation::Open { class }),
                Kind::OpenClose => perform(now, Operation::Close { class }),
                Kind::File => Ask::Read(Query::File { file: key }),
                Kind::Unproved => {
                    let object = ContentId::from_bytes(dice.random());
                    Ask::Pull(Pull { object, cookie: Cookie::NONE, first: 0, wanted: u64::MAX })
                }
                Kind::Status => Ask::Read(Query::Status { from: class }),
            };
            let client = ClientId::from_bytes(dice.random());
            let number = RequestNumber::FIRST;
            encode_request(&Request { attempt: 1, client, number, ask }, &mut datagram);
            let mut bytes = datagram.as_bytes().to_vec();
            if matches!(flood.kind, Kind::Version) {
                bytes[2] = 9;
            }
            outgoing.push(&bytes);
        }
        outgoing.send(&socket)?;
        outgoing.clear();
        // What comes back is thrown away, so that nothing piles up.
        let mut incoming = Batch::new();
        while incoming.receive(&socket)? > 0 {}
    }
    Ok(())
}
