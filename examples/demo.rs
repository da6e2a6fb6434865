//! The main job, from beginning to end, on this computer: a real server, a teacher and six students
//! who reach it through a link that loses a fifth of all datagrams in each direction.
//!
//! ```text
//! cargo run --example demo
//! ```

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, BufRead as _, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rollcall::limits::UDP_PAYLOAD_MAX_BYTES;
use rollcall::shell::clock::entropy;

const CLASS: &str = "3030";
const STUDENTS: [&str; 6] = ["10", "20", "30", "40", "50", "042191010"];
const LOSS: f64 = 0.2;

type Failure = Box<dyn Error>;

fn main() -> Result<(), Failure> {
    let commands = Commands::build()?;
    let folder = tempfile::tempdir()?;
    let server = Server::start(&commands, folder.path())?;
    let link = LossyLink::start(server.address)?;
    println!("A server is running at {}; students and teacher reach it through", server.address);
    println!("{}, which loses {:.0} % of all datagrams each way.", link.address, LOSS * 100.0);

    commands.show("rollcall-teacher", &["open", CLASS], link.address)?;
    let students = STUDENTS
        .map(|student| commands.start("rollcall-student", &["mark", CLASS, student], link.address));
    for (student, process) in STUDENTS.into_iter().zip(students) {
        println!("\n$ rollcall-student mark {CLASS} {student}");
        finish(&process?.wait_with_output()?)?;
    }
    commands.show("rollcall-teacher", &["close", CLASS], link.address)?;

    let (carried, lost) = link.counts();
    println!("\nThe link carried {carried} datagrams and lost {lost}. Nobody noticed.");
    println!("\nNow by hand, in three terminals:");
    let path = commands.folder.strip_prefix(std::env::current_dir()?).unwrap_or(&commands.folder);
    println!("  {}", path.join("rollcall-server").display());
    println!("  {}", path.join("rollcall-teacher").display());
    println!("  {}", path.join("rollcall-student").display());
    Ok(())
}

/// The real programs, beside this one.
struct Commands {
    folder: PathBuf,
}

impl Commands {
    /// `cargo run --example` builds no programs but this one, so it has the others built: together with this one, so
    /// that they share all that was built for it.
    fn build() -> Result<Self, Failure> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--bins", "--example", "demo", "--manifest-path"]);
        build.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        if !build.status()?.success() {
            return Err("the programs could not be built; see the messages above".into());
        }
        let this = std::env::current_exe()?;
        let folder = this.parent().and_then(Path::parent).ok_or("where is this program?")?;
        Ok(Self { folder: folder.to_owned() })
    }

    fn command(&self, name: &str) -> Command {
        Command::new(self.folder.join(name).with_extension(std::env::consts::EXE_EXTENSION))
    }

    fn start(&self, name: &str, arguments: &[&str], server: SocketAddr) -> io::Result<Child> {
        self.command(name)
            .args(["--server", &server.to_string()])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
    }

    fn show(&self, name: &str, arguments: &[&str], server: SocketAddr) -> Result<(), Failure> {
        println!("\n$ {name} {}", arguments.join(" "));
        finish(&self.start(name, arguments, server)?.wait_with_output()?)
    }
}

/// Shows what a command printed; its failure is ours.
fn finish(output: &Output) -> Result<(), Failure> {
    print!("{}", String::from_utf8_lossy(&output.stdout));
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(()) } else { Err(output.status.to_string().into()) }
}

/// A server of our own, ended with us.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start(commands: &Commands, folder: &Path) -> Result<Self, Failure> {
        let mut process = commands
            .command("rollcall-server")
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(folder)
            .env("RUST_LOG", "warn")
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let output = process.stdout.take().ok_or("no standard output")?;
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().strip_prefix("listening on ").map(str::parse);
        let Some(Ok(address)) = address else {
            process.kill()?;
            process.wait()?;
            return Err("the server did not start; see the message above".into());
        };
        Ok(Self { process, address })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A forwarder of datagrams that loses some of them.
struct LossyLink {
    address: SocketAddr,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    carried: AtomicU32,
    lost: AtomicU32,
}

impl LossyLink {
    fn start(server: SocketAddr) -> io::Result<Self> {
        let front = Arc::new(UdpSocket::bind("127.0.0.1:0")?);
        let address = front.local_addr()?;
        let counts = Arc::new(Counts::default());
        let link = Self { address, counts: Arc::clone(&counts) };
        // Both directions end with the process.
        thread::spawn(move || -> io::Result<()> {
            let mut rng = StdRng::from_seed(entropy());
            let mut backs: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
            let mut buffer = vec![0; UDP_PAYLOAD_MAX_BYTES];
            loop {
                let (length, client) = front.recv_from(&mut buffer)?;
                let back = if let Some(back) = backs.get(&client) {
                    Arc::clone(back)
                } else {
                    let back = Arc::new(UdpSocket::bind("127.0.0.1:0")?);
                    back.connect(server)?;
                    backs.insert(client, Arc::clone(&back));
                    answer_through(Arc::clone(&front), Arc::clone(&back), client, &counts);
                    back
                };
                if counts.passes(&mut rng) {
                    back.send(&buffer[..length])?;
                }
            }
        });
        Ok(link)
    }

    fn counts(&self) -> (u32, u32) {
        let Counts { carried, lost } = &*self.counts;
        (carried.load(Ordering::Relaxed), lost.load(Ordering::Relaxed))
    }
}

/// Carries what the server answers back to one client, on a thread of its own.
fn answer_through(
    front: Arc<UdpSocket>,
    back: Arc<UdpSocket>,
    client: SocketAddr,
    counts: &Arc<Counts>,
) {
    let counts = Arc::clone(counts);
    thread::spawn(move || -> io::Result<()> {
        let mut rng = StdRng::from_seed(entropy());
        let mut buffer = vec![0; UDP_PAYLOAD_MAX_BYTES];
        loop {
            let length = back.recv(&mut buffer)?;
            if counts.passes(&mut rng) {
                front.send_to(&buffer[..length], client)?;
            }
        }
    });
}

impl Counts {
    fn passes(&self, rng: &mut StdRng) -> bool {
        let lost = rng.random_bool(LOSS);
        let count = if lost { &self.lost } else { &self.carried };
        count.fetch_add(1, Ordering::Relaxed);
        !lost
    }
}
