//! What a power cut leaves of a folder: only what was synced.
//!
//! A kill leaves everything, because the kernel keeps what was written. So `strace` records what a program
//! writes, names and syncs, and [`Replay`] makes the folder that a disk may show
//! afterwards: a file has the bytes of its last successful sync, a name is there if its directory was synced
//! since. A file system often keeps more; a program that needs more is wrong.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

/// What a program that is run inside of it does to one folder and what is below.
pub struct Recording {
    record: tempfile::NamedTempFile,
    folder: PathBuf,
    fault: Option<String>,
}

/// How much of what was not synced the disk has kept by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chance {
    /// Nothing.
    Nothing,
    /// Everything that files with this ending of the name hold, such as `-wal`.
    Kept(&'static str),
}

/// A file: its bytes as last synced, and what was done to it since.
#[derive(Debug, Clone, Default)]
struct File {
    synced: Vec<u8>,
    /// With the thread that did it.
    since: Vec<(String, Change)>,
}

#[derive(Debug, Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

/// Names below the folder, and what they stand for: a file by its number, or a directory.
type Names = BTreeMap<PathBuf, Option<usize>>;

#[derive(Default)]
struct Disk {
    files: Vec<File>,
    names: Names,
    synced: Names,
}

impl Recording {
    /// Of what happens below this folder, where the program also runs.
    pub fn of(folder: &Path) -> Self {
        Self { record: tempfile::NamedTempFile::new().unwrap(), folder: folder.to_owned(), fault: None }
    }

    /// With a fault, in the words of `strace`: `inject=…`.
    pub fn with(self, fault: &str) -> Self {
        Self { fault: Some(fault.to_owned()), ..self }
    }

    /// The programs to run another one under, so that it is recorded.
    pub fn inside(&self) -> Vec<String> {
        let calls = "trace=openat,mkdir,rename,renameat2,unlink,write,pwrite64,ftruncate,fsync,fdatasync";
        let options = "--daemonize --follow-forks --seccomp-bpf --quiet=all --decode-fds=path --strings-in-hex=all";
        let fault = self.fault.as_ref().map(|fault| format!("-e {fault} ")).unwrap_or_default();
        let line = format!("strace {options} --string-limit=10000000 --output-append-mode -e {calls} {fault}--output");
        line.split(' ').map(str::to_owned).chain([self.record.path().to_str().unwrap().to_owned()]).collect()
    }

    /// Whether nothing is recorded any more: the recorder ends a little after the program. Two of them at once would write
    /// into each other's lines.
    pub fn has_ended(&self) -> bool {
        let record = self.record.path().to_str().unwrap().as_bytes();
        let is_at_it = |process: std::fs::DirEntry| {
            let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            line.windows(record.len()).any(|part| part == record)
        };
        !std::fs::read_dir("/proc").unwrap().filter_map(Result::ok).any(is_at_it)
    }

    /// How far it is. Whatever a program has said before is based on what was recorded by now.
    pub fn position(&self) -> usize {
        std::fs::metadata(self.record.path()).unwrap().len().try_into().unwrap()
    }

    /// What has become of the folder, step by step.
    pub fn replay(&self) -> Replay<'_> {
        let record = String::from_utf8(std::fs::read(self.record.path()).unwrap()).unwrap();
        Replay { recording: self, record, at: 0, disk: Disk::default(), begun: BTreeMap::new() }
    }

    /// Does to `disk` what a call did. `until` is what a sync takes along of the changes.
    fn follow(&self, disk: &mut Disk, thread: &str, call: &str, until: usize) {
        let Some((call, result)) = call.rsplit_once(" = ") else { return };
        let Some((name, arguments)) = call.split_once('(') else { return };
        // Of a call that the end of its process has cut short nobody knows the result.
        let failed = result.starts_with(['-', '?']);
        let strings: Vec<Vec<u8>> = arguments.split('"').skip(1).step_by(2).map(unhex).collect();
        let path = |number: usize| self.below(&strings[number]);
        let numbers = || {
            arguments
                .trim_end_matches([')', ' '])
                .rsplit(", ")
                .map(|number| number.parse().unwrap_or_else(|error| panic!("{error}: {number} of {call} = {result}")))
        };
        if let (Some(file), false) = (self.descriptor(call), failed) {
            match name {
                "write" => disk.change(&file, thread, Change::Write(usize::MAX, written(&strings[0], result))),
                "pwrite64" => {
                    disk.change(&file, thread, Change::Write(numbers().next().unwrap(), written(&strings[0], result)));
                }
                "ftruncate" => disk.change(&file, thread, Change::Truncate(numbers().next().unwrap())),
                _ => {}
            }
        }
        match name {
            "fsync" | "fdatasync" => disk.sync(self.descriptor(call), until, failed.then_some(thread)),
            _ if failed => {}
            "openat" if arguments.contains("O_CREAT") => disk.create(path(0)),
            "mkdir" => drop(path(0).map(|path| disk.names.insert(path, None))),
            "unlink" => drop(path(0).map(|path| disk.names.remove(&path))),
            "rename" | "renameat2" => {
                if let (Some(from), Some(to)) = (path(0), path(1))
                    && let Some(what) = disk.names.remove(&from)
                {
                    disk.names.insert(to, what);
                }
            }
            _ => {}
        }
    }

    /// The path of the open file that a call is about: `fsync(7<path>…`.
    fn descriptor(&self, call: &str) -> Option<PathBuf> {
        let (_, rest) = call.split_once('(')?;
        let (number, rest) = rest.split_once('<')?;
        number.parse::<u32>().ok()?;
        self.below(&unhex(rest.split_once('>')?.0))
    }

    /// A path as it is below the folder, if it is. `""` is the folder itself.
    fn below(&self, path: &[u8]) -> Option<PathBuf> {
        let path = self.folder.join(OsString::from_vec(path.to_vec()));
        path.strip_prefix(&self.folder).ok().map(Path::to_owned)
    }
}

