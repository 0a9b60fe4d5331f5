//! Traces: one server span a request, one client span a call to a model, sent by OTLP over gRPC.
//!
//! Everything is steered by OpenTelemetry's own environment variables; without an endpoint no span is ever made, and
//! what remains is the carrying on of `traceparent`. Spans leave through the exporter's own bounded queue and thread, so a
//! slow or absent collector costs spans and nothing else. Those of calls that go on record end on the writer's thread,
//! with what was read of the answer.

pub(super) mod environment;
mod generation;
mod propagation;
mod span;

#[cfg(test)]
mod tests;

pub use generation::EndedSpan;
pub use generation::Generation;
pub use generation::Operation;
pub use generation::SpanLink;
pub use span::ClientSpan;
pub use span::Leg;
pub use span::ServerSpan;
pub use span::SpanParent;

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::BatchSpanProcessor;
use opentelemetry_sdk::trace::SdkTracer;
use opentelemetry_sdk::trace::SdkTracerProvider;
use opentelemetry_sdk::trace::SpanProcessor;
use tokio::runtime::Handle;

use environment::Signal;
use environment::Wanted;

/// Where spans go, or that they go nowhere. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub struct Traces(Option<Exporting>);

#[derive(Debug, Clone)]
struct Exporting {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Traces {
    /// Spans go nowhere, and none is made.
    pub fn off() -> Self {
        Self(None)
    }

    /// Sets traces up as the environment says: `OTEL_EXPORTER_OTLP_ENDPOINT` or
    /// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` switches them on, and `OTEL_SDK_DISABLED`, `OTEL_TRACES_EXPORTER`,
    /// `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER`, `OTEL_BSP_*` and the exporter's other
    /// variables mean what OpenTelemetry says they mean.
    ///
    /// The exporter's connection lives on `side`. What cannot be set up is logged and left off: the gateway serves
    /// without traces rather than not at all.
    pub fn from_environment(side: &Handle) -> Self {
        match environment::wanted(Signal::Traces, |name| std::env::var(name).ok()) {
            Wanted::Off => Self::off(),
            Wanted::Unsupported { problem } => {
                tracing::warn!("{problem}; no traces are sent");
                Self::off()
            }
            Wanted::Grpc => {
                let _on_side = side.enter();
                match SpanExporter::builder().with_tonic().build() {
                    Ok(exporter) => Self::through(BatchSpanProcessor::builder(exporter).build()),
                    Err(error) => {
                        tracing::warn!(%error, "the trace exporter could not be set up; no traces are sent");
                        Self::off()
                    }
                }
            }
        }
    }

    /// Gives every span that ends to a processor.
    pub fn through(processor: impl SpanProcessor + 'static) -> Self {
        let provider =
            SdkTracerProvider::builder().with_resource(resource()).with_span_processor(processor).build();
        let tracer = provider.tracer("crossfade");
        Self(Some(Exporting { provider, tracer }))
    }

    /// Says whether spans are made at all.
    pub fn enabled(&self) -> bool {
        self.0.is_some()
    }

    /// Sends what waits and stops, waiting no longer than `patience`. Spans that end later are dropped.
    ///
    /// Dropped before it is done, it goes on in the background until `patience` is over.
    pub async fn shutdown(&self, patience: Duration) {
        let Some(Exporting { provider, .. }) = self.0.clone() else { return };
        // It blocks its thread while the exporter's thread sends the rest.
        let stopping = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(patience));
        match tokio::time::timeout(patience + Duration::from_millis(500), stopping).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::warn!(%error, "the last traces may not have been sent"),
            Ok(Err(_)) | Err(_) => tracing::warn!("the last traces may not have been sent"),
        }
    }
}

/// What the environment says of this process, with our name where it says none.
pub(super) fn resource() -> Resource {
    const NAME: &str = "service.name";
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let builder = Resource::builder().with_attribute(version);
    let found = Resource::builder().build().get(&NAME.into()).map(|name| name.to_string());
    // The SDK fills in `unknown_service` where neither variable names the service.
    match found {
        Some(name) if !name.starts_with("unknown_service") => builder.build(),
        _ => builder.with_service_name("crossfade").build(),
    }
}
