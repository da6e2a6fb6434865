//! Floods of datagrams from one address, and how long honest students wait meanwhile.

use std::fmt::Write as _;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use clap::ValueEnum as _;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rollcall::access::Terms;
use rollcall::exchange::{
    Answer, Ask, Operation, Pull, Query, Request, decode_reply, encode_request,
};
use rollcall::ids::{ClassId, ClientId, ContentId, Cookie, FileName, RequestNumber};
use rollcall::shell::clock::{Clock, entropy};
use rollcall::wire::Datagram;

use super::batch::{self, Batch};
use super::fetch::Site;
use super::namespaces::{Network, Unavailable};
use super::programs::{Kept, Server, measure_failing};
use super::report::{Chapter, Sample, Table, Verdict, short};
use super::{Context, Failure};

/// The honest students, and how many of them begin in a second.
const STUDENTS: &str = "600";
const RATE: &str = "200";
/// How long a flood lasts: longer than the honest ones need.
const FLOOD: Duration = Duration::from_secs(8);
const TARGET_MS: f64 = 250.0;
/// How much longer the median mark may take beside one who pulls over a narrow link.
const PULLED_TARGET: f64 = 2.0;
/// A narrow link, in Mbit/s, and how much is pulled over it: 400 times 64 blocks, ten times what it
/// carries.
const NARROW: u32 = 20;
const PULLS_A_SECOND: u32 = 400;
/// The file that is offered.
const FILE_BYTES: usize = 100_000;

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
    /// Requests for 64 blocks each by an address that has proved itself, [`PULLS_A_SECOND`].
    Proved,
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
    let mut table = Table::new(["flood", "p50, ms", "p99, ms", "without an answer"]);
    let mut worst = 0.0;
    let kinds = KINDS.map(|(kind, name)| (Some(kind), name));
    let cases = [(None, "none")].into_iter().chain(kinds);
    let cases: Vec<_> = cases.map(|(kind, name)| Case { kind, name, rate: None }).collect();
    for (case, found) in cases.iter().zip(measured(context, Site::Loopback, &cases)?) {
        found.row(case, &mut table);
        worst = f64::max(worst, found.p99.median());
    }
    let mut text = String::from("## Floods\n\n");
    writeln!(
        text,
        "{STUDENTS} honest students, {RATE} a second, each a new client with a socket shared by a few, \
         while one other address sends as fast as one core lets it. The server is durable and offers \
         a file. Their latency from the first sending to the receipt. Median (range) of {} runs.\n\n\
         {table}",
        context.runs
    )?;
    let mut verdicts = vec![verdict("during each flood, at most", worst)];
    match narrow(context) {
        Ok((section, found)) => {
            text.push_str(&section);
            verdicts.extend(found);
        }
        Err(error) if error.is::<Unavailable>() => writeln!(text, "No narrow link: {error}.")?,
        Err(error) => return Err(error),
    }
    Ok(Chapter { text, verdicts })
}

fn verdict(when: &str, p99: f64) -> Verdict {
    Verdict {
        figure: format!("honest p99 {when}, ms"),
        target: format!("≤ {TARGET_MS}"),
        reached: short(p99),
        met: p99 <= TARGET_MS,
    }
}

/// Who pulls blocks without end over a narrow link, with the rate of a server on a network and
/// without; the section, and what is said of the first.
fn narrow(context: &Context) -> Result<(String, [Verdict; 2]), Failure> {
    let network = Network::joined()?;
    network.narrow(NARROW)?;
    let proved = Some(Kind::Proved);
    let cases = [
        Case { kind: None, name: "nobody", rate: None },
        Case { kind: proved, name: "one, at the rate that is kept by default", rate: None },
        Case { kind: proved, name: "one, `--files-rate unlimited`", rate: Some("unlimited") },
    ];
    let found = measured(context, Site::Network(&network), &cases)?;
    let mut table = Table::new(["who pulls", "p50, ms", "p99, ms", "without an answer"]);
    for (case, found) in cases.iter().zip(&found) {
        found.row(case, &mut table);
    }
    let text = format!(
        "\nThe same students over a link of {NARROW} Mbit/s whose queue holds two seconds, while one \
         address that has proved itself asks {PULLS_A_SECOND} times a second for 64 blocks and takes \
         no notice of what arrives.\n\n{table}"
    );
    let over_alone = found[1].p50.median() / found[0].p50.median();
    let p50 = Verdict {
        figure: "honest p50 beside one who pulls all it may, 20 Mbit/s, over that without".into(),
        target: format!("≤ {PULLED_TARGET}"),
        reached: short(over_alone),
        met: over_alone <= PULLED_TARGET,
    };
    let p99 = verdict("beside one who pulls all it may, 20 Mbit/s", found[1].p99.median());
    Ok((text, [p50, p99]))
}

/// What happens beside the honest ones.
struct Case {
    kind: Option<Kind>,
    name: &'static str,
    /// The server's `--files-rate`, if it is given one.
    rate: Option<&'static str>,
}

