//! A whole gateway in this process: its policy, its records, its metrics.

use std::path::Path;
use std::path::PathBuf;

use crossfade::app::Gateway;
use crossfade::config;
use crossfade::config::Config;
use crossfade::record;
use serde_json::Value;
use tempfile::TempDir;

use crate::rig::Client;

/// A running gateway with files of its own.
pub(crate) struct Rig {
    gateway: Option<Gateway>,
    dir: TempDir,
}

impl Rig {
    /// Starts a gateway under this policy, whose `listen` and `record` are put before it: port 0, a directory of its
    /// own.
    pub(crate) async fn start(policy: &str) -> Self {
        Self::start_with(policy, "", "").await
    }

    /// The same, with more keys under `listen` and `record`, each as ` key: value,`.
    pub(crate) async fn start_with(policy: &str, listen: &str, record: &str) -> Self {
        Self::start_changed(policy, listen, record, |_| {}).await
    }

    /// The same, with what no key of the policy says.
    pub(crate) async fn start_changed(
        policy: &str,
        listen: &str,
        record: &str,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let dir = TempDir::new().unwrap();
        let text = text(dir.path(), policy, listen, record);
        std::fs::write(policy_path(dir.path()), &text).unwrap();
        let mut config =
            config::load(&policy_path(dir.path())).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
        change(&mut config);
        let gateway = blocking(move || Gateway::start(config)).await.unwrap();
        Self { gateway: Some(gateway), dir }
    }

    pub(crate) fn gateway(&self) -> &Gateway {
        self.gateway.as_ref().unwrap()
    }

    pub(crate) async fn client(&self) -> Client {
        Client::http1(self.gateway().data_addr()).await
    }

    pub(crate) async fn client2(&self) -> Client {
        Client::http2(self.gateway().data_addr()).await
    }

    pub(crate) async fn admin(&self) -> Client {
        Client::http1(self.gateway().admin_addr()).await.naming("127.0.0.1")
    }

    pub(crate) fn policy_path(&self) -> PathBuf {
        policy_path(self.dir.path())
    }

    /// Replaces the policy file's models and experiments; nothing is reloaded by this alone.
    pub(crate) fn write_policy(&self, policy: &str) {
        std::fs::write(self.policy_path(), text(self.dir.path(), policy, "", "")).unwrap();
    }

    /// The value of a metric: the sum of its series that carry all of these labels, each as `name="value"`.
    pub(crate) async fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let got = self.admin().await.get("/metrics").await;
        assert_eq!(got.status, 200, "{}", got.text());
        let text = got.text();
        let series = text.lines().filter_map(|line| line.rsplit_once(' ')).filter(|(series, _)| {
            let own = series.split('{').next() == Some(name);
            own && labels.iter().all(|label| series.contains(label))
        });
        series.map(|(_, value)| value.parse::<f64>().unwrap()).sum::<f64>() + 0.0
    }

    /// Shuts the gateway down, which flushes the log, and reads every record.
    pub(crate) async fn records(mut self) -> Vec<Value> {
        let gateway = self.gateway.take().unwrap();
        blocking(move || gateway.shut_down()).await;
        read_records(&self.dir.path().join("records"))
    }

    /// Shuts the gateway down and starts another from the same files.
    pub(crate) async fn restart(&mut self) {
        let gateway = self.gateway.take().unwrap();
        blocking(move || gateway.shut_down()).await;
        self.restart_stopped().await;
    }

    /// Starts another from the same files once the first was shut down.
    pub(crate) async fn restart_stopped(&mut self) {
        let config = config::load(&self.policy_path()).unwrap();
        self.gateway = Some(blocking(move || Gateway::start(config)).await.unwrap());
    }

    /// Begins to shut down and says when it is done.
    pub(crate) fn shut_down(&mut self) -> tokio::task::JoinHandle<()> {
        let gateway = self.gateway.take().unwrap();
        tokio::task::spawn_blocking(move || gateway.shut_down())
    }

    pub(crate) fn records_dir(&self) -> PathBuf {
        self.dir.path().join("records")
    }
}

/// Every record of a directory, in the order of the segments' names; none is damaged or torn.
pub(crate) fn read_records(dir: &Path) -> Vec<Value> {
    let mut records = Vec::new();
    let Ok(mut reader) = record::read(dir) else { return records };
    while let Some(line) = reader.next() {
        line.unwrap();
        records.push(serde_json::from_slice::<Value>(reader.line_bytes()).unwrap());
    }
    assert_eq!(reader.torn(), 0);
    records.retain(|line| line["kind"] != "design");
    records
}

fn policy_path(dir: &Path) -> PathBuf {
    dir.join("policy.yaml")
}

/// A policy as a file. Shadow experiments that say nothing of it hold no copy back: a test that counts copies cannot
/// have one in a hundred missing by chance.
fn text(dir: &Path, policy: &str, listen: &str, record: &str) -> String {
    let records = dir.join("records");
    let steady = policy.replace("shadow: {", "shadow: {held_back: 0%, ");
    let policy = if policy.contains("held_back") { policy } else { &steady };
    format!(
        "listen: {{data: \"127.0.0.1:0\", admin: \"127.0.0.1:0\",{listen} workers: 1}}\nrecord: {{dir: {},{record}}}\n{policy}",
        serde_json::to_string(&records).unwrap(),
    )
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            // A gateway waits for its threads; a test's thread must not.
            std::thread::spawn(move || gateway.shut_down());
        }
    }
}
