//! What a word is: white space as the reference libraries see it, and the characters that words are made of.

use unicode_general_category::GeneralCategory;
use unicode_general_category::get_general_category;

/// White space as Python sees it, in which the reference libraries are written: that of Unicode, and the four
/// information separators.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// The parts of a text between white space.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_space).filter(|word| !word.is_empty())
}

/// A letter or a number of any script, without the marks that attach to them.
pub(super) fn is_letter_or_number(c: char) -> bool {
    use GeneralCategory as Category;
    matches!(
        get_general_category(c),
        Category::UppercaseLetter
            | Category::LowercaseLetter
            | Category::TitlecaseLetter
            | Category::ModifierLetter
            | Category::OtherLetter
            | Category::DecimalNumber
            | Category::LetterNumber
            | Category::OtherNumber
    )
}

/// A mark that attaches to a letter: an accent, a vowel sign, an enclosing circle.
pub(super) fn is_mark(c: char) -> bool {
    use GeneralCategory as Category;
    matches!(
        get_general_category(c),
        Category::NonspacingMark | Category::SpacingMark | Category::EnclosingMark
    )
}
