//! Transfers over a simulated network: the real client core and the real server core, virtual clocks, and
//! links that lose, duplicate, delay and queue datagrams. Each run is determined by its seed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rollcall::blocks::{Download, Event, PathState};
use rollcall::exchange::{FileEntry, FileInfo, FileState};
use rollcall::ids::ContentId;
use rollcall::limits::{BLOCK_BYTES, COOKIE_LIFE};
use rollcall::server::{FolderRequest, Output, PieceRead, Server};
use rollcall::time::{Instant, Now, WallTime};
use rollcall::wire::Datagram;

const MILLISECOND: u64 = 1_000;
const SECOND: u64 = 1_000 * MILLISECOND;
const TIMEOUT: Duration = Duration::from_secs(30);
/// What lies around a datagram on the wire: Ethernet, IPv4, UDP.
const OVERHEAD_BYTES: u64 = 14 + 20 + 8;

/// A link in both directions.
#[derive(Clone, Copy)]
struct Link {
    /// One way, in microseconds.
    delay: u64,
    /// Up to so much more, drawn for each datagram, which reorders them.
    jitter: u64,
    /// So many of a thousand datagrams, each way.
    lost: u32,
    doubled: u32,
    /// Towards the clients: the rate in bytes a second, and the length of the queue in bytes.
    rate: Option<(u64, u64)>,
}

const LAN: Link = Link { delay: 100, jitter: 20, lost: 0, doubled: 0, rate: None };

enum Arrival {
    AtServer { from: u8, bytes: Vec<u8> },
    AtClient { to: u8, bytes: Vec<u8> },
}

/// A client that fetches the file.
struct Client {
    download: Option<Download>,
    /// Its present address.
    address: u8,
    got: Vec<u8>,
    ended: Option<(Event, u64)>,
    is_deaf: bool,
}

struct World {
    rng: StdRng,
    now: u64,
    link: Link,
    /// The round trip that the clients have measured before.
    round_trip: Option<Duration>,
    server: Server<u8>,
    file: Vec<u8>,
    content: ContentId,
    clients: Vec<Client>,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    arrivals: std::collections::HashMap<u64, Arrival>,
    next: u64,
    /// When the link to the clients is free.
    busy_until: u64,
    /// Bytes from and to each address.
    heard: [u64; 256],
    said: [u64; 256],
    requests: u64,
    blocks: u64,
    dropped_full: u64,
    is_server_up: bool,
}

fn content(bytes: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; bytes];
    StdRng::seed_from_u64(seed).fill(&mut bytes[..]);
    bytes
}

fn info(file: &[u8]) -> FileInfo {
    FileInfo { bytes: file.len() as u64, content: ContentId::of(file) }
}

fn server(seed: u128, file: &[u8]) -> Server<u8> {
    let mut server = Server::new(seed);
    server.offer_files();
    let key = "file".parse::<rollcall::ids::FileName>().unwrap().key();
    server.handle_file(key, FileState::Ready(info(file)));
    server
}

impl World {
    fn new(seed: u64, link: Link, bytes: usize) -> Self {
        let file = content(bytes, seed);
        Self {
            rng: StdRng::seed_from_u64(seed),
            now: 0,
            link,
            round_trip: None,
            server: server(u128::from(seed), &file),
            content: ContentId::of(&file),
            file,
            clients: Vec::new(),
            queue: BinaryHeap::new(),
            arrivals: std::collections::HashMap::new(),
            next: 0,
            busy_until: 0,
            heard: [0; 256],
            said: [0; 256],
            requests: 0,
            blocks: 0,
            dropped_full: 0,
            is_server_up: true,
        }
    }

    fn instant(&self) -> Instant {
        Instant::from_micros(self.now)
    }

    /// A client begins to fetch the file, from that block on.
    fn begin(&mut self, begin: u32) -> usize {
        let place = self.clients.len();
        let path = PathState::new(self.instant(), self.round_trip);
        let seed = self.rng.random();
        let object = FileInfo { bytes: self.file.len() as u64, content: self.content };
        let download = Download::new(path, seed, self.instant(), object, begin, 4_000, TIMEOUT);
        let address = u8::try_from(place).unwrap();
        let got = self.file[..self.file.len().min(begin as usize * BLOCK_BYTES)].to_vec();
        self.clients.push(Client {
            download: Some(download),
            address,
            got,
            ended: None,
            is_deaf: false,
        });
        place
    }

