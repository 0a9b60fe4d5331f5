"""The gateways themselves: whether they are well, what they lose, and what they are short of."""

from blocks import at, increase, of, query, rate
from blocks import dashboard as make
from blocks import experiments, gateways, lines, row, stat, timeline
from blocks import fixed, override

EACH = "{{instance}}"
BAD_FROM_ONE = [("green", None), ("red", 1)]
DASHED = {"fill": "dash", "dash": [8, 6]}


def dashboard() -> dict:
    return make(
        "crossfade-gateway",
        "Crossfade / Gateway",
        "The gateways: health, losses, resources, models, configuration.",
        [*gateways(), experiments(many=True)],
        [health(), resources(), users(), models(), records(), configuration(), surroundings()],
    )


def health() -> list[dict]:
    return row(
        "Health",
        stat(
            "Versions",
            "Gateways by the version that they run. Two versions for longer than a release takes: a roll-out is stuck.",
            [query(f"count by (version) (crossfade_build_info{{{at()}}})", "{{version}}")],
            "none",
            shows="value_and_name",
        ),
        stat(
            "Youngest",
            "How long ago the gateway that started last did so. Short again and again: look for restarts, and why.",
            [query(f"min(time() - process_start_time_seconds{{{at()}}})", "up for")],
            "dtdurations",
            steps=[("yellow", None), ("text", 300)],
        ),
        stat(
            "Panics",
            "Panics in the time shown. Each ended one request, copy or record, and nothing else; each is a bug: the "
            "log has it.",
            [query(f"{increase('panics_total', '', at())} or vector(0)", "panics", now=True)],
            "short",
            steps=BAD_FROM_ONE,
            decimals=0,
        ),
        stat(
            "Records lost",
            "Records lost in the time shown. The row on records says for which reason.",
            [query(f"{increase('records_lost_total', '')} or vector(0)", "lost", now=True)],
            "short",
            steps=BAD_FROM_ONE,
            decimals=0,
        ),
        stat(
            "Last reload",
            "Whether every gateway took the policy file as it last was. rejected: the policy before it stays in force; "
            "`crossfade check` names every problem with its line.",
            [query(f"min(crossfade_policy_last_reload_successful{{{at()}}})", "reload")],
            "none",
            steps=[("red", None), ("green", 1)],
            mappings=verdicts("rejected", "taken"),
        ),
        stat(
            "Certificates",
            "Whether the certificates in use are those of the files. stale: changed files cannot be used, the former "
            "stay; the log says why.",
            [query(f"min(crossfade_tls_certificates_current{{{at()}}}) or vector(1)", "certificates")],
            "none",
            steps=[("red", None), ("green", 1)],
            mappings=verdicts("stale", "current"),
        ),
    )


def verdicts(zero: str, one: str) -> list[dict]:
    """Words for 0 and 1."""
    words = {"0": {"text": zero, "index": 0}, "1": {"text": one, "index": 1}}
    return [{"type": "value", "options": words}]


def resources() -> list[dict]:
    return row(
        "Resources",
        lines(
            "CPU",
            "Cores in use. Near the limit of the container users begin to wait: copies cost CPU too, sample fewer or "
            "allow more.",
            [query(f"rate(process_cpu_seconds_total{{{at()}}}[$__rate_interval])", EACH)],
            "short",
            size=(6, 8),
            min=0,
        ),
        lines(
            "Memory of the process",
            "Resident memory. It follows the memory that is held, and otherwise stays flat.",
            [query(f"process_resident_memory_bytes{{{at()}}}", EACH)],
            "bytes",
            size=(6, 8),
            min=0,
        ),
        lines(
            "Memory held",
            "Memory of captured bodies and waiting records, against what they may hold (dashed). Above 70 % copies "
            "are dropped, above 85 % bodies are captured in part, at 100 % no connection is accepted: raise "
            "`limits.memory` or copy less.",
            [
                query(f"crossfade_memory_held_bytes{{{at()}}}", EACH),
                query(f"min(crossfade_memory_budget_bytes{{{at()}}})", "budget"),
            ],
            "bytes",
            size=(6, 8),
            min=0,
            overrides=[override("budget", color=fixed("text"), custom_lineStyle=DASHED, custom_fillOpacity=0)],
        ),
        lines(
            "Descriptors and threads",
            "Open file descriptors, one a connection, against the limit of the process (dashed), and threads. At the "
            "limit no connection is accepted: raise the limit, or lower `listen.max_connections`.",
            [
                query(f"process_open_fds{{{at()}}}", EACH),
                query(f"min(process_max_fds{{{at()}}})", "limit"),
                query(f"process_threads{{{at()}}}", f"{EACH}: threads"),
            ],
            "short",
            size=(6, 8),
            min=0,
            overrides=[override("limit", color=fixed("text"), custom_lineStyle=DASHED, custom_fillOpacity=0)],
        ),
    )


