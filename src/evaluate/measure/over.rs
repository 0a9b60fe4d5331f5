//! The value of a measure over many examples, each of which counts so many times.

use crate::evaluate::NoValue;
use crate::evaluate::classification;
use crate::evaluate::classification::Confusion;
use crate::evaluate::classification::ZeroDivision;
use crate::evaluate::clustering;
use crate::evaluate::clustering::Distance;
use crate::evaluate::measure::Average;
use crate::evaluate::measure::Example;
use crate::evaluate::measure::Kind;
use crate::evaluate::measure::Measure;
use crate::evaluate::measure::json;
use crate::evaluate::measure::pictures;
use crate::evaluate::measure::score::OTHER_SHAPE;
use crate::evaluate::measure::score::perplexity;
use crate::evaluate::probabilistic;
use crate::evaluate::probabilistic::Binning;
use crate::evaluate::probabilistic::Calibration;
use crate::evaluate::probabilistic::ClassAverage;
use crate::evaluate::probabilistic::ClassProbabilities;
use crate::evaluate::probabilistic::MultiClass;
use crate::evaluate::regression;
use crate::evaluate::regression::Residuals;
use crate::evaluate::sound;
use crate::evaluate::sum::Sum;
use crate::evaluate::survival::Cohort;
use crate::evaluate::survival::End;
use crate::evaluate::text::BleuOrders;
use crate::evaluate::text::BleuSmoothing;
use crate::evaluate::text::BleuSums;

/// Into how many bins of equal width confidences are put.
const BINS: usize = 10;

/// How many examples there may be, each as often as it counts, where a metric knows no weights.
const MOST_REPEATED: f64 = 1_000_000.0;

/// Shares of the events, in percent, by the times of which the time-dependent AUC is taken.
const EVENT_PERCENT: [usize; 9] = [10, 20, 30, 40, 50, 60, 70, 80, 90];

/// Columns of scored examples.
#[derive(Default)]
struct Scored {
    truth: Vec<bool>,
    scores: Vec<f64>,
    weights: Vec<f64>,
}

/// Columns of examples with probabilities of all classes.
#[derive(Default)]
struct Distributions {
    truth: Vec<usize>,
    rows: Vec<Vec<f64>>,
    weights: Vec<f64>,
}

impl Measure {
    /// The value over examples with how often each counts. Where the metric takes no weights these must be whole
    /// numbers, as those of a bootstrap and of a confusion matrix are, and at most a million together.
    ///
    /// # Errors
    /// Where it is undefined, and for examples of another shape than the measure's.
    pub fn over(&self, examples: &[(&Example, f64)]) -> Result<f64, NoValue> {
        use Kind as K;
        examples.iter().try_for_each(|(_, weight)| sound::weight_is_sound(*weight))?;
        match self.kind {
            K::Precision | K::Recall | K::F1 | K::Fbeta | K::Specificity => self.of_confusion(examples),
            K::BalancedAccuracy => confusion(examples)?.balanced_accuracy(),
            K::Mcc => confusion(examples)?.matthews(),
            K::RocAuc | K::AveragePrecision => self.of_order(examples),
            K::Ece => Ok(self.calibration(&repeated(examples)?)?.expected_error()),
            K::Perplexity => perplexity_of(examples),
            K::Rmse | K::R2 | K::AdjustedR2 | K::ExplainedVariance | K::MaxError => {
                self.of_residuals(examples)
            }
            K::MedianAe => median_error(examples),
            K::Silhouette | K::DaviesBouldin | K::CalinskiHarabasz => self.of_points(examples),
            K::Bleu => bleu(examples),
            K::CIndex | K::TdAuc => self.of_cohort(examples),
            K::DetectionMap => pictures::detection_map(&repeated(examples)?),
            K::Froc => pictures::froc(&repeated(examples)?),
            _ => self.mean_of_scores(examples),
        }
    }

    /// How sure answers were, in ten bins of equal width, against how often they were right: of probabilities of the
    /// positive class how often it was, of probabilities of all classes how often the likeliest was.
    ///
    /// # Errors
    /// [`NoValue::Undefined`] without examples; [`NoValue::Invalid`] where they hold no probabilities.
    pub fn calibration(&self, examples: &[&Example]) -> Result<Calibration, NoValue> {
        let (mut confidences, mut correct) = (Vec::new(), Vec::new());
        for example in examples {
            let (confidence, right) = match example {
                Example::Scored { score, positive } => (*score, *positive),
                Example::Confidence { confidence, correct } => (*confidence, *correct),
                Example::Distribution { probabilities, truth } => {
                    let (truth, rows) = ([*truth], [probabilities.clone()]);
                    let one = ClassProbabilities::new(probabilities.len(), &truth, &rows)?;
                    let (confidences, correct) = one.top_class();
                    (confidences[0], correct[0])
                }
                _ => return Err(OTHER_SHAPE),
            };
            confidences.push(confidence);
            correct.push(right);
        }
        probabilistic::calibration(&confidences, &correct, Binning::EqualWidth { bins: BINS })
    }

