//! Where question and answers stand in a judging prompt: as the gateway's judges fence them, or between tags.
//!
//! The gateway opens a section by a line `<<WORD request` and ends it by a line `WORD>>`, with a random word that no
//! answer can know. Between tags, as a person writes a prompt, a section ends at the last closing tag of its kind before
//! the next section opens, so that an answer that itself holds a closing tag does not end early.

/// What a judge is asked to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case<'a> {
    /// What was asked.
    pub question: &'a str,
    /// One answer.
    pub a: &'a str,
    /// The other.
    pub b: &'a str,
}

/// The tags, in their order.
const TAGS: [&str; 3] = ["question", "answer_a", "answer_b"];
/// The names of the gateway's sections, in the same order.
const NAMES: [&str; 3] = ["request", "answer A", "answer B"];

/// Reads the sections of a prompt.
///
/// # Errors
/// When a section is not there, with its name.
pub fn read(prompt: &str) -> Result<Case<'_>, String> {
    if let Some(word) = word(prompt) {
        let [question, a, b] = NAMES.map(|name| fenced(prompt, word, name));
        return Ok(Case { question: question?, a: a?, b: b? });
    }
    let [question, a, b] = TAGS;
    let (question, rest) = tagged(prompt, question, Some(a))?;
    let (a, rest) = tagged(rest, a, Some(b))?;
    let (b, _) = tagged(rest, b, None)?;
    Ok(Case { question, a, b })
}

/// Writes sections between tags, as [`read`] reads them.
pub fn write(case: Case<'_>) -> String {
    let texts = TAGS.iter().zip([case.question, case.a, case.b]);
    texts.map(|(name, text)| format!("<{name}>\n{text}\n</{name}>\n")).collect()
}

/// The gateway's random word, by the line that a prompt of its begins with.
fn word(prompt: &str) -> Option<&str> {
    let (word, name) = prompt.strip_prefix("<<")?.lines().next()?.split_once(' ')?;
    (!word.is_empty() && name == NAMES[0]).then_some(word)
}

fn fenced<'a>(prompt: &'a str, word: &str, name: &str) -> Result<&'a str, String> {
    let text = prompt.split_once(&format!("<<{word} {name}\n")).map(|(_, opened)| opened);
    let text = text.and_then(|opened| opened.split_once(&format!("\n{word}>>")));
    text.map(|(text, _)| text.trim()).ok_or_else(|| format!("expected a section <<{word} {name}"))
}

/// A section between tags, and what follows it.
fn tagged<'a>(text: &'a str, name: &str, next: Option<&str>) -> Result<(&'a str, &'a str), String> {
    let missing = || format!("expected <{name}>...</{name}> in the last user message");
    let (_, opened) = text.split_once(&format!("<{name}>")).ok_or_else(missing)?;
    let until = next.and_then(|next| opened.find(&format!("<{next}>"))).unwrap_or(opened.len());
    let end = opened[..until].rfind(&format!("</{name}>")).ok_or_else(missing)?;
    Ok((opened[..end].trim(), &opened[end..]))
}
