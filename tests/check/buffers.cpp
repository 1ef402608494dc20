// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gst/video/video.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "elements/buffer_input.h"
#include "elements/buffer_output.h"
#include "elements/stream_caps.h"
#include "support/check.h"

using namespace checkpoint;

namespace {

std::shared_ptr<const StreamCaps> caps_of(const std::string &text) {
  g_type_ensure(GST_TYPE_VIDEO_MULTIVIEW_FLAGSET);
  CapsPtr caps(gst_caps_from_string(text.c_str()));
  auto result = StreamCaps::from_caps(caps.get());
  ck_assert_msg(result.is_ok(), "%s: %s", text.c_str(), result.status().to_string().c_str());
  return *result;
}

std::string raw_caps(const std::string &format, int width, int height) {
  return "video/x-raw,format=" + format + ",width=" + std::to_string(width) +
         ",height=" + std::to_string(height) + ",framerate=25/1";
}

std::unique_ptr<FrameInput> input_of(GstBuffer *buffer, std::shared_ptr<const StreamCaps> caps) {
  auto input = make_buffer_input(buffer, std::move(caps));
  ck_assert_msg(input.is_ok(), "%s", input.status().to_string().c_str());
  return std::move(*input);
}

// The payload by both ways, which have to agree where both are open.
Bytes canonical(GstBuffer *buffer, const std::shared_ptr<const StreamCaps> &caps,
                bool *mapped = nullptr) {
  auto input = input_of(buffer, caps);
  Bytes copied(input->payload_size(), std::byte{0xee});
  auto in_place = input->map();
  ck_assert_msg(in_place.is_ok(), "%s", in_place.status().to_string().c_str());
  Status status = input->copy_to(copied);
  ck_assert_msg(status.is_ok(), "%s", status.to_string().c_str());
  if (mapped) *mapped = in_place->has_value();
  if (*in_place)
    ck_assert(copied.size() == (*in_place)->size() &&
              std::equal(copied.begin(), copied.end(), (*in_place)->begin()));
  return copied;
}

std::mt19937 rng(7);

constexpr auto kDeep =
    static_cast<GstBufferCopyFlags>(GST_BUFFER_COPY_MEMORY | GST_BUFFER_COPY_DEEP);

BufferPtr random_buffer(size_t size) {
  BufferPtr buffer(gst_buffer_new_allocate(nullptr, size, nullptr));
  GstMapInfo map;
  ck_assert(gst_buffer_map(buffer.get(), &map, GST_MAP_WRITE));
  for (size_t i = 0; i < map.size; i += 4) {
    uint32_t word = static_cast<uint32_t>(rng());
    memcpy(map.data + i, &word, std::min<size_t>(4, map.size - i));
  }
  gst_buffer_unmap(buffer.get(), &map);
  return buffer;
}

// Bytes of picture in a row of a plane, without asking the code under test.
size_t picture_bytes(const GstVideoInfo &info, guint plane) {
  size_t bytes = 0;
  for (guint c = 0; c < info.finfo->n_components; c++)
    if (info.finfo->plane[c] == plane)
      bytes = std::max<size_t>(bytes, static_cast<size_t>(GST_VIDEO_INFO_COMP_WIDTH(&info, c)) *
                                          static_cast<size_t>(info.finfo->pixel_stride[c]));
  return bytes;
}
size_t picture_rows(const GstVideoInfo &info, guint plane) {
  size_t rows = 0;
  for (guint c = 0; c < info.finfo->n_components; c++)
    if (info.finfo->plane[c] == plane)
      rows = std::max<size_t>(rows, static_cast<size_t>(GST_VIDEO_INFO_COMP_HEIGHT(&info, c)));
  return rows;
}

// Copies the picture `from` (default layout) into `to` with the layout of `meta`, leaving
// everything that is not picture as it is.
void paint(const GstVideoInfo &info, const guint8 *from, guint8 *to, const gsize *offset,
           const gint *stride) {
  const GstVideoFormatInfo *finfo = info.finfo;
  for (guint p = 0; p < finfo->n_planes; p++) {
    const guint8 *src = from + info.offset[p];
    guint8 *dst = to + offset[p];
    if (GST_VIDEO_FORMAT_INFO_HAS_PALETTE(finfo) && p == 1) {
      memcpy(dst, src, 256 * 4);
    } else if (GST_VIDEO_FORMAT_INFO_IS_TILED(finfo)) {
      int sx = GST_VIDEO_TILE_X_TILES(info.stride[p]), sy = GST_VIDEO_TILE_Y_TILES(info.stride[p]);
      int dx = GST_VIDEO_TILE_X_TILES(stride[p]), dy = GST_VIDEO_TILE_Y_TILES(stride[p]);
      size_t size = finfo->tile_info[p].size;
      for (int y = 0; y < sy; y++)
        for (int x = 0; x < sx; x++)
          memcpy(dst + gst_video_tile_get_index(finfo->tile_mode, x, y, dx, dy) * size,
                 src + gst_video_tile_get_index(finfo->tile_mode, x, y, sx, sy) * size, size);
    } else {
      size_t bytes = picture_bytes(info, p);
      if (bytes == 0) bytes = static_cast<size_t>(std::min(info.stride[p], stride[p]));
      for (size_t y = 0; y < picture_rows(info, p); y++)
        memcpy(dst + y * static_cast<size_t>(stride[p]),
               src + y * static_cast<size_t>(info.stride[p]), bytes);
    }
  }
}

// A buffer with the picture in another layout, plane offsets moved, garbage everywhere else.
BufferPtr padded_buffer(const GstVideoInfo &info, const guint8 *picture) {
  GstVideoInfo larger;
  gst_video_info_set_format(&larger, GST_VIDEO_INFO_FORMAT(&info),
                            static_cast<guint>(info.width + 130),
                            static_cast<guint>(info.height + 66));
  gsize offset[GST_VIDEO_MAX_PLANES];
  gint stride[GST_VIDEO_MAX_PLANES];
  for (guint p = 0; p < info.finfo->n_planes; p++) {
    offset[p] = larger.offset[p] + 96 * (p + 1);
    stride[p] = larger.stride[p];
  }
  BufferPtr buffer = random_buffer(larger.size + 1000);
  gst_buffer_add_video_meta_full(buffer.get(), GST_VIDEO_FRAME_FLAG_NONE,
                                 GST_VIDEO_INFO_FORMAT(&info), static_cast<guint>(info.width),
                                 static_cast<guint>(info.height), info.finfo->n_planes, offset,
                                 stride);
  GstMapInfo map;
  ck_assert(gst_buffer_map(buffer.get(), &map, GST_MAP_WRITE));
  paint(info, picture, map.data, offset, stride);
  gst_buffer_unmap(buffer.get(), &map);
  return buffer;
}

// A stored frame with that payload, in a chunk among others.
ReplayFrame stored(const Bytes &payload) {
  static std::shared_ptr<ChunkPool> pool = ChunkPool::create(1 << 20);
  ReplayFrame frame;
  frame.chunk = pool->allocate(payload.size() + 128);
  std::memset(frame.chunk->data(), 0xcc, frame.chunk->size());
  frame.offset = 64;
  frame.size = payload.size();
  frame.row.payload.raw_length = payload.size();
  std::copy(payload.begin(), payload.end(), frame.chunk->data() + frame.offset);
  return frame;
}

BufferPtr replay(const Bytes &payload, const StreamCaps &caps, BufferOptions options = {}) {
  auto buffer = make_buffer(stored(payload), caps, options);
  ck_assert_msg(buffer.is_ok(), "%s", buffer.status().to_string().c_str());
  return std::move(*buffer);
}

// Every line of both, as GStreamer itself reads pixels out of them.
void assert_equal_pixels(const GstVideoInfo &info, GstBuffer *a, GstBuffer *b) {
  const GstVideoFormatInfo *finfo = info.finfo;
  // At such widths GStreamer reads chroma of these from behind the row that it laid out for it.
  if (finfo->pixel_stride[0] == 0 && info.width % 2 != 0) return;
  GstVideoFrame fa, fb;
  ck_assert(gst_video_frame_map(&fa, &info, a, GST_MAP_READ));
  ck_assert(gst_video_frame_map(&fb, &info, b, GST_MAP_READ));
  if (finfo->unpack_func) {
    std::vector<guint8> la(static_cast<size_t>(info.width) * 8 + 1024), lb(la.size());
    for (gint y = 0; y < info.height; y++) {
      std::fill(la.begin(), la.end(), 0);
      std::fill(lb.begin(), lb.end(), 0);
      finfo->unpack_func(finfo, GST_VIDEO_PACK_FLAG_NONE, la.data(), fa.data, fa.info.stride, 0, y,
                         info.width);
      finfo->unpack_func(finfo, GST_VIDEO_PACK_FLAG_NONE, lb.data(), fb.data, fb.info.stride, 0, y,
                         info.width);
      ck_assert_msg(la == lb, "%s %dx%d line %d", finfo->name, info.width, info.height, y);
    }
  }
  gst_video_frame_unmap(&fa);
  gst_video_frame_unmap(&fb);
}

const struct { int width, height; } kSizes[] = {{320, 240}, {320, 243}, {321, 243}, {1, 1}};

}  // namespace

