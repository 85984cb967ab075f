#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes the image of a root that rootfs.sh laid out: the last stage of the Containerfile, without its first, which
# compiles in a base image of a registry. (Debian: buildah)
set -euo pipefail

usage() { echo "usage: deploy/container/image.sh FOLDER IMAGE"; }
case ${1:-} in --help) usage; exit 0 ;; esac
[ $# = 2 ] || { usage >&2; exit 2; }
rootfs=$(realpath "$1") image=$2
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
command -v buildah >/dev/null || { echo "image: buildah is missing: apt-get install buildah" >&2; exit 1; }

context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
cp -a "$rootfs" "$context/out"
sed -n '/^FROM scratch/,$p' "$here/Containerfile" | sed 's/COPY --from=build \/out/COPY out/' >"$context/Containerfile"
buildah build --isolation chroot -q -t "$image" "$context"
