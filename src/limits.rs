//! Every bound of the system, with its unit in its name.
//!
//! What happens at a bound has a name ([`crate::exchange::Refusal`] or
//! [`crate::stats::Counter`]) and is counted. The relations between bounds are asserted here and
//! beside the types that they concern, when the program is compiled.
//!
//! What only makes an algorithm or a layout what it is stands with it: the gains of the congestion
//! control, the shape of a hash table, the strings and tokens of a program.

use std::time::Duration;

// The wire.

/// The longest datagram: fits the smallest IPv6 packet (1,280 bytes, RFC 8200 5) under any tunnel
/// that leaves 1,200, the size that QUIC relies on too (RFC 9000 14). Never fragmented.
pub const DATAGRAM_MAX_BYTES: usize = 1_200;
/// The shortest datagram: a frame around an empty body.
pub const DATAGRAM_MIN_BYTES: usize = 8;
/// The largest UDP payload over IPv4 (65,535 - 20 - 8): what a receive buffer has to be ready for.
pub const UDP_PAYLOAD_MAX_BYTES: usize = 65_507;
/// The shortest `OPEN` and `MARK`: no answer to them is longer.
pub const REQUEST_MIN_BYTES: usize = 48;
/// The shortest `CLOSE`, `SHEETS`, `ROSTER` and `TALLY`: as long as the longest answer that tells of one sheet.
pub const SHEET_REQUEST_MIN_BYTES: usize = 102;
/// The shortest `STATUS`: room for one open class in the answer.
pub const STATUS_REQUEST_MIN_BYTES: usize = 64;
/// The shortest `EXTEND`, `CORRECT` and `ENROL`: no answer to them is longer.
pub const WORK_REQUEST_MIN_BYTES: usize = 64;
/// The shortest `JOIN`: as long as the longest answer to it.
pub const JOIN_REQUEST_MIN_BYTES: usize = 108;
/// The shortest `ROOM`: as long as the longest answer to it.
pub const ROOM_REQUEST_MIN_BYTES: usize = 76;
/// The shortest question for a list whose entries are long: `PEOPLE`, `ACTS`, `MINE`, `SPOT`,
/// `REVISIONS`, `WATCH`.
pub const LIST_REQUEST_MIN_BYTES: usize = SEALED_ROOM_BYTES;
/// The bytes of a block; the last one of an object may be shorter.
pub const BLOCK_BYTES: usize = 1_024;
/// The shortest `PULL`: every number in one byte, and no padding.
pub const PULL_REQUEST_MIN_BYTES: usize = 77;
/// A `PULL` of one block that is so long gets it without a cookie: as long as the longest `PULLED`.
pub const LONE_PULL_MIN_BYTES: usize = BLOCK_BYTES + 41;

/// The blocks that one `PULL` can ask for: the bits of its map.
pub const BLOCKS_PER_PULL_MAX: u32 = 64;
/// The shortest `FILES`: its answer has room for four entries with the longest names.
pub const FILES_REQUEST_MIN_BYTES: usize = SEALED_ROOM_BYTES;
/// The shortest `FILE`: as long as the longest answer to it.
pub const FILE_REQUEST_MIN_BYTES: usize = 80;

// Sealed datagrams.

