//! What the receiver sees in a container of its image that is run with `--read-only`: the file system of
//! the machine without a place to write but the volume, and a user without rights. There need be no
//! Docker for that; what decides is read from the Dockerfile.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use super::faults::is_root;

const DOCKERFILE: &str = include_str!("../../../Dockerfile");

/// A root directory of its own, for the processes inside only.
pub struct Image {
    /// Lives as long as the mounts do.
    keeper: Child,
    user: String,
    folder: String,
}

impl Image {
    /// Puts `config` and `certs` of a receiver's folder into it, and its `data` as the volume.
    pub fn around(receiver: &Path) -> Self {
        let (user, folder) = (instruction("USER").to_owned(), instruction("WORKDIR").to_owned());
        let volume = instruction("VOLUME");
        assert_eq!(volume.strip_prefix(&folder), Some("/data"), "the defaults have the inbox there");
        std::fs::create_dir_all(receiver.join("data")).unwrap();
        let mut unshare = Command::new("unshare");
        if is_root() {
            assert!(Command::new("chown").arg(&user).arg(receiver.join("data")).status().unwrap().success());
        } else {
            unshare.args(["--user", "--map-root-user"]);
        }
        let program = env!("CARGO_BIN_EXE_tradecloud-webhook");
        let mounts = format!(
            "set -e
             root=$1/root; receiver=$1
             mkdir $root; mount -t tmpfs none $root
             for name in usr bin sbin lib lib64 etc; do
                 if [ -L /$name ]; then cp -P /$name $root/; continue; fi
                 if [ -d /$name ]; then mkdir $root/$name; mount --bind /$name $root/$name; mount -o remount,bind,ro $root/$name; fi
             done
             mkdir -p $root/tmp $root/proc $root/dev
             mount --rbind /proc $root/proc; mount --bind /dev $root/dev
             mkdir -p $root/$(dirname {program}); touch $root/{program}
             mount --bind {program} $root/{program}; mount -o remount,bind,ro $root/{program}
             for name in config certs data; do
                 mkdir -p $root{folder}/$name; mount --bind $receiver/$name $root{folder}/$name
                 [ $name = data ] || mount -o remount,bind,ro $root{folder}/$name
             done
             mount -o remount,ro $root
             echo ready; exec cat"
        );
        let mut keeper = unshare
            .args(["--mount", "sh", "-c", &mounts, "sh"])
            .arg(receiver)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare is not installed; scripts/test installs it");
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line.trim() != "ready" {
            keeper.wait().unwrap();
            panic!("nothing can be mounted in a namespace of its own (container without the right?)");
        }
        Self { keeper, user, folder }
    }

    /// The programs to run another one under, so that it is in there.
    pub fn inside(&self, receiver: &Path) -> Vec<String> {
        let mut line = vec!["nsenter".to_owned(), format!("--target={}", self.keeper.id())];
        if !is_root() {
            line.extend(["--user", "--preserve-credentials"].map(str::to_owned));
        }
        line.extend(["--mount", "--", "chroot"].map(str::to_owned));
        line.push(receiver.join("root").to_str().unwrap().to_owned());
        line.push("setpriv".to_owned());
        if is_root() {
            let (user, group) = self.user.split_once(':').unwrap();
            line.extend([format!("--reuid={user}"), format!("--regid={group}"), "--clear-groups".to_owned()]);
        }
        line.extend(["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"].map(str::to_owned));
        line.extend(["env", "-C", &self.folder].map(str::to_owned));
        line.extend(environment());
        line
    }

    /// Runs a line of the shell in there.
    pub fn shell(&self, receiver: &Path, line: &str) -> Output {
        let inside = self.inside(receiver);
        Command::new(&inside[0]).args(&inside[1..]).args(["bash", "-c", line]).output().unwrap()
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

/// The command that says whether a container is well.
pub fn health_check() -> Vec<String> {
    let (_, command) = DOCKERFILE.split_once("HEALTHCHECK").unwrap().1.split_once("CMD").unwrap();
    serde_json::from_str(command.lines().next().unwrap()).unwrap()
}

/// What the last stage says last about it.
fn instruction(name: &str) -> &'static str {
    let lines = DOCKERFILE.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    lines.last().unwrap_or_else(|| panic!("the Dockerfile has no {name}"))
}

/// `NAME=value` of every `ENV`.
fn environment() -> impl Iterator<Item = String> {
    DOCKERFILE.lines().filter_map(|line| line.strip_prefix("ENV ")).map(str::to_owned)
}
