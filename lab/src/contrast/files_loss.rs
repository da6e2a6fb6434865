//! A small file over a cable that loses packets.

use std::fmt::Write as _;

use super::fetch::{Offered, Peer, SMALL, Service, Site, limit};
use super::files::{at_least, place};
use super::namespaces::Network;
use super::plot::{Legend, Plot};
use super::report::{Chapter, Sample, Table, Verdict, short};
use super::{Context, Failure};

pub(crate) const TITLE: &str = "1 MB over real loss";
/// Packets lost of a hundred, in each direction.
const LOSSES: [u32; 4] = [0, 1, 5, 20];
/// Chance decides much, and a small file takes little time.
const ROUNDS_A_RUN: usize = 3;
/// One who was never done in so many rounds is asked no more.
const PATIENCE: usize = 3;
/// One who takes so many seconds has no more than the usual rounds.
const SLOW: f64 = 3.0;

/// Who fetches, and the congestion control that TCP has then; ours is the first.
const KINDS: [(&str, Peer, Option<&str>); 5] = [
    ("rollcall-student get", Peer::Rollcall, None),
    ("HTTP, bbr", Peer::Http, Some(BBR)),
    ("HTTP, cubic", Peer::Http, Some(CUBIC)),
    ("TCP, tcp_files, bbr", Peer::Tcp, Some(BBR)),
    ("TFTP, atftp, windows of 64", Peer::Atftp { window: 64 }, None),
];
const BBR: &str = "bbr";
const CUBIC: &str = "cubic";
const HTTP_BBR: usize = 1;
const HTTP_CUBIC: usize = 2;

/// The figures that have a target: what is lost, over whom, and the least.
const FIGURES: [(&str, u32, usize, f64); 4] = [
    ("1 MB at 5 % real loss, rate over curl + HTTP's with TCP bbr", 5, HTTP_BBR, 1.0),
    ("the same, with TCP cubic", 5, HTTP_CUBIC, 5.0),
    ("1 MB at 20 % real loss, rate over curl + HTTP's with TCP bbr", 20, HTTP_BBR, 4.0),
    ("the same, with TCP cubic (unfinished counts as the limit)", 20, HTTP_CUBIC, 100.0),
];

/// How one of them fared.
#[derive(Default)]
struct Times {
    /// Seconds; who was not done counts as long as was waited.
    seconds: Sample,
    /// Over ours in the same round.
    over_ours: Sample,
    rounds: usize,
    unfinished: usize,
    /// Why it was not measured.
    missing: Option<String>,
}

impl Times {
    fn cell(&self) -> String {
        match (&self.missing, self.unfinished) {
            (Some(why), _) => why.clone(),
            (None, 0) => self.seconds.to_string(),
            (None, some) if some == self.rounds => {
                format!("> {}, {some} of {some} unfinished", short(self.seconds.min()))
            }
            (None, some) => format!("{}, {some} of {} unfinished", self.seconds, self.rounds),
        }
    }

    /// Whether enough is known of it.
    fn is_over(&self, runs: usize) -> bool {
        let hopeless = self.rounds >= PATIENCE && self.unfinished == self.rounds;
        let slow = self.rounds >= runs && self.seconds.median() > SLOW;
        self.missing.is_some() || hopeless || slow
    }
}

/// What was found at one rate of loss.
pub(crate) struct Row {
    percent: u32,
    kinds: Vec<Times>,
    /// The blocks that our server gave, for each block of the file.
    given: Sample,
}

