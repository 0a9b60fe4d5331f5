use crate::report::html::STYLE;
use crate::report::html::markup::Markup;

#[test]
fn nothing_that_is_told_becomes_markup() {
    let hostile = "</style><script>alert('x')</script>\" onload=\"x\u{0}\u{202e}&amp;";
    let mut page = Markup::default();
    page.within("p", &[("title", hostile)], |page| page.text(hostile));
    let told = "&lt;/style&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot; onload=&quot;x\u{fffd}\u{fffd}&amp;amp;";
    assert_eq!(page.into_string(), format!("<p title=\"{told}\">{told}</p>"));
}

#[test]
fn the_style_loads_nothing_and_cannot_end_its_element() {
    assert!(!STYLE.contains("url(") && !STYLE.contains("@import") && !STYLE.contains('<'));
}
