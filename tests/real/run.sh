#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Other people's programs, each in a group of its own, against the truth of the same run: configure and make of the
# Debian source package hello, PostgreSQL with 50 connections, and programs with threads and children in Python, Java,
# Go and for node. The truth is what strace says of each fork, exec and end, what their own wait calls return, and
# PostgreSQL's log. Each runs traced and, since a tracer slows programs down, untraced. Then stress_ng.sh. Root; needs
# what deploy/install-dependencies.sh --test real installs, and the network for the source package. Prints a line for
# each comparison; ends with 1 where one does not hold.
# usage: run.sh [EXPORTER [--load N] [--parts NAME,...]]
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
exporter=${1:-$here/../../build/release/cnproc_exporter}
[ $# = 0 ] || shift
[ -x "$exporter" ] || { echo "tests/real: no $exporter: build it first (cmake --preset release)" >&2; exit 1; }
for tool in strace go javac node pgbench setpriv make gcc; do
  command -v "$tool" >/dev/null || { echo "tests/real: $tool is missing: deploy/install-dependencies.sh --test real" >&2; exit 1; }
done
status=0
/usr/bin/python3 -B "$here/run.py" "$exporter" "$@" || status=1
case "$*" in *--parts*) exit "$status" ;; esac
"$here/stress_ng.sh" "$exporter" "$@" || status=1
exit "$status"
