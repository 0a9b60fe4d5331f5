//! E-processes and confidence sequences.

use crossfade::stats::AlwaysValidP;
use crossfade::stats::AsymptoticCs;
use crossfade::stats::BetaBinomial;
use crossfade::stats::BettingCs;
use crossfade::stats::BettingProcess;
use crossfade::stats::BettingSettings;
use crossfade::stats::CdfBand;
use crossfade::stats::CombinedE;
use crossfade::stats::DoubleStitching;
use crossfade::stats::EmpiricalBernstein;
use crossfade::stats::EventShare;
use crossfade::stats::Interval;
use crossfade::stats::Moments;
use crossfade::stats::Msprt;
use crossfade::stats::QuantileRanks;
use crossfade::stats::SampleRatio;
use crossfade::stats::Spending;
use crossfade::stats::Tuning;
use crossfade::stats::Undefined;
use crossfade::stats::asymptotic_rho2;
use crossfade::stats::boundary::Bounded;
use crossfade::stats::boundary::GammaExponential;
use crossfade::stats::boundary::NormalMixture;
use crossfade::stats::boundary::PolyStitching;
use crossfade::stats::boundary::Sides;
use crossfade::stats::combine_e;
use crossfade::stats::p_to_e;
use crossfade::stats::quantile_difference_p;
use crossfade::stats::quantile_ranks;
use crossfade::stats::share_cs;
use crossfade::stats::spending_bounds;
use crossfade::stats::tuned_share_cs;
use serde_json::Value;
use serde_json::json;

use crate::vectors::Case;
use crate::vectors::Computed;
use crate::vectors::written;

pub(super) fn compute(case: &Case) -> Option<Computed> {
    let result = match case.metric.as_str() {
        "alpha_spending_bounds" => alpha_spending(case),
        "asympcs_mean" => asymptotic_mean(case),
        "asympcs_rho2" => rho2(case),
        "asympcs_two_sample" => asymptotic_difference(case),
        "bernoulli_cs_confseq" => tuned_cs(case),
        "beta_binomial_bound" => beta_binomial_bound(case),
        "beta_binomial_cs" => beta_binomial_cs(case),
        "beta_binomial_e_process" => beta_binomial(case),
        "betting_cs" => betting_cs(case),
        "betting_wealth" => betting_wealth(case),
        "cdf_lil_radius" => cdf_band(case),
        "e_combine" => combined(case),
        "empirical_bernstein_cs" => empirical_bernstein(case),
        "event_share_e_process" => event_share(case),
        "event_share_noninferiority_e" => noninferiority(case),
        "gamma_exponential_bound" => gamma_exponential_bound(case),
        "msprt_normal" => msprt(case),
        "normal_mixture_bound" => normal_mixture(case)
            .and_then(|mixture| Ok(written(mixture.bound(case.number("v"), case.param("alpha"))?))),
        "normal_mixture_log_e" => {
            normal_mixture(case).map(|mixture| written(mixture.log_e(case.number("s"), case.number("v"))))
        }
        "p_to_e" => p_to_e(case.number("p"), case.param("kappa")).map(written),
        "poly_stitching_bound" => poly_stitching(case),
        "quantile_ab_p" => quantile_difference(case),
        "quantile_cs_ranks" => ranks(case),
        "quantile_radius_double_stitching" => double_stitching(case),
        "relative_risk_cs" => relative_risk(case),
        "sequential_multinomial" => {
            sample_ratio(case, |test, counts| test.log_e_at(case.param("concentration"), counts))
        }
        "sequential_multinomial_mixture" => sample_ratio_mixture(case),
        _ => return None,
    };
    Some(match result {
        Ok(value) => Computed::Value(value),
        Err(Undefined::Parameter { .. }) => Computed::Refused,
        Err(_) => Computed::Undefined,
    })
}

type Outcome = Result<Value, Undefined>;

fn beta_binomial(case: &Case) -> Outcome {
    let process = BetaBinomial::new(case.param("a"), case.param("b"), case.param("p0"), case.alternative())?;
    Ok(process_of(trials(case, "x").map(|(successes, failures)| process.log_e(successes, failures))))
}

