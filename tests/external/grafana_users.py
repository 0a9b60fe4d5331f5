"""Users of all experiments, who go on until they are stopped, and the trouble that a dashboard is for.

Usage: grafana_users.py DATA_PORT ADMIN_PORT CONTROLLER_PORT POLICY_FILE

Each experiment has a thread: it sends a request, reports what was true or clicks, and takes a breath. One more thread
makes trouble: it meets limits, asks for what is not there, breaks the policy file, moves a ramp
to and fro, and floods a model that is gone.
"""

import http.client
import itertools
import json
import random
import socket
import sys
import threading
import time
from pathlib import Path

BREATH_SECONDS = 0.02


class Gateway:
    """A connection to the users' port, one to the admin port, and one to the controller, who decides."""

    def __init__(self, data, admin, controller):
        self.data = http.client.HTTPConnection("127.0.0.1", data, timeout=30)
        self.admin = http.client.HTTPConnection("127.0.0.1", admin, timeout=30)
        self.controller = http.client.HTTPConnection("127.0.0.1", controller, timeout=30)

    def ask(self, path, document, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return post(self.data, path, document, headers)

    def tell(self, path, document=None):
        return post(self.admin, path, document, {})

    def order(self, experiment, order):
        path = f"/api/v1/experiments/{experiment}/{order}"
        status, _, answer = post(self.controller, path, {"reason": "to see it on a dashboard"}, {})
        assert status == 200, answer

    def metrics(self):
        self.admin.request("GET", "/metrics")
        return self.admin.getresponse().read()


def post(connection, path, document, headers):
    connection.request("POST", path, json.dumps(document) if document else b"", headers)
    answer = connection.getresponse()
    body = answer.read()
    is_json = body and answer.headers["content-type"] == "application/json"
    return answer.status, answer.headers, json.loads(body) if is_json else None


def use(gateway, experiment, task):
    for turn in itertools.count():
        truth = random.randrange(5)
        user = {} if turn % 50 == 49 else {"x_user_id": f"user-{random.randrange(400)}"}
        # Some try again, which counts once.
        again = {"x_retry_count": "1"} if turn % 40 == 39 else {}
        status, headers, answer = gateway.ask(f"/{task}", {"truth": truth}, x_test=experiment, **user, **again)
        if status == 200 and task != "chat":
            about = {"request_id": headers["crossfade-id"]}
            if task == "rank":
                report = about | {"outcome": "click", "value": {"item": str(truth)}}
            else:
                report = about | {"outcome": "truth", "value": f"label {truth}"}
                gateway.tell("/feedback", about | {"outcome": "solved", "value": truth > 1})
            gateway.tell("/feedback", report)
        time.sleep(BREATH_SECONDS)


def trouble(gateway, data, policy):
    good = policy.read_text()
    gateway.ask("/nowhere", {"truth": 0}, x_test="nobody")
    gateway.ask("/digits", {"truth": 0}, **{f"x_{number}": "more fields than the limit" for number in range(60)})
    gateway.data.close()
    crowd(gateway, data)
    policy.write_text(good + "# another policy, which says the same\n")
    gateway.tell("/-/reload")
    gateway.tell("/-/reload")
    gateway.order("rolled", "rollback")
    policy.write_text(good + "experiments: []\n")
    gateway.tell("/-/reload")
    for order in itertools.cycle(["pause", "resume"]):
        flood(data)
        gateway.order("canary", order)
        time.sleep(3)


def flood(data):
    """More requests at once than records may wait and copies may fly, to a model that is gone: its breaker opens."""
    body = '{"truth": 0}'
    head = f"POST /digits HTTP/1.1\r\nhost: localhost\r\nx-test: gone\r\ncontent-length: {len(body)}\r\n"
    with socket.create_connection(("127.0.0.1", data)) as connection:
        last = f"{head}connection: close\r\n\r\n{body}"
        connection.sendall((f"{head}\r\n{body}" * 300 + last).encode())
        while connection.recv(65536):
            pass


def crowd(gateway, data):
    """More connections than are allowed, until the gateway takes no more."""
    connections = [socket.create_connection(("127.0.0.1", data)) for _ in range(80)]
    while b"crossfade_accept_pauses_total{" not in gateway.metrics():
        time.sleep(0.1)
    for connection in connections:
        connection.close()


def main(data, admin, controller, policy):
    ports = [int(data), int(admin), int(controller)]
    parts = [
        ("shadow", "digits"),
        ("canary", "digits"),
        ("rolled", "digits"),
        ("ab", "digits"),
        ("interleave", "rank"),
        ("chat", "chat"),
    ]
    threads = [threading.Thread(target=use, args=(Gateway(*ports), *part)) for part in parts]
    threads.append(threading.Thread(target=trouble, args=(Gateway(*ports), ports[0], Path(policy))))
    for thread in threads:
        thread.start()


main(*sys.argv[1:])
