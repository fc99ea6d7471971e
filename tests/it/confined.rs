//! The receiver with as few rights as its image and its systemd unit leave it: everything still works.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use crate::configuration::OF_THE_TESTS;
use crate::support::image::{self, Image};
use crate::support::pages::page;
use crate::support::receiver::Receiver;
use crate::support::sender::{Message, order_event};

const UNIT: &str = "scripts/systemd/tradecloud-webhook.service";

/// Both handlers that touch the machine.
const HANDLERS: &str = r#"
handlers.disk = { type = "file", directory = "data/events" }
handlers.script = { type = "exec", command = ["sh", "-c", "cat >data/taken-$$"] }"#;

#[tokio::test]
async fn the_image_runs_read_only_and_without_rights() {
    let mut receiver = Receiver::prepared(HANDLERS);
    let folder = receiver.folder().to_owned();
    let image = Image::around(&folder);
    receiver = receiver.inside(image.inside(&folder));
    let writes = |place: &str| image.shell(&folder, &format!("touch {place}")).status.success();
    let rights = image.shell(&folder, "id -u; grep -E 'Cap(Eff|Bnd)|NoNewPrivs' /proc/self/status").stdout;
    let rights = String::from_utf8(rights).unwrap();

    receiver.restart();
    for number in 0..20 {
        assert!(receiver.sender().send(order_event(&number.to_string())).await.is_delivered());
    }
    assert_eq!(receiver.sender().send(Message::json("{")).await.status, Some(400));
    let done = |events: &[serde_json::Value]| events.iter().filter(|event| event["state"] == "done").count() == 20;
    receiver.inbox_until(done).await;

    assert!(!rights.starts_with("0\n") || !image_has_a_user_of_its_own(), "{rights}");
    assert!(rights.contains("CapEff:\t0000000000000000") && rights.contains("NoNewPrivs:\t1"), "{rights}");
    assert!(writes("data/probe"), "the volume is there to be written to");
    for place in ["probe", "config/probe", "certs/probe", "/tmp/probe", "/etc/probe", "/usr/probe"] {
        assert!(!writes(place), "{place} can be written to: the test proves nothing");
    }
    let command = image::health_check();
    let admin = receiver.log().iter().find_map(|line| line["admin"].as_str().map(str::to_owned)).unwrap();
    let is_well = |port: &str| image.shell(&folder, &command[2].replace("8081", port)).status.success();
    assert_eq!(command[..2], ["bash", "-c"]);
    assert!(is_well(admin.rsplit(':').next().unwrap()), "{command:?}");
    assert!(!is_well("1"), "nobody listens there");
    assert!(receiver.end().await.success());
    receiver.restart();
    assert_eq!(receiver.inbox().len(), 21);
}

/// What a test that is not run by root cannot have: there, the user is its own.
fn image_has_a_user_of_its_own() -> bool {
    crate::support::faults::is_root()
}

#[test]
fn the_unit_leaves_as_little_as_systemd_can_take_away() {
    let security = ["security", "--offline=true", "--threshold=11", "--no-pager", UNIT];
    let exposure = Command::new("systemd-analyze").args(security).output();
    let exposure = exposure.expect("systemd-analyze is not installed; scripts/test installs it");
    let said = String::from_utf8_lossy(&exposure.stdout).into_owned();
    assert!(exposure.status.success(), "more is exposed than 1.1 of 10: {said}");
    // It knows every word of the unit, too. That the program is not installed here is no news.
    assert_eq!(troubles(UNIT), [""; 0]);
}

/// systemd shows what `LoadCredential` hands over to `ExecStart` only (tried with 252): a `check` in `ExecReload`
/// would refuse every reload of a receiver whose password came that way.
#[test]
fn a_reload_asks_the_receiver_itself_which_alone_sees_its_secrets() {
    let unit = std::fs::read_to_string(UNIT).unwrap();

    let reloads: Vec<_> = unit.lines().filter_map(|line| line.strip_prefix("ExecReload=")).collect();

    assert_eq!(reloads, ["/bin/kill -HUP $MAINPID"]);
}

/// What systemd does not understand of a unit.
fn troubles(unit: &str) -> Vec<String> {
    let verified = Command::new("systemd-analyze").args(["verify", "--man=no", unit]).output().unwrap();
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    said.lines().filter(|line| !line.contains("is not executable")).map(str::to_owned).collect()
}

