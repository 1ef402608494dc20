// SPDX-License-Identifier: LGPL-2.1-or-later
#include <cmath>
#include <cstring>
#include <numeric>
#include <optional>
#include <string>

#include "elements/structure_codec.h"
#include "elements/value_types.h"

namespace checkpoint {

namespace {

Status corrupt(const char *what) {
  return Status(Code::kCorrupt, std::string("stored structure: ") + what);
}
Status unknown_type(const std::string &name) {
  return Status(Code::kUnsupported, "the type " + name + " is not known in this process",
                "load the plugin that it comes from");
}

// A C string that GLib takes without a complaint.
bool is_c_string(std::string_view text) { return text.find('\0') == text.npos; }

// GStreamer's rule for what may stand in one list or array; it aborts under fatal criticals.
std::optional<GType> basic_type(const GValue *v) {
  if (GST_VALUE_HOLDS_LIST(v) || GST_VALUE_HOLDS_ARRAY(v)) {
    bool list = GST_VALUE_HOLDS_LIST(v);
    if ((list ? gst_value_list_get_size(v) : gst_value_array_get_size(v)) == 0) return std::nullopt;
    return basic_type(list ? gst_value_list_get_value(v, 0) : gst_value_array_get_value(v, 0));
  }
  return G_VALUE_TYPE(v);
}
bool may_stand_together(const GValue *list, const GValue *v) {
  std::optional<GType> a = basic_type(list), b = basic_type(v);
  if (!a || !b || *a == *b) return true;
  auto pair = [&](GType one, GType range) {
    return (*a == one && *b == range) || (*a == range && *b == one);
  };
  return pair(G_TYPE_INT, GST_TYPE_INT_RANGE) || pair(G_TYPE_INT64, GST_TYPE_INT64_RANGE) ||
         pair(G_TYPE_DOUBLE, GST_TYPE_DOUBLE_RANGE) ||
         pair(GST_TYPE_FRACTION, GST_TYPE_FRACTION_RANGE);
}

// Releases a GValue that was not handed on.
struct ScopedValue {
  GValue v = G_VALUE_INIT;
  ScopedValue() = default;
  ScopedValue(const ScopedValue &) = delete;
  ScopedValue &operator=(const ScopedValue &) = delete;
  ~ScopedValue() {
    if (G_IS_VALUE(&v)) g_value_unset(&v);
  }
};

class ValueReader {
 public:
  explicit ValueReader(ByteReader &in) : in_(in) {}

  Result<StructurePtr> structure(unsigned depth);
  // Leaves `v` unset or holding something that has to be unset.
  Status value(GValue *v, unsigned depth);
  Result<CapsPtr> caps(unsigned depth);
  Result<TagListPtr> tag_list(unsigned depth);
  Result<GstSegment> segment();

 private:
  bool present() { return in_.u8() != 0; }
  int32_t i32() { return static_cast<int32_t>(in_.u32()); }
  Status plain(ValueType type, GValue *v, bool &done);
  Status named(ValueType type, GValue *v);
  Status range(ValueType type, GValue *v);
  Status boxed(ValueType type, GValue *v, unsigned depth);
  Status values(GValue *v, unsigned depth);
  Result<BufferPtr> buffer();
  Status variant(GValue *v);
  Status date_time(GValue *v);
  Status sample(GValue *v, unsigned depth);

