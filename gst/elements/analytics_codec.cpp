// SPDX-License-Identifier: LGPL-2.1-or-later
// GstAnalyticsRelationMeta: objects, classes, tracks and segments, and how they relate. Built where
// GStreamer has it (1.24).
//
// An entry's id is its place, and regions of interest name objects by it, so an entry of a kind
// that can't be kept leaves an empty one in its place.
#include <gst/analytics/analytics.h>
#include <gst/video/gstvideometa.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "elements/analytics_segments.h"
#include "elements/meta_codecs.h"
#include "elements/value_types.h"

namespace checkpoint {

namespace {

// GStreamer keeps a matrix of one byte for each two entries.
constexpr uint32_t kMaxEntries = 4096;

// Stored: never change or reuse a number.
enum class Kind : uint8_t { kEmpty = 0, kObject = 1, kClasses = 2, kTrack = 3, kSegments = 4 };

constexpr uint32_t kRelations = GST_ANALYTICS_REL_TYPE_IS_PART_OF | GST_ANALYTICS_REL_TYPE_CONTAIN |
#if GST_CHECK_VERSION(1, 26, 0)
                                GST_ANALYTICS_REL_TYPE_N_TO_N |
#endif
                                GST_ANALYTICS_REL_TYPE_RELATE_TO;

Status bad(const char *what) { return bad_meta(kAnalyticsName, what); }

uint32_t entries(GstAnalyticsRelationMeta *meta) {
  return static_cast<uint32_t>(gst_analytics_relation_get_length(meta));
}

// Its `meta` is null where there is none.
GstAnalyticsMtd entry_at(GstAnalyticsRelationMeta *meta, guint id) {
  GstAnalyticsMtd entry{};
  if (id >= entries(meta) ||
      !gst_analytics_relation_meta_get_mtd(meta, id, GST_ANALYTICS_MTD_TYPE_ANY, &entry))
    entry.meta = nullptr;
  return entry;
}

bool is(GstAnalyticsMtd &entry, GstAnalyticsMtdType type) {
  return entry.meta && gst_analytics_mtd_get_mtd_type(&entry) == type;
}
bool is_object(GstAnalyticsMtd &entry) { return is(entry, gst_analytics_od_mtd_get_mtd_type()); }

// Quarks are numbers of this process.
void write_label(GQuark label, ByteWriter &out) {
  const char *text = g_quark_to_string(label);
  out.u8(text ? 1 : 0);
  if (text) out.text(text);
}

GQuark read_label(ByteReader &in) {
  if (in.u8() == 0) return 0;
  const std::string text(in.text());
  if (!is_c_string(text)) in.fail();
  return in.failed() ? 0 : g_quark_from_string(text.c_str());
}

struct Box {
  gint x = 0, y = 0, width = 0, height = 0;
  gfloat rotation = 0, confidence = 0;
};

Box box_of(GstAnalyticsMtd &object) {
  Box box;
#if GST_CHECK_VERSION(1, 26, 0)
  gst_analytics_od_mtd_get_oriented_location(&object, &box.x, &box.y, &box.width, &box.height,
                                             &box.rotation, &box.confidence);
#else
  gst_analytics_od_mtd_get_location(&object, &box.x, &box.y, &box.width, &box.height,
                                    &box.confidence);
#endif
  return box;
}

void write_object(GstAnalyticsMtd &object, ByteWriter &out) {
  const Box box = box_of(object);
  out.u8(static_cast<uint8_t>(Kind::kObject));
  write_label(gst_analytics_od_mtd_get_obj_type(&object), out);
  for (gint n : {box.x, box.y, box.width, box.height}) out.u32(static_cast<uint32_t>(n));
  out.f32(box.rotation);
  out.f32(box.confidence);
}

Status read_object(ByteReader &in, GstAnalyticsRelationMeta *meta, GstAnalyticsMtd *made) {
  const GQuark label = read_label(in);
  Box box;
  for (gint *n : {&box.x, &box.y, &box.width, &box.height}) *n = static_cast<gint>(in.u32());
  box.rotation = in.f32();
  box.confidence = in.f32();
  if (in.failed()) return bad("bad object");
#if GST_CHECK_VERSION(1, 26, 0)
  const bool added = gst_analytics_relation_meta_add_oriented_od_mtd(
      meta, label, box.x, box.y, box.width, box.height, box.rotation, box.confidence, made);
#else
  uint32_t rotation;
  std::memcpy(&rotation, &box.rotation, sizeof rotation);
  if (rotation != 0) return Status(Code::kUnsupported, "a turned object needs GStreamer 1.26");
  const bool added = gst_analytics_relation_meta_add_od_mtd(meta, label, box.x, box.y, box.width,
                                                            box.height, box.confidence, made);
#endif
  return added ? Status::ok() : bad("an object was refused");
}

void write_classes(GstAnalyticsMtd &classes, ByteWriter &out) {
  const auto count = static_cast<uint32_t>(gst_analytics_cls_mtd_get_length(&classes));
  out.u8(static_cast<uint8_t>(Kind::kClasses));
  out.u32(count);
  for (uint32_t i = 0; i < count; i++) {
    out.f32(gst_analytics_cls_mtd_get_level(&classes, i));
    write_label(gst_analytics_cls_mtd_get_quark(&classes, i), out);
  }
}

Status read_classes(ByteReader &in, GstAnalyticsRelationMeta *meta, GstAnalyticsMtd *made) {
  const uint32_t count = in.u32();
  if (count > in.remaining() / 5) return bad("bad classes");
  std::vector<gfloat> levels;
  std::vector<GQuark> labels;
  for (uint32_t i = 0; i < count; i++) {
    levels.push_back(in.f32());
    labels.push_back(read_label(in));
  }
  if (in.failed()) return bad("bad classes");
  // Not null, also when there is none.
  levels.reserve(1);
  labels.reserve(1);
  const bool added =
      gst_analytics_relation_meta_add_cls_mtd(meta, count, levels.data(), labels.data(), made);
  return added ? Status::ok() : bad("classes were refused");
}

void write_track(GstAnalyticsMtd &track, ByteWriter &out) {
  guint64 id = 0;
  GstClockTime first = 0, last = 0;
  gboolean lost = FALSE;
  gst_analytics_tracking_mtd_get_info(&track, &id, &first, &last, &lost);
  out.u8(static_cast<uint8_t>(Kind::kTrack));
  for (uint64_t n : {id, first, last}) out.u64(n);
  out.u8(lost ? 1 : 0);
}

Status read_track(ByteReader &in, GstAnalyticsRelationMeta *meta, GstAnalyticsMtd *made) {
  const uint64_t id = in.u64(), first = in.u64(), last = in.u64();
  const uint8_t lost = in.u8();
  if (in.failed() || lost > 1) return bad("bad track");
  if (!gst_analytics_relation_meta_add_tracking_mtd(meta, id, first, made))
    return bad("a track was refused");
  gst_analytics_tracking_mtd_update_last_seen(made, last);
  if (lost) gst_analytics_tracking_mtd_set_lost(made);
  return Status::ok();
}

// Stands for an entry that could not be kept. Type names are those of other libraries.
constexpr GstAnalyticsMtdImpl kEmptyImpl = {"gst-checkpoint-left-out", nullptr, nullptr, {}};

bool is_empty(GstAnalyticsMtd &entry) {
  return is(entry, reinterpret_cast<GstAnalyticsMtdType>(&kEmptyImpl));
}

Status read_empty(GstAnalyticsRelationMeta *meta, GstAnalyticsMtd *made) {
  gst_analytics_relation_meta_add_mtd(meta, &kEmptyImpl, sizeof(gpointer), made);
  return Status::ok();
}

Status write_entry(GstAnalyticsMtd &entry, MetaWatch &watch, ByteWriter &out) {
  Status status(Code::kUnsupported, "an entry of this kind is not known");
  const size_t at = out.size();
  if (is_object(entry)) {
    write_object(entry, out);
    return Status::ok();
  }
  if (is(entry, gst_analytics_cls_mtd_get_mtd_type())) {
    write_classes(entry, out);
    return Status::ok();
  }
  if (is(entry, gst_analytics_tracking_mtd_get_mtd_type())) {
    write_track(entry, out);
    return Status::ok();
  }
  if (entry.meta && is_segments(entry)) {
    out.u8(static_cast<uint8_t>(Kind::kSegments));
    status = write_segments(entry, watch, out);
    if (!status.is(Code::kUnsupported)) return status;
    out.truncate(at);
  }
  out.u8(static_cast<uint8_t>(Kind::kEmpty));
  if (!entry.meta || is_empty(entry)) return Status::ok();
  std::string name = gst_analytics_mtd_type_get_name(gst_analytics_mtd_get_mtd_type(&entry));
  for (char &c : name)
    if (!g_ascii_isalnum(c) && c != '_') c = '-';
  return watch.left_out("GstAnalyticsRelationMeta/" + name, status.message());
}

Status read_entry(ByteReader &in, GstAnalyticsRelationMeta *meta, GstAnalyticsMtd *made) {
  switch (static_cast<Kind>(in.u8())) {
    case Kind::kEmpty:
      return in.failed() ? bad("cut short") : read_empty(meta, made);
    case Kind::kObject:
      return read_object(in, meta, made);
    case Kind::kClasses:
      return read_classes(in, meta, made);
    case Kind::kTrack:
      return read_track(in, meta, made);
    case Kind::kSegments:
      return read_segments(in, meta, made);
  }
  return bad("unknown entry");
}

std::optional<double> confidence_of(gfloat level) {
  return std::isfinite(level) && level >= 0 ? std::optional<double>(level) : std::nullopt;
}

// The row that queries see. The label is the object's type, else the class with the highest level
// of a classification that the object is related to; the track is that of a related one.
DetectionRow project(GstAnalyticsMtd &object) {
  const Box box = box_of(object);
  DetectionRow row;
  row.source = kAnalyticsName;
  row.x = box.x;
  row.y = box.y;
  row.width = box.width;
  row.height = box.height;
  row.confidence = confidence_of(box.confidence);
  if (const char *type = g_quark_to_string(gst_analytics_od_mtd_get_obj_type(&object)))
    row.label = type;
  const uint32_t count = entries(object.meta);
  for (guint id = 0; id < count && (row.label.empty() || !row.track); id++) {
    if (!gst_analytics_relation_meta_get_relation(object.meta, object.id, id) &&
        !gst_analytics_relation_meta_get_relation(object.meta, id, object.id))
      continue;
    GstAnalyticsMtd other = entry_at(object.meta, id);
    if (row.label.empty() && is(other, gst_analytics_cls_mtd_get_mtd_type())) {
      gfloat highest = -1;
      for (gsize i = 0; i < gst_analytics_cls_mtd_get_length(&other); i++) {
        const gfloat level = gst_analytics_cls_mtd_get_level(&other, i);
        const char *label = g_quark_to_string(gst_analytics_cls_mtd_get_quark(&other, i));
        if (!label || !(level > highest)) continue;
        highest = level;
        row.label = label;
      }
    } else if (!row.track && is(other, gst_analytics_tracking_mtd_get_mtd_type())) {
      guint64 track = 0;
      GstClockTime first = 0, last = 0;
      gboolean lost = FALSE;
      gst_analytics_tracking_mtd_get_info(&other, &track, &first, &last, &lost);
      if (track <= G_MAXINT64) row.track = static_cast<int64_t>(track);
    }
  }
  return row;
}

// Detectors that write an object and a region for the same thing give the region the object's id.
// Others leave the region's at 0, so the id alone says nothing.
bool same_thing(const GstVideoRegionOfInterestMeta &region, GstAnalyticsMtd &object) {
  if (static_cast<guint>(region.id) != object.id ||
      region.roi_type != gst_analytics_od_mtd_get_obj_type(&object))
    return false;
  const Box box = box_of(object);
  auto overlap = [](int64_t a, int64_t a_size, int64_t b, int64_t b_size) {
    return a < b + std::max<int64_t>(b_size, 1) && b < a + std::max<int64_t>(a_size, 1);
  };
  return overlap(region.x, region.w, box.x, box.width) &&
         overlap(region.y, region.h, box.y, box.height);
}

bool is_a_region(GstBuffer *buffer, GstAnalyticsMtd &object) {
  gpointer state = nullptr;
  while (GstMeta *meta = gst_buffer_iterate_meta_filtered(
             buffer, &state, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE))
    if (same_thing(*reinterpret_cast<GstVideoRegionOfInterestMeta *>(meta), object)) return true;
  return false;
}

class AnalyticsCodec final : public MetaCodec {
 public:
  const char *name() const override { return kAnalyticsName; }
  bool can(const GstMeta *meta) const override {
    return meta->info->api == GST_ANALYTICS_RELATION_META_API_TYPE;
  }

