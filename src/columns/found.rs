//! Where in a record each column's value is found.

use crate::columns::cell::Cell;
use crate::columns::row::Row;
use crate::columns::table::FoundInCall;
use crate::columns::table::FoundInRow;
use crate::columns::table::Kind;
use crate::columns::table::Part;
use crate::compare::Agreement;
use crate::protocol::Finish;
use crate::protocol::Usage;
use crate::record::Line;
use crate::record::ObservationRecord;
use crate::record::OutcomeValue;
use crate::record::PairedRecord;
use crate::record::SCHEMA;

type OfRow = (&'static str, Kind, &'static str, FoundInRow);

/// What all lines have, or several kinds of them.
pub(super) const HEAD: &[OfRow] = &[
    ("schema", Kind::Int32, "the version of the log's schema", |_| Cell::Int(SCHEMA.into())),
    ("kind", Kind::Text, "`design`, `pair`, `answered`, `outcome`, `judgement` or `gap`", |row| {
        Cell::text(Some(kind(row.line)))
    }),
    ("id", Kind::Text, "what identifies the line: its segment and its place there", |row| {
        Cell::text(Some(&row.id))
    }),
    (
        "time",
        Kind::Moment,
        "when the request arrived, the outcome was reported, the judge had judged, the gap began",
        |row| Cell::Moment(row.time()),
    ),
    ("experiment", Kind::Text, "the experiment", |row| Cell::text(Some(row.line.experiment().as_str()))),
    ("strategy", Kind::Text, "`shadow`, `canary`, `ab` or `interleave`", |row| {
        let pair = row.pair().map(|pair| pair.strategy);
        let strategy = pair.or_else(|| row.design().map(|design| design.strategy));
        Cell::text(strategy.map(|strategy| strategy.as_str()))
    }),
    ("policy", Kind::Text, "the hash of the policy file", |row| {
        let pair = row.pair().map(|pair| pair.policy.as_str());
        Cell::text(pair.or_else(|| row.design().map(|design| design.policy.as_str())))
    }),
    (
        "identity",
        Kind::Text,
        "what makes evidence comparable; count together only what has the same",
        |row| {
            Cell::text(match row.line {
                Line::Design(design) => Some(&design.identity),
                Line::Pair(pair) | Line::Answered(pair) => Some(&pair.identity),
                Line::Outcome(outcome) => Some(&outcome.identity),
                Line::Judgement(judgement) => Some(&judgement.identity),
                Line::Gap(_) => None,
            })
        },
    ),
    ("stage", Kind::Int32, "the canary's stage, or the number of the split", |row| {
        let pair = row.pair().and_then(|pair| pair.stage);
        let pair = pair.or_else(|| row.judgement().and_then(|judgement| judgement.stage));
        Cell::int(pair.or_else(|| row.outcome().and_then(|outcome| outcome.stage)))
    }),
    (
        "request_id",
        Kind::Text,
        "the request, as `crossfade-id` told it; of an outcome or a judgement the one it is of",
        |row| {
            let pair = row.pair().map(|pair| pair.request_id);
            let id = pair.or_else(|| row.judgement().map(|judgement| judgement.request_id));
            let id = id.or_else(|| row.outcome().map(|outcome| outcome.request_id));
            id.map_or(Cell::Null, Cell::shown)
        },
    ),
    ("unit", Kind::Text, "what was randomised, hashed unless the policy shows it", |row| {
        let pair = row.pair().and_then(|pair| pair.unit.as_deref());
        let pair = pair.or_else(|| row.judgement().and_then(|judgement| judgement.unit.as_deref()));
        Cell::text(pair.or_else(|| row.outcome().and_then(|outcome| outcome.unit.as_deref())))
    }),
    ("assigned", Kind::Text, "the arm that was drawn", |row| {
        let pair = row.pair().map(|pair| pair.assigned.as_str());
        Cell::text(pair.or_else(|| row.outcome().map(|outcome| outcome.arm.as_str())))
    }),
    ("enrolled", Kind::Bool, "the request takes part in the comparison", |row| {
        let pair = row.pair().map(|pair| pair.enrolled);
        bool(pair.or_else(|| row.outcome().map(|outcome| outcome.enrolled)))
    }),
];

