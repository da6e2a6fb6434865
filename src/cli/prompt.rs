//! Questions to a person, or to a pipe that stands for one.
//!
//! At a terminal there is a line editor with a history that is never written anywhere, because
//! student numbers are personal data. Elsewhere lines are read as they come, and nobody can be asked
//! about them: such lines, and those of a paste of several, are *unattended*.

use std::collections::VecDeque;
use std::fmt::Display;
use std::io::{self, BufRead, IsTerminal as _, Read as _, Write as _};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use rustyline::config::{Behavior, Config};
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{Editor, history::History as _};

use super::Exit;
use super::language::{Cause, text};
use super::words::{complain, remark, safe};
use crate::limits::{PROMPT_HISTORY_LINES, PROMPT_LINE_MAX_BYTES};
use crate::shell::interrupt;

/// Asks on standard output, or on standard error where standard output is for programs.
pub(super) struct Prompt {
    source: Source,
    on_stderr: bool,
    lines_read: u64,
    /// What was pasted and not yet handed out.
    pasted: VecDeque<Line>,
    /// What was asked last.
    question: Arc<Mutex<String>>,
}

/// Says something while somebody may be typing, and asks the question once more where there is an editor. What
/// is typed already stays, and is seen again with the next key. (The editor's own printer loses what is pasted.)
pub(super) struct Printer(Option<Arc<Mutex<String>>>);

impl Printer {
    pub(super) fn print(&self, what: &str) {
        match &self.0 {
            None => remark(what),
            Some(question) => {
                let question = question.lock().unwrap_or_else(PoisonError::into_inner);
                let _ = write!(io::stderr(), "\r\x1b[K{}\r\n{question}", safe(what));
            }
        }
    }
}

enum Source {
    Editor(Box<Editor<(), MemHistory>>),
    Lines { input: Box<dyn BufRead>, unattended: bool },
}

/// A line that was typed, or what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Its number, from 1.
    pub(super) number: u64,
    /// The text without the spaces around it.
    pub(super) text: Result<String, String>,
    /// Whether nobody can be asked about it.
    pub(super) unattended: bool,
}

impl Line {
    /// What its only field says; nothing if it is empty. If it is not understood, that was said.
    pub(super) fn only<T: FromStr<Err: Cause>>(&self) -> Result<Option<T>, Exit> {
        let text = self.text.as_deref().map_err(|cause| self.misunderstood(cause))?;
        match fields(text)[..] {
            [] => Ok(None),
            [field] => {
                field.parse().map(Some).map_err(|cause: T::Err| self.misunderstood(cause.words()))
            }
            _ => Err(self.misunderstood(text!("line-only-one"))),
        }
    }

    /// Says what is wrong with it.
    pub(super) fn misunderstood(&self, cause: impl Display) -> Exit {
        let what = match &self.text {
            Ok(text) => format!("'{text}': {cause}"),
            Err(cause) => cause.clone(),
        };
        complain(if self.unattended { in_line(self.number, what) } else { what });
        Exit::Usage
    }
}

impl Prompt {
    /// Asks whoever is at standard input.
    pub(super) fn at_standard_input(on_stderr: bool) -> Self {
        let attended = io::stdin().is_terminal();
        let shown = io::stdout().is_terminal() || io::stderr().is_terminal();
        if attended
            && shown
            && let Some(editor) = editor()
        {
            return Self::over(Source::Editor(Box::new(editor)), on_stderr);
        }
        Self::of_lines(on_stderr)
    }

    /// Reads the lines of standard input as they come, without an editor.
    pub(super) fn of_lines(on_stderr: bool) -> Self {
        let (input, unattended) = (Box::new(io::stdin().lock()), !io::stdin().is_terminal());
        Self::over(Source::Lines { input, unattended }, on_stderr)
    }

    /// Reads lines that nobody can be asked about.
    #[cfg(test)]
    pub(super) fn new(input: impl BufRead + 'static, on_stderr: bool) -> Self {
        Self::over(Source::Lines { input: Box::new(input), unattended: true }, on_stderr)
    }

    fn over(source: Source, on_stderr: bool) -> Self {
        Self { source, on_stderr, lines_read: 0, pasted: VecDeque::new(), question: Arc::default() }
    }

    /// What prints while a line is being typed.
    pub(super) fn printer(&self) -> Printer {
        let is_edited = matches!(self.source, Source::Editor(_));
        Printer(is_edited.then(|| Arc::clone(&self.question)))
    }

    /// Whether there is somebody who can be asked.
    pub(super) fn is_attended(&self) -> bool {
        !matches!(self.source, Source::Lines { unattended: true, .. })
    }

    /// Whether the next line was typed in already, together with the last one.
    pub(super) fn has_more_pasted(&self) -> bool {
        !self.pasted.is_empty()
    }

    /// Says something as part of the conversation.
    pub(super) fn say(&self, text: &str) -> io::Result<()> {
        self.show(&format!("{text}\n"))
    }

