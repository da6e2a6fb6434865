//! Sealed datagrams beside plain ones: marks, crowds that never spoke to the server, floods of `HELLO`s,
//! a download; and the handshakes beside what Noise takes by itself.

use std::fmt::Write as _;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rollcall::access::InviteCode;
use rollcall::endpoint::{Effect, Endpoint, PlainPolicy};
use rollcall::seal::{Channel, PublicKey, SecretKey};
use rollcall::server::Server as Core;
use rollcall::shell::admin_invites::AdminInvite;
use rollcall::shell::clock::{Clock, entropy, fresh_invite};
use rollcall::wire::Datagram;
use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::resolvers::{CryptoResolver, DefaultResolver, FallbackResolver};
use snow::types::{Cipher, Dh, Hash, Random};

use super::batch::{self, Batch};
use super::fetch::Site;
use super::namespaces::{Network, Unavailable};
use super::programs::{Server, measure_failing};
use super::report::{Chapter, Sample, Table, Verdict, short};
use super::{Context, Failure};

/// Marks in flight at once.
const IN_FLIGHT: [&str; 2] = ["64", "512"];
const MARKS: &str = "20000";
/// Those who press within one second, and never spoke to the server before.
const STUDENTS: &str = "300";
const LOSS: u32 = 20;
/// The honest ones beside a flood of `HELLO`s, and how many of them begin in a second.
const HONEST: &str = "600";
const RATE: &str = "200";
/// The `HELLO`s of a flood.
const HELLOS_A_SECOND: usize = 20_000;
const FLOOD: Duration = Duration::from_secs(8);
/// The different ones among them.
const HELLOS: usize = 64;
/// Who opens and closes.
const NAME: &str = "Load";
const FILE_BYTES: usize = 50_000_000;
/// Handshakes that are timed.
const HANDSHAKES: usize = 2_000;

/// Sends `HELLO`s at a steady pace.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Greet {
    /// The server.
    server: SocketAddr,
    /// Its key; without it the mac is of another service.
    #[arg(long)]
    key: Option<String>,
}

pub(crate) fn chapter(context: &Context) -> Result<Chapter, Failure> {
    let mut text = String::from("## Sealed datagrams\n\n");
    let mut verdicts = Vec::new();
    rates(context, &mut text, &mut verdicts)?;
    crowd(context, Site::Loopback, "on this computer", &mut text, &mut verdicts)?;
    match Network::joined() {
        Ok(network) => {
            network.lose(LOSS)?;
            let where_ = format!("over a cable that loses {LOSS} % each way");
            crowd(context, Site::Network(&network), &where_, &mut text, &mut verdicts)?;
        }
        Err(error) if error.is::<Unavailable>() => writeln!(text, "No real loss: {error}.\n")?,
        Err(error) => return Err(error),
    }
    floods(context, &mut text, &mut verdicts)?;
    handshakes(context, &mut text, &mut verdicts)?;
    download(context, &mut text, &mut verdicts)?;
    Ok(Chapter { text, verdicts })
}

/// A server, and what a client needs to speak to it.
struct Served {
    server: Server,
    /// The teacher who joined it, if it is spoken to in sealed datagrams.
    joined: Option<(tempfile::TempDir, PublicKey)>,
    _data: tempfile::TempDir,
}

impl Served {
    fn new(
        context: &Context,
        site: Site<'_>,
        is_sealed: bool,
        files: Option<&Path>,
    ) -> Result<Self, Failure> {
        let data = tempfile::tempdir()?;
        let invite = is_sealed.then(|| invite_admin(data.path())).transpose()?;
        let mut command = site.bare_server(context, "rollcall-server");
        command.arg(if is_sealed { "--sealed" } else { "--plain" });
        command.args(["--listen", &SocketAddr::new(site.ip(), 0).to_string(), "--data"]);
        command.arg(data.path()).env("RUST_LOG", "error");
        if let Some(files) = files {
            command.args(["--files-rate", "unlimited", "--files"]).arg(files);
        }
        let server = Server::start(command)?;
        let joined = invite.map(|invite| join(context, site, server.address, data.path(), &invite));
        Ok(Self { server, joined: joined.transpose()?, _data: data })
    }

    /// A command that speaks to it.
    fn client(&self, context: &Context, site: Site<'_>, program: &str) -> Command {
        let mut command = site.bare_client(context, program);
        match &self.joined {
            Some((person, _)) => command.env("ROLLCALL_CONFIG", person.path()),
            None => command.arg("--plain"),
        };
        command.args(["--server", &self.server.address.to_string()]);
        command
    }
}

