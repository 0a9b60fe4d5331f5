//! What judges said: their word on each answer goes to the metrics that are theirs, and how they judged is counted.
//!
//! A judgement comes after its pair and is counted once for its request, whatever number of calls it took. One of a judge
//! that is another now, with another prompt or other rules, is counted for that judge alone. People may judge hours later,
//! when their request waits for nothing any more: what they prefer is counted from their own lines.

use serde::Deserialize;
use serde::Serialize;

use crate::analysis::accord::AccordSummary;
use crate::analysis::accord::Judge;
use crate::analysis::breach;
use crate::analysis::join::Case;
use crate::analysis::panel::Panel;
use crate::analysis::panel::PanelSummary;
use crate::analysis::quality::Finding;
use crate::analysis::study::Study;
use crate::analysis::watch::Nature;
use crate::analysis::watch::Signal;
use crate::analysis::watch::Watch;
use crate::policy::JudgeDraw;
use crate::policy::JudgeMode;
use crate::policy::JudgedBy;
use crate::policy::Metric;
use crate::policy::Watched;
use crate::record::DesignRecord;
use crate::record::JudgementRecord;
use crate::record::Preference;
use crate::vocab::JudgeName;
use crate::vocab::ModelName;

/// How one judge, in one version, judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct JudgeTally {
    pub(super) mode: JudgeMode,
    /// Requests that it judged.
    pub(super) judgements: u64,
    /// Those for which nobody was asked, for the same answers were judged before.
    pub(super) cached: u64,
    /// Answers of which nothing could be said.
    pub(super) missing: u64,
    /// Pairs whose two orders led to the same, and to two things.
    pub(super) consistent: u64,
    pub(super) inconsistent: u64,
    pub(super) wins: u64,
    pub(super) losses: u64,
    pub(super) ties: u64,
    /// Where people judge, what they said.
    #[serde(default)]
    pub(super) panel: Panel,
}

/// How one judge judged, in one version of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JudgeSummary {
    /// The judge.
    pub judge: JudgeName,
    /// What makes its judgements comparable.
    pub version: String,
    /// How it judges.
    pub mode: JudgeMode,
    /// Requests that it judged.
    pub judgements: u64,
    /// Those for which nobody was asked, for the same answers were judged before.
    pub cached: u64,
    /// Answers of which nothing could be said.
    pub missing: u64,
    /// Candidates' answers that were preferred, that legacy's was preferred to, and that neither was.
    pub wins: u64,
    /// See `wins`.
    pub losses: u64,
    /// See `wins`.
    pub ties: u64,
    /// The share of pairs on which both orders of the answers led to the same; below 0.7 the judge is of no use for what
    /// it is asked. Missing where no pair was judged in both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consistency: Option<f64>,
    /// Where people judge, how far they agree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub people: Option<PanelSummary>,
    /// How it agrees with people; missing while they have no pair in common.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accord: Option<AccordSummary>,
    /// Why nothing should rest on its word: over 100 pairs that people judged too its kappa is below 0.4, or of 100 pairs
    /// asked about in both orders it judged fewer than 70 % alike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distrust: Option<String>,
}

/// Says whether a judge may yet speak of a request.
pub(super) fn is_to_be_judged(design: &DesignRecord, case: &Case) -> bool {
    let is_drawn = |draw: &JudgeDraw| draw.admits(case.request.as_bytes(), case.unit.as_deref());
    let may_speak = |draw: &JudgeDraw| !case.judged_by.contains(&draw.judge) && is_drawn(draw);
    design.judges.iter().any(may_speak)
}

impl Study {
    /// Takes in what a judge said.
    pub(super) fn fold_judgement(&mut self, record: &JudgementRecord) {
        if !self.is_of(&record.identity) {
            return;
        }
        let case = self.join.judgement(record);
        if case.is_none() && record.mode != JudgeMode::Human {
            return;
        }
        self.hear(record);
        let tally = self.judges.entry((record.judge.clone(), record.version.clone()));
        tally.or_insert_with(|| JudgeTally::of(record.mode)).count(record);
        // Only the metrics: what the experiment is decided by is looked at while they are told.
        let Some(design) = &mut self.design else { return };
        let (alpha, metrics) = (design.decision.alpha, std::mem::take(&mut design.metrics));
        for metric in &metrics {
            let judge = metric.judge.as_ref();
            let is_its = |judge: &JudgedBy| judge.name == record.judge && judge.version == record.version;
            if record.counts() && judge.is_some_and(is_its) {
                self.weigh(case.as_ref(), metric, record, alpha);
            }
        }
        if let Some(design) = &mut self.design {
            design.metrics = metrics;
        }
        if let Some(case) = case
            && self.awaits(&case)
        {
            self.join.put_back(case);
        }
        self.track(record.request_time);
    }