GST_START_TEST(g13_every_format_keeps_every_pixel) {
  auto size = kSizes[__i__];
  guint n;
  const GstVideoFormat *formats = gst_video_formats_raw(&n);
  int tested = 0;
  for (guint i = 0; i < n; i++) {
    const char *name = gst_video_format_to_string(formats[i]);
    CapsPtr plain(gst_caps_from_string(raw_caps(name, size.width, size.height).c_str()));
    GstVideoInfo info;
    if (!gst_video_info_from_caps(&info, plain.get()) || info.size == 0) continue;
    auto caps = caps_of(raw_caps(name, size.width, size.height));
    ck_assert_uint_eq(caps->payload_size(), info.size);

    // Two buffers in default layout: the same picture, different bytes around it.
    BufferPtr first = random_buffer(info.size), second = random_buffer(info.size);
    GstMapInfo a, b;
    ck_assert(gst_buffer_map(first.get(), &a, GST_MAP_READ));
    ck_assert(gst_buffer_map(second.get(), &b, GST_MAP_WRITE));
    paint(info, a.data, b.data, info.offset, info.stride);
    gst_buffer_unmap(second.get(), &b);
    BufferPtr third = padded_buffer(info, a.data);
    gst_buffer_unmap(first.get(), &a);

    bool mapped = false;
    Bytes payload = canonical(first.get(), caps, &mapped);
    ck_assert_int_eq(mapped, !caps->has_padding());
    ck_assert_msg(canonical(second.get(), caps) == payload, "%s default layout", name);
    ck_assert_msg(canonical(third.get(), caps) == payload, "%s padded layout", name);
    // No byte of the picture is lost, none outside of it kept.
    Bytes expected(info.size);
    ck_assert(gst_buffer_map(first.get(), &a, GST_MAP_READ));
    paint(info, a.data, reinterpret_cast<guint8 *>(expected.data()), info.offset, info.stride);
    gst_buffer_unmap(first.get(), &a);
    ck_assert_msg(payload == expected, "%s payload", name);

    BufferPtr again = replay(payload, *caps);
    assert_equal_pixels(info, first.get(), again.get());
    assert_equal_pixels(info, third.get(), again.get());
    BufferPtr with_meta = replay(payload, *caps, {.video_meta = true});
    ck_assert(gst_buffer_get_video_meta(with_meta.get()) != nullptr);
    assert_equal_pixels(info, first.get(), with_meta.get());
    ck_assert(canonical(with_meta.get(), caps) == payload);
    tested++;
  }
  ck_assert_int_ge(tested, 100);
}
GST_END_TEST

