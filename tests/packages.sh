# SPDX-License-Identifier: LGPL-2.1-or-later
# The Debian packages that the project needs, listed once; sourced by tests/run.sh and docs/quickstart.sh.
# shellcheck shell=bash disable=SC2034

packages_build=(
  g++ meson ninja-build pkgconf
  libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev
  libglib2.0-dev libjson-glib-dev libssl-dev libxxhash-dev
  libsqlite3-dev libpq-dev libzstd-dev liblz4-dev libpango1.0-dev libcurl4-openssl-dev
  libs3-dev
  gobject-introspection libgirepository1.0-dev
)
# Analytics metas: part of GStreamer since Debian 13 (and Ubuntu 24.04).
# shellcheck source=/dev/null
if [ -r /etc/os-release ] && [ "$(. /etc/os-release && echo "${VERSION_ID%%.*}")" -ge 13 ] 2>/dev/null; then
  packages_build+=(libgstreamer-plugins-bad1.0-dev)
fi
# What the tests run: real decoders and a real detector, and a checkout under git for the lint.
packages_test=(
  gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
  gstreamer1.0-libav gstreamer1.0-opencv opencv-data
  python3-gi gir1.2-gstreamer-1.0 gir1.2-gst-plugins-base-1.0 fonts-dejavu-core
)
# The servers of tests/services.
packages_services=(postgresql pgbouncer radosgw ceph-mon ceph-osd ceph-common curl openssl)
# Other people's eyes: what they see of a checkpoint is tested too.
packages_eyes=(postgresql-client awscli zstd faketime)
packages_lint=(git clang-format)
packages_soak=(valgrind)
packages_quickstart=("${packages_test[@]}" sqlite3)
packages_chroot=(mmdebstrap)

# Those of "$@" that are not installed, one a line.
missing_packages() {
  local name
  for name; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || echo "$name"
  done
}

# Installs what is missing of "$@"; uses no network when nothing is.
install_packages() {
  local missing log as_root=()
  if ! command -v dpkg-query >/dev/null; then
    echo "Not a Debian system: these packages (or what they are called here) have to be there:" >&2
    echo "  $*" >&2
    return 0
  fi
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null || { [ ! -t 0 ] && ! sudo -n true 2>/dev/null; }; then
      echo "These packages are missing, and installing them needs root:" >&2
      echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
      return 1
    fi
    as_root=(sudo)
  fi
  echo "installing ${#missing[@]} packages: ${missing[*]}"
  log=$(mktemp)
  # In single-user mode, says RUNLEVEL: outside of systemd a new server is not started on the spot.
  if ! { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q update &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -q -y \
      --no-install-recommends install "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
    tail -n 15 "$log" >&2
    echo "apt-get failed; its last lines stand above, all of them in $log" >&2
    return 1
  fi
  rm -f "$log"
}
