// SPDX-License-Identifier: LGPL-2.1-or-later
#include <cmath>
#include <optional>
#include <string>

#include "elements/enum_bits.h"
#include "elements/structure_codec.h"
#include "elements/value_types.h"

namespace checkpoint {

namespace {

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
  Status boxed(ValueType type, GValue *v, unsigned depth);
  Status values(GValue *v, unsigned depth);
  Result<BufferPtr> buffer();
  Status sample(GValue *v, unsigned depth);

  ByteReader &in_;
};

Status too_deep(unsigned depth) {
  return depth > kMaxValueDepth ? corrupt_value("nested too deep") : Status::ok();
}

Result<StructurePtr> ValueReader::structure(unsigned depth) {
  CHECKPOINT_RETURN_IF_ERROR(too_deep(depth));
  std::string name(in_.text());
  uint32_t fields = in_.u32();
  if (in_.failed() || !is_structure_name(name)) return corrupt_value("bad name");
  if (fields > kMaxStructureFields) return corrupt_value("too many fields");
  StructurePtr s(gst_structure_new_empty(name.c_str()));
  for (uint32_t i = 0; i < fields; i++) {
    std::string field(in_.text());
    if (in_.failed() || field.empty() || !is_c_string(field))
      return corrupt_value("bad field name");
    ScopedValue v;
    CHECKPOINT_RETURN_IF_ERROR(value(&v.v, depth));
    // What GStreamer would refuse with a warning and leave out.
    if (G_VALUE_HOLDS_STRING(&v.v)) {
      const char *text = g_value_get_string(&v.v);
      if (text && !g_utf8_validate(text, -1, nullptr))
        return corrupt_value("text that is no UTF-8");
      if (name == "taglist" && (!text || !*text)) return corrupt_value("an empty tag");
    }
    if (name == "taglist" && G_VALUE_HOLDS(&v.v, G_TYPE_DATE) && !g_value_get_boxed(&v.v))
      return corrupt_value("an empty tag");
    if (gst_structure_has_field(s.get(), field.c_str())) return corrupt_value("a field twice");
    gst_structure_take_value(s.get(), field.c_str(), &v.v);
    v.v = G_VALUE_INIT;
  }
  return s;
}

Status ValueReader::value(GValue *v, unsigned depth) {
  auto type = static_cast<ValueType>(in_.u8());
  if (in_.failed()) return corrupt_value("cut short");
  bool done = false;
  CHECKPOINT_RETURN_IF_ERROR(read_leaf(type, in_, v, done));
  if (!done) CHECKPOINT_RETURN_IF_ERROR(boxed(type, v, depth + 1));
  return in_.failed() ? corrupt_value("cut short") : Status::ok();
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
    default:
      return corrupt_value("a value of unknown type");
  }
}

Status ValueReader::values(GValue *v, unsigned depth) {
  uint32_t n = in_.u32();
  bool list = GST_VALUE_HOLDS_LIST(v);
  for (uint32_t i = 0; i < n; i++) {
    ScopedValue element;
    CHECKPOINT_RETURN_IF_ERROR(value(&element.v, depth));
    if (!may_stand_together(v, &element.v)) return corrupt_value("a list of mixed types");
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
    if (in_.failed()) return corrupt_value("cut short");
    if (n_features > kMaxStructureFields) return corrupt_value("too many caps features");
    FeaturesPtr features(any ? gst_caps_features_new_any() : gst_caps_features_new_empty(),
                         gst_caps_features_free);
    for (uint32_t f = 0; f < n_features; f++) {
      std::string name(in_.text());
      if (in_.failed() || any || !is_caps_feature(name)) return corrupt_value("bad caps feature");
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
  if (tags > kMaxStructureFields) return corrupt_value("too many tags");
  for (uint32_t i = 0; i < tags; i++) {
    std::string name(in_.text());
    uint32_t n = in_.u32();
    if (in_.failed() || !is_structure_name(name)) return corrupt_value("bad tag name");
    if (n > kMaxTagValues) return corrupt_value("too many values of a tag");
    if (gst_tag_list_get_tag_size(out.get(), name.c_str()) > 0) return corrupt_value("a tag twice");
    // Merged one by one they would be compared, which not every type can be.
    ScopedValue all;
    g_value_init(&all.v, GST_TYPE_LIST);
    for (uint32_t k = 0; k < n; k++) {
      ScopedValue v;
      CHECKPOINT_RETURN_IF_ERROR(value(&v.v, depth));
      const GType t = G_VALUE_TYPE(&v.v);
      if (t == G_TYPE_STRING) {
        const char *text = g_value_get_string(&v.v);
        if (!text || !*text || !g_utf8_validate(text, -1, nullptr))
          return corrupt_value("an empty tag");
      } else if (t == G_TYPE_DATE && !g_value_get_boxed(&v.v)) {
        return corrupt_value("an empty tag");
      }
      // A tag of a plugin that is not loaded here.
      if (!gst_tag_exists(name.c_str()))
        gst_tag_register(name.c_str(), GST_TAG_FLAG_META, t, name.c_str(), name.c_str(),
                         gst_tag_merge_use_first);
      if (gst_tag_get_type(name.c_str()) != t) return corrupt_value("a tag of another type");
      gst_value_list_append_value(&all.v, &v.v);
    }
    if (n == 0) continue;
    const bool one = n == 1 || gst_tag_is_fixed(name.c_str());
    gst_tag_list_add_value(out.get(), GST_TAG_MERGE_APPEND, name.c_str(),
                           one ? gst_value_list_get_value(&all.v, 0) : &all.v);
  }
  return out;
}

Result<GstSegment> ValueReader::segment() {
  GstSegment s;
  gst_segment_init(&s, GST_FORMAT_UNDEFINED);
  uint8_t format = in_.u8();
  if (format == 255) {
    std::string nick(in_.text());
    if (in_.failed() || !is_structure_name(nick)) return corrupt_value("bad format");
    auto number = static_cast<uint32_t>(gst_format_get_by_nick(nick.c_str()));
    if (number == GST_FORMAT_UNDEFINED)
      number = static_cast<uint32_t>(gst_format_register(nick.c_str(), nick.c_str()));
    set_enum_bits(s.format, number);
  } else if (format > GST_FORMAT_PERCENT) {
    return corrupt_value("bad format");
  } else {
    s.format = static_cast<GstFormat>(format);
  }
  set_enum_bits(s.flags, in_.u32());
  s.rate = in_.f64();
  s.applied_rate = in_.f64();
  for (guint64 *n : {&s.base, &s.offset, &s.start, &s.stop, &s.time, &s.position, &s.duration})
    *n = in_.u64();
  if (in_.failed()) return corrupt_value("cut short");
  if (!std::isfinite(s.rate) || s.rate == 0 || !std::isfinite(s.applied_rate) ||
      s.applied_rate == 0)
    return corrupt_value("bad rate");
  return s;
}

Result<BufferPtr> ValueReader::buffer() {
  uint64_t times[5];
  for (uint64_t &n : times) n = in_.u64();
  uint32_t flags = in_.u32();
  ByteView bytes = in_.blob();
  if (in_.failed()) return corrupt_value("cut short");
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
  if (in.remaining() > 0) return corrupt_value("bytes left over");
  return s;
}

}  // namespace checkpoint
