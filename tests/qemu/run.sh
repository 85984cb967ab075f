#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Boots a kernel of Debian's in QEMU (no KVM, nothing installed) and runs the tests of the kernel
# room there: the release binary must count exactly on the kernels that users have.
#
# usage: tests/qemu/run.sh [VERSION] [GTEST_FILTER]
#        tests/qemu/run.sh VERSION --record FILE   records a workload where nobody else makes an
#                                                  event: tests/fixtures/workload.pcap
#        tests/qemu/run.sh VERSION --fetch         only the kernel: build/qemu/VERSION/vmlinuz
#   VERSION  6.1 by default, the kernel of Debian 12. Others as far as Debian's mirror has them:
#            5.10 (bullseye-security), 6.12 (bookworm-security, trixie), newer (sid).
# Environment: CNPROC_BUILD names another build tree than build/release.
set -euo pipefail

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
version=${1:-6.1}
build=${CNPROC_BUILD:-$root/build/release}
work=$root/build/qemu/$version
# What depends on the kernel; exposition, HTTP and flags are the same everywhere.
kernel_dependent=(
  '*OwnTimeNamespace*'
  '*Taskstats*'
  'AcknowledgementFlood.*'
  'AttributeFlood.*'
  'CgroupFs*'
  'HostileNetlink.*'
  'Kmsg*'
  'KnownBefore.*'
  'KnownNumbers.*'
  'NoPrivilege.*'
  'Overload.*'
  'OwnNetworkNamespace.*'
  'OwnPidNamespace.*'
  'OwnUserNamespace.*'
  'PodLimit*'
  'RecordReplay.Replayed*'
  'ReusedIds.*'
  'Stop.*'
  'Storm.*'
  'StrayIgnores.*'
  'ThreadStatus*'
  'Who*'
  'WithPrivilege.*'
)
filter=${2:-$(IFS=:; echo "${kernel_dependent[*]}")}
limit_seconds=400
record_to=
if [ "$filter" = --record ]; then record_to=${3:?a file to record to}; fi

fail() {
  echo "tests/qemu: $*" >&2
  exit 1
}

# The newest image package of that version in the lists that apt is told to use.
newest_image() {
  apt-cache "$@" pkgnames "linux-image-$version." |
    grep -E '^linux-image-[0-9].*cloud-amd64$' |
    sort -V | tail -n 1 || true
}

# Lists of other suites from the machine's own mirrors, kept beside the kernel and nowhere else.
other_suites() {
  local mirror lists=$work/apt
  mkdir -p "$lists/state/lists/partial" "$lists/cache/archives/partial"
  # shellcheck disable=SC2016 # apt's own variable
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
    grep -E '/debian/?$' | head -n 1) || true
  [ -n "$mirror" ] || fail "no mirror of Debian in this machine's lists"
  local security=${mirror%/}-security/ keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  {
    for suite in bullseye bookworm trixie; do
      echo "deb [signed-by=$keyring] $security $suite-security main"
    done
    for suite in trixie sid; do echo "deb [signed-by=$keyring] $mirror $suite main"; done
  } >"$lists/sources.list"
  apt_options=(-o "Dir::Etc::SourceList=$lists/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o "Dir::State::Lists=$lists/state/lists" -o "Dir::Cache=$lists/cache"
    -o APT::Sandbox::User=root)
  apt-get "${apt_options[@]}" -qq update || true
}

