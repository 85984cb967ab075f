#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# stress-ng's stressors of processes, a few seconds each, each in a group of its own: nothing lost with the flags as
# shipped, all identities true after each, every process that was forked has ended, and in the end the table is what
# /proc says (Debian: stress-ng, python3, util-linux; root). Prints a line for each comparison; ends with 1 where one
# does not hold.
# usage: stress_ng.sh [EXPORTER [--seconds N] [--load N] [--stressors NAME,...]]
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
exporter=${1:-$here/../../build/release/cnproc_exporter}
[ $# = 0 ] || shift
[ -x "$exporter" ] || { echo "tests/real: no $exporter: build it first (cmake --preset release)" >&2; exit 1; }
command -v stress-ng >/dev/null || { echo "tests/real: stress-ng is missing: apt-get install stress-ng" >&2; exit 1; }
exec /usr/bin/python3 -B "$here/stress_ng.py" "$exporter" "$@"
