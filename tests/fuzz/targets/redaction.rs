//! Texts that secrets are planted in, mutated by libFuzzer; the check itself is in the library.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| crossfade_fuzz::redaction::check(input));