/// The length of a short sealed datagram.
pub const SEALED_SHORT_BYTES: usize = 256;
/// The length of a long sealed datagram.
pub const SEALED_LONG_BYTES: usize = DATAGRAM_MAX_BYTES;
/// The length of the longest plain answer whose body fits a long sealed one. A page of a list that is not
/// the last one has at least what this has room for, however it was asked for.
pub const SEALED_ROOM_BYTES: usize = SEALED_LONG_BYTES - 39;
/// How long a ticket lives, and for how long one key makes them.
pub const TICKET_LIFE: Duration = Duration::from_secs(2 * 60 * 60);
/// A sealed request that was on its way for longer has no effect.
pub const HELD_BACK_MAX: Duration = Duration::from_secs(60);
/// A client begins no more handshakes than one in this time, and takes no `WELCOME` later.
pub const HELLO_SPACING: Duration = Duration::from_secs(5);
/// The `RETRY`s of one handshake that a client answers at once.
pub const HELLO_RETRIES_MAX: u32 = 3;
/// After more sendings than this without an answer a client says `HELLO` again.
pub const UNANSWERED_MAX: u32 = 3;
/// But not before so long without one: who asks for many blocks sends many requests at once.
pub const SILENCE_MIN: Duration = Duration::from_millis(500);
/// The operations that one device may ask for in a second, after a burst.
pub const DEVICE_RATE_MAX: u32 = 50;
/// The operations that one device may ask for at once: a list of students at a kiosk.
pub const DEVICE_BURST_MAX: u32 = 200;
/// The devices whose operations are counted. A bucket is forgotten after four seconds of silence, so that
/// nobody makes keys fast enough to fill this.
pub const DEVICES_METERED_MAX: usize = 262_144;
/// The `HELLO`s that wait for the worker. When there is one more, one of them is dropped at random.
pub const HELLOS_QUEUED_MAX: usize = 512;
/// While more than so many wait, an address must prove itself.
pub const HELLOS_UNPROVED_MAX: usize = 64;
/// For so long after that addresses must go on to prove themselves.
pub const HELLO_PRESSURE: Duration = Duration::from_secs(1);
/// The handshakes that are under way at the worker.
pub const HANDSHAKES_MAX: usize = 16;
/// The `RENEW`s that leave in a second.
pub const RENEWS_PER_SECOND_MAX: u32 = 1_000;
/// The datagrams without a sealed message that wait to leave.
pub const NOTICES_MAX: usize = 1_024;

// Who may do what.

/// The longest name of a person.
pub const PERSON_NAME_MAX_BYTES: usize = 64;
/// The bytes of an invite: 80 bits, which nobody guesses, and sixteen letters to type.
pub const INVITE_CODE_BYTES: usize = 10;
/// For how long an invite can be used.
pub const INVITE_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// For how long a link that makes the first admin can be used.
pub const ADMIN_LINK_LIFE: Duration = Duration::from_secs(60 * 60);
/// The invites of admins that lie in the folder of a journal and are looked at.
pub const INVITE_FILES_MAX: usize = 64;
/// The invites that are remembered until they end, used ones too: one for each student of a large school.
pub const INVITES_MAX: usize = 131_072;
/// The people with a role.
pub const PEOPLE_MAX: usize = 16_384;
/// The devices with a role, and as many revoked ones.
pub const STAFF_DEVICES_MAX: usize = 65_536;
/// The bonds between numbers and devices that are remembered.
pub const BONDS_MAX: usize = 1_048_576;
/// The devices that one number is bound to, and the numbers of one device: who has more is remarked anyway.
pub const BONDS_PER_ONE_MAX: usize = 8;
/// The classes that are shared, each with each teacher counted.
pub const SHARES_MAX: usize = 262_144;
/// The digits of a room's code.
pub const ROOM_CODE_DIGITS: u32 = 6;
/// For how long a room's code is shown.
pub const ROOM_CODE_STEP: Duration = Duration::from_secs(15);
/// The codes that are taken: the one that is shown and those before it, so that a retry keeps its code.
pub const ROOM_CODE_STEPS_TAKEN: u64 = 3;
/// The wrong codes that are taken for a number from its own device, from all others together, and from one
/// device.
pub const WRONG_CODES_MAX: u8 = 5;
/// The wrong codes of devices that are bound to no number that are looked at while one code is shown. With
/// made-up numbers and fresh keys nobody learns the code: 20 tries at three in a million.
pub const STRANGERS_WRONG_CODES_MAX: u32 = 20;
/// The names that are drawn at once.
pub const SPOT_MAX: u8 = 20;

// Files.

