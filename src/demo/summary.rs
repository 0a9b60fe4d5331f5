//! The demo's last page: what the four tests found, in words and figures for whoever decides about the product.
//!
//! It only lays out numbers that the gateway measured; what is not known is left out, never shown as zero.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::analysis::State;
use crate::analysis::grouped;
use crate::cost::Money;
use crate::demo::folder::quoted;
use crate::demo::layout::indented;
use crate::demo::layout::milliseconds;
use crate::demo::layout::percent;
use crate::demo::layout::table;
use crate::demo::models::Kind;
use crate::vocab::StrategyKind;

const LEGEND: &str = "\
Copies are calls whose answer no user saw. Half of a model's calls took no longer than p50,
95 of 100 no longer than p95. An e-value weighs figures against chance: a test decides once
it is as high as needed, and of tests of equally good models at most 1 in 20 ever does.
";

/// Everything that the page tells.
#[derive(Debug, Clone)]
pub struct Summary {
    /// What the legacy model is.
    pub legacy: Kind,
    /// What the candidate is.
    pub candidate: Kind,
    /// How many users there were.
    pub users: usize,
    /// How long the traffic took.
    pub took: Duration,
    /// What each strategy found, in the order they ran.
    pub chapters: Vec<Chapter>,
    /// Where the records are.
    pub records: PathBuf,
    /// Where the policy is that all this ran under.
    pub policy: PathBuf,
}

/// What one strategy found.
#[derive(Debug, Clone)]
pub struct Chapter {
    /// The strategy.
    pub strategy: StrategyKind,
    /// Requests that users got an answer to.
    pub answered: u64,
    /// Requests that they did not.
    pub failed: u64,
    /// Labels or clicks that were joined with their request.
    pub outcomes: u64,
    /// The models, legacy first.
    pub arms: Vec<Arm>,
    /// What went wrong first, if anything did.
    pub problem: Option<String>,
    /// The candidate's share of the users, step by step; empty where it did not grow.
    pub shares: Vec<f64>,
    /// How often both gave the same answer; `None` where answers were not compared.
    pub agreement: Option<Ratio>,
    /// How often legacy, asked again, gave the same answer; `None` where it was not asked again.
    pub repeated: Option<Ratio>,
    /// The better model; `None`: not known yet.
    pub winner: Option<String>,
    /// Why, in one sentence.
    pub reason: String,
    /// What to do about the candidate, and why.
    pub verdict: Option<(State, String)>,
}

/// What one model did in one strategy.
#[derive(Debug, Clone)]
pub struct Arm {
    /// The model's name.
    pub name: String,
    /// Calls whose answer reached a user, alone or mixed with another's.
    pub answers: u64,
    /// Calls whose answer no user saw.
    pub copies: u64,
    /// How many answers were right, of those whose truth became known; `None`: none did.
    pub right: Option<Ratio>,
    /// Users who preferred its documents; `None` where lists were not mixed.
    pub users_won: Option<u64>,
    /// Half of the calls took no longer.
    pub p50: Option<Duration>,
    /// 95 calls of 100 took no longer.
    pub p95: Option<Duration>,
    /// What all calls cost, with the currency.
    pub cost: Option<(Money, String)>,
}

/// So many of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ratio {
    /// The part.
    pub part: u64,
    /// The whole.
    pub whole: u64,
}

impl Ratio {
    /// A part of a whole; `None` of nothing.
    pub fn of(part: u64, whole: u64) -> Option<Self> {
        (whole > 0).then_some(Self { part, whole })
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} %", 100.0 * self.part as f64 / self.whole as f64)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.opening(f)?;
        for chapter in &self.chapters {
            write!(f, "\n{chapter}")?;
        }
        self.closing(f)
    }
}

impl Summary {
    fn opening(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = |count: fn(&Chapter) -> u64| grouped(self.chapters.iter().map(count).sum());
        writeln!(f, "Legacy is {}, the candidate is {}.", self.legacy, self.candidate)?;
        writeln!(
            f,
            "{} users got {} answers in {} s; {} requests failed; {} labels and clicks came back.",
            grouped(self.users as u64),
            total(|chapter| chapter.answered),
            self.took.as_secs(),
            total(|chapter| chapter.failed),
            total(|chapter| chapter.outcomes),
        )?;
        f.write_str(LEGEND)
    }

