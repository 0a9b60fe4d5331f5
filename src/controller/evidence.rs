//! What the gateways of a fleet know, as one: the latest figures of each, kept when a gateway is gone.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::analysis::Analysis;
use crate::telemetry::Metrics;
use crate::upstream::Endpoint;
use crate::vocab::ExperimentName;

/// How many gateways that are gone are remembered; the one that was heard of longest ago is let go first.
const MOST_GONE: usize = 4096;

/// Everything that was gathered so far.
#[derive(Debug)]
pub(super) struct Gathered {
    patience: Duration,
    /// By the figures' origin, which outlives addresses.
    parts: HashMap<String, Part>,
    /// When each address was heard of, or first known.
    heard: HashMap<String, Instant>,
    /// When anybody last knew where gateways are.
    found: Instant,
}

#[derive(Debug)]
struct Part {
    analysis: Analysis,
    at: Instant,
}

impl Gathered {
    pub(super) fn new(patience: Duration) -> Self {
        Self { patience, parts: HashMap::new(), heard: HashMap::new(), found: Instant::now() }
    }

    /// Takes in what a look found, and says why not all is known, if so.
    pub(super) fn take(
        &mut self,
        found: Result<Vec<Endpoint>, String>,
        evidence: Vec<(String, Analysis)>,
        metrics: &Metrics,
    ) -> Option<String> {
        let now = Instant::now();
        for (authority, analysis) in evidence {
            self.heard.insert(authority, now);
            self.parts.insert(analysis.origin().to_owned(), Part { analysis, at: now });
        }
        let doubt = match found {
            Ok(replicas) => {
                self.found = now;
                let present: Vec<String> = replicas.iter().map(|url| url.authority.to_string()).collect();
                self.heard.retain(|authority, _| present.contains(authority));
                for authority in present {
                    self.heard.entry(authority).or_insert(now);
                }
                self.heard.is_empty().then(|| "no gateway is known".to_owned())
            }
            Err(problem) => Some(format!("where the gateways are is not known: {problem}"))
                .filter(|_| self.found.elapsed() >= self.patience || self.heard.is_empty()),
        };
        let silent: Vec<&String> = self
            .heard
            .iter()
            .filter(|(_, at)| at.elapsed() >= self.patience)
            .map(|(authority, _)| authority)
            .collect();
        let counts = [("heard", self.heard.len() - silent.len()), ("silent", silent.len())];
        for (state, count) in counts {
            metrics.controller_replicas.with_label_values(&[state]).set(count as i64);
        }
        let silent = silent.first().map(|authority| format!("{authority} is not heard of"));
        doubt.or(silent).or_else(|| self.parts.is_empty().then(|| "no gateway was heard of yet".to_owned()))
    }

    /// Forgets figures that nothing counts any more.
    pub(super) fn keep(&mut self, identities: &[(ExperimentName, String)]) {
        let now = Instant::now();
        self.parts.retain(|_, part| {
            let counts = |(experiment, identity): &(ExperimentName, String)| {
                part.analysis.knows(experiment.as_str(), identity)
            };
            part.at == now || part.at.elapsed() < self.patience || identities.iter().any(counts)
        });
        while self.parts.len() > MOST_GONE {
            let Some(oldest) =
                self.parts.iter().min_by_key(|(_, part)| part.at).map(|(origin, _)| origin.clone())
            else {
                return;
            };
            self.parts.remove(&oldest);
        }
    }

    /// All figures as one gateway's; `before` are those of the look before.
    pub(super) fn merged(&self, before: &Analysis) -> Analysis {
        let mut origins: Vec<_> = self.parts.iter().collect();
        // In one order, so that sums of numbers come out alike at every look.
        origins.sort_by_key(|(origin, _)| *origin);
        Analysis::of_fleet(origins.into_iter().map(|(_, part)| &part.analysis), before)
    }
}
