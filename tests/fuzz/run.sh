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
failed=0
for source in tests/fuzz/*_fuzz.cc; do
  target=$(basename "$source" .cc)
  # What is found beyond the seeds stays in the build folder: the committed corpus keeps small.
  found=$build/corpus/${target%_fuzz}
  seeds=tests/fuzz/corpus/${target%_fuzz}
  mkdir -p "$found" "$build/artifacts"
  corpora=("$found")
  [ ! -d "$seeds" ] || corpora+=("$seeds")
  if "$build/tests/fuzz/$target" -max_total_time="$seconds" -max_len=16384 -timeout=10 \
    -rss_limit_mb=1024 -artifact_prefix="$build/artifacts/$target-" -print_final_stats=1 \
    "${corpora[@]}" >"$build/$target.log" 2>&1; then
    echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$target.log") inputs"
  else
    failed=1
    echo "$target failed; the end of $build/$target.log:"
    tail -n 40 "$build/$target.log"
  fi
done
exit "$failed"
