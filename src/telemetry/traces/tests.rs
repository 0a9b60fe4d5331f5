use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::SystemTime;

use bytes::Bytes;
use http::HeaderMap;
use http::HeaderName;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::request::Parts;
use http_body_util::BodyExt;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use opentelemetry::Context;
use opentelemetry::trace::SpanKind;
use opentelemetry::trace::Status;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::BatchSpanProcessor;
use opentelemetry_sdk::trace::Span;
use opentelemetry_sdk::trace::SpanData;
use opentelemetry_sdk::trace::SpanProcessor;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::telemetry::traces::EndedSpan;
use crate::telemetry::traces::Generation;
use crate::telemetry::traces::Leg;
use crate::telemetry::traces::SpanParent;
use crate::telemetry::traces::Traces;
use crate::telemetry::traces::environment::Signal;
use crate::telemetry::traces::environment::Wanted;
use crate::telemetry::traces::environment::wanted;
use crate::telemetry::traces::resource;
use crate::vocab::ExperimentName;
use crate::vocab::Fate;
use crate::vocab::ModelName;
use crate::vocab::RequestId;
use crate::vocab::Role;

const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNSAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

/// Keeps every span that ended.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl SpanProcessor for Kept {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        self.0.lock().unwrap().push(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn set_resource(&mut self, _: &Resource) {}
}

impl Kept {
    fn only(&self, kind: SpanKind) -> SpanData {
        let spans = self.0.lock().unwrap();
        let mut found = spans.iter().filter(|span| span.span_kind == kind);
        let span = found.next().unwrap().clone();
        assert!(found.next().is_none());
        span
    }
}

fn attribute(span: &SpanData, key: &str) -> Option<String> {
    span.attributes.iter().find(|pair| pair.key.as_str() == key).map(|pair| pair.value.to_string())
}

fn request(traceparent: Option<&str>) -> Parts {
    let builder = Request::post("/v1/chat?secret=1").header("tracestate", "vendor=1");
    let builder =
        traceparent.into_iter().fold(builder, |builder, value| builder.header("traceparent", value));
    builder.body(()).unwrap().into_parts().0
}

fn call(parent: &SpanParent, role: Role, headers: &mut HeaderMap, status: u16, fate: Fate) {
    let (experiment, arm) = (ExperimentName::new("chat").unwrap(), ModelName::new("small").unwrap());
    let leg = Leg {
        experiment: Some(&experiment),
        arm: &arm,
        role,
        request_id: Some(RequestId::draw()),
        method: &Method::POST,
        path: "/predict",
        provider: None,
    };
    drop(parent.client_span(leg, headers).finish(StatusCode::from_u16(status).ok(), fate));
}

fn traceparent(headers: &HeaderMap) -> &str {
    headers["traceparent"].to_str().unwrap()
}

#[test]
fn a_client_span_is_a_child_of_the_server_span_which_is_a_child_of_the_clients() {
    let kept = Kept::default();
    let head = request(Some(SAMPLED));
    let server = Traces::through(kept.clone()).server_span(&head, "http", str::to_owned);
    let mut headers = head.headers.clone();
    call(server.parent(), Role::Shadow, &mut headers, 200, Fate::Complete);
    server.finish(Some(StatusCode::OK), Fate::Complete);

    let (server, client) = (kept.only(SpanKind::Server), kept.only(SpanKind::Client));
    assert_eq!(server.parent_span_id.to_string(), &SAMPLED[36..52]);
    assert_eq!(client.parent_span_id, server.span_context.span_id());
    let sent = format!("{}{}-01", &SAMPLED[..36], client.span_context.span_id());
    assert_eq!(traceparent(&headers), sent);
    assert_eq!(headers["tracestate"], "vendor=1");
    assert_eq!(attribute(&client, "crossfade.role").as_deref(), Some("shadow"));
    assert_eq!(attribute(&client, "crossfade.arm").as_deref(), Some("small"));
    assert_eq!(attribute(&server, "url.path").as_deref(), Some("/v1/chat"));
    assert_eq!(client.status, Status::Unset);
    for span in [&server, &client] {
        assert_eq!(span.span_context.trace_state().header(), "", "what a client wrote is for models alone");
    }
}

