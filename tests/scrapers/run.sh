#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A real Prometheus and curl against the real exporter: plain, with a password, with TLS and with
# client certificates, in text, in OpenMetrics and in protobuf with native histograms, and the strict
# parser of Prometheus' Python client (Debian: curl, nodejs, openssl, prometheus,
# python3-prometheus-client; root). Quiet when all is well.
# usage: run.sh [EXPORTER]
set -u
exporter=$(realpath "${1:-$(dirname "$0")/../../build/release/cnproc_exporter}")
cd "$(dirname "$0")" || exit 1
for tool in curl node openssl prometheus; do
  command -v "$tool" >/dev/null || { echo "tests/scrapers: $tool is missing" >&2; exit 1; }
done
# Debian's, which has Debian's modules.
python=/usr/bin/python3
"$python" -c 'import prometheus_client' 2>/dev/null || { echo "tests/scrapers: python3-prometheus-client is missing" >&2; exit 1; }
[ -x "$exporter" ] || { echo "tests/scrapers: no $exporter: build it first (cmake --preset release)" >&2; exit 1; }

work=$(mktemp -d)
started=()
# shellcheck disable=SC2317 # called by the trap
finish() {
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null; done
  wait
  rm -rf "$work"
}
trap finish EXIT
failed=0
complain() {
  echo "tests/scrapers: $*" >&2
  failed=1
}
# expect WHAT WANTED GOT
expect() { [ "$2" = "$3" ] || complain "$1: wanted \"$2\", got \"$3\""; }

# ---- Certificates and configurations. The password is "secret", at a bcrypt cost of 12.

cd "$work" || exit 1
new_key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1)
make_authority() { openssl req -x509 "${new_key[@]}" -subj "/CN=$1" -keyout "$1.key" -out "$1.crt" 2>/dev/null; }
make_identity() { # NAME AUTHORITY
  openssl req "${new_key[@]:0:5}" -subj "/CN=$1" -keyout "$1.key" -out "$1.csr" 2>/dev/null
  openssl x509 -req -in "$1.csr" -CA "$2.crt" -CAkey "$2.key" -CAcreateserial -days 1 -out "$1.crt" \
    -extfile <(echo "subjectAltName=IP:127.0.0.1,DNS:$1") 2>/dev/null
}
make_authority ca
make_authority rogue-ca
make_identity server ca
make_identity client ca
make_identity rogue rogue-ca
# shellcheck disable=SC2016 # a hash, not variables
hash='$2y$12$abcdefghijklmnopqrstuuT1Iwu6o8Wx7BoOyIMHfgVJq6JO/IJhW'
tls='cert_file: server.crt, key_file: server.key'
echo "basic_auth_users: {prometheus: $hash}" >basic.yml
echo "tls_server_config: {$tls}" >tls.yml
{
  echo "tls_server_config: {$tls, client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.crt}"
  echo "basic_auth_users: {prometheus: $hash}"
} >mutual.yml

# ---- Exporters

declare -A port
free_port=20119
start_exporter() { # NAME FLAGS...
  local name=$1
  shift
  while (exec 3<>"/dev/tcp/127.0.0.1/$free_port") 2>/dev/null; do free_port=$((free_port + 1)); done
  port[$name]=$free_port
  free_port=$((free_port + 1))
  "$exporter" "--web.listen-address=127.0.0.1:${port[$name]}" --log.level=warn "$@" &
  started+=($!)
  for _ in {1..100}; do
    (exec 3<>"/dev/tcp/127.0.0.1/${port[$name]}") 2>/dev/null && return
    sleep 0.1
  done
  complain "the exporter $name does not listen"
}
start_exporter plain
start_exporter basic --web.config.file=basic.yml
start_exporter tls --web.config.file=tls.yml
start_exporter mutual --web.config.file=mutual.yml

# ---- curl

status() { curl -s -o /dev/null -w '%{http_code}' --cacert ca.crt "$@"; }
as_client=(--cert client.crt --key client.key)
login=(-u prometheus:secret)
for path in / /metrics /live /-/healthy /nothing; do
  expect "no password on $path" 401 "$(status "http://127.0.0.1:${port[basic]}$path")"
  expect "wrong password on $path" 401 "$(status -u prometheus:wrong "http://127.0.0.1:${port[basic]}$path")"
done
expect "right password" 200 "$(status "${login[@]}" "http://127.0.0.1:${port[basic]}/metrics")"
expect "TLS" 200 "$(status "https://127.0.0.1:${port[tls]}/metrics")"
expect "TLS 1.1" 000 "$(status --tlsv1.1 --tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0 "https://127.0.0.1:${port[tls]}/metrics")"
url="https://127.0.0.1:${port[mutual]}/metrics"
expect "client certificate and password" 200 "$(status "${as_client[@]}" "${login[@]}" "$url")"
expect "client certificate without password" 401 "$(status "${as_client[@]}" "$url")"
expect "no client certificate" 000 "$(status "${login[@]}" "$url")"
expect "rogue client certificate" 000 "$(status --cert rogue.crt --key rogue.key "${login[@]}" "$url")"

begin=${EPOCHREALTIME/./}
for _ in {1..20}; do status "${as_client[@]}" "${login[@]}" "$url" >/dev/null; done
took_ms=$(((${EPOCHREALTIME/./} - begin) / 1000))
[ "$took_ms" -lt 2000 ] || complain "20 authenticated scrapes took $took_ms ms"

# ---- The strict parser: every family whose name ends in a unit says so

