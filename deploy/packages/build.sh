#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes this Debian's .deb, an .rpm and the root of an image, in build/made. deploy/release.sh calls it in a fresh one.
set -euo pipefail

usage() { echo "usage: deploy/packages/build.sh [SECONDS]     the time of what is packed, since 1970; now by default"; }
case ${1:-} in
  --help) usage; exit 0 ;;
  -*) usage >&2; exit 2 ;;
esac
SOURCE_DATE_EPOCH=${1:-$(date +%s)}
export SOURCE_DATE_EPOCH

cd "$(dirname -- "$0")/../.."
log=build/made.log
mkdir -p build
quietly() {
  local what=$1
  shift
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 40 "$log" >&2
    echo "build: could not $what; all of it: $PWD/$log" >&2
    exit 1
  fi
}
deploy/install-dependencies.sh --package
# Without it there would be neither IPv6 nor TLS: that is no release.
quietly "fetch CivetWeb" deploy/fetch-civetweb.sh
# shellcheck source=/dev/null
release=1+$(. /etc/os-release && echo "${ID:0:3}${VERSION_ID:?}")
quietly "configure" cmake --preset release -DCNPROC_TESTS=OFF -DCNPROC_PACKAGE_RELEASE="$release"
quietly "compile" cmake --build --preset release --target cnproc_exporter
rm -rf build/made
for generator in DEB RPM; do
  quietly "make the $generator" cpack --config build/release/CPackConfig.cmake -G "$generator" -B "$PWD/build/made"
done
rm -rf build/made/_CPack_Packages
quietly "lay out the image" deploy/container/rootfs.sh build/release/cnproc_exporter build/made/rootfs
