//! Files over TCP, as its twin of the roll call is: a thread for each connection, the list with
//! numbers, pick one, and it comes. It is what downloads are compared with, so it is the best that
//! this design allows.
//!
//! ```text
//! cargo run --release -p rollcall-lab --bin tcp_files -- serve --listen 127.0.0.1:5052 --files FOLDER
//! cargo run --release -p rollcall-lab --bin tcp_files -- list 127.0.0.1:5052
//! cargo run --release -p rollcall-lab --bin tcp_files -- get 127.0.0.1:5052 2 --output notes.pdf
//! ```
//!
//! Whoever connects is sent the list, in a length-prefixed postcard message, and answers with a
//! number; what follows is the length of the file and its bytes. On Linux `io::copy` leaves the
//! copying from the file to the connection to the kernel.
//!
//! What it does not have, because TCP does not bring it: a download whose connection breaks begins
//! from nothing, and what arrived is compared with nothing.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use clap::Parser;
use socket2::{Domain, Protocol, Socket, Type};

/// Connections that wait to be accepted: a whole school at once.
const BACKLOG: i32 = 4_096;
/// What a client reads at once.
const READ_BYTES: usize = 256 << 10;
/// No list is longer.
const LIST_MAX_BYTES: usize = 1 << 20;

#[derive(Parser)]
enum Role {
    /// Serve the files of a folder.
    Serve {
        /// Where to listen; port 0 takes a free one.
        #[arg(long, default_value = "127.0.0.1:5052")]
        listen: SocketAddr,
        /// The folder.
        #[arg(long)]
        files: PathBuf,
    },
    /// Show what is offered.
    List { server: SocketAddr },
    /// Fetch a file.
    Get {
        server: SocketAddr,
        /// Its name, or its number in the list.
        file: String,
        /// Where to save it.
        #[arg(long)]
        output: PathBuf,
    },
}

fn main() -> Result<(), Box<dyn Error>> {
    match Role::parse() {
        Role::Serve { listen, files } => serve(listen, files),
        Role::List { server } => {
            let (_, names) = connect(server)?;
            for (place, (name, bytes)) in names.iter().enumerate() {
                println!("{:>4}  {bytes:>12}  {name}", place + 1);
            }
            Ok(())
        }
        Role::Get { server, file, output } => get(server, &file, &output),
    }
}

/// The names of the files and their sizes, in order.
type List = Vec<(String, u64)>;

fn serve(listen: SocketAddr, folder: PathBuf) -> Result<(), Box<dyn Error>> {
    let socket = Socket::new(Domain::for_address(listen), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&listen.into())?;
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from(socket);
    println!("listening on {}", listener.local_addr()?);
    let folder = Arc::new(folder);
    for stream in listener.incoming() {
        // A client that is gone before it was accepted, or too many open files: the next one.
        let Ok(stream) = stream else { continue };
        let folder = Arc::clone(&folder);
        // Who breaks off needs no more; without a thread dropping it closes the connection.
        let give = move || drop(give(&folder, &stream));
        let _ = thread::Builder::new().spawn(give);
    }
    Ok(())
}

/// One connection: the list, the number, the file.
fn give(folder: &Path, mut stream: &TcpStream) -> Result<(), Box<dyn Error>> {
    stream.set_nodelay(true)?;
    let list = list(folder)?;
    let body = postcard::to_stdvec(&list)?;
    let mut message = u32::try_from(body.len())?.to_le_bytes().to_vec();
    message.extend(body);
    stream.write_all(&message)?;
    let mut number = [0; 4];
    stream.read_exact(&mut number)?;
    let place = usize::try_from(u32::from_le_bytes(number))?.checked_sub(1);
    let (name, _) = place.and_then(|place| list.get(place)).ok_or("no such number")?;
    let file = File::open(folder.join(name))?;
    let bytes = file.metadata()?.len();
    stream.write_all(&bytes.to_le_bytes())?;
    io::copy(&mut file.take(bytes), &mut stream)?;
    Ok(())
}

fn list(folder: &Path) -> io::Result<List> {
    let mut list = List::new();
    for entry in folder.read_dir()? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if let (true, Ok(name)) = (metadata.is_file(), entry.file_name().into_string()) {
            list.push((name, metadata.len()));
        }
    }
    list.sort();
    Ok(list)
}

/// A connection, and what is offered there.
fn connect(server: SocketAddr) -> Result<(TcpStream, List), Box<dyn Error>> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_nodelay(true)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_le_bytes(length))?;
    if length > LIST_MAX_BYTES {
        return Err("that is no list".into());
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((stream, postcard::from_bytes(&body)?))
}

fn get(server: SocketAddr, file: &str, output: &Path) -> Result<(), Box<dyn Error>> {
    let (mut stream, list) = connect(server)?;
    let place = list.iter().position(|(name, _)| name == file);
    let number = match place {
        Some(place) => u32::try_from(place + 1)?,
        None => file.parse()?,
    };
    stream.write_all(&number.to_le_bytes())?;
    let mut bytes = [0; 8];
    stream.read_exact(&mut bytes)?;
    let mut left = u64::from_le_bytes(bytes);
    let mut target = File::create(output)?;
    let mut space = vec![0; READ_BYTES];
    while left > 0 {
        let read = stream.read(&mut space)?;
        if read == 0 {
            return Err(format!("the connection ended {left} bytes too early").into());
        }
        target.write_all(&space[..read])?;
        left = left.checked_sub(read.try_into()?).ok_or("more came than was announced")?;
    }
    Ok(())
}
