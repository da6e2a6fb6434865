//! A second server, as naive as the specification allows, that says what every answer must be.
//!
//! It shares no code with the product: it reads requests and writes answers itself, keeps everything
//! in ordered maps, compares bodies instead of checksums, and keeps a copy of its whole state for
//! each batch, so that a crash is going back to a copy. Only what a server may choose is taken from
//! the server and judged instead of predicted: when a client is forgotten, how many roll calls a
//! list has, which cookies it makes, and in which turn it gives which blocks.
//!
//! It judges the servers of `server_ops` and of the simulation (`tests/sim`): they tell it, in the
//! order in which it happens, what a server gets, appends, sends and is told, and it panics with the
//! law that is broken.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use sha2::{Digest as _, Sha256};

use crate::laws::{byte_string, crc32, frame, varint};

/// What the laws of the server speak of.
pub(crate) mod seen {
    crate::premises::premises! {
        UNREADABLE: "a datagram came that no server can read" => "R-READ-3";
        OTHER_VERSION: "a datagram of another version came" => "R-VERSION-1";
        COPY: "a copy of the last request came, durable" => "R-JUDGE-2";
        COPY_AFTER_CRASH: "a copy came of a request from before a crash" => "R-DURABLE-2";
        IN_PROGRESS: "a copy of the last request came, not durable" => "R-JUDGE-3";
        CONFLICT: "another request came under the last number" => "R-JUDGE-4";
        STALE: "an old number came, or one after a gap" => "R-JUDGE-5";
        NEW_CLIENT: "an unknown client's first request came in time" => "R-JUDGE-6";
        BEGIN_AGAIN: "an unknown client's later request came" => "R-JUDGE-7";
        SKEW_BEHIND: "an unknown client's clock was behind" => "R-JUDGE-8";
        SKEW_AHEAD: "an unknown client's clock was ahead" => "R-JUDGE-9";
        AT_THE_EDGE: "an unknown client's clock was exactly a window away" => "R-JUDGE-11";
        TOLD_TIME: "a time was told that the journal did not hold" => "R-TIME-3";
        CLOCK_BACK: "a request came while the clock was behind the server's time" => "R-TIME-1";
        FORGOTTEN: "a client was forgotten" => "R-FORGET-1, R-FORGET-2";
        MET_FORGOTTEN: "a request met a client that was forgotten" => "R-FORGET-3";
        WAITED: "an answer had to wait for a commit" => "R-DURABLE-1";
        LOST: "a crash lost what was not durable" => "R-DURABLE-1";
        OWED: "a crash came while answers were owed" => "R-KIND-2";
        ALREADY_OPEN: "an open class was opened" => "R-ROLL-2";
        ALREADY_PRESENT: "a student who is present was marked" => "R-ROLL-4";
        MARK_REFUSED: "a mark met a class closed before" => "R-ROLL-5";
        CLOSED: "a class with marks was closed" => "R-ROLL-6";
        ALREADY_CLOSED: "a closed class was closed" => "R-ROLL-7";
        NEVER_OPENED: "a class that was never open was closed" => "R-ROLL-8";
        OPENED_AGAIN: "a class was opened again" => "R-SHEET-6";
        MANY_OPEN: "a list of several open roll calls was asked for" => "R-STATUS-1, R-STATUS-2";
        UNPROVED: "a PULL came without a cookie" => "R-COOKIE-1";
        LONE: "a PULL for one block came without a good cookie, as long as its answer" => "R-COOKIE-1";
        STOLEN: "a PULL came with the cookie of another address" => "R-COOKIE-2";
        OLD_COOKIE: "a PULL came with a cookie of the minute before the last" => "R-COOKIE-2";
        LAST_MINUTE: "a PULL came with a cookie of the last minute" => "R-COOKIE-2";
        PROVED: "a PULL came with a cookie that is good" => "R-PULL-2";
        OF_A_SHEET: "a block of a sheet was pulled" => "R-PULL-2";
        OF_A_FILE: "a block of a file was pulled" => "R-PULL-2";
        PAST_THE_END: "a block past the end was pulled" => "R-PULL-4";
        NOT_HERE: "blocks of what is not there were pulled" => "R-PULL-3";
        CHANGED: "the folder changed while an answer about it was owed" => "R-FILES-5";
        LIST_PAST: "a list was asked for from past its end" => "R-FILES-1";
        NO_FILE: "a file that is not there was asked for" => "R-FILES-4";
        NO_DEVICE: "an operation that only a device may ask for came plain" => "R-ACCESS-2, R-ACCESS-4";
        CODE_FOR_NOTHING: "a code came for a roll call that has none" => "R-ACCESS-2";
        TOLD_NOBODY: "a question that not everybody is answered came plain" => "R-ACCESS-5, R-TIME-3";
    }
}

/// What the laws of plans, corrections and rosters speak of.
pub(crate) mod taught {
    crate::premises::premises! {
        CLOSED_BY_ITSELF: "a roll call was closed at its deadline" => "one close, at the deadline";
        CLOSED_FIRST: "a request met a roll call whose deadline had passed" => "one close, at the deadline";
        CLOSED_OVER_CRASH: "a deadline passed that was journaled before a crash" => "one close, at the deadline";
        LATE: "somebody answered late" => "a status is what times and the trail say";
        WALK_IN: "somebody answered who is not on the roster" => "a status is what times and the trail say";
        ABSENT: "a roll call was closed that somebody of the roster had not answered"
            => "a status is what times and the trail say";
        EXTENDED: "an end was moved" => "one close, at the deadline";
        LATE_MOVED: "an end was moved before anybody was late" => "a status is what times and the trail say";
        REOPENED: "a closed roll call was opened again" => "revisions without gaps";
        REOPEN_LATE: "a roll call was to be opened again ten minutes after its close" => "revisions without gaps";
        DELIVERED: "an answer arrived after it was pressed" => "both times";
        DELIVERED_LATE: "an answer arrived too long after it was pressed" => "both times";
        PUNCTUAL_BY_PRESS: "an answer arrived late that was pressed in time" => "both times";
        CORRECTED_OPEN: "an open roll call was corrected" => "a status is what times and the trail say";
        CORRECTED: "a closed roll call was corrected" => "revisions without gaps";
        CORRECTED_SAME: "somebody was corrected to what they are" => "revisions without gaps";
        CORRECTED_ADDED: "a correction put somebody on a closed sheet" => "revisions without gaps";
        CORRECTED_EARLIER: "a roll call before the last one was corrected" => "revisions without gaps";
        UNKNOWN_STUDENT: "somebody was taken back whom nobody knows" => "revisions without gaps";
        TAKEN_BACK: "somebody answered who was taken back" => "a status is what times and the trail say";
        EXCUSED_ANSWERS: "somebody answered who was excused" => "a status is what times and the trail say";
        LOADED: "a closed roll call was read before it was corrected" => "silence while it is read";
        ENROLLED: "a roster was changed" => "the last import wins";
        GOES_ON: "an import went on" => "the last import wins";
        STALE_IMPORT: "an import came that was begun before another" => "the last import wins";
        WATCHED: "an open roll call was watched" => "a status is what times and the trail say";
        REVISIONS: "the revisions of a class were listed, of which a sheet has several" => "revisions without gaps";
        TALLIED: "it was asked how often somebody was there who was expected"
            => "a status is what times and the trail say";
        TALLIED_CORRECTED: "the same of somebody who was corrected"
            => "a status is what times and the trail say";
        OLD_REVISION: "a block of a sheet was pulled of which there is a newer revision" => "a revision never changes";
    }
}

/// Milliseconds that a first request may be away from the server's time (R-JUDGE-11).
const WINDOW_MILLIS: u64 = 900_000;
/// Microseconds of silence after which a client may be forgotten (R-FORGET-1).
const SILENCE_MICROS: u64 = 2 * 900_000_000;
/// The end of the year 9999.
const TIME_MAX_MILLIS: u64 = 253_402_300_799_999;

/// How long a cookie is good at least and at most, in microseconds (R-COOKIE-2).
const COOKIE_MICROS: u64 = 60_000_000;
const BLOCK_BYTES: usize = 1_024;

pub(crate) type ClientName = [u8; 16];
/// The numbers of refusals that plain requests meet although nothing is owned here.
const NOT_AN_ADMIN: u8 = 8;
const NO_DEVICE: u8 = 10;

/// Which address a datagram came from.
pub(crate) type Address = u32;

/// Judges what a server says and appends.
#[derive(Default)]
pub(crate) struct Auditor {
    present: State,
    /// The state after each batch that may still be told or gone back to; batch 0 is the empty state.
    saved: BTreeMap<usize, State>,
    /// Something happened that no batch holds yet.
    unsaved: bool,
    durable: usize,
    /// A snapshot that is being made: after which batch, and the time at its beginning.
    snapshot: Option<(usize, u64)>,
    /// What must still be answered: the request's place and length, and the answer.
    owed: BTreeMap<usize, Owed>,
    handed: usize,
    folder: Folder,
    /// Every cookie that was given since the last start: to whom, and when.
    cookies: BTreeMap<[u8; 16], (Address, u64)>,
    /// What each address sent and got, without what it pulled.
    balance: BTreeMap<Address, (u64, u64)>,
    /// Who was forgotten and is not known again.
    forgotten: BTreeSet<ClientName>,
    /// The batches before the last crash.
    before_crash: usize,
    /// Every roster that was told of: a server may give its bytes, as long as it has them.
    rosters: Vec<Vec<u8>>,
}

/// The folder that is offered: now, and as it was before.
#[derive(Default)]
struct Folder {
    now: Files,
    /// Earlier ones, each with the time at which it ended.
    before: Vec<(u64, Files)>,
    /// The names of contents that the server was told are those of files.
    told: BTreeSet<[u8; 32]>,
}

