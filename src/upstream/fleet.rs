//! Every model's endpoints and how busy each is, shared by all threads of the data plane.
//!
//! A reload keeps a model whose settings did not change, and of a changed one the count of its calls in flight.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use prometheus::IntCounter;
use prometheus::IntGauge;
use rand::RngExt;
use tokio::time::Instant;

use crate::policy::Policy;
use crate::telemetry::Metrics;
use crate::upstream::Endpoint;
use crate::upstream::Purpose;
use crate::upstream::Resolver;
use crate::upstream::Settings;
use crate::upstream::Watch;
use crate::upstream::breaker::BreakerSettings;
use crate::upstream::breaker::Pass;
use crate::upstream::health::Guard;
use crate::upstream::resolve::Host;
use crate::vocab::Fate;
use crate::vocab::ModelId;
use crate::vocab::ModelName;

/// The models of one policy, by `ModelId`.
#[derive(Debug)]
pub struct Fleet(Vec<Arc<Model>>);

/// One model as the data plane reaches it.
#[derive(Debug)]
pub struct Model {
    /// The name.
    pub name: ModelName,
    /// How it is reached.
    pub settings: Settings,
    /// Connections made to it.
    pub connections: IntCounter,
    /// Shared with the models of this name before and after it: a limit holds for the calls of all of them.
    in_flight: Arc<AtomicU32>,
    in_flight_gauge: IntGauge,
    endpoints: Vec<EndpointState>,
}

/// What is known of one endpoint at present.
#[derive(Debug)]
struct EndpointState {
    /// Tells an endpoint's pooled connections from all others', for the life of the process.
    key: u64,
    host: Host,
    in_flight: AtomicU32,
    copies: Guard,
    /// Only where the policy asks for one: what a user waits for is tried unless somebody said otherwise.
    answers: Option<Guard>,
}

/// The right to make one call to one endpoint. Dropping it ends the call's part in every count.
#[derive(Debug)]
pub struct Permit {
    model: Arc<Model>,
    endpoint: usize,
    purpose: Purpose,
    pass: Pass,
}

impl Fleet {
    /// Makes the fleet of a policy, keeping of the previous one what did not change.
    pub fn new(
        policy: &Policy,
        settings: Vec<Settings>,
        metrics: &Metrics,
        resolver: &Resolver,
        previous: Option<&Fleet>,
    ) -> Self {
        let models = policy.models.iter().zip(settings).map(|(model, settings)| {
            let before = previous.and_then(|fleet| fleet.named(&model.name));
            match before {
                Some(before) if before.settings == settings => Arc::clone(before),
                _ => {
                    let in_flight = before.map(|before| Arc::clone(&before.in_flight)).unwrap_or_default();
                    Arc::new(Model::new(model.name.clone(), settings, in_flight, metrics, resolver))
                }
            }
        });
        Self(models.collect())
    }

    /// The model at a place of the policy's list.
    pub fn model(&self, id: ModelId) -> &Arc<Model> {
        &self.0[id.index()]
    }

    /// Every model.
    pub fn models(&self) -> impl Iterator<Item = &Arc<Model>> {
        self.0.iter()
    }

    fn named(&self, name: &ModelName) -> Option<&Arc<Model>> {
        self.0.iter().find(|model| model.name == *name)
    }
}

impl Model {
    fn new(
        name: ModelName,
        settings: Settings,
        in_flight: Arc<AtomicU32>,
        metrics: &Metrics,
        resolver: &Resolver,
    ) -> Self {
        if settings.tls.is_some() {
            metrics.certificates_current.with_label_values(&[name.as_str()]).set(1);
        }
        static NEXT_KEY: AtomicU64 = AtomicU64::new(0);
        let guard = |purpose, settings| Guard::new(&name, purpose, settings, metrics);
        let state = |endpoint: &Endpoint| EndpointState {
            // Relaxed: only uniqueness matters.
            key: NEXT_KEY.fetch_add(1, Ordering::Relaxed),
            host: resolver.host(endpoint.authority.host()),
            in_flight: AtomicU32::new(0),
            copies: guard(Purpose::Copy, BreakerSettings::default()),
            answers: settings.breaker.map(|settings| guard(Purpose::Answer, settings)),
        };
        Self {
            connections: metrics.model_connections.with_label_values(&[name.as_str()]),
            in_flight_gauge: metrics.in_flight.with_label_values(&[name.as_str()]),
            in_flight,
            endpoints: settings.endpoints.iter().map(state).collect(),
            name,
            settings,
        }
    }

