//! The log without a gateway: a recorder, its writer on files of its own, feedback and analysis beside it.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use crossfade::analysis::Analysis;
use crossfade::analysis::ExperimentSummary;
use crossfade::config;
use crossfade::config::Config;
use crossfade::feedback::Exposure;
use crossfade::feedback::Feedback;
use crossfade::policy::Policy;
use crossfade::policy::Unit;
use crossfade::record;
use crossfade::record::Captured;
use crossfade::record::CapturedRequest;
use crossfade::record::Line;
use crossfade::record::Marks;
use crossfade::record::Observation;
use crossfade::record::Pair;
use crossfade::record::Recorder;
use crossfade::record::Shown;
use crossfade::record::Writer;
use crossfade::strategy::Assignment;
use crossfade::telemetry::Metrics;
use crossfade::vocab::ArmId;
use crossfade::vocab::Fate;
use crossfade::vocab::RequestId;
use crossfade::vocab::Role;
use crossfade::vocab::Secret;
use crossfade::vocab::Timestamp;
use http::HeaderMap;
use http::StatusCode;
use http::Uri;
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// 2026-01-01T00:00:00Z, when every request of these tests arrives unless they say otherwise.
pub(crate) const NEW_YEAR: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

/// A running writer with everything that feeds it.
pub(crate) struct Ledger {
    pub(crate) policy: Arc<Policy>,
    pub(crate) recorder: Recorder,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) feedback: Feedback,
    pub(crate) analysis: Arc<Mutex<Analysis>>,
    pub(crate) dir: PathBuf,
    writer: TaskTracker,
    stop: CancellationToken,
    _files: TempDir,
}

impl Ledger {
    /// Starts under a policy without `listen`, with more keys under `record`, each as ` key: value,`.
    pub(crate) fn start(record: &str, policy: &str) -> Self {
        let files = TempDir::new().unwrap();
        let dir = files.path().join("records");
        Self::start_in(files, dir, record, policy)
    }

    /// The same, writing to a directory of the test's choice.
    pub(crate) fn start_in(files: TempDir, dir: PathBuf, record: &str, policy: &str) -> Self {
        let Config { record, mut feedback, policy, .. } = configured(&dir, record, policy);
        feedback.ticket_key = Some(Secret::new(b"the same on every replica"));
        let (metrics, recorder) = (Arc::new(Metrics::new()), Recorder::new(&record));
        let analysis = Arc::new(Mutex::new(Analysis::counting(Arc::clone(&metrics))));
        let sinks: Vec<Box<dyn record::Sink>> = vec![Box::new(Arc::clone(&analysis))];
        let writer = Writer::new(&record, recorder.clone(), Arc::clone(&metrics), sinks);
        let feedback = Feedback::new(feedback, recorder.clone(), Arc::clone(&metrics));
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        tasks.spawn(writer.run(stop.clone()));
        tasks.close();
        let policy = Arc::new(policy);
        Self { policy, recorder, metrics, feedback, analysis, dir, writer: tasks, stop, _files: files }
    }

    /// A request of the policy's first experiment, answered by nobody yet.
    pub(crate) fn pair(&self) -> Pair {
        Pair {
            policy: Arc::clone(&self.policy),
            experiment: 0,
            id: RequestId::draw(),
            time: NEW_YEAR,
            attempt: 1,
            stage: None,
            split: None,
            unit: Unit::Request,
            assignment: drawn(ArmId::LEGACY, 1.0),
            served: Some(ArmId::LEGACY),
            marks: Marks::default(),
            request: CapturedRequest {
                method: http::Method::POST,
                uri: Uri::from_static("/predict"),
                headers: HeaderMap::new(),
                body: Captured::default(),
            },
            legs: Vec::new(),
            dropped: Vec::new(),
            shown: None,
            dues: Vec::new(),
            spans: Vec::new(),
        }
    }

    /// What feedback remembers of a pair.
    pub(crate) fn exposure(&self, pair: &Pair) -> Exposure {
        let Pair { policy, experiment, attempt, stage, assignment, unit, time, shown, .. } = pair;
        Exposure {
            policy: Arc::clone(policy),
            experiment: *experiment,
            attempt: *attempt,
            stage: *stage,
            assignment: *assignment,
            unit: unit.clone(),
            time: *time,
            shown: shown.clone(),
        }
    }

