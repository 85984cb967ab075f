#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes what a release consists of, from the last commit of this checkout: .deb for Debian 12 and 13, .rpm, the container image, the
# source and their checksums. Each is compiled in a fresh Debian (deploy/debian-root.sh), and each package is installed in one
# before it counts as made.
set -euo pipefail

usage() {
  cat <<'END'
usage: deploy/release.sh [FOLDER]     (as root; build/release-VERSION by default)
Makes in FOLDER, which must not exist yet:
  cnproc-exporter_VERSION-1+deb12_ARCH.deb, ...+deb13_...   for Debian 12 and 13, and what derives from them
  cnproc-exporter-VERSION-1.ARCH.rpm                        for Fedora 37, EL 9 and newer
  cnproc_exporter-VERSION-ARCH.image.tar                    the image: docker load -i FILE, podman load -i FILE
  cnproc_exporter-VERSION.tar.gz                            the source
  SHA256SUMS
It takes a quarter of an hour on two cores, and 5 GB in build/debian.
END
}
case ${1:-} in
  --help) usage; exit 0 ;;
  -*) usage >&2; exit 2 ;;
esac

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
fail() {
  echo "release: $*" >&2
  exit 1
}
git() { command git -c safe.directory='*' -C "$root" "$@"; }

[ "$(id -u)" = 0 ] || fail "run it as root: the fresh Debian needs it"
for tool in buildah debootstrap git; do
  command -v "$tool" >/dev/null || fail "$tool is missing: apt-get install buildah debootstrap git"
done
[ -z "$(git status --porcelain)" ] || fail "there is something that is not committed: a release is made of a commit"
version=$(sed -n 's/^project(.* VERSION \([0-9.]*\) .*/\1/p' "$root/CMakeLists.txt")
[ -n "$version" ] || fail "CMakeLists.txt names no version"
tag=$(git tag --points-at HEAD | grep -x "v$version" || true)
[ -n "$tag" ] || echo "release: this commit has no tag v$version yet"
folder=$(realpath -m "${1:-$root/build/release-$version}")
[ ! -e "$folder" ] || fail "$folder is there already"
rm -rf "$folder.part"
mkdir -p "$folder.part"

# The same commit makes the same packages, to the time in them.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
for suite in bookworm trixie; do
  echo "release: compiling in $suite"
  "$root/deploy/debian-root.sh" "$suite" deploy/packages/build.sh "$SOURCE_DATE_EPOCH" || fail "$suite: see above"
  made=$root/build/debian/$suite/root/src/build/made
  cp "$made"/*.deb "$folder.part/"
  # The older release's libraries are the ones that most others have as well.
  if [ "$suite" = bookworm ]; then
    cp "$made"/*.rpm "$folder.part/"
    rm -rf "$folder.part/rootfs"
    cp -a "$made/rootfs" "$folder.part/rootfs"
  fi
done

echo "release: the image"
architecture=$(dpkg --print-architecture)
image=localhost/cnproc_exporter:$version
"$root/deploy/container/image.sh" "$folder.part/rootfs" "$image" >/dev/null
# Under the name that the compose file and the manifests have.
buildah push -q "$image" "docker-archive:$folder.part/cnproc_exporter-$version-$architecture.image.tar:ghcr.io/cnproc/cnproc_exporter:$version"
buildah rmi "$image" >/dev/null
rm -r "$folder.part/rootfs"
git archive --prefix="cnproc_exporter-$version/" -o "$folder.part/cnproc_exporter-$version.tar.gz" HEAD

# A package is good where it installs, and its binary starts there.
for suite in bookworm trixie; do
  for package in "$folder.part"/*.deb; do
    # That of the newer release is not for the older one.
    if [ "$suite" = bookworm ] && [[ $package != *+deb12_* ]]; then continue; fi
    echo "release: installing ${package##*/} in $suite"
    "$root/deploy/debian-root.sh" "$suite" deploy/packages/try.sh <"$package" || fail "${package##*/} in $suite: see above"
  done
done

(cd "$folder.part" && sha256sum -- * >SHA256SUMS)
mv "$folder.part" "$folder"
echo "release: $folder"
ls -l "$folder"
