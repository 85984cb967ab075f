#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the fuzz targets with clang and runs each of them for a while.
#
# usage: tests/fuzz/run.sh [SECONDS]     for each target; 10 by default
set -euo pipefail

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
cd "$root"
seconds=${1:-10}
build=build/fuzz

cmake --preset fuzz >/dev/null
cmake --build --preset fuzz --target fuzzers

# Fuzzes one target and says how it went.
fuzz() {
  local target=$1
  # What is found beyond the seeds stays in the build folder: the committed corpus keeps small.
  local found=$build/corpus/${target%_fuzz} seeds=tests/fuzz/corpus/${target%_fuzz}
  mkdir -p "$found" "$build/artifacts"
  local corpora=("$found")
  [ ! -d "$seeds" ] || corpora+=("$seeds")
  if "$build/tests/fuzz/$target" -max_total_time="$seconds" -max_len=16384 -timeout=10 \
    -rss_limit_mb=1024 -artifact_prefix="$build/artifacts/$target-" -print_final_stats=1 \
    "${corpora[@]}" >"$build/$target.log" 2>&1; then
    echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$target.log") inputs"
  else
    echo "$target failed; the end of $build/$target.log:"
    tail -n 40 "$build/$target.log"
    return 1
  fi
}

# As many beside each other as there are CPUs.
failed=0 running=0
for source in tests/fuzz/*_fuzz.cc; do
  if [ "$running" -ge "$(nproc)" ]; then
    wait -n || failed=1
    running=$((running - 1))
  fi
  fuzz "$(basename "$source" .cc)" &
  running=$((running + 1))
done
while [ "$running" -gt 0 ]; do
  wait -n || failed=1
  running=$((running - 1))
done
exit "$failed"
