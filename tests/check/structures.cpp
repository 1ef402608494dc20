// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gst/video/video.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "elements/event_codec.h"
#include "elements/lineage.h"
#include "elements/structure_codec.h"
#include "support/check.h"
#include "support/leak_pause.h"

using namespace checkpoint;

namespace {

// Are they the same, bit for bit? Not through the code under test.
bool same(const GstStructure *a, const GstStructure *b);
bool same(const GValue *a, const GValue *b) {
  GType t = G_VALUE_TYPE(a);
  if (t != G_VALUE_TYPE(b)) return false;
  if (t == GST_TYPE_LIST || t == GST_TYPE_ARRAY) {
    bool list = t == GST_TYPE_LIST;
    guint n = list ? gst_value_list_get_size(a) : gst_value_array_get_size(a);
    if (n != (list ? gst_value_list_get_size(b) : gst_value_array_get_size(b))) return false;
    for (guint i = 0; i < n; i++)
      if (!same(list ? gst_value_list_get_value(a, i) : gst_value_array_get_value(a, i),
                list ? gst_value_list_get_value(b, i) : gst_value_array_get_value(b, i)))
        return false;
    return true;
  }
  if (t == G_TYPE_DOUBLE || t == G_TYPE_FLOAT) {
    double x = t == G_TYPE_DOUBLE ? g_value_get_double(a) : g_value_get_float(a);
    double y = t == G_TYPE_DOUBLE ? g_value_get_double(b) : g_value_get_float(b);
    return memcmp(&x, &y, sizeof x) == 0;
  }
  if (t == G_TYPE_VARIANT) {
    GVariant *x = g_value_get_variant(a), *y = g_value_get_variant(b);
    return (!x && !y) || (x && y && g_variant_equal(x, y));
  }
  if (t == G_TYPE_CHAR) return g_value_get_schar(a) == g_value_get_schar(b);
  if (G_TYPE_IS_ENUM(t)) return g_value_get_enum(a) == g_value_get_enum(b);
  if (t == G_TYPE_GTYPE) return g_value_get_gtype(a) == g_value_get_gtype(b);
  if (G_TYPE_IS_BOXED(t)) {
    gpointer x = g_value_get_boxed(a), y = g_value_get_boxed(b);
    if (!x || !y) return x == y;
    if (t == GST_TYPE_STRUCTURE)
      return same(static_cast<GstStructure *>(x), static_cast<GstStructure *>(y));
    if (t == GST_TYPE_CAPS)
      return gst_caps_is_strictly_equal(static_cast<GstCaps *>(x), static_cast<GstCaps *>(y));
    if (t == G_TYPE_BYTES) return g_bytes_equal(x, y);
    if (t == G_TYPE_STRV) return g_strv_equal(static_cast<gchar **>(x), static_cast<gchar **>(y));
    if (t == GST_TYPE_BUFFER) {
      auto *p = static_cast<GstBuffer *>(x), *q = static_cast<GstBuffer *>(y);
      GstMapInfo map;
      if (!gst_buffer_map(p, &map, GST_MAP_READ)) return false;
      bool equal = gst_buffer_get_size(q) == map.size &&
                   (map.size == 0 || gst_buffer_memcmp(q, 0, map.data, map.size) == 0) &&
                   GST_BUFFER_PTS(p) == GST_BUFFER_PTS(q) &&
                   GST_BUFFER_OFFSET(p) == GST_BUFFER_OFFSET(q);
      gst_buffer_unmap(p, &map);
      return equal;
    }
  }
  return gst_value_compare(a, b) == GST_VALUE_EQUAL;
}
bool same(const GstStructure *a, const GstStructure *b) {
  if (strcmp(gst_structure_get_name(a), gst_structure_get_name(b)) != 0) return false;
  if (gst_structure_n_fields(a) != gst_structure_n_fields(b)) return false;
  for (gint i = 0; i < gst_structure_n_fields(a); i++) {
    const char *field = gst_structure_nth_field_name(a, static_cast<guint>(i));
    const GValue *other = gst_structure_get_value(b, field);
    if (!other || strcmp(field, gst_structure_nth_field_name(b, static_cast<guint>(i))) != 0 ||
        !same(gst_structure_get_value(a, field), other)) {
      g_printerr("field %s differs\n", field);
      return false;
    }
  }
  return true;
}

StructurePtr again(const GstStructure *s) {
  auto bytes = encode_structure(s);
  ck_assert_msg(bytes.is_ok(), "%s", bytes.status().to_string().c_str());
  auto parsed = parse_structure(*bytes);
  ck_assert_msg(parsed.is_ok(), "%s", parsed.status().to_string().c_str());
  return std::move(*parsed);
}

void set(GstStructure *s, const char *field, GType type, auto setter) {
  GValue v = G_VALUE_INIT;
  g_value_init(&v, type);
  setter(&v);
  gst_structure_take_value(s, field, &v);
}

StructurePtr everything() {
  StructurePtr out(gst_structure_new(
      "every/thing:x.y-z", "int-min", G_TYPE_INT, G_MININT, "int-max", G_TYPE_INT, G_MAXINT,
      "uint-max", G_TYPE_UINT, G_MAXUINT, "int64-min", G_TYPE_INT64, G_MININT64, "int64-max",
      G_TYPE_INT64, G_MAXINT64, "uint64-max", G_TYPE_UINT64, G_MAXUINT64, "long-min", G_TYPE_LONG,
      G_MINLONG, "ulong-max", G_TYPE_ULONG, G_MAXULONG, "true", G_TYPE_BOOLEAN, TRUE, "false",
      G_TYPE_BOOLEAN, FALSE, "nan", G_TYPE_DOUBLE, std::nan("0x1234"), "inf", G_TYPE_DOUBLE,
      -std::numeric_limits<double>::infinity(), "minus-zero", G_TYPE_DOUBLE, -0.0, "denormal",
      G_TYPE_DOUBLE, std::numeric_limits<double>::denorm_min(), "float", G_TYPE_FLOAT, 0.1,
      "float-nan", G_TYPE_FLOAT, std::nan(""), "string", G_TYPE_STRING,
      "a \"b\"; größe \xf0\x9f\x98\x80 \x01\n\\", "empty", G_TYPE_STRING, "", "null", G_TYPE_STRING,
      nullptr, "fraction", GST_TYPE_FRACTION, -G_MAXINT, 2, "bitmask", GST_TYPE_BITMASK,
      G_MAXUINT64, "enum", GST_TYPE_VIDEO_INTERLACE_MODE, GST_VIDEO_INTERLACE_MODE_MIXED, "flags",
      GST_TYPE_SEEK_FLAGS, GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE, "a field; with=odd name",
      G_TYPE_INT, 1, "größe", G_TYPE_INT, 2, nullptr));
  GstStructure *s = out.get();
  set(s, "char", G_TYPE_CHAR, [](GValue *v) { g_value_set_schar(v, -128); });
  set(s, "uchar", G_TYPE_UCHAR, [](GValue *v) { g_value_set_uchar(v, 255); });
  set(s, "unknown-enum", GST_TYPE_VIDEO_FORMAT, [](GValue *v) { g_value_set_enum(v, 123456); });
  set(s, "flagset", GST_TYPE_VIDEO_MULTIVIEW_FLAGSET,
      [](GValue *v) { gst_value_set_flagset(v, 3, 0xffffffff); });
  set(s, "int-range", GST_TYPE_INT_RANGE,
      [](GValue *v) { gst_value_set_int_range_step(v, -6, G_MAXINT - 1, 3 - 2); });
  set(s, "int64-range", GST_TYPE_INT64_RANGE,
      [](GValue *v) { gst_value_set_int64_range_step(v, -10, G_MAXINT64 - 7, 5); });
  set(s, "double-range", GST_TYPE_DOUBLE_RANGE,
      [](GValue *v) { gst_value_set_double_range(v, -1e300, 0.1); });
  set(s, "fraction-range", GST_TYPE_FRACTION_RANGE,
      [](GValue *v) { gst_value_set_fraction_range_full(v, 0, 1, G_MAXINT, 1); });
  set(s, "gtype", G_TYPE_GTYPE, [](GValue *v) { g_value_set_gtype(v, GST_TYPE_ELEMENT); });
  set(s, "no-gtype", G_TYPE_GTYPE, [](GValue *) {});
  set(s, "date", G_TYPE_DATE,
      [](GValue *v) { g_value_take_boxed(v, g_date_new_dmy(29, G_DATE_FEBRUARY, 2024)); });
  set(s, "no-date", G_TYPE_DATE, [](GValue *) {});
  set(s, "strv", G_TYPE_STRV, [](GValue *v) {
    const char *strings[] = {"a", "", "größe", nullptr};
    g_value_set_boxed(v, strings);
  });
  set(s, "empty-strv", G_TYPE_STRV, [](GValue *v) {
    const char *strings[] = {nullptr};
    g_value_set_boxed(v, strings);
  });
  set(s, "bytes", G_TYPE_BYTES, [](GValue *v) { g_value_take_boxed(v, g_bytes_new("a\0b", 3)); });
  set(s, "empty-bytes", G_TYPE_BYTES, [](GValue *v) { g_value_take_boxed(v, g_bytes_new("", 0)); });
  set(s, "no-bytes", G_TYPE_BYTES, [](GValue *) {});
  set(s, "variant", G_TYPE_VARIANT, [](GValue *v) {
    g_value_set_variant(
        v, g_variant_new_parsed("{'tensor': <[1.5, nan]>, 'deep': <(1, @mi nothing, b'x')>}"));
  });
  set(s, "byte-array", G_TYPE_VARIANT, [](GValue *v) {
    static const guint8 bytes[] = {0, 1, 255};
    g_value_set_variant(v, g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, bytes, 3, 1));
  });
  set(s, "no-variant", G_TYPE_VARIANT, [](GValue *) {});
  set(s, "buffer", GST_TYPE_BUFFER, [](GValue *v) {
    GstBuffer *b = gst_buffer_new_memdup("payload", 7);
    GST_BUFFER_PTS(b) = 7;
    GST_BUFFER_OFFSET(b) = G_MAXUINT64 - 1;
    g_value_take_boxed(v, b);
  });
  set(s, "empty-buffer", GST_TYPE_BUFFER,
      [](GValue *v) { g_value_take_boxed(v, gst_buffer_new()); });
  set(s, "caps", GST_TYPE_CAPS, [](GValue *v) {
    g_value_take_boxed(
        v, gst_caps_from_string("video/x-raw(memory:D3D11Memory, meta:GstVideoOverlayComposition),"
                                "format={I420,NV12},width=[3,99,3]; audio/x-raw; x/y(ANY)"));
  });
  set(s, "any", GST_TYPE_CAPS, [](GValue *v) { g_value_take_boxed(v, gst_caps_new_any()); });
  set(s, "none", GST_TYPE_CAPS, [](GValue *v) { g_value_take_boxed(v, gst_caps_new_empty()); });
  set(s, "no-caps", GST_TYPE_CAPS, [](GValue *) {});
  set(s, "array", GST_TYPE_ARRAY, [](GValue *v) {
    for (int i = 0; i < 3; i++) {
      GValue row = G_VALUE_INIT;
      g_value_init(&row, GST_TYPE_ARRAY);
      for (int k = 0; k < i; k++) {
        GValue e = G_VALUE_INIT;
        g_value_set_int(g_value_init(&e, G_TYPE_INT), i * 10 + k);
        gst_value_array_append_and_take_value(&row, &e);
      }
      gst_value_array_append_and_take_value(v, &row);
    }
  });
  set(s, "list", GST_TYPE_LIST, [](GValue *v) {
    GValue e = G_VALUE_INIT;
    g_value_set_int(g_value_init(&e, G_TYPE_INT), 1);
    gst_value_list_append_and_take_value(v, &e);
    g_value_init(&e, GST_TYPE_INT_RANGE);
    gst_value_set_int_range(&e, 5, 9);
    gst_value_list_append_and_take_value(v, &e);
  });
  set(s, "empty-list", GST_TYPE_LIST, [](GValue *) {});
  set(s, "structure", GST_TYPE_STRUCTURE, [](GValue *v) {
    StructurePtr inner(gst_structure_new("inner", "x", G_TYPE_INT, 1, nullptr));
    StructurePtr outer(gst_structure_new("outer", "in", GST_TYPE_STRUCTURE, inner.get(), nullptr));
    g_value_set_boxed(v, outer.get());
  });
  set(s, "empty-structure", GST_TYPE_STRUCTURE,
      [](GValue *v) { g_value_take_boxed(v, gst_structure_new_empty("nothing")); });
  set(s, "no-structure", GST_TYPE_STRUCTURE, [](GValue *) {});
  for (const char *text : {"2024", "2024-02", "2024-02-29", "2024-02-29T23:59+05:30",
                           "2024-02-29T23:59:58Z", "1969-12-31T23:59:59-0945"}) {
    set(s, (std::string("date ") + text).c_str(), GST_TYPE_DATE_TIME, [&](GValue *v) {
      GstDateTime *dt = gst_date_time_new_from_iso8601_string(text);
      ck_assert_msg(dt != nullptr, "%s", text);
      g_value_take_boxed(v, dt);
    });
  }
  set(s, "date micros", GST_TYPE_DATE_TIME, [](GValue *v) {
    g_value_take_boxed(v, gst_date_time_new(-3.5, 2001, 9, 9, 1, 46, 40.123457));
  });
  set(s, "tags", GST_TYPE_TAG_LIST, [](GValue *v) {
    g_value_take_boxed(v, gst_tag_list_new(GST_TAG_TITLE, "größe", GST_TAG_ARTIST, "a",
                                           GST_TAG_ARTIST, "b", GST_TAG_BITRATE, 7u, nullptr));
  });
  return out;
}

