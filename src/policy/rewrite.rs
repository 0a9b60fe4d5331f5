//! What requests to one model are changed to, so that two vendors' models can stand behind one route.

use std::str::FromStr;

use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Uri;
use http::uri::PathAndQuery;

use crate::policy::Model;
use crate::protocol::Edit;
use crate::protocol::Protocol;

/// What stands before a model's name in a path of KServe V2.
const MODELS: &str = "/models/";

/// What requests to one model are changed to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rewrite {
    /// What the vendor calls the model: `model` in bodies, under KServe V2 the name in the path.
    pub model: Option<String>,
    /// The path that takes the place of the request's own.
    pub path: Option<PathAndQuery>,
    /// Headers that are set, secret ones among them.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Asks streams of OpenAI's protocol for their usage, and hides it from clients who did not.
    pub include_usage: bool,
}

impl Model {
    /// Changes a request's path and headers to what this model is to get.
    pub fn rewrite_head(&self, uri: &mut Uri, headers: &mut HeaderMap) {
        let Some(Rewrite { model, path, headers: set, .. }) = &self.rewrite else { return };
        for (name, value) in set {
            headers.insert(name, value.clone());
        }
        let own = path.as_ref().map(PathAndQuery::path);
        let named = match (model, self.protocol) {
            (Some(model), Protocol::KserveV2) => of_model(own.unwrap_or(uri.path()), model),
            _ => None,
        };
        let Some(path) = named.as_deref().or(own) else { return };
        let changed = match uri.query() {
            Some(query) => PathAndQuery::from_str(&format!("{path}?{query}")),
            None => PathAndQuery::from_str(path),
        };
        if let Ok(changed) = changed {
            *uri = changed.into();
        }
    }

    /// What is changed in the bodies of its requests, and whether it is kept from using tools besides.
    pub fn edit(&self, suppresses_tools: bool) -> Edit {
        let in_body = matches!(self.protocol, Protocol::OpenAi | Protocol::Anthropic);
        let rewrite = self.rewrite.as_ref();
        Edit {
            model: rewrite.and_then(|rewrite| rewrite.model.clone()).filter(|_| in_body),
            include_usage: rewrite.is_some_and(|rewrite| rewrite.include_usage),
            tool_choice: match self.protocol {
                _ if !suppresses_tools => None,
                Protocol::OpenAi => Some(r#""none""#),
                Protocol::Anthropic => Some(r#"{"type":"none"}"#),
                Protocol::Http | Protocol::KserveV2 => None,
            },
        }
    }
}

/// A path of KServe V2 with another model's name.
fn of_model(path: &str, model: &str) -> Option<String> {
    let at = path.find(MODELS)? + MODELS.len();
    let end = path[at..].find('/').map_or(path.len(), |end| at + end);
    Some(format!("{}{model}{}", &path[..at], &path[end..]))
}