GST_START_TEST(an_unpadded_frame_is_stored_from_where_it_lies) {
  for (const char *format : {"I420", "NV12", "RGBA", "RGB", "v210", "NV12_64Z32"}) {
    auto caps = caps_of(raw_caps(format, 320, 240));
    BufferPtr buffer = random_buffer(caps->payload_size() + 100);
    auto input = input_of(buffer.get(), caps);
    auto bytes = input->map();
    ck_assert(bytes.is_ok() && bytes->has_value());
    GstMapInfo map;
    ck_assert(gst_buffer_map(buffer.get(), &map, GST_MAP_READ));
    ck_assert_ptr_eq((*bytes)->data(), map.data);
    ck_assert_uint_eq((*bytes)->size(), caps->payload_size());
    gst_buffer_unmap(buffer.get(), &map);
    ck_assert_uint_ge(input->held_bytes(), caps->payload_size() + 100);
  }
}
GST_END_TEST

GST_START_TEST(g13_frames_in_several_memories) {
  auto caps = caps_of(raw_caps("I420", 321, 243));
  const GstVideoInfo &info = caps->info();
  BufferPtr whole = random_buffer(info.size);
  Bytes payload = canonical(whole.get(), caps);

  // Cut anywhere, each piece in memory of its own.
  BufferPtr pieces(gst_buffer_new());
  for (size_t at = 0; at < info.size; at += 10007)
    pieces.reset(gst_buffer_append(
        pieces.release(),
        gst_buffer_copy_region(whole.get(), kDeep, at, std::min<size_t>(10007, info.size - at))));
  ck_assert_uint_gt(gst_buffer_n_memory(pieces.get()), 5);
  ck_assert(canonical(pieces.get(), caps) == payload);

  // One memory per plane, as decoders of hardware give them.
  BufferPtr planes(gst_buffer_new());
  gsize offset[GST_VIDEO_MAX_PLANES] = {};
  gint stride[GST_VIDEO_MAX_PLANES] = {};
  for (guint p = 0; p < 3; p++) {
    size_t length = (p < 2 ? info.offset[p + 1] : info.size) - info.offset[p];
    offset[p] = gst_buffer_get_size(planes.get());
    stride[p] = info.stride[p];
    planes.reset(gst_buffer_append(
        planes.release(), gst_buffer_copy_region(whole.get(), kDeep, info.offset[p], length)));
    BufferPtr gap = random_buffer(77);
    planes.reset(gst_buffer_append(planes.release(), gap.release()));
  }
  gst_buffer_add_video_meta_full(planes.get(), GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_I420,
                                 321, 243, 3, offset, stride);
  ck_assert(canonical(planes.get(), caps) == payload);

  // Planes that run over the ends of memories.
  GstMapInfo map;
  ck_assert(gst_buffer_map(whole.get(), &map, GST_MAP_READ));
  BufferPtr padded = padded_buffer(info, map.data);
  gst_buffer_unmap(whole.get(), &map);
  BufferPtr cut(gst_buffer_new());
  size_t size = gst_buffer_get_size(padded.get());
  for (size_t at = 0; at < size; at += 30011)
    cut.reset(gst_buffer_append(
        cut.release(),
        gst_buffer_copy_region(padded.get(), kDeep, at, std::min<size_t>(30011, size - at))));
  GstVideoMeta *meta = gst_buffer_get_video_meta(padded.get());
  gst_buffer_add_video_meta_full(cut.get(), GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_I420, 321,
                                 243, 3, meta->offset, meta->stride);
  ck_assert(canonical(cut.get(), caps) == payload);

  // Neighbours in one piece of memory are no reason to copy.
  auto even = caps_of(raw_caps("I420", 320, 240));
  BufferPtr one = random_buffer(even->payload_size());
  BufferPtr halves(gst_buffer_copy_region(one.get(), GST_BUFFER_COPY_MEMORY, 0, 1000));
  halves.reset(gst_buffer_append(halves.release(),
                                 gst_buffer_copy_region(one.get(), GST_BUFFER_COPY_MEMORY, 1000,
                                                        even->payload_size() - 1000)));
  ck_assert_uint_eq(gst_buffer_n_memory(halves.get()), 2);
  bool mapped = false;
  ck_assert(canonical(halves.get(), even, &mapped) == canonical(one.get(), even));
  ck_assert(mapped);
}
GST_END_TEST

