//! Records and snapshot items ↔ the blobs of the journal.
//!
//! ```text
//! ┌────────┬────────────────────────────────────────┬────────┐
//! │ format │ postcard: how many, then one by one    │ CRC-32 │  little-endian, over all bytes before it
//! └────────┴────────────────────────────────────────┴────────┘
//! ```
//!
//! The format is one byte, [`FORMAT`]. Blobs of format 1 have no such byte; the version of their
//! database tells them apart, and they are read in `sqlite/v1`.
//!
//! Laws: what was encoded decodes to the same; whatever is decoded, the answer is values or
//! [`BlobDamaged`], never a panic. The checksum is looked at first, so that nothing is read into
//! bytes that the disk has changed.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::limits::SNAPSHOT_PART_BYTES;
use crate::record::{Record, SnapshotItem};

const CHECKSUM_BYTES: usize = 4;
/// What the types of [`crate::record`] look like as bytes. Another byte means other types.
pub const FORMAT: u8 = 2;

/// Why a blob cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobDamaged {
    /// It is too short to have a checksum.
    #[error("it ends before its checksum")]
    TooShort,
    /// It is not what was written.
    #[error("its checksum does not match")]
    Checksum,
    /// Its checksum is right, but its bytes are of another format than the database says.
    #[error("its checksum matches, but it is of another format")]
    Format,
    /// Its checksum is right, but it does not say what it should.
    #[error("its checksum matches, but it cannot be read")]
    Content,
    /// Bytes follow the last value.
    #[error("its checksum matches, but there are bytes left over")]
    LeftOver,
}

/// The blob of a batch, written into `space` so that its memory is used again.
#[must_use]
pub fn encode_records(records: &[Record], mut space: Vec<u8>) -> Vec<u8> {
    space.clear();
    space.push(FORMAT);
    with_checksum(append(records, space))
}

/// The records of a batch.
///
/// # Errors
/// If the blob is not one that was written here.
pub fn decode_records(blob: &[u8]) -> Result<Vec<Record>, BlobDamaged> {
    values(blob)?.collect()
}

/// The items of a part of a snapshot.
///
/// # Errors
/// If the blob is not one that was written here.
pub fn decode_items(blob: &[u8]) -> Result<Vec<SnapshotItem>, BlobDamaged> {
    values(blob)?.collect()
}

/// The blobs of a snapshot, each a little over [`SNAPSHOT_PART_BYTES`] long but for the last.
#[must_use]
pub fn encode_items(items: impl IntoIterator<Item = SnapshotItem>) -> Vec<Vec<u8>> {
    let mut encoder = ItemEncoder::default();
    let mut blobs: Vec<_> = items.into_iter().filter_map(|item| encoder.push(&item)).collect();
    blobs.extend(encoder.finish());
    blobs
}

/// Encodes the items of a snapshot one by one.
#[derive(Debug, Default)]
pub(super) struct ItemEncoder {
    body: Vec<u8>,
    count: usize,
}

impl ItemEncoder {
    /// Adds an item; gives a blob when enough have been added.
    pub(super) fn push(&mut self, item: &SnapshotItem) -> Option<Vec<u8>> {
        self.body = append(item, std::mem::take(&mut self.body));
        self.count += 1;
        if self.body.len() >= SNAPSHOT_PART_BYTES { self.finish() } else { None }
    }

    /// A blob of what was added since the last one.
    pub(super) fn finish(&mut self) -> Option<Vec<u8>> {
        let count = std::mem::take(&mut self.count);
        if count == 0 {
            return None;
        }
        let mut blob = Vec::with_capacity(self.body.len() + 16);
        blob.push(FORMAT);
        let mut blob = append(&count, blob);
        blob.append(&mut self.body);
        Some(with_checksum(blob))
    }
}

fn append<T: Serialize + ?Sized>(value: &T, space: Vec<u8>) -> Vec<u8> {
    postcard::to_extend(value, space).expect("no record has a value that cannot be written")
}

fn with_checksum(mut body: Vec<u8>) -> Vec<u8> {
    let checksum = crc32fast::hash(&body);
    body.extend_from_slice(&checksum.to_le_bytes());
    body
}

