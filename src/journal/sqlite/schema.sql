-- The journal of a roll call server.
--
-- You may read this file at any time, also while the server runs:
--
--     sqlite3 rollcall.sqlite3 'select * from sheet where class = 3030'
--
-- Please do not write to it: the server checks what it reads and refuses to start with a file that
-- was changed. Do not stay inside of a transaction either: as long as one reads, the log only grows.
-- To make a backup, also while the server runs:
--
--     rollcall-server backup FILE --data FOLDER

-- The closed roll calls, one row each, kept for ever; of those that nobody answered only the last
-- 4,096. All times are milliseconds since 1970 UTC; the view "sheet" below shows them as dates.
CREATE TABLE roll_call (
    id        INTEGER PRIMARY KEY, -- counted from 1, never used again
    class     INTEGER NOT NULL,
    number    INTEGER NOT NULL,    -- which roll call of its class, counted from 1
    opened_at INTEGER NOT NULL,
    closed_at INTEGER NOT NULL,
    students  INTEGER NOT NULL,    -- how many answered
    bytes     INTEGER NOT NULL,    -- how long the sheet is when a client fetches it
    content   BLOB NOT NULL,       -- the name under which it is fetched: SHA-256 of those bytes
    revision   INTEGER NOT NULL DEFAULT 1, -- counted from 1; a correction makes the next one
    revised_at INTEGER,            -- when this revision was made; none: at the close
    title      TEXT,               -- what it is called, if it has a title
    lessons    INTEGER NOT NULL DEFAULT 1, -- how many it counts for
    supplement BLOB,               -- plan, corrections and roster, as they stand on the sheet
    terms      BLOB,               -- under which terms it was held, if a device opened it
    expected   INTEGER             -- how many were on the roster; none: the class had no roster
) STRICT;

-- Not unique: a class that is opened and closed twice within one millisecond makes the same sheet.
CREATE INDEX roll_call_by_content ON roll_call (content);
CREATE INDEX roll_call_by_number ON roll_call (class, number);

-- Who answered in a closed roll call, in order of arrival.
CREATE TABLE mark (
    roll_call INTEGER NOT NULL, -- roll_call.id
    position  INTEGER NOT NULL, -- counted from 1
    student   TEXT NOT NULL,    -- text, so that 042191010 keeps its zero
    at        INTEGER NOT NULL,
    remarks   INTEGER NOT NULL DEFAULT 0, -- what a teacher should know: a set, see the view "sheet"
    device    BLOB,             -- from which device, where it was one
    PRIMARY KEY (roll_call, position)
) STRICT, WITHOUT ROWID;

-- What everybody was in a closed roll call of whom there is more to say than a row of "mark" does: who was
-- late, excused, absent, or was corrected; and everybody who was on the roster.
CREATE TABLE entry (
    roll_call INTEGER NOT NULL, -- roll_call.id
    student   TEXT NOT NULL,
    name      TEXT,             -- as the roster had it at the close
    section   TEXT,             -- the group
    status    TEXT NOT NULL,    -- present, late, excused, absent, left
    listed    INTEGER NOT NULL, -- 1: on the roster, or the class had none
    PRIMARY KEY (roll_call, student)
) STRICT, WITHOUT ROWID;

-- What happened to a roll call beside marks, in order: corrections, extensions, that it was opened again.
CREATE TABLE trail (
    roll_call INTEGER NOT NULL, -- roll_call.id
    position  INTEGER NOT NULL, -- counted from 1
    at        INTEGER NOT NULL,
    name      TEXT,             -- by which teacher, where that is known
    student   TEXT,
    was       TEXT,
    status    TEXT,             -- what the student is from then on; or extended, reopened
    reason    TEXT,
    PRIMARY KEY (roll_call, position)
) STRICT, WITHOUT ROWID;

-- The earlier revisions of sheets that were corrected, whole.
CREATE TABLE revision (
    roll_call  INTEGER NOT NULL, -- roll_call.id
    revision   INTEGER NOT NULL,
    class      INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    opened_at  INTEGER NOT NULL,
    closed_at  INTEGER NOT NULL,
    students   INTEGER NOT NULL,
    content    BLOB NOT NULL,
    revised_at INTEGER NOT NULL,
    sheet      BLOB NOT NULL,    -- its bytes, as they are fetched
    PRIMARY KEY (roll_call, revision)
) STRICT, WITHOUT ROWID;

