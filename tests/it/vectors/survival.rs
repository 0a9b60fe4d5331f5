//! Risk scores against times to an event.

use crossfade::evaluate::NoValue;
use crossfade::evaluate::survival::Cohort;
use crossfade::evaluate::survival::End;

use crate::vectors::Case;
use crate::vectors::Computed;
use crate::vectors::number;

pub(super) fn compute(case: &Case) -> Option<Computed> {
    let cohort = match cohort(case) {
        Ok(cohort) => cohort,
        Err(problem) => return Some(Computed::metric(Err::<f64, _>(problem))),
    };
    Some(match case.metric.as_str() {
        "c_index" => Computed::metric(cohort.concordance()),
        "c_index_ipcw" => Computed::metric(cohort.concordance_ipcw(case.params.get("tau").and_then(number))),
        "td_auc" => {
            let times = case.params["times"].as_array().unwrap().iter().map(|time| number(time).unwrap());
            Computed::metric(cohort.auc_at(&times.collect::<Vec<_>>()))
        }
        _ => return None,
    })
}

fn cohort(case: &Case) -> Result<Cohort, NoValue> {
    let end = |flag: f64| match flag {
        0.0 => Ok(End::Censored),
        1.0 => Ok(End::Event),
        _ => Err(NoValue::Invalid("an event is neither 0 nor 1")),
    };
    let ends: Vec<End> =
        case.given_numbers("event").unwrap().into_iter().map(end).collect::<Result<_, _>>()?;
    Cohort::new(&case.given_numbers("time").unwrap(), &ends, &case.given_numbers("risk").unwrap())
}
