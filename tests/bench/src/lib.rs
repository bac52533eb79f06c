//! What the benchmarks' programs share.

pub mod replay;

use std::time::Duration;

use anyhow::Context as _;

/// CPU time of this process so far: user and system, in clock ticks of a hundredth of a second. Linux only.
pub fn cpu() -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, rest) = stat.rsplit_once(')').context("no name")?;
    let ticks: u64 = rest
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse().unwrap_or(0))
        .sum();
    Ok(Duration::from_millis(ticks * 10))
}

/// The most memory that this process has had, in KB. Linux only.
pub fn peak() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .context("no VmHWM")?;
    Ok(line.split_whitespace().nth(1).context("no number")?.parse()?)
}
