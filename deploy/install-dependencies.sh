#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing of Debian's packages (12 "bookworm" and newer, and what derives from it).
# Says nothing where nothing is missing. No service that a package brings is started, now or at the next boot.
set -euo pipefail

usage() {
  cat <<'END'
usage: deploy/install-dependencies.sh [--build|--package|--demo|--test [STEP...]] [--list]
  --build    what it takes to build cnproc_exporter (the default)
  --package  and to make a .deb or .rpm of it
  --demo     what deploy/demo.sh needs
  --test     what these steps of tests/run.sh need, without a step all of them, beside what building takes
  --list     print the packages and install nothing
END
}

build_packages=(
  ca-certificates cmake curl dpkg-dev g++ libabsl-dev libcivetweb-dev libcli11-dev libjs-dygraphs
  libre2-dev libssl-dev libyaml-cpp-dev ninja-build pkg-config prometheus-cpp-dev
  zlib1g-dev
)
package_packages=(dpkg-dev file git rpm)
demo_packages=(curl prometheus)
# promtool comes with prometheus. compile is what building the tests takes, which most steps begin with.
declare -A test_packages=(
  [compile]="libgmock-dev libgtest-dev libprotobuf-dev protobuf-compiler"
  [release]="prometheus tshark"
  [rules]="prometheus python3-yaml"
  [deploy]="mandoc nodejs npm shellcheck systemd util-linux"
  [dashboards]="nodejs npm prometheus"
  [live-view]="chromium nodejs npm openssl"
  [scrapers]="curl nodejs openssl prometheus python3-prometheus-client"
  [alerts]="nodejs prometheus prometheus-alertmanager"
  [container]="buildah busybox-static curl podman runc"
  [qemu]="busybox-static cpio qemu-system-x86"
  [packages]="cpio debootstrap dpkg-dev file qemu-system-x86 rpm"
  [fuzz]="clang libclang-rt-dev"
  [debian]="debootstrap git util-linux"
  [real]="build-essential default-jdk-headless dpkg-dev golang-go nodejs postgresql python3 strace stress-ng util-linux"
  [bench]="forkstat"
)

what=--build
list=false
steps=()
for argument in "$@"; do
  case $argument in
    --build | --package | --demo | --test) what=$argument ;;
    --list) list=true ;;
    --help) usage; exit 0 ;;
    -*) usage >&2; exit 2 ;;
    *) steps+=("$argument") ;;
  esac
done

wanted=()
case $what in
  --build) wanted=("${build_packages[@]}") ;;
  --package) wanted=("${build_packages[@]}" "${package_packages[@]}") ;;
  --demo) wanted=("${demo_packages[@]}") ;;
  --test)
    if [ ${#steps[@]} = 0 ]; then
      wanted=("${build_packages[@]}")
      steps=("${!test_packages[@]}")
    fi
    for step in "${steps[@]}"; do
      [ -v "test_packages[$step]" ] || { echo "install-dependencies: no step $step: ${!test_packages[*]}" >&2; exit 2; }
      # shellcheck disable=SC2206 # words
      wanted+=(${test_packages[$step]})
    done
    ;;
esac
mapfile -t wanted < <(printf '%s\n' "${wanted[@]}" | sort -u)
# A node of another source brings its own npm, with which Debian's conflicts.
if command -v npm >/dev/null; then
  mapfile -t wanted < <(printf '%s\n' "${wanted[@]}" | grep -vxE 'nodejs|npm')
fi
if [ "$list" = true ]; then
  printf '%s\n' "${wanted[@]}"
  exit 0
fi

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
# A fresh machine may be busy with its first upgrades.
install=(apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${missing[@]}")
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