struct NotKnown {
  int x;
};
gpointer not_known_copy(gpointer p) { return g_memdup2(p, sizeof(NotKnown)); }

}  // namespace

GST_START_TEST(g13_every_type_of_value_comes_back) {
  StructurePtr s = everything();
  StructurePtr back = again(s.get());
  ck_assert(same(s.get(), back.get()));
  StructurePtr empty(gst_structure_new_empty("e"));
  ck_assert(same(empty.get(), again(empty.get()).get()));
  GstDateTime *micros = nullptr;
  gst_structure_get(back.get(), "date micros", GST_TYPE_DATE_TIME, &micros, nullptr);
  ck_assert_int_eq(gst_date_time_get_microsecond(micros), 123457);
  ck_assert(gst_date_time_get_time_zone_offset(micros) == -3.5F);
  gst_date_time_unref(micros);
}
GST_END_TEST

GST_START_TEST(g13_what_can_not_be_stored_is_refused_by_name) {
  auto refusal = [](GstStructure *s) {
    auto bytes = encode_structure(s);
    ck_assert(bytes.status().is(Code::kUnsupported));
    return bytes.status().message();
  };
  StructurePtr pointer(gst_structure_new("s", "data", G_TYPE_POINTER, &not_known_copy, nullptr));
  ck_assert(refusal(pointer.get()).find("s.data: a gpointer") == 0);
  GstElement *element = gst_element_factory_make("identity", nullptr);
  StructurePtr object(gst_structure_new("s", "e", GST_TYPE_ELEMENT, element, nullptr));
  ck_assert(refusal(object.get()).find("GstElement") != std::string::npos);
  gst_object_unref(element);
  GType boxed = g_boxed_type_register_static("CheckNotKnown", not_known_copy, g_free);
  NotKnown n{1};
  StructurePtr inner(gst_structure_new("in", "n", boxed, &n, nullptr));
  StructurePtr nested(gst_structure_new("out", "s", GST_TYPE_STRUCTURE, inner.get(), nullptr));
  ck_assert(refusal(nested.get()).find("out.s: in.n: a CheckNotKnown") == 0);

  StructurePtr unset(gst_structure_new_empty("s"));
  set(unset.get(), "r", GST_TYPE_FRACTION_RANGE, [](GValue *) {});
  ck_assert(refusal(unset.get()).find("s.r: a GstFractionRange") == 0);

  // Nesting as deep as is allowed, and one deeper.
  StructurePtr deep(gst_structure_new_empty("s"));
  for (unsigned i = 0; i < kMaxValueDepth; i++) {
    StructurePtr around(gst_structure_new("s", "s", GST_TYPE_STRUCTURE, deep.get(), nullptr));
    deep = std::move(around);
  }
  ck_assert(same(deep.get(), again(deep.get()).get()));
  StructurePtr deeper(gst_structure_new("s", "s", GST_TYPE_STRUCTURE, deep.get(), nullptr));
  ck_assert(refusal(deeper.get()).find("deeper") != std::string::npos);
}
GST_END_TEST

