//! The pages for teachers, [`docs/teacher.md`](../docs/teacher.md) and its Portuguese sister: what they show is what
//! the programs do.
//!
//! Each page is played from top to bottom, at a real terminal, against a real server:
//!
//! | in a page | is |
//! |---|---|
//! | ```` ```csv NAME ````, ```` ```text NAME ```` | a file of that name in the folder where the commands run |
//! | ```` ```console ```` | commands behind `$`, and all that they print; what stands behind a question is typed, and so is a line that is only a number |
//! | `<!-- answer: CLASS STUDENT... -->` | each of these students answers with the code that is shown, from a computer of their own, or from that of another: `STUDENT@OTHER` |
//! | `<!-- run: COMMAND -->` | a command that the page does not show |
//!
//! Days, times, codes, keys and invites are others each time, and are not compared. With `UPDATE_GUIDE=1` the pages
//! are written anew: a line that says the same as before stays as it is.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use support::masked::{Where, has_form};
use support::people::School;
use support::process::Finished;
use support::{Call, Place, STUDENT, TEACHER, has, skip};

#[expect(dead_code, reason = "each file of tests uses its part")]
mod support;

const ENGLISH: Page = Page { path: "docs/teacher.md", language: "en" };
const PORTUGUESE: Page = Page { path: "docs/professor.pt-BR.md", language: "pt-BR" };

/// The server of the pages, with the port that is left out.
const SERVER: &str = "rollcall.example.edu";
const SERVER_WITH_PORT: &str = "rollcall.example.edu:5050";
const LINK: &str = "rollcall://rollcall.example.edu/#KEY";

/// How questions end. What stands behind one is typed.
const QUESTIONS: [&str; 8] = [
    "[y/N] ",
    "[s/N] ",
    "[y/n, Enter: not asked] ",
    "[s/n, Enter: não perguntado] ",
    "Invite, from an admin: ",
    "Convite, dado por um administrador: ",
    "(else Enter): ",
    "(senão, Enter): ",
];

#[test]
fn the_english_page_is_what_the_programs_do() {
    ENGLISH.is_what_the_programs_do();
}

#[test]
fn the_portuguese_page_is_what_the_programs_do() {
    PORTUGUESE.is_what_the_programs_do();
}

