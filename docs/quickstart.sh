#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The main job once, from nothing to a picture: decode, detect, replay; see --help.
set -euo pipefail
export LC_ALL=C.UTF-8

usage() {
  cat <<'TXT'
usage: bash docs/quickstart.sh [--frames N] [VIDEO]

Runs a small job in stages on VIDEO, or on a film that it draws: keeps the decoded frames, looks for
faces from there on, replays what was found, and draws it. On a bare Debian 12 or 13 it first
installs the packages that are missing (root or sudo) and builds.

Takes about the first 240 frames of VIDEO (--frames 0: all of them), shrunk to at most 640x480: raw
frames are large. Everything it writes is under build/quickstart; run again, it makes the next versions.
TXT
}

limit=240 video=''
while [ $# -gt 0 ]; do
  case $1 in
    --frames) [[ ${2-} =~ ^[0-9]+$ ]] || { echo "--frames needs a number" >&2; exit 2; }; limit=$2; shift ;;
    --help | -h) usage; exit 0 ;;
    -*) echo "unknown option $1; --help lists them" >&2; exit 2 ;;
    *) [ -z "$video" ] || { echo "one VIDEO only; --help tells more" >&2; exit 2; }; video=$1 ;;
  esac
  shift
done
if [ -n "$video" ]; then
  [ -f "$video" ] && [ -r "$video" ] || { echo "there is no readable file $video" >&2; exit 1; }
  video=$(realpath "$video")
fi

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tests/packages.sh
. tests/packages.sh
install_packages "${packages_build[@]}" "${packages_quickstart[@]}"

work=$PWD/build/quickstart
log=$work/log
mkdir -p "$work"
: >"$log"
failed() {
  echo "$1" >&2
  echo "the whole log: $log" >&2
  exit 1
}

echo "building in build/quickstart/meson"
if [ ! -f "$work/meson/build.ninja" ]; then
  meson setup "$work/meson" -Dtests=disabled -Dpango=enabled >>"$log" 2>&1 || { tail -n 15 "$log" >&2; failed "meson setup failed"; }
fi
ninja -C "$work/meson" >>"$log" 2>&1 || { tail -n 30 "$log" >&2; failed "the build failed"; }

# Here, and nowhere else.
export XDG_DATA_HOME=$work/data GST_REGISTRY=$work/registry.bin
export GST_PLUGIN_PATH=$work/meson/gst/plugin
unset GST_CHECKPOINT_FRAME_STORE GST_CHECKPOINT_METADATA_STORE GST_CHECKPOINT_JOB_ID
database=$XDG_DATA_HOME/gst-checkpoint/checkpoints.db
gst-inspect-1.0 checkpointsink >/dev/null 2>>"$log" || failed "GStreamer does not find the plugin"

if [ -z "$video" ]; then
  video=$work/film.webm
  [ -f "$video" ] || { echo "drawing a film: ${video#"$PWD"/}"; bash tests/examples/make_film.sh "$video" 2>>"$log"; }
fi

# stage PIPELINE...: runs it; a line of progress comes every few seconds.
stage() {
  printf '\n$ gst-launch-1.0 %s\n' "$*"
  if ! gst-launch-1.0 -q "$@" 2>"$work/errors"; then
    cat "$work/errors" >>"$log"
    grep -A3 -E '^(ERROR|WARNING)' "$work/errors" >&2 || tail -n 5 "$work/errors" >&2
    return 1
  fi
  cat "$work/errors" >>"$log"
}
report='progressreport update-freq=3 name'
first=()
[ "$limit" = 0 ] || first=(! identity eos-after=$((limit + 1)))

# shellcheck disable=SC2086
stage filesrc location="$video" ! decodebin ! videoconvert ! videoscale ! \
  'video/x-raw,format=RGB,width=[16,640],height=[16,480],pixel-aspect-ratio=1/1' "${first[@]}" ! \
  $report=decode ! checkpointsink job-id=quickstart stage=decode ||
  failed "$video could not be decoded: is it a video, and is there a decoder for it?"
# shellcheck disable=SC2086
stage checkpointsrc job-id=quickstart stage=decode ! facedetect display=false ! $report=detect ! \
  checkpointsink stage=detect || failed "the stage could not be run"

printf '\nwhat is stored:\n'
sqlite3 -header -column "$database" "
  SELECT stage, version, state, frames, bytes_new, bytes_reused,
    (SELECT count(*) FROM detection WHERE detection.checkpoint = checkpoint.key) AS detections,
    round((completed_at - created_at) * 86400, 1) AS seconds
  FROM checkpoint ORDER BY stage_index, version"

printf '\ndrawing quickstart/detect\n'
sheet=$work/faces.png
"$work/meson/gst/tools/gst-checkpoint-1.0" sheet quickstart/detect "$sheet" --force 2>>"$log" ||
  { tail -n 3 "$log" >&2; failed "the picture could not be drawn"; }

cat <<TXT

picture:  $sheet
frames:   $XDG_DATA_HOME/gst-checkpoint/frames ($(du -sh "$XDG_DATA_HOME" | cut -f1) with the metadata)
metadata: $database
try next:
  export XDG_DATA_HOME=$XDG_DATA_HOME GST_PLUGIN_PATH=$GST_PLUGIN_PATH
  gst-launch-1.0 checkpointsrc job-id=quickstart stage=decode ! videoflip video-direction=90r ! checkpointsink stage=turn
TXT
