//! What another policy would do, told before it is applied.
//!
//! [`against`] holds a policy against the one in force, over synthetic users; a [`Simulation`] puts recorded requests to
//! it. Whatever is counted comes from the very code that serves requests: `Policy::select`, the plan of the strategy, the
//! ramp's rule for a changed file. Pure: files are read, and results printed, by whoever calls.

mod against;
mod differences;
mod draws;
mod examples;
mod flow;
mod ramp;
mod rebuilt;
mod simulation;
mod tally;

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
pub use simulation::Simulated;
pub use simulation::SimulatedFlow;
pub use simulation::Simulation;
pub use simulation::Untold;
pub use tally::Burst;
pub use tally::CallCost;
pub use tally::ModelLoad;
pub use tally::SimulatedExperiment;
pub use tally::SimulatedStep;
