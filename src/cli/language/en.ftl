# English, the language of the doc comments and of all that is not translated. How to add a text: see
# CONTRIBUTING.md.

## What stands around other texts.

decimal-mark = .
error = error: { $what }
in-line = line { $number }: { $what }
or = or
and-more = and { $count } more
from-to = { $from } to { $to }
at-most = it can be at most { $most }
answers-yes = y yes
answers-no = n no

## Things that are counted.

students =
    { $count ->
        [one] { $count } student
       *[other] { $count } students
    }
roll-calls-closed =
    { $count ->
        [one] { $count } closed roll call
       *[other] { $count } closed roll calls
    }
lessons =
    { $count ->
        [one] { $count } lesson
       *[other] { $count } lessons
    }

## What a student was.

status-present = present
status-late = late
status-excused = excused
status-absent = absent
status-left = left early

## Questions.

question-class = Class: {""}
question-student = Student number: {""}
question-code = Code that is shown in the room (Enter: none): {""}
question-close = Class { $class } is open since { $since }, { $present } present. Close it? [y/N] {""}
question-there = { $who }: there? [y/n, Enter: not asked] {""}
there-form = write y or n
question-invite-student = Invite for your number, if you were given one (else Enter): {""}
question-invite-staff = Invite, from an admin: {""}
question-file = File: {""}
question-import = The roster of class { $class }: { $changes }. Do it? [y/N] {""}

## Lines that are read.

line-only-one = write only one on each line
line-not-text = the line is not text (UTF-8)
line-too-long = the line is too long
standard-input-alone = '-' stands for standard input; write no other student beside it
cannot-print = cannot read or print: { $error }
cannot-read-input = cannot read standard input: { $error }

## The teacher: a roll call is opened and closed.

welcome-teacher = Roll call. Type the number of a class to open its roll call; type it again to close it and see who answered. Ctrl-D ends.
opened = Class { $class } was opened at { $at }.
open-already = Class { $class } was already open, since { $at }.
opened-late = Who answers from { $at } on is late.
opened-closes = It closes by itself at { $at }.
opened-code = The code of the room is { $code } for { $left } s more; show it with: rollcall-teacher code { $class }
closed = Class { $class } was closed at { $at }
closed-already = Class { $class } was already closed, at { $at }
closed-number = Class { $class }, roll call { $number }, was closed at { $at }
stays-open = Class { $class } stays open.
stays-open-unattended = class { $class } stays open; the same line again closes it
terms-plain = who answers is not known where datagrams are plain; join the server first, or leave out --who, --strict and --code
terms-strict = --strict says nothing where anyone may answer for any number
plan-late-after = --late-after has to be before the end that --for says; nobody could be late otherwise
shared = Class { $class } is shared with { $teacher }.
shared-already = Class { $class } was already shared with { $teacher }.
extended = Class { $class } closes at { $at }.
reopened = Class { $class } is open again, since { $since }; only you close it now. The sheet will say that it was opened again.
reopened-open = Class { $class } was open, since { $since }.

## The teacher: what is open, and what was closed.

none-open = No roll call is open.
not-open = class { $class } has no open roll call
status = Class { $class } is open since { $since }: { $present } so far.
status-expected = { $present } of { $expected } students
status-closes = It closes at { $at }.
no-sheet = class { $class } has no closed sheet
no-sheet-number = class { $class } has no closed sheet with number { $number }; see them with: rollcall-teacher history { $class }
no-sheet-revision = class { $class } has no revision { $revision } of that sheet; see them with: rollcall-teacher history { $class }
no-sheet-day = class { $class } has no sheet that was closed on { $day }; see them with: rollcall-teacher history { $class }
other-sheets =
    { $count ->
        [one] { $count } other sheet of class { $class } that day:
       *[other] { $count } other sheets of class { $class } that day:
    }
other-sheets-see = See one with: rollcall-teacher sheet { $class } --number { $number }
revised = revision { $revision }, of { $at }
day-form = write it as 2026-11-22

## A sheet.

sheet-answered =
    { $count ->
        [one] { $count } student answered
       *[other] { $count } students answered
    }
sheet-present =
    { $count ->
        [one] { $count } student present
       *[other] { $count } students present
    }
sheet-present-of = { $count } of { $listed } present
count-present = { $count } present
count-late = { $count } of them late
count-excused = { $count } excused
count-left = { $count } left early
count-absent = { $count } absent
count-unlisted = { $count } not on the roster
title-excused = Excused, { $count }:
title-left = Left early, { $count }:
title-absent = Absent, { $count }:
title-unlisted = Not on the roster, { $count }:
sheet-may-be = { $typed } may be { $student } { $name }
sheet-pressed = pressed at { $at }
sheet-trail = Revision { $revision }. What happened:
trail-extended = extended to { $at }
trail-reopened = opened again
trail-by = by { $name }
remark-second-device = second device for this number
remark-several-numbers = one device for several numbers
remark-by-teacher = marked by the teacher
remark-many-wrong-codes = many wrong codes
remark-called-present = was called, was there
remark-called-absent = was called, was not there

