//! The ranker: a query image in, the catalogue's best documents out.

use bytes::Bytes;
use serde::Deserialize;
use serde::Serialize;

use crate::demo::digits::PIXELS;
use crate::demo::models::Model;
use crate::demo::models::document_id;
use crate::demo::serve::Refusal;
use crate::demo::serve::json_body;

const DEFAULT_DEPTH: usize = 10;

#[derive(Deserialize)]
struct RankRequest {
    query_id: Option<String>,
    query: Vec<f32>,
    k: Option<usize>,
}

#[derive(Serialize)]
struct RankResponse {
    #[serde(skip_serializing_if = "Option::is_none")]
    query_id: Option<String>,
    results: Vec<Document>,
}

#[derive(Serialize)]
struct Document {
    doc_id: String,
    score: f32,
}

/// Ranks the catalogue for the query of a request.
pub(super) fn rank(model: &Model, body: &[u8]) -> Result<Bytes, Refusal> {
    let request: RankRequest = serde_json::from_slice(body)
        .map_err(|error| Refusal::bad_request(format!("the body is no ranking request: {error}")))?;
    let query: &[f32; PIXELS] = request.query.as_slice().try_into().map_err(|_| {
        Refusal::bad_request(format!("expected a query of {PIXELS} numbers, got {}", request.query.len()))
    })?;
    let ranked = model.rank(query, request.k.unwrap_or(DEFAULT_DEPTH));
    let results = ranked
        .into_iter()
        .map(|ranked| Document { doc_id: document_id(ranked.document), score: ranked.score })
        .collect();
    Ok(json_body(&RankResponse { query_id: request.query_id, results }))
}
