//! What clients may take: whoever goes beyond it is told so or cut off, and nobody else notices.

mod bodies;
mod connections;
mod floods;
mod heads;
mod idle;
mod memory;

use crate::rig::Model;
use crate::rig::Rig;

/// A policy with these limits and one model for everything.
fn limited(limits: &str, model: &Model) -> String {
    format!("limits: {{{limits}}}\nmodels: {{m: {{url: \"{}\"}}}}\ndefault: m\n", model.url())
}

/// How often this limit was met.
async fn met(rig: &Rig, limit: &str) -> f64 {
    rig.metric("crossfade_limited_total", &[&format!("limit=\"{limit}\"")]).await
}

/// The descriptors that this process has open.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// The memory that this process holds, in bytes.
fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix("kB").unwrap().trim().parse::<usize>().unwrap() * 1024
}