GST_START_TEST(a_type_that_this_process_does_not_know) {
  StructurePtr s(gst_structure_new("s", "e", GST_TYPE_VIDEO_FORMAT, 1, nullptr));
  Bytes bytes = *encode_structure(s.get());
  std::string text(as_text(bytes));
  std::string name = g_type_name(GST_TYPE_VIDEO_FORMAT);
  text.replace(text.find(name), name.size(), std::string(name.size(), 'Q'));
  auto parsed = parse_structure(as_bytes(text));
  ck_assert(parsed.status().is(Code::kUnsupported));
  ck_assert(parsed.status().message().find(std::string(name.size(), 'Q')) != std::string::npos);
}
GST_END_TEST

GST_START_TEST(g34_any_bytes_for_structures) {
  LeakPause pause;
  Bytes good = *encode_structure(everything().get());
  ck_assert(parse_structure(good).is_ok());
  // Cut short anywhere.
  for (size_t n = 0; n < good.size(); n++)
    ck_assert(!parse_structure(ByteView(good).first(n)).is_ok());
  // Any byte changed, then several.
  std::mt19937 rng(3);
  for (int i = 0; i < 30000; i++) {
    Bytes bad = good;
    size_t changes = 1 + rng() % 4;
    for (size_t k = 0; k < changes; k++) bad[rng() % bad.size()] = static_cast<std::byte>(rng());
    auto parsed = parse_structure(bad);
    if (parsed.is_ok()) encode_structure(parsed->get()).is_ok();
  }
  // Noise behind a good beginning.
  for (int i = 0; i < 30000; i++) {
    ByteWriter w;
    w.text("s");
    w.u32(1 + rng() % 3);
    w.text("f");
    w.u8(static_cast<uint8_t>(1 + rng() % 36));
    size_t n = rng() % 60;
    for (size_t k = 0; k < n; k++) w.u8(static_cast<uint8_t>(rng() % 3 ? rng() % 6 : rng()));
    auto parsed = parse_structure(w.bytes());
    if (parsed.is_ok()) encode_structure(parsed->get()).is_ok();
  }
}
GST_END_TEST

