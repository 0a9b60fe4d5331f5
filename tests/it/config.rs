//! The policy file from outside: what is refused and how, what is understood, and that the shipped samples hold.

mod bad;
mod command;
mod compared;
mod decided;
mod good;
mod guarded;
mod samples;
