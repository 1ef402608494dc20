// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gst/video/video.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "elements/buffer_input.h"
#include "elements/stream_caps.h"
#include "support/check.h"

using namespace checkpoint;

namespace {

std::shared_ptr<const StreamCaps> caps_of(const std::string &text) {
  CapsPtr caps(gst_caps_from_string(text.c_str()));
  auto result = StreamCaps::from_caps(caps.get());
  ck_assert_msg(result.is_ok(), "%s: %s", text.c_str(), result.status().to_string().c_str());
  return *result;
}

Bytes canonical(FrameInput &input) {
  Bytes copied(input.payload_size(), std::byte{0xee});
  auto in_place = input.map();
  ck_assert(in_place.is_ok());
  Status status = input.copy_to(copied);
  ck_assert_msg(status.is_ok(), "%s", status.to_string().c_str());
  if (*in_place)
    ck_assert(copied.size() == (*in_place)->size() &&
              std::equal(copied.begin(), copied.end(), (*in_place)->begin()));
  return copied;
}

}  // namespace

GST_START_TEST(g13_row_padding_is_no_picture) {
  auto caps = caps_of("video/x-raw,format=I420,width=321,height=243,framerate=25/1");
  ck_assert(caps->has_padding());
  std::vector<Bytes> payloads;
  for (int garbage : {0x11, 0x77}) {
    BufferPtr buffer(gst_buffer_new_allocate(nullptr, caps->payload_size(), nullptr));
    gst_buffer_memset(buffer.get(), 0, static_cast<guint8>(garbage), caps->payload_size());
    GstVideoFrame frame;
    ck_assert(gst_video_frame_map(&frame, &caps->info(), buffer.get(), GST_MAP_WRITE));
    for (guint c = 0; c < 3; c++)
      for (gint y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT(&frame, c); y++)
        for (gint x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH(&frame, c); x++)
          GST_VIDEO_FRAME_COMP_DATA(&frame, c)
    [y * GST_VIDEO_FRAME_COMP_STRIDE(&frame, c) + x] = static_cast<guint8>(x * 7 + y * 3 + c);
    gst_video_frame_unmap(&frame);
    auto input = make_buffer_input(buffer.get(), caps);
    ck_assert(input.is_ok());
    auto mapped = (*input)->map();
    ck_assert(mapped.is_ok() && !mapped->has_value());
    payloads.push_back(canonical(**input));
  }
  ck_assert(payloads[0] == payloads[1]);
}
GST_END_TEST

GST_START_TEST(a_small_buffer_is_refused_with_its_size) {
  auto caps = caps_of("video/x-raw,format=RGB,width=320,height=240,framerate=25/1");
  BufferPtr buffer(gst_buffer_new_allocate(nullptr, 1000, nullptr));
  auto input = make_buffer_input(buffer.get(), caps);
  ck_assert(!input.is_ok());
  std::string text = input.status().to_string();
  ck_assert_msg(text.find("1000") != text.npos && text.find("230400") != text.npos, "%s",
                text.c_str());
  BufferPtr empty(gst_buffer_new());
  auto nothing = make_buffer_input(empty.get(), caps);
  ck_assert(nothing.is_ok() && (*nothing)->payload_size() == 0);
}
GST_END_TEST

static Suite *buffers_suite() {
  Suite *suite = suite_create("buffers");
  TCase *tc = tcase_create("buffers");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g13_row_padding_is_no_picture);
  tcase_add_test(tc, a_small_buffer_is_refused_with_its_size);
  return suite;
}
GST_CHECK_MAIN(buffers);
