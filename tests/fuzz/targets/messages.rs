//! The bytes of HTTP/1 connections, mutated by libFuzzer; the check itself is in the library.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| crossfade_fuzz::messages::check(input));
