#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fetches the distribution's source package of CivetWeb and unpacks it for the build (Debian, Ubuntu
# and their like). Needs apt-get, dpkg-dev and the network; changes nothing outside the target
# folder: the list of source repositories is derived from the machine's own and thrown away.
#
# Usage: deploy/fetch-civetweb.sh [TARGET]    (default: build/_deps/civetweb)
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
target=${1:-$root/build/_deps/civetweb}

has_source() { [ -s "$1/src/civetweb.c" ] && [ -s "$1/include/civetweb.h" ]; }

if has_source "$target"; then
  echo "CivetWeb: $target is there already"
  exit 0
fi
# What an interrupted run left in the build is ours to remove; anything else is not.
[ $# -gt 0 ] || rm -rf "$target"
if [ -e "$target" ] && ! rmdir "$target" 2>/dev/null; then
  echo "fetch-civetweb: $target is there and holds no CivetWeb: remove it, or name another folder" >&2
  exit 1
fi
for tool in apt-get dpkg-source; do
  command -v "$tool" >/dev/null || {
    echo "fetch-civetweb: $tool is missing: apt-get install dpkg-dev, or unpack CivetWeb 1.15 or newer into $target" >&2
    exit 1
  }
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

fetch() {
  # One repository without sources must not stop the others: what counts is whether the package comes.
  apt update || true
  # apt checked the files against the signed list, hence --no-check of the signature inside.
  cd "$work/download" && apt source --download-only civetweb &&
    dpkg-source --no-check -x civetweb_*.dsc "$work/civetweb"
}

if ! (fetch) >"$work/log" 2>&1 || ! has_source "$work/civetweb"; then
  cat "$work/log" >&2
  echo "fetch-civetweb: the source package civetweb could not be fetched (messages above)" >&2
  exit 1
fi
mkdir -p "$(dirname -- "$target")"
mv "$work/civetweb" "$target"
echo "CivetWeb: unpacked into $target"
