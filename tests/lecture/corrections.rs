//! The close writes down who was absent; the teacher corrects; every revision stays.

use serde_json::{Value, json};

use crate::desk::{CLASS, Desk, ROSTER, entries, entry, lasting, table, text};
use crate::past;
use crate::support::people::School;
use crate::support::{STUDENT, TEACHER};

/// A desk whose class is open; Ana has answered, and somebody who is on no roster.
fn open_lecture() -> Desk {
    let desk = Desk::with_roster();
    desk.json(&["open", CLASS]).expect(0);
    desk.json_student(&["mark", CLASS, "042191010", "4219102"]).expect(0);
    desk
}

/// The same, closed.
fn closed_lecture() -> Desk {
    let desk = open_lecture();
    desk.json(&["close", CLASS]).expect(0);
    desk
}

#[test]
fn the_close_names_who_is_absent_and_who_is_on_no_roster() {
    let desk = open_lecture();
    assert_eq!(
        desk.said(&desk.teacher(&["close", CLASS]).expect(0)),
        "Class 3030 was closed at TIME +00:00. 1 of 4 present, 3 absent, 1 not on the roster:\n   \
         1  042191010         TIME  Ana Silva\n\
         Absent, 3:\n   \
         1  042191020         João Água\n   \
         2  10                Rui Sá\n   \
         3  20                Eva Braga\n\
         Not on the roster, 1:\n   \
         1  4219102           TIME\n      \
         4219102 may be 042191020 João Água\n"
    );
    let sheet = desk.sheet();
    assert_eq!(sheet["students"], json!(["042191010", "4219102"]));
    let brief = |it: Value| {
        let it = lasting(it);
        json!([it["student"], it["name"], it["status"], it["by"], it["walk_in"]])
    };
    assert_eq!(
        entries(&sheet).into_iter().map(brief).collect::<Vec<_>>(),
        [
            json!(["042191010", "Ana Silva", "present", "student", null]),
            json!(["4219102", null, "present", "student", true]),
            json!(["042191020", "João Água", "absent", null, null]),
            json!(["10", "Rui Sá", "absent", null, null]),
            json!(["20", "Eva Braga", "absent", null, null]),
        ]
    );
}

#[test]
fn a_teacher_is_told_whom_a_mistyped_number_may_mean_and_a_student_hears_of_nobody_else() {
    let desk = Desk::with_roster();
    desk.json(&["open", CLASS]).expect(0);
    let student = desk.student(&["mark", CLASS, "4219101"]).expect(0);
    assert_eq!(desk.said(&student), "4219101 was marked present in class 3030 at TIME.\n");
    assert_eq!(
        student.stderr,
        "4219101 is not on the roster of class 3030: look at the number again, or tell the teacher\n"
    );
    let told = desk.json_student(&["mark", CLASS, "42191011"]).expect(0);
    assert_eq!(told.object()["unlisted"], true);
    assert_eq!(told.stderr, "", "{told}");
    let listed = desk.json_student(&["mark", CLASS, "042191010"]).expect(0);
    assert_eq!(listed.object().get("unlisted"), None);
    let teacher = desk.teacher(&["mark", CLASS, "042191002"]).expect(0);
    assert_eq!(desk.said(&teacher), "042191002 was marked present in class 3030, at TIME.\n");
    assert_eq!(
        teacher.stderr,
        "042191002 is not on the roster of class 3030; did you mean 042191020 João Água?\n"
    );
    let late = desk.teacher(&["late", CLASS, "1"]).expect(0);
    assert_eq!(late.stderr, "1 is not on the roster of class 3030; did you mean 10 Rui Sá?\n");
    let told = desk.teacher(&["unmark", CLASS, "042191001"]);
    told.expect_error(
        3,
        "042191001 has not answered in class 3030 and is not on its roster; did you mean 042191010 Ana Silva?",
    );
    let refused = desk.json(&["unmark", CLASS, "042191001"]).expect(3).object();
    assert_eq!(refused["reason"], "unknown_student");
}