/// The longest name of an offered file, as of most file systems.
pub const FILE_NAME_MAX_BYTES: usize = 255;
/// The largest offered file: its blocks are counted in 32 bits.
pub const FILE_BYTES_MAX: u64 = u32::MAX as u64 * BLOCK_BYTES as u64;
/// The files of one folder that are offered.
pub const FILES_MAX: usize = 65_536;
/// For how long a list of the folder is told before the folder is read again.
pub const LISTING_LIFE: Duration = Duration::from_secs(1);
/// The bytes of a file that are read at once to find the name of its content, before whoever waits
/// for blocks has a turn.
pub const HASHED_AT_ONCE_BYTES: usize = 1 << 20;
/// The pause between two listings, as a multiple of the time that the first one took: a large folder that
/// changes all the time takes a fifth of the thread at most.
pub const LISTING_PAUSE_RATIO: u32 = 4;
/// The pause after a listing that failed.
pub const LISTING_RETRY: Duration = Duration::from_secs(1);
/// After so long a file is tried again that could not be read and has not changed.
pub const UNREADABLE_RETRY: Duration = Duration::from_secs(10);
/// The entries that are read between two requests: this takes a millisecond or two.
pub const FILES_DESCRIBED_AT_ONCE: usize = 512;
/// The keys that are remembered. A lookup of one more is answered with "ask again".
pub const FILE_LOOKUPS_MAX: usize = 1_024;
/// The files that are hashed at once; each is an open file.
pub const FILES_HASHED_AT_ONCE_MAX: usize = 64;
/// The files that are tried in one step to find a content.
pub const SEARCH_CANDIDATES_AT_ONCE: usize = 16;
/// A content is looked for as long as it is asked for. Clients ask twice a second.
pub const SEARCH_LIFE: Duration = Duration::from_secs(5);
/// The pieces that are hashed in one step when small files may have the content that is looked for.
pub const SEARCH_PIECES_PER_TURN: usize = 4;
/// The files that are kept open because they are being fetched.
pub const FILES_OPEN_MAX: usize = 64;
/// The contents whose lengths are remembered after the last file with them is gone.
pub const CONTENTS_LOST_MAX: usize = 1_024;
/// For how long a file must not have changed before it is hashed.
pub const SETTLED_AFTER: Duration = Duration::from_millis(300);
/// A file that keeps changing is hashed anyway after this.
pub const RESTLESS_AFTER: Duration = Duration::from_secs(2);
/// A file that keeps changing is refused after this.
pub const RESTLESS_REFUSED_AFTER: Duration = Duration::from_secs(10);
/// Two changes closer than this may leave the same times: file times advance in ticks of up to 10 ms.
pub const SETTLING_TICK: Duration = Duration::from_millis(20);
/// A client asks again within this time: after more, it is another client, and waiting begins anew.
pub const ASKED_AGAIN_WITHIN: Duration = Duration::from_secs(2);
/// After so many attempts that found the file changed at their end, the time until it is refused no
/// longer begins anew.
pub const READINGS_MAX: u32 = 3;

// The domain.

/// The longest student number.
pub const STUDENT_LENGTH_MAX_BYTES: usize = 32;
/// The students of one roll call.
pub const MARKS_PER_ROLL_CALL_MAX: u32 = 2_000_000;
/// The roll calls that are open at once.
pub const OPEN_ROLL_CALLS_MAX: usize = 262_144;
/// The different classes that a server knows: open now, or with a last sheet.
pub const CLASSES_MAX: usize = 1_048_576;

/// The closed roll calls without marks whose sheets are kept: anybody can make them, and nobody
/// misses them. The replay of a journal counts with this number, so another one needs a new format.
pub const EMPTY_SHEETS_KEPT_MAX: usize = 4_096;

// Rosters, plans and corrections.

/// The longest name of a student.
pub const STUDENT_NAME_MAX_BYTES: usize = 120;
/// The longest name of a group.
pub const GROUP_MAX_BYTES: usize = 40;
/// The longest reason of a correction.
pub const REASON_MAX_BYTES: usize = 120;
/// The longest title of a roll call.
pub const TITLE_MAX_BYTES: usize = 80;
/// The students of one class.
pub const ROSTER_MAX: usize = 100_000;
/// The students of all rosters together, each with each class counted.
pub const ROSTERS_TOTAL_MAX: usize = 4_194_304;
/// The changes of one request, so that it fits a datagram whatever the names are.
pub const ROSTER_EDITS_MAX: usize = 64;
/// The changes of one request are cut off at so many bytes, so that it fits a sealed datagram.
pub const ROSTER_EDITS_BYTES: usize = 900;
/// The requests of one import that are under way at once.
pub const ROSTER_IMPORTS_AT_ONCE: usize = 8;
/// The numbers that are read and wait for their receipts at once.
pub const SCANS_AT_ONCE: usize = 4;
/// The largest file that is read as a roster.
pub const ROSTER_FILE_MAX_BYTES: u64 = 24 << 20;
/// The rosters that are kept in memory as objects to be fetched.
pub const ROSTERS_CACHED_MAX: usize = 8;
/// The longest time for which a roll call is open before it closes by itself.
pub const WINDOW_LENGTH_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// The lessons that one roll call counts for.
pub const LESSONS_MAX: u8 = 20;
/// An answer may arrive so long after it was pressed, where the teacher says nothing else; and never later.
pub const ACCEPT_DELAYED_DEFAULT: Duration = Duration::from_secs(10 * 60);
/// A roll call that was closed by mistake is opened again within this time.
pub const REOPEN_MAX: Duration = Duration::from_secs(10 * 60);
/// The students of a roll call that is opened again: it is written down whole.
pub const REOPEN_MARKS_MAX: usize = 100_000;
/// The corrections of one roll call.
pub const TRAIL_MAX: usize = 4_096;
/// The closed roll calls that are kept in memory to be corrected. More than wait to be read, so that whoever
/// waits for one finds it when they ask again.
pub const CORRECTED_CACHED_MAX: usize = 256;
/// The bytes of their sheets together; the last one is kept whatever it has.
pub const CORRECTED_CACHED_BYTES: usize = 32 << 20;
/// The closed roll calls that wait to be read, so that they can be corrected.
pub const CORRECTIONS_AWAITED_MAX: usize = 64;
/// The deadlines that one turn of the loop looks at.
pub const DEADLINES_PER_TURN_MAX: usize = 16;
/// How often deadlines are compared with the clock, which may be set, or stand while a computer sleeps.
pub const DEADLINE_CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// The marks that one answer to `WATCH` holds.
pub const WATCHED_MAX: usize = 18;

