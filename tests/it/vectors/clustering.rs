//! Metrics of clusters.

use crossfade::evaluate::clustering::Distance;
use crossfade::evaluate::clustering::calinski_harabasz;
use crossfade::evaluate::clustering::davies_bouldin;
use crossfade::evaluate::clustering::silhouette;
use crossfade::evaluate::clustering::silhouette_samples;
use serde_json::Value;

use crate::vectors::Case;
use crate::vectors::Computed;
use crate::vectors::number;

pub(super) fn compute(case: &Case) -> Option<Computed> {
    let point = |point: &Value| point.as_array().unwrap().iter().map(|at| number(at).unwrap()).collect();
    let points: Vec<Vec<f64>> = case.input("X").as_array().unwrap().iter().map(point).collect();
    let labels: Vec<String> = case.input("labels").as_array().unwrap().iter().map(Value::to_string).collect();
    Some(match case.metric.as_str() {
        "silhouette" => Computed::metric(silhouette(&points, &labels, distance(case))),
        "silhouette_samples" => Computed::metric(silhouette_samples(&points, &labels, distance(case))),
        "davies_bouldin" => Computed::metric(davies_bouldin(&points, &labels)),
        "calinski_harabasz" => Computed::metric(calinski_harabasz(&points, &labels)),
        _ => return None,
    })
}

fn distance(case: &Case) -> Distance {
    match case.params["distance"].as_str() {
        None | Some("euclidean") => Distance::Euclidean,
        Some("manhattan") => Distance::Manhattan,
        Some("cosine") => Distance::Cosine,
        Some(other) => panic!("unknown distance `{other}`"),
    }
}
