//! `crossfade size`: how many requests, and how long, each strategy takes to find an effect.

mod text;

use std::process::ExitCode;
use std::str::FromStr;

use serde_json::json;

use crate::cli::BAD_ARGUMENTS;
use crate::cli::Format;
use crate::cli::print;
use crate::cli::prose::percent;
use crate::sizing::Expected;
use crate::sizing::Sizes;
use crate::stats::Undefined;

/// The arguments of `crossfade size`.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("difference").required(true))]
pub(super) struct Args {
    /// How often what is counted (errors, wrong answers, clicks) happens to legacy's requests.
    #[arg(long, value_name = "RATE")]
    base_rate: Portion,
    /// The candidate's rate against legacy's, as in `+50%`, `-20%` or `2x`.
    #[arg(long, value_name = "CHANGE", group = "difference", allow_hyphen_values = true)]
    effect: Option<Change>,
    /// The candidate's rate, in place of `--effect`.
    #[arg(long, value_name = "RATE", group = "difference")]
    candidate_rate: Option<Portion>,
    /// The candidate's share of a canary's traffic.
    #[arg(long, value_name = "SHARE", default_value = "5%")]
    split: Portion,
    /// The experiment's requests a second, to tell how long it takes.
    #[arg(long, value_name = "N", conflicts_with = "per_day")]
    per_second: Option<Traffic>,
    /// The experiment's requests a day.
    #[arg(long, value_name = "N")]
    per_day: Option<Traffic>,
    /// The chance of a false alarm.
    #[arg(long, value_name = "CHANCE", default_value = "0.05")]
    alpha: Portion,
    /// The chance to find the effect.
    #[arg(long, value_name = "CHANCE", default_value = "80%")]
    power: Portion,
    /// How many requests each user makes during the test.
    #[arg(long, value_name = "N", default_value = "1")]
    requests_per_user: PerUser,
    /// How alike one user's requests are: their intraclass correlation, from 0 (not at all) to 1 (all the same).
    #[arg(long, value_name = "R", default_value = "0", requires = "requests_per_user")]
    icc: Correlation,
    /// Interleaving: the candidate's share of votes; default: as the two rates stand to each other.
    #[arg(long, value_name = "SHARE")]
    preference: Option<Portion>,
    /// Interleaving: the share of users whose clicks decide; default: those who click, at the mean of the two rates.
    #[arg(long, value_name = "SHARE")]
    decided: Option<Portion>,
    /// Shadow: the share of pairs in which it happens on one side only; default: that of independent answers.
    #[arg(long, value_name = "SHARE")]
    discordance: Option<Portion>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// A number between 0 and 1, or a percentage; both ends excluded.
#[derive(Debug, Clone, Copy)]
struct Portion(f64);

/// How many times legacy's rate the candidate's is.
#[derive(Debug, Clone, Copy)]
struct Change(f64);

/// A number of requests in a time, above 0.
#[derive(Debug, Clone, Copy)]
struct Traffic(f64);

/// A number of requests, at least 1.
#[derive(Debug, Clone, Copy)]
struct PerUser(f64);

/// A number from 0 to 1.
#[derive(Debug, Clone, Copy)]
struct Correlation(f64);

pub(super) fn main(args: Args) -> ExitCode {
    let format = args.format;
    match args.expected().and_then(|expected| expected.sizes().map_err(|why| explained(&expected, why))) {
        Ok(sizes) => print(&shown(&sizes, format)),
        Err(problem) => {
            eprintln!("crossfade: {problem}");
            ExitCode::from(BAD_ARGUMENTS)
        }
    }
}

fn shown(sizes: &Sizes, format: Format) -> String {
    match format {
        Format::Text => text::text(sizes),
        Format::Json => {
            let mut written = json!(sizes);
            written["recommendation"] = text::recommendation(sizes).into();
            format!("{written:#}")
        }
    }
}

impl Args {
    fn expected(&self) -> Result<Expected, String> {
        let base_rate = self.base_rate.0;
        let candidate_rate = match (self.effect, self.candidate_rate) {
            (Some(Change(times)), _) => base_rate * times,
            (None, Some(Portion(rate))) => rate,
            (None, None) => base_rate,
        };
        if candidate_rate >= 1.0 {
            return Err(format!(
                "an --effect of {} times a --base-rate of {} is a rate of {}, expected less than 100 %; give a smaller \
                 --effect, or count what does not happen instead: --base-rate {}",
                candidate_rate / base_rate,
                percent(base_rate),
                percent(candidate_rate),
                percent(1.0 - base_rate).replace(' ', ""),
            ));
        }
        let portion = |portion: Option<Portion>| portion.map(|portion| portion.0);
        Ok(Expected {
            base_rate,
            candidate_rate,
            split: self.split.0,
            alpha: self.alpha.0,
            power: self.power.0,
            requests_per_user: self.requests_per_user.0,
            icc: self.icc.0,
            preference: portion(self.preference),
            decided: portion(self.decided),
            discordance: portion(self.discordance),
            per_second: self.per_second.or(self.per_day.map(|day| Traffic(day.0 / 86_400.0))).map(|it| it.0),
        })
    }
}

/// What is wrong, by the arguments' names, and what to do.
fn explained(expected: &Expected, why: Undefined) -> String {
    let Expected { base_rate, candidate_rate, alpha, power, .. } = *expected;
    match why {
        Undefined::NoEffect => format!(
            "both models have a rate of {}: there is no effect to find; give another --effect or --candidate-rate",
            percent(base_rate)
        ),
        Undefined::Parameter { name: "the discordance", value, .. } => format!(
            "a --discordance of {} is less than the difference of the rates, {}; give more than that, or leave it out",
            percent(value),
            percent((candidate_rate - base_rate).abs())
        ),
        Undefined::Parameter { name: "the power", .. } => {
            format!("a --power of {power} is not more than --alpha, {alpha}; give a higher power, as in 80%")
        }
        why => why.to_string(),
    }
}

impl FromStr for Portion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let percentage =
            text.strip_suffix('%').map(|number| number.trim_end().parse().map(|it: f64| it / 100.0));
        let number = percentage.unwrap_or_else(|| text.parse()).ok();
        number.filter(|number| *number > 0.0 && *number < 1.0).map(Self).ok_or_else(|| {
            "expected a percentage above 0% and below 100%, as in `1%`, or such a number, as in `0.01`"
                .to_owned()
        })
    }
}

