//! The student's outbox: a mark without an answer is kept, and sent on with how long ago it was pressed.
//!
//! It is kept from before the first datagram until there is an answer, whatever it is; only Ctrl-C takes it back.
//! A mark that is sent on is a `DELIVER` of a new client: if it was recorded after all, it is recorded once.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::Exit;
use super::client::CommandClient;
use super::explain::{reason, revoked};
use super::language::{Cause, text};
use super::local_time::LocalTime as _;
use super::prompt::Printer;
use super::words::remark;
use crate::access::RoomCode;
use crate::exchange::{Answer, Arrived, Marked, Operation, Refused};
use crate::ids::{ClassId, StudentNumber};
use crate::limits::DETAIL_DEADLINE;
use crate::shell::call::{Answered, CallError, Caller, ServerName};
use crate::shell::clock::Moment;
use crate::shell::interrupt;
use crate::shell::kept_marks::{Kept, KeptMark, KeptMarkError, KeptMarks, Pressed};
use crate::time::WallTime;

/// For so long one mark is sent on before the others of a prompt have their turn.
const TURN: Duration = Duration::from_secs(60);
/// Between two turns that end at once.
const BETWEEN_TURNS: Duration = Duration::from_secs(1);

/// A mark with its answer.
pub(super) struct Told {
    pub(super) answered: Answered,
    /// When it was pressed, if that was not now.
    pub(super) pressed_at: Option<WallTime>,
}

/// How a mark is sent on.
fn delivery(mark: &KeptMark) -> Operation {
    let &Pressed { class, student, code, .. } = mark.pressed();
    let delay_ms = u32::try_from(mark.ago().as_millis()).unwrap_or(u32::MAX);
    Operation::Deliver { class, student, code, delay_ms }
}

/// That a student is on the roll call, and since when; with when it was pressed, if that was not now.
pub(super) fn recorded(
    student: StudentNumber,
    marked: Marked,
    late: bool,
    pressed_at: Option<WallTime>,
) -> String {
    let Marked { class, at, already_present } = marked;
    let (at, pressed) = (at.to_local(), pressed_at.map(WallTime::to_local));
    match (late, pressed) {
        _ if already_present => text!("marked-already", student, class, at),
        (true, Some(pressed)) => text!("delivered-late", student, class, at, pressed),
        (true, None) => text!("marked-late", student, class, at),
        (false, Some(pressed)) => text!("delivered", student, class, at, pressed),
        (false, None) => text!("marked", student, class, at),
    }
}

/// What came of a mark that was sent on.
fn delivered(mark: &Pressed, answer: &Answer) -> String {
    let &Pressed { class, student, .. } = mark;
    let pressed_at = mark.at.date();
    let why = match *answer {
        Answer::Marked(marked) => return recorded(student, marked, false, Some(pressed_at)),
        Answer::Arrived(Arrived { marked, late, .. }) => {
            return recorded(student, marked, late, Some(pressed_at));
        }
        Answer::MarkRefused(Refused { reason: why, .. }) => reason(why, class),
        _ => text!("call-unanswered"),
    };
    text!("delivered-refused", student, class, pressed = pressed_at.to_local(), why)
}

/// Says that marks are kept, and what becomes of them.
fn tell_kept(class: ClassId, students: &[StudentNumber]) {
    let students: Vec<_> = students.iter().map(StudentNumber::as_str).collect();
    remark(text!("kept", students = students.join(" "), class));
}

/// Looks into the outbox for a server; what is wrong with it is told.
pub(super) fn kept_for(server: &ServerName) -> Vec<KeptMark> {
    match KeptMarks::find().and_then(|it| it.of(server)) {
        Err(error) => {
            remark(error.words());
            Vec::new()
        }
        Ok((marks, wrong)) => {
            for it in wrong {
                remark(it.words());
            }
            marks
        }
    }
}

/// It need not be kept any more.
pub(super) fn discard(mark: KeptMark) {
    if let Err(error) = mark.discard() {
        remark(error.words());
    }
}

impl CommandClient {
    /// Marks a student, and keeps the mark for as long as there is no answer. What the same student pressed
    /// before without an answer is sent on in its place, unless that is refused. When it fails, the person has
    /// been told.
    pub(super) fn press(
        &mut self,
        class: ClassId,
        student: StudentNumber,
        code: Option<RoomCode>,
    ) -> Result<Told, Exit> {
        let pressed = self.pressed(class, student, code);
        let mut kept = KeptMarks::find().and_then(|it| it.keep(&pressed));
        if let Ok(Kept::Before(mark)) = kept {
            kept = match self.press_again(mark, &pressed)? {
                Again::There(told) => return Ok(told),
                Again::Refused(kept) => kept.map(Kept::New),
            };
        }
        let operation = Operation::Mark { class, student, code };
        let keeps = matches!(kept, Ok(Kept::New(_)));
        let result = self.perform_kept(operation, keeps);
        match (kept, &result) {
            (Ok(Kept::New(mark)), Err(Exit::Unknown)) => keep_on(&mark),
            (Ok(Kept::New(mark)), _) => discard(mark),
            (Err(error), Err(Exit::Unknown)) => not_kept(&error),
            _ => {}
        }
        Ok(Told { answered: result?, pressed_at: None })
    }

