//! A class that presses within one second: when the last has the receipt, over UDP and over TCP, on
//! this computer, over a cable that loses packets, over one that takes its time; and what one mark is
//! on that cable.

use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::namespaces::{Network, Traffic, Unavailable};
use super::plot::{Legend, Plot};
use super::programs::{Kept, LOAD_CORE, Server, measure, measure_failing};
use super::report::{Chapter, Sample, Table, Verdict, short};
use super::{Context, Failure};

/// One class, and all that might press at the same time.
const STUDENTS: u64 = 300;
const CROWDS: [u64; 2] = [STUDENTS, 1_000];
/// Packets lost of a hundred, in each direction.
const LOSSES: [u32; 6] = [0, 1, 5, 10, 20, 30];
/// Round trips in milliseconds, and what is lost beside.
const LINKS: [(u64, u32); 4] = [(20, 0), (20, 5), (100, 0), (100, 5)];
/// The sockets that `rollcall-load` can have: enough for one each.
const SOCKETS_MAX: u64 = 1_000;
/// How long marks are counted on the cable.
const COUNTED_MILLIS: &str = "3000";

const TARGET_LOSS: u32 = 20;
const TARGET: f64 = 0.33;
/// At that loss, when the last has the receipt, and the datagrams that students send for each
/// receipt. Each try succeeds with 0.64, so 1.56 are sent at least.
const LAST_TARGET: f64 = 2.2;
const DATAGRAMS_TARGET: f64 = 2.2;
const REAL_LOSS: &str = "Real loss";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Transport {
    Udp,
    Tcp,
}

impl Transport {
    fn server(self) -> &'static str {
        match self {
            Self::Udp => "rollcall-server",
            Self::Tcp => "tcp_twin",
        }
    }
}

/// Where server and load are.
enum Site<'a> {
    Loopback,
    Network(&'a Network),
}

impl Site<'_> {
    fn server(&self, context: &Context, transport: Transport) -> Result<Server, Failure> {
        let programs = &context.programs;
        match (self, transport) {
            (Self::Loopback, Transport::Udp) => programs.server(Kept::OnDisk),
            (Self::Loopback, Transport::Tcp) => programs.twin(Kept::OnDisk),
            (Self::Network(it), _) => it.server(programs, transport.server(), Kept::OnDisk),
        }
    }

    fn load(&self, context: &Context, program: &str) -> Command {
        match self {
            Self::Loopback => context.programs.on_core(LOAD_CORE, program),
            Self::Network(it) => it.load(&context.programs, program),
        }
    }
}

/// How a crowd fared, in the rounds that were.
#[derive(Default)]
struct Times {
    /// When the last had the receipt, in seconds since the first pressed.
    last: Sample,
    /// The datagrams that students sent for each receipt; of TCP nobody counts them.
    datagrams: Sample,
    /// From pressing to the receipt, in milliseconds.
    p50: Sample,
    p99: Sample,
    max: Sample,
    /// Students without a receipt after two minutes.
    unanswered: u64,
    /// Connections that were begun again.
    again: u64,
}

impl Times {
    fn add(&mut self, value: &Value) {
        let number = |name: &str| value[name].as_f64().unwrap_or(f64::NAN);
        let count = |name: &str| value[name].as_u64();
        self.last.push(number("seconds"));
        self.datagrams.push(number("datagrams") / number("receipts"));
        self.p50.push(number("p50_ms"));
        self.p99.push(number("p99_ms"));
        self.max.push(number("max_ms"));
        let students = count("students").unwrap_or(0);
        let receipts = count("receipts").unwrap_or(students);
        self.unanswered += count("unanswered").unwrap_or(students - receipts);
        self.again += count("again").unwrap_or(0);
    }

    fn waits(&self) -> String {
        let [p50, p99, max] = [&self.p50, &self.p99, &self.max].map(|it| short(it.median()));
        format!("{p50} / {p99} / {max}")
    }
}

/// The same crowd over both.
#[derive(Default)]
struct Both {
    udp: Times,
    tcp: Times,
    /// The last over UDP, over the last over TCP in the same round.
    ratio: Sample,
}

impl Both {
    fn measured(
        context: &Context,
        site: &Site<'_>,
        students: u64,
        name: &str,
    ) -> Result<Self, Failure> {
        let mut both = Self::default();
        for round in 1..=context.runs {
            let udp = press_udp(context, site, students)?;
            let tcp = press_tcp(context, site, students)?;
            both.udp.add(&udp);
            both.tcp.add(&tcp);
            let last = |value: &Value| value["seconds"].as_f64().unwrap_or(f64::NAN);
            both.ratio.push(last(&udp) / last(&tcp));
            eprintln!("  {name}, round {round}: UDP {:.2} s, TCP {:.2} s", last(&udp), last(&tcp));
        }
        Ok(both)
    }

    fn head(what: &str) -> Table {
        Table::new([
            what,
            "UDP, last, s",
            "TCP, last, s",
            "UDP over TCP",
            "UDP, datagrams a receipt",
            "UDP p50 / p99 / max, ms",
            "TCP p50 / p99 / max, ms",
            "without a receipt, UDP / TCP",
        ])
    }

