//! What the gateway says of itself: the metric catalogue, traces and logs.

pub mod logs;
pub mod metrics;
pub mod traces;

pub use metrics::Metrics;
pub use traces::Traces;
