//! The words of who may do what: roles, names of people, invites, the terms of a roll call, the code
//! that is shown in the room, and what is remarked on a mark.
//!
//! As in [`crate::ids`], each is parsed once at the edge and is valid from then on.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE32_NOPAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroize;

use crate::ids::{StudentNumber, is_bytes, is_invisible};
use crate::limits::{INVITE_CODE_BYTES, PERSON_NAME_MAX_BYTES, ROOM_CODE_DIGITS};

/// What a device may do beyond answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Role {
    /// Invites, revokes, gives classes away.
    Admin,
    /// Opens and closes the roll calls of its classes, and reads their sheets.
    Teacher,
}

impl Role {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Teacher => "teacher",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A person's name as an admin wrote it: 1 to 64 bytes of text that can be seen, in one line, without
/// spaces around it. Two people with one name are one person here.
///
/// Stored in place, as a student number is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonName {
    // Bytes past `length` are zero, so that the derived comparison is a comparison of texts.
    bytes: [u8; PERSON_NAME_MAX_BYTES],
    length: u8,
}

/// Why a text is not a person's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAName {
    /// There is nothing to be seen.
    #[error("a name has at least one character")]
    Empty,
    /// There are more than 64 bytes.
    #[error("a name has at most {PERSON_NAME_MAX_BYTES} bytes; letters with accents take two")]
    TooLong,
    /// It has characters that no name has.
    #[error("a name has no characters that cannot be seen, and no two spaces in a row")]
    Character,
}

impl PersonName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let bytes = &self.bytes[..usize::from(self.length)];
        std::str::from_utf8(bytes).expect("a name was made of text")
    }
}

impl FromStr for PersonName {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        if text.is_empty() {
            return Err(NotAName::Empty);
        }
        if text.len() > PERSON_NAME_MAX_BYTES {
            return Err(NotAName::TooLong);
        }
        let is_bare = text.trim() == text && !text.contains("  ");
        let odd = |it: char| is_invisible(it) || (it.is_whitespace() && it != ' ');
        if !is_bare || text.contains(odd) {
            return Err(NotAName::Character);
        }
        let mut bytes = [0; PERSON_NAME_MAX_BYTES];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        let length = u8::try_from(text.len()).expect("bounded by PERSON_NAME_MAX_BYTES");
        Ok(Self { bytes, length })
    }
}

impl fmt::Display for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PersonName({:?})", self.as_str())
    }
}

impl Serialize for PersonName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for PersonName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = PersonName;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a person's name")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<PersonName, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// The secret of an invite: 80 random bits, which whoever knows them may use once. Written as four
/// groups of four letters and digits (RFC 4648 base 32), for people to type.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteCode([u8; INVITE_CODE_BYTES]);

impl InviteCode {
    /// What stands for a code that was used: the journal keeps no secret.
    pub const SPENT: Self = Self([0; INVITE_CODE_BYTES]);

    /// The code with these bytes, which are fresh randomness.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; INVITE_CODE_BYTES]) -> Self {
        Self(bytes)
    }

    /// Under which name the server knows it. Whoever knows the name cannot use the invite.
    #[must_use]
    pub fn id(&self) -> InviteId {
        let hash = Sha256::new().chain_update(b"rollcall/1 invite").chain_update(self.0).finalize();
        InviteId(*hash.first_chunk().expect("32 bytes"))
    }

    /// The code as people write it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let digits = BASE32_NOPAD.encode(&self.0);
        let groups = digits.as_bytes().chunks(4).map(String::from_utf8_lossy);
        groups.collect::<Vec<_>>().join("-")
    }
}

impl Zeroize for InviteCode {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

/// Without the code.
impl fmt::Debug for InviteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteCode(..)")
    }
}

/// Why a text is no invite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an invite is sixteen letters and digits in four groups, as in ABCD-EFGH-IJKL-2345")]
pub struct NotAnInvite;

impl FromStr for InviteCode {
    type Err = NotAnInvite;

