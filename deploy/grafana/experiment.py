"""One experiment: its verdict and what that rests on, and how the arms differ in speed, errors, cost and answers."""

from blocks import FAILED, PHASE_COLORS, VERDICT_COLORS
from blocks import filled, increase, judged, of, quantile, query, rate
from blocks import dashboard as make
from blocks import experiments, gateways, judge, labels
from blocks import bars, lines, repeated, row, stat, timeline
from blocks import colored, fixed, override

ASSIGNED = rate("assigned_total", "arm")
CALLS = of(role="!control")
MISMATCH = f"max by (of) (crossfade_sample_ratio_mismatch_log_e{{{judged()}}})"
MISMATCH_STEPS = [("green", None), ("yellow", 4), ("red", 6.9)]
ANSWERED_BY = "{{arm}} ({{role}})"


def dashboard() -> dict:
    return make(
        "crossfade-experiment",
        "Crossfade / Experiment",
        "One experiment: its verdict with the evidence, its traffic, and its arms side by side.",
        [*gateways(), experiments(many=False), judge(), *choices()],
        [verdict(), evidence(), traffic(), latency(), errors_and_cost(), language(), answers(), copies(), lists()],
    )


def choices() -> list[dict]:
    return [
        labels(
            "candidate",
            "Candidate",
            f"crossfade_verdict_state{{{judged()}}}",
            "candidate",
            says="The candidate whose evidence is shown.",
            many=False,
        ),
        labels(
            "figure",
            "Figure",
            f"crossfade_effect{{{judged()}}}",
            "figure",
            says="Figures by which the candidate is compared with legacy; each has a panel.",
        ),
        labels(
            "metric",
            "Metric",
            f"crossfade_quality{{{judged()}}}",
            "metric",
            says="Metrics of the policy; each has a panel.",
        ),
    ]


def verdict() -> list[dict]:
    state = f'crossfade_verdict_state{{{judged()}, candidate=~"$candidate"}}'
    phase = f"max by (phase) (crossfade_ramp_phase{{{of()}}})"
    return row(
        "Verdict",
        stat(
            "Verdict",
            "promote: every condition is met. waiting: not enough evidence yet. hold: a guardrail bars promotion. "
            "rollback: surely worse on a guardrail, take the candidate out. inconclusive: time is up. invalid: the "
            "traffic is not what was drawn. The admin API says why, in a sentence: GET "
            "/api/v1/experiments/NAME/verdict.",
            [query(f"max by (state) ({state}) == 1", "{{state}}")],
            "none",
            shows="name",
            overrides=colored(VERDICT_COLORS),
        ),
        stat(
            "Phase",
            "What the experiment is doing. scheduled: its time has not come. running: as the policy says. held: the "
            "verdict says to hold, or a step took too long; decide. paused: a person stopped the clock. rolled_back: "
            "the candidates are out until a person resumes. promoted: every step is done. ended: it is over.",
            [query(f"{phase} == 1", "{{phase}}")],
            "none",
            shows="name",
            overrides=colored(PHASE_COLORS),
        ),
        stat(
            "Step",
            "The step of a canary's ramp, from 1; 0 when the candidate is out; other strategies have none. A step "
            "that does not end waits for its time, its requests, a verdict, or a person: GET "
            "/api/v1/experiments/NAME tells which.",
            [query(f"max(crossfade_ramp_step{{{of()}}})", "step")],
            "none",
        ),
        stat(
            "Candidate's share",
            "The share of units, or of requests where no unit is named, that is drawn for the candidate to answer. 0 "
            "where it only gets copies, and where lists are mixed.",
            [query(f'max(crossfade_traffic_weight_ratio{{{of()}, arm=~"$candidate"}})', "share")],
            "percentunit",
            decimals=1,
        ),
        stat(
            "Pairs",
            "Requests in the time shown that two arms or more answered whole. Comparisons of answers rest on these.",
            [query(f"{increase('pairs_total', '')} or vector(0)", "pairs", now=True)],
            "short",
            decimals=0,
        ),
        stat(
            "Sample ratio",
            "Evidence that units reach the arms, or outcomes join, in other shares than drawn, as the logarithm of "
            "an e-value. From 6.9 every verdict is void: look for lost records, for units that are missing, for "
            "clients that retry, and for an arm whose answers lose their id before the outcome is reported.",
            [query(f"max({MISMATCH})", "log e")],
            "short",
            steps=MISMATCH_STEPS,
            decimals=2,
        ),
        timeline(
            "Verdict over time",
            "Which verdict held when. promote and rollback are meant to stay; one that comes and goes asks for a look.",
            [query(f"max by (state) ({state})", "{{state}}")],
            overrides=state_rows(VERDICT_COLORS),
        ),
        timeline(
            "Phase over time",
            "What the experiment was doing when. Marks on all panels tell what moved it.",
            [query(phase, "{{phase}}")],
            overrides=state_rows(PHASE_COLORS),
        ),
    )


