//! `rollcall-server`: serves until it is told to stop.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{ArgAction, Args, Parser, Subcommand};
use tracing::{info, level_filters::LevelFilter, warn};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::Exit;
use super::local_time::LocalTime as _;
use super::qr;
use super::rate::Rate;
use super::words::{complain, counted, parse};
use crate::access::PersonName;
use crate::endpoint::{PlainPolicy, Way};
use crate::journal::{
    self, Backup, BackupError, Journal, JournalError, MemoryJournal, Recovered, SqliteJournal,
};
use crate::limits::{ADMIN_LINK_LIFE, FILES_RATE_DEFAULT_BYTES, LISTEN_MAX};
use crate::seal::PublicKey;
use crate::server::{Output, Server, ServerKeys};
use crate::shell::admin_invites::{AdminInvite, AdminInvites};
use crate::shell::call::ServerName;
use crate::shell::clock::{Clock, ClockImplausible, check_plausible, entropy, fresh_invite};
use crate::shell::keys::{self, KeyError};
use crate::shell::serve::{Folder, FolderError, ReturnPath, ServeError, Service, ServiceTrust};
use crate::shell::trust::JoinLink;

/// Where the journal is kept if no folder is named.
const DEFAULT_FOLDER: &str = "rollcall-data";
/// The service's key in the folder of its journal.
const KEY_FILE: &str = "service.key";

/// Hold roll calls: answer teachers and students over UDP, and keep what was answered on disk.
///
/// Prints one line "listening on ADDR" for each address when it serves. SIGTERM or Ctrl-C ends it
/// in order; SIGUSR1 logs its counters. Whatever it acknowledged is on disk, even after a crash.
#[derive(Parser, Debug)]
#[command(
    name = "rollcall-server",
    version,
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true
)]
struct Flags {
    #[command(subcommand)]
    care: Option<Care>,

    /// An address and port to listen on, may be given several times; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:5050")]
    listen: Vec<SocketAddr>,

    /// The folder of the journal; it must exist. Without it: ./rollcall-data, made if missing.
    #[arg(long, value_name = "DIR", conflicts_with = "in_memory")]
    data: Option<PathBuf>,

    /// Keep nothing on disk: what was answered is lost when the server ends.
    #[arg(long)]
    in_memory: bool,

    /// Read plain datagrams too: whoever reaches this server can then open, close, mark and read without
    /// any key, and can be read. Without it that is so only where nothing but this computer is listened on.
    #[arg(long, conflicts_with = "sealed")]
    plain: bool,

    /// Read sealed datagrams only, also where nothing but this computer is listened on.
    #[arg(long)]
    sealed: bool,

    /// Offer the files that lie directly in this folder: regular files with a name that can be shown.
    #[arg(long, value_name = "DIR")]
    files: Option<PathBuf>,

    /// So much of sheets and files leaves in a second, and half of it to one address: 2MiB, 500KiB,
    /// unlimited. Marks go before it. Without it: 2MiB, or unlimited on this computer only.
    #[arg(long, value_name = "RATE")]
    files_rate: Option<Rate>,

    /// Log more; twice: everything. The environment's `RUST_LOG` goes before it.
    #[arg(short, long, action = ArgAction::Count)]
    verbose: u8,
}

impl Flags {
    /// What was asked for; else the link of a school's network is not filled, and nothing is kept from
    /// who is on this computer.
    fn files_rate(&self) -> Rate {
        let is_local = self.is_local();
        let default =
            if is_local { Rate::Unlimited } else { Rate::BytesPerSecond(FILES_RATE_DEFAULT_BYTES) };
        self.files_rate.unwrap_or(default)
    }
}

impl Flags {
    /// Whether nobody but this computer can reach the server.
    fn is_local(&self) -> bool {
        self.listen.iter().all(|address| address.ip().is_loopback())
    }

