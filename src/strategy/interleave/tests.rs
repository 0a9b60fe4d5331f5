use std::collections::BTreeSet;
use std::collections::HashSet;

use proptest::collection::vec;
use proptest::prelude::Strategy as _;
use proptest::prop_assert;
use proptest::prop_assert_eq;
use proptest::proptest;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::assign::Salts;
use crate::strategy::interleave::Credit;
use crate::strategy::interleave::Method;
use crate::strategy::interleave::Mixed;
use crate::strategy::interleave::Mixing;
use crate::strategy::interleave::NoSuchPlace;
use crate::strategy::interleave::Odds;
use crate::strategy::interleave::Placed;
use crate::strategy::interleave::Preference;
use crate::strategy::interleave::SharedPrefix;
use crate::strategy::interleave::Tau;
use crate::strategy::interleave::TauOutOfRange;
use crate::strategy::interleave::allowed_lists;
use crate::strategy::interleave::dice;
use crate::strategy::interleave::mix;
use crate::strategy::interleave::odds;
use crate::strategy::interleave::pairwise_list;
use crate::strategy::interleave::score;
use crate::vocab::ArmId;

const LEGACY: ArmId = ArmId::LEGACY;
const CANDIDATE: ArmId = ArmId(1);
const METHODS: [Method; 3] = [Method::TeamDraft, Method::Balanced, Method::Probabilistic];

/// Lists of one-letter ids, as in `["abc", "bca"]`.
fn lists(texts: &[impl AsRef<str>]) -> Vec<Vec<String>> {
    texts.iter().map(|text| text.as_ref().chars().map(String::from).collect()).collect()
}

fn mixed(method: Method, texts: &[&str], depth: usize, seed: u64) -> Mixed {
    mix(&Mixing::of(method), &lists(texts), depth, &mut StdRng::seed_from_u64(seed))
}

fn preference(mixed: &Mixed, clicks: &[usize]) -> Preference {
    let credits = mixed.items.iter().map(|item| &item.credit);
    score(credits, &clicks.iter().copied().collect()).unwrap().preference
}

#[test]
fn an_item_comes_from_legacy_where_legacy_has_it_whoever_placed_it() {
    for (method, seed) in METHODS.into_iter().flat_map(|method| (0..50).map(move |seed| (method, seed))) {
        for Placed { from, place, id, .. } in mixed(method, &["xabx", "bbyab"], 9, seed).items {
            let expected = match id.as_str() {
                "x" => (LEGACY, 0),
                "a" => (LEGACY, 1),
                "b" => (LEGACY, 2),
                "y" => (CANDIDATE, 2),
                other => panic!("{other} is in no list"),
            };
            assert_eq!((from, place), expected, "{method:?}: {id}");
        }
    }
}

#[test]
fn identical_tops_have_no_contrast_and_anything_else_has() {
    let cases: [(&[&str], usize, bool); 8] = [
        (&["abc", "abc"], 3, true),
        (&["abcd", "abdc"], 2, true),
        (&["abcd", "abdc"], 3, false),
        (&["aabc", "abbc"], 3, true),
        (&["abc", "ab"], 3, false),
        (&["abc", "ab"], 2, true),
        (&["", ""], 5, true),
        (&["ab", "ab", "ba"], 2, false),
    ];
    for (texts, depth, expected) in cases {
        for method in METHODS {
            assert_eq!(mixed(method, texts, depth, 1).no_contrast, expected, "{texts:?} to {depth}");
        }
    }
}

#[test]
fn an_empty_list_leaves_the_user_the_other_one_as_nobodys() {
    for (method, texts) in METHODS.into_iter().flat_map(|m| [(m, ["", "xyz"]), (m, ["xyz", ""])]) {
        let mixed = mixed(method, &texts, 2, 3);
        assert_eq!(mixed.items.len(), 2, "{method:?}");
        assert!(mixed.items.iter().all(|item| item.team.is_none()), "{method:?}");
        assert_eq!(preference(&mixed, &[0, 1]), Preference::Tie, "{method:?} {texts:?}");
    }
}

#[test]
fn the_same_request_is_drafted_the_same_and_another_may_not_be() {
    let salts = Salts::of("ranking");
    let draft = |request: u64| {
        let mixed = mix(
            &Mixing::of(Method::TeamDraft),
            &lists(&["abcdefgh", "hgfedcba"]),
            8,
            &mut dice(&salts, &request.to_be_bytes()),
        );
        mixed.items.into_iter().map(|item| item.id).collect::<String>()
    };
    assert!((0..100).all(|request| draft(request) == draft(request)));
    let drafts: HashSet<String> = (0..100).map(draft).collect();
    assert!(drafts.len() > 8, "only {drafts:?}");
}

