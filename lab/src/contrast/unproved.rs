//! What goes to an address that has not proved to be its sender's, for what came from there: who
//! forges addresses should have no use for the server.

use std::fmt::Write as _;
use std::io;
use std::net::UdpSocket;
use std::time::Duration;

use rollcall::exchange::{Ask, Pull, Query, Request, encode_request};
use rollcall::ids::{ClientId, ContentId, Cookie, FileName, RequestNumber};
use rollcall::wire::Datagram;

use super::fetch::{LARGE, Offered, Peer, Service, Site};
use super::report::{Chapter, Table, Verdict};
use super::{Context, Failure};

const REQUESTS: u64 = 200;
/// When nothing has come for so long, nothing more comes.
const SILENCE: Duration = Duration::from_millis(300);

pub(crate) fn part(context: &Context, offered: &Offered) -> Result<Chapter, Failure> {
    let service = Service::start(context, Site::Loopback, Peer::Rollcall, offered)?;
    service.warm(LARGE)?;
    let object = ContentId::of(&std::fs::read(offered.path(LARGE))?);
    let pull = |cookie| Ask::Pull(Pull { object, cookie, first: 0, wanted: u64::MAX });
    let name: FileName = LARGE.name.parse()?;
    let asks = [
        ("`PULL` of 64 blocks without a cookie", pull(Cookie::NONE)),
        ("the same with a wrong one", pull(Cookie::from_bytes([0x5a; 16]))),
        ("`FILES`", Ask::Read(Query::Files { from: 0 })),
        ("`FILE`", Ask::Read(Query::File { file: name.key() })),
    ];
    let mut text = String::from("### What a stranger gets\n\n");
    writeln!(
        text,
        "{REQUESTS} requests from an address that has not proved itself, and all that comes back \
         within {} ms: bytes of datagrams, without the headers that both have.\n",
        SILENCE.as_millis()
    )?;
    let mut table = Table::new(["", "bytes in", "bytes out", "out over in"]);
    let mut worst = 0.0;
    for (name, ask) in asks {
        let (to, from) = exchange(&service, &ask)?;
        let ratio = from as f64 / to as f64;
        worst = f64::max(worst, ratio);
        table.row([name, &to.to_string(), &from.to_string(), &format!("{ratio:.2}")]);
        eprintln!("  {name}: {to} bytes in, {from} bytes out");
    }
    writeln!(text, "{table}")?;
    let verdicts = vec![Verdict {
        figure: "bytes out to an unproved address over bytes in, at most".into(),
        target: "≤ 1".into(),
        reached: format!("{worst:.2}"),
        met: worst <= 1.0,
    }];
    Ok(Chapter { text, verdicts })
}

/// Sends it again and again, each time as another request; bytes to the server and from it.
fn exchange(service: &Service<'_>, ask: &Ask) -> Result<(usize, usize), Failure> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(service.address())?;
    socket.set_read_timeout(Some(SILENCE))?;
    let client = ClientId::from_bytes([7; 16]);
    let (mut to, mut from) = (0, 0);
    let mut number = RequestNumber::FIRST;
    let mut datagram = Datagram::new();
    for _ in 0..REQUESTS {
        encode_request(&Request { attempt: 1, client, number, ask: ask.clone() }, &mut datagram);
        to += socket.send(datagram.as_bytes())?;
        number = number.next().ok_or("so few have numbers")?;
    }
    let mut space = vec![0; 1 << 16];
    loop {
        match socket.recv(&mut space) {
            Ok(length) => from += length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error.into()),
        }
    }
    if from == 0 {
        return Err("the server says nothing".into());
    }
    Ok((to, from))
}
