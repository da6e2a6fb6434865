//! Who may do what, with the real programs: admins, teachers, students, and those who try to be more.

#[expect(dead_code, reason = "each file of tests uses its part")]
mod support;

use std::ffi::OsStr;
use std::fs;

use support::disk::SmallDisk;
use support::people::{School, link, of};
use support::{ADMIN, Call, Place, SERVER, STUDENT, Setup, TEACHER, has, run, skip, wait_for_part};

#[test]
fn the_first_admin_is_made_at_a_terminal_and_nowhere_else() {
    let school = School::start();
    let data = school.data();
    let folder = data.to_str().expect("text");
    let piped = run(SERVER, ["admin-link", "--data", folder]);
    piped.expect_error(2, "shown at a terminal only");
    assert_eq!(fs::read_dir(&data).expect("a folder").flatten().filter(is_invite).count(), 0);
    if !has("script") {
        return skip("there is no command 'script' to make a terminal with");
    }
    let command = format!(
        "'{SERVER}' admin-link {} --name 'Rui Sá' --data '{folder}'",
        school.server.address()
    );
    let shown = Call::new(&Place::default(), "script", None)
        .args(["-qec", &command, "/dev/null"])
        .run()
        .expect(0);
    let is_code = |line: &&str| line.trim().len() == 19 && line.matches('-').count() == 3;
    let code = shown.stdout.lines().find(is_code).expect("an invite").trim().to_owned();
    assert!(shown.stdout.contains(&school.link), "{shown}");
    let joined = school.join("rui", ADMIN, &code).expect(0);
    assert!(joined.stdout.contains("as admin Rui Sá"), "{joined}");
    let other = school.join("eva", ADMIN, &code).expect(3);
    assert!(other.stderr.contains("another computer has used"), "{other}");
    let log = school.run("rui", ADMIN, &["log"]).expect(0);
    assert!(log.stdout.contains("the server's terminal invited admin Rui Sá"), "{log}");
    assert_eq!(fs::read_dir(&data).expect("a folder").flatten().filter(is_invite).count(), 0);
}

fn is_invite(entry: &fs::DirEntry) -> bool {
    entry.file_name().to_string_lossy().contains("admin-invite")
}

#[test]
fn an_invite_works_once_and_a_wrong_one_is_told() {
    let school = School::start();
    school.make_admin("rui");
    let code = school.invite(&["teacher", "Ana Silva"]);
    let typed = code.to_lowercase().replace('-', " ");
    let joined = school.join("ana", TEACHER, &typed).expect(0);
    assert!(joined.stdout.contains("as teacher Ana Silva"), "{joined}");
    let again = school.join("ana", TEACHER, &code).expect(0);
    assert!(again.stdout.contains("joined before"), "{again}");
    school.join("eva", TEACHER, &code).expect(3);
    school.join("eva", TEACHER, "AAAA-BBBB-CCCC-DDDD").expect(3);
    for wrong in ["AAAA-BBBB-CCCC-DDD", "123", "AAAA-BBBB-CCCC-DDD8"] {
        let told = school.join("eva", TEACHER, wrong).expect(2);
        assert!(told.stderr.contains("sixteen letters"), "{told}");
    }
    let without = school.run("eva", TEACHER, &["join", &school.link]).expect(0);
    assert!(without.stderr.contains("hold none"), "{without}");
    // One computer is one person's.
    let second = school.invite(&["teacher", "Bia"]);
    let told = school.join("ana", TEACHER, &second).expect(3);
    assert!(told.stderr.contains("another person's"), "{told}");
}

