#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The first minutes of a new user, then the tests of the step release, in a fresh Debian of another release, whose
# compiler and libraries are others. What they say goes to build/debian/SUITE/test.log.
set -euo pipefail

usage() { echo "usage: tests/debian/run.sh SUITE     bookworm (12), trixie (13); as root"; }
case ${1:-} in
  --help) usage; exit 0 ;;
  '' | -*) usage >&2; exit 2 ;;
esac
suite=$1
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
mkdir -p "$root/build/debian/$suite"
"$root/deploy/debian-root.sh" "$suite" tests/debian/guest.sh 2>&1 | tee "$root/build/debian/$suite/test.log"
