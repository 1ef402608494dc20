// SPDX-License-Identifier: LGPL-2.1-or-later
// Streams made up at random, with everything that may be in one, through sink and source: what is
// played is what was stored. GST_CHECKPOINT_STREAMS says how many, GST_CHECKPOINT_SEED which.
#include <gst/video/video.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "backends/backends.h"
#include "elements/checkpointsink.h"
#include "elements/checkpointsrc.h"
#include "elements/event_codec.h"
#include "elements/lineage.h"
#include "elements/meta_codec.h"
#include "support/check.h"
#include "support/home.h"
#include "support/leak_pause.h"
#include "support/passing.h"
#include "support/pipeline.h"
#include "support/random_content.h"
#include "support/temp_dir.h"

using namespace checkpoint;

namespace {

// One thing of a stream: a frame with the caps it is in, or an event.
struct Item {
  PassedFrame frame;
  EventPtr event;
};

class Maker {
 public:
  explicit Maker(uint64_t seed) : random_(seed) {}

  std::vector<Item> stream() {
    std::vector<Item> items;
    add_segment(items, 0);
    new_caps();
    const uint64_t frames = below(20);
    for (uint64_t i = 0; i < frames; i++) {
      if (one_in(8)) new_caps();
      while (one_in(5)) add_event(items);
      items.push_back({frame(), nullptr});
    }
    while (one_in(3)) add_event(items);
    return items;
  }

 private:
  uint64_t below(uint64_t n) { return random_.below(n); }
  bool one_in(uint64_t n) { return random_.one_in(n); }
  guint64 maybe_time() { return random_.maybe_time(); }
  uint64_t number() { return random_.number(); }

  void new_caps() {
    guint count = 0;
    const GstVideoFormat *formats = gst_video_formats_raw(&count);
    const GstVideoFormat format = formats[below(count)];
    guint width = static_cast<guint>(1 + below(40));
    // GStreamer's default stride has no room for the last pixel of an odd row in some of these.
    if (GST_VIDEO_FORMAT_INFO_IS_COMPLEX(gst_video_format_get_info(format))) width += width % 2;
    ck_assert(gst_video_info_set_format(&info_, format, width, static_cast<guint>(1 + below(30))));
    static const int kRates[][2] = {{0, 1}, {25, 1}, {30000, 1001}};
    const auto &rate = kRates[below(3)];
    info_.fps_n = rate[0];
    info_.fps_d = rate[1];
    info_.par_n = one_in(4) ? 4 : 1;
    info_.par_d = one_in(4) ? 3 : 1;
    caps_.reset(gst_video_info_to_caps(&info_));
  }

  PassedFrame frame() {
    PassedFrame frame{BufferPtr(gst_buffer_new_allocate(nullptr, info_.size, nullptr)),
                      CapsPtr(gst_caps_ref(caps_.get()))};
    GstBuffer *buffer = frame.buffer.get();
    GstMapInfo map;
    ck_assert(gst_buffer_map(buffer, &map, GST_MAP_WRITE));
    const bool same = one_in(3);  // as frames before it, now and then
    for (gsize i = 0; i < map.size; i++)
      map.data[i] = static_cast<guint8>(same ? i : random_.any());
    gst_buffer_unmap(buffer, &map);
    if (one_in(4) && map.size > 1) {
      // Of several memories.
      BufferPtr tail(gst_buffer_copy_region(buffer, GST_BUFFER_COPY_ALL, map.size / 2, -1));
      BufferPtr head(gst_buffer_copy_region(buffer, GST_BUFFER_COPY_ALL, 0, map.size / 2));
      frame.buffer.reset(gst_buffer_append(head.release(), tail.release()));
      buffer = frame.buffer.get();
    }
    GST_BUFFER_PTS(buffer) = maybe_time();
    GST_BUFFER_DTS(buffer) = maybe_time();
    GST_BUFFER_DURATION(buffer) = one_in(2) ? 40 * GST_MSECOND : maybe_time();
    GST_BUFFER_OFFSET(buffer) = one_in(2) ? number() : GST_BUFFER_OFFSET_NONE;
    GST_BUFFER_OFFSET_END(buffer) = one_in(2) ? number() : GST_BUFFER_OFFSET_NONE;
    for (guint flag : {GST_BUFFER_FLAG_DISCONT, GST_BUFFER_FLAG_CORRUPTED, GST_BUFFER_FLAG_MARKER,
                       GST_BUFFER_FLAG_DELTA_UNIT, GST_BUFFER_FLAG_DROPPABLE, GST_BUFFER_FLAG_GAP})
      if (one_in(5)) GST_BUFFER_FLAG_SET(buffer, flag);
    while (one_in(2)) random_.add_meta(buffer, info_);
    return frame;
  }