/// What pairs have.
pub(super) const PAIR: &[OfRow] = &[
    ("counts", Kind::Bool, "enrolled, not forced, no retry: the figures are of these", |row| {
        bool(row.pair().map(PairedRecord::counts))
    }),
    ("served", Kind::Text, "the arm whose answer the user got", |row| {
        Cell::text(row.pair().and_then(|pair| pair.served.as_ref()).map(|arm| arm.as_str()))
    }),
    ("propensity", Kind::Float, "the probability with which `assigned` was drawn", |row| {
        row.pair().map_or(Cell::Null, |pair| Cell::Float(pair.propensity))
    }),
    ("forced", Kind::Bool, "a header forced the arm", |row| bool(row.pair().map(|pair| pair.forced))),
    ("retry", Kind::Bool, "the client had sent the request before", |row| {
        bool(row.pair().map(|pair| pair.retry))
    }),
    ("fallback", Kind::Bool, "the assigned arm failed and legacy answered", |row| {
        bool(row.pair().map(|pair| pair.fallback))
    }),
    ("held_back", Kind::Bool, "copies were held back, to learn what they cost users", |row| {
        bool(row.pair().map(|pair| pair.held_back))
    }),
    ("cancelled", Kind::Bool, "the client left before it had the whole answer", |row| {
        bool(row.pair().map(|pair| pair.cancelled))
    }),
    ("truncated", Kind::Bool, "a body is above the cap", |row| bool(row.pair().map(|pair| pair.truncated))),
    ("degraded", Kind::Text, "why lists that were to be mixed were not", |row| {
        row.pair().and_then(|pair| pair.degraded.as_ref()).map_or(Cell::Null, Cell::word)
    }),
    ("method", Kind::Text, "the request's method", |row| {
        Cell::text(row.pair().map(|pair| pair.request.method.as_str()))
    }),
    ("path", Kind::Text, "the request's path, without the query", |row| {
        Cell::text(row.pair().map(|pair| pair.request.path.as_str()))
    }),
    ("request_bytes", Kind::Int64, "the size of the request's body", |row| {
        Cell::int(row.pair().map(|pair| pair.request.bytes))
    }),
    ("request_readings", Kind::Text, "JSON: what stood in the request at the paths of the metrics", |row| {
        let readings = row.pair().map(|pair| &pair.request.readings);
        readings.filter(|readings| !readings.is_empty()).map_or(Cell::Null, Cell::json)
    }),
    ("legacy", Kind::Text, "the arm that candidates are held against", |row| {
        let arms = match row.line {
            Line::Pair(pair) | Line::Answered(pair) => &pair.arms[..],
            Line::Design(design) => &design.arms[..],
            Line::Outcome(_) | Line::Judgement(_) | Line::Gap(_) => &[],
        };
        Cell::text(arms.first().map(|arm| arm.as_str()))
    }),
    ("candidate", Kind::Text, "the first other arm that gave an answer of its own", |row| {
        Cell::text(row.candidate.map(|seen| seen.arm.as_str()))
    }),
];

/// What one call has: each part, and where it is found.
pub(super) fn call() -> impl Iterator<Item = (&'static Part, FoundInCall)> {
    CALLS.iter().skip(1).zip(CALL.iter().copied())
}