#[test]
fn who_is_corrected_while_the_class_is_open_is_on_the_sheet_as_the_teacher_said() {
    let desk = open_lecture();
    let said = |arguments: &[&str]| desk.said(&desk.teacher(arguments).expect(0));
    assert_eq!(
        said(&["mark", CLASS, "10", "--reason", "no phone"]),
        "10 Rui Sá was marked present in class 3030, at TIME (before: absent).\n"
    );
    assert_eq!(said(&["mark", CLASS, "10"]), "10 Rui Sá was already present in class 3030.\n");
    assert_eq!(
        said(&["late", CLASS, "042191010"]),
        "042191010 Ana Silva was marked late in class 3030, at TIME (before: present).\n"
    );
    assert_eq!(
        said(&["unmark", CLASS, "4219102", "--reason", "mistyped"]),
        "4219102 was marked absent in class 3030, at TIME (before: present).\n"
    );
    let refused = desk.json_student(&["mark", CLASS, "4219102"]).expect(3).object();
    assert_eq!((&refused["class"], &refused["reason"]), (&json!(0), &json!("taken_back")));
    let excused =
        desk.json(&["excuse", CLASS, "20", "--reason", "medical note"]).expect(0).object();
    let at = text(&excused["at"]);
    assert_eq!(
        lasting(excused),
        json!({"class": 3030, "student": "20", "at": at, "outcome": "excused", "was": "absent",
               "number": 1})
    );
    let left = desk.json(&["left", CLASS, "10"]).expect(0).object();
    assert_eq!((&left["outcome"], &left["was"]), (&json!("left"), &json!("present")));
    desk.json(&["close", CLASS]).expect(0);
    let expected = [
        ("042191010", "late"),
        ("042191020", "absent"),
        ("10", "left"),
        ("20", "excused"),
        ("4219102", "absent"),
    ];
    assert_eq!(desk.statuses(), table(&expected));
    let sheet = desk.sheet();
    assert_eq!(entry(&sheet, "20")["reason"], "medical note");
    assert_eq!(entry(&sheet, "20")["by"], "teacher");
    assert_eq!(sheet["students"], json!(["042191010"]), "who left or was taken back is not there");
}

#[test]
fn a_wrong_absence_is_corrected_after_the_close_and_the_sheet_says_so() {
    let desk = closed_lecture();
    let said = |arguments: &[&str]| desk.said(&desk.teacher(arguments).expect(0));
    assert_eq!(
        said(&["mark", CLASS, "10", "--reason", "sat at the back"]),
        "10 Rui Sá was marked present in class 3030, roll call 1, revision 2, at TIME (before: absent).\n"
    );
    assert_eq!(
        said(&["mark", CLASS, "10"]),
        "10 Rui Sá was already present in class 3030, roll call 1, revision 2.\n",
        "again it makes no revision"
    );
    let unmarked = desk.json(&["unmark", CLASS, "042191010"]).expect(0).object();
    let at = text(&unmarked["at"]);
    assert_eq!(
        lasting(unmarked),
        json!({"class": 3030, "student": "042191010", "at": at, "outcome": "absent", "was": "present",
               "number": 1, "revision": 3})
    );
    let again = desk.json(&["unmark", CLASS, "042191010"]).expect(0).object();
    assert_eq!((&again["outcome"], &again["revision"]), (&json!("already_absent"), &json!(3)));
    assert_eq!(
        said(&["sheet", CLASS]),
        "Class 3030, roll call 1, was closed at TIME +00:00. 1 of 4 present, 3 absent, 1 not on the roster:\n   \
         1  10                TIME  Rui Sá  (sat at the back)\n\
         Absent, 3:\n   \
         1  042191010         TIME  Ana Silva\n   \
         2  042191020         João Água\n   \
         3  20                Eva Braga\n\
         Not on the roster, 1:\n   \
         1  4219102           TIME\n      \
         4219102 may be 042191020 João Água\n\
         Revision 3. What happened:\n      \
         TIME  10 Rui Sá: absent → present (sat at the back)\n      \
         TIME  042191010 Ana Silva: present → absent\n"
    );
}

