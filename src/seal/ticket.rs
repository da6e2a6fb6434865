//! Tickets: what a server would have to remember of a device, sealed under a key that only it has, and
//! given to the device to bring along (RFC 8915 6).
//!
//! ```text
//!  key id 4 │ nonce 24 │ seal ( secret 32, device 16, made u64 ms )          100 bytes
//! ```

use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::aead::{self, NONCE_BYTES, TAG_BYTES};
use super::keys::secret;
use crate::ids::DeviceId;
use crate::limits::TICKET_LIFE;
use crate::time::Instant;

/// The bytes of a ticket.
pub(super) const TICKET_BYTES: usize = NONCE_AT + NONCE_BYTES + TEXT_BYTES + TAG_BYTES;
const _: () = assert!(TICKET_BYTES == 100);

const NONCE_AT: usize = 4;
const TEXT_AT: usize = NONCE_AT + NONCE_BYTES;
const TEXT_BYTES: usize = 32 + 16 + 8;
const ASSOCIATED: &[u8; 17] = b"rollcall/1 ticket";

/// The key that tickets are sealed under. It lives in memory only.
#[derive(Clone, ZeroizeOnDrop)]
pub(crate) struct TicketKey {
    id: [u8; 4],
    key: [u8; 32],
}

impl TicketKey {
    fn new(rng: &mut StdRng) -> Self {
        Self { id: rng.random(), key: *secret(rng) }
    }

    /// A ticket for this device, with this secret, made now.
    pub(super) fn ticket(
        &self,
        rng: &mut StdRng,
        secret: &[u8; 32],
        device: DeviceId,
        made: Instant,
    ) -> [u8; TICKET_BYTES] {
        // R-TICKET-1
        let mut ticket = [0; TICKET_BYTES];
        ticket[..NONCE_AT].copy_from_slice(&self.id);
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        ticket[NONCE_AT..TEXT_AT].copy_from_slice(&nonce);
        let (text, tag) = ticket[TEXT_AT..].split_at_mut(TEXT_BYTES);
        text[..32].copy_from_slice(secret);
        text[32..48].copy_from_slice(device.as_bytes());
        text[48..].copy_from_slice(&millis(made).to_le_bytes());
        tag.copy_from_slice(&aead::seal(&self.key, &nonce, &self.associated(), text));
        ticket
    }

    fn open(&self, ticket: &[u8; TICKET_BYTES]) -> Option<Unsealed> {
        let nonce = ticket[NONCE_AT..TEXT_AT].try_into().expect("a nonce");
        let mut text = Zeroizing::new([0; TEXT_BYTES]);
        text.copy_from_slice(&ticket[TEXT_AT..TEXT_AT + TEXT_BYTES]);
        let tag = ticket.last_chunk().expect("a tag");
        if !aead::open(&self.key, nonce, &self.associated(), text.as_mut_slice(), tag) {
            return None;
        }
        let (secret, rest) = text.split_first_chunk().expect("a secret");
        let (device, made) = rest.split_first_chunk().expect("a device");
        let made = u64::from_le_bytes(made.try_into().expect("a time"));
        Some(Unsealed { secret: *secret, device: DeviceId::from_bytes(*device), made_ms: made })
    }

    fn associated(&self) -> [u8; 21] {
        let mut associated = [0; 21];
        associated[..17].copy_from_slice(ASSOCIATED);
        associated[17..].copy_from_slice(&self.id);
        associated
    }
}

/// What is in a ticket.
#[derive(ZeroizeOnDrop)]
pub(crate) struct Unsealed {
    pub(super) secret: [u8; 32],
    #[zeroize(skip)]
    pub(crate) device: DeviceId,
    made_ms: u64,
}

impl Unsealed {
    /// Whether the ticket still lives, by the server's clock that never jumps.
    pub(crate) fn lives(&self, now: Instant) -> bool {
        let age = u128::from(millis(now).saturating_sub(self.made_ms));
        age < TICKET_LIFE.as_millis()
    }

    /// How far the time at which a datagram was sealed, so long after its ticket was made, is from now.
    pub(crate) fn held_back_ms(&self, age_ms: u32, now: Instant) -> u64 {
        self.made_ms.saturating_add(u64::from(age_ms)).abs_diff(millis(now))
    }
}

/// The keys of a server's tickets: the present one, and the one before it until its tickets have ended.
#[derive(Clone)]
pub(crate) struct TicketKeys {
    present: TicketKey,
    before: Option<TicketKey>,
    /// When there is a next one.
    next_at: Instant,
}

impl TicketKeys {
    pub(crate) fn new(rng: &mut StdRng, now: Instant) -> Self {
        let present = TicketKey::new(rng);
        Self { present, before: None, next_at: now.after(TICKET_LIFE) }
    }

    /// The key for a ticket that is made now.
    pub(crate) fn present(&mut self, rng: &mut StdRng, now: Instant) -> &TicketKey {
        self.rotate(rng, now);
        &self.present
    }

    /// Draws the next key when it is time, and wipes the one whose tickets have all ended.
    pub(crate) fn rotate(&mut self, rng: &mut StdRng, now: Instant) {
        // R-TICKET-2
        if now < self.next_at {
            return;
        }
        let next = TicketKey::new(rng);
        let late = now.since(self.next_at) >= TICKET_LIFE;
        let before = std::mem::replace(&mut self.present, next);
        self.before = (!late).then_some(before);
        self.next_at = now.after(TICKET_LIFE);
    }

    /// The key that a ticket names, if it is still there.
    pub(crate) fn of(&self, ticket: &[u8]) -> Option<&TicketKey> {
        let id = ticket.first_chunk::<4>()?;
        [Some(&self.present), self.before.as_ref()].into_iter().flatten().find(|key| key.id == *id)
    }
}

impl TicketKey {
    /// Opens a ticket; `None` if it is none of this key.
    pub(crate) fn unseal(&self, ticket: &[u8]) -> Option<Unsealed> {
        self.open(ticket.try_into().ok()?)
    }
}

fn millis(at: Instant) -> u64 {
    at.as_micros() / 1_000
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    // spec: R-TICKET-1, R-TICKET-2
    #[test]
    fn a_ticket_opens_for_whoever_made_it_as_long_as_it_lives() {
        let mut rng = StdRng::from_seed([1; 32]);
        let hours = |hours: u64| Instant::from_micros(hours * 3_600_000_000);
        let mut keys = TicketKeys::new(&mut rng, hours(0));
        let device = DeviceId::from_bytes([5; 16]);
        let key = keys.present(&mut rng, hours(1)).clone();
        let ticket = key.ticket(&mut rng, &[9; 32], device, hours(1));
        let opened = keys.of(&ticket).unwrap().unseal(&ticket).unwrap();
        assert_eq!((opened.secret, opened.device), ([9; 32], device));
        assert!(opened.lives(hours(2)) && !opened.lives(hours(3)));
        assert_eq!(opened.held_back_ms(60_000, hours(1)), 60_000);

        for place in 0..ticket.len() {
            let mut forged = ticket;
            forged[place] ^= 1;
            let opened = keys.of(&forged).and_then(|key| key.unseal(&forged));
            assert!(opened.is_none(), "byte {place}");
        }
        let others = TicketKeys::new(&mut rng, hours(0));
        assert!(others.of(&ticket).is_none(), "another server");

        keys.rotate(&mut rng, hours(2));
        assert!(keys.of(&ticket).is_some(), "kept until its tickets have ended");
        keys.rotate(&mut rng, hours(4));
        assert!(keys.of(&ticket).is_none());
    }
}
