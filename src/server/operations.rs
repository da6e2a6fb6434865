//! Operations: judged, executed once, remembered.

use std::hash::Hash;

use super::Server;
use crate::blocks::Requester;
use crate::exchange::{Answer, BeginAgain, Busy, Operation, Outcome, Request};
use crate::ids::ClientId;
use crate::limits::BUSY_RETRY_AFTER_MS;
use crate::record::Record;
use crate::roll::{ClientRecord, Verdict};
use crate::stats::Counter;
use crate::time::{Instant, Now, WallTime};

/// An operation that is asked for.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    /// Who asks, as the judge of duplicates knows it.
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
        let Asked { client, started, operation } = asked;
        let number = request.number;
        let at = self.advance(now.wall);
        let verdict =
            self.state.sessions.judge(client, number, started, fingerprint, at, self.durable);
        if !verdict.is_recorded() {
            self.state.sessions.hear(client, now.instant);
        }
        let record = |outcome| ClientRecord { client, started, number, fingerprint, outcome };
        let (answer, counter) = match verdict {
            Verdict::Next | Verdict::NewClient => {
                let outcome = self.state.register.decide(&operation, at);
                let counter = outcome.counter();
                let answer = Answer::from(&outcome);
                self.execute(now.instant, at, operation, record(outcome));
                (answer, counter)
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
                self.execute(now.instant, at, operation, record(outcome));
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
        operation: Operation,
        client: ClientRecord,
    ) {
        let applied = self
            .state
            .register
            .apply(&operation, &client.outcome)
            .expect("what was just decided can be done");
        self.sheets.extend(applied.closed);
        self.forgotten.extend(applied.forgotten);
        self.state.sessions.record(client.clone(), heard, self.next_batch);
        // R-DURABLE-2, R-JUDGE-13
        self.record(at, Record::Answered { at, operation, client });
    }

    /// Sees to it that the journal holds this time or a later one.
    fn note_time(&mut self, at: WallTime) {
        // R-TIME-3
        if self.state.recorded < at {
            self.record(at, Record::TimeDisclosed { at });
        }
    }
}