    /// Runs until all clients have ended, or until that time.
    fn run_until(&mut self, end: u64) -> &mut Self {
        loop {
            self.let_clients_act();
            self.let_server_act();
            if self.clients.iter().all(|client| client.ended.is_some()) {
                return self;
            }
            let arrival = self.queue.peek().map(|Reverse((at, _))| *at);
            let downloads = self.clients.iter().filter(|it| it.ended.is_none());
            let timer = downloads.filter_map(|it| it.download.as_ref()).map(Download::poll_timeout);
            let timer = timer.map(Instant::as_micros).min();
            let next = arrival.into_iter().chain(timer).min().unwrap_or(end).max(self.now + 1);
            if next >= end {
                self.now = end;
                return self;
            }
            self.now = next;
            while let Some(&Reverse((at, id))) = self.queue.peek() {
                if at > self.now {
                    break;
                }
                self.queue.pop();
                self.arrive(id);
            }
        }
    }

    fn finish(&mut self) -> &mut Self {
        self.run_until(u64::MAX)
    }

    fn arrive(&mut self, id: u64) {
        let instant = self.instant();
        match self.arrivals.remove(&id).expect("it was sent") {
            Arrival::AtServer { from, bytes } => {
                if self.is_server_up {
                    self.heard[usize::from(from)] += bytes.len() as u64;
                    let now = Now { instant, wall: WallTime::from_millis(1_700_000_000_000) };
                    self.server.handle_datagram(now, from, &bytes);
                }
            }
            Arrival::AtClient { to, bytes } => {
                let Some(client) =
                    self.clients.iter_mut().find(|it| it.address == to && !it.is_deaf)
                else {
                    return;
                };
                if let Some(download) = &mut client.download {
                    download.handle_datagram(instant, &bytes);
                }
            }
        }
    }

    fn let_clients_act(&mut self) {
        let mut space = Datagram::new();
        for place in 0..self.clients.len() {
            let instant = self.instant();
            let client = &mut self.clients[place];
            let (Some(download), None) = (&mut client.download, client.ended) else { continue };
            download.handle_timeout(instant);
            let mut requests = Vec::new();
            while let Some(event) = download.poll_output(&mut space) {
                if event != Event::Transmit {
                    client.ended = Some((event, self.now));
                    break;
                }
                requests.push(space.as_bytes().to_vec());
            }
            let wants = download.poll_timeout();
            assert!(client.ended.is_some() || wants > instant, "it asks for a time that has come");
            let got = &mut client.got;
            let read = download.read(|bytes| {
                got.extend_from_slice(bytes);
                Ok::<(), ()>(())
            });
            read.unwrap();
            let from = client.address;
            for bytes in requests {
                self.requests += 1;
                self.send(&bytes, |bytes| Arrival::AtServer { from, bytes }, None);
            }
        }
    }

    fn let_server_act(&mut self) {
        if !self.is_server_up {
            return;
        }
        let mut space = Datagram::new();
        let wall = WallTime::from_millis(1_700_000_000_000);
        loop {
            self.server.handle_timeout(Now { instant: self.instant(), wall });
            while let Some(output) = self.server.poll_output(&mut space) {
                match output {
                    Output::Transmit { to } => {
                        let bytes = space.as_bytes().to_vec();
                        self.said[usize::from(to)] += bytes.len() as u64;
                        self.blocks += u64::from(bytes[3] == 0x95);
                        let rate = self.link.rate;
                        self.send(&bytes, |bytes| Arrival::AtClient { to, bytes }, rate);
                    }
                    Output::Folder(FolderRequest::Read(piece)) => {
                        let start = (piece.first as usize * BLOCK_BYTES).min(self.file.len());
                        let end = start + piece.blocks as usize * BLOCK_BYTES;
                        let bytes = self.file[start..end.min(self.file.len())].to_vec();
                        let same = piece.content == self.content;
                        let read = if same { PieceRead::Bytes(bytes) } else { PieceRead::Absent };
                        self.server.handle_piece(piece, read);
                    }
                    Output::Folder(FolderRequest::List) => {
                        let name = "file".parse().unwrap();
                        let bytes = self.file.len() as u64;
                        self.server.handle_listing(vec![FileEntry { name, bytes }]);
                    }
                    Output::Load(content) => self.server.handle_sheet(content, None),
                    other => unreachable!("{other:?}"),
                }
            }
            if self.server.poll_timeout() != Some(Instant::ZERO) {
                return;
            }
        }
    }