/// Name and content of each file, in order of name.
pub(crate) type Files = BTreeMap<Vec<u8>, Content>;

#[derive(Clone)]
pub(crate) struct Content {
    pub(crate) bytes: Rc<[u8]>,
    pub(crate) name: [u8; 32],
}

#[derive(Clone, Default)]
struct State {
    /// The server time (R-TIME-1).
    time: u64,
    /// The latest time that the journal holds (R-TIME-2).
    written: u64,
    clients: BTreeMap<ClientName, Client>,
    open: BTreeMap<u32, RollCall>,
    /// The last revisions of the sheets of each class in brief, in order of their numbers.
    histories: BTreeMap<u32, Vec<SheetInfo>>,
    /// Every revision of every sheet of a class.
    revisions: BTreeMap<(u32, u64, u64), SheetInfo>,
    /// What each closed roll call came to, by class and number.
    closed: BTreeMap<(u32, u64), Closed>,
    rosters: BTreeMap<u32, Roster>,
    /// The canonical bytes of every revision of every sheet, in the order in which they were made.
    sheets: Vec<Vec<u8>>,
}

/// Name and group of each student on a roster.
type Listed = BTreeMap<Vec<u8>, (Vec<u8>, Option<Vec<u8>>)>;

#[derive(Clone, Default)]
struct Roster {
    version: u64,
    import: u64,
    students: Listed,
}

/// A closed roll call with all that its sheet says.
#[derive(Clone)]
struct Closed {
    roll_call: RollCall,
    ended_at: u64,
    /// Who was expected, if it has a supplement at all.
    expected: Option<Expected>,
    revision: u64,
}

/// Who was expected at a close; nothing if the class had no roster.
type Expected = Option<Listed>;

#[derive(Clone)]
struct Client {
    started: u64,
    number: u64,
    /// Kind and body without the attempt.
    body: Vec<u8>,
    answer: Vec<u8>,
    /// In which batch this is.
    batch: usize,
    heard_micros: u64,
}

#[derive(Clone)]
struct RollCall {
    number: u64,
    opened_at: u64,
    marks: Vec<(Vec<u8>, u64)>,
    /// Everything else, if there is any of it.
    plan: Option<Agenda>,
}

/// What a roll call has beside its marks.
#[derive(Clone)]
struct Agenda {
    /// The plan as it was sent, and for how many milliseconds an answer may be on its way.
    plan: Vec<u8>,
    delay_ms: u64,
    lessons: u64,
    title: Option<Vec<u8>>,
    closes_at: Option<u64>,
    late_at: Option<u64>,
    /// The revision of its sheet at the last close; 0 if it was not closed yet.
    revision: u64,
    standings: BTreeMap<Vec<u8>, u8>,
    pressed: BTreeMap<Vec<u8>, u64>,
    trail: Vec<Entry>,
}

/// What a trail says: when, what (as it is written), and why. Nobody has a name who asks plainly.
#[derive(Clone)]
struct Entry {
    at: u64,
    change: Vec<u8>,
    reason: Option<Vec<u8>>,
}

#[derive(Clone)]
struct SheetInfo {
    number: u64,
    revision: u64,
    /// When this revision was made.
    at: u64,
    bytes: Vec<u8>,
}

struct Owed {
    from: Address,
    request_bytes: usize,
    /// Not before this batch is durable (R-DURABLE-1).
    after: usize,
    said: Said,
    due: Due,
}

enum Due {
    /// Any of these.
    Answers(Vec<Vec<u8>>),
    /// The sheets of a class, as they were in that batch or are in a later one.
    Sheets {
        class: u32,
        at_most: u64,
        batch: usize,
    },
    /// The revisions of a class, as they were in that batch or are in a later one.
    Revisions {
        class: u32,
        from: (u64, u64),
        batch: usize,
    },
    Tally {
        class: u32,
        student: Vec<u8>,
        batch: usize,
    },
    /// With how many milliseconds the code of the room lasts between these, which nobody looks at here.
    Watched(Vec<u8>, Vec<u8>),
    /// The folder, as it was then or is later.
    List {
        from: usize,
        since: u64,
    },
    File {
        key: Vec<u8>,
        since: u64,
    },
    /// Made at this time.
    Cookie {
        micros: u64,
    },
    /// These blocks, in order, of which none has come if the next is the first.
    Blocks {
        object: [u8; 32],
        blocks: VecDeque<u64>,
        first: bool,
    },
}

/// Who asked, under which number.
#[derive(Clone, Copy)]
struct Said {
    client: ClientName,
    number: u64,
}

impl Auditor {
    pub(crate) fn new() -> Self {
        Self { saved: BTreeMap::from([(0, State::default())]), ..Self::default() }
    }

    /// The place of the next datagram.
    pub(crate) fn place(&self) -> usize {
        self.handed
    }

    /// Notes a datagram that the server gets, and what it owes for it; `loads` says that it has to read a
    /// closed roll call first. Gives its place.
    pub(crate) fn datagram(
        &mut self,
        from: Address,
        micros: u64,
        wall: u64,
        datagram: &[u8],
        loads: bool,
    ) -> usize {
        let place = self.handed;
        self.handed += 1;
        let request_bytes = datagram.len();
        self.balance.entry(from).or_default().0 += request_bytes as u64;
        let (said, due) = match Asked::read(datagram) {
            Reading::Nothing => {
                seen::UNREADABLE.held();
                return place;
            }
            Reading::OtherVersion => {
                seen::OTHER_VERSION.held();
                (Said::NOBODY, Some(Due::Answers(vec![frame(0, 0xff, &[1, 1])])))
            }
            Reading::Asked(asked) if loads => {
                self.loads(wall, &asked);
                (asked.said, None)
            }
            Reading::Asked(asked) => (asked.said, self.asked(from, micros, wall, &asked)),
        };
        if let Some(due) = due {
            // What is pulled was durable before somebody could know its name.
            let after = match due {
                Due::Blocks { .. } => 0,
                _ => self.last_batch() + usize::from(self.unsaved),
            };
            seen::WAITED.held_if(after > self.durable);
            self.owed.insert(place, Owed { from, request_bytes, after, said, due });
        }
        place
    }

    /// The server appends a batch with these sheets.
    pub(crate) fn appended(&mut self, number: u64, sheets: &[Vec<u8>]) {
        assert!(self.unsaved, "a batch, although nothing happened");
        let last = self.last_batch();
        assert_eq!(number, last as u64 + 1, "batches are counted without gaps");
        let before = self.saved[&last].sheets.len();
        assert_eq!(self.present.sheets[before..], *sheets, "the sheets that were closed");
        self.saved.insert(last + 1, self.present.clone());
        self.unsaved = false;
    }

    /// This batch and all before it are durable.
    pub(crate) fn durable(&mut self, batch: u64) {
        self.durable = usize::try_from(batch).expect("few batches");
        // Nothing tells or goes back to what was before, but lists that were asked for then.
        let asked = self.owed.values().filter_map(|owed| match owed.due {
            Due::Sheets { batch, .. } | Due::Revisions { batch, .. } | Due::Tally { batch, .. } => {
                Some(batch)
            }
            _ => None,
        });
        let oldest = asked.min().map_or(self.durable, |asked| asked.min(self.durable));
        self.saved = self.saved.split_off(&oldest);
    }

    fn last_batch(&self) -> usize {
        *self.saved.last_key_value().expect("the durable one at least").0
    }

    /// The server sends an answer.
    pub(crate) fn sent(&mut self, place: usize, answer: &[u8]) {
        let owed = self.owed.remove(&place).expect("an answer that nobody waits for (R-KIND-2)");
        assert!(owed.after <= self.durable, "told before it was durable (R-DURABLE-1)");
        let Owed { from, said, request_bytes, .. } = owed;
        let answers = match owed.due {
            Due::Blocks { object, blocks, first } => {
                let rest = self.pulled(said, object, blocks, first, answer);
                self.owed.extend(rest.map(|due| (place, Owed { due, ..owed })));
                return;
            }
            Due::Cookie { micros } => {
                let cookie = answer.get(answer.len().saturating_sub(20)..answer.len() - 4);
                let cookie = cookie.and_then(|it| it.try_into().ok()).unwrap_or_default();
                self.cookies.insert(cookie, (from, micros / COOKIE_MICROS));
                vec![said.answer(0x96, &cookie)]
            }
            Due::Answers(answers) => answers,
            Due::Watched(before, after) => {
                // The one number between them, whatever it is.
                let head = said.answer(0x9d, &before).len() - 4;
                let left = answer.len().saturating_sub(head + after.len() + 4);
                let left = answer.get(head..head + left.min(3)).unwrap_or_default();
                vec![said.answer(0x9d, &[&before[..], left, &after[..]].concat())]
            }
            Due::Revisions { class, from, batch } => {
                let states = self.saved.range(batch..=self.durable).map(|it| it.1);
                states.map(|it| it.revisions(said, class, from)).collect()
            }
            Due::Tally { class, ref student, batch } => {
                let states = self.saved.range(batch..=self.durable).map(|it| it.1);
                states.map(|it| it.tally(said, class, student)).collect()
            }
            Due::Sheets { class, at_most, batch } => {
                let states = self.saved.range(batch..=self.durable).map(|it| it.1);
                states.map(|it| it.sheets(said, class, at_most, request_bytes)).collect()
            }
            Due::List { from, since } => {
                // A list may be told for a second after it was read.
                seen::CHANGED.held_if(self.folder.since(since).count() > 1);
                seen::LIST_PAST.held_if(from >= self.folder.now.len());
                let folders = self.folder.since(since.saturating_sub(1_000_000));
                folders.map(|files| said.answer(0x93, &page(files, from, request_bytes))).collect()
            }
            Due::File { key, since } => {
                seen::CHANGED.held_if(self.folder.since(since).count() > 1);
                let is_key = |name: &Vec<u8>| Sha256::digest(name)[..16] == key;
                seen::NO_FILE.held_if(!self.folder.now.keys().any(is_key));
                let infos = self.folder.since(since).flat_map(|files| file_infos(files, &key));
                infos.map(|info| said.answer(0x94, &info)).collect()
            }
        };
        assert!(answer.len() <= request_bytes, "longer than its request (R-SIZE-3)");
        let (got, gave) = self.balance.entry(from).or_default();
        *gave += answer.len() as u64;
        assert!(gave <= got, "more than came from there (R-SIZE-5)");
        assert!(
            answers.iter().any(|it| it == answer),
            "another answer than the auditor's: {answer:02x?}\n instead of {answers:02x?}"
        );
    }

