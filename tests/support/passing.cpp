// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/passing.h"

#include <algorithm>
#include <cstring>

#include "support/check.h"
#include "support/mapped_frame.h"

namespace checkpoint {

namespace {

std::string text_of(const GstCaps *caps) {
  GCharPtr text(gst_caps_to_string(caps));
  return text.get();
}

std::vector<PassedFrame> run(GstElement *pipeline, const std::string &element,
                             const std::vector<PassedFrame> *feed) {
  Passing passing(pipeline, element);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  if (feed) {
    GstElement *source = gst_bin_get_by_name(GST_BIN(pipeline), "feed");
    ck_assert(source != nullptr);
    GstFlowReturn flow = GST_FLOW_OK;
    for (const PassedFrame &frame : *feed) {
      GstSample *sample = gst_sample_new(frame.buffer.get(), frame.caps.get(), nullptr, nullptr);
      g_signal_emit_by_name(source, "push-sample", sample, &flow);
      gst_sample_unref(sample);
    }
    g_signal_emit_by_name(source, "end-of-stream", &flow);
    gst_object_unref(source);
  }
  BusLog log = wait_for_end(pipeline);
  ck_assert_msg(log.eos && log.errors.empty() && log.warnings.empty(), "%s%s",
                log.errors.empty() ? "" : (log.errors[0] + " " + log.debugs[0]).c_str(),
                log.warnings.empty() ? "" : log.warnings[0].c_str());
  gst_element_set_state(pipeline, GST_STATE_NULL);
  auto frames = std::move(passing.frames());
  return frames;
}

}  // namespace

Passing::Passing(GstElement *pipeline, const std::string &element) {
  GstElement *found = gst_bin_get_by_name(GST_BIN(pipeline), element.c_str());
  ck_assert_msg(found != nullptr, "no element %s", element.c_str());
  pad_ = gst_element_get_static_pad(found, "sink");
  gst_object_unref(found);
  probe_ = gst_pad_add_probe(
      pad_,
      static_cast<GstPadProbeType>(GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM),
      on_data, this, nullptr);
}

Passing::~Passing() {
  gst_pad_remove_probe(pad_, probe_);
  gst_object_unref(pad_);
}

GstPadProbeReturn Passing::on_data(GstPad *, GstPadProbeInfo *info, gpointer self) {
  auto *passing = static_cast<Passing *>(self);
  if (GST_PAD_PROBE_INFO_TYPE(info) & GST_PAD_PROBE_TYPE_BUFFER) {
    passing->frames_.push_back({BufferPtr(gst_buffer_ref(GST_PAD_PROBE_INFO_BUFFER(info))),
                                CapsPtr(gst_caps_ref(passing->caps_.get()))});
  } else if (GST_EVENT_TYPE(GST_PAD_PROBE_INFO_EVENT(info)) == GST_EVENT_CAPS) {
    GstCaps *caps = nullptr;
    gst_event_parse_caps(GST_PAD_PROBE_INFO_EVENT(info), &caps);
    passing->caps_.reset(gst_caps_ref(caps));
  }
  return GST_PAD_PROBE_OK;
}

std::vector<PassedFrame> passed_in(const std::string &line, const std::string &element) {
  GstElement *pipeline = parse_line(line);
  auto frames = run(pipeline, element, nullptr);
  gst_object_unref(pipeline);
  return frames;
}

std::vector<PassedFrame> passed_in(const std::string &line, const std::string &element,
                                   const std::vector<PassedFrame> &feed) {
  GstElement *pipeline = parse_line(line);
  auto frames = run(pipeline, element, &feed);
  gst_object_unref(pipeline);
  return frames;
}

void must_agree(const PassedFrame &stored, const PassedFrame &played, bool first) {
  ck_assert_msg(gst_caps_is_equal(stored.caps.get(), played.caps.get()), "%s became %s",
                text_of(stored.caps.get()).c_str(), text_of(played.caps.get()).c_str());
  GstBuffer *a = stored.buffer.get(), *b = played.buffer.get();
  ck_assert_uint_eq(GST_BUFFER_PTS(a), GST_BUFFER_PTS(b));
  ck_assert_uint_eq(GST_BUFFER_DTS(a), GST_BUFFER_DTS(b));
  ck_assert_uint_eq(GST_BUFFER_DURATION(a), GST_BUFFER_DURATION(b));
  ck_assert_uint_eq(GST_BUFFER_OFFSET(a), GST_BUFFER_OFFSET(b));
  ck_assert_uint_eq(GST_BUFFER_OFFSET_END(a), GST_BUFFER_OFFSET_END(b));
  guint own = (GST_MINI_OBJECT_FLAG_LAST - 1u) | GST_BUFFER_FLAG_TAG_MEMORY;
  if (first) own |= GST_BUFFER_FLAG_DISCONT;
  ck_assert_uint_eq(GST_BUFFER_FLAGS(a) & ~own, GST_BUFFER_FLAGS(b) & ~own);
}

void must_show_the_same(const PassedFrame &stored, const PassedFrame &played) {
  const MappedFrame a(stored.buffer.get(), stored.caps.get());
  const MappedFrame b(played.buffer.get(), played.caps.get());
  ck_assert(a.is_mapped() && b.is_mapped());
  std::vector<guint8> row_a, row_b;
  for (gint row = 0; row < a.rows(); row++) {
    a.unpack(row, row_a);
    b.unpack(row, row_b);
    if (row_a != row_b) {
      const auto at = std::mismatch(row_a.begin(), row_a.end(), row_b.begin()).first;
      ck_abort_msg("row %d differs at byte %d of %d, %s", row, static_cast<int>(at - row_a.begin()),
                   static_cast<int>(row_a.size()), text_of(stored.caps.get()).c_str());
    }
  }
}

void must_hold_the_same(const PassedFrame &stored, const PassedFrame &played) {
  GstMapInfo map;
  ck_assert(gst_buffer_map(stored.buffer.get(), &map, GST_MAP_READ));
  const bool same =
      gst_buffer_get_size(played.buffer.get()) == map.size &&
      (map.size == 0 || gst_buffer_memcmp(played.buffer.get(), 0, map.data, map.size) == 0);
  gst_buffer_unmap(stored.buffer.get(), &map);
  ck_assert(same);
}

void must_be_the_same(const std::vector<PassedFrame> &stored,
                      const std::vector<PassedFrame> &played) {
  ck_assert_uint_eq(stored.size(), played.size());
  for (size_t i = 0; i < stored.size(); i++) {
    must_agree(stored[i], played[i], i == 0);
    const GstStructure *structure = gst_caps_get_structure(stored[i].caps.get(), 0);
    if (gst_structure_has_name(structure, "video/x-raw"))
      must_show_the_same(stored[i], played[i]);
    else
      must_hold_the_same(stored[i], played[i]);
  }
}

}  // namespace checkpoint
