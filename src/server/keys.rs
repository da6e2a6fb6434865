//! The secrets of a server.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// What a server keeps from those who send to it. Each key is drawn apart, so that none tells anything
/// of the others.
#[derive(Clone, Copy)]
pub struct ServerKeys {
    /// Keys the hashes of the tables, so that nobody can choose names that collide.
    pub(super) tables: u128,
    /// Makes and verifies cookies.
    pub(super) cookies: u128,
    /// Keys the hashes of addresses while the system drops datagrams.
    pub(super) admission: u128,
    /// Makes the secrets of rooms, and draws who is called.
    pub(super) rooms: [u8; 32],
}

impl ServerKeys {
    /// The keys that follow from a seed: secret if that is, and the same again from the same seed.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let mut rng = StdRng::from_seed(seed);
        Self {
            tables: rng.random(),
            cookies: rng.random(),
            admission: rng.random(),
            rooms: rng.random(),
        }
    }
}

/// For runs that can be repeated.
impl From<u128> for ServerKeys {
    fn from(seed: u128) -> Self {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&seed.to_le_bytes());
        Self::from_seed(bytes)
    }
}
