//! The list of the judges that are people: how many pairs wait for each, and how far its reviewers agree.
//!
//! It names reviewers, for they judge in one team, and no model: what models won would tell who they are.

use crate::analysis::PanelSummary;
use crate::analysis::ReviewerSummary;
use crate::judge::Review;

/// The page.
pub(super) fn page(reviews: &[Review]) -> String {
    let items: String = reviews.iter().map(item).collect();
    let shown = match items.is_empty() {
        true => "<p class=\"card\">No experiment has a judge of people: see <code>judges</code> in the policy file.</p>"
            .to_owned(),
        false => format!("<ul class=\"reviews\">{items}</ul>"),
    };
    include_str!("list.html").replace("<!--reviews-->", &shown)
}

fn item(review: &Review) -> String {
    let Review { experiment, judge, question, waiting, decided, people } = review;
    let [experiment, judge, question] = [experiment, judge, question].map(|text| escaped(text));
    let stands = match (*decided, *waiting) {
        (true, _) => "The experiment has its verdict.".to_owned(),
        (false, 0) => "Nothing waits.".to_owned(),
        (false, 1) => "1 pair waits.".to_owned(),
        (false, waiting) => format!("{waiting} pairs wait."),
    };
    let people = people.as_ref().map(|people| team(people, &format!("{experiment} / {judge}")));
    format!(
        "<li class=\"card\"><a href=\"/review/{experiment}/{judge}\">{experiment} / {judge}</a>\
         <p>{question}</p><p class=\"soft\">{stands}</p>{}</li>",
        people.unwrap_or_default()
    )
}

/// Who judged, and how far they agree.
fn team(people: &PanelSummary, name: &str) -> String {
    let PanelSummary { pairs, agreement, alpha, kappa, reviewers } = people;
    let rows: String = reviewers.iter().map(row).collect();
    let beyond = [("Cohen's kappa", kappa), ("Krippendorff's alpha", alpha)];
    let beyond = beyond.iter().filter_map(|(name, value)| value.map(|value| format!(", {name} {value:.2}")));
    let beyond: String = beyond.collect();
    let agree = agreement.map(|share| {
        let on = if *pairs == 1 { "On 1 pair".to_owned() } else { format!("On {pairs} pairs") };
        format!("<p class=\"soft\">{on} that several judged they agree in {}{beyond}.</p>", percent(share))
    });
    format!(
        "{}<table><caption class=\"unseen\">Reviewers of {name}</caption><thead><tr><th scope=\"col\">Reviewer</th>\
         <th scope=\"col\">Left</th><th scope=\"col\">Right</th><th scope=\"col\">Neither</th>\
         <th scope=\"col\">Agrees with others</th></tr></thead><tbody>{rows}</tbody></table>",
        agree.unwrap_or_default()
    )
}

fn row(reviewer: &ReviewerSummary) -> String {
    let ReviewerSummary { reviewer, left, right, neither, compared, agreement } = reviewer;
    let agrees = agreement.map(|share| format!("{} of {compared}", percent(share)));
    format!(
        "<tr><th scope=\"row\"><bdi>{}</bdi></th><td>{left}</td><td>{right}</td><td>{neither}</td><td>{}</td></tr>",
        escaped(reviewer),
        agrees.unwrap_or_else(|| "not known".to_owned())
    )
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
