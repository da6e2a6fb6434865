//! `HELLO` and what answers it: the layouts, and Noise IK inside of them.
//!
//! ```text
//!  HELLO    RC 01 7d │ cookie 16 │ first message 96 │ zeros 124 │ mac 16              256 bytes
//!  WELCOME  RC 01 fd │ HELLO[20..36] │ second message 224                            244
//!  RETRY    RC 01 fc │ HELLO[20..36] │ cookie 16 │ CRC-32                             40
//! ```
//!
//! The first message proves the device's key and carries nothing; the second carries the ticket. Nothing
//! happens on a `HELLO` that is counted or remembered, because whoever saw one can send it again.

use blake2::Blake2sMac;
use blake2::digest::Mac as _;
use blake2::digest::consts::U16;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::resolvers::{CryptoResolver, DefaultResolver};
use snow::types::{Cipher, Dh, Hash, Random};
use snow::{Builder, HandshakeState};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::keys::{PublicKey, SecretKey, secret};
use super::ticket::{TICKET_BYTES, TicketKey};
use crate::ids::Cookie;
use crate::limits::TICKET_LIFE;
use crate::time::{Instant, WallTime};
use crate::wire::{Datagram, Kind, checksum_is_right, header, put_checksum};

/// The length of a `HELLO`: no answer to it is longer.
pub(crate) const HELLO_BYTES: usize = 256;
/// The length of a `WELCOME`.
pub(crate) const WELCOME_BYTES: usize = HEADER_BYTES + ECHO_BYTES + NOISE_SECOND_BYTES;
/// The length of a `RETRY`.
const RETRY_BYTES: usize = HEADER_BYTES + ECHO_BYTES + COOKIE_BYTES + 4;
/// The first message of Noise IK: an ephemeral key, the sealed static key, a tag.
pub(crate) const NOISE_FIRST_BYTES: usize = 32 + 48 + 16;
const NOISE_SECOND_BYTES: usize = 32 + PAYLOAD_BYTES + 16;
/// Ticket, secret, the server's time, the life of the ticket, the next key of the service.
const PAYLOAD_BYTES: usize = TICKET_BYTES + 32 + 8 + 4 + 32;

const HEADER_BYTES: usize = 4;
const COOKIE_BYTES: usize = 16;
const ECHO_BYTES: usize = 16;
const MAC_BYTES: usize = 16;
const NOISE_AT: usize = HEADER_BYTES + COOKIE_BYTES;
const ZEROS_AT: usize = NOISE_AT + NOISE_FIRST_BYTES;
const MAC_AT: usize = HELLO_BYTES - MAC_BYTES;
const _: () = assert!(WELCOME_BYTES == 244 && WELCOME_BYTES <= HELLO_BYTES);

const PATTERN: &str = "Noise_IK_25519_ChaChaPoly_BLAKE2s";
const PROLOGUE: &[u8] = b"rollcall/1";

/// A `HELLO` whose form and mac are right.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Hello {
    pub(crate) cookie: Cookie,
    pub(crate) first: [u8; NOISE_FIRST_BYTES],
}

impl Hello {
    /// What its answer says to be one: the beginning of the ephemeral key, drawn anew for each.
    pub(crate) fn echo(&self) -> [u8; ECHO_BYTES] {
        *self.first.first_chunk().expect("longer")
    }

    /// Reads one that is for the service with this key; `None` for anything else.
    pub(crate) fn read(datagram: &[u8], key: &HelloKey) -> Option<Self> {
        // R-HELLO-1, R-HELLO-2
        let datagram: &[u8; HELLO_BYTES] = datagram.try_into().ok()?;
        let mut mac = key.mac();
        mac.update(&datagram[..MAC_AT]);
        mac.verify_slice(&datagram[MAC_AT..]).ok()?;
        if datagram[ZEROS_AT..MAC_AT].iter().any(|&byte| byte != 0) {
            return None;
        }
        let (cookie, rest) = datagram[HEADER_BYTES..].split_first_chunk().expect("a cookie");
        let first = *rest.first_chunk().expect("a first message");
        Some(Self { cookie: Cookie::from_bytes(*cookie), first })
    }

    /// Writes it.
    pub(crate) fn write(&self, key: &HelloKey, datagram: &mut Datagram) {
        let space = datagram.fill(HELLO_BYTES);
        space[..HEADER_BYTES].copy_from_slice(&header(Kind::Hello));
        space[HEADER_BYTES..NOISE_AT].copy_from_slice(self.cookie.as_bytes());
        space[NOISE_AT..ZEROS_AT].copy_from_slice(&self.first);
        space[ZEROS_AT..MAC_AT].fill(0);
        let mut mac = key.mac();
        mac.update(&space[..MAC_AT]);
        space[MAC_AT..].copy_from_slice(&mac.finalize().into_bytes());
    }
}

