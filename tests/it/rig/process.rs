//! The binary itself, running.

use std::io::BufRead;
use std::io::BufReader;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;

use serde_json::Value;
use tempfile::TempDir;

use crate::rig::Client;

/// A running `crossfade run`, killed when the test ends.
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) data: SocketAddr,
    pub(crate) admin: SocketAddr,
    log: Arc<Mutex<String>>,
}

impl Process {
    /// Starts the binary and waits for its log to say where it serves.
    pub(crate) fn start(dir: &TempDir, policy: &str) -> Self {
        let path = dir.path().join("policy.yaml");
        std::fs::write(&path, policy).unwrap();
        Self::under(&path)
    }

    /// The same under a policy file that is there.
    pub(crate) fn under(path: &Path) -> Self {
        Self::within(path, &[])
    }

    /// The same with more variables in its environment.
    pub(crate) fn within(path: &Path, variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_crossfade"))
            .args(["run", "--config"])
            .arg(path)
            .envs(variables.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let kept = Arc::new(Mutex::new(String::new()));
        let serving = log.find_map(|line| {
            keep(&kept, &line);
            let event: Value = serde_json::from_str(&line).unwrap();
            (event["message"] == "serving").then_some(event)
        });
        let serving = serving.unwrap();
        // The rest of the log is read, or the process would stop at a full pipe.
        let rest = Arc::clone(&kept);
        std::thread::spawn(move || log.for_each(|line| keep(&rest, &line)));
        let address = |key: &str| serving[key].as_str().unwrap().parse().unwrap();
        Self { child, data: address("data"), admin: address("admin"), log: kept }
    }

    /// What it has logged so far, and will.
    pub(crate) fn log(&self) -> Arc<Mutex<String>> {
        Arc::clone(&self.log)
    }

    pub(crate) fn signal(&self, name: &str) {
        let order = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &order]).status().unwrap().success());
    }

    /// Ends it as a power loss would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) async fn admin(&self) -> Client {
        Client::http1(self.admin).await.naming("127.0.0.1")
    }
}

fn keep(log: &Mutex<String>, line: &str) {
    let mut log = log.lock().unwrap();
    log.push_str(line);
    log.push('\n');
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
