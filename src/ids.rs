//! The names of things: class, student, client, request, roll call, content, file.
//!
//! Each is parsed once at the edge (a datagram, a command line, a row of the journal) and is valid
//! from then on. Nothing here knows how it is sent or stored.

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits::{FILE_NAME_MAX_BYTES, STUDENT_LENGTH_MAX_BYTES};

/// What bytes are that say nothing by themselves: they come and go as they are, and are shown in
/// hexadecimal digits.
macro_rules! is_bytes {
    ($name:ident, $length:literal) => {
        impl $name {
            /// The one with these bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }

            /// Its bytes.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    };
}
pub(crate) use is_bytes;

/// A class as its school numbers it: 1 to 4,294,967,295.
///
/// Zero is not a class; on the wire it stands for "refused".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClassId(NonZeroU32);

impl ClassId {
    /// The class with this number; `None` for zero.
    #[must_use]
    pub fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    /// The number, never zero.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0.get()
    }

    /// The class with the next number, if there is one.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

impl fmt::Display for ClassId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a text is not a class id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a class is a number from 1 to 4294967295")]
pub struct NotAClass;

impl FromStr for ClassId {
    type Err = NotAClass;

    fn from_str(text: &str) -> Result<Self, NotAClass> {
        // `u32::from_str` takes a leading plus sign; nobody writes a class that way.
        if text.starts_with('+') {
            return Err(NotAClass);
        }
        text.parse().ok().and_then(Self::new).ok_or(NotAClass)
    }
}

/// A student number: text of 1 to 32 printable ASCII characters without spaces, kept as it was
/// written (`042191010` is not `42191010`).
///
/// Stored in place, so that a mark needs no allocation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StudentNumber {
    // Bytes past `length` are zero, so that the derived comparison is a comparison of texts.
    bytes: [u8; STUDENT_LENGTH_MAX_BYTES],
    length: u8,
}

impl StudentNumber {
    /// Before every number: where a search begins.
    pub(crate) const LEAST: Self = Self { bytes: [0; STUDENT_LENGTH_MAX_BYTES], length: 0 };

    /// The number as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).expect("a student number is ASCII")
    }

    /// The number as bytes, 1 to 32 of them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl fmt::Display for StudentNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for StudentNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StudentNumber({})", self.as_str())
    }
}

/// Why a text is not a student number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAStudent {
    /// There is no character at all.
    #[error("a student number has at least one character")]
    Empty,
    /// There are more than 32 bytes.
    #[error("a student number has at most {STUDENT_LENGTH_MAX_BYTES} characters")]
    TooLong,
    /// A space, a control character or anything outside ASCII.
    #[error("a student number is made of letters, digits and signs of ASCII, without spaces")]
    Character,
}

impl FromStr for StudentNumber {
    type Err = NotAStudent;

    fn from_str(text: &str) -> Result<Self, NotAStudent> {
        if text.is_empty() {
            return Err(NotAStudent::Empty);
        }
        // R-VALUE-4
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(NotAStudent::Character);
        }
        if text.len() > STUDENT_LENGTH_MAX_BYTES {
            return Err(NotAStudent::TooLong);
        }
        let mut bytes = [0; STUDENT_LENGTH_MAX_BYTES];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        let length = u8::try_from(text.len()).expect("bounded by STUDENT_LENGTH_MAX_BYTES");
        Ok(Self { bytes, length })
    }
}

impl Serialize for StudentNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for StudentNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = StudentNumber;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a student number")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<StudentNumber, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// Who asks: 128 random bits, drawn by a client for itself and never used by a second one.
///
/// It is the first half of a request's name, and it is also what keeps a stranger who does not see
/// the datagrams from forging an answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientId([u8; 16]);

is_bytes!(ClientId, 16);

/// The how-manieth request of its client, counted from 1: the second half of a request's name.
///
/// Sixty-four bits: at a million requests a second it wraps after half a million years, so nothing
/// here compares numbers modulo anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct RequestNumber(u64);

/// Zero, which no request has as its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("requests are counted from 1")]
pub struct NotARequestNumber;

impl TryFrom<u64> for RequestNumber {
    type Error = NotARequestNumber;

    fn try_from(number: u64) -> Result<Self, NotARequestNumber> {
        Self::new(number).ok_or(NotARequestNumber)
    }
}

impl From<RequestNumber> for u64 {
    fn from(number: RequestNumber) -> u64 {
        number.0
    }
}

impl RequestNumber {
    /// The number of a client's first request.
    pub const FIRST: Self = Self(1);

    /// This number; `None` for zero, which no request has.
    #[must_use]
    pub fn new(number: u64) -> Option<Self> {
        (number != 0).then_some(Self(number))
    }

    /// The number itself.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }

    /// The number after this one; `None` at the end of the numbers.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

/// One roll call, from one opening to its close; counted by the server from 1, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RollCallId(u64);

impl RollCallId {
    /// The first roll call of a journal.
    pub const FIRST: Self = Self(1);

    /// The roll call with this number.
    #[must_use]
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number itself.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }

    /// The one after it. No server counts to the end, but a damaged journal may say that one did:
    /// that is no reason to panic, because the database has no room for such a number and says so.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// The how-manieth act of a journal, counted from 1 without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ActNumber(NonZeroU64);

impl ActNumber {
    /// The number of the first act.
    pub const FIRST: Self = Self(NonZeroU64::MIN);
    /// The highest number: to ask for the acts from the last one on.
    pub const MAX: Self = Self(NonZeroU64::MAX);

    /// This number; `None` for zero, which no act has.
    #[must_use]
    pub fn new(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }

    /// The number itself, never zero.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0.get()
    }

    /// The number after it. As for [`RollCallId::next`], the end is never reached by counting.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number before it, if there is one.
    #[must_use]
    pub fn before(self) -> Option<Self> {
        Self::new(self.get() - 1)
    }
}

impl fmt::Display for ActNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which roll call of its class it is: the class's first roll call is number 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RollCallNumber(NonZeroU32);

impl RollCallNumber {
    /// The number of a class's first roll call.
    pub const FIRST: Self = Self(NonZeroU32::MIN);
    /// The highest number: to ask for the sheets of a class from the last one on.
    pub const MAX: Self = Self(NonZeroU32::MAX);

    /// This number; `None` for zero, which no roll call has.
    #[must_use]
    pub fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    /// The number itself, never zero.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0.get()
    }

    /// The number after it. As for [`RollCallId::next`], the end of the numbers is never reached by
    /// counting, and a damaged journal that claims it must not end in a panic.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Why a text is no number of a roll call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("roll calls of a class are numbered from 1; see them with: rollcall-teacher history CLASS")]
pub struct NotARollCallNumber;

impl FromStr for RollCallNumber {
    type Err = NotARollCallNumber;

    fn from_str(text: &str) -> Result<Self, NotARollCallNumber> {
        text.parse().ok().and_then(Self::new).ok_or(NotARollCallNumber)
    }
}

impl fmt::Display for RollCallNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of an object, a sheet or a file: the SHA-256 (FIPS 180-4) of its bytes.
///
/// Two objects with one name are the same, so what was fetched under a name can be checked against
/// it and never changes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ContentId([u8; 32]);

impl ContentId {
    /// The name of these bytes.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(content).into())
    }
}

is_bytes!(ContentId, 32);

/// What proves to a server that an address is that of who uses it: drawn by the server, sent back by
/// the client. What it is made of is the server's business.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cookie([u8; 16]);

impl Cookie {
    /// What a client sends that was given none yet.
    pub const NONE: Self = Self([0; 16]);
}

is_bytes!(Cookie, 16);

/// A device, by a hash of its public key: all that is kept of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DeviceId([u8; 16]);

is_bytes!(DeviceId, 16);

/// The name of a file that is offered: 1 to 255 bytes of UTF-8 that name one thing in one folder and
/// steer no terminal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileName(String);

impl FileName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Under which a client asks for it: no name ever travels towards a server's disk.
    #[must_use]
    pub fn key(&self) -> FileKey {
        let ContentId(hash) = ContentId::of(self.0.as_bytes());
        FileKey(*hash.first_chunk().expect("32 bytes"))
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<FileName> for String {
    fn from(name: FileName) -> Self {
        name.0
    }
}

/// Why a text is no name of a file that is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAFileName {
    /// It has no characters.
    #[error("a file's name has at least one character")]
    Empty,
    /// It has too many.
    #[error("a file's name has at most {FILE_NAME_MAX_BYTES} bytes")]
    TooLong,
    /// It is hidden, or a folder.
    #[error("a file that is offered does not begin with a dot")]
    Hidden,
    /// It has characters that no offered name has.
    #[error("a file's name has no slashes, and no characters that cannot be seen")]
    Character,
}

impl TryFrom<String> for FileName {
    type Error = NotAFileName;

    fn try_from(name: String) -> Result<Self, NotAFileName> {
        let follows_ascii = |name: &str| {
            let before = std::iter::once('.').chain(name.chars());
            before.zip(name.chars()).any(|(before, it)| before.is_ascii() && is_joiner(it))
        };
        let odd = |it: char| matches!(it, '/' | '\\') || is_invisible(it);
        match name {
            name if name.is_empty() => Err(NotAFileName::Empty),
            name if name.len() > FILE_NAME_MAX_BYTES => Err(NotAFileName::TooLong),
            name if name.starts_with('.') => Err(NotAFileName::Hidden),
            name if name.contains(odd) || follows_ascii(&name) => Err(NotAFileName::Character),
            name => Ok(Self(name)),
        }
    }
}

