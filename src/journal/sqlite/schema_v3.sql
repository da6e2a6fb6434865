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
    content   BLOB NOT NULL        -- the name under which it is fetched: SHA-256 of those bytes
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
    PRIMARY KEY (roll_call, position)
) STRICT, WITHOUT ROWID;

-- The closed sheets as people read them: one line for each student who answered, times in UTC.
CREATE VIEW sheet AS
SELECT
    roll_call.class,
    roll_call.id AS roll_call,
    mark.position,
    mark.student,
    strftime('%Y-%m-%dT%H:%M:%fZ', mark.at / 1000.0, 'unixepoch') AS at,
    strftime('%Y-%m-%dT%H:%M:%fZ', roll_call.opened_at / 1000.0, 'unixepoch') AS opened_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', roll_call.closed_at / 1000.0, 'unixepoch') AS closed_at
FROM roll_call JOIN mark ON mark.roll_call = roll_call.id
ORDER BY roll_call.id, mark.position;

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
