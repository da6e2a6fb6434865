//! Files for other programs: five formats, none of which can harm who opens it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::desk::{CLASS, Desk, entry, files, lasting, masked, millis, text};
use crate::support::disk::SmallDisk;
use crate::support::process::Finished;
use crate::support::{Call, Place, STUDENT, TEACHER, has, skip};

/// What a spreadsheet takes for the beginning of a formula.
const FORMULA_SIGNS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Two roll calls: the first with a walk-in, lateness and an excuse, the second that nobody answered.
fn closed_lectures() -> Desk {
    let desk = Desk::with_roster();
    desk.json(&["open", CLASS, "--title", "Redes, parte \"1\"", "--lessons", "2"]).expect(0);
    desk.json_student(&["mark", CLASS, "042191010", "10", "77"]).expect(0);
    desk.json(&["late", CLASS, "10"]).expect(0);
    desk.json(&["close", CLASS]).expect(0);
    desk.json(&["excuse", CLASS, "20", "--reason", "medical note; see mail"]).expect(0);
    desk.json(&["open", CLASS]).expect(0);
    desk.json(&["close", CLASS]).expect(0);
    desk
}

/// The text of an export to standard output.
#[track_caller]
fn exported(desk: &Desk, flags: &[&str]) -> String {
    desk.teacher(&[&["export", CLASS, "--format"], flags].concat()).expect(0).stdout
}

/// The fields of each row of a table (RFC 4180).
fn rows(table: &str) -> Vec<Vec<String>> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(table.as_bytes());
    let fields = |row: csv::Result<csv::StringRecord>| {
        row.expect("a row").iter().map(str::to_owned).collect()
    };
    reader.records().map(fields).collect()
}

/// The same, of a table that begins with a byte order mark and whose rows have all the same length.
fn marked_rows(table: &str) -> Vec<Vec<String>> {
    let rows = rows(table.strip_prefix('\u{feff}').expect("Excel takes it for UTF-8"));
    assert!(rows.iter().all(|row| row.len() == rows[0].len()), "{rows:?}");
    assert_eq!(table.matches("\r\n").count(), rows.len(), "every line has its end");
    rows
}

/// A field of each row by the title of its column.
fn column<'a>(rows: &'a [Vec<String>], title: &str) -> Vec<&'a str> {
    let place = rows[0].iter().position(|it| it == title).expect("a column of that title");
    rows[1..].iter().map(|row| row[place].as_str()).collect()
}

fn timeless(text: &str) -> String {
    masked(text, "####-##-##T##:##:##.###", "TIME")
}

#[test]
fn the_long_table_has_a_row_for_each_student_and_roll_call_and_nobody_is_left_out() {
    let desk = closed_lectures();
    let table = exported(&desk, &["csv", "--number", "1"]);
    assert_eq!(
        timeless(&table),
        "\u{feff}class,title,number,revision,lessons,opened_at,closed_at,student,name,group,status,listed,at,\
         pressed_at,by,reason,flags\r\n\
         3030,\"Redes, parte \"\"1\"\"\",1,2,2,TIME+00:00,TIME+00:00,042191010,Ana Silva,A,present,yes,TIME+00:00,,,,\r\n\
         3030,\"Redes, parte \"\"1\"\"\",1,2,2,TIME+00:00,TIME+00:00,10,Rui Sá,B,late,yes,TIME+00:00,,,,\r\n\
         3030,\"Redes, parte \"\"1\"\"\",1,2,2,TIME+00:00,TIME+00:00,77,,,present,no,TIME+00:00,,,,\r\n\
         3030,\"Redes, parte \"\"1\"\"\",1,2,2,TIME+00:00,TIME+00:00,20,Eva Braga,B,excused,yes,,,,\
         medical note; see mail,\r\n\
         3030,\"Redes, parte \"\"1\"\"\",1,2,2,TIME+00:00,TIME+00:00,042191020,João Água,A,absent,yes,,,,,\r\n"
    );
    let all = marked_rows(&exported(&desk, &["csv", "--all"]));
    assert_eq!(all.len(), 1 + 5 + 4);
    assert_eq!(column(&all, "number"), ["1", "1", "1", "1", "1", "2", "2", "2", "2"]);
    assert_eq!(column(&all, "status")[5..], ["absent"; 4]);
    let last = marked_rows(&exported(&desk, &["csv"]));
    assert_eq!(column(&last, "number"), ["2"; 4], "without a flag the last one");
}

