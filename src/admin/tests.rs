use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::StatusCode;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::admin::Admin;
use crate::admin::Gateway;
use crate::admin::Reload;
use crate::admin::routes::ROUTES;
use crate::admin::serve;
use crate::policy::tests::sample::policy;
use crate::policy::tests::sample::share;
use crate::rollout::Rollout;
use crate::strategy::canary::Step;
use crate::telemetry::Metrics;
use crate::vocab::ExperimentName;
use crate::vocab::Secret;

/// An admin server on a port of its own.
struct Server {
    address: String,
    draining: Arc<AtomicBool>,
    stop: CancellationToken,
    task: JoinSet<()>,
    _dir: TempDir,
}

/// The rest of the gateway, reduced to what tells its calls apart.
struct Elsewhere;

impl Gateway for Elsewhere {
    fn reload(&self) -> Reload {
        Reload::Refused { problems: vec!["policy.yaml:1:1: no".to_owned()] }
    }

    fn take_feedback(&self, report: &[u8]) -> (StatusCode, Value) {
        (StatusCode::OK, json!({"bytes": report.len()}))
    }

    fn refresh(&self) {}

    fn verdicts(&self, experiment: &ExperimentName) -> Value {
        json!([
            {"experiment": experiment, "candidate": "new", "state": "waiting"},
            {"experiment": experiment, "candidate": "newer", "state": "promote"},
        ])
    }

    fn evidence(&self) -> Vec<u8> {
        br#"{"version": 1}"#.to_vec()
    }

    fn summary(&self, experiment: &str) -> Option<Value> {
        (experiment == "split").then(|| json!({"pairs": 3}))
    }
}

#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    fn error(&self) -> String {
        self.json()["error"].as_str().unwrap().to_owned()
    }
}

impl Server {
    async fn start() -> Self {
        Self::start_with(None).await
    }

    async fn start_with(token: Option<&str>) -> Self {
        let dir = TempDir::new().unwrap();
        let step = |weight, approve| Step {
            hold: Duration::from_secs(3600),
            min_requests: 10,
            approve,
            ..Step::at(share(weight))
        };
        let metrics = Arc::new(Metrics::new());
        let rollout = Rollout::open(dir.path(), metrics.clone());
        let mut policy = policy("one", &[step("5%", false), step("50%", true)]);
        rollout.adopt(&mut policy);
        let draining = Arc::new(AtomicBool::new(false));
        let admin = Admin {
            policy: Arc::new(ArcSwap::from_pointee(policy)),
            metrics,
            rollout,
            token: token.map(|token| Secret::new(token.as_bytes())),
            max_body_bytes: 1000,
            body_time: Duration::from_millis(100),
            judges: None,
            gateway: Box::new(Elsewhere),
            draining: draining.clone(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (stop, mut task) = (CancellationToken::new(), JoinSet::new());
        task.spawn(serve(listener, admin, stop.clone()));
        Self { address, draining, stop, task, _dir: dir }
    }

    async fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[], "").await
    }

