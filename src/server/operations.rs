//! Operations: judged, executed once, remembered.

use std::hash::Hash;

use sha2::{Digest as _, Sha256};

use super::Server;
use crate::blocks::Requester;
use crate::exchange::{Answer, BeginAgain, Busy, Operation, Outcome, Refusal, Request};
use crate::ids::{ClassId, ClientId};
use crate::limits::BUSY_RETRY_AFTER_MS;
use crate::people::{CodeClock, RoomSecret};
use crate::principal::Principal;
use crate::record::Record;
use crate::roll::{ClientRecord, Verdict};
use crate::state::{Changed, Decision, Moment};
use crate::stats::Counter;
use crate::time::{Instant, Now, WallTime};

/// An operation that is asked for.
#[derive(Clone)]
pub(super) struct Asked {
    /// Who asks.
    pub(super) who: Principal,
    /// The client, as the judge of duplicates knows it.
    pub(super) client: ClientId,
    /// The client's clock when it drew its client id.
    pub(super) started: WallTime,
    pub(super) operation: Operation,
}

impl<P: Clone + Hash> Server<P> {
    pub(super) fn handle_operation(
        &mut self,
        now: Now,
        from: P,
        request: &Request,
        asked: Asked,
        fingerprint: u32,
    ) -> Counter {
        let Asked { who, client, started, operation } = asked;
        let number = request.number;
        let at = self.advance(now.wall);
        if let Some(class) = operation.class() {
            self.close_if_due(at, class);
        }
        let pool = self.state.pool(who);
        let verdict =
            self.state.sessions.judge(client, number, started, fingerprint, at, self.durable, pool);
        if !verdict.is_recorded() {
            self.state.sessions.hear(client, now.instant);
        }
        let record = |outcome| ClientRecord { client, started, number, fingerprint, outcome };
        let (answer, counter) = match verdict {
            Verdict::Next | Verdict::NewClient => {
                let moment = self.moment(Now { wall: at, ..now });
                match self.state.decide(who, &operation, moment) {
                    Decision::Outcome(outcome) => {
                        let counter = outcome.counter();
                        let answer = Answer::from(&outcome);
                        self.note_wrong_code(moment, who, &operation, &outcome);
                        self.execute(now.instant, at, who, operation, record(outcome));
                        (answer, counter)
                    }
                    Decision::Load(class, number) => {
                        // R-CORRECT-6
                        self.questions.load(class, number);
                        return Counter::Loading;
                    }
                    Decision::Later(retry_after_ms) => {
                        (Answer::Busy(Busy { retry_after_ms }), Counter::StrangersBusy)
                    }
                }
            }
            Verdict::Repeat(outcome) => (Answer::from(&outcome), Counter::Repeated),
            Verdict::InProgress => return Counter::InProgress,
            Verdict::Conflict => {
                (Answer::BeginAgain(BeginAgain { server_time: None }), Counter::Conflict)
            }
            Verdict::Stale => (Answer::Stale, Counter::Stale),
            Verdict::BeginAgain => {
                (Answer::BeginAgain(BeginAgain { server_time: None }), Counter::BeginAgain)
            }
            Verdict::ClockSkew { ahead: false } => {
                self.note_time(at);
                (Answer::BeginAgain(BeginAgain { server_time: Some(at) }), Counter::ClockBehind)
            }
            Verdict::ClockSkew { ahead: true } => {
                // R-JUDGE-9
                let outcome = Outcome::ClockSkew { server_time: at };
                self.execute(now.instant, at, who, operation, record(outcome));
                (Answer::BeginAgain(BeginAgain { server_time: Some(at) }), Counter::ClockAhead)
            }
            Verdict::TableFull => {
                (Answer::Busy(Busy { retry_after_ms: BUSY_RETRY_AFTER_MS }), Counter::ClientsFull)
            }
        };
        self.reply(Requester { to: from, client: request.client, number }, answer);
        counter
    }

    /// Does what was decided and remembers it: one record, so one commit.
    fn execute(
        &mut self,
        heard: Instant,
        at: WallTime,
        who: Principal,
        operation: Operation,
        client: ClientRecord,
    ) {
        if let &Outcome::Reopened { class, number, .. } = &client.outcome
            && let Some(closed) = self.state.kept.sheet(class, number)
        {
            // R-REOPEN-3
            let kept = Record::Reopening(Box::new(closed.as_ref().into()));
            self.record(at, kept);
        }
        let Changed { applied, act } = self
            .state
            .apply(who, &operation, &client.outcome)
            .expect("what was just decided can be done");
        self.sheets.extend(applied.closed);
        self.forgotten.extend(applied.forgotten);
        self.acts.extend(act);
        let drawn = self.draw_secret(&operation, &client.outcome);
        let pool = self.state.people.pool(who);
        self.state.sessions.record(client.clone(), pool, heard, self.next_batch);
        // R-DURABLE-2, R-JUDGE-13
        let record = match who {
            Principal::Plain => Record::Answered { at, operation, client },
            Principal::Device(by) => Record::AnsweredTo { at, by, operation, client },
        };
        self.record(at, record);
        if let Some((class, secret)) = drawn {
            self.record(at, Record::CodeDrawn { class, secret });
        }
    }

    /// By what a request is decided that is looked at now.
    pub(super) fn moment(&mut self, now: Now) -> Moment {
        let codes = *self.codes.get_or_insert_with(|| CodeClock::new(now));
        Moment { at: now.wall, instant: now.instant, codes }
    }

    /// Draws the secret of the code of a roll call that was just opened, if it is to have one.
    fn draw_secret(
        &mut self,
        operation: &Operation,
        outcome: &Outcome,
    ) -> Option<(ClassId, RoomSecret)> {
        let ((
            &(Operation::Open { class, .. } | Operation::OpenWith { class, .. }),
            &Outcome::Opened { roll_call, already_open: false, .. },
        )
        | (&Operation::Reopen { class }, &Outcome::Reopened { roll_call, .. })) =
            (operation, outcome)
        else {
            return None;
        };
        let hash = Sha256::new()
            .chain_update(b"rollcall/1 room")
            .chain_update(self.rooms)
            .chain_update(roll_call.get().to_le_bytes())
            .finalize();
        let secret = RoomSecret::from_bytes(*hash.first_chunk().expect("32 bytes"));
        self.state.people.set_secret(class, secret).then_some((class, secret))
    }

    fn note_wrong_code(
        &mut self,
        moment: Moment,
        who: Principal,
        operation: &Operation,
        outcome: &Outcome,
    ) {
        if let (
            Operation::Mark { class, .. } | Operation::Deliver { class, .. },
            Outcome::MarkRefused(refused),
        ) = (operation, outcome)
            && refused.reason == Refusal::WrongCode
        {
            let (step, _) = moment.codes.step(moment.instant);
            self.state.people.note_stranger(who, *class, step);
        }
    }

    /// Sees to it that the journal holds this time or a later one.
    pub(super) fn note_time(&mut self, at: WallTime) {
        // R-TIME-3
        if self.state.recorded < at {
            self.record(at, Record::TimeDisclosed { at });
        }
    }
}
