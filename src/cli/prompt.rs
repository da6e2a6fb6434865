//! Questions to a person, or to a pipe that stands for one.

use std::io::{self, BufRead, Read as _, Write as _};

use super::words::complain;

/// The longest line that is read as an answer; all valid answers are far shorter.
const LINE_MAX_BYTES: u64 = 1_024;

/// Asks on standard output, or on standard error where standard output is for programs.
pub(super) struct Prompt<R> {
    input: R,
    on_stderr: bool,
}

impl<R: BufRead> Prompt<R> {
    pub(super) fn new(input: R, on_stderr: bool) -> Self {
        Self { input, on_stderr }
    }

    /// Says something as part of the conversation.
    pub(super) fn say(&self, text: &str) -> io::Result<()> {
        if self.on_stderr {
            writeln!(io::stderr(), "{text}")
        } else {
            writeln!(io::stdout(), "{text}")
        }
    }

    /// Asks until there is an answer that `parse` takes; `None` when the input ends.
    pub(super) fn ask<T, E: std::fmt::Display>(
        &mut self,
        question: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> io::Result<Option<T>> {
        loop {
            self.show(question)?;
            let Some(line) = self.read_line()? else {
                // The cursor stands behind the question; what comes next begins its own line.
                self.say("")?;
                return Ok(None);
            };
            let line = match &line {
                Ok(line) => line.trim(),
                Err(cause) => {
                    complain(cause);
                    continue;
                }
            };
            if line.is_empty() {
                continue;
            }
            match parse(line) {
                Ok(answer) => return Ok(Some(answer)),
                Err(cause) => complain(format_args!("'{line}': {cause}")),
            }
        }
    }

    fn show(&self, question: &str) -> io::Result<()> {
        if self.on_stderr {
            write!(io::stderr(), "{question}")
        } else {
            write!(io::stdout(), "{question}")?;
            io::stdout().flush()
        }
    }

    /// One line, or what is wrong with it; `None` at the end of the input.
    fn read_line(&mut self) -> io::Result<Option<Result<String, &'static str>>> {
        let mut bytes = Vec::new();
        self.input.by_ref().take(LINE_MAX_BYTES).read_until(b'\n', &mut bytes)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let whole = bytes.ends_with(b"\n") || (bytes.len() as u64) < LINE_MAX_BYTES;
        if !whole {
            self.input.skip_until(b'\n')?;
            return Ok(Some(Err("the line is too long")));
        }
        Ok(Some(String::from_utf8(bytes).map_err(|_| "the line is not text (UTF-8)")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(input: &[u8]) -> Vec<u32> {
        let mut prompt = Prompt::new(input, true);
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
}
