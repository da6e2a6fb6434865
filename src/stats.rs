//! Counters with names: every way in which the server disposes of a datagram, and what happens
//! besides. Logs, tests and the operator use the same names.

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// What is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Counter {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Counter {
            /// Every counter, in the order in which they are shown.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name under which it is shown.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

counters! {
    // One of these for each datagram.
    /// Not read: shorter than a frame.
    TooShort = "rejected_too_short",
    /// Not read: longer than a datagram may be.
    TooLong = "rejected_too_long",
    /// Not read: another protocol.
    Magic = "rejected_magic",
    /// Answered with the versions spoken here.
    Version = "rejected_version",
    /// Not read: about versions.
    Negotiation = "rejected_negotiation",
    /// Not read: damaged.
    Checksum = "rejected_checksum",
    /// Not read: sealed.
    Sealed = "rejected_sealed",
    /// Not read: not a request.
    Kind = "rejected_kind",
    /// Not read: nonsense under a right checksum.
    Body = "rejected_body",
    /// Not read: bytes left over.
    LeftOver = "rejected_left_over",
    /// Not read: not canonical.
    NotCanonical = "rejected_not_canonical",
    /// Not read: shorter than its answer may be.
    RequestTooShort = "rejected_request_too_short",
    /// Not read: the system drops datagrams, and this address sends more than its part.
    Shed = "shed",
    /// Not read: plain, and this server is spoken to in sealed datagrams only.
    Plain = "rejected_plain",
    /// Answered with `BUSY`: the device asks for more than one may.
    DeviceBusy = "device_busy",
    /// Not read: a sealed datagram of a length that none has.
    SealedLength = "rejected_sealed_length",
    /// Answered with `RENEW`: the ticket is of no key of this server.
    TicketUnknown = "renewed_unknown",
    /// Answered with `RENEW`: the ticket has ended.
    TicketEnded = "renewed_ended",
    /// Answered with `RENEW`: the datagram was held back for too long.
    HeldBack = "renewed_held_back",
    /// Not read: a ticket that this server did not make.
    TicketForged = "rejected_ticket",
    /// Not read: not sealed by whom the ticket belongs to.
    SealedForged = "rejected_seal",
    /// Not read: not a `HELLO` to this service.
    HelloForged = "rejected_hello",
    /// A `HELLO` to be answered.
    Hello = "hello",
    /// A `HELLO` that waits already.
    HelloRepeated = "hello_repeated",
    /// A `HELLO` whose first message does not open: not made with this service's key.
    HelloUnopened = "hello_unopened",
    /// Answered with `RETRY`: many wait, and the address has to prove itself.
    HelloUnproved = "hello_unproved",
    /// Not executed: too many replies wait already.
    Overloaded = "overloaded",
    /// Executed: a roll call was opened.
    Opened = "opened",
    /// Executed: the roll call was open already.
    AlreadyOpen = "already_open",
    /// Executed: a roll call was closed.
    Closed = "closed",
    /// Executed: the roll call was closed already, its sheet was named again.
    AlreadyClosed = "already_closed",
    /// Executed: a student was recorded.
    Marked = "marked",
    /// Executed: the student was on the register already.
    AlreadyPresent = "already_present",
    /// Refused: the class has no open roll call.
    NotOpen = "refused_not_open",
    /// Refused: the class never had a roll call.
    NeverOpened = "refused_never_opened",
    /// Refused: the roll call is full.
    RollCallFull = "refused_roll_call_full",
    /// Refused: too many roll calls are open.
    TooManyOpen = "refused_too_many_open",
    /// Refused: too many classes are known.
    TooManyClasses = "refused_too_many_classes",
    /// An opening was refused: the disk has too little room left.
    DiskLow = "refused_disk_low",
    /// Refused: the device is no teacher's.
    NotATeacher = "refused_not_a_teacher",
    /// Refused: the device is no admin's.
    NotAnAdmin = "refused_not_an_admin",
    /// Refused: the class is another teacher's, or is not held in this way.
    NotYourClass = "refused_not_your_class",
    /// Refused: it has to come from a device: sealed.
    NoDevice = "refused_no_device",
    /// Refused: there is no such invite.
    InviteUnknown = "refused_invite_unknown",
    /// Refused: the invite was used already.
    InviteUsed = "refused_invite_used",
    /// Refused: the invite has ended.
    InviteEnded = "refused_invite_ended",
    /// Refused: the device is another person's.
    OtherPerson = "refused_other_person",
    /// Refused: there is no such device.
    UnknownDevice = "refused_unknown_device",
    /// Refused: there is no teacher of that name.
    UnknownTeacher = "refused_unknown_teacher",
    /// Refused: the student has not answered.
    UnknownStudent = "refused_unknown_student",
    /// Refused: the server keeps no more of it.
    NoRoom = "refused_no_room",
    /// Refused: the code that is shown in the room has to be given.
    CodeNeeded = "refused_code_needed",
    /// Refused: it is not the code that is shown in the room.
    WrongCode = "refused_wrong_code",
    /// Refused: too many wrong codes came for this number, or from this device.
    CodeLimit = "refused_code_limit",
    /// Refused: the number answers from another device.
    OtherDevice = "refused_other_device",
    /// Refused: the device answers for another number.
    OtherNumber = "refused_other_number",
    /// Refused: the device is not enrolled for the number.
    NotEnrolled = "refused_not_enrolled",
    /// Refused: a teacher has taken the student's answer back.
    TakenBack = "refused_taken_back",
    /// Refused: it was pressed too long ago.
    TooLate = "refused_too_late",
    /// Refused: somebody else has changed the roster.
    RosterChanged = "refused_roster_changed",
    /// Refused: the class has no closed roll call with that number.
    NoSuchRollCall = "refused_no_such_roll_call",
    /// Refused: the roll call was closed too long ago.
    ReopenTooLate = "refused_reopen_too_late",
    /// Executed: the end of a roll call was moved.
    Extended = "extended",
    /// Executed: a roll call was opened again.
    Reopened = "reopened",
    /// Executed: a student was corrected.
    Corrected = "corrected",
    /// Executed: a roster was changed.
    Enrolled = "enrolled",
    /// Silence: the closed roll call that is to be corrected is read first.
    Loading = "loading",
    /// Executed: an invite was used.
    Joined = "joined",
    /// Executed: who may do what was changed.
    Acted = "acted",
    /// Answered with `REVOKED`: the device may do nothing any more.
    Revoked = "revoked",
    /// Answered with `BUSY`: too many wrong codes of strangers while this code is shown.
    StrangersBusy = "strangers_busy",
    /// A retry, answered with the stored reply.
    Repeated = "duplicate_repeated",
    /// A retry before its answer was on disk: silence.
    InProgress = "duplicate_in_progress",
    /// The same number with another body.
    Conflict = "conflict",
    /// A number that is past, or leaves one out.
    Stale = "stale",
    /// An unknown client in the middle of its requests.
    BeginAgain = "begin_again",
    /// A clock behind the window.
    ClockBehind = "clock_behind",
    /// A clock ahead of the window.
    ClockAhead = "clock_ahead",
    /// A new client while the table of clients is full.
    ClientsFull = "clients_full",
    /// A question for the open roll calls.
    Status = "query_status",
    /// A question for the sheets of a class.
    Sheets = "query_sheets",
    /// A question for sheets while too many wait for the disk.
    SheetsFull = "sheets_full",
    /// A question of an admin or a teacher, or for the asking device's own marks.
    Asked = "query_access",
    /// Such a question by whom it is not answered.
    AskedInVain = "query_access_refused",
    /// Blocks were asked for, and are given or read.
    Pulled = "pull",
    /// Blocks were asked for by an address that has not proved itself: it was given a cookie.
    Unproved = "pull_unproved",
    /// Blocks were asked for while too many requests wait.
    PullsFull = "pulls_full",
    /// A question for the list of files.
    Files = "query_files",
    /// A question for one file.
    File = "query_file",
    /// A question for files while too many wait for the disk.
    FilesFull = "files_full",

    // Besides.
    /// Roll calls that were closed at their deadlines.
    ClosedAtDeadline = "closed_at_deadline",
    /// Requests that were not their client's first sending.
    Resent = "resent",
    /// Clients forgotten after long silence.
    Forgotten = "forgotten",
    /// Blocks that were given to those who pull.
    BlocksGiven = "blocks_given",
    /// Batches that were committed.
    Committed = "committed",
    /// Snapshots that were written.
    Snapshots = "snapshots",
    /// Replies handed to the network.
    Sent = "sent",
    /// Replies that the system did not take; their clients will ask again.
    SendFailed = "send_failed",
    /// Times at which the system had dropped datagrams because the receive buffer was full.
    Overflowed = "overflowed",
    /// Errors of receiving, none of which ends the loop.
    ReceiveFailed = "receive_failed",
}

