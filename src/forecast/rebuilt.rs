//! A recorded request as the gateway saw it, as far as the record holds it, and what is hidden of it.
//!
//! Credentials, redacted fields and what a body is beyond the cap are not on record. Whether that matters is asked of the
//! policy itself: the request is put to it as recorded, and again with each hidden value as an experiment wants it.

use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Request;
use http::Uri;
use http::request::Parts;
use serde_json::Value;

use crate::forecast::examples::escaped;
use crate::forecast::examples::plant;
use crate::policy::BodyView;
use crate::policy::Experiment;
use crate::policy::Matcher;
use crate::policy::Policy;
use crate::policy::Selection;
use crate::policy::UnitSource;
use crate::policy::query_values;
use crate::protocol::JsonPath;
use crate::protocol::is_credential;
use crate::record::Body;
use crate::record::MASK;
use crate::record::PairedRecord;
use crate::record::Redact;
use crate::record::RedactTarget;
use crate::record::Settings;
use crate::record::Sought;
use crate::record::looks_hashed;

/// A request, rebuilt.
#[derive(Debug)]
pub(super) struct Rebuilt {
    pub(super) head: Parts,
    pub(super) body: Known,
    /// What stands for the unit wherever it stood.
    hash: Option<String>,
    /// The headers that are told to be absent.
    absent: Vec<HeaderName>,
    /// Whether it had headers that are not on record.
    lacks_headers: bool,
}

/// What is known of its body.
#[derive(Debug)]
pub(super) enum Known {
    /// This JSON.
    Json(Value),
    /// That it is none, or above the cap, which the gateway takes alike.
    Opaque,
    /// Nothing: redaction withheld it, or it was above a cap that was lower.
    Withheld,
}

/// Which experiment takes a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// This part of the policy, for certain.
    Selected(Selection),
    /// Nobody can say: it hangs on a header or a parameter that is not recorded, redacted, or the hashed unit.
    HiddenHeader,
    /// It hangs on a field of the body that was redacted or is the hashed unit, or on a body that is not on record.
    HiddenBody,
}

impl Rebuilt {
    /// Rebuilds the request of a record; `None`: it cannot be read as a request. A gateway holds so many bytes of a body
    /// and reads them; `None`: it reads no body.
    pub(super) fn of(record: &PairedRecord, body_cap_bytes: Option<usize>) -> Option<Self> {
        let request = &record.request;
        let target = match &request.query {
            Some(query) => format!("{}?{query}", request.path),
            None => request.path.clone(),
        };
        let uri: Uri = target.parse().ok()?;
        let (mut head, ()) =
            Request::builder().method(request.method.as_str()).uri(uri).body(()).ok()?.into_parts();
        let recorded = serde_json::to_value(&request.headers).ok()?;
        head.headers = headers(&recorded);
        let is_within = |cap: usize| request.bytes <= cap as u64;
        let body = match &request.body {
            _ if body_cap_bytes.is_none() => Known::Opaque,
            // Above the cap then, and read now: what stands in it is not on record.
            _ if request.truncated && body_cap_bytes.is_some_and(is_within) => Known::Withheld,
            _ if request.truncated => Known::Opaque,
            Some(Body::Json(raw)) => serde_json::from_str(raw.get()).map_or(Known::Opaque, Known::Json),
            Some(Body::Withheld(_)) => Known::Withheld,
            Some(Body::Text(_) | Body::Base64(_)) | None => Known::Opaque,
        };
        let hash = record.unit.clone().filter(|unit| looks_hashed(unit));
        Some(Self {
            head,
            body,
            hash,
            absent: absent(&recorded),
            lacks_headers: request.headers_left_out > 0,
        })
    }

