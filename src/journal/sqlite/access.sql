-- What makes version 4 of version 3: who may do what, and what is remarked.
ALTER TABLE mark ADD COLUMN remarks INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mark ADD COLUMN device BLOB;
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
DROP VIEW sheet;
CREATE VIEW sheet AS
SELECT
    roll_call.class,
    roll_call.id AS roll_call,
    mark.position,
    mark.student,
    strftime('%Y-%m-%dT%H:%M:%fZ', mark.at / 1000.0, 'unixepoch') AS at,
    trim(iif(mark.remarks & 1, ' second_device', '') || iif(mark.remarks & 2, ' several_numbers', '')
        || iif(mark.remarks & 4, ' by_teacher', '') || iif(mark.remarks & 8, ' many_wrong_codes', '')
        || iif(mark.remarks & 16, ' called_present', '')
        || iif(mark.remarks & 32, ' called_absent', '')) AS remarks,
    strftime('%Y-%m-%dT%H:%M:%fZ', roll_call.opened_at / 1000.0, 'unixepoch') AS opened_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', roll_call.closed_at / 1000.0, 'unixepoch') AS closed_at
FROM roll_call JOIN mark ON mark.roll_call = roll_call.id
ORDER BY roll_call.id, mark.position;

-- One row in a backup. The first server that starts on it ends the invites that are open in it, because they
-- may have been used since.
CREATE TABLE backup (
    id INTEGER PRIMARY KEY CHECK (id = 1)
) STRICT;
