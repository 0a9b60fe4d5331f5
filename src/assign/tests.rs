use std::thread;

use proptest::prop_assert;
use proptest::prop_assert_eq;
use proptest::prop_assume;
use proptest::proptest;
use serde::Deserialize;
use statrs::distribution::ChiSquared;
use statrs::distribution::ContinuousCDF;

use crate::assign::Bucket;
use crate::assign::Salts;
use crate::assign::Share;
use crate::assign::bucket;
use crate::assign::split;
use crate::vocab::ArmId;

const WHOLE: u32 = 1_000_000_000;

#[derive(Deserialize)]
struct Vectors {
    buckets: Vec<BucketCase>,
    thresholds: Vec<ThresholdCase>,
    splits: Vec<SplitCase>,
    assignments: Vec<AssignmentCase>,
}

#[derive(Deserialize)]
struct BucketCase {
    salt: String,
    unit: String,
    bucket: String,
}

#[derive(Deserialize)]
struct ThresholdCase {
    share: String,
    threshold: String,
}

#[derive(Deserialize)]
struct SplitCase {
    weights: Vec<String>,
    bucket: String,
    arm: u8,
}

#[derive(Deserialize)]
struct AssignmentCase {
    salt: String,
    unit: String,
    weights: Vec<String>,
    arm: u8,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../../tests/vectors/assignment.json")).unwrap()
}

fn share(text: &str) -> Share {
    text.parse().unwrap()
}

fn shares(texts: &[impl AsRef<str>]) -> Vec<Share> {
    texts.iter().map(|text| share(text.as_ref())).collect()
}

#[test]
fn every_replica_draws_the_buckets_that_another_language_computes() {
    let cases = vectors().buckets;
    assert!(cases.len() >= 50);
    for BucketCase { salt, unit, bucket: expected } in cases {
        assert_eq!(bucket(&salt, unit.as_bytes()).0.to_string(), expected, "{salt:?} {unit:?}");
    }
}

#[test]
fn thresholds_are_exact() {
    for ThresholdCase { share: text, threshold } in vectors().thresholds {
        assert_eq!(share(&text).threshold().to_string(), threshold, "{text}");
    }
}

#[test]
fn the_circle_is_split_as_published_up_to_the_last_bucket() {
    for SplitCase { weights, bucket, arm } in vectors().splits {
        let found = split(Bucket(bucket.parse().unwrap()), &shares(&weights));
        assert_eq!(found, ArmId(arm), "{weights:?} at {bucket}");
    }
    for AssignmentCase { salt, unit, weights, arm } in vectors().assignments {
        assert_eq!(split(bucket(&salt, unit.as_bytes()), &shares(&weights)), ArmId(arm), "{salt} {unit}");
    }
}

#[test]
fn a_share_reads_and_prints_as_the_operator_wrote_it() {
    for text in ["0%", "100%", "25%", "0.5%", "33.3333333%", "12.25%"] {
        assert_eq!(share(text).to_string(), text);
    }
    for text in ["", "%", "25", "1.%", "x%", "-1%", "100.1%", "1.12345678%", "99999999999%"] {
        assert!(text.parse::<Share>().is_err(), "{text}");
    }
}

#[test]
fn the_whole_admits_every_bucket_and_nothing_admits_none() {
    for bucket in [0, 1, u64::MAX / 2, u64::MAX].map(Bucket) {
        assert!(Share::ALL.admits(bucket));
        assert!(!Share::NONE.admits(bucket));
    }
}

/// Ten million units hold every weight to 4 sigma, of a canary as of an A/B/n test.
#[test]
fn ten_million_units_fall_into_the_arms_by_their_weights() {
    const UNITS: u32 = 10_000_000;
    let designs = [
        shares(&["99.9%", "0.1%"]),
        shares(&["99%", "1%"]),
        shares(&["95%", "5%"]),
        shares(&["50%", "50%"]),
        shares(&["10%", "20%", "30%", "40%"]),
    ];
    let half = UNITS / 2;
    let counts = thread::scope(|scope| {
        let other = scope.spawn(|| count_arms(&designs, half..UNITS));
        let mut counts = count_arms(&designs, 0..half);
        let more = other.join().unwrap();
        counts.iter_mut().flatten().zip(more.iter().flatten()).for_each(|(count, more)| *count += more);
        counts
    });
    for (weights, counts) in designs.iter().zip(counts) {
        for (weight, count) in weights.iter().zip(counts) {
            let (n, p) = (f64::from(UNITS), weight.probability());
            let sigmas = (f64::from(count) - n * p) / (n * p * (1.0 - p)).sqrt();
            assert!(sigmas.abs() <= 4.0, "{weight} of {weights:?}: {count} units, {sigmas} sigma off");
        }
    }
}