def users() -> list[dict]:
    return row(
        "Users",
        lines(
            "Connections",
            "Open connections from users. At `listen.max_connections` no more are accepted, and users wait to be.",
            [query(f"crossfade_connections{{{at()}}}", EACH)],
            "short",
            min=0,
        ),
        lines(
            "Answers of the gateway's own",
            "By status and reason. 404 no_route: no experiment matches and there is no default. 502, 503, 504: the "
            "model failed as said. 4xx otherwise: a request that is refused, and what was wrong with it.",
            [query(rate("gateway_answers_total", "code, reason", at()), "{{code}} {{reason}}")],
            "reqps",
            stacked="normal",
        ),
        lines(
            "Limits met",
            "Connections, requests and streams that were ended by a limit, by its key under `limits`; handshakes "
            "that failed; bodies above the cap that a match needed to read; times at which no connection was "
            "accepted. A few are clients' faults; many after a change mean that a limit is too low.",
            [
                query(rate("limited_total", "limit", at()), "{{limit}}"),
                query(rate("tls_handshakes_failed_total", "", at()), "handshakes failed"),
                query(rate("unmatched_bodies_total", "", at()), "bodies not matched"),
                query(rate("accept_pauses_total", "reason", at()), "no accept: {{reason}}"),
            ],
            "cps",
        ),
    )


def models() -> list[dict]:
    return row(
        "Models",
        lines(
            "Calls in flight",
            "Calls to each model under way. At `max_in_flight` further calls fail as overloaded.",
            [query(f"sum by (model) (crossfade_model_in_flight_requests{{{at()}}})", "{{model}}")],
            "short",
            size=(6, 8),
            min=0,
        ),
        lines(
            "New connections",
            "Connections made to each model a second. As many as calls: the model closes each; let it keep them alive.",
            [query(rate("model_connections_total", "model", at()), "{{model}}")],
            "cps",
            size=(6, 8),
        ),
        lines(
            "Breakers open",
            "URLs that are left alone because calls to them failed, by what the calls are for. Open: the model is "
            "down, or hangs; copies to it are dropped, users' calls fall back or fail at once.",
            [query(f"sum by (model, calls) (crossfade_breakers_open{{{at()}}})", "{{model}}: {{calls}}")],
            "short",
            size=(6, 8),
            min=0,
        ),
        lines(
            "Changes of breakers",
            "Many in turn: the model comes and goes.",
            [query(rate("breaker_changes_total", "model, calls, state", at()), "{{model}}: {{calls}} {{state}}")],
            "cps",
            size=(6, 8),
        ),
        lines(
            "Copies in flight",
            "Copies under way by experiment, against `budget.in_flight`.",
            [query(f"sum by (experiment) (crossfade_copies_in_flight{{{of()}}})", "{{experiment}}")],
            "short",
            size=(12, 8),
            min=0,
        ),
        lines(
            "Bytes held for copies",
            "Request bodies held for copies under way, against `budget.in_flight_bytes`.",
            [query(f"sum by (experiment) (crossfade_copies_in_flight_bytes{{{of()}}})", "{{experiment}}")],
            "bytes",
            size=(12, 8),
            min=0,
        ),
    )


