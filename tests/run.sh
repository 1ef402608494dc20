#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Installs what the tests need, builds, runs them all and sums up; see --help.
set -euo pipefail

usage() {
  cat <<'TXT'
usage: bash tests/run.sh [OPTION]...

Builds in build/tests and runs every test. On a bare Debian 12 or 13 it first installs the packages
that are missing (root or sudo); with all of them there it uses no network. For as long as it runs
there are a PostgreSQL and an S3 server of its own on 127.0.0.1 (tests/services/up). The last line
is "N passed, N failed"; the exit code is 0 only when nothing failed.

  --filter NAME    only test programs whose name contains NAME, else test cases whose name does;
                   a guarantee's tests: --filter g09
  --sanitize       under AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer, in
                   build/sanitize
  --werror         compiler warnings are errors
  --lint           also check the sources' formatting and layers
  --no-skips       a skipped test counts as failed
  --debian 12|13   do all of this in a fresh, bare Debian of that release (root)
  --help           this text
TXT
}

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tests/packages.sh
. tests/packages.sh

filter='' sanitize=0 werror=false lint=0 no_skips=0 debian='' pass_on=()
while [ $# -gt 0 ]; do
  case $1 in
    --filter | --debian)
      [ $# -ge 2 ] || { echo "$1 needs a value; --help tells more" >&2; exit 2; }
      if [ "$1" = --filter ]; then filter=$2 pass_on+=("$1" "$2"); else debian=$2; fi
      shift
      ;;
    --sanitize) sanitize=1 pass_on+=("$1") ;;
    --werror) werror=true pass_on+=("$1") ;;
    --lint) lint=1 pass_on+=("$1") ;;
    --no-skips) no_skips=1 pass_on+=("$1") ;;
    --help | -h) usage; exit 0 ;;
    *) echo "unknown option $1; --help lists them" >&2; exit 2 ;;
  esac
  shift
done

if [ -n "$debian" ]; then
  install_packages "${packages_chroot[@]}"
  exec bash tests/support/fresh_debian.sh "$debian" bash tests/run.sh "${pass_on[@]}"
fi

packages=("${packages_build[@]}" "${packages_test[@]}" "${packages_services[@]}" "${packages_eyes[@]}")
[ $lint = 0 ] || packages+=("${packages_lint[@]}")
install_packages "${packages[@]}"

# Ends the run before there is a result of a test.
give_up() {
  echo "$1"
  echo "0 passed, 1 failed"
  exit 1
}

build=build/tests
setup=(-Dtests=enabled "-Dwerror=$werror")
patience=1
if [ $sanitize = 1 ]; then
  build=build/sanitize patience=4
  setup+=(--native-file tests/presets/asan-ubsan.ini)
else
  setup+=(-Dcpp_args=-g1)  # lines are enough to find a place by, in two thirds of the time
fi
mkdir -p "$build"
log=$build/run.log
if [ ! -f "$build/build.ninja" ]; then
  meson setup "$build" "${setup[@]}" >"$log" 2>&1 || { tail -n 20 "$log"; give_up "meson setup failed"; }
else
  meson configure "$build" "-Dwerror=$werror" >"$log" 2>&1 || { cat "$log"; give_up "meson configure failed"; }
fi
echo "building in $build"
ninja -C "$build" >"$log" 2>&1 || {
  if grep -q '^FAILED' "$log"; then sed -n '/^FAILED/,$p' "$log" | head -n 60; else tail -n 20 "$log"; fi
  give_up "the build failed"
}

# Nothing of the servers outlives this run. Should it be killed with no time to end them, the guard
# does it: it waits, in a session of its own, until no process of the run has the pipe any more.
services=$(mktemp -d /tmp/gst-checkpoint-tests-XXXXXX)
trap 'bash tests/services/down "$services"' EXIT
# shellcheck disable=SC2016,SC2034
exec {guard}> >(exec setsid bash -c 'read -r || true; bash tests/services/down "$1"' - "$services" \
  >/dev/null 2>&1)
echo "starting the servers"
exports=$(bash tests/services/up "$services" 2>"$log") || {
  sed 's/^/  /' "$log"
  [ $no_skips = 0 ] || give_up "a server is missing"
  echo "without it, the tests that need it are skipped"
}
eval "$(grep '^export GST_CHECKPOINT_TEST_' <<<"$exports")"

suites=()
[ $lint = 1 ] || suites+=(--no-suite lint)
# run_tests LOG_NAME [PROGRAM]...: its exit code is not asked for; what it logged is summed up.
run_tests() {
  local name=$1
  shift
  rm -f "$build/meson-logs/$name.json"
  CK_TIMEOUT_MULTIPLIER=$patience meson test -C "$build" --no-rebuild --num-processes 2 \
    --timeout-multiplier "$patience" --logbase "$name" "${suites[@]}" "$@" >"$log" 2>&1 </dev/null || true
  [ -f "$build/meson-logs/$name.json" ] || { tail -n 20 "$log"; give_up "meson test ran nothing"; }
}

echo "running the tests"
summary=()
[ $no_skips = 0 ] || summary+=(--no-skips)
programs=()
if [ -n "$filter" ]; then
  mapfile -t programs < <(meson test -C "$build" --no-rebuild --list "${suites[@]}" 2>/dev/null |
    sed 's/.*[/:] *//' | grep -F -- "$filter" || true)
fi
if [ -z "$filter" ] || [ ${#programs[@]} -gt 0 ]; then
  run_tests testlog "${programs[@]}"
  summary+=("$build/meson-logs/testlog.json")
fi
# A guarantee's tests are both: programs, and cases of others.
if [[ $filter =~ ^g[0-9]+ ]] || { [ -n "$filter" ] && [ ${#programs[@]} = 0 ]; }; then
  GST_CHECKS="*$filter*" run_tests cases
  summary+=(--cases "$build/meson-logs/cases.json")
fi
python3 tests/support/summary.py "${summary[@]}"
