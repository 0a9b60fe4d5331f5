//! The moving parts of the load tests: a load generator, a model simulator and a relay, each cheap enough that all of
//! them on one core can keep a proxy on another one busy.
//!
//! Plain non-blocking sockets and HTTP/1.1 by hand, because a generator that costs as much as what it measures
//! measures itself. HTTP/2 goes over hyper. The programs are in `src/bin`.

mod alarm;
mod answer;
mod clock;
pub mod load;
pub mod model;
pub mod relay;
