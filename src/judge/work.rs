//! One judge at work on one case: what it says becomes the judgement that goes on record.

use std::time::SystemTime;

use crate::judge::Case;
use crate::judge::Rule;
use crate::judge::Settings;
use crate::judge::Way;
use crate::judge::case::Came;
use crate::judge::rules;
use crate::judge::text::text_of;
use crate::record::JudgedAnswer;
use crate::record::JudgementRecord;
use crate::record::Missing;
use crate::record::ObservationRecord;
use crate::vocab::Timestamp;

/// Judges a case.
pub(super) async fn judge(settings: &Settings, case: &Case) -> JudgementRecord {
    let mut judgement = blank(settings, case);
    match &settings.way {
        Way::Rules(rules) => {
            judgement.answers = case.answers().map(|seen| by_rules(settings, rules, seen)).collect();
        }
    }
    judgement.time = Timestamp::from(SystemTime::now());
    judgement
}

/// A judgement that says nothing yet.
fn blank(settings: &Settings, case: &Case) -> JudgementRecord {
    let record = &case.record;
    JudgementRecord {
        request_id: record.request_id,
        time: record.time,
        request_time: record.time,
        experiment: record.experiment.clone(),
        identity: record.identity.clone(),
        stage: record.stage,
        unit: record.unit.clone(),
        judge: settings.name.clone(),
        version: settings.version(),
        mode: settings.mode(),
        propensity: settings.sample.probability(),
        answers: Vec::new(),
        model: None,
        calls: 0,
        tokens: None,
        cost: None,
        cached: false,
    }
}

fn by_rules(settings: &Settings, rules: &[Rule], seen: &ObservationRecord) -> JudgedAnswer {
    let mut answer = JudgedAnswer::of(seen.arm.clone(), seen.role);
    match Came::of(seen) {
        Came::Unknown => answer.missing = Some(Missing::NoAnswer),
        // An answer that never came keeps no rule.
        Came::Failed => answer.score = Some(0.0),
        Came::Answer => match text_of(seen, settings.at.as_ref()) {
            Ok(said) => {
                answer.broken = rules::broken(rules, &said);
                answer.score = Some(if answer.broken.is_empty() { 1.0 } else { 0.0 });
            }
            // What is not at its place is no answer either, unless the record lacks the body.
            Err(_) if seen.is_whole_json() => answer.score = Some(0.0),
            Err(why) => answer.missing = Some(why),
        },
    }
    answer
}