/// Counts, for each design, the units of each arm.
fn count_arms(designs: &[Vec<Share>], units: std::ops::Range<u32>) -> Vec<Vec<u32>> {
    let mut counts: Vec<Vec<u32>> = designs.iter().map(|weights| vec![0; weights.len()]).collect();
    for unit in units {
        let bucket = bucket("experiment/arm", &unit.to_le_bytes());
        for (counts, weights) in counts.iter_mut().zip(designs) {
            counts[split(bucket, weights).index()] += 1;
        }
    }
    counts
}

/// The upper ends of the candidates' parts of the circle.
fn ends_of(weights: &[Share]) -> Vec<u128> {
    let sums = weights[1..].iter().scan(Share::NONE, |sum, weight| {
        *sum = sum.checked_add(*weight)?;
        Some(*sum)
    });
    sums.map(Share::threshold).collect()
}

#[test]
fn two_experiments_draw_independently_and_so_do_the_purposes_of_one() {
    let (chat, rank) = (Salts::of("chat"), Salts::of("rank"));
    let pairs = [(&chat.arm, &rank.arm), (&chat.arm, &chat.traffic), (&chat.copy, &chat.control)];
    for (one, other) in pairs {
        let mut table = [[0_u32; 2]; 2];
        for unit in 0..200_000_u32 {
            let unit = unit.to_string();
            let draw = |salt: &str| usize::from(share("30%").admits(bucket(salt, unit.as_bytes())));
            table[draw(one)][draw(other)] += 1;
        }
        let p = independence(table);
        assert!(p > 1e-6, "{one} and {other}: {table:?}, p = {p}");
    }
}

/// The p-value of the chi-square test of independence in a 2x2 table.
fn independence(table: [[u32; 2]; 2]) -> f64 {
    let [[a, b], [c, d]] = table.map(|row| row.map(f64::from));
    let margins = (a + b) * (c + d) * (a + c) * (b + d);
    ChiSquared::new(1.0).unwrap().sf((a + b + c + d) * (a * d - b * c).powi(2) / margins)
}

proptest! {
    #[test]
    fn a_unit_once_in_a_canary_stays_in_as_its_weight_grows(
        unit: Vec<u8>, one in 0..=WHOLE, other in 0..=WHOLE,
    ) {
        let weight = |billionths| Share::from_billionths(billionths).unwrap();
        let (low, high) = (weight(one.min(other)), weight(one.max(other)));
        let place = bucket("chat/arm", &unit);
        let arm = |weight: Share| split(place, &[weight.complement(), weight]);
        prop_assert!(arm(low) == ArmId::LEGACY || arm(high) == ArmId(1));
        prop_assert_eq!(arm(low) == ArmId(1), low.admits(place));
    }

    #[test]
    fn salt_and_unit_never_run_together(salt in "[a-z]{1,9}", unit in "[a-z]{1,9}", cut in 0..9_usize) {
        let whole = format!("{salt}{unit}");
        prop_assume!(cut > 0 && cut < whole.len() && cut != salt.len());
        let (other_salt, other_unit) = whole.split_at(cut);
        prop_assert!(bucket(&salt, unit.as_bytes()) != bucket(other_salt, other_unit.as_bytes()));
    }

    #[test]
    fn a_bucket_falls_where_the_sums_of_the_weights_say(
        cuts in [0..=WHOLE, 0..=WHOLE, 0..=WHOLE], place: u64,
    ) {
        let mut cuts = cuts;
        cuts.sort_unstable();
        let [a, b, c] = cuts;
        let weights = [WHOLE - c, a, b - a, c - b].map(|part| Share::from_billionths(part).unwrap());
        let by_ends = ends_of(&weights).iter().position(|end| u128::from(place) < *end);
        prop_assert_eq!(split(Bucket(place), &weights).index(), by_ends.map_or(0, |candidate| candidate + 1));
    }

    #[test]
    fn every_share_survives_being_written_and_read(billionths in 0..=WHOLE) {
        let share = Share::from_billionths(billionths).unwrap();
        prop_assert_eq!(share.to_string().parse::<Share>(), Ok(share));
        prop_assert_eq!(share.complement().billionths(), WHOLE - billionths);
    }
}
