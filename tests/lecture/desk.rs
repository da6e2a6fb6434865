//! A teacher's desk: a server, a folder of files, and the programs as their people read them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rollcall::shell::clock::Clock;
use serde_json::{Map, Value};

use crate::support::masked::{Where, masked as all_masked};
use crate::support::process::{Finished, TIMEOUT};
use crate::support::{Call, Place, STUDENT, Server, Setup, TEACHER, has};

/// The class of the lecture.
pub(crate) const CLASS: &str = "3030";

/// Its roster, as Excel in Portuguese writes it.
pub(crate) const ROSTER: &str = "Matrícula;Nome;Turma\r\n042191010;Ana Silva;A\r\n042191020;João Água;A\r\n\
                                 10;Rui Sá;B\r\n20;Eva Braga;B\r\n";

/// A server, and the folder of the teacher's files.
pub(crate) struct Desk {
    pub(crate) server: Server,
    folder: tempfile::TempDir,
}

impl Desk {
    /// A desk with a server that keeps nothing.
    #[track_caller]
    pub(crate) fn new() -> Self {
        Self { server: Server::in_memory(), folder: tempfile::tempdir().expect("a folder") }
    }

    /// A desk with a server that has a journal.
    #[track_caller]
    pub(crate) fn with_journal() -> Self {
        Self::with_past(|_| {})
    }

    /// A desk whose server finds a journal that was written before.
    #[track_caller]
    pub(crate) fn with_past(write: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        fs::create_dir(&data).expect("made");
        // Written elsewhere and copied: what another test starts just now may hold the lock of that folder for a
        // moment, as it has inherited it.
        let written = tempfile::tempdir().expect("a folder");
        write(written.path());
        for (file, bytes) in files(written.path()) {
            let name = file.file_name().expect("a name");
            fs::write(data.join(name), bytes).expect("written");
        }
        Self { server: Server::on(&data), folder }
    }

    /// A desk whose class has its roster.
    #[track_caller]
    pub(crate) fn with_roster() -> Self {
        let desk = Self::new();
        desk.import(ROSTER);
        desk
    }

    /// Kills the server and starts it again.
    #[track_caller]
    pub(crate) fn restarted(self) -> Self {
        self.killed().started()
    }

    /// Kills the server as a crash does.
    pub(crate) fn killed(self) -> Killed {
        Killed { setup: self.server.kill(), folder: self.folder }
    }

    /// A file of that name.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The same as text.
    pub(crate) fn name(&self, name: &str) -> String {
        self.path(name).to_str().expect("text").to_owned()
    }

    /// Writes a file, and gives its name.
    #[track_caller]
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), bytes).expect("written");
        self.name(name)
    }

    /// Makes this the roster of the class.
    #[track_caller]
    pub(crate) fn import(&self, roster: &str) -> Finished {
        let file = self.write("roster.csv", roster);
        let imported = self.teacher(&["roster", "import", CLASS, &file, "--yes"]).expect(0);
        fs::remove_file(file).expect("removed");
        imported
    }

    /// A command of the teacher as people read it.
    #[track_caller]
    pub(crate) fn teacher(&self, arguments: &[&str]) -> Finished {
        self.server.client(TEACHER).args(arguments).run()
    }

    /// A command of the teacher as programs read it.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Finished {
        self.server.teacher(arguments)
    }

    /// A command of a student as people read it.
    #[track_caller]
    pub(crate) fn student(&self, arguments: &[&str]) -> Finished {
        self.server.client(STUDENT).args(arguments).run()
    }

    /// A command of a student as programs read it.
    #[track_caller]
    pub(crate) fn json_student(&self, arguments: &[&str]) -> Finished {
        self.server.student(arguments)
    }

    /// What a command said on its standard output, without times and the name of the folder.
    pub(crate) fn said(&self, finished: &Finished) -> String {
        self.plain(&finished.stdout)
    }

    /// What it said on its standard error, likewise.
    pub(crate) fn warned(&self, finished: &Finished) -> String {
        self.plain(&finished.stderr)
    }

    fn plain(&self, text: &str) -> String {
        timeless(&text.replace(self.folder.path().to_str().expect("text"), "FOLDER"))
    }

    /// The last sheet of the class.
    #[track_caller]
    pub(crate) fn sheet(&self) -> Value {
        self.json(&["sheet", CLASS]).expect(0).object()
    }

    /// What each student is on the last sheet.
    #[track_caller]
    pub(crate) fn statuses(&self) -> BTreeMap<String, String> {
        statuses(&self.sheet())
    }

    /// Waits until the roll call of a class is closed.
    #[track_caller]
    pub(crate) fn wait_for_close(&self, class: &str) {
        let clock = Clock::start();
        while self.json(&["status", class]).code() == Some(0) {
            let waited = Duration::from_micros(clock.now().instant.as_micros());
            assert!(waited < TIMEOUT, "it does not close by itself\n{}", self.server.process());
        }
    }

    /// Fails unless the server knows the same of this class afterwards, and the folder has the same files.
    #[track_caller]
    pub(crate) fn assert_unchanged(&self, class: &str, by: impl FnOnce()) {
        let before = self.picture(class);
        by();
        assert_eq!(self.picture(class), before, "something has changed");
    }

    /// What a server tells of a class, and what is in the folder.
    fn picture(&self, class: &str) -> (Vec<Value>, BTreeMap<PathBuf, Vec<u8>>) {
        let questions: [&[&str]; 4] = [&["roster", "show"], &["status"], &["history"], &["sheet"]];
        let answers = questions.iter().flat_map(|question| {
            self.json(&[question, &[class][..]].concat()).objects().into_iter().map(lasting)
        });
        (answers.collect(), files(self.folder.path()))
    }
}