#[test]
fn several_are_corrected_at_once_from_the_command_line_or_a_file() {
    let desk = closed_lecture();
    let excused = desk.json(&["excuse", CLASS, "10", "77", "20"]).expect(3).objects();
    let outcomes: Vec<_> = excused.iter().map(|it| text(&it["outcome"])).collect();
    assert_eq!(outcomes, ["excused", "refused", "excused"], "a refusal keeps nobody else from it");
    let late = desk.server.client(TEACHER).args(["late", CLASS, "-", "--reason", "the bus"]);
    let late = late.run_with(b"042191020\n\nno number\n20\n").expect(2);
    assert_eq!(
        desk.said(&late),
        "042191020 João Água was marked late in class 3030, roll call 1, revision 4, at TIME (before: absent).\n\
         20 Eva Braga was marked late in class 3030, roll call 1, revision 5, at TIME (before: excused).\n"
    );
    assert_eq!(late.stderr, "error: line 3: 'no number': write only one on each line\n");
    let told = desk.teacher(&["mark", CLASS, "-", "10"]);
    told.expect_error(2, "'-' stands for standard input; write no other student beside it");
}

#[test]
fn an_earlier_roll_call_is_corrected_by_its_number() {
    let desk = closed_lecture();
    desk.json(&["open", CLASS]).expect(0);
    let open = desk.json(&["mark", CLASS, "10"]).expect(0).object();
    assert_eq!((&open["number"], open.get("revision")), (&json!(2), None), "the open one");
    let earlier = desk.json(&["mark", CLASS, "10", "--number", "1"]).expect(0).object();
    assert_eq!((&earlier["number"], &earlier["revision"]), (&json!(1), &json!(2)));
    desk.json(&["close", CLASS]).expect(0);
    let last = desk.json(&["excuse", CLASS, "20"]).expect(0).object();
    assert_eq!(
        (&last["number"], &last["revision"]),
        (&json!(2), &json!(2)),
        "or else the last one"
    );
    let first = desk.json(&["sheet", CLASS, "--number", "1"]).expect(0).object();
    assert_eq!(entry(&first, "10")["status"], "present");
    assert_eq!(entry(&first, "20")["status"], "absent");
}