#[test]
fn a_class_is_whose_who_opened_it_first_and_can_be_shared_and_given() {
    let school = School::with_ana();
    school.make_teacher("bia", "Bia");
    let open = |person, class| school.run(person, TEACHER, &["open", class, "--no-code"]);
    open("ana", "3030").expect(0);
    let told = open("bia", "3030").expect(3);
    assert!(told.stderr.contains("another teacher's"), "{told}");
    for command in ["close", "code", "spot"] {
        let count = if command == "spot" { &["3"][..] } else { &[] };
        let arguments = [&[command, "3030"], count].concat();
        school.run("bia", TEACHER, &arguments).expect(3);
    }
    assert_eq!(school.run("bia", TEACHER, &["status"]).expect(0).stdout, "No roll call is open.\n");
    school.run("bia", TEACHER, &["share", "3030", "Bia"]).expect(3);
    let told = school.run("ana", TEACHER, &["share", "3030", "Bea"]).expect(3);
    assert!(told.stderr.contains("no teacher of that name"), "{told}");
    school.run("ana", TEACHER, &["share", "3030", "Bia"]).expect(0);
    assert!(open("bia", "3030").expect(0).stdout.contains("was already open"));
    school.run("bia", TEACHER, &["close", "3030"]).expect(0);
    // A class that somebody took who should not have is given to whom it belongs.
    open("bia", "4040").expect(0);
    open("ana", "4040").expect(3);
    school.run("ana", ADMIN, &["give", "4040", "Ana"]).expect(3);
    school.run("rui", ADMIN, &["give", "4040", "Ana"]).expect(0);
    let school = school.restart();
    school.run("bia", TEACHER, &["close", "4040"]).expect(3);
    school.run("ana", TEACHER, &["close", "4040"]).expect(0);
    let log = school.run("rui", ADMIN, &["log"]).expect(0);
    assert!(log.stdout.contains(") gave class 4040 to Ana"), "{log}");
    assert!(log.stdout.contains(") shared class 3030 with Bia"), "{log}");
}

#[test]
fn a_student_closes_reads_and_invites_nothing() {
    let school = School::with_ana();
    school.make_students(&["eva"]);
    school.run("ana", TEACHER, &["open", "3030"]).expect(0);
    for (program, arguments) in [
        (TEACHER, &["open", "4040"][..]),
        (TEACHER, &["close", "3030"]),
        (TEACHER, &["code", "3030"]),
        (TEACHER, &["spot", "3030", "3"]),
        (TEACHER, &["status", "3030"]),
        (TEACHER, &["share", "3030", "Ana"]),
        (ADMIN, &["invite", "teacher", "Eva"]),
        (ADMIN, &["people"]),
        (ADMIN, &["log"]),
        (ADMIN, &["revoke", "0123456789abcdef0123456789abcdef"]),
        (ADMIN, &["release", "10"]),
        (ADMIN, &["give", "3030", "Ana"]),
    ] {
        let refused = school.run("eva", program, arguments).expect(3);
        assert_eq!(refused.stdout, "", "{arguments:?}\n{refused}");
    }
    let told = school.run("eva", TEACHER, &["open", "4040"]).expect(3);
    assert!(told.stderr.contains("rollcall-teacher join LINK"), "how to become one: {told}");
    school.run("ana", TEACHER, &["close", "3030"]).expect(0);
    for reads in ["sheet", "history"] {
        let told = school.run("eva", TEACHER, &[reads, "3030"]).expect(3);
        assert!(told.stderr.contains("has no closed sheet"), "as if there were none: {told}");
    }
}

#[test]
fn a_revoked_computer_can_do_nothing_from_then_on() {
    let school = School::with_ana();
    school.run("ana", TEACHER, &["open", "3030", "--no-code"]).expect(0);
    let device = school.device_of("Ana");
    school.run("rui", ADMIN, &["revoke", "zz"]).expect_error(2, "no computer's name begins");
    school.run("rui", ADMIN, &["revoke", "00000000000000000000000000000000"]).expect(3);
    school.run("rui", ADMIN, &["revoke", &device[..12]]).expect(0);
    for school in [&school] {
        for arguments in [&["close", "3030"][..], &["status"], &["history", "3030"]] {
            let told = school.run("ana", TEACHER, arguments).expect(3);
            assert!(told.stderr.contains("was revoked"), "{told}");
        }
        school.run("ana", STUDENT, &["mark", "3030", "10"]).expect(3);
    }
    let school = school.restart();
    school.run("ana", TEACHER, &["close", "3030"]).expect(3);
    // Ana has another computer, and her classes.
    let code = school.invite(&["teacher", "Ana"]);
    let told = school.join("ana", TEACHER, &code).expect(3);
    assert!(told.stderr.contains("device.key"), "{told}");
    school.join("ana-2", TEACHER, &code).expect(0);
    school.run("ana-2", TEACHER, &["close", "3030"]).expect(0);
}