    fn send(
        &mut self,
        bytes: &[u8],
        arrival: impl Fn(Vec<u8>) -> Arrival,
        rate: Option<(u64, u64)>,
    ) {
        let Link { delay, jitter, lost, doubled, .. } = self.link;
        let mut leaves = self.now;
        if let Some((rate, buffer)) = rate {
            let waiting = self.busy_until.saturating_sub(self.now) * rate / SECOND;
            if waiting > buffer {
                self.dropped_full += 1;
                return;
            }
            let takes = (bytes.len() as u64 + OVERHEAD_BYTES) * SECOND / rate;
            self.busy_until = self.busy_until.max(self.now) + takes;
            leaves = self.busy_until;
        }
        if self.rng.random_range(0..1_000) < lost {
            return;
        }
        let copies = if self.rng.random_range(0..1_000) < doubled { 2 } else { 1 };
        for _ in 0..copies {
            let at = leaves + delay + self.rng.random_range(0..=jitter);
            self.arrivals.insert(self.next, arrival(bytes.to_vec()));
            self.queue.push(Reverse((at, self.next)));
            self.next += 1;
        }
    }

    /// The bytes a second of a client that has ended.
    fn goodput(&self, place: usize) -> u64 {
        let (event, at) = self.clients[place].ended.expect("it ended");
        assert_eq!(event, Event::Complete);
        self.file.len() as u64 * SECOND / at
    }
}

#[test]
fn any_size_arrives_whole_over_links_that_lose_double_and_reorder() {
    let sizes = [0, 1, 1_023, 1_024, 1_025, 65_535, 65_536, 65_537, 300_000, 9_000_000];
    for (seed, size) in (0..).zip(sizes) {
        for lost in [0, 100, 300] {
            let link = Link { jitter: 1_000, lost, doubled: lost / 3, ..LAN };
            let mut world = World::new(seed, link, size);
            let client = world.begin(0);
            world.finish();
            let Client { ended, got, .. } = &world.clients[client];
            assert!(matches!(ended, Some((Event::Complete, _))), "{size} {lost} {ended:?}");
            assert!(*got == world.file, "{size} bytes, {lost} of 1,000 lost");
        }
    }
}

#[test]
fn without_loss_no_block_is_sent_twice() {
    let mut world = World::new(1, LAN, 3_000_000);
    world.begin(0);
    world.finish();
    assert_eq!(world.blocks, 3_000_000_u64.div_ceil(BLOCK_BYTES as u64));
}

// spec: R-COOKIE-1
#[test]
fn an_address_that_has_not_proved_itself_gets_no_more_than_it_sent() {
    let mut world = World::new(2, LAN, 1_000_000);
    // Whoever spoofs an address does not receive the answers.
    let client = world.begin(0);
    world.clients[client].is_deaf = true;
    for step in 1..=200 {
        world.run_until(step * 50 * MILLISECOND);
        let (said, heard) = (world.said[client], world.heard[client]);
        assert!(said <= heard, "{said} bytes for {heard}");
    }
    assert!(world.said[client] > 0);
}

// spec: R-COOKIE-3
#[test]
fn who_gets_another_address_goes_on_after_one_round_trip() {
    let link = Link { delay: 10 * MILLISECOND, rate: Some((1_000_000, 60_000)), ..LAN };
    let mut world = World::new(3, link, 3_000_000);
    let client = world.begin(0);
    world.run_until(SECOND);
    assert!(world.clients[client].got.len() > 300_000);
    world.clients[client].address = 9;
    let before = world.clients[client].got.len();
    // One round trip to learn of it, one to prove the new address, and what waits in the queue.
    world.run_until(SECOND + 200 * MILLISECOND);
    assert!(world.clients[client].got.len() > before + 20_000);
    world.finish();
    assert!(world.clients[client].got == world.file);
}

#[test]
fn a_cookie_that_grows_old_costs_a_round_trip_and_nothing_else() {
    let link = Link { delay: 10 * MILLISECOND, rate: Some((100_000, 20_000)), ..LAN };
    let life = u64::try_from(COOKIE_LIFE.as_micros()).unwrap();
    let bytes = usize::try_from(3 * life * 90_000 / SECOND).unwrap();
    let mut world = World::new(4, link, bytes);
    let client = world.begin(0);
    world.finish();
    assert!(world.clients[client].ended.unwrap().1 > 2 * life, "it took longer than cookies live");
    assert!(world.clients[client].got == world.file);
    assert!(world.goodput(client) > 80_000, "{}", world.goodput(client));
}