// --- events

GST_START_TEST(g13_events_come_back) {
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_BYTES);
  segment.flags = static_cast<GstSegmentFlags>(GST_SEGMENT_FLAG_RESET | GST_SEGMENT_FLAG_TRICKMODE);
  segment.rate = -1.5;
  segment.applied_rate = 0.25;
  segment.base = G_MAXUINT64 - 1;
  segment.offset = 2;
  segment.start = 3;
  segment.stop = G_MAXUINT64;
  segment.time = 5;
  segment.position = 6;
  segment.duration = 7;
  GstFormat own = gst_format_register("check-lines", "lines");
  for (GstFormat format : {GST_FORMAT_TIME, GST_FORMAT_BYTES, GST_FORMAT_DEFAULT, own}) {
    segment.format = format;
    EventPtr event(gst_event_new_segment(&segment));
    auto stored = encode_event(event.get());
    ck_assert(stored.is_ok() && stored->has_value() && (*stored)->type == "segment");
    auto back = decode_event((*stored)->type, (*stored)->body);
    ck_assert(back.is_ok());
    const GstSegment *s = nullptr;
    gst_event_parse_segment(back->get(), &s);
    ck_assert(s->flags == segment.flags && s->rate == segment.rate && s->format == format);
    ck_assert(s->applied_rate == segment.applied_rate && s->base == segment.base);
    ck_assert(s->offset == 2 && s->start == 3 && s->stop == G_MAXUINT64 && s->time == 5);
    ck_assert(s->position == 6 && s->duration == 7);
  }

  GstTagList *tags = gst_tag_list_new(GST_TAG_TITLE, "größe", GST_TAG_ARTIST, "a", GST_TAG_ARTIST,
                                      "b", GST_TAG_TRACK_GAIN, 0.1, nullptr);
  gst_tag_list_set_scope(tags, GST_TAG_SCOPE_GLOBAL);
  CapsPtr image_caps(gst_caps_from_string("image/jpeg,width=3"));
  BufferPtr image(gst_buffer_new_memdup("jpeg", 4));
  GstSample *sample = gst_sample_new(image.get(), image_caps.get(), nullptr, nullptr);
  GstDateTime *date = gst_date_time_new_y(1999);
  gst_tag_list_add(tags, GST_TAG_MERGE_APPEND, GST_TAG_IMAGE, sample, GST_TAG_DATE_TIME, date,
                   nullptr);
  gst_sample_unref(sample);
  gst_date_time_unref(date);
  EventPtr tag(gst_event_new_tag(gst_tag_list_ref(tags)));
  auto stored = encode_event(tag.get());
  ck_assert_msg(stored.is_ok() && stored->has_value(), "%s", stored.status().to_string().c_str());
  auto back = decode_event((*stored)->type, (*stored)->body);
  ck_assert_msg(back.is_ok(), "%s", back.status().to_string().c_str());
  GstTagList *got = nullptr;
  gst_event_parse_tag(back->get(), &got);
  ck_assert(gst_tag_list_get_scope(got) == GST_TAG_SCOPE_GLOBAL);
  ck_assert_int_eq(gst_tag_list_n_tags(got), gst_tag_list_n_tags(tags));
  ck_assert_uint_eq(gst_tag_list_get_tag_size(got, GST_TAG_ARTIST), 2);
  GstSample *cover = nullptr;
  ck_assert(gst_tag_list_get_sample(got, GST_TAG_IMAGE, &cover));
  ck_assert(gst_buffer_memcmp(gst_sample_get_buffer(cover), 0, "jpeg", 4) == 0);
  ck_assert(gst_caps_is_equal(gst_sample_get_caps(cover), image_caps.get()));
  gst_sample_unref(cover);
  gst_tag_list_unref(tags);

  EventPtr gap(gst_event_new_gap(7, GST_CLOCK_TIME_NONE));
  gst_event_set_gap_flags(gap.get(), GST_GAP_FLAG_MISSING_DATA);
  stored = encode_event(gap.get());
  ck_assert(stored.is_ok() && stored->has_value());
  back = decode_event((*stored)->type, (*stored)->body);
  ck_assert(back.is_ok());
  GstClockTime at, duration;
  GstGapFlags flags;
  gst_event_parse_gap(back->get(), &at, &duration);
  gst_event_parse_gap_flags(back->get(), &flags);
  ck_assert(at == 7 && duration == GST_CLOCK_TIME_NONE && flags == GST_GAP_FLAG_MISSING_DATA);

  for (GstEventType type :
       {GST_EVENT_CUSTOM_DOWNSTREAM, GST_EVENT_CUSTOM_DOWNSTREAM_STICKY, GST_EVENT_CUSTOM_BOTH}) {
    EventPtr custom(gst_event_new_custom(type, everything().release()));
    stored = encode_event(custom.get());
    ck_assert(stored.is_ok() && stored->has_value());
    back = decode_event((*stored)->type, (*stored)->body);
    ck_assert(back.is_ok() && GST_EVENT_TYPE(back->get()) == type);
    ck_assert(same(gst_event_get_structure(custom.get()), gst_event_get_structure(back->get())));
  }
  BufferPtr key(gst_buffer_new_memdup("key", 3));
  EventPtr events[] = {EventPtr(gst_event_new_flush_stop(TRUE)),
                       EventPtr(gst_event_new_buffer_size(GST_FORMAT_TIME, -1, 5, TRUE)),
                       EventPtr(gst_event_new_protection("system", key.get(), "origin")),
                       EventPtr(gst_event_new_protection("system", key.get(), nullptr))};
  for (EventPtr &event : events) {
    stored = encode_event(event.get());
    ck_assert(stored.is_ok() && stored->has_value());
    back = decode_event((*stored)->type, (*stored)->body);
    ck_assert_msg(back.is_ok(), "%s", back.status().to_string().c_str());
    ck_assert(GST_EVENT_TYPE(back->get()) == GST_EVENT_TYPE(event.get()));
    ck_assert(same(gst_event_get_structure(event.get()), gst_event_get_structure(back->get())));
  }
}
GST_END_TEST

