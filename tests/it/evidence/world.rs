//! Records without a gateway: requests of an experiment that were drawn, answered and labelled as a test says.

use crossfade::analysis::Analysis;
use crossfade::analysis::ExperimentSummary;
use crossfade::analysis::Verdict;
use crossfade::record::Line;
use crossfade::vocab::RequestId;
use crossfade::vocab::Timestamp;
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::Value;
use serde_json::json;

/// One experiment and what was recorded of it.
pub(crate) struct World {
    pub(crate) analysis: Analysis,
    /// Every line so far, where a test wants them.
    pub(crate) lines: Option<Vec<Line>>,
    strategy: &'static str,
    template: Line,
    label: Line,
    micros: i64,
}

/// One request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'r> {
    pub(crate) stage: u32,
    /// The candidate's share of the traffic.
    pub(crate) share: f64,
    /// Whether the candidate was drawn.
    pub(crate) candidate: bool,
    pub(crate) unit: Option<&'r str>,
    /// Whether the drawn arm failed.
    pub(crate) failed: bool,
    pub(crate) took_ms: f64,
}

pub(crate) const PLAIN: Request<'static> =
    Request { stage: 1, share: 0.5, candidate: false, unit: None, failed: false, took_ms: 10.0 };

impl World {
    /// A canary or an A/B test that is decided so: fields of `decision` beside the defaults, which ask for no time.
    pub(crate) fn of(strategy: &'static str, decision: Value) -> Self {
        let mut decided = json!({"alpha": 0.05, "guardrail_alpha": 0.01, "min_seconds": 0.0});
        decided.as_object_mut().unwrap().extend(decision.as_object().unwrap().clone());
        let design = json!({"schema": 2, "kind": "design", "time": "2026-01-01T00:00:00Z", "experiment": "e",
            "policy": "p", "identity": "i", "strategy": strategy, "arms": ["old", "new"], "unit_named": true,
            "outcomes": {
                "digit": {"type": "label", "window_seconds": 3600.0, "absent": "missing"},
                "stars": {"type": "number", "window_seconds": 3600.0, "absent": "missing"},
                "bought": {"type": "binary", "window_seconds": 3600.0, "absent": "none"}},
            "metrics": [{"name": "accuracy", "measure": {"kind": "accuracy"},
                "prediction": {"answer": "$.label"}, "truth": {"outcome": "digit"}}],
            "decision": decided});
        let call = |arm: &str| {
            json!({"arm": arm, "role": "answer", "fate": "complete", "status": 200, "skew_ms": 0.1,
                "first_byte_ms": 1.0, "total_ms": 10.0, "chunks": 1, "longest_gap_ms": 0.0, "headers": {},
                "bytes": 2, "readings": {"$.label": {"value": "7"}}})
        };
        let template = json!({"schema": 2, "kind": "pair", "request_id": RequestId::draw().to_string(),
            "time": "2026-01-01T00:00:00Z", "experiment": "e", "strategy": strategy, "policy": "p",
            "identity": "i", "arms": ["old", "new"], "assigned": "old", "served": "old", "propensity": 0.5,
            "enrolled": true, "request": {"method": "POST", "path": "/", "headers": {}, "bytes": 0},
            "observations": [call("old"), call("new")]});
        let label = json!({"schema": 2, "kind": "outcome", "request_id": RequestId::draw().to_string(),
            "time": "2026-01-01T00:00:00Z", "request_time": "2026-01-01T00:00:00Z", "experiment": "e",
            "identity": "i", "arm": "old", "enrolled": true, "outcome": "digit", "type": "label",
            "value": {"label": "7"}});
        let line = |value: Value| Line::parse(&value.to_string()).unwrap();
        let mut analysis = Analysis::new();
        analysis.fold(&line(design.clone()));
        let lines = Some(vec![line(design)]);
        Self { analysis, lines, strategy, template: line(template), label: line(label), micros: 0 }
    }