    fn plain_policy(&self) -> PlainPolicy {
        let is_read = self.plain || (self.is_local() && !self.sealed);
        if is_read { PlainPolicy::Read } else { PlainPolicy::Refuse }
    }
}

/// What is done with a journal beside serving from it.
#[derive(Subcommand, Debug)]
enum Care {
    /// Print the join link of the server whose journal is in that folder.
    Link {
        /// Under which name and port the server is reached.
        #[arg(value_name = "HOST:PORT")]
        server: String,
        /// Write it as a QR code to this new file, an SVG; at a terminal it is shown in any case.
        #[arg(long, value_name = "FILE")]
        qr: Option<PathBuf>,
        #[command(flatten)]
        data: Data,
    },
    /// Invite an admin: print the join link and an invite that one computer can use within an hour. Only at a
    /// terminal, so that it is in no file and no log. The server may run or not.
    AdminLink {
        /// Under which name and port the server is reached.
        #[arg(value_name = "HOST:PORT", default_value = "127.0.0.1:5050")]
        server: String,
        /// The admin's name, as the log of what was done shows it.
        #[arg(long, value_name = "NAME", default_value = "admin")]
        name: PersonName,
        #[command(flatten)]
        data: Data,
    },
    /// Announce another key: make it if there is none yet, and print its fingerprint. A server that is started
    /// after this tells it to everybody who speaks with it.
    NextKey {
        #[command(flatten)]
        data: Data,
    },
    /// Have the announced key from now on, while no server runs on the folder. Who was told of it goes on;
    /// everybody else joins again, after --forget-server.
    ChangeKey {
        #[command(flatten)]
        data: Data,
    },
    /// Write a backup of the journal to a new file, also while a server runs on it.
    ///
    /// The file is read back before this ends. To restore it, put it as rollcall.sqlite3 into an empty
    /// folder and start a server on that one.
    Backup {
        /// The file to write; nothing is ever overwritten.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        data: Data,
    },
    /// Check the whole journal while no server runs on it: what a start reads, and every sheet.
    Doctor {
        #[command(flatten)]
        data: Data,
        /// This computer's clock is right, although it is far from the last time in the journal: go on
        /// from it. Nothing is lost, and who was answered stays known.
        #[arg(long)]
        accept_clock: bool,
    },
}

#[derive(Args, Debug)]
struct Data {
    /// The folder of the journal. Without it: ./rollcall-data.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Data {
    fn folder(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_FOLDER))
    }
}

const EXAMPLES: &str = "\
Examples:
  rollcall-server                                     this computer only, journal in ./rollcall-data
  rollcall-server --listen 0.0.0.0:5050 --listen '[::]:5050' --data /var/lib/rollcall
  rollcall-server --listen 127.0.0.1:0 --in-memory    to try it out
  rollcall-server admin-link roll.example.edu:5050    who invites the teachers, once
  rollcall-server link roll.example.edu:5050          the link that clients join it by
  rollcall-server --files handouts                    offer the files of ./handouts too
  rollcall-server --listen 0.0.0.0:5050 --files handouts --files-rate 10MiB
  rollcall-server backup sheets.backup                a backup of ./rollcall-data, also while it runs
  rollcall-server doctor --data /var/lib/rollcall     check a journal
  sqlite3 rollcall-data/rollcall.sqlite3 'SELECT * FROM sheet'

Exit codes: 0 ended in order, 1 failure, 2 wrong usage";

