//! A full lecture hall: three hundred on the roster, a code for the room, a network that loses every fifth datagram
//! each way, and a server that is killed again and again.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::desk::{CLASS, text};
use crate::support::people::School;
use crate::support::process::{Finished, Process};
use crate::support::relay::{Habits, Relay};
use crate::support::{Call, Place, STUDENT, TEACHER, has, skip};

/// On the roster.
const EXPECTED: usize = 300;
/// Of them, so many come.
const STUDENTS: usize = 288;
/// The server is killed so often, unless `ROLLCALL_KILLS` says otherwise.
const KILLS: usize = 12;

const HABITS: Habits =
    Habits { lost: 0.2, repeated: 0.1, late: 0.2, late_by: Duration::from_secs(2) };

/// Compares receipts with what a teacher gets, and shares no code with what it judges.
const AUDITOR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lecture/auditor.py");

fn number(place: usize) -> String {
    format!("{:09}", 42_191_000 + place)
}

/// A student with a computer, on the other side of a bad network.
struct Student {
    number: String,
    folder: std::path::PathBuf,
    marking: Process,
}

impl Student {
    fn begin(school: &School, relay: &Relay, place: usize, known: &Path, code: &str) -> Self {
        let (number, folder) = (number(place), school.person(&format!("student-{place}")));
        // The server's key, as the link on the board told it; each device makes a key of its own.
        fs::create_dir(&folder).expect("made");
        fs::copy(known, folder.join("servers")).expect("copied");
        let marking = mark(&folder, relay, &number, code);
        Self { number, folder, marking }
    }

    /// The receipt. A code that has gone meanwhile is looked up again.
    fn receipt(self, school: &School, relay: &Relay) -> Value {
        const LOOKS: usize = 5;
        let mut finished: Finished = self.marking.finish();
        for _ in 0..LOOKS {
            if finished.code() == Some(0) {
                break;
            }
            assert_eq!(finished.object()["reason"], "wrong_code", "{finished}");
            finished = mark(&self.folder, relay, &self.number, &school.code(CLASS)).finish();
        }
        finished.expect(0).object()
    }
}

fn mark(folder: &Path, relay: &Relay, number: &str, code: &str) -> Process {
    Call::new(&Place::default(), STUDENT, None)
        .env("ROLLCALL_CONFIG", folder.to_str().expect("text"))
        .args(["--server", &relay.address().to_string(), "--json", "--timeout", "2m"])
        .args(["mark", CLASS, number, "--code", code])
        .start()
}

#[test]
fn three_hundred_behind_one_address_are_on_the_sheet_once_whatever_is_lost_and_whoever_is_killed() {
    let kills = match std::env::var("ROLLCALL_KILLS") {
        Ok(kills) => kills.parse().expect("a number in ROLLCALL_KILLS"),
        Err(_) => KILLS,
    };
    let mut school = School::with_ana();
    let roster = school.person("roster.csv");
    let lines = (0..EXPECTED).map(|place| format!("{};Student {place}\n", number(place)));
    fs::write(&roster, lines.collect::<String>()).expect("written");
    let ana = |school: &School, arguments: &[&str]| school.run("ana", TEACHER, arguments).expect(0);
    ana(&school, &["roster", "import", CLASS, roster.to_str().expect("text"), "--yes"]);
    ana(&school, &["open", CLASS, "--for", "30m"]);
    let server = school.server.address();
    let relay = Relay::to(server, HABITS, 1);
    let link = school.link.replace(&server.to_string(), &relay.address().to_string());
    let first = school.person("first");
    let joined = Call::new(&Place::default(), STUDENT, None)
        .env("ROLLCALL_CONFIG", first.to_str().expect("text"))
        .args(["join", &link]);
    joined.run().expect(0);
    let known = first.join("servers");
    let mut waiting = Vec::new();
    let mut receipts = Vec::new();
    let wave = STUDENTS.div_ceil(kills + 1);
    for places in (0..STUDENTS).collect::<Vec<_>>().chunks(wave) {
        let code = school.code(CLASS);
        let begin = |&place: &usize| Student::begin(&school, &relay, place, &known, &code);
        let mut pressing = places.iter().map(begin).collect::<Vec<_>>().into_iter();
        // The others are wherever they are when this one has its receipt.
        let first = pressing.next().expect("somebody");
        waiting.extend(pressing);
        receipts.push(first.receipt(&school, &relay));
        if places.len() == wave {
            school = school.restart();
        }
    }
    receipts.extend(waiting.into_iter().map(|it| it.receipt(&school, &relay)));
    let traffic = relay.finish();
    assert!(traffic.lost > STUDENTS as u64 / 4, "a network that loses a fifth: {traffic:?}");
    let closed = ana(&school, &["--json", "close", CLASS]).object();
    let students = closed["students"].as_array().map(Vec::len);
    assert_eq!(students, Some(STUDENTS));
    let row =
        |it: &Value| format!("{} {} {}\n", it["class"], text(&it["student"]), text(&it["at"]));
    let [receipts_file, table, report] =
        ["receipts", "marks.csv", "report"].map(|name| school.person(name));
    fs::write(&receipts_file, receipts.iter().map(row).collect::<String>()).expect("written");
    let output = table.to_str().expect("text");
    ana(&school, &["export", CLASS, "--format", "csv", "--output", output]);
    fs::write(&report, ana(&school, &["--json", "report", CLASS]).stdout).expect("written");
    let retried = receipts.iter().filter(|it| it["attempts"].as_u64() > Some(1)).count();
    println!("{retried} of {STUDENTS} asked again, {traffic:?}");
    if !has("python3") {
        return skip("there is no command 'python3' to compare the receipts with the sheet");
    }
    let database = school.data().join("rollcall.sqlite3");
    let audited = Call::new(&Place::default(), "python3", None)
        .args([Path::new(AUDITOR), &roster, &receipts_file, &table, &report, &database])
        .run()
        .expect(0);
    assert_eq!(audited.stdout, "288 receipts, 288 there, 12 absent\n");
}
