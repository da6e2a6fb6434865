//! Who belongs to a class: files of every dialect, what is wrong with others, codes for each student's device.

use std::fs::{self, File};

use serde_json::{Value, json};

use crate::desk::{CLASS, Desk, ROSTER, at_a_terminal, entries, entry, lasting, text};
use crate::support::people::School;
use crate::support::{STUDENT, TEACHER, skip};

/// Number and name of everybody on a roster.
fn listed(desk: &Desk, class: &str) -> Vec<(String, String)> {
    let shown = desk.json(&["roster", "show", class]).expect(0).objects();
    shown.iter().map(|it| (text(&it["student"]), text(&it["name"]))).collect()
}

/// ISO 8859-1, which is Windows-1252 where there are letters.
fn latin(text: &str) -> Vec<u8> {
    text.chars().map(|it| u8::try_from(u32::from(it)).expect("a letter of Europe's west")).collect()
}

#[test]
fn a_roster_is_the_same_whatever_program_wrote_it() {
    let desk = Desk::new();
    let moodle = "First name,Surname,ID number,Email address\nAna,Silva,042191010,a@x.br\n\
                  João,Água,10,j@x.br\n";
    let files: [(&str, Vec<u8>); 8] = [
        ("Moodle", moodle.into()),
        (
            "Excel in English, UTF-8",
            "\u{feff}number,name\r\n042191010,Ana Silva\r\n10,João Água".into(),
        ),
        (
            "Excel in Portuguese",
            latin("sep=;\r\nMatrícula;Nome\r\n042191010;Ana Silva\r\n10;João Água\r\n"),
        ),
        (
            "Excel, as text",
            "Nome\tMatrícula\nAna Silva\t=\"042191010\"\nJoão Água\t=\"10\"\n".into(),
        ),
        ("SIGAA", "Nº;Matrícula;Nome\n1;042191010;Ana  Silva\n2;10;João Água\n".into()),
        ("no header, comma", "042191010,Ana Silva\n10,João Água\n".into()),
        ("no header, semicolon", latin("042191010;Ana Silva\r\n10;João Água\r\n")),
        ("no header, tab, the name first", "Ana Silva\t042191010\n\nJoão Água\t10\n".into()),
    ];
    let both = [("042191010", "Ana Silva"), ("10", "João Água")];
    let both = both.map(|(number, name)| (number.to_owned(), name.to_owned()));
    for (class, (program, bytes)) in (1..).zip(files) {
        let (class, file) = (u32::to_string(&class), desk.write("file", bytes));
        desk.teacher(&["roster", "import", &class, &file, "--yes"]).expect(0);
        assert_eq!(listed(&desk, &class), both, "{program}");
    }
}

#[test]
fn what_an_import_changes_is_shown_before_it_is_done() {
    let desk = Desk::new();
    let file = desk.write("roster.csv", ROSTER);
    desk.assert_unchanged(CLASS, || {
        let asked = desk.teacher(&["roster", "import", CLASS, &file]).expect(2);
        assert_eq!(
            desk.warned(&asked),
            "+ 042191010 Ana Silva\n\
             + 042191020 João Água\n\
             + 10 Rui Sá\n\
             + 20 Eva Braga\n\
             error: nothing was changed: the roster of class 3030 would have 4 new; \
             nobody can be asked here, so say --yes\n"
        );
        assert_eq!(asked.stdout, "");
    });
    let done = desk.teacher(&["roster", "import", CLASS, &file, "--yes"]).expect(0);
    assert_eq!(desk.said(&done), "Class 3030 has 4 students now: 4 new.\n");
    assert_eq!(
        desk.said(&desk.teacher(&["roster", "show", CLASS]).expect(0)),
        "Class 3030 has 4 students:\n   \
         1  042191010         Ana Silva [A]\n   \
         2  042191020         João Água [A]\n   \
         3  10                Rui Sá [B]\n   \
         4  20                Eva Braga [B]\n"
    );
}

