//! Metrics of texts: BLEU, chrF, ROUGE, exact answers, edit distances.

use crossfade::evaluate::NoValue;
use crossfade::evaluate::text::Bleu;
use crossfade::evaluate::text::BleuOrders;
use crossfade::evaluate::text::BleuReading;
use crossfade::evaluate::text::BleuSums;
use crossfade::evaluate::text::Case as LetterCase;
use crossfade::evaluate::text::Chrf;
use crossfade::evaluate::text::Normalization;
use crossfade::evaluate::text::Rouge;
use crossfade::evaluate::text::RougeWords;
use crossfade::evaluate::text::character_error_rate;
use crossfade::evaluate::text::edit_similarity;
use crossfade::evaluate::text::exact_match;
use crossfade::evaluate::text::levenshtein;
use crossfade::evaluate::text::token_f1;
use crossfade::evaluate::text::word_error_rate;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::json;

use crate::vectors::Case;
use crate::vectors::Computed;

pub(super) fn compute(case: &Case) -> Option<Computed> {
    Some(match case.metric.as_str() {
        "bleu_corpus" => Computed::metric(corpus(case)),
        "bleu_sentence" => Computed::metric(sentence(case)),
        "chrf" => {
            Computed::metric(chrf(case)?.score(text(case, "hypothesis"), &texts(case.input("references"))))
        }
        "rouge1" | "rouge2" | "rougeL" | "rougeLsum" => {
            let rouge: Rouge = word(&json!(case.metric));
            Computed::Value(json!(rouge.score(
                rouge_words(case)?,
                text(case, "reference"),
                text(case, "hypothesis")
            )))
        }
        "exact_match" => Computed::Value(json!(u8::from(answer(case, exact_match)))),
        "token_f1" => Computed::Value(json!(answer(case, token_f1))),
        "levenshtein" => Computed::Value(json!(levenshtein(text(case, "a"), text(case, "b")))),
        "edit_similarity" => Computed::Value(json!(edit_similarity(text(case, "a"), text(case, "b")))),
        "wer" => Computed::metric(word_error_rate(text(case, "reference"), text(case, "hypothesis"))),
        "cer" => Computed::metric(character_error_rate(text(case, "reference"), text(case, "hypothesis"))),
        _ => return None,
    })
}

fn corpus(case: &Case) -> Result<Value, NoValue> {
    let streams: Vec<Vec<&str>> = case.input("references").as_array().unwrap().iter().map(texts).collect();
    let sums = BleuSums::of_corpus(&texts(case.input("hypotheses")), &streams, reading(case))?;
    let Bleu { score, brevity_penalty, precisions, matched, total } = bleu(case, &sums)?;
    Ok(json!({
        "score": score,
        "bp": brevity_penalty,
        "sys_len": sums.hypothesis_tokens,
        "ref_len": sums.reference_tokens,
        "precisions": precisions,
        "counts": matched,
        "totals": total,
    }))
}

fn sentence(case: &Case) -> Result<f64, NoValue> {
    let sums = BleuSums::of(text(case, "hypothesis"), &texts(case.input("references")), reading(case))?;
    Ok(bleu(case, &sums)?.score)
}

fn bleu(case: &Case, sums: &BleuSums) -> Result<Bleu, NoValue> {
    assert_eq!(case.params["max_ngram"], 4, "only BLEU of four orders is known");
    let orders = if case.params["effective_order"] == true { BleuOrders::Effective } else { BleuOrders::All };
    sums.score(word(&case.params["smooth"]), orders)
}

fn reading(case: &Case) -> BleuReading {
    let letter_case = if case.params["lowercase"] == true { LetterCase::Lowered } else { LetterCase::Kept };
    BleuReading { tokenizer: word(&case.params["tokenize"]), case: letter_case }
}

fn chrf(case: &Case) -> Option<Chrf> {
    if case.params["whitespace"] == true || case.params["eps_smoothing"] == true {
        return None;
    }
    let orders = |key: &str| case.params[key].as_u64().unwrap() as usize;
    Some(Chrf {
        character_orders: orders("char_order"),
        word_orders: orders("word_order"),
        beta: case.param("beta"),
    })
}

fn rouge_words(case: &Case) -> Option<RougeWords> {
    match (case.params["tokenizer"].as_str()?, case.params["stemmer"] == true) {
        ("rouge_ascii", false) => Some(RougeWords::Ascii),
        ("rouge_ascii", true) => Some(RougeWords::AsciiStems),
        ("unicode_words", false) => Some(RougeWords::Unicode),
        _ => None,
    }
}

fn answer<T>(case: &Case, measure: fn(&str, &str, Normalization) -> T) -> T {
    measure(text(case, "reference"), text(case, "hypothesis"), word(&case.params["normalize"]))
}

fn text<'c>(case: &'c Case, key: &str) -> &'c str {
    case.input(key).as_str().unwrap()
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

fn word<T: DeserializeOwned>(name: &Value) -> T {
    serde_json::from_value(name.clone()).unwrap()
}
