#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds, and runs tests. Ends with "N passed, N failed, N skipped" and a status that says
# whether all is well. With CI=true a skipped test is a failure.
set -uo pipefail

usage() {
  cat <<'END'
usage: tests/run.sh [STEP...]     as root; installs what these steps need and nothing else
By default, in this order:
  release      unit tests, and the real binary on the real kernel
  scripts      rules, deploy, dashboards, live-view, scrapers, alerts (from the kernel to the pager), container; each is
               a step of its own, too
  qemu         the release binary on Debian's own kernel
  packages     the package in a fresh Debian
  asan-ubsan   everything of release again under AddressSanitizer and UBSan
  tsan         and under ThreadSanitizer
  fuzz         every parser of foreign bytes, for a while
Longer ones, when they are asked for:
  bookworm, trixie   deploy/run.sh, then the step release, in a fresh Debian 12 or 13
  kernels            qemu on Debian's other kernels
  real               other people's programs: what they do, counted
END
}

steps=("$@")
[ ${#steps[@]} -gt 0 ] || steps=(release scripts qemu packages asan-ubsan tsan fuzz)
for step in "${steps[@]}"; do
  case $step in
    --help) usage; exit 0 ;;
    release | asan-ubsan | tsan | fuzz | qemu | kernels | packages | bookworm | trixie | real) ;;
    scripts | rules | deploy | dashboards | live-view | scrapers | alerts | container) ;;
    *) echo "tests/run: no step $step" >&2; usage >&2; exit 2 ;;
  esac
done

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root" || exit 1
logs=$root/build/test-logs
mkdir -p "$logs"
passed=0 failed=0 skipped=0

say() { printf '%s\n' "$*"; }

