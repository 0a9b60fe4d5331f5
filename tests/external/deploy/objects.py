"""Holds what kustomize and Helm render against what must be true of it, whichever overlay or chart it is.

Usage: objects.py FOLDER

FOLDER holds NAME.yaml for each overlay and chart, base.yaml and example.yaml. It writes known/NAME.yaml, the objects
whose schema Kubernetes has, and policies/NAME.yaml. At the end it spoils the objects in one way after another and fails
where nobody complains.
"""

import copy
import re
import sys
from pathlib import Path

import yaml

FLUSH_SECONDS = 10
SEGMENT = 256 << 20  # the default of record.rotate.bytes
RESTRICTED = {
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
CUSTOM = {"PodMonitor", "PrometheusRule"}
UNITS = {"": 1, "B": 1, "Ki": 1 << 10, "KiB": 1 << 10, "Mi": 1 << 20, "MiB": 1 << 20, "Gi": 1 << 30, "GiB": 1 << 30}


def amount(text, units):
    number, unit = re.fullmatch(r"([0-9]+)([A-Za-z]*)", text).groups()
    return int(number) * units[unit]


def seconds(text):
    return amount(text, {"s": 1, "m": 60, "h": 3600})


class Overlay:
    """The objects of one overlay, and how to find one among them."""

    def __init__(self, name, objects, base, example):
        self.name, self.objects, self.base, self.example = name, objects, base, example
        policy = self.one("ConfigMap", "crossfade-policy")
        self.policy = yaml.safe_load(policy["data"]["policy.yaml"]) if policy else None

    def all(self, *kinds):
        return [o for o in self.objects if o["kind"] in kinds]

    def one(self, kind, name):
        return next((o for o in self.all(kind) if o["metadata"]["name"] == name), None)

    def workloads(self):
        return self.all("Deployment")

    def gateways(self):
        """Each workload with the gateway's container in it."""
        return [(w, c) for w in self.workloads() for c in containers(w) if c.get("args", [""])[0] == "run"]


def pod(workload):
    return workload["spec"]["template"]["spec"]


def containers(workload):
    return pod(workload).get("initContainers", []) + pod(workload)["containers"]


def labels(workload):
    return workload["spec"]["template"]["metadata"]["labels"]


def selects(selector, workload):
    return bool(selector) and selector.items() <= labels(workload).items()


def title(thing, part=None):
    name = f"{thing['kind']} {thing['metadata']['name']}"
    return f"{name}, container {part['name']}" if part else name


def sleep_seconds(container):
    return container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)


def mounted(workload, container, path):
    """The volume that is mounted at a path, with its mount."""
    for mount in container.get("volumeMounts", []):
        if mount["mountPath"] == path:
            return next(v for v in pod(workload)["volumes"] if v["name"] == mount["name"]), mount
    return None, None


# Each check gets an overlay and gives its complaints.


def containers_are_restricted(overlay):
    for workload in overlay.workloads():
        for container in containers(workload):
            context = container.get("securityContext", {})
            for key, wanted in RESTRICTED.items():
                if context.get(key) != wanted:
                    yield f"{title(workload, container)}: securityContext.{key} is {context.get(key)}; expected {wanted}"
            if context.get("runAsUser", 0) == 0 or context.get("privileged"):
                yield f"{title(workload, container)}: it runs as root"
        for key in ("hostNetwork", "hostPID", "hostIPC"):
            if pod(workload).get(key):
                yield f"{title(workload)}: it has {key}"
        if any("hostPath" in volume for volume in pod(workload).get("volumes", [])):
            yield f"{title(workload)}: it mounts a hostPath"


def containers_have_resources(overlay):
    for workload in overlay.workloads():
        for container in containers(workload):
            given = container.get("resources", {})
            if not {"cpu", "memory"} <= given.get("requests", {}).keys() or "memory" not in given.get("limits", {}):
                yield f"{title(workload, container)}: it lacks requests of cpu and memory, or a limit of memory"
    for workload, gateway in overlay.gateways():
        if "cpu" not in gateway["resources"]["limits"]:
            yield f"{title(workload, gateway)}: without a limit of cpu it has a thread for each of the node's CPUs"