GST_START_TEST(events_that_are_no_content) {
  CapsPtr caps(gst_caps_from_string("video/x-raw"));
  EventPtr none[] = {
      EventPtr(gst_event_new_eos()),
      EventPtr(gst_event_new_stream_start("id")),
      EventPtr(gst_event_new_caps(caps.get())),
      EventPtr(gst_event_new_flush_start()),
      EventPtr(gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM_OOB, gst_structure_new_empty("x"))),
      make_lineage_event({"job", Uuid::random(), "stage", 0, "", {}}),
      make_boundary_event({"a", "b", 1, ""})};
  for (EventPtr &event : none) {
    auto stored = encode_event(event.get());
    ck_assert(stored.is_ok() && !stored->has_value());
  }
  // And none of ours comes in through a pack that somebody else made.
  ByteWriter w;
  w.u8(1);
  w.u8(1);
  StructurePtr s(gst_structure_new_empty("gst-checkpoint-lineage"));
  ck_assert(write_structure(s.get(), w).is_ok());
  ck_assert(decode_event("custom-downstream-sticky", w.bytes()).status().is(Code::kCorrupt));
  // Content that has no codec is refused by name.
  GstMessage *message = gst_message_new_eos(nullptr);
  EventPtr event(gst_event_new_sink_message("later", message));
  gst_message_unref(message);
  auto refused = encode_event(event.get());
  ck_assert(refused.status().is(Code::kUnsupported));
  ck_assert(refused.status().message().find("sink-message") != std::string::npos);
}
GST_END_TEST

