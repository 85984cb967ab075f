#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Known numbers of process events for every panel of the dashboards, in rounds of two seconds; needs root.
# usage: workload.sh WORKLOAD_BINARY DIRECTORY ROUNDS
#
# One round, under names of its own so that other work on the machine changes none of these numbers:
#   dt-exit    4 ends with code 77            dt-abort  3 core dumps by SIGABRT
#   dt-term    2 ends by SIGTERM              dt-uid    1 change to root
#   dt-loop    40 forks, 41 with its sleep    nginx     1 shell, started by a "server"
#   dt-hog     1 OOM kill, in the container   dt-sh     refused forks, in the unit and the container
#   dt-gone    1 end by SIGHUP, in the unit
# The unit and the container are cgroups as systemd and kubelet lay them out. The shells sleep first, so that an
# exporter on a busy machine reads their name and cgroup while they live, and their children count on them.
set -u
workload=$1 dir=$2 rounds=$3
unit=system.slice/dt-app.service
container=kubepods/burstable/pod6f1c2d3e-0000-4000-8000-0123456789ab/$(printf 'c0ffee%.0s' {1..10})cafe

for name in dt-exit dt-abort dt-term dt-loop dt-gone; do cp /bin/bash "$dir/$name"; done
cp "$workload" "$dir/dt-uid" && cp /bin/dash "$dir/nginx" && cp /bin/dash "$dir/dt-sh" && cp /usr/bin/tail "$dir/dt-hog"
ulimit -c 0

# Every hierarchy that is mounted: one on cgroup v2, several on v1 and hybrid hosts.
hierarchies() { awk '$3 == "cgroup" || $3 == "cgroup2" {print $2}' /proc/mounts; }
write() { [ -e "$2" ] && echo "$1" 2>/dev/null >"$2"; }

make_group() {
  local top path part
  for top in $(hierarchies); do
    path=$top
    for part in ${1//\// }; do
      write "+pids +memory" "$path/cgroup.subtree_control"
      path=$path/$part
      mkdir -p "$path" 2>/dev/null
      write "$(cat "$top/cpuset.mems" 2>/dev/null)" "$path/cpuset.mems"
      write "$(cat "$top/cpuset.cpus" 2>/dev/null)" "$path/cpuset.cpus"
    done
    write 4 "$path/pids.max"
    write 16M "$path/memory.limit_in_bytes"
    write 16M "$path/memory.max"
    write 0 "$path/memory.swap.max"
  done
}

remove_group() {
  local top path
  for top in $(hierarchies); do
    path=$top/$1
    while [ "$path" != "$top" ] && rmdir "$path" 2>/dev/null; do path=${path%/*}; done
  done
}

# inside GROUP COMMAND...: runs the command there and waits for it.
inside() {
  local group=$1
  shift
  (
    for top in $(hierarchies); do write "$BASHPID" "$top/$group/cgroup.procs"; done
    exec "$@"
  ) >/dev/null 2>&1
}

# A shell that may not fork a fifth time says so and fails.
full='sleep 0.3; for i in 1 2 3 4 5 6 7 8; do sleep 0.2 & done; wait'

finish() {
  sleep 0.3
  remove_group "$unit"
  remove_group "$container"
}
trap finish EXIT
make_group "$unit"
make_group "$container"

for ((round = 0; round < rounds; round++)); do
  start=${EPOCHREALTIME/./}
  "$dir/dt-exit" -c 'sleep 0.2; for i in {1..4}; do (exit 77); done; exit 0' &
  "$dir/dt-abort" -c 'sleep 0.2; for i in {1..3}; do (kill -ABRT $BASHPID); done; exit 0' &
  "$dir/dt-term" -c 'sleep 0.2; for i in {1..2}; do (kill -TERM $BASHPID); done; exit 0' &
  "$dir/dt-loop" -c 'sleep 0.2; for i in {1..40}; do (:); done; exit 0' &
  "$dir/nginx" -c 'sleep 0.2; /bin/sh -c "sleep 0.1; true"; true' &
  wait
  "$dir/dt-uid" uid 1 || exit 1
  inside "$container" "$dir/dt-hog" /dev/zero
  inside "$unit" "$dir/dt-sh" -c "$full"
  inside "$unit" "$dir/dt-gone" -c 'sleep 0.2; kill -HUP $BASHPID'
  inside "$container" "$dir/dt-sh" -c "$full"
  left=$((2000000 - (${EPOCHREALTIME/./} - start)))
  ((left > 0)) && sleep "$(printf '%d.%06d' $((left / 1000000)) $((left % 1000000)))"
done
exit 0