/// What the honest ones had of it.
#[derive(Default)]
struct Found {
    p50: Sample,
    p99: Sample,
    unanswered: Sample,
}

impl Found {
    fn row(&self, case: &Case, table: &mut Table) {
        let [p50, p99, unanswered] =
            [&self.p50, &self.p99, &self.unanswered].map(Sample::to_string);
        table.row([case.name, &p50, &p99, &unanswered]);
    }
}

/// All cases in turn, as often as there are runs.
fn measured(context: &Context, site: Site<'_>, cases: &[Case]) -> Result<Vec<Found>, Failure> {
    let mut all: Vec<Found> = cases.iter().map(|_| Found::default()).collect();
    for run in 1..=context.runs {
        for (case, found) in cases.iter().zip(&mut all) {
            let [p50, p99, unanswered] = honest(context, site, case)?;
            eprintln!("  run {run}, {}: p50 {p50} ms, p99 {p99} ms", case.name);
            found.p50.push(p50);
            found.p99.push(p99);
            found.unanswered.push(unanswered);
        }
    }
    Ok(all)
}

/// Median and p99 of the honest ones in milliseconds, and how many of them had no answer.
fn honest(context: &Context, site: Site<'_>, case: &Case) -> Result<[f64; 3], Failure> {
    let files = tempfile::tempdir()?;
    std::fs::write(files.path().join("notes"), vec![7; FILE_BYTES])?;
    let mut command = site.server(context, "rollcall-server");
    command.arg("--files").arg(files.path());
    if let Some(rate) = case.rate {
        command.args(["--files-rate", rate]);
    }
    let listen = SocketAddr::new(site.ip(), 0).to_string();
    let server = Server::keeping(command, &listen, Kept::OnDisk)?;
    let flood = case.kind.map(|kind| {
        let kind = kind.to_possible_value().expect("none is hidden");
        let mut command = site.client(context, "contrast");
        command.arg("flood").arg(server.address.to_string()).arg(kind.get_name());
        command.stdin(Stdio::null()).spawn()
    });
    let mut flood = flood.transpose()?;
    let mut command = site.client(context, "rollcall-load");
    command.args(["--server", &server.address.to_string(), "--json", "--students", STUDENTS]);
    let measured = measure_failing(command.args(["--rate", RATE, "--timeout", "20s"]));
    if let Some(flood) = &mut flood {
        let _ = flood.kill();
        flood.wait()?;
    }
    let (value, _) = measured?;
    let number = |name: &str| value[name].as_f64().ok_or_else(|| format!("no {name}: {value}"));
    Ok([number("p50_ms")?, number("p99_ms")?, number("unknown")? + number("not_asked")?])
}

/// The flood itself; it ends by itself after [`FLOOD`].
pub(crate) fn flood(flood: &Flood) -> io::Result<()> {
    let own = if flood.server.ip().is_loopback() { [127, 0, 0, 2] } else { [0; 4] };
    let socket = batch::socket(SocketAddr::from((own, 0)))?;
    socket.connect(flood.server)?;
    if matches!(flood.kind, Kind::Proved) {
        return pull_without_end(&socket);
    }
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
            let mark = Operation::Mark { class, student, code: None };
            let ask = match flood.kind {
                Kind::NewIds | Kind::Version => perform(now, mark),
                Kind::WrongClock => perform(now.shifted(-3_600_000), mark),
                Kind::OpenClose if dice.random() => {
                    perform(now, Operation::Open { class, terms: Terms::PLAIN })
                }
                Kind::OpenClose => perform(now, Operation::Close { class }),
                Kind::File => Ask::Read(Query::File { file: key }),
                Kind::Unproved | Kind::Proved => {
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

/// Gets a cookie, and then asks for blocks at a steady pace whatever arrives.
fn pull_without_end(socket: &UdpSocket) -> io::Result<()> {
    let object = ContentId::of(&vec![7; FILE_BYTES]);
    let client = ClientId::from_bytes(rand::random());
    let mut datagram = Datagram::new();
    let mut cookie = Cookie::NONE;
    let mut incoming = Batch::new();
    let pause = Duration::from_secs(1) / PULLS_A_SECOND;
    let mut number = RequestNumber::FIRST;
    let end = Instant::now() + FLOOD;
    while Instant::now() < end {
        let ask = Ask::Pull(Pull { object, cookie, first: 0, wanted: u64::MAX });
        encode_request(&Request { attempt: 1, client, number, ask }, &mut datagram);
        // What the system does not take is lost.
        let _ = socket.send(datagram.as_bytes());
        number = number.next().expect("there are enough");
        thread::sleep(pause);
        while incoming.receive(socket)? > 0 {
            for reply in incoming.datagrams().filter_map(|it| decode_reply(it).ok()) {
                if let Answer::Cookie(new) = reply.answer {
                    cookie = new;
                }
            }
        }
    }
    Ok(())
}
