"""A fleet: three gateways, a controller, a real Prometheus, and an API server that this script plays over TLS.

Usage: fleet.py FOLDER CROSSFADE PROMETHEUS

The folder holds certificate.pem and key.pem. Whatever is started ends with this script.
"""

import base64
import json
import os
import random
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOLDER, CROSSFADE, PROMETHEUS = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
TOKEN = "a-token-of-the-cluster"
PATIENCE = 60


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for found in sockets:
        found.bind(("127.0.0.1", 0))
    ports = [found.getsockname()[1] for found in sockets]
    for found in sockets:
        found.close()
    return ports


def until(what, holds, seconds=PATIENCE):
    """Waits until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"waited too long for {what}"
        time.sleep(0.05)


def serve(handler, tls=False):
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(FOLDER / "certificate.pem", FOLDER / "key.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


class Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, kind="application/json"):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def model(failing):
    """A model that fails for such a share of its requests."""
    dice, lock = random.Random(7), threading.Lock()

    class Model(Quiet):
        def do_POST(self):
            self.rfile.read(int(self.headers.get("content-length", 0)))
            with lock:
                fails = dice.random() < failing
            self.answer(500 if fails else 200, b"{}")

    return serve(Model)


class Cluster:
    """One ConfigMap, and how a kubelet would mount it."""

    def __init__(self, mounts):
        self.lock = threading.Lock()
        self.version, self.data, self.mounts = 100, {}, mounts
        self.conflicts, self.broken, self.writes, self.managers = 0, False, 0, set()
        cluster = self

        class Api(Quiet):
            def do_GET(self):
                self.respond(lambda: cluster.object())

            def do_PUT(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                manager = self.path.partition("fieldManager=")[2].partition("&")[0]
                self.respond(lambda: cluster.replace(body, manager))

            def respond(self, work):
                path = self.path.partition("?")[0]
                if self.headers.get("authorization") != f"Bearer {TOKEN}":
                    return self.refuse(401, "Unauthorized")
                if path != "/api/v1/namespaces/models/configmaps/crossfade-decisions":
                    return self.refuse(404, "NotFound")
                if cluster.broken:
                    return self.refuse(500, "InternalError")
                with cluster.lock:
                    found = work()
                if found is None:
                    return self.refuse(409, "Conflict")
                self.answer(200, json.dumps(found).encode())

            def refuse(self, code, reason):
                status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                          "message": reason, "reason": reason, "code": code}
                self.answer(code, json.dumps(status).encode())

        self.port = serve(Api, tls=True)

    def object(self):
        metadata = {"name": "crossfade-decisions", "namespace": "models", "labels": {"kept": "yes"},
                    "resourceVersion": str(self.version)}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": self.data}

    def replace(self, body, manager):
        if self.conflicts or body["metadata"].get("resourceVersion") != str(self.version):
            self.conflicts = max(0, self.conflicts - 1)
            return None
        assert body["metadata"]["labels"] == {"kept": "yes"}, "what others put there stays"
        self.version, self.data = self.version + 1, body["data"]
        self.writes += 1
        self.managers.add(manager)
        for mount in self.mounts:
            publish(mount, self.data)
        return self.object()

    def decided(self):
        return json.loads(self.data["decisions.json"])

    def phase(self, experiment):
        return next(saved["phase"] for saved in self.decided()["experiments"] if saved["experiment"] == experiment)


def publish(mount, data):
    """As a kubelet does: a new folder, and a symbolic link to it that is renamed over the old one."""
    version = mount / f"..{time.monotonic_ns()}"
    version.mkdir()
    for name, content in data.items():
        (version / name).write_text(content)
    link = mount / "..data_tmp"
    link.symlink_to(version.name)
    link.rename(mount / "..data")
    for name in data:
        if not (mount / name).is_symlink():
            (mount / name).symlink_to(Path("..data") / name)


class Program:
    """A program that ends with the script."""

    running = []

    def __init__(self, name, *command, **environment):
        self.log = open(FOLDER / f"{name}.log", "ab")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, env={**os.environ, **environment})
        Program.running.append(self)

    def stop(self):
        self.process.terminate()
        code = self.process.wait(30)
        Program.running.remove(self)
        return code

    def kill(self):
        self.process.kill()
        self.process.wait(30)
        Program.running.remove(self)


def ask(port, path, method="GET", body=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method, data=body)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


def answers(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10):
            return True
    except (OSError, urllib.error.HTTPError):
        return False


def metrics(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return answer.read().decode()


def ramp(port, experiment):
    return ask(port, f"/api/v1/experiments/{experiment}")["ramp"]


def experiment(name, legacy, candidate, steps):
    return (f"  - {{name: {name}, match: {{path: /{name}}}, legacy: {legacy}, candidate: {candidate}, unit: [{{header: x-user-id}}],\n"
            f"     strategy: {{canary: {{steps: {steps}, guardrail_alpha: 0.05}}}}}}\n")


def users(ports, path, count, first=0):
    """Users in turn by all gateways; how many saw a failure."""
    failures = 0
    for user in range(first, first + count):
        request = urllib.request.Request(f"http://127.0.0.1:{ports[user % len(ports)]}{path}", method="POST", data=b"{}",
                                         headers={"x-user-id": f"user-{user}"})
        try:
            urllib.request.urlopen(request, timeout=10).close()
        except urllib.error.HTTPError:
            failures += 1
    return failures


def main():
    mounts = [FOLDER / f"mount-{number}" for number in range(3)]
    for mount in mounts:
        mount.mkdir()
    cluster = Cluster(mounts)
    good, bad = model(0.02), model(0.5)
    data, admin = free_ports(3), free_ports(3)
    controller_port, prometheus_port = free_ports(2)
    certificate = base64.b64encode((FOLDER / "certificate.pem").read_bytes()).decode()
    (FOLDER / "kubeconfig").write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": f"https://127.0.0.1:{cluster.port}", "certificate-authority-data": certificate}}],
        "users": [{"name": "controller", "user": {"token": TOKEN}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "controller", "namespace": "models"}}]}))
    models = f"models: {{old: {{url: 'http://127.0.0.1:{good}'}}, new: {{url: 'http://127.0.0.1:{bad}'}}, same: {{url: 'http://127.0.0.1:{good}'}}}}\n"
    experiments = "experiments:\n" + "".join([
        experiment("bad", "old", "new", "[{weight: 30%, hold: 1h}]"),
        experiment("worse", "old", "new", "[{weight: 30%, hold: 1h}]"),
        experiment("good", "old", "same", "[{weight: 10%, min_requests: 20}, {weight: 50%, min_requests: 20}, {weight: 60%, hold: 1h}]")])

    def policy(name, listen, decisions, controller=""):
        path = FOLDER / f"{name}.yaml"
        path.write_text(f"listen: {listen}\nrecord: {{dir: {FOLDER}/{name}-records}}\n"
                        f"fleet: {{decisions: {decisions}/decisions.json{controller}}}\n{models}{experiments}")
        return path

    def gateway(number):
        listen = f"{{data: '127.0.0.1:{data[number]}', admin: '127.0.0.1:{admin[number]}'}}"
        path = policy(f"gateway-{number}", listen, mounts[number])
        program = Program(f"gateway-{number}", CROSSFADE, "run", "--config", path)
        until(f"gateway {number}", lambda: answers(admin[number], "/readyz"))
        return program

    def controller():
        how = (f", controller: {{listen: '127.0.0.1:{controller_port}', every: 200ms, patience: 2s, publish: {{config_map: crossfade-decisions}}, "
               f"replicas: {{prometheus: {{url: 'http://127.0.0.1:{prometheus_port}', query: 'crossfade_build_info{{job=\"gateways\"}}'}}}}}}")
        path = policy("controller", "{data: '127.0.0.1:0'}", mounts[0], how)
        program = Program("controller", CROSSFADE, "controller", "--config", path, KUBECONFIG=str(FOLDER / "kubeconfig"))
        until("the controller", lambda: answers(controller_port, "/readyz"))
        return program

    def prometheus():
        targets = json.dumps([f"127.0.0.1:{port}" for port in admin])
        (FOLDER / "prometheus.yaml").write_text(
            "global: {scrape_interval: 1s}\nscrape_configs:\n"
            f"  - {{job_name: gateways, static_configs: [{{targets: {targets}}}]}}\n")
        program = Program("prometheus", PROMETHEUS, f"--config.file={FOLDER}/prometheus.yaml",
                          f"--storage.tsdb.path={FOLDER}/tsdb", f"--web.listen-address=127.0.0.1:{prometheus_port}",
                          "--log.level=warn")
        until("Prometheus", lambda: answers(prometheus_port, "/-/ready"))
        return program

    gateways = [gateway(number) for number in range(3)]
    assert users(data, "/bad", 30) <= 3, "before anybody decides, legacy answers"
    watching = prometheus()
    deciding = controller()

    def all_stand(name, phase):
        return all(ramp(port, name)["phase"] == phase for port in admin)

    until("all gateways to have begun", lambda: all_stand("bad", "running") and all_stand("good", "running"))
    until("Prometheus to have found them", lambda: 'replicas{state="heard"} 3' in metrics(controller_port))
    print("fleet: Prometheus found the gateways, and the controller began on all of them")

    served = 30
    while ramp(controller_port, "bad")["phase"] != "rolled_back":
        assert served < 6000, ramp(controller_port, "bad")
        users(data, "/bad", 60, served)
        served += 60
    began = time.monotonic()
    until("all gateways to have rolled back", lambda: all_stand("bad", "rolled_back"), 5)
    seconds = time.monotonic() - began
    assert users(data, "/bad", 300) < 30, "legacy answers again"
    kept = next(saved for saved in cluster.decided()["experiments"] if saved["experiment"] == "bad")
    assert kept["phase"] == "rolled_back" and kept["history"][-1]["cause"] == "guardrail", kept
    assert cluster.managers == {"crossfade-controller"}, cluster.managers
    print(f"fleet: a bad candidate was rolled back after {served} requests, everywhere {seconds:.2f} s later")

    cluster.conflicts = 1
    ask(controller_port, "/api/v1/experiments/good/pause", "POST", b"")
    until("the order to be kept after a conflict", lambda: cluster.phase("good") == "paused")
    ask(controller_port, "/api/v1/experiments/good/resume", "POST", b"")
    print("fleet: a conflict was overcome")

    watching.stop()
    until("the controller to miss Prometheus", lambda: ramp(controller_port, "good")["waiting_for"]["doubt"])
    step = ramp(controller_port, "good")["step"]
    users(data, "/good", 600)
    until("the users' requests to be counted", lambda: ramp(controller_port, "good")["assigned"] >= 20)
    assert ramp(controller_port, "good")["step"] == step, "nobody goes on while nobody knows where the gateways are"
    watching = prometheus()
    served = 600
    while ramp(controller_port, "good")["step"] != 3:
        assert served < 6000, ramp(controller_port, "good")
        users(data, "/good", 60, served)
        served += 60
    print("fleet: without Prometheus nobody went on, and with it the good candidate did")

    cluster.broken = True
    served = 0
    while not all_stand("worse", "rolled_back"):
        assert served < 6000, ramp(controller_port, "worse")
        users(data, "/worse", 60, served)
        served += 60
    assert cluster.phase("worse") == "running", "the cluster takes nothing"
    cluster.broken = False
    until("the cluster to have it, too", lambda: cluster.phase("worse") == "rolled_back")
    print("fleet: without the cluster a roll back reached every gateway, and was kept later")

    deciding.kill()
    gateways[0].kill()
    gateways[0] = gateway(0)
    assert ramp(admin[0], "bad")["phase"] == "rolled_back" and ramp(admin[0], "good")["step"] == 3
    state = cluster.decided()
    state["revision"] += 1
    for saved in state["experiments"]:
        if saved["experiment"] == "good":
            saved.update(phase="paused", weight="20%", stage=saved["stage"] + 1)
    with cluster.lock:
        cluster.version, cluster.data = cluster.version + 1, {"decisions.json": json.dumps(state)}
        for mount in mounts:
            publish(mount, cluster.data)
    began = time.monotonic()
    until("the mount to be followed", lambda: all(ramp(port, "good")["weight"] == "20%" for port in admin), 5)
    print(f"fleet: without the controller, what stands in the mount was followed after {time.monotonic() - began:.2f} s")

    deciding = controller()
    assert ramp(controller_port, "good")["weight"] == "20%", "the next controller goes on from what is kept"
    assert deciding.stop() == 0
    for program in gateways:
        assert program.stop() == 0
    print(f"fleet: {cluster.writes} writes of the ConfigMap in all")


try:
    main()
finally:
    for left in list(Program.running):
        left.kill()