/// Leaves an admin's invite where a server finds it, as `rollcall-server admin-link` does at a terminal.
fn invite_admin(data: &Path) -> Result<InviteCode, Failure> {
    let code = fresh_invite();
    let ends_at = Clock::start().now().wall.shifted(3_600_000);
    AdminInvite { invite: code.id(), name: NAME.parse()?, ends_at }.leave_in(data)?;
    Ok(code)
}

/// Somebody joins the server as an admin and, by an own invite, as a teacher.
fn join(
    context: &Context,
    site: Site<'_>,
    server: SocketAddr,
    data: &Path,
    admin: &InviteCode,
) -> Result<(tempfile::TempDir, PublicKey), Failure> {
    let mut command = site.bare_server(context, "rollcall-server");
    command.args(["link", &server.to_string(), "--data"]).arg(data);
    let said = command.output()?;
    let link = String::from_utf8(said.stdout)?.trim().to_owned();
    let key = link.rsplit('#').next().ok_or("no key in the link")?.parse()?;
    let person = tempfile::tempdir()?;
    let command = |program| {
        let mut command = site.bare_client(context, program);
        command.env("ROLLCALL_CONFIG", person.path()).stdout(Stdio::piped());
        command
    };
    let mut join = command("rollcall-admin");
    say(join.args(["join", &link]), &admin.to_text())?;
    let mut invite = command("rollcall-admin");
    let at_server = ["--json", "--server", &server.to_string()];
    let invited = say(invite.args(at_server).args(["invite", "teacher", NAME]), "")?;
    let invited: serde_json::Value = serde_json::from_slice(&invited)?;
    let teacher = invited["invite"].as_str().ok_or("no invite")?;
    let mut join = command("rollcall-teacher");
    say(join.args(["join", &link]), teacher)?;
    Ok((person, key))
}

/// Says a line to a command; gives what it says.
fn say(command: &mut Command, line: &str) -> Result<Vec<u8>, Failure> {
    let mut child = command.stdin(Stdio::piped()).spawn()?;
    writeln!(child.stdin.take().expect("it is piped"), "{line}")?;
    let said = child.wait_with_output()?;
    if said.status.success() {
        return Ok(said.stdout);
    }
    Err(format!("{command:?}: {}", said.status).into())
}

/// What `rollcall-load` says of a number, after this run.
fn load(command: &mut Command, words: &[&str], names: &[&str]) -> Result<Vec<f64>, Failure> {
    let (value, status) = measure_failing(command.arg("--json").args(words))?;
    if value["every_receipt_on_sheets"] == false {
        return Err(format!("receipts are not on the sheets ({status}): {value}").into());
    }
    let number = |name: &&str| value[*name].as_f64().ok_or_else(|| format!("no {name}: {value}"));
    Ok(names.iter().map(number).collect::<Result<_, _>>()?)
}

fn rates(context: &Context, text: &mut String, verdicts: &mut Vec<Verdict>) -> Result<(), Failure> {
    let mut table =
        Table::new(["in flight", "plain, marks/s", "sealed, marks/s", "sealed over plain"]);
    for in_flight in IN_FLIGHT {
        let mut samples = [Sample::default(), Sample::default(), Sample::default()];
        for run in 1..=context.runs {
            let mut rates = [0.0; 2];
            for (rate, is_sealed) in rates.iter_mut().zip([false, true]) {
                let served = Served::new(context, Site::Loopback, is_sealed, None)?;
                let mut command = served.client(context, Site::Loopback, "rollcall-load");
                let words = [
                    "--students",
                    MARKS,
                    "--classes",
                    "10",
                    "--in-flight",
                    in_flight,
                    "--sockets",
                    in_flight,
                    "--warm",
                ];
                *rate = load(&mut command, &words, &["marks_per_second"])?[0];
            }
            let [plain, sealed] = rates;
            eprintln!("  run {run}, {in_flight} in flight: plain {plain}, sealed {sealed} marks/s");
            for (sample, value) in samples.iter_mut().zip([plain, sealed, sealed / plain]) {
                sample.push(value);
            }
        }
        let [plain, sealed, ratio] = &samples;
        table.row([in_flight, &plain.to_string(), &sealed.to_string(), &ratio.to_string()]);
        verdicts.push(Verdict {
            figure: format!("sealed durable marks/s over plain ones, {in_flight} in flight"),
            target: "≥ 0.6".into(),
            reached: ratio.to_string(),
            met: ratio.median() >= 0.6,
        });
    }
    writeln!(
        text,
        "{MARKS} marks of as many clients on this computer, each with a device key, a ticket and, by turns, a \
         socket; the server is durable. The load is `rollcall-load --warm`, which seals and opens on its own \
         core. Median (range) of {} runs in turn.\n\n{table}",
        context.runs
    )?;
    Ok(())
}