    fn mean_of_scores(&self, examples: &[(&Example, f64)]) -> Result<f64, NoValue> {
        let (mut sum, mut total) = (Sum::default(), Sum::default());
        for (example, weight) in examples.iter().filter(|(_, weight)| *weight > 0.0) {
            sum.add(weight * self.score(example)?);
            total.add(*weight);
        }
        sound::ratio(sum.value(), total.value(), "there are no examples")
    }

    /// Of one class 0/0 is undefined; within a mean over classes it counts as 0, as in scikit-learn: else a single
    /// rare class would leave the whole without a value.
    fn of_confusion(&self, examples: &[(&Example, f64)]) -> Result<f64, NoValue> {
        let confusion = confusion(examples)?;
        let declared: Vec<&str> = self.labels.iter().map(String::as_str).collect();
        let labels = if declared.is_empty() { confusion.labels() } else { &declared };
        let measure = match self.kind {
            Kind::Precision => classification::Measure::Precision,
            Kind::Recall => classification::Measure::Recall,
            Kind::Specificity => classification::Measure::Specificity,
            Kind::F1 => classification::Measure::F { beta: 1.0 },
            _ => {
                let beta = self.beta.ok_or(NoValue::Invalid("F-beta needs `beta`"))?;
                classification::Measure::F { beta }
            }
        };
        let usual = if self.positive.is_some() { Average::Binary } else { Average::Macro };
        let score = |average, zero_division| confusion.score(measure, average, zero_division);
        let score = match self.average.unwrap_or(usual) {
            Average::Binary => {
                let says_yes = || labels.iter().copied().find(|label| json::word_flag(label) == Some(true));
                let positive = self.positive.as_deref().or_else(says_yes);
                let positive = &positive
                    .ok_or(NoValue::Invalid("no class is 1, true or yes: `positive` must name the one"))?;
                score(classification::Average::Binary { positive }, ZeroDivision::Undefined)
            }
            Average::Macro => score(classification::Average::Macro(labels), ZeroDivision::Zero),
            Average::Micro => score(classification::Average::Micro(labels), ZeroDivision::Zero),
            Average::Weighted => score(classification::Average::Weighted(labels), ZeroDivision::Zero),
        };
        Ok(score?.value)
    }

    fn of_order(&self, examples: &[(&Example, f64)]) -> Result<f64, NoValue> {
        if !matches!(examples.first(), Some((Example::Distribution { .. }, _))) {
            let Scored { truth, scores, weights } = Scored::of(examples)?;
            return match self.kind {
                Kind::RocAuc => probabilistic::roc_auc(&truth, &scores, Some(&weights)),
                _ => probabilistic::average_precision(&truth, &scores, Some(&weights)),
            };
        }
        let average = match self.average {
            None | Some(Average::Macro) => ClassAverage::Macro,
            Some(Average::Weighted) => ClassAverage::Weighted,
            Some(Average::Binary | Average::Micro) => {
                return Err(NoValue::Invalid("over several classes it is averaged macro or weighted"));
            }
        };
        let Distributions { truth, rows, weights } = Distributions::of(examples)?;
        let all = ClassProbabilities::new(self.labels.len(), &truth, &rows)?;
        match self.kind {
            Kind::RocAuc => all.roc_auc(MultiClass::OneVsRest, average, Some(&weights)),
            _ => all.average_precision(average, Some(&weights)),
        }
    }

    fn of_residuals(&self, examples: &[(&Example, f64)]) -> Result<f64, NoValue> {
        let mut residuals = Residuals::default();
        for example in repeated(examples)? {
            let Example::Numbers { predicted, truth } = example else { return Err(OTHER_SHAPE) };
            residuals.add(*truth, *predicted)?;
        }
        match self.kind {
            Kind::Rmse => residuals.rmse(),
            Kind::R2 => residuals.r2(),
            Kind::ExplainedVariance => residuals.explained_variance(),
            Kind::MaxError => residuals.max_error(),
            _ => {
                let features = self.features.ok_or(NoValue::Invalid("adjusted R2 needs `features`"))?;
                residuals.adjusted_r2(features as u64)
            }
        }
    }

    fn of_points(&self, examples: &[(&Example, f64)]) -> Result<f64, NoValue> {
        let (mut points, mut clusters) = (Vec::new(), Vec::new());
        for example in repeated(examples)? {
            let Example::Point { features, cluster } = example else { return Err(OTHER_SHAPE) };
            points.push(features.clone());
            clusters.push(cluster.as_str());
        }
        match self.kind {
            Kind::Silhouette => clustering::silhouette(&points, &clusters, Distance::Euclidean),
            Kind::DaviesBouldin => clustering::davies_bouldin(&points, &clusters),
            _ => clustering::calinski_harabasz(&points, &clusters),
        }
    }