/// Decodes the values of a blob one by one, without a list of all of them in memory.
pub(super) fn values<T: DeserializeOwned>(blob: &[u8]) -> Result<Values<'_, T>, BlobDamaged> {
    match body(blob)?.split_first() {
        Some((&FORMAT, values)) => Values::new(values),
        Some(_) => Err(BlobDamaged::Format),
        None => Err(BlobDamaged::TooShort),
    }
}

/// Iterates over the values of a blob; the last item may be why it cannot be decoded further.
pub(super) struct Values<'a, T> {
    rest: &'a [u8],
    left: u64,
    value: PhantomData<T>,
}

impl<'a, T> Values<'a, T> {
    fn new(body: &'a [u8]) -> Result<Self, BlobDamaged> {
        let (left, rest) = postcard::take_from_bytes(body).map_err(|_| BlobDamaged::Content)?;
        Ok(Self { rest, left, value: PhantomData })
    }

    /// Ends with this error: nothing follows it.
    fn end(&mut self, why: BlobDamaged) -> Result<T, BlobDamaged> {
        (self.rest, self.left) = (&[], 0);
        Err(why)
    }
}

impl<T: DeserializeOwned> Iterator for Values<'_, T> {
    type Item = Result<T, BlobDamaged>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return (!self.rest.is_empty()).then(|| self.end(BlobDamaged::LeftOver));
        }
        match postcard::take_from_bytes(self.rest) {
            Ok((value, rest)) => {
                self.left -= 1;
                self.rest = rest;
                Some(Ok(value))
            }
            Err(_) => Some(self.end(BlobDamaged::Content)),
        }
    }
}

/// What stands before the checksum, if that is right.
fn body(blob: &[u8]) -> Result<&[u8], BlobDamaged> {
    let (body, checksum) =
        blob.split_last_chunk::<CHECKSUM_BYTES>().ok_or(BlobDamaged::TooShort)?;
    let right = crc32fast::hash(body) == u32::from_le_bytes(*checksum);
    if right { Ok(body) } else { Err(BlobDamaged::Checksum) }
}

