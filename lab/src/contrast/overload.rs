//! Twice as many marks as the server can take: what becomes of its receipts, and of the network.
//!
//! To begin a mark costs the load about as much as it costs the server to answer it, so one core of
//! load cannot offer twice what one core of server takes. Therefore the server has half a core here,
//! when its peak is found and when more is offered: a program that only counts has the other half.

use std::fmt::Write as _;

use serde_json::Value;

use super::programs::{Kept, LOAD_CORE, Server, measure};
use super::report::{Chapter, Sample, Table, Verdict, short};
use super::{Context, Failure};

/// The marks in flight in the closed loop that finds the peak.
const PEAK_IN_FLIGHT: &str = "512";
/// How much more is offered.
const TIMES: f64 = 2.0;
/// It is no overload unless at least so much more was offered in truth.
const TIMES_MIN: f64 = 1.8;
/// A receipt may cost so many datagrams: as many as marks are offered for each.
const DATAGRAMS_MAX: f64 = 2.0;
/// The least share of the peak that is answered.
const SHARE_MIN: f64 = 0.9;

/// What was found, run by run.
#[derive(Default)]
struct Found {
    peak: Sample,
    /// The marks that were due in a second, begun or not.
    offered: Sample,
    offered_over_peak: Sample,
    receipts: Sample,
    over_peak: Sample,
    datagrams: Sample,
    not_begun: Sample,
    p50: Sample,
    p99: Sample,
}

pub(crate) fn chapter(context: &Context) -> Result<Chapter, Failure> {
    let _half = context.programs.spin()?;
    let mut found = Found::default();
    for run in 1..=context.runs {
        let peak = peak(context)?;
        let value = offer(context, peak * TIMES)?;
        found.add(peak, &value);
        eprintln!("  run {run}: peak {peak:.0}/s, then {value}");
    }
    let mut text = String::from("## Overload\n\n");
    writeln!(
        text,
        "The server has half of its core, and a program that only counts has the other half: so one \
         core of load is enough to offer twice what the server can take.\n"
    )?;
    writeln!(
        text,
        "First the peak, durable: a closed loop with {PEAK_IN_FLIGHT} marks in flight. Then a new \
         server is offered {TIMES} times as many marks a second, whether it answers or not, by a pool \
         of 200,000 clients who send again after 200 ms five times, then doubling to 500 ms. Median (range) of {} \
         runs.\n\n{}",
        context.runs,
        found.table()
    )?;
    Ok(Chapter { text, verdicts: vec![found.verdict()] })
}

fn peak(context: &Context) -> Result<f64, Failure> {
    let server = context.programs.server(Kept::OnDisk)?;
    let mut command = context.programs.on_core(LOAD_CORE, "contrast");
    command.arg("press").arg(server.address.to_string());
    command.args(["--in-flight", PEAK_IN_FLIGHT, "--millis", &context.millis.to_string()]);
    let value = measure(&mut command, [""; 0])?;
    value["rate"].as_f64().ok_or_else(|| "the load tells no rate".into())
}

fn offer(context: &Context, rate: f64) -> Result<Value, Failure> {
    let server: Server = context.programs.server(Kept::OnDisk)?;
    let millis = if context.quick { "1000" } else { "3000" };
    let mut command = context.programs.on_core(LOAD_CORE, "contrast");
    command.arg("offer").arg(server.address.to_string());
    command.args(["--rate", &format!("{rate:.0}"), "--millis", millis]);
    measure(&mut command, [""; 0])
}

impl Found {
    fn add(&mut self, peak: f64, value: &Value) {
        let number = |name: &str| value[name].as_f64().unwrap_or(f64::NAN);
        let due = number("begun") + number("not_begun");
        self.peak.push(peak);
        self.offered.push(due / number("seconds"));
        self.offered_over_peak.push(due / number("seconds") / peak);
        self.receipts.push(number("rate"));
        self.over_peak.push(number("rate") / peak);
        self.datagrams.push(number("datagrams") / number("receipts"));
        self.not_begun.push(number("not_begun") / due * 100.0);
        self.p50.push(number("p50_us") / 1e3);
        self.p99.push(number("p99_us") / 1e3);
    }

    fn table(&self) -> Table {
        let latency = format!("{} / {}", short(self.p50.median()), short(self.p99.median()));
        let mut table = Table::new(["", "median (range)"]);
        table.row(["peak, receipts/s", &self.peak.to_string()]);
        table.row(["offered, marks/s", &self.offered.to_string()]);
        table.row(["offered over the peak", &self.offered_over_peak.to_string()]);
        table.row(["receipts/s", &self.receipts.to_string()]);
        table.row(["receipts/s over the peak", &self.over_peak.to_string()]);
        table.row(["datagrams sent for each receipt", &self.datagrams.to_string()]);
        table.row(["not begun, no client being free, %", &self.not_begun.to_string()]);
        table.row(["median / p99 latency of the answered, ms", &latency]);
        table
    }

    fn verdict(&self) -> Verdict {
        let (times, datagrams) = (self.offered_over_peak.median(), self.datagrams.median());
        let reached = format!(
            "{}, with {} times the peak offered and {} datagrams a receipt",
            self.over_peak,
            short(times),
            short(datagrams)
        );
        Verdict {
            figure: "offered twice the capacity: receipts/s over the peak".into(),
            target: format!("≥ {SHARE_MIN}, and ≤ {DATAGRAMS_MAX} datagrams a receipt"),
            reached,
            met: self.over_peak.median() >= SHARE_MIN
                && times >= TIMES_MIN
                && datagrams <= DATAGRAMS_MAX,
        }
    }
}
