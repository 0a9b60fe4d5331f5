//! The chat demo: two small text models that answer questions out of a glossary, users who hold conversations with
//! them, a judge, and a policy that tests the models by copies and by halves.
//!
//! As in the first demo nothing is staged: the models differ in how they search, users and judge know the glossary and
//! not the models. Swap the models and the winner swaps.

pub mod fences;
pub mod glossary;
pub mod judge;
pub mod models;
pub mod openai;
pub mod serve;
pub mod summary;
pub mod users;
pub mod words;

mod findings;
mod invitation;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::Builder;
use tokio::runtime::Runtime;
use tokio::time::Instant;

use crate::app::Gateway;
use crate::config;
use crate::demo::ANY_PORT;
use crate::demo::CONNECTIONS;
use crate::demo::DemoError;
use crate::demo::Progress;
use crate::demo::chat::glossary::Glossary;
use crate::demo::chat::judge::Judge;
use crate::demo::chat::models::Kind;
use crate::demo::chat::serve::ChatProgram;
use crate::demo::chat::summary::Chapter;
use crate::demo::chat::summary::Summary;
use crate::demo::chat::users::Campaign;
use crate::demo::chat::users::TURNS;
use crate::demo::folder::Folder;
use crate::demo::policy;
use crate::demo::policy::Places;
use crate::demo::server::Program;
use crate::demo::server::Server;
use crate::demo::traffic::Counts;
use crate::demo::watching;
use crate::vocab::StrategyKind;

/// The strategies, in the order in which the demo shows them.
pub const STRATEGIES: [StrategyKind; 2] = [StrategyKind::Shadow, StrategyKind::Ab];

const POLICY: &str = include_str!("policy.yaml");

/// What a run of the chat demo is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    /// What plays legacy.
    pub legacy: Kind,
    /// What plays the candidate.
    pub candidate: Kind,
    /// How many conversations of three turns users hold for each strategy.
    pub conversations: usize,
    /// How many requests are sent in a second at most; `None`: as many as get answered.
    pub per_second: Option<u32>,
    /// What users and their choices are drawn from.
    pub seed: u64,
    /// Where each run makes a folder of its own, for its records and its policy.
    pub records: PathBuf,
}

/// A chat demo whose models, judge and gateway are up.
pub struct ChatDemo {
    setup: Setup,
    glossary: Arc<Glossary>,
    folder: Folder,
    /// Where models, judge and users live; the gateway has runtimes of its own.
    town: Runtime,
    models: [Server; 2],
    judge: Server,
    gateway: Gateway,
}

/// Runs the whole demo, telling the watcher how far it is. Blocks, so not to be called on a runtime's thread.
///
/// # Errors
/// When something cannot be started, or the analysis has not seen all traffic in time.
pub fn run(setup: Setup, watch: &mut dyn FnMut(Progress<'_>)) -> Result<Summary, DemoError> {
    let demo = ChatDemo::start(setup)?;
    let summary = demo.play(watch);
    demo.stop();
    summary
}

/// The name of the experiment that runs a strategy.
pub fn experiment(strategy: StrategyKind) -> &'static str {
    if strategy == StrategyKind::Shadow { "chat-shadow" } else { "chat-ab" }
}

impl ChatDemo {
    /// Has models and judge read the glossary, serves them and starts the gateway before them. Blocks, as all of this
    /// does.
    ///
    /// # Errors
    /// When something cannot be started.
    pub fn start(setup: Setup) -> Result<Self, DemoError> {
        let glossary = Arc::new(Glossary::load()?);
        let folder = Folder::create(&setup.records)?;
        let town = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let town = town.map_err(DemoError::Models)?;
        let serve =
            |program: Arc<dyn Program>| town.block_on(Server::start(program)).map_err(DemoError::Models);
        let model = |kind: Kind| serve(Arc::new(ChatProgram(Arc::new(kind.read(glossary.clone())))));
        let models = [model(setup.legacy)?, model(setup.candidate)?];
        let judge = serve(Arc::new(ChatProgram(Arc::new(Judge::read(glossary.clone())))))?;
        let places = Places {
            data: ANY_PORT,
            admin: ANY_PORT,
            legacy: models[0].addr(),
            candidate: models[1].addr(),
            judge: Some(judge.addr()),
            records: &folder.log(),
        };
        folder.write(&folder.policy(), &policy::filled(POLICY, &places))?;
        let config = config::load(&folder.policy()).map_err(DemoError::Policy)?;
        let gateway = Gateway::start(config)?;
        Ok(Self { setup, glossary, folder, town, models, judge, gateway })
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
            conversations: self.setup.conversations,
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
        let places = invitation::Places {
            data: self.gateway.data_addr(),
            admin: self.gateway.admin_addr(),
            judge: self.judge.addr(),
        };
        invitation::write(&places, &self.folder)
    }

    /// Stops the gateway, which puts every record on disk, then models and judge. Blocks.
    pub fn stop(self) {
        let Self { town, models, judge, gateway, .. } = self;
        gateway.shut_down();
        for server in models.into_iter().chain([judge]) {
            town.block_on(server.stop());
        }
    }

    async fn chapter(
        &self,
        strategy: StrategyKind,
        watch: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Chapter, DemoError> {
        let counts = Arc::new(Counts::default());
        let Setup { conversations, per_second, seed, .. } = self.setup;
        let campaign = Campaign {
            strategy,
            data: self.gateway.data_addr(),
            admin: self.gateway.admin_addr(),
            conversations,
            connections: CONNECTIONS,
            per_second,
            seed,
        };
        let traffic = users::send(campaign, self.glossary.clone(), counts.clone());
        watching::watched(traffic, strategy, conversations * TURNS, &counts, watch).await;
        watching::found(&self.gateway, experiment(strategy), &counts).await?;
        let found = watching::judged(&self.gateway, experiment(strategy), &counts).await?;
        Ok(findings::chapter(&found, &counts))
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            legacy: Kind::Overlap,
            candidate: Kind::Bm25,
            conversations: 450,
            per_second: Some(150),
            seed: 1975,
            records: PathBuf::from("./records"),
        }
    }
}
