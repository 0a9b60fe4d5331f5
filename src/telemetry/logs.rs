//! Logs: structured events on standard error, readable for a person, JSON for a machine.
//!
//! `CROSSFADE_LOG` chooses what is said, in `tracing`'s own language (`debug`, `crossfade=debug,info`); without it
//! everything from `info` up is. It never writes to standard output, which belongs to reports. Whatever an event holds,
//! it is one line, and nothing in it steers a terminal.

#[cfg(test)]
mod tests;

use std::fmt;
use std::fmt::Write as _;
use std::io;
use std::io::IsTerminal;

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::debug_fn;

use crate::vocab::steers;

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
        Format::Text => {
            let fields = debug_fn(|writer, field, value| match field.name() {
                "message" => write!(writer, "{}", OneLine(value)),
                name => write!(writer, "{name}={}", OneLine(value)),
            });
            Box::new(builder.fmt_fields(fields.delimited(" ")).finish())
        }
        Format::Json => {
            let json = builder.json().flatten_event(true).with_current_span(false).with_span_list(false);
            Box::new(json.map_writer(Escaping).finish())
        }
    }
}

/// A value with an escape for each character that steers.
struct OneLine<'v>(&'v dyn fmt::Debug);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escape(f), "{:?}", self.0)
    }
}

struct Escape<'f, 'b>(&'f mut fmt::Formatter<'b>);

impl fmt::Write for Escape<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '\n' => self.0.write_str("\\n")?,
                _ if steers(c) => write!(self.0, "\\u{:04x}", u32::from(c))?,
                _ => self.0.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Makes writers of lines of JSON, in which the characters that steer and that JSON has no need to escape are escaped
/// too.
struct Escaping<W>(W);

impl<'w, W: MakeWriter<'w>> MakeWriter<'w> for Escaping<W> {
    type Writer = Escaping<W::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        Escaping(self.0.make_writer())
    }
}

impl<W: io::Write> io::Write for Escaping<W> {
    /// Takes a whole line, which the formatter hands over at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let escapes = |text: &&str| text.chars().any(|c| c != '\n' && steers(c));
        match std::str::from_utf8(line).ok().filter(escapes) {
            None => self.0.write_all(line)?,
            Some(text) => {
                let mut escaped = String::with_capacity(text.len() + 8);
                for c in text.chars() {
                    match c {
                        _ if c != '\n' && steers(c) => escaped.push_str(&format!("\\u{:04x}", u32::from(c))),
                        _ => escaped.push(c),
                    }
                }
                self.0.write_all(escaped.as_bytes())?;
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
