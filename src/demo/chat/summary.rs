//! The chat demo's last page: what the tests found, in words and figures for whoever decides about the product.
//!
//! It only lays out numbers that the gateway measured; what is not known is left out, never shown as zero.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::analysis::State;
use crate::analysis::grouped;
use crate::cost::Money;
use crate::demo::chat::models::Kind;
use crate::demo::folder::quoted;
use crate::demo::layout::indented;
use crate::demo::layout::milliseconds;
use crate::demo::layout::table;
use crate::demo::summary::Ratio;
use crate::protocol::Usage;
use crate::vocab::StrategyKind;

const LEGEND: &str = "\
Copies are calls whose answer no user saw. Likeness holds answers against the right ones (ROUGE-L, 0
to 1); half of a model's calls took no longer than its times. Tokens, read and written, and cost are a
call's. An e-value weighs figures against chance: a test decides once it is as high as needed, and of
tests of equally good models at most 1 in 20 ever does.
";

/// Everything that the page tells.
#[derive(Debug, Clone)]
pub struct Summary {
    /// What the legacy model is.
    pub legacy: Kind,
    /// What the candidate is.
    pub candidate: Kind,
    /// How many conversations there were for each strategy.
    pub conversations: usize,
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
    /// Right answers or thumbs that were joined with their request.
    pub outcomes: u64,
    /// The models, legacy first.
    pub arms: Vec<Arm>,
    /// What went wrong first, if anything did.
    pub problem: Option<String>,
    /// How often both gave the same answer; `None` where answers were not compared.
    pub agreement: Option<Ratio>,
    /// How often legacy, asked again, gave the same answer; `None` where it was not asked again.
    pub repeated: Option<Ratio>,
    /// What the judge said; `None`: nothing.
    pub judged: Option<Judged>,
    /// The better model; `None`: not known yet.
    pub winner: Option<String>,
    /// Why, in one sentence.
    pub reason: String,
    /// What to do about the candidate, and why.
    pub verdict: Option<(State, String)>,
}

/// What a judge said of pairs of answers.
#[derive(Debug, Clone, Copy)]
pub struct Judged {
    /// How often it preferred the candidate's.
    pub wins: u64,
    /// How often it preferred legacy's.
    pub losses: u64,
    /// How often neither.
    pub ties: u64,
    /// How often both orders of the answers led to the same.
    pub consistency: Option<f64>,
}

/// What one model did in one strategy.
#[derive(Debug, Clone)]
pub struct Arm {
    /// The model's name.
    pub name: String,
    /// Calls whose answer reached a user.
    pub answers: u64,
    /// Calls whose answer no user saw.
    pub copies: u64,
    /// How like its answers are to the right ones, 0 to 1; `None` where the right ones did not become known.
    pub likeness: Option<f64>,
    /// Thumbs up, of those given; `None`: none were.
    pub thumbs: Option<Ratio>,
    /// Half of the calls had their first chunk by then.
    pub first_chunk: Option<Duration>,
    /// Half of the calls took no longer.
    pub whole: Option<Duration>,
    /// The tokens of all calls.
    pub tokens: Usage,
    /// What all calls cost, with the currency.
    pub cost: Option<(Money, String)>,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = |count: fn(&Chapter) -> u64| grouped(self.chapters.iter().map(count).sum());
        writeln!(f, "Legacy is {}, the candidate is {}.", self.legacy, self.candidate)?;
        writeln!(
            f,
            "Users held {} conversations and got {} answers in {} s; {} requests failed; {} reports came back.",
            grouped((self.conversations * self.chapters.len()) as u64),
            total(|chapter| chapter.answered),
            self.took.as_secs(),
            total(|chapter| chapter.failed),
            total(|chapter| chapter.outcomes),
        )?;
        f.write_str(LEGEND)?;
        for chapter in &self.chapters {
            write!(f, "\n{chapter}")?;
        }
        self.closing(f)
    }
}

