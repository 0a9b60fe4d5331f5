//! Values that are one of a few words.

use http::Method;
use schemars::Schema;
use schemars::json_schema;

use crate::compare::Lexical;
use crate::compare::Normalize;
use crate::compare::Unit;
use crate::config::diagnostic::did_you_mean;
use crate::config::scalar::Written;
use crate::evaluate::measure::Average;
use crate::evaluate::measure::Better;
use crate::evaluate::measure::Kind;
use crate::judge::Language;
use crate::judge::Template;
use crate::policy::Absent;
use crate::policy::Credentials;
use crate::policy::JudgeMode;
use crate::policy::OnBreach;
use crate::policy::OutcomeKind;
use crate::policy::Weekday;
use crate::protocol::Protocol;
use crate::record::Pattern;
use crate::record::RedactAction;
use crate::strategy::interleave;
use crate::upstream::HostHeader;
use crate::upstream::HttpVersion;

/// A part of what an answer said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnswerPart {
    /// Its text.
    Text,
    /// The JSON that its text is.
    Json,
    /// The tools that it calls.
    ToolCalls,
    /// How long it is.
    Length,
}

/// Who else may say that a step is done.
#[derive(Debug, Clone)]
pub(crate) enum Approve {
    /// A person, through the admin API.
    Manual,
}

/// What an A/B test does once a candidate may be promoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OnVerdict {
    /// It is over.
    End,
    /// It goes on.
    Continue,
}

/// What a step waits for besides time and requests.
#[derive(Debug, Clone)]
pub(crate) enum Until {
    /// The verdict's guardrails.
    Verdict,
}

/// Who answers when the assigned arm fails before its first byte.
#[derive(Debug, Clone)]
pub(crate) enum Fallback {
    /// Legacy.
    Legacy,
}

/// What copies, or requests to judge, are drawn by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SampleBy {
    /// Each request on its own.
    Request,
    /// All requests of a unit, or none.
    Unit,
}

/// What objects in an object store are written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ObjectFormat {
    /// Rows of typed columns.
    Parquet,
    /// Lines as the log has them, compressed.
    Lines,
}

macro_rules! words {
    ($type:ty { $($word:literal => $value:path),+ $(,)? }) => {
        impl Written for $type {
            fn read(text: &str) -> Result<Self, String> {
                choose(text, &[$(($word, $value)),+])
            }

            fn schema() -> Schema {
                json_schema!({ "type": "string", "enum": [$($word),+] })
            }
        }
    };
}

words!(Approve { "manual" => Approve::Manual });
words!(OnVerdict { "end" => OnVerdict::End, "continue" => OnVerdict::Continue });
words!(ObjectFormat { "parquet" => ObjectFormat::Parquet, "jsonl_zst" => ObjectFormat::Lines });
words!(SampleBy { "request" => SampleBy::Request, "unit" => SampleBy::Unit });
words!(Until { "verdict" => Until::Verdict });
words!(Pattern {
    "email" => Pattern::Email,
    "phone" => Pattern::Phone,
    "card" => Pattern::Card,
    "iban" => Pattern::Iban,
    "api_key" => Pattern::ApiKey,
    "ip" => Pattern::Ip,
    "secret" => Pattern::Secret,
});
words!(Weekday {
    "mon" => Weekday::Mon,
    "tue" => Weekday::Tue,
    "wed" => Weekday::Wed,
    "thu" => Weekday::Thu,
    "fri" => Weekday::Fri,
    "sat" => Weekday::Sat,
    "sun" => Weekday::Sun,
});
words!(Fallback { "legacy" => Fallback::Legacy });
words!(Absent { "missing" => Absent::Missing, "none" => Absent::None });
words!(OutcomeKind {
    "click" => OutcomeKind::Click,
    "label" => OutcomeKind::Label,
    "binary" => OutcomeKind::Binary,
    "number" => OutcomeKind::Number,
    "json" => OutcomeKind::Json,
});
words!(Protocol {
    "http" => Protocol::Http,
    "kserve-v2" => Protocol::KserveV2,
    "openai" => Protocol::OpenAi,
    "anthropic" => Protocol::Anthropic,
});
words!(HostHeader { "original" => HostHeader::Original, "upstream" => HostHeader::Upstream });
words!(RedactAction {
    "mask" => RedactAction::Mask,
    "hash" => RedactAction::Hash,
    "drop" => RedactAction::Drop,
});
words!(AnswerPart {
    "text" => AnswerPart::Text,
    "json" => AnswerPart::Json,
    "tool_calls" => AnswerPart::ToolCalls,
    "length" => AnswerPart::Length,
});
words!(Unit { "characters" => Unit::Characters, "tokens" => Unit::Tokens });
words!(Normalize { "case" => Normalize::Case, "whitespace" => Normalize::Whitespace });
words!(interleave::Method {
    "team_draft" => interleave::Method::TeamDraft,
    "balanced" => interleave::Method::Balanced,
    "probabilistic" => interleave::Method::Probabilistic,
});
words!(interleave::SharedPrefix {
    "standard" => interleave::SharedPrefix::Standard,
    "neutral" => interleave::SharedPrefix::Neutral,
});
words!(Method {
    "GET" => Method::GET,
    "HEAD" => Method::HEAD,
    "POST" => Method::POST,
    "PUT" => Method::PUT,
    "PATCH" => Method::PATCH,
    "DELETE" => Method::DELETE,
    "OPTIONS" => Method::OPTIONS,
    "TRACE" => Method::TRACE,
});

