//! Whatever stands around a secret, it is not in what is left of the text; and any text at all can be cleaned.
//!
//! The first line of an input varies the secrets, the rest is what they are planted in.

use crossfade::record::Guard;
use crossfade::record::Pattern;
use crossfade::record::Redact;
use crossfade::record::RedactAction;
use crossfade::record::RedactTarget;
use crossfade::record::Settings;
use crossfade::record::Sought;
use serde_json::Value;
use serde_json::json;

use crate::first_line;

const PATTERNS: [Pattern; 7] = [
    Pattern::Email,
    Pattern::Phone,
    Pattern::Card,
    Pattern::Iban,
    Pattern::ApiKey,
    Pattern::Ip,
    Pattern::Secret,
];

/// What may stand at both sides of a secret without making it another word.
const BESIDE: [&str; 6] = [" ", "\n", "\"", "<", ", ", "\t"];

/// Checks one text.
pub fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (seed, around) = first_line(&text);
    let guard = guard();
    for is_cut in [false, true] {
        let _ = guard.body(around, is_cut);
    }
    let _ = guard.path(around);
    let mut at = around.len() / 2;
    while !around.is_char_boundary(at) {
        at -= 1;
    }
    let (before, behind) = around.split_at(at);
    for (number, secret) in secrets(seed).iter().enumerate() {
        let beside = BESIDE[(number + seed.len()) % BESIDE.len()];
        let planted = format!("{before}{beside}{secret}{beside}{behind}");
        if around.contains(secret.as_str()) {
            continue;
        }
        let left = guard.text(&planted);
        assert!(!left.contains(secret.as_str()), "{planted:?} became {left:?}");
        if let Some(body) = guard.body(&planted, false) {
            assert!(!body.contains(secret.as_str()), "{planted:?} became {body:?}");
        }
        hold_in_pieces(&guard, secret, seed.len());
        hold_in_document(&guard, secret, around);
    }
}

/// A secret that comes in two events is in neither, and not in both together.
fn hold_in_pieces(guard: &Guard, secret: &str, cut: usize) {
    let (head, tail) = secret.split_at(cut % secret.len());
    let event = |text: &str| format!("data: {}\n\n", json!({"delta": {"text": text}}));
    let body = [event("see "), event(head), event(tail), event(" there")].concat();
    let Some(left) = guard.body(&body, false) else { return };
    let documents = left.lines().filter_map(|line| line.strip_prefix("data: "));
    let texts = documents.filter_map(|document| {
        let document: Value = serde_json::from_str(document).ok()?;
        document["delta"]["text"].as_str().map(str::to_owned)
    });
    let whole: String = texts.collect();
    assert!(!whole.contains(secret), "{body:?} became {left:?}");
}

fn hold_in_document(guard: &Guard, secret: &str, around: &str) {
    let document = json!({"around": around, "inner": json!({"secret": [secret]}).to_string(), secret: 1});
    let left = guard.text(&document.to_string()).into_owned();
    assert!(!left.contains(secret), "{document} became {left}");
}

/// A secret of each pattern, as the seed varies it.
fn secrets(seed: &str) -> Vec<String> {
    let letters: String = seed.chars().filter(char::is_ascii_alphanumeric).take(20).collect();
    let sum: u32 = seed.bytes().map(u32::from).sum();
    let [_, _, high, low] = sum.to_be_bytes();
    vec![
        format!("a{letters}@mail.example"),
        format!("+49151{:08}", sum % 100_000_000),
        "4111 1111 1111 1111".to_owned(),
        "DE89370400440532013000".to_owned(),
        format!("s{}{letters}0123456789abcdef", "k-"),
        format!("192.0.{high}.{low}"),
        format!("2001:db8::1:{high:x}:{low:x}"),
    ]
}

fn guard() -> Guard {
    let rule = |pattern| Redact {
        target: RedactTarget::Everywhere,
        sought: Sought::Pattern(pattern),
        action: RedactAction::Mask,
    };
    Guard::new(&Settings { redact: PATTERNS.map(rule).to_vec(), ..Settings::default() })
}