/// The parts of one call: its arm, then what [`CALL`] finds.
const CALLS: &[Part] = &[
    part("arm", Kind::Text, "the arm"),
    part("role", Kind::Text, "what the call was for"),
    part("fate", Kind::Text, "how it ended; `complete` is a whole answer"),
    part("error", Kind::Bool, "it counts as an error"),
    part("status", Kind::Int32, "the HTTP status"),
    part("grpc_status", Kind::Int32, "how a gRPC call ended"),
    part("skew_seconds", Kind::Float, "from the request's arrival to the call's beginning"),
    part("head_seconds", Kind::Float, "from there to the answer's head"),
    part("first_byte_seconds", Kind::Float, "from the call's beginning to the first byte of the body"),
    part("total_seconds", Kind::Float, "from the call's beginning to its end"),
    part("bytes", Kind::Int64, "the size of the answer's body"),
    part("input_tokens", Kind::Int64, "input tokens, without those read from a cache"),
    part("cached_input_tokens", Kind::Int64, "input tokens that a cache gave"),
    part("output_tokens", Kind::Int64, "output tokens"),
    part("cost", Kind::Money, "what it cost"),
    part("currency", Kind::Text, "in which currency, by ISO 4217"),
    part("readings", Kind::Text, "JSON: what stood in the answer at the paths of the metrics"),
];

/// Finds what one call has, in the order of its parts behind the arm.
const CALL: &[FoundInCall] = &[
    |seen| Cell::text(Some(seen.role.as_str())),
    |seen| Cell::text(Some(seen.fate.as_str())),
    |seen| Cell::Bool(seen.is_error()),
    |seen| Cell::int(seen.status),
    |seen| Cell::int(seen.grpc_status),
    |seen| Cell::seconds(Some(seen.skew_ms)),
    |seen| Cell::seconds(seen.head_ms),
    |seen| Cell::seconds(seen.first_byte_ms),
    |seen| Cell::seconds(Some(seen.total_ms)),
    |seen| Cell::int(Some(seen.bytes)),
    |seen| Cell::int(seen.tokens.map(|used| used.input_tokens)),
    |seen| Cell::int(seen.tokens.map(|used| used.cached_input_tokens)),
    |seen| Cell::int(seen.tokens.map(|used| used.output_tokens)),
    |seen| seen.cost.as_ref().map_or(Cell::Null, |cost| Cell::Money(cost.amount)),
    |seen| Cell::text(seen.cost.as_ref().map(|cost| cost.currency.as_str())),
    |seen| {
        if seen.readings.is_empty() { Cell::Null } else { Cell::json(&seen.readings) }
    },
];

