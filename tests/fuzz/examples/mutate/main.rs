//! Runs a check over files as they are, or over mutations of them for some seconds.
//!
//! ```text
//! mutate TARGET FILE...              each file once, to see a finding again
//! mutate TARGET SECONDS OUT FILE...  mutations of the files; a directory stands for the files in it
//! ```
//!
//! Each input is written to OUT before it is checked, so that a crash of any kind leaves it there.

mod mutator;

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use std::time::SystemTime;

use crossfade_fuzz::TARGETS;

use crate::mutator::Mutator;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = arguments.split_first() else { return usage() };
    let Some((_, check)) = TARGETS.iter().find(|(known, _)| known == name) else { return usage() };
    match rest {
        [seconds, out, seeds @ ..] if seconds.parse::<u64>().is_ok() => {
            let duration = Duration::from_secs(seconds.parse().unwrap_or(0));
            let runs = mutate(*check, duration, Path::new(out), inputs(seeds));
            println!("{name}: {runs} inputs, no finding");
        }
        [] => return usage(),
        files => inputs(files).iter().for_each(|input| check(input)),
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    eprintln!(
        "usage: mutate TARGET FILE...\n       mutate TARGET SECONDS OUT FILE...\ntargets: {}",
        names.join(" ")
    );
    ExitCode::from(64)
}

/// Checks every seed, then mutations of them until the time is over; says how many.
fn mutate(check: fn(&[u8]), duration: Duration, out: &Path, seeds: Vec<Vec<u8>>) -> u64 {
    let begun = SystemTime::now();
    let mut runs = 0;
    let mut run = |input: &[u8]| {
        fs::write(out, input).expect("OUT can be written");
        check(input);
        runs += 1;
    };
    seeds.iter().for_each(|seed| run(seed));
    let mut mutator = Mutator::new(seeds);
    while begun.elapsed().is_ok_and(|elapsed| elapsed < duration) {
        run(&mutator.draw());
    }
    fs::remove_file(out).expect("OUT can be removed");
    runs
}

/// The contents of files, and of the files in directories, in the order of their names.
fn inputs(paths: &[String]) -> Vec<Vec<u8>> {
    let mut files: Vec<PathBuf> = Vec::new();
    for path in paths.iter().map(PathBuf::from) {
        match fs::read_dir(&path) {
            Ok(entries) => files.extend(entries.flatten().map(|entry| entry.path())),
            Err(_) => files.push(path),
        }
    }
    files.sort();
    let read = |file: &PathBuf| fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    files.iter().map(read).collect()
}