def state_rows(colors: dict[str, str]) -> list[dict]:
    """Each state's row in its own colour while its value is 1."""

    def steps(color: str) -> dict:
        shown = [{"color": "transparent", "value": None}, {"color": color, "value": 1}]
        return {"mode": "absolute", "steps": shown}

    return [override(word, thresholds=steps(color)) for word, color in colors.items()]


def evidence() -> list[dict]:
    def effect(bound: str) -> str:
        return f'max(crossfade_effect{{{judged(bound=bound)}, candidate=~"$candidate", figure=~"$figure"}})'

    def of_scale(scale: str) -> str:
        return f'max(crossfade_effect{{{judged(scale=scale)}, candidate=~"$candidate", figure=~"$figure"}})'

    def log_e(direction: str) -> str:
        found = f'crossfade_evidence_log_e{{{judged(direction=direction)}, candidate=~"$candidate"}}'
        return f"max by (figure) ({found})"

    needed = query(f'max(crossfade_evidence_needed_log_e{{{judged()}, candidate=~"$candidate"}})', "needed")
    dashed = {"fill": "dash", "dash": [8, 6]}
    needed_line = override("needed", color=fixed("text"), custom_lineStyle=dashed, custom_fillOpacity=0)
    # The value of no difference, by the figure's scale.
    alike = f"1 + 0 * {of_scale('relative_risk')} or 0 * {of_scale('difference')} or 0.5 + 0 * {of_scale('preference')}"
    effect_panel = lines(
        "Effect on $figure",
        "How far the candidate is from legacy, with a confidence band that holds however often one looks, and the "
        "value of no difference, dashed: 1 for a relative risk, 0 for a difference, 0.5 for a preference. A band "
        "that keeps clear of it decides, and the evidence above tells for which side; a wide one asks for more "
        "traffic. No band: too few events.",
        [
            query(effect("lower"), "lower"),
            query(effect("estimate"), "estimate"),
            query(effect("upper"), "upper"),
            query(alike, "no difference"),
        ],
        "short",
        size=(12, 8),
        overrides=[
            override("no difference", color=fixed("text"), custom_lineStyle=dashed, custom_fillOpacity=0),
            override(
                "upper", color=fixed("blue"), custom_fillBelowTo="lower", custom_fillOpacity=20, custom_lineWidth=0
            ),
            override("lower", color=fixed("blue"), custom_fillOpacity=0, custom_lineWidth=0),
            override("estimate", color=fixed("blue"), custom_fillOpacity=0, custom_lineWidth=2),
        ],
    )
    return row(
        "Evidence",
        lines(
            "Evidence that the candidate is better",
            "The logarithm of the e-value by figure, against what promotion needs. It may be read at any time: once "
            "above the line, the error rate that was chosen (alpha) is kept. Below, wait; a curve that does not rise "
            "shows no effect.",
            [query(log_e("better"), "{{figure}}"), needed],
            "short",
            overrides=[needed_line],
        ),
        lines(
            "Evidence that the candidate is worse",
            "The same for harm. Guardrails have a level of their own, so that the verdict may roll back before or "
            "after this line is crossed; a curve that rises is reason enough to look at the candidate.",
            [query(log_e("worse"), "{{figure}}"), needed],
            "short",
            overrides=[needed_line],
        ),
        lines(
            "Sample ratio mismatch",
            "assigned: units reach the arms in other shares than drawn. joined: outcomes are reported for one arm "
            "more than for the other. From 6.9, e-values above 1,000, verdicts are void until the experiment begins "
            "anew.",
            [query(MISMATCH, "{{of}}")],
            "short",
            limit=True,
            steps=MISMATCH_STEPS,
        ),
        repeated(effect_panel, "figure", 2),
    )