/// The counts since the start of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    counts: [u64; Counter::ALL.len()],
}

impl Default for Stats {
    fn default() -> Self {
        Self { counts: [0; Counter::ALL.len()] }
    }
}

impl Stats {
    /// Counts one.
    pub fn count(&mut self, counter: Counter) {
        self.counts[counter as usize] += 1;
    }

    /// How many there were.
    #[must_use]
    pub fn get(&self, counter: Counter) -> u64 {
        self.counts[counter as usize]
    }

    /// Name and count of all that happened at least once.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let all = Counter::ALL.iter().map(|&counter| (counter.name(), self.get(counter)));
        all.filter(|&(_, count)| count > 0)
    }
}

impl std::fmt::Display for Stats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut parts = self.iter();
        let Some((name, count)) = parts.next() else { return f.write_str("nothing yet") };
        write!(f, "{name}={count}")?;
        parts.try_for_each(|(name, count)| write!(f, " {name}={count}"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_counter_has_its_own_name_and_place() {
        let names: HashSet<_> = Counter::ALL.iter().map(|it| it.name()).collect();
        assert_eq!(names.len(), Counter::ALL.len());
        for (place, &counter) in Counter::ALL.iter().enumerate() {
            assert_eq!(counter as usize, place);
        }
    }

    #[test]
    fn only_what_happened_is_shown() {
        let mut stats = Stats::default();
        assert_eq!(stats.to_string(), "nothing yet");
        stats.count(Counter::Marked);
        stats.count(Counter::Marked);
        stats.count(Counter::Checksum);
        assert_eq!(stats.to_string(), "rejected_checksum=1 marked=2");
    }
}
