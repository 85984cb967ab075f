#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds the exporter and runs it in the foreground.
set -euo pipefail

usage() {
  cat <<'END'
usage: deploy/run.sh [FLAG...]          installs what is missing, builds, runs the exporter with these flags
       deploy/run.sh --demo [FLAG...]   with Prometheus, the rules and a harmless workload beside it
The flags are those of cnproc_exporter: README.md has the most useful, and once it is built
build/release/cnproc_exporter --help lists all.
END
}

demo=false
flags=()
for argument in "$@"; do
  case $argument in
    --help | -h) usage; exit 0 ;;
    --demo) demo=true ;;
    *) flags+=("$argument") ;;
  esac
done

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
caller=$PWD
cd "$root"
build=build/release
log=build/run.log
civetweb=build/_deps/civetweb
mkdir -p build

fail() {
  echo "run: $*" >&2
  exit 1
}

quietly() {
  local what=$1
  shift
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 40 "$log" >&2
    fail "could not $what; all of it: $root/$log"
  fi
}

# The build was told to use the distribution's libcivetweb, for want of the source.
has_library_build() { grep -q '^CNPROC_CIVETWEB_LIBRARY:.*=/' "$build/CMakeCache.txt" 2>/dev/null; }

get_civetweb() {
  [ ! -e "$civetweb/src/civetweb.c" ] || return 0
  # Whoever configured the build may have named a folder of his own.
  ! grep -q '^CNPROC_CIVETWEB_SOURCE:.*=/' "$build/CMakeCache.txt" 2>/dev/null || return 0
  if ! has_library_build; then
    ! deploy/fetch-civetweb.sh >"$log" 2>&1 || return 0
    tail -n 5 "$log" >&2
  fi
  echo "run: going on with libcivetweb-dev, which has neither IPv6 nor TLS here: to have them, unpack CivetWeb 1.15 or" \
    "newer into $root/$civetweb and run this again" >&2
}

configure() {
  if [ ! -e "$build/build.ninja" ]; then
    # The tests need packages that running does not.
    quietly "configure the build" cmake --preset release -DCNPROC_TESTS=OFF
  elif has_library_build && [ -e "$civetweb/src/civetweb.c" ]; then
    quietly "configure the build" cmake --preset release
  fi
}

# Reads what ninja says and tells how far it is: on a terminal in one line, elsewhere once.
show_progress() {
  local line told=false step='^\[([0-9]+/[0-9]+)\] '
  while IFS= read -r line; do
    printf '%s\n' "$line" >&3
    # Each build looks at its own rules again, which is none.
    if [[ ! $line =~ $step || $line == *"] Re-"* ]]; then continue; fi
    if [ -t 1 ]; then
      printf '\rrun: building %s [%s]' "$build/cnproc_exporter" "${BASH_REMATCH[1]}"
    elif [ "$told" = false ]; then
      echo "run: building $build/cnproc_exporter"
    fi
    told=true
  done 3>"$log"
  if [ -t 1 ] && [ "$told" = true ]; then echo; fi
}

compile() {
  if ! ninja -C "$build" cnproc_exporter 2>&1 </dev/null | show_progress; then
    tail -n 40 "$log" >&2
    fail "could not build; all of it: $root/$log"
  fi
}

if [ "$demo" = true ]; then deploy/demo.sh --check "${flags[@]}"; fi
deploy/install-dependencies.sh --build
get_civetweb
configure
compile
if [ "$demo" = true ]; then exec deploy/demo.sh "$build/cnproc_exporter" "${flags[@]}"; fi
# Files named in flags are the caller's.
cd "$caller"
exec "$root/$build/cnproc_exporter" "${flags[@]}"
