//! Cookies that prove a source address: an address is sent no more bytes than it sent, until it returns a
//! cookie that was sent to it.
//!
//! As in RFC 9018, the server is stateless: a cookie is a keyed hash (SipHash-2-4, Aumasson and Bernstein
//! 2012) of the address and the minute. It is accepted in that minute and the next. One secret of the
//! process is the key, so there is nothing to rotate.

use std::hash::{Hash, Hasher as _};

use siphasher::sip128::{Hasher128 as _, SipHasher24};

use crate::ids::Cookie;
use crate::limits::COOKIE_LIFE;
use crate::time::Instant;

/// Generates and verifies cookies.
#[derive(Clone)]
pub(crate) struct CookieKey {
    secret: [u8; 16],
}

impl CookieKey {
    pub(crate) fn new(secret: u128) -> Self {
        Self { secret: secret.to_le_bytes() }
    }

    /// The cookie for this address at this time.
    pub(crate) fn generate(&self, address: &impl Hash, now: Instant) -> Cookie {
        self.generate_in(address, minute(now))
    }

    /// Whether this is a cookie of this address, from this minute or the last.
    pub(crate) fn verify(&self, cookie: Cookie, address: &impl Hash, now: Instant) -> bool {
        let minute = minute(now);
        // R-COOKIE-2
        [Some(minute), minute.checked_sub(1)]
            .into_iter()
            .flatten()
            .any(|minute| self.generate_in(address, minute) == cookie)
    }

    fn generate_in(&self, address: &impl Hash, minute: u64) -> Cookie {
        // R-COOKIE-3
        let mut hasher = SipHasher24::new_with_key(&self.secret);
        hasher.write_u64(minute);
        address.hash(&mut hasher);
        Cookie::from_bytes(hasher.finish128().as_u128().to_le_bytes())
    }
}

fn minute(now: Instant) -> u64 {
    now.as_micros() / u64::try_from(COOKIE_LIFE.as_micros()).expect("a minute")
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: R-COOKIE-2, R-COOKIE-3
    #[test]
    fn a_cookie_belongs_to_an_address_and_lives_for_a_minute_or_two() {
        let key = CookieKey::new(7);
        let at = |seconds: u64| Instant::from_micros(seconds * 1_000_000);
        let cookie = key.generate(&"192.0.2.7:40000", at(65));
        for (address, seconds, known) in [
            ("192.0.2.7:40000", 65, true),
            ("192.0.2.7:40000", 179, true),
            ("192.0.2.7:40000", 180, false),
            ("192.0.2.7:40000", 59, false),
            ("192.0.2.7:40001", 65, false),
            ("192.0.2.8:40000", 65, false),
        ] {
            assert_eq!(key.verify(cookie, &address, at(seconds)), known, "{address} {seconds}");
        }
        assert!(!CookieKey::new(8).verify(cookie, &"192.0.2.7:40000", at(65)), "another server");
        assert!(!key.verify(Cookie::NONE, &"192.0.2.7:40000", at(65)));
        assert_eq!(key.generate(&"192.0.2.7:40000", at(65)), cookie);
    }
}
