"""All experiments at a glance: what the verdicts say, who answers how much, and whether users are well."""

from blocks import FAILED, PHASE_COLORS, VERDICT_COLORS
from blocks import at, filled, increase, judged, of, quantile, query, rate
from blocks import dashboard as make
from blocks import experiments, gateways, judge, lines, row, stat, table
from blocks import override, value_cells, word_cells

CANDIDATES = f"max by (experiment, candidate) (crossfade_verdict_state{{{judged()}}})"

# One for every request of an experiment, and one for every request that none matched.
UNMATCHED = of(experiment="_default", role="answer")
USERS = f"({rate('assigned_total', 'experiment')} or {rate('requests_total', 'experiment', UNMATCHED)})"

# A mixed list fails its user only if every model fails: at most as often as the one that fails least.
MIXED_ERRORS = "min by (experiment) " + filled(
    rate("requests_total", "experiment, arm", of(role="interleaved", code=FAILED)),
    rate("requests_total", "experiment, arm", of(role="interleaved")),
)
FAILED_ANSWERS = rate("requests_total", "experiment", of(role="answer|fallback", code=FAILED))
MADE_GOOD = filled(rate("marked_requests_total", "experiment", of(mark="fallback")), USERS)
USER_ERRORS = f"({MIXED_ERRORS} or clamp_min({FAILED_ANSWERS} - {MADE_GOOD}, 0) or 0 * {USERS})"

COPIES_DROPPED = filled(rate("copies_dropped_total", "experiment"), rate("copies_sent_total", "experiment"))
COPIES_ASKED = f"({rate('copies_sent_total', 'experiment')} + {COPIES_DROPPED})"

WEIGHT = f"max by (experiment, arm) (crossfade_traffic_weight_ratio{{{of()}}})"

BAD_FROM_ONE = [("green", None), ("red", 1)]
ERROR_STEPS = [("green", None), ("yellow", 0.001), ("red", 0.01)]


def dashboard() -> dict:
    return make(
        "crossfade-overview",
        "Crossfade / Overview",
        "All experiments: verdicts, rollouts, weights, effects, and whether users get their answers.",
        [*gateways(), experiments(many=True), judge()],
        [at_a_glance(), candidates(), users()],
    )


def of_candidates(expr: str) -> str:
    """A figure of arms, of candidates only, under the label that verdicts have."""
    renamed = f'label_replace({expr}, "candidate", "$1", "arm", "(.+)")'
    return f"max by (experiment, candidate) ({renamed}) and {CANDIDATES}"


def per_candidate(expr: str) -> str:
    """A figure of an experiment as a figure of each of its candidates, so that a table can join it."""
    return f"0 * {CANDIDATES} + on (experiment) group_left () {expr}"


