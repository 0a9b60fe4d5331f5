//! Reads a page as strictly as XML is read: every element closed in its order, every attribute in quotes.

use std::collections::HashMap;

/// A page that is well-formed.
#[derive(Debug, Default)]
pub(crate) struct Document {
    /// What is shown, with escapes undone.
    pub(crate) text: String,
    elements: HashMap<String, usize>,
    attributes: Vec<(String, String)>,
}

impl Document {
    /// Reads a page; panics where it is not well-formed.
    pub(crate) fn parse(page: &str) -> Self {
        let mut document = Self::default();
        let mut open: Vec<String> = Vec::new();
        let mut rest = page.strip_prefix("<!DOCTYPE html>").expect("the page says what it is");
        while let Some((text, tail)) = rest.split_once('<') {
            assert!(
                !text.contains('>') || open.last().is_some_and(|tag| tag == "style"),
                "a bare `>`: {text}"
            );
            if open.last().is_none_or(|tag| tag != "style") {
                document.text.push_str(&unescaped(text));
            }
            let (tag, tail) = tail.split_once('>').expect("every tag ends");
            rest = tail;
            if let Some(closed) = tag.strip_prefix('/') {
                assert_eq!(open.pop().as_deref(), Some(closed), "closed in the order they were opened");
                continue;
            }
            let is_empty = tag.ends_with('/');
            let name = document.begin(tag.trim_end_matches('/'));
            if !is_empty {
                open.push(name);
            }
        }
        assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} {rest}");
        document
    }

    fn begin(&mut self, tag: &str) -> String {
        let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "{tag}");
        while !rest.trim().is_empty() {
            let (attribute, tail) = rest.trim_start().split_once("=\"").unwrap_or_else(|| panic!("{tag}"));
            let (value, tail) = tail.split_once('"').unwrap_or_else(|| panic!("{tag}"));
            self.attributes.push((attribute.to_owned(), unescaped(value)));
            rest = tail;
        }
        *self.elements.entry(name.to_owned()).or_default() += 1;
        name.to_owned()
    }

    /// How many elements of a name there are.
    pub(crate) fn count(&self, element: &str) -> usize {
        self.elements.get(element).copied().unwrap_or_default()
    }

    /// Asserts that nothing is run and nothing fetched.
    pub(crate) fn loads_nothing(&self) {
        for element in ["script", "link", "img", "iframe", "object", "embed", "base", "form", "use", "image"]
        {
            assert_eq!(self.count(element), 0, "{element}");
        }
        for (name, value) in &self.attributes {
            assert!(!name.starts_with("on") && name != "src" && name != "srcdoc", "{name}");
            assert!(name != "href" || value.starts_with('#'), "{value}");
            assert!(name != "style" || !value.contains("url"), "{value}");
        }
    }
}

fn unescaped(text: &str) -> String {
    assert!(!text.contains("&#x"), "{text}");
    let escapes = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    escapes.iter().fold(text.to_owned(), |text, (escape, c)| text.replace(escape, c))
}
