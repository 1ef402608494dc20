// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/stream_text.h"

#include <gst/video/video.h>

#include <algorithm>
#include <memory>

#include "elements/event_codec.h"
#include "elements/gst_handles.h"
#include "elements/identity_meta.h"
#include "elements/meta_codecs.h"
#include "support/mapped_frame.h"

namespace checkpoint {

namespace {

struct Checksum {
  void add(const void *data, size_t size) {
    g_checksum_update(sum.get(), static_cast<const guchar *>(data), static_cast<gssize>(size));
  }
  std::string text() { return g_checksum_get_string(sum.get()); }
  std::unique_ptr<GChecksum, decltype(&g_checksum_free)> sum{g_checksum_new(G_CHECKSUM_SHA256),
                                                             g_checksum_free};
};

std::string digest(ByteView bytes) {
  Checksum sum;
  sum.add(bytes.data(), bytes.size());
  return sum.text();
}

std::string number(guint64 n) { return n == GST_CLOCK_TIME_NONE ? "none" : std::to_string(n); }

std::string text_of(GstStructure *s) {
  GCharPtr text(gst_structure_to_string(s));
  return text.get();
}

// What lies in a buffer.
std::string content(GstBuffer *buffer, GstCaps *caps) {
  if (gst_buffer_get_size(buffer) == 0) return "no bytes";
  Checksum sum;
  if (gst_structure_has_name(gst_caps_get_structure(caps, 0), "video/x-raw")) {
    const MappedFrame frame(buffer, caps);
    if (!frame.is_mapped()) return "not what its caps say";
    std::vector<guint8> pixels;
    for (gint row = 0; row < frame.rows(); row++) {
      frame.unpack(row, pixels);
      sum.add(pixels.data(), pixels.size());
    }
  } else {
    GstMapInfo map;
    if (!gst_buffer_map(buffer, &map, GST_MAP_READ)) return "can't be read";
    sum.add(map.data, map.size);
    gst_buffer_unmap(buffer, &map);
  }
  return "SHA-256 " + sum.text();
}

std::string region_text(const GstVideoRegionOfInterestMeta &roi) {
  const char *type = g_quark_to_string(roi.roi_type);
  std::string text = std::string(type ? type : "no type") + " at " + std::to_string(roi.x) + "," +
                     std::to_string(roi.y) + " of " + std::to_string(roi.w) + "x" +
                     std::to_string(roi.h) + ", id " + std::to_string(roi.id) + ", parent " +
                     std::to_string(roi.parent_id);
  for (GList *l = roi.params; l; l = l->next)
    text += ", " + text_of(static_cast<GstStructure *>(l->data));
  return text;
}

// nullopt: not content, or told by the caps.
std::optional<std::string> meta_text(GstBuffer *buffer, GstMeta *meta) {
  if (meta->info->api == GST_PARENT_BUFFER_META_API_TYPE) return std::nullopt;
  auto *custom = reinterpret_cast<GstCustomMeta *>(meta);
  const bool is_custom = gst_meta_info_is_custom(meta->info);
  if (is_custom && gst_custom_meta_has_name(custom, kIdentityMetaName)) return std::nullopt;
  std::string text = g_type_name(meta->info->api);
  if (meta->info->api == GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE)
    text += " " + region_text(*reinterpret_cast<GstVideoRegionOfInterestMeta *>(meta));
  if (is_custom) text += " " + text_of(gst_custom_meta_get_structure(custom));
  // The words above are for people; these are all of it.
  const MetaCodec *codec = find_meta_codec(meta);
  MetaWatch watch(false, nullptr);
  ByteWriter body;
  std::vector<DetectionRow> detections;
  if (!codec || !codec->serialize(buffer, meta, watch, body, detections).is_ok())
    return text + ", content not compared";
  if (body.size() == 0) return std::nullopt;
  return text + ", SHA-256 " + digest(body.bytes());
}

class Listener {
 public:
  explicit Listener(StreamText &out) : out_(out) {}

  void frame(GstBuffer *buffer) {
    const std::string name = "frame " + std::to_string(out_.frames);
    StreamItem item{name, {}};
    auto add = [&item](const char *field, std::string value) {
      item.fields.emplace_back(field, std::move(value));
    };
    GCharPtr caps(caps_ ? gst_caps_to_string(caps_.get()) : g_strdup("none"));
    add("caps", caps.get());
    add("pts", number(GST_BUFFER_PTS(buffer)));
    add("dts", number(GST_BUFFER_DTS(buffer)));
    add("duration", number(GST_BUFFER_DURATION(buffer)));
    add("offset", number(GST_BUFFER_OFFSET(buffer)));
    add("offset-end", number(GST_BUFFER_OFFSET_END(buffer)));
    guint own = (GST_MINI_OBJECT_FLAG_LAST - 1u) | GST_BUFFER_FLAG_TAG_MEMORY;
    if (out_.frames == 0) own |= GST_BUFFER_FLAG_DISCONT;
    gchar flags[16];
    g_snprintf(flags, sizeof flags, "0x%x", GST_BUFFER_FLAGS(buffer) & ~own);
    add("flags", flags);
    gpointer state = nullptr;
    int metas = 0;
    while (GstMeta *meta = gst_buffer_iterate_meta(buffer, &state))
      if (auto text = meta_text(buffer, meta))
        add(("meta " + std::to_string(metas++)).c_str(), std::move(*text));
    add("content", caps_ ? content(buffer, caps_.get()) : "without caps");
    out_.items.push_back(std::move(item));
    out_.frames++;
  }

