#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Within the fresh Debian that run.sh makes: deploy/run.sh as README.md has it, twice, then tests/run.sh release.
set -euo pipefail
cd "$(dirname "$0")/../.."
address=127.0.0.1:10219
log=build/first-run.log

fail() {
  echo "tests/debian: $*" >&2
  [ ! -e "$log" ] || tail -n 40 "$log" >&2
  exit 1
}

# run_exporter SECONDS: until it is ready; leaves its page in build/page.
run_exporter() {
  local end=$((SECONDS + $1)) exporter
  deploy/run.sh --web.listen-address="$address" >"$log" 2>&1 &
  exporter=$!
  until curl -sf "http://$address/-/ready" >/dev/null 2>&1; do
    kill -0 "$exporter" 2>/dev/null || fail "deploy/run.sh ended"
    [ $SECONDS -lt "$end" ] || fail "the exporter is not ready within $1 s"
    sleep 1
  done
  curl -sf "http://$address/metrics" >build/page
  kill "$exporter"
  wait "$exporter" || fail "the exporter ended with status $?"
}

packages() { dpkg-query -W -f='${db:Status-Status}\n' | grep -c '^installed'; }

mkdir -p build
# Whoever has a checkout has git.
{ apt-get -qq update && apt-get -qq install -y --no-install-recommends git; } >"$log" 2>&1 || fail "git cannot be installed"
echo "Debian $(cat /etc/debian_version), $(packages) packages"
start=$SECONDS
run_exporter 3600
echo "deploy/run.sh: ready after $((SECONDS - start)) s, $(packages) packages"
grep -q '^run: building' "$log" || fail "it does not say that it builds"
grep -qx 'cnproc_up 1' build/page || fail "the kernel has not acknowledged it"
! grep -q '^run: going on with libcivetweb-dev' "$log" || echo "deploy/run.sh: without CivetWeb's source"
# The checkout is another user's.
if ! grep -q '^cnproc_exporter_build_info{.*revision="[0-9a-f]\{12\}"' build/page; then fail "the revision is unknown"; fi

start=$SECONDS
run_exporter 60
echo "deploy/run.sh again: ready after $((SECONDS - start)) s"
! grep -q '^run: building' "$log" || fail "it says that it builds, and there is nothing to build"

tests/run.sh release
echo "tests/run.sh release: $(packages) packages"
