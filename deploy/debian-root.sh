#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs a command in this checkout within a fresh Debian of another release, on this machine's kernel: its root is made by
# debootstrap, the checkout lies in it as /src, with what is not committed yet, and belongs to another user than root.
set -euo pipefail

usage() {
  cat <<'END'
usage: deploy/debian-root.sh SUITE COMMAND [ARGUMENT...]     (as root)
  SUITE    bookworm (12), trixie (13), ...
The root stays in build/debian/SUITE/root until the next run, so that logs and results can be taken from it; downloaded
packages are kept beside it. Network, processes and devices are this machine's.
Environment: CNPROC_DEBIAN_MIRROR, the mirror that the first of apt's lists names by default.
END
}

fail() {
  echo "debian-root: $*" >&2
  exit 1
}
case ${1:-} in
  --help) usage; exit 0 ;;
  '' | -*) usage >&2; exit 2 ;;
esac
[ $# -ge 2 ] || { usage >&2; exit 2; }
suite=$1
shift
[[ $suite =~ ^[a-z]+$ ]] || fail "\"$suite\" is no name of a Debian release, as bookworm is"
[ "$(id -u)" = 0 ] || fail "run it as root: debootstrap and chroot need it"
for tool in debootstrap git unshare; do
  command -v "$tool" >/dev/null || fail "$tool is missing: apt-get install debootstrap git util-linux"
done

source=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
work=$source/build/debian/$suite
root=$work/root
mkdir -p "$work/archives/partial"
exec 9>"$work/lock"
flock -n 9 || fail "another run uses $work"

# The machine's own repositories: a company's cache serves other releases as well.
repository() { # PATTERN
  # shellcheck disable=SC2016 # apt's own variable
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -E "$1" | head -n 1 || true
}
mirror=${CNPROC_DEBIAN_MIRROR:-$(repository '/debian/?$')}
[ -n "$mirror" ] || fail "apt's lists name no mirror of Debian: set CNPROC_DEBIAN_MIRROR"
security=$(repository '/debian-security/?$')
: "${security:=${mirror%/}-security/}"

if [ ! -d "$work/base" ]; then
  echo "debian-root: making a root of $suite"
  rm -rf "$work/base.new"
  debootstrap --variant=minbase --cache-dir="$work/archives" "$suite" "$work/base.new" "$mirror" >"$work/debootstrap.log" 2>&1 ||
    fail "debootstrap failed: $work/debootstrap.log"
  printf 'deb %s %s main\n' "$mirror" "$suite" "$security" "$suite-security" >"$work/base.new/etc/apt/sources.list"
  mv "$work/base.new" "$work/base"
fi

# Nothing is mounted there outside of the namespace below, so that it is this root alone that goes.
rm -rf "$root"
cp -a --reflink=auto "$work/base" "$root"
cp /etc/resolv.conf "$root/etc/resolv.conf"

git=(git -c safe.directory='*')
"${git[@]}" clone -q --no-hardlinks "$source" "$root/src"
(
  cd "$source"
  "${git[@]}" ls-files -z --deleted | (cd "$root/src" && xargs -0 -r rm -f --)
  "${git[@]}" ls-files -z -co --exclude-standard | tar -c --null --files-from=- --ignore-failed-read 2>/dev/null |
    tar -x -C "$root/src"
)
chown -R 1000:1000 "$root/src"

# shellcheck disable=SC2016 # the inner shell's variables
exec unshare --mount --propagation private /bin/sh -euc '
  root=$1 archives=$2
  shift 2
  mount -t proc proc "$root/proc"
  mount --rbind /sys "$root/sys"
  mount --rbind /dev "$root/dev"
  mount --bind "$archives" "$root/var/cache/apt/archives"
  exec chroot "$root" /usr/bin/env -i HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}" CI="${CI:-}" \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /bin/sh -c "cd /src && exec \"\$@\"" sh "$@"
' sh "$root" "$work/archives" "$@"
