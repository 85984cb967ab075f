#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# From the kernel to the pager with Debian's Prometheus and Alertmanager. Quiet when all is well.
# usage: run.sh [EXPORTER] [WORKLOAD]
set -u
here=$(realpath "$(dirname "$0")")
root=$here/../../..
exporter=$(realpath "${1:-$root/build/release/cnproc_exporter}")
workload=$(realpath "${2:-$root/build/release/tests/workload/cnproc_workload}")

for tool in node prometheus prometheus-alertmanager; do
  command -v "$tool" >/dev/null ||
    { echo "tests/e2e/alerts: $tool is missing (deploy/install-dependencies.sh --test)" >&2; exit 1; }
done
for binary in "$exporter" "$workload"; do
  [ -x "$binary" ] || { echo "tests/e2e/alerts: no $binary: build it first (cmake --preset release)" >&2; exit 1; }
done
exec node "$here/alerts.mjs" "$exporter" "$workload"