## The code of the room, and names that are called.

code-none = the roll call of class { $class } was opened without a code; close it and open it again for one
not-open-any-more = class { $class } is not open any more
code-for = { $left } s  class { $class }
code-heading = Class { $class }: the code of this room
code-left = for { $left } s more
code-counts =
    { $present } present, { $remarked } remarked, { $wrong ->
        [one] { $wrong } wrong code
       *[other] { $wrong } wrong codes
    }; Ctrl-C ends
spot-none = nobody is left to be called: nobody has answered, or all who have were called

## Watching a roll call, full screen.

watch-left = { $left } left
watch-class = Class { $class }
watch-open-since = open since { $at }
watch-late-from = late from { $at }
watch-closes-at = closes at { $at }
watch-closed-at = closed at { $at }
watch-count = { $present }, { $late } late
watch-arrivals = Arrivals: { $count }, newest first
watch-nobody-yet = nobody has answered yet
watch-missing = Missing: { $count }
watch-nobody-missing = nobody is missing
watch-left-early = left early
watch-second-device = second device
watch-several-numbers = one device for several
watch-by-teacher = by the teacher
watch-called-present = called, was there
watch-called-absent = called, was not there
watch-walk-in = not on the roster
watch-wrong-codes =
    { $count ->
        [one] { $count } wrong code
       *[other] { $count } wrong codes
    }
watch-flagged = { $count } flagged ({ $mark })
watch-silent = no answer since { $since } ({ $seconds } s); this may be out of date
watch-refused = the server refuses: { $why }
watch-code-awaited = waiting for the next code
watch-no-code = this roll call has no code
watch-closed = the roll call is closed
watch-question-minutes = extend by (minutes): {""}
watch-minutes-form = write a number of minutes from 1 to { $most }
watch-question-student = mark (number or part of a name): {""}
watch-no-match = nobody on the roster matches '{ $typed }'
watch-offer-walk-in = { $number }, not on the roster
watch-question-walk-in = { $number } is not on the roster; mark as walk-in? [y/N]
watch-question-walk-in-or = { $number } is not on the roster; did you mean { $meant }? mark as walk-in? [y/N]
watch-question-close = close class { $class }? { $present } [y/N]
watch-not-before-class = marking would show names to the class; press p first
watch-closed-already = the roll call is closed; nothing was changed
watch-stays-open = the roll call of class { $class } stays open; close it with 'close { $class }'
watch-key-yes = y
watch-key-no = n
watch-hint-mark = mark
watch-hint-extend = extend
watch-hint-close = close
watch-hint-projector = projector
watch-hint-names = names
watch-hint-refresh = refresh
watch-hint-scroll = scroll
watch-hint-quit = leave open
watch-hint-leave = leave
watch-hint-take = take
watch-hint-choose = choose
watch-hint-yes = yes
watch-hint-no = no
watch-hint-back = back
watch-no-student = '{ $student }' is no student number
watch-unknown = no answer: whether { $done } is unknown; it is asked again before the next
watch-now-closed = Class { $class } is closed.
watch-marked = { $student } is present.
watch-marked-already = { $student } was already present.
watch-no-terminal-in = standard input is no terminal; a full-screen view needs one for its keys
watch-no-terminal-out = standard output is no terminal; a full-screen view needs one to draw on

## Corrections.

in-class = in class { $class }
in-revision = in class { $class }, roll call { $number }, revision { $revision }
corrected = { $who } was marked { $status } { $place }, at { $at }.
corrected-from = { $who } was marked { $status } { $place }, at { $at } (before: { $was }).
corrected-already = { $who } was already { $status } { $place }.
no-reason = a reason cannot be that: { $cause }
no-title = a title cannot be that: { $cause }
unlisted = { $student } is not on the roster of class { $class }{ $meant }
unlisted-unanswered = { $student } has not answered in class { $class } and is not on its roster{ $meant }
did-you-mean = ; did you mean { $student } { $name }?
window-form = write it as 10m, 90s or 1h30m; a number alone is minutes
window-too-short = it must be a second or longer

## Numbers that are scanned.

welcome-scan = Class { $class }: one student number a line; Ctrl-D ends.
scan-unlisted = { $student } is not on the roster of class { $class } and was not marked; the same number again marks it all the same{ $meant }
scan-waiting = { $student } has no answer yet; it is sent again
scan-already = was there already
scan-no-answer = no answer that fits
scan-unanswered = no answer, and perhaps not marked: { $students }; scan them again

## Rosters.