    /// Asks until there is an answer that `parse` takes; `None` when the input ends.
    pub(super) fn ask<T, E: Display>(
        &mut self,
        question: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> io::Result<Option<T>> {
        while let Some(line) = self.read(question)? {
            match line.text {
                Err(cause) => complain(cause),
                Ok(text) if text.is_empty() => {}
                Ok(text) => match parse(&text) {
                    Ok(answer) => return Ok(Some(answer)),
                    Err(cause) => complain(format_args!("'{text}': {cause}")),
                },
            }
        }
        Ok(None)
    }

    /// Asks a question that only a clear yes answers with yes.
    pub(super) fn confirm(&mut self, question: &str) -> io::Result<bool> {
        let Some(line) = self.read_line(question, false)? else { return Ok(false) };
        Ok(line.text.is_ok_and(|text| is_yes(&text)))
    }

    /// Asks and reads one line; `None` when the input ends.
    pub(super) fn read(&mut self, question: &str) -> io::Result<Option<Line>> {
        let line = self.read_line(question, true)?;
        if line.is_none() && matches!(self.source, Source::Lines { .. }) {
            // The cursor stands behind the question; what comes next begins its own line.
            self.say("")?;
        }
        Ok(line)
    }

    /// Reads one line without a question; `None` when the input ends.
    pub(super) fn read_quietly(&mut self) -> io::Result<Option<Line>> {
        self.read_line("", true)
    }

    fn read_line(&mut self, question: &str, remember: bool) -> io::Result<Option<Line>> {
        if let Some(line) = self.pasted.pop_front() {
            return Ok(Some(line));
        }
        if matches!(self.source, Source::Lines { .. }) {
            self.show(question)?;
        }
        match &mut self.source {
            Source::Lines { input, unattended } => {
                let Some(text) = next_line(input.as_mut())? else { return Ok(None) };
                self.lines_read += 1;
                let unattended = *unattended;
                Ok(Some(Line { number: self.lines_read, text, unattended }))
            }
            Source::Editor(editor) => {
                question
                    .clone_into(&mut self.question.lock().unwrap_or_else(PoisonError::into_inner));
                let Some(typed) = edit(editor, question)? else { return Ok(None) };
                if remember
                    && let Ok(typed) = &typed
                    && !typed.trim().is_empty()
                {
                    // A history that takes nothing more is no reason to stop.
                    let _ = editor.history_mut().add(typed.trim());
                }
                self.take(&typed);
                Ok(self.pasted.pop_front())
            }
        }
    }

    /// Takes what was typed apart: a paste may have several lines.
    fn take(&mut self, typed: &Result<String, String>) {
        let lines = match typed {
            Err(cause) => vec![Err(cause.clone())],
            Ok(typed) => typed.trim_end().split('\n').map(checked).collect(),
        };
        let unattended = lines.len() > 1;
        for text in lines {
            self.lines_read += 1;
            self.pasted.push_back(Line { number: self.lines_read, text, unattended });
        }
    }

    /// Whoever has stopped reading may still go on typing.
    fn show(&self, text: &str) -> io::Result<()> {
        let mut stdout = io::stdout();
        let shown = if self.on_stderr {
            write!(io::stderr(), "{text}")
        } else {
            write!(stdout, "{text}").and_then(|()| stdout.flush())
        };
        match shown {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            shown => shown,
        }
    }
}

/// A line editor, where the terminal can be written to like one.
fn editor() -> Option<Editor<(), MemHistory>> {
    if std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb") {
        return None;
    }
    // Where standard output goes elsewhere, the conversation stays at the terminal.
    let behavior = if io::stdout().is_terminal() { Behavior::Stdio } else { Behavior::PreferTerm };
    let config =
        Config::builder().max_history_size(PROMPT_HISTORY_LINES).ok()?.behavior(behavior).build();
    let history = MemHistory::with_config(&config);
    Editor::with_history(config, history).ok()
}

/// What was typed into the editor; `None` at Ctrl-D. Ctrl-C ends the process, as everywhere else.
fn edit(
    editor: &mut Editor<(), MemHistory>,
    question: &str,
) -> io::Result<Option<Result<String, String>>> {
    loop {
        return match editor.readline(question) {
            Ok(typed) => Ok(Some(Ok(typed))),
            Err(ReadlineError::Eof) => Ok(None),
            Err(ReadlineError::Interrupted) => interrupt::end_process(),
            Err(ReadlineError::Signal(_)) => continue,
            Err(ReadlineError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
                Ok(Some(Err(text!("line-not-text"))))
            }
            Err(ReadlineError::Io(error)) => Err(error),
            Err(other) => Err(io::Error::other(other)),
        };
    }
}

/// What is said of a line, with its number.
pub(super) fn in_line(number: u64, what: impl Display) -> String {
    text!("in-line", number, what)
}

/// Whether an answer says yes, in the language of the question.
pub(super) fn is_yes(answer: &str) -> bool {
    is_one_of(answer, &text!("answers-yes"))
}

/// Whether an answer says no, in the language of the question.
pub(super) fn is_no(answer: &str) -> bool {
    is_one_of(answer, &text!("answers-no"))
}

