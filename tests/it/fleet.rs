//! Three gateways and a controller: one decision for all, and nobody hurt by whatever is missing.

use std::path::Path;
use std::path::PathBuf;

use crossfade::config;
use crossfade::controller::Controller;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

use crate::rig::Client;
use crate::rig::Model;
use crate::rig::Rig;
use crate::rig::until;
use crate::rollout;

/// Gateways that follow what stands in one file.
struct Fleet {
    dir: TempDir,
    gateways: Vec<Rig>,
    policy: String,
    _models: [Model; 2],
}

impl Fleet {
    async fn start(strategy: &str, failing: u64) -> Self {
        let dir = TempDir::new().unwrap();
        let (old, new) = (rollout::failing_for(10).await, rollout::failing_for(failing).await);
        let policy = rollout::policy(&old.url(), &new.url(), strategy);
        let mut gateways = Vec::new();
        for _ in 0..3 {
            let decisions = dir.path().join("decisions.json");
            let follows = format!("fleet: {{decisions: {}}}\n{policy}", decisions.display());
            gateways.push(Rig::start(&follows).await);
        }
        Self { dir, gateways, policy, _models: [old, new] }
    }

    fn decisions(&self) -> PathBuf {
        self.dir.path().join("decisions.json")
    }

    /// A controller of all gateways, and of these addresses besides.
    async fn controller(&self, also: &[String]) -> Controller {
        let urls = self.gateways.iter().map(|rig| rig.gateway().admin_addr().to_string());
        let urls: Vec<String> =
            urls.chain(also.iter().cloned()).map(|it| format!("{{url: \"http://{it}\"}}")).collect();
        let text = format!(
            "fleet: {{decisions: {}, controller: {{listen: \"127.0.0.1:0\", every: 50ms, patience: 1s, replicas: \
             [{}]}}}}\n{}",
            self.decisions().display(),
            urls.join(", "),
            self.policy
        );
        start(self.dir.path(), &text).await
    }

    /// Where the experiment stands at each gateway.
    async fn stand(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for gateway in &self.gateways {
            all.push(rollout::stands(gateway).await);
        }
        all
    }

    async fn until_all(&self, phase: &str) {
        until(phase, async || self.stand().await.iter().all(|ramp| ramp["phase"] == phase)).await;
    }

    /// Serves users in turn by all gateways.
    async fn serve(&self, users: std::ops::Range<u64>) {
        for user in users {
            let gateway = &self.gateways[user as usize % self.gateways.len()];
            rollout::serve(&mut gateway.client().await, user..user + 1).await;
        }
    }
}

async fn start(dir: &Path, text: &str) -> Controller {
    let path = dir.join(format!("controller-{:x}.yaml", text.len()));
    std::fs::write(&path, text).unwrap();
    let config = config::load(&path).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    Controller::start(config).await.unwrap()
}

async fn at(controller: &Controller) -> Client {
    Client::http1(controller.address()).await.naming("127.0.0.1")
}

async fn ramp(controller: &Controller) -> Value {
    at(controller).await.get("/api/v1/experiments/e").await.json()["ramp"].clone()
}

#[tokio::test]
async fn what_no_gateway_is_sure_of_alone_all_are_together() {
    let fleet = Fleet::start("canary: {steps: [{weight: 30%, hold: 1h}]}", 60).await;
    assert!(fleet.stand().await.iter().all(|ramp| ramp["phase"] == "scheduled"), "nobody has decided yet");
    let controller = fleet.controller(&[]).await;
    fleet.until_all("running").await;
    let mut users = 0;
    while ramp(&controller).await["phase"] != "rolled_back" {
        assert!(users < 5_000, "not rolled back: {}", ramp(&controller).await);
        fleet.serve(users..users + 30).await;
        users += 30;
    }
    fleet.until_all("rolled_back").await;
    for stands in fleet.stand().await {
        let change = stands["history"].as_array().unwrap().last().unwrap();
        assert_eq!(change["cause"], "controller");
        assert!(change["reason"].as_str().unwrap().starts_with("guardrail `error_rate` tipped after "));
    }
    let alone = fleet.gateways[0].admin().await.get("/api/v1/experiments/e/verdict").await.json();
    assert_eq!(alone["rollback"], false, "{alone}");
    let together = at(&controller).await.get("/api/v1/experiments/e/verdict").await.json();
    assert_eq!(together["rollback"], true, "{together}");
    controller.shut_down().await;
}

#[tokio::test]
async fn orders_go_to_the_controller_and_a_gateway_says_so() {
    let fleet = Fleet::start("canary: {steps: [{weight: 5%, hold: 1h}, {weight: 50%, hold: 1h}]}", 10).await;
    let controller = fleet.controller(&[]).await;
    fleet.until_all("running").await;
    let refused = fleet.gateways[0].admin().await.post("/api/v1/experiments/e/rollback", &[], "").await;
    assert_eq!(refused.status, 409);
    assert!(refused.text().contains("follows its fleet's controller"), "{}", refused.text());
    at(&controller).await.post("/api/v1/experiments/e/promote", &[], "").await;
    let promoted = async || fleet.stand().await.iter().all(|ramp| ramp["weight"] == "50%");
    until("all gateways have heard of it", promoted).await;
    controller.shut_down().await;
}

