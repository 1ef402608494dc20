// SPDX-License-Identifier: LGPL-2.1-or-later
// Regions of interest, as detectors attach them, with all their params.
#include <gst/video/gstvideometa.h>

#include <cmath>
#include <cstring>
#include <memory>

#include "elements/meta_codecs.h"
#include "elements/structure_codec.h"

namespace checkpoint {

namespace {

constexpr const char *kType = "GstVideoRegionOfInterestMeta";
constexpr uint32_t kMaxParams = 65536;

std::optional<double> number_field(const GstStructure *s, const char *name) {
  const GValue *v = gst_structure_get_value(s, name);
  if (!v || !g_value_type_transformable(G_VALUE_TYPE(v), G_TYPE_DOUBLE) || G_VALUE_HOLDS_STRING(v))
    return std::nullopt;
  GValue number = G_VALUE_INIT;
  g_value_init(&number, G_TYPE_DOUBLE);
  std::optional<double> out;
  if (g_value_transform(v, &number) && std::isfinite(g_value_get_double(&number)))
    out = g_value_get_double(&number);
  g_value_unset(&number);
  return out;
}

std::optional<int64_t> integer_field(const GstStructure *s, const char *name) {
  const GValue *v = gst_structure_get_value(s, name);
  if (!v) return std::nullopt;
  if (G_VALUE_HOLDS_INT(v)) return g_value_get_int(v);
  if (G_VALUE_HOLDS_UINT(v)) return g_value_get_uint(v);
  if (G_VALUE_HOLDS_INT64(v)) return g_value_get_int64(v);
  if (G_VALUE_HOLDS_UINT64(v) && g_value_get_uint64(v) <= G_MAXINT64)
    return static_cast<int64_t>(g_value_get_uint64(v));
  return std::nullopt;
}

// The row that queries see. The label is the region's type; where a detector left that empty or
// "undefined", the first param with a `label` names it. The confidence is that of the params
// structure `detection`, else of the first classifier (any other structure with a `confidence`),
// else the `score` of `extra-data`. The track is the `id` of `object_id`.
DetectionRow project(const GstVideoRegionOfInterestMeta *roi) {
  DetectionRow row;
  row.source = "roi";
  row.x = roi->x;
  row.y = roi->y;
  row.width = roi->w;
  row.height = roi->h;
  if (const char *type = g_quark_to_string(roi->roi_type)) row.label = type;
  bool unnamed = row.label.empty() || row.label == "undefined";
  std::optional<double> detection, classifier, score;
  for (GList *l = roi->params; l; l = l->next) {
    auto *s = static_cast<const GstStructure *>(l->data);
    const char *label = gst_structure_get_string(s, "label");
    if (unnamed && label && *label) {
      row.label = label;
      unnamed = false;
    }
    if (gst_structure_has_name(s, "detection")) {
      if (!detection) detection = number_field(s, "confidence");
    } else if (gst_structure_has_name(s, "object_id")) {
      if (!row.track) row.track = integer_field(s, "id");
    } else if (gst_structure_has_name(s, "extra-data")) {
      if (!score) score = number_field(s, "score");
    } else if (!classifier) {
      classifier = number_field(s, "confidence");
    }
  }
  row.confidence = detection ? detection : classifier ? classifier : score;
  return row;
}

class RegionCodec final : public MetaCodec {
 public:
  const char *name() const override { return "roi"; }
  bool can(const GstMeta *meta) const override {
    return meta->info->api == GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE;
  }

  Status serialize(GstBuffer *buffer, const GstMeta *meta, MetaWatch &watch, ByteWriter &out,
                   std::vector<DetectionRow> &detections) const override {
    auto *roi = reinterpret_cast<const GstVideoRegionOfInterestMeta *>(meta);
    out.u8(kMetaBodyVersion);
    const char *type = g_quark_to_string(roi->roi_type);
    out.u8(type ? 1 : 0);
    if (type) out.text(type);
    out.u32(static_cast<uint32_t>(roi->id));
    out.u32(static_cast<uint32_t>(roi->parent_id));
    for (guint n : {roi->x, roi->y, roi->w, roi->h}) out.u32(n);
    size_t count_at = out.size();
    uint32_t count = 0;
    out.u32(0);
    for (GList *l = roi->params; l; l = l->next) {
      auto *s = static_cast<const GstStructure *>(l->data);
      Result<Bytes> param = encode_structure(s);
      if (param.is_ok() && count < kMaxParams) {
        out.raw(*param);
        count++;
        continue;
      }
      // One param that can't be kept is no reason to lose the detection.
      CHECKPOINT_RETURN_IF_ERROR(
          watch.left_out(std::string(kType) + "/" + gst_structure_get_name(s),
                         param.is_ok() ? "too many params" : param.status().message()));
    }
    out.patch_u32(count_at, count);
    DetectionRow row = project(roi);
#ifdef HAVE_ANALYTICS
    complete_from_object(buffer, *roi, row);
#endif
    detections.push_back(std::move(row));
    return Status::ok();
  }

  Status deserialize(GstBuffer *buffer, const StreamCaps &, ByteView body) const override {
    ByteReader in(body);
    CHECKPOINT_RETURN_IF_ERROR(check_body_version(name(), in));
    std::string type;
    bool has_type = in.u8() != 0;
    if (has_type) type = in.text();
    auto id = static_cast<gint>(in.u32()), parent_id = static_cast<gint>(in.u32());
    guint box[4];
    for (guint &n : box) n = in.u32();
    uint32_t count = in.u32();
    if (in.failed() || type.find('\0') != type.npos || count > kMaxParams)
      return bad_meta(name(), "bad fields");
    std::vector<StructurePtr> params;
    for (uint32_t i = 0; i < count; i++) {
      CHECKPOINT_ASSIGN_OR_RETURN(StructurePtr s, read_structure(in));
      params.push_back(std::move(s));
    }
    if (in.remaining() > 0) return bad_meta(name(), "bytes left over");
    GstVideoRegionOfInterestMeta *roi = gst_buffer_add_video_region_of_interest_meta_id(
        buffer, has_type ? g_quark_from_string(type.c_str()) : 0, box[0], box[1], box[2], box[3]);
    roi->id = id;
    roi->parent_id = parent_id;
    for (auto it = params.rbegin(); it != params.rend(); ++it)
      roi->params = g_list_prepend(roi->params, it->release());
    return Status::ok();
  }
};

}  // namespace

std::optional<bool> regions_have_params(GstBuffer *buffer) {
  std::optional<bool> found;
  gpointer state = nullptr;
  while (GstMeta *meta = gst_buffer_iterate_meta_filtered(
             buffer, &state, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE)) {
    if (reinterpret_cast<GstVideoRegionOfInterestMeta *>(meta)->params) return true;
    found = false;
  }
  return found;
}

const MetaCodec &region_codec() {
  static const RegionCodec codec;
  return codec;
}

}  // namespace checkpoint