GST_START_TEST(interlaced_chroma_rows_are_all_kept) {
  auto caps = caps_of(raw_caps("I420", 320, 242) + ",interlace-mode=interleaved");
  // Two fields of 61 chroma rows each.
  ck_assert_uint_eq(caps->planes()[1].rows, 122);
  auto fields = caps_of(
      "video/x-raw(format:Interlaced),format=I420,width=320,height=242,framerate=25/1,"
      "interlace-mode=alternate");
  ck_assert_uint_eq(fields->planes()[0].rows, 121);
  ck_assert_uint_lt(fields->payload_size(), caps->payload_size());
  BufferPtr field = random_buffer(fields->payload_size());
  Bytes payload = canonical(field.get(), fields);
  BufferPtr again = replay(payload, *fields, {.video_meta = true});
  ck_assert(canonical(again.get(), fields) == payload);
}
GST_END_TEST

GST_START_TEST(a_buffer_that_contradicts_its_caps_is_refused_with_its_size) {
  auto caps = caps_of(raw_caps("RGB", 320, 240));
  BufferPtr buffer = random_buffer(1000);
  auto small = make_buffer_input(buffer.get(), caps);
  ck_assert(!small.is_ok());
  std::string text = small.status().to_string();
  ck_assert_msg(text.find("1000") != text.npos && text.find("230400") != text.npos, "%s",
                text.c_str());
  // Strides that lead past the end of the memory.
  BufferPtr wide = random_buffer(caps->payload_size());
  gsize offset[GST_VIDEO_MAX_PLANES] = {};
  gint stride[GST_VIDEO_MAX_PLANES] = {2000};
  gst_buffer_add_video_meta_full(wide.get(), GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_RGB, 320,
                                 240, 1, offset, stride);
  Bytes out(caps->payload_size());
  ck_assert(input_of(wide.get(), caps)->copy_to(out).is(Code::kCorrupt));
  // Another format or a smaller picture in the meta.
  BufferPtr other = random_buffer(caps->payload_size());
  gst_buffer_add_video_meta(other.get(), GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_RGB, 160, 240);
  ck_assert(!make_buffer_input(other.get(), caps).is_ok());
  // No bytes at all: a frame without bytes.
  BufferPtr empty(gst_buffer_new());
  auto nothing = input_of(empty.get(), caps);
  ck_assert_uint_eq(nothing->payload_size(), 0);
  ck_assert(nothing->copy_to({}).is_ok());
  ReplayFrame frame;
  auto again = make_buffer(frame, *caps);
  ck_assert(again.is_ok() && gst_buffer_get_size(again->get()) == 0);
  // And a stored payload of the wrong size.
  ck_assert(make_buffer(stored(Bytes(1000)), *caps).status().is(Code::kCorrupt));
}
GST_END_TEST