fetch_kernel() {
  [ ! -s "$work/vmlinuz" ] || return 0
  local image apt_options=()
  image=$(newest_image)
  if [ -z "$image" ]; then
    other_suites
    image=$(newest_image "${apt_options[@]}")
  fi
  [ -n "$image" ] || fail "Debian's mirror has no cloud kernel $version any more"
  (cd "$work" && apt-get "${apt_options[@]}" -qq -o APT::Sandbox::User=root download "$image" &&
    dpkg-deb -x "$image"_*.deb unpacked && mv unpacked/boot/vmlinuz-* vmlinuz &&
    rm -rf unpacked ./*.deb)
}

# What the guest is there for.
guest_script() {
  if [ -z "$record_to" ]; then
    echo "kernel_tests --gtest_color=no --gtest_brief=1 --gtest_filter='$filter'"
    return
  fi
  cat <<'END'
cnproc_exporter --web.listen-address=127.0.0.1:10119 --connector.record=/tmp/pcap >/dev/null 2>&1 &
until wget -qO /dev/null http://127.0.0.1:10119/-/ready 2>/dev/null; do usleep 10000; done
for arguments in "exit 5 77" "exit 2 1" "signal 3 6" "signal 1 11 core" "signal 2 40" "threads 5" \
  "leader-first 2 92" "exec-by-thread 2 91" "uid 3" "gid 2" "sid 2" "ptrace 2" "comm 3" \
  "execs 5 0"; do
  cnproc_workload $arguments >/dev/null
done
sleep 1  # it is written in the background; the exporter's own end shall not be in it
cp /tmp/pcap /tmp/recording
kill $!
wait $!
echo "guest: recording"
base64 /tmp/recording
END
}

# Programs, the libraries they need, and an init that runs the tests.
build_initramfs() {
  local tree=$work/tree program library
  rm -rf "$tree"
  mkdir -p "$tree"/{bin,dev,proc,sys,tmp,usr/bin}
  cp "$(command -v busybox)" "$tree/bin/busybox"
  for program in "$build/cnproc_exporter" "$build/tests/e2e/kernel_tests" \
    "$build/tests/workload/cnproc_workload" "$build/tests/workload/cnproc_tiny"; do
    [ -x "$program" ] || fail "$program is missing: build it first (cmake --preset release && cmake --build --preset release)"
    strip -o "$tree/bin/$(basename "$program")" "$program"
    for library in $(ldd "$program" 2>/dev/null | grep -oE '/[^ ]+'); do
      [ -e "$tree$library" ] || install -D "$library" "$tree$library"
    done
  done
  guest_script >"$tree/guest"
  cat >"$tree/init" <<END
#!/bin/busybox sh
/bin/busybox --install -s /usr/bin
export PATH=/usr/bin:/bin CNPROC_SCALE_DOWN=20 CNPROC_PATIENCE=4 CNPROC_EXPORTER=/bin/cnproc_exporter CNPROC_WORKLOAD=/bin/cnproc_workload
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ln -s busybox /bin/sh
ln -s busybox /bin/sleep
ip link set lo up
# What the kernel has to say would fall between the lines of the tests.
dmesg -n 1
echo "guest: kernel \$(uname -r)"
sh /guest
echo "guest: status \$?"
reboot -f
END
  chmod +x "$tree/init"
  (cd "$tree" && find . | cpio -o -H newc --quiet) >"$work/initramfs"
}

boot() {
  timeout "$limit_seconds" qemu-system-x86_64 -accel tcg,thread=multi -smp 2 -m 1024 \
    -nographic -no-reboot -kernel "$work/vmlinuz" -initrd "$work/initramfs" \
    -append "console=ttyS0 quiet panic=-1" </dev/null >"$work/console.log" 2>&1
}

mkdir -p "$work"
fetch_kernel
if [ "$filter" = --fetch ]; then exit 0; fi
for tool in qemu-system-x86_64 busybox cpio; do
  command -v "$tool" >/dev/null || fail "$tool is missing: deploy/install-dependencies.sh --test qemu"
done
build_initramfs
start=$SECONDS
boot || fail "the guest did not end within $limit_seconds s: $work/console.log"
sed -n 's/^.*guest: kernel/guest: kernel/;/^guest: kernel/,/^guest: \(status\|recording\)/p' \
  "$work/console.log" | tr -d '\r'
echo "tests/qemu: $((SECONDS - start)) s"
grep -q '^guest: status 0' "$work/console.log" || fail "see $work/console.log"
! grep -q '^\[  SKIPPED \]' "$work/console.log" || fail "a skipped test: see $work/console.log"
if [ -n "$record_to" ]; then
  sed '1,/^guest: recording/d;/^guest: status/,$d' "$work/console.log" | tr -d '\r' |
    base64 -d >"$record_to"
fi