#[test]
fn clicks_are_scored_alike_whether_they_come_at_once_or_one_by_one() {
    let credits = Credit::by_rank(&lists(&["abcd", "bcda"]), &lists(&["abcd"])[0]);
    let scored = |clicks: &[usize]| score(&credits, &clicks.iter().copied().collect()).unwrap();
    assert_eq!(
        scored(&[0]).preference,
        Preference::Arm(LEGACY),
        "a alone stands at the top of legacy's list"
    );
    let later = scored(&[0, 1, 2]);
    assert_eq!(later.earned, [2.0, 2.0], "down to rank 2, legacy has a and b, the candidate b and c");
    assert_eq!(later.preference, Preference::Tie);
}

#[test]
fn no_click_is_no_vote_and_a_click_outside_the_list_is_refused() {
    let mixed = mixed(Method::TeamDraft, &["ab", "ba"], 2, 0);
    assert_eq!(preference(&mixed, &[]), Preference::NoClick);
    let credits: Vec<&Credit> = mixed.items.iter().map(|item| &item.credit).collect();
    let outside = score(credits, &BTreeSet::from([0, 2]));
    assert_eq!(outside, Err(NoSuchPlace { place: 2, shown: 2 }));
    assert_eq!(score([], &BTreeSet::new()).unwrap().preference, Preference::NoClick);
}

#[test]
fn among_three_arms_the_one_that_earns_most_wins_and_a_shared_lead_is_a_tie() {
    let teams = [Some(LEGACY), Some(CANDIDATE), Some(ArmId(2)), Some(ArmId(2)), None];
    let credits = teams.map(|team| Credit::of_team(team, 3));
    let cases: [(&[usize], Preference); 4] = [
        (&[0, 2, 3], Preference::Arm(ArmId(2))),
        (&[0, 1], Preference::Tie),
        (&[1, 4], Preference::Arm(CANDIDATE)),
        (&[4], Preference::Tie),
    ];
    for (clicks, expected) in cases {
        let score = score(&credits, &clicks.iter().copied().collect()).unwrap();
        assert_eq!(score.preference, expected, "{clicks:?}");
    }
}

#[test]
fn credit_survives_the_record() {
    let credits = [
        Credit::Shares(vec![1.0 / 3.0, 2.0 / 3.0]),
        Credit::Ranks(vec![Some(1), None]),
        Credit::of_team(None, 2),
    ];
    for credit in credits {
        let written = serde_json::to_string(&credit).unwrap();
        assert_eq!(serde_json::from_str::<Credit>(&written).unwrap(), credit, "{written}");
    }
}

#[test]
fn a_neutral_shared_prefix_is_nobodys_and_the_draft_begins_after_it() {
    let mixing = Mixing { shared_prefix: SharedPrefix::Neutral, ..Mixing::of(Method::TeamDraft) };
    for seed in 0..50 {
        let drafted = |texts: &[&str], depth| {
            let mixed = mix(&mixing, &lists(texts), depth, &mut StdRng::seed_from_u64(seed));
            mixed.items.into_iter().map(|item| (item.id, item.team)).collect::<Vec<_>>()
        };
        let four = drafted(&["abcd", "abdc"], 4);
        assert_eq!(
            four[..2],
            [("a".to_owned(), None), ("b".to_owned(), None)],
            "the draft is fair after them"
        );
        assert!(four[2].1.is_some() && four[3].1.is_some() && four[2].1 != four[3].1, "{four:?}");
        assert_eq!(drafted(&["abcd", "abdc"], 1), [("a".to_owned(), None)], "no more than the depth");
        assert!(drafted(&["abc", "abc", "abc"], 9).iter().all(|(_, team)| team.is_none()));
        assert!(drafted(&["abc", "bac", "abc"], 1)[0].1.is_some(), "all lists must begin alike");
        assert!(
            drafted(&["aabc", "abc"], 3).iter().all(|(_, team)| team.is_none()),
            "repetitions count once"
        );
    }
}

#[test]
fn tau_says_how_readily_the_top_is_drawn() {
    let share_of_first = |tau: f64| {
        let mixing = Mixing { tau: Tau::new(tau).unwrap(), ..Mixing::of(Method::Probabilistic) };
        let mut rng = StdRng::seed_from_u64(5);
        let first = |_: &u32| mix(&mixing, &lists(&["abcd", "abcd"]), 1, &mut rng).items[0].id == "a";
        f64::from((0..4_000).filter(first).count() as u32) / 4_000.0
    };
    for (tau, expected) in [(0.0, 0.25), (1.0, 0.48), (3.0, 0.849), (10.0, 0.999)] {
        assert!((share_of_first(tau) - expected).abs() < 0.03, "tau {tau}: {}", share_of_first(tau));
    }
    for bad in [-0.1, 10.1, f64::NAN, f64::INFINITY] {
        assert_eq!(Tau::new(bad), Err(TauOutOfRange), "{bad}");
    }
    assert_eq!("2.5".parse(), Tau::new(2.5));
}

