//! What another policy would do, told before it is applied.
//!
//! [`against`] holds a policy against the one in force, over synthetic users. Whatever is counted comes from the
//! very code that serves requests: `Policy::select`, the plan of the strategy, the ramp's rule for a changed file. Pure:
//! files are read, and results printed, by whoever calls.

mod against;
mod differences;
mod draws;
mod examples;
mod flow;
mod ramp;

pub use against::Against;
pub use against::ExperimentChange;
pub use against::Fate;
pub use against::Side;
pub use against::against;
pub use differences::ModelChange;
pub use flow::DrawnBy;
pub use flow::Flow;
pub use flow::Handler;
pub use flow::Load;
pub use flow::Moment;
pub use flow::Move;
pub use ramp::RampStep;
pub use ramp::Standing;