words!(OnBreach { "rollback" => OnBreach::Rollback, "hold" => OnBreach::Hold });
words!(Better { "higher" => Better::Higher, "lower" => Better::Lower });
words!(Average {
    "binary" => Average::Binary,
    "macro" => Average::Macro,
    "micro" => Average::Micro,
    "weighted" => Average::Weighted,
});
words!(Credentials { "pass" => Credentials::Pass, "strip" => Credentials::Strip });

words!(JudgeMode { "pairwise" => JudgeMode::Pairwise, "pointwise" => JudgeMode::Pointwise });

impl Written for Template {
    fn read(text: &str) -> Result<Self, String> {
        choose(text, &Template::ALL.map(|template| (template.word(), template)))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "enum": Template::ALL.map(Template::word).to_vec() })
    }
}

impl Written for Lexical {
    fn read(text: &str) -> Result<Self, String> {
        choose(text, &Lexical::ALL.map(|measure| (measure.word(), measure)))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "enum": Lexical::ALL.map(Lexical::word).to_vec() })
    }
}

impl Written for Kind {
    fn read(text: &str) -> Result<Self, String> {
        let kinds: Vec<_> = measured().map(|kind| (kind.word(), kind)).collect();
        choose(text, &kinds)
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "enum": measured().map(Kind::word).collect::<Vec<_>>() })
    }
}

/// What a policy may ask to be measured.
fn measured() -> impl Iterator<Item = Kind> {
    Kind::ALL.into_iter().filter(|kind| !kind.is_judged())
}

impl Written for Language {
    fn read(text: &str) -> Result<Self, String> {
        Language::of_code(text).ok_or_else(|| {
            let hint = did_you_mean(text, Language::codes());
            format!(
                "`{text}` is not a language that can be told: expected a two-letter code, as in `en`{hint}"
            )
        })
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "enum": Language::codes().collect::<Vec<_>>() })
    }
}

impl Written for HttpVersion {
    fn read(text: &str) -> Result<Self, String> {
        choose(text, &[("auto", HttpVersion::Auto), ("1", HttpVersion::One), ("2", HttpVersion::Two)])
    }

    fn schema() -> Schema {
        // A number to YAML, and a word like the others here.
        json_schema!({ "enum": ["auto", "1", "2", 1, 2] })
    }
}

fn choose<T: Clone>(text: &str, words: &[(&str, T)]) -> Result<T, String> {
    match words.iter().find(|(word, _)| *word == text) {
        Some((_, value)) => Ok(value.clone()),
        None => {
            // Case is the commonest slip, and `post` is not near `POST` letter by letter.
            let near = words.iter().map(|(word, _)| *word).find(|word| word.eq_ignore_ascii_case(text));
            let hint = did_you_mean(near.unwrap_or(text), words.iter().map(|(word, _)| *word));
            Err(format!("`{text}` is not a known word{hint}"))
        }
    }
}