def traffic() -> list[dict]:
    return row(
        "Traffic",
        lines(
            "Split of requests",
            "The share of requests that were assigned to each arm, and, dashed, the share that was drawn for. "
            "Requests follow units: where few users send many requests, the two may part without a fault.",
            [
                query(f"{ASSIGNED} / on () group_left () sum({ASSIGNED})", "{{arm}}"),
                query(f"max by (arm) (crossfade_traffic_weight_ratio{{{of()}}})", "{{arm}}: drawn"),
            ],
            "percentunit",
            min=0,
            max=1,
            overrides=[override("/: drawn$/", custom_lineStyle={"fill": "dash", "dash": [8, 6]}, custom_fillOpacity=0)],
        ),
        lines(
            "Requests",
            "Requests by the arm drawn, and whether they count in the comparison. Not enrolled are those outside the "
            "test's share of traffic, without a unit, forced, and retries.",
            [query(rate("assigned_total", "arm, enrolled"), "{{arm}} (enrolled: {{enrolled}})")],
            "reqps",
            stacked="normal",
        ),
        lines(
            "Unusual requests",
            "fallback: legacy made good for the candidate. degraded: a list could not be mixed. unit_missing: no "
            "user was named; above a few per cent, look at `unit` in the policy. cancelled: the client left.",
            [query(rate("marked_requests_total", "mark"), "{{mark}}")],
            "reqps",
        ),
    )


def latency() -> list[dict]:
    def panel(share: float, name: str) -> dict:
        return lines(
            f"Latency, {name}",
            f"{share:.0%} of the calls took no longer than this, to the last byte. Compare the arms in the same role; "
            "copies run beside the answer and delay nobody.",
            [query(quantile(share, "request_duration_seconds", "arm, role", CALLS), ANSWERED_BY)],
            "s",
            min=0,
        )

    def waited(copied: str) -> str:
        return quantile(0.99, "shadow_user_duration_seconds", "", of(copied=copied))

    return row(
        "Latency",
        panel(0.5, "p50"),
        panel(0.95, "p95"),
        panel(0.99, "p99"),
        lines(
            "First byte, p95",
            "95 % of the calls had their answer's first byte by then. For streams this is what users feel.",
            [query(quantile(0.95, "first_byte_seconds", "arm, role", CALLS), ANSWERED_BY)],
            "s",
            size=(12, 8),
            min=0,
        ),
        lines(
            "What copies cost users, p99",
            "Under shadow: how long users waited whose requests were copied, against those whose copies were held "
            "back by chance. Apart for long: the machine is too small, or the models share something; lower `sample` "
            "or set a budget.",
            [query(waited("true"), "copied"), query(waited("false"), "held back")],
            "s",
            size=(12, 8),
            min=0,
        ),
    )


