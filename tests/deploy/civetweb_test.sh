#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# deploy/fetch-civetweb.sh with Debian's real apt and a mirror of ours in place of the machine's, in a mount namespace:
# one that is whole, one without the .dsc, as caches are that fill on demand, one without any source. Quiet when all is
# well. (Debian: dpkg-dev, util-linux; root)
# usage: civetweb_test.sh
set -eu
root=$(realpath "$(dirname "$0")/../..")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "tests/deploy: $*" >&2
  exit 1
}
[ "$(id -u)" = 0 ] || fail "run it as root: it lays a mirror over the machine's own"

# A source package of that name, with a patch that must be applied.
make_mirror() {
  local tree=$work/build/civetweb-1.16
  mkdir -p "$work/mirror" "$tree/src" "$tree/include"
  echo '/* as upstream has it */' >"$tree/src/civetweb.c"
  echo '/* header */' >"$tree/include/civetweb.h"
  tar -C "$work/build" -cJf "$work/build/civetweb_1.16.orig.tar.xz" civetweb-1.16
  mkdir -p "$tree/debian/source" "$tree/debian/patches"
  echo '3.0 (quilt)' >"$tree/debian/source/format"
  printf 'Source: civetweb\nMaintainer: A B <a@example.org>\n\nPackage: civetweb\nArchitecture: any\nDescription: test\n' \
    >"$tree/debian/control"
  printf 'civetweb (1.16-1) unstable; urgency=low\n\n  * Test.\n\n -- A B <a@example.org>  Sat, 01 Nov 2025 00:00:00 +0000\n' \
    >"$tree/debian/changelog"
  echo fix.patch >"$tree/debian/patches/series"
  printf -- '--- a/src/civetweb.c\n+++ b/src/civetweb.c\n@@ -1 +1 @@\n-/* as upstream has it */\n+/* as Debian has it */\n' \
    >"$tree/debian/patches/fix.patch"
  (cd "$work/build" && dpkg-source -b civetweb-1.16 >/dev/null 2>&1 && mv civetweb_1.16* "$work/mirror/")
  (cd "$work/mirror" && dpkg-scansources . >Sources 2>/dev/null)
}

# fetch FOLDER: with that mirror alone.
fetch() {
  mkdir -p "$work/lists"
  echo "deb [trusted=yes] file:$work/mirror ./" >"$work/lists/test.list"
  : >"$work/empty"
  # shellcheck disable=SC2016 # the inner shell's variables
  unshare --mount --propagation private /bin/sh -euc '
    mount --bind "$1" /etc/apt/sources.list.d
    [ ! -e /etc/apt/sources.list ] || mount --bind "$2" /etc/apt/sources.list
    exec "$3" "$4"' sh "$work/lists" "$work/empty" "$root/deploy/fetch-civetweb.sh" "$1" >"$work/log" 2>&1
}
expect_source() { # WHAT FOLDER
  grep -q 'as Debian has it' "$work/$2/src/civetweb.c" || fail "$1: the source lacks Debian's patches"
  [ -s "$work/$2/include/civetweb.h" ] || fail "$1: no header"
}

make_mirror
fetch "$work/whole" || fail "a whole mirror: $(cat "$work/log")"
expect_source "a whole mirror" whole

rm "$work"/mirror/*.dsc
fetch "$work/partial" || fail "a mirror without the .dsc: $(cat "$work/log")"
expect_source "a mirror without the .dsc" partial

rm "$work"/mirror/*.orig.tar.xz
if fetch "$work/nothing"; then fail "a mirror without source: no error"; fi
[ ! -e "$work/nothing" ] || fail "a mirror without source: something is left in the folder"
for words in "unpack CivetWeb 1.15 or newer" "into $work/nothing" "run this again"; do
  grep -qF "$words" "$work/log" || fail "a mirror without source: the message lacks \"$words\": $(cat "$work/log")"
done