    fn closing(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nWHICH MODEL IS BETTER, AND WHAT TO DO ABOUT THE CANDIDATE?")?;
        for chapter in &self.chapters {
            let winner = chapter.winner.as_deref().unwrap_or("not known yet");
            let verdict = chapter.verdict.as_ref().map_or("waiting", |(state, _)| state.as_str());
            writeln!(f, "  {:<12}{winner:<16}  {verdict}", chapter.strategy.as_str())?;
        }
        writeln!(
            f,
            "\nEvery request with all its answers is on record, one JSON object a line. To see one:"
        )?;
        writeln!(
            f,
            "  cat {}/*.jsonl | grep -m 1 '\"kind\":\"pair\"' | python3 -m json.tool",
            quoted(&self.records)
        )?;
        writeln!(f, "The policy that did all this: {}", self.policy.display())
    }
}

impl fmt::Display for Chapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", explanation(self.strategy))?;
        f.write_str(&self.table())?;
        if !self.shares.is_empty() {
            let shares: Vec<String> = self.shares.iter().map(|share| percent(*share)).collect();
            writeln!(f, "  The candidate's share, step by step: {}.", shares.join(", "))?;
        }
        if let Some(agreement) = self.agreement {
            let whole = grouped(agreement.whole);
            writeln!(
                f,
                "  Both models gave the same answer to {agreement} of {whole} requests that both got."
            )?;
        }
        if let Some(repeated) = self.repeated {
            let whole = grouped(repeated.whole);
            writeln!(f, "  Legacy, asked twice, gave the same answer to {repeated} of {whole} requests.")?;
        }
        if self.failed > 0 {
            writeln!(f, "  {} requests failed.", grouped(self.failed))?;
        }
        if let Some(problem) = &self.problem {
            f.write_str(&indented(&format!("What went wrong first: {problem}")))?;
        }
        f.write_str(&indented(&self.reason))?;
        if let Some((state, why)) = &self.verdict {
            f.write_str(&indented(&format!("Verdict: {}, for {why}.", state.as_str())))?;
        }
        Ok(())
    }
}

impl Chapter {
    fn table(&self) -> String {
        let mixed = self.strategy == StrategyKind::Interleave;
        let judged = if mixed { "users won" } else { "right" };
        let mut rows =
            vec![["model", "answers", "copies", judged, "p50", "p95", "per 1,000 calls"].map(str::to_owned)];
        rows.extend(self.arms.iter().map(|arm| arm.row(mixed)));
        table(&rows)
    }
}

impl Arm {
    fn row(&self, mixed: bool) -> [String; 7] {
        let known = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let judged =
            if mixed { self.users_won.map(grouped) } else { self.right.map(|right| right.to_string()) };
        [
            self.name.clone(),
            grouped(self.answers),
            grouped(self.copies),
            known(judged),
            known(self.p50.map(milliseconds)),
            known(self.p95.map(milliseconds)),
            known(self.price()),
        ]
    }

    fn price(&self) -> Option<String> {
        let calls = self.answers + self.copies;
        let (cost, currency) = self.cost.as_ref().filter(|_| calls > 0)?;
        Some(format!("{:.5} {currency}", cost.scaled(1_000, calls).as_f64()))
    }
}

fn explanation(strategy: StrategyKind) -> &'static str {
    match strategy {
        StrategyKind::Shadow => {
            "SHADOW: legacy answers every user; the candidate gets copies, whose answers no user sees."
        }
        StrategyKind::Canary => "CANARY: the candidate answers a share of the users that grows step by step.",
        StrategyKind::Ab => "A/B: each model answers half of the users.",
        StrategyKind::Interleave => {
            "INTERLEAVE: each user sees one list made of both models' lists; clicks tell whose are better."
        }
    }
}
