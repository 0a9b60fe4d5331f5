use std::time::Duration;

use crate::replay::Condition;
use crate::replay::Pace;
use crate::replay::Target;
use crate::vocab::Timestamp;

#[test]
fn a_pace_says_when_a_request_is_due() {
    let due = |pace: &str| {
        let pace: Pace = pace.parse().unwrap();
        pace.due(Timestamp::from_micros(0), Timestamp::from_micros(10_000_000))
    };
    assert_eq!(due("original"), Some(Duration::from_secs(10)));
    assert_eq!(due("2x"), Some(Duration::from_secs(5)));
    assert_eq!(due("0.5x"), Some(Duration::from_secs(20)));
    assert_eq!(due("max"), None);
    for wrong in ["", "x", "0x", "-1x", "fast", "2", "NaNx"] {
        let error = wrong.parse::<Pace>().unwrap_err();
        assert!(error.contains("is no pace"), "{error}");
    }
}

#[test]
fn a_target_is_a_name_or_a_name_with_a_url() {
    let target: Target = "new=http://127.0.0.1:1/base?x=1".parse().unwrap();
    assert_eq!((target.name.as_str(), target.url.as_deref()), ("new", Some("http://127.0.0.1:1/base?x=1")));
    assert_eq!("new".parse::<Target>().unwrap().url, None);
    assert!("=x".parse::<Target>().is_err());
}

#[test]
fn conditions_that_cannot_be_meant_are_refused() {
    let sound = [
        "error_rate > 1%",
        "agreement<95%",
        "lower(agreement.label) <= 0.95",
        "accuracy_drop > 0.5%",
        "p99_latency >= 200ms",
        "verdict == rollback",
        "verdict != promote",
    ];
    for text in sound {
        assert_eq!(text.parse::<Condition>().unwrap().to_string(), text);
    }
    let wrong = [
        ("error_rate", "it has no `<`"),
        ("> 1%", "no name of a figure"),
        ("error rate > 1%", "no name of a figure"),
        ("error_rate > much", "no number after the sign"),
        ("verdict > rollback", "no number after the sign"),
        ("verdict == 1", "a verdict is a word"),
    ];
    for (text, why) in wrong {
        let error = text.parse::<Condition>().unwrap_err().to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
}
