"""Holds deploy/compose.yaml against the files beside it.

Usage: compose.py DEPLOY_FOLDER
"""

import sys
from pathlib import Path

import yaml

folder = Path(sys.argv[1])


def read(path):
    return yaml.safe_load((folder / path).read_text())


compose, policy, prometheus = (read(p) for p in ("compose.yaml", "compose/policy.yaml", "prometheus/prometheus.yaml"))
datasource = read("grafana/provisioning/datasources/prometheus.yaml")["datasources"][0]
provider = read("grafana/provisioning/dashboards/crossfade.yaml")["providers"][0]
services = compose["services"]
mounts = {name: dict(v.split(":")[1::-1] for v in service.get("volumes", [])) for name, service in services.items()}
wrong = []


def hold(holds, complaint):
    if not holds:
        wrong.append(f"compose.yaml: {complaint}")


for name, service in services.items():
    hold(not service["image"].endswith(":latest") and ":" in service["image"], f"{name}: its image has no version")
    hold(service.get("cap_drop") == ["ALL"], f"{name}: it keeps capabilities")
    hold(all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), f"{name}: it is open to other machines")
    for place, source in mounts[name].items():
        known = source in compose["volumes"] or (source.startswith("./") and (folder / source).is_dir())
        hold(known, f"{name}: {source}, which goes to {place}, is no folder and no volume")

gateway = services["gateway"]
drain = int(policy["listen"]["drain"].removesuffix("s"))
hold(int(gateway["stop_grace_period"].removesuffix("s")) >= drain + 10, f"gateway: its stop_grace_period is below {drain} + 10 s")
hold(policy["record"]["dir"] in mounts["gateway"], "gateway: record.dir is no volume")
inside = {port.split(":")[2] for port in gateway["ports"]}
listens = {policy["listen"][side].split(":")[1] for side in ("data", "admin")}
hold(inside == listens, f"gateway: it publishes {inside} and listens on {listens}")
for name, model in policy["models"].items():
    host, port = model["url"].removeprefix("http://").split(":")
    hold(services.get(host, {}).get("command", [None])[-1] == port, f"the policy's model {name}: nothing is at {model['url']}")

job = prometheus["scrape_configs"][0]
hold(job["static_configs"][0]["targets"] == [f"gateway:{policy['listen']['admin'].split(':')[1]}"], "Prometheus asks elsewhere")
secret = Path(job["authorization"]["credentials_file"])
hold(str(secret.parent) == "/run/secrets" and secret.name in services["prometheus"]["secrets"], "Prometheus has no token")
hold(compose["secrets"][secret.name] == {"environment": policy["listen"]["token"]["from_env"]}, "the token is another one")
for rules in prometheus["rule_files"]:
    hold((folder / "prometheus" / rules).is_file(), f"deploy/prometheus/{rules}, which prometheus.yaml names, is missing")
host, port = datasource["url"].removeprefix("http://").split(":")
hold(host in services and services[host]["ports"][0].endswith(f":{port}"), f"Grafana's source {datasource['url']} is no service")
hold(provider["options"]["path"] in mounts["grafana"], "Grafana looks for dashboards where there are none")
hold("/etc/grafana/provisioning" in mounts["grafana"], "Grafana is not provisioned")
sys.exit("\n".join(wrong) or 0)
