//! A rate that somebody types: `2MiB` a second, or `unlimited`.

use std::str::FromStr;

use bytesize::ByteSize;

use crate::limits::FILES_RATE_MIN_BYTES;

/// How many bytes a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rate {
    Unlimited,
    BytesPerSecond(u64),
}

/// What was typed is no rate.
#[derive(Debug, thiserror::Error)]
#[error("write a size for each second, e.g. 2MiB (at least {min}), or unlimited",
        min = ByteSize::b(FILES_RATE_MIN_BYTES).display().iec())]
pub(super) struct NotARate;

impl FromStr for Rate {
    type Err = NotARate;

    fn from_str(text: &str) -> Result<Self, NotARate> {
        if text.eq_ignore_ascii_case("unlimited") {
            return Ok(Self::Unlimited);
        }
        let text = text.trim_end_matches("/s");
        match text.parse::<ByteSize>() {
            Ok(size) if size.as_u64() >= FILES_RATE_MIN_BYTES => {
                Ok(Self::BytesPerSecond(size.as_u64()))
            }
            _ => Err(NotARate),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_size_with_its_unit_or_unlimited() {
        let bytes = |text: &str| text.parse::<Rate>().map_err(|error| error.to_string());
        assert_eq!(bytes("2MiB"), Ok(Rate::BytesPerSecond(2 << 20)));
        assert_eq!(bytes("500 KiB/s"), Ok(Rate::BytesPerSecond(500 << 10)));
        assert_eq!(bytes("1000000"), Ok(Rate::BytesPerSecond(1_000_000)));
        assert_eq!(bytes("unlimited"), Ok(Rate::Unlimited));
        for wrong in ["", "fast", "-1MiB", "0", "1KiB", "2MiB/h", "1e99"] {
            let error = bytes(wrong).unwrap_err();
            assert!(error.contains("at least 64.0 KiB"), "{wrong}: {error}");
        }
    }
}
