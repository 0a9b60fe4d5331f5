//! The integration tests, in one binary: real sockets, real files, port 0.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails, helpers included")]

mod config;