roster-changes = the roster changes all the time; try again
roster-implausible = the server announces a roster that cannot be
roster-newer = the roster is of a newer form than this program knows; update this program
roster-malformed = what the server calls a roster is none
roster-none = class { $class } has no roster; import one with: rollcall-teacher roster import { $class } FILE
roster-heading = Class { $class } has { $students }:
import-added = { $count } new
import-changed = { $count } changed
import-removed = { $count } gone
import-unchanged = { $count } as before
import-nothing = nothing was imported from { $file }: { $cause }
imported = Class { $class } has { $students } now: { $changes }.
import-unasked = nothing was changed: the roster of class { $class } would have { $changes }; nobody can be asked here, so say --yes
import-declined = nothing was changed
import-broken-off = { $cause }; a part of the roster of class { $class } may have changed: import the file again, only what differs is sent
import-progress = { $done } of { $all } students
codes-written =
    { $count ->
        [one] { $count } code written to { $path }; each can be used once, for a week.
       *[other] { $count } codes written to { $path }; each can be used once, for a week.
    }
cards-title = Class { $class }
card-class = class { $class }

## A file with a roster.

roster-file-unread = it cannot be read: { $error }
roster-file-folder = it is a folder; name the file in it
roster-file-empty = it is empty
roster-file-too-large = it is larger than { $most } MiB, which no roster is
roster-file-binary = it is no text; save the table as CSV first
roster-file-no-students = it has no students, only a header
roster-file-too-many = it has more than { $most } students
roster-byte = it has a byte { $byte }, which no text has
roster-encodings = it is in another encoding than the lines before it; save the whole as UTF-8
roster-quotation-mark = a quotation mark is opened and never closed; the file may have been cut off
roster-header-number = the header names no column with the student numbers; call it 'number' or 'matrícula'
roster-header-name = the header names no column with the names; call it 'name' or 'nome'
roster-no-number-column = it is not clear which column has the student numbers; begin the file with a line: number,name
roster-no-name-column = there is no column with names; begin the file with a line: number,name
roster-two-names = { $student } is { $name } here and { $other } in line { $line }; keep one of them
roster-no-number = there is no student number
roster-rounded = a spreadsheet has made '{ $number }' of the number; format that column as text and type the numbers again
roster-no-name = { $number } has no name; the line may have been cut off
roster-name = the name '{ $name }' cannot be one: { $cause }
roster-group = the group '{ $group }' cannot be one: { $cause }
roster-formula = '{ $text }' begins with '{ $first }', as a formula does; remove it

## Reports and exports.

report-heading = Class { $class }, { $roll_calls }, { $lessons }. Counted in lessons; present and late count as there.
column-number = number
column-name = name
column-of = of
column-present = here
column-late = late
column-excused = exc
column-absent = abs
column-left = left
report-below = below { $minimum } %
report-unlisted = Not on the roster:
export-workbook = a workbook is no text: name a file with --output FILE.xlsx
export-acronyms-form = write all four, of one or two letters each, as P,L,E,A
export-acronyms-format = only Moodle has acronyms: give --acronyms with --format moodle
export-moodle-all = Moodle imports one session at a time: leave out --all, or say which with --number N
export-none = class { $class } has no closed roll call; close one with: rollcall-teacher close { $class }
export-no-number = class { $class } has no closed roll call { $number }; see them with: rollcall-teacher history { $class }
export-formula = the number { $number } begins as a formula does, and cannot be handed on; correct it in the roster
export-moodle-unlisted = left out, because not on the roster: { $students }
exported-one = Roll call { $number } of class { $class }, closed at { $at }, was written to { $path }.
exported = { $count } roll calls of class { $class } were written to { $path }.
file-folder = { $path } is a folder; name the file in it
file-there = { $path } is there already; --force replaces it
file-special = { $path } is no regular file and is never replaced; name another one
file-unwritable = { $path } cannot be written: { $error }; nothing was changed
file-read-only = it may not be changed

## The student: marks.

welcome-student = Roll call. Answer with your student number and the number of the class. Ctrl-D ends.
marked = { $student } was marked present in class { $class } at { $at }.
marked-already = { $student } was already marked present in class { $class } at { $at }.
marked-late = { $student } was marked late in class { $class } at { $at }.
marked-unlisted = { $student } is not on the roster of class { $class }: look at the number again, or tell the teacher
mark-refused = { $student } was refused at { $at }: { $why }
refused-closed = class { $class } was closed at { $at }
refused-not-open-since = class { $class } has no open roll call (the last was closed at { $at }); ask the teacher to open it
mine = { $student } in class { $class }, roll call { $number }: { $at }
mine-tally = { $student } was there for { $percent } % of { $lessons } in class { $class } ({ $roll_calls } with the number on the roster): { $present } in time, { $late } late, { $excused } excused, { $absent } absent.
mine-left = Before it is less than { $minimum } %, { $left } more may be missed, of those so far.
mine-below = That is less than { $minimum } %.
mine-none = no closed roll call has a mark from this computer
kept = no network: the mark of { $students } in class { $class } is kept on this computer and will be sent, by the next rollcall-student command; to wait for the network: rollcall-student send --timeout 10m
not-kept = and it is not kept either: { $cause }
kept-system = cannot keep marks in { $path }: { $source }
kept-damaged = { $path } is not a mark; remove it
delivered = { $student } was marked present in class { $class } at { $at }; it was pressed at { $pressed }.
delivered-late = { $student } was marked late in class { $class } at { $at }; it was pressed at { $pressed }.
delivered-refused = the mark of { $student } in class { $class }, pressed at { $pressed }, was refused: { $why }
send-nothing = no mark is kept for { $server }
mine-kept = not sent yet: { $student } in class { $class }, pressed at { $at }
not-sent = not sent: { $students }
not-sent-after = not sent: what comes after line { $line }
entry-form = write STUDENT CLASS, or only one of them; the code after both
entries-skipped = lines { $from } to { $to } were skipped: after one that is not understood only a line with both, STUDENT CLASS, is taken
entry-without-class-line = line { $number }: '{ $student }' was not marked: no class came with it
entry-without-class = { $student } was not marked: no class came with it

