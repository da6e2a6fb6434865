//! A mark without an answer, with the real programs: kept on the student's computer, sent on, recorded once.

use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};

use serde_json::json;

use support::people::School;
use support::process::Finished;
use support::{Call, STUDENT, Server, TEACHER};

#[expect(dead_code, reason = "each file of tests uses its part")]
mod support;

/// A student's computer, and a server that can be down.
struct Room {
    folder: tempfile::TempDir,
    server: Option<Server>,
    down: Option<support::Setup>,
}

impl Room {
    /// With the roll call of class 3030 open.
    #[track_caller]
    fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("data")).expect("made");
        let server = Server::on(&folder.path().join("data"));
        server.teacher(["open", "3030"]).expect(0);
        Self { folder, server: Some(server), down: None }
    }

    fn server(&self) -> &Server {
        self.server.as_ref().expect("it is up")
    }

    fn go_down(&mut self) {
        self.down = self.server.take().map(Server::kill);
    }

    #[track_caller]
    fn come_up(&mut self) {
        self.server = self.down.take().map(support::Setup::start);
    }

    fn address(&self) -> String {
        let up = self.server.as_ref().map(Server::address);
        up.or(self.down.as_ref().map(support::Setup::address)).expect("one of them").to_string()
    }

    fn settings(&self) -> PathBuf {
        self.folder.path().join("student")
    }

    /// A command of the student, who does not wait for long.
    fn call(&self, arguments: &[&str]) -> Call {
        let settings = self.settings();
        Call::new(&support::Place::default(), STUDENT, None)
            .env("ROLLCALL_CONFIG", settings.to_str().expect("text"))
            .args(["--server", &self.address(), "--timeout", "300ms"])
            .args(arguments)
    }

    #[track_caller]
    fn student(&self, arguments: &[&str]) -> Finished {
        self.call(arguments).run()
    }

    /// How many marks are kept.
    fn kept(&self) -> usize {
        kept_in(&self.settings())
    }

    /// Closes it: who is on the sheet.
    #[track_caller]
    fn close(&self) -> serde_json::Value {
        self.server().teacher(["close", "3030"]).expect(0).object()["students"].clone()
    }
}

fn kept_in(settings: &Path) -> usize {
    fs::read_dir(settings.join("outbox")).map_or(0, |entries| entries.flatten().count())
}

#[test]
fn a_mark_without_an_answer_is_kept_and_sent_by_the_next_command() {
    let mut room = Room::open();
    room.go_down();
    let told = room.student(&["mark", "3030", "10"]).expect(4);
    assert!(told.stderr.contains("no network: the mark of 10 in class 3030 is kept"), "{told}");
    assert!(told.stderr.contains("rollcall-student send --timeout 10m"), "what to do: {told}");
    assert_eq!((told.stdout.as_str(), room.kept()), ("", 1));
    let told = room.student(&["--json", "mark", "3030", "20", "30"]).expect(4).objects();
    let line = |student, outcome, attempts: &serde_json::Value| json!({"class": 3030, "student": student, "outcome": outcome, "kept": true, "attempts": attempts});
    let attempts = &told[0]["attempts"];
    assert_eq!(told, [line("20", "unknown", attempts), line("30", "not_sent", &json!(0))]);
    room.come_up();
    let told = room.student(&["--json", "mark", "3030", "40"]).expect(0);
    assert_eq!(told.objects().len(), 1, "what was asked for: {told}");
    assert_eq!(told.object()["outcome"], "present");
    for student in ["10", "20", "30"] {
        let said = format!("{student} was marked present in class 3030 at ");
        assert!(told.stderr.contains(&said), "{told}");
    }
    assert_eq!(told.stderr.matches("; it was pressed at ").count(), 3, "{told}");
    assert_eq!(room.kept(), 0);
    assert_eq!(room.close(), json!(["40", "10", "20", "30"]));
    let sheet = room.server().client(TEACHER).args(["sheet", "3030"]).run().expect(0);
    assert_eq!(sheet.stdout.matches("pressed at").count(), 3, "both times: {sheet}");
}

