//! Metrics of ranked lists.

use std::collections::BTreeMap;

use crossfade::evaluate::NoValue;
use crossfade::evaluate::ranking::Gain;
use crossfade::evaluate::ranking::Judged;
use crossfade::evaluate::ranking::jaccard_at;
use crossfade::evaluate::ranking::kendall_tau_b;
use crossfade::evaluate::ranking::kendall_tau_ranked;
use crossfade::evaluate::ranking::mean_reciprocal_rank;
use crossfade::evaluate::ranking::ndcg_by_scores;
use crossfade::evaluate::ranking::ndcg_vs_reference;
use crossfade::evaluate::ranking::overlap_at;
use crossfade::evaluate::ranking::rbo_ext;
use crossfade::evaluate::ranking::spearman;
use serde_json::Value;

use crate::vectors::Case;
use crate::vectors::Computed;
use crate::vectors::number;

pub(super) fn compute(case: &Case) -> Option<Computed> {
    let numbers = |key: &str| case.given_numbers(key).unwrap();
    let list = |key: &str| items(case.input(key));
    let k = cutoff(case);
    let result = match case.metric.as_str() {
        "ndcg_scores" => ndcg_by_scores(&numbers("gains"), &numbers("scores"), k, gain(case)),
        "ndcg_vs_reference" => ndcg_vs_reference(&list("candidate"), &list("reference"), k),
        "mrr_from_ranks" => mean_reciprocal_rank(&ranks(case)),
        "rbo_ext" => rbo_ext(&list("a"), &list("b"), case.param("p")),
        "overlap_at_k" => overlap_at(&list("a"), &list("b"), k.unwrap()),
        "jaccard_at_k" => jaccard_at(&list("a"), &list("b"), k.unwrap()),
        "kendall_tau_ranked" => kendall_tau_ranked(&list("a"), &list("b")),
        "kendall_tau_b" => kendall_tau_b(&numbers("x"), &numbers("y")),
        "spearman" => spearman(&numbers("x"), &numbers("y")),
        _ => judged(case)?,
    };
    Some(Computed::metric(result))
}

fn judged(case: &Case) -> Option<Result<f64, NoValue>> {
    let k = cutoff(case);
    let metric = |judged: Judged| match case.metric.as_str() {
        "ndcg" => Some(judged.ndcg(k, gain(case))),
        "mrr" => Some(judged.reciprocal_rank(k)),
        "average_precision_rank" => Some(judged.average_precision(k)),
        "precision_at_k" => Some(judged.precision_at(k)),
        "recall_at_k" => Some(judged.recall_at(k)),
        "hit_at_k" => Some(judged.hit_at(k)),
        _ => None,
    };
    let judgement = |(item, gain): (&String, &Value)| (item.clone(), number(gain).unwrap());
    let judgements: BTreeMap<String, f64> = case.input("qrels").as_object()?.iter().map(judgement).collect();
    match Judged::new(&items(case.input("ranking")), &judgements) {
        Ok(judged) => metric(judged),
        Err(problem) => Some(Err(problem)),
    }
}

fn items(list: &Value) -> Vec<String> {
    let item = |item: &Value| item.as_str().map_or_else(|| item.to_string(), str::to_owned);
    list.as_array().unwrap().iter().map(item).collect()
}

fn ranks(case: &Case) -> Vec<u64> {
    serde_json::from_value(case.input("first_relevant_rank").clone()).unwrap()
}

fn cutoff(case: &Case) -> Option<usize> {
    case.params.get("k").and_then(Value::as_u64).map(|k| k as usize)
}

fn gain(case: &Case) -> Gain {
    match case.params["gain"].as_str() {
        None | Some("linear") => Gain::Linear,
        Some("exp2") => Gain::Exponential,
        Some(other) => panic!("unknown gain `{other}`"),
    }
}