def containers_have_probes(overlay):
    for workload in overlay.workloads():
        for container in containers(workload):
            ports = {port["name"] for port in container.get("ports", [])}
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                if ports and probe not in container:
                    yield f"{title(workload, container)}: it has no {probe}"
                elif ports and container[probe]["httpGet"]["port"] not in ports:
                    yield f"{title(workload, container)}: its {probe} asks a port that it does not name"
    for workload, gateway in overlay.gateways():
        asked = [gateway[probe]["httpGet"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")]
        if asked != [{"path": path, "port": "admin"} for path in ("/readyz", "/readyz", "/livez")]:
            yield f"{title(workload, gateway)}: its probes ask {asked}"


def there_is_a_gateway_and_it_is_the_same_everywhere(overlay):
    if len(overlay.gateways()) != 1:
        yield f"it has {len(overlay.gateways())} gateways; expected one"
    for workload, gateway in overlay.gateways():
        plain = copy.deepcopy(gateway)
        plain.pop("lifecycle", None)
        plain.pop("restartPolicy", None)
        plain["volumeMounts"] = [m for m in plain["volumeMounts"] if m["name"] != "crossfade-decisions"]
        if plain != overlay.base:
            yield f"{title(workload, gateway)}: it is not as in kustomize/base"


def a_sidecar_starts_first_and_stays(overlay):
    if not overlay.name.startswith("sidecar"):
        return
    for workload, gateway in overlay.gateways():
        if pod(workload).get("initContainers", [None])[0] != gateway or gateway.get("restartPolicy") != "Always":
            yield f"{title(workload, gateway)}: it is not the first native sidecar of the pod"


def policies_arrive_without_a_restart(overlay):
    for workload in overlay.workloads():
        for container in containers(workload):
            for mount in container.get("volumeMounts", []):
                if "subPath" in mount or "subPathExpr" in mount:
                    yield f"{title(workload, container)}: {mount['mountPath']} is mounted by subPath, which never changes"
            if container["image"].split(":")[0] == "crossfade":
                directory, _, file = container["args"][container["args"].index("--config") + 1].rpartition("/")
                volume, _ = mounted(workload, container, directory)
                name = (volume or {}).get("configMap", {}).get("name")
                if name != "crossfade-policy" or file not in overlay.one("ConfigMap", name)["data"]:
                    yield f"{title(workload, container)}: --config is no key of the ConfigMap crossfade-policy"


def what_is_mounted_exists(overlay):
    for workload in overlay.workloads():
        for volume in pod(workload).get("volumes", []):
            name = volume.get("configMap", {}).get("name")
            if name and not overlay.one("ConfigMap", name):
                yield f"{title(workload)}: there is no ConfigMap {name}; has it got a suffix?"


def there_is_time_to_stop(overlay):
    drain = seconds(overlay.policy["listen"]["drain"])
    for workload, gateway in overlay.gateways():
        sleeps = max(sleep_seconds(container) for container in containers(workload))
        grace = pod(workload).get("terminationGracePeriodSeconds", 30)
        # A sidecar is told to stop when the others are gone; how long they take to is not known here.
        if grace < sleeps + drain + FLUSH_SECONDS:
            yield f"{title(workload)}: {grace} s to stop; expected {sleeps} + {drain} + {FLUSH_SECONDS} s or more"
        takes_traffic = [c for c in containers(workload) if sleep_seconds(c)]
        if overlay.policy["listen"]["data"].startswith("0.0.0.0") and not takes_traffic:
            yield f"{title(workload)}: nothing waits until the nodes have heard that it is to stop"


def records_have_room(overlay):
    for workload, gateway in overlay.gateways():
        volume, _ = mounted(workload, gateway, overlay.policy["record"]["dir"])
        limit = (volume or {}).get("emptyDir", {}).get("sizeLimit")
        kept = amount(overlay.policy["record"]["keep"]["bytes"], UNITS)
        if limit is None:
            yield f"{title(workload, gateway)}: record.dir is no emptyDir with a sizeLimit"
        elif amount(limit, UNITS) < kept + 2 * SEGMENT:
            yield f"{title(workload)}: records may take {kept} bytes and two segments, and have {limit}"


def ports_lead_somewhere(overlay):
    for workload, gateway in overlay.gateways():
        listens = {port["name"]: port["containerPort"] for port in gateway["ports"]}
        wanted = {"gateway": overlay.policy["listen"]["data"], "admin": overlay.policy["listen"]["admin"]}
        for name, address in wanted.items():
            if not address.endswith(f":{listens[name]}"):
                yield f"{title(workload, gateway)}: port {name} is {listens[name]}, and the policy listens on {address}"
    for service in overlay.all("Service"):
        behind = [w for w in overlay.workloads() if selects(service["spec"].get("selector"), w)]
        if not behind:
            yield f"{title(service)}: it selects no pod"
        for workload in behind:
            ports = [port for container in containers(workload) for port in container.get("ports", [])]
            names = {port["name"] for port in ports} | {port["containerPort"] for port in ports}
            for port in service["spec"]["ports"]:
                if port["targetPort"] not in names:
                    yield f"{title(service)}: {title(workload)} has no port {port['targetPort']}"


def models_are_there(overlay):
    services = {o["metadata"]["name"]: o for o in overlay.example + overlay.objects if o["kind"] == "Service"}
    for name, model in overlay.policy["models"].items():
        host, port = model["url"].removeprefix("http://").split(":")
        if host == "127.0.0.1":
            beside = [p["containerPort"] for w, _ in overlay.gateways() for c in containers(w) for p in c.get("ports", [])]
            found = int(port) in beside
        else:
            found = int(port) in [p["port"] for p in services.get(host, {"spec": {"ports": []}})["spec"]["ports"]]
        if not found:
            yield f"the policy's model {name}: nothing listens at {model['url']}"


def the_admin_port_is_kept(overlay):
    if overlay.policy["listen"].get("token") != {"from_env": "CROSSFADE_TOKEN"}:
        yield "the policy: listen.token does not come from CROSSFADE_TOKEN"
    if overlay.all("Secret"):
        yield "it holds a Secret; secrets are made by hand"
    for workload in overlay.workloads():
        for container in containers(workload):
            token = next((e for e in container.get("env", []) if e["name"] == "CROSSFADE_TOKEN"), {})
            wanted = {"secretKeyRef": {"name": "crossfade-token", "key": "token"}}
            if container["image"].startswith("crossfade:") and token.get("valueFrom") != wanted:
                yield f"{title(workload, container)}: CROSSFADE_TOKEN does not come from the Secret crossfade-token"
    for workload, _ in overlay.gateways():
        rules = [
            rule
            for network in overlay.all("NetworkPolicy")
            if selects(network["spec"]["podSelector"].get("matchLabels"), workload)
            for rule in network["spec"]["ingress"]
        ]
        if not rules:
            yield f"{title(workload)}: no NetworkPolicy closes its ports"
        for rule in rules:
            reaches_admin = not rule.get("ports") or any(port["port"] == 9090 for port in rule["ports"])
            if reaches_admin and not all(source.get("namespaceSelector") or source.get("podSelector")
                                         for source in rule.get("from") or [{}]):
                yield f"{title(workload)}: anybody reaches the admin port"


def rights_are_few(overlay):
    if overlay.all("ClusterRole", "ClusterRoleBinding"):
        yield "it has rights over the whole cluster"
    wanted = [{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["crossfade-decisions"],
               "verbs": ["get", "update"]}]
    for role in overlay.all("Role"):
        if role["rules"] != wanted:
            yield f"{title(role)}: its rules are {role['rules']}; expected {wanted}"
        if not overlay.one("ConfigMap", "crossfade-decisions"):
            yield f"{title(role)}: the ConfigMap that it is for is missing"
    bound = {subject["name"] for binding in overlay.all("RoleBinding") for subject in binding["subjects"]}
    for account in overlay.all("ServiceAccount"):
        if account.get("automountServiceAccountToken") is not False:
            yield f"{title(account)}: its token goes into every pod"
    for workload in overlay.workloads():
        needs_token = pod(workload).get("serviceAccountName") in bound
        if pod(workload).get("automountServiceAccountToken") is not needs_token:
            yield f"{title(workload)}: automountServiceAccountToken is not {needs_token}"


def replicas_are_one_affair(overlay):
    for scaler in overlay.all("HorizontalPodAutoscaler"):
        workload = overlay.one("Deployment", scaler["spec"]["scaleTargetRef"]["name"])
        if not workload or "replicas" in workload["spec"]:
            yield f"{title(scaler)}: what it scales is missing, or says its own number of replicas"
    for budget in overlay.all("PodDisruptionBudget"):
        if not any(selects(budget["spec"]["selector"]["matchLabels"], w) for w in overlay.workloads()):
            yield f"{title(budget)}: it selects no pod"
    for workload in overlay.workloads():
        if labels(workload).get("crossfade") == "controller":
            if (workload["spec"].get("replicas"), workload["spec"].get("strategy")) != (1, {"type": "Recreate"}):
                yield f"{title(workload)}: there may be two controllers at a time"


def a_fleet_hangs_together(overlay):
    fleet = overlay.policy.get("fleet")
    if not fleet:
        return
    host, port = fleet["controller"]["replicas"]["dns"].split(":")
    service = overlay.one("Service", host)
    if not service or service["spec"]["clusterIP"] != "None" or service["spec"]["ports"][0]["port"] != int(port):
        yield f"the policy: {host}:{port} is no headless Service"
    directory = fleet["decisions"].rpartition("/")[0]
    for workload, gateway in overlay.gateways():
        volume, _ = mounted(workload, gateway, directory)
        if (volume or {}).get("configMap", {}).get("name") != fleet["controller"]["publish"]["config_map"]:
            yield f"{title(workload, gateway)}: the ConfigMap that the controller writes is not at {directory}"


def monitors_find_the_gateways(overlay):
    for monitor in overlay.all("PodMonitor"):
        for workload, gateway in overlay.gateways():
            if not selects(monitor["spec"]["selector"]["matchLabels"], workload):
                yield f"{title(monitor)}: it does not select {title(workload)}"
            for endpoint in monitor["spec"]["podMetricsEndpoints"]:
                if endpoint["port"] not in [port["name"] for port in gateway["ports"]]:
                    yield f"{title(monitor)}: {title(workload, gateway)} has no port {endpoint['port']}"
                if endpoint.get("authorization", {}).get("credentials") != {"name": "crossfade-token", "key": "token"}:
                    yield f"{title(monitor)}: it does not show the token"


CHECKS = [
    containers_are_restricted, containers_have_resources, containers_have_probes,
    there_is_a_gateway_and_it_is_the_same_everywhere, a_sidecar_starts_first_and_stays,
    policies_arrive_without_a_restart, what_is_mounted_exists, there_is_time_to_stop, records_have_room,
    ports_lead_somewhere, models_are_there, the_admin_port_is_kept, rights_are_few, replicas_are_one_affair,
    a_fleet_hangs_together, monitors_find_the_gateways,
]


def complaints(overlay):
    return [f"{overlay.name}: {complaint}" for check in CHECKS for complaint in check(overlay)]


def gateway(overlay):
    return overlay.gateways()[0][1]


def workload(overlay):
    return overlay.gateways()[0][0]


def controller(overlay):
    return overlay.one("Deployment", "crossfade-controller")


def endpoint(overlay):
    return overlay.one("PodMonitor", "crossfade")["spec"]["podMetricsEndpoints"][0]


SPOILED = [  # the overlay, what is done to it, a part of the complaint that this must cause
    ("standalone", lambda o: gateway(o)["securityContext"].update(readOnlyRootFilesystem=False), "readOnlyRootFilesystem"),
    ("sidecar-server", lambda o: gateway(o)["securityContext"].pop("capabilities"), "securityContext.capabilities"),
    ("standalone", lambda o: gateway(o)["securityContext"].update(runAsUser=0), "runs as root"),
    ("standalone", lambda o: pod(workload(o)).update(hostNetwork=True), "hostNetwork"),
    ("sidecar-client", lambda o: gateway(o)["resources"]["limits"].pop("memory"), "a limit of memory"),
    ("standalone", lambda o: gateway(o)["resources"]["limits"].pop("cpu"), "a limit of cpu"),
    ("fleet", lambda o: containers(controller(o))[0].pop("startupProbe"), "no startupProbe"),
    ("standalone", lambda o: gateway(o)["livenessProbe"]["httpGet"].update(port="x"), "does not name"),
    ("standalone", lambda o: gateway(o)["livenessProbe"]["httpGet"].update(path="/readyz"), "its probes ask"),
    ("standalone", lambda o: gateway(o)["env"].pop(), "not as in kustomize/base"),
    ("sidecar-server", lambda o: gateway(o).pop("restartPolicy"), "native sidecar"),
    ("sidecar-server", lambda o: gateway(o).update(args=["run", "--config", "/etc/crossfade/p.yaml"]), "no key of the ConfigMap"),
    ("standalone", lambda o: gateway(o)["volumeMounts"][0].update(subPath="policy.yaml"), "by subPath"),
    ("fleet", lambda o: o.one("ConfigMap", "crossfade-decisions")["metadata"].update(name="crossfade-decisions-1"), "a suffix"),
    ("standalone", lambda o: pod(workload(o)).update(terminationGracePeriodSeconds=49), "49 s to stop"),
    ("sidecar-server", lambda o: pod(workload(o)).pop("terminationGracePeriodSeconds"), "30 s to stop"),
    ("standalone", lambda o: gateway(o).pop("lifecycle"), "nothing waits"),
    ("standalone", lambda o: o.policy["record"]["keep"].update(bytes="2GiB"), "records may take"),
    ("sidecar-client", lambda o: o.policy["record"].update(dir="/records"), "no emptyDir"),
    ("sidecar-server", lambda o: o.one("Service", "model")["spec"]["ports"][0].update(targetPort=8081), "has no port 8081"),
    ("standalone", lambda o: o.one("Service", "crossfade")["spec"]["selector"].update(crossfade="x"), "selects no pod"),
    ("sidecar-client", lambda o: o.policy["listen"].update(data="127.0.0.1:8081"), "the policy listens"),
    ("standalone", lambda o: o.policy["models"]["new"].update(url="http://model-now:8001"), "nothing listens"),
    ("sidecar-server", lambda o: o.policy["models"]["old"].update(url="http://127.0.0.1:8002"), "nothing listens"),
    ("standalone", lambda o: o.policy["listen"].pop("token"), "listen.token"),
    ("standalone", lambda o: o.one("NetworkPolicy", "crossfade")["spec"]["ingress"][1].pop("from"), "anybody"),
    ("sidecar-server", lambda o: labels(workload(o)).pop("crossfade"), "no NetworkPolicy"),
    ("standalone", lambda o: gateway(o)["env"][0].update(valueFrom={}), "the Secret crossfade-token"),
    ("standalone", lambda o: o.objects.append({"kind": "Secret"}), "holds a Secret"),
    ("fleet", lambda o: o.one("Role", "crossfade-controller")["rules"][0].pop("resourceNames"), "its rules are"),
    ("fleet", lambda o: o.objects.append({"kind": "ClusterRole"}), "whole cluster"),
    ("fleet", lambda o: o.one("ServiceAccount", "crossfade").pop("automountServiceAccountToken"), "every pod"),
    ("fleet", lambda o: pod(workload(o)).update(automountServiceAccountToken=True), "is not False"),
    ("fleet", lambda o: pod(controller(o)).update(automountServiceAccountToken=False), "is not True"),
    ("standalone", lambda o: workload(o)["spec"].update(replicas=3), "number of replicas"),
    ("fleet", lambda o: controller(o)["spec"].update(replicas=2), "two controllers"),
    ("fleet", lambda o: o.one("Service", "crossfade-gateways")["spec"].update(clusterIP=""), "no headless Service"),
    ("fleet", lambda o: gateway(o)["volumeMounts"].pop(0), "the controller writes"),
    ("standalone-monitored", lambda o: endpoint(o).pop("authorization"), "the token"),
    ("sidecar-server-monitored", lambda o: endpoint(o).update(port="metrics"), "has no port metrics"),
]


def write(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def main(folder):
    rendered = {path.stem: list(yaml.safe_load_all(path.read_text())) for path in sorted(folder.glob("*.yaml"))}
    base = gateway(Overlay("base", rendered.pop("base"), None, []))
    base.pop("lifecycle")
    overlays = {name: Overlay(name, objects, base, rendered["example"])
                for name, objects in rendered.items() if name != "example"}

    wrong = [complaint for overlay in overlays.values() for complaint in complaints(overlay)]
    for name, spoil, expected in SPOILED:
        overlay = copy.deepcopy(overlays[name])
        spoil(overlay)
        if not any(expected in complaint for complaint in complaints(overlay)):
            wrong.append(f"{name}: nobody complained of what must cause: {expected}; instead {complaints(overlay)}")
    for name, objects in rendered.items():
        for custom in (o for o in objects if o["kind"] in CUSTOM):
            print(f"deploy: {name}: {title(custom)} is a custom resource, of which there is no schema to validate it by")
        write(folder / "known" / f"{name}.yaml", yaml.safe_dump_all(o for o in objects if o["kind"] not in CUSTOM))
        if name in overlays:
            policy = overlays[name].one("ConfigMap", "crossfade-policy")["data"]["policy.yaml"]
            write(folder / "policies" / f"{name}.yaml", policy)
    print(f"deploy: {len(CHECKS)} checks on {len(overlays)} overlays, spoiled in {len(SPOILED)} ways")
    sys.exit("\n".join(wrong) or 0)


main(Path(sys.argv[1]))
