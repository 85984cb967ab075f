#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Checks what deploy/ ships: the unit's exposure, the man page, every Kubernetes overlay and the compose file by
# their schemas, shell scripts and what they say. Quiet when all is well. (Debian: systemd, mandoc, nodejs, npm; root)
# usage: run.sh [EXPORTER]
set -u
exporter=$(realpath "${1:-$(dirname "$0")/../../build/release/cnproc_exporter}")
cd "$(dirname "$0")" || exit 1
root=$(realpath ../..)
deploy=../../deploy
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

complain() {
  echo "tests/deploy: $*" >&2
  failed=1
}
for tool in systemd-analyze mandoc node npm shellcheck; do
  command -v "$tool" >/dev/null || { echo "tests/deploy: $tool is missing (deploy/install-dependencies.sh --test deploy)" >&2; exit 1; }
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
      --collector.lineage | --collector.taskstats | --collector.oom | --collector.usage) continue ;; esac
    grep -qF -e "\\${flag#-}" -e "\\-no-${flag#--}" "$deploy/packages/cnproc_exporter.8" || complain "the man page lacks $flag"
  done
  for flag in $(grep -oE '\\-[a-z]+[a-z.-]+' "$deploy/packages/cnproc_exporter.8" | sed 's/^\\/-/' | sort -u); do
    case $flag in --collector.NAME | --no-* | --collector.disable-defaults | --collector.) continue ;; esac
    "$exporter" --help | grep -qE -- "${flag}(\b|[,{ ])" || complain "the man page has $flag, the binary does not"
  done
fi

# The configuration file that the man page shows, and the one that packages bring, without its comment signs, are good:
# status 2 would say that the file is bad, 1 that this machine lacks something.
man_page=$deploy/packages/cnproc_exporter.8
sed -n '/^\.Bd -literal/,/^\.Ed/p' "$man_page" | sed '/^\./d; s/\\e/\\/g' >"$work/man.yml"
sed -n 's/^# \{0,1\}//p' "$deploy/systemd/config.yml" | sed '1,/^$/d' >"$work/package.yml"
for file in "$work/man.yml" "$work/package.yml"; do
  [ "$(grep -c '^ *- match:\|limit' "$file")" -ge 2 ] || complain "no rules and limits in ${file##*/}"
  answer=$("$exporter" --config.check --config.file="$file" 2>&1)
  [ $? != 2 ] || complain "${file##*/}: $answer"
done

# All of the repository's. Those of the .rpm have no first line that names a shell.
(cd ../.. && find deploy tests .ci -name node_modules -prune -o -type f -print0 |
  xargs -0 grep -lZE '^#!/(bin/(ba)?sh|usr/bin/env bash)' | xargs -0 shellcheck --severity=warning) || failed=1
shellcheck --severity=warning --shell=sh "$deploy"/packages/rpm-* || failed=1

# Each answers --help with its own usage, from any folder, and does nothing else.
for script in $(cd "$root" && echo deploy/*.sh deploy/*/*.sh tests/run.sh); do
  answer=$(cd / && timeout 2 "$root/$script" --help 2>&1) || complain "$script --help ends with status $?"
  grep -q "^usage: $script" <<<"$answer" || complain "$script --help says: $answer"
done

# A demo that cannot be says so before it builds or starts anything.
node -e 'const server = require("net").createServer().listen(0, "127.0.0.1", () => console.log(server.address().port))' >"$work/port" &
listener=$!
for _ in {1..50}; do [ ! -s "$work/port" ] || break; sleep 0.1; done
for variable in CNPROC_DEMO_PORT CNPROC_DEMO_PROMETHEUS_PORT; do
  answer=$(env CNPROC_DEMO_PORT=1 CNPROC_DEMO_PROMETHEUS_PORT=2 "$variable=$(cat "$work/port")" "$root/deploy/run.sh" --demo 2>&1) &&
    complain "a demo on a port that is taken: no error"
  [[ $answer == *"port $(cat "$work/port") is taken"*"$variable"* ]] || complain "a demo on a port that is taken says: $answer"
done
kill "$listener"
answer=$("$root/deploy/run.sh" --demo --log.level=debug --web.listen-address=:1 2>&1)
if [ $? != 2 ] || [[ $answer != *--web.listen-address* ]]; then complain "a demo told where to listen says: $answer"; fi

./civetweb_test.sh || failed=1
./first_run_test.sh || failed=1

if ! cmp -s package-lock.json node_modules/.installed; then
  npm ci --silent || { echo "tests/deploy: npm ci failed" >&2; exit 1; }
  cp package-lock.json node_modules/.installed
fi
node check.mjs || failed=1
exit "$failed"