#[test]
fn a_path_is_told_as_the_caller_lets_it_be_shown() {
    let kept = Kept::default();
    let server =
        Traces::through(kept.clone()).server_span(&request(None), "http", |path| path.replace("chat", "***"));
    server.finish(Some(StatusCode::OK), Fate::Complete);
    assert_eq!(attribute(&kept.only(SpanKind::Server), "url.path").as_deref(), Some("/v1/***"));
}

#[test]
fn the_server_span_tells_its_assignment() {
    let kept = Kept::default();
    let mut server = Traces::through(kept.clone()).server_span(&request(None), "http", str::to_owned);
    let id = RequestId::draw();
    server.assigned(&ExperimentName::new("chat").unwrap(), &ModelName::new("small").unwrap(), id);
    server.finish(Some(StatusCode::OK), Fate::Complete);
    let span = kept.only(SpanKind::Server);
    let expected = [
        ("crossfade.experiment", "chat"),
        ("crossfade.arm", "small"),
        ("feature_flag.key", "chat"),
        ("feature_flag.result.variant", "small"),
        ("http.response.status_code", "200"),
        ("http.request.method", "POST"),
    ];
    for (key, value) in expected {
        assert_eq!(attribute(&span, key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(attribute(&span, "crossfade.request_id"), Some(id.to_string()));
}

#[test]
fn a_failed_call_says_how_it_failed() {
    let cases = [
        (200, Fate::Complete, None, false),
        (404, Fate::Complete, Some("404"), true),
        (503, Fate::Complete, Some("503"), true),
        (200, Fate::Truncated, Some("truncated"), true),
        (0, Fate::Timeout, Some("timeout"), true),
        (200, Fate::Cancelled, Some("cancelled"), false),
    ];
    for (status, fate, error, failed) in cases {
        let kept = Kept::default();
        let server = Traces::through(kept.clone()).server_span(&request(None), "http", str::to_owned);
        call(server.parent(), Role::Answer, &mut HeaderMap::new(), status, fate);
        let span = kept.only(SpanKind::Client);
        assert_eq!(attribute(&span, "error.type").as_deref(), error, "{status} {fate:?}");
        assert_eq!(matches!(span.status, Status::Error { .. }), failed, "{status} {fate:?}");
    }
}

/// A call to a language model that has ended.
fn generated(parent: &SpanParent, path: &str) -> EndedSpan {
    let arm = ModelName::new("small").unwrap();
    let leg = Leg {
        experiment: None,
        arm: &arm,
        role: Role::Answer,
        request_id: None,
        method: &Method::POST,
        path,
        provider: Some("openai"),
    };
    let span = parent.client_span(leg, &mut HeaderMap::new());
    span.finish(Some(StatusCode::OK), Fate::Complete).unwrap()
}

#[test]
fn a_span_ends_as_of_its_calls_end_whenever_its_answer_is_read_if_ever() {
    for is_read in [true, false] {
        let kept = Kept::default();
        let server = Traces::through(kept.clone()).server_span(&request(None), "http", str::to_owned);
        let ended = generated(server.parent(), "/v1/chat/completions");
        let later = SystemTime::now();
        assert!(kept.0.lock().unwrap().is_empty(), "it waits");
        if is_read {
            let request_model = Some("m".repeat(300));
            ended.complete(Generation { request_model, ..Generation::default() });
        } else {
            drop(ended);
        }
        let span = kept.only(SpanKind::Client);
        assert!(span.end_time <= later);
        let name = if is_read { format!("chat {}", "m".repeat(256)) } else { "chat".to_owned() };
        assert_eq!(span.name, name);
        assert_eq!(attribute(&span, "gen_ai.provider.name").as_deref(), Some("openai"));
        assert_eq!(attribute(&span, "http.response.status_code").as_deref(), Some("200"));
        assert_eq!(attribute(&span, "gen_ai.request.model").is_some(), is_read);
    }
}

#[test]
fn the_path_tells_what_a_language_model_is_asked_for() {
    let cases = [
        ("/v1/chat/completions", Some("chat")),
        ("/openai/deployments/x/chat/completions", Some("chat")),
        ("/v1/messages", Some("chat")),
        ("/v1/responses", Some("chat")),
        ("/v1/completions", Some("text_completion")),
        ("/generate_stream", Some("text_completion")),
        ("/v1/embeddings", Some("embeddings")),
        ("/v1/models", None),
        ("/v1/messages/count_tokens", None),
    ];
    for (path, expected) in cases {
        let kept = Kept::default();
        let server = Traces::through(kept.clone()).server_span(&request(None), "http", str::to_owned);
        drop(generated(server.parent(), path));
        let span = kept.only(SpanKind::Client);
        assert_eq!(span.name, expected.unwrap_or("POST"), "{path}");
        assert_eq!(attribute(&span, "gen_ai.operation.name").as_deref(), expected, "{path}");
    }
}

#[test]
fn an_unsampled_trace_is_carried_on_and_exports_nothing() {
    let kept = Kept::default();
    let head = request(Some(UNSAMPLED));
    let server = Traces::through(kept.clone()).server_span(&head, "http", str::to_owned);
    let mut headers = head.headers.clone();
    call(server.parent(), Role::Answer, &mut headers, 200, Fate::Complete);
    server.finish(Some(StatusCode::OK), Fate::Complete);
    assert!(kept.0.lock().unwrap().is_empty());
    assert!(traceparent(&headers).starts_with(&UNSAMPLED[..36]));
    assert!(traceparent(&headers).ends_with("-00"));
}

#[test]
fn without_tracing_the_answers_context_goes_on_unchanged_and_a_copys_gets_a_fresh_parent() {
    let head = request(Some(SAMPLED));
    let server = Traces::off().server_span(&head, "http", str::to_owned);
    for (role, changed) in [(Role::Answer, false), (Role::Fallback, false), (Role::Shadow, true)] {
        let mut headers = head.headers.clone();
        call(server.parent(), role, &mut headers, 200, Fate::Complete);
        let sent = traceparent(&headers);
        assert_eq!((&sent[..36], &sent[52..]), (&SAMPLED[..36], &SAMPLED[52..]));
        assert_eq!(sent != SAMPLED, changed, "{role:?}");
    }
    for broken in ["", "00-short", "é".repeat(40).as_str()] {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", broken.parse().unwrap());
        call(server.parent(), Role::Shadow, &mut headers, 200, Fate::Complete);
        assert_eq!(headers["traceparent"].as_bytes(), broken.as_bytes());
    }
}

#[test]
fn the_environment_decides_whether_traces_are_sent() {
    const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317");
    let check = |variables: &[(&str, &str)], expected: Wanted| {
        let look_up =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_string());
        assert_eq!(wanted(Signal::Traces, look_up), expected, "{variables:?}");
    };
    check(&[], Wanted::Off);
    check(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")], Wanted::Off);
    check(&[ENDPOINT], Wanted::Grpc);
    check(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:4317")], Wanted::Grpc);
    for (signal, own) in [(Signal::Traces, "TRACES"), (Signal::Logs, "LOGS")] {
        let check = |variables: &[(String, &str)], expected: Wanted| {
            let look_up = |name: &str| {
                variables.iter().find(|(key, _)| key == name).map(|(_, value)| value.to_string())
            };
            assert_eq!(wanted(signal, look_up), expected, "{variables:?}");
        };
        let endpoint = |of: &str| (format!("OTEL_EXPORTER_OTLP_{of}_ENDPOINT"), "http://127.0.0.1:4317");
        let other = if own == "LOGS" { "TRACES" } else { "LOGS" };
        check(&[endpoint(own)], Wanted::Grpc);
        check(&[endpoint(other)], Wanted::Off);
        check(&[endpoint(own), (format!("OTEL_{own}_EXPORTER"), "none")], Wanted::Off);
        check(&[endpoint(own), (format!("OTEL_{other}_EXPORTER"), "none")], Wanted::Grpc);
    }
    check(&[ENDPOINT, ("OTEL_SDK_DISABLED", "TRUE")], Wanted::Off);
    check(&[ENDPOINT, ("OTEL_TRACES_EXPORTER", "none")], Wanted::Off);
    check(&[ENDPOINT, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], Wanted::Grpc);
    let http = ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
    check(&[ENDPOINT, http, ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc")], Wanted::Grpc);
    let problem = "OTEL_EXPORTER_OTLP_PROTOCOL=`http/protobuf` is not supported: set it to `grpc` and the endpoint \
                   to the collector's gRPC port, mostly 4317";
    check(&[ENDPOINT, http], Wanted::Unsupported { problem: problem.to_owned() });
    let problem = "OTEL_TRACES_EXPORTER=`zipkin` is not supported: expected `otlp` or `none`";
    check(
        &[ENDPOINT, ("OTEL_TRACES_EXPORTER", "zipkin")],
        Wanted::Unsupported { problem: problem.to_owned() },
    );
}

#[test]
fn the_service_is_called_crossfade_unless_the_environment_says_otherwise() {
    let expected = std::env::var("OTEL_SERVICE_NAME").unwrap_or_else(|_| "crossfade".to_owned());
    assert_eq!(resource().get(&"service.name".into()).unwrap().to_string(), expected);
}

/// Takes one OTLP export over gRPC and gives back its path and message.
async fn receive_export(listener: TcpListener) -> (String, Vec<u8>) {
    let (stream, _) = listener.accept().await.unwrap();
    let (taken, mut exports) = mpsc::channel(1);
    let service = service_fn(move |request: Request<Incoming>| {
        let taken = taken.clone();
        async move {
            let path = request.uri().path().to_owned();
            let message = request.into_body().collect().await?.to_bytes().to_vec();
            let _ = taken.try_send((path, message));
            let trailers =
                HeaderMap::from_iter([(HeaderName::from_static("grpc-status"), "0".parse().unwrap())]);
            let empty_message = Full::new(Bytes::from_static(&[0; 5]));
            let body = empty_message.with_trailers(async { Some(Ok(trailers)) });
            let response = Response::builder().header("content-type", "application/grpc").body(body);
            Ok::<_, hyper::Error>(response.unwrap())
        }
    });
    let mut connections = JoinSet::new();
    connections.spawn(async move {
        let connection = http2::Builder::new(TokioExecutor::new());
        let _ = connection.serve_connection(TokioIo::new(stream), service).await;
    });
    let export = exports.recv().await.unwrap();
    // The client ends the connection once it has its answer.
    connections.join_next().await;
    export
}

#[tokio::test]
async fn ended_spans_reach_a_collector_over_grpc() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build().unwrap();
    let traces = Traces::through(BatchSpanProcessor::builder(exporter).build());
    let mut collector = JoinSet::new();
    collector.spawn(receive_export(listener));

    let mut server = traces.server_span(&request(Some(SAMPLED)), "http", str::to_owned);
    server.assigned(
        &ExperimentName::new("chat").unwrap(),
        &ModelName::new("small").unwrap(),
        RequestId::draw(),
    );
    server.finish(Some(StatusCode::OK), Fate::Complete);
    traces.shutdown(Duration::from_secs(5)).await;
    drop(traces);

    let (path, message) = collector.join_next().await.unwrap().unwrap();
    assert_eq!(path, "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
    for text in ["service.name", "crossfade.experiment", "chat", "feature_flag.key", "/v1/chat"] {
        assert!(message.windows(text.len()).any(|window| window == text.as_bytes()), "{text}");
    }
    assert!(!message.windows(6).any(|window| window == b"secret"), "a query is never exported");
}

#[tokio::test]
async fn shutdown_does_not_hang_on_a_collector_that_never_answers() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build().unwrap();
    let traces = Traces::through(BatchSpanProcessor::builder(exporter).build());
    traces.server_span(&request(None), "http", str::to_owned).finish(Some(StatusCode::OK), Fate::Complete);
    let patience = Duration::from_millis(200);
    let stopped = tokio::time::timeout(Duration::from_secs(5), traces.shutdown(patience)).await;
    assert!(stopped.is_ok());
}
