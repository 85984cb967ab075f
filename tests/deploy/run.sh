#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Checks what deploy/ ships: the unit's exposure, the man page, every Kubernetes overlay and the compose file by
# their schemas, shell scripts. Quiet when all is well. (Debian: systemd, mandoc, nodejs, npm)
# usage: run.sh [EXPORTER]
set -u
exporter=$(realpath "${1:-$(dirname "$0")/../../build/release/cnproc_exporter}")
cd "$(dirname "$0")" || exit 1
deploy=../../deploy
failed=0

complain() {
  echo "tests/deploy: $*" >&2
  failed=1
}
for tool in systemd-analyze mandoc node npm shellcheck; do
  command -v "$tool" >/dev/null || { echo "tests/deploy: $tool is missing (deploy/install-dependencies.sh --test)" >&2; exit 1; }
done

exposure=$(systemd-analyze security --offline=true --no-pager "$deploy/systemd/cnproc-exporter.service" |
  sed -n 's/.*Overall exposure level.*: \([0-9.]*\) .*/\1/p')
awk -v exposure="${exposure:-10}" 'BEGIN {exit !(exposure <= 2.5)}' || complain "the unit's exposure is $exposure, more than 2.5"

lint=$(mandoc -T lint -W warning "$deploy/packages/cnproc_exporter.8") || complain "the man page: $lint"
# Every flag that the binary knows stands in the man page, and the other way round.
if [ ! -x "$exporter" ]; then
  complain "no $exporter: build it first (cmake --preset release)"
else
  known=$("$exporter" --help | grep -oE '^ +--[a-z][a-z.-]*' | tr -d ' ' | sort -u)
  for flag in $known; do
    case $flag in --collector.processes | --collector.program | --collector.unit | --collector.container | --collector.user | \
      --collector.lineage | --collector.taskstats | --collector.oom) continue ;; esac
    grep -qF -e "\\${flag#-}" -e "\\-no-${flag#--}" "$deploy/packages/cnproc_exporter.8" || complain "the man page lacks $flag"
  done
  for flag in $(grep -oE '\\-[a-z]+[a-z.-]+' "$deploy/packages/cnproc_exporter.8" | sed 's/^\\/-/' | sort -u); do
    case $flag in --collector.NAME | --no-* | --collector.disable-defaults | --collector.) continue ;; esac
    "$exporter" --help | grep -qE -- "${flag}(\b|[,{ ])" || complain "the man page has $flag, the binary does not"
  done
fi

# All of the repository's. Those of the .rpm have no first line that names a shell.
(cd ../.. && find deploy tests .ci -name node_modules -prune -o -type f -print0 |
  xargs -0 grep -lZE '^#!/(bin/(ba)?sh|usr/bin/env bash)' | xargs -0 shellcheck --severity=warning) || failed=1
shellcheck --severity=warning --shell=sh "$deploy"/packages/rpm-* || failed=1

if ! cmp -s package-lock.json node_modules/.installed; then
  npm ci --silent || { echo "tests/deploy: npm ci failed" >&2; exit 1; }
  cp package-lock.json node_modules/.installed
fi
node check.mjs || failed=1
exit "$failed"
