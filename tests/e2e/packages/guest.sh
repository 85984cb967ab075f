#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs inside the booted machine, as root, by a unit of run.sh. Each line says one thing that a user relies on;
# the first that does not hold ends it.
set -o pipefail
status=1
finish() {
  echo "guest: status $status"
  systemctl poweroff --force --force
}
trap finish EXIT

check() {
  local what=$1
  shift
  if "$@" >/tmp/check.log 2>&1; then
    echo "guest: ok $what"
  else
    echo "guest: FAILED $what"
    tail -n 12 /tmp/check.log
    journalctl --no-pager -n 12 -u cnproc-exporter
    exit 1
  fi
}

within() { # SECONDS COMMAND...
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.5
  done
}

install_package() { apt-get install -y -o Dpkg::Options::=--force-confold "$(echo /root/"$1"/*.deb)"; }
page() { curl -sf http://localhost:10119/metrics; }
value() { page | awk -v name="$1" '$1 == name {print $2}'; }
pid() { systemctl show -P MainPID cnproc-exporter; }
active() { [ "$(systemctl is-active cnproc-exporter)" = active ]; }
# DynamicUser= takes its ids from 61184 to 65519.
own_user() { [ "$(awk '/^Uid:/ {print $2}' "/proc/$(pid)/status")" -ge 61184 ]; }
acknowledged() { [ "$(value cnproc_up)" = 1 ]; }
counts_execs() {
  local before after
  before=$(value 'cnproc_events_total{event="exec"}')
  for _ in 1 2 3 4 5 6 7 8 9 10; do /bin/true; done
  after=$(value 'cnproc_events_total{event="exec"}')
  [ $((after - before)) -ge 10 ]
}
collectors_work() { page | grep '^cnproc_scrape_collector_success' >/tmp/collectors && ! grep ' 0$' /tmp/collectors; }
restarted_from() { active && [ "$(pid)" != 0 ] && [ "$(pid)" != "$1" ]; }
still() { sleep 10 && [ "$(pid)" = "$1" ]; }
nothing_left() {
  find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /root -o -path /tmp -o -path /var/log \) -prune \
    -o -iname '*cnproc*' -print >/tmp/left
  cat /tmp/left
  [ ! -s /tmp/left ]
}
no_user() { ! getent passwd cnproc-exporter; }

check "apt install" install_package first
check "the unit starts by itself" within 60 active
check "it starts at boot" systemctl is-enabled cnproc-exporter
check "it runs as its own user" own_user
check "it listens" within 30 page
check "the kernel has acknowledged it" within 10 acknowledged
check "it counts events" counts_execs
check "every collector works" collectors_work
check "the man page is there" test -s /usr/share/man/man8/cnproc_exporter.8
check "what the examples grant is explained" test -s /usr/share/doc/cnproc-exporter/capabilities.md
check "the notices of others' licences are" test -s /usr/share/doc/cnproc-exporter/THIRD-PARTY-NOTICES

echo '# mine' >>/etc/default/cnproc-exporter
before=$(pid)
check "apt upgrades" install_package second
check "an upgrade keeps the flags' file" grep -q '# mine' /etc/default/cnproc-exporter
check "an upgrade restarts the unit" within 60 restarted_from "$before"
before=$(pid)
check "reload" systemctl reload cnproc-exporter
check "a reload keeps the process" still "$before"

mkdir -p /etc/systemd/system/cnproc-exporter.service.d
printf '[Service]\nWatchdogSec=5\n' >/etc/systemd/system/cnproc-exporter.service.d/test.conf
systemctl daemon-reload
check "a restart with a watchdog of 5 s" systemctl restart cnproc-exporter
before=$(pid)
check "a healthy one outlives its watchdog" still "$before"
kill -STOP "$before"
check "a stuck one is restarted by the watchdog" within 60 restarted_from "$before"
rm -r /etc/systemd/system/cnproc-exporter.service.d

check "apt purge" apt-get purge -y cnproc-exporter
check "purge leaves nothing" nothing_left
check "purge leaves no user" no_user
status=0