    /// A block comes of these; gives what is still owed.
    fn pulled(
        &self,
        said: Said,
        object: [u8; 32],
        mut blocks: VecDeque<u64>,
        first: bool,
        answer: &[u8],
    ) -> Option<Due> {
        let index = blocks.pop_front().expect("no empty ones are owed");
        let pulled = |bytes| said.answer(0x95, &[varint(index), byte_string(bytes)].concat());
        let durable = &self.saved[&self.durable].sheets;
        let sheet = durable.iter().find(|it| Sha256::digest(it)[..] == object[..]);
        let sure = sheet.is_some();
        let roster = || self.rosters.iter().find(|it| Sha256::digest(it)[..] == object[..]);
        let content = sheet.or_else(roster).map(|it| &it[..]);
        let content = content.or_else(|| self.folder.content(object));
        let bytes = content.map_or(&[][..], |content| block_of(content, index));
        // Of a file it may have none of them, and one answer says it all (R-PULL-3).
        if first && !sure && answer == pulled(&[]) {
            seen::NOT_HERE.held();
            return None;
        }
        seen::OF_A_SHEET.held_if(sure && !bytes.is_empty());
        let is_last = |it: &SheetInfo| it.bytes.ends_with(&object);
        let last = self.present.histories.values().flatten().any(is_last);
        taught::OLD_REVISION.held_if(sure && !bytes.is_empty() && !last);
        seen::OF_A_FILE.held_if(!sure && !bytes.is_empty());
        seen::PAST_THE_END.held_if(bytes.is_empty());
        assert_eq!(answer, pulled(bytes), "block {index}, in order (R-PULL-2)");
        // So it does where the object ends before the first.
        if first && bytes.is_empty() {
            return None;
        }
        (!blocks.is_empty()).then_some(Due::Blocks { object, blocks, first: false })
    }

    /// Whether everything that happened is durable.
    pub(crate) fn is_saved(&self) -> bool {
        !self.unsaved && self.last_batch() <= self.durable
    }

    /// Whether blocks are owed that were pulled.
    pub(crate) fn owes_blocks(&self) -> bool {
        self.owed.values().any(|owed| matches!(owed.due, Due::Blocks { .. }))
    }

    /// A file is now this, or is no more.
    pub(crate) fn file_becomes(&mut self, micros: u64, name: &[u8], content: Option<Vec<u8>>) {
        self.folder.before.push((micros, self.folder.now.clone()));
        self.folder.now.remove(name);
        let content = content.map(|bytes| {
            let content = Content { name: Sha256::digest(&bytes).into(), bytes: bytes.into() };
            (name.to_vec(), content)
        });
        self.folder.now.extend(content);
    }

    /// The files that are offered, in order of name.
    pub(crate) fn files(&self) -> &Files {
        &self.folder.now
    }

    /// Whether it was told that before.
    pub(crate) fn knows(&self, content: [u8; 32]) -> bool {
        self.folder.told.contains(&content)
    }

    /// The server is told that this is the content of a file.
    pub(crate) fn tells(&mut self, content: [u8; 32]) {
        self.folder.told.insert(content);
    }

    /// The cookie that an address was given last; or one that anybody was given.
    pub(crate) fn cookie(&self, from: Option<Address>, which: usize) -> Option<[u8; 16]> {
        let all = self.cookies.iter();
        let fitting = all.filter(|(_, (owner, _))| from.is_none_or(|from| from == *owner));
        let mut fitting: Vec<_> = fitting.map(|(cookie, (_, minute))| (minute, cookie)).collect();
        fitting.sort();
        let which = which.checked_rem(fitting.len())?;
        fitting.iter().rev().nth(which).map(|it| *it.1)
    }

    /// Time has passed for the server, which now has this time and knows these clients.
    pub(crate) fn timeout(&mut self, micros: u64, wall: u64, time: u64, known: &[ClientName]) {
        let before = self.present.time;
        assert!(time == before || time == wall.max(before), "R-TIME-1");
        self.present.time = time;
        let over_crash = self.before_crash > 0;
        while let Some(class) = self.present.due(None) {
            taught::CLOSED_OVER_CRASH.held_if(over_crash && self.was_known(class));
            self.present.close_by_itself(class);
            self.unsaved = true;
        }
        let State { clients, written, .. } = &mut self.present;
        let forgotten: Vec<_> =
            clients.keys().filter(|client| !known.contains(client)).copied().collect();
        for client in forgotten {
            seen::FORGOTTEN.held();
            self.forgotten.insert(client);
            let Client { started, heard_micros, .. } = clients.remove(&client).expect("listed");
            assert!(micros.saturating_sub(heard_micros) > SILENCE_MICROS, "R-FORGET-1");
            assert!(started.abs_diff(time) > WINDOW_MILLIS, "R-FORGET-2");
            *written = time;
            self.unsaved = true;
        }
        assert_eq!(clients.len(), known.len(), "a client that nobody ever was");
    }

    /// A snapshot is begun of everything up to the last batch; false if something happened since that,
    /// so that it begins with the next one.
    pub(crate) fn snapshot_begins(&mut self) -> bool {
        if self.unsaved {
            return false;
        }
        self.snapshot = Some((self.last_batch(), self.present.time));
        true
    }

    /// The snapshot is kept as a whole, with the time at which it was begun.
    pub(crate) fn snapshot_is_kept(&mut self) {
        let (batch, time) = self.snapshot.take().expect("it was begun");
        assert!(batch <= self.durable);
        for state in self.saved.range_mut(batch..).map(|it| it.1) {
            state.written = state.written.max(time);
        }
    }

    /// The process dies, and another one starts from what is durable. Its clock starts at zero.
    pub(crate) fn crash(&mut self) {
        seen::LOST.held_if(self.unsaved || self.last_batch() > self.durable);
        seen::OWED.held_if(!self.owed.is_empty());
        self.before_crash = self.durable + 1;
        self.saved.split_off(&(self.durable + 1));
        self.present = self.saved[&self.durable].clone();
        self.present.time = self.present.written;
        for client in self.present.clients.values_mut() {
            client.heard_micros = 0; // R-FORGET-4
        }
        self.unsaved = false;
        self.snapshot = None;
        self.owed.clear();
        self.cookies.clear();
        let now = std::mem::take(&mut self.folder.now);
        self.folder = Folder { now, ..Folder::default() };
    }

    /// Everything is durable and sent: nobody waits any more.
    pub(crate) fn rest(&self) {
        assert!(!self.unsaved, "something happened that was never appended");
        assert!(self.owed.is_empty(), "no answer to {:?}", self.owed.keys());
    }

    /// The number of the last operation of this client, if it is known.
    pub(crate) fn last_number(&self, client: ClientName) -> Option<u64> {
        self.present.clients.get(&client).map(|known| known.number)
    }

    /// When the next roll call closes by itself, by the server's clock.
    pub(crate) fn next_end(&self) -> Option<u64> {
        let plans = self.present.open.values().filter_map(|it| it.plan.as_ref());
        plans.filter_map(|it| it.closes_at).min()
    }

    /// The version of the roster of a class, and the import that made it.
    pub(crate) fn roster(&self, class: u32) -> (u64, u64) {
        self.present.rosters.get(&class).map_or((0, 0), |it| (it.version, it.import))
    }

    /// The names of the sheets that were closed, to be asked for.
    pub(crate) fn sheet(&self, which: usize) -> Option<[u8; 32]> {
        let sheets = &self.present.sheets;
        (!sheets.is_empty()).then(|| Sha256::digest(&sheets[which % sheets.len()]).into())
    }

    /// Whether the roll call that is open was durable before the last crash.
    fn was_known(&self, class: u32) -> bool {
        let open = self.present.open.get(&class).map(|it| it.number);
        let before = self.saved.first_key_value().and_then(|(_, it)| it.open.get(&class));
        open.is_some() && before.map(|it| it.number) == open
    }

    /// What is asked for closes a roll call first whose deadline has passed.
    fn close_first(&mut self, class: Option<u32>) {
        let Some(class) = class else { return };
        if self.present.due(Some(class)).is_some() {
            taught::CLOSED_FIRST.held();
            self.present.close_by_itself(class);
            self.unsaved = true;
        }
    }

    /// The server reads a closed roll call before it looks at this: it must be one that it may not have in
    /// memory, and nothing else comes of it.
    fn loads(&mut self, wall: u64, asked: &Asked) {
        let What::Perform { started, ref operation } = asked.what else {
            panic!("nothing is read for a question");
        };
        self.present.time = self.present.time.max(wall);
        self.close_first(operation.class());
        let state = &self.present;
        let Said { client, number } = asked.said;
        let next = state.clients.get(&client).map_or(1, |it| it.number.saturating_add(1));
        let is_new = !state.clients.contains_key(&client);
        assert_eq!(number, next, "what is not executed needs no roll call");
        assert!(!is_new || started.abs_diff(state.time) <= WINDOW_MILLIS, "nor does this");
        assert!(state.is_about_closed(operation), "nothing has to be read for it");
        taught::LOADED.held();
    }