## Why the server refuses.

refused = refused: { $why }
refused-at = refused at { $at }: { $why }
refusal-not-open = class { $class } has no open roll call; the teacher opens one with: rollcall-teacher open { $class }
refusal-never-opened = class { $class } never had a roll call
refusal-roll-call-full = the roll call of class { $class } is full
refusal-too-many-open = too many roll calls are open; close some first
refusal-disk-low = the server's disk is almost full, and only open roll calls go on; ask who runs it
refusal-too-many-classes = this server keeps no more classes; ask who runs it
refusal-not-a-teacher = this computer is no teacher's; ask an admin for an invite and type: rollcall-teacher join LINK
refusal-not-an-admin = this computer is no admin's; whoever runs the server makes one with: rollcall-server admin-link
refusal-not-your-class = class { $class } is another teacher's; that one shares it with: rollcall-teacher share { $class } NAME, or an admin gives it away
refusal-no-device = that has to come sealed; ask for the join link of the server and type: join LINK
refusal-invite-unknown = there is no such invite; look at it again, or ask for another one
refusal-invite-used = another computer has used the invite; ask for another one, and who that was
refusal-invite-ended = the invite has ended; ask for another one
refusal-other-person = this computer is another person's already; join from another account of it
refusal-unknown-device = there is no such device; see them with: people
refusal-unknown-teacher = there is no teacher of that name; names are written as in the invite
refusal-unknown-student = no such student has answered in class { $class }
refusal-no-room = this server keeps no more of that; ask who runs it
refusal-code-needed = give the code that is shown in the room: --code N
refusal-wrong-code = that is not the code that is shown in the room; look again, it changes
refusal-code-limit = too many wrong codes came for this number or from this computer; ask the teacher
refusal-other-device = this number answers from another device, and the teacher takes no second one; ask the teacher
refusal-other-number = this device answers for another number, and the teacher takes no second one; ask the teacher
refusal-not-enrolled = this device is not enrolled for the number; ask for an invite and type: rollcall-student join LINK
refusal-taken-back = the teacher has taken your answer back; speak to the teacher
refusal-too-late = that was pressed too long ago, or before the roll call was opened; speak to the teacher
refusal-roster-changed = somebody else has changed the roster of class { $class } meanwhile; import the file again
refusal-no-such-roll-call = class { $class } has no such closed roll call; see them with: rollcall-teacher history { $class }
refusal-reopen-too-late = class { $class } was closed more than ten minutes ago; correct its sheet with mark, unmark, late or excuse, or open a new roll call

## No answer.

