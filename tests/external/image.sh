#!/usr/bin/env bash
# Builds what deploy/Dockerfile would build, without Docker: its own commands, with the release profile made cheap, and
# then runs what its last stage holds as a cluster would, with nothing else in sight: read-only, as a user without rights.
# Images cannot be pulled everywhere, so those that the Dockerfile begins from are not looked at: this machine stands for
# them. It builds everything anew for another target, so it runs only when CROSSFADE_EXTERNAL_HEAVY=1.
set -euo pipefail

if [[ ${CROSSFADE_EXTERNAL_HEAVY:-} != 1 ]]; then
    echo "image: left out, for it builds for five minutes; CROSSFADE_EXTERNAL_HEAVY=1 runs it"
    exit 0
fi
source "$(dirname "$0")/gateway.bash"

# Optimisation is left out, the commands stay what they are.
CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target}/image" CARGO_PROFILE_RELEASE_LTO=off \
    CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=256 \
    python3 -B "$external/image_steps.py" "$root/deploy/Dockerfile" "$root" "$work" "$@" >"$work/steps.log" 2>&1 ||
    fail "the steps of deploy/Dockerfile do not work here"
image="$work/root"

# of KEY...: what the image says of itself.
of() {
    python3 -c 'import json, sys
said = json.load(open(sys.argv[1]))
for key in sys.argv[2:]:
    said = said[key]
print(*said if isinstance(said, list) else [said], sep="\n")' "$work/image.json" "$@"
}

found=$(cd "$image" && find . -type f -o -type d -empty | sort)
wanted=$(printf '%s\n' ./crossfade ./etc/ssl/certs/ca-certificates.crt ./var/lib/crossfade)
[[ $found == "$wanted" ]] || fail "the last stage holds something else: $found"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/Cargo.toml" | head -n 1)
[[ $(of LABEL org.opencontainers.image.version) == "$version" ]] || fail "the label's version is not Cargo.toml's $version"
tag=$(sed -n 's/^ *newTag: //p' "$root/deploy/kustomize/components/image/kustomization.yaml")
[[ $tag == "$version" ]] || fail "kustomize's image has the tag $tag; expected Cargo.toml's version $version"
if [[ $EUID != 0 ]]; then
    echo "image: built, static; not run, for it takes root to give it a root directory of its own"
    exit 0
fi

start model python3 "$external/echo_model.py" "$work/model.port" "$work/model.seen"
until_true 20 "the model to listen" test -s "$work/model.port"
read -r data admin <<<"$(free_ports 2)"
# What a cluster mounts: the policy, names, and a place for records.
mkdir "$image/etc/crossfade"
touch "$image/etc/hosts" "$image/etc/resolv.conf"
cat >"$image/etc/crossfade/policy.yaml" <<YAML
listen: {data: "127.0.0.1:$data", admin: "127.0.0.1:$admin"}
record: {dir: /var/lib/crossfade}
models:
  old: {url: "http://localhost:$(cat "$work/model.port")"}
  new: {url: "https://models.invalid"}
experiments: [{name: all, legacy: old, candidate: new, strategy: {shadow: {}}}]
YAML
mapfile -t command < <(of ENTRYPOINT && of CMD)
start gateway env --ignore-environment unshare --mount sh -euc '
    root=$1 user=$2
    shift 2
    mount --bind "$root" "$root"
    mount --bind /etc/hosts "$root/etc/hosts"
    mount --bind /etc/resolv.conf "$root/etc/resolv.conf"
    mount -o remount,bind,ro "$root"
    mount -t tmpfs -o "uid=${user%:*},gid=${user#*:},mode=755" tmpfs "$root/var/lib/crossfade"
    exec chroot --userspec="$user" "$root" "$@"' sh "$image" "$(of USER)" "${command[@]}"
gateway_pid=$!
until_true 20 "the gateway to be ready" curl --fail --silent "http://127.0.0.1:$admin/readyz"
[[ $(stat -c %u "/proc/$gateway_pid") == 65532 ]] || fail "the gateway does not run as user 65532"
[[ $(curl --silent --fail "http://127.0.0.1:$data/" -d hello) == hello ]] || fail "the model does not answer through it"
until_true 10 "the pair to be on record" grep -rq '"kind":"pair"' "/proc/$gateway_pid/root/var/lib/crossfade"
stop_gateway
echo "image: ${command[*]} serves, read-only, as user $(of USER), from $(du -sh --apparent-size "$image/crossfade" | cut -f1) unoptimised"
