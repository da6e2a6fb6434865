//! Questions about roll calls, sheets, people and rooms.

use std::hash::{Hash, Hasher as _};

use siphasher::sip::SipHasher13;

use super::questions::ListRequest;
use super::{Server, SheetsQuestion};
use crate::access::Remarks;
use crate::attendance::Tally;
use crate::blocks::Requester;
use crate::exchange::{
    Answer, Drawn, OpenRollCall, PersonList, Query, Refusal, Refused, Request, RevisionList,
    RoomState, SheetList, SpotList, StatusList, Tallied, acts, mine, people, revisions, sheets,
    status,
};
use crate::ids::{ClassId, DeviceId, StudentNumber};
use crate::people::Room;
use crate::principal::Principal;
use crate::record::RowsQuestion;
use crate::state::State;
use crate::stats::Counter;
use crate::time::Now;

impl<P: Clone + Hash> Server<P> {
    pub(super) fn handle_query(
        &mut self,
        now: Now,
        from: P,
        who: Principal,
        request: &Request,
        query: Query,
        request_bytes: usize,
    ) -> Counter {
        let requester = Requester { to: from, client: request.client, number: request.number };
        match query {
            Query::Status { from: class } => {
                let capacity = status::capacity(request_bytes);
                let State { register, people, .. } = &self.state;
                // R-STATUS-5
                let may_see =
                    |it: &OpenRollCall| people.is_admin(who) || people.holds(who, it.class);
                let mut rest = register.open_from(class).filter(may_see);
                let open: Vec<_> = rest.by_ref().take(capacity).collect();
                // R-STATUS-2
                let more = rest.next().is_some();
                drop(rest);
                self.reply(requester, Answer::Status(StatusList { open, more }));
                Counter::Status
            }
            Query::Sheets { class, .. } if !self.state.people.holds(who, class) => {
                // R-ACCESS-7
                let none = SheetList { sheets: Vec::new(), more: false };
                self.reply(requester, Answer::Sheets(none));
                Counter::AskedInVain
            }
            Query::Sheets { class, at_most } => {
                let limit = sheets::capacity(request_bytes);
                let question = SheetsQuestion { class, at_most, limit };
                self.handle_sheets_question(question, requester)
            }
            Query::Files { from } => {
                self.handle_files(now, ListRequest { requester, from, request_bytes })
            }
            Query::File { file } => self.handle_file_question(file, requester),
            Query::People { after } => match self.people(who, after) {
                Ok(list) => self.tell(requester, Answer::People(list)),
                Err(reason) => self.refuse(now, requester, reason),
            },
            Query::Acts { .. } if !self.state.people.is_admin(who) => {
                self.refuse(now, requester, Refusal::NotAnAdmin)
            }
            Query::Acts { at_most } => {
                let question = RowsQuestion::Acts { at_most, limit: acts::CAPACITY };
                self.handle_rows_question(question, requester)
            }
            Query::Room { class } => match self.room(now, who, class) {
                Ok(state) => self.tell(requester, Answer::Room(state)),
                Err(reason) => self.refuse(now, requester, reason),
            },
            Query::Mine { skip } => match who {
                Principal::Device(device) => {
                    let question = RowsQuestion::Mine { device, skip, limit: mine::CAPACITY };
                    self.handle_rows_question(question, requester)
                }
                Principal::Plain => self.refuse(now, requester, Refusal::NoDevice),
            },
            Query::Roster { class } => match self.roster(who, class) {
                Ok(info) => self.tell(requester, Answer::Roster(info)),
                Err(reason) => self.refuse(now, requester, reason),
            },
            Query::Watch { class, from } => match self.watch(now, who, class, from) {
                Ok(watched) => self.tell(requester, Answer::Watched(Box::new(watched))),
                Err(reason) => self.refuse(now, requester, reason),
            },
            Query::Revisions { class, .. } if !self.state.people.holds(who, class) => {
                // R-ACCESS-7
                let none = RevisionList { revisions: Vec::new(), more: false };
                self.reply(requester, Answer::Revisions(none));
                Counter::AskedInVain
            }
            Query::Revisions { class, number, revision } => {
                let limit = revisions::CAPACITY;
                let question = RowsQuestion::Revisions { class, number, revision, limit };
                self.handle_rows_question(question, requester)
            }
            Query::Tally { class, student }
                if !self.state.people.may_know_of(who, class, student) =>
            {
                // R-TALLY-1
                let tally = Tally::default();
                self.reply(requester, Answer::Tallied(Tallied { class, student, tally }));
                Counter::AskedInVain
            }
            Query::Tally { class, student } => {
                self.handle_rows_question(RowsQuestion::Tally { class, student }, requester)
            }
            Query::Spot { class, count } => match self.draw(who, class, count) {
                Ok(drawn) => self.tell(requester, Answer::Spot(SpotList { class, drawn })),
                Err(reason) => self.refuse(now, requester, reason),
            },
        }
    }