no-answer = no answer from { $server } within { $timeout }{ $outcome } ({ $hints })
client-forgotten = { $server } no longer knows this client{ $outcome }; ask again to find out
hint-versions = it speaks version { $versions } of the protocol; update
hint-busy = the server is there, but full: try again in a few minutes
hint-refused = nothing listens at { $address }: is the server running?
hint-silent = are the address and the network right, and has this computer joined it?
hint-silent-joined = are the address and the network right, and has the server still the key { $key }?
waiting = no answer yet, trying again ({ $attempt }), { $left } s left
waiting-refused = nothing listens at { $address } yet; still trying ({ $attempt }), { $left } s left
interrupted = interrupted
interrupted-with = interrupted{ $outcome }
interrupted-unknown = interrupted{ $outcome }; ask again to find out
outcome-not-sent = ; { $operation } was not sent
outcome-unknown = ; whether { $done } is unknown
subject-open = the opening of class { $class }
subject-close = the close of class { $class }
subject-mark = the mark of { $student } in class { $class }
subject-join = the use of the invite
subject-act = the act ({ $deed })
subject-extend = the extension of class { $class }
subject-reopen = the reopening of class { $class }
subject-correct = the correction of { $student } in class { $class }
subject-enrol = a change of the roster of class { $class }
done-open = class { $class } was opened
done-close = class { $class } was closed
done-mark = { $student } was marked in class { $class }
done-join = the invite was used
done-act = this was done: { $deed }
done-extend = class { $class } was extended
done-reopen = class { $class } was opened again
done-correct = { $student } was corrected in class { $class }
done-enrol = the roster of class { $class } was changed
deed-invite = invited { $guest }
deed-revoke = revoked device { $device }
deed-release = released student { $student }
deed-give = gave class { $class } to { $teacher }
deed-share = shared class { $class } with { $teacher }
deed-call-there = called { $student } in class { $class }: there
deed-call-absent = called { $student } in class { $class }: not there
deed-enrol = invited student { $student } of class { $class }
guest-admin = admin { $name }
guest-teacher = teacher { $name }
guest-student = student { $student }
from-before = { $operation } from before: { $outcome }
from-before-unknown = { $operation } from before: the outcome will not be known any more
settled-opened = was opened at { $at }
settled-open = was already open since { $at }
settled-closed = was closed at { $at }
settled-revoked = cannot be found out any more: this computer was revoked
settled-done = was done at { $at }
settled-recorded = was recorded at { $at }
settled-refused = was refused at { $at } ({ $reason })
settled-answered = was answered
revoked = this computer was revoked: it may do nothing on this server any more{ $outcome }; ask an admin; to join as a new device, move device.key away from the folder of its settings
call-unresolved = cannot find the server '{ $server }': { $reason }
call-unanswered = no answer
call-stalled = the server answers, but { $what } does not come to an end; try again later
stalled-files = its list of files
stalled-marks = its list of marks
stalled-open-roll-calls = its list of open roll calls
stalled-sheets = its list of sheets
stalled-reading = its reading of the file
call-revoked = this device was revoked
call-refused = refused: { $reason }
system-refused = the operating system refused: { $error }

## Joining a server.

no-server = '{ $name }' is no address of a server: { $cause } (see --help)
no-join-link = this is no join link: { $cause }
no-invite = this is no invite: { $cause }
joined-now = { $server } is joined; its key is { $key }
joined-before = { $server } was joined before; its key is { $key }
joined = joined { $server } as { $guest } at { $at }
join-unproved = { $server } does not prove within { $timeout } that it has the key of the link; is it running, and is the link its own? Nothing was changed
join-without-invite = without an invite this computer may answer roll calls, and hold none
join-unanswered = no answer from { $server } within { $timeout }; whether the invite was used is unknown; the same again finds out
join-another-key = { $server } IS KNOWN BY ANOTHER KEY: { $known } in place of { $key }. Somebody may be answering in its place. Ask who runs it; if the key was really changed, join again after --forget-server
keys-not-kept = what the server said of its keys could not be kept: { $cause }
not-plainly = { $server } was joined, and is not spoken to plainly; leave out --plain, or forget its key with --forget-server
server-unknown = { $server } is not known on this computer; ask for its join link and type: join LINK; only where everybody on the network is trusted: --plain
key-forgotten = the key of { $server } is forgotten
key-not-there = { $server } was not joined: there is nothing to forget
key-unread = cannot read the key in { $path }: { $source }
key-not-made = cannot make a key in { $path }: { $source }
key-open = others can read the key in { $path }; if nobody has, close it: chmod 600 { $path }
key-foreign = the key in { $path } belongs to another user of this computer; run this as that user
key-damaged = { $path } is not a key: it is empty or damaged; put it back from a copy, or move it away to get a new one, which everybody has to join again for
trust-no-key = { $cause }; make that folder writable, or name another one in ROLLCALL_CONFIG
trust-no-folder = this system does not tell where to keep keys; name a folder in ROLLCALL_CONFIG
trust-unread = cannot read { $path }: { $source }; make that folder readable, or name another one in ROLLCALL_CONFIG
trust-unwritten = cannot write { $path }: { $source }; nothing was changed; make that folder writable, or name another one in ROLLCALL_CONFIG
trust-line = line { $line } of { $path } is not understood; correct or remove it

## Files that the server offers.

files-none = this server offers no files; whoever runs it can, with --files
files-empty = The folder of offered files is empty.
file-form = type a number from 1 to { $most }, or a name
file-path = '{ $file }' is a path; give a file name
file-no-number =
    { $count ->
        [one] there is no file number { $index }; the server offers { $count } file
       *[other] there is no file number { $index }; the server offers { $count } files
    }