/// Runs the command with these arguments.
#[must_use]
pub fn run(arguments: &[OsString]) -> Exit {
    let flags: Flags = match parse(arguments) {
        Ok(flags) => flags,
        Err(exit) => return exit,
    };
    if flags.listen.len() > LISTEN_MAX {
        complain(format_args!("at most {LISTEN_MAX} addresses can be listened on"));
        return Exit::Usage;
    }
    keys::forbid_core_dumps();
    begin_logging(flags.verbose);
    let done = match &flags.care {
        None => serve(&flags),
        Some(Care::Link { server, qr, data }) => print_link(server, qr.as_deref(), &data.folder()),
        Some(Care::AdminLink { server, name, data }) => invite_admin(server, *name, &data.folder()),
        Some(Care::NextKey { data }) => announce_key(&data.folder()),
        Some(Care::ChangeKey { data }) => change_key(&data.folder()),
        Some(Care::Backup { file, data }) => back_up(&data.folder(), file),
        Some(Care::Doctor { data, accept_clock }) => examine(&data.folder(), *accept_clock),
    };
    match done {
        Ok(()) => Exit::Done,
        Err(error @ Ended::NoTerminal) => {
            complain(error);
            Exit::Usage
        }
        Err(error) => {
            complain(error);
            Exit::Failed
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    Clock(#[from] ClockImplausible),
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("'{0}' is no address of a server: write HOST:PORT, as clients reach it")]
    Name(String),
    #[error(
        "the link that makes an admin is shown at a terminal only, so that it is in no file and no log; run \
         this where you can read it"
    )]
    NoTerminal,
    #[error("cannot leave the invite in {}: {source}", .path.display())]
    Invite { path: PathBuf, source: io::Error },
    #[error("cannot write the QR code to {}: {source}; nothing is ever overwritten", .path.display())]
    Picture { path: PathBuf, source: io::Error },
}

impl From<JournalError> for Ended {
    fn from(error: JournalError) -> Self {
        Self::Serve(error.into())
    }
}

fn serve(flags: &Flags) -> Result<(), Ended> {
    let files = flags.files.as_deref().map(Folder::open).transpose()?;
    let mut server = Server::with_keys(ServerKeys::from_seed(entropy()));
    if let Rate::BytesPerSecond(rate) = flags.files_rate() {
        server.limit_blocks(rate);
    }
    if flags.in_memory {
        warn!("nothing is kept on disk: what is answered is lost when this server ends");
        if flags.plain_policy() == PlainPolicy::Refuse {
            warn!(
                "nor is its key, nor who may do what: everybody has to join again each time, and nobody \
                 can open a roll call; for that: --data DIR"
            );
        }
        let plain = flags.plain_policy();
        let trust = ServiceTrust { key: keys::fresh(), next: None, plain, invites: None };
        return Ok(serve_from(server, trust, MemoryJournal::new(), files, flags)?);
    }
    let folder = flags.data.clone().unwrap_or_else(default_folder);
    let mut journal = SqliteJournal::open(&folder)?;
    let recovered = journal.recover(&mut server)?;
    check_plausible(Clock::start().now().wall, server.latest())?;
    if journal.is_backup()? {
        server.void_invites();
        warn!(
            "this journal was restored from a backup: the invites that were open in it are void, and what was \
             revoked or released since has to be revoked and released again"
        );
    }
    if journal::is_open_to_others(&folder) {
        let folder = folder.display();
        warn!(
            "other users of this computer may look into {folder}; to end that: chmod 700 {folder}"
        );
    }
    info!(
        "journal in {}: {} roll calls open, {} clients known, {} batches replayed",
        folder.display(),
        server.open_roll_calls(),
        server.clients(),
        recovered.batches
    );
    let key = keys::load_or_make(&folder.join(KEY_FILE))?;
    let next = announced(&folder.join(KEY_FILE))?;
    let invites = Some(AdminInvites::in_folder(&folder));
    let trust = ServiceTrust { key, next, plain: flags.plain_policy(), invites };
    Ok(serve_from(server, trust, journal, files, flags)?)
}

fn back_up(folder: &Path, file: &Path) -> Result<(), Ended> {
    let Backup { recovered, examined, open_roll_calls } = journal::backup(folder, file)?;
    say(format_args!(
        "{}: {} with {}, {} open, up to batch {}; read back and whole",
        file.display(),
        counted(to_count(examined.sheets), "closed roll call", "closed roll calls"),
        counted(to_count(examined.marks), "mark", "marks"),
        counted(open_roll_calls, "roll call", "roll calls"),
        recovered.last_batch
    ));
    Ok(())
}