CREATE INDEX revision_by_content ON revision (content);
CREATE INDEX revision_by_number ON revision (class, number, revision);

CREATE INDEX mark_by_device ON mark (device, roll_call) WHERE device IS NOT NULL;

-- What admins and teachers did, kept for ever.
CREATE TABLE act (
    number INTEGER PRIMARY KEY, -- counted from 1 without gaps
    at     INTEGER NOT NULL,
    device BLOB,                -- by which device; none: at the server's terminal
    name   TEXT,                -- whose device that was then
    deed   TEXT NOT NULL,       -- what was done, for people
    record BLOB NOT NULL        -- the same, for the server
) STRICT;

-- The closed sheets as people read them: one line for each student, those who answered first and in order,
-- times in UTC.
CREATE VIEW sheet AS
SELECT
    roll_call.class,
    roll_call.id AS roll_call,
    mark.position,
    coalesce(mark.student, entry.student) AS student,
    entry.name,
    coalesce(entry.status, 'present') AS status,
    strftime('%Y-%m-%dT%H:%M:%fZ', mark.at / 1000.0, 'unixepoch') AS at,
    trim(iif(mark.remarks & 1, ' second_device', '') || iif(mark.remarks & 2, ' several_numbers', '')
        || iif(mark.remarks & 4, ' by_teacher', '') || iif(mark.remarks & 8, ' many_wrong_codes', '')
        || iif(mark.remarks & 16, ' called_present', '')
        || iif(mark.remarks & 32, ' called_absent', '')) AS remarks,
    strftime('%Y-%m-%dT%H:%M:%fZ', roll_call.opened_at / 1000.0, 'unixepoch') AS opened_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', roll_call.closed_at / 1000.0, 'unixepoch') AS closed_at
FROM roll_call
JOIN (
    SELECT roll_call, student, position FROM mark
    UNION ALL
    SELECT roll_call, student, NULL FROM entry WHERE NOT EXISTS (
        SELECT 1 FROM mark WHERE mark.roll_call = entry.roll_call AND mark.student = entry.student)
) AS who ON who.roll_call = roll_call.id
LEFT JOIN mark ON mark.roll_call = who.roll_call AND mark.position = who.position
LEFT JOIN entry ON entry.roll_call = who.roll_call AND entry.student = who.student
ORDER BY roll_call.id, mark.position IS NULL, mark.position, entry.student;

-- What is not closed yet, and which requests were answered, is kept in the three tables below. They
-- are in the server's own compact form, each blob with its checksum. A server that starts reads the
-- snapshot and then all batches.

-- What happened since the snapshot: one row for each time that the server wrote to disk.
CREATE TABLE batch (
    number  INTEGER PRIMARY KEY, -- without gaps
    records BLOB NOT NULL
) STRICT;

-- Everything that was alive when a snapshot was made, in parts counted from 0, each with the last batch
-- that is in its snapshot. Only the snapshot that snapshot_end names counts: a later one is being
-- written, or was when its server ended.
CREATE TABLE snapshot (
    batch INTEGER NOT NULL,
    part  INTEGER NOT NULL,
    items BLOB NOT NULL,
    PRIMARY KEY (batch, part)
) STRICT;

-- One row: the last batch that is in the snapshot, and of how many parts the snapshot is made.
CREATE TABLE snapshot_end (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    batch INTEGER NOT NULL,
    parts INTEGER NOT NULL
) STRICT;

INSERT INTO snapshot_end (id, batch, parts) VALUES (1, 0, 0);

-- One row while a server runs, none after it has ended in order. A file with such a row is whole only
-- together with its write-ahead log.
CREATE TABLE running (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    run   INTEGER NOT NULL
) STRICT;

-- One row in a backup. The first server that starts on it ends the invites that are open in it, because they
-- may have been used since.
CREATE TABLE backup (
    id INTEGER PRIMARY KEY CHECK (id = 1)
) STRICT;
