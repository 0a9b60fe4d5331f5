//! The models' side of the proxy: endpoints, connections, deadlines.
//!
//! It sends one request to one model and gives back one answer; what the call is for, and what happens when it
//! fails, is the caller's business. Connections belong to the thread that made them; only counts of load are
//! shared between threads.

mod bell;
mod body;
mod breaker;
mod checked;
mod client;
mod connect;
mod exchange;
mod executor;
mod fleet;
mod heads;
mod health;
mod pool;
mod resolve;
mod settings;
mod streams;
mod tether;

pub use bell::Bell;
pub use bell::muffled;
pub use body::AnswerBody;
pub use breaker::BreakerSettings;
pub use client::Answer;
pub use client::CallError;
pub use client::Client;
pub use client::Deadlines;
pub use client::Repeat;
pub use client::Resend;
pub use executor::OnThisThread;
pub use fleet::Fleet;
pub use fleet::Model;
pub use fleet::Permit;
pub use health::Purpose;
pub use health::Watch;
pub use resolve::Resolver;
pub use settings::Endpoint;
pub use settings::HostHeader;
pub use settings::HttpVersion;
pub use settings::Settings;
pub use settings::Timeouts;
