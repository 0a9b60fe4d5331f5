//! The pairs that disagree most: what was asked, and both answers side by side.

use crate::report::Answered;
use crate::report::Asked;
use crate::report::Disagreement;
use crate::report::Excerpt;
use crate::report::html::markup::Markup;
use crate::report::words::duration;
use crate::report::words::minute;

/// Lists the pairs, each to be opened.
pub(super) fn worst(page: &mut Markup, pairs: &[Disagreement], legacy: &str) {
    if pairs.is_empty() {
        return;
    }
    page.within("section", &[], |page| {
        page.element("h3", &[], "Worst disagreements");
        let note =
            "By how many compared fields and places differ; among equals any. Bodies are cut at 4 KiB.";
        page.element("p", &[("class", "quiet")], note);
        pairs.iter().for_each(|pair| one(page, pair, legacy));
    });
}

fn one(page: &mut Markup, pair: &Disagreement, legacy: &str) {
    page.within("details", &[], |page| {
        page.within("summary", &[], |summary| {
            summary.element("b", &[], &pair.fields.join(", "));
            if !pair.paths.is_empty() {
                summary.element("span", &[], &format!("{} places", pair.paths.len()));
            }
            summary.element("span", &[], pair.arm.as_str());
            summary.element("span", &[("class", "quiet")], &minute(pair.time));
            summary.element("code", &[("class", "quiet")], &pair.request_id.to_string());
        });
        facts(page, pair);
        asked(page, &pair.request);
        page.within("div", &[("class", "sides")], |sides| {
            answered(sides, &format!("{legacy} (legacy)"), &pair.legacy);
            answered(sides, &format!("{} ({})", pair.arm, pair.role.as_str()), &pair.other);
        });
    });
}

/// What was reported of the request, how far apart the answers are, and where.
fn facts(page: &mut Markup, pair: &Disagreement) {
    let told =
        pair.outcomes.iter().map(|(name, value)| (format!("reported {name}"), value.to_json().to_string()));
    let scores = pair.scores.iter().map(|(field, score)| (format!("score of {field}"), score.to_string()));
    let places = (!pair.paths.is_empty()).then(|| ("differs at".to_owned(), pair.paths.join("  ")));
    let facts: Vec<(String, String)> = told.chain(scores).chain(places).collect();
    if facts.is_empty() {
        return;
    }
    page.within("dl", &[], |list| {
        for (name, value) in facts {
            list.element("dt", &[], &name);
            list.element("dd", &[], &value);
        }
    });
}

fn asked(page: &mut Markup, request: &Asked) {
    let Asked { method, path, query, body } = request;
    let query = query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
    page.element("h4", &[], &format!("{method} {path}{query}"));
    excerpt(page, body.as_ref());
}

fn answered(page: &mut Markup, who: &str, answer: &Answered) {
    let Answered { fate, status, total_ms, body } = answer;
    let status = status.map(|status| format!(", {status}")).unwrap_or_default();
    page.within("div", &[], |page| {
        page.element("h4", &[], who);
        page.element("p", &[("class", "quiet")], &format!("{fate}{status}, {}", duration(*total_ms)));
        excerpt(page, body.as_ref());
    });
}

fn excerpt(page: &mut Markup, body: Option<&Excerpt>) {
    let Some(Excerpt { text, cut }) = body else {
        return page.element("p", &[("class", "quiet")], "no body on record");
    };
    page.within("pre", &[], |page| {
        page.text(text);
        if *cut {
            page.element("span", &[("class", "quiet")], " … cut here");
        }
    });
}
