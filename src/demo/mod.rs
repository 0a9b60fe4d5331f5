//! The demo: two real models on real data, users who send images, and a policy that tests the models in all four ways.
//!
//! Nothing in it is staged. The models are trained at start, served over HTTP and measured by what they answer; the
//! users know the truth about their images and nothing about the models. Swap the models and every winner swaps.

pub mod chat;
pub mod digits;
pub mod models;
pub mod policy;
pub mod serve;
pub mod server;
pub mod summary;
pub mod traffic;

mod findings;
mod folder;
mod invitation;
mod layout;
mod watching;

#[cfg(test)]
mod tests;

use std::io;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::runtime::Runtime;
use tokio::time::Instant;

use crate::app::Gateway;
use crate::app::StartError;
use crate::config;
use crate::config::Problems;
use crate::demo::chat::glossary::GlossaryError;
use crate::demo::digits::Digits;
use crate::demo::digits::DigitsError;
use crate::demo::folder::Folder;
use crate::demo::models::Kind;
use crate::demo::policy::Places;
use crate::demo::serve::ModelServer;
use crate::demo::summary::Chapter;
use crate::demo::summary::Summary;
use crate::demo::traffic::Campaign;
use crate::demo::traffic::Counts;
use crate::vocab::StrategyKind;

/// The strategies, in the order in which the demo shows them.
pub const STRATEGIES: [StrategyKind; 4] =
    [StrategyKind::Shadow, StrategyKind::Canary, StrategyKind::Ab, StrategyKind::Interleave];

const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// How many connections the users share.
const CONNECTIONS: usize = 8;
/// How long it may take to see everything after the last answer: well above the policy's deadline of a copy.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a run of the demo is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    /// What plays legacy.
    pub legacy: Kind,
    /// What plays the candidate.
    pub candidate: Kind,
    /// How many requests users send for each strategy.
    pub requests: usize,
    /// How many users there are.
    pub users: usize,
    /// How many requests are sent in a second at most; `None`: as many as get answered.
    pub per_second: Option<u32>,
    /// What users and their choices are drawn from.
    pub seed: u64,
    /// Where each run makes a folder of its own, for its records and its policy.
    pub records: PathBuf,
}

/// A demo whose models and gateway are up.
pub struct Demo {
    setup: Setup,
    digits: Arc<Digits>,
    folder: Folder,
    /// Where models and users live; the gateway has runtimes of its own.
    town: Runtime,
    models: [ModelServer; 2],
    gateway: Gateway,
}

/// How far the traffic of one strategy is.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// The strategy.
    pub strategy: StrategyKind,
    /// How many requests there will be.
    pub requests: usize,
    /// What became of them so far.
    pub counts: &'a Counts,
    /// That was all.
    pub done: bool,
}