    pub(super) fn judge_summaries(&self) -> Vec<JudgeSummary> {
        let alpha = self.decision().alpha;
        let summary = |(of, tally): (&Judge, &JudgeTally)| {
            let (judge, version) = of;
            let both = tally.consistent + tally.inconsistent;
            let JudgeTally { mode, judgements, cached, missing, wins, losses, ties, .. } = *tally;
            JudgeSummary {
                judge: judge.clone(),
                version: version.clone(),
                mode,
                judgements,
                cached,
                missing,
                wins,
                losses,
                ties,
                consistency: (both > 0).then(|| tally.consistent as f64 / both as f64),
                people: tally.panel.summary(),
                accord: self.accord.summary(of, alpha),
                distrust: self.distrust(of),
            }
        };
        self.judges.iter().map(summary).collect()
    }

    /// How a judge's people judged; `None`: they did not yet.
    pub(super) fn people(&self, judge: &JudgeName, version: &str) -> Option<PanelSummary> {
        let mut known = self.judges.iter().filter(|((name, its), _)| name == judge && its == version);
        known.next().and_then(|(_, tally)| tally.panel.summary())
    }

    /// Tells a metric what its judge said.
    fn weigh(&mut self, case: Option<&Case>, metric: &Metric, record: &JudgementRecord, alpha: f64) {
        let Some(arms) = self.subject.as_ref().map(|subject| subject.arms.clone()) else { return };
        let mut words: Vec<Option<f64>> = vec![None; arms.len()];
        for answer in record.answers.iter().filter(|answer| answer.missing.is_none()) {
            let Some(arm) = place(&arms, &answer.arm) else { continue };
            let score = answer.score.or(record.preference(answer).map(Preference::score));
            let Some(score) = score.filter(|score| (0.0..=1.0).contains(score)) else { continue };
            words[arm] = Some(score);
            if let Some(quality) = self.quality.get_mut(&metric.name) {
                quality.add(arm, answer.role, record.request_id, Finding::Score(score));
            }
        }
        let watched = Watched::Metric(metric.name.clone());
        let Some(watch) = self.watch_of(&watched).cloned() else { return };
        if watch.nature == Nature::Preferred {
            return self.prefer(&watch, record, &words, alpha);
        }
        let Some(case) = case else { return };
        let signals: Vec<Option<Signal>> =
            words.iter().map(|word| word.map(|score| watch.of_score(score))).collect();
        self.tell(&watch, case, &signals, true);
    }

    /// Tells which of two answers was preferred; a tie is told too, and is no vote.
    fn prefer(&mut self, watch: &Watch, record: &JudgementRecord, words: &[Option<f64>], alpha: f64) {
        for (candidate, word) in words.iter().enumerate().skip(1) {
            let (Some(word), Some(pairs)) = (word, self.pairs.get_mut(candidate - 1)) else { continue };
            let signals = (Signal::Event(*word > 0.5), Signal::Event(*word < 0.5));
            if pairs.signal(watch, record.unit.as_deref(), signals, alpha) {
                breach::of_pairs(self, candidate, watch, record.request_id, record.request_time);
            }
        }
    }
}

fn place(arms: &[ModelName], arm: &ModelName) -> Option<usize> {
    arms.iter().position(|known| known == arm)
}

impl JudgeTally {
    fn of(mode: JudgeMode) -> Self {
        Self {
            mode,
            judgements: 0,
            cached: 0,
            missing: 0,
            consistent: 0,
            inconsistent: 0,
            wins: 0,
            losses: 0,
            ties: 0,
            panel: Panel::default(),
        }
    }

    fn count(&mut self, record: &JudgementRecord) {
        self.panel.count(record);
        if !record.counts() {
            return;
        }
        self.judgements += 1;
        self.cached += u64::from(record.cached);
        for answer in &record.answers {
            self.missing += u64::from(answer.missing.is_some());
            match answer.consistent {
                Some(true) => self.consistent += 1,
                Some(false) => self.inconsistent += 1,
                None => {}
            }
            match record.preference(answer) {
                Some(Preference::Win) => self.wins += 1,
                Some(Preference::Loss) => self.losses += 1,
                Some(Preference::Tie) => self.ties += 1,
                None => {}
            }
        }
    }

    /// Takes in another gateway's.
    pub(super) fn merge(&mut self, other: &JudgeTally) {
        let JudgeTally {
            mode: _,
            judgements,
            cached,
            missing,
            consistent,
            inconsistent,
            wins,
            losses,
            ties,
            panel,
        } = other;
        self.panel.merge(panel);
        self.wins += wins;
        self.losses += losses;
        self.ties += ties;
        self.judgements += judgements;
        self.cached += cached;
        self.missing += missing;
        self.consistent += consistent;
        self.inconsistent += inconsistent;
    }
}