    /// What is pressed now.
    fn pressed(&self, class: ClassId, student: StudentNumber, code: Option<RoomCode>) -> Pressed {
        Pressed { server: self.server().clone(), class, student, code, at: Moment::now() }
    }

    /// Sends on what the student pressed before. Refused means that what is pressed now takes its place.
    fn press_again(&mut self, mut mark: KeptMark, pressed: &Pressed) -> Result<Again, Exit> {
        let result = self.perform_kept(delivery(&mark), true);
        if let Err(Exit::Unknown) = result {
            keep_on(&mark);
        }
        let answered = result?;
        if answered.answer.marked().is_some() {
            let pressed_at = Some(mark.at());
            discard(mark);
            return Ok(Again::There(Told { answered, pressed_at }));
        }
        remark(delivered(mark.pressed(), &answered.answer));
        Ok(Again::Refused(mark.replace(pressed).map(|()| mark)))
    }

    /// Keeps what there was no time to send at all.
    pub(super) fn keep_unsent(
        &self,
        class: ClassId,
        students: &[StudentNumber],
        code: Option<RoomCode>,
    ) -> bool {
        let keep = |&student| {
            KeptMarks::find()?.keep(&self.pressed(class, student, code)).and_then(|kept| match kept
            {
                Kept::New(mark) => mark.sync(),
                Kept::Before(_) | Kept::Elsewhere => Ok(()),
            })
        };
        match students.iter().try_for_each(keep) {
            Ok(()) => tell_kept(class, students),
            Err(ref error) => {
                not_kept(error);
                return false;
            }
        }
        true
    }

    /// Sends on what is kept for this server, now that it answers. Stops at the first that has no answer.
    pub(super) fn send_on(&mut self) {
        for mark in kept_for(self.server()) {
            let deadline = self.flags.timeout.min(DETAIL_DEADLINE);
            let Ok(answered) = self.caller.perform(delivery(&mark), deadline, &mut |_, _| {})
            else {
                return;
            };
            let said = delivered(mark.pressed(), &answered.answer);
            discard(mark);
            remark(said);
        }
    }

    /// Sends on one mark, and waits for its answer. When there is none, the person has been told.
    pub(super) fn deliver(&mut self, mark: &KeptMark) -> Result<Answered, Exit> {
        self.perform_kept(delivery(mark), true)
    }
}

enum Again {
    There(Told),
    Refused(Result<KeptMark, KeptMarkError>),
}

/// Nobody knows whether it was recorded: it stays, also over a power cut.
fn keep_on(mark: &KeptMark) {
    match mark.sync() {
        Ok(()) => tell_kept(mark.pressed().class, &[mark.pressed().student]),
        Err(error) => not_kept(&error),
    }
}

fn not_kept(error: &KeptMarkError) {
    remark(text!("not-kept", cause = error.words()));
}

/// Sends on what is kept while somebody sits at a prompt and nothing else may be asked.
pub(super) struct Courier {
    server: ServerName,
    printer: Arc<Printer>,
    running: Option<JoinHandle<()>>,
}

impl Courier {
    pub(super) fn new(server: ServerName, printer: Printer) -> Self {
        Self { server, printer: Arc::new(printer), running: None }
    }

    /// Sets out, unless it is on its way or nothing is kept.
    pub(super) fn wake(&mut self, client: &CommandClient) -> Result<(), Exit> {
        let is_running = self.running.as_ref().is_some_and(|it| !it.is_finished());
        if is_running || kept_for(&self.server).is_empty() {
            return Ok(());
        }
        let caller = client.another_caller()?;
        let (server, printer) = (self.server.clone(), Arc::clone(&self.printer));
        let work = move || carry(caller, &server, &printer);
        // Without a thread they are sent with the next command.
        self.running = thread::Builder::new().name("outbox".into()).spawn(work).ok();
        Ok(())
    }
}

/// Sends on what is kept until nothing is; ends with the process.
fn carry(mut caller: Caller, server: &ServerName, printer: &Printer) {
    loop {
        let Ok((marks, _)) = KeptMarks::find().and_then(|it| it.of(server)) else { return };
        if marks.is_empty() {
            return;
        }
        for mark in marks {
            let result = caller.perform(delivery(&mark), TURN, &mut |_, _| {});
            let said = match result {
                Ok(answered) => delivered(mark.pressed(), &answered.answer),
                Err(CallError::Unanswered(_)) => {
                    // The next turn is another client's: nothing of this one has to be settled.
                    caller.begin_anew();
                    thread::sleep(BETWEEN_TURNS);
                    continue;
                }
                Err(CallError::Revoked { attempts }) => revoked(None, attempts).0,
                Err(CallError::Interrupted { .. }) => return interrupt::end_unless_awaited(),
                Err(_) => return,
            };
            let discarded = mark.discard();
            printer.print(&said);
            if let Err(error) = discarded {
                return printer.print(&error.words());
            }
        }
    }
}
