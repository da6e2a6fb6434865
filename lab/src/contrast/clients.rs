//! What clients cost: the memory of the server for each, beside the TCP twin's for a connection, and
//! how long it takes until a thousand new ones have their first receipt.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::programs::{Kept, LOAD_CORE, Server, measure};
use super::report::{Chapter, Sample, Table, Verdict, short};
use super::{Context, Failure};

/// How many clients there are.
const FEW: [u32; 2] = [1_000, 10_000];
const MILLION: u32 = 1_000_000;
/// A filling of a million takes long and comes out the same.
const MILLION_RUNS_MAX: usize = 3;
/// Clients before the first look: what the first of all needs is not what each needs.
const WARM_UP: u32 = 10;
/// Files that a program has open beside its connections.
const FILES_BESIDE: usize = 20;
/// New clients at once.
const AT_ONCE: u32 = 1_000;

const CLIENT_TARGET: f64 = 160.0;
const MARK_TARGET: f64 = 64.0;

pub(crate) fn chapter(context: &Context) -> Result<Chapter, Failure> {
    let mut text = String::from("## Memory and new clients\n\n");
    writeln!(
        text,
        "Both servers in memory, so that only what they know is counted: bytes for each client, after \
         so many came and marked, less those before. Over UDP they are gone when they have the \
         receipt, and the server remembers each with its answer, to say the same again. Over TCP they \
         keep their connection. *Server*: the resident memory of its process. *Machine*: what is no \
         longer available on the whole machine, less what the load's process takes: the server, and \
         what the kernel keeps for sockets and threads, here for both ends of each connection. \
         Whatever else the machine does meanwhile is in it too, so it is rough. Each cell: median \
         (range).\n"
    )?;
    let mut table = Table::new([
        "clients",
        "UDP, server, bytes each",
        "TCP, server, bytes each",
        "UDP, machine, bytes each",
        "TCP, machine, bytes each",
    ]);
    for clients in FEW {
        let mut sums = Sums::default();
        for round in 1..=context.runs {
            sums.udp.push(&udp(context, clients, false)?);
            if let Some(why) = too_many_files(clients)? {
                eprintln!("  TCP with {clients} clients is skipped: {why}");
                sums.skipped = Some(why);
            } else {
                sums.tcp.push(&tcp(context, clients)?);
            }
            let (udp, tcp) = (&sums.udp.server, &sums.tcp.server);
            eprintln!("  {clients} clients, round {round}: UDP {udp} B each, TCP {tcp} B each");
        }
        table.row(sums.row(clients));
    }
    let million = Million::measured(context)?;
    table.row(million.row());
    writeln!(text, "{table}")?;
    million.tell(&mut text)?;
    at_once(context, &mut text)?;
    Ok(Chapter { text, verdicts: vec![million.verdict()] })
}

/// Bytes for each client.
struct Grown {
    server: f64,
    machine: f64,
}

#[derive(Default)]
struct Each {
    server: Sample,
    machine: Sample,
}

impl Each {
    fn push(&mut self, grown: &Grown) {
        self.server.push(grown.server);
        self.machine.push(grown.machine);
    }
}

#[derive(Default)]
struct Sums {
    udp: Each,
    tcp: Each,
    /// Why there is nothing over TCP.
    skipped: Option<String>,
}

impl Sums {
    fn row(&self, clients: u32) -> [String; 5] {
        let tcp = |sample: &Sample| match &self.skipped {
            Some(why) => format!("skipped: {why}"),
            None => sample.to_string(),
        };
        [
            clients.to_string(),
            self.udp.server.to_string(),
            tcp(&self.tcp.server),
            self.udp.machine.to_string(),
            tcp(&self.tcp.machine),
        ]
    }
}

/// The memory before, to be taken from that after.
struct Before {
    server: f64,
    machine: f64,
}

impl Before {
    fn look(server: &Server) -> Result<Self, Failure> {
        Ok(Self { server: resident(server.id())?, machine: available()? })
    }

    /// What each client costs, if so many came meanwhile and their load takes these bytes itself.
    fn grown(&self, server: &Server, clients: u32, load: f64) -> Result<Grown, Failure> {
        let each = |bytes: f64| bytes / f64::from(clients);
        Ok(Grown {
            server: each(resident(server.id())? - self.server),
            machine: each(self.machine - available()? - load),
        })
    }
}

fn udp(context: &Context, clients: u32, same_student: bool) -> Result<Grown, Failure> {
    let server = context.programs.server(Kept::InMemory)?;
    fill(context, &server, WARM_UP, &[])?;
    let before = Before::look(&server)?;
    let words: &[&str] = if same_student { &["--same-student"] } else { &[] };
    fill(context, &server, clients, words)?;
    before.grown(&server, clients, 0.0)
}

fn fill(
    context: &Context,
    server: &Server,
    clients: u32,
    words: &[&str],
) -> Result<Value, Failure> {
    let mut load = context.programs.on_core(LOAD_CORE, "contrast");
    load.arg("fill").arg(server.address.to_string()).args(words);
    measure(&mut load, ["--clients", &clients.to_string()])
}

fn tcp(context: &Context, clients: u32) -> Result<Grown, Failure> {
    let server = context.programs.twin(Kept::InMemory)?;
    measure(&mut crowd(context, &server, WARM_UP), [""; 0])?;
    let before = Before::look(&server)?;
    let held = Held::begin(crowd(context, &server, clients).arg("--hold"))?;
    before.grown(&server, clients, resident(held.process.id())?)
}

fn crowd(context: &Context, server: &Server, clients: u32) -> Command {
    let mut load = context.programs.on_core(LOAD_CORE, "contrast");
    load.arg("crowd-tcp").arg(server.address.to_string());
    load.args(["--students", &clients.to_string()]);
    load
}