  Status serialize(GstBuffer *buffer, const GstMeta *stored, MetaWatch &watch, ByteWriter &out,
                   std::vector<DetectionRow> &detections) const override {
    auto *meta = reinterpret_cast<GstAnalyticsRelationMeta *>(const_cast<GstMeta *>(stored));
    const uint32_t count = entries(meta);
    if (count > kMaxEntries)
      return Status(Code::kUnsupported, std::to_string(count) + " entries are too many");
    out.u8(kMetaBodyVersion);
    out.u32(count);
    for (guint id = 0; id < count; id++) {
      GstAnalyticsMtd entry = entry_at(meta, id);
      CHECKPOINT_RETURN_IF_ERROR(write_entry(entry, watch, out));
      if (is_object(entry) && !is_a_region(buffer, entry)) detections.push_back(project(entry));
    }
    const size_t at = out.size();
    uint32_t relations = 0;
    out.u32(0);
    for (guint from = 0; from < count; from++) {
      for (guint to = 0; to < count; to++) {
        const uint32_t types = gst_analytics_relation_meta_get_relation(meta, from, to);
        if (types == 0) continue;
        for (uint32_t n : {from, to, types}) out.u32(n);
        relations++;
      }
    }
    out.patch_u32(at, relations);
    return Status::ok();
  }

