//! Who judged, where people do, and how far they agree.

use crate::analysis::ExperimentSummary;
use crate::analysis::ReviewerSummary;
use crate::analysis::grouped;
use crate::analysis::significant;
use crate::report::tables::Section;
use crate::report::tables::Table;
use crate::report::words::percent;

pub(super) fn people(found: &ExperimentSummary) -> Section {
    let words = ["judge", "version", "reviewer"];
    let figures = ["left", "right", "neither", "compared", "agree", "kappa", "alpha"];
    let mut table = Table::new(&words, &figures);
    for judge in &found.judges {
        let Some(people) = &judge.people else { continue };
        let names = [judge.judge.to_string(), judge.version.clone()];
        for own in &people.reviewers {
            let [judge, version] = names.clone();
            table.row([
                judge,
                version,
                own.reviewer.clone(),
                grouped(own.left),
                grouped(own.right),
                grouped(own.neither),
                grouped(own.compared),
                own.agreement.map(percent).unwrap_or_default(),
                String::new(),
                String::new(),
            ]);
        }
        if people.pairs > 0 {
            let [judge, version] = names;
            let sum = |of: fn(&ReviewerSummary) -> u64| grouped(people.reviewers.iter().map(of).sum());
            table.row([
                judge,
                version,
                "all".to_owned(),
                sum(|own| own.left),
                sum(|own| own.right),
                sum(|own| own.neither),
                grouped(people.pairs),
                people.agreement.map(percent).unwrap_or_default(),
                people.kappa.map(significant).unwrap_or_default(),
                people.alpha.map(significant).unwrap_or_default(),
            ]);
        }
    }
    let note = "Compared are words of others on the same pairs, for all of them together pairs. Kappa is Cohen's, alpha \
                Krippendorff's: 1 where all agree, 0 as by chance.";
    Section::of("People", note, table.used())
}
