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
    /// The sheets of each class in brief, in the order of their closes.
    histories: BTreeMap<u32, Vec<SheetInfo>>,
    /// The canonical bytes of every sheet, in the order of their closes.
    sheets: Vec<Vec<u8>>,
}

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
    opened_at: u64,
    marks: Vec<(Vec<u8>, u64)>,
}

#[derive(Clone)]
struct SheetInfo {
    number: u64,
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

    /// Notes a datagram that the server gets, and what it owes for it. Gives its place.
    pub(crate) fn datagram(
        &mut self,
        from: Address,
        micros: u64,
        wall: u64,
        datagram: &[u8],
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
            Due::Sheets { batch, .. } => Some(batch),
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
        let content = sheet.map(|it| &it[..]).or_else(|| self.folder.content(object));
        let bytes = content.map_or(&[][..], |content| block_of(content, index));
        // Of a file it may have none of them, and one answer says it all (R-PULL-3).
        if first && !sure && answer == pulled(&[]) {
            seen::NOT_HERE.held();
            return None;
        }
        seen::OF_A_SHEET.held_if(sure && !bytes.is_empty());
        seen::OF_A_FILE.held_if(!sure && !bytes.is_empty());
        seen::PAST_THE_END.held_if(bytes.is_empty());
        assert_eq!(answer, pulled(bytes), "block {index}, in order (R-PULL-2)");
        // So it does where the object ends before the first.
        if first && bytes.is_empty() {
            return None;
        }
        (!blocks.is_empty()).then_some(Due::Blocks { object, blocks, first: false })
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
        let State { clients, written, time: before, .. } = &mut self.present;
        assert!(time == *before || time == wall.max(*before), "R-TIME-1");
        *before = time;
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

    /// The names of the sheets that were closed, to be asked for.
    pub(crate) fn sheet(&self, which: usize) -> Option<[u8; 32]> {
        let sheets = &self.present.sheets;
        (!sheets.is_empty()).then(|| Sha256::digest(&sheets[which % sheets.len()]).into())
    }

    fn asked(&mut self, from: Address, micros: u64, wall: u64, asked: &Asked) -> Option<Due> {
        let said = asked.said;
        let answers = match asked.what {
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
        let state = &mut self.present;
        seen::CLOCK_BACK.held_if(wall < state.time);
        seen::MET_FORGOTTEN.held_if(self.forgotten.contains(&client));
        state.time = state.time.max(wall);
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
            Operation::Open(class) => {
                let already = self.open.contains_key(class);
                seen::ALREADY_OPEN.held_if(already);
                seen::OPENED_AGAIN.held_if(!already && self.histories.contains_key(class));
                let new = || RollCall { opened_at: at, marks: Vec::new() };
                let open = self.open.entry(*class).or_insert_with(new);
                let body = [varint((*class).into()), varint(open.opened_at), vec![already.into()]];
                said.answer(0x81, &body.concat())
            }
            // A device is needed for all else: plain requests know no terms, no people and no roles.
            Operation::Sealed => {
                seen::NO_DEVICE.held();
                said.answer(0x84, &[varint(at), vec![NO_DEVICE]].concat())
            }
            Operation::Mark(class, student, has_code) => {
                seen::CODE_FOR_NOTHING.held_if(*has_code && self.open.contains_key(class));
                let Some(open) = self.open.get_mut(class) else {
                    seen::MARK_REFUSED.held_if(self.histories.contains_key(class));
                    return said.answer(0x83, &[vec![0], varint(at), vec![17]].concat());
                };
                let first = open.marks.iter().find(|mark| mark.0 == *student).map(|mark| mark.1);
                seen::ALREADY_PRESENT.held_if(first.is_some());
                if first.is_none() {
                    open.marks.push((student.clone(), at));
                }
                let since = varint(first.unwrap_or(at));
                let standing = vec![first.is_some().into()];
                said.answer(0x83, &[varint((*class).into()), since, standing].concat())
            }
            Operation::Close(class) => {
                let open = self.open.remove(class);
                let already = open.is_none();
                seen::ALREADY_CLOSED.held_if(already && self.histories.contains_key(class));
                seen::NEVER_OPENED.held_if(already && !self.histories.contains_key(class));
                if let Some(open) = open {
                    seen::CLOSED.held_if(!open.marks.is_empty());
                    let sheet = open.sheet(*class, at);
                    let history = self.histories.entry(*class).or_default();
                    let number = history.len() as u64 + 1;
                    history.push(open.info(*class, number, at, &sheet));
                    self.sheets.push(sheet);
                }
                match self.histories.get(class).and_then(|history| history.last()) {
                    Some(info) => said.answer(0x82, &[&info.bytes[..], &[already.into()]].concat()),
                    None => said.answer(0x84, &[varint(at), vec![2]].concat()),
                }
            }
        }
    }
}

impl RollCall {
    /// The canonical bytes of chapter 12.
    fn sheet(&self, class: u32, closed_at: u64) -> Vec<u8> {
        let mut bytes = [varint(class.into()), varint(self.opened_at), varint(closed_at)].concat();
        bytes.extend(varint(self.marks.len() as u64));
        for (student, at) in &self.marks {
            bytes.extend(byte_string(student));
            bytes.extend(varint(*at));
        }
        bytes
    }

