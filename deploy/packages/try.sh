#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the .deb that standard input is and starts its binary. deploy/release.sh calls it in a fresh Debian.
set -eu

usage() { echo "usage: deploy/packages/try.sh <FILE.deb"; }
case ${1:-} in --help) usage; exit 0 ;; esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cat >"$work/package.deb"
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get -qq update && apt-get -qq install -y --no-install-recommends "$work/package.deb"; } >"$work/log" 2>&1; then
  cat "$work/log" >&2
  exit 1
fi
cnproc_exporter --config.check
