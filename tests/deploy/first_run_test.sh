#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What deploy/run.sh says and does about a build, with programs of ours in the places of cmake, ninja and apt-get: a
# mirror without CivetWeb's source, a source that is unpacked later, a build that is up to date, one that fails. (A real
# build of a new user: tests/run.sh trixie.) Quiet when all is well.
# usage: first_run_test.sh
set -eu
root=$(realpath "$(dirname "$0")/../..")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/bin" "$work/checkout"
cp -r "$root/deploy" "$work/checkout/"

fail() {
  echo "tests/deploy: deploy/run.sh: $*: $(cat "$work/said")" >&2
  exit 1
}
stub() { # NAME, and its script on standard input
  { echo '#!/bin/sh'; cat; } >"$work/bin/$1"
  chmod 755 "$work/bin/$1"
}
# What CMake remembers depends on whether it finds the source, as deploy/cmake/Civetweb.cmake has it.
stub cmake <<'END'
mkdir -p build/release
touch build/release/build.ninja
if [ -e build/_deps/civetweb/src/civetweb.c ]; then
  : >build/release/CMakeCache.txt
else
  echo 'CNPROC_CIVETWEB_LIBRARY:FILEPATH=/usr/lib/libcivetweb.so' >build/release/CMakeCache.txt
fi
END
stub ninja <<'END'
echo '[0/2] Re-checking globbed directories...'
if [ -e fails ]; then echo '[1/2] Building CXX object main.cc.o'; echo 'main.cc: no good'; exit 1; fi
if [ -e build/release/cnproc_exporter ]; then echo 'ninja: no work to do.'; exit 0; fi
echo '[1/2] Building CXX object main.cc.o'
echo '[2/2] Linking CXX executable'
printf '#!/bin/sh\necho "exporter in $(pwd) with $*"\n' >build/release/cnproc_exporter
chmod 755 build/release/cnproc_exporter
END
# No repository has sources.
stub apt-get </dev/null
# Whatever it takes is there.
printf '#!/bin/sh\n' >"$work/checkout/deploy/install-dependencies.sh"

run() { (cd "$work" && PATH=$work/bin:$PATH "$work/checkout/deploy/run.sh" "$@") >"$work/said" 2>&1; }
says() { grep -q -- "$1" "$work/said"; }

run --log.level=debug || fail "a mirror without source ends it"
says 'unpack CivetWeb 1.15 or newer' || fail "a mirror without source: the way out is not said"
says 'going on with libcivetweb-dev' || fail "a mirror without source: it does not say what it does"
[ "$(grep -c '^run: building' "$work/said")" = 1 ] || fail "it does not say once that it builds"
says "^exporter in $work with --log.level=debug$" || fail "the exporter did not run in the caller's folder with his flags"

run || fail "a second run ends"
! says '^run: building' || fail "nothing is built, and it says that it builds"
says 'going on with libcivetweb-dev' || fail "a second run does not remind of what lacks"

mkdir -p "$work/checkout/build/_deps/civetweb/src"
touch "$work/checkout/build/_deps/civetweb/src/civetweb.c"
run || fail "a source that came later ends it"
[ ! -s "$work/checkout/build/release/CMakeCache.txt" ] || fail "the build does not take the source that came later"
! says libcivetweb-dev || fail "it has the source and speaks of the library"

touch "$work/checkout/fails"
if run; then fail "a failed build is no error"; fi
says 'main.cc: no good' || fail "a failed build's reason is not shown"
says "all of it: $work/checkout/build/run.log" || fail "a failed build's log is not named"
! says '^exporter in' || fail "an exporter ran after a failed build"
