//! The demo: two real models on real data, users who send images, and a policy that tests the models in all four ways.
//!
//! Nothing in it is staged. The models are trained at start, served over HTTP and measured by what they answer; the
//! users know the truth about their images and nothing about the models. Swap the models and every winner swaps.

pub mod digits;
pub mod models;
pub mod policy;
pub mod serve;
pub mod summary;
pub mod traffic;

#[cfg(test)]
mod tests;
