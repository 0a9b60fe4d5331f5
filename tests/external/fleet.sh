#!/usr/bin/env bash
# Three gateways that a real Prometheus finds, and a controller that keeps its decisions in a ConfigMap of a scripted API
# server over TLS, whose content reaches the gateways as a mount does.
set -euo pipefail
source "$(dirname "$0")/gateway.bash"

prometheus_here
build_gateway --features kubernetes
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost \
    -addext 'subjectAltName=IP:127.0.0.1' -addext 'basicConstraints=critical,CA:FALSE' \
    -keyout "$work/key.pem" -out "$work/certificate.pem" 2>/dev/null
python3 -B "$external/fleet.py" "$work" "$crossfade" "$prometheus_bin/prometheus" || fail "the fleet did not hold"
