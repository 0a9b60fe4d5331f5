//! How things are called: names, addresses, hosts, headers, paths of URLs and of JSON.

use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::str::FromStr;

use http::HeaderName;
use http::uri::Authority;
use http::uri::PathAndQuery;
use http::uri::Scheme;
use regex::RegexBuilder;
use rustls::pki_types::ServerName;
use schemars::Schema;
use schemars::json_schema;

use crate::compare::Pointer;
use crate::compare::Which;
use crate::config::scalar::Written;
use crate::config::scalar::said;
use crate::policy::PathPattern;
use crate::protocol::JsonPath;
use crate::protocol::JsonPathError;
use crate::protocol::ListPath;
use crate::record::Expression;
use crate::upstream::Endpoint;
use crate::vocab::ExperimentName;
use crate::vocab::JudgeName;
use crate::vocab::MetricName;
use crate::vocab::ModelName;
use crate::vocab::OutcomeName;

/// How large an expression may be once it is compiled.
const MAX_EXPRESSION_BYTES: usize = 1024 * 1024;

/// A path of URLs: begins with `/`, no query, no white space.
#[derive(Debug)]
pub(crate) struct UrlPath(pub(in crate::config) String);

/// A place in an answer.
#[derive(Debug)]
pub(crate) enum InAnswer {
    /// The text that it says.
    Text,
    /// The calls of tools that it makes.
    ToolCalls,
    /// What stands at this path.
    At(JsonPath),
}

/// A host without a port, lower case.
#[derive(Debug)]
pub(crate) struct Host(pub(in crate::config) String);

/// The outcome that tells the truth.
#[derive(Debug)]
pub(crate) struct Truth(pub(in crate::config) OutcomeName);

impl Written for SocketAddr {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| {
            format!(
                "`{text}` is not an address: expected an IP address and a port, as in `127.0.0.1:8080` or `[::]:8080`"
            )
        })
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string" })
    }
}

impl Written for UrlPath {
    fn read(text: &str) -> Result<Self, String> {
        if !text.starts_with('/') {
            return Err(format!("`{text}` is not a path: expected it to begin with `/`"));
        }
        let foreign = |c: char| matches!(c, '?' | '#') || c.is_whitespace() || c.is_control();
        match text.chars().find(|c| foreign(*c)) {
            Some(c) => Err(format!("`{text}` is not a path: {c:?} cannot stand in one")),
            None => Ok(Self(text.to_owned())),
        }
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^/[^?#\\s]*$" })
    }
}

impl Written for PathPattern {
    fn read(text: &str) -> Result<Self, String> {
        let UrlPath(path) = UrlPath::read(text)?;
        if path.strip_suffix("/*").unwrap_or(&path).contains('*') {
            return Err(format!("`{text}` is not a pattern: `*` can only stand at the end, as in `/v1/*`"));
        }
        Ok(Self::new(&path))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^/[^?#*\\s]*(/\\*)?$" })
    }
}

impl Written for Endpoint {
    fn read(text: &str) -> Result<Self, String> {
        if let Some((_, host)) = text.rsplit_once('@') {
            // What stands before the host may be a password, so it is not shown.
            return Err(format!("`***@{host}` is not a URL to call: it holds a user or a password"));
        }
        let wrong = |problem: &str| {
            format!("`{text}` is not a URL to call: {problem}; hint: write it as in `http://127.0.0.1:8001`")
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("no scheme"))?;
        let scheme = match scheme {
            "http" => Scheme::HTTP,
            "https" => Scheme::HTTPS,
            _ => return Err(wrong("the scheme is not `http` or `https`")),
        };
        if rest.contains(['?', '#']) {
            return Err(wrong("it holds a query or a fragment"));
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let authority: Authority = authority.parse().map_err(|_| wrong("no valid host"))?;
        if authority.host().is_empty() {
            return Err(wrong("no host"));
        }
        if authority.as_str() != authority.host() && authority.port_u16().is_none_or(|port| port == 0) {
            return Err(wrong("the port is not a number from 1 to 65535"));
        }
        PathAndQuery::from_str(if path.is_empty() { "/" } else { path })
            .map_err(|_| wrong("no valid path"))?;
        let endpoint = Self { scheme, authority, base_path: path.trim_end_matches('/').to_owned() };
        if endpoint.scheme == Scheme::HTTPS && ServerName::try_from(endpoint.host()).is_err() {
            return Err(wrong("no certificate can be for this host"));
        }
        Ok(endpoint)
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^https?://[^/?#@]+(/[^?#]*)?$" })
    }
}

impl Written for ServerName<'static> {
    fn read(text: &str) -> Result<Self, String> {
        ServerName::try_from(text.to_owned()).map_err(|_| {
            format!("`{text}` is not a name that a certificate can bear: expected a host or an IP address")
        })
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string" })
    }
}

impl Written for Host {
    fn read(text: &str) -> Result<Self, String> {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let is_name = !text.is_empty() && text.chars().all(name);
        if is_name || bare.parse::<Ipv6Addr>().is_ok() {
            Ok(Self(bare.to_ascii_lowercase()))
        } else {
            Err(format!("`{text}` is not a host: expected a name or an IP address, without scheme and port"))
        }
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string" })
    }
}

impl Written for HeaderName {
    fn read(text: &str) -> Result<Self, String> {
        HeaderName::from_bytes(text.as_bytes()).map_err(|_| format!("`{text}` is not a header name"))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$" })
    }
}

impl Written for JsonPath {
    fn read(text: &str) -> Result<Self, String> {
        json_path(text)
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^\\$" })
    }
}

impl Written for Expression {
    fn read(text: &str) -> Result<Self, String> {
        let built = RegexBuilder::new(text).size_limit(MAX_EXPRESSION_BYTES).build();
        let regex = built.map_err(|error| match error {
            regex::Error::CompiledTooBig(most) => {
                format!("the expression takes more than {most} bytes once it is compiled")
            }
            error => {
                // The last line says what is wrong, those before draw where.
                let problem = error.to_string();
                let problem = problem.lines().last().unwrap_or_default();
                let problem = problem.strip_prefix("error: ").unwrap_or(problem);
                format!("`{text}` is not a regular expression: {problem}")
            }
        })?;
        if regex.is_match("") {
            let hint = "let it ask for one character at least";
            return Err(format!("`{text}` fits where nothing is; hint: {hint}"));
        }
        Ok(Self(regex))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "minLength": 1 })
    }
}

