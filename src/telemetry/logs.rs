//! Logs: structured events on standard error, readable for a person, JSON for a machine.
//!
//! `CROSSFADE_LOG` chooses what is said, in `tracing`'s own language (`debug`, `crossfade=debug,info`); without it
//! everything from `info` up is. It never writes to standard output, which belongs to reports.

#[cfg(test)]
mod tests;

use std::io::IsTerminal;

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::MakeWriter;

/// The environment variable that chooses what is logged.
const FILTER_VARIABLE: &str = "CROSSFADE_LOG";

/// How an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// A line for a person.
    Text,
    /// A JSON object with the event's fields at its top.
    Json,
}

/// Sends the process's events to standard error: text on a terminal, JSON elsewhere.
///
/// A second call leaves the first as it is. A filter that cannot be read is reported, and `info` takes its place.
pub fn init() {
    init_with("info");
}

/// The same for what prints a report of its own: unless the variable says otherwise, only warnings and errors are
/// logged beside it.
pub fn init_beside_report() {
    init_with("warn");
}

fn init_with(unset: &str) {
    let wanted = std::env::var(FILTER_VARIABLE).unwrap_or_else(|_| unset.to_owned());
    let (filter, problem) = match filter(&wanted) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::default().add_directive(LevelFilter::INFO.into()), Some(error)),
    };
    let format = if std::io::stderr().is_terminal() { Format::Text } else { Format::Json };
    let first = tracing::subscriber::set_global_default(subscriber(format, filter, std::io::stderr)).is_ok();
    if let (true, Some(error)) = (first, problem) {
        tracing::warn!(%error, "{FILTER_VARIABLE}=`{wanted}` is not a filter; `info` is used instead");
    }
}

fn filter(wanted: &str) -> Result<EnvFilter, ParseError> {
    EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).parse(wanted)
}

fn subscriber<W>(format: Format, filter: EnvFilter, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    match format {
        Format::Text => Box::new(builder.finish()),
        Format::Json => {
            let json = builder.json().flatten_event(true).with_current_span(false).with_span_list(false);
            Box::new(json.finish())
        }
    }
}
