//! Downloads: over loopback and real loss beside HTTP, TFTP and TCP, many at once, beside marks, and
//! what a stranger gets.

use std::fmt::Write as _;

use super::crowds::or_skipped;
use super::fetch::{LARGE, MEDIUM, Offered, Peer, Piece, Service, Site, limit};
use super::namespaces::Unavailable;
use super::report::{Chapter, Sample, Table, Verdict};
use super::{Context, Failure, files_beside, files_loss, unproved};

/// What is measured on this computer, ours first.
const PEERS: [(Peer, Piece); 7] = [
    (Peer::Rollcall, LARGE),
    (Peer::Http, LARGE),
    (Peer::HttpSynced, LARGE),
    (Peer::Tcp, LARGE),
    (Peer::Tftp, MEDIUM),
    (Peer::Atftp { window: 8 }, LARGE),
    (Peer::Atftp { window: 64 }, LARGE),
];
/// Clients at once, and who serves them.
const CLIENTS: usize = 8;
const AT_ONCE: [Peer; 3] = [Peer::Rollcall, Peer::Http, Peer::Tcp];
/// Nobody is starved when the slowest takes at most so many times as long as the fastest.
const APART_MAX: f64 = 2.0;

pub(crate) fn chapter(context: &Context) -> Result<Chapter, Failure> {
    let offered = Offered::new()?;
    let mut whole = Chapter { text: String::from("## Files\n\n"), verdicts: Vec::new() };
    writeln!(
        whole.text,
        "The wall time of the client, a process, from its start to its end, after one download that is \
         not counted. `rollcall-student get` compares what came with its SHA-256; the others do not. \
         All write into the same file system. Who is not done after {} s is counted as unfinished. Each cell: median (range) of {} runs in turn.\n",
        limit(context).as_secs(),
        context.runs
    )?;
    let mut loss = or_skipped(files_loss::TITLE, files_loss::part(context, &offered))?;
    if loss.verdicts.is_empty() {
        loss.verdicts = files_loss::verdicts(&[]);
    }
    let parts = [
        loopback(context, &offered)?,
        at_once(context, &offered)?,
        loss,
        files_beside::part(context, &offered)?,
        unproved::part(context, &offered)?,
    ];
    for part in parts {
        whole.text.push_str(&part.text);
        whole.verdicts.extend(part.verdicts);
    }
    Ok(whole)
}

/// A ratio that should be at least so much; it is skipped where it could not be measured.
pub(crate) fn at_least(figure: &str, least: f64, reached: &Sample) -> Verdict {
    let median = reached.median();
    Verdict {
        figure: figure.into(),
        target: format!("≥ {least}"),
        reached: if median.is_nan() { "skipped".into() } else { reached.to_string() },
        met: median >= least,
    }
}

/// Someone to fetch from, or why not.
type Place<'a> = Result<Service<'a>, String>;

/// Starts a server and has it fetched from once. It may be missing here.
pub(crate) fn place<'a>(
    context: &'a Context,
    site: Site<'a>,
    peer: Peer,
    piece: Piece,
    offered: &'a Offered,
) -> Result<Place<'a>, Failure> {
    match Service::start(context, site, peer, offered) {
        Ok(service) => match service.fetch(piece)? {
            Some(_) => Ok(Ok(service)),
            None if peer == Peer::Rollcall => Err("the server gives no file".into()),
            None => Ok(Err("does not serve here".into())),
        },
        Err(error) if error.is::<Unavailable>() => Ok(Err(error.to_string())),
        Err(error) => Err(error),
    }
}

