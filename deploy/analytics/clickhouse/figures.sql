-- The figures of `crossfade report` by ClickHouse, from the tables of tables.sql.
--
--   clickhouse-client --multiquery < figures.sql
--
-- The first statement makes a view; each of the others is a figure by itself.

-- pairs: the requests of each experiment's present identity; what went before is other evidence.
CREATE OR REPLACE VIEW crossfade.pairs AS
SELECT * FROM crossfade.records FINAL
WHERE kind = 'pair' AND (experiment, identity) IN (
    SELECT experiment, argMax(identity, (time, id)) FROM crossfade.records FINAL WHERE kind = 'pair' GROUP BY experiment);

-- requests: how many there are, and how many are left out of all figures but `assigned`, by reason.
SELECT experiment, count() AS requests,
    countIf(NOT pairs.enrolled AND NOT pairs.forced) AS not_enrolled,
    countIf(pairs.forced) AS forced,
    countIf(pairs.retry AND pairs.enrolled AND NOT pairs.forced) AS retries
FROM crossfade.pairs AS pairs GROUP BY experiment ORDER BY experiment;

-- arms: how many requests were assigned to each arm, and how many of those count.
SELECT experiment, pairs.assigned AS arm, count() AS assigned, countIf(pairs.counts) AS enrolled
FROM crossfade.pairs AS pairs GROUP BY experiment, pairs.assigned ORDER BY experiment, arm;

-- calls: errors, speed, tokens and cost by arm and by what its calls were for. What the client cut short, or never came to
-- the model, says nothing of its speed. Quantiles are exact here, and within 1 % in the report.
WITH call.fate NOT IN ('cancelled', 'connect_error', 'overloaded', 'breaker_open') AS is_timed
SELECT experiment, call.arm AS arm, call.role AS role, count() AS requests,
    countIf(call.error) AS errors,
    countIf(call.fate = 'cancelled') AS cancelled,
    1000 * quantileExactIf(0.50)(call.total_seconds, is_timed) AS p50_ms,
    1000 * quantileExactIf(0.95)(call.total_seconds, is_timed) AS p95_ms,
    1000 * quantileExactIf(0.99)(call.total_seconds, is_timed) AS p99_ms,
    ifNull(sum(call.input_tokens), 0) AS input_tokens,
    ifNull(sum(call.output_tokens), 0) AS output_tokens,
    any(call.currency) AS currency,
    sum(call.cost) AS cost
FROM crossfade.pairs ARRAY JOIN calls AS call
WHERE counts GROUP BY experiment, arm, role ORDER BY experiment, arm, role;

-- agreement: how often each field of each arm's answers agrees with legacy's.
SELECT experiment, comparison.arm AS arm, comparison.role AS role, comparison.field AS field,
    countIf(comparison.agreement = 'agree') AS agree,
    countIf(comparison.agreement = 'differ') AS differ,
    countIf(comparison.agreement = 'missing') AS missing
FROM crossfade.pairs ARRAY JOIN comparisons AS comparison
WHERE counts GROUP BY experiment, arm, role, field ORDER BY experiment, arm, role, field;

-- accuracy: how often answers are right, for each metric of kind accuracy whose truth is an outcome. An answer that gives
-- no prediction is wrong; one that the gateway could not read is left out.
WITH metrics AS (
    SELECT DISTINCT experiment, identity, JSONExtractString(metric, 'name') AS name,
        JSONExtractString(metric, 'prediction', 'answer') AS path,
        JSONExtractString(metric, 'truth', 'outcome') AS outcome
    FROM crossfade.records ARRAY JOIN JSONExtractArrayRaw(line, 'metrics') AS metric
    WHERE kind = 'design' AND JSONExtractString(metric, 'measure', 'kind') = 'accuracy'
), truths AS (
    SELECT request_id, outcome, JSONExtractString(any(assumeNotNull(outcome_value))) AS truth
    FROM crossfade.records FINAL
    WHERE kind = 'outcome' AND enrolled AND NOT outcome_late GROUP BY request_id, outcome
), answers AS (
    SELECT experiment, identity, request_id, call.arm AS arm, call.role AS role, ifNull(call.readings, '') AS readings
    FROM crossfade.pairs ARRAY JOIN calls AS call WHERE counts
), judged AS (
    SELECT answers.experiment AS experiment, metrics.name AS metric, arm, role, truth,
        JSONExtractRaw(readings, path) AS reading,
        JSONExtractRaw(readings, path, 'value') AS prediction
    FROM answers
    INNER JOIN metrics ON answers.experiment = metrics.experiment AND answers.identity = metrics.identity
    INNER JOIN truths ON answers.request_id = truths.request_id AND metrics.outcome = truths.outcome
)
SELECT experiment, metric, arm, role,
    avg(trim(BOTH '"' FROM prediction) = truth) AS value, count() AS examples, countIf(prediction = '') AS failed
FROM judged WHERE reading NOT IN ('', '"unreadable"')
GROUP BY experiment, metric, arm, role ORDER BY experiment, metric, arm, role;

-- outcomes: reports in time, reports too late, and the sum of numbers, or how many were true.
SELECT experiment, outcome, assigned AS arm,
    countIf(NOT outcome_late) AS reports,
    countIf(outcome_late) AS late,
    ifNull(sumIf(outcome_number, NOT outcome_late), 0) AS sum
FROM crossfade.records FINAL
WHERE kind = 'outcome' AND enrolled AND (experiment, identity) IN (SELECT experiment, identity FROM crossfade.pairs)
GROUP BY experiment, outcome, arm ORDER BY experiment, outcome, arm;

-- copies: what became of the copies of requests: sent, answered whole, compared, and not sent, by reason.
SELECT experiment, arm, role, step, count() AS copies FROM (
    SELECT experiment, call.arm AS arm, call.role AS role,
        arrayJoin(arrayFilter(name -> name != '', ['sent', if(call.fate = 'complete', 'complete', ''),
            if(arrayExists(c -> c.arm = call.arm AND c.role = call.role, comparisons), 'compared', '')])) AS step
    FROM crossfade.pairs ARRAY JOIN calls AS call WHERE counts
    UNION ALL
    SELECT experiment, copy.arm AS arm, copy.role AS role, concat('dropped: ', ifNull(copy.reason, '')) AS step
    FROM crossfade.pairs ARRAY JOIN dropped AS copy WHERE counts
)
WHERE role IN ('shadow', 'control', 'pair')
GROUP BY experiment, arm, role, step ORDER BY experiment, arm, role, step;

-- gaps: how many lines the log lacks, of which kind, and why.
SELECT experiment, gap_of, gap_reason, sum(gap_lost) AS lost
FROM crossfade.records FINAL WHERE kind = 'gap'
GROUP BY experiment, gap_of, gap_reason ORDER BY experiment, gap_of, gap_reason;

-- live: the same calls by minute, from what is kept up to date as records arrive.
SELECT minute, experiment, arm, role, uniqExactMerge(requests) AS requests, uniqExactIfMerge(errors) AS errors,
    arrayMap(seconds -> 1000 * seconds, quantilesTDigestIfMerge(0.5, 0.95, 0.99)(seconds)) AS p50_p95_p99_ms
FROM crossfade.minutes GROUP BY minute, experiment, arm, role ORDER BY minute, experiment, arm, role;
