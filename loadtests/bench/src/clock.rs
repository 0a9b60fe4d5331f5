//! The machine's monotonic clock as one number, which two processes can compare.

use rustix::time::ClockId;
use rustix::time::clock_gettime;

pub(crate) const NS_PER_SECOND: u64 = 1_000_000_000;

/// Nanoseconds since some moment before this machine's processes began.
pub(crate) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * NS_PER_SECOND + now.tv_nsec as u64
}
