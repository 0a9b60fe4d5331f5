//! Which paths there are and what each is for: the one table that routing and the tests of `openapi.json` read.

use http::Method;

use crate::admin::flagger::Gate;
use crate::admin::review::Page;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// Every metric.
    Metrics,
    /// Whether the process lives.
    Live,
    /// Whether it wants traffic.
    Ready,
    /// The description of this API.
    OpenApi,
    /// Load the policy file again.
    Reload,
    /// Take outcomes in.
    Feedback,
    /// All experiments.
    Experiments,
    /// One experiment.
    Experiment,
    /// The verdict on an experiment's candidate.
    Verdict,
    /// All evidence, for a controller to merge.
    Evidence,
    /// The arm of a unit.
    Assignment,
    /// Where every experiment stands.
    Rollout,
    /// What the fleet's controller decided.
    Follow,
    /// Order an experiment about.
    Order(Verb),
    /// A unit's arm as a feature flag.
    Flag,
    /// A unit's arms in all experiments as feature flags.
    Flags,
    /// Ask for Flagger whether a rollout goes on.
    Flagger(Gate),
    /// Let people judge.
    Review(Page),
}

/// What an experiment is ordered to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Promote,
    Rollback,
    Pause,
    Resume,
    Weight,
}

/// One method on one path; `{name}` stands for an experiment's name, `{judge}` for a judge's.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) endpoint: Endpoint,
}

/// Why no route takes a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoRoute {
    /// No such path.
    Path,
    /// The path takes other methods: these.
    Method { allow: String },
}

const fn get(path: &'static str, endpoint: Endpoint) -> Route {
    Route { method: Method::GET, path, endpoint }
}

const fn put(path: &'static str, endpoint: Endpoint) -> Route {
    Route { method: Method::PUT, path, endpoint }
}

const fn post(path: &'static str, endpoint: Endpoint) -> Route {
    Route { method: Method::POST, path, endpoint }
}

/// Every route. A GET answers HEAD too.
pub(super) static ROUTES: [Route; 36] = [
    get("/metrics", Endpoint::Metrics),
    get("/livez", Endpoint::Live),
    get("/readyz", Endpoint::Ready),
    get("/-/healthy", Endpoint::Live),
    get("/-/ready", Endpoint::Ready),
    post("/-/reload", Endpoint::Reload),
    get("/openapi.json", Endpoint::OpenApi),
    post("/feedback", Endpoint::Feedback),
    get("/api/v1/evidence", Endpoint::Evidence),
    get("/api/v1/rollout", Endpoint::Rollout),
    put("/api/v1/rollout", Endpoint::Follow),
    get("/api/v1/experiments", Endpoint::Experiments),
    get("/api/v1/experiments/{name}", Endpoint::Experiment),
    get("/api/v1/experiments/{name}/verdict", Endpoint::Verdict),
    get("/api/v1/experiments/{name}/assignment", Endpoint::Assignment),
    post("/api/v1/experiments/{name}/promote", Endpoint::Order(Verb::Promote)),
    post("/api/v1/experiments/{name}/rollback", Endpoint::Order(Verb::Rollback)),
    post("/api/v1/experiments/{name}/pause", Endpoint::Order(Verb::Pause)),
    post("/api/v1/experiments/{name}/resume", Endpoint::Order(Verb::Resume)),
    post("/api/v1/experiments/{name}/weight", Endpoint::Order(Verb::Weight)),
    post("/ofrep/v1/evaluate/flags", Endpoint::Flags),
    post("/ofrep/v1/evaluate/flags/{name}", Endpoint::Flag),
    post("/api/v1/flagger/confirm-rollout", Endpoint::Flagger(Gate::GoOn)),
    post("/api/v1/flagger/rollout", Endpoint::Flagger(Gate::GoOn)),
    post("/api/v1/flagger/confirm-traffic-increase", Endpoint::Flagger(Gate::GoOn)),
    post("/api/v1/flagger/confirm-promotion", Endpoint::Flagger(Gate::Promote)),
    post("/api/v1/flagger/rollback", Endpoint::Flagger(Gate::Rollback)),
    get("/review", Endpoint::Review(Page::List)),
    get("/review/review.css", Endpoint::Review(Page::Style)),
    get("/review/review.js", Endpoint::Review(Page::Script)),
    post("/review/login", Endpoint::Review(Page::Login)),
    post("/review/logout", Endpoint::Review(Page::Logout)),
    get("/review/{name}/{judge}", Endpoint::Review(Page::Sheet)),
    get("/review/{name}/{judge}/next", Endpoint::Review(Page::Next)),
    post("/review/{name}/{judge}/verdict", Endpoint::Review(Page::Verdict)),
    post("/review/{name}/{judge}/undo", Endpoint::Review(Page::Undo)),
];

/// Finds what a request is for, and the experiment and the judge that its path names; empty where it names none.
pub(super) fn find<'p>(method: &Method, path: &'p str) -> Result<(Endpoint, [&'p str; 2]), NoRoute> {
    let asked = if method == Method::HEAD { &Method::GET } else { method };
    let mut allow = Vec::new();
    for route in &ROUTES {
        let Some(names) = matched(route.path, path) else { continue };
        if route.method == *asked {
            return Ok((route.endpoint, names));
        }
        allow.push(if route.method == Method::GET { "GET, HEAD" } else { route.method.as_str() });
    }
    if allow.is_empty() { Err(NoRoute::Path) } else { Err(NoRoute::Method { allow: allow.join(", ") }) }
}

/// The names that a path holds in the places of `{name}` and `{judge}`; `None` when the path is another one.
fn matched<'p>(template: &str, path: &'p str) -> Option<[&'p str; 2]> {
    let mut names = [""; 2];
    let mut given = path.split('/');
    for asked in template.split('/') {
        let part = given.next()?;
        let place = match asked {
            "{name}" => &mut names[0],
            "{judge}" => &mut names[1],
            asked if asked == part => continue,
            _ => return None,
        };
        *place = part;
        if part.is_empty() {
            return None;
        }
    }
    given.next().is_none().then_some(names)
}