#[test]
fn times_in_an_export_are_those_of_the_receipts_in_the_time_zone_of_the_teacher() {
    let desk = Desk::new();
    desk.json(&["open", CLASS]).expect(0);
    let receipt = desk.json_student(&["mark", CLASS, "10"]).expect(0).object();
    let closed = desk.json(&["close", CLASS]).expect(0).object();
    for (zone, offset) in [("<-03>3", "-03:00"), ("UTC", "+00:00"), ("<+0545>-5:45", "+05:45")] {
        let export = desk.server.client(TEACHER).args(["export", CLASS, "--format", "csv"]);
        let rows = marked_rows(&export.env("TZ", zone).run().expect(0).stdout);
        for (title, expected) in [
            ("at", &receipt["at"]),
            ("opened_at", &closed["opened_at"]),
            ("closed_at", &closed["closed_at"]),
        ] {
            let time = column(&rows, title)[0];
            assert!(time.ends_with(offset), "{time}");
            assert_eq!(millis(&json!(time)), millis(expected), "{title} in {zone}");
        }
    }
}

#[test]
fn the_wide_table_has_a_column_for_each_roll_call_and_counts_in_lessons() {
    let desk = closed_lectures();
    let table = exported(&desk, &["wide", "--all"]);
    assert_eq!(
        masked(&table, "####-##-## ##:##", "TIME"),
        "\u{feff}student,name,group,TIME #1,TIME #2,present,late,excused,absent\r\n\
         77,,,P,,2,0,0,0\r\n\
         042191010,Ana Silva,A,P,A,2,0,0,1\r\n\
         20,Eva Braga,B,E,A,0,0,2,1\r\n\
         042191020,João Água,A,A,A,0,0,0,3\r\n\
         10,Rui Sá,B,L,A,0,2,0,1\r\n"
    );
}

#[test]
fn who_left_has_a_letter_of_their_own_in_the_wide_table_and_was_not_there_to_the_end() {
    let desk = Desk::with_roster();
    desk.json(&["open", CLASS]).expect(0);
    desk.json_student(&["mark", CLASS, "10"]).expect(0);
    desk.json(&["left", CLASS, "10"]).expect(0);
    desk.json(&["close", CLASS]).expect(0);
    let rows = marked_rows(&exported(&desk, &["wide"]));
    let left = rows.iter().find(|row| row[0] == "10").expect("a row");
    assert_eq!(left[3..], ["X", "0", "0", "0", "1"]);
}

#[test]
fn the_exported_objects_are_those_of_the_sheets() {
    let desk = closed_lectures();
    let exported = exported(&desk, &["json", "--all"]);
    let objects: Vec<Value> =
        exported.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    let sheet =
        |number| lasting(desk.json(&["sheet", CLASS, "--number", number]).expect(0).object());
    assert_eq!(objects.into_iter().map(lasting).collect::<Vec<_>>(), [sheet("1"), sheet("2")]);
}

/// Moodle's form finds the columns by these names, refuses a student twice and a letter that it does not have.
const MOODLES_CHECK: &str = "
import csv, sys
with open(sys.argv[1], newline='', encoding='utf-8') as file:
    rows = list(csv.reader(file))
assert rows[0] == ['idnumber', 'status'], rows[0]
numbers = [number for number, status in rows[1:]]
assert len(set(numbers)) == len(numbers), numbers
assert {status for number, status in rows[1:]} <= set('PLEA'), rows
print(*sorted(numbers))
";