// Telling duplicates.

/// How far a new client's `started` may be from the server's clock.
///
/// Wide enough for a clock that nobody sets (Kerberos allows five minutes, RFC 4120 8.2) and longer
/// than any datagram lives: RFC 8085 3.3 asks for two minutes, our simulator delays by up to ten.
pub const WINDOW: Duration = Duration::from_secs(15 * 60);
/// A client is forgotten only after more silence than this: twice the window, so that no duplicate
/// can outlive its entry.
pub const CLIENT_SILENCE_MIN: Duration = Duration::from_secs(2 * WINDOW.as_secs());
/// The clients that are remembered. At this bound a new client is told to try again later.
pub const CLIENTS_MAX: usize = 2_097_152;
/// The clients that one call of the expiry forgets, so that no turn of the loop stalls.
pub const CLIENTS_FORGOTTEN_PER_CALL_MAX: usize = 256;

/// A start is refused whose journal holds a time that is further ahead of this computer's clock.
pub const CLOCK_BEHIND_MAX: Duration = Duration::from_secs(60 * 60);
/// A start is refused whose clock is further ahead of the last time in its journal: no school is
/// closed for so long. A running server does not follow its clock over a longer leap.
pub const CLOCK_LEAP_MAX: Duration = Duration::from_secs(400 * 24 * 60 * 60);

// The client.