    fn tell(&mut self, requester: Requester<P>, answer: Answer) -> Counter {
        self.reply(requester, answer);
        Counter::Asked
    }

    /// Refuses a question. The time of it is told, so the journal has to hold it.
    fn refuse(&mut self, now: Now, requester: Requester<P>, reason: Refusal) -> Counter {
        let at = self.advance(now.wall);
        self.note_time(at);
        self.reply(requester, Answer::Refused(Refused { at, reason }));
        Counter::AskedInVain
    }

    fn people(&self, who: Principal, after: Option<DeviceId>) -> Result<PersonList, Refusal> {
        let people = &self.state.people;
        // R-ACCESS-5
        if !people.is_admin(who) {
            return Err(Refusal::NotAnAdmin);
        }
        let mut rest = people.staff_after(after);
        let devices = rest.by_ref().take(people::CAPACITY).collect();
        Ok(PersonList { devices, more: rest.next().is_some() })
    }

    fn room(&mut self, now: Now, who: Principal, class: ClassId) -> Result<RoomState, Refusal> {
        let now = Now { wall: self.advance(now.wall), ..now };
        let (step, left_ms) = self.moment(now).codes.step(now.instant);
        let room = self.room_of(who, class)?;
        let open = self.state.register.open_from(class).next();
        let open = open.filter(|it| it.class == class).ok_or(Refusal::NotOpen)?;
        Ok(RoomState {
            class,
            opened_at: open.opened_at,
            present: open.present,
            remarked: u32::try_from(room.suspicious()).unwrap_or(u32::MAX),
            wrong_codes: room.wrong_codes(),
            terms: room.terms,
            code: room.code(step),
            left_ms,
        })
    }

    /// The room of a class, for those who hold its roll calls.
    fn room_of(&self, who: Principal, class: ClassId) -> Result<&Room, Refusal> {
        if who == Principal::Plain {
            return Err(Refusal::NoDevice);
        }
        // What one may not see is answered like what is not there.
        let people = &self.state.people;
        people.room(class).filter(|_| people.holds(who, class)).ok_or(Refusal::NotOpen)
    }

    /// Draws students who have answered and were not called yet: those first on whom something suspicious
    /// is remarked, and else each with the same chance.
    fn draw(&mut self, who: Principal, class: ClassId, count: u8) -> Result<Vec<Drawn>, Refusal> {
        self.draws += 1;
        let mut key = [0; 16];
        key.copy_from_slice(&self.rooms[..16]);
        let room = self.room_of(who, class)?;
        let lot = |student: StudentNumber| {
            let mut hasher = SipHasher13::new_with_key(&key);
            (self.draws, student.as_bytes()).hash(&mut hasher);
            hasher.finish()
        };
        let present = self.state.register.present(class);
        let uncalled = present
            .map(|student| (student, room.remarks(student)))
            .filter(|(_, remarks)| !remarks.has(Remarks::CALLED));
        // R-SPOT-1
        let mut lots: Vec<_> = uncalled
            .map(|(student, remarks)| (!remarks.has(Remarks::SUSPICIOUS), lot(student), student))
            .collect();
        lots.sort_unstable();
        let drawn = lots.into_iter().take(count.into());
        Ok(drawn.map(|(.., student)| Drawn { student, remarks: room.remarks(student) }).collect())
    }
}