GST_START_TEST(g34_any_bytes_for_events) {
  LeakPause pause;
  std::mt19937 rng(5);
  std::vector<StoredEvent> good;
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  BufferPtr key(gst_buffer_new_memdup("key", 3));
  EventPtr events[] = {
      EventPtr(gst_event_new_segment(&segment)),
      EventPtr(
          gst_event_new_tag(gst_tag_list_new(GST_TAG_TITLE, "t", GST_TAG_BITRATE, 7u, nullptr))),
      EventPtr(gst_event_new_gap(1, 2)),
      EventPtr(gst_event_new_flush_stop(TRUE)),
      EventPtr(gst_event_new_buffer_size(GST_FORMAT_TIME, -1, 5, TRUE)),
      EventPtr(gst_event_new_protection("system", key.get(), "origin")),
      EventPtr(gst_event_new_custom(GST_EVENT_CUSTOM_BOTH, gst_structure_new_empty("x")))};
  for (EventPtr &event : events) good.push_back(**encode_event(event.get()));
  for (int i = 0; i < 30000; i++) {
    const StoredEvent &stored = good[rng() % good.size()];
    Bytes body = stored.body;
    for (size_t k = 1 + rng() % 3; k > 0; k--)
      body[rng() % body.size()] = static_cast<std::byte>(rng());
    if (rng() % 4 == 0) body.resize(rng() % (body.size() + 1));
    auto event = decode_event(stored.type, body);
    if (event.is_ok()) ck_assert(event->get() != nullptr);
  }
  ck_assert(decode_event("eos", good[0].body).status().is(Code::kUnsupported));
}
GST_END_TEST

static Suite *structures_suite() {
  Suite *suite = suite_create("structures");
  TCase *tc = tcase_create("structures");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g13_every_type_of_value_comes_back);
  tcase_add_test(tc, g13_what_can_not_be_stored_is_refused_by_name);
  tcase_add_test(tc, a_type_that_this_process_does_not_know);
  tcase_add_test(tc, g34_any_bytes_for_structures);
  tcase_add_test(tc, g13_events_come_back);
  tcase_add_test(tc, events_that_are_no_content);
  tcase_add_test(tc, g34_any_bytes_for_events);
  return suite;
}
GST_CHECK_MAIN(structures);
