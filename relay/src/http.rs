//! What is spoken with pages: one `POST /d` carries one datagram in and at most one out.
//!
//! Everything has a bound: connections, of all and of one address, headers, bodies, their time, and how much
//! an address may send. A room shares one address, so that its bounds are those of a lecture hall.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::http::uri::Authority;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tracing::debug;

use crate::datagram::{self, DATAGRAM_MAX_BYTES};
use crate::lanes::{Lanes, Unanswered};
use crate::page::{self, Page};
use crate::stats::{Counter, Stats};

/// Connections of one address: a lecture hall behind one router, each phone with more than one.
const CONNECTIONS_PER_ADDRESS_MAX: usize = 2_048;
/// Datagrams of one address at once, and in each second after that: three hundred phones that press in one
/// second and ask again.
const BURST_MAX: u32 = 4_000;
const RATE_MAX: u32 = 1_000;
/// Bits of an address of IPv6 that one place has.
const PLACE_BITS: u32 = 64;
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// For a request's head, and between two requests.
const HEAD_MAX: Duration = Duration::from_secs(30);
const BODY_MAX: Duration = Duration::from_secs(5);
const BUFFER_BYTES: usize = 16 * 1_024;
const STREAMS_MAX: u32 = 16;
const PING: Duration = Duration::from_secs(30);

type Limiter = RateLimiter<IpAddr, HashMapStateStore<IpAddr>, DefaultClock>;
type Answer = Response<Full<Bytes>>;

/// What all connections share.
pub(crate) struct Relay {
    pub(crate) lanes: Lanes,
    pub(crate) stats: Stats,
    page: Page,
    limiter: Limiter,
    connections: Mutex<Connections>,
    /// Whether a proxy on this computer tells whom it speaks for.
    behind_proxy: bool,
    is_tls: bool,
}

#[derive(Default)]
struct Connections {
    all: usize,
    most: usize,
    of: HashMap<IpAddr, usize>,
}

/// A connection that is counted as long as this lives.
struct Counted<'a>(&'a Relay, IpAddr);

impl Relay {
    /// For so many connections at most.
    pub(crate) fn new(lanes: Lanes, connections: usize, behind_proxy: bool, is_tls: bool) -> Self {
        let [rate, burst] = [RATE_MAX, BURST_MAX].map(|it| NonZeroU32::new(it).expect("not zero"));
        let limiter = Limiter::hashmap(Quota::per_second(rate).allow_burst(burst));
        let connections = Connections { most: connections, ..Connections::default() };
        let connections = Mutex::new(connections);
        let page = Page::new();
        Self { lanes, stats: Stats::new(), page, limiter, connections, behind_proxy, is_tls }
    }

    /// Forgets what need not be known any more.
    pub(crate) fn tidy(&self) {
        self.lanes.close_idle();
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }

    fn connected(&self, address: IpAddr) -> Option<Counted<'_>> {
        let mut it = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let of_address = it.of.get(&address).copied().unwrap_or(0);
        // A proxy has all of them.
        let most = if self.behind_proxy { it.most } else { CONNECTIONS_PER_ADDRESS_MAX };
        if it.all >= it.most || of_address >= most {
            return None;
        }
        it.all += 1;
        it.of.insert(address, of_address + 1);
        Some(Counted(self, address))
    }

    /// Answers a request.
    async fn answer(&self, peer: IpAddr, request: Request<Incoming>) -> Answer {
        let answer = match (request.uri().path(), request.method()) {
            ("/d", _) => self.carry(peer, request).await,
            (path, &Method::GET | &Method::HEAD) => {
                let file = self.page.get(path, request.headers());
                file.unwrap_or_else(|| {
                    self.stats.count(Counter::Other);
                    said(StatusCode::NOT_FOUND, "there is nothing here")
                })
            }
            _ => {
                self.stats.count(Counter::Other);
                let why = "only datagrams are sent, with POST to /d";
                said(StatusCode::METHOD_NOT_ALLOWED, why)
            }
        };
        self.with_headers(answer)
    }

    fn with_headers(&self, mut answer: Answer) -> Answer {
        let headers: [(HeaderName, &'static str); 5] = [
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::CONTENT_SECURITY_POLICY, page::POLICY),
            (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        ];
        for (name, value) in headers {
            answer.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        let no_store = HeaderValue::from_static("no-store");
        answer.headers_mut().entry(header::CACHE_CONTROL).or_insert(no_store);
        if self.is_tls {
            let value = HeaderValue::from_static("max-age=31536000");
            answer.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, value);
        }
        answer
    }

    /// Takes a datagram and brings its answer.
    async fn carry(&self, peer: IpAddr, request: Request<Incoming>) -> Answer {
        let refused = |counter, status, why| {
            self.stats.count(counter);
            said(status, why)
        };
        // R-RELAY-2
        if request.method() != Method::POST {
            let why = "a datagram is sent with POST";
            let mut answer = refused(Counter::Other, StatusCode::METHOD_NOT_ALLOWED, why);
            answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
            return answer;
        }
        // R-RELAY-6
        if is_foreign(&request) {
            let why = "a page of another origin has sent this";
            return refused(Counter::Foreign, StatusCode::FORBIDDEN, why);
        }
        if !is_octets(&request) {
            let why = "a datagram is sent as application/octet-stream";
            return refused(Counter::Other, StatusCode::UNSUPPORTED_MEDIA_TYPE, why);
        }
        let place = place(self.client(peer, &request));
        // R-RELAY-5
        if let Err(until) = self.limiter.check_key(&place) {
            let wait = until.wait_time_from(DefaultClock::default().now()).as_secs() + 1;
            let why = "this address sends too much";
            let mut answer = refused(Counter::Limited, StatusCode::TOO_MANY_REQUESTS, why);
            answer.headers_mut().insert(header::RETRY_AFTER, wait.into());
            return answer;
        }
        let told_bytes = request.body().size_hint().lower();
        let body = Limited::new(request.into_body(), DATAGRAM_MAX_BYTES);
        let too_long = "a datagram has at most 1,200 bytes";
        if told_bytes > DATAGRAM_MAX_BYTES as u64 {
            return refused(Counter::TooLong, StatusCode::PAYLOAD_TOO_LARGE, too_long);
        }
        let body = match timeout(BODY_MAX, body.collect()).await {
            Err(_) => {
                let why = "the datagram did not come in time";
                return refused(Counter::Slow, StatusCode::REQUEST_TIMEOUT, why);
            }
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
                return refused(Counter::TooLong, StatusCode::PAYLOAD_TOO_LARGE, too_long);
            }
            Ok(Err(_)) => {
                let why = "the datagram did not come whole";
                return refused(Counter::Slow, StatusCode::BAD_REQUEST, why);
            }
            Ok(Ok(body)) => body.to_bytes(),
        };
        let Some(datagram) = datagram::Request::read(&body) else {
            let why = "this is neither a handshake nor a sealed datagram; nothing else is carried";
            return refused(Counter::NotSealed, StatusCode::BAD_REQUEST, why);
        };
        match self.lanes.exchange(datagram).await {
            Ok(answer) => {
                self.stats.count(Counter::Carried);
                let mut answer = Response::new(Full::from(answer));
                let octets = HeaderValue::from_static(OCTETS);
                answer.headers_mut().insert(header::CONTENT_TYPE, octets);
                answer
            }
            Err(Unanswered::Silent) => {
                let why = "the server has not answered";
                refused(Counter::Silent, StatusCode::GATEWAY_TIMEOUT, why)
            }
            Err(Unanswered::NoAddress) => {
                let why = "the server's name has no address";
                refused(Counter::NoAddress, StatusCode::GATEWAY_TIMEOUT, why)
            }
            Err(Unanswered::Busy) => {
                let why = "other datagrams of this device wait";
                refused(Counter::Busy, StatusCode::SERVICE_UNAVAILABLE, why)
            }
            Err(Unanswered::NoPort(error)) => {
                debug!("no port: {error}");
                let why = "this relay has no port left";
                refused(Counter::NoPort, StatusCode::SERVICE_UNAVAILABLE, why)
            }
        }
    }

    /// Who asks. A proxy on this computer writes it behind what its client wrote.
    fn client(&self, peer: IpAddr, request: &Request<Incoming>) -> IpAddr {
        if !self.behind_proxy {
            return peer;
        }
        let told = request.headers().get_all("x-forwarded-for").iter().next_back();
        let told = told.and_then(|it| it.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
        told.unwrap_or(peer)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let mut it = self.0.connections.lock().unwrap_or_else(PoisonError::into_inner);
        it.all -= 1;
        match it.of.get_mut(&self.1) {
            Some(count) if *count > 1 => *count -= 1,
            _ => _ = it.of.remove(&self.1),
        }
    }
}