#[test]
fn who_is_revoked_while_a_file_arrives_is_told_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let [offered, fetched] = ["offered", "fetched"].map(|name| folder.path().join(name));
    fs::create_dir(&offered).and_then(|()| fs::create_dir(&fetched)).expect("made");
    fs::write(offered.join("film"), vec![7; 8_000_000]).expect("written");
    let slowly = |setup: Setup| setup.sealed().files(&offered).arg("--files-rate").arg("256KiB");
    let school = School::with(slowly);
    school.make_admin("rui");
    school.make_teacher("ana", "Ana");
    let get = school.of("ana", STUDENT).args(["get", "film", "--output"]).arg(&fetched).start();
    wait_for_part(&fetched, 1, &get);
    school.run("rui", ADMIN, &["revoke", &school.device_of("Ana")]).expect(0);
    let told = get.finish().expect(3);
    assert!(told.stderr.contains("this computer was revoked"), "{told}");
}

#[test]
fn the_code_of_the_room_is_needed_and_binds_a_device_to_its_number() {
    let school = School::with_ana();
    school.make_students(&["bia", "eva"]);
    school.run("ana", TEACHER, &["open", "3030"]).expect(0);
    let mark = |person, student, code: &str| {
        school.run(person, STUDENT, &["--json", "mark", "3030", student, "--code", code])
    };
    for wrong in ["12345", "1234567", "12a456", ""] {
        mark("bia", "10", wrong).expect(2);
    }
    let told = school.run("bia", STUDENT, &["mark", "3030", "10"]).expect(3);
    assert!(told.stderr.contains("--code N"), "{told}");
    let refused = mark("bia", "10", &school.wrong_code("3030")).expect(3);
    assert_eq!(refused.object()["reason"], "wrong_code", "{refused}");
    let code = school.code("3030");
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    mark("bia", "10", &spaced).expect(0);
    // A thief is first for the number of somebody else, who comes all the same: both are on the sheet once,
    // and the teacher sees it.
    mark("eva", "20", &school.code("3030")).expect(0);
    let code = school.code("3030");
    let again = mark("bia", "20", &code).expect(0);
    assert_eq!(again.object()["outcome"], "already_present", "{again}");
    school.run("ana", TEACHER, &["close", "3030"]).expect(0);
    let flags = school.flags("3030");
    let of = |student: &str| flags.iter().find(|it| it.0 == student).expect("present").1.clone();
    assert_eq!(of("20"), ["second_device", "several_numbers"], "{flags:?}");
    assert_eq!(of("10"), ["several_numbers"], "{flags:?}");
    // Strict: refused in place of remarked. Released: nobody's.
    let school = school.restart();
    school.run("ana", TEACHER, &["open", "3030", "--strict"]).expect(0);
    let mark = |person, student, code: &str| {
        school.run(person, STUDENT, &["--json", "mark", "3030", student, "--code", code])
    };
    school.make_students(&["leo"]);
    let refused = mark("leo", "10", &school.code("3030")).expect(3);
    assert_eq!(refused.object()["reason"], "other_device", "{refused}");
    let refused = mark("bia", "30", &school.code("3030")).expect(3);
    assert_eq!(refused.object()["reason"], "other_number", "{refused}");
    school.run("rui", ADMIN, &["release", "10"]).expect(0);
    mark("leo", "10", &school.code("3030")).expect(0);
}

