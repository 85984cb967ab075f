#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing of Debian's packages (12 "bookworm" and newer, and what derives from it).
# Says nothing where nothing is missing. No service that a package brings is started, now or at the next boot.
set -euo pipefail

usage() {
  cat <<'END'
usage: deploy/install-dependencies.sh [--build|--test|--demo|--list]
  --build  what it takes to build cnproc_exporter (the default)
  --test   that, and what tests/run.sh and tests/bench need
  --demo   what deploy/demo.sh needs
  --list   print the packages of the first two and install nothing
END
}

build_packages=(
  ca-certificates cmake curl dpkg-dev file g++ libabsl-dev libcli11-dev libjs-dygraphs libprotobuf-dev
  libre2-dev libssl-dev libyaml-cpp-dev ninja-build pkg-config prometheus-cpp-dev
  protobuf-compiler zlib1g-dev
)
test_packages=(
  buildah podman runc # tests/e2e/container
  busybox-static  # the initramfs of tests/qemu
  chromium        # tests/live_view
  clang libclang-rt-dev # tests/fuzz
  cpio
  debootstrap     # tests/e2e/packages, tests/e2e/container
  forkstat        # what tests/bench compares with
  libgmock-dev libgtest-dev
  mandoc          # tests/deploy
  openssl         # tests/live_view, tests/scrapers
  prometheus      # promtool; tests/dashboards
  prometheus-alertmanager # tests/e2e/alerts
  python3-yaml    # tests/rules
  qemu-system-x86 # other kernels
  shellcheck      # tests/deploy
  systemd         # tests/deploy: systemd-analyze
  tshark          # reads the recordings
)
# tests/dashboards. A node of another source brings its own npm, with which Debian's conflicts.
command -v npm >/dev/null || test_packages+=(nodejs npm)

case "${1:---build}" in
  --build) wanted=("${build_packages[@]}") ;;
  --test) wanted=("${build_packages[@]}" "${test_packages[@]}") ;;
  --demo) wanted=(curl prometheus) ;;
  --list) printf '%s\n' "${build_packages[@]}" "${test_packages[@]}"; exit 0 ;;
  --help) usage; exit 0 ;;
  *) usage >&2; exit 2 ;;
esac

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  echo "install-dependencies: this is no Debian; install these (named as Debian does) with your" \
    "package manager, then build with cmake --preset release: ${wanted[*]}" >&2
  exit 1
fi

missing=()
for package in "${wanted[@]}"; do
  state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ]; then
  echo "install-dependencies: run it as root, or install: ${missing[*]}" >&2
  exit 1
fi
echo "install-dependencies: installing ${missing[*]}"

# 101 forbids invoke-rc.d to start the services of the new packages (prometheus and its like).
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi

log=$(mktemp)
quietly() {
  if ! DEBIAN_FRONTEND=noninteractive "$@" >"$log" 2>&1 </dev/null; then
    tail -n 30 "$log" >&2
    return 1
  fi
}
install=(apt-get install -y --no-install-recommends "${missing[@]}")
# A machine whose lists are fresh needs no update; one that has none, or old ones, does.
if ! quietly "${install[@]}" 2>/dev/null; then
  quietly apt-get update || { echo "install-dependencies: apt-get update failed" >&2; exit 1; }
  quietly "${install[@]}" || { echo "install-dependencies: apt-get install failed" >&2; exit 1; }
fi
rm -f "$log"
for package in "${missing[@]}"; do
  case $package in prometheus | prometheus-alertmanager)
    # Where no systemd runs it still knows what would start.
    ! command -v systemctl >/dev/null || systemctl --quiet disable "$package" 2>/dev/null || true
    ;;
  esac
done
