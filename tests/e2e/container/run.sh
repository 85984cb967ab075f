#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The image on this machine: laid out as the Containerfile does, built with buildah, run with podman. It must count
# the host's events, and say what lacks where the host's namespaces are missing.
# usage: run.sh [EXPORTER]   (as root)
set -eu
here=$(realpath "$(dirname "$0")")
root=$(realpath "$here/../../..")
exporter=$(realpath "${1:-$root/build/release/cnproc_exporter}")
image=localhost/cnproc_exporter:test
name=cnproc-test-$$
work=$(mktemp -d)

finish() {
  kill "${host_exporter:-}" 2>/dev/null || true
  podman rm -f "$name" >/dev/null 2>&1 || true
  podman rmi -f "$image" >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap finish EXIT
fail() {
  echo "tests/e2e/container: $*" >&2
  exit 1
}
for tool in buildah podman runc curl; do
  command -v "$tool" >/dev/null || fail "$tool is missing (deploy/install-dependencies.sh --test container)"
done
[ -x "$exporter" ] || fail "no $exporter: build it first (cmake --preset release)"

# As the Containerfile does, with its first stage's output made here.
"$root/deploy/container/rootfs.sh" "$exporter" "$work/out"
# libssl3t64 from Debian 13 on.
for notice in cnproc-exporter/LICENSE cnproc-exporter/THIRD-PARTY-NOTICES libc6/copyright 'libssl3*/copyright'; do
  # shellcheck disable=SC2086,SC2116 # a pattern
  [ -s "$(echo "$work"/out/usr/share/doc/$notice)" ] || fail "the image lacks $notice"
done
"$root/deploy/container/image.sh" "$work/out" "$image" >"$work/log" 2>&1 || { tail -n 5 "$work/log" >&2; fail "buildah failed"; }
size=$(podman image inspect --format '{{.Size}}' "$image")
[ "$size" -lt 40000000 ] || fail "the image has $size bytes"

run=(podman --runtime "$(command -v runc)" run --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --cgroupns=host --cap-drop=ALL)
port=10197
page() { curl -sf "http://127.0.0.1:$port/metrics"; }
value() { page | awk -v name="$1" '$1 == name {print $2}'; }

# As the examples for containers have it.
"${run[@]}" -d --name "$name" --network=host --pid=host --cap-add=NET_ADMIN -v /sys/fs/cgroup:/host/sys/fs/cgroup:ro \
  "$image" --web.listen-address="127.0.0.1:$port" --path.cgroupfs=/host/sys/fs/cgroup >"$work/log" 2>&1 || { tail -n 5 "$work/log" >&2; fail "podman run failed"; }
for _ in {1..50}; do page >/dev/null && break; sleep 0.2; done
[ "$(value cnproc_up)" = 1 ] || { podman logs "$name" >&2; fail "not subscribed with the host's namespaces and NET_ADMIN"; }
before=$(value 'cnproc_events_total{event="exec"}')
for _ in {1..10}; do /bin/true; done
sleep 0.2
[ "$(value 'cnproc_events_total{event="exec"}')" -ge $((before + 10)) ] || fail "it does not count the host's execs"

# What runs in a container is told by it: the exporter itself is one of podman's.
id=$(podman inspect --format '{{.Id}}' "$name")
info="cnproc_container_info{container_id=\"podman://$id\",pod_uid=\"\",runtime=\"podman\"}"
[ "$(value "$info")" = 1 ] || fail "no $info"
[ "$(value "cnproc_container_processes{container_id=\"podman://$id\"}")" -ge 1 ] || fail "no process in podman://$id"
podman rm -f "$name" >/dev/null

# Without NET_ADMIN it says so, and serves where the kernel lets anyone listen.
"${run[@]}" -d --name "$name" --network=host --pid=host "$image" --web.listen-address="127.0.0.1:$port" \
  >"$work/log" 2>&1 || { tail -n 5 "$work/log" >&2; fail "podman run failed"; }
for _ in {1..50}; do podman logs "$name" 2>&1 | grep -q CAP_NET_ADMIN && break; sleep 0.2; done
podman logs "$name" 2>&1 | grep -q CAP_NET_ADMIN || fail "it does not say that NET_ADMIN lacks"
podman rm -f "$name" >/dev/null

# Without the host's namespaces it must end, with one line that says what lacks.
if "${run[@]}" --rm --network=none "$image" >"$work/log" 2>&1; then fail "it runs without the host's namespaces"; fi
grep -qiE 'namespace' "$work/log" || { cat "$work/log" >&2; fail "it does not say that the host's namespaces lack"; }

# A container's first program, of a run or an exec, may be gone within a millisecond: it counts on the container all
# the same, and what runc does in the container's cgroup before does not. Asked of an exporter on the host.
mkdir -p "$work/root/bin"
printf 'int main(void) { return 3; }\n' >"$work/fail.c"
cc -O1 -static -o "$work/root/bin/fail" "$work/fail.c"
cp "$(command -v busybox)" "$work/root/bin/true"
cp "$(command -v busybox)" "$work/root/bin/sleep"
"$exporter" --web.listen-address="127.0.0.1:$port" 2>"$work/log" &
host_exporter=$!
for _ in {1..50}; do curl -sf "http://127.0.0.1:$port/-/ready" >/dev/null && break; sleep 0.2; done
for i in {1..20}; do
  "${run[@]}" --rm --cidfile "$work/id.$i" --net=host --rootfs "$work/root" /bin/fail >/dev/null 2>&1 && fail "a program that fails succeeded"
done
"${run[@]}" -d --name "$name" --net=host --rootfs "$work/root" /bin/sleep 100 >/dev/null
for _ in {1..40}; do podman exec "$name" /bin/true; done
page >"$work/page"
series() { awk -v name="$1" '$1 == name {print $2}' "$work/page"; }
wrong=0
for i in {1..20}; do
  of="container_id=\"podman://$(cat "$work/id.$i")\""
  [ "$(series "cnproc_container_exits_total{$of,outcome=\"error\"}")" = 1 ] || wrong=$((wrong + 1))
  [ "$(series "cnproc_container_exits_total{$of,outcome=\"success\"}")" = 0 ] || wrong=$((wrong + 1))
done
of="container_id=\"podman://$(podman inspect --format '{{.Id}}' "$name")\""
execs=$(series "cnproc_container_execs_total{$of}")
successes=$(series "cnproc_container_exits_total{$of,outcome=\"success\"}")
kill "$host_exporter"
[ "$wrong" = 0 ] || fail "$wrong of 40 numbers of containers that fail at once are wrong"
# One may run before anybody could look on a machine that others keep busy.
case $execs in 40 | 41) ;; *) fail "$execs execs in a container that made 41" ;; esac
case $successes in 39 | 40) ;; *) fail "$successes of 40 successes in a container" ;; esac