def records() -> list[dict]:
    return row(
        "Records",
        lines(
            "Records written",
            "Lines written to the log by kind. pair: one a request of an experiment. gap: tells of what was lost.",
            [query(rate("records_written_total", "kind"), "{{kind}}")],
            "cps",
            stacked="normal",
        ),
        lines(
            "Records lost",
            "By experiment, kind and reason. queue: more came than could wait; raise `record.queue`, or give the "
            "disk less to do. disk: it is full, slow or gone; the log names the error. Users notice neither.",
            [query(rate("records_lost_total", "experiment, kind, reason"), "{{experiment}}: {{kind}}, {{reason}}")],
            "cps",
        ),
        lines(
            "Bodies captured in part",
            "Bodies that were cut in the record because memory was short. Comparisons and metrics lack them: raise "
            "`limits.memory`.",
            [query(rate("bodies_shed_total", "", at()), "bodies")],
            "cps",
        ),
        lines(
            "Records waiting",
            "Records that wait for the writer. They are written every few milliseconds: a queue that stays means a "
            "slow disk.",
            [query(f"crossfade_record_queue_records{{{at()}}}", EACH)],
            "short",
            min=0,
        ),
        lines(
            "Memory of waiting records",
            "Memory of the records that wait. At `record.queue.bytes` further ones are lost.",
            [query(f"crossfade_record_queue_bytes{{{at()}}}", EACH)],
            "bytes",
            min=0,
        ),
        lines(
            "Bytes written",
            "What the log grows by. Multiply by the days to keep, and set `record.keep`.",
            [query(f"rate(crossfade_record_written_bytes_total{{{at()}}}[$__rate_interval])", EACH)],
            "Bps",
        ),
        lines(
            "Trouble with the log",
            "not synced: the disk did not say that it has a file; it was left and another begun. not confirmed: an answer "
            "went out before a strict record had it. crash: the run before was killed; gap records tell of it. torn: its "
            "last line was cut off.",
            [
                query(rate("record_sync_failures_total", "", at()), "not synced"),
                query(rate("record_unconfirmed_total", "", at()), "not confirmed"),
                query(rate("record_crashes_total", "", at()), "crash"),
                query(rate("record_torn_total", "", at()), "torn"),
            ],
            "cps",
            min=0,
        ),
    )


def configuration() -> list[dict]:
    return row(
        "Configuration",
        lines(
            "Reloads of the policy",
            "changed: another policy is in force. unchanged: the file was read and says the same. rejected: it has "
            "problems.",
            [query(rate("policy_reloads_total", "result", at()), "{{result}}")],
            "cps",
        ),
        lines(
            "Age of the policy",
            "Time since each gateway last loaded the policy. Replicas that lag behind the others did not get the file.",
            [query(f"time() - crossfade_policy_last_reload_success_timestamp_seconds{{{at()}}}", EACH)],
            "s",
            min=0,
        ),
        timeline(
            "Certificates in use",
            "Green while the certificates in use are those of the files, by model; `_listen` is the users' side. "
            "Red: the changed files cannot be used (a key that does not fit, no PEM); mend them before the former "
            "expire.",
            [query(f"min by (model) (crossfade_tls_certificates_current{{{at()}}})", "{{model}}")],
            size=(8, 8),
            steps=[("red", None), ("green", 1)],
        ),
    )


def surroundings() -> list[dict]:
    return row(
        "Fleet and webhooks",
        lines(
            "Controller last heard",
            "Time since each gateway last heard of its fleet's controller. While it is silent a gateway keeps the "
            "last weights it was told; above a minute, see whether the controller runs and can be reached.",
            [query(f"time() - crossfade_controller_heard_timestamp_seconds{{{at()}}}", EACH)],
            "s",
            min=0,
            limit=True,
            steps=[("transparent", None), ("red", 60)],
        ),
        lines(
            "Gateways of the controller",
            "Gateways that the controller hears, and those it does not. Silent ones are missing in its evidence.",
            [query(f"sum by (state) (crossfade_controller_replicas{{{at()}}})", "{{state}}")],
            "short",
            min=0,
        ),
        lines(
            "Webhooks",
            "Deliveries by result. failed: the receiver did not take it. dropped: too many waited. The rollout does "
            "not wait for either.",
            [query(rate("webhook_deliveries_total", "hook, result", at()), "{{hook}}: {{result}}")],
            "cps",
        ),
    )
