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
use crate::strategy::interleave::Placed;
use crate::strategy::interleave::Preference;
use crate::strategy::interleave::dice;
use crate::strategy::interleave::mix;
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