#[test]
fn the_earlier_revisions_of_a_sheet_stay_byte_for_byte() {
    let desk = Desk::with_journal();
    desk.import(ROSTER);
    desk.json(&["open", CLASS, "--title", "Redes"]).expect(0);
    desk.json_student(&["mark", CLASS, "042191010", "4219102"]).expect(0);
    desk.json(&["close", CLASS]).expect(0);
    let mut kept = Vec::new();
    let corrections: [&[&str]; 4] = [
        &["mark", CLASS, "10", "--reason", "sat at the back"],
        &["excuse", CLASS, "20"],
        &["unmark", CLASS, "042191010"],
        &["mark", CLASS, "042191010"],
    ];
    let shown = |desk: &Desk, revision: &str| {
        let sheet = ["sheet", CLASS, "--revision", revision];
        let object = lasting(desk.json(&sheet).expect(0).object());
        (desk.teacher(&sheet).expect(0).stdout, object)
    };
    for correction in corrections {
        // The last one is the sheet without a number.
        let revision = (kept.len() + 1).to_string();
        kept.push(shown(&desk, &revision));
        assert_eq!(lasting(desk.sheet()), kept[kept.len() - 1].1);
        desk.json(correction).expect(0);
    }
    let desk = desk.restarted();
    for (place, before) in kept.iter().enumerate() {
        assert_eq!(shown(&desk, &(place + 1).to_string()), *before, "revision {}", place + 1);
        assert_eq!(before.1["revision"], json!(place + 1));
    }
    let statuses = |place: usize| text(&entry(&kept[place].1, "10")["status"]);
    assert_eq!([statuses(0), statuses(1)], ["absent", "present"]);
    let history = desk.teacher(&["history", CLASS]).expect(0);
    assert_eq!(
        desk.said(&history),
        "   1  TIME to TIME  1 of 4 present, 3 absent, 1 not on the roster\n   \
         1  TIME to TIME  2 of 4 present, 2 absent, 1 not on the roster\n      revision 2, of TIME: 10 Rui Sá: absent → present (sat at the back)\n   \
         1  TIME to TIME  2 of 4 present, 1 excused, 1 absent, 1 not on the roster\n      revision 3, of TIME: 20 Eva Braga: absent → excused\n   \
         1  TIME to TIME  1 of 4 present, 1 excused, 2 absent, 1 not on the roster\n      revision 4, of TIME: 042191010 Ana Silva: present → absent\n   \
         1  TIME to TIME  2 of 4 present, 1 excused, 1 absent, 1 not on the roster\n      revision 5, of TIME: 042191010 Ana Silva: absent → present\n"
    );
    let history = desk.json(&["history", CLASS]).expect(0).objects();
    let named: Vec<_> = history.iter().map(|it| json!([it["number"], it["revision"]])).collect();
    assert_eq!(named, [json!([1, 1]), json!([1, 2]), json!([1, 3]), json!([1, 4]), json!([1, 5])]);
    let counts = |it: &Value| json!([it["present"], it["expected"], it["walk_ins"]]);
    assert_eq!(counts(&history[0]), json!([1, 4, 1]));
    assert_eq!(counts(&history[4]), json!([2, 4, 1]));
    assert_eq!(history[0]["closed_at"], history[4]["closed_at"]);
    assert_ne!(history[0]["revised_at"], history[4]["revised_at"]);
}

#[test]
fn a_correction_that_cannot_be_is_told_and_changes_nothing() {
    let desk = closed_lecture();
    let long = "x".repeat(121);
    desk.assert_unchanged(CLASS, || {
        for command in ["mark", "unmark", "late", "excuse", "left"] {
            for (arguments, says) in [
                (&["0", "10"][..], "a class is a number from 1 to 4294967295"),
                (&[CLASS], "<STUDENT>..."),
                (&[CLASS, "João"], "a student number is made of letters, digits and signs of ASCII"),
                (&[CLASS, &long], "a student number has at most 32 characters"),
                (&[CLASS, "10", "--number", "0"], "roll calls of a class are numbered from 1"),
                (&[CLASS, "10", "--reason", ""], "a reason cannot be that: it has no characters"),
                (&[CLASS, "10", "--reason", &long], "a reason cannot be that: it has more than 120 bytes"),
                (
                    &[CLASS, "10", "--reason", "a\rb"],
                    "a reason cannot be that: it has characters that cannot be seen",
                ),
            ] {
                desk.teacher(&[&[command], arguments].concat()).expect_error(2, says);
            }
            for (arguments, reason, says) in [
                (&["7", "10"][..], "never_opened", "class 7 never had a roll call"),
                (
                    &[CLASS, "10", "--number", "9"],
                    "no_such_roll_call",
                    "class 3030 has no such closed roll call; see them with: rollcall-teacher history 3030",
                ),
            ] {
                let arguments = [&[command], arguments].concat();
                desk.teacher(&arguments).expect_error(3, says);
                assert_eq!(desk.json(&arguments).expect(3).object()["reason"], reason);
            }
        }
        for command in ["unmark", "excuse", "left"] {
            let told = desk.teacher(&[command, CLASS, "77"]);
            told.expect_error(3, "77 has not answered in class 3030 and is not on its roster");
        }
    });
}