fn beta_binomial_cs(case: &Case) -> Outcome {
    let (successes, trials) = (case.count("successes"), case.count("n"));
    let (a, b, alpha) = (case.param("a"), case.param("b"), case.param("alpha"));
    Ok(ends(share_cs(a, b, successes, trials - successes, alpha)?))
}

fn tuned_cs(case: &Case) -> Outcome {
    let (successes, trials) = (case.count("successes"), case.count("n"));
    let (t_opt, alpha_opt) = (case.param("t_opt"), case.param("alpha_opt"));
    Ok(ends(tuned_share_cs(successes, trials - successes, case.param("alpha"), t_opt, alpha_opt)?))
}

fn event_share(case: &Case) -> Outcome {
    let test = EventShare::new(case.param("rho"), 1.0)?;
    let test = test.with_prior_strength(case.param("a") + case.param("b"))?;
    let log_e = |(candidate, legacy): (u64, u64)| test.log_e(case.alternative(), candidate, legacy);
    Ok(process_of(trials(case, "event_from_candidate").map(log_e)))
}

fn noninferiority(case: &Case) -> Outcome {
    let test = EventShare::new(case.param("rho"), case.param("relative_risk_null"))?;
    let test = test.with_prior_strength(case.param("prior_strength"))?;
    let (candidate, legacy) = (case.count("events_candidate"), case.count("events_legacy"));
    let log_e = test.log_e(case.alternative(), candidate, legacy);
    Ok(json!({ "p0": test.null_share(), "log_e": written(log_e) }))
}

fn relative_risk(case: &Case) -> Outcome {
    let test = EventShare::new(case.param("rho"), 1.0)?;
    let test = test.with_prior_strength(case.param("a") + case.param("b"))?;
    let (candidate, legacy) = (case.count("events_candidate"), case.count("events_legacy"));
    let share = test.share(candidate, legacy, case.param("alpha"))?;
    let ratio = test.relative_risk(candidate, legacy, case.param("alpha"))?;
    Ok(json!({
        "share_lower": share.lower, "share_upper": share.upper,
        "rr_lower": ratio.lower, "rr_upper": written(ratio.upper),
    }))
}

fn sample_ratio(case: &Case, log_e: impl Fn(&SampleRatio, &[u64]) -> f64) -> Outcome {
    let design: Vec<f64> = serde_json::from_value(case.params["theta0"].clone()).unwrap();
    let looks: Vec<Vec<u64>> = serde_json::from_value(case.input("increments").clone()).unwrap();
    let test = SampleRatio::new(&design)?;
    let mut counts = vec![0; design.len()];
    Ok(process_of(looks.iter().map(|look| {
        counts.iter_mut().zip(look).for_each(|(count, more)| *count += more);
        log_e(&test, &counts)
    })))
}

fn sample_ratio_mixture(case: &Case) -> Outcome {
    let concentrations: Vec<f64> = serde_json::from_value(case.params["concentrations"].clone()).unwrap();
    assert_eq!(concentrations, [10.0, 100.0, 1_000.0, 10_000.0], "the library averages over these");
    sample_ratio(case, SampleRatio::log_e)
}

fn normal_mixture(case: &Case) -> Result<NormalMixture, Undefined> {
    NormalMixture::tuned(case.param("v_opt"), case.param("alpha_opt"), sides(case))
}

fn gamma_exponential_bound(case: &Case) -> Outcome {
    let mixture = GammaExponential::tuned(case.param("v_opt"), case.param("alpha_opt"), case.param("c"))?;
    mixture.bound(case.number("v"), case.param("alpha")).map(written)
}

fn beta_binomial_bound(case: &Case) -> Outcome {
    let (v_opt, alpha_opt) = (case.param("v_opt"), case.param("alpha_opt"));
    let mixture = Bounded::tuned(v_opt, alpha_opt, case.param("g"), case.param("h"), sides(case))?;
    mixture.bound(case.number("v"), case.param("alpha")).map(written)
}

fn poly_stitching(case: &Case) -> Outcome {
    let [v_min, c, s, eta] = ["v_min", "c", "s", "eta"].map(|key| case.param(key));
    PolyStitching::new(v_min, c, s, eta)?.bound(case.number("v"), case.param("alpha")).map(written)
}

fn sides(case: &Case) -> Sides {
    if case.params["one_sided"].as_bool().unwrap() { Sides::One } else { Sides::Two }
}