/// What pairs have of several calls, and what the other kinds of lines have.
pub(super) const LATER: &[OfRow] = &[
    ("agreed", Kind::Bool, "whether all compared fields of `candidate` agree with legacy's", |row| {
        bool(row.comparison.map(|found| found.fields.values().all(|field| *field == Agreement::Agree)))
    }),
    ("score", Kind::Float, "the mean of the scores of those fields that have one", |row| {
        let scores = row.comparison.map(|found| &found.scores).filter(|scores| !scores.is_empty());
        scores.map_or(Cell::Null, |scores| Cell::Float(scores.values().sum::<f64>() / scores.len() as f64))
    }),
    ("calls", Kind::List(CALLS), "all calls, in the order of their beginning", calls),
    (
        "comparisons",
        Kind::List(COMPARISON),
        "how each field of each answer compares with legacy's",
        comparisons,
    ),
    ("dropped", Kind::List(DROPPED), "copies that were not sent", dropped),
    ("outcome", Kind::Text, "the outcome's name", |row| {
        Cell::text(row.outcome().map(|outcome| outcome.outcome.as_str()))
    }),
    ("outcome_type", Kind::Text, "`click`, `label`, `binary`, `number` or `json`", |row| {
        row.outcome().map_or(Cell::Null, |outcome| Cell::word(&outcome.kind))
    }),
    ("outcome_value", Kind::Text, "JSON: what was reported; of a click the item's id, or its place", |row| {
        row.outcome().map_or(Cell::Null, |outcome| Cell::json(&outcome.value.to_json()))
    }),
    ("outcome_number", Kind::Float, "the number that was reported; 1 and 0 for yes and no", |row| match row
        .outcome()
        .map(|outcome| &outcome.value)
    {
        Some(OutcomeValue::Number(number)) => Cell::Float(*number),
        Some(OutcomeValue::Binary(truth)) => Cell::Float(f64::from(u8::from(*truth))),
        _ => Cell::Null,
    }),
    ("outcome_late", Kind::Bool, "it came after its window, and counts nowhere", |row| {
        bool(row.outcome().map(|outcome| outcome.late))
    }),
    ("request_time", Kind::Moment, "when the outcome's or the judgement's request was served", |row| {
        let time = row.outcome().map(|outcome| outcome.request_time);
        let time = time.or_else(|| row.judgement().map(|judgement| judgement.request_time));
        time.map_or(Cell::Null, Cell::Moment)
    }),
    ("gap_of", Kind::Text, "of which kind the missing lines are", |row| {
        Cell::text(row.gap().map(|gap| gap.of.as_str()))
    }),
    ("gap_reason", Kind::Text, "why they are missing", |row| {
        Cell::text(row.gap().map(|gap| gap.reason.as_str()))
    }),
    ("gap_lost", Kind::Int64, "how many they are; null: nobody knows", |row| {
        Cell::int(row.gap().and_then(|gap| gap.lost))
    }),
    ("gap_until", Kind::Moment, "when the last was noticed", |row| {
        row.gap().map_or(Cell::Null, |gap| Cell::Moment(gap.until))
    }),
    ("judge", Kind::Text, "the judge's name", |row| {
        Cell::text(row.judgement().map(|judgement| judgement.judge.as_str()))
    }),
    ("judge_version", Kind::Text, "count together only what has the same", |row| {
        Cell::text(row.judgement().map(|judgement| judgement.version.as_str()))
    }),
    ("judge_mode", Kind::Text, "`rules`, `pointwise`, `pairwise` or `human`", |row| {
        Cell::text(row.judgement().map(|judgement| judgement.mode.as_str()))
    }),
    (
        "judge_propensity",
        Kind::Float,
        "the probability with which the request was drawn for the judge",
        |row| row.judgement().map_or(Cell::Null, |judgement| Cell::Float(judgement.propensity)),
    ),
    ("judged", Kind::List(JUDGED), "what the judge said, answer by answer", judged),
    (
        "legacy_cache_write_input_tokens",
        Kind::Int64,
        "of the input tokens, those that were written to a cache",
        |row| Cell::int(used(row.legacy).map(|used| used.cache_write_input_tokens)),
    ),
    ("legacy_reasoning_tokens", Kind::Int64, "of the output tokens, those that were reasoning", |row| {
        Cell::int(used(row.legacy).map(|used| used.reasoning_tokens))
    }),
    (
        "legacy_tokens_estimated",
        Kind::Bool,
        "some of the tokens are estimated, for the answer did not tell",
        |row| bool(used(row.legacy).map(|used| used.estimated)),
    ),
    ("legacy_answered_by", Kind::Text, "the model that says it answered, in its own words", |row| {
        Cell::text(row.legacy.and_then(answered_by))
    }),
    ("legacy_finish", Kind::Text, "why the answer of a language model ended", |row| {
        Cell::text(row.legacy.and_then(finish).map(Finish::as_str))
    }),
    (
        "candidate_cache_write_input_tokens",
        Kind::Int64,
        "of the input tokens, those that were written to a cache",
        |row| Cell::int(used(row.candidate).map(|used| used.cache_write_input_tokens)),
    ),
    ("candidate_reasoning_tokens", Kind::Int64, "of the output tokens, those that were reasoning", |row| {
        Cell::int(used(row.candidate).map(|used| used.reasoning_tokens))
    }),
    (
        "candidate_tokens_estimated",
        Kind::Bool,
        "some of the tokens are estimated, for the answer did not tell",
        |row| bool(used(row.candidate).map(|used| used.estimated)),
    ),
    ("candidate_answered_by", Kind::Text, "the model that says it answered, in its own words", |row| {
        Cell::text(row.candidate.and_then(answered_by))
    }),
    ("candidate_finish", Kind::Text, "why the answer of a language model ended", |row| {
        Cell::text(row.candidate.and_then(finish).map(Finish::as_str))
    }),
    ("line", Kind::Text, "the whole line, JSON as the log has it", |row| Cell::text(Some(&row.text))),
];

