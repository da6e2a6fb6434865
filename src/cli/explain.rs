//! Words for what came of a request, and for why there was no answer.

use std::net::SocketAddr;

use super::Exit;
use super::local_time::LocalTime as _;
use crate::exchange::{
    Acted, Answer, Arrived, Closed, Deed, Joined, Marked, Opened, Operation, Refusal, Refused,
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
            return write!(f, "it speaks version {:?} of the protocol; update", versions.spoken());
        }
        if self.busy {
            return write!(f, "the server is there, but full: try again in a few minutes");
        }
        match self.refused_at {
            Some(address) => write!(f, "nothing listens at {address}: is the server running?"),
            None => match self.key {
                None => write!(f, "are the address and the network right, and need it be joined?"),
                // Another server than the one that was joined does not even hear us.
                Some(key) => write!(
                    f,
                    "are the address and the network right, and has the server still the key {key}?"
                ),
            },
        }
    }
}

/// What is known of an operation without an answer, as the rest of a sentence.
pub(super) fn outcome(operation: Option<Operation>, attempts: u32) -> String {
    match operation {
        None => String::new(),
        Some(operation) if attempts == 0 => format!("; {} was not sent", subject(&operation)),
        Some(operation) => format!("; whether {} is unknown", done(&operation)),
    }
}

/// An operation as the subject of a sentence.
pub(super) fn subject(operation: &Operation) -> String {
    match operation {
        Operation::Open { class, .. } | Operation::OpenWith { class, .. } => {
            format!("the opening of class {class}")
        }
        Operation::Close { class } => format!("the close of class {class}"),
        Operation::Mark { class, student, .. } | Operation::Deliver { class, student, .. } => {
            format!("the mark of {student} in class {class}")
        }
        Operation::Join { .. } => "the use of the invite".into(),
        Operation::Act(act) => format!("the act ({})", Deed::Act(*act)),
        Operation::Extend { class, .. } => format!("the extension of class {class}"),
        Operation::Reopen { class } => format!("the reopening of class {class}"),
        Operation::Correct { class, correction } => {
            format!("the correction of {} in class {class}", correction.student)
        }
        Operation::Enrol { class, .. } => format!("a change of the roster of class {class}"),
    }
}

