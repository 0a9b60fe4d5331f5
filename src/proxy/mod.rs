//! The data plane: it accepts requests, carries out their plans, and hands pairs on.
//!
//! Each worker is one thread with a runtime, connections and pools of its own; workers share the policy snapshot,
//! counts and bounded hand-over buffers, and nothing else. Only this module executes a plan, and the answer path in
//! it waits for nothing but the client and the arm that answers.
//!
//! As an intermediary it is strict (RFC 9110, 9112): `inspect` lets no HTTP/1 request through that could be read in
//! two ways, and `upstream` no such answer. HTTP itself consumes every interim answer and sends none but 100 and 101;
//! `expect` times the one, `tunnel` earns the other. `parting` ends connections without losing the last answer.

mod connection;
mod copies;
mod dispatch;
mod exchange;
mod expect;
mod frames;
mod handler;
mod headers;
mod held;
mod inspect;
mod leg;
mod limits;
mod listener;
mod meters;
mod mixed;
mod parting;
mod patience;
mod relay;
mod respond;
mod retries;
mod rewriting;
mod snapshot;
mod tunnel;
mod upload;
mod watch;
mod worker;

pub use limits::Limits;
pub use listener::accept;
pub use snapshot::Parts;
pub use snapshot::Shared;
pub use worker::Drain;
pub use worker::Workers;
