# SPDX-License-Identifier: LGPL-2.1-or-later
# What the scripts beside this one share; sourced. Every daemon's pid lies in a file, and is believed
# only while that process's command line names a path below our folder.
# shellcheck shell=bash disable=SC2154  # home: where the script that sources this keeps its server
set -euo pipefail
umask 022
packages=''
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C

die() {
  echo "${0##*/services/}: $*" >&2
  exit 1
}

# open_folder DIR [make]: sets dir. Only a folder that these scripts made, or an empty one, is used.
open_folder() {
  dir=$(realpath -m -- "$1")
  if [ "${2-}" = make ] && [ ! -e "$dir/.gst-checkpoint-services" ]; then
    mkdir -p "$dir"
    [ -z "$(ls -A "$dir")" ] || die "$dir is not empty, and nothing of ours"
    : >"$dir/.gst-checkpoint-services"
  fi
  [ -e "$dir/.gst-checkpoint-services" ] || die "$dir is no folder of test servers"
  # Servers may run as another user, who has to get through.
  [ ! -O "$dir" ] || chmod a+x "$dir"
}

# need COMMAND...: ends with what to install when one is not there. $packages names the packages.
need() {
  local command missing=()
  for command; do
    command -v "$command" >/dev/null || missing+=("$command")
  done
  [ ${#missing[@]} = 0 ] ||
    die "${missing[*]}: not installed (apt-get install --no-install-recommends $packages)"
}

# running PID_FILE WORD: prints the pid (the file's first line) of a process that has WORD as one
# of its arguments; fails where there is none.
running() {
  local pid
  { read -r pid <"$1"; } 2>/dev/null && [[ $pid =~ ^[0-9]+$ ]] || return 1
  { tr '\0' '\n' <"/proc/$pid/cmdline"; } 2>/dev/null | grep -qxF -- "$2" || return 1
  echo "$pid"
}

# end PID SIGNAL...: each signal has 10 s to work.
end() {
  local pid=$1 signal tries state
  shift
  for signal; do
    kill "-$signal" "$pid" 2>/dev/null || return 0
    for ((tries = 0; tries < 200; tries++)); do
      # Gone, or a zombie whose parent has not asked for it yet.
      state=$(sed 's/.*) //; s/ .*//' "/proc/$pid/stat" 2>/dev/null) || return 0
      [ "$state" != Z ] || return 0
      pause
    done
  done
  die "process $pid does not end"
}

# A moment between two looks at another program that tells nobody when it is ready.
pause() { read -rt 0.05 <> <(:) || true; }

# until_true PID_FILE LOG COMMAND...: asks COMMAND until it agrees, 60 s at most, and gives up at once
# when the process that was started is gone.
until_true() {
  local pid log=$2 tries
  read -r pid <"$1"
  shift 2
  for ((tries = 0; tries < 1200; tries++)); do
    ! "$@" >/dev/null 2>&1 || return 0
    [ -e "/proc/$pid" ] || break
    pause
  done
  tail -n 5 "$log" >&2
  return 1
}

# task COMMAND...: a step of the making, logged below $home. Bounded: some tools wait forever.
task() {
  timeout -k 5 60 "$@" >"$home/task.log" 2>&1 </dev/null ||
    { tail -n 5 "$home/task.log" >&2 && die "$1 failed"; }
}

# Below $home: ca.pem, and server.pem with server.key that it signed for localhost.
certificates() {
  local new=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
  task openssl req -x509 "${new[@]}" -days 30 -subj "/CN=CA of a test" \
    -keyout "$home/ca.key" -out "$home/ca.pem"
  task openssl req "${new[@]}" -subj /CN=localhost -keyout "$home/server.key" -out "$home/server.csr"
  echo "subjectAltName=DNS:localhost,IP:127.0.0.1" >"$home/names"
  task openssl x509 -req -in "$home/server.csr" -CA "$home/ca.pem" -CAkey "$home/ca.key" \
    -CAcreateserial -days 30 -extfile "$home/names" -out "$home/server.pem"
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port: below the range that the kernel gives to clients.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    listening "$port" || break
  done
  echo "$port"
}

# spawn LOG PID_FILE COMMAND...: in a session of its own, with no descriptor of ours: a test runner
# waits until the last holder of its pipes is gone.
spawn() {
  local log=$1 pid_file=$2
  shift 2
  (
    for fd in /proc/self/fd/*; do
      fd=${fd##*/}
      [ "$fd" -lt 3 ] || [ "$fd" = 255 ] || eval "exec $fd>&-"
    done
    exec setsid "$@" </dev/null >>"$log" 2>&1
  ) &
  echo $! >"$pid_file"
  disown
}

# quoted TEXT: as a word for a shell's eval.
quoted() { printf '%q' "$1"; }
