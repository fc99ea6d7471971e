//! Faults of the machine under the receiver: system calls that fail, a disk that is full.
//!
//! Both need rights that not every machine grants: `strace` looks at another process, a disk is mounted
//! in a namespace. Where they cannot be had, the test fails and says so: a promise that was not tried is
//! not kept.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// System calls of a running process fail, from [`FailingCalls::begin`] on until it is dropped.
pub struct FailingCalls {
    strace: Child,
    record: tempfile::NamedTempFile,
}

impl FailingCalls {
    /// Lets `calls` (`"fsync,fdatasync"`) of the process fail with `error` (`"EIO"`).
    pub fn begin(process: u32, calls: &str, error: &str) -> Self {
        Self::inject(process, calls, &format!("error={error}"))
    }

    /// Lets one of `calls` fail, and no other: of each thread the one with this number, counted from now.
    pub fn one(process: u32, calls: &str, error: &str, number: usize) -> Self {
        Self::inject(process, calls, &format!("error={error}:when={number}"))
    }

    /// Lets `calls` fail that are on the file or folder at `path`, and no others.
    pub fn on(path: &Path, process: u32, calls: &str, error: &str) -> Self {
        let path = path.to_str().unwrap();
        Self::inject_with(&["--trace-path", path], process, calls, &format!("error={error}"))
    }

    fn inject(process: u32, calls: &str, fault: &str) -> Self {
        Self::inject_with(&[], process, calls, fault)
    }

    fn inject_with(arguments: &[&str], process: u32, calls: &str, fault: &str) -> Self {
        let record = tempfile::NamedTempFile::new().unwrap();
        let started = Command::new("strace")
            .args(arguments)
            .args(["--follow-forks", "--attach", &process.to_string(), "--output"])
            .arg(record.path())
            .args(["-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:{fault}")])
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut strace) = started else { panic!("strace is not installed; scripts/test installs it") };
        let mut stderr = BufReader::new(strace.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        if !line.contains("attached") {
            strace.wait().unwrap();
            panic!("strace may not look at the receiver (ptrace_scope, container?): {line}");
        }
        // It goes on to speak of every new thread, and must not block on that.
        std::thread::spawn(move || stderr.read_to_end(&mut Vec::new()));
        Self { strace, record }
    }

    /// How many calls have failed so far because of this.
    pub fn count(&self) -> usize {
        injected(self.record.path())
    }
}

/// System calls of a process fail from its start on.
pub struct FailingStart {
    record: tempfile::NamedTempFile,
    inject: String,
    calls: String,
    path: Option<PathBuf>,
}

impl FailingStart {
    /// Lets one of `calls` fail: of each thread the one with this number.
    pub fn one(calls: &str, error: &str, number: usize) -> Self {
        let inject = format!("inject={calls}:error={error}:when={number}");
        Self { record: tempfile::NamedTempFile::new().unwrap(), inject, calls: format!("trace={calls}"), path: None }
    }

    /// Lets `calls` fail that are on the file or folder at `path`, and no others.
    pub fn on(path: &Path, calls: &str, error: &str) -> Self {
        let (record, path) = (tempfile::NamedTempFile::new().unwrap(), Some(path.to_owned()));
        Self { record, inject: format!("inject={calls}:error={error}"), calls: format!("trace={calls}"), path }
    }

    /// The programs to run another one under, so that this happens to it.
    pub fn inside(&self) -> Vec<String> {
        // As a grandchild, strace leaves the process ours to kill and to wait for.
        ["strace", "--daemonize", "--follow-forks", "--seccomp-bpf", "--quiet=all", "--output"]
            .into_iter()
            .chain([self.record.path().to_str().unwrap(), "-e", &self.calls, "-e", &self.inject])
            .chain(self.path.iter().flat_map(|path| ["--trace-path", path.to_str().unwrap()]))
            .map(str::to_owned)
            .collect()
    }

    /// How many calls have failed so far because of this.
    pub fn count(&self) -> usize {
        injected(self.record.path())
    }
}

fn injected(record: &Path) -> usize {
    let record = std::fs::read_to_string(record).unwrap();
    record.lines().filter(|line| line.ends_with("(INJECTED)")).count()
}

impl Drop for FailingCalls {
    fn drop(&mut self) {
        // Asked to end, strace lets the process go on; killed, it might not.
        let _ = Command::new("kill").args(["-INT", &self.strace.id().to_string()]).status();
        let _ = self.strace.wait();
    }
}

/// A disk of a few MiB that only the processes inside of it see.
pub struct SmallDisk {
    /// Lives as long as the disk does, and longer than any receiver on it.
    keeper: Child,
    /// Where the disk is.
    at: PathBuf,
}

impl SmallDisk {
    /// Puts one at the directory `at`, which is made.
    pub fn at(at: PathBuf, mebibytes: usize) -> Self {
        std::fs::create_dir_all(&at).unwrap();
        let mut unshare = Command::new("unshare");
        if !is_root() {
            unshare.args(["--user", "--map-root-user"]);
        }
        let mount = format!("mount -t tmpfs -o size={mebibytes}m none \"$0\" && echo ready && exec cat");
        let started = unshare
            .args(["--mount", "sh", "-c", &mount])
            .arg(&at)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut keeper) = started else { panic!("unshare is not installed; scripts/test installs it") };
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line.trim() != "ready" {
            keeper.wait().unwrap();
            panic!("no disk can be mounted in a namespace of its own (container without the right?)");
        }
        Self { keeper, at }
    }

    /// The programs to run another one under, so that it sees the disk. It starts in `folder`.
    pub fn inside(&self, folder: &Path) -> Vec<String> {
        let mut nsenter = vec!["nsenter".to_owned(), format!("--target={}", self.keeper.id())];
        if !is_root() {
            nsenter.extend(["--user", "--preserve-credentials"].map(str::to_owned));
        }
        nsenter.extend(["--mount", "--", "env", "-C"].map(str::to_owned));
        nsenter.push(folder.to_str().unwrap().to_owned());
        nsenter
    }

    /// Takes all the space that is left.
    pub fn fill(&self) {
        let mut ballast = OpenOptions::new().create(true).append(true).open(self.ballast()).unwrap();
        while ballast.write_all(&[0; 4096]).is_ok() {}
    }

    /// Gives back what [`SmallDisk::fill`] took.
    pub fn free(&self) {
        File::create(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.keeper.id()));
        root.join(self.at.join("ballast").strip_prefix("/").unwrap())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

/// Whether the tests may do anything.
pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}