    fn asked(&mut self, from: Address, micros: u64, wall: u64, asked: &Asked) -> Option<Due> {
        let said = asked.said;
        let answers = match asked.what {
            What::Roster { class } => {
                let bytes = self.present.roster_bytes(class);
                let roster = self.present.rosters.get(&class).cloned().unwrap_or_default();
                let numbers = [varint(class.into()), varint(roster.version)].concat();
                let count = varint(roster.students.len() as u64);
                let length = varint(bytes.len() as u64);
                let name = Sha256::digest(&bytes).to_vec();
                if !self.rosters.contains(&bytes) {
                    self.rosters.push(bytes);
                }
                vec![said.answer(0x9c, &[numbers, count, length, name].concat())]
            }
            What::Watch { class, from } => {
                let state = &mut self.present;
                state.time = wall.max(state.time);
                self.close_first(Some(class));
                if let Some((before, after)) = self.present.watched(class, from) {
                    taught::WATCHED.held();
                    return Some(Due::Watched(before, after));
                }
                let State { time, written, .. } = &mut self.present;
                self.unsaved |= *written < *time;
                *written = (*written).max(*time);
                vec![said.answer(0x84, &[varint(*time), vec![1]].concat())]
            }
            What::Revisions { class, from } => {
                return Some(Due::Revisions { class, from, batch: self.durable });
            }
            What::Tally { class, ref student } => {
                let student = student.clone();
                return Some(Due::Tally { class, student, batch: self.durable });
            }
            What::Status { from } => self.lists(said, from),
            What::Sheets { class, at_most } => {
                return Some(Due::Sheets { class, at_most, batch: self.durable });
            }
            What::Files { from } => return Some(Due::List { from, since: micros }),
            What::File { ref key } => return Some(Due::File { key: key.clone(), since: micros }),
            What::Pull { object, cookie, ref blocks, is_lone } => {
                let minute = micros / COOKIE_MICROS;
                let given = self.cookies.get(&cookie).copied();
                let proved = given.is_some_and(|(owner, made)| {
                    owner == from && (made..=made + 1).contains(&minute)
                });
                seen::STOLEN.held_if(given.is_some_and(|(owner, _)| owner != from));
                seen::OLD_COOKIE.held_if(given == Some((from, minute.wrapping_sub(2))));
                seen::LAST_MINUTE.held_if(given == Some((from, minute.wrapping_sub(1))));
                seen::UNPROVED.held_if(given.is_none() && !is_lone);
                seen::PROVED.held_if(proved);
                seen::LONE.held_if(!proved && is_lone);
                if !proved && !is_lone {
                    return Some(Due::Cookie { micros });
                }
                let blocks = blocks.clone();
                return Some(Due::Blocks { object, blocks, first: true });
            }
            What::OfPeople { reason } => {
                let State { time, written, .. } = &mut self.present;
                seen::TOLD_NOBODY.held();
                *time = wall.max(*time);
                // The time of a refusal is told, so the journal must hold it first (R-TIME-3).
                self.unsaved |= *written < *time;
                *written = (*written).max(*time);
                vec![said.answer(0x84, &[varint(*time), vec![reason]].concat())]
            }
            What::Perform { started, ref operation } => {
                self.judged(micros, wall, asked, started, operation).into_iter().collect()
            }
        };
        (!answers.is_empty()).then_some(Due::Answers(answers))
    }

    /// The table of chapter 10, from top to bottom.
    fn judged(
        &mut self,
        micros: u64,
        wall: u64,
        asked: &Asked,
        started: u64,
        operation: &Operation,
    ) -> Option<Vec<u8>> {
        let Said { client, number } = asked.said;
        seen::CLOCK_BACK.held_if(wall < self.present.time);
        seen::MET_FORGOTTEN.held_if(self.forgotten.contains(&client));
        self.present.time = self.present.time.max(wall);
        self.close_first(operation.class());
        let state = &mut self.present;
        let time = state.time;
        let first_started = match state.clients.get_mut(&client) {
            Some(known) => {
                known.heard_micros = micros;
                if known.number == number {
                    if known.body != asked.body {
                        seen::CONFLICT.held();
                        return Some(asked.said.answer(0xa2, &[0]));
                    }
                    let durable = known.batch <= self.durable;
                    seen::COPY.held_if(durable);
                    seen::IN_PROGRESS.held_if(!durable);
                    seen::COPY_AFTER_CRASH.held_if(known.batch < self.before_crash);
                    return durable.then(|| known.answer.clone());
                }
                if known.number.checked_add(1) != Some(number) {
                    seen::STALE.held();
                    return Some(asked.said.answer(0xa1, &[]));
                }
                known.started
            }
            None if number != 1 => {
                seen::BEGIN_AGAIN.held();
                return Some(asked.said.answer(0xa2, &[0]));
            }
            None => started,
        };
        let new = !state.clients.contains_key(&client);
        let answer = if new && started.abs_diff(time) > WINDOW_MILLIS {
            let answer = asked.said.answer(0xa2, &[vec![1], varint(time)].concat());
            seen::SKEW_BEHIND.held_if(started < time);
            seen::SKEW_AHEAD.held_if(started > time);
            seen::TOLD_TIME.held_if(started < time && state.written < time);
            if started < time {
                // Told, so the journal must hold it first (R-TIME-3).
                self.unsaved |= state.written < time;
                state.written = state.written.max(time);
                return Some(answer);
            }
            answer
        } else {
            seen::NEW_CLIENT.held_if(new);
            seen::AT_THE_EDGE.held_if(new && started.abs_diff(time) == WINDOW_MILLIS);
            state.execute(asked.said, operation)
        };
        self.forgotten.remove(&client);
        state.written = time;
        self.unsaved = true;
        let batch = self.last_batch() + 1;
        let body = asked.body.clone();
        let known = Client {
            started: first_started,
            number,
            body,
            answer: answer.clone(),
            batch,
            heard_micros: micros,
        };
        self.present.clients.insert(client, known);
        Some(answer)
    }

    /// Every list that would do: all of them from `from` on, or the first few and "more".
    fn lists(&self, said: Said, from: u32) -> Vec<Vec<u8>> {
        let open: Vec<_> = self.present.open.range(from..).collect();
        seen::MANY_OPEN.held_if(open.len() > 1);
        let list = |count: usize| {
            let mut body = varint(count as u64);
            for &(class, roll_call) in &open[..count] {
                body.extend(varint((*class).into()));
                body.extend(varint(roll_call.opened_at));
                body.extend(varint(roll_call.marks.len() as u64));
            }
            body.push(u8::from(count < open.len()));
            said.answer(0x91, &body)
        };
        (open.len().min(1)..=open.len()).map(list).collect()
    }
}

impl Folder {
    /// As it is, and as it was from then on.
    fn since(&self, micros: u64) -> impl Iterator<Item = &Files> {
        let before = self.before.iter().filter(move |(ended, _)| *ended >= micros);
        before.map(|(_, files)| files).chain([&self.now])
    }

    /// What has this name, if any file ever had it.
    fn content(&self, name: [u8; 32]) -> Option<&[u8]> {
        let mut all = self.since(0).flat_map(BTreeMap::values);
        all.find(|it| it.name == name).map(|it| &it.bytes[..])
    }
}

/// R-SHEET-3.
fn block_of(bytes: &[u8], index: u64) -> &[u8] {
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    bytes.chunks(BLOCK_BYTES).nth(index).unwrap_or_default()
}

/// The body of a `FILE_LIST`: the files from that place on that fit (R-FILES-1, R-FILES-2).
fn page(files: &Files, from: usize, request_bytes: usize) -> Vec<u8> {
    let mut room = request_bytes - (8 + 16 + 10 + 1 + 5 + 2);
    let mut entries = Vec::new();
    let mut count = 0;
    for (name, content) in files.iter().skip(from) {
        let Some(left) = room.checked_sub(2 + name.len() + 10) else { break };
        room = left;
        count += 1;
        entries.extend([byte_string(name), varint(content.bytes.len() as u64)].concat());
    }
    [vec![1], varint(files.len() as u64), varint(count), entries].concat()
}

/// The bodies of `FILE_INFO` that fit this folder: the file is there, or it is still being read.
fn file_infos(files: &Files, key: &[u8]) -> Vec<Vec<u8>> {
    let found = files.iter().find(|(name, _)| Sha256::digest(name)[..16] == *key);
    let Some((_, content)) = found else { return vec![vec![0]] };
    let bytes = varint(content.bytes.len() as u64);
    let ready = [&[2][..], &bytes, &content.name].concat();
    vec![ready, [&[1, 0][..], &bytes].concat()]
}

impl State {
    /// A `SHEET_LIST` (R-SHEET-6, R-SHEET-8).
    fn sheets(&self, said: Said, class: u32, at_most: u64, request_bytes: usize) -> Vec<u8> {
        let history = self.histories.get(&class).map_or(&[][..], |history| history);
        let asked: Vec<_> = history.iter().rev().filter(|it| it.number <= at_most).collect();
        let room = (request_bytes - 36) / 66;
        let listed = &asked[..asked.len().min(room)];
        let mut body = varint(listed.len() as u64);
        for info in listed {
            body.extend_from_slice(&info.bytes);
        }
        body.push((listed.len() < asked.len()).into());
        said.answer(0x92, &body)
    }