/// Whether a character steers a terminal, turns the direction of what is read (UAX 9), or cannot be
/// seen, so that two names look like one: control characters, the line and paragraph separators, and
/// what Unicode calls default ignorable, but for what [`is_joiner`] lists.
pub(crate) fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
                | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Whether a character changes how the one before it looks and cannot be seen by itself. Persian,
/// the scripts of India, Mongolian and emoji are written with them; after ASCII they do nothing.
fn is_joiner(character: char) -> bool {
    matches!(
        character,
        '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}'
    )
}

impl FromStr for FileName {
    type Err = NotAFileName;

    fn from_str(name: &str) -> Result<Self, NotAFileName> {
        name.to_owned().try_into()
    }
}

/// What a client asks for in place of a file's name: the first half of the name's SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FileKey([u8; 16]);

is_bytes!(FileKey, 16);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_a_number_from_1_to_4294967295() {
        assert_eq!("1".parse(), Ok(ClassId::new(1).unwrap()));
        assert_eq!("4294967295".parse(), Ok(ClassId::new(u32::MAX).unwrap()));
        for wrong in ["0", "-1", "4294967296", "", " 1", "+1", "1a", "maths", "1.5"] {
            assert_eq!(wrong.parse::<ClassId>(), Err(NotAClass), "{wrong:?}");
        }
    }

    #[test]
    fn a_student_number_keeps_its_leading_zeros() {
        let student: StudentNumber = "042191010".parse().unwrap();
        assert_eq!(student.as_str(), "042191010");
        assert_ne!(student, "42191010".parse().unwrap());
    }

    #[test]
    fn a_student_number_is_1_to_32_printable_characters_without_spaces() {
        assert!("x".repeat(32).parse::<StudentNumber>().is_ok());
        assert!("~!A-9/z".parse::<StudentNumber>().is_ok());
        let wrong = [
            ("", NotAStudent::Empty),
            ("10 20", NotAStudent::Character),
            ("10\t", NotAStudent::Character),
            ("\u{7f}", NotAStudent::Character),
            ("joão", NotAStudent::Character),
        ];
        for (text, error) in wrong {
            assert_eq!(text.parse::<StudentNumber>(), Err(error), "{text:?}");
        }
        assert_eq!("x".repeat(33).parse::<StudentNumber>(), Err(NotAStudent::TooLong));
    }

    #[test]
    fn request_numbers_count_from_1_and_end() {
        assert_eq!(RequestNumber::new(0), None);
        assert_eq!(RequestNumber::FIRST.next(), RequestNumber::new(2));
        assert_eq!(RequestNumber::new(u64::MAX).unwrap().next(), None);
    }

    #[test]
    fn a_files_name_names_one_thing_in_one_folder() {
        let persian = "می\u{200c}خواهم.pdf";
        let emoji = "\u{1f469}\u{200d}\u{1f4bb} \u{2764}\u{fe0f}\u{200d}\u{1f525}";
        for name in [
            "a",
            "notes.pdf",
            "João 3º.txt",
            "a b",
            "-rf",
            "%2e%2e%2f",
            "C:",
            "日本",
            persian,
            emoji,
        ] {
            assert_eq!(name.parse::<FileName>().map(String::from), Ok(name.to_owned()));
        }
        let wrong = [
            ("", NotAFileName::Empty),
            (".", NotAFileName::Hidden),
            ("..", NotAFileName::Hidden),
            (".bashrc", NotAFileName::Hidden),
            ("/etc/passwd", NotAFileName::Character),
            ("a/../b", NotAFileName::Character),
            ("a\\b", NotAFileName::Character),
            ("a\0", NotAFileName::Character),
            ("a\nb", NotAFileName::Character),
            ("\u{1b}[31m", NotAFileName::Character),
            ("fdp\u{202e}.exe", NotAFileName::Character),
            ("notes\u{200d}.pdf", NotAFileName::Character),
            ("\u{fe0f}notes.pdf", NotAFileName::Character),
        ];
        for (name, error) in wrong {
            assert_eq!(name.parse::<FileName>(), Err(error), "{name:?}");
        }
        let invisible = "\u{ad}\u{34f}\u{61c}\u{115f}\u{180e}\u{200b}\u{200e}\u{200f}\u{2028}\u{202a}\u{2060}\
                         \u{2064}\u{2066}\u{2069}\u{206f}\u{3164}\u{feff}\u{fff9}\u{fffb}\u{1d173}\u{e0001}\
                         \u{e007f}";
        for character in invisible.chars() {
            let name = format!("é{character}");
            assert_eq!(name.parse::<FileName>(), Err(NotAFileName::Character), "{character:?}");
        }
        assert!("x".repeat(255).parse::<FileName>().is_ok());
        assert_eq!("é".repeat(128).parse::<FileName>(), Err(NotAFileName::TooLong));
    }
}
