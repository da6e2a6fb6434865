//! A disk that is soon full.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::process::Process;
use super::{Place, has};

/// A small disk of its own: a mount that nobody else sees and that is gone when this is.
pub(crate) struct SmallDisk {
    holder: Child,
    pub(crate) place: Place,
    pub(crate) path: PathBuf,
    _folder: tempfile::TempDir,
}

impl SmallDisk {
    /// The disk, or why there is none.
    pub(crate) fn new(size: &str) -> Result<Self, String> {
        for program in ["unshare", "nsenter", "mount"] {
            if !has(program) {
                return Err(format!("there is no command '{program}'"));
            }
        }
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().canonicalize().expect("a path");
        // The shell tells that the disk is there, and holds it until its input ends.
        let script = "mount -t tmpfs -o size=\"$1\" tmpfs \"$2\" && echo ready && exec cat";
        let held = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", size])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut holder = held.map_err(|error| error.to_string())?;
        let mut said = [0; 6];
        let ready = std::io::Read::read_exact(holder.stdout.as_mut().expect("a pipe"), &mut said);
        if ready.is_err() {
            let output = holder.wait_with_output().expect("it has ended");
            let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(format!("no disk of its own may be made here: {why}"));
        }
        let target = holder.id().to_string();
        let entering =
            ["nsenter", "--user", "--mount", "--preserve-credentials", "--target", &target];
        Ok(Self { place: Place::behind(&entering), path, holder, _folder: folder })
    }

    /// Takes up so many KiB of it.
    #[track_caller]
    pub(crate) fn fill(&self, kib: u32) {
        let file = format!("of={}", self.ballast().display());
        let count = format!("count={kib}");
        self.run("dd", &["if=/dev/zero", &file, "bs=1024", &count].map(OsStr::new));
    }

    /// Makes room again.
    #[track_caller]
    pub(crate) fn free(&self) {
        self.run("rm", &[self.ballast().as_os_str()]);
    }

    fn ballast(&self) -> PathBuf {
        self.path.join("ballast")
    }

    /// Runs a command that sees the disk.
    #[track_caller]
    pub(crate) fn run(&self, program: &str, arguments: &[&OsStr]) {
        let mut command = self.place.command(program);
        command.args(arguments);
        Process::spawn(command, None).finish().expect(0);
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.stdin.as_mut().expect("a pipe").flush();
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
