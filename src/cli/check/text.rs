//! What a policy changes against another one, as a person reads it.

use std::path::Path;

use crate::analysis::grouped;
use crate::cli::prose::columns;
use crate::cli::prose::indented;
use crate::cli::prose::percent;
use crate::cli::prose::wrapped;
use crate::forecast::Against;
use crate::forecast::DrawnBy;
use crate::forecast::ExperimentChange;
use crate::forecast::Fate;
use crate::forecast::Flow;
use crate::forecast::Handler;
use crate::forecast::Load;
use crate::forecast::ModelChange;
use crate::forecast::Moment;
use crate::forecast::RampStep;
use crate::forecast::Standing;
use crate::vocab::ExperimentName;
use crate::vocab::StrategyKind;

/// Everything that changes.
pub(super) fn told(former: &Path, against: &Against) -> String {
    let Against { users, needs_restart, models, experiments, flows, untold, .. } = against;
    let mut paragraphs = vec![headline(former, against)];
    if !needs_restart.is_empty() {
        let keys: Vec<String> = needs_restart.iter().map(|key| format!("`{key}`")).collect();
        paragraphs.push(format!("Only a restart takes up: {}.", keys.join(", ")));
    }
    paragraphs.extend(experiments.iter().filter(|one| one.fate != Fate::Same).map(experiment));
    if !models.is_empty() {
        paragraphs.push(models.iter().map(model).collect::<Vec<_>>().join("\n"));
    }
    paragraphs.extend(flows.iter().filter(|flow| !flow.is_quiet()).map(|one| flow(one, *users)));
    let quiet: Vec<String> =
        flows.iter().filter(|flow| flow.is_quiet()).map(|flow| taker(&flow.after)).collect();
    if !quiet.is_empty() {
        paragraphs.push(wrapped(&format!("As before, for users and models: {}.", quiet.join(", "))));
    }
    if !untold.is_empty() {
        let names: Vec<&str> = untold.iter().map(ExperimentName::as_str).collect();
        let text = "Not told: which requests go to or leave these, whose `match` has a JSON path that may select several \
                    places";
        paragraphs.push(wrapped(&format!("{text}: {}.", names.join(", "))));
    }
    paragraphs.join("\n\n")
}

fn headline(former: &Path, against: &Against) -> String {
    let Against { before, after, users, moved, flows, .. } = against;
    let former = former.display();
    if before == after {
        return format!("The same as {former}: nothing changes.");
    }
    let counted = format!("over {} synthetic users for each kind of requests", grouped(u64::from(*users)));
    let worst = flows.iter().filter(|flow| flow.moved() == *moved).map(|flow| taker(&flow.after)).next();
    wrapped(&match worst.filter(|_| *moved > 0) {
        Some(worst) => format!(
            "Against {former}, {counted}: at most {} change model, in {worst}.",
            of_users(*moved, *users)
        ),
        None => format!("Against {former}, {counted}: nobody changes model."),
    })
}

pub(super) fn of_users(count: u32, users: u32) -> String {
    let share = percent(f64::from(count) / f64::from(users));
    format!("{} of {} users ({share})", grouped(u64::from(count)), grouped(u64::from(users)))
}

fn experiment(change: &ExperimentChange) -> String {
    let ExperimentChange { experiment, fate, formerly, changed, match_is, begins_again, reshuffled, .. } =
        change;
    let kind = |kind: &Option<StrategyKind>| kind.map_or("", StrategyKind::as_str);
    let (before, after) = (kind(&change.strategy_before), kind(&change.strategy_after));
    let strategy = if before == after { after.to_owned() } else { format!("{before} before, {after} now") };
    let mut text = match fate {
        Fate::New => format!("{experiment}: new ({after})."),
        Fate::Gone => format!("{experiment}: gone ({before}). Its evidence is kept in the log alone."),
        Fate::Renamed => {
            let formerly = formerly.as_ref().map_or("?", ExperimentName::as_str);
            format!("{experiment}: {formerly} under another name ({strategy}).")
        }
        Fate::Same | Fate::Changed => format!("{experiment}: changed ({strategy})."),
    };
    if !changed.is_empty() {
        text.push_str(&format!(" What differs: {}.", changed.join(", ")));
    }
    if let Some(how @ ("wider" | "narrower")) = match_is {
        text.push_str(&format!(" Its match is {how}."));
    }
    if !begins_again.is_empty() {
        let reasons = begins_again.join(" and ");
        let canary = change.strategy_after == Some(StrategyKind::Canary);
        let ramp = if canary { ", and the ramp at step 1" } else { "" };
        text.push_str(&format!(" EVIDENCE BEGINS AGAIN, empty{ramp}: {reasons} changed."));
    }
    if *reshuffled {
        text.push_str(" THE SALT CHANGED: every user is drawn anew, also where the shares are the same.");
    }
    wrapped(&text)
}

fn model(change: &ModelChange) -> String {
    let ModelChange { model, before, after, changed } = change;
    match (before, after) {
        (false, _) => format!("Model {model}: new."),
        (true, false) => format!("Model {model}: gone."),
        (true, true) => format!("Model {model}: {} changed.", changed.join(", ")),
    }
}

fn taker(handler: &Handler) -> String {
    match handler {
        Handler::Experiment(name) => name.clone(),
        Handler::Default(model) => format!("the default, {model}"),
        Handler::NotFound => "no experiment, 404".to_owned(),
    }
}

