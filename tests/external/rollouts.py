"""Holds the samples for Argo Rollouts and Flagger against a running gateway that has served the demo's traffic."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import yaml

deploy, admin, kubectl, holds = sys.argv[1:]

# What each analysis makes of a verdict's state: no objection beside the rollout; promotes as its last step.
EXPECTED = {
    "crossfade-no-objection": {
        "waiting": "successful",
        "inconclusive": "successful",
        "promote": "successful",
        "hold": "inconclusive",
        "rollback": "failed",
        "invalid": "failed",
    },
    "crossfade-promotes": {
        "waiting": "inconclusive",
        "inconclusive": "inconclusive",
        "promote": "successful",
        "hold": "inconclusive",
        "rollback": "failed",
        "invalid": "failed",
    },
}


def asked(url, body=None):
    """The status and the answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def selected(document, path):
    """What the JSON path selects, by the library of Kubernetes' clients; the document as any resource's fields."""
    resource = {**document, "apiVersion": "example/v1", "kind": "Verdict", "metadata": {"name": "verdict"}}
    command = [kubectl, "annotate", "--local", "-f", "-", "a=b", "-o", f"jsonpath={path}"]
    done = subprocess.run(command, input=json.dumps(resource), capture_output=True, text=True, check=True)
    return done.stdout


def condition(text, result):
    done = subprocess.run([holds, text, json.dumps(result)], capture_output=True, text=True, check=True)
    return {"true": True, "false": False}[done.stdout.strip()]


def measured(metric, result):
    """The phase of one measurement. Both conditions are given, so neither being met is inconclusive."""
    if condition(metric["failureCondition"], result):
        return "failed"
    return "successful" if condition(metric["successCondition"], result) else "inconclusive"


def check_argo():
    templates = list(yaml.safe_load_all(Path(deploy, "argo-rollouts/analysis-template.yaml").read_text()))
    assert {template["metadata"]["name"] for template in templates} == set(EXPECTED)
    for template in templates:
        (metric,) = template["spec"]["metrics"]
        web = metric["provider"]["web"]
        for experiment in ("digits-shadow", "digits-canary", "digits-ab", "ranking-interleave"):
            url = web["url"].replace("{{args.gateway}}", admin).replace("{{args.experiment}}", experiment)
            status, verdict = asked(url)
            assert status == 200, verdict
            assert selected(verdict, web["jsonPath"]) == verdict["state"] == "promote", verdict
        for state, phase in EXPECTED[template["metadata"]["name"]].items():
            assert measured(metric, state) == phase, (template["metadata"]["name"], state)


def check_flagger():
    canary = yaml.safe_load(Path(deploy, "flagger/canary.yaml").read_text())
    webhooks = canary["spec"]["analysis"]["webhooks"]
    opened = {"rollout": 200, "confirm-traffic-increase": 200, "confirm-promotion": 200, "rollback": 409}
    assert {webhook["type"] for webhook in webhooks} == set(opened)
    for webhook in webhooks:
        path = webhook["url"].partition("://")[2].partition("/")[2]
        metadata = {**webhook["metadata"], "experiment": "digits-ab"}
        call = {"name": "digits", "namespace": "models", "phase": "Progressing", "metadata": metadata}
        status, answer = asked(f"{admin}/{path}", call)
        assert status == opened[webhook["type"]], (webhook, answer)


check_argo()
check_flagger()
