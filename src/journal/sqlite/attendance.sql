-- What makes version 5 of version 4: plans, corrections and rosters.
ALTER TABLE roll_call ADD COLUMN revision   INTEGER NOT NULL DEFAULT 1;
ALTER TABLE roll_call ADD COLUMN revised_at INTEGER;
ALTER TABLE roll_call ADD COLUMN title      TEXT;
ALTER TABLE roll_call ADD COLUMN lessons    INTEGER NOT NULL DEFAULT 1;
ALTER TABLE roll_call ADD COLUMN supplement BLOB;
ALTER TABLE roll_call ADD COLUMN terms      BLOB;
ALTER TABLE roll_call ADD COLUMN expected   INTEGER;
CREATE TABLE entry (
    roll_call INTEGER NOT NULL, -- roll_call.id
    student   TEXT NOT NULL,
    name      TEXT,             -- as the roster had it at the close
    section   TEXT,             -- the group
    status    TEXT NOT NULL,    -- present, late, excused, absent, left
    listed    INTEGER NOT NULL, -- 1: on the roster, or the class had none
    PRIMARY KEY (roll_call, student)
) STRICT, WITHOUT ROWID;

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

DROP VIEW sheet;
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