#[test]
fn who_presses_again_sends_what_was_pressed_first() {
    let mut room = Room::open();
    room.go_down();
    room.student(&["mark", "3030", "10"]).expect(4);
    room.student(&["mark", "3030", "10"]).expect(4);
    assert_eq!(room.kept(), 1, "the same mark");
    room.come_up();
    let told = room.student(&["--json", "mark", "3030", "10"]).expect(0).object();
    assert_eq!((&told["outcome"], told["pressed_at"].is_string()), (&"present".into(), true));
    let again = room.student(&["--json", "mark", "3030", "10"]).expect(0).object();
    assert_eq!((&again["outcome"], &again["at"]), (&"already_present".into(), &told["at"]));
    assert_eq!((again.get("pressed_at"), room.kept()), (None, 0));
    assert_eq!(room.close(), json!(["10"]));
}

#[test]
fn send_waits_for_the_network_and_tells_of_each() {
    let mut room = Room::open();
    let nothing = room.student(&["send"]).expect(0);
    assert!(nothing.stderr.contains("no mark is kept for "), "{nothing}");
    assert_eq!(room.student(&["--json", "send"]).expect(0).stdout, "");
    room.go_down();
    room.student(&["mark", "3030", "10", "20"]).expect(4);
    let told = room.student(&["--json", "send"]).expect(4).object();
    assert_eq!((&told["outcome"], &told["kept"]), (&"unknown".into(), &true.into()));
    assert_eq!(room.kept(), 2);
    let waiting = room.call(&["send", "--timeout", "60s"]).start();
    room.come_up();
    let told = waiting.finish().expect(0);
    for (line, student) in told.stdout.lines().zip(["10", "20"]) {
        assert!(
            line.starts_with(&format!("{student} was marked present in class 3030 at ")),
            "{told}"
        );
        assert!(line.contains("; it was pressed at "), "{told}");
    }
    assert_eq!((told.stdout.lines().count(), room.kept()), (2, 0));
    assert_eq!(room.close(), json!(["10", "20"]));
}

#[test]
fn what_was_pressed_on_monday_does_not_count_on_tuesday() {
    let mut room = Room::open();
    room.go_down();
    room.student(&["mark", "3030", "10", "20"]).expect(4);
    room.come_up();
    assert_eq!(room.close(), json!([]));
    let refused = room.student(&["--json", "send"]).expect(3);
    for line in refused.objects() {
        assert_eq!((&line["outcome"], &line["reason"]), (&"refused".into(), &"not_open".into()));
    }
    assert_eq!(room.kept(), 0, "there is an answer");
    room.server().teacher(["open", "3030"]).expect(0);
    room.go_down();
    room.student(&["mark", "3030", "10"]).expect(4);
    room.come_up();
    assert_eq!(room.close(), json!([]));
    room.server().teacher(["open", "3030"]).expect(0);
    let anew = room.student(&["--json", "mark", "3030", "10"]).expect(0);
    assert!(anew.stderr.contains("was refused: "), "what became of Monday's: {anew}");
    let line = anew.object();
    assert_eq!((&line["outcome"], line.get("pressed_at")), (&"present".into(), None));
    assert_eq!(room.close(), json!(["10"]));
}

#[test]
fn a_mark_outlives_the_program_that_was_killed_while_it_waited_and_not_one_that_was_taken_back() {
    let mut room = Room::open();
    room.go_down();
    // Somebody listens there and says nothing: who has sent something waits.
    let silent = UdpSocket::bind(room.address()).expect("its port");
    let waits = |student: &str| {
        let process = room.call(&["mark", "3030", student, "--timeout", "60s"]).start();
        silent.recv(&mut [0; 1_500]).expect("a request");
        assert_eq!(room.kept(), 1);
        process
    };
    let taken_back = waits("20");
    taken_back.signal("INT");
    let told = taken_back.finish().expect(130);
    assert!(told.stderr.contains("is unknown"), "{told}");
    assert_eq!(room.kept(), 0, "Ctrl-C takes it back");
    waits("10").kill();
    drop(silent);
    assert_eq!(room.kept(), 1);
    room.come_up();
    let told = room.student(&["send"]).expect(0);
    assert!(told.stdout.starts_with("10 was marked present"), "{told}");
    assert_eq!(room.close(), json!(["10"]));
}

#[test]
fn what_was_recorded_although_nobody_heard_of_it_is_recorded_once() {
    let room = Room::open();
    let server = room.server().process();
    server.signal("STOP");
    room.student(&["mark", "3030", "10"]).expect(4);
    server.signal("CONT");
    // Several programs at once find it, and each of them is told the same.
    let senders: Vec<_> =
        (0..5).map(|_| room.call(&["send", "--timeout", "30s"]).start()).collect();
    let told: Vec<_> = senders.into_iter().map(|it| it.finish().expect(0)).collect();
    assert!(
        told.iter().any(|it| it.stdout.contains("10 was already marked present")),
        "{}",
        told[0]
    );
    assert_eq!(room.kept(), 0);
    assert_eq!(room.close(), json!(["10"]));
}