/// A recording that is followed up to some point.
pub struct Replay<'a> {
    recording: &'a Recording,
    record: String,
    at: usize,
    disk: Disk,
    /// The beginning of a call that another one came in between of, by thread; and how much was to be
    /// synced then.
    begun: BTreeMap<String, (String, usize)>,
}

impl Replay<'_> {
    /// Goes on to that position.
    pub fn go_to(&mut self, position: usize) {
        let lines = std::mem::take(&mut self.record);
        while let Some(end) = lines[self.at..position].find('\n') {
            self.follow(&lines[self.at..self.at + end]);
            self.at += end + 1;
        }
        self.record = lines;
    }

    fn follow(&mut self, line: &str) {
        let Some((thread, call)) = line.split_once(' ') else { return };
        let call = call.trim_start();
        if let Some(beginning) = call.strip_suffix("<unfinished ...>") {
            let until = self.disk.unsynced(self.recording.descriptor(beginning));
            self.begun.insert(thread.to_owned(), (beginning.to_owned(), until));
        } else if call.starts_with("<... ") {
            let Some((beginning, until)) = self.begun.remove(thread) else { return };
            let rest = call.split_once(" resumed>").map_or("", |(_, rest)| rest);
            self.recording.follow(&mut self.disk, thread, &(beginning + rest), until);
        } else {
            let until = self.disk.unsynced(self.recording.descriptor(call));
            self.recording.follow(&mut self.disk, thread, call, until);
        }
    }

    /// Makes `target` what the folder would be after a power cut now.
    pub fn after_a_power_cut(&self, chance: Chance, target: &Path) {
        self.disk.write(chance, target);
    }
}

impl Disk {
    fn file(&mut self, path: &Path) -> Option<&mut File> {
        let number = (*self.names.get(path)?)?;
        Some(&mut self.files[number])
    }

    fn create(&mut self, path: Option<PathBuf>) {
        let Some(path) = path else { return };
        if !self.names.contains_key(&path) {
            self.files.push(File::default());
            self.names.insert(path, Some(self.files.len() - 1));
        }
    }

    fn change(&mut self, path: &Path, thread: &str, change: Change) {
        if let Some(file) = self.file(path) {
            file.since.push((thread.to_owned(), change));
        }
    }

    /// How many changes of a file are not synced.
    fn unsynced(&mut self, path: Option<PathBuf>) -> usize {
        path.and_then(|path| self.file(&path).map(|file| file.since.len())).unwrap_or_default()
    }

    /// Syncs a file or a directory; or fails to, in a thread. Then the kernel takes the changes for written,
    /// and no later sync makes up for it. Those of other threads, which have the file open themselves, are
    /// told of the failure too; as nobody tells them here, what they have changed is left to them.
    fn sync(&mut self, path: Option<PathBuf>, until: usize, failed: Option<&str>) {
        let Some(path) = path else { return };
        if let Some(file) = self.file(&path) {
            let until = until.min(file.since.len());
            if let Some(thread) = failed {
                let mut number = 0;
                file.since.retain(|(of, _)| {
                    number += 1;
                    number > until || of != thread
                });
            } else {
                file.since.drain(..until).for_each(|(_, change)| change.apply(&mut file.synced));
            }
        } else if failed.is_none() {
            let inside = |name: &PathBuf| name.parent() == Some(&path);
            self.synced.retain(|name, _| !inside(name));
            let now = self.names.iter().filter(|(name, _)| inside(name));
            self.synced.extend(now.map(|(name, what)| (name.clone(), *what)));
        }
    }

    fn write(&self, chance: Chance, target: &Path) {
        let by_chance = |name: &Path| match chance {
            Chance::Nothing => false,
            Chance::Kept(ending) => name.to_str().is_some_and(|name| name.ends_with(ending)),
        };
        // In their order, so that a directory comes before what is in it.
        for (name, what) in &self.synced {
            // Names of a directory whose own is gone cannot be found.
            let there = name.parent().is_some_and(|parent| target.join(parent).is_dir());
            match what {
                _ if !there => {}
                None => std::fs::create_dir(target.join(name)).unwrap(),
                Some(number) => {
                    let file = &self.files[*number];
                    let mut bytes = file.synced.clone();
                    if by_chance(name) {
                        file.since.iter().for_each(|(_, change)| change.apply(&mut bytes));
                    }
                    std::fs::write(target.join(name), bytes).unwrap();
                }
            }
        }
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Truncate(size) => bytes.resize(*size, 0),
            Self::Write(at, new) => {
                // `write` goes on where the last one ended.
                let at = if *at == usize::MAX { bytes.len() } else { *at };
                bytes.resize(bytes.len().max(at + new.len()), 0);
                bytes[at..at + new.len()].copy_from_slice(new);
            }
        }
    }
}

/// What of it was written: `= 4096`.
fn written(bytes: &[u8], result: &str) -> Vec<u8> {
    let count: usize = result.split(' ').next().unwrap().parse().unwrap();
    bytes[..count].to_vec()
}

/// `\x2f\x74` as bytes.
fn unhex(text: &str) -> Vec<u8> {
    text.split("\\x").skip(1).map(|digits| u8::from_str_radix(&digits[..2], 16).unwrap()).collect()
}
