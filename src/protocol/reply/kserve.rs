//! The Open Inference Protocol: which model answered, and what went wrong.
//!
//! Tensors are passed over without being read, those behind the JSON of the binary extension too.

use serde::Deserialize;
use serde_json::Value;

use crate::protocol::media_type;
use crate::protocol::reply::Reply;
use crate::protocol::reply::word;

/// What is read of an answer.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    model_name: Value,
    #[serde(default)]
    model_version: Value,
    #[serde(default)]
    error: Value,
}

pub(super) fn read(reply: &mut Reply, content_type: Option<&str>, body: &[u8]) {
    // With binary tensors the body is `application/octet-stream`: JSON first, then bytes.
    let may_be = |kind: &str| kind.ends_with("json") || kind == "application/octet-stream";
    if content_type.map(media_type).is_some_and(|kind| !may_be(&kind)) || !body.starts_with(b"{") {
        return;
    }
    let mut heads = serde_json::Deserializer::from_slice(body).into_iter::<Head>();
    let Some(Ok(Head { model_name, model_version, error })) = heads.next() else { return };
    let said = Value::from_iter([("name", model_name), ("version", model_version)]);
    reply.model = word(&said, "name");
    reply.model_version = word(&said, "version");
    reply.recognised = reply.model.is_some();
    reply.hear_failure(&error);
}