#[test]
fn moodle_takes_the_file_with_one_row_a_student_and_its_own_letters() {
    let desk = closed_lectures();
    desk.json(&["left", CLASS, "--number", "1", "042191010"]).expect(0);
    let table = exported(&desk, &["moodle", "--number", "1"]);
    assert_eq!(table, "idnumber,status\r\n042191010,A\r\n10,L\r\n20,E\r\n042191020,A\r\n");
    let file = desk.name("moodle.csv");
    desk.teacher(&["export", CLASS, "--format", "moodle", "--output", &file]).expect(0);
    if !has("python3") {
        return skip("there is no command 'python3' to read the file with");
    }
    let checked =
        Call::new(&Place::default(), "python3", None).args(["-c", MOODLES_CHECK, &file]).run();
    assert_eq!(checked.expect(0).stdout, "042191010 042191020 10 20\n");
    let told = desk.teacher(&["export", CLASS, "--format", "moodle", "--all"]);
    told.expect_error(
        2,
        "Moodle imports one session at a time: leave out --all, or say which with --number N",
    );
}

#[test]
fn a_roll_call_that_nobody_answered_is_exported_like_any_other() {
    let desk = Desk::new();
    desk.json(&["open", CLASS]).expect(0);
    desk.json(&["close", CLASS]).expect(0);
    assert_eq!(exported(&desk, &["moodle"]), "idnumber,status\r\n");
    assert_eq!(marked_rows(&exported(&desk, &["csv"])).len(), 1);
    assert_eq!(marked_rows(&exported(&desk, &["wide"])).len(), 1);
    assert_eq!(exported(&desk, &["json"]).lines().count(), 1);
    let file = desk.name("book.xlsx");
    desk.teacher(&["export", CLASS, "--format", "xlsx", "--output", &file]).expect(0);
    assert!(fs::read(file).expect("written").starts_with(b"PK"));
}

// Files.

#[test]
fn an_export_is_written_whole_and_a_file_that_is_there_stays() {
    let desk = closed_lectures();
    for (format, from_stdout) in
        [("csv", true), ("wide", true), ("json", true), ("moodle", true), ("xlsx", false)]
    {
        let (path, name) = (desk.path(format), desk.name(format));
        let export = ["export", CLASS, "--format", format, "--output", &name];
        assert_eq!(
            desk.said(&desk.teacher(&export).expect(0)),
            format!("Roll call 2 of class 3030, closed at TIME, was written to FOLDER/{format}.\n")
        );
        let written = fs::read(&path).expect("written");
        if from_stdout {
            assert_eq!(String::from_utf8(written).expect("text"), exported(&desk, &[format]));
        } else {
            assert!(written.starts_with(b"PK"), "a package of parts");
        }
        fs::write(&path, "mine").expect("written");
        desk.assert_unchanged(CLASS, || {
            let says = format!("{name} is there already; --force replaces it");
            desk.teacher(&export).expect_error(1, &says);
        });
        let forced = desk.teacher(&[&export[..], &["--force"]].concat()).expect(0);
        assert!(forced.stdout.contains("was written to"), "{forced}");
        assert_ne!(fs::read(&path).expect("there"), b"mine");
    }
    let all = desk.name("all.csv");
    let told =
        desk.teacher(&["export", CLASS, "--format", "csv", "--all", "--output", &all]).expect(0);
    assert_eq!(desk.said(&told), "2 roll calls of class 3030 were written to FOLDER/all.csv.\n");
    assert_eq!(files(&desk.path("")).len(), 6, "and nothing is left over");
}