fn flow(flow: &Flow, users: u32) -> String {
    let Flow { example, before, after, drawn_by, moments, ramp, .. } = flow;
    let way = if before == after {
        taker(after).to_uppercase()
    } else {
        format!("{} INSTEAD OF {}", taker(after), taker(before)).to_uppercase()
    };
    let mut opening = format!("{way}\n  as {example}");
    if let Some(remark) = remark(*drawn_by) {
        opening.push_str(&format!("\n{}", indented(&wrapped(remark))));
    }
    let Some(worst) = flow.worst() else { return opening };
    let at = match &worst.stands_before {
        Some(standing) if standing.step.is_some() => format!(", when it is at {}", place(standing)),
        _ => String::new(),
    };
    opening.push_str(&format!("\n  {} change model{at}.", of_users(worst.moved, users)));
    let mut tables = Vec::new();
    if moments.len() > 1 {
        tables.push(columns(&by_moment(moments)));
        tables.extend(warning(moments).map(wrapped));
    }
    if !worst.moves.is_empty() {
        tables.push(columns(&moves(worst)));
    }
    tables.push(columns(&loads(worst)));
    if !ramp.is_empty() {
        tables.push(columns(&along(ramp)));
    }
    let tables = tables.iter().map(|table| indented(table));
    [opening].into_iter().chain(tables).collect::<Vec<_>>().join("\n\n")
}

/// What tables alone do not tell of a ramp that is sent back.
fn warning(moments: &[Moment]) -> Option<&'static str> {
    let is_out = |standing: &Option<Standing>| standing.as_ref().map(|standing| standing.rolled_back);
    let let_in = |moment: &Moment| is_out(&moment.stands_before) == Some(true);
    let step = |standing: &Option<Standing>| standing.as_ref().and_then(|standing| standing.step);
    let sent_back = |moment: &Moment| step(&moment.stands_before) > step(&moment.stands_after);
    let sent_back = moments.iter().any(|moment| step(&moment.stands_after).is_some() && sent_back(moment));
    match (sent_back, moments.iter().any(let_in)) {
        (true, true) => Some(
            "SENT BACK to an earlier step, with empty evidence, where a past step or more changed; and a candidate that \
             was ROLLED BACK IS LET IN AGAIN.",
        ),
        (true, false) => {
            Some("SENT BACK to an earlier step, with empty evidence, where a past step or more changed.")
        }
        (false, true) => Some("A candidate that was ROLLED BACK IS LET IN AGAIN."),
        (false, false) => None,
    }
}

fn along(ramp: &[RampStep]) -> Vec<Vec<String>> {
    let head = ["ramp from its first step", "users in", "join", "leave"].map(str::to_owned).to_vec();
    let row = |one: &RampStep| {
        let counts = [one.users, one.join, one.leave].map(|count| grouped(u64::from(count)));
        [vec![format!("step {}, {}", one.step, one.weight)], counts.to_vec()].concat()
    };
    [head].into_iter().chain(ramp.iter().map(row)).collect()
}

fn remark(drawn_by: DrawnBy) -> Option<&'static str> {
    match drawn_by {
        DrawnBy::User => None,
        DrawnBy::OtherUnit => Some(
            "THE UNIT CHANGED: users are named by something else, and counted as if all were drawn anew.",
        ),
        DrawnBy::Request => Some(
            "Each request is drawn anew, so no user keeps a model: what is counted is how far the shares differ.",
        ),
    }
}

fn by_moment(moments: &[Moment]) -> Vec<Vec<String>> {
    let head = ["as it stands", "as it goes on", "change model", "join", "leave"];
    let shown = |standing: &Option<Standing>| standing.as_ref().map_or("no experiment".to_owned(), place);
    let row = |moment: &Moment| {
        let counts = [moment.moved, moment.join, moment.leave].map(|count| grouped(u64::from(count)));
        [vec![shown(&moment.stands_before), shown(&moment.stands_after)], counts.to_vec()].concat()
    };
    [head.map(str::to_owned).to_vec()].into_iter().chain(moments.iter().map(row)).collect()
}

fn moves(moment: &Moment) -> Vec<Vec<String>> {
    let head = ["from", "to", "users"].map(str::to_owned).to_vec();
    let rows =
        moment.moves.iter().map(|one| vec![one.from.clone(), one.to.clone(), grouped(u64::from(one.users))]);
    [head].into_iter().chain(rows).collect()
}

fn loads(moment: &Moment) -> Vec<Vec<String>> {
    let head = ["model", "answers before", "now", "copies before", "now"].map(str::to_owned).to_vec();
    let row = |load: &Load| {
        let Load { model, answers_before, answers_after, copies_before, copies_after } = load;
        let counts = [answers_before, answers_after, copies_before, copies_after]
            .map(|count| grouped(u64::from(*count)));
        [vec![model.clone()], counts.to_vec()].concat()
    };
    [head].into_iter().chain(moment.models.iter().map(row)).collect()
}

fn place(standing: &Standing) -> String {
    match (standing.step, &standing.weight) {
        _ if standing.rolled_back => "rolled back".to_owned(),
        (Some(step), Some(weight)) => format!("step {step}, {weight}"),
        _ => "running".to_owned(),
    }
}
