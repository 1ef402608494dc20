// SPDX-License-Identifier: LGPL-2.1-or-later
#include <cstring>
#include <numeric>
#include <string>

#include "elements/structure_codec.h"
#include "elements/value_types.h"

namespace checkpoint {

Status corrupt_value(const char *what) {
  return Status(Code::kCorrupt, std::string("stored structure: ") + what);
}

// What GLib takes without a complaint.
bool is_c_string(std::string_view text) { return text.find('\0') == text.npos; }

namespace {

Status unknown_type(const std::string &name) {
  return Status(Code::kUnsupported, "the type " + name + " is not known in this process",
                "load the plugin that it comes from");
}

class LeafReader {
 public:
  explicit LeafReader(ByteReader &in) : in_(in) {}
  Status plain(ValueType type, GValue *v, bool &done);

 private:
  bool present() { return in_.u8() != 0; }
  int32_t i32() { return static_cast<int32_t>(in_.u32()); }
  Status named(ValueType type, GValue *v);
  Status range(ValueType type, GValue *v);
  Status variant(GValue *v);
  Status date_time(GValue *v);

  ByteReader &in_;
};

Status LeafReader::plain(ValueType type, GValue *v, bool &done) {
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
    case ValueType::kFloat:
      g_value_set_float(g_value_init(v, G_TYPE_FLOAT), in_.f32());
      return Status::ok();
    case ValueType::kDouble:
      g_value_set_double(g_value_init(v, G_TYPE_DOUBLE), in_.f64());
      return Status::ok();
    case ValueType::kString: {
      g_value_init(v, G_TYPE_STRING);
      if (!present()) return Status::ok();
      std::string_view text = in_.text();
      if (!is_c_string(text)) return corrupt_value("text with a NUL in it");
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
      if (julian == 0 || julian > kLastDay) return corrupt_value("bad date");
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
      if (n > in_.remaining() / 4) return corrupt_value("cut short");
      gchar **strings = g_new0(gchar *, size_t{n} + 1);
      g_value_take_boxed(v, strings);
      for (uint32_t i = 0; i < n; i++) {
        std::string_view text = in_.text();
        if (!is_c_string(text)) return corrupt_value("text with a NUL in it");
        strings[i] = g_strndup(text.data(), text.size());
      }
      return Status::ok();
    }
    default:
      done = false;
      return Status::ok();
  }
}

// Values whose type is written by name.
Status LeafReader::named(ValueType type, GValue *v) {
  if (type == ValueType::kGtype && !present()) {
    g_value_set_gtype(g_value_init(v, G_TYPE_GTYPE), G_TYPE_INVALID);
    return Status::ok();
  }
  std::string name(in_.text());
  if (in_.failed() || name.empty() || !is_c_string(name) ||
      !g_utf8_validate(name.data(), static_cast<gssize>(name.size()), nullptr))
    return corrupt_value("bad type name");
  GType t = g_type_from_name(name.c_str());
  if (t == G_TYPE_INVALID) return unknown_type(name);
  if (type == ValueType::kGtype) {
    g_value_set_gtype(g_value_init(v, G_TYPE_GTYPE), t);
    return Status::ok();
  }
  if (!G_TYPE_IS_VALUE(t)) return corrupt_value("a type without values");
  if (type == ValueType::kEnum && G_TYPE_IS_ENUM(t)) {
    g_value_set_enum(g_value_init(v, t), i32());
  } else if (type == ValueType::kFlags && G_TYPE_IS_FLAGS(t)) {
    g_value_set_flags(g_value_init(v, t), in_.u32());
  } else if (type == ValueType::kFlagSet && G_TYPE_FUNDAMENTAL(t) == GST_TYPE_FLAG_SET) {
    uint32_t flags = in_.u32(), mask = in_.u32();
    gst_value_set_flagset(g_value_init(v, t), flags, mask);
  } else {
    return corrupt_value("a type of another kind");
  }
  return Status::ok();
}

bool is_fraction(int32_t numerator, int32_t denominator) {
  return denominator > 0 && numerator > G_MININT &&
         std::gcd(int64_t{numerator}, int64_t{denominator}) == 1;
}

// The bounds that GStreamer's setters insist on.
Status LeafReader::range(ValueType type, GValue *v) {
  if (type == ValueType::kFraction) {
    int32_t n = i32(), d = i32();
    g_value_init(v, GST_TYPE_FRACTION);
    if (!is_fraction(n, d)) return corrupt_value("bad fraction");
    gst_value_set_fraction(v, n, d);
  } else if (type == ValueType::kIntRange) {
    int32_t min = i32(), max = i32(), step = i32();
    g_value_init(v, GST_TYPE_INT_RANGE);
    if (min >= max || step <= 0 || min % step != 0 || max % step != 0)
      return corrupt_value("bad int range");
    gst_value_set_int_range_step(v, min, max, step);
  } else if (type == ValueType::kInt64Range) {
    int64_t min = in_.i64(), max = in_.i64(), step = in_.i64();
    g_value_init(v, GST_TYPE_INT64_RANGE);
    if (min >= max || step <= 0 || min % step != 0 || max % step != 0)
      return corrupt_value("bad int64 range");
    gst_value_set_int64_range_step(v, min, max, step);
  } else if (type == ValueType::kDoubleRange) {
    double min = in_.f64(), max = in_.f64();
    g_value_init(v, GST_TYPE_DOUBLE_RANGE);
    if (!(min < max)) return corrupt_value("bad double range");
    gst_value_set_double_range(v, min, max);
  } else {
    int32_t n1 = i32(), d1 = i32(), n2 = i32(), d2 = i32();
    g_value_init(v, GST_TYPE_FRACTION_RANGE);
    if (!is_fraction(n1, d1) || !is_fraction(n2, d2) ||
        int64_t{n1} * int64_t{d2} >= int64_t{n2} * int64_t{d1})
      return corrupt_value("bad fraction range");
    gst_value_set_fraction_range_full(v, n1, d1, n2, d2);
  }
  return Status::ok();
}

Status LeafReader::variant(GValue *v) {
  g_value_init(v, G_TYPE_VARIANT);
  if (!present()) return Status::ok();
  std::string type(in_.text());
  ByteView bytes = in_.blob();
  if (in_.failed() || !is_c_string(type) || !g_variant_type_string_is_valid(type.c_str()) ||
      !g_variant_type_is_definite(G_VARIANT_TYPE(type.c_str())))
    return corrupt_value("bad GVariant type");
  GstPtr<GBytes> data(g_bytes_new(bytes.data(), bytes.size()));
  GstPtr<GVariant> out(g_variant_ref_sink(
      g_variant_new_from_bytes(G_VARIANT_TYPE(type.c_str()), data.get(), FALSE)));
  if (G_BYTE_ORDER == G_BIG_ENDIAN) out.reset(g_variant_byteswap(out.get()));
  if (!g_variant_is_normal_form(out.get())) return corrupt_value("a GVariant not in normal form");
  g_value_set_variant(v, out.get());
  return Status::ok();
}

Status LeafReader::date_time(GValue *v) {
  uint8_t precision = in_.u8();
  if (precision == 5) {
    int64_t seconds = in_.i64();
    uint32_t micros = in_.u32();
    int64_t offset = in_.i64();
    if (in_.failed() || micros >= 1000000 || offset <= -86400 || offset >= 86400)
      return corrupt_value("bad date and time");
    GDateTime *utc = g_date_time_new_from_unix_utc(seconds);
    if (!utc) return corrupt_value("bad date and time");
    GDateTime *exact = g_date_time_add(utc, micros);
    g_date_time_unref(utc);
    if (!exact) return corrupt_value("bad date and time");
    GTimeZone *zone = g_time_zone_new_offset(static_cast<gint32>(offset));
    GDateTime *local = g_date_time_to_timezone(exact, zone);
    g_time_zone_unref(zone);
    g_date_time_unref(exact);
    if (!local) return corrupt_value("bad date and time");
    g_value_take_boxed(v, gst_date_time_new_from_g_date_time(local));
    return Status::ok();
  }
  if (precision < 1 || precision > 5) return corrupt_value("bad date and time");
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
  if (!good) return corrupt_value("bad date and time");
  GstDateTime *dt =
      gst_date_time_new(static_cast<gfloat>(zone) / 60.0F, year, month, day, hour, minute, -1);
  if (!dt) return corrupt_value("bad date and time");
  g_value_take_boxed(v, dt);
  return Status::ok();
}

}  // namespace

Status read_leaf(ValueType type, ByteReader &in, GValue *value, bool &done) {
  return LeafReader(in).plain(type, value, done);
}

}  // namespace checkpoint