#[test]
fn both_pages_tell_of_the_same_commands() {
    // The program and what it is asked to do; files have other names.
    let commands = |page: Page| -> Vec<String> {
        let parts = page.parts();
        let steps = parts.iter().filter_map(|part| match part {
            Part::Step(step) => Some(&step.command),
            _ => None,
        });
        let steps = steps.filter(|it| it.starts_with("rollcall-"));
        steps.map(|it| it.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect()
    };
    let english = commands(ENGLISH);
    assert!(english.len() > 10, "{english:?}");
    assert_eq!(english, commands(PORTUGUESE));
}

#[test]
fn what_the_pages_link_to_is_there() {
    for page in [ENGLISH, PORTUGUESE] {
        let (text, folder) = (page.text(), page.full_path());
        let targets: Vec<_> =
            text.split("](").skip(1).filter_map(|it| Some(it.split_once(')')?.0)).collect();
        let files: Vec<_> = targets.iter().filter(|it| !it.contains("://")).collect();
        assert!(files.len() > 3, "{}: {files:?}", page.path);
        for target in files {
            let (file, place) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() { folder.clone() } else { folder.with_file_name(file) };
            let there = fs::read_to_string(&path);
            let there = there.unwrap_or_else(|error| panic!("{}: {target}: {error}", page.path));
            let has_place = place.is_empty() || there.lines().any(|it| anchor(it) == place);
            assert!(has_place, "{}: nothing is called {target}", page.path);
        }
    }
}

/// By what a heading is found, as the sites that show Markdown make it.
fn anchor(heading: &str) -> String {
    let Some(words) = heading.strip_prefix('#') else { return String::new() };
    let words = words.trim_start_matches('#').trim().to_lowercase();
    let kept = words.chars().filter(|it| it.is_alphanumeric() || matches!(it, ' ' | '-' | '_'));
    kept.map(|it| if it == ' ' { '-' } else { it }).collect()
}

/// A page, and the language in which the programs speak there.
#[derive(Clone, Copy)]
struct Page {
    path: &'static str,
    language: &'static str,
}

/// What happens in a page, in order.
enum Part {
    File { name: String, text: String },
    Answers(String),
    Hidden(String),
    Step(Step),
}

/// A command that a page shows.
struct Step {
    command: String,
    /// The lines that it prints.
    shown: Vec<String>,
    /// Where these are, from 0.
    lines: Range<usize>,
}

impl Page {
    fn full_path(self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(self.path)
    }

    fn text(self) -> String {
        let path = self.full_path();
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn parts(self) -> Vec<Part> {
        let text = self.text();
        let lines: Vec<_> = text.lines().collect();
        let (mut parts, mut at) = (Vec::new(), 0);
        while at < lines.len() {
            if let Some(info) = lines[at].strip_prefix("```") {
                let first = at + 1;
                let length = lines[first..].iter().position(|it| *it == "```");
                let end = first + length.unwrap_or_else(|| panic!("{}: no end", lines[at]));
                match info.split_once(' ') {
                    None if info == "console" => parts.extend(steps(&lines, first..end)),
                    Some(("csv" | "text", name)) => {
                        let text = lines[first..end].join("\n") + "\n";
                        parts.push(Part::File { name: name.to_owned(), text });
                    }
                    _ => {}
                }
                at = end;
            } else if let Some(comment) = lines[at].strip_prefix("<!-- ") {
                let comment = comment.strip_suffix(" -->").expect("a comment in one line");
                parts.extend(match comment.split_once(": ") {
                    Some(("answer", who)) => Some(Part::Answers(who.to_owned())),
                    Some(("run", command)) => Some(Part::Hidden(command.to_owned())),
                    _ => None,
                });
            }
            at += 1;
        }
        parts
    }

    fn is_what_the_programs_do(self) {
        if !has("script") {
            return skip("there is no command 'script' to make a terminal with");
        }
        let room = Room::open(self.language);
        let (mut lines, mut differences) = (self.text(), String::new());
        let mut anew: Vec<(Range<usize>, Vec<String>)> = Vec::new();
        for part in self.parts() {
            match part {
                Part::File { name, text } => {
                    fs::write(room.folder().join(name), text).expect("written");
                }
                Part::Answers(who) => room.answer(&who),
                Part::Hidden(command) => _ = room.run(&command, &[]).expect(0),
                Part::Step(step) => {
                    let printed = room.play(&step);
                    differences.push_str(&self.difference(&step, &printed));
                    anew.push((step.lines.clone(), merged(&step.shown, &printed)));
                }
            }
        }
        assert!(!anew.is_empty(), "{} shows no command", self.path);
        if std::env::var_os("UPDATE_GUIDE").is_some() {
            let mut written: Vec<_> = lines.lines().map(str::to_owned).collect();
            for (place, printed) in anew.into_iter().rev() {
                written.splice(place, printed);
            }
            lines = written.join("\n") + "\n";
            return fs::write(self.full_path(), lines).expect("the page can be written");
        }
        assert!(
            differences.is_empty(),
            "the programs print something else; UPDATE_GUIDE=1 writes it anew\n{differences}"
        );
    }

    /// What a command prints beside what the page says of it; nothing if these are the same.
    fn difference(self, step: &Step, printed: &[String]) -> String {
        let (before, after) = alike(&step.shown, printed);
        if before == printed.len() && before == step.shown.len() {
            return String::new();
        }
        let line = step.lines.start;
        let mut said = format!("\n{}:{line}\n  $ {}\n", self.path, step.command);
        let mut say = |sign: char, lines: &[String]| {
            for line in lines {
                said.extend([&format!("{sign} {line}"), "\n"]);
            }
        };
        say(' ', &printed[..before]);
        say('-', &step.shown[before..step.shown.len() - after]);
        say('+', &printed[before..printed.len() - after]);
        say(' ', &printed[printed.len() - after..]);
        said
    }
}

/// The commands of a block, with what they print.
fn steps(lines: &[&str], block: Range<usize>) -> Vec<Part> {
    let is_command = |at: &usize| lines[*at].starts_with("$ ");
    let begins: Vec<_> = block.clone().filter(is_command).collect();
    assert_eq!(begins.first(), Some(&block.start), "a block begins with a command: {block:?}");
    let step = |(nth, &begin): (usize, &usize)| {
        let next = begins.get(nth + 1).copied().unwrap_or(block.end);
        // An empty line parts two commands.
        let printed = begin + 1..next;
        let length = lines[printed.clone()].iter().rposition(|it| !it.is_empty());
        let lines_of = printed.start..printed.start + length.map_or(0, |last| last + 1);
        Part::Step(Step {
            command: lines[begin]["$ ".len()..].to_owned(),
            shown: lines[lines_of.clone()].iter().map(|&it| it.to_owned()).collect(),
            lines: lines_of,
        })
    };
    begins.iter().enumerate().map(step).collect()
}

/// What was shown before, where it says the same as what is printed now.
fn merged(shown: &[String], printed: &[String]) -> Vec<String> {
    let (before, after) = alike(shown, printed);
    let changed = before..printed.len() - after;
    let kept = &shown[shown.len() - after..];
    let middle = printed.get(changed).unwrap_or_default();
    [&shown[..before], middle, kept].concat()
}

/// How many lines say the same at the beginning, and how many of the others at the end.
fn alike(one: &[String], other: &[String]) -> (usize, usize) {
    let same = |pair: &(&String, &String)| masked(pair.0) == masked(pair.1);
    let before = one.iter().zip(other).take_while(same).count();
    let (one, other) = (&one[before..], &other[before..]);
    (before, one.iter().rev().zip(other.iter().rev()).take_while(same).count())
}

/// What is another each time, by its form: a digit, a small letter or digit, a capital or digit.
const FORMS: [(&str, &str); 8] = [
    ("####-##-##", "DAY"),
    ("##/##/####", "DAY"),
    ("##:##:##", "TIME"),
    ("######", "CODE"),
    ("## s", "SECONDS"),
    ("# s", "SECONDS"),
    ("aaaa-aaaa-aaaa-aaaa", "KEY"),
    ("AAAA-AAAA-AAAA-AAAA", "INVITE"),
];

/// The text with words in the place of what is another each time.
fn masked(text: &str) -> String {
    support::masked::masked(text, &FORMS, Where::AsWord)
}

/// What is typed while a command runs.
struct Typed<'a> {
    what: &'a str,
    due: Due<'a>,
}

/// When it is typed.
enum Due<'a> {
    /// When this was asked for so many times.
    Asked(&'a str, usize),
    /// When so many lines were printed.
    Printed(usize),
}

impl Step {
    fn typed(&self) -> Vec<Typed<'_>> {
        let mut asked = BTreeMap::new();
        let mut typed = Vec::new();
        for (place, line) in self.shown.iter().enumerate() {
            let question = QUESTIONS.iter().find_map(|question| {
                // An editor takes the blank away behind which nothing is typed.
                let ends = line.strip_suffix(question.trim_end()).map(|_| "");
                Some((*question, ends.or_else(|| Some(line.split_once(question)?.1))?))
            });
            if let Some((question, what)) = question {
                let times = asked.entry(question).and_modify(|it| *it += 1).or_insert(1);
                typed.push(Typed { what, due: Due::Asked(question, *times) });
            } else if !line.is_empty() && line.bytes().all(|it| it.is_ascii_digit()) {
                typed.push(Typed { what: line, due: Due::Printed(place) });
            }
        }
        typed
    }
}