impl Summary {
    fn closing(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nWHICH MODEL IS BETTER, AND WHAT TO DO ABOUT THE CANDIDATE?")?;
        for chapter in &self.chapters {
            let winner = chapter.winner.as_deref().unwrap_or("not known yet");
            let verdict = chapter.verdict.as_ref().map_or("waiting", |(state, _)| state.as_str());
            writeln!(f, "  {:<8}{winner:<16}{verdict}", chapter.strategy.as_str())?;
        }
        writeln!(
            f,
            "\nEvery request with all its answers is on record, one JSON object a line. To see one:"
        )?;
        let records = quoted(&self.records);
        writeln!(f, "  cat {records}/*.jsonl | grep -m 1 '\"kind\":\"pair\"' | python3 -m json.tool")?;
        writeln!(f, "The policy that did all this: {}", self.policy.display())
    }
}

impl fmt::Display for Chapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.strategy {
            StrategyKind::Shadow => {
                "SHADOW: legacy answers every user; the candidate gets copies, whose answers no user sees.\n"
            }
            _ => "A/B: each model answers half of the conversations, as streams; users give thumbs.\n",
        })?;
        let heads =
            ["model", "answers", "copies", self.measured_by(), "first chunk", "whole", "tokens", "cost"];
        let mut rows = vec![heads.map(str::to_owned)];
        rows.extend(self.arms.iter().map(|arm| arm.row(self.strategy)));
        f.write_str(&table(&rows))?;
        let said = |f: &mut fmt::Formatter<'_>, who: &str, ratio: Option<Ratio>| match ratio {
            Some(ratio) => {
                let of = grouped(ratio.whole);
                writeln!(f, "  {who} gave the same answer to {ratio} of {of} requests.")
            }
            None => Ok(()),
        };
        said(f, "Both models", self.agreement)?;
        said(f, "Legacy, asked twice,", self.repeated)?;
        if let Some(judged) = &self.judged {
            f.write_str(&indented(&judged.to_string()))?;
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

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wins, losses, ties, consistency } = self;
        write!(
            f,
            "A judge that was shown no names preferred the candidate's answer to {} requests, legacy's to {}, neither's to {}",
            grouped(*wins),
            grouped(*losses),
            grouped(*ties)
        )?;
        match consistency {
            Some(same) => write!(f, "; in {:.0} % of them whichever answer it read first.", 100.0 * same),
            None => f.write_str("."),
        }
    }
}

impl Chapter {
    fn measured_by(&self) -> &'static str {
        if self.strategy == StrategyKind::Shadow { "likeness" } else { "thumbs up" }
    }
}

impl Arm {
    fn row(&self, strategy: StrategyKind) -> [String; 8] {
        let known = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let judged = match strategy {
            StrategyKind::Shadow => self.likeness.map(|likeness| format!("{likeness:.3}")),
            _ => self.thumbs.map(|thumbs| thumbs.to_string()),
        };
        [
            self.name.clone(),
            grouped(self.answers),
            grouped(self.copies),
            known(judged),
            known(self.first_chunk.map(milliseconds)),
            known(self.whole.map(milliseconds)),
            known(self.tokens_of_a_call()),
            known(self.cost_of_a_call()),
        ]
    }

    fn calls(&self) -> u64 {
        self.answers + self.copies
    }

    fn tokens_of_a_call(&self) -> Option<String> {
        let Usage { input_tokens, cached_input_tokens, output_tokens, .. } = self.tokens;
        let mean = |tokens: u64| (tokens as f64 / self.calls() as f64).round();
        (self.calls() > 0)
            .then(|| format!("{} + {}", mean(input_tokens + cached_input_tokens), mean(output_tokens)))
    }

    fn cost_of_a_call(&self) -> Option<String> {
        let (cost, currency) = self.cost.as_ref().filter(|_| self.calls() > 0)?;
        Some(format!("{:.6} {currency}", cost.scaled(1, self.calls()).as_f64()))
    }
}