def at_a_glance() -> list[dict]:
    def verdicts(state: str) -> str:
        found = f"max by (experiment, candidate) (crossfade_verdict_state{{{judged(state=state)}}}) == 1"
        return f"count({found}) or vector(0)"

    return row(
        "At a glance",
        stat(
            "Gateways",
            "Gateways that answer scrapes. Fewer than you run: see the gateway dashboard and the targets of "
            "Prometheus.",
            [query(f"count(crossfade_build_info{{{at()}}})", "gateways")],
            "none",
            size=(3, 4),
        ),
        stat(
            "Experiments",
            "Experiments that the policies hold.",
            [query(f"count(count by (experiment) (crossfade_traffic_weight_ratio{{{of()}}}))", "experiments")],
            "none",
            size=(3, 4),
        ),
        stat(
            "To be promoted",
            "Candidates whose every condition of promotion is met. Look at the experiment, then let the candidate "
            "take over.",
            [query(verdicts("promote"), "promote")],
            "none",
            size=(3, 4),
            steps=[("text", None), ("green", 1)],
        ),
        stat(
            "To be rolled back",
            "Candidates that are surely worse on a guardrail. Where they still answer users, roll them back.",
            [query(verdicts("rollback"), "rollback")],
            "none",
            size=(3, 4),
            steps=BAD_FROM_ONE,
        ),
        stat(
            "Void",
            "Candidates whose verdict is void, because users or outcomes reach the arms in other shares than drawn. "
            "Conclude nothing before the cause is found: see the sample ratio on the experiment's dashboard.",
            [query(verdicts("invalid"), "invalid")],
            "none",
            size=(3, 4),
            steps=BAD_FROM_ONE,
        ),
        stat(
            "Users' requests",
            "Requests of users, those that no experiment matched among them.",
            [query(f"sum({USERS})", "requests")],
            "reqps",
            size=(3, 4),
            graph=True,
        ),
        stat(
            "Users' errors",
            "Share of users' requests that ended in an error: 5xx, no connection, a timeout, a reset, an answer that "
            "broke off. What legacy made good as a fallback is not among them. A candidate that only gets copies "
            "cannot move this.",
            [query(f"sum({USER_ERRORS}) / sum({USERS})", "errors")],
            "percentunit",
            size=(3, 4),
            graph=True,
            steps=ERROR_STEPS,
            decimals=2,
        ),
        stat(
            "Records lost",
            "Records that were lost in the time shown. Reports then lack requests, and say so. See the gateway "
            "dashboard for the reason: a full queue, or a disk that is full, slow or gone.",
            [query(f"{increase('records_lost_total', '')} or vector(0)", "lost", now=True)],
            "short",
            size=(3, 4),
            steps=BAD_FROM_ONE,
            decimals=0,
        ),
    )


def candidates() -> list[dict]:
    phase = f"topk by (experiment) (1, max by (experiment, phase) (crossfade_ramp_phase{{{of()}}}) == 1)"
    failed = rate("requests_total", "experiment, arm", of(role="!control", code=FAILED))
    called = rate("requests_total", "experiment, arm", of(role="!control"))
    mismatch = f"max by (experiment) (crossfade_sample_ratio_mismatch_log_e{{{judged()}}})"
    state = f"max by (experiment, candidate, state) (crossfade_verdict_state{{{judged()}}}) == 1"
    needed = f"max by (experiment, candidate) (crossfade_evidence_needed_log_e{{{judged()}}})"

    def effect(bound: str) -> str:
        return f"max by (experiment, candidate, figure, scale) (crossfade_effect{{{judged(bound=bound)}}})"

    def evidence(direction: str) -> str:
        return f"max by (experiment, candidate, figure) (crossfade_evidence_log_e{{{judged(direction=direction)}}})"

    to_experiment = {
        "title": "Open the experiment",
        "url": "/d/crossfade-experiment?var-experiment=${__data.fields.Experiment}&${datasource:queryparam}"
        "&${job:queryparam}&${instance:queryparam}&${judge:queryparam}&${__url_time_range}",
        "targetBlank": False,
    }
    link = override("Experiment", links=[to_experiment])
    return row(
        "Candidates",
        table(
            "Verdicts",
            "A line for each candidate: what the verdict says, what its experiment is doing, the share of units "
            "that it answers, how many requests its experiment gets, how often its calls fail, how often users see "
            "an error, the share of copies that a bound held back, and the evidence that shares are not as drawn "
            "(from 6.9 the verdict is void). Click an experiment for all its figures. A line appears with an "
            "experiment's first requests.",
            [
                query(state, "", table=True),
                query(f"0 * {CANDIDATES} + on (experiment) group_left (phase) {phase}", "", table=True),
                query(of_candidates(WEIGHT), "", table=True),
                query(per_candidate(rate("assigned_total", "experiment")), "", table=True),
                query(of_candidates(f"({filled(failed, called)} / {called})"), "", table=True),
                query(per_candidate(f"({USER_ERRORS} / {USERS})"), "", table=True),
                query(per_candidate(f"({COPIES_DROPPED} / {COPIES_ASKED})"), "", table=True),
                query(per_candidate(mismatch), "", table=True),
            ],
            {
                "experiment": "Experiment",
                "candidate": "Candidate",
                "state": "Verdict",
                "phase": "Phase",
                "Value #C": "Weight",
                "Value #D": "Requests",
                "Value #E": "Candidate's errors",
                "Value #F": "Users' errors",
                "Value #G": "Copies dropped",
                "Value #H": "Mismatch",
            },
            "short",
            size=(24, 9),
            overrides=[
                link,
                word_cells("Verdict", VERDICT_COLORS),
                word_cells("Phase", PHASE_COLORS),
                value_cells("Weight", "percentunit"),
                value_cells("Requests", "reqps"),
                value_cells("Candidate's errors", "percentunit", ERROR_STEPS),
                value_cells("Users' errors", "percentunit", ERROR_STEPS),
                value_cells("Copies dropped", "percentunit", [("green", None), ("yellow", 0.05), ("red", 0.2)]),
                value_cells("Mismatch", "short", [("green", None), ("yellow", 4), ("red", 6.9)]),
            ],
        ),
        table(
            "Effects",
            "How far each candidate is from legacy, on every figure that is watched. No difference is 1 for a "
            "relative_risk, 0 for a difference, 0.5 for a preference. The bounds hold however often one looks; while "
            "no difference lies between them, nothing is decided. Evidence is the logarithm of an e-value, and "
            "counts once it reaches what is needed.",
            [
                query(effect("lower"), "", table=True),
                query(effect("estimate"), "", table=True),
                query(effect("upper"), "", table=True),
                query(evidence("better"), "", table=True),
                query(evidence("worse"), "", table=True),
                query(f"0 * {effect('estimate')} + on (experiment, candidate) group_left () {needed}", "", table=True),
            ],
            {
                "experiment": "Experiment",
                "candidate": "Candidate",
                "figure": "Figure",
                "scale": "Scale",
                "Value #A": "Lower bound",
                "Value #B": "Estimate",
                "Value #C": "Upper bound",
                "Value #D": "Evidence for better",
                "Value #E": "Evidence for worse",
                "Value #F": "Needed",
            },
            "short",
            size=(24, 9),
            overrides=[
                link,
                *(value_cells(head, "short", decimals=3) for head in ("Lower bound", "Estimate", "Upper bound")),
                *(value_cells(f"Evidence for {side}", "short", decimals=1) for side in ("better", "worse")),
                value_cells("Needed", "short", decimals=1),
            ],
        ),
    )