/// The steps that docs/run/systemd.md has, as far as they go without systemd itself: what it hands over is what
/// the configuration names, and with that the configuration is good.
#[test]
fn the_steps_for_systemd_lead_to_a_configuration_that_is_good() {
    let steps = page("docs/run/systemd.md");
    let (drop_in, configuration) = (steps.blocks("ini").remove(0), steps.blocks("toml").remove(0));
    let handed_over: BTreeMap<_, _> =
        drop_in.lines().filter_map(|line| line.strip_prefix("LoadCredential=")?.split_once(':')).collect();
    let named: BTreeSet<_> = configuration
        .lines()
        .filter_map(|line| line.split_once("/run/credentials/tradecloud-webhook.service/")?.1.split_once('"'))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(handed_over.keys().copied().collect::<BTreeSet<_>>(), named);

    // The steps, in a folder that stands for the machine.
    let receiver = Receiver::prepared("");
    let secret =
        steps.text.lines().find_map(|line| line.trim_start().strip_prefix("tradecloud-webhook secret ")).unwrap();
    assert_eq!(handed_over["portal-password"], secret, "the password that was made is the one that is handed over");
    assert!(receiver.run(&["secret", "run/portal-password"]).status.success());
    for name in ["fullchain.pem", "privkey.pem"] {
        std::fs::rename(receiver.path("certs").join(name), receiver.path("run").join(name)).unwrap();
    }
    let configuration = configuration.replace("/run/credentials/tradecloud-webhook.service/", "run/");
    std::fs::write(receiver.path("config/receiver.toml"), configuration).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(receiver.path("config/receiver.toml"), mode).unwrap();
    let checked = receiver.run(&["check"]);
    let said = String::from_utf8(checked.stdout).unwrap();
    assert!(said.ends_with("The configuration is valid.\n"), "{said}");
    let mut problems = said.lines().filter(|line| line.starts_with("error: ") || line.starts_with("warning: "));
    assert!(problems.all(|line| line.contains(OF_THE_TESTS)), "{said}");

    // And systemd understands what was entered.
    let unit = receiver.path("tradecloud-webhook.service");
    std::fs::copy(UNIT, &unit).unwrap();
    std::fs::create_dir(receiver.path("tradecloud-webhook.service.d")).unwrap();
    std::fs::write(receiver.path("tradecloud-webhook.service.d/override.conf"), &drop_in).unwrap();
    assert_eq!(troubles(unit.to_str().unwrap()), [""; 0]);
}

/// Every system call, of the exec handler's program as well, is one that the unit allows, and none makes memory
/// that can be written to and executed.
#[tokio::test]
async fn the_unit_forbids_nothing_that_the_receiver_does() {
    let mut receiver = Receiver::prepared(HANDLERS);
    let record = receiver.path("calls");
    let strace = ["strace", "--daemonize", "--follow-forks", "--output", record.to_str().unwrap(), "--"];
    receiver = receiver.inside(strace.map(str::to_owned).to_vec());

    receiver.restart();
    for number in 0..20 {
        assert!(receiver.sender().send(order_event(&number.to_string())).await.is_delivered());
    }
    assert!(receiver.end().await.success());
    let record = std::fs::read_to_string(record).unwrap();

    let call = |line: &str| line.split_once(' ')?.1.trim_start().split_once('(').map(|(name, _)| name.to_owned());
    let is_name = |name: &String| name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    let called: BTreeSet<_> = record.lines().filter_map(call).filter(is_name).collect();
    for expected in ["accept4", "execve", "fsync", "renameat2"] {
        assert!(called.contains(expected), "{expected} is missing in what was recorded: {called:?}");
    }
    let allowed = allowed_calls();
    // SQLite gives a new file to the owner of the database, but only if it is root itself.
    let forbidden: Vec<_> = called.iter().filter(|name| !allowed.contains(*name) && *name != "fchown").collect();
    assert!(forbidden.is_empty(), "{forbidden:?}");
    let line = record.lines().find(|line| line.contains("PROT_WRITE|PROT_EXEC"));
    assert_eq!(line, None, "MemoryDenyWriteExecute");
    let families = ["AF_INET", "AF_INET6", "AF_UNIX"];
    let stranger = record.lines().find(|line| line.contains(" socket(") && !families.iter().any(|f| line.contains(f)));
    assert_eq!(stranger, None, "RestrictAddressFamilies");
}

