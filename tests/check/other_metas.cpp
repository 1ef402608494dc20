// SPDX-License-Identifier: LGPL-2.1-or-later
// Metas that bring their own way of becoming bytes.
#include <gst/video/video.h>

#include <string>
#include <vector>

#include "elements/meta_codec.h"
#include "support/check.h"
#include "support/private_meta.h"

using namespace checkpoint;

namespace {

std::shared_ptr<const StreamCaps> frame_caps() {
  CapsPtr caps(gst_caps_from_string("video/x-raw,format=GRAY8,width=64,height=64,framerate=25/1"));
  return *StreamCaps::from_caps(caps.get());
}

BufferPtr frame() { return BufferPtr(gst_buffer_new_allocate(nullptr, 64 * 64, nullptr)); }

Status store(GstBuffer *buffer, std::vector<MetaBlob> &metas) {
  std::vector<DetectionRow> detections;
  MetaWatch strict(true, nullptr);
  return serialize_metas(buffer, &strict, {}, metas, detections);
}

Status load(const MetaBlob &blob, GstBuffer *buffer) {
  return deserialize_metas(buffer, *frame_caps(), {blob}, nullptr);
}

// As a GStreamer of 1.24 stores a meta that has functions for it.
MetaBlob serialized(const std::string &type, uint8_t version, std::string_view data) {
  ByteWriter body;
  body.u8(1);
  body.text(type);
  body.u8(version);
  body.text(data);
  return {"serialized", body.take()};
}

MetaBlob by_application(const std::string &type, std::string_view data) {
  ByteWriter body;
  body.u8(1);
  body.text(type);
  body.text(data);
  return {"application", body.take()};
}

std::vector<guint64> numbers(GstBuffer *buffer, GType api) {
  gpointer state = nullptr;
  std::vector<guint64> found;
  while (GstMeta *meta = gst_buffer_iterate_meta_filtered(buffer, &state, api))
    found.push_back(reinterpret_cast<PrivateMeta *>(meta)->number);
  return found;
}

}  // namespace

GST_START_TEST(g13_a_meta_with_a_codec_of_the_application_comes_back) {
  BufferPtr buffer = frame();
  add_coded_meta(buffer.get(), G_MAXUINT64);
  add_coded_meta(buffer.get(), 2);
  std::vector<MetaBlob> metas;
  ck_assert(store(buffer.get(), metas).is_ok());
  ck_assert_uint_eq(metas.size(), 2);
  ck_assert(metas[1] ==
            by_application("CheckCodedMetaAPI", std::string_view("\2\0\0\0\0\0\0\0", 8)));
  BufferPtr back = frame();
  for (const MetaBlob &blob : metas) ck_assert(load(blob, back.get()).is_ok());
  const GType api = coded_meta_info()->api;
  ck_assert(numbers(back.get(), api) == (std::vector<guint64>{G_MAXUINT64 - 1, 2}));
  // Taken away, and set again.
  const auto *codec = static_cast<const GstCheckpointMetaCodec *>(
      g_type_get_qdata(api, g_quark_from_string(GST_CHECKPOINT_META_CODEC_KEY)));
  gst_checkpoint_meta_set_codec(api, nullptr);
  back = frame();
  ck_assert(load(metas[0], back.get()).is(Code::kUnsupported));
  gst_checkpoint_meta_set_codec(api, codec);
  ck_assert(load(metas[0], back.get()).is_ok());
  // One that the codec refuses.
  add_coded_meta(buffer.get(), 0)->number = 5;
  Status status = store(buffer.get(), metas);
  ck_assert(status.is(Code::kUnsupported));
  ck_assert(status.message().find("CheckCodedMetaAPI") != std::string::npos);
}
GST_END_TEST

GST_START_TEST(g34_a_codec_of_the_application_and_odd_bytes) {
  coded_meta_info();
  private_meta_info();
  BufferPtr buffer = frame();
  auto code = [&](const MetaBlob &blob) { return load(blob, buffer.get()).code(); };
  ck_assert(code(by_application("CheckCodedMetaAPI", "1234567")) == Code::kCorrupt);
  ck_assert(code(by_application("CheckPrivateMetaAPI", "12345678")) == Code::kUnsupported);
  ck_assert(code(by_application("GstBuffer", "12345678")) == Code::kUnsupported);
  ck_assert(code(by_application("", "12345678")) == Code::kUnsupported);
  MetaBlob longer = by_application("CheckCodedMetaAPI", "12345678");
  longer.body.push_back(std::byte{0});
  ck_assert(code(longer) == Code::kCorrupt);
  longer.body.resize(9);
  ck_assert(code(longer) == Code::kCorrupt);
  ck_assert(gst_buffer_get_meta(buffer.get(), coded_meta_info()->api) == nullptr);
}
GST_END_TEST