    /// An A/B test whose shares follow what is learnt.
    pub(crate) fn adaptive() -> Self {
        let plain = Self::of("ab", json!({}));
        let Some(Line::Design(mut design)) = plain.lines.clone().map(|mut lines| lines.remove(0)) else {
            unreachable!("a world begins with its design")
        };
        design.adaptive = true;
        let design = Line::Design(design);
        let mut analysis = Analysis::new();
        analysis.fold(&design);
        Self { analysis, lines: Some(vec![design]), ..plain }
    }

    /// Keeps no lines.
    pub(crate) fn forgetful(self) -> Self {
        Self { lines: None, ..self }
    }

    /// Serves a request a second after the last.
    pub(crate) fn serve(&mut self, request: Request<'_>) -> RequestId {
        let Line::Pair(mut record) = self.template.clone() else { unreachable!("the template is a pair") };
        self.micros += 1_000_000;
        record.time = Timestamp::from_micros(1_767_225_600_000_000 + self.micros);
        record.request_id = RequestId::drawn_at(record.time);
        let Request { stage, share, candidate, unit, failed, took_ms } = request;
        let arm = usize::from(candidate);
        record.stage = (self.strategy == "canary").then_some(stage);
        record.assigned = record.arms[arm].clone();
        record.served = Some(record.assigned.clone());
        record.unit = unit.map(str::to_owned);
        record.propensities = vec![1.0 - share, share];
        record.propensity = record.propensities[arm];
        record.observations.remove(1 - arm);
        record.observations[0].status = Some(if failed { 500 } else { 200 });
        record.observations[0].total_ms = took_ms;
        let id = record.request_id;
        self.take(Line::Pair(record));
        id
    }

    /// Serves a request that both answered; each failed or not.
    pub(crate) fn serve_both(&mut self, unit: Option<&str>, old_failed: bool, new_failed: bool) -> RequestId {
        let Line::Pair(mut record) = self.template.clone() else { unreachable!("the template is a pair") };
        self.micros += 1_000_000;
        record.time = Timestamp::from_micros(1_767_225_600_000_000 + self.micros);
        record.request_id = RequestId::drawn_at(record.time);
        record.unit = unit.map(str::to_owned);
        record.propensity = 1.0;
        record.observations[1].role = crossfade::vocab::Role::Shadow;
        for (observation, failed) in record.observations.iter_mut().zip([old_failed, new_failed]) {
            observation.status = Some(if failed { 500 } else { 200 });
        }
        let id = record.request_id;
        self.take(Line::Pair(record));
        id
    }

    /// Reports an outcome of a request that the arm served: its name, type and value as records have them.
    pub(crate) fn report(&mut self, id: RequestId, candidate: bool, outcome: (&str, &str), value: Value) {
        let Line::Outcome(record) = self.label.clone() else { unreachable!("the label is an outcome") };
        let mut written = serde_json::to_value(&record).unwrap();
        let changes = json!({"request_id": id.to_string(), "arm": if candidate { "new" } else { "old" },
            "outcome": outcome.0, "type": outcome.1, "value": value});
        written.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        self.take(Line::Outcome(Box::new(serde_json::from_value(written).unwrap())));
    }

    pub(crate) fn summary(&self) -> ExperimentSummary {
        self.analysis.summary("e").unwrap()
    }

    pub(crate) fn verdict(&self) -> Verdict {
        self.summary().verdicts.remove(0)
    }

    fn take(&mut self, line: Line) {
        self.analysis.fold(&line);
        if let Some(lines) = &mut self.lines {
            lines.push(line);
        }
    }
}

/// Serves as many requests of users that are drawn by chance, each of a user of its own.
pub(crate) fn traffic(
    world: &mut World,
    dice: &mut StdRng,
    requests: u32,
    (stage, share): (u32, f64),
    [old, new]: [f64; 2],
) {
    for _ in 0..requests {
        let candidate = dice.random_bool(share);
        let unit = format!("{:016x}", dice.random::<u64>());
        let failed = dice.random_bool(if candidate { new } else { old });
        world.serve(Request { stage, share, candidate, unit: Some(&unit), failed, ..PLAIN });
    }
}
