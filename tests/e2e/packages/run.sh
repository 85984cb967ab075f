#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The .deb in a fresh Debian of this machine's release, whose libraries it needs: a root by debootstrap, booted with systemd on Debian's kernel in QEMU (no KVM
# needed). Installs, upgrades and purges there; see guest.sh. Says each check in a line; the console is kept.
# usage: run.sh [BUILD_DIRECTORY]   (as root; default build/release, where cpack is run)
set -eu
here=$(realpath "$(dirname "$0")")
root=$(realpath "$here/../../..")
build=$(realpath "${1:-$root/build/release}")
work=$root/build/package-test
kernel=$root/build/qemu/6.1/vmlinuz

fail() {
  echo "tests/e2e/packages: $*" >&2
  exit 1
}
for tool in cpack debootstrap qemu-system-x86_64 cpio dpkg-deb rpm; do
  command -v "$tool" >/dev/null || fail "$tool is missing (deploy/install-dependencies.sh --test packages)"
done
"$root/tests/qemu/run.sh" 6.1 --fetch || fail "no $kernel"

mkdir -p "$work"
exec 9>"$work/lock" && flock 9
rm -rf "$work/first" "$work/second"
cpack --config "$build/CPackConfig.cmake" -G DEB -B "$work/first" >"$work/cpack.log" 2>&1 || fail "cpack failed: $work/cpack.log"
cpack --config "$build/CPackConfig.cmake" -G DEB -B "$work/second" -R 99.0.0 >>"$work/cpack.log" 2>&1 || fail "cpack failed: $work/cpack.log"
cpack --config "$build/CPackConfig.cmake" -G RPM -B "$work/first" >>"$work/cpack.log" 2>&1 || fail "cpack failed: $work/cpack.log"
deb=$(ls "$work"/first/*.deb)
rpm=$(ls "$work"/first/*.rpm)

# Libraries whose names change from release to release are in the binary: the package serves other releases as well.
named='libc6|libcrypt1|libgcc-s1|libssl3(t64)?|libstdc\+\+6|zlib1g|init-system-helpers'
others=$(dpkg-deb -f "$deb" Depends | tr ',' '\n' | sed 's/([^)]*)//; s/ //g' | grep -vxE "$named" | paste -sd' ')
[ -z "$others" ] || fail "the .deb depends on $others"
named='ld-linux[-a-z0-9_]*\.so\.[12]|lib(c|m)\.so\.6|libcrypt\.so\.[12]|libgcc_s\.so\.1|lib(ssl|crypto)\.so\.3|libstdc\+\+\.so\.6|libz\.so\.1'
others=$(rpm -qp --requires "$rpm" | sed -n 's/\(\.so[.0-9]*\)(.*/\1/p' | sort -u | grep -vxE "$named" | paste -sd' ')
[ -z "$others" ] || fail "the .rpm depends on $others"
for file in /usr/bin/cnproc_exporter /usr/lib/systemd/system/cnproc-exporter.service /etc/sysconfig/cnproc-exporter \
  /usr/share/man/man8/cnproc_exporter.8 /usr/share/doc/cnproc-exporter/{capabilities.md,THIRD-PARTY-NOTICES}; do
  rpm -qpl "$rpm" | grep -qxF "$file" || fail "the .rpm lacks $file"
done

# The guest has no network: what the package depends on is in the root, as it is on a machine with a mirror.
depends=$(dpkg-deb -f "$deb" Depends | sed 's/([^)]*)//g; s/|[^,]*//g; s/ //g')
# shellcheck source=/dev/null
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
stamp=$(printf '%s' "$release $depends" | md5sum | cut -c1-12)
if [ ! -d "$work/root-$stamp" ]; then
  rm -rf "$work"/root-*
  debootstrap --variant=minbase --include="systemd-sysv,curl,procps,$depends" "$release" "$work/root-$stamp.new" \
    >"$work/debootstrap.log" 2>&1 || fail "debootstrap failed: $work/debootstrap.log"
  rm -rf "$work/root-$stamp.new"/var/cache/apt/archives/*.deb "$work/root-$stamp.new"/var/lib/apt/lists/* \
    "$work/root-$stamp.new"/usr/share/{doc,locale,i18n}/*
  mv "$work/root-$stamp.new" "$work/root-$stamp"
fi

tree=$work/tree
rm -rf "$tree"
cp -a "$work/root-$stamp" "$tree"
mkdir -p "$tree/root/first" "$tree/root/second"
cp "$work"/first/*.deb "$tree/root/first/"
cp "$work"/second/*.deb "$tree/root/second/"
install -m 755 "$here/guest.sh" "$tree/root/guest.sh"
cat >"$tree/etc/systemd/system/guest.service" <<END
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/root/guest.sh
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
TimeoutStartSec=600
[Install]
WantedBy=default.target
END
ln -sf /etc/systemd/system/guest.service "$tree/etc/systemd/system/multi-user.target.wants/guest.service"
for unit in serial-getty@ttyS0.service dev-ttyS0.device apt-daily.timer apt-daily-upgrade.timer; do
  ln -sf /dev/null "$tree/etc/systemd/system/$unit"
done
rm -f "$tree/usr/sbin/policy-rc.d"
ln -sf /sbin/init "$tree/init"
(cd "$tree" && find . | cpio -o -H newc --quiet) >"$work/initramfs"

timeout 600 qemu-system-x86_64 -accel tcg,thread=multi -smp 2 -m 3072 -nographic -no-reboot -kernel "$kernel" \
  -initrd "$work/initramfs" -append "console=ttyS0 quiet panic=-1 systemd.show_status=0" </dev/null >"$work/console.log" 2>&1 ||
  fail "the guest did not end in time: $work/console.log"
tr -d '\r' <"$work/console.log" | grep -a -A12 'guest: ' | grep -a -v '^--$' || true
rm -rf "$tree" "$work/initramfs"
grep -a -q 'guest: status 0' "$work/console.log" || fail "see $work/console.log"
