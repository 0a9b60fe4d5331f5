//! What the gateway says of itself: the metric catalogue, traces and logs.

mod evaluations;
pub mod logs;
pub mod metrics;
mod panics;
pub mod traces;

pub use evaluations::Evaluation;
pub use evaluations::Evaluations;
pub use metrics::GATEWAYS_QUERY;
pub use metrics::Metrics;
pub use panics::Panicked;
pub use panics::Plane;
pub use panics::contained;
pub use panics::contained_future;
pub use panics::counted;
pub use panics::log_panics;
pub use traces::Traces;