#[test]
fn an_export_that_cannot_be_written_is_told_and_leaves_nothing() {
    let desk = closed_lectures();
    let nowhere = desk.name("nowhere/sheet.csv");
    let within = desk.write("sheet.csv", "mine") + "/sheet.csv";
    let folder = desk.name("");
    let pipe = desk.name("pipe");
    let made = Call::new(&Place::default(), "mkfifo", None).arg(&pipe).run();
    made.expect(0);
    let file = desk.name("new");
    // A pipe has no contents to compare.
    let compared = || (files(&desk.path("folder")), lasting(desk.sheet()));
    fs::create_dir(desk.path("folder")).expect("made");
    let before = compared();
    for (flags, code, says) in [
        (&["csv", "--output", &nowhere][..], 1, "nowhere; make it first"),
        (&["csv", "--output", &within], 1, "sheet.csv; make it first"),
        (&["csv", "--output", &folder], 1, "is a folder; name the file in it"),
        (&["csv", "--output", &folder, "--force"], 1, "is a folder; name the file in it"),
        (&["csv", "--output", &pipe], 1, "is no regular file and is never replaced"),
        (&["csv", "--output", &pipe, "--force"], 1, "is no regular file and is never replaced"),
        (&["xlsx"], 2, "a workbook is no text: name a file with --output FILE.xlsx"),
        (&["pdf", "--output", &file], 2, "pdf"),
        (&["csv", "--all", "--number", "1"], 2, "--number"),
        (&["csv", "--number", "0"], 2, "roll calls of a class are numbered from 1"),
        (
            &["csv", "--number", "9", "--output", &file],
            3,
            "class 3030 has no closed roll call 9; see them with: rollcall-teacher history 3030",
        ),
    ] {
        let told = desk.teacher(&[&["export", CLASS, "--format"], flags].concat());
        assert_eq!(told.expect_error(code, says).stdout, "", "{flags:?}");
    }
    assert_eq!(compared(), before);
    assert_eq!(fs::read(desk.path("sheet.csv")).expect("there"), b"mine");
    assert!(!desk.path("new").exists());
    let hidden = fs::read_dir(desk.path("")).expect("a folder").flatten();
    let hidden = hidden.filter(|it| it.file_name().to_string_lossy().starts_with('.')).count();
    assert_eq!(hidden, 0, "no half-written file");
    desk.teacher(&["export", CLASS]).expect_error(2, "--format");
}

#[test]
fn a_file_that_may_not_be_changed_stays_although_it_may_be_replaced() {
    let desk = closed_lectures();
    let file = desk.write("sheet.csv", "mine");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).expect("set");
    let export = ["export", CLASS, "--format", "csv", "--output", &file, "--force"];
    desk.assert_unchanged(CLASS, || {
        desk.teacher(&export)
            .expect_error(1, "cannot be written: it may not be changed; nothing was changed");
    });
}

#[test]
fn an_export_to_a_full_disk_leaves_no_half_of_it() {
    let small_disk = match SmallDisk::new("1m") {
        Ok(small_disk) => small_disk,
        Err(why) => return skip(&why),
    };
    let desk = closed_lectures();
    small_disk.fill(1_024);
    let file = small_disk.path.join("sheet.csv");
    let export = |file: &Path| {
        Call::new(&small_disk.place, TEACHER, None)
            .args(["--server", &desk.server.address().to_string()])
            .args(["export", CLASS, "--format", "csv", "--all", "--output"])
            .arg(file)
    };
    export(&file).run().expect_error(1, "cannot be written: No space left on device");
    let listed =
        Call::new(&small_disk.place, "ls", None).arg("-A").arg(&small_disk.path).run().expect(0);
    assert_eq!(listed.stdout, "ballast\n");
    small_disk.free();
    export(&file).run().expect(0);
}

#[test]
fn a_class_without_a_closed_roll_call_has_nothing_to_hand_on() {
    let desk = Desk::with_roster();
    desk.json(&["open", CLASS]).expect(0);
    let says = |class| {
        format!(
            "class {class} has no closed roll call; close one with: rollcall-teacher close {class}"
        )
    };
    desk.assert_unchanged(CLASS, || {
        for class in [CLASS, "7"] {
            for command in [
                &["export", class, "--format", "csv"][..],
                &["report", class],
                &["export", class, "--format", "moodle"],
            ] {
                desk.teacher(command).expect_error(3, &says(class));
                let told = desk.json(command).expect(3).object();
                assert_eq!(
                    (&told["outcome"], &told["reason"]),
                    (&json!("refused"), &json!("no_sheet"))
                );
            }
        }
    });
}

// What a spreadsheet makes of it.