/// A desk whose server is down.
pub(crate) struct Killed {
    setup: Setup,
    folder: tempfile::TempDir,
}

impl Killed {
    /// The desk with its server started again.
    #[track_caller]
    pub(crate) fn started(self) -> Desk {
        Desk { server: self.setup.start(), folder: self.folder }
    }
}

/// An object without what differs from one answer to the next.
pub(crate) fn lasting(object: Value) -> Value {
    let Value::Object(fields) = object else { panic!("no object: {object}") };
    let is_question = fields.get("outcome").is_some_and(|it| it == "refused");
    let lasts = |name: &str| name != "attempts" && !(is_question && name == "at");
    Value::Object(fields.into_iter().filter(|(name, _)| lasts(name)).collect::<Map<_, _>>())
}

/// The files of a folder with what is in them, without folders in it.
pub(crate) fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(folder).expect("a folder").map(|it| it.expect("an entry").path());
    entries.filter(|it| it.is_file()).map(|it| (it.clone(), fs::read(it).expect("read"))).collect()
}

/// What each student of a sheet is.
pub(crate) fn statuses(sheet: &Value) -> BTreeMap<String, String> {
    let entries = entries(sheet);
    let of = |entry: &Value| (text(&entry["student"]), text(&entry["status"]));
    let statuses: BTreeMap<_, _> = entries.iter().map(of).collect();
    assert_eq!(statuses.len(), entries.len(), "nobody is twice on a sheet: {sheet}");
    statuses
}

/// The entries of a sheet.
pub(crate) fn entries(sheet: &Value) -> Vec<Value> {
    sheet["entries"].as_array().expect("entries").clone()
}

/// The entry of a student.
#[track_caller]
pub(crate) fn entry(sheet: &Value, student: &str) -> Value {
    let found: Vec<_> = entries(sheet).into_iter().filter(|it| it["student"] == student).collect();
    let [found] = &found[..] else { panic!("{} entries of {student}: {sheet}", found.len()) };
    found.clone()
}

#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// A time of `--json` in milliseconds.
#[track_caller]
pub(crate) fn millis(value: &Value) -> i64 {
    let parsed = chrono::DateTime::parse_from_rfc3339(value.as_str().unwrap_or_default());
    parsed.unwrap_or_else(|error| panic!("{value}: {error}")).timestamp_millis()
}

/// A table of what is expected of whom.
pub(crate) fn table(rows: &[(&str, &str)]) -> BTreeMap<String, String> {
    rows.iter().map(|&(student, status)| (student.to_owned(), status.to_owned())).collect()
}

/// The text with TIME in the place of times, with their days or without.
pub(crate) fn timeless(text: &str) -> String {
    let forms = [("####-##-## ##:##:##", "TIME"), ("##:##:##", "TIME")];
    all_masked(text, &forms, Where::Anywhere)
}

/// The text with a word in the place of what has this form.
pub(crate) fn masked(text: &str, form: &str, word: &str) -> String {
    all_masked(text, &[(form, word)], Where::Anywhere)
}

/// A command at a terminal, or why there is none.
pub(crate) fn at_a_terminal(desk: &Desk, arguments: &str) -> Result<Call, &'static str> {
    if !has("script") {
        return Err("there is no command 'script' to make a terminal with");
    }
    let command = format!("exec '{TEACHER}' --server {} {arguments}", desk.server.address());
    let call = Call::new(&Place::default(), "script", None);
    Ok(call.args(["-qec", &command, "/dev/null"]).env("TERM", "xterm").env("SHELL", "/bin/sh"))
}
