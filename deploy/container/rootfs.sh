#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Lays out the root of the image: the stripped binary, the libraries that it loads, and the licences of all of it.
set -euo pipefail

usage() { echo "usage: deploy/container/rootfs.sh BINARY FOLDER"; }
case ${1:-} in --help) usage; exit 0 ;; esac
[ $# = 2 ] || { usage >&2; exit 2; }
binary=$1 out=$2
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

# Of the package that the library is from. Some packages know it by its path before /lib became /usr/lib.
copy_notice() {
  local library=$1 package notice
  package=$(dpkg-query -S "$library" 2>/dev/null || dpkg-query -S "${library#/usr}" 2>/dev/null || true)
  notice=/usr/share/doc/${package%%:*}/copyright
  if [ ! -e "$notice" ]; then
    echo "rootfs: no licence of $library: install documentation too (dpkg's path-exclude)" >&2
    return
  fi
  install -D -m 644 "$notice" "$out$notice"
}

install -D -m 755 "$binary" "$out/usr/bin/cnproc_exporter"
strip "$out/usr/bin/cnproc_exporter"
# The loader's own word of what is loaded; symbolic links are followed, the names are kept.
ldd "$binary" | grep -oE '/[^ ]+' | while read -r library; do
  install -D -m 755 "$(realpath "$library")" "$out$library"
  copy_notice "$(realpath "$library")"
done
for notice in LICENSE deploy/packages/THIRD-PARTY-NOTICES; do
  install -D -m 644 "$here/../../$notice" "$out/usr/share/doc/cnproc-exporter/${notice##*/}"
done
install -d -m 1777 "$out/tmp"