fn loopback(context: &Context, offered: &Offered) -> Result<Chapter, Failure> {
    let mut rows = Vec::new();
    for (peer, piece) in PEERS {
        let place = place(context, Site::Loopback, peer, piece, offered)?;
        rows.push((peer, piece, place, Sample::default(), Sample::default()));
    }
    let (mut over_tftp, mut over_http) = (Sample::default(), Sample::default());
    for round in 1..=context.runs {
        let (mut ours, mut http, mut tftp) = (f64::NAN, f64::NAN, f64::NAN);
        for (peer, piece, place, rates, ratios) in &mut rows {
            let Ok(service) = place else { continue };
            let Some(seconds) = service.fetch(*piece)? else { continue };
            let rate = piece.rate(seconds);
            match peer {
                Peer::Rollcall => ours = rate,
                Peer::Http => http = rate,
                Peer::Tftp | Peer::Atftp { .. } => tftp = tftp.max(rate),
                Peer::HttpSynced | Peer::Tcp => {}
            }
            rates.push(rate);
            ratios.push(ours / rate);
            eprintln!("  round {round}, {peer}: {rate:.0} MB/s");
        }
        for (ratio, other) in [(&mut over_tftp, tftp), (&mut over_http, http)] {
            if (ours / other).is_finite() {
                ratio.push(ours / other);
            }
        }
    }
    let mut table = Table::new(["", "file", "MB/s", "ours over it"]);
    for (peer, piece, place, rates, ratios) in &rows {
        let (rates, ratios) = match place {
            Ok(_) => (rates.to_string(), ratios.to_string()),
            Err(why) => (why.clone(), String::new()),
        };
        table.row([peer.to_string(), piece.name.to_owned(), rates, ratios]);
    }
    let text = format!("### 50 MB on this computer\n\n{table}\n");
    let verdicts = vec![
        at_least("50 MB on loopback, rate over the best TFTP setting's", 2.0, &over_tftp),
        at_least("the same, over curl + HTTP's", 0.5, &over_http),
    ];
    Ok(Chapter { text, verdicts })
}

/// So many clients, each of a server's.
#[derive(Default)]
struct AtOnce {
    alone: Sample,
    sum: Sample,
    over_alone: Sample,
    /// The slowest client's time over the fastest's.
    apart: Sample,
    unfinished: usize,
}

fn at_once(context: &Context, offered: &Offered) -> Result<Chapter, Failure> {
    let mut places = Vec::new();
    for peer in AT_ONCE {
        let place = place(context, Site::Loopback, peer, LARGE, offered)?;
        places.push((peer, place, AtOnce::default()));
    }
    for round in 1..=context.runs {
        for (peer, place, found) in &mut places {
            let Ok(service) = place else { continue };
            let Some(alone) = service.fetch(LARGE)? else { continue };
            let seconds = service.fetch_at_once(LARGE, CLIENTS)?;
            let finished: Sample = seconds.iter().copied().flatten().collect();
            found.unfinished += seconds.iter().filter(|it| it.is_none()).count();
            let sum: f64 = seconds.iter().flatten().map(|it| LARGE.rate(*it)).sum();
            found.alone.push(LARGE.rate(alone));
            found.sum.push(sum);
            found.over_alone.push(sum / LARGE.rate(alone));
            found.apart.push(finished.max() / finished.min());
            eprintln!("  round {round}, {peer}, {CLIENTS} at once: {sum:.0} MB/s together");
        }
    }
    let mut table = Table::new([
        "",
        "one alone, MB/s",
        "all together, MB/s",
        "together over alone",
        "slowest's time over fastest's",
        "unfinished",
    ]);
    for (peer, place, found) in &places {
        let AtOnce { alone, sum, over_alone, apart, unfinished } = found;
        let cells = match place {
            Ok(_) => [alone, sum, over_alone, apart].map(Sample::to_string),
            Err(why) => [why.clone(), String::new(), String::new(), String::new()],
        };
        table.row([&[peer.to_string()][..], &cells, &[unfinished.to_string()]].concat());
    }
    let mut text = format!("### {CLIENTS} downloads at once\n\n");
    writeln!(
        text,
        "The same file, each client into a folder of its own, all on one core. *Together*: the sum of \
         their rates.\n\n{table}"
    )?;
    let AtOnce { over_alone, apart, unfinished, .. } = &places[0].2;
    let verdicts = vec![Verdict {
        figure: "eight clients at once: sum of the rates over one client's".into(),
        target: format!("≥ 0.9, the slowest at most {APART_MAX} times as long as the fastest"),
        reached: format!("{over_alone}, slowest over fastest {apart}, {unfinished} unfinished"),
        met: over_alone.median() >= 0.9 && apart.median() <= APART_MAX && *unfinished == 0,
    }];
    Ok(Chapter { text, verdicts })
}