const OCTETS: &str = "application/octet-stream";

fn said(status: StatusCode, why: &'static str) -> Answer {
    let mut answer = Response::new(Full::from(Bytes::from_static(why.as_bytes())));
    *answer.status_mut() = status;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, text);
    answer
}

/// Whether a browser says that a page of another origin has sent it. What is no browser says nothing.
fn is_foreign(request: &Request<Incoming>) -> bool {
    let text = |name: &str| request.headers().get(name).map(|it| it.to_str().unwrap_or(""));
    let is_cross = text("sec-fetch-site").is_some_and(|it| it != "same-origin");
    let host = text("host").or_else(|| request.uri().authority().map(Authority::as_str));
    let of = |origin: &str| origin.split_once("://").map(|it| it.1) == host;
    is_cross || text("origin").is_some_and(|origin| !of(origin))
}

fn is_octets(request: &Request<Incoming>) -> bool {
    request.headers().get(header::CONTENT_TYPE).is_some_and(|it| it == OCTETS)
}

/// The address by which much is told from little.
fn place(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(it) => {
            let mask = u128::MAX << (128 - PLACE_BITS);
            Ipv6Addr::from_bits(it.to_bits() & mask).into()
        }
        it @ IpAddr::V4(_) => it,
    }
}

/// Takes connections until `ends`; what is under way then is given [`crate::lanes::PATIENCE`] to end.
pub(crate) async fn serve(
    relay: Arc<Relay>,
    listener: TcpListener,
    tls: Option<ServerConfig>,
    mut ends: tokio::sync::watch::Receiver<bool>,
) {
    let tls = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
    let graceful = GracefulShutdown::new();
    loop {
        let taken = tokio::select! {
            taken = listener.accept() => taken,
            _ = ends.wait_for(|it| *it) => break,
        };
        match taken {
            Ok((stream, peer)) => take(&relay, tls.clone(), &graceful, stream, peer),
            Err(error) => {
                // Too many open files, mostly: others have to end first.
                debug!("no connection: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    let _ = timeout(crate::lanes::PATIENCE, graceful.shutdown()).await;
}

fn take(
    relay: &Arc<Relay>,
    tls: Option<TlsAcceptor>,
    graceful: &GracefulShutdown,
    stream: TcpStream,
    peer: SocketAddr,
) {
    relay.stats.count(Counter::Connections);
    let watcher = graceful.watcher();
    let (relay, peer) = (relay.clone(), peer.ip().to_canonical());
    tokio::spawn(async move {
        let Some(_counted) = relay.connected(place(peer)) else {
            relay.stats.count(Counter::TooManyConnections);
            return;
        };
        // A datagram is one small write each way.
        let _ = stream.set_nodelay(true);
        let of_requests = relay.clone();
        let service = service_fn(move |request| {
            let relay = of_requests.clone();
            async move { Ok::<_, Infallible>(relay.answer(peer, request).await) }
        });
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_MAX)
            .max_buf_size(BUFFER_BYTES);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(u32::try_from(BUFFER_BYTES).expect("small"))
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING);
        let ended = match tls {
            None => {
                let served = builder.serve_connection(TokioIo::new(stream), service);
                watcher.watch(served).await
            }
            Some(tls) => {
                let Ok(Ok(stream)) = timeout(HANDSHAKE_MAX, tls.accept(stream)).await else {
                    relay.stats.count(Counter::TlsFailed);
                    return;
                };
                let served = builder.serve_connection(TokioIo::new(stream), service);
                watcher.watch(served).await
            }
        };
        if let Err(error) = ended {
            debug!("a connection ended: {error}");
        }
    });
}