fn msprt(case: &Case) -> Outcome {
    let mut test = Msprt::new(case.param("theta0"), case.param("sigma2"), case.param("tau2"))?;
    let mut p = AlwaysValidP::default();
    let (mut log_lr, mut always_valid_p) = (Vec::new(), Vec::new());
    for x in case.numbers("x") {
        test.add(x)?;
        log_lr.push(test.log_e());
        always_valid_p.push(p.look(test.log_e()));
    }
    Ok(json!({ "log_lr": log_lr, "always_valid_p": always_valid_p }))
}

fn empirical_bernstein(case: &Case) -> Outcome {
    let mut state = EmpiricalBernstein::new(0.0, 1.0, case.param("alpha"), case.param("truncation"))?;
    let mut ends = Ends::default();
    let mut running = Ends::default();
    for (x, seen) in case.numbers("x").into_iter().zip(1..) {
        state.add(x)?;
        if looks_at(case, seen) {
            ends.push(state.interval()?);
            running.push(state.running()?);
        }
    }
    state.interval()?;
    Ok(json!({
        "at": case.expected["at"], "lower": ends.lower, "upper": ends.upper,
        "running_lower": running.lower, "running_upper": running.upper,
    }))
}

fn betting_wealth(case: &Case) -> Outcome {
    assert!(case.params.get("combine").is_none_or(|combine| combine == "max"));
    let mut process = BettingProcess::new(case.number("m"), betting_settings(case))?;
    let (mut wealth, mut max_wealth) = (Vec::new(), 0.0_f64);
    for (x, seen) in case.numbers("x").into_iter().zip(1..) {
        process.add(x)?;
        max_wealth = max_wealth.max(process.log_e().exp());
        if looks_at(case, seen) {
            wealth.push(written(process.log_e().exp()));
        }
    }
    Ok(json!({ "at": case.expected["at"], "wealth": wealth, "max_wealth": written(max_wealth) }))
}

fn betting_cs(case: &Case) -> Outcome {
    let mut state = BettingCs::new(case.param("grid") as u32, betting_settings(case))?;
    let mut ends = Ends::default();
    for (x, seen) in case.numbers("x").into_iter().zip(1..) {
        state.add(x)?;
        if looks_at(case, seen) {
            ends.push(state.interval()?);
        }
    }
    state.interval()?;
    Ok(json!({ "at": case.expected["at"], "lower": ends.lower, "upper": ends.upper }))
}

fn betting_settings(case: &Case) -> BettingSettings {
    let [alpha, theta, truncation] = ["alpha", "theta", "truncation"].map(|key| case.param(key));
    BettingSettings { alpha, theta, truncation }
}

fn rho2(case: &Case) -> Outcome {
    let rho2 = |tuning| asymptotic_rho2(case.param("alpha"), case.number("t_opt"), tuning);
    Ok(json!({ "exact": rho2(Tuning::Exact)?, "approx": rho2(Tuning::Approximate)? }))
}

fn asymptotic_mean(case: &Case) -> Outcome {
    let cs = asymptotic(case)?;
    let mut sample = Moments::default();
    let (mut means, mut half_widths, mut lower) = (Vec::new(), Vec::new(), Vec::new());
    for (x, seen) in case.numbers("x").into_iter().zip(1..) {
        sample.add(x)?;
        if looks_at(case, seen) {
            let interval = cs.mean(&sample)?;
            means.push(sample.mean()?);
            half_widths.push((interval.upper - interval.lower) / 2.0);
            lower.push(cs.lower(&sample)?);
        }
    }
    sample.mean()?;
    Ok(json!({
        "at": case.expected["at"], "mean": means, "half_width": half_widths, "lower_one_sided": lower,
    }))
}

fn asymptotic_difference(case: &Case) -> Outcome {
    let sample = |arm: &str| {
        let moment = |name: &str| case.number(&format!("{name}_{arm}"));
        Moments::from_summary(case.count(&format!("n_{arm}")), moment("mean"), moment("var"))
    };
    let found = asymptotic(case)?.difference(&sample("a")?, &sample("b")?)?;
    let Interval { lower, upper } = found.interval;
    Ok(json!({ "diff": found.difference, "lower": lower, "upper": upper, "p": found.p }))
}

