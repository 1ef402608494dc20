// SPDX-License-Identifier: LGPL-2.1-or-later
#include <cmath>
#include <cstring>
#include <string>

#include "elements/enum_bits.h"
#include "elements/structure_codec.h"
#include "elements/value_types.h"

namespace checkpoint {

namespace {

Status refused(const std::string &what) {
  return Status(Code::kUnsupported, what + " can't be stored");
}

// Writes one tree of values; `depth` counts containers.
class ValueWriter {
 public:
  explicit ValueWriter(ByteWriter &out) : out_(out) {}

  Status structure(const GstStructure *s, unsigned depth);
  Status value(const GValue *v, unsigned depth);
  Status caps(const GstCaps *caps, unsigned depth);
  Status tag_list(const GstTagList *tags, unsigned depth);
  Status segment(const GstSegment &segment);

 private:
  void type(ValueType t) { out_.u8(static_cast<uint8_t>(t)); }
  // A byte that says whether there is something; true when there is.
  bool present(const void *p) {
    out_.u8(p ? 1 : 0);
    return p != nullptr;
  }
  Status plain(const GValue *v, bool &done);
  Status boxed(const GValue *v, unsigned depth);
  Status values(const GValue *v, unsigned depth);
  Status buffer(GstBuffer *buffer);
  Status variant(GVariant *variant);
  Status date_time(const GstDateTime *dt);

