"""Envoy: one worker, no log, no tracing, no limit that the load would meet."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from harness.job import Job, Kind

HTTP = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
MANY = 1_000_000


def command(job: Job) -> list[str] | None:
    binary = os.environ.get("ENVOY")
    if binary is None or not Path(binary).exists() or job.kind is Kind.MIX or job.single_process:
        return None
    path = job.write("envoy.json", json.dumps(_bootstrap(job), indent=1))
    return [binary, "-c", path, "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]


def _bootstrap(job: Job) -> dict[str, Any]:
    manager = {
        "@type": HTTP,
        "stat_prefix": "users",
        "codec_type": "HTTP2" if job.http2 else "HTTP1",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [_route(job)]}]},
        "http_filters": [{"name": "router", "typed_config": {"@type": ROUTER}}],
    }
    listener = {
        "name": "users",
        "address": _address(f"127.0.0.1:{job.port}"),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    clusters = [_cluster("legacy", job.legacy), _cluster("candidate", job.candidate)]
    return {"static_resources": {"listeners": [listener], "clusters": clusters}}


def _route(job: Job) -> dict[str, Any]:
    to: dict[str, Any] = {"cluster": "legacy"}
    if job.kind is Kind.SPLIT:
        halves = [{"name": name, "weight": 50} for name in ("legacy", "candidate")]
        to = {"weighted_clusters": {"clusters": halves}}
    if job.kind is Kind.SHADOW:
        to["request_mirror_policies"] = [{"cluster": "candidate"}]
    return {"match": {"prefix": "/"}, "route": to}


def _cluster(name: str, address: str) -> dict[str, Any]:
    most = {"max_connections": MANY, "max_pending_requests": MANY, "max_requests": MANY}
    endpoint = {"endpoint": {"address": _address(address)}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "circuit_breakers": {"thresholds": [most]},
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _address(address: str) -> dict[str, Any]:
    host, _, port = address.partition(":")
    return {"socket_address": {"address": host, "port_value": int(port)}}
