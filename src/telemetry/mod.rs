//! What the gateway says of itself: the metric catalogue, traces and logs.

pub mod metrics;

pub use metrics::Metrics;
