#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Lays out the root of the image: the stripped binary, the libraries that it loads, a licence.
# usage: deploy/container/rootfs.sh BINARY DIRECTORY
set -euo pipefail
binary=$1 out=$2
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

install -D -m 755 "$binary" "$out/usr/bin/cnproc_exporter"
strip "$out/usr/bin/cnproc_exporter"
# The loader's own word of what is loaded; symbolic links are followed, the names are kept.
ldd "$binary" | grep -oE '/[^ ]+' | while read -r library; do
  install -D -m 755 "$(realpath "$library")" "$out$library"
done
install -D -m 644 "$here/../../LICENSE" "$out/usr/share/doc/cnproc-exporter/LICENSE"
install -d -m 1777 "$out/tmp"
