//! How long to wait after a failure: longer each time, and never as long as the others that failed at the same moment.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(60);

/// The waits after failures in a row.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Backoff {
    pub(super) fn new() -> Self {
        Self(FIRST)
    }

    /// The wait after one more failure; `dice` is from 0 to 1.
    pub(super) fn next(&mut self, dice: f64) -> Duration {
        let wait = self.0.mul_f64(0.5 + dice.clamp(0.0, 1.0) / 2.0);
        self.0 = (self.0 * 2).min(LONGEST);
        wait
    }
}
