//! How much memory this process may use: what its control group says, or else the machine.

#[cfg(test)]
mod tests;

use std::fs;

/// The least where nothing is known, and where little is there at all.
const LEAST: u64 = 16 * 1024 * 1024;

/// What the process may hold by itself when the policy says nothing: a quarter of what it may use.
pub(super) fn default_budget() -> u64 {
    let machine = fs::read_to_string("/proc/meminfo").ok().as_deref().and_then(total_bytes);
    let groups = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let group = groups.iter().find_map(|path| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok());
    budget(group, machine)
}

fn budget(group: Option<u64>, machine: Option<u64>) -> u64 {
    let least = group.into_iter().chain(machine).min();
    least.map_or(LEAST, |bytes| (bytes / 4).max(LEAST))
}

/// The total of `/proc/meminfo`, which is in kibibytes.
fn total_bytes(meminfo: &str) -> Option<u64> {
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    total.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}