    /// Remembers a pair for feedback and hands it on.
    pub(crate) fn serve(&self, pair: Pair) -> RequestId {
        let id = pair.id;
        self.feedback.remember(id, self.exposure(&pair));
        self.recorder.hand(pair);
        id
    }

    /// Reports one outcome a minute after new year.
    pub(crate) fn report(&self, report: &Value) -> (u16, Value) {
        let minute = Timestamp::from_micros(NEW_YEAR.as_micros() + 60_000_000);
        let reply = self.feedback.report(&self.policy, report.to_string().as_bytes(), minute);
        (reply.status.as_u16(), reply.body)
    }

    /// The sum of a metric's series that carry all of these labels, each as `name="value"`.
    pub(crate) fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let text = self.metrics.render();
        let series = text.lines().filter_map(|line| line.rsplit_once(' ')).filter(|(series, _)| {
            series.split('{').next() == Some(name) && labels.iter().all(|label| series.contains(label))
        });
        series.map(|(_, value)| value.parse::<f64>().unwrap()).sum()
    }

    /// Stops the writer and waits until everything is on disk.
    pub(crate) async fn close(&self) {
        self.stop.cancel();
        self.writer.wait().await;
    }

    /// The log as plain JSON without its designs, after the writer was stopped.
    pub(crate) async fn lines(&self) -> Vec<Value> {
        self.close().await;
        crate::rig::read_records(&self.dir)
    }

    /// What analysis knows of the first experiment, live and, after the writer was stopped, from the log.
    pub(crate) async fn summaries(&self) -> (ExperimentSummary, ExperimentSummary) {
        self.close().await;
        let name = self.policy.experiments[0].name.as_str();
        let mut offline = Analysis::new();
        for line in record::read(&self.dir).unwrap() {
            offline.fold(&line.unwrap());
        }
        let live = self.analysis.lock().unwrap().summary(name).unwrap();
        (live, offline.summary(name).unwrap())
    }

    /// The log as this library reads it without its designs, after the writer was stopped.
    pub(crate) async fn read(&self) -> Vec<Line> {
        self.close().await;
        let lines = record::read(&self.dir).unwrap().map(Result::unwrap);
        lines.filter(|line| !matches!(line, Line::Design(_))).collect()
    }
}

/// A policy with its record in this directory.
pub(crate) fn configured(dir: &Path, record: &str, policy: &str) -> Config {
    let dir = serde_json::to_string(dir).unwrap();
    let text = format!("record: {{dir: {dir},{record}}}\n{policy}");
    config::parse(Path::new("policy.yaml"), &text).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

/// An enrolled arm.
pub(crate) fn drawn(arm: ArmId, propensity: f64) -> Assignment {
    Assignment { arm, propensity, enrolled: true, forced: false }
}

/// A whole answer of 200 with this body, after 20 ms.
pub(crate) fn answer(policy: &Policy, arm: ArmId, role: Role, body: &str) -> Observation {
    let millis = Duration::from_millis;
    Observation {
        arm,
        model: policy.experiments[0].model(arm),
        role,
        fate: Fate::Complete,
        status: Some(StatusCode::OK),
        grpc_status: None,
        headers: HeaderMap::new(),
        body: captured(body.as_bytes()),
        skew: millis(1),
        head: Some(millis(10)),
        first_byte: Some(millis(12)),
        last_byte: None,
        total: millis(20),
        chunks: 1,
        longest_gap: millis(0),
    }
}

pub(crate) fn captured(body: &[u8]) -> Captured {
    let mut captured = Captured::default();
    captured.push(&Bytes::copy_from_slice(body), usize::MAX);
    captured
}

/// A list of these items, each of a team and earning it the whole click.
pub(crate) fn shown(items: &[(&str, ArmId)]) -> Arc<Shown> {
    let item = |(id, arm): &(&str, ArmId)| record::ShownItem {
        id: (*id).to_owned(),
        credit: crossfade::strategy::interleave::Credit::of_team(Some(*arm), 2),
        team: Some(*arm),
    };
    Arc::new(Shown { items: items.iter().map(item).collect(), no_contrast: false })
}