  void add_segment(std::vector<Item> &items, guint64 base) {
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    segment.base = base;
    segment.start = segment.position = below(100) * GST_SECOND;
    segment.time = one_in(2) ? segment.start : below(100) * GST_SECOND;
    if (one_in(2)) segment.stop = segment.start + (1 + below(4000)) * GST_SECOND;
    if (one_in(8)) segment.rate = 2.0;
    items.push_back({{}, EventPtr(gst_event_new_segment(&segment))});
    base_ = base;
  }

  void add_event(std::vector<Item> &items) {
    const auto add = [&](GstEvent *event) { items.push_back({{}, EventPtr(event)}); };
    switch (below(9)) {
      case 0:
        return add_segment(items, base_ + below(100) * GST_SECOND);
      case 1:
        return add(gst_event_new_tag(gst_tag_list_new(GST_TAG_TITLE, "größe", GST_TAG_BITRATE,
                                                      static_cast<guint>(below(1000)), nullptr)));
      case 2:
        return add(gst_event_new_gap(below(1000) * GST_SECOND, maybe_time()));
      case 3:
        return add(gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM, random_.structure()));
      case 4:
        return add(gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM_STICKY, random_.structure()));
      case 5:
        return add(gst_event_new_custom(GST_EVENT_CUSTOM_BOTH, random_.structure()));
      case 6:
        return add(random_.toc_event());
      case 7:
        return add(gst_event_new_buffer_size(GST_FORMAT_TIME, static_cast<gint64>(below(1000)),
                                             static_cast<gint64>(1000 + below(1000)), one_in(2)));
      default: {
        BufferPtr key(gst_buffer_new_memdup("key", 3));
        return add(gst_event_new_protection("9a04f079-9840-4286-ab92-e65be0885f95", key.get(),
                                            one_in(2) ? "here" : nullptr));
      }
    }
  }

  RandomContent random_;
  GstVideoInfo info_;
  CapsPtr caps_;
  guint64 base_ = 0;
};

// Pushes the stream into a sink and waits for its end.
void store(const std::vector<Item> &items, const std::string &properties) {
  GstElement *sink = parse_line("checkpointsink stage=s strict-metas=true" + properties);
  GstElement *pipeline = gst_pipeline_new(nullptr);
  gst_bin_add(GST_BIN(pipeline), sink);
  GstPad *to = gst_element_get_static_pad(sink, "sink");
  GstPad *from = gst_pad_new("src", GST_PAD_SRC);
  gst_pad_set_active(from, TRUE);
  ck_assert(gst_pad_link(from, to) == GST_PAD_LINK_OK);
  ck_assert(gst_element_set_state(pipeline, GST_STATE_PLAYING) != GST_STATE_CHANGE_FAILURE);
  gst_pad_push_event(from, gst_event_new_stream_start("random"));
  const GstCaps *caps = nullptr;
  // Caps come before the segment.
  for (const Item &item : items)
    if (item.frame.buffer) {
      caps = item.frame.caps.get();
      gst_pad_push_event(from, gst_event_new_caps(item.frame.caps.get()));
      break;
    }
  for (const Item &item : items) {
    if (item.event) {
      ck_assert(gst_pad_push_event(from, gst_event_ref(item.event.get())));
      continue;
    }
    if (item.frame.caps.get() != caps) {
      caps = item.frame.caps.get();
      gst_pad_push_event(from, gst_event_new_caps(item.frame.caps.get()));
    }
    ck_assert(gst_pad_push(from, gst_buffer_ref(item.frame.buffer.get())) == GST_FLOW_OK);
  }
  gst_pad_push_event(from, gst_event_new_eos());
  BusLog log = wait_for_end(pipeline);
  ck_assert_msg(log.eos && log.errors.empty(), "%s",
                log.errors.empty() ? "no eos" : log.errors[0].c_str());
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_pad_unlink(from, to);
  gst_object_unref(from);
  gst_object_unref(to);
  gst_object_unref(pipeline);
}