#[test]
fn a_sheet_that_does_not_exist_is_told_with_where_to_look() {
    let desk = closed_lecture();
    desk.assert_unchanged(CLASS, || {
        for (flags, says) in [
            (&["--revision", "2"][..], "class 3030 has no revision 2 of that sheet"),
            (&["--revision", "1", "--number", "2"], "class 3030 has no revision 1 of that sheet"),
            (&["--number", "2"], "class 3030 has no closed sheet with number 2"),
            (&["--date", "2001-01-01"], "class 3030 has no sheet that was closed on 2001-01-01"),
        ] {
            let sheet = [&["sheet", CLASS], flags].concat();
            let told = desk.teacher(&sheet).expect(3);
            let whole = format!("{says}; see them with: rollcall-teacher history 3030\n");
            assert_eq!(told.stderr, whole);
            assert_eq!(desk.json(&sheet).expect(3).object()["reason"], "no_sheet");
        }
        for (flags, says) in [
            (&["--revision", "0"][..], "--revision"),
            (&["--revision", "one"], "--revision"),
            (&["--date", "1/1/2001"], "write it as 2026-11-22"),
            (&["--date", "2001-01-01", "--revision", "1"], "--date"),
        ] {
            desk.teacher(&[&["sheet", CLASS], flags].concat()).expect_error(2, says);
        }
        desk.teacher(&["history"]).expect_error(2, "<CLASS>");
        assert_eq!(
            desk.teacher(&["history", "7"]).expect(3).stderr,
            "class 7 has no closed sheet\n"
        );
    });
}

// A close that was a mistake.

#[test]
fn a_teacher_who_closed_by_mistake_opens_again_and_no_receipt_becomes_untrue() {
    let desk = Desk::with_journal();
    desk.import(ROSTER);
    desk.json(&["open", CLASS, "--title", "Redes", "--for", "1h"]).expect(0);
    let receipt = desk.json_student(&["mark", CLASS, "10"]).expect(0).object();
    desk.json(&["close", CLASS]).expect(0);
    let mistake = lasting(desk.sheet());
    assert_eq!(
        desk.said(&desk.teacher(&["reopen", CLASS]).expect(0)),
        "Class 3030 is open again, since TIME; only you close it now. The sheet will say that it was opened again.\n"
    );
    assert_eq!(
        desk.said(&desk.teacher(&["reopen", CLASS]).expect(0)),
        "Class 3030 was open, since TIME.\n"
    );
    let again = desk.json(&["reopen", CLASS]).expect(0).object();
    let told = json!({"class": 3030, "opened_at": mistake["opened_at"], "already_open": true});
    assert_eq!(lasting(again), told);
    let desk = desk.restarted();
    let pressed_again = desk.json_student(&["mark", CLASS, "10"]).expect(0).object();
    assert_eq!(pressed_again["outcome"], "already_present");
    assert_eq!(pressed_again["at"], receipt["at"]);
    desk.json_student(&["mark", CLASS, "20"]).expect(0);
    let closed = desk.json(&["close", CLASS]).expect(0).object();
    assert_eq!((&closed["number"], &closed["revision"]), (&json!(1), &json!(2)));
    assert_eq!(closed["title"], "Redes");
    assert_eq!(closed["students"], json!(["10", "20"]));
    assert_eq!(entry(&closed, "10")["at"], receipt["at"]);
    let sheet = desk.said(&desk.teacher(&["sheet", CLASS]).expect(0));
    assert!(sheet.ends_with("Revision 2. What happened:\n      TIME  opened again\n"), "{sheet}");
    let first = desk.json(&["sheet", CLASS, "--revision", "1"]).expect(0).object();
    assert_eq!(lasting(first), mistake, "the sheet of the mistake stays");
}

