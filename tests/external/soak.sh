#!/usr/bin/env bash
# Half a minute of the soak test (loadtests/soak): mixed traffic with rude users, failing candidates and reloads. It
# runs the binary that the other checks use; `loadtests/soak` itself takes ten minutes and a release build.
set -euo pipefail
source "$(dirname "$0")/gateway.bash"

build_gateway
python3 "$root/loadtests/soak" --seconds 30 --rate 200 --binary "$crossfade"