#[test]
fn so_many_wrong_codes_end_the_tries_of_strangers_and_not_those_of_the_number_s_own_device() {
    let school = School::with_ana();
    school.make_students(&["bia", "eva", "leo"]);
    school.run("ana", TEACHER, &["open", "1"]).expect(0);
    school.run("bia", STUDENT, &["mark", "1", "10", "--code", &school.code("1")]).expect(0);
    school.run("ana", TEACHER, &["close", "1"]).expect(0);
    school.run("ana", TEACHER, &["open", "1"]).expect(0);
    let reason = |person, student, code: &str| {
        let marked = school.run(person, STUDENT, &["--json", "mark", "1", student, "--code", code]);
        marked.expect(3).object()["reason"].as_str().expect("a reason").to_owned()
    };
    let wrong = school.wrong_code("1");
    for person in ["eva", "leo", "eva", "leo", "eva"] {
        assert_eq!(reason(person, "10", &wrong), "wrong_code");
    }
    assert_eq!(reason("leo", "10", &wrong), "code_limit", "for this number");
    assert_eq!(reason("leo", "20", &wrong), "wrong_code", "for another one");
    let right = school.code("1");
    school.run("bia", STUDENT, &["mark", "1", "10", "--code", &right]).expect(0);
    let room = school.run("ana", TEACHER, &["--json", "code", "1"]).expect(0).object();
    assert_eq!((&room["wrong_codes"], &room["present"]), (&6.into(), &1.into()));
    school.run("ana", TEACHER, &["close", "1"]).expect(0);
    assert_eq!(school.flags("1"), [("10".to_owned(), vec!["many_wrong_codes".to_owned()])]);
}

#[test]
fn only_devices_that_were_enrolled_answer_where_that_is_asked() {
    let school = School::with_ana();
    let code = school.invite(&["student", "042191010"]);
    let joined = school.join("bia", STUDENT, &code).expect(0);
    assert!(joined.stdout.contains("as student 042191010"), "{joined}");
    school.make_students(&["eva"]);
    school.run("ana", TEACHER, &["open", "1", "--who", "enrolled", "--no-code"]).expect(0);
    let marked = |person, student| school.run(person, STUDENT, &["--json", "mark", "1", student]);
    let refused = marked("eva", "042191010").expect(3);
    assert_eq!(refused.object()["reason"], "not_enrolled", "{refused}");
    marked("bia", "20").expect(3);
    marked("bia", "042191010").expect(0);
}

#[test]
fn a_teacher_marks_without_a_code_and_the_sheet_says_so_and_mine_shows_nobody_else_s() {
    let school = School::with_ana();
    school.make_students(&["bia", "eva"]);
    school.run("ana", TEACHER, &["open", "3030"]).expect(0);
    school.run("ana", TEACHER, &["mark", "3030", "042191010", "20"]).expect(0);
    school.run("bia", STUDENT, &["mark", "3030", "10", "--code", &school.code("3030")]).expect(0);
    let drawn = school.of("ana", TEACHER).args(["--json", "spot", "3030", "2"]).run_with(b"y\nn\n");
    let drawn = drawn.expect(0).objects();
    let drawn: Vec<_> = drawn.iter().map(|it| it["student"].as_str().expect("a text")).collect();
    assert_eq!(drawn.len(), 2, "{drawn:?}");
    school.run("ana", TEACHER, &["close", "3030"]).expect(0);
    for (student, flags) in school.flags("3030") {
        let called = match drawn.iter().position(|it| *it == student) {
            Some(0) => Some("called_present"),
            Some(_) => Some("called_absent"),
            None => None,
        };
        assert_eq!(flags.iter().any(|it| it == "by_teacher"), student != "10", "{student}");
        let is = flags.iter().find(|it| it.starts_with("called")).map(String::as_str);
        assert_eq!(is, called, "{student}");
    }
    let mine = school.run("bia", STUDENT, &["--json", "mine"]).expect(0).objects();
    assert_eq!(mine.len(), 1, "{mine:?}");
    assert_eq!((&mine[0]["student"], &mine[0]["class"]), (&"10".into(), &3030.into()));
    assert_eq!(school.run("eva", STUDENT, &["--json", "mine"]).expect(0).stdout, "");
}

