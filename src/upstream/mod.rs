//! The models' side of the proxy: endpoints, connections, deadlines.
//!
//! It sends one request to one model and gives back one answer; what the call is for, and what happens when it
//! fails, is the caller's business.

mod settings;

pub use settings::Endpoint;
pub use settings::HostHeader;
pub use settings::Settings;
pub use settings::Timeouts;