    fn row(&self, what: String) -> [String; 8] {
        let Self { udp, tcp, ratio } = self;
        [
            what,
            udp.last.to_string(),
            tcp.last.to_string(),
            ratio.to_string(),
            udp.datagrams.to_string(),
            udp.waits(),
            tcp.waits(),
            format!("{} / {}", udp.unanswered, tcp.unanswered),
        ]
    }
}

fn press_udp(context: &Context, site: &Site<'_>, students: u64) -> Result<Value, Failure> {
    let server = site.server(context, Transport::Udp)?;
    let mut load = site.load(context, "rollcall-load");
    load.arg("--server").arg(server.address.to_string());
    load.args(["--json", "--timeout", "2m", "--students", &students.to_string()]);
    load.args(["--rate", &students.to_string()]);
    load.args(["--sockets", &students.min(SOCKETS_MAX).to_string()]);
    // It ends with a failure when somebody has no answer, which is a result here.
    let (value, status) = measure_failing(&mut load)?;
    if value["every_receipt_on_sheets"] == false {
        return Err(format!("receipts are not on the sheets ({status}): {value}").into());
    }
    Ok(value)
}

fn press_tcp(context: &Context, site: &Site<'_>, students: u64) -> Result<Value, Failure> {
    let server = site.server(context, Transport::Tcp)?;
    let mut load = site.load(context, "contrast");
    load.arg("crowd-tcp").arg(server.address.to_string());
    measure(&mut load, ["--students", &students.to_string()])
}

pub(crate) fn chapter(context: &Context) -> Result<Chapter, Failure> {
    let mut whole = Chapter { text: String::from("## A crowd at once\n\n"), verdicts: Vec::new() };
    writeln!(
        whole.text,
        "Students press within one second, each at a moment of its own: over UDP with a socket each, \
         over TCP with a connection each. Both servers are durable. *Last*: seconds from the first \
         press until the last has the receipt, so never below one; then what a student waits. Who has \
         no receipt after two minutes is counted. Each cell: median (range) of {} runs in turn.\n",
        context.runs
    )?;
    let loopback = loopback(context)?;
    let mut real_loss = or_skipped(REAL_LOSS, losses(context))?;
    if real_loss.verdicts.is_empty() {
        let skipped = || (String::from("skipped"), false);
        real_loss.verdicts.extend(verdicts([skipped(), skipped(), skipped()]));
    }
    let parts = [
        loopback,
        real_loss,
        or_skipped("A round trip that takes time", links(context))?,
        or_skipped("One mark on the wire", wire(context))?,
    ];
    for part in parts {
        whole.text.push_str(&part.text);
        whole.verdicts.extend(part.verdicts);
    }
    Ok(whole)
}

/// A part that cannot be measured here says why.
pub(crate) fn or_skipped(title: &str, part: Result<Chapter, Failure>) -> Result<Chapter, Failure> {
    match part {
        Err(error) if error.is::<Unavailable>() => {
            eprintln!("  {title} is skipped: {error}");
            let text = format!("### {title}\n\nskipped: {error}\n\n");
            Ok(Chapter { text, verdicts: Vec::new() })
        }
        other => other,
    }
}

fn loopback(context: &Context) -> Result<Chapter, Failure> {
    let mut text = String::from("### On this computer\n\n");
    let mut table = Both::head("students");
    for students in CROWDS {
        let name = format!("{students} on this computer");
        let both = Both::measured(context, &Site::Loopback, students, &name)?;
        table.row(both.row(students.to_string()));
        begun_again(&mut text, &both, &students.to_string())?;
    }
    writeln!(text, "{table}")?;
    Ok(Chapter { text, verdicts: Vec::new() })
}

/// A sentence where TCP's students had to begin again; mostly there is none.
fn begun_again(text: &mut String, both: &Both, which: &str) -> Result<(), Failure> {
    if both.tcp.again > 0 {
        writeln!(text, "{which}: {} connections were begun again.\n", both.tcp.again)?;
    }
    Ok(())
}

