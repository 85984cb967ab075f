#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The whole thing on this machine, for a look: the exporter, Prometheus (Debian's package) with the shipped rules,
# and a harmless workload. Everything listens on the loopback and ends with Ctrl-C; nothing is left behind but Debian's
# package prometheus, whose service is not enabled.
set -euo pipefail

usage() {
  cat <<'END'
usage: deploy/demo.sh EXPORTER [FLAG...]  as root; the flags are for the exporter
       deploy/demo.sh --check [FLAG...]   only looks whether the demo could run with these
deploy/run.sh --demo [FLAG...] builds the exporter first.
Environment: CNPROC_DEMO_PORT (10119) and CNPROC_DEMO_PROMETHEUS_PORT (9090), where the two listen.
END
}

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
exporter_port=${CNPROC_DEMO_PORT:-10119}
prometheus_port=${CNPROC_DEMO_PROMETHEUS_PORT:-9090}

fail() {
  echo "demo: $*" >&2
  exit 1
}

check() {
  local flag port
  for flag in "$@"; do
    case $flag in --web.listen-address* | --web.telemetry-path* | --web.config.file*)
      echo "demo: ${flag%%=*} is the demo's own, whose Prometheus must find the exporter; CNPROC_DEMO_PORT sets the port" >&2
      exit 2
      ;;
    esac
  done
  for port in "$exporter_port" "$prometheus_port"; do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      fail "port $port is taken: end what listens there (ss -ltnp), or set CNPROC_DEMO_PORT and CNPROC_DEMO_PROMETHEUS_PORT"
    fi
  done
}

case ${1:-} in
  --help) usage; exit 0 ;;
  --check) shift; check "$@"; exit 0 ;;
  '' | -*) usage >&2; exit 2 ;;
esac
exporter=$(realpath "$1")
shift
[ -x "$exporter" ] || fail "no $exporter: deploy/run.sh --demo builds it first"
check "$@"

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

# Of the child that was started last.
wait_for() { # NAME URL LOG
  for _ in {1..100}; do
    if curl -sf -o "$folder/answer" "$2"; then return; fi
    kill -0 "${children[-1]}" 2>/dev/null || break
    sleep 0.2
  done
  tail -n 5 "$3" >&2
  fail "$1 does not answer at $2; its last words are above"
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

"$exporter" --web.listen-address="127.0.0.1:$exporter_port" "$@" >"$folder/exporter.log" 2>&1 &
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
