//! `watch` in a real terminal: tmux, whose screen is read back and compared.

use std::fs;
use std::path::Path;
use std::time::Duration;

use chrono::Timelike as _;
use rollcall::shell::clock::Clock;

use crate::desk::{CLASS, Desk, ROSTER, masked, table};
use crate::support::people::School;
use crate::support::process::TIMEOUT;
use crate::support::{Call, Place, TEACHER, has, skip};

/// A terminal with a program in it. It is gone when this is.
struct Terminal {
    /// Where the socket is: the terminal has a server of its own.
    folder: tempfile::TempDir,
}

impl Terminal {
    /// A program in a terminal of 80 columns and 24 rows, or why there is none.
    fn start(command: &str) -> Result<Self, &'static str> {
        if !has("tmux") {
            return Err("there is no command 'tmux' to make a terminal with");
        }
        let terminal = Self { folder: tempfile::tempdir().expect("a folder") };
        let settings = terminal.folder.path().join("settings");
        fs::write(&settings, "set -g status off\nset -s escape-time 0\n").expect("written");
        let settings = settings.to_str().expect("text");
        // What a program leaves behind stays to be seen.
        let command = format!("{command}; echo exit code $?; exec cat");
        let session = ["-f", settings, "new-session", "-d", "-x", "80", "-y", "24", &command];
        terminal.tmux(&session).run().expect(0);
        Ok(terminal)
    }

    fn tmux(&self, arguments: &[&str]) -> Call {
        Call::new(&Place::default(), "tmux", None)
            .env("TMUX_TMPDIR", self.folder.path().to_str().expect("text"))
            .env("LC_ALL", "C.UTF-8")
            .args(["-u", "-L", "rollcall"])
            .args(arguments)
    }

    /// Types keys, by their names.
    fn press(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat()).run().expect(0);
    }

    /// Types a text.
    fn write(&self, text: &str) {
        self.tmux(&["send-keys", "-l", text]).run().expect(0);
    }

    fn resize(&self, columns: &str, rows: &str) {
        self.tmux(&["resize-window", "-x", columns, "-y", rows]).run().expect(0);
    }

    /// What is on the screen, with letters in the place of times.
    fn screen(&self) -> String {
        let captured = self.tmux(&["capture-pane", "-p"]).run().expect(0).stdout;
        let captured = masked(&captured, "##:##:##", "hh:mm:ss");
        masked(&captured, "##:##", "hh:mm")
    }

    /// Waits until the screen has this text.
    #[track_caller]
    fn wait_for(&self, text: &str) -> String {
        self.wait_until(text, |screen| screen.contains(text))
    }

    #[track_caller]
    fn wait_until(&self, what: &str, enough: impl Fn(&str) -> bool) -> String {
        let clock = Clock::start();
        loop {
            let screen = self.screen();
            if enough(&screen) {
                return screen;
            }
            let waited = Duration::from_micros(clock.now().instant.as_micros());
            assert!(waited < TIMEOUT, "it never is: {what}\n--- the screen\n{screen}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until the whole screen is that picture, which has this text. `UPDATE_GOLDEN=1` draws it anew.
    #[track_caller]
    fn wait_for_picture(&self, name: &str, text: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/terminal").join(name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, self.wait_for(text)).expect("written");
        }
        let picture = fs::read_to_string(&path).expect("a picture");
        assert!(picture.contains(text), "'{text}' is not on {name}");
        self.wait_until(&format!("{name}\n{picture}"), |screen| screen == picture);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]).run();
    }
}

/// A time zone in which it is around midday, so that no time that is shown is of another day.
fn midday() -> String {
    let hour = Clock::start().now().wall.to_utc().hour();
    let ahead = 12 - i64::from(hour);
    format!("TZ='<{ahead:+03}>{:+}'", -ahead)
}

/// `watch` of the class, without colours.
fn watch(desk: &Desk) -> Result<Terminal, &'static str> {
    let (address, zone) = (desk.server.address(), midday());
    Terminal::start(&format!("{zone} NO_COLOR=1 '{TEACHER}' --server {address} watch {CLASS}"))
}

/// A desk whose class is open, with an end and a title.
fn lecture() -> Desk {
    let desk = Desk::with_journal();
    desk.import(ROSTER);
    let open = ["open", CLASS, "--for", "50m", "--late-after", "10m", "--title", "Redes"];
    desk.json(&open).expect(0);
    desk
}

