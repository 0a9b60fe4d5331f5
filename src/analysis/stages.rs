//! Draws and events by stage and weights, as whoever asks is shown them: what the evidence of a split test counts.

use serde::Serialize;

use crate::analysis::sentence::watched_name;
use crate::analysis::study::Study;
use crate::analysis::study::Subject;
use crate::vocab::ModelName;

/// Requests drawn with the same weights in one stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageSummary {
    /// The canary's stage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<u32>,
    /// Legacy's p95 and p99 in milliseconds that count as slow in this stage, once they are frozen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow_ms: Option<(f64, f64)>,
    /// The arms, legacy first.
    pub arms: Vec<StageArmSummary>,
}

/// One arm in one stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageArmSummary {
    /// Its name.
    pub arm: ModelName,
    /// The probability with which it was drawn.
    pub propensity: f64,
    /// How often it was.
    pub assigned: u64,
    /// Units with at least one request.
    pub units: u64,
    /// The events that were watched.
    pub figures: Vec<FigureCounts>,
}

/// How often an event happened at one arm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FigureCounts {
    /// The figure; of a metric the event is a wrong answer.
    pub figure: String,
    /// Requests of which it is known whether it happened.
    pub known: u64,
    /// Those in which it did.
    pub happened: u64,
    /// Units to whom it happened: what the evidence counts.
    pub units: u64,
}

impl StageArmSummary {
    /// The counts of a figure.
    pub fn figure(&self, name: &str) -> Option<&FigureCounts> {
        self.figures.iter().find(|counts| counts.figure == name)
    }
}

impl Study {
    pub(super) fn stage_summaries(&self, subject: &Subject) -> Vec<StageSummary> {
        let stages = self.strata.iter().map(|stratum| StageSummary {
            stage: stratum.stage,
            slow_ms: self.frozen.get(&stratum.stage).and_then(|frozen| frozen.thresholds),
            arms: subject
                .arms
                .iter()
                .zip(&stratum.propensities)
                .enumerate()
                .map(|(arm, (name, propensity))| {
                    let counts = self.watches.iter().filter_map(|watch| {
                        let events = stratum.events(&watch.of)?;
                        Some(FigureCounts {
                            figure: watched_name(&watch.of),
                            known: *events.known.get(arm)?,
                            happened: *events.happened.get(arm)?,
                            units: events.units.of_arm(arm),
                        })
                    });
                    StageArmSummary {
                        arm: name.clone(),
                        propensity: *propensity,
                        assigned: stratum.assigned.get(arm).copied().unwrap_or_default(),
                        units: stratum.drawn.of_arm(arm),
                        figures: counts.collect(),
                    }
                })
                .collect(),
        });
        stages.collect()
    }
}