url="http://127.0.0.1:${port[plain]}/metrics"
for features in '' '--web.openmetrics-created'; do
  # shellcheck disable=SC2086 # a flag or none
  [ -z "$features" ] || { start_exporter created $features; url="http://127.0.0.1:${port[created]}/metrics"; }
  curl -s -H 'Accept: application/openmetrics-text; version=1.0.0' "$url" >page.openmetrics
  "$python" - page.openmetrics >python.log 2>&1 <<'END' || complain "the strict parser: $(tail -n 1 python.log)"
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
families = list(text_string_to_metric_families(open(sys.argv[1]).read()))
assert len(families) > 40, len(families)
for family in families:
    last = family.name.rsplit('_', 1)[-1]
    assert family.unit == (last if last in ('seconds', 'bytes', 'ratio') else ''), family.name
END
done

# ---- Prometheus

# Debian's cannot be told to ask for text: what stands in between asks for it.
port[text]=$free_port
free_port=$((free_port + 1))
node -e '
  const [from, to] = process.argv.slice(1);
  const headers = { accept: "text/plain;version=0.0.4" };
  require("http").createServer((request, response) => {
    require("http").get({ host: "127.0.0.1", port: to, path: request.url, headers }, (answer) => {
      response.writeHead(answer.statusCode, { "content-type": answer.headers["content-type"] });
      answer.pipe(response);
    });
  }).listen(from, "127.0.0.1");' "${port[text]}" "${port[plain]}" &
started+=($!)
expect "the type of text" "text/plain; version=0.0.4; charset=utf-8" \
  "$(curl -s -o /dev/null -w '%{content_type}' --retry 20 --retry-connrefused --retry-delay 1 "http://127.0.0.1:${port[text]}/metrics")"

cat >prometheus.yml <<END
global: {scrape_interval: 1s}
scrape_configs:
- job_name: plain
  static_configs: [{targets: ["127.0.0.1:${port[plain]}"]}]
- job_name: text
  static_configs: [{targets: ["127.0.0.1:${port[text]}"]}]
- job_name: basic
  basic_auth: {username: prometheus, password: secret}
  static_configs: [{targets: ["127.0.0.1:${port[basic]}"]}]
- job_name: tls
  scheme: https
  tls_config: {ca_file: ca.crt}
  static_configs: [{targets: ["127.0.0.1:${port[tls]}"]}]
- job_name: mutual
  scheme: https
  tls_config: {ca_file: ca.crt, cert_file: client.crt, key_file: client.key}
  basic_auth: {username: prometheus, password: secret}
  static_configs: [{targets: ["127.0.0.1:${port[mutual]}"]}]
END
start_prometheus() { # NAME FEATURES
  while (exec 3<>"/dev/tcp/127.0.0.1/$free_port") 2>/dev/null; do free_port=$((free_port + 1)); done
  port[$1]=$free_port
  free_port=$((free_port + 1))
  prometheus --config.file=prometheus.yml --storage.tsdb.path="$1" "--enable-feature=$2" \
    "--web.listen-address=127.0.0.1:${port[$1]}" --log.level=error 2>"$1.log" &
  started+=($!)
}
start_prometheus openmetrics exemplar-storage
start_prometheus protobuf exemplar-storage,native-histograms
# The values that a query gives, sorted, one to a word.
values() { # PROMETHEUS QUERY
  curl -s -G "http://127.0.0.1:${port[$1]}/api/v1/query" --data-urlencode "query=$2" |
    grep -o '"value":\[[^]]*\]' | sed 's/.*,"//; s/".*//' | sort | paste -sd' '
}
# Rates need what happens between two scrapes.
for name in openmetrics protobuf; do
  for _ in {1..100}; do
    [ "$(values $name 'count(up == 1)')" = 5 ] && break
    sleep 0.1
  done
done
for _ in {1..60}; do
  /bin/true
  sleep 0.05
done
{ bash -c 'kill -SEGV $$'; } 2>/dev/null
sleep 3

for name in openmetrics protobuf; do
  expect "targets up, $name" "1 1 1 1 1" "$(values $name 'min_over_time(up[3s])')"
  expect "exits counted, $name" "5" "$(values $name 'count(cnproc_process_exits_total{outcome="success"} >= 60)')"
  exemplars=$(curl -s -G "http://127.0.0.1:${port[$name]}/api/v1/query_exemplars" \
    --data-urlencode 'query=cnproc_coredumps_total' -d "start=$(($(date +%s) - 300))" -d "end=$(date +%s)")
  grep -q '"program":"bash"' <<<"$exemplars" || complain "no exemplar of a core dump, $name: $exemplars"
done
quantile='histogram_quantile(0.9, rate(cnproc_process_lifetime_seconds[1m]))'
expect "native quantiles" 4 "$(values protobuf "$quantile > 0" | wc -w)"
for family in cnproc_event_delay_seconds cnproc_forks_per_second cnproc_process_peak_resident_bytes; do
  expect "native $family" 4 "$(values protobuf "histogram_count($family) >= 0" | wc -w)"
done
# A counter that stands still is the same, whatever it came in.
sum='sum(cnproc_sessions_total)'
expect "numbers of two formats" "$(values openmetrics "$sum")" "$(values protobuf "$sum")"
still='cnproc_exit_signals_total{job="plain"}'
for name in openmetrics protobuf; do
  count=$(values $name "count($still)")
  [ "${count:-0}" -gt 20 ] || complain "only $count counters to compare, $name"
  expect "numbers of text and $name" "$count" \
    "$(values $name "count($still == ignoring (job, instance) ${still/plain/text})")"
done
for name in openmetrics protobuf; do
  [ ! -s "$name.log" ] || complain "Prometheus complains, $name: $(head -n 5 "$name.log")"
done
exit "$failed"
