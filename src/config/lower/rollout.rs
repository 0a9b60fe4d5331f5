//! Lowers how experiments go on by themselves: schedules, webhooks, fleets.

use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::uri::Scheme;

use crate::config::diagnostic::Place;
use crate::config::diagnostic::Report;
use crate::config::field::At;
use crate::config::field::Field;
use crate::config::lower::exactly_one;
use crate::config::lower::service::key;
use crate::config::lower::service::needs_token;
use crate::config::lower::tls;
use crate::config::scalar::Scalar;
use crate::config::schema;
use crate::outbound::Target;
use crate::policy::Hours;
use crate::policy::Quiet;
use crate::policy::Schedule;
use crate::rollout::ConfigMap;
use crate::rollout::ControllerSettings;
use crate::rollout::FleetSettings;
use crate::rollout::Replicas;
use crate::rollout::Webhook;
use crate::telemetry::GATEWAYS_QUERY;
use crate::upstream::Endpoint;
use crate::vocab::WebhookName;

const CONTROLLER_PORT: u16 = 9091;
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(15);

/// When an experiment runs.
pub(super) fn schedule(raw: Field<schema::Schedule>, report: &Report) -> Schedule {
    let schema::Schedule { start, stop, quiet } = raw.value().unwrap_or_default();
    let (start, stop) = (start.scalar(), stop.given());
    if let (Some(start), Some(At { place, value: Scalar(stop) })) = (start, &stop)
        && *stop <= start
    {
        report.add(place, format!("it stops before it starts, at {start}"));
    }
    let quiet = quiet.items().filter_map(|raw| self::quiet(raw, report)).collect();
    Schedule { start, stop: stop.map(|stop| stop.value.0), quiet }
}

fn quiet(raw: At<schema::Quiet>, report: &Report) -> Option<Quiet> {
    let At { place, value: schema::Quiet { days, from, to } } = raw;
    if !days.is_there() && !from.is_there() && !to.is_there() {
        report.add(&place, "expected `days`, or `from` and `to`");
    }
    let days = days.items().map(|day| day.value.0).collect();
    if !from.is_there() && !to.is_there() {
        return Some(Quiet { days, hours: None });
    }
    let (from, to) = (from.required("from", &place, report), to.required("to", &place, report));
    let (from, to) = (from?.value.0.0, to?.value.0.0);
    Some(Quiet { days, hours: Some(Hours { from, to }) })
}

/// Who is told of changes.
pub(super) fn webhooks(raw: schema::Webhooks, report: &Report) -> Vec<Webhook> {
    let webhook = |(name, raw): (At<String>, At<schema::Webhook>)| {
        let At { place, value: schema::Webhook { url, secret, timeout, tls } } = raw;
        let name_of = WebhookName::new(&name.value).map_err(|error| report.add(&name.place, error)).ok();
        let url = url.required("url", &place, report);
        let secret = secret.given().map(|source| key(source, report));
        Some(Webhook {
            name: name_of?,
            target: target(url?.value.0, tls, &place, report)?,
            secret: match secret {
                Some(secret) => Some(secret?),
                None => None,
            },
            timeout: timeout.scalar().map_or(WEBHOOK_TIMEOUT, |span| span.0),
        })
    };
    raw.entries().filter_map(webhook).collect()
}

/// The fleet that a gateway is one of.
pub(super) fn fleet(
    raw: Field<schema::FleetOfGateways>,
    has_token: bool,
    report: &Report,
) -> Option<FleetSettings> {
    let At { place, value: schema::FleetOfGateways { decisions, controller } } = raw.given()?;
    let decisions = decisions.required("decisions", &place, report);
    let controller = controller.given().map(|raw| self::controller(raw, has_token, report));
    Some(FleetSettings {
        decisions: PathBuf::from(decisions?.value.0),
        controller: match controller {
            Some(controller) => Some(controller?),
            None => None,
        },
    })
}

fn controller(raw: At<schema::Controller>, has_token: bool, report: &Report) -> Option<ControllerSettings> {
    let At { place, value: schema::Controller { listen, replicas, publish, every, patience, tls } } = raw;
    let listen_place = listen.place().unwrap_or(&place).clone();
    let listen = listen.or(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), CONTROLLER_PORT));
    needs_token(listen, has_token, &listen_place, report);
    if !replicas.is_there() {
        report.add_missing("replicas", &place);
    }
    let replicas: Vec<Replicas> = replicas.each().filter_map(|raw| self::replicas(raw, report)).collect();
    let config_map = publish.given().and_then(|raw| config_map(raw, report));
    let tls = tls.is_there().then(|| tls::model(tls, &place, report));
    Some(ControllerSettings {
        listen,
        replicas,
        config_map,
        every: every.scalar().map_or(LOOK_EVERY, |span| span.0),
        patience: patience.or(PATIENCE),
        tls: tls.flatten(),
    })
}

fn replicas(raw: At<schema::Replicas>, report: &Report) -> Option<Replicas> {
    let At { place, value: schema::Replicas { url, dns, prometheus } } = raw;
    let keys = [("url", url.is_there()), ("dns", dns.is_there()), ("prometheus", prometheus.is_there())];
    exactly_one(&keys, &place, report);
    if let Some(At { place, value: Scalar(name) }) = dns.given() {
        let port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
        if !name.rsplit_once(':').is_some_and(|(host, digits)| !host.is_empty() && port(digits)) {
            let hint = "write it as in `crossfade-gateways:9090`";
            report.add(&place, format!("`{name}` is no name with a port; hint: {hint}"));
        }
        return Some(Replicas::Dns(name));
    }
    if let Some(At { place, value: schema::Prometheus { url, query } }) = prometheus.given() {
        let url = url.required("url", &place, report)?.value.0;
        return Some(Replicas::Prometheus { url, query: query.or(GATEWAYS_QUERY.to_owned()) });
    }
    url.scalar().map(Replicas::Url)
}

fn config_map(raw: At<schema::Publish>, report: &Report) -> Option<ConfigMap> {
    let At { place, value: schema::Publish { config_map } } = raw;
    let At { place, value: Scalar(text) } = config_map.required("config_map", &place, report)?;
    let (namespace, name) = match text.split_once('/') {
        Some((namespace, name)) => (Some(namespace.to_owned()), name.to_owned()),
        None => (None, text.clone()),
    };
    let sound = |part: &str| {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        !part.is_empty() && part.len() <= 253 && part.chars().all(inner)
    };
    if !namespace.as_deref().is_none_or(sound) || !sound(&name) {
        report.add(
            &place,
            format!("`{text}` is not the name of a ConfigMap; hint: `name`, or `namespace/name`"),
        );
    }
    Some(ConfigMap { namespace, name })
}

/// Somebody to call at this URL.
pub(super) fn target(
    url: Endpoint,
    tls: Field<schema::Tls>,
    place: &Place,
    report: &Report,
) -> Option<Target> {
    let tls = match url.scheme == Scheme::HTTPS {
        true => Some(tls::model(tls, place, report)?),
        false => None,
    };
    Some(Target { url, tls })
}
