// SPDX-License-Identifier: LGPL-2.1-or-later
// A source that hands out frames that are in memory already, so that a benchmark measures what
// comes after it.
#pragma once

#include <gst/gst.h>

#include <string>
#include <vector>

namespace benchmark {

// Frames of one size, distinct, in memory of their own.
struct Film {
  std::string name;
  std::string caps;
  std::vector<GstBuffer *> frames;
  size_t frame_size = 0;
  size_t bytes() const { return frames.size() * frame_size; }
};

// Decodes `path` (a test pattern where it is empty) to `format` at width x height, at most `count`
// frames, from the beginning again where it is shorter; ends the program with a message when that
// fails.
Film load_film(const std::string &path, const std::string &format, int width, int height,
               size_t count);

// Registers the element "preloadedsrc", which plays the film last given to play().
void register_source();
void play(const Film *film);
// Monotonic microseconds when the first buffer of this run was handed out.
gint64 first_buffer_at();

}  // namespace benchmark