/// The first wait for an answer while no round trip has been measured.
///
/// RFC 8085 3.1.1 asks for one second on an unknown path. This is one campus network and a mark is one
/// small datagram, so that a person gets an answer in the time of a blink although a datagram was
/// lost.
pub const RETRY_INITIAL: Duration = Duration::from_millis(200);
/// So many waits are of one length before each further one is doubled.
///
/// Where a fifth of all datagrams is lost each way, a try succeeds with 0.64, so that of three hundred
/// people who press at once the last needs some six tries: they take a second and a quarter. Whoever
/// is not answered by then is not waiting for a lost datagram, and asks more slowly.
pub const RETRY_EVEN_WAITS: u32 = 5;
/// No wait is shorter, however fast the network: a commit on a slow disk takes this long.
pub const RETRY_MIN: Duration = Duration::from_millis(100);
/// No wait before jitter is longer: a person who walks back into the Wi-Fi is served within a
/// second, and three hundred who wait at once send no more than 600 small datagrams in one: the
/// packets of one film at 5 Mb/s.
pub const RETRY_MAX: Duration = Duration::from_millis(500);
/// The least that is added to the round trip before nothing counts as an answer to a `PULL`: a
/// `PULL` changes nothing, so asking too early costs only its blocks (RFC 9002 6.2.1 has 1 ms; a
/// disk that is asked for the first time takes some more).
pub const PULL_TIMER_MIN: Duration = Duration::from_millis(4);
/// The first wait before a question is asked again whose answer was not the last word: a file that is
/// still read, a list that changed. Doubled up to [`RETRY_MAX`] while there is no progress.
pub const ASK_AGAIN_MIN: Duration = Duration::from_millis(50);
/// The marks of its own that a client lists, and the acts of admins.
pub const MARKS_LISTED_MAX: usize = 65_536;
/// The sheets of one class that a client lists.
pub const SHEETS_LISTED_MAX: usize = 65_536;
/// A server that reads a file shows progress when it has read so much more.
pub const READING_PROGRESS_BYTES: u64 = 1 << 20;
/// The requests that count as lost whose blocks are still taken when they come late. More than are
/// under way on any path that is kept filled by 64 blocks a request.
pub const PULLS_RETIRED_MAX: usize = 1_024;
/// The blocks that a client keeps before one that is missing (8 MiB).
pub const BLOCKS_REORDERED_MAX: u32 = 8_192;
/// How often an object is fetched from its beginning before it counts as damaged (R-TRANSFER-9).
pub const WHOLE_FETCHES_MAX: u32 = 2;
/// The total deadline where the user names none.
pub const DEADLINE_DEFAULT: Duration = Duration::from_secs(30);
/// Each wait is multiplied by a factor between these two, drawn anew each time (RFC 7252 4.8), so that
/// clients that lost their datagrams together do not send again together.
pub const RETRY_JITTER: std::ops::Range<f64> = 1.0..1.5;
/// The longest total deadline: well within the window, because a request that is older than the
/// window is not executed any more.
pub const DEADLINE_MAX: Duration = Duration::from_secs(10 * 60);
/// How long to look for more about an answer that is here already.
pub const DETAIL_DEADLINE: Duration = Duration::from_secs(3);
/// How often a file is begun again that changed before anything of it arrived.
pub const TRANSFER_BEGINNINGS_MAX: u32 = 5;
/// The longest line that is read as an answer; all valid answers are far shorter.
pub const PROMPT_LINE_MAX_BYTES: usize = 1_024;
/// Lines of an editor that can be had again with the arrow keys.
pub const PROMPT_HISTORY_LINES: usize = 100;
/// How many names are tried for a part; others may have taken the first ones.
pub const PART_NAMES_MAX: u32 = 8;
/// The batches that are received before timeouts and effects are handled.
pub const RECEIVES_PER_TURN_MAX: usize = 4;
/// A longer sample of the round trip counts as so long: one of the computers slept meanwhile.
pub const PULL_ROUND_TRIP_MAX: Duration = Duration::from_secs(1);

// The server's turn.

/// What a client is told to wait when a table is full.
pub const BUSY_RETRY_AFTER_MS: u16 = 1_000;
/// How often silent clients are looked for. They are kept for half an hour, so a few seconds more
/// do not matter.
pub const SWEEP_INTERVAL: Duration = Duration::from_secs(10);

