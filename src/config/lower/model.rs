//! Lowers the models: how each is reached, what it speaks and charges.

use std::sync::Arc;

use http::uri::Scheme;

use crate::config::diagnostic::Place;
use crate::config::diagnostic::Report;
use crate::config::diagnostic::did_you_mean;
use crate::config::field::At;
use crate::config::field::Entries;
use crate::config::field::Field;
use crate::config::field::Many;
use crate::config::lower::rewrite;
use crate::config::lower::tls;
use crate::config::scalar::Positive;
use crate::config::scalar::Scalar;
use crate::config::schema;
use crate::cost::Money;
use crate::cost::Rate;
use crate::policy;
use crate::policy::Credentials;
use crate::protocol::Protocol;
use crate::tls::ClientFiles;
use crate::tls::Live;
use crate::upstream;
use crate::upstream::BreakerSettings;
use crate::upstream::Endpoint;
use crate::upstream::HostHeader;
use crate::upstream::HttpVersion;
use crate::upstream::Timeouts;
use crate::vocab::ModelId;
use crate::vocab::ModelName;

/// The models of a file. `ModelId` is a place in `names`; the other two lists lack the models that are wrong.
pub(super) struct Models {
    names: Vec<String>,
    pub(super) models: Vec<policy::Model>,
    pub(super) upstreams: Vec<upstream::Settings>,
}

pub(super) fn models(raw: Field<Entries<schema::Model>>, file: &Place, report: &Report) -> Models {
    let mut models = Models { names: Vec::new(), models: Vec::new(), upstreams: Vec::new() };
    let Some(At { place, value: Entries(entries) }) = raw.required("models", file, report) else {
        return models;
    };
    if entries.is_empty() {
        report.add(&place, "expected at least one model");
    }
    if entries.len() > usize::from(u16::MAX) {
        report.add(&place, format!("expected at most {} models", u16::MAX));
    }
    for (key, raw) in entries {
        let name = ModelName::new(&key.value).map_err(|error| report.add(&key.place, error));
        models.names.push(key.value);
        if let (Ok(name), Some(raw)) = (name, raw.given()) {
            let (model, upstream) = model(name, raw, report);
            models.models.push(model);
            models.upstreams.push(upstream);
        }
    }
    models
}

impl Models {
    /// Finds a model by its name, or reports that there is none.
    pub(super) fn find(&self, place: &Place, name: &ModelName, report: &Report) -> Option<ModelId> {
        let found = self.names.iter().position(|known| known == name.as_str());
        if found.is_none() && !self.names.is_empty() {
            let hint = did_you_mean(name.as_str(), self.names.iter().map(String::as_str));
            report.add(place, format!("unknown model `{name}`{hint}"));
        }
        found.and_then(|place| u16::try_from(place).ok()).map(ModelId)
    }

    /// Whether an arm gets the users' credentials, where its model does not say: a stranger to legacy does not.
    pub(super) fn credentials(&self, arm: ModelId, legacy: ModelId) -> Credentials {
        let place = |id| self.models.iter().position(|model| model.name.as_str() == self.name(id));
        let Some((arm, legacy)) = place(arm).zip(place(legacy)) else { return Credentials::Strip };
        let known = |url: &Endpoint| {
            let mut hosts = self.upstreams[legacy].endpoints.iter().map(Endpoint::host);
            hosts.any(|host| host.eq_ignore_ascii_case(url.host()))
        };
        let at_home = arm == legacy || self.upstreams[arm].endpoints.iter().all(known);
        let usual = if at_home { Credentials::Pass } else { Credentials::Strip };
        self.models[arm].credentials.unwrap_or(usual)
    }

    /// The name of a model.
    pub(super) fn name(&self, id: ModelId) -> &str {
        &self.names[id.index()]
    }

    /// What a model charges; nothing where the model itself is wrong.
    pub(super) fn rate(&self, id: ModelId) -> Option<&Rate> {
        self.models.iter().find(|model| model.name.as_str() == self.name(id))?.rate.as_ref()
    }

    /// What a model speaks; nothing where the model itself is wrong.
    pub(super) fn protocol(&self, id: ModelId) -> Option<Protocol> {
        self.models.iter().find(|model| model.name.as_str() == self.name(id)).map(|model| model.protocol)
    }

    /// A model with its endpoints, as text that changes when either does.
    pub(super) fn identity(&self, id: ModelId) -> String {
        let at = self.models.iter().position(|model| model.name.as_str() == self.name(id));
        let endpoints = at.map_or(&[][..], |at| &self.upstreams[at].endpoints);
        let urls: Vec<String> = endpoints.iter().map(url_identity).collect();
        let rewrite = at.and_then(|at| self.models[at].rewrite.as_ref());
        let vendors = rewrite.and_then(|rewrite| rewrite.model.as_deref());
        let path = rewrite.and_then(|rewrite| rewrite.path.as_ref());
        let vendors = vendors.map_or_else(String::new, |name| format!("({name})"));
        let path = path.map_or_else(String::new, |path| format!(">{path}"));
        format!("{}={}{vendors}{path}", self.name(id), urls.join(","))
    }
}

