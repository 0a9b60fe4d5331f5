//! What can go wrong with a candidate, a disk or a name, and that users never notice.

mod answers;
mod breaker;
mod copies;
mod crowd;
mod disk;
mod interference;
mod names;
mod wicked;