    /// Chapter 11.
    fn execute(&mut self, said: Said, operation: &Operation) -> Vec<u8> {
        let at = self.time;
        match operation {
            Operation::Open(class, plan) => {
                let already = self.open.contains_key(class);
                seen::ALREADY_OPEN.held_if(already);
                seen::OPENED_AGAIN.held_if(!already && self.histories.contains_key(class));
                let number = self.last_number(*class) + 1;
                let plan = plan.as_ref().map(|plan| Agenda::new(plan, at));
                let new = || RollCall { number, opened_at: at, marks: Vec::new(), plan };
                let open = self.open.entry(*class).or_insert_with(new);
                let body = [varint((*class).into()), varint(open.opened_at), vec![already.into()]];
                said.answer(0x81, &body.concat())
            }
            Operation::Extend(class, seconds) => self.extend(said, *class, *seconds),
            Operation::Reopen(class) => self.reopen(said, *class),
            Operation::Correct(class, correction) => self.correct(said, *class, correction),
            Operation::Enrol(class, change) => self.enrol(said, *class, change),
            // A device is needed for all else: plain requests know no terms, no people and no roles.
            Operation::Sealed(_) => {
                seen::NO_DEVICE.held();
                said.answer(0x84, &[varint(at), vec![NO_DEVICE]].concat())
            }
            Operation::Mark(class, student, has_code, delay_ms) => {
                seen::CODE_FOR_NOTHING.held_if(*has_code && self.open.contains_key(class));
                self.mark(said, *class, student, *delay_ms)
            }
            Operation::Close(class) => {
                let open = self.open.remove(class);
                let already = open.is_none();
                seen::ALREADY_CLOSED.held_if(already && self.histories.contains_key(class));
                seen::NEVER_OPENED.held_if(already && !self.histories.contains_key(class));
                if let Some(open) = open {
                    seen::CLOSED.held_if(!open.marks.is_empty());
                    self.close(*class, open, at);
                }
                match self.histories.get(class).and_then(|history| history.last()) {
                    Some(info) => said.answer(0x82, &[&info.bytes[..], &[already.into()]].concat()),
                    None => said.answer(0x84, &[varint(at), vec![2]].concat()),
                }
            }
        }
    }
}

/// Plans, corrections and rosters.
impl State {
    /// The number of the last roll call of a class, closed or not.
    fn last_number(&self, class: u32) -> u64 {
        let open = self.open.get(&class).map_or(0, |it| it.number);
        let closed = self.histories.get(&class).and_then(|it| it.last()).map_or(0, |it| it.number);
        open.max(closed)
    }

    /// The class whose roll call is to be closed by now, of all of them or of this one.
    fn due(&self, of: Option<u32>) -> Option<u32> {
        let ends = self.open.iter().filter(|(class, _)| of.is_none_or(|of| of == **class));
        let ends = ends.filter_map(|(class, it)| Some((it.plan.as_ref()?.closes_at?, *class)));
        ends.min().filter(|it| it.0 <= self.time).map(|it| it.1)
    }

    /// The deadline has passed: it is closed at the deadline, whatever time it is now.
    fn close_by_itself(&mut self, class: u32) {
        taught::CLOSED_BY_ITSELF.held();
        let open = self.open.remove(&class).expect("it is open");
        let closes_at = open.plan.as_ref().and_then(|it| it.closes_at).expect("it has an end");
        self.written = self.written.max(closes_at);
        self.close(class, open, closes_at);
    }

    fn close(&mut self, class: u32, roll_call: RollCall, closed_at: u64) {
        let roster = self.rosters.get(&class).map(|it| &it.students).filter(|it| !it.is_empty());
        let revision = roll_call.plan.as_ref().map_or(0, |it| it.revision) + 1;
        let has_marked = |student: &Vec<u8>| roll_call.marks.iter().any(|mark| mark.0 == *student);
        taught::ABSENT.held_if(roster.is_some_and(|it| !it.keys().all(has_marked)));
        let is_more = roster.is_some() || roll_call.plan.is_some();
        let expected = is_more.then(|| roster.cloned());
        self.keep(class, Closed { roll_call, ended_at: closed_at, expected, revision });
    }

    /// A revision is made, in place of the one before as the last one.
    fn keep(&mut self, class: u32, closed: Closed) {
        let sheet = closed.sheet(class);
        let info = closed.info(class, &sheet);
        let number = info.number;
        let before = self.revisions.range((class, number, 0)..=(class, number, u64::MAX));
        assert_eq!(before.count() as u64 + 1, info.revision, "revisions without gaps");
        let history = self.histories.entry(class).or_default();
        match history.iter_mut().find(|it| it.number == number) {
            Some(last) => *last = info.clone(),
            None => history.push(info.clone()),
        }
        self.revisions.insert((class, number, info.revision), info);
        self.closed.insert((class, number), closed);
        self.sheets.push(sheet);
    }

    /// Whether it changes a closed roll call, if nothing stands in its way.
    fn is_about_closed(&self, operation: &Operation) -> bool {
        match operation {
            Operation::Reopen(class) => {
                !self.open.contains_key(class) && self.histories.contains_key(class)
            }
            Operation::Correct(class, correction) => {
                let number = self.number_of(*class, correction);
                let is_open = self.open.get(class).map(|it| it.number) == number;
                number.is_some_and(|number| self.closed.contains_key(&(*class, number))) && !is_open
            }
            _ => false,
        }
    }

    /// Which roll call is corrected: the one that is named, the open one, or the last one.
    fn number_of(&self, class: u32, correction: &Correction) -> Option<u64> {
        let open = self.open.get(&class).map(|it| it.number);
        let last = self.histories.get(&class).and_then(|it| it.last()).map(|it| it.number);
        correction.number.or(open).or(last)
    }

    fn refused(&self, said: Said, reason: u8) -> Vec<u8> {
        said.answer(0x84, &[varint(self.time), vec![reason]].concat())
    }

    fn mark(&mut self, said: Said, class: u32, student: &[u8], delay: Option<u64>) -> Vec<u8> {
        let at = self.time;
        let refused =
            |reason: u8| said.answer(0x83, &[vec![0], varint(at), vec![16 + reason]].concat());
        let roster = self.rosters.get(&class).map(|it| &it.students).filter(|it| !it.is_empty());
        let unlisted = roster.is_some_and(|it| !it.contains_key(student));
        let Some(open) = self.open.get_mut(&class) else {
            seen::MARK_REFUSED.held_if(self.histories.contains_key(&class));
            return refused(NOT_OPEN);
        };
        let first = open.marks.iter().find(|mark| mark.0 == student).map(|mark| mark.1);
        // Only of who is not on the roll call (R-DELAY-1, R-DELAY-2).
        if let Some(delay) = delay
            && first.is_none()
        {
            let most = open.plan.as_ref().map_or(600_000, |it| it.delay_ms);
            if delay > most || open.opened_at + delay > at {
                taught::DELIVERED_LATE.held();
                return refused(TOO_LATE);
            }
        }
        let standing = open.plan.as_ref().and_then(|it| it.standings.get(student).copied());
        // An answer is taken back by making its student excused, absent or left (R-CORRECT-4).
        if first.is_some() && matches!(standing, Some(EXCUSED | ABSENT | LEFT)) {
            taught::TAKEN_BACK.held();
            return refused(TAKEN_BACK);
        }
        seen::ALREADY_PRESENT.held_if(first.is_some());
        let told = |at: u64, standing: u8| {
            said.answer(0x83, &[varint(class.into()), varint(at), vec![standing]].concat())
        };
        if let Some(first) = first {
            return told(first, 1);
        }
        open.marks.push((student.to_vec(), at));
        let pressed_at = delay.map(|delay| at - delay);
        taught::EXCUSED_ANSWERS.held_if(standing == Some(EXCUSED));
        taught::DELIVERED.held_if(delay.is_some_and(|it| it > 0));
        let is_late = |at| open.plan.as_ref().and_then(|it| it.late_at).is_some_and(|it| at >= it);
        let late = is_late(pressed_at.unwrap_or(at));
        taught::PUNCTUAL_BY_PRESS.held_if(!late && is_late(at));
        taught::LATE.held_if(late);
        taught::WALK_IN.held_if(unlisted);
        if pressed_at.is_some() {
            open.agenda();
        }
        if let Some(plan) = &mut open.plan {
            plan.standings.remove(student);
            plan.pressed.extend(pressed_at.map(|it| (student.to_vec(), it)));
        }
        told(at, [0, 2, 3, 4][usize::from(late) + 2 * usize::from(unlisted)])
    }

    fn extend(&mut self, said: Said, class: u32, seconds: u64) -> Vec<u8> {
        let at = self.time;
        let Some(open) = self.open.get_mut(&class) else { return self.refused(said, NOT_OPEN) };
        let plan = open.agenda();
        let from = plan.closes_at.unwrap_or(at);
        let closes_at = from + 1_000 * seconds;
        taught::EXTENDED.held();
        if let Some(late_at) = &mut plan.late_at
            && *late_at > at
        {
            taught::LATE_MOVED.held();
            *late_at += 1_000 * seconds;
        }
        plan.closes_at = Some(closes_at);
        let change = [vec![1], varint(closes_at)].concat();
        plan.trail.push(Entry { at, change, reason: None });
        said.answer(0x87, &[varint(at), varint(class.into()), varint(closes_at)].concat())
    }