/// A closed roll call in which everything that people can type begins as a formula does.
fn full_of_formulas() -> Desk {
    let desk = Desk::new();
    let roster = "number;name;group\n10;Ana;=1+1\n20;Bia;+cmd\n30;Caio;@SUM(1)\n40;Davi;-2\n\
                  042191010;Eva;B\n";
    desk.import(roster);
    desk.json(&["open", CLASS, "--title", "=HYPERLINK(\"http://x\",\"y\")"]).expect(0);
    for number in ["=1+1", "+1", "-1", "@SUM(1)", "1;=2+2", "a,=3+3", "b;\"=4+4\""] {
        desk.json_student(&["mark", CLASS, "--", number]).expect(0);
    }
    desk.json(&["close", CLASS]).expect(0);
    for (student, reason) in [
        ("10", "=cmd|' /C calc'!A0"),
        ("20", "-2+3"),
        ("30", "@SUM(1+1)"),
        ("40", "+1"),
        ("042191010", "ill;=1+1;\t"),
    ] {
        let reason = format!("--reason={}", reason.trim_end_matches('\t'));
        desk.json(&["excuse", CLASS, student, &reason]).expect(0);
    }
    desk
}

#[test]
fn no_cell_of_a_table_can_become_a_formula() {
    let desk = full_of_formulas();
    let tables = [&["csv"][..], &["csv", "--all"], &["wide"]].map(|flags| exported(&desk, flags));
    for table in &tables {
        // However a spreadsheet is set up: in half of the world a semicolon ends a cell.
        for separator in [b',', b';', b'\t'] {
            let mut reader = csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .delimiter(separator)
                .from_reader(table.trim_start_matches('\u{feff}').as_bytes());
            for row in reader.records() {
                for cell in &row.expect("a row") {
                    assert!(!cell.starts_with(FORMULA_SIGNS), "{cell:?} in {table}");
                }
            }
        }
    }
    // And it is all there.
    let rows = marked_rows(&tables[0]);
    assert!(column(&rows, "student").contains(&"'=1+1"), "{rows:?}");
    assert!(column(&rows, "reason").contains(&"'=cmd|' /C calc'!A0"), "{rows:?}");
    assert!(column(&rows, "title")[0].starts_with("'=HYPERLINK("), "{rows:?}");
    assert!(column(&rows, "student").contains(&"042191010"), "{rows:?}");
}

#[test]
fn no_group_of_a_roster_becomes_a_formula_in_the_codes_for_a_mail_merge() {
    let school = crate::support::people::School::with_ana();
    let file = school.person("roster.csv");
    fs::write(&file, "number,name,group\n10,Ana,=1+1\n20,Bia,@x\n").expect("written");
    let file = file.to_str().expect("text");
    school.run("ana", TEACHER, &["roster", "import", CLASS, file, "--yes"]).expect(0);
    let codes = school.run("ana", TEACHER, &["roster", "codes", CLASS]).expect(0);
    let rows = rows(&codes.stdout);
    assert!(rows.iter().flatten().all(|cell| !cell.starts_with(FORMULA_SIGNS)), "{codes}");
    assert_eq!(column(&rows, "group"), ["'=1+1", "'@x"]);
}

#[test]
fn a_text_that_would_be_a_formula_in_a_line_of_its_own_is_no_title_and_no_reason() {
    let desk = Desk::new();
    for sign in ['\t', '\r'] {
        let text = format!("{sign}=1+1");
        desk.teacher(&["open", CLASS, "--title", &text])
            .expect_error(2, "characters that cannot be seen");
        desk.teacher(&["mark", CLASS, "10", "--reason", &text])
            .expect_error(2, "characters that cannot be seen");
        desk.student(&["mark", CLASS, &text]).expect_error(2, "a student number is made of");
    }
}

/// A program that reads workbooks, and writes a table of one of its sheets to standard output.
fn spreadsheet(book: &str, sheet: &str) -> Result<Finished, &'static str> {
    if !has("xlsx2csv") {
        return Err("there is no command 'xlsx2csv' to read a workbook with");
    }
    let read = Call::new(&Place::default(), "xlsx2csv", None).args(["-n", sheet, book]);
    Ok(read.env("LC_ALL", "C.UTF-8").run().expect(0))
}