/// What `SystemCallFilter` of the unit comes to.
fn allowed_calls() -> BTreeSet<String> {
    let listed = Command::new("systemd-analyze").args(["syscall-filter", "--no-pager"]).output();
    let listed = String::from_utf8(listed.expect("systemd-analyze is not installed").stdout).unwrap();
    let mut sets: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut set = "";
    for line in listed.lines() {
        match line.strip_prefix("    ") {
            Some(name) if !name.starts_with('#') => sets.entry(set).or_default().push(name.trim()),
            Some(_) => {}
            None => set = line.trim(),
        }
    }
    let mut allowed = BTreeSet::new();
    let unit = std::fs::read_to_string(UNIT).unwrap();
    for rule in unit.lines().filter_map(|line| line.strip_prefix("SystemCallFilter=")) {
        let (takes, names) = rule.strip_prefix('~').map_or((false, rule), |names| (true, names));
        for name in names.split_whitespace() {
            for call in members(&sets, name) {
                if takes {
                    allowed.remove(call);
                } else {
                    allowed.insert(call.to_owned());
                }
            }
        }
    }
    assert!(allowed.len() > 200, "the filter was not understood: {allowed:?}");
    allowed
}

fn members<'a>(sets: &BTreeMap<&'a str, Vec<&'a str>>, name: &'a str) -> Vec<&'a str> {
    if name.starts_with('@') { sets[name].iter().flat_map(|inner| members(sets, inner)).collect() } else { vec![name] }
}

/// The advice for an ERP's folder: its group reads the files, whatever the unit's `UMask` says, and nobody else does.
#[tokio::test]
async fn an_erp_reads_what_is_written_to_its_folder_as_the_steps_for_systemd_have_it() {
    if !crate::support::faults::is_root() {
        return;
    }
    let (service, group, of_group, stranger) = ("12001", "12002", "12003", "12004");
    let section = page("docs/run/systemd.md").section("An ERP's folder");
    let handler = section.block("toml");
    let line = |start: &str| section.text.lines().find(|line| line.trim_start().starts_with(start)).unwrap().trim();
    // `install -d -m 2770 -g erp /srv/erp/inbox`
    let made: Vec<_> = line("install -d").split(' ').collect();
    assert_eq!((made[2], made[4], made[5]), ("-m", "-g", "erp"), "{made:?}");
    let unit = std::fs::read_to_string(UNIT).unwrap();
    let umask = unit.lines().find_map(|line| line.strip_prefix("UMask=")).unwrap();
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("inbox");
    std::fs::set_permissions(home.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let making = Command::new("install").args(["-d", "-m", made[3], "-g", group]).arg(&folder).status().unwrap();
    assert!(making.success());
    let mut receiver = Receiver::prepared(&handler.replace(made[6], folder.to_str().unwrap()));
    assert!(Command::new("chown").args(["-R", service]).arg(receiver.folder()).status().unwrap().success());
    let ids = [format!("--reuid={service}"), format!("--regid={service}"), format!("--groups={group}")];
    let mut inside = vec!["setpriv".to_owned()];
    inside.extend(ids);
    inside.extend(["sh", "-c", &format!("umask {umask}; exec \"$@\""), "sh"].map(str::to_owned));
    receiver = receiver.inside(inside);

    receiver.restart();
    assert!(receiver.sender().send(order_event("1")).await.is_delivered());
    receiver.inbox_until(|events| events[0]["state"] == "done").await;
    let checked = String::from_utf8(receiver.run(&["check", "--online"]).stdout).unwrap();

    let reads = |user: &str, group: &str| {
        let ids = [format!("--reuid={user}"), format!("--regid={user}"), format!("--groups={group}")];
        let cat = format!("cat {}/*.json", folder.display());
        Command::new("setpriv").args(ids).args(["sh", "-c", &cat]).output().unwrap().status.success()
    };
    assert!(reads(of_group, group), "the ERP cannot read it");
    assert!(!reads(stranger, stranger), "everybody can read it");
    let mut removes = Command::new("setpriv");
    removes.args([format!("--reuid={of_group}"), format!("--regid={of_group}"), format!("--groups={group}")]).args([
        "sh",
        "-c",
        &format!("rm -f {}/*.json", folder.display()),
    ]);
    assert!(removes.status().unwrap().success(), "the ERP cannot take it away");
    assert!(checked.contains("rw-r----- (0640): the user 12001 and the group 12002 can read them"), "{checked}");
}
