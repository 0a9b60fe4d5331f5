//! What OpenTelemetry's environment variables ask of the exporters of traces and of logs.
//!
//! The SDK reads most of them itself; these decide whether there are exporters at all.

/// What the environment asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::telemetry) enum Wanted {
    /// Nothing is sent.
    Off,
    /// OTLP over gRPC.
    Grpc,
    /// Something this build cannot do, said for a log line.
    Unsupported { problem: String },
}

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::telemetry) enum Signal {
    /// Spans.
    Traces,
    /// Events, which are log records.
    Logs,
}

/// Reads the variables. An empty value counts as absent, as OpenTelemetry's specification says.
pub(in crate::telemetry) fn wanted(signal: Signal, variable: impl Fn(&str) -> Option<String>) -> Wanted {
    let first = |names: [&'static str; 2]| {
        names.into_iter().find_map(|name| {
            let value = variable(name).filter(|value| !value.trim().is_empty())?;
            Some((name, value.trim().to_owned()))
        })
    };
    let only = |name| first([name, name]).map(|(_, value)| value);
    let disabled = only("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let (exporter, own_endpoint, own_protocol) = signal.variables();
    let endpoint = first([own_endpoint, "OTEL_EXPORTER_OTLP_ENDPOINT"]);
    if disabled || endpoint.is_none() {
        return Wanted::Off;
    }
    match only(exporter).as_deref() {
        None | Some("otlp") => {}
        Some("none") => return Wanted::Off,
        Some(other) => {
            let problem = format!("{exporter}=`{other}` is not supported: expected `otlp` or `none`");
            return Wanted::Unsupported { problem };
        }
    }
    match first([own_protocol, "OTEL_EXPORTER_OTLP_PROTOCOL"]) {
        Some((name, protocol)) if protocol != "grpc" => Wanted::Unsupported {
            problem: format!(
                "{name}=`{protocol}` is not supported: set it to `grpc` and the endpoint to the collector's gRPC \
                 port, mostly 4317"
            ),
        },
        _ => Wanted::Grpc,
    }
}

impl Signal {
    /// The variables of its own: of the exporter, the endpoint and the protocol.
    fn variables(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Signal::Traces => (
                "OTEL_TRACES_EXPORTER",
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
            ),
            Signal::Logs => {
                ("OTEL_LOGS_EXPORTER", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL")
            }
        }
    }
}
