//! What judges and users say of answers, as OpenTelemetry's events `gen_ai.evaluation.result`.
//!
//! Events are log records: they leave by OTLP through the exporter's own bounded queue and thread. No text of a request,
//! an answer or a judge's explanation is ever part of one.

use std::borrow::Cow;
use std::time::Duration;
use std::time::SystemTime;

use opentelemetry::logs::LogRecord;
use opentelemetry::logs::Logger;
use opentelemetry::logs::LoggerProvider;
use opentelemetry::logs::Severity;
use opentelemetry_otlp::LogExporter;
use opentelemetry_sdk::logs::BatchLogProcessor;
use opentelemetry_sdk::logs::LogProcessor;
use opentelemetry_sdk::logs::SdkLogger;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use tokio::runtime::Handle;

use crate::telemetry::traces::SpanLink;
use crate::telemetry::traces::environment;
use crate::telemetry::traces::environment::Signal;
use crate::telemetry::traces::environment::Wanted;
use crate::telemetry::traces::resource;
use crate::vocab::ExperimentName;
use crate::vocab::ModelName;
use crate::vocab::RequestId;
use crate::vocab::Role;

/// The event's name in OpenTelemetry's conventions.
const EVENT: &str = "gen_ai.evaluation.result";

/// Where events go, or that they go nowhere. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub struct Evaluations(Option<Exporting>);

#[derive(Debug, Clone)]
struct Exporting {
    provider: SdkLoggerProvider,
    logger: SdkLogger,
}

/// What was said of one answer.
#[derive(Debug, Clone)]
pub struct Evaluation<'a> {
    /// Who says it: a judge, or the outcome that was reported.
    pub name: &'a str,
    /// The score.
    pub score: Option<f64>,
    /// The word for it.
    pub label: Option<Cow<'a, str>>,
    /// Why nothing could be said.
    pub error: Option<&'static str>,
    /// The call whose answer it is; `None`: it is not known any more, or was not traced.
    pub call: Option<&'a SpanLink>,
    /// The answer's id.
    pub response_id: Option<&'a str>,
    /// When it was said.
    pub time: SystemTime,
    /// The experiment.
    pub experiment: &'a ExperimentName,
    /// The arm that answered.
    pub arm: &'a ModelName,
    /// What the call was for; `None`: it is not known.
    pub role: Option<Role>,
    /// The request.
    pub request_id: RequestId,
}

impl Evaluations {
    /// Events go nowhere.
    pub fn off() -> Self {
        Self(None)
    }

    /// Sets events up as the environment says, as [`crate::telemetry::Traces::from_environment`] does spans:
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_LOGS_ENDPOINT` switches them on, and `OTEL_LOGS_EXPORTER` set
    /// to `none` off.
    pub fn from_environment(side: &Handle) -> Self {
        match environment::wanted(Signal::Logs, |name| std::env::var(name).ok()) {
            Wanted::Off => Self::off(),
            Wanted::Unsupported { problem } => {
                tracing::warn!("{problem}; no evaluations are sent");
                Self::off()
            }
            Wanted::Grpc => {
                let _on_side = side.enter();
                match LogExporter::builder().with_tonic().build() {
                    Ok(exporter) => Self::through(BatchLogProcessor::builder(exporter).build()),
                    Err(error) => {
                        tracing::warn!(%error, "the log exporter could not be set up; no evaluations are sent");
                        Self::off()
                    }
                }
            }
        }
    }

    /// Gives every event to a processor.
    pub fn through(processor: impl LogProcessor + 'static) -> Self {
        let provider =
            SdkLoggerProvider::builder().with_resource(resource()).with_log_processor(processor).build();
        let logger = provider.logger("crossfade");
        Self(Some(Exporting { provider, logger }))
    }

    /// Says whether events go anywhere.
    pub fn enabled(&self) -> bool {
        self.0.is_some()
    }

    /// Hands one event on; never waits. Where the exporter's queue is full it is lost.
    pub fn tell(&self, evaluation: &Evaluation<'_>) {
        let Some(Exporting { logger, .. }) = &self.0 else { return };
        let Evaluation { name, score, label, error, call, response_id, .. } = evaluation;
        let Evaluation { time, experiment, arm, role, request_id, .. } = evaluation;
        let mut record = logger.create_log_record();
        record.set_event_name(EVENT);
        record.set_severity_number(Severity::Info);
        record.set_timestamp(*time);
        if let Some(SpanLink(span)) = call {
            record.set_trace_context(span.trace_id(), span.span_id(), Some(span.trace_flags()));
        }
        if let Some(score) = score {
            record.add_attribute("gen_ai.evaluation.score.value", *score);
        }
        let texts = [
            ("gen_ai.evaluation.name", Some(*name)),
            ("gen_ai.evaluation.score.label", label.as_deref()),
            ("gen_ai.response.id", *response_id),
            ("error.type", *error),
            ("crossfade.experiment", Some(experiment.as_str())),
            ("crossfade.arm", Some(arm.as_str())),
            ("crossfade.role", role.map(Role::as_str)),
        ];
        for (key, text) in texts {
            text.into_iter().for_each(|text| record.add_attribute(key, text.to_owned()));
        }
        record.add_attribute("crossfade.request_id", request_id.to_string());
        logger.emit(record);
    }

    /// Sends what waits and stops, waiting no longer than `patience`. Events that are told later are dropped.
    pub async fn shutdown(&self, patience: Duration) {
        let Some(Exporting { provider, .. }) = self.0.clone() else { return };
        // It blocks its thread while the exporter's thread sends the rest.
        let stopping = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(patience));
        let stopped = tokio::time::timeout(patience + Duration::from_millis(500), stopping).await;
        if !matches!(stopped, Ok(Ok(Ok(())))) {
            tracing::warn!("the last evaluations may not have been sent");
        }
    }
}