    fn reopen(&mut self, said: Said, class: u32) -> Vec<u8> {
        let at = self.time;
        let opened = |opened_at: u64, already: u8| {
            said.answer(0x81, &[varint(class.into()), varint(opened_at), vec![already]].concat())
        };
        if let Some(open) = self.open.get(&class) {
            return opened(open.opened_at, 1);
        }
        let Some(last) = self.histories.get(&class).and_then(|it| it.last()) else {
            return self.refused(said, NEVER_OPENED);
        };
        let closed = self.closed[&(class, last.number)].clone();
        if at.abs_diff(closed.ended_at) > 600_000 {
            taught::REOPEN_LATE.held();
            return self.refused(said, REOPEN_TOO_LATE);
        }
        taught::REOPENED.held();
        let Closed { mut roll_call, revision, .. } = closed;
        let plan = roll_call.agenda();
        (plan.closes_at, plan.revision) = (None, revision);
        plan.trail.push(Entry { at, change: vec![2], reason: None });
        let opened_at = roll_call.opened_at;
        self.open.insert(class, roll_call);
        opened(opened_at, 0)
    }

    fn correct(&mut self, said: Said, class: u32, correction: &Correction) -> Vec<u8> {
        let at = self.time;
        let Correction { student, status, reason, .. } = correction;
        let Some(number) = self.number_of(class, correction) else {
            return self.refused(said, NEVER_OPENED);
        };
        let roster =
            self.rosters.get(&class).map(|it| it.students.clone()).filter(|it| !it.is_empty());
        let is_open = self.open.get(&class).is_some_and(|it| it.number == number);
        let (mut roll_call, expected) = if is_open {
            (self.open[&class].clone(), roster)
        } else {
            let Some(closed) = self.closed.get(&(class, number)) else {
                return self.refused(said, NO_SUCH_ROLL_CALL);
            };
            (closed.roll_call.clone(), closed.expected.clone().flatten())
        };
        let was = roll_call.status(student, expected.as_ref());
        if was.is_none() && !matches!(*status, PRESENT | LATE) {
            taught::UNKNOWN_STUDENT.held();
            return self.refused(said, UNKNOWN_STUDENT);
        }
        let revision = if is_open { 0 } else { self.closed[&(class, number)].revision };
        let corrected = |revision: u64| {
            let was = was.map_or(vec![0], |was| vec![1, was]);
            let numbers = [at, class.into(), number, revision].into_iter().flat_map(varint);
            said.answer(0x88, &[numbers.collect(), was].concat())
        };
        if was == Some(*status) {
            taught::CORRECTED_SAME.held();
            return corrected(revision);
        }
        let is_marked = roll_call.marks.iter().any(|mark| mark.0 == *student);
        let is_added = matches!(*status, PRESENT | LATE) && !is_marked;
        if is_added {
            roll_call.marks.push((student.clone(), at));
        }
        let was = was.map_or(vec![0], |was| vec![1, was]);
        let change = [vec![0], byte_string(student), was, vec![*status]].concat();
        let plan = roll_call.agenda();
        plan.standings.insert(student.clone(), *status);
        plan.trail.push(Entry { at, change, reason: reason.clone() });
        if is_open {
            taught::CORRECTED_OPEN.held();
            self.open.insert(class, roll_call);
            return corrected(0);
        }
        taught::CORRECTED.held();
        taught::CORRECTED_ADDED.held_if(is_added);
        taught::CORRECTED_EARLIER.held_if(number < self.last_number(class));
        let closed = self.closed[&(class, number)].clone();
        let expected = closed.expected.or(Some(None));
        let revision = closed.revision + 1;
        self.keep(class, Closed { roll_call, expected, revision, ..closed });
        corrected(revision)
    }

    fn enrol(&mut self, said: Said, class: u32, change: &Change) -> Vec<u8> {
        let at = self.time;
        let Change { base, import, edits } = change;
        let before = self.rosters.get(&class).map_or((0, 0), |it| (it.version, it.import));
        let goes_on = *import == before.1 && before.0 > 0;
        if *base != before.0 && !goes_on {
            taught::STALE_IMPORT.held();
            return self.refused(said, ROSTER_CHANGED);
        }
        taught::ENROLLED.held();
        taught::GOES_ON.held_if(*base != before.0);
        let roster = self.rosters.entry(class).or_default();
        for (student, entry) in edits {
            roster.students.remove(student);
            roster.students.extend(entry.clone().map(|entry| (student.clone(), entry)));
        }
        (roster.version, roster.import) = (roster.version + 1, *import);
        let numbers = [at, class.into(), roster.version, roster.students.len() as u64];
        said.answer(0x89, &numbers.into_iter().flat_map(varint).collect::<Vec<_>>())
    }

    /// The canonical bytes of the roster of a class.
    fn roster_bytes(&self, class: u32) -> Vec<u8> {
        let none = Roster::default();
        let roster = self.rosters.get(&class).unwrap_or(&none);
        let head = [vec![1], varint(class.into()), varint(roster.version)].concat();
        [head, listed(&roster.students)].concat()
    }

    /// A `WATCHED` up to how long the code lasts, and from there on.
    fn watched(&self, class: u32, from: u64) -> Option<(Vec<u8>, Vec<u8>)> {
        let open = self.open.get(&class)?;
        let roster = self.rosters.get(&class);
        let students = roster.map(|it| &it.students).filter(|it| !it.is_empty());
        let plan = open.plan.as_ref();
        let mut entries = Vec::new();
        for (student, at) in &open.marks {
            entries.push((student, *at, open.status(student, students).expect("it is there")));
        }
        for (student, status) in plan.iter().flat_map(|it| &it.standings) {
            if !open.marks.iter().any(|mark| mark.0 == *student) {
                entries.push((student, open.opened_at, *status));
            }
        }
        let is_there = |it: &&(&Vec<u8>, u64, u8)| matches!(it.2, PRESENT | LATE);
        let is_expected =
            |it: &&(&Vec<u8>, u64, u8)| students.is_some_and(|all| all.contains_key(it.0));
        let count = |count: usize| varint(count as u64);
        let before = [
            varint(class.into()),
            varint(open.number),
            varint(open.opened_at),
            option(plan.and_then(|it| it.closes_at).map(varint)),
            option(plan.and_then(|it| it.late_at).map(varint)),
            count(entries.iter().filter(is_there).count()),
            count(entries.iter().filter(|it| it.2 == LATE).count()),
            option(students.map(|it| count(it.len()))),
            count(entries.iter().filter(is_there).filter(is_expected).count()),
            vec![0, 0],
            varint(roster.map_or(0, |it| it.version)),
            count(plan.map_or(0, |it| it.trail.len())),
            vec![0],
        ];
        let first = usize::try_from(from).unwrap_or(usize::MAX).min(entries.len());
        let told = &entries[first..entries.len().min(first.saturating_add(18))];
        let mut after = option(plan.and_then(|it| it.title.as_ref()).map(|it| byte_string(it)));
        after.extend([count(entries.len()), count(told.len())].concat());
        for (student, at, status) in told {
            after.extend([byte_string(student), varint(*at), vec![*status, 0]].concat());
        }
        Some((before.concat(), after))
    }

    /// A `TALLIED`.
    fn tally(&self, said: Said, class: u32, student: &Vec<u8>) -> Vec<u8> {
        // Roll calls, lessons, and of those each status; who left was not there.
        let (mut roll_calls, mut of) = (0, [0; 4]);
        for Closed { roll_call, expected, .. } in
            self.closed.range((class, 0)..=(class, u64::MAX)).map(|it| it.1)
        {
            let Some(Some(students)) = expected else { continue };
            if !students.contains_key(student) {
                continue;
            }
            let status = roll_call.status(student, Some(students)).expect("it is expected");
            roll_calls += 1;
            taught::TALLIED.held();
            let agenda = roll_call.plan.as_ref();
            taught::TALLIED_CORRECTED
                .held_if(agenda.is_some_and(|it| it.standings.contains_key(student)));
            of[usize::from(status).min(3)] += roll_call.plan.as_ref().map_or(1, |it| it.lessons);
        }
        let numbers = [roll_calls, of.iter().sum(), of[0], of[1], of[2], of[3]];
        let numbers = numbers.into_iter().flat_map(varint).collect();
        said.answer(0x9f, &[varint(class.into()), byte_string(student), numbers].concat())
    }

    /// A `REVISION_LIST`.
    fn revisions(&self, said: Said, class: u32, (number, revision): (u64, u64)) -> Vec<u8> {
        let asked = self.revisions.range((class, 0, 0)..=(class, number, revision));
        let asked: Vec<_> = asked.map(|it| it.1).rev().collect();
        taught::REVISIONS.held_if(asked.iter().any(|it| it.revision > 1));
        let listed = &asked[..asked.len().min(14)];
        let mut body = varint(listed.len() as u64);
        for info in listed {
            body.extend([varint(info.revision), varint(info.at), info.bytes.clone()].concat());
        }
        body.push((listed.len() < asked.len()).into());
        said.answer(0x9e, &body)
    }
}

/// Something that may be there.
fn option(value: Option<Vec<u8>>) -> Vec<u8> {
    value.map_or(vec![0], |value| [vec![1], value].concat())
}

/// The students of a roster as they are written.
fn listed(students: &Listed) -> Vec<u8> {
    let mut bytes = varint(students.len() as u64);
    for (student, (name, group)) in students {
        let group = option(group.as_ref().map(|it| byte_string(it)));
        bytes.extend([byte_string(student), byte_string(name), group].concat());
    }
    bytes
}

impl Agenda {
    fn new(plan: &Plan, opened_at: u64) -> Self {
        let after = |seconds: &Option<u64>| seconds.map(|it| opened_at + 1_000 * it);
        Self {
            plan: plan.bytes.clone(),
            delay_ms: plan.delay_ms,
            lessons: plan.lessons,
            title: plan.title.clone(),
            closes_at: after(&plan.closes_after),
            late_at: after(&plan.late_after),
            revision: 0,
            standings: BTreeMap::new(),
            pressed: BTreeMap::new(),
            trail: Vec::new(),
        }
    }

