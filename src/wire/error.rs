//! Why a datagram was not read. These are the peer's or the network's mistakes, never ours.

use crate::stats::Counter;

/// Why a datagram means nothing to us. Nothing was changed by it.
///
/// The order of the variants is the order of the checks: a later one says that all earlier checks
/// passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Rejected {
    /// Shorter than the shortest frame.
    #[error("shorter than a frame")]
    TooShort,
    /// Longer than any datagram of this protocol.
    #[error("longer than 1,200 bytes")]
    TooLong,
    /// It does not begin with our two bytes.
    #[error("another protocol's magic")]
    Magic,
    /// A version that we do not speak. The only rejection that is answered.
    #[error("version {0}")]
    Version(u8),
    /// A datagram about versions itself (version 0). Never answered, or two servers of different
    /// versions would answer each other for ever.
    #[error("about versions")]
    Negotiation,
    /// The checksum does not fit the bytes.
    #[error("damaged: the CRC-32 does not match")]
    Checksum,
    /// A kind of sealed datagrams in a plain frame.
    #[error("sealed")]
    Sealed,
    /// A reply came to a server, or a request to a client, or the kind is nobody's.
    #[error("kind {0:#04x} is not expected here")]
    Kind(u8),
    /// The body is not of its kind's form, or a value in it is out of its range.
    #[error("the body is not of its kind's form")]
    Body,
    /// The body is followed by more bytes.
    #[error("bytes are left over after the body")]
    LeftOver,
    /// The body is right but not in the one form that its values have.
    #[error("not in canonical form")]
    NotCanonical,
    /// The request is shorter than the longest answer to it (no amplification).
    #[error("shorter than its answer may be")]
    RequestTooShort,
}

/// How the server counts it.
impl From<Rejected> for Counter {
    fn from(rejected: Rejected) -> Self {
        match rejected {
            Rejected::TooShort => Self::TooShort,
            Rejected::TooLong => Self::TooLong,
            Rejected::Magic => Self::Magic,
            Rejected::Version(_) => Self::Version,
            Rejected::Negotiation => Self::Negotiation,
            Rejected::Checksum => Self::Checksum,
            Rejected::Sealed => Self::Sealed,
            Rejected::Kind(_) => Self::Kind,
            Rejected::Body => Self::Body,
            Rejected::LeftOver => Self::LeftOver,
            Rejected::NotCanonical => Self::NotCanonical,
            Rejected::RequestTooShort => Self::RequestTooShort,
        }
    }
}
