"""Asks the gateway by OpenFeature's SDK which model users have, and holds it against the admin API."""

import json
import sys
import urllib.request

from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason

admin = sys.argv[1]
api.set_provider(OFREPProvider(base_url=admin))
client = api.get_client()


def looked_up(experiment, unit):
    path = f"{admin}/api/v1/experiments/{experiment}/assignment?unit={unit}"
    with urllib.request.urlopen(path) as answer:
        return json.load(answer)


for experiment in ("digits-canary", "digits-ab"):
    values = set()
    for number in range(50):
        unit = f"user-{number}"
        context = EvaluationContext(targeting_key=unit, attributes={"plan": "free"})
        flag = client.get_string_details(experiment, "none", context)
        known = looked_up(experiment, unit)
        assert flag.error_code is None, flag
        assert (flag.value, flag.variant, flag.reason) == (known["arm"], known["arm"], Reason.SPLIT), (flag, known)
        assert flag.flag_metadata["propensity"] == known["propensity"], flag
        values.add(flag.value)
    assert values == {"digits-legacy", "digits-candidate"}, values

shadow = client.get_string_details("digits-shadow", "none", EvaluationContext())
assert (shadow.value, shadow.reason) == ("digits-legacy", Reason.STATIC), shadow

context = EvaluationContext(targeting_key="user-1")
for flag, expected in (
    (client.get_string_details("nothing", "none", context), ErrorCode.FLAG_NOT_FOUND),
    (client.get_string_details("digits-ab", "none", EvaluationContext()), ErrorCode.TARGETING_KEY_MISSING),
    (client.get_boolean_details("digits-ab", False, context), ErrorCode.TYPE_MISMATCH),
):
    assert flag.error_code == expected, (flag, expected)
    assert flag.value in ("none", False), flag