fn url_identity(url: &Endpoint) -> String {
    let Endpoint { scheme, authority, base_path } = url;
    let scheme = if *scheme == Scheme::HTTPS { "https://" } else { "" };
    format!("{scheme}{authority}{base_path}")
}

fn model(name: ModelName, raw: At<schema::Model>, report: &Report) -> (policy::Model, upstream::Settings) {
    let At { place, value: raw } = raw;
    let schema::Model {
        url,
        protocol,
        timeout,
        max_in_flight,
        breaker,
        host,
        http_version,
        tls,
        credentials,
        rewrite,
        cost,
    } = raw;
    let protocol = protocol.or(Protocol::default());
    let (rewrite, has_key) = rewrite.given().map(|raw| rewrite::rewrite(raw, protocol, report)).unzip();
    let credentials = match (credentials, has_key) {
        (Field::Given(At { place, value: Scalar(Credentials::Pass) }), Some(true)) => {
            let hint = "remove one of them";
            report.add(
                &place,
                format!("`rewrite.api_key` takes the place of the users' credentials; hint: {hint}"),
            );
            None
        }
        (_, Some(true)) => Some(Credentials::Strip),
        (credentials, _) => credentials.scalar(),
    };
    let model = policy::Model { name, protocol, rate: cost.value().map(rate), credentials, rewrite };
    if let Field::Absent = url {
        report.add_missing("url", &place);
    }
    let endpoints = endpoints(url, report);
    let upstream = upstream::Settings {
        tls: tls_of(&endpoints, tls, &place, report),
        endpoints,
        timeouts: timeouts(timeout),
        max_in_flight: max_in_flight.scalar().map_or(1024, u32::from),
        host: host.or(HostHeader::Original),
        http: http_version.or(HttpVersion::Auto),
        breaker: breaker.value().map(breaker_settings),
    };
    (model, upstream)
}

fn endpoints(urls: Field<Many<Scalar<Endpoint>>>, report: &Report) -> Vec<Endpoint> {
    let mut endpoints = Vec::new();
    if let Field::Given(At { place, value }) = &urls
        && value.0.is_empty()
        && !report.touches(&place.path)
    {
        report.add(place, "expected at least one URL");
    }
    for At { place, value: Scalar(endpoint) } in urls.each() {
        if endpoints.contains(&endpoint) {
            report.add(&place, "this URL stands twice");
        }
        endpoints.push(endpoint);
    }
    endpoints
}

fn tls_of(
    endpoints: &[Endpoint],
    raw: Field<schema::Tls>,
    place: &Place,
    report: &Report,
) -> Option<Arc<Live<ClientFiles>>> {
    if endpoints.iter().any(|endpoint| endpoint.scheme == Scheme::HTTPS) {
        return tls::model(raw, place, report);
    }
    if let Field::Given(At { place, .. }) = &raw
        && !endpoints.is_empty()
    {
        report.add(place, "no URL of this model is `https`; hint: remove `tls`, or write `https://`");
    }
    None
}

fn timeouts(raw: Field<schema::Timeouts>) -> Timeouts {
    let schema::Timeouts { connect, first_byte, idle, total } = raw.value().unwrap_or_default();
    let default = Timeouts::default();
    let or = |field: Field<Scalar<Positive>>, default| field.scalar().map_or(default, |span| span.0);
    Timeouts {
        connect: or(connect, default.connect),
        first_byte: or(first_byte, default.first_byte),
        idle: or(idle, default.idle),
        total: or(total, default.total),
    }
}

fn breaker_settings(raw: schema::Breaker) -> BreakerSettings {
    let default = BreakerSettings::default();
    BreakerSettings {
        failures: raw.failures.scalar().map_or(default.failures, u32::from),
        pause: raw.pause.scalar().map_or(default.pause, |span| span.0),
    }
}

/// What a model charges.
pub(super) fn rate(raw: schema::Cost) -> Rate {
    Rate {
        currency: raw.currency.scalar().map_or_else(|| "USD".to_owned(), |currency| currency.0),
        per_request: raw.per_request.or(Money::ZERO),
        per_second: raw.per_second.or(Money::ZERO),
        per_million_input_tokens: raw.per_million_input_tokens.or(Money::ZERO),
        per_million_cached_input_tokens: raw.per_million_cached_input_tokens.or(Money::ZERO),
        per_million_output_tokens: raw.per_million_output_tokens.or(Money::ZERO),
    }
}
