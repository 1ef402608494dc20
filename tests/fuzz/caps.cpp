// SPDX-License-Identifier: LGPL-2.1-or-later
// Stored caps, and what they say about the bytes of a frame.
#include "elements/stream_caps.h"
#include "fuzz/gst_target.h"

using namespace checkpoint;

// GStreamer's parser forgets arrays that it has begun when it meets an error in them.
extern "C" const char *__asan_default_options();
extern "C" const char *__asan_default_options() { return "detect_leaks=0"; }

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  start_gstreamer();
  auto caps = StreamCaps::parse(as_text(fuzz_input(data, size)));
  if (!caps.is_ok()) return 0;
  const StreamCaps &stream = **caps;
  auto again = StreamCaps::parse(stream.text());
  FUZZ_CHECK(again.is_ok() && (*again)->text() == stream.text());
  FUZZ_CHECK((*again)->payload_size() == stream.payload_size());
  for (const PlaneLayout &plane : stream.planes()) {
    FUZZ_CHECK(plane.row_bytes <= plane.stride);
    FUZZ_CHECK(plane.rows == 0 ||
               plane.offset + (plane.rows - 1) * plane.stride + plane.row_bytes <=
                   stream.payload_size());
  }
  if (stream.payload_size() > (1 << 16)) return 0;
  Bytes payload(stream.payload_size(), std::byte{1});
  stream.clear_padding(payload);
  return 0;
}
