//! Version negotiation: the answer to a datagram of a version that is not spoken.

use super::codec::{self, Bytes};
use super::frame::{self, Datagram, VERSION, VERSION_NEGOTIATION};
use super::{Kind, Rejected};
use crate::limits::DATAGRAM_MIN_BYTES;

/// The answer to a datagram of an unknown version: which versions this server speaks. Its form is
/// the same in every version, and it is never answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versions(Vec<u8>);

impl Versions {
    /// The length of the datagram in which this code tells its versions: a request that is shorter
    /// gets no answer.
    pub const ENCODED_BYTES: usize = DATAGRAM_MIN_BYTES + 2;

    /// What this code speaks.
    #[must_use]
    pub fn ours() -> Self {
        Self(vec![VERSION])
    }

    /// The versions, at least one.
    #[must_use]
    pub fn spoken(&self) -> &[u8] {
        &self.0
    }

    /// Reads a datagram about versions.
    ///
    /// # Errors
    /// Why it is none.
    pub fn decode(datagram: &[u8]) -> Result<Self, Rejected> {
        let body = frame::parse_negotiation(datagram, Kind::Versions.byte())?;
        let Bytes(spoken) = codec::read(body, |Bytes(spoken)| !spoken.is_empty())?;
        Ok(Self(spoken.to_vec()))
    }

    /// Writes it.
    pub fn encode(&self, datagram: &mut Datagram) {
        let space = datagram.begin(VERSION_NEGOTIATION, Kind::Versions.byte());
        let length = codec::write(&Bytes(self.spoken()), space);
        datagram.end(length);
    }
}