    /// Spaces, hyphens and small letters are as good, and so is a digit where only a letter can be meant.
    fn from_str(text: &str) -> Result<Self, NotAnInvite> {
        let digits: String = text
            .chars()
            .filter(|it| !it.is_whitespace() && *it != '-')
            .map(|it| match it.to_ascii_uppercase() {
                '0' => 'O',
                '1' => 'I',
                other => other,
            })
            .collect();
        let bytes = BASE32_NOPAD.decode(digits.as_bytes()).map_err(|_| NotAnInvite)?;
        bytes.try_into().map(Self).map_err(|_| NotAnInvite)
    }
}

/// The name of an invite: the first half of a SHA-256 of its code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InviteId([u8; 16]);

is_bytes!(InviteId, 16);

/// Whom an invite is for, and what it makes of the device that uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Guest {
    /// A device of this person, with this role.
    Staff {
        /// The role.
        role: Role,
        /// The person.
        name: PersonName,
    },
    /// The device of the student with this number.
    Student {
        /// The number.
        student: StudentNumber,
    },
}

impl fmt::Display for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Staff { role, name } => write!(f, "{role} {name}"),
            Self::Student { student } => write!(f, "student {student}"),
        }
    }
}

/// Who may answer a roll call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Who {
    /// Whoever asks, for any number, as on a computer that many use. Plain roll calls know no other.
    #[default]
    Anyone,
    /// Each number from a device of its own. What contradicts that is recorded and remarked.
    Device,
    /// Only the devices that were enrolled for their numbers.
    Enrolled,
}

/// Under which terms a roll call is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Who may answer.
    pub who: Who,
    /// What would be remarked is refused.
    pub strict: bool,
    /// The code that is shown in the room has to be given.
    pub code: bool,
}

impl Terms {
    /// Those of a plain roll call.
    pub const PLAIN: Self = Self { who: Who::Anyone, strict: false, code: false };
    /// Those of a sealed one for which nothing else was asked.
    pub const SEALED: Self = Self { who: Who::Device, strict: false, code: true };
}

/// The code that is shown in the room: six digits.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct RoomCode(u32);

impl RoomCode {
    /// The code with this number.
    #[must_use]
    pub fn new(number: u32) -> Option<Self> {
        (number < 10_u32.pow(ROOM_CODE_DIGITS)).then_some(Self(number))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for RoomCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

/// Without the code: what is logged is read later, but perhaps not late enough.
impl fmt::Debug for RoomCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RoomCode(..)")
    }
}

/// Why a text is no room code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the code is the six digits that are shown in the room")]
pub struct NotARoomCode;

impl From<RoomCode> for u32 {
    fn from(code: RoomCode) -> u32 {
        code.0
    }
}

impl TryFrom<u32> for RoomCode {
    type Error = NotARoomCode;

    fn try_from(number: u32) -> Result<Self, NotARoomCode> {
        Self::new(number).ok_or(NotARoomCode)
    }
}

impl FromStr for RoomCode {
    type Err = NotARoomCode;

    /// Spaces are as good as none: people read digits in groups.
    fn from_str(text: &str) -> Result<Self, NotARoomCode> {
        let digits: String = text.chars().filter(|it| !it.is_whitespace()).collect();
        let is_whole = digits.len() == ROOM_CODE_DIGITS as usize
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_| is_whole).and_then(Self::new).ok_or(NotARoomCode)
    }
}

/// What a teacher should know of a mark, beyond who and when. A set: each is there or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Remarks(u8);

impl Remarks {
    /// Another device has answered for this number too, or used to.
    pub const SECOND_DEVICE: Self = Self(1);
    /// This device has answered for another number too, or used to.
    pub const SEVERAL_NUMBERS: Self = Self(2);
    /// A teacher has marked the student.
    pub const BY_TEACHER: Self = Self(4);
    /// So many wrong codes came for this number, or from its device, that no more were taken.
    pub const MANY_WRONG_CODES: Self = Self(8);
    /// The student was called, and was there.
    pub const CALLED_PRESENT: Self = Self(16);
    /// The student was called, and was not there.
    pub const CALLED_ABSENT: Self = Self(32);

    /// The student was called.
    pub const CALLED: Self = Self(16 | 32);