#[test]
fn who_asks_plainly_touches_no_class_of_a_teacher() {
    // Where both are read.
    let school = School::with(|setup| setup.arg("--plain"));
    school.make_admin("rui");
    school.make_teacher("ana", "Ana");
    let nobody = |program, arguments: &[&str]| {
        school.server.client(program).arg("--json").args(arguments).run()
    };
    school.run("ana", TEACHER, &["open", "3030", "--no-code"]).expect(0);
    for (program, arguments) in [
        (TEACHER, &["open", "3030"][..]),
        (TEACHER, &["close", "3030"]),
        (STUDENT, &["mark", "3030", "10"]),
        (TEACHER, &["sheet", "3030"]),
        (TEACHER, &["status", "3030"]),
    ] {
        nobody(program, arguments).expect(3);
    }
    nobody(TEACHER, &["open", "4040", "--strict"]).expect(2);
    nobody(TEACHER, &["open", "4040"]).expect(0);
    nobody(STUDENT, &["mark", "4040", "10"]).expect(0);
    school.run("ana", TEACHER, &["close", "4040"]).expect(3);
    nobody(TEACHER, &["close", "4040"]).expect(0);
}

#[test]
fn a_restored_backup_ends_the_invites_that_were_open_in_it() {
    let school = School::with_ana();
    let code = school.invite(&["teacher", "Bia"]);
    let backup = school.person("backup");
    let data = school.data();
    let (from, to) = (data.to_str().expect("text"), backup.to_str().expect("text"));
    run(SERVER, ["backup", to, "--data", from]).expect(0);
    school.join("bia", TEACHER, &code).expect(0);
    let restored = school.person("restored");
    fs::create_dir(&restored).expect("made");
    fs::copy(&backup, restored.join("rollcall.sqlite3")).expect("copied");
    fs::copy(data.join("service.key"), restored.join("service.key")).expect("copied");
    let address = school.server.address();
    let _before = school.server.kill();
    let server = Setup::new().listen(address).folder(&restored).sealed().start();
    let log = server.process().wait_for_log("a warning", |text| text.contains("join link"));
    assert!(log.contains("restored from a backup"), "{log}");
    let eva = restored.with_file_name("eva");
    let join = support::people::of(&eva, &server, TEACHER).args(["join", &school.link]);
    let told = join.run_with(format!("{code}\n").as_bytes()).expect(3);
    assert!(told.stderr.contains("no such invite"), "{told}");
    // Only once: what was invited since is not touched by another start.
    let (setup, _) = server.stop("TERM");
    let server = setup.start();
    let log = server.process().wait_for_log("its link", |text| text.contains("join link"));
    assert!(!log.contains("restored from a backup"), "{log}");
}

/// A sealed answer has less room than a plain one: a page of a list that is full there is not full here.
#[test]
fn long_lists_and_files_come_in_sealed_datagrams_too() {
    const CLASSES: u32 = 150;
    let offered = tempfile::tempdir().expect("a folder");
    for number in 0..30 {
        fs::write(offered.path().join(format!("{number:03}-{}", "x".repeat(200))), b"hello")
            .expect("written");
    }
    let school = School::with(|setup| setup.sealed().files(offered.path()));
    school.make_admin("rui");
    school.make_teacher("ana", "Ana");
    let open = |class: &str| school.run("ana", TEACHER, &["open", class, "--no-code"]).expect(0);
    for class in 1..=CLASSES {
        open(&class.to_string());
    }
    let status = school.run("ana", TEACHER, &["--json", "status"]).expect(0).objects();
    assert_eq!(status.len(), CLASSES as usize);
    for _ in 0..40 {
        school.run("ana", TEACHER, &["close", "1"]).expect(0);
        open("1");
    }
    let history = school.run("ana", TEACHER, &["--json", "history", "1"]).expect(0).objects();
    assert_eq!(history.len(), 40);
    let files = school.run("ana", STUDENT, &["--json", "files"]).expect(0).objects();
    assert_eq!(files.len(), 30);
    let log = school.run("rui", ADMIN, &["--json", "log"]).expect(0).objects();
    assert_eq!(log.len(), 4);
    for number in 0..20 {
        school.run("rui", ADMIN, &["release", &number.to_string()]).expect(0);
    }
    let log = school.run("rui", ADMIN, &["--json", "log"]).expect(0).objects();
    let numbers: Vec<_> = log.iter().map(|it| it["number"].as_u64().expect("a number")).collect();
    assert_eq!(numbers, (1..=24).collect::<Vec<_>>());
}

