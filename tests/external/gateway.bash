# What the checks of this folder share: a folder of their own, free ports, programs that end with the check.
# Sourced by each check; never run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
external="$root/tests/external"
work=$(mktemp -d)
declare -A started=()

# Ends every program that the check started, by its id, and removes the check's folder.
finish() {
    local status=$? pid
    for pid in "${!started[@]}"; do
        kill -TERM "$pid" 2>/dev/null || true
    done
    for pid in "${!started[@]}"; do
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT

# fail TEXT: says what is wrong, shows what the started programs wrote, ends the check.
fail() {
    echo "FAILED: $1" >&2
    tail -n 40 "$work"/*.log >&2 2>/dev/null || true
    exit 1
}

# start NAME COMMAND...: runs a program beside the check. Its id is in $!, its output in $work/NAME.log.
start() {
    local name=$1
    shift
    "$@" >"$work/$name.log" 2>&1 &
    started[$!]=$name
}

# until_true SECONDS WHAT COMMAND...: waits until a command succeeds.
until_true() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || fail "waited too long for $what"
        sleep 0.1
    done
}

# free_ports COUNT: that many ports which nothing listens on at this moment.
free_ports() {
    python3 - "$1" <<'PYTHON'
import socket, sys
sockets = [socket.socket() for _ in range(int(sys.argv[1]))]
for s in sockets:
    s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in sockets))
PYTHON
}

# python_with PACKAGE...: makes $python an interpreter that has these packages.
python_with() {
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" --quiet --disable-pip-version-check install "$@"
    python="$work/venv/bin/python"
}

# prometheus_here: makes $prometheus_bin the folder of `prometheus` and `promtool`.
prometheus_here() {
    # Unpacked, not installed: the package would start a Prometheus of its own. As the present user: apt's own has no way
    # into the check's folder.
    local fetch=(apt-get download -qq -o APT::Sandbox::User=root prometheus)
    (cd "$work" && { "${fetch[@]}" || { apt-get update -qq && "${fetch[@]}"; }; })
    dpkg -x "$work"/prometheus_*.deb "$work/prometheus-package"
    prometheus_bin="$work/prometheus-package/usr/bin"
}

# build_gateway [ARGUMENT...]: makes $crossfade the binary, built with these arguments of cargo's. It is this check's own:
# another that runs beside it may build one with other features at the same place.
build_gateway() {
    local target="${CARGO_TARGET_DIR:-$root/target}"
    mkdir -p "$target"
    {
        flock 9
        cargo build --quiet --locked --manifest-path "$root/Cargo.toml" "$@" 9>&-
        cp "$target/debug/crossfade" "$work/crossfade"
    } 9>"$target/external.lock"
    crossfade="$work/crossfade"
}

# start_gateway POLICY ADMIN_PORT: runs the gateway and waits until it is ready.
start_gateway() {
    start gateway "$crossfade" run --config "$1"
    gateway_pid=$!
    until_true 20 "the gateway to be ready" curl --fail --silent "http://127.0.0.1:$2/readyz"
}

# stop_gateway: asks it to drain, and holds it to exit code 0.
stop_gateway() {
    kill -TERM "$gateway_pid"
    unset "started[$gateway_pid]"
    wait "$gateway_pid" || fail "the gateway ended with code $?"
}