#[test]
fn a_posterior_goes_to_the_only_arm_that_had_anything_left_unless_the_list_was_mixed_here() {
    let texts = lists(&["ab", "c"]);
    let shown = &lists(&["cab?a"])[0];
    let posteriors = Credit::by_posterior(&texts, shown, Tau::default());
    let nobody = Credit::of_team(None, 2);
    assert_eq!(
        posteriors[1..],
        [Credit::Shares(vec![1.0, 0.0]), Credit::Shares(vec![1.0, 0.0]), nobody.clone(), nobody.clone(),]
    );
    let mixed = (0..50).map(|seed| mixed(Method::Probabilistic, &["ab", "c"], 3, seed));
    let begun_with_c = mixed.filter(|mixed| mixed.items[0].id == "c");
    assert!(begun_with_c.map(|mixed| assert!(mixed.items[1].credit == nobody)).count() > 5);
}

#[test]
fn odds_of_shared_credit_add_up_over_every_way_it_may_have_been_earned() {
    let clicks = |places: &[usize]| places.iter().copied().collect::<BTreeSet<usize>>();
    let shares = |shares: &[f64]| Credit::Shares(shares.to_vec());
    let three = [shares(&[0.5, 0.25, 0.25]), shares(&[0.0, 1.0, 0.0]), shares(&[0.5, 0.5, 0.0])];
    assert_eq!(odds(&three, &clicks(&[0])).unwrap(), Odds { wins: vec![0.5, 0.25, 0.25], tie: 0.0 });
    // The second has one for sure: the first wins with both others, the second with one of them.
    assert_eq!(odds(&three, &clicks(&[0, 1, 2])).unwrap(), Odds { wins: vec![0.25, 0.625, 0.0], tie: 0.125 });
    assert_eq!(odds(&three, &clicks(&[])).unwrap(), Odds { wins: vec![0.0; 3], tie: 1.0 });
    let nobodys = [shares(&[0.0, 0.0]), shares(&[1.0, 0.0])];
    assert_eq!(odds(&nobodys, &clicks(&[0])).unwrap(), Odds { wins: vec![0.0, 0.0], tie: 1.0 });
    assert_eq!(odds(&nobodys, &clicks(&[0, 1])).unwrap(), Odds { wins: vec![1.0, 0.0], tie: 0.0 });
    let ranked = Credit::by_rank(&lists(&["abcd", "bcda"]), &lists(&["abcd"])[0]);
    assert_eq!(odds(&ranked, &clicks(&[1, 2])).unwrap(), Odds { wins: vec![0.0, 1.0], tie: 0.0 });
    assert_eq!(odds(&ranked, &clicks(&[4])), Err(NoSuchPlace { place: 4, shown: 4 }));
}

#[test]
fn lists_of_other_methods_show_everything_there_is_and_no_more_than_asked_for() {
    let texts = lists(&["aab", "bcc", ""]);
    assert_eq!(allowed_lists(&texts, 9), BTreeSet::from_iter(lists(&["abc", "bac", "bca"])));
    assert_eq!(allowed_lists(&texts, 1), BTreeSet::from_iter(lists(&["a", "b"])));
    assert_eq!(allowed_lists(&[], 3), BTreeSet::from([Vec::new()]));
    for seed in 0..50 {
        let drawn = |depth| pairwise_list(&texts, depth, &mut StdRng::seed_from_u64(seed));
        assert_eq!(drawn(9).iter().collect::<HashSet<_>>().len(), 3);
        assert_eq!(drawn(2).len(), 2);
        assert!(drawn(1)[0] == "a" || drawn(1)[0] == "b");
    }
}

proptest! {
    #[test]
    fn a_mixed_list_shows_each_id_once_and_as_many_as_there_are(
        texts in vec("[a-h]{0,10}", 1..5),
        depth in 0..12_usize,
        seed: u64,
        method in (0..3_usize).prop_map(|method| METHODS[method]),
    ) {
        let lists = lists(&texts);
        let known: HashSet<&String> = lists.iter().flatten().collect();
        let mixed = mix(&Mixing::of(method), &lists, depth, &mut StdRng::seed_from_u64(seed));
        let shown: HashSet<&String> = mixed.items.iter().map(|item| &item.id).collect();
        prop_assert_eq!(shown.len(), mixed.items.len(), "no id twice");
        prop_assert_eq!(mixed.items.len(), known.len().min(depth), "nothing is held back");
        for Placed { from, place, id, team, credit } in &mixed.items {
            prop_assert_eq!(&lists[from.index()][*place], id);
            prop_assert!(team.is_none_or(|team| lists[team.index()].contains(id)), "a team offers what it has");
            if let Credit::Shares(shares) = credit {
                let whole = shares.iter().sum::<f64>();
                let nothing_or_all = whole.abs() < 1e-9 || (whole - 1.0).abs() < 1e-9;
                prop_assert!(shares.len() == lists.len() && nothing_or_all, "{:?}", shares);
            }
        }
    }

    #[test]
    fn an_order_of_clicks_never_matters_and_a_repeat_adds_nothing(seed: u64, clicks in vec(0..6_usize, 0..9)) {
        for method in METHODS {
            let mixed = mixed(method, &["abcdef", "fbdace"], 6, seed);
            let backwards: Vec<usize> = clicks.iter().rev().chain(&clicks).copied().collect();
            prop_assert_eq!(preference(&mixed, &clicks), preference(&mixed, &backwards));
        }
    }
}
