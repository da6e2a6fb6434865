//! Carries sealed roll call datagrams of web pages, which cannot send UDP, over HTTPS.
//!
//! The relay is a courier: it has no key, keeps nothing, sends nothing twice, and knows no student. Whatever
//! is promised is promised between page and server. Appendix F of the specification tells what it must and must
//! not do.

mod certificate;
mod datagram;
mod http;
mod lanes;
mod page;
mod stats;

use std::fmt::Display;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing::{info, warn};
use tracing_subscriber::filter::LevelFilter;

use certificate::{Current, Files};
use http::Relay;
use lanes::Lanes;

/// Lanes, each a port of this computer.
const LANES_MAX: usize = 4_096;
/// Connections, of everybody.
const CONNECTIONS_MAX: usize = 10_000;
/// What else is open.
const OTHER_FILES: usize = 64;
/// How often the files of the certificate are looked at, and what is idle ends.
const TIDY: Duration = Duration::from_secs(5);
/// A server that answers nobody for so long is told of.
const SILENT: Duration = Duration::from_secs(30);

/// Carries the sealed datagrams of web pages, which cannot send UDP, to a roll call server.
///
/// It has no key and keeps nothing: what a page and the server say to each other stays between them.
/// Prints "relaying on ADDR" for each address when it serves. SIGTERM or Ctrl-C ends it in order; SIGUSR1
/// logs its counters.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:
  rollcall-relay --listen 0.0.0.0:443 --server roll.example.edu:5050 \\
                 --tls-cert cert.pem --tls-key key.pem     phones reach it by itself
  rollcall-relay --listen 127.0.0.1:8080 --server 127.0.0.1:5050 --behind-proxy
                                                           behind Caddy or nginx on this computer"
)]
struct Flags {
    /// An address and port to listen on, may be given several times; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: Vec<SocketAddr>,
    /// The roll call server: a name or an address, and its port.
    #[arg(long, value_name = "HOST:PORT", env = "ROLLCALL_SERVER", value_parser = host_and_port)]
    server: String,
    /// The certificate, and those between it and the root (PEM). Read again when it changes.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its private key (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// The name that phones open: a certificate for another one is refused.
    #[arg(long, value_name = "NAME", requires = "tls_cert")]
    name: Option<String>,
    /// A proxy on this computer speaks TLS and says in X-Forwarded-For whom it speaks for.
    #[arg(long, conflicts_with = "tls_cert")]
    behind_proxy: bool,
    /// Logs more.
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
}