  Status deserialize(GstBuffer *buffer, const StreamCaps &, ByteView body) const override {
    ByteReader in(body);
    CHECKPOINT_RETURN_IF_ERROR(check_body_version(name(), in));
    const uint32_t count = in.u32();
    if (in.failed() || count > kMaxEntries || count > in.remaining()) return bad("cut short");
    if (gst_buffer_get_analytics_relation_meta(buffer)) return bad("there is one already");
    // Room for all, and for some that a filter may add.
    GstAnalyticsRelationMetaInitParams room = {std::max(count, 5u), 1024};
    GstAnalyticsRelationMeta *meta = gst_buffer_add_analytics_relation_meta_full(buffer, &room);
    Status status = fill(meta, count, in);
    if (!status.is_ok()) gst_buffer_remove_meta(buffer, reinterpret_cast<GstMeta *>(meta));
    return status;
  }

 private:
  static Status fill(GstAnalyticsRelationMeta *meta, uint32_t count, ByteReader &in) {
    for (uint32_t id = 0; id < count; id++) {
      GstAnalyticsMtd made{};
      CHECKPOINT_RETURN_IF_ERROR(read_entry(in, meta, &made));
      if (made.id != id) return Status(Code::kInternal, "an entry has another id");
    }
    const uint32_t relations = in.u32();
    if (relations > in.remaining() / 12) return bad("cut short");
    for (uint32_t i = 0; i < relations; i++) {
      const uint32_t from = in.u32(), to = in.u32(), types = in.u32();
      if (from >= count || to >= count || types == 0 || types > UINT8_MAX)
        return bad("bad relation");
      if (types & ~kRelations) return Status(Code::kUnsupported, "a relation of a newer GStreamer");
      if (!gst_analytics_relation_meta_set_relation(meta, static_cast<GstAnalyticsRelTypes>(types),
                                                    from, to))
        return bad("a relation was refused");
    }
    return in.failed() || in.remaining() > 0 ? bad("bytes left over") : Status::ok();
  }
};

}  // namespace

void complete_from_object(GstBuffer *buffer, const GstVideoRegionOfInterestMeta &region,
                          DetectionRow &row) {
  GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta(buffer);
  if (!meta || region.id < 0) return;
  GstAnalyticsMtd object = entry_at(meta, static_cast<guint>(region.id));
  if (!is_object(object) || !same_thing(region, object)) return;
  const DetectionRow other = project(object);
  if (row.label.empty()) row.label = other.label;
  if (!row.confidence) row.confidence = other.confidence;
  if (!row.track) row.track = other.track;
}

const MetaCodec &analytics_codec() {
  static const AnalyticsCodec codec;
  return codec;
}

}  // namespace checkpoint