#[test]
fn a_second_import_changes_only_what_differs() {
    let desk = Desk::with_roster();
    let again = desk.write("again.csv", ROSTER);
    // Where nothing changes nobody is asked.
    let same = desk.json(&["roster", "import", CLASS, &again]).expect(0);
    assert_eq!(
        lasting(same.object()),
        json!({"class": 3030, "students": 4, "added": 0, "changed": 0, "removed": 0, "unchanged": 4})
    );
    let other = "Matrícula;Nome;Turma\n042191010;Ana Silva;A\n042191020;João Água;B\n10;Rui Sá Costa;B\n\
                 30;Ivo;B\n";
    let other = desk.write("other.csv", other);
    let asked = desk.teacher(&["roster", "import", CLASS, &other]).expect(2);
    assert_eq!(
        desk.warned(&asked),
        "+ 30 Ivo\n\
         ~ 042191020 João Água [A] → João Água [B]\n\
         ~ 10 Rui Sá [B] → Rui Sá Costa [B]\n\
         - 20 Eva Braga\n\
         error: nothing was changed: the roster of class 3030 would have 1 new, 2 changed, 1 gone, 1 as before; \
         nobody can be asked here, so say --yes\n"
    );
    let done = desk.json(&["roster", "import", CLASS, &other, "--yes"]).expect(0);
    assert_eq!(
        lasting(done.object()),
        json!({"class": 3030, "students": 4, "added": 1, "changed": 2, "removed": 1, "unchanged": 1})
    );
    let shown = desk.json(&["roster", "show", CLASS]).expect(0).objects();
    let row = |student, name, group| json!({"class": 3030, "student": student, "name": name, "group": group});
    assert_eq!(
        shown.into_iter().map(lasting).collect::<Vec<_>>(),
        [
            row("042191010", "Ana Silva", "A"),
            row("042191020", "João Água", "B"),
            row("10", "Rui Sá Costa", "B"),
            row("30", "Ivo", "B"),
        ]
    );
}

#[test]
fn a_teacher_at_a_terminal_is_asked_before_a_roster_changes() {
    let desk = Desk::new();
    let file = desk.write("roster.csv", ROSTER);
    for (answer, code, says) in
        [("n\n", 1, "nothing was changed"), ("y\n", 0, "has 4 students now")]
    {
        let call = match at_a_terminal(&desk, &format!("roster import {CLASS} '{file}'")) {
            Ok(call) => call,
            Err(why) => return skip(why),
        };
        let mut teacher = call.start();
        teacher.wait_for_output("the question", |text| {
            text.contains("The roster of class 3030: 4 new. Do it? [y/N] ")
        });
        assert_eq!(listed(&desk, CLASS), [], "not before it is answered");
        teacher.write(answer.as_bytes());
        let done = teacher.finish().expect(code);
        assert!(done.stdout.contains(says), "{done}");
    }
    assert_eq!(listed(&desk, CLASS).len(), 4);
}