/// A load that keeps its connections until this is dropped.
struct Held {
    process: Child,
}

impl Held {
    /// Returns when all have their receipt.
    fn begin(command: &mut Command) -> Result<Self, Failure> {
        let process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut held = Self { process };
        let stdout = held.process.stdout.take().expect("piped");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let value: Value = serde_json::from_str(&line)?;
        match value["unanswered"].as_u64() {
            Some(0) => Ok(held),
            _ => Err(format!("not all connections were served: {line}").into()),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A million clients, once with a mark of its own each, once all with the same.
#[derive(Default)]
struct Million {
    both: Each,
    client: Sample,
    mark: Sample,
}

impl Million {
    fn measured(context: &Context) -> Result<Self, Failure> {
        let mut million = Self::default();
        for round in 1..=context.runs.min(MILLION_RUNS_MAX) {
            let client = udp(context, MILLION, true)?;
            let both = udp(context, MILLION, false)?;
            let mark = both.server - client.server;
            eprintln!(
                "  a million, round {round}: {:.1} B a client, {mark:.1} B a mark",
                client.server
            );
            million.both.push(&both);
            million.client.push(client.server);
            million.mark.push(mark);
        }
        Ok(million)
    }

    fn row(&self) -> [String; 5] {
        let none = || String::from("-");
        let Each { server, machine } = &self.both;
        [MILLION.to_string(), server.to_string(), none(), machine.to_string(), none()]
    }

    fn tell(&self, text: &mut String) -> Result<(), Failure> {
        let Self { client, mark, .. } = self;
        Ok(writeln!(
            text,
            "A million clients that all mark the same student take {client} bytes each: a known client \
             with its stored reply. When each marks another student it is {mark} bytes more: a mark.\n"
        )?)
    }

    fn verdict(&self) -> Verdict {
        let Self { client, mark, .. } = self;
        Verdict {
            figure: "memory for each known client with its stored reply / each mark".into(),
            target: "≤ 160 B / ≤ 64 B".into(),
            reached: format!("{client} B / {mark} B"),
            met: client.median() <= CLIENT_TARGET && mark.median() <= MARK_TARGET,
        }
    }
}

/// A thousand new clients at once, who have their receipt from disk.
fn at_once(context: &Context, text: &mut String) -> Result<(), Failure> {
    let (mut udp, mut tcp, mut ratio) = (Times::default(), Times::default(), Sample::default());
    let count = AT_ONCE.to_string();
    for round in 1..=context.runs {
        let server = context.programs.server(Kept::OnDisk)?;
        let over_udp = udp.add(&fill(context, &server, AT_ONCE, &["--in-flight", &count])?);
        drop(server);
        let twin = context.programs.twin(Kept::OnDisk)?;
        let mut load = crowd(context, &twin, AT_ONCE);
        let over_tcp = tcp.add(&measure(&mut load, ["--within-millis", "0"])?);
        ratio.push(over_udp / over_tcp);
        eprintln!("  {count} at once, round {round}: UDP {over_udp:.3} s, TCP {over_tcp:.3} s");
    }
    let mut table = Table::new(["", "last, s", "p50 / p99 / max, ms", "without a receipt"]);
    table.row(udp.row("UDP, first marks"));
    table.row(tcp.row("TCP, connect and mark"));
    writeln!(
        text,
        "{count} new clients at once, durable, until each has its receipt; over UDP they share a \
         socket, which the server does not tell apart from one each.\n\n{table}\nUDP over TCP in the \
         same round: {ratio}.\n"
    )?;
    Ok(())
}

#[derive(Default)]
struct Times {
    last: Sample,
    p50: Sample,
    p99: Sample,
    max: Sample,
    unanswered: u64,
}

impl Times {
    /// Returns when the last had its receipt.
    fn add(&mut self, value: &Value) -> f64 {
        let number = |name: &str| value[name].as_f64().unwrap_or(f64::NAN);
        self.last.push(number("seconds"));
        self.p50.push(number("p50_ms"));
        self.p99.push(number("p99_ms"));
        self.max.push(number("max_ms"));
        self.unanswered += value["unanswered"].as_u64().unwrap_or(0);
        number("seconds")
    }

    fn row(&self, name: &str) -> [String; 4] {
        let [p50, p99, max] = [&self.p50, &self.p99, &self.max].map(|it| short(it.median()));
        let last = self.last.to_string();
        [name.to_owned(), last, format!("{p50} / {p99} / {max}"), self.unanswered.to_string()]
    }
}

/// The resident memory of a process, in bytes.
fn resident(process: u32) -> Result<f64, Failure> {
    kilobytes(&format!("/proc/{process}/status"), "VmRSS:")
}

/// What the machine could still give, in bytes.
fn available() -> Result<f64, Failure> {
    kilobytes("/proc/meminfo", "MemAvailable:")
}

fn kilobytes(path: &str, name: &str) -> Result<f64, Failure> {
    let text = std::fs::read_to_string(path)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB")).map(str::parse::<f64>);
    match number {
        Some(Ok(number)) => Ok(number * 1_024.0),
        _ => Err(format!("{} says no {name}", Path::new(path).display()).into()),
    }
}

/// Why a program cannot hold so many connections.
fn too_many_files(clients: u32) -> Result<Option<String>, Failure> {
    let text = std::fs::read_to_string("/proc/self/limits")?;
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"));
    let most = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    let needed = clients as usize + FILES_BESIDE;
    // "unlimited" is no number.
    let few = most.filter(|most| *most < needed);
    Ok(few.map(|most| format!("a program may open only {most} files here")))
}
