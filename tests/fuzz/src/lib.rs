//! What must hold for every input that somebody else writes: policies, answers, records, tickets,
//! JSON paths, HTTP/1, texts that hold secrets.
//!
//! Each module has one function, `check(input)`, which panics when a promise is broken. The programs under `targets`
//! hand it what libFuzzer makes up; the example `mutate` needs no nightly compiler and no libFuzzer.

pub mod json_paths;
pub mod messages;
pub mod policy;
pub mod records;
pub mod redaction;
pub mod tickets;
pub mod usage;

/// A check by its name.
pub type Target = (&'static str, fn(&[u8]));

/// Every check.
pub const TARGETS: [Target; 7] = [
    ("policy", policy::check),
    ("usage", usage::check),
    ("records", records::check),
    ("tickets", tickets::check),
    ("json_paths", json_paths::check),
    ("messages", messages::check),
    ("redaction", redaction::check),
];

/// The first line of an input, without its end, and all that follows it.
fn first_line(input: &str) -> (&str, &str) {
    input.split_once('\n').unwrap_or((input, ""))
}
