//! What the core tells, as JSON.

use std::fmt::Write as _;

use rollcall::client::{Output, Progress, Unanswered};
use rollcall::exchange::{Answer, Arrived, Marked, Refused};

/// A datagram is to be sent.
pub(crate) const SEND: &str = r#"{"kind":"send"}"#;

/// An event. Every text in it is a word of ours, so that nothing has to be escaped.
pub(crate) fn json(output: &Output) -> String {
    match output {
        Output::Transmit => SEND.to_owned(),
        Output::Progress(Progress::Retrying { attempt, left }) => {
            let left_ms = left.as_millis();
            format!(r#"{{"kind":"retrying","attempt":{attempt},"left_ms":{left_ms}}}"#)
        }
        Output::Progress(Progress::Refused) => r#"{"kind":"nobody_there"}"#.to_owned(),
        // What was pressed before, and had no answer when its time was over.
        Output::Progress(Progress::Settled { answer, .. }) => answered(answer, "settled"),
        Output::Progress(Progress::Abandoned { .. }) => r#"{"kind":"abandoned"}"#.to_owned(),
        Output::Answered { answer, .. } => answered(answer, "answered"),
        Output::Unanswered(Unanswered { attempts, lost, busy, .. }) => {
            format!(r#"{{"kind":"unanswered","attempts":{attempts},"lost":{lost},"busy":{busy}}}"#)
        }
    }
}

fn answered(answer: &Answer, which: &str) -> String {
    let (late, unlisted) = match answer {
        Answer::Arrived(Arrived { late, unlisted, .. }) => (*late, *unlisted),
        _ => (false, false),
    };
    let mut text = String::new();
    let written = match *answer {
        Answer::MarkRefused(Refused { at, reason }) | Answer::Refused(Refused { at, reason }) => {
            let (reason, at) = (reason.name(), at.as_millis());
            write!(
                text,
                r#"{{"kind":"refused","which":"{which}","reason":"{reason}","at_ms":{at}}}"#
            )
        }
        Answer::Revoked => {
            write!(text, r#"{{"kind":"refused","which":"{which}","reason":"revoked"}}"#)
        }
        ref answer => match answer.marked() {
            Some(Marked { class, at, already_present }) => write!(
                text,
                r#"{{"kind":"recorded","which":"{which}","class":{class},"at_ms":{},"already":{already_present},"late":{late},"unlisted":{unlisted}}}"#,
                at.as_millis()
            ),
            None => write!(text, r#"{{"kind":"other","which":"{which}"}}"#),
        },
    };
    written.expect("a string takes everything");
    text
}

#[cfg(test)]
mod tests {
    use rollcall::exchange::Refusal;
    use rollcall::time::WallTime;

    use super::*;

    #[test]
    fn every_answer_to_a_mark_is_told() {
        let at = WallTime::from_millis(5);
        let marked = Marked { class: "7".parse().unwrap(), at, already_present: true };
        let answered = |answer| json(&Output::Answered { answer, attempts: 2 });
        assert_eq!(
            answered(Answer::Marked(marked)),
            r#"{"kind":"recorded","which":"answered","class":7,"at_ms":5,"already":true,"late":false,"unlisted":false}"#
        );
        let arrived = Answer::Arrived(Arrived { marked, late: true, unlisted: true });
        assert!(answered(arrived).ends_with(r#""late":true,"unlisted":true}"#));
        let refused = Answer::MarkRefused(Refused { at, reason: Refusal::WrongCode });
        assert_eq!(
            answered(refused),
            r#"{"kind":"refused","which":"answered","reason":"wrong_code","at_ms":5}"#
        );
        assert!(answered(Answer::Revoked).contains("revoked"));
    }
}
