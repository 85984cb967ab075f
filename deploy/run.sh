#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds the exporter and runs it in the foreground.
#
# usage: deploy/run.sh [FLAG...]      flags of cnproc_exporter; see deploy/run.sh --help
#        deploy/run.sh --demo         with Prometheus, the rules and a harmless workload beside it
set -euo pipefail

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
caller=$PWD
cd "$root"
build=build/release
log=build/run.log
mkdir -p build

quietly() {
  local what=$1
  shift
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 40 "$log" >&2
    echo "run: could not $what; all of it: $root/$log" >&2
    exit 1
  fi
}

deploy/install-dependencies.sh --build
quietly "fetch CivetWeb" deploy/fetch-civetweb.sh
if [ ! -e "$build/build.ninja" ]; then
  # The tests need packages that running does not.
  quietly "configure the build" cmake --preset release -DCNPROC_TESTS=OFF
fi
if ! ninja -C "$build" -n cnproc_exporter 2>/dev/null | grep -q 'no work to do'; then
  echo "run: building $build/cnproc_exporter"
  quietly "build" cmake --build --preset release --target cnproc_exporter
fi
if [ "${1:-}" = --demo ]; then exec deploy/demo.sh "$build/cnproc_exporter"; fi
# Files named in flags are the caller's.
cd "$caller"
exec "$root/$build/cnproc_exporter" "$@"