fn examine(folder: &Path, accept_clock: bool) -> Result<(), Ended> {
    let mut server: Server<ReturnPath> = Server::new(0);
    let mut journal = SqliteJournal::open(folder)?;
    let recovered = journal.recover(&mut server)?;
    let examined = journal.examine()?;
    let Recovered { last_batch, batches, snapshot_items, .. } = recovered;
    say(format_args!(
        "{}: up to batch {last_batch}, a snapshot of {} and {} after it",
        folder.display(),
        counted(to_count(snapshot_items), "item", "items"),
        counted(to_count(batches), "batch", "batches")
    ));
    say(format_args!(
        "{} open, {} known",
        counted(server.open_roll_calls(), "roll call", "roll calls"),
        counted(server.clients(), "client", "clients")
    ));
    say(format_args!(
        "{} with {}: each sheet is what its name says",
        counted(to_count(examined.sheets), "closed roll call", "closed roll calls"),
        counted(to_count(examined.marks), "mark", "marks")
    ));
    let (clock, latest) = (Clock::start().now().wall, server.latest());
    if last_batch > 0 {
        say(format_args!("last time in the journal {latest}, this computer's clock {clock}"));
    }
    match check_plausible(clock, latest) {
        Ok(()) if accept_clock => say(format_args!("the clock is plausible: nothing to accept")),
        Ok(()) => {}
        Err(implausible) if !accept_clock => return Err(implausible.into()),
        Err(_) => {
            server.accept_clock(clock);
            let mut space = crate::wire::Datagram::new();
            while let Some(Output::Append(batch)) = server.poll_output(&mut space) {
                journal.commit(&batch)?;
                server.handle_durable(batch.number);
            }
            say(format_args!("the clock is accepted: times go on from {clock}"));
        }
    }
    Ok(())
}

fn to_count(many: u64) -> usize {
    usize::try_from(many).unwrap_or(usize::MAX)
}

/// A line for whoever reads it; nobody may be reading any more.
fn say(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stdout(), "{line}");
}

fn serve_from<J: Journal + Send + 'static>(
    server: Server<Way<ReturnPath>>,
    trust: ServiceTrust,
    journal: J,
    files: Option<Folder>,
    flags: &Flags,
) -> Result<(), ServeError> {
    let (key, plain) = (trust.key.public(), trust.plain);
    let service = Service::bind(server, trust, journal, files, &flags.listen)?;
    tell_trust(flags, &key, plain, service.addresses());
    for address in service.addresses() {
        // Nobody may be reading any more; that is no reason not to serve.
        let _ = writeln!(io::stdout(), "listening on {address}");
    }
    let _ = io::stdout().flush();
    service.run()
}

/// Says how clients come to trust this server, and what it means if they need not.
fn tell_trust(
    flags: &Flags,
    key: &PublicKey,
    plain: PlainPolicy,
    addresses: impl Iterator<Item = SocketAddr>,
) {
    info!("this server's key has the fingerprint {}", key.fingerprint());
    // One link is for all of its IPv4 and IPv6 addresses.
    let mut told = BTreeSet::new();
    for address in addresses {
        let (ip, port) = (address.ip(), address.port());
        if ip.is_unspecified() {
            if told.insert(port) {
                info!(
                    "join link: rollcall://HOST:{port}/#{key} with the name or address of this computer as HOST"
                );
            }
        } else if !ip.is_loopback() || flags.sealed {
            info!("join link: rollcall://{address}/#{key}");
        }
    }
    if plain == PlainPolicy::Read && !flags.is_local() {
        warn!(
            "--plain: whoever reaches this server can open, close, mark anybody and read every sheet, and \
             whoever is on the way can read and change what is said"
        );
    }
}