def users() -> list[dict]:
    answers = of(role="answer|fallback|interleaved")
    return row(
        "Users",
        lines(
            "Requests by experiment",
            "Requests of users; `_default` are those that no experiment matched. A sudden change here explains most "
            "others.",
            [query(USERS, "{{experiment}}")],
            "reqps",
            stacked="normal",
        ),
        lines(
            "Errors by experiment",
            "Share of users' requests that ended in an error. Compare with the candidate's weight: where errors rise "
            "with it, the candidate harms users; roll it back by the admin API.",
            [query(f"{USER_ERRORS} / {USERS}", "{{experiment}}")],
            "percentunit",
            min=0,
            limit=True,
            steps=[("transparent", None), ("red", 0.01)],
        ),
        lines(
            "Time to the answer, p99",
            "99 % of the calls that answer users took no longer than this, to the last byte. Lists that are mixed "
            "wait for the slower model, up to the strategy's deadline. Under shadow only what copies cost can move "
            "it.",
            [query(quantile(0.99, "request_duration_seconds", "experiment", answers), "{{experiment}}")],
            "s",
            min=0,
        ),
        lines(
            "Candidates' weights",
            "The share of units that each candidate answers. A canary climbs in steps and falls to 0 when it is "
            "rolled back.",
            [query(of_candidates(WEIGHT), "{{experiment}}: {{candidate}}")],
            "percentunit",
            size=(12, 8),
            min=0,
            max=1,
        ),
        lines(
            "Cost an hour",
            "What all calls to models cost, in the currency's unit an hour. Everything but answers, fallbacks and "
            "mixed lists is what testing costs: bound it with the strategy's budget.",
            [
                query(
                    f"3600 * {rate('cost_total', 'experiment, role, currency')}",
                    "{{experiment}} ({{role}}), {{currency}}",
                )
            ],
            "short",
            size=(12, 8),
            stacked="normal",
        ),
    )