    pub(super) fn view(&self) -> BodyView<'_> {
        match &self.body {
            Known::Json(document) => BodyView::Json(document),
            Known::Opaque => BodyView::Opaque,
            Known::Withheld => BodyView::Unread,
        }
    }

    /// Puts the request to a policy. `settings` are those that it was recorded under.
    pub(super) fn select(&self, policy: &Policy, settings: &Settings) -> Told {
        let selection = policy.select(&self.head, self.view());
        if selection == Selection::NeedsBody {
            return Told::HiddenBody;
        }
        // An experiment behind the one that was found has no say.
        let before = match selection {
            Selection::Experiment(place) => place,
            Selection::Default | Selection::NeedsBody => policy.experiments.len(),
        };
        let earlier = policy.experiments.iter().take(before);
        earlier
            .filter_map(|experiment| self.hidden_for(experiment, settings))
            .next()
            .unwrap_or(Told::Selected(selection))
    }

    /// Whether an experiment would take the request if every value that is hidden were as it wants it.
    fn hidden_for(&self, experiment: &Experiment, settings: &Settings) -> Option<Told> {
        let Matcher { headers, query, json, .. } = &experiment.matcher;
        let headers: Vec<_> =
            headers.iter().filter(|(name, value)| self.is_header_hidden(name, value, settings)).collect();
        let query: Vec<_> =
            query.iter().filter(|(name, value)| self.is_parameter_hidden(name, value, settings)).collect();
        let json: Vec<_> =
            json.iter().filter(|(path, value)| self.is_field_hidden(path, value, settings)).collect();
        let why = match (headers.is_empty() && query.is_empty(), json.is_empty()) {
            (false, _) => Told::HiddenHeader,
            (true, false) => Told::HiddenBody,
            (true, true) => return None,
        };
        let mut head = self.head.clone();
        for (name, value) in headers {
            head.headers.insert(name, HeaderValue::from_str(value).ok()?);
        }
        if !query.is_empty() {
            head.uri = with_parameters(&head.uri, &query)?;
        }
        let mut document = match &self.body {
            Known::Json(document) => Some(document.clone()),
            Known::Opaque | Known::Withheld => None,
        };
        for (path, value) in json {
            // A path that may select several places: nobody can say what the value was.
            let Some(place) = path.place() else { return Some(why) };
            plant(document.as_mut()?, &place, value)?;
        }
        let body = document.as_ref().map_or_else(|| self.view(), BodyView::Json);
        (experiment.matcher.matches(&head, body) != Some(false)).then_some(why)
    }

    /// Whether a header's values are not on record, or others in their place, so that one may have been this.
    fn is_header_hidden(&self, name: &HeaderName, wanted: &str, settings: &Settings) -> bool {
        let mut values = self.head.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        self.is_left_out(name, settings)
            || is_redacted(name, Some(wanted), settings)
            || values.any(|value| value == MASK || self.hash.as_deref() == Some(value))
    }

    /// Whether a header may have been there that is not on record.
    pub(super) fn is_left_out(&self, name: &HeaderName, settings: &Settings) -> bool {
        let is_told = self.head.headers.contains_key(name) || self.absent.contains(name);
        self.lacks_headers && !is_told && !settings.headers.lists(name)
    }

    fn is_parameter_hidden(&self, name: &str, wanted: &str, settings: &Settings) -> bool {
        let own = |target: &RedactTarget| matches!(target, RedactTarget::Query(own) if own == name);
        changes(settings, own, Some(wanted))
            || query_values(&self.head, name).any(|value| value == MASK || self.hash.as_ref() == Some(&value))
    }

    fn is_field_hidden(&self, path: &JsonPath, wanted: &Value, settings: &Settings) -> bool {
        let Known::Json(document) = &self.body else { return false };
        let is_hash = |value: &Value| self.hash.as_deref().is_some_and(|hash| value.as_str() == Some(hash));
        is_field_redacted(path, Some(wanted), settings) || path.all(document).into_iter().any(is_hash)
    }
}

fn with_parameters(uri: &Uri, wanted: &[&(String, String)]) -> Option<Uri> {
    let wanted: Vec<String> =
        wanted.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect();
    format!("{}?{}&{}", uri.path(), uri.query().unwrap_or_default(), wanted.join("&")).parse().ok()
}

fn headers(recorded: &Value) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, values) in recorded.as_object().into_iter().flatten() {
        for value in values.as_array().into_iter().flatten().filter_map(Value::as_str) {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
                headers.append(name, value);
            }
        }
    }
    headers
}

/// The headers that stand in a record without a value.
fn absent(recorded: &Value) -> Vec<HeaderName> {
    let names = recorded.as_object().into_iter().flatten();
    let names = names.filter(|(_, values)| values.as_array().is_some_and(Vec::is_empty));
    names.filter_map(|(name, _)| HeaderName::try_from(name).ok()).collect()
}

/// Whether a rule that speaks of a place, or of everything, would change what was wanted there; `None`: anything.
fn changes(settings: &Settings, own: impl Fn(&RedactTarget) -> bool, wanted: Option<&str>) -> bool {
    let speaks = |rule: &&Redact| own(&rule.target) || rule.target == RedactTarget::Everywhere;
    let mut rules = settings.redact.iter().filter(speaks);
    rules.any(|rule| rule.sought == Sought::All || wanted.is_none_or(|wanted| rule.changes(wanted)))
}

/// Whether a header is a credential, which is never on record, or redacted.
fn is_redacted(name: &HeaderName, wanted: Option<&str>, settings: &Settings) -> bool {
    let own = |target: &RedactTarget| matches!(target, RedactTarget::Header(hidden) if hidden == name);
    is_credential(name) || changes(settings, own, wanted)
}

/// Whether a rule may speak of a field: of itself, of what it lies in, or of places that cannot be compared.
fn is_field_redacted(path: &JsonPath, wanted: Option<&Value>, settings: &Settings) -> bool {
    let hides = |target: &RedactTarget| match target {
        RedactTarget::Header(_) | RedactTarget::Query(_) | RedactTarget::Everywhere => false,
        RedactTarget::Json(hidden) => match (hidden.place(), path.place()) {
            (Some(hidden), Some(place)) => place == hidden || place.starts_with(&format!("{hidden}/")),
            _ => true,
        },
    };
    let text = wanted.map(|wanted| wanted.as_str().map_or_else(|| wanted.to_string(), str::to_owned));
    changes(settings, hides, text.as_deref())
}

/// Whether a unit may stand where records do not show it.
pub(super) fn may_be_hidden(source: &UnitSource, settings: &Settings, request: &Rebuilt) -> bool {
    match source {
        UnitSource::Cookie(_) => true,
        UnitSource::Header(name) => is_redacted(name, None, settings) || request.is_left_out(name, settings),
        UnitSource::Query(name) => {
            changes(settings, |target| matches!(target, RedactTarget::Query(own) if own == name), None)
        }
        UnitSource::Json(path) => {
            matches!(request.body, Known::Withheld) || is_field_redacted(path, None, settings)
        }
    }
}
