#!/usr/bin/env bash
# Half a minute of the soak test (loadtests/soak): mixed traffic with rude users, failing candidates and reloads. It
# runs the binary that the other checks use, at a rate at which its unoptimised writer does not lag behind though the
# machine be busy: what waits for it would be memory that grows. `loadtests/soak` itself takes ten minutes and a release
# build.
set -euo pipefail
source "$(dirname "$0")/gateway.bash"

build_gateway
python3 "$root/loadtests/soak" --seconds 30 --rate 20 --binary "$crossfade"