#[test]
fn at_the_prompt_what_is_kept_is_sent_while_nobody_types() {
    let mut room = Room::open();
    room.go_down();
    let mut prompt = room.call(&[]).start();
    prompt.write(b"10 3030\n");
    prompt.wait_for_log("it is kept", |text| text.contains("is kept on this computer"));
    room.come_up();
    prompt.wait_for_log("it was sent", |text| text.contains("10 was marked present in class 3030"));
    assert_eq!(room.kept(), 0);
    prompt.finish().expect(4);
    assert_eq!(room.close(), json!(["10"]));
}

#[test]
fn without_a_place_to_keep_it_a_mark_is_made_all_the_same_and_it_is_said_if_there_is_no_answer() {
    let mut room = Room::open();
    fs::create_dir(room.settings()).expect("made");
    fs::write(room.settings().join("outbox"), "no folder").expect("written");
    let told = room.student(&["mark", "3030", "10"]).expect(0);
    assert!(told.stdout.starts_with("10 was marked present"), "{told}");
    room.go_down();
    let told = room.student(&["--json", "mark", "3030", "20"]).expect(4);
    assert!(told.stderr.contains("and it is not kept either: cannot keep marks in "), "{told}");
    assert_eq!(told.object().get("kept"), None);
}

/// As often as its roll calls say on whose roster the student was, and only for who answers for the number.
// spec: R-TALLY-1, R-TALLY-2
#[test]
fn a_student_is_told_how_often_they_were_there_and_of_nobody_else() {
    let school = School::with_ana();
    school.make_students(&["bia", "eva"]);
    let roster = school.person("class.csv");
    fs::write(&roster, "number,name\n10,Bia\n20,Eva\n").expect("written");
    let ana = |arguments: &[&str]| school.run("ana", TEACHER, arguments).expect(0);
    let mark = |person, student| {
        let code = school.code("3030");
        school.run(person, STUDENT, &["mark", "3030", student, "--code", &code]).expect(0);
    };
    // The first one expects nobody.
    ana(&["open", "3030"]);
    mark("bia", "10");
    ana(&["close", "3030"]);
    ana(&["roster", "import", "3030", roster.to_str().expect("text"), "--yes"]);
    for (lessons, come) in [("1", true), ("4", true), ("3", false)] {
        ana(&["open", "3030", "--lessons", lessons]);
        if come {
            mark("bia", "10");
        }
        mark("eva", "20");
        ana(&["close", "3030"]);
    }
    let mine = |person| {
        let told = school.run(person, STUDENT, &["--json", "mine"]).expect(0).objects();
        told.last().expect("a tally").clone()
    };
    let parts = |it: &serde_json::Value| {
        let names = ["roll_calls", "of", "present", "late", "excused", "absent", "percent"];
        names.map(|name| it[name].to_string()).join(" ")
    };
    assert_eq!(parts(&mine("bia")), "3 8 5 0 0 3 62.5");
    assert_eq!(parts(&mine("eva")), "3 8 8 0 0 0 100.0");
    // A correction counts at once.
    ana(&["excuse", "3030", "10"]);
    let bia = mine("bia");
    assert_eq!(parts(&bia), "3 8 5 0 3 0 62.5");
    assert_eq!((&bia["absences_left"], &bia["below_minimum"]), (&(-1).into(), &true.into()));
    let said = school.run("bia", STUDENT, &["mine", "3030", "--minimum", "50"]).expect(0).stdout;
    let last = said.lines().last().expect("a line");
    assert_eq!(
        last,
        "10 was there for 62.5 % of 8 lessons in class 3030 (3 closed roll calls with the number on \
         the roster): 5 in time, 0 late, 3 excused, 0 absent. Before it is less than 50 %, 1 more may \
         be missed, of those so far."
    );
    // The teacher's report says the same of the roll calls that had a roster.
    assert_eq!(said.lines().count(), 4, "three marks and the tally: {said}");
    let nobody = school.run("eva", STUDENT, &["--json", "mine", "4040"]).expect(0);
    assert_eq!(nobody.stdout, "", "she has nothing there: {nobody}");
}