  ByteReader &in_;
};

Status too_deep(unsigned depth) {
  return depth > kMaxValueDepth ? corrupt("nested too deep") : Status::ok();
}

Result<StructurePtr> ValueReader::structure(unsigned depth) {
  CHECKPOINT_RETURN_IF_ERROR(too_deep(depth));
  std::string name(in_.text());
  uint32_t fields = in_.u32();
  if (in_.failed() || !is_structure_name(name)) return corrupt("bad name");
  if (fields > kMaxStructureFields) return corrupt("too many fields");
  StructurePtr s(gst_structure_new_empty(name.c_str()));
  for (uint32_t i = 0; i < fields; i++) {
    std::string field(in_.text());
    if (in_.failed() || field.empty() || !is_c_string(field)) return corrupt("bad field name");
    ScopedValue v;
    CHECKPOINT_RETURN_IF_ERROR(value(&v.v, depth));
    // What GStreamer would refuse with a warning and leave out.
    if (G_VALUE_HOLDS_STRING(&v.v)) {
      const char *text = g_value_get_string(&v.v);
      if (text && !g_utf8_validate(text, -1, nullptr)) return corrupt("text that is no UTF-8");
      if (name == "taglist" && (!text || !*text)) return corrupt("an empty tag");
    }
    if (name == "taglist" && G_VALUE_HOLDS(&v.v, G_TYPE_DATE) && !g_value_get_boxed(&v.v))
      return corrupt("an empty tag");
    if (gst_structure_has_field(s.get(), field.c_str())) return corrupt("a field twice");
    gst_structure_take_value(s.get(), field.c_str(), &v.v);
    v.v = G_VALUE_INIT;
  }
  return s;
}

Status ValueReader::value(GValue *v, unsigned depth) {
  auto type = static_cast<ValueType>(in_.u8());
  if (in_.failed()) return corrupt("cut short");
  bool done = false;
  CHECKPOINT_RETURN_IF_ERROR(plain(type, v, done));
  if (!done) CHECKPOINT_RETURN_IF_ERROR(boxed(type, v, depth + 1));
  return in_.failed() ? corrupt("cut short") : Status::ok();
}

Status ValueReader::plain(ValueType type, GValue *v, bool &done) {
  done = true;
  switch (type) {
    case ValueType::kChar:
      g_value_set_schar(g_value_init(v, G_TYPE_CHAR), static_cast<gint8>(in_.u8()));
      return Status::ok();
    case ValueType::kUchar:
      g_value_set_uchar(g_value_init(v, G_TYPE_UCHAR), in_.u8());
      return Status::ok();
    case ValueType::kBoolean:
      g_value_set_boolean(g_value_init(v, G_TYPE_BOOLEAN), in_.u8() != 0);
      return Status::ok();
    case ValueType::kInt:
      g_value_set_int(g_value_init(v, G_TYPE_INT), i32());
      return Status::ok();
    case ValueType::kUint:
      g_value_set_uint(g_value_init(v, G_TYPE_UINT), in_.u32());
      return Status::ok();
    case ValueType::kLong: {
      int64_t n = in_.i64();
      if (n < G_MINLONG || n > G_MAXLONG) return unknown_type("long of 64 bits");
      g_value_set_long(g_value_init(v, G_TYPE_LONG), static_cast<glong>(n));
      return Status::ok();
    }
    case ValueType::kUlong: {
      uint64_t n = in_.u64();
      if (n > G_MAXULONG) return unknown_type("unsigned long of 64 bits");
      g_value_set_ulong(g_value_init(v, G_TYPE_ULONG), static_cast<gulong>(n));
      return Status::ok();
    }
    case ValueType::kInt64:
      g_value_set_int64(g_value_init(v, G_TYPE_INT64), in_.i64());
      return Status::ok();
    case ValueType::kUint64:
      g_value_set_uint64(g_value_init(v, G_TYPE_UINT64), in_.u64());
      return Status::ok();
    case ValueType::kFloat: {
      uint32_t bits = in_.u32();
      gfloat f;
      std::memcpy(&f, &bits, sizeof f);
      g_value_set_float(g_value_init(v, G_TYPE_FLOAT), f);
      return Status::ok();
    }
    case ValueType::kDouble:
      g_value_set_double(g_value_init(v, G_TYPE_DOUBLE), in_.f64());
      return Status::ok();
    case ValueType::kString: {
      g_value_init(v, G_TYPE_STRING);
      if (!present()) return Status::ok();
      std::string_view text = in_.text();
      if (!is_c_string(text)) return corrupt("text with a NUL in it");
      g_value_take_string(v, g_strndup(text.data(), text.size()));
      return Status::ok();
    }
    case ValueType::kBitmask:
      gst_value_set_bitmask(g_value_init(v, GST_TYPE_BITMASK), in_.u64());
      return Status::ok();
    case ValueType::kVariant:
      return variant(v);
    case ValueType::kEnum:
    case ValueType::kFlags:
    case ValueType::kFlagSet:
    case ValueType::kGtype:
      return named(type, v);
    case ValueType::kFraction:
    case ValueType::kIntRange:
    case ValueType::kInt64Range:
    case ValueType::kDoubleRange:
    case ValueType::kFractionRange:
      return range(type, v);
    default:
      done = false;
      return Status::ok();
  }
}

// Values whose type is written by name.
Status ValueReader::named(ValueType type, GValue *v) {
  if (type == ValueType::kGtype && !present()) {
    g_value_set_gtype(g_value_init(v, G_TYPE_GTYPE), G_TYPE_INVALID);
    return Status::ok();
  }
  std::string name(in_.text());
  if (in_.failed() || name.empty() || !is_c_string(name) ||
      !g_utf8_validate(name.data(), static_cast<gssize>(name.size()), nullptr))
    return corrupt("bad type name");
  GType t = g_type_from_name(name.c_str());
  if (t == G_TYPE_INVALID) return unknown_type(name);
  if (type == ValueType::kGtype) {
    g_value_set_gtype(g_value_init(v, G_TYPE_GTYPE), t);
    return Status::ok();
  }
  if (!G_TYPE_IS_VALUE(t)) return corrupt("a type without values");
  if (type == ValueType::kEnum && G_TYPE_IS_ENUM(t)) {
    g_value_set_enum(g_value_init(v, t), i32());
  } else if (type == ValueType::kFlags && G_TYPE_IS_FLAGS(t)) {
    g_value_set_flags(g_value_init(v, t), in_.u32());
  } else if (type == ValueType::kFlagSet && G_TYPE_FUNDAMENTAL(t) == GST_TYPE_FLAG_SET) {
    uint32_t flags = in_.u32(), mask = in_.u32();
    gst_value_set_flagset(g_value_init(v, t), flags, mask);
  } else {
    return corrupt("a type of another kind");
  }
  return Status::ok();
}

bool is_fraction(int32_t numerator, int32_t denominator) {
  return denominator > 0 && numerator > G_MININT &&
         std::gcd(int64_t{numerator}, int64_t{denominator}) == 1;
}

// The bounds that GStreamer's setters insist on.
Status ValueReader::range(ValueType type, GValue *v) {
  if (type == ValueType::kFraction) {
    int32_t n = i32(), d = i32();
    g_value_init(v, GST_TYPE_FRACTION);
    if (!is_fraction(n, d)) return corrupt("bad fraction");
    gst_value_set_fraction(v, n, d);
  } else if (type == ValueType::kIntRange) {
    int32_t min = i32(), max = i32(), step = i32();
    g_value_init(v, GST_TYPE_INT_RANGE);
    if (min >= max || step <= 0 || min % step != 0 || max % step != 0)
      return corrupt("bad int range");
    gst_value_set_int_range_step(v, min, max, step);
  } else if (type == ValueType::kInt64Range) {
    int64_t min = in_.i64(), max = in_.i64(), step = in_.i64();
    g_value_init(v, GST_TYPE_INT64_RANGE);
    if (min >= max || step <= 0 || min % step != 0 || max % step != 0)
      return corrupt("bad int64 range");
    gst_value_set_int64_range_step(v, min, max, step);
  } else if (type == ValueType::kDoubleRange) {
    double min = in_.f64(), max = in_.f64();
    g_value_init(v, GST_TYPE_DOUBLE_RANGE);
    if (!(min < max)) return corrupt("bad double range");
    gst_value_set_double_range(v, min, max);
  } else {
    int32_t n1 = i32(), d1 = i32(), n2 = i32(), d2 = i32();
    g_value_init(v, GST_TYPE_FRACTION_RANGE);
    if (!is_fraction(n1, d1) || !is_fraction(n2, d2) ||
        int64_t{n1} * int64_t{d2} >= int64_t{n2} * int64_t{d1})
      return corrupt("bad fraction range");
    gst_value_set_fraction_range_full(v, n1, d1, n2, d2);
  }
  return Status::ok();
}

Status ValueReader::boxed(ValueType type, GValue *v, unsigned depth) {
  CHECKPOINT_RETURN_IF_ERROR(too_deep(depth));
  switch (type) {
    case ValueType::kList:
      g_value_init(v, GST_TYPE_LIST);
      return values(v, depth);
    case ValueType::kArray:
      g_value_init(v, GST_TYPE_ARRAY);
      return values(v, depth);
    case ValueType::kStructure: {
      g_value_init(v, GST_TYPE_STRUCTURE);
      if (!present()) return Status::ok();
      CHECKPOINT_ASSIGN_OR_RETURN(StructurePtr s, structure(depth));
      g_value_take_boxed(v, s.release());
      return Status::ok();
    }
    case ValueType::kCaps: {
      g_value_init(v, GST_TYPE_CAPS);
      if (!present()) return Status::ok();
      CHECKPOINT_ASSIGN_OR_RETURN(CapsPtr c, caps(depth));
      g_value_take_boxed(v, c.release());
      return Status::ok();
    }
    case ValueType::kTagList: {
      g_value_init(v, GST_TYPE_TAG_LIST);
      if (!present()) return Status::ok();
      CHECKPOINT_ASSIGN_OR_RETURN(TagListPtr tags, tag_list(depth));
      g_value_take_boxed(v, tags.release());
      return Status::ok();
    }
    case ValueType::kBuffer: {
      g_value_init(v, GST_TYPE_BUFFER);
      if (!present()) return Status::ok();
      CHECKPOINT_ASSIGN_OR_RETURN(BufferPtr b, buffer());
      g_value_take_boxed(v, b.release());
      return Status::ok();
    }
    case ValueType::kSegment: {
      g_value_init(v, GST_TYPE_SEGMENT);
      if (!present()) return Status::ok();
      CHECKPOINT_ASSIGN_OR_RETURN(GstSegment s, segment());
      g_value_set_boxed(v, &s);
      return Status::ok();
    }
    case ValueType::kSample:
      g_value_init(v, GST_TYPE_SAMPLE);
      return present() ? sample(v, depth) : Status::ok();
    case ValueType::kBytes: {
      g_value_init(v, G_TYPE_BYTES);
      if (!present()) return Status::ok();
      ByteView bytes = in_.blob();
      g_value_take_boxed(v, g_bytes_new(bytes.data(), bytes.size()));
      return Status::ok();
    }
    case ValueType::kDate: {
      g_value_init(v, G_TYPE_DATE);
      if (!present()) return Status::ok();
      uint32_t julian = in_.u32();
      // GDate counts years in 16 bits.
      constexpr uint32_t kLastDay = 23936166;
      if (julian == 0 || julian > kLastDay) return corrupt("bad date");
      g_value_take_boxed(v, g_date_new_julian(julian));
      return Status::ok();
    }
    case ValueType::kDateTime:
      g_value_init(v, GST_TYPE_DATE_TIME);
      return present() ? date_time(v) : Status::ok();
    case ValueType::kStrv: {
      g_value_init(v, G_TYPE_STRV);
      if (!present()) return Status::ok();
      uint32_t n = in_.u32();
      if (n > in_.remaining() / 4) return corrupt("cut short");
      gchar **strings = g_new0(gchar *, size_t{n} + 1);
      g_value_take_boxed(v, strings);
      for (uint32_t i = 0; i < n; i++) {
        std::string_view text = in_.text();
        if (!is_c_string(text)) return corrupt("text with a NUL in it");
        strings[i] = g_strndup(text.data(), text.size());
      }
      return Status::ok();
    }
    default:
      return corrupt("a value of unknown type");
  }
}

Status ValueReader::values(GValue *v, unsigned depth) {
  uint32_t n = in_.u32();
  bool list = GST_VALUE_HOLDS_LIST(v);
  for (uint32_t i = 0; i < n; i++) {
    ScopedValue element;
    CHECKPOINT_RETURN_IF_ERROR(value(&element.v, depth));
    if (!may_stand_together(v, &element.v)) return corrupt("a list of mixed types");
    if (list)
      gst_value_list_append_and_take_value(v, &element.v);
    else
      gst_value_array_append_and_take_value(v, &element.v);
    element.v = G_VALUE_INIT;
  }
  return Status::ok();
}

Result<CapsPtr> ValueReader::caps(unsigned depth) {
  CHECKPOINT_RETURN_IF_ERROR(too_deep(depth));
  if (in_.u8() != 0) return CapsPtr(gst_caps_new_any());
  CapsPtr out(gst_caps_new_empty());
  uint32_t n = in_.u32();
  for (uint32_t i = 0; i < n; i++) {
    using FeaturesPtr = std::unique_ptr<GstCapsFeatures, decltype(&gst_caps_features_free)>;
    bool any = in_.u8() != 0;
    uint32_t n_features = in_.u32();
    if (in_.failed()) return corrupt("cut short");
    if (n_features > kMaxStructureFields) return corrupt("too many caps features");
    FeaturesPtr features(any ? gst_caps_features_new_any() : gst_caps_features_new_empty(),
                         gst_caps_features_free);
    for (uint32_t f = 0; f < n_features; f++) {
      std::string name(in_.text());
      if (in_.failed() || any || !is_caps_feature(name)) return corrupt("bad caps feature");
      gst_caps_features_add(features.get(), name.c_str());
    }
    CHECKPOINT_ASSIGN_OR_RETURN(StructurePtr s, structure(depth));
    if (!any && n_features == 0) features.reset();
    gst_caps_append_structure_full(out.get(), s.release(), features.release());
  }
  return out;
}

Result<TagListPtr> ValueReader::tag_list(unsigned depth) {
  CHECKPOINT_RETURN_IF_ERROR(too_deep(depth));
  TagListPtr out(gst_tag_list_new_empty());
  gst_tag_list_set_scope(out.get(), in_.u8() == 1 ? GST_TAG_SCOPE_GLOBAL : GST_TAG_SCOPE_STREAM);
  uint32_t tags = in_.u32();
  if (tags > kMaxStructureFields) return corrupt("too many tags");
  for (uint32_t i = 0; i < tags; i++) {
    std::string name(in_.text());
    uint32_t n = in_.u32();
    if (in_.failed() || !is_structure_name(name)) return corrupt("bad tag name");
    if (n > kMaxTagValues) return corrupt("too many values of a tag");
    for (uint32_t k = 0; k < n; k++) {
      ScopedValue v;
      CHECKPOINT_RETURN_IF_ERROR(value(&v.v, depth));
      const GType t = G_VALUE_TYPE(&v.v);
      if (t == G_TYPE_STRING) {
        const char *text = g_value_get_string(&v.v);
        if (!text || !*text || !g_utf8_validate(text, -1, nullptr)) return corrupt("an empty tag");
      } else if (t == G_TYPE_DATE && !g_value_get_boxed(&v.v)) {
        return corrupt("an empty tag");
      }
      // A tag of a plugin that is not loaded here.
      if (!gst_tag_exists(name.c_str()))
        gst_tag_register(name.c_str(), GST_TAG_FLAG_META, t, name.c_str(), name.c_str(),
                         gst_tag_merge_use_first);
      if (gst_tag_get_type(name.c_str()) != t) return corrupt("a tag of another type");
      gst_tag_list_add_value(out.get(), GST_TAG_MERGE_APPEND, name.c_str(), &v.v);
    }
  }
  return out;
}

Result<GstSegment> ValueReader::segment() {
  GstSegment s;
  gst_segment_init(&s, GST_FORMAT_UNDEFINED);
  uint8_t format = in_.u8();
  if (format == 255) {
    std::string nick(in_.text());
    if (in_.failed() || !is_structure_name(nick)) return corrupt("bad format");
    s.format = gst_format_get_by_nick(nick.c_str());
    if (s.format == GST_FORMAT_UNDEFINED)
      s.format = gst_format_register(nick.c_str(), nick.c_str());
  } else if (format > GST_FORMAT_PERCENT) {
    return corrupt("bad format");
  } else {
    s.format = static_cast<GstFormat>(format);
  }
  s.flags = static_cast<GstSegmentFlags>(in_.u32());
  s.rate = in_.f64();
  s.applied_rate = in_.f64();
  for (guint64 *n : {&s.base, &s.offset, &s.start, &s.stop, &s.time, &s.position, &s.duration})
    *n = in_.u64();
  if (in_.failed()) return corrupt("cut short");
  if (!std::isfinite(s.rate) || s.rate == 0 || !std::isfinite(s.applied_rate) ||
      s.applied_rate == 0)
    return corrupt("bad rate");
  return s;
}

Result<BufferPtr> ValueReader::buffer() {
  uint64_t times[5];
  for (uint64_t &n : times) n = in_.u64();
  uint32_t flags = in_.u32();
  ByteView bytes = in_.blob();
  if (in_.failed()) return corrupt("cut short");
  BufferPtr b(bytes.empty() ? gst_buffer_new() : gst_buffer_new_memdup(bytes.data(), bytes.size()));
  GST_BUFFER_PTS(b.get()) = times[0];
  GST_BUFFER_DTS(b.get()) = times[1];
  GST_BUFFER_DURATION(b.get()) = times[2];
  GST_BUFFER_OFFSET(b.get()) = times[3];
  GST_BUFFER_OFFSET_END(b.get()) = times[4];
  GST_BUFFER_FLAGS(b.get()) =
      flags & ~(GST_BUFFER_FLAG_LIVE - 1u) & ~static_cast<uint32_t>(GST_BUFFER_FLAG_TAG_MEMORY);
  return b;
}

Status ValueReader::sample(GValue *v, unsigned depth) {
  BufferPtr b;
  CapsPtr c;
  StructurePtr info;
  if (present()) {
    CHECKPOINT_ASSIGN_OR_RETURN(b, buffer());
  }
  if (present()) {
    CHECKPOINT_ASSIGN_OR_RETURN(c, caps(depth));
  }
  CHECKPOINT_ASSIGN_OR_RETURN(GstSegment s, segment());
  if (present()) {
    CHECKPOINT_ASSIGN_OR_RETURN(info, structure(depth));
  }
  g_value_take_boxed(v, gst_sample_new(b.get(), c.get(), &s, info.release()));
  return Status::ok();
}

Status ValueReader::variant(GValue *v) {
  g_value_init(v, G_TYPE_VARIANT);
  if (!present()) return Status::ok();
  std::string type(in_.text());
  ByteView bytes = in_.blob();
  if (in_.failed() || !is_c_string(type) || !g_variant_type_string_is_valid(type.c_str()) ||
      !g_variant_type_is_definite(G_VARIANT_TYPE(type.c_str())))
    return corrupt("bad GVariant type");
  GstPtr<GBytes> data(g_bytes_new(bytes.data(), bytes.size()));
  GstPtr<GVariant> out(g_variant_ref_sink(
      g_variant_new_from_bytes(G_VARIANT_TYPE(type.c_str()), data.get(), FALSE)));
  if (G_BYTE_ORDER == G_BIG_ENDIAN) out.reset(g_variant_byteswap(out.get()));
  if (!g_variant_is_normal_form(out.get())) return corrupt("a GVariant not in normal form");
  g_value_set_variant(v, out.get());
  return Status::ok();
}

Status ValueReader::date_time(GValue *v) {
  uint8_t precision = in_.u8();
  if (precision == 5) {
    int64_t seconds = in_.i64();
    uint32_t micros = in_.u32();
    int64_t offset = in_.i64();
    if (in_.failed() || micros >= 1000000 || offset <= -86400 || offset >= 86400)
      return corrupt("bad date and time");
    GDateTime *utc = g_date_time_new_from_unix_utc(seconds);
    if (!utc) return corrupt("bad date and time");
    GDateTime *exact = g_date_time_add(utc, micros);
    g_date_time_unref(utc);
    if (!exact) return corrupt("bad date and time");
    GTimeZone *zone = g_time_zone_new_offset(static_cast<gint32>(offset));
    GDateTime *local = g_date_time_to_timezone(exact, zone);
    g_time_zone_unref(zone);
    g_date_time_unref(exact);
    if (!local) return corrupt("bad date and time");
    g_value_take_boxed(v, gst_date_time_new_from_g_date_time(local));
    return Status::ok();
  }
  if (precision < 1 || precision > 5) return corrupt("bad date and time");
  gint year = in_.u16(), month = -1, day = -1, hour = -1, minute = -1;
  int64_t zone = 0;
  if (precision >= 2) month = in_.u8();
  if (precision >= 3) day = in_.u8();
  if (precision >= 4) {
    hour = in_.u8();
    minute = in_.u8();
    zone = in_.i64();
  }
  bool good = !in_.failed() && year >= 1 && year <= 9999 &&
              (month == -1 || (month >= 1 && month <= 12)) && hour < 24 && minute < 60 &&
              zone >= -12 * 60 && zone <= 12 * 60;
  if (good && day != -1)
    good = g_date_valid_dmy(static_cast<GDateDay>(day), static_cast<GDateMonth>(month),
                            static_cast<GDateYear>(year));
  if (!good) return corrupt("bad date and time");
  GstDateTime *dt =
      gst_date_time_new(static_cast<gfloat>(zone) / 60.0F, year, month, day, hour, minute, -1);
  if (!dt) return corrupt("bad date and time");
  g_value_take_boxed(v, dt);
  return Status::ok();
}

}  // namespace

Result<StructurePtr> read_structure(ByteReader &in) { return ValueReader(in).structure(0); }
Result<TagListPtr> read_tag_list(ByteReader &in) { return ValueReader(in).tag_list(0); }
Result<CapsPtr> read_caps(ByteReader &in) { return ValueReader(in).caps(0); }
Result<GstSegment> read_segment(ByteReader &in) { return ValueReader(in).segment(); }
Status read_value(ByteReader &in, GValue *value) {
  Status status = ValueReader(in).value(value, 0);
  if (!status.is_ok() && G_IS_VALUE(value)) {
    g_value_unset(value);
    *value = G_VALUE_INIT;
  }
  return status;
}

Result<StructurePtr> parse_structure(ByteView bytes) {
  ByteReader in(bytes);
  CHECKPOINT_ASSIGN_OR_RETURN(StructurePtr s, read_structure(in));
  if (in.remaining() > 0) return corrupt("bytes left over");
  return s;
}

}  // namespace checkpoint