#[tokio::test]
async fn without_their_controller_gateways_keep_what_they_have_and_the_next_one_goes_on() {
    let mut fleet =
        Fleet::start("canary: {steps: [{weight: 5%, hold: 1h}, {weight: 50%, hold: 1h}]}", 10).await;
    let controller = fleet.controller(&[]).await;
    fleet.until_all("running").await;
    at(&controller).await.post("/api/v1/experiments/e/promote", &[], "").await;
    let at_half = async |fleet: &Fleet| fleet.stand().await.iter().all(|ramp| ramp["weight"] == "50%");
    until("all are at half", async || at_half(&fleet).await).await;
    controller.shut_down().await;
    fleet.gateways[0].restart().await;
    assert!(at_half(&fleet).await);
    let before = fleet.stand().await[1]["stage"].clone();
    let next = fleet.controller(&[]).await;
    assert_eq!(ramp(&next).await["weight"], "50%");
    at(&next).await.post("/api/v1/experiments/e/rollback", &[], "").await;
    fleet.until_all("rolled_back").await;
    assert_eq!(fleet.stand().await[1]["stage"].as_u64(), before.as_u64().map(|stage| stage + 1));
    next.shut_down().await;
}

#[tokio::test]
async fn while_a_gateway_is_silent_nobody_goes_on_and_a_bad_candidate_is_taken_out_all_the_same() {
    let steps =
        "canary: {steps: [{weight: 30%, min_requests: 5}, {weight: 50%, hold: 1h}], guardrail_alpha: 0.05}";
    let fleet = Fleet::start(steps, 60).await;
    // An address at which nobody answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let controller = fleet.controller(&[silent.local_addr().unwrap().to_string()]).await;
    fleet.until_all("running").await;
    let doubts = async || ramp(&controller).await["waiting_for"]["doubt"] == true;
    until("the silence is noticed", doubts).await;
    let mut users = 0;
    loop {
        let stands = ramp(&controller).await;
        if stands["phase"] == "rolled_back" {
            break;
        }
        assert_eq!(stands["waiting_for"]["doubt"], true, "nobody goes on");
        assert!(users < 5_000, "not rolled back: {stands}");
        fleet.serve(users..users + 30).await;
        users += 30;
    }
    let steps: Vec<_> = ramp(&controller).await["history"].as_array().unwrap().clone();
    assert!(steps.iter().all(|change| change["cause"] != "step"), "{steps:?}");
    assert!(rollout_metric(&controller, "state=\"silent\"").await == 1.0);
    controller.shut_down().await;
}

#[tokio::test]
async fn two_controllers_do_no_harm() {
    let fleet = Fleet::start("canary: {steps: [{weight: 5%, hold: 1h}, {weight: 50%, hold: 1h}]}", 10).await;
    let one = fleet.controller(&[]).await;
    let other = fleet.controller(&["127.0.0.1:1".to_owned()]).await;
    fleet.until_all("running").await;
    at(&one).await.post("/api/v1/experiments/e/promote", &[], "").await;
    let agreed = async |weight: &str| {
        let seen = [ramp(&one).await, ramp(&other).await];
        seen.iter().chain(&fleet.stand().await).all(|ramp| ramp["weight"] == weight)
    };
    until("both stand where one went", async || agreed("50%").await).await;
    at(&other).await.post("/api/v1/experiments/e/rollback", &[], "").await;
    until("both stand where the other went", async || agreed("0%").await).await;
    let told: Value = serde_json::from_slice(&std::fs::read(fleet.decisions()).unwrap()).unwrap();
    assert_eq!(told["experiments"][0]["phase"], json!("rolled_back"));
    one.shut_down().await;
    other.shut_down().await;
}

#[tokio::test]
async fn a_policy_without_a_controller_is_told_how_to_name_the_gateways() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("policy.yaml");
    std::fs::write(&path, "models: {m: {url: \"http://127.0.0.1:1\"}}\ndefault: m\n").unwrap();
    let error = Controller::start(config::load(&path).unwrap()).await.err().unwrap();
    assert!(error.to_string().contains("has no `fleet.controller`; hint: "), "{error}");
}

async fn rollout_metric(controller: &Controller, label: &str) -> f64 {
    let metrics = at(controller).await.get("/metrics").await;
    let line = metrics
        .text()
        .lines()
        .find(|line| line.starts_with("crossfade_controller_replicas") && line.contains(label));
    line.unwrap().rsplit_once(' ').unwrap().1.parse().unwrap()
}