/// What the mac of a `HELLO` to a service is keyed with: everybody knows it who knows the service's key.
#[derive(Clone)]
pub(crate) struct HelloKey([u8; 32]);

impl HelloKey {
    pub(crate) fn new(server: &PublicKey) -> Self {
        Self(server.hello_key())
    }

    fn mac(&self) -> Blake2sMac<U16> {
        <Blake2sMac<U16>>::new_from_slice(&self.0).expect("a key of 32 bytes")
    }
}

/// `RETRY`: the server is busy; with this cookie the address proves itself.
pub(crate) struct Retry {
    pub(crate) echo: [u8; ECHO_BYTES],
    pub(crate) cookie: Cookie,
}

impl Retry {
    pub(crate) fn write(&self, datagram: &mut Datagram) {
        let space = datagram.fill(RETRY_BYTES);
        space[..HEADER_BYTES].copy_from_slice(&header(Kind::Retry));
        space[HEADER_BYTES..NOISE_AT].copy_from_slice(&self.echo);
        space[NOISE_AT..NOISE_AT + COOKIE_BYTES].copy_from_slice(self.cookie.as_bytes());
        put_checksum(space);
    }

    /// Reads one; `None` for anything else.
    pub(crate) fn read(datagram: &[u8]) -> Option<Self> {
        if datagram.len() != RETRY_BYTES || !checksum_is_right(datagram) {
            return None;
        }
        let (echo, rest) = datagram[HEADER_BYTES..].split_first_chunk().expect("an echo");
        let cookie = Cookie::from_bytes(*rest.first_chunk().expect("a cookie"));
        Some(Self { echo: *echo, cookie })
    }
}

/// A `HELLO` to be answered: the Diffie-Hellman work of it, for a worker. Everything is in it that the
/// answer is made of but the service's key.
pub struct HandshakeJob<P> {
    /// The way that the `HELLO` came.
    pub(crate) path: P,
    pub(crate) hello: Hello,
    pub(crate) ticket_key: TicketKey,
    /// Of which the ephemeral key, the secret and the nonce of the ticket are drawn.
    pub(crate) seed: Zeroizing<[u8; 32]>,
    /// When the ticket is made, by the server's clock that never jumps.
    pub(crate) made: Instant,
    /// The server's time.
    pub(crate) wall: WallTime,
    /// The key that the service will have next, if that is known.
    pub(crate) next: Option<PublicKey>,
}

/// The answer to a `HELLO`.
pub struct Welcomed<P> {
    /// The way back.
    pub(crate) path: P,
    /// `WELCOME`; nothing if the `HELLO` does not open.
    pub(crate) datagram: Option<[u8; WELCOME_BYTES]>,
}

impl<P> HandshakeJob<P> {
    /// Does the work, with the service's secret key.
    #[must_use]
    pub fn answer(self, key: &SecretKey) -> Welcomed<P> {
        let datagram = self.welcome(key);
        Welcomed { path: self.path, datagram }
    }

