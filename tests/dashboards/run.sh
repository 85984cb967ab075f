#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every check of the dashboards: shape, Grafana's types, names, and each query on a real Prometheus that scrapes
# the real exporter (Debian: nodejs, npm, prometheus; root). Quiet when all is well.
# usage: run.sh [EXPORTER] [WORKLOAD]
set -u
build=$(dirname "$0")/../../build/release
exporter=$(realpath "${1:-$build/cnproc_exporter}")
workload=$(realpath "${2:-$build/tests/workload/cnproc_workload}")
cd "$(dirname "$0")" || exit 1
failed=0

for tool in node npm prometheus; do
  command -v "$tool" >/dev/null || { echo "tests/dashboards: $tool is missing (apt install nodejs npm prometheus)" >&2; exit 1; }
done
for binary in "$exporter" "$workload"; do
  [ -x "$binary" ] || { echo "tests/dashboards: no $binary: build it first (cmake --preset release)" >&2; exit 1; }
done
if ! cmp -s package-lock.json node_modules/.installed; then
  npm ci --silent || { echo "tests/dashboards: npm ci failed" >&2; exit 1; }
  cp package-lock.json node_modules/.installed
fi

node format.mjs --check || failed=1
node types.mjs || failed=1
node live.mjs "$exporter" "$workload" || failed=1
exit "$failed"