    async fn post(&self, path: &str, body: &str) -> Reply {
        self.ask("POST", path, &[], body).await
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let host = if headers.iter().any(|(name, _)| *name == "host") {
            String::new()
        } else {
            format!("host: {}\r\n", self.address)
        };
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        self.send(&format!(
            "{method} {path} HTTP/1.1\r\n{host}{headers}connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
        .await
    }

    async fn send(&self, text: &str) -> Reply {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Reply { status, head: head.to_lowercase(), body: body.to_owned() }
    }
}

fn openapi() -> Value {
    serde_json::from_str(crate::admin::answer::OPENAPI).unwrap()
}

/// Holds an answer against the schema that `openapi.json` gives for its path, method and status.
fn assert_as_described(method: &str, path: &str, reply: &Reply) {
    let openapi = openapi();
    let operation = &openapi["paths"][path][method.to_lowercase()];
    let content = &operation["responses"][reply.status.to_string()]["content"];
    let mut schema = content["application/json"]["schema"].clone();
    assert!(schema.is_object(), "{method} {path} {} is not described", reply.status);
    schema["components"] = openapi["components"].clone();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let body = reply.json();
    let problems: Vec<_> = validator.iter_errors(&body).map(|error| error.to_string()).collect();
    assert!(problems.is_empty(), "{method} {path}: {problems:?}\n{body:#}");
}

#[tokio::test]
async fn every_route_is_described_and_everything_described_is_served() {
    let server = Server::start().await;
    let openapi = openapi();
    let mut described = Vec::new();
    for (path, operations) in openapi["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            described.push((method.to_uppercase(), path.clone()));
            let reply = server
                .ask(
                    &method.to_uppercase(),
                    &path.replace("{name}", "chat").replace("{judge}", "people"),
                    &[],
                    "",
                )
                .await;
            assert!(![404, 405].contains(&reply.status), "{method} {path}: {reply:?}");
        }
    }
    let mut served: Vec<_> =
        ROUTES.iter().map(|route| (route.method.to_string(), route.path.to_owned())).collect();
    described.sort();
    served.sort();
    assert_eq!(served, described);
}

#[tokio::test]
async fn answers_are_as_described() {
    let server = Server::start().await;
    let experiments = "/api/v1/experiments/{name}";
    let assignment = "/api/v1/experiments/{name}/assignment";
    let cases = [
        ("/livez", "/livez", 200),
        ("/-/healthy", "/-/healthy", 200),
        ("/readyz", "/readyz", 200),
        ("/api/v1/experiments", "/api/v1/experiments", 200),
        (experiments, "/api/v1/experiments/chat", 200),
        (experiments, "/api/v1/experiments/split", 200),
        (experiments, "/api/v1/experiments/copies", 200),
        (experiments, "/api/v1/experiments/lists", 200),
        (experiments, "/api/v1/experiments/nobody", 404),
        (assignment, "/api/v1/experiments/split/assignment?unit=user-1", 200),
        (assignment, "/api/v1/experiments/split/assignment", 400),
        (assignment, "/api/v1/experiments/lists/assignment?unit=user-1", 409),
    ];
    for (template, path, status) in cases {
        let reply = server.get(path).await;
        assert_eq!(reply.status, status, "{path}: {reply:?}");
        assert_as_described("GET", template, &reply);
    }
    for (verb, body) in
        [("promote", ""), ("pause", r#"{"reason": "lunch"}"#), ("weight", r#"{"weight": "7%"}"#)]
    {
        let reply = server.post(&format!("/api/v1/experiments/chat/{verb}"), body).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_as_described("POST", &format!("{experiments}/{verb}"), &reply);
    }
    let (flags, gate) = ("/ofrep/v1/evaluate/flags", "/api/v1/flagger");
    let unit = r#"{"context": {"targetingKey": "user-1"}}"#;
    let asked = r#"{"metadata": {"experiment": "split"}}"#;
    let first = format!("{flags}/{{name}}");
    for (template, path, body, status) in [
        (first.as_str(), format!("{flags}/chat"), unit, 200),
        (&first, format!("{flags}/lists"), unit, 200),
        (&first, format!("{flags}/split"), "{}", 400),
        (&first, format!("{flags}/nobody"), unit, 404),
        (flags, flags.to_owned(), unit, 200),
        (flags, flags.to_owned(), "", 400),
        (&format!("{gate}/rollout"), format!("{gate}/rollout"), asked, 200),
        (&format!("{gate}/rollout"), format!("{gate}/rollout"), "", 400),
        (&format!("{gate}/confirm-promotion"), format!("{gate}/confirm-promotion"), asked, 409),
        (&format!("{gate}/rollback"), format!("{gate}/rollback"), asked, 409),
    ] {
        let reply = server.post(&path, body).await;
        assert_eq!(reply.status, status, "{path}: {reply:?}");
        assert_as_described("POST", template, &reply);
    }
    let reload = server.post("/-/reload", "").await;
    assert_eq!(reload.status, 422);
    assert_as_described("POST", "/-/reload", &reload);
    assert_eq!(reload.json()["problems"], json!(["policy.yaml:1:1: no"]));
}

#[tokio::test]
async fn an_experiment_shows_weights_settings_ramp_and_summary() {
    let server = Server::start().await;
    let chat = server.get("/api/v1/experiments/chat").await.json();
    assert_eq!(chat["arms"][1], json!({"name": "small", "part": "candidate", "weight": "5%"}));
    assert_eq!(chat["unit"], json!(["header x-user-id", "json $.user"]));
    assert_eq!(chat["ramp"]["step"], 1);
    assert_eq!(chat["ramp"]["history"][0]["reason"], "it begins");
    assert_eq!(chat["settings"]["steps"][1]["approval"], true);
    assert_eq!(chat["summary"], Value::Null);
    let split = server.get("/api/v1/experiments/split").await.json();
    assert_eq!(split["summary"]["pairs"], 3);
    assert_eq!(split["ramp"]["phase"], "running");
    let list = server.get("/api/v1/experiments").await.json();
    let names: Vec<_> = list["experiments"].as_array().unwrap().iter().map(|shown| &shown["name"]).collect();
    assert_eq!(names, ["chat", "split", "copies", "lists"]);
}

#[tokio::test]
async fn orders_move_the_ramp_and_wrong_orders_say_what_is_wrong() {
    let server = Server::start().await;
    let chat = "/api/v1/experiments/chat";
    let reply = server.post(&format!("{chat}/promote"), r#"{"reason": "looks good"}"#).await;
    assert_eq!(reply.json()["weight"], "50%");
    assert_eq!(reply.json()["history"][1]["reason"], "ordered: looks good");
    assert!(server.get("/metrics").await.body.contains(r#"crossfade_ramp_step{experiment="chat"} 2"#));
    let cases = [
        ("chat/weight", "", 400, r#"say which weight: {"weight": "25%"}"#),
        ("chat/weight", r#"{"weight": "25"}"#, 400, "weight: `25` is not a percentage"),
        ("chat/pause", r#"{"weight": "25%"}"#, 400, "only the path `weight` takes a weight"),
        ("chat/pause", r#"{"why": "x"}"#, 400, "the body is no order: unknown field `why`"),
        ("chat/pause", "[", 400, "the body is no order"),
        ("split/weight", r#"{"weight": "25%"}"#, 409, "experiment `split` is of strategy `ab`"),
        ("copies/promote", "", 409, "experiment `copies` is of strategy `shadow`"),
        ("nobody/rollback", "", 404, "no experiment `nobody` in the policy"),
    ];
    for (path, body, status, text) in cases {
        let reply = server.post(&format!("/api/v1/experiments/{path}"), body).await;
        assert_eq!(reply.status, status, "{path} {body}");
        assert!(reply.error().starts_with(text), "{path} {body}: {}", reply.error());
    }
    let long = format!(r#"{{"reason": "{}"}}"#, "x".repeat(501));
    assert_eq!(server.post(&format!("{chat}/pause"), &long).await.status, 400);
    assert_eq!(server.post(&format!("{chat}/rollback"), "").await.json()["weight"], "0%");
    assert_eq!(server.post(&format!("{chat}/promote"), "").await.status, 409);
    let copies = "/api/v1/experiments/copies";
    assert_eq!(server.post(&format!("{copies}/rollback"), "").await.json()["phase"], "rolled_back");
    assert_eq!(server.post(&format!("{copies}/resume"), "").await.json()["attempt"], 2);
}

#[tokio::test]
async fn a_unit_is_looked_up_by_its_decoded_name() {
    let server = Server::start().await;
    let assignment = "/api/v1/experiments/chat/assignment";
    let plain = server.get(&format!("{assignment}?unit=anna%40example.org")).await.json();
    assert_eq!(plain["unit"], "anna@example.org");
    server.post("/api/v1/experiments/chat/weight", r#"{"weight": "100%"}"#).await;
    let all = server.get(&format!("{assignment}?unit=anna%40example.org")).await.json();
    assert_eq!((&all["arm"], &all["propensity"]), (&json!("small"), &json!(1.0)));
    assert_eq!(all["bucket"], plain["bucket"]);
}

#[tokio::test]
async fn a_shutdown_shows_in_readiness_and_not_in_liveness() {
    let server = Server::start().await;
    server.draining.store(true, Ordering::Relaxed);
    let reply = server.get("/readyz").await;
    assert_eq!((reply.status, reply.error().as_str()), (503, "the gateway is shutting down"));
    assert_eq!(server.get("/-/ready").await.status, 503);
    assert_eq!(server.get("/livez").await.status, 200);
}

#[tokio::test]
async fn with_a_token_only_probes_are_open() {
    let server = Server::start_with(Some("s3cret")).await;
    for path in ["/livez", "/readyz", "/-/healthy", "/-/ready"] {
        assert_eq!(server.get(path).await.status, 200, "{path}");
    }
    for path in ["/metrics", "/api/v1/experiments", "/openapi.json", "/nowhere"] {
        let reply = server.get(path).await;
        assert_eq!(reply.status, 401, "{path}");
        assert!(reply.head.contains("www-authenticate: bearer"));
    }
    let cases = [
        ("Bearer s3cret", 200),
        ("bearer s3cret", 200),
        ("Bearer wrong!", 401),
        ("Bearer s3cret2", 401),
        ("Bearer", 401),
        ("Basic s3cret", 401),
    ];
    for (given, status) in cases {
        let headers = [("authorization", given), ("host", "gateway.example")];
        assert_eq!(server.ask("GET", "/metrics", &headers, "").await.status, status, "{given}");
    }
}

#[tokio::test]
async fn without_a_token_no_web_page_reaches_the_server() {
    let server = Server::start().await;
    let two = "localhost\r\nhost: evil.example";
    for host in ["evil.example:9090", "evil example", "127.0.0.1@evil.example", "", two] {
        let rebound = [("host", host)];
        assert_eq!(server.ask("GET", "/api/v1/experiments", &rebound, "").await.status, 403, "{host}");
    }
    for host in ["localhost:9090", "127.0.0.1", "[::1]:9090"] {
        assert_eq!(server.ask("GET", "/metrics", &[("host", host)], "").await.status, 200, "{host}");
    }
    let own = format!("http://{}", server.address);
    for (origin, status) in [("https://evil.example", 403), ("null", 403), (own.as_str(), 200)] {
        let reply = server.ask("POST", "/feedback", &[("origin", origin)], "{}").await;
        assert_eq!(reply.status, status, "{origin}");
    }
}

#[tokio::test]
async fn wrong_methods_and_paths_and_bodies_are_named() {
    let server = Server::start().await;
    let wrong = server.ask("DELETE", "/livez", &[], "").await;
    assert_eq!((wrong.status, wrong.error().as_str()), (405, "this path takes GET, HEAD"));
    assert!(wrong.head.contains("allow: get, head"));
    assert!(server.get("/-/reload").await.head.contains("allow: post"));
    for path in ["/", "/api/v1/experiments/", "/api/v1/experiments/chat/dance", "/livez/"] {
        assert_eq!(server.get(path).await.status, 404, "{path}");
    }
    let head = server.ask("HEAD", "/metrics", &[], "").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    let long = server.post("/feedback", &"x".repeat(1001)).await;
    assert_eq!((long.status, long.error().as_str()), (413, "the body is longer than 1000 bytes"));
    assert_eq!(server.post("/feedback", &"x".repeat(1000)).await.json()["bytes"], 1000);
    let host = &server.address;
    let slow = format!(
        "POST /feedback HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhal"
    );
    assert_eq!(server.send(&slow).await.status, 408);
}

#[tokio::test]
async fn a_stopped_server_lets_idle_connections_go() {
    let mut server = Server::start().await;
    let mut idle = TcpStream::connect(&server.address).await.unwrap();
    let request = format!("GET /livez HTTP/1.1\r\nhost: {}\r\n\r\n", server.address);
    idle.write_all(request.as_bytes()).await.unwrap();
    assert!(idle.read(&mut [0; 1024]).await.unwrap() > 0);
    server.stop.cancel();
    let stopped = tokio::time::timeout(Duration::from_secs(4), server.task.join_next()).await;
    assert!(stopped.is_ok(), "an idle connection held the server up");
}
