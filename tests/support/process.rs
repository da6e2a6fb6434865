//! A process under observation: what it was called with, what it wrote, how it ended.

use std::fmt;
use std::io::{Read, Write as _};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// Longer than anything that is waited for ever takes. To reach it is a failure, not a way to wait.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(120);

/// What a process writes to one of its outputs, as far as it has come.
#[derive(Clone, Default)]
pub(crate) struct Stream(Arc<(Mutex<Written>, Condvar)>);

#[derive(Default)]
struct Written {
    bytes: Vec<u8>,
    ended: bool,
}

impl Stream {
    fn of(mut source: impl Read + Send + 'static) -> Self {
        let stream = Self::default();
        let writer = stream.clone();
        thread::spawn(move || {
            let mut chunk = [0; 4_096];
            loop {
                let length = source.read(&mut chunk).unwrap_or(0);
                let mut written = writer.lock();
                written.bytes.extend_from_slice(&chunk[..length]);
                written.ended = length == 0;
                writer.0.1.notify_all();
                if written.ended {
                    return;
                }
            }
        });
        stream
    }

    /// Everything so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.lock().bytes).into_owned()
    }

    /// Waits until the text is enough, or nothing more comes; tells whether it is enough.
    fn wait_until(&self, enough: impl Fn(&str) -> bool) -> bool {
        let is_enough = |written: &Written| enough(&String::from_utf8_lossy(&written.bytes));
        let waiting = |written: &mut Written| !written.ended && !is_enough(written);
        let (written, _) =
            self.0.1.wait_timeout_while(self.lock(), TIMEOUT, waiting).expect("no reader panics");
        is_enough(&written)
    }

    /// Waits until nothing more comes; tells whether that was so.
    fn wait_for_end(&self) -> bool {
        self.wait_for_end_within(TIMEOUT)
    }

    fn wait_for_end_within(&self, limit: Duration) -> bool {
        let waiting = |written: &mut Written| !written.ended;
        let (written, _) =
            self.0.1.wait_timeout_while(self.lock(), limit, waiting).expect("no reader panics");
        written.ended
    }

    fn lock(&self) -> MutexGuard<'_, Written> {
        self.0.0.lock().expect("no reader panics")
    }
}

/// A process that runs. It never outlives this value.
pub(crate) struct Process {
    command: String,
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Stream,
    stderr: Stream,
    server_log: Option<Stream>,
}

impl Process {
    /// Starts it; `server_log` is what failures tell of the server that it talks to.
    pub(crate) fn spawn(mut command: Command, server_log: Option<Stream>) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
        Self {
            command: format!("{command:?}"),
            stdin: child.stdin.take(),
            stdout: Stream::of(child.stdout.take().expect("it is a pipe")),
            stderr: Stream::of(child.stderr.take().expect("it is a pipe")),
            child,
            server_log,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn stderr(&self) -> &Stream {
        &self.stderr
    }

    /// Types into it.
    #[track_caller]
    pub(crate) fn write(&mut self, text: &[u8]) {
        let stdin = self.stdin.as_mut().expect("its input is open");
        stdin.write_all(text).unwrap_or_else(|error| panic!("it does not read: {error}\n{self}"));
    }

    /// Waits until its standard output is enough.
    #[track_caller]
    pub(crate) fn wait_for_output(&self, what: &str, enough: impl Fn(&str) -> bool) -> String {
        assert!(self.stdout.wait_until(enough), "it never wrote {what}\n{self}");
        self.stdout.text()
    }

    /// Waits until its standard error is enough.
    #[track_caller]
    pub(crate) fn wait_for_log(&self, what: &str, enough: impl Fn(&str) -> bool) -> String {
        assert!(self.stderr.wait_until(enough), "it never logged {what}\n{self}");
        self.stderr.text()
    }

    /// Sends it a signal by name, as an operator does.
    #[track_caller]
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.id().to_string();
        let killed = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(killed.is_ok_and(|status| status.success()), "cannot send {name}\n{self}");
    }

