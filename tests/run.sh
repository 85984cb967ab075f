#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds, and runs every test. Ends with "N passed, N failed, N skipped"
# and a status that says whether all is well. With CI=true a skipped test is a failure.
#
# usage: tests/run.sh [STEP...]    all of them by default, in this order:
#   release      unit tests, and the real binary on the real kernel (as root)
#   rules        the first of the scripts alone; not among the default steps
#   scripts      rules, dashboards, live view, scrapers, deployment, from the kernel to the pager,
#                the image
#   qemu         the release binary on Debian's own kernel; its package in a fresh Debian
#   asan-ubsan   everything of release again under AddressSanitizer and UBSan
#   tsan         and under ThreadSanitizer
#   fuzz         every parser of foreign bytes, for a while
set -uo pipefail

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
  local seconds=$1 script=$2
  if quietly "$script" timeout "$seconds" "$script"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
  fi
}

# One that watches a real machine for minutes: if it was disturbed it gets a second try, as tests do.
watching_step() {
  local seconds=$1 script=$2
  if quietly "$script" timeout "$seconds" "$script"; then
    passed=$((passed + 1))
  else
    script_step "$seconds" "$script"
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

preset_step() {
  local preset=$1 warnings=
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

case " $* " in
  *" --help "*) sed -n '3,/^set /{/^set /d;s/^# \{0,1\}//p}' "$0"; exit 0 ;;
esac
steps=("$@")
[ ${#steps[@]} -gt 0 ] || steps=(release scripts qemu asan-ubsan tsan fuzz)

[ "$(id -u)" = 0 ] || fail_early "run it as root: the connector, core dumps and set-uid need it"
grep -q cn_proc /proc/net/connector 2>/dev/null ||
  fail_early "no cn_proc in /proc/net/connector: this kernel or network namespace has no process" \
    "connector, without which nothing here can be tested"
deploy/install-dependencies.sh --test || fail_early "the dependencies could not be installed"
quietly "fetch CivetWeb" deploy/fetch-civetweb.sh || fail_early "CivetWeb could not be fetched"

for step in "${steps[@]}"; do
  case $step in
    release | asan-ubsan | tsan) preset_step "$step" ;;
    rules) script_step 120 tests/rules/run.sh ;;
    scripts)
      script_step 120 tests/rules/run.sh
      script_step 120 tests/deploy/run.sh
      watching_step 300 tests/dashboards/run.sh
      watching_step 200 tests/live_view/run.sh
      watching_step 300 tests/scrapers/run.sh
      watching_step 300 tests/e2e/alerts/run.sh
      watching_step 200 tests/e2e/container/run.sh
      ;;
    qemu)
      watching_step 500 tests/qemu/run.sh
      watching_step 700 tests/e2e/packages/run.sh
      ;;
    fuzz) script_step 900 tests/fuzz/run.sh ;;
    *) fail_early "no step $step: see tests/run.sh --help" ;;
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
