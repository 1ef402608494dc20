// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/event_codec.h"

#include "elements/enum_bits.h"
#include "elements/lineage.h"
#include "elements/structure_codec.h"
#include "elements/toc_codec.h"
#include "elements/value_types.h"

namespace checkpoint {

namespace {

// EventRow::type of what is stored.
constexpr const char *kSegment = "segment", *kTag = "tag", *kGap = "gap", *kFlush = "flush-stop",
                     *kBufferSize = "buffersize", *kProtection = "protection", *kToc = "toc",
                     *kCustom = "custom-downstream", *kSticky = "custom-downstream-sticky",
                     *kBoth = "custom-both";

constexpr uint8_t kVersion = 1;

Status corrupt(const std::string &type, const char *what) {
  return Status(Code::kCorrupt, "stored event " + type + ": " + what);
}

Status write_protection(GstEvent *event, ByteWriter &out) {
  const gchar *system = nullptr, *origin = nullptr;
  GstBuffer *data = nullptr;
  gst_event_parse_protection(event, &system, &data, &origin);
  StructurePtr s(gst_structure_new("protection", "system", G_TYPE_STRING, system, "origin",
                                   G_TYPE_STRING, origin, "data", GST_TYPE_BUFFER, data, nullptr));
  return write_structure(s.get(), out);
}

Result<EventPtr> read_protection(ByteReader &in) {
  CHECKPOINT_ASSIGN_OR_RETURN(StructurePtr s, read_structure(in));
  const char *system = gst_structure_get_string(s.get(), "system");
  const char *origin = gst_structure_get_string(s.get(), "origin");
  const GValue *data = gst_structure_get_value(s.get(), "data");
  // They become part of the name of the event's structure.
  if (!system || !is_structure_name(std::string("x-") + (origin ? origin : "") + "-" + system))
    return corrupt(kProtection, "bad names");
  if (!data || !GST_VALUE_HOLDS_BUFFER(data) || !gst_value_get_buffer(data))
    return corrupt(kProtection, "bad fields");
  return EventPtr(gst_event_new_protection(system, gst_value_get_buffer(data), origin));
}

Result<const char *> write_body(GstEvent *event, ByteWriter &out) {
  switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_SEGMENT: {
      const GstSegment *segment = nullptr;
      gst_event_parse_segment(event, &segment);
      CHECKPOINT_RETURN_IF_ERROR(write_segment(*segment, out));
      return kSegment;
    }
    case GST_EVENT_TAG: {
      GstTagList *tags = nullptr;
      gst_event_parse_tag(event, &tags);
      CHECKPOINT_RETURN_IF_ERROR(write_tag_list(tags, out));
      return kTag;
    }
    case GST_EVENT_GAP: {
      GstClockTime timestamp = GST_CLOCK_TIME_NONE, duration = GST_CLOCK_TIME_NONE;
      GstGapFlags flags{};
      gst_event_parse_gap(event, &timestamp, &duration);
      gst_event_parse_gap_flags(event, &flags);
      out.u64(timestamp);
      out.u64(duration);
      out.u32(enum_bits(flags));
      return kGap;
    }
    case GST_EVENT_FLUSH_STOP: {
      gboolean reset_time = FALSE;
      gst_event_parse_flush_stop(event, &reset_time);
      out.u8(reset_time ? 1 : 0);
      return kFlush;
    }
    case GST_EVENT_BUFFERSIZE: {
      GstFormat format = GST_FORMAT_UNDEFINED;
      gint64 min = 0, max = 0;
      gboolean async = FALSE;
      gst_event_parse_buffer_size(event, &format, &min, &max, &async);
      if (enum_bits(format) > GST_FORMAT_PERCENT)
        return Status(Code::kUnsupported, "a buffersize event in a format of its own");
      out.u8(static_cast<uint8_t>(enum_bits(format)));
      out.i64(min);
      out.i64(max);
      out.u8(async ? 1 : 0);
      return kBufferSize;
    }
    case GST_EVENT_TOC: {
      GstToc *toc = nullptr;
      gboolean updated = FALSE;
      gst_event_parse_toc(event, &toc, &updated);
      StructurePtr s = toc_to_structure(toc, updated != FALSE);
      gst_toc_unref(toc);
      CHECKPOINT_RETURN_IF_ERROR(write_structure(s.get(), out));
      return kToc;
    }
    case GST_EVENT_PROTECTION:
      CHECKPOINT_RETURN_IF_ERROR(write_protection(event, out));
      return kProtection;
    case GST_EVENT_CUSTOM_DOWNSTREAM:
    case GST_EVENT_CUSTOM_DOWNSTREAM_STICKY:
    case GST_EVENT_CUSTOM_BOTH: {
      const GstStructure *s = gst_event_get_structure(event);
      out.u8(s ? 1 : 0);
      if (s) CHECKPOINT_RETURN_IF_ERROR(write_structure(s, out));
      return GST_EVENT_TYPE(event) == GST_EVENT_CUSTOM_BOTH         ? kBoth
             : GST_EVENT_TYPE(event) == GST_EVENT_CUSTOM_DOWNSTREAM ? kCustom
                                                                    : kSticky;
    }
    default:
      return Status(Code::kUnsupported, "this type of event can't be stored");
  }
}

bool is_content(GstEvent *event) {
  constexpr int kWanted = GST_EVENT_TYPE_SERIALIZED | GST_EVENT_TYPE_DOWNSTREAM;
  if ((gst_event_type_get_flags(GST_EVENT_TYPE(event)) & kWanted) != kWanted ||
      is_checkpoint_event(event))
    return false;
  switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_CAPS:
    case GST_EVENT_EOS:
    case GST_EVENT_STREAM_START:
    case GST_EVENT_STREAM_COLLECTION:
    case GST_EVENT_STREAM_GROUP_DONE:
    case GST_EVENT_SEGMENT_DONE:
    case GST_EVENT_INSTANT_RATE_CHANGE:
      return false;
    default:
      return true;
  }
}