#[test]
fn a_file_that_is_no_roster_is_told_with_its_line_and_changes_nothing() {
    let desk = Desk::with_roster();
    let large = File::create(desk.path("large.csv")).expect("made");
    large.set_len(2 << 30).expect("made of holes");
    fs::create_dir(desk.path("folder.csv")).expect("made");
    let written = |name: &str, bytes: &[u8]| _ = desk.write(name, bytes);
    written("empty.csv", b"");
    written("blank.csv", b" \n\n");
    written("image.csv", b"\x89PNG\r\n\x1a\n\0\0");
    written("header.csv", b"number,name\n");
    written("no-number.csv", b"name,email\nAna,a@x\n");
    written("no-name.csv", b"number,surname\n10,Silva\n");
    written("unclear.csv", b"Ana\nRui\n");
    written("twice.csv", b"10,Ana\n20,Eva\n10,Rui\n");
    written("cut-off.csv", b"10,Ana\n20");
    written("quotation.csv", b"10,Ana\n20,\"Ru");
    written("without.csv", b"10,Ana\n,Rui\n");
    written("rounded.csv", b"10,Ana\n4.2191E+07,Rui\n");
    written("formula.csv", b"10,Ana\n20,=HYPERLINK(1)\n");
    written("number.csv", b"10,Ana\n+20,Rui\n");
    written("nul.csv", b"10,Ana\n20,R\0ui\n");
    written("mixed.csv", b"10,Jo\xc3\xa3o\n20,Jos\xe9\n");
    written("steering.csv", "10,Ana\n20,Rui\u{202e}\n".as_bytes());
    written("long.csv", b"10,Ana\n123456789012345678901234567890123,Rui\n");
    written("both.csv", b"10,Ana\n20,\n,Rui\n");
    desk.assert_unchanged(CLASS, || {
        for (name, cause) in [
            ("missing.csv", "it cannot be read: No such file or directory"),
            ("-", "it cannot be read: No such file or directory"),
            ("folder.csv", "it is a folder; name the file in it"),
            ("large.csv", "it is larger than 24 MiB, which no roster is"),
            ("empty.csv", "it is empty"),
            ("blank.csv", "it is empty"),
            ("image.csv", "it is no text; save the table as CSV first"),
            ("header.csv", "it has no students, only a header"),
            (
                "no-number.csv",
                "line 1: the header names no column with the student numbers; call it 'number' or 'matrícula'",
            ),
            (
                "no-name.csv",
                "line 1: the header names no column with the names; call it 'name' or 'nome'",
            ),
            (
                "unclear.csv",
                "line 1: it is not clear which column has the student numbers; begin the file with a line: \
                 number,name",
            ),
            ("twice.csv", "line 3: 10 is Rui here and Ana in line 1; keep one of them"),
            ("cut-off.csv", "line 2: 20 has no name; the line may have been cut off"),
            (
                "quotation.csv",
                "line 2: a quotation mark is opened and never closed; the file may have been cut off",
            ),
            ("without.csv", "line 2: there is no student number"),
            (
                "rounded.csv",
                "line 2: a spreadsheet has made '4.2191E+07' of the number; format that column as text and \
                 type the numbers again",
            ),
            ("formula.csv", "line 2: '=HYPERLINK(1)' begins with '=', as a formula does"),
            ("number.csv", "line 2: '+20' begins with '+', as a formula does"),
            ("nul.csv", "line 2: it has a byte 0x00"),
            ("mixed.csv", "line 2: it is in another encoding than the lines before it"),
            ("steering.csv", "line 2: the name 'Rui\\u{202e}' cannot be one"),
            (
                "long.csv",
                "line 2: '123456789012345678901234567890123': a student number has at most 32 characters",
            ),
            (
                "both.csv",
                "line 2: 20 has no name; the line may have been cut off; line 3: there is no student number",
            ),
        ] {
            let file = if name == "-" { name.to_owned() } else { desk.name(name) };
            let says = format!("error: nothing was imported from {file}: {cause}");
            let told = desk.teacher(&["roster", "import", CLASS, &file, "--yes"]);
            let told = told.expect_error(1, &says);
            assert_eq!(told.stdout, "", "{name}");
        }
    });
}

#[test]
fn a_command_of_the_roster_that_lacks_something_is_wrong_usage() {
    let desk = Desk::with_roster();
    let file = desk.write("roster.csv", ROSTER);
    desk.assert_unchanged(CLASS, || {
        for (arguments, says) in [
            (&["import", "0", &file, "--yes"][..], "a class is a number from 1 to 4294967295"),
            (&["import", CLASS], "FILE"),
            (&["show"], "CLASS"),
            (&["show", "one"], "a class is a number from 1 to 4294967295"),
            (&["codes", "-1"], "a class is a number from 1 to 4294967295"),
            (&["forget", CLASS], "forget"),
        ] {
            let arguments = [&["roster"][..], arguments].concat();
            desk.teacher(&arguments).expect_error(2, says);
        }
    });
}

#[test]
fn a_class_without_a_roster_is_told_how_to_get_one() {
    let desk = Desk::new();
    let says = "class 7 has no roster; import one with: rollcall-teacher roster import 7 FILE";
    let shown = desk.teacher(&["roster", "show", "7"]).expect(0);
    assert_eq!((shown.stdout.as_str(), shown.stderr.trim_end()), ("", says));
    assert_eq!(desk.json(&["roster", "show", "7"]).expect(0).stdout, "");
    desk.teacher(&["roster", "codes", "7"]).expect_error(1, says);
}

