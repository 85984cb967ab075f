#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Checks and tests the recording and alert rules with promtool (Debian: prometheus, python3-yaml).
# Quiet when all is well; else says what failed and exits 1.
set -u
cd "$(dirname "$0")" || exit 1
rules=../../dashboards/rules
tests=(crashes.yml days.yml everyday.yml forks.yml loops.yml recording.yml security.yml stream.yml)
failed=0

# run LABEL COMMAND...: shows the command's output only if it fails.
run() {
  local label=$1 output
  shift
  if ! output=$("$@" 2>&1); then
    printf 'FAILED: %s\n%s\n' "$label" "$output" >&2
    failed=1
  fi
}

for tool in promtool /usr/bin/python3; do
  command -v "$tool" >/dev/null || { echo "tests/rules: $tool is missing (apt install prometheus python3-yaml)" >&2; exit 1; }
done

run "promtool check rules" promtool check rules --lint=all --lint-fatal "$rules"/*.yml
run "promtool test rules" promtool test rules "${tests[@]}"
run "coverage of the rules" /usr/bin/python3 coverage.py

# The server hands the rules out for another job by replacing the matcher: that must load as well.
renamed=$(mktemp -d)
trap 'rm -rf "$renamed"' EXIT
for file in "$rules"/*.yml; do
  sed 's/job="cnproc"/job="hosts"/g' "$file" >"$renamed/${file##*/}"
done
run "rules for another job" promtool check rules "$renamed"/*.yml
exit "$failed"
