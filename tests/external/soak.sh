#!/usr/bin/env bash
# Half a minute of the soak test (loadtests/soak): mixed traffic with rude users, failing candidates and reloads. It
# runs the binary that the other checks use, at a rate at which its unoptimised writer does not lag behind though the
# machine be busy: what waits for it would be memory that grows. `loadtests/soak` itself takes ten minutes and a release
# build.
#
# On a machine at half its speed even so the writer lags and its queue is memory that grows: run it where nothing else runs.
# It is left out unless CROSSFADE_EXTERNAL_HEAVY=1.
set -euo pipefail

if [[ ${CROSSFADE_EXTERNAL_HEAVY:-} != 1 ]]; then
    echo "soak: left out, for it needs a machine of its own; CROSSFADE_EXTERNAL_HEAVY=1 runs it"
    exit 0
fi
source "$(dirname "$0")/gateway.bash"

build_gateway
python3 "$root/loadtests/soak" --seconds 30 --rate 80 --binary "$crossfade"
