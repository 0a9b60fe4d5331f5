"""Forty users who send five images each through the gateway and check the answers; with lists, they click.

Usage: mlserver_users.py STRATEGY MODEL DATA_PORT ADMIN_PORT
"""

import json
import sys
import urllib.request

from sklearn.datasets import load_digits

USERS = 40
IMAGES_EACH = 5


def post(url, document, headers=()):
    body = json.dumps(document).encode()
    headers = {"content-type": "application/json", **dict(headers)}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30) as answer:
        return answer.status, answer.headers, json.load(answer)


def main(strategy, model, data_port, admin_port):
    images, labels = load_digits(return_X_y=True)
    held_out = range(0, len(images), 3)
    right = 0
    for turn in range(USERS * IMAGES_EACH):
        place = held_out[turn]
        tensor = {"name": "x", "datatype": "FP32", "shape": [1, 64], "data": images[place].tolist()}
        status, headers, answer = post(
            f"http://127.0.0.1:{data_port}/v2/models/{model}/infer",
            {"inputs": [tensor]},
            {"x-user-id": f"user-{turn % USERS}"},
        )
        assert status == 200, status
        assert answer["model_name"] == model, answer
        assert headers["crossfade-id"], headers.items()
        shown = answer["outputs"][0]["data"]
        right += shown[0] == labels[place]
        if strategy == "interleave":
            assert len(shown) == 5 and len(set(shown)) == 5, shown
            if int(labels[place]) in shown:
                click = {"item": str(labels[place])}
                report = {"request_id": headers["crossfade-id"], "outcome": "click", "value": click}
                status, _, _ = post(f"http://127.0.0.1:{admin_port}/feedback", report)
                assert status == 200, status
    share = right / (USERS * IMAGES_EACH)
    assert share > 0.7, f"only {share:.0%} of the answers were right"
    print(f"{strategy}: {USERS * IMAGES_EACH} answers, {share:.1%} right")


main(*sys.argv[1:])