impl Written for ListPath {
    fn read(text: &str) -> Result<Self, String> {
        json_path(text)
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^\\$.*\\[\\*\\]$" })
    }
}

impl Written for Pointer {
    fn read(text: &str) -> Result<Self, String> {
        said(text.parse())
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^(/([^~/]|~[01])*)*$" })
    }
}

impl Written for InAnswer {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "tool_calls" => Ok(Self::ToolCalls),
            path => json_path(path).map(Self::At),
        }
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^((text|tool_calls)$|\\$)" })
    }
}

impl Written for Which {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("expected a tensor's name or a JSON path, found an empty text".to_owned()),
            path if path.starts_with('$') => json_path(path).map(Self::At),
            name => Ok(Self::Named(name.to_owned())),
        }
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "minLength": 1 })
    }
}

impl Written for ExperimentName {
    fn read(text: &str) -> Result<Self, String> {
        said(Self::new(text))
    }

    fn schema() -> Schema {
        name_schema()
    }
}

impl Written for ModelName {
    fn read(text: &str) -> Result<Self, String> {
        said(Self::new(text))
    }

    fn schema() -> Schema {
        name_schema()
    }
}

impl Written for JudgeName {
    fn read(text: &str) -> Result<Self, String> {
        said(Self::new(text))
    }

    fn schema() -> Schema {
        name_schema()
    }
}

impl Written for MetricName {
    fn read(text: &str) -> Result<Self, String> {
        said(Self::new(text))
    }

    fn schema() -> Schema {
        name_schema()
    }
}

impl Written for Truth {
    fn read(text: &str) -> Result<Self, String> {
        if text.starts_with('$') {
            return Err(format!(
                "`{text}` is a path, and the answer does not hold its own truth; hint: name an outcome, as in \
                 `truth: label`, or a place of the request, as in `truth: {{request: {text}}}`"
            ));
        }
        OutcomeName::read(text).map(Self)
    }

    fn schema() -> Schema {
        name_schema()
    }
}

impl Written for OutcomeName {
    fn read(text: &str) -> Result<Self, String> {
        said(Self::new(text))
    }

    fn schema() -> Schema {
        name_schema()
    }
}

fn json_path<T: FromStr<Err = JsonPathError>>(text: &str) -> Result<T, String> {
    if text.starts_with('$') {
        return said(text.parse());
    }
    Err(format!("`{text}` is not a JSON path; hint: a path begins with `$`, as in `$.user.id`"))
}

fn name_schema() -> Schema {
    json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$" })
}