/// The values of a blob of format 1.
#[cfg(feature = "sqlite")]
pub(super) fn decode_v1<T: DeserializeOwned>(blob: &[u8]) -> Result<Vec<T>, BlobDamaged> {
    Values::new(body(blob)?)?.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::access::{
        Guest, InviteCode, InviteId, PersonName, Remarks, Role, RoomCode, Terms, Who,
    };
    use crate::exchange::{
        Act, Acted, Closed, Joined, Marked, Operation, Outcome, Refusal, Refused, SheetInfo,
    };
    use crate::ids::{
        ClassId, ClientId, ContentId, DeviceId, RequestNumber, RollCallId, RollCallNumber,
        StudentNumber,
    };
    use crate::people::{Invite, PeopleItem, PersonId, Pool, RoomSecret, Staff, Tried};
    use crate::roll::{ClientRecord, Mark, RegisterItem};
    use crate::time::WallTime;

    fn wall() -> impl Strategy<Value = WallTime> {
        (0..=WallTime::MAX.as_millis()).prop_map(WallTime::from_millis)
    }

    fn class() -> impl Strategy<Value = ClassId> {
        (1..=u32::MAX).prop_map(|number| ClassId::new(number).unwrap())
    }

    fn student() -> impl Strategy<Value = StudentNumber> {
        "[!-~]{1,32}".prop_map(|text| text.parse().unwrap())
    }

    fn client() -> impl Strategy<Value = ClientId> {
        any::<[u8; 16]>().prop_map(ClientId::from_bytes)
    }

    fn device() -> impl Strategy<Value = DeviceId> {
        any::<[u8; 16]>().prop_map(DeviceId::from_bytes)
    }

    fn name() -> impl Strategy<Value = PersonName> {
        "[A-Za-zÀ-ÿ]{1,15}( [A-Za-zÀ-ÿ]{1,15})?".prop_map(|text| text.parse().unwrap())
    }

    fn invite_id() -> impl Strategy<Value = InviteId> {
        any::<[u8; 16]>().prop_map(InviteId::from_bytes)
    }

    fn guest() -> impl Strategy<Value = Guest> {
        let role = proptest::sample::select(vec![Role::Admin, Role::Teacher]);
        prop_oneof![
            (role, name()).prop_map(|(role, name)| Guest::Staff { role, name }),
            student().prop_map(|student| Guest::Student { student }),
        ]
    }

    /// Those of a plain roll call too.
    fn terms() -> impl Strategy<Value = Terms> {
        let who = proptest::sample::select(vec![Who::Anyone, Who::Device, Who::Enrolled]);
        (who, any::<bool>(), any::<bool>()).prop_map(|(who, strict, code)| Terms {
            who,
            strict,
            code,
        })
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            (invite_id(), guest()).prop_map(|(invite, guest)| Act::Invite { invite, guest }),
            device().prop_map(|device| Act::Revoke { device }),
            student().prop_map(|student| Act::Release { student }),
            (class(), name()).prop_map(|(class, to)| Act::Give { class, to }),
            (class(), name()).prop_map(|(class, with)| Act::Share { class, with }),
            (class(), student(), any::<bool>()).prop_map(|(class, student, there)| Act::Call {
                class,
                student,
                there
            }),
        ]
    }

    /// As they come back: the code of an invite is not kept.
    fn operation() -> impl Strategy<Value = Operation> {
        let code = (0..1_000_000_u32).prop_map(|number| RoomCode::new(number).unwrap());
        prop_oneof![
            class().prop_map(|class| Operation::Open { class, terms: Terms::PLAIN }),
            (class(), terms()).prop_map(|(class, terms)| Operation::Open { class, terms }),
            class().prop_map(|class| Operation::Close { class }),
            (class(), student(), proptest::option::of(code))
                .prop_map(|(class, student, code)| Operation::Mark { class, student, code }),
            Just(Operation::Join { code: InviteCode::SPENT }),
            act().prop_map(Operation::Act),
        ]
    }

    fn number() -> impl Strategy<Value = RollCallNumber> {
        (1..=u32::MAX).prop_map(|number| RollCallNumber::new(number).unwrap())
    }

    fn sheet_info() -> impl Strategy<Value = SheetInfo> {
        let fields = (class(), number(), wall(), wall(), any::<u32>(), any::<u32>());
        (fields, any::<[u8; 32]>()).prop_map(
            |((class, number, opened_at, closed_at, students, bytes), content)| SheetInfo {
                class,
                number,
                opened_at,
                closed_at,
                students,
                bytes,
                content: ContentId::from_bytes(content),
            },
        )
    }

    fn outcome() -> impl Strategy<Value = Outcome> {
        let reason = || proptest::sample::select(Refusal::ALL.to_vec());
        prop_oneof![
            (class(), any::<u64>(), number(), wall(), any::<bool>()).prop_map(
                |(class, roll_call, number, opened_at, already_open)| Outcome::Opened {
                    class,
                    roll_call: RollCallId::new(roll_call),
                    number,
                    opened_at,
                    already_open,
                }
            ),
            (sheet_info(), any::<bool>()).prop_map(|(sheet, already_closed)| {
                Outcome::Closed(Box::new(Closed { sheet, already_closed }))
            }),
            (class(), wall(), any::<bool>()).prop_map(|(class, at, already_present)| {
                Outcome::Marked(Marked { class, at, already_present })
            }),
            (wall(), reason())
                .prop_map(|(at, reason)| Outcome::MarkRefused(Refused { at, reason })),
            (wall(), reason()).prop_map(|(at, reason)| Outcome::Refused(Refused { at, reason })),
            wall().prop_map(|server_time| Outcome::ClockSkew { server_time }),
            (invite_id(), wall(), guest()).prop_map(|(invite, at, guest)| Outcome::Joined {
                invite,
                joined: Box::new(Joined { at, guest }),
            }),
            (wall(), any::<u32>()).prop_map(|(at, count)| Outcome::Acted(Acted { at, count })),
        ]
    }

    fn client_record() -> impl Strategy<Value = ClientRecord> {
        (client(), wall(), 1..=u64::MAX, any::<u32>(), outcome()).prop_map(
            |(client, started, number, fingerprint, outcome)| ClientRecord {
                client,
                started,
                number: RequestNumber::new(number).unwrap(),
                fingerprint,
                outcome,
            },
        )
    }

    fn record() -> impl Strategy<Value = Record> {
        prop_oneof![
            (wall(), operation(), client_record())
                .prop_map(|(at, operation, client)| Record::Answered { at, operation, client }),
            (wall(), client()).prop_map(|(at, client)| Record::Forgot { at, client }),
            wall().prop_map(|at| Record::TimeDisclosed { at }),
            wall().prop_map(|at| Record::ClockSet { at }),
            (wall(), device(), operation(), client_record()).prop_map(
                |(at, by, operation, client)| Record::AnsweredTo { at, by, operation, client }
            ),
            (class(), secret()).prop_map(|(class, secret)| Record::CodeDrawn { class, secret }),
            (wall(), invite_id(), name(), wall()).prop_map(|(at, invite, name, ends_at)| {
                Record::AdminInvited { at, invite, name, ends_at }
            }),
            Just(Record::Restored),
        ]
    }

    fn secret() -> impl Strategy<Value = RoomSecret> {
        any::<[u8; 20]>().prop_map(RoomSecret::from_bytes)
    }

    fn person() -> impl Strategy<Value = PersonId> {
        // Only the tables count people: here one is read as they are.
        let bytes = |number: &u32| postcard::to_allocvec(number).unwrap();
        any::<u32>().prop_map(move |number| postcard::from_bytes(&bytes(&number)).unwrap())
    }

    fn staff() -> impl Strategy<Value = Staff> {
        (person(), wall(), any::<bool>(), any::<bool>()).prop_map(
            |(person, joined_at, admin, teacher)| Staff { person, joined_at, admin, teacher },
        )
    }

    fn invite() -> impl Strategy<Value = Invite> {
        (guest(), wall(), proptest::option::of(device()))
            .prop_map(|(guest, ends_at, used_by)| Invite { guest, ends_at, used_by })
    }

    fn tried() -> impl Strategy<Value = Tried> {
        prop_oneof![
            student().prop_map(Tried::Own),
            student().prop_map(Tried::Others),
            device().prop_map(Tried::Device),
        ]
    }

    fn people_item() -> impl Strategy<Value = PeopleItem> {
        let remarks = (0..64_u8).prop_map(|byte| Remarks::try_from(byte).unwrap());
        prop_oneof![
            any::<u64>().prop_map(PeopleItem::Acts),
            (person(), name()).prop_map(|(person, name)| PeopleItem::Person { person, name }),
            (device(), staff()).prop_map(|(device, staff)| PeopleItem::Staff { device, staff }),
            device().prop_map(PeopleItem::Revoked),
            (invite_id(), invite()).prop_map(|(invite, it)| PeopleItem::Invite { invite, it }),
            (class(), person()).prop_map(|(class, person)| PeopleItem::Owner { class, person }),
            (class(), person()).prop_map(|(class, person)| PeopleItem::Share { class, person }),
            (student(), device(), any::<bool>()).prop_map(|(student, device, enrolled)| {
                PeopleItem::Bond { student, device, enrolled }
            }),
            (class(), terms(), proptest::option::of(secret()), any::<u32>()).prop_map(
                |(class, terms, secret, wrong_codes)| PeopleItem::Room {
                    class,
                    terms,
                    secret,
                    wrong_codes,
                }
            ),
            (class(), student(), device()).prop_map(|(class, student, device)| {
                PeopleItem::Answer { class, student, device }
            }),
            (class(), student(), remarks).prop_map(|(class, student, remarks)| {
                PeopleItem::Remarks { class, student, remarks }
            }),
            (class(), tried(), any::<u8>()).prop_map(|(class, tried, count)| PeopleItem::Tries {
                class,
                tried,
                count
            }),
        ]
    }

    fn register_item() -> impl Strategy<Value = RegisterItem> {
        let roll_call = || any::<u64>().prop_map(RollCallId::new);
        prop_oneof![
            roll_call().prop_map(RegisterItem::NextRollCall),
            sheet_info().prop_map(RegisterItem::LastSheet),
            (class(), roll_call(), number(), wall()).prop_map(
                |(class, roll_call, number, opened_at)| RegisterItem::Open {
                    class,
                    roll_call,
                    number,
                    opened_at,
                }
            ),
            sheet_info().prop_map(RegisterItem::EarlierSheet),
            (class(), number())
                .prop_map(|(class, number)| RegisterItem::LastNumber { class, number }),
            (class(), roll_call(), number()).prop_map(|(class, roll_call, number)| {
                RegisterItem::Empty { class, roll_call, number }
            }),
            (class(), student(), wall()).prop_map(|(class, student, at)| RegisterItem::Mark {
                class,
                mark: Mark { student, at },
            }),
        ]
    }

    fn item() -> impl Strategy<Value = SnapshotItem> {
        prop_oneof![
            wall().prop_map(SnapshotItem::Latest),
            client_record().prop_map(SnapshotItem::Client),
            register_item().prop_map(SnapshotItem::Register),
            client().prop_map(SnapshotItem::KeptUntilPast),
            people_item().prop_map(SnapshotItem::People),
            (proptest::sample::select(vec![Pool::Staff, Pool::Bound]), client_record())
                .prop_map(|(pool, client)| SnapshotItem::ClientOf { pool, client }),
        ]
    }

    fn parts(items: &[SnapshotItem]) -> Vec<Vec<u8>> {
        encode_items(items.iter().cloned())
    }

    proptest! {
        #[test]
        fn records_come_back(records in proptest::collection::vec(record(), 0..20)) {
            let blob = encode_records(&records, vec![1, 2, 3]);
            prop_assert_eq!(decode_records(&blob), Ok(records));
        }

        #[test]
        fn snapshot_items_come_back(items in proptest::collection::vec(item(), 1..20)) {
            let blobs = parts(&items);
            prop_assert_eq!(blobs.len(), 1);
            prop_assert_eq!(decode_items(&blobs[0]), Ok(items));
        }

        #[test]
        fn any_bytes_are_values_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode_records(&bytes);
            let _ = decode_items(&bytes);
            // The same behind a right checksum, which only a mistake of ours could write.
            let sealed = with_checksum([&[FORMAT][..], &bytes].concat());
            if let Ok(records) = decode_records(&sealed) {
                let again = encode_records(&records, Vec::new());
                prop_assert_eq!(decode_records(&again), Ok(records));
            }
            let _ = decode_items(&sealed);
        }

        #[test]
        fn a_changed_byte_is_noticed(
            records in proptest::collection::vec(record(), 1..5),
            place: proptest::sample::Index,
            change in 1..=u8::MAX,
        ) {
            let mut blob = encode_records(&records, Vec::new());
            *place.get_mut(&mut blob) ^= change;
            prop_assert_eq!(decode_records(&blob), Err(BlobDamaged::Checksum));
        }
    }

    #[test]
    fn each_damage_has_its_name() {
        assert_eq!(decode_records(&[1, 2, 3]), Err(BlobDamaged::TooShort));
        assert_eq!(decode_records(&[0, 0, 0, 0, 1]), Err(BlobDamaged::Checksum));
        let lots = with_checksum(vec![FORMAT, 0xff, 0xff, 0xff, 0xff, 0x0f]);
        assert_eq!(decode_records(&with_checksum(vec![1, 0])), Err(BlobDamaged::Format));
        assert_eq!(decode_records(&with_checksum(vec![])), Err(BlobDamaged::TooShort));
        assert_eq!(decode_records(&lots), Err(BlobDamaged::Content), "it claims 4 billion records");
        assert_eq!(decode_records(&with_checksum(vec![FORMAT, 0, 7])), Err(BlobDamaged::LeftOver));
    }

    #[test]
    fn a_snapshot_is_cut_into_parts_of_bounded_size() {
        let at = WallTime::from_millis(1_700_000_000_000);
        let items = vec![SnapshotItem::Latest(at); 3 * SNAPSHOT_PART_BYTES / 8];
        let blobs = parts(&items);
        assert!(blobs.len() >= 2, "{} parts", blobs.len());
        assert!(blobs.iter().all(|blob| blob.len() < SNAPSHOT_PART_BYTES + 100));
        let back: Vec<_> = blobs.iter().flat_map(|blob| decode_items(blob).unwrap()).collect();
        assert_eq!(back, items);
        assert!(parts(&[]).is_empty());
    }
}