    fn welcome(&self, key: &SecretKey) -> Option<[u8; WELCOME_BYTES]> {
        let mut rng = StdRng::from_seed(*self.seed);
        // R-WELCOME-1
        let mut noise = Resolver::builder(&mut rng)
            .local_private_key(key.as_bytes())
            .and_then(Builder::build_responder)
            .expect("a key of 32 bytes");
        noise.read_message(&self.hello.first, &mut []).ok()?;
        let device: [u8; 32] = noise.get_remote_static()?.try_into().ok()?;
        let device = PublicKey::from_bytes(device).device();
        let secret = secret(&mut rng);
        let mut payload = Zeroizing::new([0; PAYLOAD_BYTES]);
        let ticket = self.ticket_key.ticket(&mut rng, &secret, device, self.made);
        let next = self.next.map_or([0; 32], |key| *key.as_bytes());
        let life = u32::try_from(TICKET_LIFE.as_millis()).expect("hours");
        let parts: [&[u8]; 5] = [
            &ticket,
            secret.as_slice(),
            &self.wall.as_millis().to_le_bytes(),
            &life.to_le_bytes(),
            &next,
        ];
        let mut at = 0;
        for part in parts {
            payload[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        let mut datagram = [0; WELCOME_BYTES];
        datagram[..HEADER_BYTES].copy_from_slice(&header(Kind::Welcome));
        datagram[HEADER_BYTES..][..ECHO_BYTES].copy_from_slice(&self.hello.echo());
        let second = &mut datagram[HEADER_BYTES + ECHO_BYTES..];
        noise.write_message(payload.as_slice(), second).ok()?;
        Some(datagram)
    }
}

/// What a `WELCOME` gives.
#[derive(ZeroizeOnDrop)]
pub(super) struct Welcome {
    pub(super) ticket: [u8; TICKET_BYTES],
    pub(super) secret: [u8; 32],
    #[zeroize(skip)]
    pub(super) server_time: WallTime,
    pub(super) life_ms: u32,
    #[zeroize(skip)]
    pub(super) next: Option<PublicKey>,
}

/// The client's half of a handshake that was begun.
pub(super) struct Initiation {
    noise: HandshakeState,
    pub(super) hello: Hello,
}

impl Initiation {
    /// Begins one with the service whose key this is, with a fresh ephemeral key.
    pub(super) fn new(rng: &mut StdRng, device: &SecretKey, server: &PublicKey) -> Self {
        let mut noise = Resolver::builder(rng)
            .local_private_key(device.as_bytes())
            .and_then(|it| it.remote_public_key(server.as_bytes()))
            .and_then(Builder::build_initiator)
            .expect("keys of 32 bytes");
        let mut first = [0; NOISE_FIRST_BYTES];
        // A service whose key is of low order gets a `HELLO` that nobody opens.
        let written = noise.write_message(&[], &mut first);
        if written.is_err() {
            first.fill(0);
        }
        Self { noise, hello: Hello { cookie: Cookie::NONE, first } }
    }

    /// Whether the datagram says that it answers this.
    pub(super) fn is_answered_by(&self, datagram: &[u8]) -> bool {
        datagram.get(HEADER_BYTES..NOISE_AT) == Some(self.hello.echo().as_slice())
    }

    /// Opens the `WELCOME`; `None`, and nothing has changed, if it is none that this service sealed for
    /// this.
    pub(super) fn open(&mut self, datagram: &[u8]) -> Option<Welcome> {
        // R-WELCOME-2
        if datagram.len() != WELCOME_BYTES || !self.is_answered_by(datagram) {
            return None;
        }
        let mut payload = Zeroizing::new([0; PAYLOAD_BYTES]);
        let read = self.noise.read_message(&datagram[NOISE_AT..], payload.as_mut_slice()).ok()?;
        if read != PAYLOAD_BYTES {
            return None;
        }
        let (ticket, rest) = payload.split_first_chunk().expect("a ticket");
        let (secret, rest) = rest.split_first_chunk().expect("a secret");
        let (server_time, rest) = rest.split_first_chunk().expect("a time");
        let (life_ms, rest) = rest.split_first_chunk().expect("a life");
        let next: [u8; 32] = rest.try_into().expect("a key");
        Some(Welcome {
            ticket: *ticket,
            secret: *secret,
            server_time: WallTime::from_millis(u64::from_le_bytes(*server_time)),
            life_ms: u32::from_le_bytes(*life_ms),
            next: (next != [0; 32]).then(|| PublicKey::from_bytes(next)),
        })
    }
}

/// Where Noise has its mathematics from: `snow`'s own, but for randomness, which comes from a seed like
/// all of it here, and for X25519, which refuses what gives an all-zero secret (RFC 7748 6.1).
struct Resolver {
    seed: Zeroizing<[u8; 32]>,
}

impl Resolver {
    fn builder<'a>(rng: &mut StdRng) -> Builder<'a> {
        let params = PATTERN.parse().expect("a pattern that Noise knows");
        Builder::with_resolver(params, Box::new(Self { seed: secret(rng) }))
            .prologue(PROLOGUE)
            .expect("once")
    }
}

impl CryptoResolver for Resolver {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Seeded(StdRng::from_seed(*self.seed))))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        let curve = DefaultResolver.resolve_dh(choice)?;
        Some(Box::new(Contributory(curve)))
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        DefaultResolver.resolve_cipher(choice)
    }
}

struct Seeded(StdRng);

impl Random for Seeded {
    fn try_fill_bytes(&mut self, space: &mut [u8]) -> Result<(), snow::Error> {
        self.0.fill_bytes(space);
        Ok(())
    }
}

/// A curve that refuses keys of low order: with one of them everybody knows the shared secret.
struct Contributory(Box<dyn Dh>);

impl Dh for Contributory {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn pub_len(&self) -> usize {
        self.0.pub_len()
    }

    fn priv_len(&self) -> usize {
        self.0.priv_len()
    }

    fn set(&mut self, privkey: &[u8]) {
        self.0.set(privkey);
    }

    fn generate(&mut self, rng: &mut dyn Random) -> Result<(), snow::Error> {
        self.0.generate(rng)
    }

    fn pubkey(&self) -> &[u8] {
        self.0.pubkey()
    }

    fn privkey(&self) -> &[u8] {
        self.0.privkey()
    }

    fn dh(&self, pubkey: &[u8], out: &mut [u8]) -> Result<(), snow::Error> {
        self.0.dh(pubkey, out)?;
        // R-HELLO-6
        let shared = &out[..self.0.pub_len()];
        if shared.iter().fold(0, |all, byte| all | byte) == 0 {
            return Err(snow::Error::Dh);
        }
        Ok(())
    }
}