fn asymptotic(case: &Case) -> Result<AsymptoticCs, Undefined> {
    let tuning = match case.params["rho"].as_str().unwrap() {
        "exact" => Tuning::Exact,
        "approx" => Tuning::Approximate,
        other => panic!("unknown tuning `{other}`"),
    };
    AsymptoticCs::new(case.param("alpha"), case.param("t_opt"), tuning)
}

fn ranks(case: &Case) -> Outcome {
    let [p, alpha, strength] = ["p", "alpha", "c"].map(|key| case.param(key));
    let QuantileRanks { lower, upper } = quantile_ranks(p, case.count("n"), alpha, strength)?;
    Ok(json!({ "lower_rank": lower, "upper_rank": upper }))
}

fn double_stitching(case: &Case) -> Outcome {
    let [t_opt, delta, s, eta] = ["t_opt", "delta", "s", "eta"].map(|key| case.param(key));
    let bound = DoubleStitching::new(t_opt, delta, s, eta)?;
    bound.radius(case.param("p"), case.count("n"), case.param("alpha")).map(written)
}

fn cdf_band(case: &Case) -> Outcome {
    let band = CdfBand::new(case.param("alpha"), case.param("t_min"), case.param("A"))?;
    Ok(written(band.radius(case.count("n"))))
}

fn quantile_difference(case: &Case) -> Outcome {
    let [p, t_opt, alpha_opt] = ["p", "t_opt", "alpha_opt"].map(|key| case.param(key));
    let p = quantile_difference_p(&case.numbers("a"), &case.numbers("b"), p, t_opt, alpha_opt)?;
    Ok(json!({ "p": p }))
}

fn alpha_spending(case: &Case) -> Outcome {
    let sides = match case.params["sides"].as_u64() {
        Some(1) => Sides::One,
        Some(2) => Sides::Two,
        other => panic!("{other:?} sides"),
    };
    let spending = match case.params["spending"].as_str().unwrap() {
        "obrien_fleming" => Spending::ObrienFleming,
        "pocock" => Spending::Pocock,
        power => Spending::Power(power.strip_prefix("power").unwrap().parse().unwrap()),
    };
    let looks = spending_bounds(&case.numbers("information"), case.param("alpha"), sides, spending)?;
    let (cumulative_alpha, z): (Vec<f64>, Vec<Value>) =
        looks.into_iter().map(|look| (look.cumulative_alpha, written(look.z))).unzip();
    Ok(json!({ "cumulative_alpha": cumulative_alpha, "z": z }))
}

fn combined(case: &Case) -> Outcome {
    let CombinedE { average, product, p_from_average } = combine_e(&case.numbers("e"))?;
    Ok(json!({
        "average": written(average), "product": product.map(written), "p_from_average": p_from_average,
    }))
}

/// Says whether the case expects a result after so many observations.
fn looks_at(case: &Case, seen: u64) -> bool {
    case.expected["at"].as_array().is_some_and(|at| at.iter().any(|at| at.as_u64() == Some(seen)))
}

/// The lower and the upper ends of several intervals.
#[derive(Default)]
struct Ends {
    lower: Vec<f64>,
    upper: Vec<f64>,
}

impl Ends {
    fn push(&mut self, Interval { lower, upper }: Interval) {
        self.lower.push(lower);
        self.upper.push(upper);
    }
}

fn ends(Interval { lower, upper }: Interval) -> Value {
    json!({ "lower": lower, "upper": upper })
}

/// The running successes and failures of a sequence of zeros and ones.
fn trials<'c>(case: &'c Case, key: &str) -> impl Iterator<Item = (u64, u64)> + 'c {
    case.input(key).as_array().unwrap().iter().scan((0, 0), |counts, success| {
        if success.as_u64() == Some(1) {
            counts.0 += 1
        } else {
            counts.1 += 1
        }
        Some(*counts)
    })
}

fn process_of(log_es: impl Iterator<Item = f64>) -> Value {
    let mut p = AlwaysValidP::default();
    let (log_e, always_valid_p): (Vec<f64>, Vec<f64>) = log_es.map(|log_e| (log_e, p.look(log_e))).unzip();
    json!({ "log_e": log_e, "always_valid_p": always_valid_p })
}
