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

use crate::forecast::examples::plant;
use crate::policy::BodyView;
use crate::policy::Experiment;
use crate::policy::Policy;
use crate::policy::Selection;
use crate::policy::UnitSource;
use crate::protocol::JsonPath;
use crate::protocol::is_credential;
use crate::record::Body;
use crate::record::PairedRecord;
use crate::record::Redact;
use crate::record::RedactTarget;

/// What stands in records for a value that was masked.
const MASK: &str = "***";

/// A request, rebuilt.
#[derive(Debug)]
pub(super) struct Rebuilt {
    pub(super) head: Parts,
    pub(super) body: Known,
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
    /// Nobody can say: it hangs on a header that is not recorded or was redacted.
    HiddenHeader,
    /// It hangs on a field of the body that was redacted, or on a body that was withheld.
    HiddenBody,
}

impl Rebuilt {
    /// Rebuilds the request of a record; `None`: it cannot be read as a request. A gateway holds so many bytes of a body.
    pub(super) fn of(record: &PairedRecord, body_cap_bytes: usize) -> Option<Self> {
        let request = &record.request;
        let target = match &request.query {
            Some(query) => format!("{}?{query}", request.path),
            None => request.path.clone(),
        };
        let uri: Uri = target.parse().ok()?;
        let (mut head, ()) =
            Request::builder().method(request.method.as_str()).uri(uri).body(()).ok()?.into_parts();
        head.headers = headers(&serde_json::to_value(&request.headers).ok()?);
        let body = match &request.body {
            // Above the cap then, and read now: what stands in it is not on record.
            _ if request.truncated && request.bytes <= body_cap_bytes as u64 => Known::Withheld,
            _ if request.truncated => Known::Opaque,
            Some(Body::Json(raw)) => serde_json::from_str(raw.get()).map_or(Known::Opaque, Known::Json),
            Some(Body::Withheld(_)) => Known::Withheld,
            Some(Body::Text(_) | Body::Base64(_)) | None => Known::Opaque,
        };
        Some(Self { head, body })
    }

    pub(super) fn view(&self) -> BodyView<'_> {
        match &self.body {
            Known::Json(document) => BodyView::Json(document),
            Known::Opaque => BodyView::Opaque,
            Known::Withheld => BodyView::Unread,
        }
    }

    /// Puts the request to a policy. `rules` are what was redacted.
    pub(super) fn select(&self, policy: &Policy, rules: &[Redact]) -> Told {
        let selection = policy.select(&self.head, self.view());
        if selection == Selection::NeedsBody {
            return Told::HiddenBody;
        }
        // An experiment behind the one that was found has no say.
        let before = match selection {
            Selection::Experiment(place) => place,
            Selection::Default | Selection::NeedsBody => policy.experiments.len(),
        };
        for experiment in policy.experiments.iter().take(before) {
            if self
                .with_hidden_headers(experiment, rules)
                .is_some_and(|request| request.is_taken_by(experiment))
            {
                return Told::HiddenHeader;
            }
            if self
                .with_hidden_fields(experiment, rules)
                .is_some_and(|request| request.is_taken_by(experiment))
            {
                return Told::HiddenBody;
            }
        }
        match selection {
            Selection::Experiment(place) => self.confirmed(&policy.experiments[place], selection, rules),
            Selection::Default | Selection::NeedsBody => Told::Selected(selection),
        }
    }

    /// An experiment that wants a value which redaction may have put there is not certain either.
    fn confirmed(&self, experiment: &Experiment, selection: Selection, rules: &[Redact]) -> Told {
        let masked = |(name, wanted): &(HeaderName, String)| wanted == MASK && is_hidden(name, rules);
        if experiment.matcher.headers.iter().any(masked) {
            Told::HiddenHeader
        } else {
            Told::Selected(selection)
        }
    }

    fn is_taken_by(&self, experiment: &Experiment) -> bool {
        experiment.matcher.matches(&self.head, self.view()) != Some(false)
    }

    /// The request with the headers that are not on record as an experiment wants them; `None`: it wants none of these.
    fn with_hidden_headers(&self, experiment: &Experiment, rules: &[Redact]) -> Option<Self> {
        let wanted = experiment.matcher.headers.iter().filter(|(name, _)| is_hidden(name, rules));
        let mut head = self.head.clone();
        let mut is_any = false;
        for (name, value) in wanted {
            head.headers.insert(name, HeaderValue::from_str(value).ok()?);
            is_any = true;
        }
        is_any.then(|| Self { head, body: self.body.copied() })
    }

    /// The request with the fields that rules hide as an experiment wants them.
    fn with_hidden_fields(&self, experiment: &Experiment, rules: &[Redact]) -> Option<Self> {
        let Known::Json(document) = &self.body else { return None };
        let mut document = document.clone();
        let mut is_any = false;
        for (path, value) in experiment.matcher.json.iter().filter(|(path, _)| is_field_hidden(path, rules)) {
            plant(&mut document, &path.place()?, value)?;
            is_any = true;
        }
        is_any.then(|| Self { head: self.head.clone(), body: Known::Json(document) })
    }
}

impl Known {
    fn copied(&self) -> Self {
        match self {
            Known::Json(document) => Known::Json(document.clone()),
            Known::Opaque => Known::Opaque,
            Known::Withheld => Known::Withheld,
        }
    }
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

/// Whether a header's values are not on record, or others in their place.
fn is_hidden(name: &HeaderName, rules: &[Redact]) -> bool {
    let redacted = |rule: &Redact| matches!(&rule.target, RedactTarget::Header(hidden) if hidden == name);
    is_credential(name) || rules.iter().any(redacted)
}

/// Whether a rule may speak of a field: of itself, of what it lies in, or of places that cannot be compared.
fn is_field_hidden(path: &JsonPath, rules: &[Redact]) -> bool {
    let hides = |rule: &Redact| match &rule.target {
        RedactTarget::Header(_) => false,
        RedactTarget::Json(hidden) => match (hidden.place(), path.place()) {
            (Some(hidden), Some(place)) => place == hidden || place.starts_with(&format!("{hidden}/")),
            _ => true,
        },
    };
    rules.iter().any(hides)
}

/// Whether a unit may stand where records do not show it.
pub(super) fn may_be_hidden(source: &UnitSource, rules: &[Redact], body: &Known) -> bool {
    match source {
        UnitSource::Cookie(_) => true,
        UnitSource::Header(name) => is_hidden(name, rules),
        UnitSource::Query(_) => false,
        UnitSource::Json(path) => matches!(body, Known::Withheld) || is_field_hidden(path, rules),
    }
}