#[test]
fn a_workbook_is_read_by_another_program_with_its_zeros_its_dates_and_no_formula() {
    let desk = full_of_formulas();
    let book = desk.name("book.xlsx");
    desk.teacher(&["export", CLASS, "--format", "xlsx", "--all", "--output", &book]).expect(0);
    let marks = match spreadsheet(&book, "Marks") {
        Ok(read) => rows(&read.stdout),
        Err(why) => return skip(why),
    };
    let plain = marked_rows(&exported(&desk, &["csv", "--all"]));
    assert_eq!(marks[0], plain[0], "the same columns");
    assert_eq!(marks.len(), plain.len());
    assert!(column(&marks, "student").contains(&"042191010"), "{marks:?}");
    // Texts are as they were typed: a cell of a workbook says itself that it is one.
    assert!(column(&marks, "student").contains(&"=1+1"), "{marks:?}");
    assert!(column(&marks, "group").contains(&"=1+1"), "{marks:?}");
    assert!(column(&marks, "reason").contains(&"-2+3"), "{marks:?}");
    for time in column(&marks, "opened_at") {
        assert_eq!(masked(time, "####-##-## ##:##:##", "TIME"), "TIME", "a date");
    }
    for title in ["class", "number", "revision", "lessons", "status", "listed"] {
        assert_eq!(column(&marks, title), column(&plain, title), "{title}");
    }
    let wide = rows(&spreadsheet(&book, "Roll calls").expect("as before").stdout);
    let plain = marked_rows(&exported(&desk, &["wide", "--all"]));
    assert_eq!(wide[0], plain[0]);
    assert_eq!(wide.len(), plain.len());
    for title in ["present", "late", "excused", "absent"] {
        assert_eq!(column(&wide, title), column(&plain, title), "{title}");
    }
    // No cell has a formula element (ECMA-376, 18.3.1.40).
    let parts =
        Call::new(&Place::default(), "python3", None).args(["-c", PARTS, &book]).run().expect(0);
    assert_eq!(parts.stdout, "2 sheets, 0 formulas\n");
}

/// Counts the formulas of a workbook without a program that would evaluate them.
const PARTS: &str = "
import re, sys, zipfile
book = zipfile.ZipFile(sys.argv[1])
sheets = [it for it in book.namelist() if re.fullmatch(r'xl/worksheets/sheet[0-9]+.xml', it)]
formulas = sum(len(re.findall(rb'<f[ >]', book.read(it))) for it in sheets)
print(f'{len(sheets)} sheets, {formulas} formulas')
";

#[test]
fn a_text_with_an_apostrophe_is_the_same_in_every_format() {
    let desk = Desk::new();
    desk.json(&["open", CLASS, "--title", "'90s music"]).expect(0);
    desk.json(&["mark", CLASS, "10", "--reason", "'sick'"]).expect(0);
    desk.json(&["close", CLASS]).expect(0);
    let rows_of = |table: &str| -> BTreeMap<String, String> {
        let rows = rows(table.trim_start_matches('\u{feff}'));
        ["title", "reason"].map(|it| (it.to_owned(), column(&rows, it)[0].to_owned())).into()
    };
    let plain = rows_of(&exported(&desk, &["csv"]));
    assert_eq!(plain["title"], "'90s music");
    assert_eq!(plain["reason"], text(&entry(&desk.sheet(), "10")["reason"]));
    let book = desk.name("book.xlsx");
    desk.teacher(&["export", CLASS, "--format", "xlsx", "--output", &book]).expect(0);
    match spreadsheet(&book, "Marks") {
        Ok(read) => assert_eq!(rows_of(&read.stdout), plain),
        Err(why) => skip(why),
    }
}

#[test]
fn a_student_who_answers_for_nobody_is_in_no_file_for_moodle() {
    let desk = Desk::with_roster();
    desk.json(&["open", CLASS]).expect(0);
    desk.server.client(STUDENT).args(["mark", CLASS, "99"]).run().expect(0);
    desk.json(&["close", CLASS]).expect(0);
    assert_eq!(
        exported(&desk, &["moodle"]),
        "idnumber,status\r\n042191010,A\r\n042191020,A\r\n10,A\r\n20,A\r\n"
    );
    let file = desk.name("moodle.csv");
    let told = desk.teacher(&["export", CLASS, "--format", "moodle", "--output", &file]).expect(0);
    assert_eq!(told.stderr, "left out, because not on the roster: 99\n");
}
