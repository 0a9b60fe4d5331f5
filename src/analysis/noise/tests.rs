use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::analysis::noise::MOST_PATHS;
use crate::analysis::noise::Noise;
use crate::analysis::noise::PathVerdict;
use crate::analysis::noise::Paths;
use crate::analysis::noise::Told;
use crate::analysis::noise::fields::Fields;
use crate::compare::Agreement;
use crate::record::ComparisonRecord;
use crate::vocab::ModelName;
use crate::vocab::Role;

fn told<'r>(paths: &[&'r str]) -> Told<'r> {
    Told { paths: paths.iter().copied().collect(), is_truncated: false }
}

/// A model whose answers differ from legacy's at each path with its probability.
fn drawn<'r>(dice: &mut StdRng, chances: &[(&'r str, f64)]) -> Told<'r> {
    let differs = chances.iter().filter(|(_, chance)| dice.random_bool(*chance));
    told(&differs.map(|(path, _)| *path).collect::<Vec<_>>())
}

fn verdict(paths: &Paths, path: &str) -> PathVerdict {
    paths.summary().iter().find(|found| found.path == path).unwrap().verdict
}

#[test]
fn what_truly_differs_is_told_from_what_differs_anyway() {
    let mut dice = StdRng::seed_from_u64(1);
    let raw = [("/label", 1.0), ("/score", 0.3), ("/id", 1.0), ("/coin", 0.5), ("/rare", 0.002)];
    let noise = [("/score", 0.1), ("/id", 1.0), ("/coin", 0.5)];
    let mut paths = Paths::default();
    for _ in 0..2_000 {
        paths.fold(&drawn(&mut dice, &raw), &drawn(&mut dice, &noise));
    }
    let found = paths.summary();
    let verdicts: Vec<_> = found.iter().map(|found| (found.path.as_str(), found.verdict)).collect();
    let expected = [
        ("/label", PathVerdict::Differs),
        ("/score", PathVerdict::Differs),
        ("/rare", PathVerdict::Open),
        ("/id", PathVerdict::Noise),
        ("/coin", PathVerdict::Noise),
    ];
    assert_eq!(verdicts, expected, "{found:#?}");
    assert_eq!((found[0].raw_rate, found[0].noise_rate), (1.0, 0.0));
    assert!((found[1].raw_rate - 0.3).abs() < 0.05 && (found[1].noise_rate - 0.1).abs() < 0.03);
}

#[test]
fn a_path_stays_open_until_enough_was_seen() {
    let mut paths = Paths::default();
    for _ in 0..5 {
        paths.fold(&told(&["/label", "/id"]), &told(&["/id"]));
    }
    assert_eq!(verdict(&paths, "/label"), PathVerdict::Open);
    assert_eq!(verdict(&paths, "/id"), PathVerdict::Open);
    for _ in 0..100 {
        paths.fold(&told(&["/label", "/id"]), &told(&["/id"]));
    }
    assert_eq!(verdict(&paths, "/label"), PathVerdict::Differs);
    assert_eq!(verdict(&paths, "/id"), PathVerdict::Noise);
}

#[test]
fn of_many_paths_of_pure_noise_none_is_taken_for_a_difference() {
    let mut dice = StdRng::seed_from_u64(2);
    let names: Vec<String> = (0..40).map(|n| format!("/{n}")).collect();
    let chances: Vec<(&str, f64)> = names.iter().map(|name| (name.as_str(), 0.1)).collect();
    let mut paths = Paths::default();
    for request in 1..=600 {
        paths.fold(&drawn(&mut dice, &chances), &drawn(&mut dice, &chances));
        if request % 20 == 0 {
            let found = paths.summary();
            assert!(found.iter().all(|found| found.verdict != PathVerdict::Differs), "{found:#?}");
        }
    }
}

#[test]
fn a_request_with_more_paths_than_were_told_counts_for_none_of_them() {
    let mut paths = Paths::default();
    let cut = || Told { is_truncated: true, ..told(&["/a"]) };
    paths.fold(&cut(), &told(&[]));
    paths.fold(&told(&["/b"]), &cut());
    assert_eq!((paths.requests, paths.truncated), (0, 2));
    assert!(paths.summary().is_empty());
}