GST_START_TEST(crops_of_both_habits) {
  auto caps = caps_of(raw_caps("I420", 160, 120));
  // Caps give the crop, the meta the whole: the cropped picture is what is stored.
  GstVideoInfo whole;
  gst_video_info_set_format(&whole, GST_VIDEO_FORMAT_I420, 320, 240);
  BufferPtr buffer = random_buffer(whole.size);
  gst_buffer_add_video_meta(buffer.get(), GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_I420, 320,
                            240);
  GstVideoCropMeta *crop = gst_buffer_add_video_crop_meta(buffer.get());
  crop->x = 10;
  crop->y = 20;
  crop->width = 160;
  crop->height = 120;
  auto input = input_of(buffer.get(), caps);
  Bytes payload = canonical(buffer.get(), caps);
  GstMapInfo map;
  ck_assert(gst_buffer_map(buffer.get(), &map, GST_MAP_READ));
  ck_assert(memcmp(payload.data() + 160, map.data + 21 * 320 + 10, 160) == 0);
  ck_assert(memcmp(payload.data() + caps->info().offset[2] + 80,
                   map.data + whole.offset[2] + 11 * 160 + 5, 80) == 0);
  gst_buffer_unmap(buffer.get(), &map);
  std::vector<MetaBlob> metas;
  std::vector<DetectionRow> detections;
  ck_assert(input->metas(metas, detections).is_ok());
  ck_assert(metas.empty());
  crop->x = 11;  // between two chroma samples
  ck_assert(make_buffer_input(buffer.get(), caps).status().is(Code::kUnsupported));
  crop->x = 200;
  ck_assert(make_buffer_input(buffer.get(), caps).status().is(Code::kCorrupt));

  // Caps give the whole: the crop is stored beside it.
  auto full = caps_of(raw_caps("I420", 320, 240));
  crop->x = 11;
  ck_assert(input_of(buffer.get(), full)->metas(metas, detections).is_ok());
  ck_assert(metas.size() == 1 && metas[0].type == "crop");
  ReplayFrame frame = stored(canonical(buffer.get(), full));
  frame.metas = metas;
  auto again = make_buffer(std::move(frame), *full);
  ck_assert(again.is_ok());
  crop = gst_buffer_get_video_crop_meta(again->get());
  ck_assert(crop && crop->x == 11 && crop->y == 20 && crop->width == 160 && crop->height == 120);
}
GST_END_TEST

