#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The whole thing on this machine, for a look: the exporter, Prometheus (Debian's package) with the shipped rules,
# and a harmless workload. Everything listens on the loopback and ends with Ctrl-C; nothing is left behind but Debian's
# package prometheus, whose service is not enabled.
#
# usage: deploy/run.sh --demo    (builds first; as root)
#        deploy/demo.sh EXPORTER
set -euo pipefail

exporter=$(realpath "${1:?usage: deploy/demo.sh EXPORTER}")
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
exporter_port=${CNPROC_DEMO_PORT:-10119}
prometheus_port=${CNPROC_DEMO_PROMETHEUS_PORT:-9090}
folder=$(mktemp -d)
children=()

finish() {
  trap - EXIT INT TERM
  for child in "${children[@]}"; do kill "$child" 2>/dev/null || true; done
  wait
  rm -rf "$folder"
}
trap finish EXIT
trap 'exit 0' INT TERM

fail() {
  echo "demo: $*" >&2
  exit 1
}

wait_for() { # NAME URL LOG
  for _ in {1..100}; do
    if curl -sf -o "$folder/answer" "$2"; then return; fi
    sleep 0.2
  done
  tail -n 5 "$3" >&2
  fail "$1 does not answer at $2 (is its port taken? see CNPROC_DEMO_PORT, CNPROC_DEMO_PROMETHEUS_PORT)"
}

# A day in the life of a small server, a minute long: requests, a batch, a failing check, a crash.
workload() {
  ulimit -c 0
  local second=0
  while true; do
    for ((i = 0; i < 15; i++)); do /bin/true; done
    ((second % 5)) || (exit 3) || true
    if ((second % 20 == 7)); then sh -c 'kill -SEGV $$' || true; fi
    if ((second % 60 == 30)); then for ((i = 0; i < 400; i++)); do (:); done; fi
    second=$((second + 1))
    sleep 1
  done 2>/dev/null
}

for tool in curl prometheus; do
  command -v "$tool" >/dev/null || { "$root/deploy/install-dependencies.sh" --demo; break; }
done

"$exporter" --web.listen-address="127.0.0.1:$exporter_port" >"$folder/exporter.log" 2>&1 &
children+=($!)
wait_for "the exporter" "http://127.0.0.1:$exporter_port/-/healthy" "$folder/exporter.log"

cat >"$folder/prometheus.yml" <<END
global: {scrape_interval: 5s, evaluation_interval: 5s}
rule_files: ["$root/dashboards/rules/*.yml"]
scrape_configs:
  - job_name: cnproc
    static_configs: [{targets: ["127.0.0.1:$exporter_port"]}]
END
prometheus --config.file="$folder/prometheus.yml" --storage.tsdb.path="$folder/data" --log.level=warn \
  --web.listen-address="127.0.0.1:$prometheus_port" --enable-feature=native-histograms,exemplar-storage >"$folder/prometheus.log" 2>&1 &
children+=($!)
wait_for "Prometheus" "http://127.0.0.1:$prometheus_port/-/ready" "$folder/prometheus.log"
workload &
children+=($!)

cat <<END

  Live view     http://127.0.0.1:$exporter_port/live
  Metrics       http://127.0.0.1:$exporter_port/metrics
  Dashboards    http://127.0.0.1:$exporter_port/dashboards/   (import into Grafana; data source below)
  Prometheus    http://127.0.0.1:$prometheus_port/graph
  Alerts        http://127.0.0.1:$prometheus_port/alerts      (a core dump spike within two minutes)

  Try: topk(5, sum by (program) (rate(cnproc_program_execs_total[1m])))
  Ctrl-C ends it all and removes its data.

END
wait -n "${children[@]}" || true
for log in exporter prometheus; do tail -n 3 "$folder/$log.log" >&2; done
fail "one of them ended"
