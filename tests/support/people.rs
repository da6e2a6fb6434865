//! People with their computers: who is an admin, a teacher, a student of a sealed server.

use std::fs;
use std::path::{Path, PathBuf};

use rollcall::shell::admin_invites::AdminInvite;
use rollcall::shell::clock::{Clock, fresh_invite};

use super::process::Finished;
use super::{ADMIN, Call, Place, SERVER, STUDENT, Server, Setup, TEACHER, run};

/// A sealed server, and the folders of people.
pub(crate) struct School {
    folder: tempfile::TempDir,
    pub(crate) server: Server,
    pub(crate) link: String,
}

impl School {
    /// A school whose server was just started.
    #[track_caller]
    pub(crate) fn start() -> Self {
        Self::with(Setup::sealed)
    }

    /// As [`School::start`], started otherwise.
    #[track_caller]
    pub(crate) fn with(setup: impl FnOnce(Setup) -> Setup) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        fs::create_dir(&data).expect("made");
        let server = setup(Setup::new().folder(&data)).start();
        let server_link = ["link", &server.address().to_string(), "--data", text(&data)];
        let link = run(SERVER, server_link).expect(0).stdout.trim().to_owned();
        Self { folder, server, link }
    }

    /// A school with an admin and a teacher, Ana.
    #[track_caller]
    pub(crate) fn with_ana() -> Self {
        let school = Self::start();
        school.make_admin("rui");
        school.make_teacher("ana", "Ana");
        school
    }

    /// Kills the server and starts it again.
    #[track_caller]
    pub(crate) fn restart(self) -> Self {
        let Self { folder, server, link } = self;
        Self { folder, server: server.kill().start(), link }
    }

    /// The folder of the journal.
    pub(crate) fn data(&self) -> PathBuf {
        self.person("data")
    }

    /// The folder of somebody's settings.
    pub(crate) fn person(&self, person: &str) -> PathBuf {
        self.folder.path().join(person)
    }

    /// A command of somebody.
    pub(crate) fn of(&self, person: &str, program: &str) -> Call {
        of(&self.person(person), &self.server, program)
    }

    /// Runs a command of somebody.
    #[track_caller]
    pub(crate) fn run(&self, person: &str, program: &str, arguments: &[&str]) -> Finished {
        self.of(person, program).args(arguments).run()
    }

    /// Makes somebody an admin, by an invite that was left in the folder of the journal.
    #[track_caller]
    pub(crate) fn make_admin(&self, person: &str) {
        let code = leave_admin_invite(&self.data(), person);
        self.join(person, ADMIN, &code).expect(0);
    }

    /// Joins with an invite.
    #[track_caller]
    pub(crate) fn join(&self, person: &str, program: &str, code: &str) -> Finished {
        let join = self.of(person, program).args(["join", &self.link]);
        join.run_with(format!("{code}\n").as_bytes())
    }

    /// An invite that the admin makes.
    #[track_caller]
    pub(crate) fn invite(&self, guest: &[&str]) -> String {
        let invited = self.of("rui", ADMIN).args(["--json", "invite"]).args(guest).run().expect(0);
        invited.object()["invite"].as_str().expect("a text").to_owned()
    }

    /// Makes somebody a teacher of that name.
    #[track_caller]
    pub(crate) fn make_teacher(&self, person: &str, name: &str) {
        let code = self.invite(&["teacher", name]);
        self.join(person, TEACHER, &code).expect(0);
    }

    /// The name of the computer of the one who joined under this name.
    #[track_caller]
    pub(crate) fn device_of(&self, name: &str) -> String {
        let people = self.run("rui", ADMIN, &["--json", "people"]).expect(0).objects();
        let found = people.iter().find(|it| it["name"] == name).expect("somebody of that name");
        found["device"].as_str().expect("a text").to_owned()
    }

    /// Makes the server known to these students.
    #[track_caller]
    pub(crate) fn make_students(&self, people: &[&str]) {
        for person in people {
            self.run(person, STUDENT, &["join", &self.link]).expect(0);
        }
    }

    /// The code that the teacher shows for this class, when it lives for some seconds still, so that what
    /// follows finds it alive however slow this computer is.
    #[track_caller]
    pub(crate) fn code(&self, class: &str) -> String {
        let shown = self.run("ana", TEACHER, &["--json", "code", class]).expect(0);
        shown.object()["code"].as_str().expect("a text").to_owned()
    }

    /// A code that is not taken.
    #[track_caller]
    pub(crate) fn wrong_code(&self, class: &str) -> String {
        // It is not that of the present step nor of the two before, and would be the next one's once in a
        // million.
        let right: u32 = self.code(class).parse().expect("digits");
        format!("{:06}", (right + 500_000) % 1_000_000)
    }

    /// What is remarked on each student of the last sheet of a class.
    #[track_caller]
    pub(crate) fn flags(&self, class: &str) -> Vec<(String, Vec<String>)> {
        let sheet = self.run("ana", TEACHER, &["--json", "sheet", class]).expect(0).object();
        let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
        let entries = sheet["entries"].as_array().expect("entries").iter();
        let flags = |entry: &serde_json::Value| {
            entry["flags"].as_array().expect("flags").iter().map(text).collect()
        };
        entries.map(|entry| (text(&entry["student"]), flags(entry))).collect()
    }
}

/// A command of somebody whose settings are in this folder.
pub(crate) fn of(person: &Path, server: &Server, program: &str) -> Call {
    Call::new(&Place::default(), program, Some(server.log().clone()))
        .env("ROLLCALL_CONFIG", person.to_str().expect("text"))
        .args(["--server", &server.address().to_string()])
}

/// The join link that a server logs.
#[track_caller]
pub(crate) fn link(server: &Server) -> String {
    let has_link = |text: &str| text.contains("join link: ");
    let log = server.process().wait_for_log("its join link", has_link);
    let line = log.lines().find_map(|line| line.split_once("join link: "));
    line.expect("its link").1.trim().to_owned()
}

/// Leaves an invite for an admin of that name, as `rollcall-server admin-link` does at a terminal.
#[track_caller]
pub(crate) fn leave_admin_invite(data: &Path, name: &str) -> String {
    let code = fresh_invite();
    let ends_at = Clock::start().now().wall.shifted(3_600_000);
    let name = name.parse().expect("a name");
    AdminInvite { invite: code.id(), name, ends_at }.leave_in(data).expect("left");
    code.to_text()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}