file-none = the server offers no file '{ $name }', or cannot read it; see 'rollcall-student files'
file-changes = '{ $name }' changes all the time on the server; try again later
file-damaged = '{ $name }' arrived twice, and both times it was not what the server announced; tell whoever runs the server
file-not-resumed = cannot go on: { $error }
file-unwritten = cannot write { $path }: { $error }
file-unwritten-full = cannot write { $path }: { $error }; make room there
file-broken-off = { $why }; { $kept } of { $all } are kept: run the same command again to go on
fetched = { $path } is here: { $all } in { $seconds } s, { $rate }/s.
fetched-before = { $path } is here: { $all } were here before.
fetched-rest = { $path } is here: { $all }, of which { $before } were here before and { $rest } came in { $seconds } s, { $rate }/s.
fetch-revoked = this computer was revoked
fetch-gone = the server no longer has it
fetch-damaged = what arrived is not what the server announced, twice; tell whoever runs the server
fetch-sheet = { $cause }; fetch it again, or ask who runs the server
fetch-implausible = the server announces a sheet of { $bytes } bytes for { $students } students, which cannot be; ask who runs the server
fetch-unwritten = cannot write: { $error }
sheet-damaged = the sheet does not match its name
sheet-malformed = what the server calls a sheet is none
sheet-newer = the sheet is of a newer form than this program knows; update this program
progress = { $so_far } of { $all }
progress-waiting = { $so_far } of { $all }, waiting
progress-rate = { $so_far } of { $all }, { $rate }/s, { $left } left
server-reading = { $so_far } of { $all } read by the server
output-no-name = { $path } is no name for a file
output-no-folder = there is no folder { $path }; make it first, or leave the last / out
output-no-folder-for = cannot write { $path }: there is no folder { $folder }; make it first
output-folder = { $path } is a folder and is never replaced; use --output to save elsewhere
output-no-file = { $path } is no regular file and is never replaced; use --output to save elsewhere
output-there = { $path } is there already; use --force to replace it, or --output to save elsewhere
output-unwritten = cannot write in { $folder }: { $error }; use --output to save elsewhere
output-under-way = another download of this file to this place is under way
output-taken = others have taken the names for a part in { $folder }; use --output to save elsewhere
output-changes = another program changes it
output-unsaved = cannot save { $path }: { $error }

## Why a text is not what it should be.

not-a-class = a class is a number from 1 to 4294967295
not-a-student-empty = a student number has at least one character
not-a-student-too-long = a student number has at most { $most } characters
not-a-student-character = a student number is made of letters, digits and signs of ASCII, without spaces
not-a-roll-call-number = roll calls of a class are numbered from 1; see them with: rollcall-teacher history CLASS
not-a-code = the code is the six digits that are shown in the room
not-an-invite = an invite is sixteen letters and digits in four groups, as in ABCD-EFGH-IJKL-2345
not-a-name-empty = a name has at least one character
not-a-name-too-long = a name has at most { $most } bytes; letters with accents take two
not-a-name-character = a name has no characters that cannot be seen, and no two spaces in a row
not-a-line-empty = it has no characters
not-a-line-too-long = it has more than { $most } bytes; letters with accents take two
not-a-line-character = it has characters that cannot be seen, or spaces around it, or two spaces in a row
not-a-file-name-empty = a file's name has at least one character
not-a-file-name-too-long = a file's name has at most { $most } bytes
not-a-file-name-hidden = a file that is offered does not begin with a dot
not-a-file-name-character = a file's name has no slashes, and no characters that cannot be seen
not-a-server = write HOST:PORT, for example 192.0.2.7:5050
not-a-link = a join link looks like rollcall://HOST:PORT/#KEY
not-a-link-server = its address is not understood: { $cause }
not-a-key = a key has 58 letters and digits: is the link whole?
not-a-key-check-sum = a letter of the key is wrong: copy the link again
not-a-number = { $error }
not-in-range = { $value } is not in { $range }
deadline-form = write it as 30s, 500ms or 2m
deadline-zero = it must be longer than zero

## What is wrong with a command line.

usage = { $cause } (see { $program } --help)
usage-argument = unexpected argument '{ $argument }' found
usage-command = unrecognized subcommand '{ $command }'
usage-conflict = the argument '{ $argument }' cannot be used with '{ $prior }'
usage-twice = the argument '{ $argument }' cannot be used multiple times
usage-missing = the following required arguments were not provided: { $arguments }
usage-no-value = a value is required for '{ $argument }' but none was supplied
usage-not-text = invalid UTF-8 was detected in one or more arguments
usage-too-many-values = unexpected value '{ $value }' for '{ $argument }' found; no more were expected
usage-value = invalid value '{ $value }' for '{ $argument }'
usage-value-because = invalid value '{ $value }' for '{ $argument }': { $cause }
usage-suggestion = ; did you mean { $words }?

## What clap says around the help of every command.

help-usage = Usage
help-commands = Commands
help-arguments = Arguments
help-options = Options
help-any-options = OPTIONS
help-command = COMMAND
help-env = {"["}env: { $value }]
help-default = {"["}default: { $value }]
help-possible-values = {"["}possible values: { $value }]
help-help = Print this message or the help of the given subcommand(s)
help--help = Print help
help--help_more = Print help (see more with '--help')
help--help_summary = Print help (see a summary with '-h')
help--version = Print version

## The values of arguments.

value-class = CLASS
value-d = D
value-f = F
value-file = FILE
value-host-port = HOST:PORT
value-link = LINK
value-list = LIST
value-n = N
value-name-index = NAME|INDEX
value-path = PATH
value-student = STUDENT
value-t = T
value-teacher = TEACHER
value-text = TEXT
value-time = TIME
value-w = W

