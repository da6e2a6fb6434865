//! What the commands ask a server about rosters, revisions and open roll calls.

use super::Exit;
use super::client::CommandClient;
use super::language::text;
use super::words::{complain, failed, failed_by};
use crate::blocks::Prefix;
use crate::client::inquiry::{RevisionsInquiry, WatchInquiry};
use crate::exchange::{Answer, FileInfo, Query, Revision, RosterInfo, Watched, WatchedEntry};
use crate::ids::{ClassId, RollCallNumber};
use crate::roll::RosterObject;
use crate::shell::call::CallError;

/// How often a roster is asked for anew that changed while it was fetched.
const ROSTER_BEGINNINGS_MAX: u32 = 5;

impl CommandClient {
    /// The roster of a class. When it fails, or is refused, the person has been told.
    pub(super) fn roster(&mut self, class: ClassId) -> Result<(RosterObject, u32), Exit> {
        let mut attempts = 0;
        for _ in 0..ROSTER_BEGINNINGS_MAX {
            let answered = self.ask_with_right(Query::Roster { class }, Some(class))?;
            attempts += answered.attempts;
            let Answer::Roster(info) = answered.answer else { return Err(Exit::Failed) };
            if let Some(bytes) = self.roster_bytes(&info)? {
                let roster = RosterObject::from_bytes(&bytes, class).map_err(failed_by)?;
                return Ok((roster, attempts));
            }
        }
        complain(text!("roster-changes"));
        Err(Exit::Failed)
    }

    /// The bytes of a roster; nothing if the server has another one by now.
    fn roster_bytes(&mut self, info: &RosterInfo) -> Result<Option<Vec<u8>>, Exit> {
        if !info.is_plausible() {
            return Err(failed(text!("roster-implausible")));
        }
        let object = FileInfo { bytes: info.bytes.into(), content: info.content };
        let mut bytes = Vec::new();
        match self.fetch(object, Prefix::default(), &mut bytes, &mut |_| {}) {
            Ok(_) => Ok(Some(bytes)),
            Err(error) if error.is_gone() => Ok(None),
            Err(error) => self.told(Err(CallError::Fetch(error)), None),
        }
    }

    /// The revisions of the sheets of a class, the last one first, from a roll call down for as long as they
    /// are wanted. When it fails, the person has been told.
    pub(super) fn revisions(
        &mut self,
        class: ClassId,
        at_most: RollCallNumber,
        wanted: &mut dyn FnMut(&Revision) -> bool,
    ) -> Result<(Vec<Revision>, u32), Exit> {
        let Self { caller, flags, line, .. } = self;
        let show = &mut |it: &_, at| line.show(it, at);
        let mut inquiry = RevisionsInquiry::new(class, at_most, wanted);
        let result = caller.inquire(&mut inquiry, flags.timeout, show, &mut |_| {});
        self.told_about(result, class)
    }

    /// The open roll call of a class, and everybody on it from a place on. When it fails, or is refused, the
    /// person has been told.
    pub(super) fn watched(
        &mut self,
        class: ClassId,
        from: u32,
    ) -> Result<(Watched, Vec<WatchedEntry>), Exit> {
        let Self { caller, flags, line, .. } = self;
        let show = &mut |it: &_, at| line.show(it, at);
        let mut inquiry = WatchInquiry::new(class, from);
        let result = caller.inquire(&mut inquiry, flags.timeout, show, &mut |_| {});
        Ok(self.told_about(result, class)?.0)
    }

    /// The open roll call of a class without anybody on it, where it only adds to what is told anyway.
    pub(super) fn watched_in_brief(&mut self, class: ClassId) -> Result<Option<Watched>, Exit> {
        let answer = self.ask_for_detail(Query::Watch { class, from: u32::MAX })?;
        Ok(match answer {
            Some(Answer::Watched(watched)) => Some(*watched),
            _ => None,
        })
    }
}