    /// Ends its input and waits until it ends by itself.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Finished {
        drop(self.stdin.take());
        assert!(self.stdout.wait_for_end(), "it does not end\n{self}");
        self.ended()
    }

    /// Ends its input and waits until it ends by itself; one that has not ended within the limit is
    /// killed, which its exit code tells.
    pub(crate) fn finish_or_kill(mut self, limit: Duration) -> Finished {
        drop(self.stdin.take());
        if self.stdout.wait_for_end_within(limit) { self.ended() } else { self.kill() }
    }

    /// Ends it as a crash does, by SIGKILL.
    pub(crate) fn kill(mut self) -> Finished {
        self.child.kill().unwrap_or_else(|error| panic!("cannot kill it: {error}\n{self}"));
        self.ended()
    }

    fn ended(mut self) -> Finished {
        let status = self.child.wait().expect("nobody else waits for it");
        self.stdout.wait_for_end();
        self.stderr.wait_for_end();
        Finished {
            command: self.command.clone(),
            status,
            stdout: self.stdout.text(),
            stderr: self.stderr.text(),
            server_log: self.server_log.clone(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (stdout, stderr) = (self.stdout.text(), self.stderr.text());
        report(f, &self.command, "still running", &stdout, &stderr, self.server_log.as_ref())
    }
}

/// A process that has ended.
pub(crate) struct Finished {
    command: String,
    status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    server_log: Option<Stream>,
}

impl Finished {
    /// The exit code; `None` if a signal ended it.
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Fails unless it ended with that exit code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code(), Some(code), "the exit code\n{self}");
        self
    }

    /// Fails unless it ended with that exit code, with exactly one line on standard error, that
    /// says this, and that cannot steer a terminal.
    #[track_caller]
    pub(crate) fn expect_error(self, code: i32, says: &str) -> Self {
        let finished = self.expect(code);
        let lines: Vec<_> = finished.stderr.lines().collect();
        assert_eq!(lines.len(), 1, "one line on standard error\n{finished}");
        assert!(finished.stderr.ends_with('\n'), "a whole line\n{finished}");
        assert!(lines[0].starts_with("error: "), "an error calls itself one\n{finished}");
        assert!(lines[0].contains(says), "it does not say '{says}'\n{finished}");
        assert!(!lines[0].chars().any(char::is_control), "control characters\n{finished}");
        finished
    }

    /// The objects on standard output, one a line, as `--json` promises.
    #[track_caller]
    pub(crate) fn objects(&self) -> Vec<Value> {
        let parse = |line| match serde_json::from_str(line) {
            Ok(value @ Value::Object(_)) => value,
            other => panic!("not an object: {other:?} in {line:?}\n{self}"),
        };
        let lines = self.stdout.lines().map(parse).collect();
        assert!(self.stdout.is_empty() || self.stdout.ends_with('\n'), "whole lines\n{self}");
        lines
    }

    /// The only object on standard output.
    #[track_caller]
    pub(crate) fn object(&self) -> Value {
        let mut objects = self.objects();
        assert_eq!(objects.len(), 1, "one object\n{self}");
        objects.remove(0)
    }
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = self.status.to_string();
        report(f, &self.command, &how, &self.stdout, &self.stderr, self.server_log.as_ref())
    }
}

fn report(
    f: &mut fmt::Formatter<'_>,
    command: &str,
    how: &str,
    stdout: &str,
    stderr: &str,
    server_log: Option<&Stream>,
) -> fmt::Result {
    writeln!(f, "--- command ({how})\n{command}")?;
    writeln!(f, "--- its standard output\n{stdout}\n--- its standard error\n{stderr}")?;
    match server_log {
        Some(log) => writeln!(f, "--- the server's log\n{}", log.text()),
        None => Ok(()),
    }
}