const COMPARISON: &[Part] = &[
    part("arm", Kind::Text, "the arm; legacy itself for its second call"),
    part("role", Kind::Text, "what its call was for"),
    part("field", Kind::Text, "the field; where the policy names none `answer` and `length`, or `body`"),
    part("agreement", Kind::Text, "`agree`, `differ` or `missing`"),
    part(
        "score",
        Kind::Float,
        "how far apart or how alike the values are, by the measure of the rule; of lengths their ratio",
    ),
];

const DROPPED: &[Part] = &[
    part("arm", Kind::Text, "the arm that was to get it"),
    part("role", Kind::Text, "what it was for"),
    part("reason", Kind::Text, "why it was not sent"),
];

const JUDGED: &[Part] = &[
    part("arm", Kind::Text, "the arm whose answer it is"),
    part("role", Kind::Text, "what its call was for"),
    part("score", Kind::Float, "from 0 to 1; of rules 1 where all are kept"),
    part("against_legacy", Kind::Text, "`win`, `loss` or `tie`"),
    part("consistent", Kind::Bool, "both orders led to the same"),
    part("missing", Kind::Text, "why nothing is known"),
];

const fn part(name: &'static str, kind: Kind, about: &'static str) -> Part {
    Part { name, kind, about }
}

fn calls<'r>(row: &'r Row<'_>) -> Cell<'r> {
    let call = |seen: &'r ObservationRecord| {
        let arm = Cell::text(Some(seen.arm.as_str()));
        std::iter::once(arm).chain(CALL.iter().map(|found| found(seen))).collect()
    };
    row.pair().map_or(Cell::Null, |pair| Cell::List(pair.observations.iter().map(call).collect()))
}

fn comparisons<'r>(row: &'r Row<'_>) -> Cell<'r> {
    let Some(pair) = row.pair() else { return Cell::Null };
    let fields = pair.comparison.iter().flat_map(|found| {
        found.fields.iter().map(|(field, agreement)| {
            let score = found.scores.get(field).or_else(|| found.ratios.get(field));
            let score = score.map_or(Cell::Null, |score| Cell::Float(*score));
            let (arm, role) = (Cell::text(Some(found.arm.as_str())), Cell::text(Some(found.role.as_str())));
            vec![arm, role, Cell::text(Some(field)), Cell::word(agreement), score]
        })
    });
    Cell::List(fields.collect())
}

fn dropped<'r>(row: &'r Row<'_>) -> Cell<'r> {
    let Some(pair) = row.pair() else { return Cell::Null };
    let copies = pair.dropped.iter().map(|copy| {
        let texts = [copy.arm.as_str(), copy.role.as_str(), copy.reason.as_str()];
        texts.map(|text| Cell::text(Some(text))).into()
    });
    Cell::List(copies.collect())
}

fn judged<'r>(row: &'r Row<'_>) -> Cell<'r> {
    let Some(judgement) = row.judgement() else { return Cell::Null };
    let answers = judgement.answers.iter().map(|answer| {
        vec![
            Cell::text(Some(answer.arm.as_str())),
            Cell::text(Some(answer.role.as_str())),
            answer.score.map_or(Cell::Null, Cell::Float),
            answer.against_legacy.as_ref().map_or(Cell::Null, Cell::word),
            bool(answer.consistent),
            answer.missing.as_ref().map_or(Cell::Null, Cell::word),
        ]
    });
    Cell::List(answers.collect())
}

fn used(seen: Option<&ObservationRecord>) -> Option<Usage> {
    seen.and_then(|seen| seen.tokens)
}

fn answered_by(seen: &ObservationRecord) -> Option<&str> {
    seen.said.as_ref()?.model.as_deref()
}

fn finish(seen: &ObservationRecord) -> Option<Finish> {
    seen.said.as_ref()?.finish
}

fn bool(mark: Option<bool>) -> Cell<'static> {
    mark.map_or(Cell::Null, Cell::Bool)
}

fn kind(line: &Line) -> &'static str {
    line.kind().as_str()
}
