use std::io;
use std::io::Write;
use std::sync::Arc;
use std::sync::Mutex;

use serde_json::Value;

use crate::telemetry::logs::Format;
use crate::telemetry::logs::filter;
use crate::telemetry::logs::subscriber;

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn written(format: Format, wanted: &str, events: impl FnOnce()) -> String {
    let page = Page::default();
    let kept = page.clone();
    let subscriber = subscriber(format, filter(wanted).unwrap(), move || page.clone());
    tracing::subscriber::with_default(subscriber, events);
    let bytes = kept.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn json_events_carry_their_fields_at_the_top() {
    let text =
        written(Format::Json, "", || tracing::info!(experiment = "digits", weight = %"5%", "ramp moved"));
    let line: Value = serde_json::from_str(text.trim_end()).unwrap();
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["message"], "ramp moved");
    assert_eq!(line["experiment"], "digits");
    assert_eq!(line["weight"], "5%");
}

#[test]
fn info_and_up_is_said_unless_the_filter_asks_for_more_or_less() {
    let events = || {
        tracing::debug!("of no interest");
        tracing::info!("as usual");
        tracing::warn!("look here");
    };
    for (wanted, expected) in [("", 2), ("warn", 1), ("debug", 3), ("off", 0), ("elsewhere=debug,info", 2)] {
        assert_eq!(written(Format::Text, wanted, events).lines().count(), expected, "`{wanted}`");
    }
    assert!(filter("crossfade=loud").is_err());
}

#[test]
fn nothing_in_an_event_begins_a_line_or_steers_a_terminal() {
    let hostile = "a\n2026-01-01 ERROR forged\r\u{1b}[31mred\u{9b}0m\u{7f}\u{202e}\u{2028}b";
    let event = || tracing::info!(experiment = hostile, error = %hostile, "told {hostile}");
    for format in [Format::Text, Format::Json] {
        let text = written(format, "", event);
        assert_eq!(text.matches('\n').count(), 1, "{text:?}");
        // What colours a line of text is the formatter's own, around what comes before the fields.
        let fields = text.trim_end().split_once("told").unwrap_or(("", text.trim_end())).1;
        assert!(!fields.chars().any(crate::vocab::steers), "{text:?}");
        assert!(text.contains("forged") && text.contains("red"), "{text:?}");
    }
    let line: Value = serde_json::from_str(written(Format::Json, "", event).trim_end()).unwrap();
    assert_eq!(line["error"], hostile, "JSON says the same after it was escaped");
}