    /// That of a roll call that was opened without a plan.
    fn usual() -> Self {
        let bytes = [vec![0, 0, 1], varint(600), vec![0]].concat();
        let (closes_after, late_after, title) = (None, None, None);
        Self::new(
            &Plan { bytes, closes_after, late_after, delay_ms: 600_000, lessons: 1, title },
            0,
        )
    }
}

impl RollCall {
    /// What it has beside its marks; there is something from now on.
    fn agenda(&mut self) -> &mut Agenda {
        self.plan.get_or_insert_with(Agenda::usual)
    }

    /// What a student is: what was corrected last, or else what the time of the answer says, or else absent.
    fn status(&self, student: &[u8], expected: Option<&Listed>) -> Option<u8> {
        let plan = self.plan.as_ref();
        if let Some(standing) = plan.and_then(|it| it.standings.get(student)) {
            return Some(*standing);
        }
        if let Some((_, at)) = self.marks.iter().find(|mark| mark.0 == student) {
            let at = plan.and_then(|it| it.pressed.get(student)).unwrap_or(at);
            let is_late = plan.and_then(|it| it.late_at).is_some_and(|late_at| *at >= late_at);
            return Some(if is_late { LATE } else { PRESENT });
        }
        expected.is_some_and(|it| it.contains_key(student)).then_some(ABSENT)
    }
}

impl Closed {
    /// The canonical bytes of chapter 12.
    fn sheet(&self, class: u32) -> Vec<u8> {
        let Self { roll_call, ended_at, expected, revision } = self;
        let RollCall { opened_at, marks, .. } = roll_call;
        let mut bytes = [varint(class.into()), varint(*opened_at), varint(*ended_at)].concat();
        bytes.extend(varint(marks.len() as u64));
        for (student, at) in marks {
            bytes.extend(byte_string(student));
            bytes.extend(varint(*at));
        }
        let Some(expected) = expected else { return bytes };
        let plan = roll_call.plan.clone().unwrap_or_else(Agenda::usual);
        let places = (0..).zip(marks).filter_map(|(place, (student, _))| {
            Some([varint(place), varint(*plan.pressed.get(student)?)].concat())
        });
        let standing =
            |(student, status): (&Vec<u8>, &u8)| [byte_string(student), vec![*status]].concat();
        let entry = |it: &Entry| {
            let reason = option(it.reason.as_ref().map(|it| byte_string(it)));
            [varint(it.at), vec![0], it.change.clone(), reason].concat()
        };
        let supplement = [
            varint(*revision),
            plan.plan.clone(),
            option(plan.closes_at.map(varint)),
            option(plan.late_at.map(varint)),
            list(&places.collect::<Vec<_>>()),
            list(&plan.standings.iter().map(standing).collect::<Vec<_>>()),
            list(&plan.trail.iter().map(entry).collect::<Vec<_>>()),
            option(expected.as_ref().map(listed)),
        ];
        // Of form 3, without remarks.
        [vec![0, 3], bytes, vec![0], supplement.concat()].concat()
    }

    fn info(&self, class: u32, sheet: &[u8]) -> SheetInfo {
        let RollCall { number, opened_at, ref marks, ref plan } = self.roll_call;
        let numbers = [
            u64::from(class),
            number,
            opened_at,
            self.ended_at,
            marks.len() as u64,
            sheet.len() as u64,
        ];
        let mut bytes: Vec<u8> = numbers.into_iter().flat_map(varint).collect();
        bytes.extend_from_slice(&Sha256::digest(sheet));
        let last = plan.as_ref().and_then(|it| it.trail.last()).map_or(0, |it| it.at);
        let at = if self.revision > 1 { last.max(self.ended_at) } else { self.ended_at };
        SheetInfo { number, revision: self.revision, at, bytes }
    }
}

/// A list as it is written.
fn list(entries: &[Vec<u8>]) -> Vec<u8> {
    [varint(entries.len() as u64), entries.concat()].concat()
}

impl Said {
    /// Who asks in another version.
    const NOBODY: Self = Self { client: [0; 16], number: 0 };

    fn answer(self, kind: u8, rest: &[u8]) -> Vec<u8> {
        frame(1, kind, &[&self.client[..], &varint(self.number), rest].concat())
    }
}

// Reading requests.

struct Asked {
    said: Said,
    what: What,
    body: Vec<u8>,
}

enum What {
    Perform {
        started: u64,
        operation: Operation,
    },
    Status {
        from: u32,
    },
    Sheets {
        class: u32,
        at_most: u64,
    },
    Roster {
        class: u32,
    },
    Watch {
        class: u32,
        from: u64,
    },
    Revisions {
        class: u32,
        from: (u64, u64),
    },
    Tally {
        class: u32,
        student: Vec<u8>,
    },
    Files {
        from: usize,
    },
    File {
        key: Vec<u8>,
    },
    /// Who asks plainly is no device, and no admin.
    OfPeople {
        reason: u8,
    },
    /// A lone one wants one block and is as long as its answer.
    Pull {
        object: [u8; 32],
        cookie: [u8; 16],
        blocks: VecDeque<u64>,
        is_lone: bool,
    },
}

enum Operation {
    Open(u32, Option<Plan>),
    Close(u32),
    /// Also whether it has a code, which a roll call that was opened plainly does not look at, and how many
    /// milliseconds ago it was pressed.
    Mark(u32, Vec<u8>, bool, Option<u64>),
    /// By so many seconds.
    Extend(u32, u64),
    Reopen(u32),
    Correct(u32, Correction),
    Enrol(u32, Change),
    /// What only a device may ask for, and the class that it is about.
    Sealed(Option<u32>),
}

/// A plan, as it was sent, and what it says.
struct Plan {
    bytes: Vec<u8>,
    closes_after: Option<u64>,
    late_after: Option<u64>,
    delay_ms: u64,
    lessons: u64,
    title: Option<Vec<u8>>,
}

struct Correction {
    number: Option<u64>,
    student: Vec<u8>,
    status: u8,
    reason: Option<Vec<u8>>,
}

/// What becomes of each student: name and group, or nothing if the student goes.
type Edit = (Vec<u8>, Option<(Vec<u8>, Option<Vec<u8>>)>);

struct Change {
    base: u64,
    import: u64,
    edits: Vec<Edit>,
}

/// The numbers of what a student can be.
const PRESENT: u8 = 0;
const LATE: u8 = 1;
const EXCUSED: u8 = 2;
const ABSENT: u8 = 3;
const LEFT: u8 = 4;

/// Those of refusals.
const NOT_OPEN: u8 = 1;
const NEVER_OPENED: u8 = 2;
const UNKNOWN_STUDENT: u8 = 17;
const TAKEN_BACK: u8 = 25;
const TOO_LATE: u8 = 26;
const ROSTER_CHANGED: u8 = 27;
const NO_SUCH_ROLL_CALL: u8 = 28;
const REOPEN_TOO_LATE: u8 = 29;

impl Operation {
    /// The class that it is about.
    fn class(&self) -> Option<u32> {
        match *self {
            Self::Open(class, _)
            | Self::Close(class)
            | Self::Mark(class, ..)
            | Self::Extend(class, _)
            | Self::Reopen(class)
            | Self::Correct(class, _)
            | Self::Enrol(class, _) => Some(class),
            Self::Sealed(class) => class,
        }
    }
}

enum Reading {
    /// Never answered.
    Nothing,
    /// Answered with the versions.
    OtherVersion,
    Asked(Asked),
}