Result<EventPtr> read_body(const std::string &type, ByteReader &in) {
  if (type == kSegment) {
    CHECKPOINT_ASSIGN_OR_RETURN(GstSegment segment, read_segment(in));
    if (enum_bits(segment.format) == GST_FORMAT_UNDEFINED) return corrupt(type, "no format");
    return EventPtr(gst_event_new_segment(&segment));
  }
  if (type == kTag) {
    CHECKPOINT_ASSIGN_OR_RETURN(TagListPtr tags, read_tag_list(in));
    return EventPtr(gst_event_new_tag(tags.release()));
  }
  if (type == kGap) {
    GstClockTime timestamp = in.u64(), duration = in.u64();
    uint32_t flags = in.u32();
    if (in.failed() || timestamp == GST_CLOCK_TIME_NONE) return corrupt(type, "bad fields");
    EventPtr event(gst_event_new_gap(timestamp, duration));
    if (flags != 0) gst_event_set_gap_flags(event.get(), static_cast<GstGapFlags>(flags));
    return event;
  }
  if (type == kFlush) return EventPtr(gst_event_new_flush_stop(in.u8() != 0));
  if (type == kBufferSize) {
    uint8_t format = in.u8();
    int64_t min = in.i64(), max = in.i64();
    bool async = in.u8() != 0;
    if (in.failed() || format > GST_FORMAT_PERCENT) return corrupt(type, "bad fields");
    return EventPtr(gst_event_new_buffer_size(static_cast<GstFormat>(format), min, max, async));
  }
  if (type == kProtection) return read_protection(in);
  if (type == kToc) {
    CHECKPOINT_ASSIGN_OR_RETURN(StructurePtr s, read_structure(in));
    return toc_event_from_structure(s.get());
  }
  GstEventType custom = type == kCustom   ? GST_EVENT_CUSTOM_DOWNSTREAM
                        : type == kSticky ? GST_EVENT_CUSTOM_DOWNSTREAM_STICKY
                        : type == kBoth   ? GST_EVENT_CUSTOM_BOTH
                                          : GST_EVENT_UNKNOWN;
  if (custom == GST_EVENT_UNKNOWN)
    return Status(Code::kUnsupported, "a stored event of the unknown type '" + type + "'");
  StructurePtr s;
  if (in.u8() != 0) {
    CHECKPOINT_ASSIGN_OR_RETURN(s, read_structure(in));
  }
  EventPtr event(gst_event_new_custom(custom, s.release()));
  if (is_checkpoint_event(event.get())) return corrupt(type, "an event that is never stored");
  return event;
}

}  // namespace

Result<std::optional<StoredEvent>> encode_event(GstEvent *event) {
  if (!is_content(event)) return std::optional<StoredEvent>();
  ByteWriter out;
  out.u8(kVersion);
  Result<const char *> type = write_body(event, out);
  if (!type.is_ok())
    return type.status().with_context(std::string("event ") + GST_EVENT_TYPE_NAME(event));
  return std::optional<StoredEvent>(StoredEvent{*type, out.take()});
}

Result<EventPtr> decode_event(const std::string &type, ByteView body) {
  ByteReader in(body);
  uint8_t version = in.u8();
  if (version == 0) return corrupt(type, "cut short");
  if (version > kVersion)
    return Status(Code::kNewerSchema, "the stored event " + type + " is of a newer release");
  Result<EventPtr> event = read_body(type, in);
  if (event.is_ok() && (in.failed() || in.remaining() > 0)) return corrupt(type, "wrong length");
  return event;
}

}  // namespace checkpoint
