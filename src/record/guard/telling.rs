//! Names that promise a secret, and secrets that stand beside such a name in a text.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// What a member or a parameter is called that holds a secret, in lower case and without what joins its words.
const NAMES: [&str; 26] = [
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "secrets",
    "clientsecret",
    "token",
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "authtoken",
    "sessiontoken",
    "bearertoken",
    "apitoken",
    "apikey",
    "apikeys",
    "accesskey",
    "secretkey",
    "secretaccesskey",
    "privatekey",
    "signingkey",
    "encryptionkey",
    "credential",
    "credentials",
    "authorization",
];

/// The shortest text that may hold one.
pub(super) const FEWEST_BYTES: usize = 6;

/// A name and what is said to be its value; a scheme and its credentials; a user's password in a URL; a private key.
static SAID: LazyLock<Regex> = LazyLock::new(|| {
    let names = "pass(?:word|wd|phrase)|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|signing[_-]?key|\
                 encryption[_-]?key|secret[_-]?key|credentials?|authorization";
    let written = format!(
        r#"(?i)(?:{names})\\?["']?\s*[:=]\s*(?:(?:bearer|basic|token)\s+)?(?:\\?["'])?([^\s"'\\,;&{{}}\[\]<>]{{3,}})|\b(?:bearer|basic)\s+([\w+/=.~-]{{8,}})|://[^\s/:@]*:([^\s/@]+)@|(-----BEGIN [A-Z0-9 ]*PRIVATE KEY[-A-Z ]*-----(?s:.*?)(?:-----END [A-Z0-9 ]*PRIVATE KEY[-A-Z ]*-----|\z))"#
    );
    Regex::new(&written).expect("the pattern is fixed and tested")
});

/// Names alone, for a quick look at a whole document.
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    let written = "(?i)pass|pwd|secret|token|key|credential|authorization|bearer|basic|private|://";
    Regex::new(written).expect("the pattern is fixed and tested")
});

/// Says whether a name promises a secret.
pub(super) fn is_telling(name: &str) -> bool {
    if name.len() > 64 {
        return false;
    }
    let letters = name.chars().filter(|c| !matches!(c, '-' | '_' | ' ' | '.'));
    let plain: String = letters.flat_map(char::to_lowercase).collect();
    let ends = ["password", "passphrase", "secret", "apikey", "accesstoken", "secretkey", "privatekey"];
    NAMES.contains(&plain.as_str()) || ends.iter().any(|end| plain.ends_with(end))
}

/// Finds the values that stand beside such names.
pub(super) fn find(text: &str, take: &mut impl FnMut(Range<usize>)) {
    for said in SAID.captures_iter(text) {
        // After a scheme stands a word in prose and a code where it is meant.
        let is_code = |text: &str| text.bytes().any(|byte| byte.is_ascii_digit() || byte == b'=');
        let scheme = said.get(2).filter(|code| is_code(code.as_str()));
        let value = said.get(1).or(scheme).or_else(|| said.get(3)).or_else(|| said.get(4));
        value.into_iter().for_each(|value| take(value.range()));
    }
}

/// Says whether a document may hold such a name.
pub(super) fn may_be_in(text: &str) -> bool {
    NAMED.is_match(text)
}