## --help: what several commands have.

help--server = The server to ask; without a port: 5050
help--plain = Speak plainly to a server that was not joined: whoever is on the way can read and change what is said. Never to one that was joined
help--forget-server = Forget the key of the server, which was joined before, and speak to it as if it were unknown
help--json = Print one JSON object a line on standard output, and nothing else there
help--timeout = How long to keep asking before the outcome counts as unknown, at most 10m
help--link = The link: rollcall://HOST:PORT/#KEY
help--class = The class
help--number = The roll call with this number, as 'history' shows it
help--force = Replace a file that is there already

## --help of rollcall-teacher.

help-teacher = Open the roll call of a class, close it, and get the sheet
help-teacher_long =
    Open the roll call of a class, close it, and get the sheet.

    Without a command it asks for a class number again and again. A class that is not open is opened; of one that is open it tells since when and how many have answered, and asks whether to close it.

    Where nobody can be asked, because standard input is no terminal, a second line with the same class closes it, if the line before opened it or told that it was open. Then the exit code is the highest of what was done.
help-teacher_after =
    Examples:
      rollcall-teacher                       ask for class numbers, as at the lectern
      rollcall-teacher open 3030             open the roll call of class 3030
      rollcall-teacher status                what is open, and how many have answered
      rollcall-teacher close 3030            close it and show the sheet
      rollcall-teacher --json sheet 3030     the last closed sheet again, for a program
      rollcall-teacher code 3030             the code of the room, large, for a projector
      rollcall-teacher spot 3030 3           three names to call aloud, and who was there
      rollcall-teacher mark 3030 042191010   mark somebody whose phone is at home
      rollcall-teacher history 3030          all roll calls of the class, with their numbers
      rollcall-teacher sheet 3030 --number 7
      rollcall-teacher sheet 3030 --date 2026-11-22
      rollcall-teacher --server 192.0.2.7:5050 open 3030

    Exit codes: 0 done, 1 failure, 2 wrong usage, 3 refused, 4 no answer (outcome unknown),
    130 Ctrl-C while waiting for an answer (outcome unknown)
help-teacher-join = Learn by which key a server is known, from the link that whoever runs it gives out
help-teacher-open = Open the roll call of a class
help-teacher-open--class = The class: a number from 1 to 4294967295
help-teacher-open--who = Who may answer, with a server that was joined: 'anyone' for any number, as on a computer that many use; 'device', each number from a device of its own, and what contradicts that is recorded and shown on the sheet (so it is without this flag); 'enrolled', only devices that joined with the invite for the number
help-teacher-open--strict = Refuse a second device for a number, and a second number from a device, instead of showing it on the sheet
help-teacher-open--code = Take answers only with the code that is shown in the room. So it is anyway with a server that was joined
help-teacher-open--no-code = Take answers without a code, from wherever they come
help-teacher-open--for = Close it by itself after this time: 10m, 90s, 1h30m; at most a day
help-teacher-open--late-after = Who answers after this time is late
help-teacher-open--lessons = Count it as so many lessons, for reports
help-teacher-open--title = What it is called, on sheets and in exports
help-teacher-open--accept-delayed = Take an answer that had no network when it was pressed, up to this long afterwards; 0 for never
help-teacher-extend = Move the end of an open roll call, and when who answers is late if that is not yet; without an end, it gets one
help-teacher-extend--by = By how much: 5m, 90s
help-teacher-reopen = Open a roll call again that was closed by mistake, within ten minutes
help-teacher-close = Close the roll call of a class and show its sheet
help-teacher-status = Show which roll calls are open, or one of them
help-teacher-status--class = The class; all that are open if it is left out
help-teacher-sheet = Show the last closed sheet of a class again, or an earlier one
help-teacher-sheet--revision = An earlier revision of it, as 'history' shows them
help-teacher-sheet--date = All that were closed on this day: 2026-11-22
help-teacher-history = List all closed roll calls of a class, with their numbers
help-teacher-code = Show the code of a class's room, large and live, until the roll call is closed or Ctrl-C is pressed
help-teacher-spot = Draw students to be called aloud, those first of whom something is suspicious, and write down who was there: for each, y or n, or nothing
help-teacher-spot--class = The class, whose roll call is open
help-teacher-spot--count = How many, at most 20
help-teacher-mark = Mark students as present, without a code, while the roll call is open or after its close; the sheet says that you did
help-teacher-mark--class = The class: its open roll call, or else the last one
help-teacher-mark--students = The student numbers, or "-" to read them from standard input, one on each line
help-teacher-mark--reason = Why; it stands in the trail of the sheet
help-teacher-mark--number = The closed roll call with this number, as 'history' shows it
help-teacher-unmark = Take back that students were there
help-teacher-unmark--class = { help-teacher-mark--class }
help-teacher-unmark--students = { help-teacher-mark--students }
help-teacher-unmark--reason = { help-teacher-mark--reason }
help-teacher-unmark--number = { help-teacher-mark--number }
help-teacher-late = Write down that students were late
help-teacher-late--class = { help-teacher-mark--class }
help-teacher-late--students = { help-teacher-mark--students }
help-teacher-late--reason = { help-teacher-mark--reason }
help-teacher-late--number = { help-teacher-mark--number }
help-teacher-excuse = Write down that students were absent with a reason that you accept
help-teacher-excuse--class = { help-teacher-mark--class }
help-teacher-excuse--students = { help-teacher-mark--students }
help-teacher-excuse--reason = { help-teacher-mark--reason }
help-teacher-excuse--number = { help-teacher-mark--number }
help-teacher-left = Write down that students left before the end
help-teacher-left--class = { help-teacher-mark--class }
help-teacher-left--students = { help-teacher-mark--students }
help-teacher-left--reason = { help-teacher-mark--reason }
help-teacher-left--number = { help-teacher-mark--number }
help-teacher-roster = Who belongs to a class
help-teacher-roster-import = Make the roster of a class what a file says: CSV as Moodle, Excel or SIGAA write it. What changes is shown first
help-teacher-roster-import--file = The file
help-teacher-roster-import--yes = Do it without asking
help-teacher-roster-show = Show the roster of a class
help-teacher-roster-codes = Make a one-time code for each student of a class, with which a device joins as that student's, for 'open --who enrolled'. As CSV for a mail merge, or as cards to be cut out if FILE ends with .html
help-teacher-roster-codes--output = Where to write them. Without it: standard output, as CSV
help-teacher-scan = Mark one student after the other: a number a line, from the keyboard or a barcode scanner
help-teacher-watch = Watch an open roll call, full screen: who comes, who is missing, the code of the room large for a projector (key p); extend it, mark somebody, close it
help-teacher-export = Write closed roll calls into a file for other programs
help-teacher-export--format = 'csv' has a row for each student and roll call, 'wide' a column for each roll call, 'json' an object for each; 'xlsx' is a workbook with both tables; 'moodle' is what its import of attendance takes
help-teacher-export--output = Where to write it. Without it: standard output; for 'xlsx' a file is needed
help-teacher-export--acronyms = The acronyms that the activity in Moodle has for present, late, excused and absent. Without it: P,L,E,A
help-teacher-export--all = All closed roll calls of the class; without it, only the last one
help-teacher-report = Show how often each student was there, over all closed roll calls
help-teacher-report--minimum = Who was there for fewer of a hundred lessons is named
help-teacher-report--planned = How many lessons the course has in all: absences left are counted towards it
help-teacher-share = Let another teacher hold the roll calls of a class of yours too, and read its sheets
help-teacher-share--teacher = The teacher's name, as it was written in the invite

