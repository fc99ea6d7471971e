//! How much a process computes: a program that waits must not be busy about it.

use std::time::Duration;

/// Asserts that, over this time, the process uses less than half of a core.
pub async fn assert_idle(process: u32, time: Duration) {
    let before = computed(process);
    tokio::time::sleep(time).await;
    let used = computed(process).saturating_sub(before);
    assert!(used < time / 2, "it computes instead of waiting: for {used:?} of {time:?}");
}

/// Linux counts in hundredths of a second, whatever the machine.
const MILLISECONDS_PER_TICK: u64 = 10;

/// What the process has computed so far, in user mode and in the kernel.
pub fn computed(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The name of the program is in parentheses, and may hold anything.
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * MILLISECONDS_PER_TICK)
}
