//! What the policy says of how experiments go on: who is told, and who decides.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::outbound::Target;
use crate::tls::ClientFiles;
use crate::tls::Live;
use crate::upstream::Endpoint;
use crate::vocab::Secret;
use crate::vocab::WebhookName;

/// Who is told of changes, and who decides them.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Who is told.
    pub webhooks: Vec<Webhook>,
    /// The fleet for which one controller decides; `None`: this gateway decides for itself.
    pub fleet: Option<FleetSettings>,
}

/// Somebody who is told of every change.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// What metrics call it.
    pub name: WebhookName,
    /// Where it is told.
    pub target: Target,
    /// The key that signs; `None`: nothing is signed.
    pub secret: Option<Secret>,
    /// How long one try may take.
    pub timeout: Duration,
}

/// Many gateways under one policy.
#[derive(Debug, Clone)]
pub struct FleetSettings {
    /// The file in which gateways find what was decided.
    pub decisions: PathBuf,
    /// The controller's side; `None`: somebody else writes that file.
    pub controller: Option<ControllerSettings>,
}

/// What a controller does.
#[derive(Debug, Clone)]
pub struct ControllerSettings {
    /// Its operators' address.
    pub listen: SocketAddr,
    /// Where the gateways are.
    pub replicas: Vec<Replicas>,
    /// The ConfigMap that takes its decisions; `None`: the fleet's file does.
    pub config_map: Option<ConfigMap>,
    /// How often it looks.
    pub every: Duration,
    /// How long a gateway may be silent before nobody is promoted any more.
    pub patience: Duration,
    /// How addresses of `https` are reached.
    pub tls: Option<Arc<Live<ClientFiles>>>,
}

/// A way to find gateways' operators' addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replicas {
    /// This one.
    Url(Endpoint),
    /// Every address of this name, with its port.
    Dns(String),
    /// The label `instance` of what this Prometheus answers to the query.
    Prometheus {
        /// The Prometheus.
        url: Endpoint,
        /// The query.
        query: String,
    },
}

/// A ConfigMap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigMap {
    /// Its namespace; `None`: the controller's own.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}