#[test]
fn a_server_that_starts_again_knows_no_cookie_and_goes_on() {
    let link = Link { delay: 5 * MILLISECOND, rate: Some((1_000_000, 60_000)), ..LAN };
    let mut world = World::new(5, link, 2_000_000);
    let client = world.begin(0);
    world.run_until(SECOND);
    world.is_server_up = false;
    world.run_until(4 * SECOND);
    world.server = server(99, &world.file);
    world.is_server_up = true;
    world.finish();
    assert!(world.clients[client].got == world.file);
    let (_, at) = world.clients[client].ended.unwrap();
    assert!(at < 7 * SECOND, "it took {} ms", at / MILLISECOND);
}

#[test]
fn what_is_here_already_is_not_asked_for_again() {
    let mut world = World::new(6, LAN, 1_000_000);
    let client = world.begin(900);
    world.finish();
    assert!(world.clients[client].got == world.file);
    assert_eq!(world.blocks, 977 - 900);
}

// spec: R-TRANSFER-5
#[test]
fn a_narrow_path_is_filled_and_not_flooded() {
    // 10 Mb/s, a round trip of 40 ms, and room for 50 datagrams: what Wi-Fi in a hall may leave.
    let link = Link { delay: 20 * MILLISECOND, rate: Some((1_250_000, 55_000)), ..LAN };
    let mut world = World::new(7, link, 10_000_000);
    let client = world.begin(0);
    world.finish();
    assert!(world.clients[client].got == world.file);
    let goodput = world.goodput(client);
    assert!(goodput > 1_250_000 * 8 / 10, "{goodput} bytes a second");
    let given = world.blocks;
    assert!(world.dropped_full * 20 < given, "{} of {given} dropped", world.dropped_full);
}

// spec: R-TRANSFER-5
#[test]
fn loss_by_chance_does_not_make_it_slow() {
    for (lost, least) in [(50, 700_000), (100, 600_000), (200, 350_000)] {
        let link = Link { delay: 20 * MILLISECOND, lost, rate: Some((1_250_000, 55_000)), ..LAN };
        let mut world = World::new(8, link, 10_000_000);
        let client = world.begin(0);
        world.finish();
        assert!(world.clients[client].got == world.file);
        let goodput = world.goodput(client);
        assert!(goodput > least, "{lost} of 1,000 lost: {goodput} bytes a second");
    }
}

#[test]
fn downloads_share_a_narrow_path() {
    let link = Link { delay: 20 * MILLISECOND, rate: Some((1_250_000, 100_000)), ..LAN };
    let mut world = World::new(9, link, 100_000_000);
    for _ in 0..4 {
        world.begin(0);
    }
    world.run_until(30 * SECOND);
    let got: Vec<usize> = world.clients.iter().map(|client| client.got.len()).collect();
    let sum: usize = got.iter().sum();
    assert!(sum > 30 * 1_250_000 * 7 / 10, "{got:?}");
    for one in &got {
        assert!(*one * 4 * 4 > sum, "each has a quarter of its share at least: {got:?}");
    }
    assert!(world.dropped_full * 8 < world.blocks, "{} of {}", world.dropped_full, world.blocks);
}

// spec: R-TRANSFER-4
#[test]
fn nobody_is_asked_for_ever() {
    let mut world = World::new(10, LAN, 1_000_000);
    world.is_server_up = false;
    let client = world.begin(0);
    world.finish();
    let (event, at) = world.clients[client].ended.unwrap();
    assert_eq!((event, at), (Event::Unanswered, 30 * SECOND));
    assert!(world.requests <= 65, "{} requests in 30 s", world.requests);
}

#[test]
fn an_object_that_is_gone_ends_it() {
    let link = Link { rate: Some((1_000_000, 60_000)), ..LAN };
    let mut world = World::new(11, link, 1_000_000);
    let client = world.begin(0);
    world.run_until(100 * MILLISECOND);
    let before = world.clients[client].got.len();
    assert!(before > 0 && before < 1_000_000, "{before}");
    world.content = ContentId::of(b"another file by now");
    world.finish();
    assert_eq!(world.clients[client].ended.unwrap().0, Event::Gone);
}

#[test]
fn on_a_short_path_what_is_lost_is_missed_at_once() {
    let mut slowest = 0;
    for seed in 20..40 {
        let mut world = World::new(seed, Link { lost: 200, ..LAN }, 1_000_000);
        world.round_trip = Some(Duration::from_micros(2 * LAN.delay));
        let client = world.begin(0);
        world.finish();
        assert!(world.clients[client].got == world.file);
        slowest = slowest.max(world.clients[client].ended.unwrap().1);
    }
    assert!(slowest < 250 * MILLISECOND, "the slowest took {} ms", slowest / MILLISECOND);
}