    fn info(&self, class: u32, number: u64, closed_at: u64, sheet: &[u8]) -> SheetInfo {
        let numbers = [
            u64::from(class),
            number,
            self.opened_at,
            closed_at,
            self.marks.len() as u64,
            sheet.len() as u64,
        ];
        let mut bytes: Vec<u8> = numbers.into_iter().flat_map(varint).collect();
        bytes.extend_from_slice(&Sha256::digest(sheet));
        SheetInfo { number, bytes }
    }
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
    Open(u32),
    Close(u32),
    /// Also whether it has a code, which a roll call that was opened plainly does not look at.
    Mark(u32, Vec<u8>, bool),
    /// What only a device may ask for.
    Sealed,
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
                    0x01 if rest.are_plain_terms()? => (Operation::Open(class), 48),
                    0x01 => (Operation::Sealed, 48),
                    0x02 => (Operation::Close(class), 102),
                    _ => {
                        let student = rest.student()?;
                        let has_code = rest.flag()?;
                        if has_code {
                            rest.number(999_999)?;
                        }
                        (Operation::Mark(class, student, has_code), 48)
                    }
                };
                (What::Perform { started, operation }, least)
            }
            0x04 => {
                let started = rest.number(TIME_MAX_MILLIS)?;
                rest.take(10)?;
                (What::Perform { started, operation: Operation::Sealed }, 108)
            }
            0x05 => {
                let started = rest.number(TIME_MAX_MILLIS)?;
                rest.act()?;
                (What::Perform { started, operation: Operation::Sealed }, 48)
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

    /// An act, whatever it is.
    fn act(&mut self) -> Option<()> {
        match self.number(5)? {
            0 => {
                self.take(16)?;
                match self.number(1)? {
                    0 => {
                        self.number(1)?;
                        self.name()
                    }
                    _ => self.student().map(drop),
                }
            }
            1 => self.take(16).map(drop),
            2 => self.student().map(drop),
            3 | 4 => {
                self.class()?;
                self.name()
            }
            _ => {
                self.class()?;
                self.student()?;
                self.flag().map(drop)
            }
        }
    }

    /// A person's name.
    fn name(&mut self) -> Option<()> {
        let name = std::str::from_utf8(self.byte_string()?).ok()?;
        let is_odd = |it: char| is_unseen(it) || (it.is_whitespace() && it != ' ');
        let is_bare = !name.starts_with(' ') && !name.ends_with(' ') && !name.contains("  ");
        let fits = (1..=64).contains(&name.len()) && is_bare && !name.contains(is_odd);
        fits.then_some(())
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