GST_START_TEST(encoded_images_are_taken_as_they_are) {
  for (auto [text, content] : {std::pair{"image/jpeg,width=5,height=5", Content::kJpeg},
                               std::pair{"image/png", Content::kPng}}) {
    auto caps = caps_of(text);
    ck_assert(caps->content() == content && caps->payload_size() == 0);
    BufferPtr buffer = random_buffer(1237);
    Bytes payload = canonical(buffer.get(), caps);
    ck_assert_uint_eq(payload.size(), 1237);
    ck_assert(gst_buffer_memcmp(buffer.get(), 0, payload.data(), 1237) == 0);
    BufferPtr again = replay(payload, *caps, {.video_meta = true});
    ck_assert(gst_buffer_memcmp(again.get(), 0, payload.data(), 1237) == 0);
  }
}
GST_END_TEST

GST_START_TEST(caps_that_can_not_be_stored_are_refused_by_name) {
  struct {
    const char *caps, *word;
  } cases[] = {
      {"video/x-raw(memory:DMABuf),format=I420,width=16,height=16", "memory:DMABuf"},
      {"video/x-raw(memory:SystemMemory,meta:GstVideoOverlayComposition),format=I420,width=16,"
       "height=16",
       "meta:GstVideoOverlayComposition"},
      {"video/x-raw(ANY),format=I420,width=16,height=16", "not fixed"},
      {"video/x-h264", "video/x-h264"},
      {"video/x-raw,format=NONSENSE,width=16,height=16", "NONSENSE"},
      {"video/x-raw,format=I420,width=16", "I420"},
      {"video/x-raw,format={I420,RGB},width=16,height=16", "not fixed"},
      {"video/x-raw,format=I420,width=16,height=16,multiview-mode=separated,views=2", "separated"},
  };
  for (auto &c : cases) {
    CapsPtr caps(gst_caps_from_string(c.caps));
    auto result = StreamCaps::from_caps(caps.get());
    ck_assert_msg(result.status().is(Code::kUnsupported), "%s", c.caps);
    ck_assert_msg(result.status().message().find(c.word) != std::string::npos, "%s: %s", c.caps,
                  result.status().message().c_str());
  }
  // A field that text can't carry.
  CapsPtr caps(gst_caps_from_string(raw_caps("I420", 16, 16).c_str()));
  gst_caps_set_simple(caps.get(), "f", G_TYPE_DOUBLE, NAN, nullptr);
  ck_assert(StreamCaps::from_caps(caps.get()).status().is(Code::kUnsupported));
  caps.reset(gst_caps_from_string(raw_caps("I420", 16, 16).c_str()));
  gst_caps_set_simple(caps.get(), "s", GST_TYPE_STRUCTURE, nullptr, nullptr);
  ck_assert(StreamCaps::from_caps(caps.get()).status().is(Code::kUnsupported));
}
GST_END_TEST

