#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# make_film.sh OUT.webm [FRAMES]: a small encoded film (VP8, 480x360, 24 frames a second) of a face
# that crosses the picture and leaves it in the end, so that a detector has something to find
# and to lose. 120 frames unless told.
set -euo pipefail
out=$1 frames=${2:-120}
face=$(dirname "${BASH_SOURCE[0]}")/face.svg
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
svg=$(<"$face")
for ((i = 0; i < frames; i++)); do
  x=$((80 + i * 480 / frames)) size=$((70 + i * 30 / frames))
  printf -v name '%s/%06d.svg' "$folder" "$i"
  printf '%s\n' "${svg/translate(240 190) scale(1)/translate($x 200) scale($((size / 100)).$(printf %02d $((size % 100))))}" >"$name"
done
gst-launch-1.0 -q multifilesrc location="$folder/%06d.svg" stop-index=$((frames - 1)) \
  caps=image/svg+xml,framerate=24/1 ! rsvgdec ! videoconvert ! vp8enc deadline=1 \
  target-bitrate=800000 ! webmmux ! filesink location="$out.part"
mv "$out.part" "$out"