impl Due<'_> {
    fn is_now(&self, printed: &str) -> bool {
        match *self {
            Self::Asked(question, times) => printed.matches(question).count() >= times,
            Self::Printed(lines) => printed.matches('\n').count() >= lines,
        }
    }
}

/// A lecture room: a sealed server, a teacher who was invited, a student, and others who answer.
struct Room {
    school: School,
    invite: String,
    folder: tempfile::TempDir,
    language: &'static str,
    /// Set by `export`.
    variables: std::cell::RefCell<BTreeMap<String, String>>,
}

impl Room {
    fn open(language: &'static str) -> Self {
        let school = School::start();
        school.make_admin("rui");
        let invite = school.invite(&["teacher", "Ana Silva"]);
        let folder = tempfile::tempdir().expect("a folder");
        Self { school, invite, folder, language, variables: std::cell::RefCell::default() }
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Each of these answers.
    fn answer(&self, who: &str) {
        let mut words = who.split(' ');
        let class = words.next().expect("a class");
        for who in words {
            let (student, computer) = who.split_once('@').unwrap_or((who, who));
            self.school.make_students(&[computer]);
            let code = self.school.code(class);
            let mark = ["mark", class, student, "--code", &code];
            self.school.run(computer, STUDENT, &mark).expect(0);
        }
    }

    /// Runs a command as the page has it, and gives what is seen of it there.
    fn play(&self, step: &Step) -> Vec<String> {
        if let Some(setting) = step.command.strip_prefix("export ") {
            let (name, value) = setting.split_once('=').expect("a name and a value");
            self.variables.borrow_mut().insert(name.to_owned(), self.real(value));
            return Vec::new();
        }
        let finished = self.run(&step.command, &step.typed());
        let printed = self.as_in_the_page(&finished.stdout);
        let complained =
            printed.iter().any(|it| it.starts_with("error: ") || it.starts_with("erro: "));
        assert!(
            complained || finished.code() == Some(0),
            "it says nothing of its failure\n{finished}"
        );
        printed
    }

    /// Runs a command at a terminal.
    fn run(&self, command: &str, typed: &[Typed<'_>]) -> Finished {
        let person = if command.starts_with("rollcall-student") { "a-student" } else { "ana" };
        let programs = Path::new(TEACHER).parent().expect("a folder");
        let path = std::env::var("PATH").unwrap_or_default();
        let line = format!("cd '{}' && {}", self.folder().display(), self.real(command));
        let call = Call::new(&Place::default(), "script", Some(self.school.server.log().clone()))
            .env("SHELL", "/bin/sh")
            .env("PATH", &format!("{}:{path}", programs.display()))
            .env("ROLLCALL_CONFIG", self.school.person(person).to_str().expect("text"))
            .env("ROLLCALL_LANG", self.language)
            .env("TZ", "<-03>3")
            // A terminal on which lines stay as they were printed.
            .env("TERM", "dumb")
            .env("NO_COLOR", "1");
        let variables = self.variables.borrow();
        let call = variables.iter().fold(call, |call, (name, value)| call.env(name, value));
        let mut process = call.args(["-qec", &line, "/dev/null"]).start();
        for Typed { what, due } in typed {
            process.wait_for_output("what is asked", |printed| due.is_now(printed));
            let what = if has_form(what, "AAAA-AAAA-AAAA-AAAA") { &self.invite } else { *what };
            process.write(format!("{what}\n").as_bytes());
        }
        process.finish()
    }

    /// A command with the server, the link and the code that there are.
    fn real(&self, command: &str) -> String {
        let address = self.school.server.address().to_string();
        let command = command.replace(LINK, &self.school.link);
        let command = command.replace(SERVER_WITH_PORT, &address).replace(SERVER, &address);
        match command.split_once(" --code ") {
            Some((before, _)) => {
                let class = before.split(' ').nth(2).expect("a class");
                format!("{before} --code {}", self.school.code(class))
            }
            None => command,
        }
    }

    /// The lines that were printed, with the server of the page.
    fn as_in_the_page(&self, printed: &str) -> Vec<String> {
        let address = self.school.server.address().to_string();
        let printed = printed.replace('\r', "").replace(&address, SERVER_WITH_PORT);
        printed.lines().map(|it| it.trim_end().to_owned()).collect()
    }
}

#[test]
fn what_is_another_each_time_is_masked_and_nothing_else() {
    let said =
        "Turma 3030, 042191010: 25/11/2026 16:14:46 -03:00, até 2026-11-25; 204137 por mais 9 s";
    let masked_text = "Turma 3030, 042191010: DAY TIME -03:00, até DAY; CODE por mais SECONDS";
    assert_eq!(masked(said), masked_text);
    assert_eq!(masked("ahpu-upjj-txst-ryq2 GQUF-6JUU-6WEJ-ATP5"), "KEY INVITE");
    for same in ["1234567", "a12:13:14", "12 students", "ABCD-EFGH", "2026-11-255"] {
        assert_eq!(masked(same), same);
    }
}

#[test]
fn a_line_that_says_something_else_is_seen_and_written_anew() {
    let lines = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
    let shown = lines("open at 10:00:00\n1 present\nend 10:00:01");
    let printed = lines("open at 11:11:11\n2 present\n1 absent\nend 12:12:12");
    assert_eq!(
        merged(&shown, &printed),
        lines("open at 10:00:00\n2 present\n1 absent\nend 10:00:01")
    );
    let step = Step { command: "x".into(), shown, lines: 7..10 };
    let said = ENGLISH.difference(&step, &printed);
    assert!(said.contains("\n- 1 present\n+ 2 present\n+ 1 absent\n"), "{said}");
    assert_eq!(ENGLISH.difference(&step, &step.shown), "");
}
