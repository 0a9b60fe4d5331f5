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
