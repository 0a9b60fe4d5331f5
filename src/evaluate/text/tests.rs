use proptest::collection::vec;
use proptest::prelude::Strategy;
use proptest::prop_assert;
use proptest::prop_assert_eq;
use proptest::proptest;
use proptest::test_runner::Config;

use crate::evaluate::NoValue;
use crate::evaluate::text::BleuOrders;
use crate::evaluate::text::BleuReading;
use crate::evaluate::text::BleuSmoothing;
use crate::evaluate::text::BleuSums;
use crate::evaluate::text::BleuTokenizer;
use crate::evaluate::text::Case;
use crate::evaluate::text::Chrf;
use crate::evaluate::text::Normalization;
use crate::evaluate::text::Rouge;
use crate::evaluate::text::RougeWords;
use crate::evaluate::text::character_error_rate;
use crate::evaluate::text::edit_similarity;
use crate::evaluate::text::exact_match;
use crate::evaluate::text::levenshtein;
use crate::evaluate::text::porter::stem;
use crate::evaluate::text::subsequence;
use crate::evaluate::text::subsequence::Reference;
use crate::evaluate::text::token_f1;
use crate::evaluate::text::word_error_rate;
use crate::evaluate::text::words::words;

#[test]
fn tokens_are_those_of_sacrebleu() {
    let cases = [
        (BleuTokenizer::Mteval13a, "It's 3.5%, isn't it?", "It's 3.5 % , isn't it ?"),
        (BleuTokenizer::Mteval13a, "1,000.50 items -- 3-4 (a.b).", "1,000.50 items -- 3 - 4 ( a . b ) ."),
        (BleuTokenizer::Mteval13a, "a &amp;lt; b&quot;<skipped>half-\nway\n", "a < b \" halfway"),
        (BleuTokenizer::Mteval13a, "x,,y 3.", "x , , y 3 ."),
        (BleuTokenizer::Characters, "我 喜\u{3000}a.", "我 喜 a ."),
        (BleuTokenizer::Chinese, "今天a.b很好，3.5吗“x”", "今 天 a . b 很 好 ， 3.5 吗 “ x ”"),
        (BleuTokenizer::Chinese, "in 3.", "in 3."),
        (BleuTokenizer::WhiteSpace, " a.b \t c\u{1c}d ", "a.b c d"),
    ];
    for (tokenizer, text, expected) in cases {
        let spaced = BleuReading { tokenizer, case: Case::Kept }.spaced(text);
        let tokens = words(&spaced).collect::<Vec<_>>().join(" ");
        assert_eq!(tokens, expected, "{tokenizer:?} of {text:?}");
    }
}

#[test]
fn stems_are_those_of_nltk() {
    let cases = "running run, runners runner, easily easili, flies fli, dies die, died die, spied spi, dying die, \
                 relational relat, hopping hop, filing file, falling fall, happy happi, enjoy enjoy, geology geolog, \
                 theologi theolog, generalizations gener, adoption adopt, controlling control, rate rate, sky sky, \
                 radically radic, agreed agre, feed feed, bled bled, yyyy yyyi, news news, a1b2 a1b2";
    for case in cases.split(", ") {
        let (word, expected) = case.trim().split_once(' ').unwrap();
        assert_eq!(stem(word), expected, "{word}");
    }
}

#[test]
fn a_corpus_without_text_or_reference_has_no_score() {
    let reading = BleuReading::default();
    let nothing = BleuSums::default().score(BleuSmoothing::default(), BleuOrders::All);
    assert!(matches!(nothing, Err(NoValue::Undefined(_))));
    assert!(matches!(BleuSums::of("a", &[], reading), Err(NoValue::Undefined(_))));
    assert!(matches!(Chrf::CHRF.score("a", &[]), Err(NoValue::Undefined(_))));
    let uneven = BleuSums::of_corpus(&["a", "b"], &[vec!["a", "b"], vec!["a"]], reading);
    assert!(matches!(uneven, Err(NoValue::Invalid(_))));
    assert!(matches!(BleuSums::of_corpus(&[], &[], reading), Err(NoValue::Undefined(_))));
    let odd = [Chrf { beta: 0.0, ..Chrf::CHRF }, Chrf { beta: f64::NAN, ..Chrf::CHRF }];
    for settings in odd.into_iter().chain([Chrf { character_orders: 0, ..Chrf::CHRF }]) {
        assert!(matches!(settings.score("a", &["a"]), Err(NoValue::Invalid(_))), "{settings:?}");
    }
}