fn print_link(server: &str, picture: Option<&Path>, folder: &Path) -> Result<(), Ended> {
    let server: ServerName = server.parse().map_err(|_| Ended::Name(server.to_owned()))?;
    let key = keys::load(&folder.join(KEY_FILE))?.public();
    let link = JoinLink { server, key }.to_string();
    if let Some(path) = picture {
        qr::write_svg(&link, path)
            .map_err(|source| Ended::Picture { path: path.to_owned(), source })?;
    }
    say(format_args!("{link}"));
    if io::stdout().is_terminal()
        && let Some(code) = qr::for_terminal(&link)
    {
        say(format_args!("{code}"));
    }
    Ok(())
}

fn invite_admin(server: &str, name: PersonName, folder: &Path) -> Result<(), Ended> {
    let server: ServerName = server.parse().map_err(|_| Ended::Name(server.to_owned()))?;
    if !io::stdout().is_terminal() {
        return Err(Ended::NoTerminal);
    }
    // The first thing that is done with a folder may be this.
    let key = keys::load_or_make(&folder.join(KEY_FILE))?.public();
    let code = fresh_invite();
    let ends_at = Clock::start().now().wall.after(ADMIN_LINK_LIFE);
    AdminInvite { invite: code.id(), name, ends_at }
        .leave_in(folder)
        .map_err(|source| Ended::Invite { path: folder.to_owned(), source })?;
    let link = JoinLink { server, key };
    say(format_args!("On the computer of {name}, until {}:\n", ends_at.to_local()));
    say(format_args!("  rollcall-admin join '{link}'\n"));
    say(format_args!("and, when it asks for the invite:\n\n  {}\n", code.to_text()));
    say(format_args!("It works once. Whoever reads it before can use it."));
    Ok(())
}

/// The key that is announced to take the place of this one.
fn announced(key: &Path) -> Result<Option<PublicKey>, KeyError> {
    let next = keys::next_to(key);
    if next.exists() { Ok(Some(keys::load(&next)?.public())) } else { Ok(None) }
}

fn announce_key(folder: &Path) -> Result<(), Ended> {
    // A folder without a key of its own has none to announce another for.
    keys::load(&folder.join(KEY_FILE))?;
    let next = keys::load_or_make(&keys::next_to(&folder.join(KEY_FILE)))?.public();
    say(format_args!(
        "the next key has the fingerprint {}; start the server again to announce it, and change to it with \
         'change-key' when everybody has spoken with it",
        next.fingerprint()
    ));
    Ok(())
}

fn change_key(folder: &Path) -> Result<(), Ended> {
    // Held as long as this runs: no server may have the old key in memory.
    let _journal = SqliteJournal::open(folder)?;
    let key = keys::change(&folder.join(KEY_FILE))?.public();
    say(format_args!(
        "the key has the fingerprint {} from now on; the old one is kept as {KEY_FILE}.before",
        key.fingerprint()
    ));
    Ok(())
}

/// The folder that is used when none is named, made if it is missing: there is no name that could
/// have been mistyped. If it cannot be made, opening it says why.
fn default_folder() -> PathBuf {
    let folder = PathBuf::from(DEFAULT_FOLDER);
    let _ = journal::make(&folder);
    folder
}

fn begin_logging(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::INFO,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let wanted = std::env::var("RUST_LOG").ok().filter(|wanted| !wanted.is_empty());
    let filter = match wanted.as_deref().map(str::parse::<Targets>) {
        None => Targets::new().with_default(level),
        Some(Ok(filter)) => filter,
        Some(Err(error)) => {
            complain(format_args!("RUST_LOG is not understood and not used: {error}"));
            Targets::new().with_default(level)
        }
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_target(false)
        .with_ansi(io::stderr().is_terminal());
    tracing_subscriber::registry().with(filter).with(lines).init();
}