fn crowd(
    context: &Context,
    site: Site<'_>,
    where_: &str,
    text: &mut String,
    verdicts: &mut Vec<Verdict>,
) -> Result<(), Failure> {
    let ways = [
        ("plain", false, false),
        ("sealed, `HELLO` said before", true, true),
        ("sealed, never spoke before", true, false),
    ];
    let mut samples: Vec<[Sample; 3]> = ways.iter().map(|_| Default::default()).collect();
    for run in 1..=context.runs {
        for ((name, is_sealed, is_warm), sample) in ways.iter().zip(&mut samples) {
            let served = Served::new(context, site, *is_sealed, None)?;
            let mut command = served.client(context, site, "rollcall-load");
            let mut words = vec![
                "--students",
                STUDENTS,
                "--rate",
                STUDENTS,
                "--sockets",
                STUDENTS,
                "--timeout",
                "2m",
            ];
            if *is_warm {
                words.push("--warm");
            }
            let found = load(&mut command, &words, &["seconds", "max_ms", "datagrams"])?;
            eprintln!("  run {run}, {name}, {where_}: {found:?}");
            for (sample, value) in sample.iter_mut().zip(found) {
                sample.push(value);
            }
        }
    }
    let mut table = Table::new(["", "last receipt, s", "longest wait, ms", "datagrams"]);
    for ((name, ..), [last, wait, datagrams]) in ways.iter().zip(&samples) {
        let cells = [last, wait, datagrams].map(Sample::to_string);
        table.row([*name, &cells[0], &cells[1], &cells[2]]);
    }
    writeln!(
        text,
        "{STUDENTS} devices press within one second {where_}, each at a moment of its own.\n\n{table}"
    )?;
    let last = |way: usize| samples[way][0].median();
    match site {
        Site::Loopback => verdicts.push(Verdict {
            figure:
                "300 devices that never spoke to the server, all pressing in one second: last, s"
                    .into(),
            target: "≤ 1.5".into(),
            reached: samples[2][0].to_string(),
            met: last(2) <= 1.5,
        }),
        Site::Network(_) => {
            for (way, what, most) in [(1, "said `HELLO` before", 1.3), (2, "did not", 1.8)] {
                let over = last(way) / last(0);
                verdicts.push(Verdict {
                    figure: format!("the same at {LOSS} % real loss over plain, when they {what}"),
                    target: format!("≤ {most}"),
                    reached: short(over),
                    met: over <= most,
                });
            }
        }
    }
    Ok(())
}

fn floods(
    context: &Context,
    text: &mut String,
    verdicts: &mut Vec<Verdict>,
) -> Result<(), Failure> {
    let kinds = [("none", None), ("garbage", Some(false)), ("right macs", Some(true))];
    let mut samples: Vec<[Sample; 3]> = kinds.iter().map(|_| Default::default()).collect();
    for run in 1..=context.runs {
        for ((name, kind), sample) in kinds.iter().zip(&mut samples) {
            let served = Served::new(context, Site::Loopback, true, None)?;
            let key = served.joined.as_ref().expect("it is sealed").1;
            let mut command = served.client(context, Site::Loopback, "rollcall-load");
            let words = ["--students", HONEST, "--rate", RATE, "--sockets", "64", "--warm"];
            let mut flood = kind
                .map(|is_right| {
                    let mut flood = Site::Loopback.client(context, "contrast");
                    flood.arg("greet").arg(served.server.address.to_string());
                    if is_right {
                        flood.args(["--key", &key.to_string()]);
                    }
                    flood.stdin(Stdio::null()).spawn()
                })
                .transpose()?;
            let found = load(&mut command, &words, &["p50_ms", "p99_ms", "unknown"]);
            if let Some(flood) = &mut flood {
                let _ = flood.kill();
                flood.wait()?;
            }
            let found = found?;
            eprintln!("  run {run}, {name}: {found:?}");
            for (sample, value) in sample.iter_mut().zip(found) {
                sample.push(value);
            }
        }
    }
    let mut table = Table::new(["`HELLO`s", "p50, ms", "p99, ms", "without an answer"]);
    for ((name, _), sample) in kinds.iter().zip(&samples) {
        let cells = sample.each_ref().map(Sample::to_string);
        table.row([*name, &cells[0], &cells[1], &cells[2]]);
    }
    writeln!(
        text,
        "{HONEST} students, {RATE} a second, each with a ticket, while one other address sends {HELLOS_A_SECOND} \
         `HELLO`s a second.\n\n{table}"
    )?;
    for (way, what) in [(1, "of garbage"), (2, "with right macs")] {
        let over = samples[way][1].median() / samples[0][1].median();
        let lost = samples[way][2].max();
        verdicts.push(Verdict {
            figure: format!("p99 of sealed marks during 20,000 HELLOs/s {what}, over that without"),
            target: "≤ 2, none lost".into(),
            reached: format!("{}, {lost} lost", short(over)),
            met: over <= 2.0 && lost == 0.0,
        });
    }
    Ok(())
}

