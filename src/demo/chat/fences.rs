//! Where question and answers stand in a judging prompt: between tags on lines of their own.
//!
//! A section ends at the last closing tag of its kind before the next section opens, so that an answer that itself
//! holds a closing tag does not end early.

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

/// The sections, in their order.
pub const SECTIONS: [&str; 3] = ["question", "answer_a", "answer_b"];

/// Reads the sections of a prompt.
///
/// # Errors
/// When a section is not there, with its name.
pub fn read(prompt: &str) -> Result<Case<'_>, String> {
    let [question, a, b] = SECTIONS;
    let (question, rest) = section(prompt, question, Some(a))?;
    let (a, rest) = section(rest, a, Some(b))?;
    let (b, _) = section(rest, b, None)?;
    Ok(Case { question, a, b })
}

/// Writes sections as [`read`] reads them.
pub fn write(case: Case<'_>) -> String {
    let texts = SECTIONS.iter().zip([case.question, case.a, case.b]);
    texts.map(|(name, text)| format!("<{name}>\n{text}\n</{name}>\n")).collect()
}

/// A section, and what follows its opening tag's section.
fn section<'a>(text: &'a str, name: &str, next: Option<&str>) -> Result<(&'a str, &'a str), String> {
    let missing = || format!("expected <{name}>...</{name}> in the last user message");
    let (_, opened) = text.split_once(&format!("<{name}>")).ok_or_else(missing)?;
    let until = next.and_then(|next| opened.find(&format!("<{next}>"))).unwrap_or(opened.len());
    let end = opened[..until].rfind(&format!("</{name}>")).ok_or_else(missing)?;
    Ok((opened[..end].trim(), &opened[end..]))
}