struct Listener {
  std::vector<Item> items;
  CapsPtr caps;
  static GstPadProbeReturn hear(GstPad *, GstPadProbeInfo *info, gpointer self) {
    auto &listener = *static_cast<Listener *>(self);
    if (GST_PAD_PROBE_INFO_TYPE(info) & GST_PAD_PROBE_TYPE_BUFFER) {
      listener.items.push_back({{BufferPtr(gst_buffer_ref(GST_PAD_PROBE_INFO_BUFFER(info))),
                                 CapsPtr(gst_caps_ref(listener.caps.get()))},
                                nullptr});
      return GST_PAD_PROBE_OK;
    }
    GstEvent *event = GST_PAD_PROBE_INFO_EVENT(info);
    if (GST_EVENT_TYPE(event) == GST_EVENT_CAPS) {
      GstCaps *caps = nullptr;
      gst_event_parse_caps(event, &caps);
      listener.caps.reset(gst_caps_ref(caps));
    } else if (auto stored = encode_event(event); stored.is_ok() && *stored) {
      listener.items.push_back({{}, EventPtr(gst_event_ref(event))});
    }
    return GST_PAD_PROBE_OK;
  }
};

std::vector<Item> played(const std::string &properties) {
  GstElement *pipeline = parse_line("checkpointsrc stage=s" + properties + "! fakesink name=k");
  GstElement *sink = gst_bin_get_by_name(GST_BIN(pipeline), "k");
  GstPad *pad = gst_element_get_static_pad(sink, "sink");
  Listener listener;
  gst_pad_add_probe(
      pad,
      static_cast<GstPadProbeType>(GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM),
      Listener::hear, &listener, nullptr);
  gst_object_unref(pad);
  gst_object_unref(sink);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  BusLog log = wait_for_end(pipeline);
  ck_assert_msg(log.eos && log.errors.empty() && log.warnings.empty(), "%s%s",
                log.errors.empty() ? "" : log.errors[0].c_str(),
                log.warnings.empty() ? "" : log.warnings[0].c_str());
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(pipeline);
  return std::move(listener.items);
}

std::vector<MetaBlob> metas_of(const PassedFrame &frame) {
  std::vector<MetaBlob> metas;
  std::vector<DetectionRow> detections;
  MetaWatch strict(true, nullptr);
  Status status = serialize_metas(frame.buffer.get(), &strict, {}, metas, detections);
  ck_assert_msg(status.is_ok(), "%s", status.message().c_str());
  return metas;
}