/// The flood itself; it ends by itself after [`FLOOD`].
pub(crate) fn greet(greet: &Greet) -> Result<(), Failure> {
    let key = match &greet.key {
        Some(key) => key.parse()?,
        None => SecretKey::from_bytes(entropy()).public(),
    };
    let socket = batch::socket(SocketAddr::from(([127, 0, 0, 2], 0)))?;
    socket.connect(greet.server)?;
    let hellos = hellos(&key, HELLOS);
    let mut outgoing = Batch::new();
    let begin = Instant::now();
    let mut sent = 0_usize;
    while begin.elapsed() < FLOOD {
        let due = begin.elapsed().as_millis() as usize * HELLOS_A_SECOND / 1_000;
        if sent >= due {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        }
        while sent < due && !outgoing.is_full() {
            outgoing.push(&hellos[sent % HELLOS]);
            sent += 1;
        }
        outgoing.send(&socket)?;
        outgoing.clear();
        let mut incoming = Batch::new();
        while incoming.receive(&socket)? > 0 {}
    }
    Ok(())
}

/// Different `HELLO`s to this service.
fn hellos(key: &PublicKey, count: usize) -> Vec<Vec<u8>> {
    let mut dice = StdRng::from_seed(entropy());
    let now = Clock::start().now().instant;
    let hello = |_| {
        let device = SecretKey::from_bytes(dice.random());
        let mut channel = Channel::new(*key, device, dice.random());
        let mut datagram = Datagram::new();
        channel.connect(now);
        assert!(channel.poll_transmit(&mut datagram), "a fresh channel says HELLO");
        datagram.as_bytes().to_vec()
    };
    (0..count).map(hello).collect()
}

fn handshakes(
    context: &Context,
    text: &mut String,
    verdicts: &mut Vec<Verdict>,
) -> Result<(), Failure> {
    let mut samples = [Sample::default(), Sample::default(), Sample::default()];
    for _ in 0..context.runs {
        let (ours, alone) = (answered_a_second()?, alone_a_second()?);
        eprintln!("  handshakes a second: {ours:.0}, Noise alone {alone:.0}");
        for (sample, value) in samples.iter_mut().zip([ours, alone, ours / alone]) {
            sample.push(value);
        }
    }
    let [ours, alone, ratio] = &samples;
    writeln!(
        text,
        "Handshakes a second on one core: {ours} with everything that a `WELCOME` is made of, {alone} of `snow` \
         alone in a loop.\n"
    )?;
    verdicts.push(Verdict {
        figure: "handshakes a second on the worker, over snow alone".into(),
        target: "≥ 0.8".into(),
        reached: ratio.to_string(),
        met: ratio.median() >= 0.8,
    });
    Ok(())
}

/// How many jobs of the worker are answered in a second.
fn answered_a_second() -> Result<f64, Failure> {
    let key = SecretKey::from_bytes(entropy());
    let clock = Clock::start();
    let now = clock.now();
    let service = key.public();
    let mut endpoint =
        Endpoint::new(Core::new(1), service, PlainPolicy::Refuse, entropy(), now.instant);
    let mut space = Datagram::new();
    let mut took = Duration::ZERO;
    let hellos = hellos(&service, HANDSHAKES);
    let mut answered = 0;
    for (place, hello) in hellos.iter().enumerate() {
        endpoint.handle_datagram(now, place, hello);
        while let Some(effect) = endpoint.poll_output(now, &mut space) {
            if let Effect::Handshake(job) = effect {
                let begin = Instant::now();
                let welcomed = job.answer(&key);
                took += begin.elapsed();
                endpoint.handle_welcomed(welcomed);
                answered += 1;
            }
        }
    }
    if answered != HANDSHAKES {
        return Err(format!("{answered} of {HANDSHAKES} were answered").into());
    }
    Ok(HANDSHAKES as f64 / took.as_secs_f64())
}