  ByteWriter &out_;
};

Status too_deep(unsigned depth) {
  if (depth <= kMaxValueDepth) return Status::ok();
  return refused("a value nested deeper than " + std::to_string(kMaxValueDepth));
}

// One that was never set, which no setter would accept again.
bool is_empty_range(const GValue *v) {
  GType t = G_VALUE_TYPE(v);
  if (t == GST_TYPE_INT_RANGE)
    return gst_value_get_int_range_min(v) >= gst_value_get_int_range_max(v);
  if (t == GST_TYPE_INT64_RANGE)
    return gst_value_get_int64_range_min(v) >= gst_value_get_int64_range_max(v);
  if (t == GST_TYPE_DOUBLE_RANGE)
    return !(gst_value_get_double_range_min(v) < gst_value_get_double_range_max(v));
  if (t != GST_TYPE_FRACTION_RANGE) return false;
  const GValue *min = gst_value_get_fraction_range_min(v);
  const GValue *max = gst_value_get_fraction_range_max(v);
  return !min || !max || gst_value_compare(min, max) != GST_VALUE_LESS_THAN;
}

Status ValueWriter::structure(const GstStructure *s, unsigned depth) {
  CHECKPOINT_RETURN_IF_ERROR(too_deep(depth));
  const char *name = gst_structure_get_name(s);
  if (!is_structure_name(name)) return refused(std::string("a structure named '") + name + "'");
  auto fields = static_cast<unsigned>(gst_structure_n_fields(s));
  if (fields > kMaxStructureFields)
    return refused(std::string(name) + " with " + std::to_string(fields) + " fields");
  out_.text(name);
  out_.u32(fields);
  for (unsigned i = 0; i < fields; i++) {
    const char *field = gst_structure_nth_field_name(s, i);
    if (!*field) return refused(std::string(name) + " with a field without a name");
    out_.text(field);
    Status status = value(gst_structure_get_value(s, field), depth);
    if (!status.is_ok()) return status.with_context(std::string(name) + "." + field);
  }
  return Status::ok();
}

Status ValueWriter::value(const GValue *v, unsigned depth) {
  bool done = false;
  CHECKPOINT_RETURN_IF_ERROR(plain(v, done));
  return done ? Status::ok() : boxed(v, depth + 1);
}

// Everything that holds no other values. `done` stays false for the rest.
Status ValueWriter::plain(const GValue *v, bool &done) {
  done = true;
  GType t = G_VALUE_TYPE(v);
  auto as = [&](ValueType value_type) -> ByteWriter & {
    type(value_type);
    return out_;
  };
  auto u32 = [](gint n) { return static_cast<uint32_t>(n); };
  switch (t) {
    case G_TYPE_CHAR:
      as(ValueType::kChar).u8(static_cast<uint8_t>(g_value_get_schar(v)));
      return Status::ok();
    case G_TYPE_UCHAR:
      as(ValueType::kUchar).u8(g_value_get_uchar(v));
      return Status::ok();
    case G_TYPE_BOOLEAN:
      as(ValueType::kBoolean).u8(g_value_get_boolean(v) ? 1 : 0);
      return Status::ok();
    case G_TYPE_INT:
      as(ValueType::kInt).u32(u32(g_value_get_int(v)));
      return Status::ok();
    case G_TYPE_UINT:
      as(ValueType::kUint).u32(g_value_get_uint(v));
      return Status::ok();
    case G_TYPE_LONG:
      as(ValueType::kLong).i64(g_value_get_long(v));
      return Status::ok();
    case G_TYPE_ULONG:
      as(ValueType::kUlong).u64(g_value_get_ulong(v));
      return Status::ok();
    case G_TYPE_INT64:
      as(ValueType::kInt64).i64(g_value_get_int64(v));
      return Status::ok();
    case G_TYPE_UINT64:
      as(ValueType::kUint64).u64(g_value_get_uint64(v));
      return Status::ok();
    case G_TYPE_FLOAT:
      as(ValueType::kFloat).f32(g_value_get_float(v));
      return Status::ok();
    case G_TYPE_DOUBLE:
      as(ValueType::kDouble).f64(g_value_get_double(v));
      return Status::ok();
    case G_TYPE_STRING:
      type(ValueType::kString);
      if (const char *text = g_value_get_string(v); present(text)) out_.text(text);
      return Status::ok();
    case G_TYPE_VARIANT:
      type(ValueType::kVariant);
      return variant(g_value_get_variant(v));
    default:
      break;
  }
  if (G_TYPE_IS_ENUM(t)) {
    as(ValueType::kEnum).text(g_type_name(t));
    out_.u32(u32(g_value_get_enum(v)));
  } else if (G_TYPE_IS_FLAGS(t)) {
    as(ValueType::kFlags).text(g_type_name(t));
    out_.u32(g_value_get_flags(v));
  } else if (t == GST_TYPE_FRACTION) {
    as(ValueType::kFraction).u32(u32(gst_value_get_fraction_numerator(v)));
    out_.u32(u32(gst_value_get_fraction_denominator(v)));
  } else if (t == GST_TYPE_BITMASK) {
    as(ValueType::kBitmask).u64(gst_value_get_bitmask(v));
  } else if (GST_VALUE_HOLDS_FLAG_SET(v)) {
    as(ValueType::kFlagSet).text(g_type_name(t));
    out_.u32(gst_value_get_flagset_flags(v));
    out_.u32(gst_value_get_flagset_mask(v));
  } else if (is_empty_range(v)) {
    return refused(std::string("a ") + g_type_name(t) + " without bounds");
  } else if (t == GST_TYPE_INT_RANGE) {
    as(ValueType::kIntRange).u32(u32(gst_value_get_int_range_min(v)));
    out_.u32(u32(gst_value_get_int_range_max(v)));
    out_.u32(u32(gst_value_get_int_range_step(v)));
  } else if (t == GST_TYPE_INT64_RANGE) {
    as(ValueType::kInt64Range).i64(gst_value_get_int64_range_min(v));
    out_.i64(gst_value_get_int64_range_max(v));
    out_.i64(gst_value_get_int64_range_step(v));
  } else if (t == GST_TYPE_DOUBLE_RANGE) {
    as(ValueType::kDoubleRange).f64(gst_value_get_double_range_min(v));
    out_.f64(gst_value_get_double_range_max(v));
  } else if (t == GST_TYPE_FRACTION_RANGE) {
    type(ValueType::kFractionRange);
    for (const GValue *bound :
         {gst_value_get_fraction_range_min(v), gst_value_get_fraction_range_max(v)}) {
      out_.u32(u32(gst_value_get_fraction_numerator(bound)));
      out_.u32(u32(gst_value_get_fraction_denominator(bound)));
    }
  } else if (t == G_TYPE_GTYPE) {
    type(ValueType::kGtype);
    GType named = g_value_get_gtype(v);
    if (present(named == G_TYPE_INVALID ? nullptr : g_type_name(named)))
      out_.text(g_type_name(named));
  } else {
    done = false;
  }
  return Status::ok();
}

Status ValueWriter::boxed(const GValue *v, unsigned depth) {
  CHECKPOINT_RETURN_IF_ERROR(too_deep(depth));
  GType t = G_VALUE_TYPE(v);
  if (t == GST_TYPE_LIST || t == GST_TYPE_ARRAY) return values(v, depth);
  if (!G_TYPE_IS_BOXED(t)) return refused(std::string("a ") + g_type_name(t));
  gpointer content = g_value_get_boxed(v);
  if (t == GST_TYPE_STRUCTURE) {
    type(ValueType::kStructure);
    return present(content) ? structure(static_cast<GstStructure *>(content), depth) : Status::ok();
  }
  if (t == GST_TYPE_CAPS) {
    type(ValueType::kCaps);
    return present(content) ? caps(static_cast<GstCaps *>(content), depth) : Status::ok();
  }
  if (t == GST_TYPE_TAG_LIST) {
    type(ValueType::kTagList);
    return present(content) ? tag_list(static_cast<GstTagList *>(content), depth) : Status::ok();
  }
  if (t == GST_TYPE_BUFFER) {
    type(ValueType::kBuffer);
    return present(content) ? buffer(static_cast<GstBuffer *>(content)) : Status::ok();
  }
  if (t == GST_TYPE_SEGMENT) {
    type(ValueType::kSegment);
    return present(content) ? segment(*static_cast<GstSegment *>(content)) : Status::ok();
  }
  if (t == GST_TYPE_SAMPLE) {
    type(ValueType::kSample);
    if (!present(content)) return Status::ok();
    auto *sample = static_cast<GstSample *>(content);
    if (gst_sample_get_buffer_list(sample)) return refused("a GstSample with a buffer list");
    GstBuffer *b = gst_sample_get_buffer(sample);
    if (present(b)) CHECKPOINT_RETURN_IF_ERROR(buffer(b));
    GstCaps *c = gst_sample_get_caps(sample);
    if (present(c)) CHECKPOINT_RETURN_IF_ERROR(caps(c, depth));
    CHECKPOINT_RETURN_IF_ERROR(segment(*gst_sample_get_segment(sample)));
    const GstStructure *info = gst_sample_get_info(sample);
    return present(info) ? structure(info, depth) : Status::ok();
  }
  if (t == G_TYPE_BYTES) {
    type(ValueType::kBytes);
    if (!present(content)) return Status::ok();
    gsize size = 0;
    auto *data =
        static_cast<const std::byte *>(g_bytes_get_data(static_cast<GBytes *>(content), &size));
    if (size > UINT32_MAX) return refused("a GBytes of 4 GiB or more");
    out_.blob({data, size});
    return Status::ok();
  }
  if (t == G_TYPE_DATE) {
    type(ValueType::kDate);
    auto *date = static_cast<const GDate *>(content);
    if (date && !g_date_valid(date)) return refused("an invalid GDate");
    if (present(date)) out_.u32(g_date_get_julian(date));
    return Status::ok();
  }
  if (t == GST_TYPE_DATE_TIME) {
    type(ValueType::kDateTime);
    return present(content) ? date_time(static_cast<GstDateTime *>(content)) : Status::ok();
  }
  if (t == G_TYPE_STRV) {
    type(ValueType::kStrv);
    if (!present(content)) return Status::ok();
    auto *strings = static_cast<gchar **>(content);
    out_.u32(g_strv_length(strings));
    for (; *strings; strings++) out_.text(*strings);
    return Status::ok();
  }
  return refused(std::string("a ") + g_type_name(t));
}

Status ValueWriter::values(const GValue *v, unsigned depth) {
  bool list = GST_VALUE_HOLDS_LIST(v);
  type(list ? ValueType::kList : ValueType::kArray);
  guint n = list ? gst_value_list_get_size(v) : gst_value_array_get_size(v);
  out_.u32(n);
  for (guint i = 0; i < n; i++)
    CHECKPOINT_RETURN_IF_ERROR(
        value(list ? gst_value_list_get_value(v, i) : gst_value_array_get_value(v, i), depth));
  return Status::ok();
}

Status ValueWriter::caps(const GstCaps *caps, unsigned depth) {
  CHECKPOINT_RETURN_IF_ERROR(too_deep(depth));
  out_.u8(gst_caps_is_any(caps) ? 1 : 0);
  if (gst_caps_is_any(caps)) return Status::ok();
  guint n = gst_caps_get_size(caps);
  out_.u32(n);
  for (guint i = 0; i < n; i++) {
    GstCapsFeatures *features = gst_caps_get_features(caps, i);
    bool any = features && gst_caps_features_is_any(features);
    guint n_features = features && !any ? gst_caps_features_get_size(features) : 0;
    out_.u8(any ? 1 : 0);
    out_.u32(n_features);
    for (guint f = 0; f < n_features; f++) {
      const char *name = gst_caps_features_get_nth(features, f);
      if (!is_caps_feature(name)) return refused(std::string("the caps feature '") + name + "'");
      out_.text(name);
    }
    CHECKPOINT_RETURN_IF_ERROR(structure(gst_caps_get_structure(caps, i), depth));
  }
  return Status::ok();
}

Status ValueWriter::tag_list(const GstTagList *tags, unsigned depth) {
  CHECKPOINT_RETURN_IF_ERROR(too_deep(depth));
  out_.u8(gst_tag_list_get_scope(tags) == GST_TAG_SCOPE_GLOBAL ? 1 : 0);
  auto n = static_cast<guint>(gst_tag_list_n_tags(tags));
  if (n > kMaxStructureFields) return refused("a tag list with " + std::to_string(n) + " tags");
  out_.u32(n);
  for (guint i = 0; i < n; i++) {
    const char *name = gst_tag_list_nth_tag_name(tags, i);
    guint size = gst_tag_list_get_tag_size(tags, name);
    if (!is_structure_name(name) || size > kMaxTagValues)
      return refused(std::string("a tag '") + name + "' with " + std::to_string(size) + " values");
    out_.text(name);
    out_.u32(size);
    for (guint k = 0; k < size; k++) {
      Status status = value(gst_tag_list_get_value_index(tags, name, k), depth);
      if (!status.is_ok()) return status.with_context(std::string("tag ") + name);
    }
  }
  return Status::ok();
}

Status ValueWriter::segment(const GstSegment &s) {
  if (!std::isfinite(s.rate) || s.rate == 0 || !std::isfinite(s.applied_rate) ||
      s.applied_rate == 0)
    return refused("a GstSegment without a rate");
  // Formats past the predefined ones have a number of this process.
  const uint32_t format = enum_bits(s.format);
  const bool own = format > GST_FORMAT_PERCENT;
  out_.u8(own ? 255 : static_cast<uint8_t>(format));
  if (own) out_.text(gst_format_get_name(static_cast<GstFormat>(format)));
  out_.u32(enum_bits(s.flags));
  out_.f64(s.rate);
  out_.f64(s.applied_rate);
  for (guint64 n : {s.base, s.offset, s.start, s.stop, s.time, s.position, s.duration}) out_.u64(n);
  return Status::ok();
}

Status ValueWriter::buffer(GstBuffer *buffer) {
  gpointer state = nullptr;
  if (GstMeta *meta = gst_buffer_iterate_meta(buffer, &state))
    return refused(std::string("a buffer in a field with a ") + g_type_name(meta->info->api));
  gsize size = gst_buffer_get_size(buffer);
  if (size > UINT32_MAX) return refused("a buffer in a field of 4 GiB or more");
  for (guint64 n : {GST_BUFFER_PTS(buffer), GST_BUFFER_DTS(buffer), GST_BUFFER_DURATION(buffer),
                    GST_BUFFER_OFFSET(buffer), GST_BUFFER_OFFSET_END(buffer)})
    out_.u64(n);
  out_.u32(GST_BUFFER_FLAGS(buffer) & ~(GST_BUFFER_FLAG_LIVE - 1u) & ~GST_BUFFER_FLAG_TAG_MEMORY);
  GstMapInfo map;
  if (!gst_buffer_map(buffer, &map, GST_MAP_READ))
    return refused("a buffer in a field that can't be read");
  out_.blob({reinterpret_cast<const std::byte *>(map.data), map.size});
  gst_buffer_unmap(buffer, &map);
  return Status::ok();
}

Status ValueWriter::variant(GVariant *variant) {
  if (!present(variant)) return Status::ok();
  GstPtr<GVariant> normal(g_variant_get_normal_form(variant));
  if (G_BYTE_ORDER == G_BIG_ENDIAN) normal.reset(g_variant_byteswap(normal.get()));
  gsize size = g_variant_get_size(normal.get());
  if (size > UINT32_MAX) return refused("a GVariant of 4 GiB or more");
  out_.text(g_variant_get_type_string(variant));
  out_.blob({static_cast<const std::byte *>(g_variant_get_data(normal.get())), size});
  return Status::ok();
}

// The precision, then what there is: 1 year, 2 month, 3 day, 4 minute, 5 all.
Status ValueWriter::date_time(const GstDateTime *dt) {
  if (gst_date_time_has_second(dt)) {
    GDateTime *full = gst_date_time_to_g_date_time(const_cast<GstDateTime *>(dt));
    if (!full) return refused("this GstDateTime");
    out_.u8(5);
    out_.i64(g_date_time_to_unix(full));
    out_.u32(static_cast<uint32_t>(g_date_time_get_microsecond(full)));
    out_.i64(g_date_time_get_utc_offset(full) / G_USEC_PER_SEC);
    g_date_time_unref(full);
    return Status::ok();
  }
  bool time = gst_date_time_has_time(dt), day = gst_date_time_has_day(dt);
  bool month = gst_date_time_has_month(dt);
  if (!gst_date_time_has_year(dt)) return refused("a GstDateTime without a year");
  out_.u8(time ? 4 : day ? 3 : month ? 2 : 1);
  out_.u16(static_cast<uint16_t>(gst_date_time_get_year(dt)));
  if (month) out_.u8(static_cast<uint8_t>(gst_date_time_get_month(dt)));
  if (day) out_.u8(static_cast<uint8_t>(gst_date_time_get_day(dt)));
  if (!time) return Status::ok();
  gfloat hours = gst_date_time_get_time_zone_offset(dt);
  if (hours < -12 || hours > 12) return refused("a GstDateTime of that time zone without seconds");
  out_.u8(static_cast<uint8_t>(gst_date_time_get_hour(dt)));
  out_.u8(static_cast<uint8_t>(gst_date_time_get_minute(dt)));
  float minutes = hours * 60;
  out_.i64(static_cast<int64_t>(minutes < 0 ? minutes - 0.5F : minutes + 0.5F));
  return Status::ok();
}

}  // namespace

bool is_structure_name(std::string_view name) {
  if (name.empty() || !g_ascii_isalpha(name[0])) return false;
  for (char c : name)
    if (c == '\0' || (!g_ascii_isalnum(c) && !std::strchr("/-_.:+", c))) return false;
  // Warned of by GStreamer as a relic.
  return !name.starts_with("video/x-raw-") && !name.starts_with("audio/x-raw-");
}

bool is_caps_feature(std::string_view name) {
  size_t colon = name.find(':');
  if (colon == name.npos || colon + 1 == name.size() || !g_ascii_isalpha(name[colon + 1]))
    return false;
  for (size_t i = 0; i < name.size(); i++)
    if (i != colon && !(i < colon ? g_ascii_isalpha(name[i]) : g_ascii_isalnum(name[i])))
      return false;
  return true;
}

Status write_structure(const GstStructure *structure, ByteWriter &out) {
  return ValueWriter(out).structure(structure, 0);
}
Status write_value(const GValue *value, ByteWriter &out) {
  return ValueWriter(out).value(value, 0);
}
Status write_tag_list(const GstTagList *tags, ByteWriter &out) {
  return ValueWriter(out).tag_list(tags, 0);
}
Status write_caps(const GstCaps *caps, ByteWriter &out) { return ValueWriter(out).caps(caps, 0); }
Status write_segment(const GstSegment &segment, ByteWriter &out) {
  return ValueWriter(out).segment(segment);
}

Result<Bytes> encode_structure(const GstStructure *structure) {
  ByteWriter out;
  CHECKPOINT_RETURN_IF_ERROR(write_structure(structure, out));
  return out.take();
}

}  // namespace checkpoint
