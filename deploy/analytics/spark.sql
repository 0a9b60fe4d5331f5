-- The figures of `crossfade report` by Spark SQL, from the Parquet files of a lake.
--
--   spark-sql -d lake=/srv/lake -f spark.sql
--
-- The first two statements make views; each of the others is a figure by itself.

-- records: every line once, however often it was delivered.
CREATE OR REPLACE TEMPORARY VIEW records AS
SELECT * FROM (
    SELECT *, row_number() OVER (PARTITION BY id ORDER BY time) AS copy FROM parquet.`${lake}`
) WHERE copy = 1;

-- pairs: the requests of each experiment's present identity; what went before is other evidence.
CREATE OR REPLACE TEMPORARY VIEW pairs AS
SELECT records.* FROM records JOIN (
    SELECT experiment, max_by(identity, struct(time, id)) AS identity FROM records WHERE kind = 'pair' GROUP BY experiment
) AS present ON records.experiment = present.experiment AND records.identity = present.identity
WHERE kind = 'pair';

-- requests: how many there are, and how many are left out of all figures but `assigned`, by reason.
SELECT experiment, count(*) AS requests,
    count_if(NOT enrolled AND NOT forced) AS not_enrolled,
    count_if(forced) AS forced,
    count_if(retry AND enrolled AND NOT pairs.forced) AS retries
FROM pairs GROUP BY experiment ORDER BY experiment;

-- arms: how many requests were assigned to each arm, and how many of those count.
SELECT experiment, pairs.assigned AS arm, count(*) AS assigned, count_if(counts) AS enrolled
FROM pairs GROUP BY experiment, pairs.assigned ORDER BY experiment, arm;

-- calls: errors, speed, tokens and cost by arm and by what its calls were for. What the client cut short, or never came to
-- the model, says nothing of its speed. Quantiles are exact here, and within 1 % in the report.
WITH calls AS (
    SELECT experiment, call.*, call.fate NOT IN ('cancelled', 'connect_error', 'overloaded', 'breaker_open') AS is_timed
    FROM (SELECT experiment, explode(calls) AS call FROM pairs WHERE counts)
)
SELECT experiment, arm, role, count(*) AS requests,
    count_if(error) AS errors,
    count_if(fate = 'cancelled') AS cancelled,
    1000 * percentile_disc(0.50) WITHIN GROUP (ORDER BY total_seconds) FILTER (WHERE is_timed) AS p50_ms,
    1000 * percentile_disc(0.95) WITHIN GROUP (ORDER BY total_seconds) FILTER (WHERE is_timed) AS p95_ms,
    1000 * percentile_disc(0.99) WITHIN GROUP (ORDER BY total_seconds) FILTER (WHERE is_timed) AS p99_ms,
    coalesce(sum(input_tokens), 0) AS input_tokens,
    coalesce(sum(output_tokens), 0) AS output_tokens,
    any_value(currency, true) AS currency,
    sum(cost) AS cost
FROM calls GROUP BY experiment, arm, role ORDER BY experiment, arm, role;

-- agreement: how often each field of each arm's answers agrees with legacy's.
SELECT experiment, comparison.arm AS arm, comparison.role AS role, comparison.field AS field,
    count_if(comparison.agreement = 'agree') AS agree,
    count_if(comparison.agreement = 'differ') AS differ,
    count_if(comparison.agreement = 'missing') AS missing
FROM (SELECT experiment, explode(comparisons) AS comparison FROM pairs WHERE counts)
GROUP BY experiment, comparison.arm, comparison.role, comparison.field ORDER BY experiment, arm, role, field;

-- accuracy: how often answers are right, for each metric of kind accuracy whose truth is an outcome. An answer that gives
-- no prediction is wrong; one that the gateway could not read is left out.
WITH designs AS (
    SELECT DISTINCT experiment, identity, explode(from_json(get_json_object(line, '$.metrics'),
        'array<struct<name: string, measure: struct<kind: string>, prediction: struct<answer: string>,
            truth: struct<outcome: string>>>')) AS metric
    FROM records WHERE kind = 'design'
), truths AS (
    SELECT request_id, outcome, any_value(trim(BOTH '"' FROM outcome_value)) AS truth
    FROM records WHERE kind = 'outcome' AND enrolled AND NOT outcome_late GROUP BY request_id, outcome
), answers AS (
    SELECT experiment, identity, request_id, explode(calls) AS call FROM pairs WHERE counts
), judged AS (
    SELECT answers.experiment, metric.name AS metric, call.arm AS arm, call.role AS role, truth,
        get_json_object(call.readings, concat("$['", metric.prediction.answer, "']")) AS reading,
        get_json_object(call.readings, concat("$['", metric.prediction.answer, "'].value")) AS prediction
    FROM answers
    JOIN designs ON answers.experiment = designs.experiment AND answers.identity = designs.identity
    JOIN truths ON answers.request_id = truths.request_id AND designs.metric.truth.outcome = truths.outcome
    WHERE metric.measure.kind = 'accuracy'
)
SELECT experiment, metric, arm, role,
    avg(if(prediction <=> truth, 1, 0)) AS value, count(*) AS examples, count_if(prediction IS NULL) AS failed
FROM judged WHERE reading IS NOT NULL AND reading <> 'unreadable'
GROUP BY experiment, metric, arm, role ORDER BY experiment, metric, arm, role;

-- outcomes: reports in time, reports too late, and the sum of numbers, or how many were true.
SELECT experiment, outcome, assigned AS arm,
    count_if(NOT outcome_late) AS reports,
    count_if(outcome_late) AS late,
    coalesce(sum(outcome_number) FILTER (WHERE NOT outcome_late), 0) AS sum
FROM records
WHERE kind = 'outcome' AND enrolled AND (experiment, identity) IN (SELECT experiment, identity FROM pairs)
GROUP BY experiment, outcome, assigned ORDER BY experiment, outcome, arm;

-- copies: what became of the copies of requests: sent, answered whole, compared, and not sent, by reason.
WITH sent AS (
    SELECT experiment, call.arm AS arm, call.role AS role, explode(array_compact(array('sent',
        if(call.fate = 'complete', 'complete', NULL),
        if(exists(comparisons, c -> c.arm = call.arm AND c.role = call.role), 'compared', NULL)))) AS step
    FROM (SELECT experiment, comparisons, explode(calls) AS call FROM pairs WHERE counts)
), unsent AS (
    SELECT experiment, copy.arm AS arm, copy.role AS role, concat('dropped: ', copy.reason) AS step
    FROM (SELECT experiment, explode(dropped) AS copy FROM pairs WHERE counts)
)
SELECT experiment, arm, role, step, count(*) AS copies
FROM (SELECT * FROM sent UNION ALL SELECT * FROM unsent)
WHERE role IN ('shadow', 'control', 'pair')
GROUP BY experiment, arm, role, step ORDER BY experiment, arm, role, step;

-- gaps: how many lines the log lacks, of which kind, and why.
SELECT experiment, gap_of, gap_reason, sum(gap_lost) AS lost
FROM records WHERE kind = 'gap'
GROUP BY experiment, gap_of, gap_reason ORDER BY experiment, gap_of, gap_reason;