#[test]
fn a_sheet_keeps_the_roster_of_its_day() {
    let desk = Desk::with_roster();
    desk.json(&["open", CLASS]).expect(0);
    desk.json(&["close", CLASS]).expect(0);
    let first = lasting(desk.sheet());
    desk.import("number,name\n10,Rui Costa\n30,Ivo\n");
    assert_eq!(lasting(desk.sheet()), first);
    desk.json(&["open", CLASS]).expect(0);
    desk.json(&["close", CLASS]).expect(0);
    assert_eq!(entry(&desk.sheet(), "10")["name"], "Rui Costa");
    let numbered = desk.json(&["sheet", CLASS, "--number", "1"]).expect(0).object();
    assert_eq!(lasting(numbered), first);
    assert_eq!(entries(&first).len(), 4);
    assert_eq!(entry(&first, "10")["name"], "Rui Sá");
}

/// A roster of three hundred with this in front of each name.
fn hall(title: &str) -> String {
    let line = |place: u32| format!("{};{title} {place}\n", 42_191_000 + place);
    (0..300).map(line).collect()
}

#[test]
fn of_two_imports_at_once_one_is_the_roster_and_no_mixture_is() {
    let desk = Desk::new();
    let files = ["Dr", "Ms"].map(|title| (title, desk.write(title, hall(title))));
    let import = |file: &str| {
        let import = ["--json", "roster", "import", CLASS, file, "--yes"];
        desk.server.client(TEACHER).args(import).start()
    };
    let running = files.each_ref().map(|(_, file)| import(file));
    let ended = running.map(crate::support::process::Process::finish);
    for it in ended.iter().filter(|it| it.code() != Some(0)) {
        let says =
            "somebody else has changed the roster of class 3030 meanwhile; import the file again";
        assert!(it.code() == Some(3) && it.stderr.contains(says), "{it}");
    }
    assert!(ended.iter().any(|it| it.code() == Some(0)), "{}", ended[0]);
    let listed = listed(&desk, CLASS);
    let title = &listed[0].1[..2];
    let (_, file) = files.iter().find(|it| it.0 == title).expect("one of them");
    assert!(listed.iter().all(|it| it.1.starts_with(title)), "{listed:?}");
    assert_eq!(listed.len(), 300);
    // Who was refused does as told.
    let again = desk.json(&["roster", "import", CLASS, file]).expect(0).object();
    assert_eq!(again["unchanged"], 300);
}

// Codes for the devices of students.

/// A school whose class has its roster.
fn school_with_roster() -> School {
    let school = School::with_ana();
    let file = school.person("roster.csv");
    fs::write(&file, ROSTER).expect("written");
    let file = file.to_str().expect("text");
    school.run("ana", TEACHER, &["roster", "import", CLASS, file, "--yes"]).expect(0);
    school
}

/// The fields of each line of a table without quotation marks.
fn rows(table: &str) -> Vec<Vec<&str>> {
    table.lines().map(|line| line.split(',').collect()).collect()
}

#[test]
fn a_student_who_joins_with_the_code_of_the_roster_answers_for_that_number_only() {
    let school = school_with_roster();
    let codes = school.run("ana", TEACHER, &["roster", "codes", CLASS]).expect(0);
    let rows = rows(&codes.stdout);
    assert_eq!(rows[0], ["number", "name", "group", "code", "link"]);
    let who: Vec<_> = rows[1..].iter().map(|it| it[..3].join(" ")).collect();
    assert_eq!(
        who,
        ["042191010 Ana Silva A", "042191020 João Água A", "10 Rui Sá B", "20 Eva Braga B"]
    );
    assert!(rows[1..].iter().all(|it| it[4] == school.link), "{codes}");
    school.run("ana", TEACHER, &["open", CLASS, "--who", "enrolled", "--no-code"]).expect(0);
    let joined = school.join("rui-sa", STUDENT, rows[3][3]).expect(0);
    assert!(joined.stdout.contains("as student 10"), "{joined}");
    let mark = |person, student| school.run(person, STUDENT, &["--json", "mark", CLASS, student]);
    mark("rui-sa", "10").expect(0);
    assert_eq!(mark("rui-sa", "20").expect(3).object()["reason"], "not_enrolled");
    // The code was for one device.
    school.join("friend", STUDENT, rows[3][3]).expect(3);
    assert_eq!(mark("friend", "10").expect(3).object()["outcome"], "refused");
}

