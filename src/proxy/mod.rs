//! The data plane: it accepts requests, carries out their plans, and hands pairs on.
//!
//! Each worker is one thread with a runtime, connections and pools of its own; workers share the policy snapshot,
//! counts and bounded hand-over buffers, and nothing else. Only this module executes a plan, and the answer path in
//! it waits for nothing but the client and the arm that answers.

mod connection;
mod copies;
mod dispatch;
mod exchange;
mod frames;
mod handler;
mod headers;
mod leg;
mod limits;
mod listener;
mod meters;
mod mixed;
mod patience;
mod relay;
mod respond;
mod resumed;
mod retries;
mod snapshot;
mod upload;
mod watch;
mod worker;

pub use limits::Limits;
pub use listener::accept;
pub use snapshot::Parts;
pub use snapshot::Shared;
pub use worker::Drain;
pub use worker::Workers;
