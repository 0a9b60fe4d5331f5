//! Decisions in a ConfigMap, which gateways have mounted. Its `resourceVersion` tells whether somebody else wrote.

use std::collections::BTreeMap;
use std::path::Path;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::Client;
use kube::Error;
use kube::api::PostParams;
use kube::config::Config;

use crate::controller::store::PutError;
use crate::controller::store::Version;
use crate::rollout;
use crate::rollout::State;

/// Who writes, in the object's `managedFields`.
const MANAGER: &str = "crossfade-controller";

/// The ConfigMap.
pub(super) struct Map {
    api: Api<ConfigMap>,
    name: String,
    key: String,
}

impl Map {
    /// Reaches the cluster that this process runs in, or the one that `KUBECONFIG` names.
    pub(super) async fn of(map: &rollout::ConfigMap, decisions: &Path) -> Result<Self, String> {
        let config = Config::infer().await.map_err(|error| format!("no cluster is known: {error}"))?;
        let client =
            Client::try_from(config).map_err(|error| format!("the cluster cannot be reached: {error}"))?;
        let api = match &map.namespace {
            Some(namespace) => Api::namespaced(client, namespace),
            None => Api::default_namespaced(client),
        };
        let key = decisions.file_name().map(|name| name.to_string_lossy().into_owned());
        let key = key.ok_or_else(|| format!("`fleet.decisions` names no file: {}", decisions.display()))?;
        Ok(Self { api, name: map.name.clone(), key })
    }

    pub(super) async fn load(&self) -> Result<(Option<State>, Version), String> {
        let found = self.api.get_opt(&self.name).await.map_err(|error| self.named(&error))?;
        let found = found.ok_or_else(|| {
            self.named(&"there is none; hint: make it with `kubectl create configmap`, empty, before the controller starts")
        })?;
        let version = Version(found.metadata.resource_version.unwrap_or_default());
        let content = found.data.and_then(|mut data| data.remove(&self.key));
        let content = content.filter(|content| !content.trim().is_empty());
        let state = content.map(|content| State::from_json(content.as_bytes())).transpose();
        Ok((state.map_err(|problem| self.named(&problem))?, version))
    }

    pub(super) async fn put(&self, state: &State, read: &Version) -> Result<Version, PutError> {
        // What else stands in the object, labels above all, stays.
        let found = self.api.get(&self.name).await.map_err(|error| self.failed(&error))?;
        if found.metadata.resource_version.as_ref() != Some(&read.0) {
            return Err(PutError::Conflict);
        }
        let content =
            String::from_utf8(state.to_json()).map_err(|error| PutError::Failed(self.named(&error)))?;
        let mut data = found.data.unwrap_or_else(BTreeMap::new);
        data.insert(self.key.clone(), content);
        let changed = ConfigMap { data: Some(data), ..found };
        let parameters = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        let written = self.api.replace(&self.name, &parameters, &changed).await;
        let written = written.map_err(|error| self.failed(&error))?;
        Ok(Version(written.metadata.resource_version.unwrap_or_default()))
    }

    fn failed(&self, error: &Error) -> PutError {
        match error {
            Error::Api(status) if status.code == 409 => PutError::Conflict,
            other => PutError::Failed(self.named(other)),
        }
    }

    fn named(&self, problem: &dyn std::fmt::Display) -> String {
        format!("ConfigMap {}: {problem}", self.name)
    }
}