#[test]
fn codes_are_printed_on_cards_four_to_a_line_and_a_file_stays_that_is_there() {
    let school = school_with_roster();
    let file = school.person("cards.html");
    let output = ["roster", "codes", CLASS, "--output", file.to_str().expect("text")];
    let written = school.run("ana", TEACHER, &output).expect(0);
    assert_eq!(
        written.stdout,
        format!("4 codes written to {}; each can be used once, for a week.\n", file.display())
    );
    let page = fs::read_to_string(&file).expect("written");
    assert!(page.contains("repeat(4,1fr)"), "{page}");
    assert_eq!(page.matches("<div>").count(), 4, "{page}");
    let card = page
        .lines()
        .find(|it| it.contains("<b>João Água</b><br>042191020<br>class 3030"))
        .expect("his");
    let (_, code) = card.split_once("<code>").expect("a code");
    let (code, rest) = code.split_once("</code>").expect("its end");
    assert!(rest.contains(&format!("rollcall-student join '{}'", school.link)), "{card}");
    let joined = school.join("joao", STUDENT, code).expect(0);
    assert!(joined.stdout.contains("as student 042191020"), "{joined}");
    let says = format!("{} is there already; --force replaces it", file.display());
    school.run("ana", TEACHER, &output).expect_error(1, &says);
    assert_eq!(fs::read_to_string(&file).expect("there"), page);
    school.run("ana", TEACHER, &[&output[..], &["--force"]].concat()).expect(0);
    assert_ne!(fs::read_to_string(&file).expect("there"), page);
}

#[test]
fn codes_told_to_programs_are_one_object_a_line() {
    let school = school_with_roster();
    let codes =
        school.run("ana", TEACHER, &["--json", "roster", "codes", CLASS]).expect(0).objects();
    let code = text(&codes[2]["code"]);
    assert_eq!(
        codes[2],
        json!({"class": 3030, "student": "10", "name": "Rui Sá", "group": "B", "code": code,
               "link": school.link})
    );
    assert_eq!(codes.len(), 4);
    let joined = school.join("rui-sa", STUDENT, &code).expect(0);
    assert!(joined.stdout.contains("as student 10"), "{joined}");
}

/// How many acts the admins' log has.
fn acts(school: &School) -> usize {
    school.run("rui", crate::support::ADMIN, &["--json", "log"]).expect(0).objects().len()
}

#[test]
fn no_code_is_made_that_cannot_be_written_down() {
    let school = school_with_roster();
    let before = acts(&school);
    let folder = school.person("");
    let in_no_folder = school.person("nowhere").join("codes.csv");
    for (file, says) in
        [(&folder, "is a folder; name the file in it"), (&in_no_folder, "nowhere; make it first")]
    {
        let output =
            ["roster", "codes", CLASS, "--force", "--output", file.to_str().expect("text")];
        school.run("ana", TEACHER, &output).expect_error(1, says);
    }
    assert_eq!(acts(&school), before, "nobody is enrolled by a code that was lost");
}

#[test]
fn codes_are_made_by_the_teacher_of_the_class_and_where_everything_is_sealed() {
    let school = school_with_roster();
    school.make_teacher("bia", "Bia");
    let told = school.run("bia", TEACHER, &["roster", "codes", CLASS]).expect(3);
    assert!(told.stderr.contains("class 3030 is another teacher's"), "{told}");
    let desk = Desk::with_roster();
    let told = desk.teacher(&["roster", "codes", CLASS]).expect_error(3, "that has to come sealed");
    assert!(
        told.stderr.contains("ask for the join link of the server and type: join LINK"),
        "{told}"
    );
    let object: Value = desk.json(&["roster", "codes", CLASS]).expect(3).object();
    assert_eq!(object["reason"], "no_device");
}