GST_START_TEST(g13_caps_come_back_from_their_text) {
  for (const std::string &text :
       {raw_caps("I420", 321, 243) +
            ",pixel-aspect-ratio=4/3,colorimetry=bt709,interlace-mode="
            "interleaved,field-order=top-field-first,note=(string)\"a b;\"",
        std::string("video/x-raw(format:Interlaced),format=NV12,width=16,height=16,"
                    "interlace-mode=alternate"),
        std::string("image/jpeg,width=3,big=(gint64)9223372036854775807,f=(double)0.1,"
                    "arr=<(int)1,<(int)2,(int)3>>,strs=<(string)a,(string)\"b; "
                    "(x)=[<\">,none=(string)NULL"),
        raw_caps("RGB", 8, 8) + ",multiview-mode=(string)side-by-side,multiview-flags="
                                "(GstVideoMultiviewFlagsSet)0:ffffffff,"
                                "views=2,chroma-site=mpeg2,b=(bitmask)0xffff"}) {
    auto caps = caps_of(text);
    auto again = StreamCaps::parse(caps->text());
    ck_assert_msg(again.is_ok(), "%s", caps->text().c_str());
    ck_assert(gst_caps_is_strictly_equal((*again)->caps(), caps->caps()));
  }
}
GST_END_TEST

GST_START_TEST(g34_any_text_for_caps) {
  const char words[] =
      "video/"
      "x-raw,format=(string)I420width=()int{}[]<><>(int)(double)(fraction)(bitmask)=,=,;:\"\\ "
      "16/-@\x01\xff";
  for (int i = 0; i < 20000; i++) {
    std::string text;
    if (i % 2) text = "video/x-raw, format=(string)I420, width=(int)16, height=(int)16, ";
    size_t n = rng() % 40;
    for (size_t k = 0; k < n; k++) text += words[rng() % (sizeof words)];
    auto result = StreamCaps::parse(text);
    if (result.is_ok()) ck_assert((*result)->caps() != nullptr);
  }
  ck_assert(StreamCaps::parse("video/x-raw, format=(string)I420, width=(int)2147483647, "
                              "height=(int)2147483647")
                .status()
                .is(Code::kUnsupported));
}
GST_END_TEST

GST_START_TEST(g13_times_offsets_and_flags) {
  auto caps = caps_of(raw_caps("GRAY8", 16, 16));
  BufferPtr buffer = random_buffer(caps->payload_size());
  GST_BUFFER_PTS(buffer.get()) = 5 * GST_SECOND;
  GST_BUFFER_DTS(buffer.get()) = UINT64_MAX - 2;
  GST_BUFFER_OFFSET(buffer.get()) = UINT64_MAX - 1;
  GST_BUFFER_OFFSET_END(buffer.get()) = 0;
  GST_BUFFER_FLAG_SET(buffer.get(), GST_BUFFER_FLAG_DISCONT | GST_BUFFER_FLAG_GAP |
                                        GST_BUFFER_FLAG_DELTA_UNIT | GST_VIDEO_BUFFER_FLAG_TFF |
                                        GST_VIDEO_BUFFER_FLAG_MARKER | GST_BUFFER_FLAG_TAG_MEMORY);
  GST_MINI_OBJECT_FLAG_SET(buffer.get(), GST_MINI_OBJECT_FLAG_MAY_BE_LEAKED);
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  segment.start = 4 * GST_SECOND;
  segment.time = 100 * GST_SECOND;
  FrameTiming timing = frame_timing(buffer.get(), segment);
  ck_assert(timing.stream_time == 101 * GST_SECOND);
  ck_assert(timing.pts == 5 * GST_SECOND && timing.dts == UINT64_MAX - 2);
  ck_assert(timing.duration == kNone && timing.offset == UINT64_MAX - 1);
  ck_assert(timing.offset_end == 0);
  ck_assert_uint_eq(timing.flags, GST_BUFFER_FLAG_DISCONT | GST_BUFFER_FLAG_GAP |
                                      GST_BUFFER_FLAG_DELTA_UNIT | GST_VIDEO_BUFFER_FLAG_TFF |
                                      GST_VIDEO_BUFFER_FLAG_MARKER);
  // Outside of the segment, before and behind.
  segment.start = 6 * GST_SECOND;
  ck_assert(frame_timing(buffer.get(), segment).stream_time == 99 * GST_SECOND);
  segment.time = 0;
  ck_assert(frame_timing(buffer.get(), segment).stream_time == kNone);
  segment.start = 0;
  segment.stop = GST_SECOND;
  ck_assert(frame_timing(buffer.get(), segment).stream_time == 5 * GST_SECOND);
  gst_segment_init(&segment, GST_FORMAT_BYTES);
  ck_assert(frame_timing(buffer.get(), segment).stream_time == kNone);

  ReplayFrame frame = stored(canonical(buffer.get(), caps));
  frame.row.pts = timing.pts;
  frame.row.dts = timing.dts;
  frame.row.duration = timing.duration;
  frame.row.offset = timing.offset;
  frame.row.offset_end = timing.offset_end;
  frame.row.flags = timing.flags;
  auto again = make_buffer(std::move(frame), *caps);
  ck_assert(again.is_ok());
  gst_segment_init(&segment, GST_FORMAT_TIME);
  FrameTiming back = frame_timing(again->get(), segment);
  ck_assert(back.pts == timing.pts && back.dts == timing.dts && back.duration == timing.duration);
  ck_assert(back.offset == timing.offset && back.offset_end == timing.offset_end);
  ck_assert_uint_eq(back.flags, timing.flags);
  ck_assert(!GST_MINI_OBJECT_FLAG_IS_SET(again->get(), GST_MINI_OBJECT_FLAG_MAY_BE_LEAKED));
}
GST_END_TEST