fn is_one_of(answer: &str, words: &str) -> bool {
    let answer = answer.to_lowercase();
    words.split_whitespace().any(|word| word == answer)
}

/// One line, or what is wrong with it; `None` at the end of the input.
fn next_line(input: &mut dyn BufRead) -> io::Result<Option<Result<String, String>>> {
    let mut bytes = Vec::new();
    input.take(PROMPT_LINE_MAX_BYTES as u64 + 1).read_until(b'\n', &mut bytes)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if bytes.len() > PROMPT_LINE_MAX_BYTES && !bytes.ends_with(b"\n") {
        input.skip_until(b'\n')?;
    }
    let text = String::from_utf8(bytes).map_err(|_| text!("line-not-text"));
    Ok(Some(text.and_then(|line| checked(&line))))
}

fn checked(line: &str) -> Result<String, String> {
    if line.len() > PROMPT_LINE_MAX_BYTES {
        return Err(text!("line-too-long"));
    }
    Ok(trimmed(line).to_owned())
}

/// Without what other programs put around a line or a field and nobody sees: spaces of every kind,
/// the end of the line, the mark at the beginning of a file.
fn trimmed(text: &str) -> &str {
    let is_invisible = |c| matches!(c, '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2060}');
    text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c))
}

/// The fields of a line, however they were pasted: separated by semicolons, commas or tabs as in a
/// table, or else by spaces of any kind; in quotation marks perhaps.
pub(super) fn fields(line: &str) -> Vec<&str> {
    let field = |field| unquoted(trimmed(field));
    let mut fields: Vec<_> = if line.contains([';', ',']) {
        line.split([';', ',']).map(field).collect()
    } else if line.contains('\t') {
        line.split('\t').map(field).collect()
    } else {
        line.split_whitespace().map(field).collect()
    };
    while fields.last().is_some_and(|field| field.is_empty()) {
        fields.pop();
    }
    fields
}

fn unquoted(field: &str) -> &str {
    let inner = field.strip_prefix('"').and_then(|field| field.strip_suffix('"'));
    inner.map_or(field, trimmed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(input: &[u8]) -> Vec<u32> {
        let mut prompt = Prompt::new(io::Cursor::new(input.to_vec()), true);
        let mut answers = Vec::new();
        while let Some(answer) = prompt.ask("? ", str::parse::<u32>).unwrap() {
            answers.push(answer);
        }
        answers
    }

    #[test]
    fn wrong_lines_are_asked_again_and_lose_nothing() {
        let mut input = b"1\n\n  2  \r\nnonsense\n\xff\xfe\n".to_vec();
        input.extend(vec![b'9'; 5_000]);
        input.extend(b"\n3\n4");
        assert_eq!(answers(&input), [1, 2, 3, 4]);
    }

    #[test]
    fn the_end_of_the_input_is_the_end() {
        assert_eq!(answers(b""), Vec::<u32>::new());
    }

    #[test]
    fn a_line_of_the_greatest_length_is_read_and_one_byte_more_is_too_long() {
        for (length, ok) in [(PROMPT_LINE_MAX_BYTES - 1, true), (PROMPT_LINE_MAX_BYTES, false)] {
            let mut input = vec![b'9'; length];
            input.extend(b"\nnext");
            let mut prompt = Prompt::new(io::Cursor::new(input), true);
            let line = prompt.read("? ").unwrap().unwrap();
            assert_eq!((line.number, line.text.is_ok()), (1, ok), "{length}");
            let next = prompt.read("? ").unwrap().unwrap();
            assert_eq!((next.number, next.text), (2, Ok("next".into())));
        }
    }

    #[test]
    fn fields_are_found_however_they_were_pasted() {
        for line in [
            "042191010 3030",
            "042191010\t3030",
            "  042191010   3030  ",
            "042191010;3030",
            "042191010,3030",
            "042191010; 3030;",
            "042191010,\t3030",
            "\"042191010\";\"3030\"",
            "\"042191010\"\t\" 3030 \"",
            "042191010\u{a0}3030",
            "042191010 3030\r",
            "042191010\u{2003}3030\u{200b}",
            "\u{feff}042191010 3030",
        ] {
            assert_eq!(fields(trimmed(line)), ["042191010", "3030"], "{line:?}");
        }
        assert_eq!(fields("10"), ["10"]);
        assert_eq!(fields("10;"), ["10"]);
        assert_eq!(fields(""), Vec::<&str>::new());
        assert_eq!(fields("10;;3030"), ["10", "", "3030"]);
        assert_eq!(fields("1 2;3"), ["1 2", "3"], "not a student 1 2");
    }

    #[test]
    fn several_lines_of_a_paste_are_unattended_and_one_is_not() {
        let mut prompt = Prompt::new(io::empty(), true);
        prompt.take(&Ok("10\n3030\n".into()));
        prompt.take(&Ok("20\n".into()));
        let line =
            |number, text: &str, unattended| Line { number, text: Ok(text.into()), unattended };
        let expected = [line(1, "10", true), line(2, "3030", true), line(3, "20", false)];
        assert_eq!(prompt.pasted, expected);
    }
}
