// SPDX-License-Identifier: LGPL-2.1-or-later
// Frames of a checkpoint as a video file, by GStreamer's encoders.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/playlist.h"
#include "core/stores.h"

namespace checkpoint::tool {

// Encoder and muxer, as in gst-launch-1.0, for a file with this extension; nullptr: none is known.
// mkv is lossless for the formats that FFV1 takes.
const char *video_encoder(const std::string &extension);

// Calls `progress` with the frames that were handed over. Frames without a PTS can't be in a video.
Status write_video(const std::shared_ptr<Stores> &stores,
                   const std::shared_ptr<const Playlist> &playlist, const std::string &encoder,
                   const std::string &path, const std::function<void(uint64_t)> &progress,
                   Cancellation &cancel);

}  // namespace checkpoint::tool