  void event(GstEvent *event) {
    if (GST_EVENT_TYPE(event) == GST_EVENT_CAPS) {
      GstCaps *caps = nullptr;
      gst_event_parse_caps(event, &caps);
      caps_.reset(gst_caps_ref(caps));
      return;
    }
    EventPtr moved;
    if (GST_EVENT_TYPE(event) == GST_EVENT_SEGMENT) {
      GstSegment segment;
      gst_event_copy_segment(event, &segment);
      if (!base_) base_ = segment.base;
      segment.base -= *base_;
      moved.reset(gst_event_new_segment(&segment));
      event = moved.get();
    }
    auto stored = encode_event(event);
    if (stored.is_ok() && !*stored) return;
    const GstStructure *s = gst_event_get_structure(event);
    std::string text = s ? text_of(const_cast<GstStructure *>(s)) : "";
    text += stored.is_ok() ? ", SHA-256 " + digest((*stored)->body) : ", content not compared";
    out_.items.push_back({"event before frame " + std::to_string(out_.frames),
                          {{"type", GST_EVENT_TYPE_NAME(event)}, {"content", text}}});
  }

  static GstPadProbeReturn hear(GstPad *, GstPadProbeInfo *info, gpointer self) {
    auto &listener = *static_cast<Listener *>(self);
    if (GST_PAD_PROBE_INFO_TYPE(info) & GST_PAD_PROBE_TYPE_BUFFER)
      listener.frame(GST_PAD_PROBE_INFO_BUFFER(info));
    else
      listener.event(GST_PAD_PROBE_INFO_EVENT(info));
    return GST_PAD_PROBE_OK;
  }

 private:
  StreamText &out_;
  CapsPtr caps_;
  std::optional<guint64> base_;
};

void take_error(GstMessage *message, std::string &out) {
  GError *error = nullptr;
  gst_message_parse_error(message, &error, nullptr);
  out = std::string(GST_MESSAGE_SRC_NAME(message)) + ": " + error->message;
  g_error_free(error);
}

}  // namespace

StreamText read_stream(const std::string &line) {
  StreamText out;
  GError *error = nullptr;
  const std::string whole = line + " ! fakesink name=compared sync=false";
  GstElement *pipeline =
      gst_parse_launch_full(whole.c_str(), nullptr, GST_PARSE_FLAG_FATAL_ERRORS, &error);
  if (!pipeline) {
    out.error = error->message;
    g_error_free(error);
    return out;
  }
  Listener listener(out);
  GstElement *sink = gst_bin_get_by_name(GST_BIN(pipeline), "compared");
  GstPad *pad = gst_element_get_static_pad(sink, "sink");
  gst_pad_add_probe(
      pad,
      static_cast<GstPadProbeType>(GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM),
      Listener::hear, &listener, nullptr);
  gst_object_unref(pad);
  gst_object_unref(sink);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  GstBus *bus = gst_element_get_bus(pipeline);
  GstMessage *message = gst_bus_timed_pop_filtered(
      bus, GST_CLOCK_TIME_NONE, static_cast<GstMessageType>(GST_MESSAGE_ERROR | GST_MESSAGE_EOS));
  if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) take_error(message, out.error);
  gst_message_unref(message);
  gst_object_unref(bus);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(pipeline);
  return out;
}

std::optional<std::string> first_difference(const StreamText &a, const StreamText &b) {
  for (size_t i = 0; i < std::min(a.items.size(), b.items.size()); i++) {
    const StreamItem &one = a.items[i], &other = b.items[i];
    if (one.where != other.where) return one.where + " | " + other.where;
    for (size_t k = 0; k < std::max(one.fields.size(), other.fields.size()); k++) {
      const auto none = std::pair<std::string, std::string>("", "nothing");
      const auto &x = k < one.fields.size() ? one.fields[k] : none;
      const auto &y = k < other.fields.size() ? other.fields[k] : none;
      if (x == y) continue;
      // A meta that one of them lacks: it is named, and not what comes behind it.
      const bool gone = x.first != y.first;
      const bool in_one = x.first.starts_with("meta");
      if (gone)
        return one.where + ": " + (in_one ? x.first : y.first) + ": " +
               (in_one ? x.second + " | nothing" : "nothing | " + y.second);
      return one.where + ": " + x.first + ": " + x.second + " | " + y.second;
    }
  }
  if (a.items.size() == b.items.size()) return std::nullopt;
  const bool longer = a.items.size() > b.items.size();
  const StreamItem &more = (longer ? a : b).items[std::min(a.items.size(), b.items.size())];
  return longer ? more.where + " | the end" : "the end | " + more.where;
}

}  // namespace checkpoint
