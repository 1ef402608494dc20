// SPDX-License-Identifier: LGPL-2.1-or-later
// Stored metas. Input: number of the codec u8 (meta_kinds.h), body.
#include "elements/meta_codec.h"

#include <iterator>
#include <string>

#include "fuzz/gst_target.h"
#include "fuzz/meta_kinds.h"
#include "support/private_meta.h"

using namespace checkpoint;

namespace {

BufferPtr frame(const StreamCaps &caps) {
  return BufferPtr(gst_buffer_new_allocate(nullptr, caps.payload_size(), nullptr));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  start_gstreamer();
  coded_meta_info();
#if GST_CHECK_VERSION(1, 24, 0)
  serial_meta_info();
#endif
  static const auto caps = StreamCaps::parse(
                               "video/x-raw, format=(string)RGB, width=(int)8, height=(int)4, "
                               "framerate=(fraction)25/1")
                               .value();
  if (size < 1) return 0;
  const std::string kind(kMetaKinds[data[0] % std::size(kMetaKinds)]);
  const ByteView body = fuzz_input(data + 1, size - 1);

  BufferPtr buffer = frame(*caps);
  const std::vector<MetaBlob> stored = {{kind, Bytes(body.begin(), body.end())}};
  if (!deserialize_metas(buffer.get(), *caps, stored, nullptr).is_ok()) return 0;

  // What was read can be written, and then reads back as the same bytes. A part may be refused.
  MetaWatch strict(true, nullptr);
  std::vector<MetaBlob> first, second;
  std::vector<DetectionRow> detections;
  if (!serialize_metas(buffer.get(), &strict, {}, first, detections).is_ok()) return 0;
  BufferPtr again = frame(*caps);
  FUZZ_CHECK(deserialize_metas(again.get(), *caps, first, nullptr).is_ok());
  FUZZ_CHECK(serialize_metas(again.get(), &strict, {}, second, detections).is_ok());
  FUZZ_CHECK(first == second);
  return 0;
}
