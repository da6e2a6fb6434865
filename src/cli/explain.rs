//! Words for what came of a request, and for why there was no answer.

use std::net::SocketAddr;

use super::Exit;
use super::language::text;
use super::local_time::LocalTime as _;
use crate::access::{Guest, Role};
use crate::attendance::Status;
use crate::exchange::{
    Act, Acted, Answer, Arrived, Closed, Joined, Marked, Opened, Operation, Refusal, Refused,
};
use crate::ids::ClassId;
use crate::seal::Fingerprint;
use crate::wire::Versions;

/// What may be the reason that there was no answer.
pub(super) struct Hints<'a> {
    /// The versions of the protocol that the server speaks, if it said that ours is none of them.
    pub(super) versions: Option<&'a Versions>,
    /// Whether the server said that it has no room.
    pub(super) busy: bool,
    /// Where the network said that nobody listens.
    pub(super) refused_at: Option<SocketAddr>,
    /// By which key the server is known, if it was joined.
    pub(super) key: Option<Fingerprint>,
}

impl std::fmt::Display for Hints<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(versions) = self.versions {
            let spoken = format!("{:?}", versions.spoken());
            return f.write_str(&text!("hint-versions", versions = spoken));
        }
        if self.busy {
            return f.write_str(&text!("hint-busy"));
        }
        f.write_str(&match (self.refused_at, self.key) {
            (Some(address), _) => text!("hint-refused", address),
            (None, None) => text!("hint-silent"),
            // Another server than the one that was joined does not even hear us.
            (None, Some(key)) => text!("hint-silent-joined", key),
        })
    }
}

/// What is known of an operation without an answer, as the rest of a sentence.
pub(super) fn outcome(operation: Option<Operation>, attempts: u32) -> String {
    match operation {
        None => String::new(),
        Some(it) if attempts == 0 => text!("outcome-not-sent", operation = subject(&it)),
        Some(it) => text!("outcome-unknown", done = done(&it)),
    }
}

/// An operation as the subject of a sentence.
pub(super) fn subject(operation: &Operation) -> String {
    match operation {
        Operation::Open { class, .. } | Operation::OpenWith { class, .. } => {
            text!("subject-open", class)
        }
        Operation::Close { class } => text!("subject-close", class),
        Operation::Mark { class, student, .. } | Operation::Deliver { class, student, .. } => {
            text!("subject-mark", student, class)
        }
        Operation::Join { .. } => text!("subject-join"),
        Operation::Act(act) => text!("subject-act", deed = deed(*act)),
        Operation::Extend { class, .. } => text!("subject-extend", class),
        Operation::Reopen { class } => text!("subject-reopen", class),
        Operation::Correct { class, correction } => {
            text!("subject-correct", student = correction.student, class)
        }
        Operation::Enrol { class, .. } => text!("subject-enrol", class),
    }
}

/// An operation as something that may have happened.
pub(super) fn done(operation: &Operation) -> String {
    match operation {
        Operation::Open { class, .. } | Operation::OpenWith { class, .. } => {
            text!("done-open", class)
        }
        Operation::Close { class } => text!("done-close", class),
        Operation::Mark { class, student, .. } | Operation::Deliver { class, student, .. } => {
            text!("done-mark", student, class)
        }
        Operation::Join { .. } => text!("done-join"),
        Operation::Act(act) => text!("done-act", deed = deed(*act)),
        Operation::Extend { class, .. } => text!("done-extend", class),
        Operation::Reopen { class } => text!("done-reopen", class),
        Operation::Correct { class, correction } => {
            text!("done-correct", student = correction.student, class)
        }
        Operation::Enrol { class, .. } => text!("done-enrol", class),
    }
}

/// An act in the words of people; programs and the journal read the library's.
fn deed(act: Act) -> String {
    match act {
        Act::Invite { guest, .. } => text!("deed-invite", guest = guest_in_words(guest)),
        Act::Revoke { device } => text!("deed-revoke", device = format_args!("{device:?}")),
        Act::Release { student } => text!("deed-release", student),
        Act::Give { class, to } => text!("deed-give", class, teacher = to),
        Act::Share { class, with } => text!("deed-share", class, teacher = with),
        Act::Call { class, student, there: true } => text!("deed-call-there", student, class),
        Act::Call { class, student, .. } => text!("deed-call-absent", student, class),
        Act::Enrol { class, student, .. } => text!("deed-enrol", student, class),
    }
}

/// Somebody with a role.
pub(super) fn guest_in_words(guest: Guest) -> String {
    match guest {
        Guest::Staff { role: Role::Admin, name } => text!("guest-admin", name),
        Guest::Staff { role: Role::Teacher, name } => text!("guest-teacher", name),
        Guest::Student { student } => text!("guest-student", student),
    }
}

/// What a student was.
pub(super) fn status_in_words(status: Status) -> String {
    match status {
        Status::Present => text!("status-present"),
        Status::Late => text!("status-late"),
        Status::Excused => text!("status-excused"),
        Status::Absent => text!("status-absent"),
        Status::Left => text!("status-left"),
    }
}

/// Why something was refused that is about no class, in words for the person.
pub(super) fn refusal(refusal: Refusal) -> String {
    reason(refusal, None)
}