#if GST_CHECK_VERSION(1, 24, 0)

GST_START_TEST(g13_a_meta_that_can_write_itself_comes_back) {
  BufferPtr buffer = frame();
  add_serial_meta(buffer.get(), G_MAXUINT64);
  add_serial_meta(buffer.get(), 2);
  std::vector<MetaBlob> metas;
  ck_assert(store(buffer.get(), metas).is_ok());
  ck_assert_uint_eq(metas.size(), 2);
  ck_assert(metas[1] == serialized("CheckSerialMeta", 3, std::string_view("\2\0\0\0\0\0\0\0", 8)));
  BufferPtr back = frame();
  for (const MetaBlob &blob : metas) ck_assert(load(blob, back.get()).is_ok());
  ck_assert(numbers(back.get(), serial_meta_info()->api) ==
            (std::vector<guint64>{G_MAXUINT64 - 1, 2}));
  // One that its function refuses to write.
  reinterpret_cast<PrivateMeta *>(gst_buffer_get_meta(buffer.get(), serial_meta_info()->api))
      ->number = 5;
  Status status = store(buffer.get(), metas);
  ck_assert(status.is(Code::kUnsupported));
  ck_assert(status.message().find("CheckSerialMetaAPI") != std::string::npos);
}
GST_END_TEST

GST_START_TEST(g34_a_meta_that_can_write_itself_and_odd_bytes) {
  serial_meta_info();
  private_meta_info();
  gst_video_meta_get_info();
  gst_reference_timestamp_meta_get_info();
  BufferPtr buffer = frame();
  auto code = [&](const char *type, uint8_t version, std::string_view data) {
    return load(serialized(type, version, data), buffer.get()).code();
  };
  ck_assert(code("CheckSerialMeta", 3, "12345678") == Code::kOk);
  ck_assert(code("CheckSerialMeta", 2, "12345678") == Code::kCorrupt);
  ck_assert(code("CheckSerialMeta", 3, "1234567") == Code::kCorrupt);
  ck_assert(code("CheckNeverMeta", 3, "12345678") == Code::kUnsupported);
  // Stored otherwise, or not at all: their own functions don't see these bytes.
  ck_assert(code("GstVideoMeta", 0, "12345678") == Code::kCorrupt);
  ck_assert(code("GstReferenceTimestampMeta", 0, "12345678") == Code::kCorrupt);
  ck_assert(code("CheckPrivateMeta", 0, "12345678") == Code::kCorrupt);
  MetaBlob longer = serialized("CheckSerialMeta", 3, "12345678");
  longer.body.push_back(std::byte{0});
  ck_assert(load(longer, buffer.get()).is(Code::kCorrupt));
}
GST_END_TEST

#else

GST_START_TEST(a_meta_that_a_newer_gstreamer_wrote) {
  BufferPtr buffer = frame();
  ck_assert(
      load(serialized("CheckSerialMeta", 3, "12345678"), buffer.get()).is(Code::kUnsupported));
  std::vector<MetaBlob> metas;
  add_private_meta(buffer.get());
  ck_assert(store(buffer.get(), metas).is(Code::kUnsupported));
}
GST_END_TEST

#endif

static Suite *other_metas_suite() {
  Suite *suite = suite_create("other_metas");
  TCase *tc = tcase_create("other_metas");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g13_a_meta_with_a_codec_of_the_application_comes_back);
  tcase_add_test(tc, g34_a_codec_of_the_application_and_odd_bytes);
#if GST_CHECK_VERSION(1, 24, 0)
  tcase_add_test(tc, g13_a_meta_that_can_write_itself_comes_back);
  tcase_add_test(tc, g34_a_meta_that_can_write_itself_and_odd_bytes);
#else
  tcase_add_test(tc, a_meta_that_a_newer_gstreamer_wrote);
#endif
  return suite;
}
GST_CHECK_MAIN(other_metas);
