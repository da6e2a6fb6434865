//! The way back to who asked, with what its answer is sealed with.

use std::fmt;
use std::hash::{Hash, Hasher};

use crate::seal::Sealing;

/// The way back to who asked.
#[derive(Clone)]
pub struct Way<P> {
    /// To which address.
    pub(crate) path: P,
    /// For a request that came sealed.
    pub(crate) sealing: Option<Sealing>,
}

impl<P> Way<P> {
    /// A way for plain answers.
    #[must_use]
    pub fn plain(path: P) -> Self {
        Self { path, sealing: None }
    }
}

/// Only the address: it is what cookies prove and what admission counts.
impl<P: Hash> Hash for Way<P> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.path.hash(state);
    }
}

/// Without the key.
impl<P: fmt::Debug> fmt::Debug for Way<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.sealing.is_some() { "sealed" } else { "plain" };
        write!(f, "{:?} ({how})", self.path)
    }
}