/// What is said where a device was revoked, and how the command ends. That answer speaks of the datagram that
/// it answers: an operation that was sent before may have been executed then.
pub(super) fn revoked(operation: Option<Operation>, attempts: u32) -> (String, Exit) {
    let was_sent_before = operation.filter(|_| attempts > 1);
    let exit = if was_sent_before.is_some() { Exit::Unknown } else { Exit::Refused };
    let outcome = outcome(was_sent_before, attempts);
    (text!("revoked", outcome), exit)
}

/// Why something was refused, in words for the person.
pub(super) fn reason(refusal: Refusal, class: impl Into<Option<ClassId>>) -> String {
    let class = class.into().map_or_else(|| text!("value-class"), |class| class.to_string());
    match refusal {
        Refusal::NotOpen => text!("refusal-not-open", class),
        Refusal::NeverOpened => text!("refusal-never-opened", class),
        Refusal::RollCallFull => text!("refusal-roll-call-full", class),
        Refusal::TooManyOpen => text!("refusal-too-many-open"),
        Refusal::DiskLow => text!("refusal-disk-low"),
        Refusal::TooManyClasses => text!("refusal-too-many-classes"),
        Refusal::NotATeacher => text!("refusal-not-a-teacher"),
        Refusal::NotAnAdmin => text!("refusal-not-an-admin"),
        Refusal::NotYourClass => text!("refusal-not-your-class", class),
        Refusal::NoDevice => text!("refusal-no-device"),
        Refusal::InviteUnknown => text!("refusal-invite-unknown"),
        Refusal::InviteUsed => text!("refusal-invite-used"),
        Refusal::InviteEnded => text!("refusal-invite-ended"),
        Refusal::OtherPerson => text!("refusal-other-person"),
        Refusal::UnknownDevice => text!("refusal-unknown-device"),
        Refusal::UnknownTeacher => text!("refusal-unknown-teacher"),
        Refusal::UnknownStudent => text!("refusal-unknown-student", class),
        Refusal::NoRoom => text!("refusal-no-room"),
        Refusal::CodeNeeded => text!("refusal-code-needed"),
        Refusal::WrongCode => text!("refusal-wrong-code"),
        Refusal::CodeLimit => text!("refusal-code-limit"),
        Refusal::OtherDevice => text!("refusal-other-device"),
        Refusal::OtherNumber => text!("refusal-other-number"),
        Refusal::NotEnrolled => text!("refusal-not-enrolled"),
        Refusal::TakenBack => text!("refusal-taken-back"),
        Refusal::TooLate => text!("refusal-too-late"),
        Refusal::RosterChanged => text!("refusal-roster-changed", class),
        Refusal::NoSuchRollCall => text!("refusal-no-such-roll-call", class),
        Refusal::ReopenTooLate => text!("refusal-reopen-too-late", class),
    }
}

pub(super) fn settled(answer: &Answer) -> String {
    match answer {
        Answer::Opened(Opened { opened_at, already_open: false, .. }) => {
            text!("settled-opened", at = opened_at.to_local())
        }
        Answer::Opened(Opened { opened_at, .. }) => {
            text!("settled-open", at = opened_at.to_local())
        }
        Answer::Closed(Closed { sheet, .. }) => {
            text!("settled-closed", at = sheet.closed_at.to_local())
        }
        Answer::Revoked => text!("settled-revoked"),
        Answer::Joined(Joined { at, .. }) | Answer::Acted(Acted { at, .. }) => {
            text!("settled-done", at = at.to_local())
        }
        Answer::Marked(Marked { at, .. })
        | Answer::Arrived(Arrived { marked: Marked { at, .. }, .. }) => {
            text!("settled-recorded", at = at.to_local())
        }
        Answer::MarkRefused(Refused { at, reason }) | Answer::Refused(Refused { at, reason }) => {
            text!("settled-refused", at = at.to_local(), reason = reason.name())
        }
        _ => text!("settled-answered"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_before_a_device_was_revoked_is_unknown_and_not_refused() {
        let mark = Operation::Mark {
            class: ClassId::new(1).unwrap(),
            student: "10".parse().unwrap(),
            code: None,
        };
        let (words, exit) = revoked(Some(mark.clone()), 1);
        assert_eq!(exit, Exit::Refused, "{words}");
        assert!(!words.contains("unknown"), "{words}");
        let (words, exit) = revoked(Some(mark), 2);
        assert_eq!(exit, Exit::Unknown, "{words}");
        assert!(words.contains("whether 10 was marked in class 1 is unknown"), "{words}");
        assert_eq!(revoked(None, 5).1, Exit::Refused, "a question changes nothing");
    }

    #[test]
    fn a_missing_answer_is_explained_by_what_is_known_for_sure_first() {
        let versions = Versions::ours();
        let refused_at = Some("127.0.0.1:5050".parse().unwrap());
        let all = Hints { versions: Some(&versions), busy: true, refused_at, key: None };
        assert!(all.to_string().ends_with("of the protocol; update"));
        let full = Hints { versions: None, ..all };
        assert_eq!(full.to_string(), "the server is there, but full: try again in a few minutes");
        let refused = Hints { busy: false, ..full };
        let says = "nothing listens at 127.0.0.1:5050: is the server running?";
        assert_eq!(refused.to_string(), says);
        let silent = Hints { refused_at: None, ..refused };
        assert_eq!(
            silent.to_string(),
            "are the address and the network right, and has this computer joined it?"
        );
        let key = Some(crate::seal::PublicKey::from_bytes([7; 32]).fingerprint());
        let joined = Hints { key, ..silent };
        assert!(joined.to_string().contains("still the key"), "{joined}");
    }
}