fn losses(context: &Context) -> Result<Chapter, Failure> {
    let mut rows = Vec::new();
    let mut congestion = String::new();
    for percent in LOSSES {
        let network = Network::joined()?;
        network.lose(percent)?;
        congestion = network.congestion_control()?;
        let name = format!("{percent} % lost");
        rows.push((percent, Both::measured(context, &Site::Network(&network), STUDENTS, &name)?));
    }
    let mut text = format!("### {REAL_LOSS}\n\n");
    writeln!(
        text,
        "{STUDENTS} students, in another network namespace than the server; the kernel drops so many \
         of a hundred packets at random in each direction, of UDP and TCP alike. TCP's congestion \
         control is `{congestion}`.\n"
    )?;
    let mut table = Both::head("lost");
    for (percent, both) in &rows {
        table.row(both.row(format!("{percent} %")));
        begun_again(&mut text, both, &format!("{percent} %"))?;
    }
    writeln!(text, "{table}")?;
    let line = |of: fn(&Both) -> &Times| {
        rows.iter().map(|(percent, both)| (f64::from(*percent), of(both).last.median())).collect()
    };
    let plot = Plot {
        title: "The last of 300 receipts",
        x: "packets lost in each direction, %",
        y: "seconds after the first pressed",
        lines: &[("UDP", line(|both| &both.udp)), ("TCP", line(|both| &both.tcp))],
        legend: Legend::UpperLeft,
    };
    plot.draw_linear(&context.folder.join("loss.svg"))?;
    writeln!(text, "![The last of 300 receipts](loss.svg)\n")?;
    let (_, both) = rows.iter().find(|row| row.0 == TARGET_LOSS).expect("it was measured");
    let (udp, tcp) = (both.udp.unanswered, both.tcp.unanswered);
    let reached = match udp + tcp {
        0 => both.ratio.to_string(),
        _ => format!("{}; without a receipt: UDP {udp}, TCP {tcp}", both.ratio),
    };
    let all = udp == 0;
    let Times { last, datagrams, .. } = &both.udp;
    let verdicts = verdicts([
        (last.to_string(), all && last.median() <= LAST_TARGET),
        (datagrams.to_string(), all && datagrams.median() <= DATAGRAMS_TARGET),
        (reached, all && both.ratio.median() <= TARGET),
    ]);
    Ok(Chapter { text, verdicts: verdicts.into() })
}

/// What is said of the targets, each reached or not.
fn verdicts(reached: [(String, bool); 3]) -> [Verdict; 3] {
    let [last, datagrams, over_tcp] = reached;
    let verdict = |figure: &str, target: String, (reached, met): (String, bool)| Verdict {
        figure: format!("300 press within a second at 20 % real loss: {figure}"),
        target,
        reached,
        met,
    };
    [
        verdict("the last receipt, s", format!("≤ {LAST_TARGET}"), last),
        verdict("datagrams a receipt", format!("≤ {DATAGRAMS_TARGET}"), datagrams),
        verdict("the last receipt over the TCP twin's", format!("≤ {TARGET}"), over_tcp),
    ]
}

fn links(context: &Context) -> Result<Chapter, Failure> {
    let mut text = String::from("### A round trip that takes time\n\n");
    writeln!(
        text,
        "{STUDENTS} students behind a link that passes every packet on after half the round trip, each \
         way; beside it packets are lost as above. The link is a process that shares the two cores, \
         so short times are a little long here, for both.\n"
    )?;
    let mut table = Both::head("round trip, lost");
    for (millis, percent) in LINKS {
        let network = Network::delayed(&context.programs, Duration::from_millis(millis))?;
        network.lose(percent)?;
        let name = format!("{millis} ms, {percent} %");
        let both = Both::measured(context, &Site::Network(&network), STUDENTS, &name)?;
        begun_again(&mut text, &both, &name)?;
        table.row(both.row(name));
    }
    writeln!(text, "{table}")?;
    Ok(Chapter { text, verdicts: Vec::new() })
}

/// How marks go to the server, one after the other.
const WAYS: [(&str, Transport, &[&str]); 3] = [
    ("UDP", Transport::Udp, &["press"]),
    ("TCP, a connection that is kept", Transport::Tcp, &["press-tcp"]),
    ("TCP, a connection a mark", Transport::Tcp, &["press-tcp", "--churn"]),
];

fn wire(context: &Context) -> Result<Chapter, Failure> {
    let network = Network::joined()?;
    let mut table = Table::new(["", "packets", "bytes"]);
    for (name, transport, words) in WAYS {
        let (mut packets, mut bytes) = (Sample::default(), Sample::default());
        for _ in 0..context.runs {
            let (marks, traffic) = counted(context, &network, transport, words)?;
            packets.push(traffic.packets as f64 / marks);
            bytes.push(traffic.bytes as f64 / marks);
            eprintln!("  {name}: {marks} marks, {traffic:?}");
        }
        table.row([name, &packets.to_string(), &bytes.to_string()]);
    }
    let mut text = String::from("### One mark on the wire\n\n");
    writeln!(
        text,
        "Marks one after the other over a cable without loss, as the kernel counts them at one end, \
         both directions together, with 14 bytes of Ethernet each. Opening one class and asking for \
         addresses is counted with them, which is less than what is shown.\n\n{table}"
    )?;
    Ok(Chapter { text, verdicts: Vec::new() })
}

fn counted(
    context: &Context,
    network: &Network,
    transport: Transport,
    words: &[&str],
) -> Result<(f64, Traffic), Failure> {
    let site = Site::Network(network);
    let server = site.server(context, transport)?;
    let before = network.traffic()?;
    let mut load = site.load(context, "contrast");
    load.args(words).arg(server.address.to_string());
    let value =
        measure(&mut load, ["--in-flight", "1", "--classes", "1", "--millis", COUNTED_MILLIS])?;
    let marks = value["marks"].as_f64().filter(|it| *it > 0.0).ok_or("nothing was marked")?;
    Ok((marks, network.traffic()? - before))
}