impl Asked {
    fn read(datagram: &[u8]) -> Reading {
        if !(8..=1_200).contains(&datagram.len()) || !datagram.starts_with(b"RC") {
            return Reading::Nothing;
        }
        match datagram[2] {
            1 => Self::read_body(datagram).map_or(Reading::Nothing, Reading::Asked),
            0 => Reading::Nothing,
            _ if datagram.len() >= 10 => Reading::OtherVersion,
            _ => Reading::Nothing,
        }
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each kind of request")]
    fn read_body(datagram: &[u8]) -> Option<Self> {
        let (covered, checksum) = datagram.split_at(datagram.len() - 4);
        if crc32(covered).to_le_bytes() != checksum {
            return None;
        }
        let kind = covered[3];
        let mut rest = Rest(&covered[4..]);
        rest.take(1)?;
        let client = rest.take(16)?.try_into().expect("16 bytes");
        let number = rest.number(u64::MAX).filter(|&number| number > 0)?;
        let (what, least) = match kind {
            0x01..=0x03 => {
                let started = rest.number(TIME_MAX_MILLIS)?;
                let class = rest.class()?;
                let (operation, least) = match kind {
                    0x01 if rest.are_plain_terms()? => (Operation::Open(class, None), 48),
                    0x01 => (Operation::Sealed(Some(class)), 48),
                    0x02 => (Operation::Close(class), 102),
                    _ => {
                        let student = rest.student()?;
                        let has_code = rest.flag()?;
                        if has_code {
                            rest.number(999_999)?;
                        }
                        (Operation::Mark(class, student, has_code, None), 48)
                    }
                };
                (What::Perform { started, operation }, least)
            }
            0x04 => {
                let started = rest.number(TIME_MAX_MILLIS)?;
                rest.take(10)?;
                (What::Perform { started, operation: Operation::Sealed(None) }, 108)
            }
            0x05 => {
                let started = rest.number(TIME_MAX_MILLIS)?;
                let class = rest.act()?;
                (What::Perform { started, operation: Operation::Sealed(class) }, 48)
            }
            0x06..=0x0b => {
                let started = rest.number(TIME_MAX_MILLIS)?;
                let class = rest.class()?;
                let operation = rest.of_a_teacher(kind, class)?;
                let least = if matches!(kind, 0x06 | 0x08 | 0x09) { 48 } else { 64 };
                (What::Perform { started, operation }, least)
            }
            0x1b => (What::Roster { class: rest.class()? }, 102),
            0x1c => {
                let class = rest.class()?;
                (What::Watch { class, from: rest.number(u32::MAX.into())? }, 1_161)
            }
            0x1d => {
                let class = rest.class()?;
                let number = rest.number(u32::MAX.into()).filter(|&number| number > 0)?;
                let revision = rest.number(u32::MAX.into())?;
                (What::Revisions { class, from: (number, revision) }, 1_161)
            }
            0x1e => {
                let class = rest.class()?;
                (What::Tally { class, student: rest.student()? }, 102)
            }
            0x11 => (What::Status { from: rest.class()? }, 64),
            0x12 => {
                let class = rest.class()?;
                let at_most = rest.number(u32::MAX.into()).filter(|&number| number > 0)?;
                (What::Sheets { class, at_most }, 102)
            }
            0x13 => {
                let from = rest.number(u32::MAX.into())?;
                (What::Files { from: usize::try_from(from).expect("32 bits") }, 1_161)
            }
            0x16 => {
                if rest.flag()? {
                    rest.take(16)?;
                }
                (What::OfPeople { reason: NOT_AN_ADMIN }, 1_161)
            }
            0x17 => {
                rest.number(u64::MAX).filter(|&number| number > 0)?;
                (What::OfPeople { reason: NOT_AN_ADMIN }, 1_161)
            }
            0x18 => {
                rest.class()?;
                (What::OfPeople { reason: NO_DEVICE }, 76)
            }
            0x19 => {
                rest.number(u32::MAX.into())?;
                (What::OfPeople { reason: NO_DEVICE }, 1_161)
            }
            0x1a => {
                rest.class()?;
                rest.byte().filter(|count| (1..=20).contains(count))?;
                (What::OfPeople { reason: NO_DEVICE }, 1_161)
            }
            0x14 => (What::File { key: rest.take(16)?.to_vec() }, 80),
            0x15 => {
                let object = rest.take(32)?.try_into().expect("32 bytes");
                let cookie = rest.take(16)?.try_into().expect("16 bytes");
                let blocks = rest.blocks()?;
                let is_lone = blocks.len() == 1 && datagram.len() >= 1_065;
                (What::Pull { object, cookie, blocks, is_lone }, 77)
            }
            _ => return None,
        };
        let padding = rest.byte_string()?;
        let whole = rest.0.is_empty() && padding.iter().all(|&byte| byte == 0);
        let body = [&[kind], &covered[5..]].concat();
        let asked = Self { said: Said { client, number }, what, body };
        (whole && datagram.len() >= least).then_some(asked)
    }
}

/// What of a body is not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number in the one form that it has.
    fn number(&mut self, max: u64) -> Option<u64> {
        let length = self.0.iter().take(10).position(|byte| byte & 0x80 == 0)? + 1;
        let bytes = self.take(length)?;
        let number = bytes.iter().rev().try_fold(0_u64, |number, byte| {
            number.checked_mul(128)?.checked_add(u64::from(byte & 0x7f))
        })?;
        (number <= max && varint(number) == bytes).then_some(number)
    }

    fn class(&mut self) -> Option<u32> {
        let class = u32::try_from(self.number(u32::MAX.into())?).expect("bounded");
        (class > 0).then_some(class)
    }

    fn byte_string(&mut self) -> Option<&'a [u8]> {
        let length = self.number(1_200)?;
        self.take(usize::try_from(length).expect("bounded"))
    }

    /// The first block that is wanted, and a map that says which after it (R-PULL-1).
    fn blocks(&mut self) -> Option<VecDeque<u64>> {
        let first = self.number(u32::MAX.into())?;
        let map = self.number(u64::MAX)?;
        let blocks: VecDeque<_> =
            (0..64).filter(|bit| map >> bit & 1 == 1).map(|bit| first + bit).collect();
        let fits = blocks.front() == Some(&first) && *blocks.back()? <= u32::MAX.into();
        fits.then_some(blocks)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }

    fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// Who may answer, whether remarks are refusals, and whether there is a code: for anybody, without
    /// both, is what a plain roll call is.
    fn are_plain_terms(&mut self) -> Option<bool> {
        let who = self.number(2)?;
        let (strict, code) = (self.flag()?, self.flag()?);
        Some(who == 0 && !strict && !code)
    }

    /// An act, whatever it is; the class that it is about.
    #[expect(clippy::option_option, reason = "unreadable, or of no class")]
    fn act(&mut self) -> Option<Option<u32>> {
        match self.number(6)? {
            0 => {
                self.take(16)?;
                match self.number(1)? {
                    0 => {
                        self.number(1)?;
                        self.line(64)?;
                    }
                    _ => drop(self.student()?),
                }
                Some(None)
            }
            1 => self.take(16).map(|_| None),
            2 => self.student().map(|_| None),
            3 | 4 => {
                let class = self.class()?;
                self.line(64)?;
                Some(Some(class))
            }
            5 => {
                let class = self.class()?;
                self.student()?;
                self.flag()?;
                Some(Some(class))
            }
            _ => {
                let class = self.class()?;
                self.take(16)?;
                self.student()?;
                Some(Some(class))
            }
        }
    }

    /// What a teacher asks for, or a student who answered before, behind the class.
    fn of_a_teacher(&mut self, kind: u8, class: u32) -> Option<Operation> {
        Some(match kind {
            0x06 => {
                let is_plain = self.are_plain_terms()?;
                let plan = self.plan()?;
                if is_plain {
                    Operation::Open(class, Some(plan))
                } else {
                    Operation::Sealed(Some(class))
                }
            }
            0x07 => Operation::Extend(class, self.number(86_400).filter(|&it| it > 0)?),
            0x08 => Operation::Reopen(class),
            0x09 => {
                let student = self.student()?;
                let has_code = self.flag()?;
                if has_code {
                    self.number(999_999)?;
                }
                Operation::Mark(class, student, has_code, Some(self.number(u32::MAX.into())?))
            }
            0x0a => {
                let number =
                    self.option(|rest| rest.number(u32::MAX.into()).filter(|&it| it > 0))?;
                let student = self.student()?;
                let status = u8::try_from(self.number(4)?).expect("bounded");
                let reason = self.option(|rest| rest.line(120))?;
                Operation::Correct(class, Correction { number, student, status, reason })
            }
            _ => {
                let (base, import) = (self.number(u64::MAX)?, self.number(u64::MAX)?);
                let count = self.number(64).filter(|&it| it > 0)?;
                let mut edits = Vec::new();
                for _ in 0..count {
                    let puts = self.number(1)? == 0;
                    let student = self.student()?;
                    let entry = if puts {
                        let name = self.line(120)?;
                        Some((name, self.option(|rest| rest.line(40))?))
                    } else {
                        None
                    };
                    edits.push((student, entry));
                }
                Operation::Enrol(class, Change { base, import, edits })
            }
        })
    }

    fn plan(&mut self) -> Option<Plan> {
        let all = self.0;
        let length = |rest: &mut Self| rest.number(86_400).filter(|&it| it > 0);
        let (closes_after, late_after) = (self.option(length)?, self.option(length)?);
        let lessons = self.byte().filter(|lessons| (1..=20).contains(lessons))?.into();
        let delay_ms = 1_000 * self.number(600)?;
        let title = self.option(|rest| rest.line(80))?;
        let bytes = all[..all.len() - self.0.len()].to_vec();
        let fits = closes_after.zip(late_after).is_none_or(|(closes, late)| late < closes);
        fits.then_some(Plan { bytes, closes_after, late_after, delay_ms, lessons, title })
    }

    #[expect(clippy::option_option, reason = "unreadable, or absent")]
    fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.flag()? { read(self).map(Some) } else { Some(None) }
    }

    /// A text that can be seen, in one line.
    fn line(&mut self, most: usize) -> Option<Vec<u8>> {
        let bytes = self.byte_string()?;
        let text = std::str::from_utf8(bytes).ok()?;
        let is_odd = |it: char| is_unseen(it) || (it.is_whitespace() && it != ' ');
        let is_bare = !text.starts_with(' ') && !text.ends_with(' ') && !text.contains("  ");
        let fits = (1..=most).contains(&text.len()) && is_bare && !text.contains(is_odd);
        fits.then(|| bytes.to_vec())
    }

    fn student(&mut self) -> Option<Vec<u8>> {
        let student = self.byte_string()?;
        let fits = (1..=32).contains(&student.len()) && student.iter().all(u8::is_ascii_graphic);
        fits.then(|| student.to_vec())
    }
}

/// Characters that steer a terminal or the direction of what is read, or that nobody sees.
fn is_unseen(character: char) -> bool {
    const RANGES: [(u32, u32); 19] = [
        (0, 0x1f),
        (0x7f, 0x9f),
        (0xad, 0xad),
        (0x34f, 0x34f),
        (0x61c, 0x61c),
        (0x115f, 0x1160),
        (0x17b4, 0x17b5),
        (0x180e, 0x180e),
        (0x200b, 0x200b),
        (0x200e, 0x200f),
        (0x2028, 0x202e),
        (0x2060, 0x206f),
        (0x3164, 0x3164),
        (0xfeff, 0xfeff),
        (0xffa0, 0xffa0),
        (0xfff0, 0xfffb),
        (0x1bca0, 0x1bca3),
        (0x1d173, 0x1d17a),
        (0xe0000, 0xe0fff),
    ];
    let code = u32::from(character);
    RANGES.iter().any(|&(first, last)| (first..=last).contains(&code))
}