def errors_and_cost() -> list[dict]:
    failed = rate("requests_total", "arm, role", of(code=FAILED))
    called = rate("requests_total", "arm, role")
    return row(
        "Errors and cost",
        lines(
            "Errors",
            "Share of calls that failed: 5xx, no connection, a timeout, a reset, an answer that broke off. A "
            "candidate above legacy in the same role is worse, whatever its answers are.",
            [query(f"{filled(failed, called)} / {called}", ANSWERED_BY)],
            "percentunit",
            size=(6, 8),
            min=0,
        ),
        lines(
            "How calls end",
            "Calls by status class, or by the way they failed, for each arm. breaker_open and overloaded never came "
            "to the model.",
            [query(rate("requests_total", "arm, code"), "{{arm}}: {{code}}")],
            "reqps",
            size=(6, 8),
            stacked="normal",
        ),
        lines(
            "Cost per 1,000 calls",
            "By arm and what calls were for, in the currency's unit, from the prices in the policy. Models without "
            "prices have none.",
            [
                query(
                    f"1000 * {rate('cost_total', 'arm, role, currency')} / on (arm, role) group_left () {called}",
                    ANSWERED_BY + ", {{currency}}",
                )
            ],
            "short",
            size=(6, 8),
            min=0,
            decimals=4,
        ),
        lines(
            "Tokens per call",
            "What models say they used, by kind. A candidate that talks more costs more and takes longer.",
            [
                query(
                    f"{rate('tokens_total', 'arm, role, kind')} / on (arm, role) group_left () {called}",
                    ANSWERED_BY + ": {{kind}}",
                )
            ],
            "short",
            size=(6, 8),
            min=0,
        ),
        spent("unit_cost", "currency", "Cost per unit", "What all answers to one user or conversation cost together", "short"),
        spent("unit_duration_seconds", "", "Time per unit", "How long all answers to one unit take together", "s"),
        spent(
            "success_cost",
            "outcome, currency",
            "Cost per success",
            "What requests cost for each outcome that was reported as true or clicked, failures included",
            "short",
        ),
        spent(
            "completed_ratio",
            "outcome",
            "Units with a success",
            "The share of users or conversations with at least one such outcome",
            "percentunit",
        ),
    )


def spent(metric: str, by: str, title: str, what: str, unit: str) -> dict:
    arms = ", ".join(filter(None, ["arm", by]))
    legend = " ".join(f"{{{{{label}}}}}" for label in arms.split(", "))
    bound = {"lower": "from", "estimate": "", "upper": "to"}
    return lines(
        title,
        f"{what}, with the ends of a confidence sequence, which holds at every look.",
        [
            query(
                f"max by ({arms}) (crossfade_{metric}{{{judged(bound=word)}}})", f"{legend} {shown}".strip()
            )
            for word, shown in bound.items()
        ],
        unit,
        size=(6, 8),
        min=0,
    )


def language() -> list[dict]:
    agree = rate("tool_call_comparisons_total", "arm, role", of(result="agree"))
    compared = rate("tool_call_comparisons_total", "arm, role")
    return row(
        "Language models",
        lines(
            "Output tokens per second, p50",
            "Half of the streams came faster than this: tokens after the first, by the time from the first chunk to the "
            "last. How long the first took is under Latency. Models that do not tell their tokens have none.",
            [query(quantile(0.5, "output_tokens_per_second", "arm, role", CALLS), ANSWERED_BY)],
            "suffix: tokens/s",
            size=(6, 8),
            min=0,
        ),
        lines(
            "Time between chunks, p95",
            "95 % of the chunks of streams came no later than this after the one before: what users see as stutter. "
            "Readers that take slowly are in it.",
            [query(quantile(0.95, "inter_chunk_seconds", "arm, role", CALLS), ANSWERED_BY)],
            "s",
            size=(6, 8),
            min=0,
        ),
        lines(
            "Why answers end",
            "refusal and content_filter: the user got no answer. length: it was cut at the most tokens that it might "
            "have. A candidate with more of these than legacy is worse, though every status be 200.",
            [query(rate("finishes_total", "arm, finish", CALLS), "{{arm}}: {{finish}}")],
            "cps",
            size=(6, 8),
            stacked="percent",
        ),
        lines(
            "Tools called as by legacy",
            "Of answers that call tools, here or at legacy, the share that calls the same ones with the same arguments. "
            "The role control is legacy held against itself; only what the candidate differs beyond that is its doing.",
            [query(f"{filled(agree, compared)} / {compared}", ANSWERED_BY)],
            "percentunit",
            size=(6, 8),
            min=0,
            max=1,
        ),
    )


