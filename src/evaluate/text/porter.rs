//! The stem of an English word: Porter's algorithm (1980) with the extensions that NLTK makes by default, because
//! the published ROUGE scores are made with those. The stems of other implementations differ.

/// Words whose stem the rules would miss.
const IRREGULAR: [(&str, &str); 16] = [
    ("sky", "sky"),
    ("skies", "sky"),
    ("dying", "die"),
    ("lying", "lie"),
    ("tying", "tie"),
    ("news", "news"),
    ("innings", "inning"),
    ("inning", "inning"),
    ("outings", "outing"),
    ("outing", "outing"),
    ("cannings", "canning"),
    ("canning", "canning"),
    ("howe", "howe"),
    ("proceed", "proceed"),
    ("exceed", "exceed"),
    ("succeed", "succeed"),
];

const STEP_1A: [(&str, &str); 4] = [("sses", "ss"), ("ies", "i"), ("ss", "ss"), ("s", "")];

const STEP_2: [(&str, &str); 21] = [
    ("ational", "ate"),
    ("tional", "tion"),
    ("enci", "ence"),
    ("anci", "ance"),
    ("izer", "ize"),
    ("bli", "ble"),
    ("alli", "al"),
    ("entli", "ent"),
    ("eli", "e"),
    ("ousli", "ous"),
    ("ization", "ize"),
    ("ation", "ate"),
    ("ator", "ate"),
    ("alism", "al"),
    ("iveness", "ive"),
    ("fulness", "ful"),
    ("ousness", "ous"),
    ("aliti", "al"),
    ("iviti", "ive"),
    ("biliti", "ble"),
    ("fulli", "ful"),
];

const STEP_3: [(&str, &str); 7] = [
    ("icate", "ic"),
    ("ative", ""),
    ("alize", "al"),
    ("iciti", "ic"),
    ("ical", "ic"),
    ("ful", ""),
    ("ness", ""),
];

const STEP_4: [(&str, &str); 19] = [
    ("al", ""),
    ("ance", ""),
    ("ence", ""),
    ("er", ""),
    ("ic", ""),
    ("able", ""),
    ("ible", ""),
    ("ant", ""),
    ("ement", ""),
    ("ment", ""),
    ("ent", ""),
    ("ion", ""),
    ("ou", ""),
    ("ism", ""),
    ("ate", ""),
    ("iti", ""),
    ("ous", ""),
    ("ive", ""),
    ("ize", ""),
];

/// The stem of a word of ASCII lower-case letters and digits. Takes time in proportion to the word.
pub(super) fn stem(word: &str) -> String {
    if let Some((_, stem)) = IRREGULAR.iter().find(|(irregular, _)| *irregular == word) {
        return (*stem).to_owned();
    }
    if word.len() <= 2 {
        return word.to_owned();
    }
    let word = without_plural(word);
    let word = without_past(&word);
    let word = with_final_i(&word);
    let word = step_2(&word);
    let word = replaced(&word, &STEP_3, |stem, _| measure(stem) > 0);
    let word = replaced(&word, &STEP_4, |stem, suffix| {
        measure(stem) > 1 && (suffix != "ion" || stem.ends_with(['s', 't']))
    });
    without_final_e_or_l(&word)
}

/// Applies the first rule whose suffix the word has, if its condition holds; no other is tried.
fn replaced(word: &str, rules: &[(&str, &str)], applies: impl Fn(&str, &str) -> bool) -> String {
    let found = rules.iter().find_map(|(from, to)| Some((word.strip_suffix(from)?, *from, *to)));
    match found {
        Some((stem, from, to)) if applies(stem, from) => format!("{stem}{to}"),
        _ => word.to_owned(),
    }
}

/// Step 1a: `dies` becomes `die`, `flies` `fli`, `cats` `cat`.
fn without_plural(word: &str) -> String {
    match word.strip_suffix("ies") {
        Some(stem) if stem.len() == 1 => format!("{stem}ie"),
        _ => replaced(word, &STEP_1A, |_, _| true),
    }
}