    fn of_cohort(&self, examples: &[(&Example, f64)]) -> Result<f64, NoValue> {
        let (mut times, mut ends, mut risks) = (Vec::new(), Vec::new(), Vec::new());
        for example in repeated(examples)? {
            let Example::Survival { risk, time, event } = example else { return Err(OTHER_SHAPE) };
            times.push(*time);
            ends.push(if *event { End::Event } else { End::Censored });
            risks.push(*risk);
        }
        let cohort = Cohort::new(&times, &ends, &risks)?;
        if self.kind == Kind::CIndex {
            return Ok(cohort.concordance()?.value);
        }
        let of_events = times.iter().zip(&ends).filter(|(_, end)| **end == End::Event);
        let mut of_events: Vec<f64> = of_events.map(|(time, _)| *time).collect();
        of_events.sort_by(|one, other| sound::ascending(*one, *other));
        let last = of_events.len().checked_sub(1).ok_or(NoValue::Undefined("there is no event"))?;
        // Nobody is followed beyond the last time, so that it tells nothing apart.
        let followed = times.iter().copied().fold(0.0, f64::max);
        let at = EVENT_PERCENT.into_iter().map(|percent| of_events[last * percent / 100]);
        Ok(cohort.auc_at(&at.filter(|time| *time < followed).collect::<Vec<_>>())?.mean_auc)
    }
}

impl Scored {
    fn of(examples: &[(&Example, f64)]) -> Result<Self, NoValue> {
        let mut columns = Self::default();
        for (example, weight) in examples {
            let Example::Scored { score, positive } = example else { return Err(OTHER_SHAPE) };
            columns.truth.push(*positive);
            columns.scores.push(*score);
            columns.weights.push(*weight);
        }
        Ok(columns)
    }
}

impl Distributions {
    fn of(examples: &[(&Example, f64)]) -> Result<Self, NoValue> {
        let mut columns = Self::default();
        for (example, weight) in examples {
            let Example::Distribution { probabilities, truth } = example else { return Err(OTHER_SHAPE) };
            columns.truth.push(*truth);
            columns.rows.push(probabilities.clone());
            columns.weights.push(*weight);
        }
        Ok(columns)
    }
}

/// Each example as often as it counts.
fn repeated<'e>(examples: &[(&'e Example, f64)]) -> Result<Vec<&'e Example>, NoValue> {
    if examples.iter().any(|(_, weight)| weight.fract() != 0.0) {
        return Err(NoValue::Invalid("this measure takes no weights that are not whole numbers"));
    }
    if examples.iter().map(|(_, weight)| weight).sum::<f64>() > MOST_REPEATED {
        return Err(NoValue::Invalid("there are more examples than this measure can take"));
    }
    let repeated =
        examples.iter().flat_map(|(example, weight)| std::iter::repeat_n(*example, *weight as usize));
    Ok(repeated.collect())
}

fn confusion<'e>(examples: &[(&'e Example, f64)]) -> Result<Confusion<&'e str>, NoValue> {
    let mut confusion = Confusion::default();
    for (example, weight) in examples {
        let Example::Classes { predicted, truth } = example else { return Err(OTHER_SHAPE) };
        confusion.add_weighted(&truth.as_str(), &predicted.as_str(), *weight)?;
    }
    Ok(confusion)
}

/// Of all texts' tokens together: a long text counts for more.
fn perplexity_of(examples: &[(&Example, f64)]) -> Result<f64, NoValue> {
    let (mut all, mut sum) = (Sum::default(), Sum::default());
    for (example, weight) in examples {
        let Example::Tokens { tokens, log_probability } = example else { return Err(OTHER_SHAPE) };
        all.add(weight * *tokens as f64);
        sum.add(weight * log_probability);
    }
    perplexity(all.value(), sum.value())
}

fn median_error(examples: &[(&Example, f64)]) -> Result<f64, NoValue> {
    let (mut predictions, mut truths, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    for (example, weight) in examples {
        let Example::Numbers { predicted, truth } = example else { return Err(OTHER_SHAPE) };
        predictions.push(*predicted);
        truths.push(*truth);
        weights.push(*weight);
    }
    regression::median_absolute_error(&truths, &predictions, Some(&weights))
}

fn bleu(examples: &[(&Example, f64)]) -> Result<f64, NoValue> {
    let mut all = BleuSums::default();
    for example in repeated(examples)? {
        let Example::Bleu(sums) = example else { return Err(OTHER_SHAPE) };
        all.merge(sums);
    }
    Ok(all.score(BleuSmoothing::Exponential, BleuOrders::All)?.score)
}
