//! The classifier by the Open Inference Protocol, version 2, over HTTP and JSON.
//!
//! One input tensor of images, `[n, 64]`; two output tensors, the digit of each and the ten probabilities of each.

use bytes::Bytes;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::demo::digits::CLASSES;
use crate::demo::digits::PIXELS;
use crate::demo::models::Model;
use crate::demo::models::most_likely;
use crate::demo::serve::INFER_PATH;
use crate::demo::serve::MODEL_NAME;
use crate::demo::serve::Refusal;
use crate::demo::serve::json_body;

const VERSION: &str = "1";

#[derive(Deserialize)]
struct InferRequest {
    id: Option<String>,
    inputs: Vec<Input>,
}

#[derive(Deserialize)]
struct Input {
    shape: Vec<usize>,
    datatype: String,
    /// Numbers in a row, or nested as the shape says; the protocol allows both.
    data: Value,
}

#[derive(Serialize)]
struct InferResponse {
    model_name: &'static str,
    model_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    outputs: (Output<i64>, Output<f32>),
}

#[derive(Serialize)]
struct Output<T> {
    name: &'static str,
    shape: Vec<usize>,
    datatype: &'static str,
    data: Vec<T>,
}

/// Classifies the images of a request.
pub(super) fn infer(model: &Model, body: &[u8]) -> Result<Bytes, Refusal> {
    let request: InferRequest = serde_json::from_slice(body)
        .map_err(|error| Refusal::bad_request(format!("the body is no inference request: {error}")))?;
    let [input] = request.inputs.as_slice() else {
        return Err(Refusal::bad_request(format!("expected 1 input, got {}", request.inputs.len())));
    };
    let images = images(input)?;
    let probabilities: Vec<_> = images.iter().map(|image| model.probabilities(image)).collect();
    let labels = probabilities.iter().map(|row| i64::from(most_likely(row))).collect();
    let count = images.len();
    Ok(json_body(&InferResponse {
        model_name: MODEL_NAME,
        model_version: VERSION,
        id: request.id,
        outputs: (
            Output { name: "label", shape: vec![count], datatype: "INT64", data: labels },
            Output {
                name: "probabilities",
                shape: vec![count, CLASSES],
                datatype: "FP32",
                data: probabilities.concat(),
            },
        ),
    }))
}

/// Answers the protocol's questions about server and model; `None` for any other path.
pub(super) fn describe(model: &Model, path: &str) -> Option<Result<Bytes, Refusal>> {
    let model_path = INFER_PATH.strip_suffix("/infer")?;
    let answer = match path.strip_prefix(model_path) {
        Some("") => json!({
            "name": MODEL_NAME,
            "versions": [VERSION],
            "platform": model.kind().to_string(),
            "inputs": [{"name": "image", "datatype": "FP32", "shape": [-1, PIXELS]}],
            "outputs": [
                {"name": "label", "datatype": "INT64", "shape": [-1]},
                {"name": "probabilities", "datatype": "FP32", "shape": [-1, CLASSES]},
            ],
        }),
        Some("/ready") => json!({"name": MODEL_NAME, "ready": true}),
        _ => match path {
            "/v2" => {
                json!({"name": "crossfade-demo", "version": env!("CARGO_PKG_VERSION"), "extensions": []})
            }
            "/v2/health/live" => json!({"live": true}),
            "/v2/health/ready" => json!({"ready": true}),
            _ => return None,
        },
    };
    Some(Ok(json_body(&answer)))
}

fn images(input: &Input) -> Result<Vec<[f32; PIXELS]>, Refusal> {
    let Input { shape, datatype, data } = input;
    if !["FP", "INT", "UINT"].iter().any(|prefix| datatype.starts_with(prefix)) {
        return Err(Refusal::bad_request(format!("expected numbers, as in FP32, got {datatype}")));
    }
    let &[count, PIXELS] = shape.as_slice() else {
        return Err(Refusal::bad_request(format!("expected the shape [n, {PIXELS}], got {shape:?}")));
    };
    let mut pixels = Vec::new();
    flatten(data, &mut pixels)?;
    let (images, rest) = pixels.as_chunks::<PIXELS>();
    if !rest.is_empty() || images.len() != count {
        let found = pixels.len();
        return Err(Refusal::bad_request(format!("the shape says {count} x {PIXELS} numbers, got {found}")));
    }
    Ok(images.to_vec())
}

fn flatten(data: &Value, numbers: &mut Vec<f32>) -> Result<(), Refusal> {
    match data {
        Value::Array(rows) => rows.iter().try_for_each(|row| flatten(row, numbers)),
        Value::Number(number) => {
            numbers.push(number.as_f64().unwrap_or(f64::NAN) as f32);
            Ok(())
        }
        other => Err(Refusal::bad_request(format!("expected numbers in data, got {other}"))),
    }
}
