-- The figures of `crossfade report` by DuckDB, from the Parquet files of a lake.
--
--   duckdb -cmd "SET VARIABLE lake = '/srv/lake'" < duckdb.sql
--
-- The first two statements make views; each of the others is a figure by itself.

-- records: every line once, however often it was delivered.
CREATE OR REPLACE TEMP VIEW records AS
SELECT * FROM read_parquet(getvariable('lake') || '/**/*.parquet', union_by_name = true)
QUALIFY row_number() OVER (PARTITION BY id ORDER BY time) = 1;

-- pairs: the requests of each experiment's present identity; what went before is other evidence.
CREATE OR REPLACE TEMP VIEW pairs AS
SELECT * FROM records WHERE kind = 'pair'
QUALIFY identity = last_value(identity) OVER (
    PARTITION BY experiment ORDER BY time, id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING);

-- requests: how many there are, and how many are left out of all figures but `assigned`, by reason.
SELECT experiment, count(*) AS requests,
    count(*) FILTER (NOT enrolled AND NOT forced) AS not_enrolled,
    count(*) FILTER (forced) AS forced,
    count(*) FILTER (retry AND enrolled AND NOT forced) AS retries
FROM pairs GROUP BY ALL ORDER BY ALL;

-- arms: how many requests were assigned to each arm, and how many of those count.
SELECT experiment, assigned AS arm, count(*) AS assigned, count(*) FILTER (counts) AS enrolled
FROM pairs GROUP BY ALL ORDER BY ALL;

-- calls: errors, speed, tokens and cost by arm and by what its calls were for. What the client cut short, or never came to
-- the model, says nothing of its speed. Quantiles are exact here, and within 1 % in the report.
WITH calls AS (
    SELECT experiment, unnest(calls) AS call FROM pairs WHERE counts
), timed AS (
    SELECT experiment, call.*, call.fate NOT IN ('cancelled', 'connect_error', 'overloaded', 'breaker_open') AS is_timed
    FROM calls
)
SELECT experiment, arm, role, count(*) AS requests,
    count(*) FILTER (error) AS errors,
    count(*) FILTER (fate = 'cancelled') AS cancelled,
    1000 * quantile_disc(total_seconds, 0.50) FILTER (is_timed) AS p50_ms,
    1000 * quantile_disc(total_seconds, 0.95) FILTER (is_timed) AS p95_ms,
    1000 * quantile_disc(total_seconds, 0.99) FILTER (is_timed) AS p99_ms,
    coalesce(sum(input_tokens), 0) AS input_tokens,
    coalesce(sum(output_tokens), 0) AS output_tokens,
    any_value(currency) AS currency,
    sum(cost) AS cost
FROM timed GROUP BY ALL ORDER BY ALL;

-- agreement: how often each field of each arm's answers agrees with legacy's.
WITH compared AS (
    SELECT experiment, unnest(comparisons) AS comparison FROM pairs WHERE counts
)
SELECT experiment, comparison.arm AS arm, comparison.role AS role, comparison.field AS field,
    count(*) FILTER (comparison.agreement = 'agree') AS agree,
    count(*) FILTER (comparison.agreement = 'differ') AS differ,
    count(*) FILTER (comparison.agreement = 'missing') AS missing
FROM compared GROUP BY ALL ORDER BY ALL;

-- accuracy: how often answers are right, for each metric of kind accuracy whose truth is an outcome. An answer that gives
-- no prediction is wrong; one that the gateway could not read is left out.
WITH designs AS (
    SELECT DISTINCT experiment, identity, unnest(CAST(line -> '$.metrics' AS JSON[])) AS metric
    FROM records WHERE kind = 'design'
), metrics AS (
    SELECT DISTINCT experiment, identity, metric ->> '$.name' AS metric,
        metric ->> '$.prediction.answer' AS path, metric ->> '$.truth.outcome' AS outcome
    FROM designs WHERE metric ->> '$.measure.kind' = 'accuracy'
), truths AS (
    SELECT request_id, outcome, any_value(outcome_value ->> '$') AS truth
    FROM records WHERE kind = 'outcome' AND enrolled AND NOT outcome_late GROUP BY ALL
), answers AS (
    SELECT experiment, identity, request_id, unnest(calls) AS call FROM pairs WHERE counts
), judged AS (
    SELECT answers.experiment, metric, call.arm, call.role, truth,
        json_extract(call.readings, '$."' || path || '"') AS reading,
        json_extract_string(call.readings, '$."' || path || '".value') AS prediction
    FROM answers JOIN metrics USING (experiment, identity) JOIN truths USING (request_id, outcome)
)
SELECT experiment, metric, arm, role,
    avg(CASE WHEN prediction = truth THEN 1.0 ELSE 0.0 END) AS value, count(*) AS examples,
    count(*) FILTER (prediction IS NULL) AS failed
FROM judged WHERE reading IS NOT NULL AND reading <> '"unreadable"' GROUP BY ALL ORDER BY ALL;

-- outcomes: reports in time, reports too late, and the sum of numbers, or how many were true.
SELECT experiment, outcome, assigned AS arm,
    count(*) FILTER (NOT outcome_late) AS reports,
    count(*) FILTER (outcome_late) AS late,
    coalesce(sum(outcome_number) FILTER (NOT outcome_late), 0) AS sum
FROM records
WHERE kind = 'outcome' AND enrolled AND (experiment, identity) IN (SELECT experiment, identity FROM pairs)
GROUP BY ALL ORDER BY ALL;

-- copies: what became of the copies of requests: sent, answered whole, compared, and not sent, by reason.
WITH sent AS (
    SELECT experiment, unnest(calls) AS call, comparisons FROM pairs WHERE counts
), steps AS (
    SELECT experiment, call.arm AS arm, call.role AS role, 'sent' AS step FROM sent
    UNION ALL BY NAME
    SELECT experiment, call.arm AS arm, call.role AS role, 'complete' AS step FROM sent WHERE call.fate = 'complete'
    UNION ALL BY NAME
    SELECT experiment, call.arm AS arm, call.role AS role, 'compared' AS step FROM sent
    WHERE len(list_filter(comparisons, lambda c: c.arm = call.arm AND c.role = call.role)) > 0
    UNION ALL BY NAME
    SELECT experiment, copy.arm AS arm, copy.role AS role, 'dropped: ' || copy.reason AS step
    FROM (SELECT experiment, unnest(dropped) AS copy FROM pairs WHERE counts)
)
SELECT experiment, arm, role, step, count(*) AS copies
FROM steps WHERE role IN ('shadow', 'control', 'pair') GROUP BY ALL ORDER BY ALL;

-- gaps: how many lines the log lacks, of which kind, and why.
SELECT experiment, gap_of, gap_reason, sum(gap_lost) AS lost
FROM records WHERE kind = 'gap' GROUP BY ALL ORDER BY ALL;