/// An operation as something that may have happened.
pub(super) fn done(operation: &Operation) -> String {
    match operation {
        Operation::Open { class, .. } | Operation::OpenWith { class, .. } => {
            format!("class {class} was opened")
        }
        Operation::Close { class } => format!("class {class} was closed"),
        Operation::Mark { class, student, .. } | Operation::Deliver { class, student, .. } => {
            format!("{student} was marked in class {class}")
        }
        Operation::Join { .. } => "the invite was used".into(),
        Operation::Act(act) => format!("this was done: {}", Deed::Act(*act)),
        Operation::Extend { class, .. } => format!("class {class} was extended"),
        Operation::Reopen { class } => format!("class {class} was opened again"),
        Operation::Correct { class, correction } => {
            format!("{} was corrected in class {class}", correction.student)
        }
        Operation::Enrol { class, .. } => format!("the roster of class {class} was changed"),
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
    let words = format!(
        "this computer was revoked: it may do nothing on this server any more{outcome}; ask an admin; to join as \
         a new device, move device.key away from the folder of its settings"
    );
    (words, exit)
}

/// Why something was refused, in words for the person.
pub(super) fn reason(refusal: Refusal, class: impl Into<Option<ClassId>>) -> String {
    let class = class.into().map_or_else(|| "CLASS".to_owned(), |class| class.to_string());
    match refusal {
        Refusal::NotOpen => {
            format!("class {class} has no open roll call; ask the teacher to open it")
        }
        Refusal::NeverOpened => format!("class {class} never had a roll call"),
        Refusal::RollCallFull => format!("the roll call of class {class} is full"),
        Refusal::TooManyOpen => "too many roll calls are open; close some first".into(),
        Refusal::DiskLow => {
            "the server's disk is almost full, and only open roll calls go on; ask who runs it"
                .into()
        }
        Refusal::TooManyClasses => "this server keeps no more classes; ask who runs it".into(),
        Refusal::NotATeacher => {
            "this computer is no teacher's; ask an admin for an invite and type: rollcall-teacher join \
             LINK"
                .into()
        }
        Refusal::NotAnAdmin => {
            "this computer is no admin's; whoever runs the server makes one with: rollcall-server \
             admin-link"
                .into()
        }
        Refusal::NotYourClass => format!(
            "class {class} is another teacher's; that one shares it with: rollcall-teacher share {class} \
             NAME, or an admin gives it away"
        ),
        Refusal::NoDevice => {
            "that has to come sealed; ask for the join link of the server and type: join LINK".into()
        }
        Refusal::InviteUnknown => {
            "there is no such invite; look at it again, or ask for another one".into()
        }
        Refusal::InviteUsed => {
            "another computer has used the invite; ask for another one, and who that was".into()
        }
        Refusal::InviteEnded => "the invite has ended; ask for another one".into(),
        Refusal::OtherPerson => {
            "this computer is another person's already; join from another account of it".into()
        }
        Refusal::UnknownDevice => "there is no such device; see them with: people".into(),
        Refusal::UnknownTeacher => {
            "there is no teacher of that name; names are written as in the invite".into()
        }
        Refusal::UnknownStudent => format!("no such student has answered in class {class}"),
        Refusal::NoRoom => "this server keeps no more of that; ask who runs it".into(),
        Refusal::CodeNeeded => "give the code that is shown in the room: --code N".into(),
        Refusal::WrongCode => {
            "that is not the code that is shown in the room; look again, it changes".into()
        }
        Refusal::CodeLimit => {
            "too many wrong codes came for this number or from this computer; ask the teacher".into()
        }
        Refusal::OtherDevice => {
            "this number answers from another device, and the teacher takes no second one; ask the \
             teacher"
                .into()
        }
        Refusal::OtherNumber => {
            "this device answers for another number, and the teacher takes no second one; ask the \
             teacher"
                .into()
        }
        Refusal::NotEnrolled => {
            "this device is not enrolled for the number; ask for an invite and type: rollcall-student \
             join LINK"
                .into()
        }
        Refusal::TakenBack => {
            "the teacher has taken your answer back; speak to the teacher".into()
        }
        Refusal::TooLate => {
            "that was pressed too long ago, or before the roll call was opened; speak to the teacher"
                .into()
        }
        Refusal::RosterChanged => format!(
            "somebody else has changed the roster of class {class} meanwhile; import the file again"
        ),
        Refusal::NoSuchRollCall => format!(
            "class {class} has no such closed roll call; see them with: rollcall-teacher history {class}"
        ),
        Refusal::ReopenTooLate => format!(
            "class {class} was closed more than ten minutes ago; correct its sheet with mark, unmark, late or \
             excuse, or open a new roll call"
        ),
    }
}

pub(super) fn settled(answer: &Answer) -> String {
    match answer {
        Answer::Opened(Opened { opened_at, already_open: false, .. }) => {
            format!("was opened at {}", opened_at.to_local())
        }
        Answer::Opened(Opened { opened_at, .. }) => {
            format!("was already open since {}", opened_at.to_local())
        }
        Answer::Closed(Closed { sheet, .. }) => {
            format!("was closed at {}", sheet.closed_at.to_local())
        }
        Answer::Revoked => "cannot be found out any more: this computer was revoked".into(),
        Answer::Joined(Joined { at, .. }) | Answer::Acted(Acted { at, .. }) => {
            format!("was done at {}", at.to_local())
        }
        Answer::Marked(Marked { at, .. })
        | Answer::Arrived(Arrived { marked: Marked { at, .. }, .. }) => {
            format!("was recorded at {}", at.to_local())
        }
        Answer::MarkRefused(Refused { at, reason }) | Answer::Refused(Refused { at, reason }) => {
            format!("was refused at {} ({})", at.to_local(), reason.name())
        }
        _ => "was answered".into(),
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
            "are the address and the network right, and need it be joined?"
        );
        let key = Some(crate::seal::PublicKey::from_bytes([7; 32]).fingerprint());
        let joined = Hints { key, ..silent };
        assert!(joined.to_string().contains("still the key"), "{joined}");
    }
}