#[test]
fn a_word_is_one_however_its_accents_are_encoded_and_scripts_without_spaces_are_read_too() {
    let f1 = |words, one, other| Rouge::One.score(words, one, other).f1;
    assert_eq!(f1(RougeWords::Unicode, "Café", "cafe\u{301}"), 1.0);
    assert_eq!(f1(RougeWords::Ascii, "猫が好き", "猫が好き"), 0.0);
    assert_eq!(f1(RougeWords::Unicode, "猫が好き", "好き 猫が。"), 1.0);
    assert_eq!(f1(RougeWords::Unicode, "हिन्दी में", "में हिन्दी"), 1.0);
}

#[test]
fn articles_and_punctuation_do_not_matter_to_an_answer() {
    let same = |one, other| exact_match(one, other, Normalization::Squad);
    assert!(same("The  Cat.", "cat") && same("a", "") && same("l’a", "l’") && same("theory", "Theory!"));
    assert!(!same("theory", "ory") && !same("42", "42.0"));
    assert!(!exact_match("Cat", "cat", Normalization::None));
    assert_eq!(token_f1("a cat", "the cat cat", Normalization::Squad), 2.0 / 3.0);
    assert_eq!(token_f1("", "cat", Normalization::Squad), 0.0);
}

#[test]
fn error_rates_need_a_reference_and_may_exceed_1() {
    assert!(matches!(word_error_rate(" ", "x"), Err(NoValue::Undefined(_))));
    assert!(matches!(character_error_rate("\n", "x"), Err(NoValue::Undefined(_))));
    assert_eq!(word_error_rate("one\ttwo", "one two three four five"), Ok(1.5));
    assert_eq!(character_error_rate(" ab ", "a b"), Ok(0.5));
}

#[test]
fn long_texts_are_compared_in_little_time_and_memory() {
    let one: String = (0..20_000_u32).map(|i| char::from(b'a' + (i * i % 26) as u8)).collect();
    let other: String = (0..20_000_u32).map(|i| char::from(b'a' + (i * 7 % 26) as u8)).collect();
    assert!(levenshtein(&one, &other) > 5_000);
    let (one, other) = (one.replace('a', " "), other.replace('a', " "));
    let by_line = Rouge::LongestByLine.score(RougeWords::Unicode, &one, &other);
    assert!(by_line.f1 < 0.2, "{by_line:?}");
}

fn texts() -> impl Strategy<Value = String> {
    "[ab .,3-]{0,24}|[a-z ]{0,40}|[猫犬が好 a]{0,12}|\\PC{0,20}"
}

/// The edit distance by the textbook.
fn slow_distance(one: &[u8], other: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let kept = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = kept.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}

/// The table of common subsequences by the textbook, and the places in `one` that rouge-score reads out of it.
fn slow_matches(one: &[u8], other: &[u8]) -> Vec<usize> {
    let mut table = vec![vec![0; other.len() + 1]; one.len() + 1];
    for (i, a) in one.iter().enumerate() {
        for (j, b) in other.iter().enumerate() {
            table[i + 1][j + 1] = if a == b { table[i][j] + 1 } else { table[i][j + 1].max(table[i + 1][j]) };
        }
    }
    let (mut i, mut j) = (one.len(), other.len());
    let mut found = Vec::new();
    while i > 0 && j > 0 {
        if one[i - 1] == other[j - 1] {
            (i, j) = (i - 1, j - 1);
            found.push(i);
        } else if table[i][j - 1] > table[i - 1][j] {
            j -= 1;
        } else {
            i -= 1;
        }
    }
    found
}