/// The datagrams that one turn of the loop takes before it commits and answers.
pub const DATAGRAMS_PER_TURN_MAX: usize = 512;
/// The datagrams that one turn of the loop throws away unread, at most, while one address sends more
/// than all others together can be kept from suffering for ([`ALLOWANCE_MIN`]).
pub const DATAGRAMS_SHED_PER_TURN_MAX: usize = 8_192;
/// For how long the datagrams of an address are counted together while the system drops some.
pub const ADMISSION_WINDOW: Duration = Duration::from_millis(10);
/// After so long without a lost datagram nobody is kept from being read any more.
pub const ADMISSION_CALM: Duration = Duration::from_secs(1);
/// What an address may send in one [`ADMISSION_WINDOW`] whatever else arrives: 1,600 datagrams in a
/// second, more than any honest client sends.
pub const ALLOWANCE_MIN: u32 = 16;
/// The replies that wait for a commit. A request that finds no room is dropped unread.
pub const REPLIES_HELD_MAX: usize = 16_384;
/// The sheets that wait to be read or are kept in memory after reading.
pub const SHEETS_CACHED_MAX: usize = 8;
/// The blocks that one turn of the loop gives out, so that marks do not wait behind files.
pub const BLOCKS_PER_TURN_MAX: u32 = 32;
/// The pieces of files that are read before blocks of others were given.
pub const PIECES_AHEAD_MAX: usize = 4;
/// The blocks that an address is given before the next one has its turn: a run that the system sends
/// as one.
pub const BLOCKS_PER_VISIT_MAX: u32 = 32;
/// The bytes of pulled blocks that leave in a second for all addresses together, where the server
/// listens on a network and its operator names no other rate: 17 Mbit/s, so that an uplink of 20 still
/// has room for marks.
pub const FILES_RATE_DEFAULT_BYTES: u64 = 2 << 20;
/// The lowest rate that can be asked for: one address still gets a sheet of a class of 300 in a second.
pub const FILES_RATE_MIN_BYTES: u64 = 64 << 10;
/// What a rate brings in so long may leave at once.
pub const PACE_BURST: Duration = Duration::from_millis(20);
/// So much may leave at once however low the rate is: four blocks.
pub const PACE_BURST_MIN_BYTES: u64 = 4_800;
/// The addresses whose rates are told apart.
pub const PACED_ADDRESSES_MAX: usize = 4_096;
/// The requests for blocks of one address that wait for the disk, or for their turn.
pub const BLOCKS_AWAITED_PER_ADDRESS_MAX: usize = 128;
/// The requests for blocks that wait for the disk, or for their turn.
pub const BLOCKS_AWAITED_MAX: usize = 1_024;
/// Questions for the sheets of a class that wait for the disk.
pub const SHEET_QUESTIONS_MAX: usize = 1_024;
/// Questions for files that wait for the disk.
pub const FILE_QUESTIONS_MAX: usize = 1_024;
/// For how long one secret makes cookies; they are taken for as long again (RFC 9018 4.3 has
/// minutes to an hour).
pub const COOKIE_LIFE: Duration = Duration::from_secs(60);
/// The replies of one call to the system.
pub const REPLIES_PER_SEND_MAX: usize = 64;
/// How many errors of receiving in a row end one socket's turn.
pub const RECEIVE_ERRORS_PER_TURN_MAX: usize = 16;
/// The places of the table.
pub const ADMISSION_PLACES: usize = 1_024;

// The sockets.

/// The receive buffer to ask the system for: holds some ten thousand small datagrams, so that a
/// whole school may press at once; the usual default holds 256.
pub const RECEIVE_BUFFER_BYTES: usize = 4 << 20;
/// The addresses that one server listens on.
pub const LISTEN_MAX: usize = 16;
/// The addresses of one server name that a client tries in turn.
pub const SERVER_ADDRESSES_MAX: usize = 4;

// The rehearsal.

/// The students of one rehearsal: as many as the server remembers clients, with room for others.
pub const LOAD_STUDENTS_MAX: usize = 2_000_000;
/// The classes of one rehearsal.
pub const LOAD_CLASSES_MAX: usize = 100_000;
/// The students who wait for their receipts at once, where their number is what is given.
pub const LOAD_IN_FLIGHT_MAX: usize = 100_000;
/// The marks that begin in one second, where that is what is given.
pub const LOAD_RATE_MAX: u32 = 1_000_000;
/// The sockets that the students share, where their number is not given.
pub const LOAD_SOCKETS: usize = 16;
/// The sockets that the students share, at most.
pub const LOAD_SOCKETS_MAX: usize = 1_024;
/// The first class that a rehearsal takes by itself: no school counts so far.
pub const LOAD_CLASSES_FROM: u32 = 3_000_000_000;
/// How many students say `HELLO` at once before they press.
pub const LOAD_HELLOS_AT_ONCE: usize = 48;
/// How many classes are opened or closed at once.
pub const LOAD_TEACHERS_AT_ONCE: usize = 64;
/// The longest wait that is told apart: more than any deadline.
pub const LOAD_LATENCY_MAX_MICROS: u64 = 3_600_000_000;
/// Findings that are kept to be told; all are counted.
pub const LOAD_FINDINGS_KEPT_MAX: usize = 20;

// The journal.

