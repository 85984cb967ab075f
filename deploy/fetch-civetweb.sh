#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fetches the distribution's source package of CivetWeb and unpacks it for the build (Debian, Ubuntu
# and their like). Needs apt-get, dpkg-dev and the network; changes nothing outside the target
# folder: the list of source repositories is derived from the machine's own and thrown away.
set -eu

usage() { echo "usage: deploy/fetch-civetweb.sh [FOLDER]    (default: build/_deps/civetweb)"; }
case ${1:-} in
  --help) usage; exit 0 ;;
  -*) usage >&2; exit 2 ;;
esac

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
target=${1:-$root/build/_deps/civetweb}
way_out="unpack CivetWeb 1.15 or newer (https://github.com/civetweb/civetweb/releases) into $target, \
so that $target/src/civetweb.c is there, and run this again"

fail() {
  echo "fetch-civetweb: $*" >&2
  exit 1
}
has_source() { [ -s "$1/src/civetweb.c" ] && [ -s "$1/include/civetweb.h" ]; }

if has_source "$target"; then
  echo "CivetWeb: $target is there already"
  exit 0
fi
# What an interrupted run left in the build is ours to remove; anything else is not.
[ $# -gt 0 ] || rm -rf "$target"
if [ -e "$target" ] && ! rmdir "$target" 2>/dev/null; then
  fail "$target is there and holds no CivetWeb: remove it, or name another folder"
fi
for tool in apt-get dpkg-source; do
  command -v "$tool" >/dev/null || fail "$tool is missing: apt-get install dpkg-dev; or $way_out"
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/sources" "$work/lists/partial" "$work/cache/archives/partial" "$work/download"

# One-line lists: every "deb" line again as "deb-src".
for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
  [ -f "$list" ] || continue
  sed -n 's/^[[:space:]]*deb[[:space:]]/deb-src /p' "$list" >>"$work/sources/machine.list"
done
# deb822: every stanza again as Types: deb-src.
for list in /etc/apt/sources.list.d/*.sources; do
  [ -f "$list" ] || continue
  sed 's/^Types:.*/Types: deb-src/' "$list" >"$work/sources/$(basename "$list")"
done

# Root's apt would download as user _apt, who may not write here.
apt() {
  apt-get -qq -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$work/sources" \
    -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root \
    -o APT::Get::List-Cleanup=false "$@"
}

# A cache may have a source package's tarballs and not its .dsc. dpkg-source wants that only to
# know the files by: they are laid over each other as it does, and it applies the patches.
unpack_tarballs() {
  apt source --download-only --tar-only civetweb && apt source --download-only --diff-only civetweb &&
    mkdir "$work/civetweb" &&
    tar -xf civetweb_*.orig.tar.* -C "$work/civetweb" --strip-components=1 &&
    tar -xf civetweb_*.debian.tar.* -C "$work/civetweb" &&
    dpkg-source --before-build "$work/civetweb"
}

# apt checks each file against the signed list, hence --no-check of the signature inside a .dsc.
fetch() {
  # One repository without sources must not stop the others: what counts is whether the package comes.
  apt update || true
  cd "$work/download" || return
  if apt source --download-only civetweb; then
    dpkg-source --no-check -x civetweb_*.dsc "$work/civetweb"
  else
    unpack_tarballs
  fi
}

if ! (fetch) >"$work/log" 2>&1 || ! has_source "$work/civetweb"; then
  cat "$work/log" >&2
  fail "the source package civetweb could not be fetched (messages above): $way_out"
fi
mkdir -p "$(dirname -- "$target")"
mv "$work/civetweb" "$target"
echo "CivetWeb: unpacked into $target"