impl FromStr for Change {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let by = |number: &str| number.trim_end().parse::<f64>().ok();
        let signed = text.starts_with(['+', '-']);
        let times = match (text.strip_suffix('x'), text.strip_suffix('%')) {
            (Some(times), _) => by(times).filter(|_| !signed),
            (None, Some(more)) if signed => by(more).map(|percent| 1.0 + percent / 100.0),
            _ => None,
        };
        times.filter(|times| *times > 0.0 && times.is_finite()).map(Self).ok_or_else(|| {
            "expected a change of legacy's rate: `+50%`, `-20%` (more than -100%), or how many times it is, as in \
             `2x`; for a rate use --candidate-rate"
                .to_owned()
        })
    }
}

impl FromStr for Traffic {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        number(text, |number| number > 0.0)
            .map(Self)
            .ok_or_else(|| "expected a number above 0, as in `50`".to_owned())
    }
}

impl FromStr for PerUser {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        number(text, |number| number >= 1.0)
            .map(Self)
            .ok_or_else(|| "expected a number from 1, as in `10`".to_owned())
    }
}

impl FromStr for Correlation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let within = |number| (0.0..=1.0).contains(&number);
        number(text, within).map(Self).ok_or_else(|| "expected a number from 0 to 1, as in `0.05`".to_owned())
    }
}

fn number(text: &str, is_within: impl Fn(f64) -> bool) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite() && is_within(*number))
}