#[test]
fn only_a_close_of_the_last_ten_minutes_is_undone() {
    let write = |seconds_ago: u32| {
        move |data: &std::path::Path| {
            let deeds = [
                (seconds_ago + 120, past::open()),
                (seconds_ago + 60, past::mark("10")),
                (seconds_ago, past::close()),
            ];
            past::write(data, &deeds);
        }
    };
    let desk = Desk::with_past(write(9 * 60));
    desk.json(&["reopen", CLASS]).expect(0);
    assert_eq!(desk.json(&["close", CLASS]).expect(0).object()["students"], json!(["10"]));
    let desk = Desk::with_past(write(10 * 60 + 1));
    desk.assert_unchanged(CLASS, || {
        let says = "class 3030 was closed more than ten minutes ago; correct its sheet with mark, unmark, late or \
                    excuse, or open a new roll call";
        desk.teacher(&["reopen", CLASS]).expect_error(3, says);
        let refused = desk.json(&["reopen", CLASS]).expect(3).object();
        assert_eq!(refused["reason"], "reopen_too_late");
        desk.teacher(&["reopen", "7"]).expect_error(3, "class 7 never had a roll call");
        desk.teacher(&["reopen", "seven"]).expect_error(2, "a class is a number");
        desk.teacher(&["reopen"]).expect_error(2, "<CLASS>");
    });
    // What it says can be done.
    desk.json(&["excuse", CLASS, "10"]).expect(0);
    desk.json(&["open", CLASS]).expect(0);
}

// Who may correct, and who is said to have.

#[test]
fn a_correction_is_signed_by_the_key_of_its_teacher_and_no_other_teacher_makes_one() {
    let school = School::with_ana();
    school.make_teacher("bia", "Bia");
    school.make_students(&["eva"]);
    school.run("ana", TEACHER, &["open", CLASS, "--no-code"]).expect(0);
    school.run("eva", STUDENT, &["mark", CLASS, "20"]).expect(0);
    school.run("ana", TEACHER, &["close", CLASS]).expect(0);
    for command in ["mark", "unmark", "late", "excuse", "left"] {
        let told = school.run("bia", TEACHER, &[command, CLASS, "20"]).expect(3);
        assert!(told.stderr.contains("class 3030 is another teacher's"), "{told}");
        school.run("eva", TEACHER, &[command, CLASS, "20"]).expect(3);
    }
    for arguments in [
        &["reopen", CLASS][..],
        &["extend", CLASS, "5m"],
        &["roster", "show", CLASS],
        &["export", CLASS, "--format", "csv"],
        &["report", CLASS],
    ] {
        let told = school.run("eva", TEACHER, arguments).expect(3);
        assert_eq!(told.stdout, "", "{told}");
        school.run("bia", TEACHER, arguments).expect(3);
    }
    school.run("ana", TEACHER, &["share", CLASS, "Bia"]).expect(0);
    school.run("bia", TEACHER, &["late", CLASS, "20", "--reason", "by Ana"]).expect(0);
    let sheet = school.run("ana", TEACHER, &["--json", "sheet", CLASS]).expect(0).object();
    let late = entry(&sheet, "20");
    assert_eq!(
        (&late["status"], &late["by"], &late["reason"]),
        (&json!("late"), &json!("Bia"), &json!("by Ana"))
    );
    let sheet = school.run("ana", TEACHER, &["sheet", CLASS]).expect(0);
    assert!(sheet.stdout.ends_with("  20: present → late, by Bia (by Ana)\n"), "{sheet}");
}

#[test]
fn a_code_that_was_right_for_one_roll_call_is_wrong_for_the_next() {
    let school = School::with_ana();
    school.make_students(&["eva"]);
    school.run("ana", TEACHER, &["open", CLASS]).expect(0);
    let code = school.code(CLASS);
    school.run("ana", TEACHER, &["close", CLASS]).expect(0);
    let mark = || school.run("eva", STUDENT, &["--json", "mark", CLASS, "20", "--code", &code]);
    assert_eq!(mark().expect(3).object()["reason"], "not_open");
    school.run("ana", TEACHER, &["open", CLASS]).expect(0);
    // Two codes in a row are the same once in a million.
    assert_eq!(mark().expect(3).object()["reason"], "wrong_code");
}