# Runs a command quietly. What it said is shown only if it fails.
quietly() {
  local what=$1 log
  log=$logs/${what//[^a-z0-9]/-}.log
  shift
  local start=$SECONDS
  if "$@" >"$log" 2>&1 </dev/null; then
    say "$what: done in $((SECONDS - start)) s"
  else
    say "$what: failed after $((SECONDS - start)) s; the end of $log:"
    tail -n 60 "$log"
    return 1
  fi
}

fail_early() {
  say "$*"
  say "$passed passed, $((failed + 1)) failed, $skipped skipped"
  exit 1
}

# A script, which counts as one test.
script_step() {
  local seconds=$1
  shift
  if quietly "$*" timeout "$seconds" "$@"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
  fi
}

# One that watches a real machine for minutes: if it was disturbed it gets a second try, as tests do.
watching_step() {
  local seconds=$1
  shift
  if quietly "$*" timeout "$seconds" "$@"; then
    passed=$((passed + 1))
  else
    script_step "$seconds" "$@"
  fi
}

# Adds up what ctest says in its last lines, and lists the tests that failed or did not run.
count_ctest() {
  local log=$1 total bad not_run
  total=$(sed -n 's/.* tests failed out of \([0-9]*\)$/\1/p' "$log" | tail -n 1)
  bad=$(sed -n 's/.* \([0-9]*\) tests failed out of [0-9]*$/\1/p' "$log" | tail -n 1)
  not_run=$(sed -n '/did not run:/,/^$/p' "$log" | grep -cE '\((Skipped|Disabled|Not Run)\)')
  if [ -z "$total" ] || [ "$total" = 0 ]; then
    say "ctest ran no test"
    failed=$((failed + 1))
    return
  fi
  passed=$((passed + total - bad - not_run))
  failed=$((failed + bad))
  skipped=$((skipped + not_run))
  if [ "$not_run" != 0 ]; then
    say "not run:"
    sed -n '/did not run:/,/^$/p' "$log" | grep -E '\((Skipped|Disabled|Not Run)\)'
  fi
}

# ctest_step PRESET LABEL [FLAG...]: the tests whose kind LABEL names.
ctest_step() {
  local preset=$1 kind=$2 start=$SECONDS
  local log=$logs/$preset-$kind.log
  shift 2
  if ! ctest --preset "$preset" -j "$(nproc)" --no-tests=error --timeout 300 "$@" >"$log" 2>&1 </dev/null; then
    sed -n '/\*\*\*\|Failure$\|Sanitizer\|runtime error/p' "$log" | head -n 60
    say "all of it: $log"
  elif grep -q 'Sanitizer:\|runtime error:' "$log"; then
    say "a sanitizer complained of a test that passed in the end: $log"
    failed=$((failed + 1))
  fi
  say "$preset, $kind tests: $(grep -E 'tests passed,' "$log" | tail -n 1) in $((SECONDS - start)) s"
  count_ctest "$log"
}

# Packages, by the names that deploy/install-dependencies.sh has for what a step needs.
install_for() { deploy/install-dependencies.sh --test "$@" || fail_early "the dependencies could not be installed"; }

need_connector() {
  [ "$(id -u)" = 0 ] || fail_early "run it as root: the connector, core dumps and set-uid need it"
  grep -q cn_proc /proc/net/connector 2>/dev/null ||
    fail_early "no cn_proc in /proc/net/connector: this kernel or network namespace has no process" \
      "connector, without which nothing here can be tested"
}

need_build_tools() {
  deploy/install-dependencies.sh --build || fail_early "the dependencies could not be installed"
  install_for compile
  quietly "fetch CivetWeb" deploy/fetch-civetweb.sh || fail_early "CivetWeb could not be fetched"
}

# need_build TARGET...: of the release preset, for a script. What is built already takes no time.
need_build() {
  need_build_tools
  quietly "release configure" cmake --preset release &&
    quietly "release build of $*" cmake --build --preset release -j "$(nproc)" --target "$@" ||
    { failed=$((failed + 1)); return 1; }
}

preset_step() {
  local preset=$1 warnings=
  need_connector
  need_build_tools
  install_for release
  # Sanitizers make compilers see things that are not there.
  if [ "${CI:-}" = true ] && [ "$preset" = release ]; then warnings=-DCNPROC_WERROR=ON; fi
  quietly "$preset configure" cmake --preset "$preset" ${warnings:+"$warnings"} || { failed=$((failed + 1)); return; }
  quietly "$preset build" cmake --build --preset "$preset" -j "$(nproc)" ||
    { failed=$((failed + 1)); return; }
  ctest_step "$preset" unit -LE kernel
  # One after the other (RUN_SERIAL). What else runs on the machine makes events too: a test that it
  # disturbed gets a second try.
  ctest_step "$preset" kernel -L kernel --repeat until-pass:2
}

script_named() {
  install_for "$1"
  case $1 in
    rules) ;; # text
    deploy) need_build cnproc_exporter || return ;;
    *)
      need_connector
      need_build cnproc_exporter cnproc_workload || return
      ;;
  esac
  case $1 in
    rules) script_step 120 tests/rules/run.sh ;;
    deploy) script_step 120 tests/deploy/run.sh ;;
    dashboards) watching_step 300 tests/dashboards/run.sh ;;
    live-view) watching_step 200 tests/live_view/run.sh ;;
    scrapers) watching_step 300 tests/scrapers/run.sh ;;
    alerts) watching_step 300 tests/e2e/alerts/run.sh ;;
    container) watching_step 200 tests/e2e/container/run.sh ;;
  esac
}

guest_step() { # VERSION
  install_for qemu
  need_build cnproc_exporter cnproc_workload cnproc_tiny kernel_tests || return
  watching_step 500 tests/qemu/run.sh "$1"
}

package_step() {
  install_for packages
  need_build cnproc_exporter || return
  watching_step 700 tests/e2e/packages/run.sh
}

fuzz_step() {
  need_build_tools
  install_for fuzz
  script_step 900 tests/fuzz/run.sh
}

debian_step() { # SUITE
  need_connector
  install_for debian
  script_step 7200 tests/debian/run.sh "$1"
}

real_step() {
  need_connector
  install_for real
  need_build cnproc_exporter cnproc_workload || return
  script_step 3600 tests/real/run.sh
}

for step in "${steps[@]}"; do
  case $step in
    release | asan-ubsan | tsan) preset_step "$step" ;;
    scripts) for name in rules deploy dashboards live-view scrapers alerts container; do script_named "$name"; done ;;
    rules | deploy | dashboards | live-view | scrapers | alerts | container) script_named "$step" ;;
    qemu) guest_step 6.1 ;;
    kernels) for version in 5.10 6.12; do guest_step "$version"; done ;;
    packages) package_step ;;
    fuzz) fuzz_step ;;
    bookworm | trixie) debian_step "$step" ;;
    real) real_step ;;
  esac
done

say "took $SECONDS s"
if [ "${CI:-}" = true ] && [ "$skipped" != 0 ]; then
  say "in CI a skipped test is a failed one"
  failed=$((failed + skipped))
  skipped=0
fi
say "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