/// Says why there is no demo, or no summary of it.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The images cannot be read.
    #[error(transparent)]
    Digits(#[from] DigitsError),
    /// The glossary cannot be read.
    #[error(transparent)]
    Glossary(#[from] GlossaryError),
    /// The run's folder cannot be made or written to.
    #[error("cannot write to {path}: {source}; name another directory by --records")]
    Folder {
        /// The directory or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The models have no threads or no port.
    #[error("cannot serve the models: {0}")]
    Models(#[source] io::Error),
    /// The gateway does not take the policy.
    #[error("the demo's own policy has problems:\n{0}")]
    Policy(Problems),
    /// The gateway does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Answers or reports are missing in the analysis.
    #[error(
        "{experiment}: after {PATIENCE:?} only {requests} of {answered} answers and {reports} of {reported} reports \
         are accounted for; {problem}"
    )]
    Unaccounted {
        /// The experiment.
        experiment: &'static str,
        /// Answers that users got.
        answered: u64,
        /// Requests that the analysis knows.
        requests: u64,
        /// Reports that were taken.
        reported: u64,
        /// Reports that the analysis knows.
        reports: u64,
        /// What went wrong first, as users saw it.
        problem: String,
    },
}

/// Runs the whole demo, telling the watcher how far it is. Blocks, so not to be called on a runtime's thread.
///
/// # Errors
/// When something cannot be started, or the analysis has not seen all traffic in time.
pub fn run(setup: Setup, watch: &mut dyn FnMut(Progress<'_>)) -> Result<Summary, DemoError> {
    let demo = Demo::start(setup)?;
    let summary = demo.play(watch);
    demo.stop();
    summary
}

impl Demo {
    /// Trains the models, serves them and starts the gateway before them. Blocks, as all of this does.
    ///
    /// # Errors
    /// When something cannot be started.
    pub fn start(setup: Setup) -> Result<Self, DemoError> {
        let digits = Digits::load()?;
        let folder = Folder::create(&setup.records)?;
        let town = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let town = town.map_err(DemoError::Models)?;
        let serve = |kind: Kind| {
            let model = Arc::new(kind.train(&digits.train));
            town.block_on(ModelServer::start(model)).map_err(DemoError::Models)
        };
        let models = [serve(setup.legacy)?, serve(setup.candidate)?];
        let places = Places {
            data: ANY_PORT,
            admin: ANY_PORT,
            legacy: models[0].addr(),
            candidate: models[1].addr(),
            judge: None,
            records: &folder.log(),
        };
        folder.write(&folder.policy(), &policy::text(&places))?;
        let config = config::load(&folder.policy()).map_err(DemoError::Policy)?;
        let gateway = Gateway::start(config)?;
        Ok(Self { setup, digits: Arc::new(digits), folder, town, models, gateway })
    }

    /// Sends each strategy's traffic in turn and tells what was found.
    ///
    /// # Errors
    /// When the analysis has not seen all traffic in time.
    pub fn play(&self, watch: &mut dyn FnMut(Progress<'_>)) -> Result<Summary, DemoError> {
        let start = Instant::now();
        let mut chapters = Vec::new();
        for strategy in STRATEGIES {
            chapters.push(self.town.block_on(self.chapter(strategy, watch))?);
        }
        Ok(Summary {
            legacy: self.setup.legacy,
            candidate: self.setup.candidate,
            users: self.setup.users.min(self.setup.requests),
            took: start.elapsed(),
            chapters,
            records: self.folder.log(),
            policy: self.folder.policy(),
        })
    }

    /// The gateway.
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Writes requests for trying things out, and says how: lines to paste into a shell.
    ///
    /// # Errors
    /// When the requests cannot be written into the run's folder.
    pub fn invitation(&self) -> Result<String, DemoError> {
        let image = &self.digits.held_out[0];
        self.folder.write(&self.folder.image(), &traffic::inference_request(&image.pixels).to_string())?;
        self.folder
            .write(&self.folder.query(), &traffic::ranking_request("you", &image.pixels).to_string())?;
        let (data, admin) = (self.gateway.data_addr(), self.gateway.admin_addr());
        Ok(invitation::text(data, admin, &self.folder, image.label))
    }

    /// Stops the gateway, which puts every record on disk, then the models. Blocks.
    pub fn stop(self) {
        let Self { town, models, gateway, .. } = self;
        gateway.shut_down();
        for model in models {
            town.block_on(model.stop());
        }
    }

    async fn chapter(
        &self,
        strategy: StrategyKind,
        watch: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Chapter, DemoError> {
        let counts = Arc::new(Counts::default());
        self.send(strategy, &counts, watch).await;
        let found = watching::found(&self.gateway, policy::experiment(strategy), &counts).await?;
        Ok(findings::chapter(&found, &counts))
    }

    /// Sends the traffic for a strategy, to the last answer.
    async fn send(&self, strategy: StrategyKind, counts: &Arc<Counts>, watch: &mut dyn FnMut(Progress<'_>)) {
        let Setup { requests, users, per_second, seed, .. } = self.setup;
        let campaign = Campaign {
            strategy,
            data: self.gateway.data_addr(),
            admin: self.gateway.admin_addr(),
            requests,
            users,
            connections: CONNECTIONS,
            per_second,
            seed,
        };
        let traffic = traffic::send(campaign, Arc::clone(&self.digits), Arc::clone(counts));
        watching::watched(traffic, strategy, requests, counts, watch).await;
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            legacy: Kind::Softmax,
            candidate: Kind::Neighbours,
            requests: 2_000,
            users: 1_000,
            per_second: Some(250),
            seed: 1998,
            records: PathBuf::from("./records"),
        }
    }
}
