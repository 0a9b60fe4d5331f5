#!/usr/bin/env bash
# Runs each fuzz target of tests/fuzz for some seconds (CROSSFADE_FUZZ_SECONDS, 4 by default), over its seeds and
# what becomes of them. A finding fails the check, which then tells how to see it again.
#
# With a nightly compiler, a C++ compiler and cargo-fuzz, which is installed under the target directory, libFuzzer
# follows the branches of the code. Where one of them cannot be had, a plain program mutates the seeds blindly.
set -euo pipefail
# One target writes a file for each input, which a disk would make slow.
[[ ! -w /dev/shm ]] || export TMPDIR=/dev/shm
source "$(dirname "$0")/gateway.bash"

seconds=${CROSSFADE_FUZZ_SECONDS:-4}
package="$root/tests/fuzz"
manifest="$package/Cargo.toml"
target="${CARGO_TARGET_DIR:-$root/target}/fuzz"
tools="$target/tools"
targets=(policy usage records tickets json_paths messages redaction)
export CARGO_TARGET_DIR="$target/build"
export PATH="$tools/bin:$PATH"
export TMPDIR="$work"

# The seeds of a target, among which are the sample policies.
seeds() {
    echo "$package/seeds/$1"
    if [[ $1 == policy ]]; then
        echo "$root/config"
    fi
}

# have_libfuzzer: says whether libFuzzer can be built here; if not, why not and what would cure it.
have_libfuzzer() {
    if ! cargo +nightly --version >/dev/null 2>&1; then
        echo "fuzz: no nightly compiler; \`rustup toolchain install nightly\` gets it"
    elif ! c++ --version >/dev/null 2>&1; then
        echo "fuzz: no C++ compiler, which libFuzzer needs; \`apt-get install g++\` gets it"
    elif ! cargo fuzz --version >/dev/null 2>&1 &&
        ! cargo install --quiet --locked --root "$tools" cargo-fuzz@0.13.2; then
        echo "fuzz: cargo-fuzz cannot be installed; \`cargo install cargo-fuzz\` tells why"
    else
        return 0
    fi
    return 1
}

# found TARGET FILE: fails, shows the panic, and tells how to see it again.
found() {
    grep -m 1 -A 20 'panicked at\|ERROR: libFuzzer' "$work/$1.log" >&2 || cat "$work/$1.log" >&2
    rm "$work"/*.log
    fail "target $1 has a finding in $2
see it again: cargo run --release --manifest-path tests/fuzz/Cargo.toml --example mutate -- $1 $2"
}

# latest FOLDER: the file in it that was written last.
latest() {
    find "$1" -type f -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2-
}

# follow_branches TARGET: one run of libFuzzer. What it learns stays under the target directory.
follow_branches() {
    local corpus="$target/corpus/$1" findings="$target/findings/$1/" options=()
    mkdir -p "$corpus" "$findings"
    if [[ $1 == policy ]]; then
        # The keys of the schema as the words to try.
        grep -o '"[$a-z_]*":' "$root/config/policy.schema.json" | tr -d : | sort -u >"$work/policy.words"
        options+=("-dict=$work/policy.words")
    fi
    mapfile -t from < <(seeds "$1")
    timeout $((seconds + 60)) "$CARGO_TARGET_DIR/$host/release/$1" "$corpus" "${from[@]}" \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=16384 \
        -artifact_prefix="$findings" "${options[@]}" >"$work/$1.log" 2>&1 || found "$1" "$(latest "$findings")"
    grep -E '^Done [0-9]+ runs' "$work/$1.log" | sed "s/^/fuzz: $1: /"
}

# mutate_blindly TARGET: one run of the plain program.
mutate_blindly() {
    local input="$target/findings/$1/input"
    mkdir -p "${input%/*}"
    mapfile -t from < <(seeds "$1")
    timeout $((seconds + 60)) "$CARGO_TARGET_DIR/release/examples/mutate" "$1" "$seconds" "$input" "${from[@]}" \
        >"$work/$1.log" 2>&1 || found "$1" "$input"
    sed 's/^/fuzz: /' "$work/$1.log"
}

cargo tree --quiet --locked --manifest-path "$manifest" >"$work/packages" ||
    fail "tests/fuzz/Cargo.lock lags behind; \`cargo update --workspace --manifest-path tests/fuzz/Cargo.toml\` cures it"
cargo fmt --check --manifest-path "$manifest"
cargo clippy --quiet --locked --lib --examples --manifest-path "$manifest" -- -D warnings
if have_libfuzzer; then
    cargo +nightly fuzz build --fuzz-dir "$package" --sanitizer none --features libfuzzer >"$work/build.log" 2>&1 ||
        fail "the fuzz targets do not build"
    host=$(rustc +nightly -vV | sed -n 's/^host: //p')
    run=follow_branches
else
    echo "fuzz: going on without libFuzzer, by blind mutation"
    cargo build --quiet --release --locked --example mutate --manifest-path "$manifest"
    run=mutate_blindly
fi
for name in "${targets[@]}"; do
    "$run" "$name"
done
echo "fuzz: ${#targets[@]} targets, $seconds s each, no finding"
