//! Tickets: what an answer says of itself, signed, so that any replica can credit an outcome.
//!
//! A ticket is `base64url(payload).base64url(HMAC-SHA256(key, payload))` without padding; the payload is JSON. It
//! is no secret: whoever holds it can read which arm answered. A list is carried from its top as far as it fits;
//! a click below that is refused by a replica that did not serve the request.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Hmac;
use hmac::KeyInit;
use hmac::Mac;
use serde::Deserialize;
use serde::Serialize;
use sha2::Sha256;

use crate::feedback::subject::Exposure;
use crate::record::Shown;
use crate::record::ShownItem;
use crate::strategy::interleave::Credit;
use crate::vocab::ArmId;
use crate::vocab::ExperimentName;
use crate::vocab::ModelName;
use crate::vocab::RequestId;
use crate::vocab::Secret;
use crate::vocab::Timestamp;

const VERSION: u8 = 1;

/// How many bytes of a list a ticket carries, so that it fits into a header of any server.
const LIST_BYTES: usize = 2048;

/// What a ticket says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Claims {
    #[serde(rename = "v")]
    version: u8,
    id: RequestId,
    #[serde(rename = "x")]
    pub(super) experiment: ExperimentName,
    #[serde(rename = "i")]
    pub(super) identity: String,
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub(super) stage: Option<u32>,
    #[serde(rename = "a")]
    pub(super) arm: ModelName,
    #[serde(rename = "p")]
    propensity: f64,
    #[serde(rename = "t")]
    time_micros: i64,
    #[serde(rename = "e")]
    pub(super) enrolled: bool,
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub(super) unit: Option<String>,
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    list: Option<List>,
}

/// A list as a ticket carries it: whether it has no contrast, and the items.
#[derive(Debug, Serialize, Deserialize)]
struct List(bool, Vec<Item>);

/// An item as a ticket carries it: its id, its credit, its team.
#[derive(Debug, Serialize, Deserialize)]
struct Item(String, Credit, Option<u8>);

impl Claims {
    /// What there is to say of one answer.
    pub(super) fn of(id: RequestId, exposure: &Exposure) -> Self {
        let Exposure { stage, assignment, time, shown, .. } = exposure;
        Self {
            version: VERSION,
            id,
            experiment: exposure.experiment().name.clone(),
            identity: exposure.identity(),
            stage: *stage,
            arm: exposure.arm().clone(),
            propensity: assignment.propensity,
            time_micros: time.as_micros(),
            enrolled: assignment.enrolled,
            unit: exposure.unit(),
            list: shown.as_deref().map(List::top),
        }
    }

    pub(super) fn id(&self) -> RequestId {
        self.id
    }

    pub(super) fn time(&self) -> Timestamp {
        Timestamp::from_micros(self.time_micros)
    }

    pub(super) fn shown(&self) -> Option<Shown> {
        self.list.as_ref().map(List::shown)
    }

    /// The ticket.
    pub(super) fn sign(&self, key: &Secret) -> String {
        let payload = serde_json::to_vec(self).expect("claims are a map with text keys");
        let signature = mac(key, &payload).finalize().into_bytes();
        format!("{}.{}", URL_SAFE_NO_PAD.encode(payload), URL_SAFE_NO_PAD.encode(signature))
    }

    /// Reads a ticket; `None` unless the key signed it and the version is known. Compares in constant time.
    pub(super) fn verify(ticket: &str, key: &Secret) -> Option<Self> {
        let (payload, signature) = ticket.split_once('.')?;
        let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        mac(key, &payload).verify_slice(&signature).ok()?;
        serde_json::from_slice(&payload).ok().filter(|claims: &Claims| claims.version == VERSION)
    }
}

fn mac(key: &Secret, payload: &[u8]) -> Hmac<Sha256> {
    let mac = Hmac::<Sha256>::new_from_slice(key.expose()).expect("HMAC takes a key of any length");
    mac.chain_update(payload)
}

impl List {
    /// The list from its top, as far as it fits.
    fn top(shown: &Shown) -> Self {
        let mut bytes = 0;
        let fits = |item: &Item| {
            let size = serde_json::to_vec(item).map_or(usize::MAX, |text| text.len());
            bytes = size.saturating_add(bytes);
            bytes <= LIST_BYTES
        };
        let item = |item: &ShownItem| Item(item.id.clone(), item.credit.clone(), item.team.map(|arm| arm.0));
        Self(shown.no_contrast, shown.items.iter().map(item).take_while(fits).collect())
    }

    fn shown(&self) -> Shown {
        let Self(no_contrast, items) = self;
        let item = |Item(id, credit, team): &Item| ShownItem {
            id: id.clone(),
            credit: credit.clone(),
            team: team.map(ArmId),
        };
        Shown { items: items.iter().map(item).collect(), no_contrast: *no_contrast }
    }
}