    /// Takes the right to one call; the error is [`Fate::Overloaded`] when `max_in_flight` calls are under way, and
    /// [`Fate::BreakerOpen`] when every endpoint is left alone.
    pub fn admit(self: &Arc<Self>, purpose: Purpose) -> Result<Permit, Fate> {
        // Relaxed throughout: these are counts. Adding first keeps the bound exact among threads.
        let before = self.in_flight.fetch_add(1, Ordering::Relaxed);
        if before >= self.settings.max_in_flight {
            self.in_flight.fetch_sub(1, Ordering::Relaxed);
            return Err(Fate::Overloaded);
        }
        let Some((endpoint, pass)) = self.choose(purpose) else {
            self.in_flight.fetch_sub(1, Ordering::Relaxed);
            return Err(Fate::BreakerOpen);
        };
        self.in_flight_gauge.inc();
        self.endpoints[endpoint].in_flight.fetch_add(1, Ordering::Relaxed);
        Ok(Permit { model: Arc::clone(self), endpoint, purpose, pass })
    }

    /// Says whether every endpoint is left alone by copies now: asked before anything is done for a copy.
    pub fn refuses_copies(&self) -> bool {
        self.endpoints.iter().all(|endpoint| endpoint.copies.breaker.refuses(Instant::now))
    }

    /// Notes that copies fill a bound: endpoints whose calls all sit without an answer will be left alone.
    pub fn crowded_by_copies(&self) {
        let now = Instant::now();
        let busy = |endpoint: &&EndpointState| endpoint.in_flight.load(Ordering::Relaxed) > 0;
        self.endpoints.iter().filter(busy).for_each(|endpoint| endpoint.copies.crowded(now));
    }

    pub(super) fn guard(&self, endpoint: usize, purpose: Purpose) -> Option<&Guard> {
        match purpose {
            Purpose::Answer => self.endpoints[endpoint].answers.as_ref(),
            Purpose::Copy => Some(&self.endpoints[endpoint].copies),
        }
    }

    /// The less loaded endpoint, or the next one whose breaker lets a call pass.
    fn choose(&self, purpose: Purpose) -> Option<(usize, Pass)> {
        let (first, count) = (self.less_loaded(), self.endpoints.len());
        (first..first + count).map(|place| place % count).find_map(|place| {
            let pass = match self.guard(place, purpose) {
                Some(guard) => guard.breaker.admit(Instant::now)?,
                None => Pass::Freely,
            };
            Some((place, pass))
        })
    }

    /// The less loaded of two random endpoints (Mitzenmacher 2001): close to the least loaded, without a herd.
    fn less_loaded(&self) -> usize {
        let count = self.endpoints.len();
        if count == 1 {
            return 0;
        }
        let mut random = rand::rng();
        let first = random.random_range(0..count);
        let second = (first + random.random_range(1..count)) % count;
        let load = |place: usize| self.endpoints[place].in_flight.load(Ordering::Relaxed);
        if load(second) < load(first) { second } else { first }
    }
}

impl Permit {
    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The endpoint that was chosen.
    pub fn endpoint(&self) -> &Endpoint {
        &self.model.settings.endpoints[self.endpoint]
    }

    pub(super) fn host(&self) -> &Host {
        &self.model.endpoints[self.endpoint].host
    }

    /// What the call is for.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Says whether the call shall tell if an endpoint is well again that was left alone.
    pub fn is_probe(&self) -> bool {
        self.pass == Pass::AsProbe
    }

    /// What tells the endpoint's breaker how the call went; `None` where there is no breaker.
    pub fn watch(&self) -> Option<Watch> {
        let Self { model, endpoint, purpose, .. } = self;
        let watch = || Watch::new(Arc::clone(model), *endpoint, *purpose);
        model.guard(*endpoint, *purpose).map(|_| watch())
    }

    pub(super) fn pool_key(&self) -> u64 {
        self.model.endpoints[self.endpoint].key
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.model.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.model.in_flight_gauge.dec();
        self.model.endpoints[self.endpoint].in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
