//! Waiting with a demo: for its traffic to end, and for the analysis to have seen all of it.

use std::sync::Arc;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::interval;
use tokio::time::timeout;

use crate::analysis::ExperimentSummary;
use crate::app::Gateway;
use crate::demo::DemoError;
use crate::demo::PATIENCE;
use crate::demo::Progress;
use crate::demo::findings;
use crate::demo::traffic::Counts;
use crate::vocab::StrategyKind;

/// Judges that say nothing for so long have nothing more to say.
const JUDGES_REST: Duration = Duration::from_millis(500);

/// How often a watcher is told how far the traffic is.
const WATCH_EVERY: Duration = Duration::from_millis(200);
/// How often the analysis is asked whether it has seen everything.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Lets the traffic for a strategy run to its last answer, and tells how far it is.
pub(super) async fn watched(
    traffic: impl Future<Output = ()>,
    strategy: StrategyKind,
    requests: usize,
    counts: &Arc<Counts>,
    watch: &mut dyn FnMut(Progress<'_>),
) {
    tokio::pin!(traffic);
    let mut ticks = interval(WATCH_EVERY);
    let mut tell = |done| watch(Progress { strategy, requests, counts, done });
    loop {
        tokio::select! {
            () = &mut traffic => return tell(true),
            _ = ticks.tick() => tell(false),
        }
    }
}

/// What the analysis knows once it has seen everything that users saw; the last copies and labels come later than the
/// last answer.
pub(super) async fn found(
    gateway: &Gateway,
    experiment: &'static str,
    counts: &Counts,
) -> Result<ExperimentSummary, DemoError> {
    let mut looks = interval(LOOK_EVERY);
    let whole = timeout(PATIENCE, async {
        loop {
            looks.tick().await;
            if let Some(found) = known(gateway, experiment).filter(|found| findings::is_whole(found, counts))
            {
                return found;
            }
        }
    });
    whole.await.map_err(|_| findings::unaccounted(experiment, known(gateway, experiment).as_ref(), counts))
}

/// What was found once the judges have said all they will: twice in a row the same.
pub(super) async fn judged(
    gateway: &Gateway,
    experiment: &'static str,
    counts: &Counts,
) -> Result<ExperimentSummary, DemoError> {
    let judgements =
        |found: &ExperimentSummary| found.judges.iter().map(|judge| judge.judgements).sum::<u64>();
    let mut before = None;
    let mut looks = interval(JUDGES_REST);
    loop {
        looks.tick().await;
        let found = found(gateway, experiment, counts).await?;
        let now = judgements(&found);
        if before.replace(now) == Some(now) {
            return Ok(found);
        }
    }
}

fn known(gateway: &Gateway, experiment: &str) -> Option<ExperimentSummary> {
    // A panic under the lock can only have left one record half counted.
    gateway.analysis().lock().unwrap_or_else(PoisonError::into_inner).summary(experiment)
}
