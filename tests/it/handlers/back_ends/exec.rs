//! A program: a script of the shell.

use async_trait::async_trait;
use tempfile::TempDir;

use super::{BackEnd, Mood};

/// What it does: in the mood it is told, notes the event whole, or does not. A receiver that is killed
/// may leave it with half an event, which is for every such program to see.
const SCRIPT: &str = "cd $0; case $(cat mood) in \
    RefusesForGood) echo no such item >&2; exit 65;; \
    RefusesForNow) echo database is locked >&2; exit 75;; \
    Hangs) sleep 60;; \
    *) now=$(date +%s%N)-$$; cat > $now.part; [ x$(tail -c 1 $now.part) = x} ] && mv $now.part $now.json;; esac";

pub(super) struct Program(TempDir);

impl Program {
    pub(super) fn start() -> Self {
        let home = TempDir::new().unwrap();
        std::fs::write(home.path().join("mood"), "Accepts").unwrap();
        std::os::unix::fs::symlink("/bin/sh", home.path().join("program")).unwrap();
        Self(home)
    }
}

#[async_trait]
impl BackEnd for Program {
    fn name(&self) -> &'static str {
        "exec"
    }

    fn table(&self) -> String {
        let home = self.0.path().display();
        format!("type = 'exec'\ncommand = ['{home}/program', '-c', '{SCRIPT}', '{home}']")
    }

    fn reason(&self, mood: Mood) -> Result<&'static str, &'static str> {
        Ok(match mood {
            Mood::Accepts => "",
            Mood::RefusesForGood => "no such item",
            Mood::RefusesForNow => "database is locked",
            Mood::Hangs => "was still running after",
            Mood::Vanished => "cannot be started",
        })
    }

    async fn set(&mut self, mood: Mood) {
        let home = self.0.path();
        std::fs::write(home.join("new-mood"), format!("{mood:?}")).unwrap();
        std::fs::rename(home.join("new-mood"), home.join("mood")).unwrap();
        let _ = std::fs::remove_file(home.join("program"));
        if mood != Mood::Vanished {
            std::os::unix::fs::symlink("/bin/sh", home.join("program")).unwrap();
        }
    }

    async fn taken(&self) -> Vec<String> {
        super::file::events_in(self.0.path())
    }
}