GST_START_TEST(a_replayed_buffer_holds_the_chunk_without_a_copy) {
  auto caps = caps_of(raw_caps("GRAY8", 16, 16));
  auto pool = ChunkPool::create(0);
  ReplayFrame frame;
  frame.chunk = pool->allocate(512);
  frame.offset = 64;
  frame.size = 256;
  std::byte *at = frame.chunk->data() + 64;
  // Shared: another frame may lie in it, so a filter in place has to copy.
  auto shared = make_buffer(frame, *caps);
  ck_assert(shared.is_ok());
  GstMapInfo map;
  ck_assert(gst_buffer_map(shared->get(), &map, GST_MAP_READ));
  ck_assert_ptr_eq(map.data, at);
  gst_buffer_unmap(shared->get(), &map);
  ck_assert(gst_buffer_map(shared->get(), &map, GST_MAP_READWRITE));
  ck_assert_ptr_ne(map.data, at);
  gst_buffer_unmap(shared->get(), &map);
  shared->reset();
  // Alone: it may be written where it lies.
  auto alone = make_buffer(std::move(frame), *caps);
  ck_assert(alone.is_ok());
  ck_assert(gst_buffer_map(alone->get(), &map, GST_MAP_READWRITE));
  ck_assert_ptr_eq(map.data, at);
  gst_buffer_unmap(alone->get(), &map);
  ck_assert_uint_gt(pool->bytes_in_use(), 0);
  alone->reset();
  ck_assert_uint_eq(pool->bytes_in_use(), 0);
}
GST_END_TEST

static Suite *buffers_suite() {
  Suite *suite = suite_create("buffers");
  TCase *tc = tcase_create("buffers");
  suite_add_tcase(suite, tc);
  tcase_add_loop_test(tc, g13_every_format_keeps_every_pixel, 0, 4);
  tcase_add_test(tc, an_unpadded_frame_is_stored_from_where_it_lies);
  tcase_add_test(tc, g13_frames_in_several_memories);
  tcase_add_test(tc, interlaced_chroma_rows_are_all_kept);
  tcase_add_test(tc, a_buffer_that_contradicts_its_caps_is_refused_with_its_size);
  tcase_add_test(tc, crops_of_both_habits);
  tcase_add_test(tc, encoded_images_are_taken_as_they_are);
  tcase_add_test(tc, caps_that_can_not_be_stored_are_refused_by_name);
  tcase_add_test(tc, g13_caps_come_back_from_their_text);
  tcase_add_test(tc, g34_any_text_for_caps);
  tcase_add_test(tc, g13_times_offsets_and_flags);
  tcase_add_test(tc, a_replayed_buffer_holds_the_chunk_without_a_copy);
  return suite;
}
GST_CHECK_MAIN(buffers);