    /// Each with the word for it in `--json`, logs and the specification.
    pub const NAMES: [(Self, &'static str); 6] = [
        (Self::SECOND_DEVICE, "second_device"),
        (Self::SEVERAL_NUMBERS, "several_numbers"),
        (Self::BY_TEACHER, "by_teacher"),
        (Self::MANY_WRONG_CODES, "many_wrong_codes"),
        (Self::CALLED_PRESENT, "called_present"),
        (Self::CALLED_ABSENT, "called_absent"),
    ];

    /// What makes a teacher look twice: all but that a teacher has marked, and who was called and there.
    pub const SUSPICIOUS: Self = Self(1 | 2 | 8 | 32);

    /// Nothing.
    pub const NONE: Self = Self(0);

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// These and those.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These without those.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether any of those is among these.
    #[must_use]
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The words for them.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |&(it, _)| self.has(it)).map(|(_, name)| name)
    }
}

impl From<Remarks> for u8 {
    fn from(remarks: Remarks) -> u8 {
        remarks.0
    }
}

impl TryFrom<u8> for Remarks {
    type Error = &'static str;

    fn try_from(byte: u8) -> Result<Self, Self::Error> {
        if byte < 1 << Self::NAMES.len() { Ok(Self(byte)) } else { Err("no such remark") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_can_be_seen_in_one_line() {
        let longest = "é".repeat(32);
        for name in ["Ana", "Ana Silva", "João d'Água-Ribeiro", "王小明", &longest] {
            assert_eq!(name.parse::<PersonName>().unwrap().as_str(), name);
        }
        for (name, why) in [
            ("", NotAName::Empty),
            (" Ana", NotAName::Character),
            ("Ana ", NotAName::Character),
            ("Ana  Silva", NotAName::Character),
            ("Ana\tSilva", NotAName::Character),
            ("Ana\u{a0}Silva", NotAName::Character),
            ("Ana\u{202e}", NotAName::Character),
            ("\u{1b}[31m", NotAName::Character),
            (&"é".repeat(33), NotAName::TooLong),
        ] {
            assert_eq!(name.parse::<PersonName>(), Err(why), "{name:?}");
        }
    }

    #[test]
    fn an_invite_is_read_however_it_is_typed() {
        let code = InviteCode::from_bytes(*b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\xff");
        let text = code.to_text();
        assert_eq!(text, "AAAQ-EAYE-AUDA-OCH7");
        let typed = ["aaaq eaye auda och7", "AAAQEAYEAUDAOCH7", "  AAAQ-EAYE-AUDA-0CH7 \n"];
        for typed in typed {
            assert_eq!(typed.parse(), Ok(code), "{typed:?}");
        }
        for wrong in ["", "AAAQ-EAYE-AUDA-OCH", "AAAQ-EAYE-AUDA-OCH77", "AAAQ-EAYE-AUDA-OCH8", "é"]
        {
            assert_eq!(wrong.parse::<InviteCode>(), Err(NotAnInvite), "{wrong:?}");
        }
        assert!(!format!("{code:?}").contains("AAAQ"), "a secret is not shown");
    }

    #[test]
    fn a_room_code_is_six_digits() {
        assert_eq!("012 345".parse(), Ok(RoomCode::new(12_345).unwrap()));
        assert_eq!(RoomCode::new(7).unwrap().to_string(), "000007");
        assert_eq!(RoomCode::new(1_000_000), None);
        for wrong in ["", "12345", "1234567", "12a456", "-12345", "+12345", "１２３４５６"] {
            assert_eq!(wrong.parse::<RoomCode>(), Err(NotARoomCode), "{wrong:?}");
        }
    }

    #[test]
    fn remarks_are_a_set() {
        let both = Remarks::SECOND_DEVICE.and(Remarks::BY_TEACHER);
        assert_eq!(both.names().collect::<Vec<_>>(), ["second_device", "by_teacher"]);
        assert_eq!(both.without(Remarks::BY_TEACHER), Remarks::SECOND_DEVICE);
        assert_eq!(Remarks::try_from(63).map(u8::from), Ok(63));
        assert!(Remarks::try_from(64).is_err());
    }
}