## --help of rollcall-student.

help-student = Answer the roll call of a class with a student number, and fetch files
help-student_long =
    Answer the roll call of a class with a student number, and fetch files.

    Without a command it asks for student number and class again and again, so that several students can use one computer. Both may be given in one line, STUDENT CLASS, with a space, a tab, a comma or a semicolon between them.

    Where nobody can be asked, because standard input is no terminal, nothing is guessed: after a line that is not understood only lines with both are taken until there is one. Then the exit code is the highest of what was done.
help-student_after =
    Examples:
      rollcall-student                          ask for student number and class
      rollcall-student mark 3030 042191010      answer the roll call of class 3030
      rollcall-student --json mark 3030 10 20   several students, for a program
      rollcall-student mark 3030 - < list.txt   the students of a list, one on each line
      rollcall-student mark 3030 10 --code 123456   with the code that is shown in the room
      rollcall-student send --timeout 10m       send on what had no answer, and wait for the network
      rollcall-student mine                     what was marked from this computer
      rollcall-student files                    which files the server offers
      rollcall-student get notes.pdf            fetch one of them; also by its number in the list
      rollcall-student --server 192.0.2.7:5050 mark 3030 042191010

    Exit codes: 0 done, 1 failure, 2 wrong usage, 3 refused, 4 no answer (outcome unknown),
    130 Ctrl-C while waiting for an answer (outcome unknown)
help-student-join = { help-teacher-join }
help-student-mark = Mark one student or several as present
help-student-mark--class = { help-teacher-open--class }
help-student-mark--students = The student numbers: 1 to 32 characters without spaces; leading zeros are kept. Or "-" to read them from standard input, one on each line
help-student-mark--code = The code that is shown in the room: six digits
help-student-send = Send on the marks that had no answer, with how long ago they were pressed
help-student-mine = Show the marks of closed roll calls that were made from this computer, and how often their students were there
help-student-mine--minimum = Who was there for fewer of a hundred lessons is told so
help-student-mine--class = Of this class only
help-student-files = Show the files that the server offers, numbered, with their sizes
help-student-get = Fetch a file. What was interrupted goes on where it stopped
help-student-get--file = The file's name, or its number in the list; asked for if it is left out
help-student-get--output = Where to save it: a file, or a folder. Without it: here, under its name
