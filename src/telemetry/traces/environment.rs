//! What OpenTelemetry's environment variables ask of the trace exporter.
//!
//! The SDK reads most of them itself; these decide whether there is an exporter at all.

/// What the environment asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// No traces.
    Off,
    /// OTLP over gRPC.
    Grpc,
    /// Something this build cannot do, said for a log line.
    Unsupported { problem: String },
}

/// Reads the variables. An empty value counts as absent, as OpenTelemetry's specification says.
pub(super) fn wanted(variable: impl Fn(&str) -> Option<String>) -> Wanted {
    let first = |names: [&'static str; 2]| {
        names.into_iter().find_map(|name| {
            let value = variable(name).filter(|value| !value.trim().is_empty())?;
            Some((name, value.trim().to_owned()))
        })
    };
    let only = |name| first([name, name]).map(|(_, value)| value);
    let disabled = only("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let endpoint = first(["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"]);
    if disabled || endpoint.is_none() {
        return Wanted::Off;
    }
    match only("OTEL_TRACES_EXPORTER").as_deref() {
        None | Some("otlp") => {}
        Some("none") => return Wanted::Off,
        Some(other) => {
            let problem =
                format!("OTEL_TRACES_EXPORTER=`{other}` is not supported: expected `otlp` or `none`");
            return Wanted::Unsupported { problem };
        }
    }
    match first(["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"]) {
        Some((name, protocol)) if protocol != "grpc" => Wanted::Unsupported {
            problem: format!(
                "{name}=`{protocol}` is not supported: set it to `grpc` and the endpoint to the collector's gRPC \
                 port, mostly 4317"
            ),
        },
        _ => Wanted::Grpc,
    }
}