pub(crate) fn part(context: &Context, offered: &Offered) -> Result<Chapter, Failure> {
    let mut rows = Vec::new();
    for percent in LOSSES {
        rows.push(row(context, offered, percent)?);
    }
    let mut text = format!("### {TITLE}\n\n");
    let rounds = rows[0].kinds[0].rounds;
    writeln!(
        text,
        "Client and server in network namespaces of their own; the kernel drops so many of a hundred \
         packets at random in each direction, each packet by itself. Seconds of {rounds} rounds in \
         turn; of {} for one whose median is above {SLOW} s, and of {PATIENCE} for one that is never \
         done. Who is not done after {} s counts as that. *Blocks given*: what our server sent, over \
         what the file has; if none is sent twice for nothing, that is 1 over the share that \
         arrives.\n",
        context.runs,
        limit(context).as_secs()
    )?;
    let head = std::iter::once("lost").chain(KINDS.map(|it| it.0)).chain(["blocks given"]);
    let mut table = Table::new(head);
    for Row { percent, kinds, given } in &rows {
        let cells = kinds.iter().map(Times::cell);
        table.row([format!("{percent} %")].into_iter().chain(cells).chain([given.to_string()]));
    }
    writeln!(text, "{table}")?;
    let lines: Vec<_> =
        KINDS.iter().enumerate().map(|(kind, it)| (it.0, line(&rows, kind))).collect();
    let plot = Plot {
        title: "A download of 1 MB",
        x: "packets lost in each direction, %",
        y: "seconds",
        lines: &lines,
        legend: Legend::UpperLeft,
    };
    plot.draw_linear(&context.folder.join("downloads.svg"))?;
    writeln!(text, "![A download of 1 MB](downloads.svg)\n")?;
    Ok(Chapter { text, verdicts: verdicts(&rows) })
}

fn line(rows: &[Row], kind: usize) -> Vec<(f64, f64)> {
    let points = rows.iter().map(|it| (f64::from(it.percent), it.kinds[kind].seconds.median()));
    points.filter(|(_, seconds)| seconds.is_finite()).collect()
}

fn row(context: &Context, offered: &Offered, percent: u32) -> Result<Row, Failure> {
    let network = Network::joined()?;
    network.part_packets()?;
    let site = Site::Network(&network);
    let mut row = Row { percent, kinds: Vec::new(), given: Sample::default() };
    let mut services: Vec<Option<Service<'_>>> = Vec::new();
    for (_, peer, congestion) in KINDS {
        let mut times = Times::default();
        if let Some(error) = congestion.and_then(|it| network.control_congestion(it).err()) {
            eprintln!("  {error}");
            times.missing = Some("not in this kernel".into());
        }
        services.push(match place(context, site, peer, SMALL, offered)? {
            Ok(service) => Some(service),
            Err(why) => {
                times.missing = Some(why);
                None
            }
        });
        row.kinds.push(times);
    }
    network.lose(percent)?;
    let rounds = if context.quick { 1 } else { context.runs * ROUNDS_A_RUN };
    for _ in 0..rounds {
        let mut ours = f64::NAN;
        for ((kind, service), times) in KINDS.iter().zip(&services).zip(&mut row.kinds) {
            let (Some(service), false) = (service, times.is_over(context.runs)) else { continue };
            let (name, peer, congestion) = *kind;
            congestion.map_or(Ok(()), |it| network.control_congestion(it))?;
            let before = if peer == Peer::Rollcall { service.blocks_given()? } else { 0.0 };
            let seconds = service.fetch(SMALL)?;
            times.rounds += 1;
            times.unfinished += usize::from(seconds.is_none());
            let seconds = seconds.unwrap_or(limit(context).as_secs_f64());
            if peer == Peer::Rollcall {
                ours = seconds;
                row.given.push((service.blocks_given()? - before) / SMALL.blocks());
            }
            times.seconds.push(seconds);
            times.over_ours.push(seconds / ours);
            eprintln!("  {percent} % lost, {name}: {seconds:.3} s");
        }
    }
    Ok(row)
}

/// Without rows they say that nothing was measured.
pub(crate) fn verdicts(rows: &[Row]) -> Vec<Verdict> {
    let verdict = |(figure, percent, kind, least): (&str, u32, usize, f64)| {
        let row = rows.iter().find(|it| it.percent == percent);
        let nothing = Sample::default();
        let mut verdict =
            at_least(figure, least, row.map_or(&nothing, |it| &it.kinds[kind].over_ours));
        let ours = row.map_or(0, |it| it.kinds[0].unfinished);
        if ours > 0 {
            verdict.reached = format!("{}; ours unfinished: {ours}", verdict.reached);
            verdict.met = false;
        }
        verdict
    };
    FIGURES.map(verdict).into()
}
