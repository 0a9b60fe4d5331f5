//! Crossfade: a reverse proxy that tests a candidate model against the legacy one on live traffic.
//!
//! It serves users, records both models' answers as pairs, and says which model does better. The list of modules
//! below is the floor plan, top floor first: a module uses only modules below it, and a test keeps it so.
//!
//! One request: `proxy` accepts it and takes the present policy; `policy` finds the experiment, `assign` draws the
//! unit's arm, `strategy` makes the plan; `proxy` alone carries the plan out over `upstream`, streams the answer
//! and hands the pair of observations to `record`; the writer feeds the log and `analysis`, and `feedback` joins
//! what happened later. `judge` reads what was written, and what it says goes on record in its turn.

pub mod cli;
pub mod demo;
pub mod replay;
pub mod dataset;
pub mod report;
pub mod app;
pub mod forecast;
pub mod controller;
pub mod config;
pub mod admin;
pub mod rollout;
pub mod delivery;
pub mod judge;
pub mod outbound;
pub mod proxy;
pub mod analysis;
pub mod feedback;
pub mod columns;
pub mod record;
pub mod upstream;
pub mod tls;
pub mod policy;
pub mod sizing;
pub mod strategy;
pub mod compare;
pub mod evaluate;
pub mod stats;
pub mod cost;
pub mod protocol;
pub mod assign;
pub mod telemetry;
pub mod vocab;