/// How many second messages of Noise IK `snow` makes in a second.
fn alone_a_second() -> Result<f64, Failure> {
    let params: snow::params::NoiseParams =
        "Noise_IK_25519_ChaChaPoly_BLAKE2s".parse().map_err(|it| noise(&it))?;
    let key = SecretKey::from_bytes(entropy());
    let device = SecretKey::from_bytes(entropy());
    let mut first = [0; 96];
    let public = key.public();
    builder(&params)
        .local_private_key(device.as_bytes())
        .and_then(|it| it.remote_public_key(public.as_bytes()))
        .and_then(snow::Builder::build_initiator)
        .and_then(|mut it| it.write_message(&[], &mut first))
        .map_err(|it| noise(&it))?;
    let begin = Instant::now();
    for _ in 0..HANDSHAKES {
        let mut second = [0; 256];
        builder(&params)
            .local_private_key(key.as_bytes())
            .and_then(snow::Builder::build_responder)
            .and_then(|mut it| {
                it.read_message(&first, &mut [])?;
                it.write_message(&[0; 176], &mut second)
            })
            .map_err(|it| noise(&it))?;
    }
    Ok(HANDSHAKES as f64 / begin.elapsed().as_secs_f64())
}

/// `snow` with its own mathematics and our dice.
fn builder(params: &snow::params::NoiseParams) -> snow::Builder<'static> {
    let resolver = FallbackResolver::new(Box::new(Dice), Box::new(DefaultResolver));
    snow::Builder::with_resolver(params.clone(), Box::new(resolver))
}

/// Only dice.
struct Dice;

impl CryptoResolver for Dice {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Seeded(StdRng::from_seed(entropy()))))
    }

    fn resolve_dh(&self, _: &DHChoice) -> Option<Box<dyn Dh>> {
        None
    }

    fn resolve_hash(&self, _: &HashChoice) -> Option<Box<dyn Hash>> {
        None
    }

    fn resolve_cipher(&self, _: &CipherChoice) -> Option<Box<dyn Cipher>> {
        None
    }
}

struct Seeded(StdRng);

impl Random for Seeded {
    fn try_fill_bytes(&mut self, space: &mut [u8]) -> Result<(), snow::Error> {
        self.0.fill(space);
        Ok(())
    }
}

fn noise(error: &snow::Error) -> Failure {
    format!("{error:?}").into()
}

fn download(
    context: &Context,
    text: &mut String,
    verdicts: &mut Vec<Verdict>,
) -> Result<(), Failure> {
    let files = tempfile::tempdir()?;
    let mut bytes = vec![0; FILE_BYTES];
    StdRng::seed_from_u64(50).fill(&mut bytes[..]);
    std::fs::write(files.path().join("large"), bytes)?;
    let mut samples = [Sample::default(), Sample::default(), Sample::default()];
    for run in 1..=context.runs {
        let mut rates = [0.0; 2];
        for (rate, is_sealed) in rates.iter_mut().zip([false, true]) {
            let served = Served::new(context, Site::Loopback, is_sealed, Some(files.path()))?;
            let target = tempfile::tempdir()?;
            let output: PathBuf = target.path().join("large");
            // The first time the server learns what is in it.
            for _ in 0..2 {
                let mut command = served.client(context, Site::Loopback, "rollcall-student");
                command.args(["get", "large", "--force", "--output"]).arg(&output);
                let begin = Instant::now();
                let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
                *rate = FILE_BYTES as f64 / 1e6 / begin.elapsed().as_secs_f64();
                if !status.success() {
                    return Err(format!("{command:?}: {status}").into());
                }
            }
        }
        let [plain, sealed] = rates;
        eprintln!("  run {run}, 50 MB: plain {plain:.0}, sealed {sealed:.0} MB/s");
        for (sample, value) in samples.iter_mut().zip([plain, sealed, sealed / plain]) {
            sample.push(value);
        }
    }
    let [plain, sealed, ratio] = &samples;
    writeln!(
        text,
        "50 MB on this computer, from the beginning of the command to its end: {plain} MB/s plain, {sealed} MB/s \
         sealed.\n"
    )?;
    verdicts.push(Verdict {
        figure: "a sealed 50 MB download over a plain one".into(),
        target: "≥ 0.6".into(),
        reached: ratio.to_string(),
        met: ratio.median() >= 0.6,
    });
    Ok(())
}
