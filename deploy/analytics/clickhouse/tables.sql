-- What `record.deliver` writes into, and what is kept up to date from it. Each statement may run again.
--
--   clickhouse-client --multiquery < tables.sql

CREATE DATABASE IF NOT EXISTS crossfade;

-- One row a line of the log. Lines arrive at least once: rows of one `id` are merged into one, at some time, so whatever
-- counts reads `records FINAL`. The window drops a portion that is sent again as it was, before it is a row at all.
CREATE TABLE IF NOT EXISTS crossfade.records
(
    schema Int32,
    kind LowCardinality(String),
    id String,
    time DateTime64(6, 'UTC'),
    experiment LowCardinality(String),
    strategy LowCardinality(Nullable(String)),
    policy LowCardinality(Nullable(String)),
    identity LowCardinality(Nullable(String)),
    stage Nullable(Int32),
    request_id Nullable(String),
    unit Nullable(String),
    assigned LowCardinality(Nullable(String)),
    enrolled Nullable(Bool),
    counts Nullable(Bool),
    served LowCardinality(Nullable(String)),
    propensity Nullable(Float64),
    forced Nullable(Bool),
    retry Nullable(Bool),
    fallback Nullable(Bool),
    held_back Nullable(Bool),
    cancelled Nullable(Bool),
    truncated Nullable(Bool),
    degraded LowCardinality(Nullable(String)),
    method LowCardinality(Nullable(String)),
    path Nullable(String),
    request_bytes Nullable(Int64),
    request_readings Nullable(String),
    legacy LowCardinality(Nullable(String)),
    candidate LowCardinality(Nullable(String)),
    legacy_role LowCardinality(Nullable(String)),
    legacy_fate LowCardinality(Nullable(String)),
    legacy_error Nullable(Bool),
    legacy_status Nullable(Int32),
    legacy_grpc_status Nullable(Int32),
    legacy_skew_seconds Nullable(Float64),
    legacy_head_seconds Nullable(Float64),
    legacy_first_byte_seconds Nullable(Float64),
    legacy_total_seconds Nullable(Float64),
    legacy_bytes Nullable(Int64),
    legacy_input_tokens Nullable(Int64),
    legacy_cached_input_tokens Nullable(Int64),
    legacy_output_tokens Nullable(Int64),
    legacy_cost Nullable(Decimal(19, 12)),
    legacy_currency LowCardinality(Nullable(String)),
    legacy_readings Nullable(String),
    candidate_role LowCardinality(Nullable(String)),
    candidate_fate LowCardinality(Nullable(String)),
    candidate_error Nullable(Bool),
    candidate_status Nullable(Int32),
    candidate_grpc_status Nullable(Int32),
    candidate_skew_seconds Nullable(Float64),
    candidate_head_seconds Nullable(Float64),
    candidate_first_byte_seconds Nullable(Float64),
    candidate_total_seconds Nullable(Float64),
    candidate_bytes Nullable(Int64),
    candidate_input_tokens Nullable(Int64),
    candidate_cached_input_tokens Nullable(Int64),
    candidate_output_tokens Nullable(Int64),
    candidate_cost Nullable(Decimal(19, 12)),
    candidate_currency LowCardinality(Nullable(String)),
    candidate_readings Nullable(String),
    agreed Nullable(Bool),
    score Nullable(Float64),
    calls Array(Tuple(
        arm String,
        role String,
        fate Nullable(String),
        error Nullable(Bool),
        status Nullable(Int32),
        grpc_status Nullable(Int32),
        skew_seconds Nullable(Float64),
        head_seconds Nullable(Float64),
        first_byte_seconds Nullable(Float64),
        total_seconds Nullable(Float64),
        bytes Nullable(Int64),
        input_tokens Nullable(Int64),
        cached_input_tokens Nullable(Int64),
        output_tokens Nullable(Int64),
        cost Nullable(Decimal(19, 12)),
        currency Nullable(String),
        readings Nullable(String))),
    comparisons Array(Tuple(
        arm String,
        role String,
        field Nullable(String),
        agreement Nullable(String),
        score Nullable(Float64))),
    dropped Array(Tuple(
        arm String,
        role String,
        reason Nullable(String))),
    outcome LowCardinality(Nullable(String)),
    outcome_type LowCardinality(Nullable(String)),
    outcome_value Nullable(String),
    outcome_number Nullable(Float64),
    outcome_late Nullable(Bool),
    request_time Nullable(DateTime64(6, 'UTC')),
    gap_of LowCardinality(Nullable(String)),
    gap_reason LowCardinality(Nullable(String)),
    gap_lost Nullable(Int64),
    gap_until Nullable(DateTime64(6, 'UTC')),
    judge LowCardinality(Nullable(String)),
    judge_version LowCardinality(Nullable(String)),
    judge_mode LowCardinality(Nullable(String)),
    judge_propensity Nullable(Float64),
    judged Array(Tuple(
        arm Nullable(String),
        role Nullable(String),
        score Nullable(Float64),
        against_legacy Nullable(String),
        consistent Nullable(Bool),
        missing Nullable(String))),
    legacy_cache_write_input_tokens Nullable(Int64),
    legacy_reasoning_tokens Nullable(Int64),
    legacy_tokens_estimated Nullable(Bool),
    legacy_answered_by Nullable(String),
    legacy_finish LowCardinality(Nullable(String)),
    candidate_cache_write_input_tokens Nullable(Int64),
    candidate_reasoning_tokens Nullable(Int64),
    candidate_tokens_estimated Nullable(Bool),
    candidate_answered_by Nullable(String),
    candidate_finish LowCardinality(Nullable(String)),
    line String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (experiment, kind, id)
SETTINGS non_replicated_deduplication_window = 1000;

-- Calls by minute, for dashboards that look every few seconds. What is counted is distinct ids, so that a line which came
-- twice counts once here too.
CREATE TABLE IF NOT EXISTS crossfade.minutes
(
    minute DateTime('UTC'),
    experiment LowCardinality(String),
    arm LowCardinality(String),
    role LowCardinality(String),
    requests AggregateFunction(uniqExact, String),
    errors AggregateFunction(uniqExactIf, String, UInt8),
    seconds AggregateFunction(quantilesTDigestIf(0.5, 0.95, 0.99), Float64, UInt8)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (experiment, minute, arm, role);

CREATE MATERIALIZED VIEW IF NOT EXISTS crossfade.minutes_of_records TO crossfade.minutes AS
SELECT toStartOfMinute(time) AS minute, experiment, call.arm AS arm, call.role AS role,
    uniqExactState(id) AS requests,
    uniqExactIfState(id, ifNull(call.error, false)) AS errors,
    quantilesTDigestIfState(0.5, 0.95, 0.99)(ifNull(call.total_seconds, 0),
        ifNull(call.fate NOT IN ('cancelled', 'connect_error', 'overloaded', 'breaker_open'), false)) AS seconds
FROM crossfade.records ARRAY JOIN calls AS call
WHERE kind = 'pair' AND counts
GROUP BY minute, experiment, arm, role;
