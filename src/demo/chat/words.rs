//! How the chat demo's programs read text: the words they search by, and the tokens they count and stream.

/// The words, in small letters: runs of letters and digits, apostrophes left out.
pub fn words(text: &str) -> Vec<String> {
    let text = text.to_lowercase().replace('\'', "");
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// A word without the endings by which `print`, `prints`, `printed` and `printing` differ; crude, and the same for all
/// of them, which is what matters.
pub fn stem(word: &str) -> &str {
    const ENDINGS: [&str; 11] = ["ations", "ation", "ings", "ing", "ies", "ers", "ed", "es", "er", "ly", "s"];
    const LEAST: usize = 3;
    let stem = ENDINGS
        .iter()
        .find_map(|ending| word.strip_suffix(ending).filter(|stem| stem.chars().count() >= LEAST))
        .unwrap_or(word);
    let stem = stem.strip_suffix(['e', 'y']).filter(|rest| rest.chars().count() >= LEAST).unwrap_or(stem);
    // `running` and `run`.
    match stem.as_bytes() {
        [.., one, other] if one == other && stem.len() > LEAST && one.is_ascii() => &stem[..stem.len() - 1],
        _ => stem,
    }
}

/// The tokens of a text: a word with the space before it, or one other character. Joined they are the text again.
pub fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = rest.strip_prefix(' ').unwrap_or(rest);
        let length = word.find(|c: char| !c.is_alphanumeric()).unwrap_or(word.len());
        let end = if length == 0 { first.len_utf8() } else { rest.len() - word.len() + length };
        let (token, tail) = rest.split_at(end);
        tokens.push(token);
        rest = tail;
    }
    tokens
}