proptest! {
    #![proptest_config(Config::with_cases(100))]

    #[test]
    fn sums_of_bleu_merge_in_any_order(pairs in vec((texts(), texts()), 1..6), at in 0_usize..6) {
        let reading = BleuReading::default();
        let sums: Vec<BleuSums> =
            pairs.iter().map(|(text, reference)| BleuSums::of(text, &[reference], reading).unwrap()).collect();
        let merged = |parts: &[BleuSums]| {
            parts.iter().fold(BleuSums::default(), |mut sum, part| {
                sum.merge(part);
                sum
            })
        };
        let (head, tail) = sums.split_at(at.min(sums.len()));
        let mut late_first = merged(tail);
        late_first.merge(&merged(head));
        prop_assert_eq!(late_first, merged(&sums));
        let (hypotheses, references): (Vec<&str>, Vec<&str>) =
            pairs.iter().map(|(text, reference)| (text.as_str(), reference.as_str())).unzip();
        prop_assert_eq!(BleuSums::of_corpus(&hypotheses, &[references], reading), Ok(late_first));
        let score = late_first.score(BleuSmoothing::default(), BleuOrders::Effective).unwrap().score;
        prop_assert!((0.0..=100.0 + 1e-9).contains(&score));
    }

    #[test]
    fn identical_texts_score_the_maximum_in_any_script(text in "[\\p{L}\\p{N}猫犬が]{1,8}( [\\p{L}\\p{N}]{1,8}){0,6}") {
        for rouge in [Rouge::One, Rouge::Longest, Rouge::LongestByLine] {
            prop_assert_eq!(rouge.score(RougeWords::Unicode, &text, &text).f1, 1.0);
        }
        for tokenizer in [BleuTokenizer::Mteval13a, BleuTokenizer::Characters, BleuTokenizer::Chinese] {
            let reading = BleuReading { tokenizer, case: Case::Lowered };
            let sums = BleuSums::of(&text, &[&text], reading).unwrap();
            let score = sums.score(BleuSmoothing::None, BleuOrders::Effective).unwrap().score;
            prop_assert!((score - 100.0).abs() < 1e-9);
        }
        for settings in [Chrf::CHRF, Chrf::PLUS_PLUS] {
            prop_assert!((settings.score(&text, &[&text]).unwrap() - 100.0).abs() < 1e-9);
        }
        prop_assert_eq!(edit_similarity(&text, &text), 1.0);
        prop_assert_eq!(token_f1(&text, &text, Normalization::Squad), 1.0);
        prop_assert_eq!(word_error_rate(&text, &text), Ok(0.0));
    }

    #[test]
    fn edit_similarity_is_symmetric_and_a_share(one in texts(), other in texts()) {
        let similarity = edit_similarity(&one, &other);
        prop_assert_eq!(similarity, edit_similarity(&other, &one));
        prop_assert!((0.0..=1.0).contains(&similarity));
    }

    #[test]
    fn edit_distances_are_those_of_the_textbook(one in "[ab]{0,200}", other in "[abc]{0,200}") {
        prop_assert_eq!(levenshtein(&one, &other), slow_distance(one.as_bytes(), other.as_bytes()));
    }

    #[test]
    fn common_subsequences_are_those_of_the_textbook(one in "[a-d]{0,200}", other in "[a-d]{0,150}") {
        let (one, other) = (one.as_bytes(), other.as_bytes());
        let mut found = Vec::new();
        let mut reference = Reference::new(one);
        reference.each_match(b"abcd", |_| {});
        reference.each_match(other, |place| found.push(place));
        prop_assert_eq!(&found, &slow_matches(one, other));
        prop_assert_eq!(subsequence::length(one, other), found.len());
    }

    #[test]
    fn no_text_breaks_a_metric(one in texts(), other in texts()) {
        for rouge in [Rouge::One, Rouge::Two, Rouge::Longest, Rouge::LongestByLine] {
            for words in [RougeWords::Ascii, RougeWords::AsciiStems, RougeWords::Unicode] {
                let score = rouge.score(words, &one, &other);
                prop_assert!([score.precision, score.recall, score.f1].iter().all(|v| (0.0..=1.0).contains(v)));
            }
        }
        for settings in [Chrf::CHRF, Chrf::PLUS_PLUS] {
            prop_assert!((0.0..=100.0 + 1e-9).contains(&settings.score(&one, &[&other]).unwrap()));
        }
        prop_assert!((0.0..=1.0).contains(&token_f1(&one, &other, Normalization::Squad)));
    }
}