#[test]
fn no_more_paths_are_kept_than_the_bound_and_the_others_are_counted() {
    let names: Vec<String> = (0..MOST_PATHS + 5).map(|n| format!("/{n}")).collect();
    let mut paths = Paths::default();
    for name in &names {
        paths.fold(&told(&[name]), &told(&[]));
    }
    paths.fold(&told(&["/0", &names[MOST_PATHS]]), &told(&[]));
    assert_eq!((paths.paths.len(), paths.other), (MOST_PATHS, 6));
    assert_eq!(paths.paths["/0"].only_raw, 2);
}

#[test]
fn parts_merge_into_the_whole() {
    let mut dice = StdRng::seed_from_u64(3);
    let chances = [("/a", 0.5), ("/b", 0.2), ("/c", 0.01)];
    let candidate = ModelName::new("new").unwrap();
    let mut whole = Noise::default();
    let mut parts = [Noise::default(), Noise::default()];
    for request in 0..300 {
        let (raw, noise) = (drawn(&mut dice, &chances), drawn(&mut dice, &chances));
        for state in [&mut whole, &mut parts[request % 2]] {
            state.candidates.entry(candidate.clone()).or_default().fold(&raw, &noise);
        }
    }
    let [mut merged, other] = parts;
    merged.merge(&other);
    assert_eq!(merged.summary(), whole.summary());
    let kept = serde_json::to_string(&merged).unwrap();
    assert_eq!(serde_json::from_str::<Noise>(&kept).unwrap(), merged);
}

/// How one answer compares with legacy's in a field that scores.
fn compared(role: Role, agreement: Agreement, score: f64) -> ComparisonRecord {
    ComparisonRecord {
        arm: ModelName::new("new").unwrap(),
        role,
        fields: [("answer".to_owned(), agreement)].into_iter().collect(),
        scores: [("answer".to_owned(), score)].into_iter().collect(),
        ratios: Default::default(),
        paths: None,
        paths_truncated: false,
        tool_calls: None,
    }
}

#[test]
fn scores_are_held_against_those_of_legacys_second_answer() {
    let mut dice = StdRng::seed_from_u64(4);
    let (mut near, mut far) = (Fields::default(), Fields::default());
    for _ in 0..400 {
        let mut drawn =
            |from: f64| compared(Role::Control, Agreement::Differ, from + 0.2 * dice.random::<f64>());
        let noise = drawn(0.6);
        near.fold(&drawn(0.6), &noise);
        far.fold(&drawn(0.3), &noise);
    }
    let (near, far) = (&near.summary()[0], &far.summary()[0]);
    let within = near.score_difference.unwrap();
    assert!(within.lower < 0.0 && within.upper > 0.0, "{near:?}");
    let below = far.score_difference.unwrap();
    assert!(below.lower < -0.3 && below.upper < 0.0, "{far:?}");
    assert_eq!((far.requests, far.raw_rate, far.noise_rate), (400, 1.0, 1.0));
    assert_eq!(far.verdict, PathVerdict::Noise, "both differ always; only the score tells them apart");
}

#[test]
fn what_cannot_be_compared_or_is_no_share_has_no_range() {
    let mut fields = Fields::default();
    fields.fold(
        &compared(Role::Shadow, Agreement::Differ, 1.0),
        &compared(Role::Control, Agreement::Missing, 1.0),
    );
    assert!(fields.summary().is_empty());
    let mut other = fields.clone();
    fields.fold(
        &compared(Role::Shadow, Agreement::Differ, 0.5),
        &compared(Role::Control, Agreement::Agree, 1.0),
    );
    assert!(fields.summary()[0].score_difference.is_some());
    other.fold(
        &compared(Role::Shadow, Agreement::Differ, 7.5),
        &compared(Role::Control, Agreement::Agree, 0.5),
    );
    fields.merge(&other);
    let found = &fields.summary()[0];
    assert_eq!((found.requests, found.raw_score, found.noise_score), (2, Some(4.0), Some(0.75)));
    assert_eq!((found.raw_rate, found.noise_rate, found.score_difference), (1.0, 0.0, None));
}
