#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# fresh_debian.sh 12|13 COMMAND...: runs COMMAND in a copy of this tree in a bare Debian of that
# release, as a new user would: nothing is installed but what Debian calls minimal. Needs root and
# mmdebstrap. DEBIAN_MIRROR chooses the mirror.
set -euo pipefail
case ${1-} in
  12) suite=bookworm ;;
  13) suite=trixie ;;
  *) echo "which Debian? 12 or 13" >&2; exit 2 ;;
esac
[ "$(id -u)" = 0 ] || { echo "a fresh Debian needs root: sudo bash tests/run.sh --debian …" >&2; exit 1; }
here=$(realpath "${BASH_SOURCE[0]}")
# In a mount namespace of its own: what is mounted here is gone when this process is, however it
# ends.
if [ "${FRESH_DEBIAN_UNSHARED-}" != 1 ]; then
  FRESH_DEBIAN_UNSHARED=1 exec unshare --mount --propagation private bash "$here" "$@"
fi
shift
cd "$(dirname "$here")/../.."

mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
root=$(mktemp -d "${TMPDIR:-/tmp}/fresh-debian-XXXXXX")
trap 'rm -rf --one-file-system "$root"' EXIT
chmod 755 "$root"
echo "making a bare Debian ($suite) in $root"
mmdebstrap --quiet --variant=minbase --skip=check/empty --include=ca-certificates "$suite" "$root" \
  "deb $mirror $suite main" "deb $mirror $suite-updates main" \
  "deb ${mirror%/debian}/debian-security $suite-security main" >"$root.log" 2>&1 ||
  { tail -n 5 "$root.log" >&2; exit 1; }
rm -f "$root.log"
cp /etc/resolv.conf "$root/etc/resolv.conf"
mkdir "$root/src"
if git rev-parse --git-dir >/dev/null 2>&1; then
  git ls-files -z --cached --others --exclude-standard
else
  find . -path './build*' -prune -o -type f -print0
fi | tar --null --ignore-failed-read --files-from=- -cf - 2>/dev/null | tar -C "$root/src" -xf -
for dir in proc sys dev; do mount --rbind "/$dir" "$root/$dir"; done
status=0
chroot "$root" env -i HOME=/root TERM=dumb \
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  bash -c 'cd /src && exec "$@"' bash "$@" </dev/null || status=$?
for dir in proc sys dev; do umount --lazy --recursive "$root/$dir" || status=1; done
exit $status