void must_be_same(const Item &stored, const Item &back, bool first_frame, guint64 base) {
  ck_assert_msg(!stored.event == !back.event, "%s where %s was",
                back.event ? GST_EVENT_TYPE_NAME(back.event.get()) : "a frame",
                stored.event ? GST_EVENT_TYPE_NAME(stored.event.get()) : "a frame");
  if (!stored.event) {
    must_agree(stored.frame, back.frame, first_frame);
    must_show_the_same(stored.frame, back.frame);
    const auto a = metas_of(stored.frame), b = metas_of(back.frame);
    ck_assert_uint_eq(a.size(), b.size());
    for (size_t i = 0; i < a.size(); i++)
      ck_assert_msg(a[i].type == b[i].type && a[i].body == b[i].body, "meta %s", a[i].type.c_str());
    return;
  }
  EventPtr wanted(gst_event_ref(stored.event.get()));
  if (GST_EVENT_TYPE(wanted.get()) == GST_EVENT_SEGMENT) {
    GstSegment segment;
    gst_event_copy_segment(wanted.get(), &segment);
    segment.base -= base;
    wanted.reset(gst_event_new_segment(&segment));
  }
  const StoredEvent a = **encode_event(wanted.get()), b = **encode_event(back.event.get());
  ck_assert_msg(a.type == b.type && a.body == b.body, "event %s became %s", a.type.c_str(),
                b.type.c_str());
}

// What the streams are spread over: memory, folders and SQLite where no disk has to be waited for,
// and the servers that there are.
class Places {
 public:
  Places() {
    for (const char *pair : {"file-postgres", "s3-sqlite", "s3_libs3-sqlite", "s3-postgres"}) {
      g_setenv("GST_CHECKPOINT_TEST_PAIR", pair, TRUE);
      if (servers_are_there()) homes_.push_back(std::make_unique<Home>());
    }
    g_unsetenv("GST_CHECKPOINT_TEST_PAIR");
  }
  size_t count() const { return 2 + homes_.size(); }
  // Properties for stream number n, a job of its own.
  std::string stores(uint64_t n) const {
    const std::string name = "random-" + std::to_string(n);
    std::string frames = "memory://" + name, rows = frames;
    if (n % 8 == 0) {
      frames = folder_.file("frames");
      rows = folder_.file("checkpoints.db");
    } else if (n % 8 == 1 && !homes_.empty()) {
      const Home &home = *homes_[n / 8 % homes_.size()];
      frames = home.frame_store();
      rows = home.metadata_store();
    }
    return " job-id=" + name + " frame-store=\"" + frames + "\" metadata-store=\"" + rows + "\" ";
  }

 private:
  TempDir folder_{TempDir::On::kMemory};
  std::vector<std::unique_ptr<Home>> homes_;
};

uint64_t variable(const char *name, uint64_t otherwise) {
  const char *text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

}  // namespace

GST_START_TEST(g13_random_streams_come_back) {
  register_backends();
  ck_assert(GST_ELEMENT_REGISTER(checkpointsink, nullptr));
  ck_assert(GST_ELEMENT_REGISTER(checkpointsrc, nullptr));
  LeakPause pause;
  const uint64_t streams = variable("GST_CHECKPOINT_STREAMS", 1000);
  const uint64_t seed = variable("GST_CHECKPOINT_SEED", 1);
  static const char *const kWays[] = {"", "codec=zstd ", "pack-size=5000 ", "pack-size=0 ",
                                      "codec=lz4 pack-size=20000 commit-interval=1 "};
  const Places places;
  g_printerr("streams %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT " over %" G_GSIZE_FORMAT
             " pairs of stores\n",
             seed, seed + streams - 1, places.count());
  for (uint64_t n = seed; n < seed + streams; n++) {
    g_printerr("\r\033[Kstream %" G_GUINT64_FORMAT, n);  // the seed, where it fails
    const std::string stores = places.stores(n);
    const auto stored = Maker(n).stream();
    store(stored, stores + kWays[n % std::size(kWays)]);
    const auto back = played(stores);
    ck_assert_uint_eq(stored.size(), back.size());
    bool first = true;
    guint64 base = 0;
    for (size_t i = 0; i < stored.size(); i++) {
      must_be_same(stored[i], back[i], first, base);
      if (stored[i].frame.buffer) first = false;
    }
  }
  g_printerr("\n");
}
GST_END_TEST

static Suite *random_streams_suite() {
  Suite *suite = suite_create("random_streams");
  TCase *tc = tcase_create("streams");
  tcase_set_timeout(tc, 500);
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g13_random_streams_come_back);
  return suite;
}
GST_CHECK_MAIN(random_streams);