#[test]
fn a_student_at_the_prompt_is_asked_for_the_code_when_there_is_one() {
    if !has("script") {
        return skip("there is no command 'script' to make a terminal with");
    }
    let school = School::with_ana();
    school.make_students(&["bia"]);
    school.run("ana", TEACHER, &["open", "3030"]).expect(0);
    let command = format!("'{STUDENT}' --server {}", school.server.address());
    let mut student = Call::new(&Place::default(), "script", None)
        .args(["-qec", &command, "/dev/null"])
        .env("TERM", "dumb")
        .env("ROLLCALL_CONFIG", school.person("bia").to_str().expect("text"))
        .start();
    student.wait_for_output("the question", |text| text.contains("Student number: "));
    student.write(b"10 3030\n");
    student.wait_for_output("the code", |text| text.contains("Code that is shown in the room"));
    student.write(format!("{}\n", school.wrong_code("3030")).as_bytes());
    student.wait_for_output("it again", |text| text.contains("not the code that is shown"));
    student.write(format!("{}\n", school.code("3030")).as_bytes());
    student.wait_for_output("the receipt", |text| text.contains("10 was marked present"));
    student.write(b"\x04");
    student.finish().expect(0);
}

/// The disk is full while students enrol: whoever was told that they joined has joined, and who was not goes
/// on with the same invite when there is room.
#[test]
fn a_disk_that_is_full_while_people_join_uses_up_no_invite() {
    let disk = match SmallDisk::new("8m") {
        Ok(disk) => disk,
        Err(why) => return skip(&why),
    };
    let school = School::with_ana();
    let numbers: Vec<_> = (1_000..1_400).map(|number| number.to_string()).collect();
    let arguments =
        ["--json", "invite", "student"].into_iter().chain(numbers.iter().map(String::as_str));
    let invited = school.run("rui", ADMIN, &arguments.collect::<Vec<_>>()).expect(0).objects();
    let codes: Vec<_> = invited.iter().map(|it| it["invite"].as_str().expect("a text")).collect();
    let (data, people) = (school.data(), school.person("people"));
    // The same journal on a disk that has room for a part of what comes.
    school.server.stop("TERM");
    let (from, to) = (data.join("."), disk.path.as_os_str());
    disk.run("cp", &[OsStr::new("-r"), from.as_os_str(), to]);
    disk.fill(7_168);
    let server = Setup::new().place(&disk.place).folder(&disk.path).sealed().start();
    let address = link(&server);
    let join = |server: &_, person: usize, code: &str| {
        let folder = people.join(person.to_string());
        let join = of(&folder, server, STUDENT).args(["--timeout", "2s", "join", &address]);
        join.run_with(format!("{code}\n").as_bytes())
    };
    let mut joined = 0;
    let stopped = loop {
        let told = join(&server, joined, codes.get(joined).expect("it is full before all joined"));
        match told.code() {
            Some(0) => joined += 1,
            _ => break told.expect(4),
        }
    };
    assert!(joined > 0 && !stopped.stdout.contains("as student"), "{stopped}");
    let (setup, ended) = server.finish();
    assert_eq!(ended.code(), Some(1), "{ended}");
    assert!(ended.stderr.contains("the disk is full: free some space"), "{ended}");
    disk.free();
    let server = setup.start();
    for (person, code) in codes.iter().enumerate().take(joined + 1) {
        join(&server, person, code).expect(0);
    }
    // Each of them was used once, by that device.
    join(&server, joined + 1, codes[0]).expect(3);
    join(&server, joined + 1, codes[joined]).expect(3);
    println!("{joined} joined before the disk was full");
}