fn host_and_port(text: &str) -> Result<String, String> {
    let (host, port) =
        text.rsplit_once(':').ok_or("a port is missing, as in roll.example.edu:5050")?;
    let is_whole = !host.is_empty() && (!host.contains(':') || host.starts_with('['));
    match port.parse::<u16>() {
        Ok(1..) if is_whole => Ok(text.to_owned()),
        Ok(_) if !is_whole => Err("write it as HOST:PORT, an address of IPv6 in brackets".into()),
        _ => Err("a port is a number from 1 to 65535".into()),
    }
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let level = [LevelFilter::INFO, LevelFilter::DEBUG][usize::from(flags.verbose.min(1))];
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(level);
    log.with_target(false).init();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(run(flags)),
        Err(error) => Err(format!("cannot begin: {error}")),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn run(flags: Flags) -> Result<(), String> {
    let certificate = match (&flags.tls_cert, &flags.tls_key) {
        (Some(certificate), Some(key)) => {
            let (certificate, key) = (certificate.clone(), key.clone());
            let files = Files { certificate, key, name: flags.name.clone() };
            Some(Arc::new(Current::read(files).map_err(|why| why.to_string())?))
        }
        _ => None,
    };
    if certificate.is_none()
        && let Some(open) = flags.listen.iter().find(|it| !it.ip().is_loopback())
    {
        return Err(format!(
            "{open} can be reached from elsewhere, and without TLS no browser gives a page its keys. Give \
             --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy"
        ));
    }
    let (lanes, connections) = bounds();
    let lanes = Lanes::new(&flags.server, lanes);
    let relay = Relay::new(lanes, connections, flags.behind_proxy, certificate.is_some());
    let relay = Arc::new(relay);
    let (end, ends) = watch::channel(false);
    let mut serving = Vec::new();
    for address in &flags.listen {
        let cannot = |why: std::io::Error| format!("cannot listen on {address}: {why}");
        let listener = TcpListener::bind(address).await.map_err(cannot)?;
        println!("relaying on {}", listener.local_addr().map_err(cannot)?);
        let tls = certificate.as_ref().map(Current::config);
        serving.push(tokio::spawn(http::serve(relay.clone(), listener, tls, ends.clone())));
    }
    info!("relaying to {}", flags.server);
    work(&relay, certificate.as_deref()).await?;
    end.send_replace(true);
    for it in serving {
        let _ = it.await;
    }
    info!("ended: {}", relay.stats);
    Ok(())
}

/// How many lanes and connections the system has files for.
fn bounds() -> (NonZeroUsize, usize) {
    #[cfg(unix)]
    let files = {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        // Then it is as it was.
        let _ = setrlimit(Resource::Nofile, limit);
        getrlimit(Resource::Nofile).current.and_then(|it| usize::try_from(it).ok())
    };
    #[cfg(not(unix))]
    let files: Option<usize> = None;
    let files = files.unwrap_or(usize::MAX).saturating_sub(OTHER_FILES);
    let lanes = LANES_MAX.min(files / 3).max(1);
    let lanes = NonZeroUsize::new(lanes).expect("at least one");
    (lanes, CONNECTIONS_MAX.min(files.saturating_sub(lanes.get())))
}

/// What is done from time to time, until somebody ends it.
async fn work(relay: &Relay, certificate: Option<&Current>) -> Result<(), String> {
    let mut signals = Signals::new().map_err(|why| format!("cannot wait for signals: {why}"))?;
    let mut ticks = tokio::time::interval(TIDY);
    let mut watch = Watch::default();
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                relay.tidy();
                watch.look(relay, certificate);
            }
            told = signals.next() => match told {
                Told::End => return Ok(()),
                Told::Counters => info!("{} lanes={}", relay.stats, relay.lanes.len()),
            },
        }
    }
}

/// What the operator was told, so that it is told once.
#[derive(Default)]
struct Watch {
    since: u64,
    is_silent: bool,
    ends: Option<String>,
}

impl Watch {
    fn look(&mut self, relay: &Relay, certificate: Option<&Current>) {
        let unanswered = relay.stats.get(stats::Counter::Silent);
        let is_silent = relay.lanes.answered_ago().is_none_or(|ago| ago > SILENT);
        if is_silent && unanswered > self.since && !self.is_silent {
            warn!("the server does not answer: is it running, and does a firewall let UDP pass?");
            self.is_silent = true;
        }
        if !is_silent && self.is_silent {
            info!("the server answers again");
            self.is_silent = false;
        }
        self.since = unanswered;
        let Some(certificate) = certificate else { return };
        match certificate.refresh() {
            Ok(true) => info!("the certificate was read again"),
            Ok(false) => {}
            Err(why) => warn!("{why}; the certificate from before stays in use"),
        }
        let ends = certificate.ends_soon();
        if let Some(day) = &ends
            && self.ends != ends
        {
            warn!("the certificate ends on {day}");
        }
        self.ends = ends;
    }
}

enum Told {
    End,
    Counters,
}

#[cfg(unix)]
struct Signals([tokio::signal::unix::Signal; 3]);

#[cfg(unix)]
impl Signals {
    fn new() -> Result<Self, impl Display> {
        use tokio::signal::unix::{SignalKind, signal};
        let all = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::user_defined1()];
        let [Ok(first), Ok(second), Ok(third)] = all.map(signal) else {
            return Err("the system gives none");
        };
        Ok(Self([first, second, third]))
    }

    async fn next(&mut self) -> Told {
        let [terminate, interrupt, counters] = &mut self.0;
        tokio::select! {
            _ = terminate.recv() => Told::End,
            _ = interrupt.recv() => Told::End,
            _ = counters.recv() => Told::Counters,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Result<Self, impl Display> {
        Ok::<_, &str>(Self)
    }

    async fn next(&mut self) -> Told {
        let _ = tokio::signal::ctrl_c().await;
        Told::End
    }
}