def answers() -> list[dict]:
    agree = rate("comparisons_total", "arm, field", of(result="agree"))
    compared = rate("comparisons_total", "arm, field")
    right = rate("labelled_answers_total", "arm, role, metric", of(result="right"))
    labelled = rate("labelled_answers_total", "arm, role, metric")
    quality = f'max by (arm, role) (crossfade_quality{{{judged()}, metric=~"$metric"}})'
    return row(
        "Answers",
        lines(
            "Agreement by field",
            "Share of compared fields that are as legacy's. The arm legacy stands for its control calls: what it "
            "differs from itself. Only what the candidate differs beyond that is the candidate's doing; look at such "
            "pairs with `crossfade report`.",
            [query(f"{filled(agree, compared)} / {compared}", "{{arm}}: {{field}}")],
            "percentunit",
            min=0,
            max=1,
        ),
        lines(
            "Answers that were right",
            "Share of answers right by the labels that came in meanwhile. It lags by as long as labels take.",
            [query(f"{filled(right, labelled)} / {labelled}", ANSWERED_BY + ": {{metric}}")],
            "percentunit",
            min=0,
            max=1,
        ),
        lines(
            "Reports of outcomes",
            "Reports by what became of them. late, unknown, rejected, forbidden and conflict count nowhere: the "
            "README's table of results says why. busy: send it again.",
            [query(rate("feedback_total", "outcome, result"), "{{outcome}}: {{result}}")],
            "cps",
            stacked="normal",
        ),
        repeated(
            lines(
                "Quality: $metric",
                "The metric's value over all answers so far, by arm and what the calls were for. Whether a "
                "difference is more than chance is told by the effect's band above.",
                [query(quality, ANSWERED_BY)],
                "short",
                size=(12, 8),
            ),
            "metric",
            2,
        ),
    )


def copies() -> list[dict]:
    sent = increase("copies_sent_total", "")
    dropped = f"({increase('copies_dropped_total', '')} or vector(0))"
    return row(
        "Copies",
        bars(
            "From asked to sent",
            "Copies that the plan asked for in the time shown, those sent, and those dropped, by reason. in_flight, "
            "bytes, rate and budget are bounds of the policy; model_busy and breaker_open mean that the model does "
            "not keep up, or fails.",
            [
                query(f"({sent} or vector(0)) + {dropped}", "asked", now=True),
                query(increase("copies_sent_total", "role"), "sent: {{role}}", now=True),
                query(increase("copies_dropped_total", "reason"), "dropped: {{reason}}", now=True),
            ],
            "short",
            size=(12, 8),
            decimals=0,
            overrides=[
                override("/^sent/", color=fixed("green")),
                override("/^dropped/", color=fixed("red")),
            ],
        ),
        lines(
            "Copies by what became of them",
            "The same over time. A line of drops that begins with a change of the policy or a release tells its cause.",
            [
                query(rate("copies_sent_total", "role"), "sent: {{role}}"),
                query(rate("copies_dropped_total", "reason"), "dropped: {{reason}}"),
            ],
            "reqps",
            size=(12, 8),
            stacked="normal",
        ),
    )


def lists() -> list[dict]:
    return row(
        "Interleaving",
        lines(
            "Lists won",
            "Mixed lists on which an arm earned more of the clicks, so far. The ratio of the two is the candidate's "
            "preference; the verdict counts each user once.",
            [query(f"sum by (arm) (crossfade_interleaving_wins{{{of()}}})", "{{arm}}")],
            "short",
            size=(12, 8),
        ),
        lines(
            "Lists shown",
            "mixed: something can be learnt. no_contrast: all lists were alike. degraded: one model's list was "
            "served as it is, for the other was late or failed: a longer deadline or a faster model helps.",
            [query(rate("interleaving_impressions_total", "kind"), "{{kind}}")],
            "reqps",
            size=(12, 8),
            stacked="normal",
        ),
    )