#[test]
fn a_teacher_watches_the_number_rise_marks_extends_and_closes_although_the_server_is_killed() {
    let desk = lecture();
    let terminal = match watch(&desk) {
        Ok(terminal) => terminal,
        Err(why) => return skip(why),
    };
    terminal.wait_for_picture("begin-80x24.txt", "nobody has answered yet");
    desk.json_student(&["mark", CLASS, "042191010", "77"]).expect(0);
    terminal.wait_for_picture("arrivals-80x24.txt", "Arrivals: 2");
    // A part of a name is enough.
    terminal.press(&["m"]);
    terminal.write("bra");
    terminal.wait_for_picture("find-80x24.txt", "> 20  Eva Braga");
    terminal.press(&["Enter"]);
    terminal.wait_for("20 Eva Braga is present.");
    terminal.wait_for("Arrivals: 3");
    terminal.press(&["e", "Enter"]);
    terminal.wait_for("Class 3030 closes at hh:mm:ss.");
    terminal.wait_until("no message", |screen| !screen.contains("closes at hh:mm:ss."));
    terminal.resize("40", "24");
    terminal.wait_for_picture("narrow-40x24.txt", "Missing: 2");
    let down = desk.killed();
    let silent = terminal.wait_for("no answer since hh:mm:ss");
    assert!(silent.contains("Eva Braga") && silent.contains("2 of 4 present"), "{silent}");
    let desk = down.started();
    desk.json_student(&["mark", CLASS, "10"]).expect(0);
    terminal.wait_for_picture("again-40x24.txt", "Arrivals: 4");
    // Only a clear yes closes.
    terminal.press(&["c"]);
    terminal.wait_for_picture("question-40x24.txt", "close class 3030? 3 of 4 present [y/N]");
    terminal.press(&["n"]);
    terminal.wait_until("no question", |screen| !screen.contains("[y/N]"));
    desk.json(&["status", CLASS]).expect(0);
    terminal.press(&["c", "y"]);
    terminal.wait_for("Class 3030 is closed.");
    terminal.wait_until("no message", |screen| !screen.contains("is closed."));
    terminal.wait_for_picture("closed-40x24.txt", "closed at hh:mm");
    terminal.press(&["q"]);
    terminal.wait_for("exit code 0");
    let expected = [
        ("042191010", "present"),
        ("042191020", "absent"),
        ("10", "present"),
        ("20", "present"),
        ("77", "present"),
    ];
    assert_eq!(desk.statuses(), table(&expected));
    let trail = desk.teacher(&["sheet", CLASS]).expect(0);
    assert_eq!(trail.stdout.matches("  extended to ").count(), 1, "{trail}");
}

#[test]
fn the_class_sees_the_number_on_the_projector_and_nobodys_name() {
    let desk = lecture();
    let terminal = match watch(&desk) {
        Ok(terminal) => terminal,
        Err(why) => return skip(why),
    };
    desk.json_student(&["mark", CLASS, "042191010"]).expect(0);
    desk.json(&["mark", CLASS, "10"]).expect(0);
    terminal.wait_for("Arrivals: 2");
    terminal.press(&["m"]);
    terminal.write("20");
    terminal.wait_for("> 20  Eva Braga");
    // The answer to it holds a name, and is not for the class.
    terminal.press(&["Enter"]);
    terminal.wait_for("20 Eva Braga is present.");
    terminal.press(&["p"]);
    let shown = terminal.wait_for("p names");
    for name in ["Ana", "João", "Rui", "Eva", "042191010", "042191020"] {
        assert!(!shown.contains(name), "{name} before the class\n{shown}");
    }
    terminal.wait_for_picture("projector-80x24.txt", "3 of 4 present");
    terminal.resize("40", "24");
    terminal.wait_for_picture("projector-40x24.txt", "3 of 4 present");
    terminal.press(&["m"]);
    terminal.wait_for("marking would show names to the");
    terminal.resize("80", "24");
    terminal.press(&["p"]);
    terminal.wait_for("Missing: 1");
    terminal.press(&["q"]);
    terminal.wait_for("exit code 0");
    desk.json(&["status", CLASS]).expect(0);
}

#[test]
fn the_room_s_code_and_the_link_are_large_on_the_projector() {
    let school = School::with_ana();
    school.run("ana", TEACHER, &["open", CLASS]).expect(0);
    let config = school.person("ana");
    let (config, address) = (config.display(), school.server.address());
    let command = format!(
        "{} NO_COLOR=1 ROLLCALL_CONFIG='{config}' '{TEACHER}' --server {address} watch {CLASS}",
        midday()
    );
    let terminal = match Terminal::start(&command) {
        Ok(terminal) => terminal,
        Err(why) => return skip(why),
    };
    terminal.wait_for("nobody has answered yet");
    terminal.press(&["p"]);
    let shown = terminal.wait_for(" s more");
    let blocks = shown.matches(['█', '▀', '▄']).count();
    assert!(blocks > 600, "a QR code and six digits: {blocks}\n{shown}");
    terminal.press(&["q"]);
    let left = terminal.wait_for("exit code 0");
    assert!(!left.contains('█'), "the screen is given back\n{left}");
}

#[test]
fn a_view_without_a_terminal_or_a_roll_call_is_told_why() {
    let desk = Desk::with_roster();
    let says =
        "class 3030 has no open roll call; the teacher opens one with: rollcall-teacher open 3030";
    desk.teacher(&["watch", CLASS]).expect_error(3, says);
    desk.json(&["open", CLASS]).expect(0);
    desk.assert_unchanged(CLASS, || {
        let says = "standard input is no terminal; a full-screen view needs one for its keys";
        assert_eq!(desk.teacher(&["watch", CLASS]).expect_error(1, says).stdout, "");
        desk.teacher(&["watch", "0"]).expect_error(2, "a class is a number");
        desk.teacher(&["watch"]).expect_error(2, "<CLASS>");
    });
}