/// A snapshot is due only when at least this much was appended since the last one.
pub const SNAPSHOT_AFTER_MIN_BYTES: u64 = 4 << 20;
/// A snapshot is due when the batches are this many times as large as the last snapshot, so that
/// the work of making snapshots stays a fraction of the work of appending.
pub const SNAPSHOT_AFTER_RATIO: u64 = 2;
/// A disk with less room than this gets no new roll call, so that those that are open can go on.
pub const DISK_RESERVE_BYTES: u64 = 64 << 20;
/// On a small disk the reserve is this part of it.
pub const DISK_RESERVE_PART: u64 = 16;
/// A write-ahead log that is longer than this is reported: another program keeps the journal from
/// being copied into its database.
pub const LOG_LONG_BYTES: u64 = 64 << 20;
/// Above this no new roll call is opened, as on a disk that is almost full.
pub const LOG_MAX_BYTES: u64 = 1 << 30;
/// The steps that one turn of the loop takes for a snapshot: about as many items, half a
/// millisecond's work.
pub const SNAPSHOT_STEPS_PER_TURN: usize = 4_096;
/// The size at which one row of a snapshot ends and the next begins.
pub const SNAPSHOT_PART_BYTES: usize = 1 << 20;
/// What can be under way at the journal: a commit and a part of a snapshot. The status of the disk is
/// reported between them.
pub const JOURNAL_WRITES_MAX: usize = 2;
/// What can be under way at the reader: every sheet and every list that somebody waits for.
pub const JOURNAL_READS_MAX: usize = BLOCKS_AWAITED_MAX + SHEET_QUESTIONS_MAX;
/// How often the journal checks its folder.
pub const DISK_CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// How long a commit waits for another program that writes to the database. Its own thread waits and
/// clients ask again, so the wait may be long; it ends before a client's usual deadline does.
pub const JOURNAL_LOCKED_WAIT: Duration = Duration::from_secs(20);
/// How long a start waits for another program that reads the database.
pub const JOURNAL_READER_WAIT: Duration = Duration::from_secs(1);
/// The write-ahead log is cut to this after a large transaction went through it.
pub const LOG_KEPT_BYTES: i64 = 16 << 20;
/// The most acts that are kept in memory, where there is no disk.
pub const MEMORY_ACTS_MAX: usize = 16_384;
/// The most sheets that are kept.
pub const MEMORY_SHEETS_MAX: usize = 16_384;
/// The most bytes of sheets that are kept, except for the newest sheet.
pub const MEMORY_SHEETS_MAX_BYTES: usize = 256 << 20;

const _: () = {
    assert!(DATAGRAM_MIN_BYTES < REQUEST_MIN_BYTES);
    assert!(REQUEST_MIN_BYTES < STATUS_REQUEST_MIN_BYTES);
    assert!(STATUS_REQUEST_MIN_BYTES < SHEET_REQUEST_MIN_BYTES);
    assert!(SHEET_REQUEST_MIN_BYTES < LONE_PULL_MIN_BYTES);
    assert!(LONE_PULL_MIN_BYTES <= DATAGRAM_MAX_BYTES);
    assert!(4 * (2 + FILE_NAME_MAX_BYTES + 10) <= FILES_REQUEST_MIN_BYTES - 48);
    assert!(BLOCKS_PER_PULL_MAX == u64::BITS);
    assert!(DATAGRAM_MAX_BYTES < UDP_PAYLOAD_MAX_BYTES);
    assert!(OPEN_ROLL_CALLS_MAX <= CLASSES_MAX);
    assert!(LOAD_STUDENTS_MAX < CLIENTS_MAX && LOAD_CLASSES_MAX < OPEN_ROLL_CALLS_MAX);
    assert!(LOAD_STUDENTS_MAX <= MARKS_PER_ROLL_CALL_MAX as usize);
    assert!(DATAGRAMS_PER_TURN_MAX < REPLIES_HELD_MAX);
    assert!(RETRY_MIN.as_millis() <= RETRY_INITIAL.as_millis());
    assert!(RETRY_INITIAL.as_millis() <= RETRY_MAX.as_millis());
    assert!(DEADLINE_MAX.as_secs() < WINDOW.as_secs());
    assert!(ACCEPT_DELAYED_DEFAULT.as_secs() < u16::MAX as u64);
    assert!(CORRECTIONS_AWAITED_MAX < CORRECTED_CACHED_MAX);
    // What arrives delayed is still told from a copy.
    assert!(ACCEPT_DELAYED_DEFAULT.as_secs() < WINDOW.as_secs());
    // A client that was answered late must still be known when it asks again.
    assert!(CLIENT_SILENCE_MIN.as_secs() >= 2 * WINDOW.as_secs());
    // A sheet of the largest roll call can be counted in a u32 of bytes.
    assert!(
        (MARKS_PER_ROLL_CALL_MAX as u64) * (1 + STUDENT_LENGTH_MAX_BYTES as u64 + 7)
            < u32::MAX as u64
    );
};