/// Step 1b: `died` becomes `die`, `spied` `spi`, `agreed` `agree`, `hopping` `hop`, `filing` `file`.
fn without_past(word: &str) -> String {
    if let Some(stem) = word.strip_suffix("ied") {
        return if stem.len() == 1 { format!("{stem}ie") } else { format!("{stem}i") };
    }
    if let Some(stem) = word.strip_suffix("eed") {
        return if measure(stem) > 0 { format!("{stem}ee") } else { word.to_owned() };
    }
    let with_vowel = |suffix: &&str| word.strip_suffix(*suffix).filter(|stem| has_vowel(stem));
    let Some(stem) = ["ed", "ing"].iter().find_map(with_vowel) else {
        return word.to_owned();
    };
    if ["at", "bl", "iz"].iter().any(|end| stem.ends_with(end)) {
        return format!("{stem}e");
    }
    if ends_in_double_consonant(stem) {
        let kept = if stem.ends_with(['l', 's', 'z']) { stem } else { &stem[..stem.len() - 1] };
        return kept.to_owned();
    }
    if measure(stem) == 1 && ends_like_hop(stem) { format!("{stem}e") } else { stem.to_owned() }
}

/// Step 1c: `happy` becomes `happi`, `enjoy` stays.
fn with_final_i(word: &str) -> String {
    match word.strip_suffix('y') {
        Some(stem) if stem.len() > 1 && consonants(stem).last() == Some(true) => format!("{stem}i"),
        _ => word.to_owned(),
    }
}

fn step_2(word: &str) -> String {
    let positive = |stem: &str, _: &str| measure(stem) > 0;
    if let Some(stem) = word.strip_suffix("alli").filter(|stem| measure(stem) > 0) {
        // The rules are tried anew: `ationalli` becomes `ational`, and that `ate`.
        return replaced(&format!("{stem}al"), &STEP_2, positive);
    }
    match word.strip_suffix("ogi") {
        // The `l` counts as part of the stem, so that `geology` is one.
        Some(stem) if stem.ends_with('l') => {
            if measure(stem) > 0 {
                format!("{stem}og")
            } else {
                word.to_owned()
            }
        }
        _ => replaced(word, &STEP_2, positive),
    }
}

/// Step 5: `probate` becomes `probat`, `controll` `control`.
fn without_final_e_or_l(word: &str) -> String {
    let word = match word.strip_suffix('e') {
        Some(stem) if measure(stem) > 1 || (measure(stem) == 1 && !ends_like_hop(stem)) => stem,
        _ => word,
    };
    match word.strip_suffix('l') {
        Some(stem) if stem.ends_with('l') && measure(stem) > 1 => stem.to_owned(),
        _ => word.to_owned(),
    }
}

/// Letter by letter, whether it is a consonant: any but a, e, i, o, u, and y only at the beginning or after a vowel.
fn consonants(word: &str) -> impl Iterator<Item = bool> {
    let mut before = false;
    word.bytes().map(move |letter| {
        before = match letter {
            b'a' | b'e' | b'i' | b'o' | b'u' => false,
            b'y' => !before,
            _ => true,
        };
        before
    })
}

/// How often a vowel is followed by a consonant: Porter's measure of a word's length.
fn measure(word: &str) -> usize {
    let after = consonants(word).skip(1);
    consonants(word).zip(after).filter(|pair| *pair == (false, true)).count()
}

fn has_vowel(word: &str) -> bool {
    consonants(word).any(|consonant| !consonant)
}

fn ends_in_double_consonant(word: &str) -> bool {
    let mut letters = word.bytes().rev();
    letters.next() == letters.next() && consonants(word).last() == Some(true)
}

/// Ends in consonant, vowel, consonant other than w, x and y; or is a vowel and a consonant.
fn ends_like_hop(word: &str) -> bool {
    let mut last = [None; 3];
    consonants(word).for_each(|consonant| last = [last[1], last[2], Some(consonant)]);
    match last {
        [Some(true), Some(false), Some(true)] => !word.ends_with(['w', 'x', 'y']),
        [None, Some(false), Some(true)] => true,
        _ => false,
    }
}
