// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/meta_codec.h"

#include <cstring>

#include "elements/identity_meta.h"
#include "elements/meta_codecs.h"

namespace checkpoint {

namespace {

bool dropped_on_purpose(GstMeta *meta) {
  if (meta->info->api == GST_PARENT_BUFFER_META_API_TYPE) return true;
  return gst_meta_info_is_custom(meta->info) &&
         gst_custom_meta_has_name(reinterpret_cast<GstCustomMeta *>(meta), kIdentityMetaName);
}

}  // namespace

MetaWatch::MetaWatch(bool strict, Warn warn) : strict_(strict), warn_(std::move(warn)) {}

Status MetaWatch::left_out(const std::string &type, const std::string &why) {
  bool first;
  {
    std::lock_guard lock(mutex_);
    first = counts_[type]++ == 0;
  }
  Status status(Code::kUnsupported, type + " can't be kept" + (why.empty() ? "" : ": " + why),
                strict_ ? "with strict-metas=false the frames are kept without it" : "");
  if (strict_) return status;
  if (first && warn_) warn_(status);
  return Status::ok();
}

void MetaWatch::saw(GstBuffer *buffer) {
  const std::optional<bool> params = regions_have_params(buffer);
  if (!params) return;
  std::string before = "those of earlier frames";
  {
    std::lock_guard lock(mutex_);
    if (*params) regions_had_params_ = true;
    if (*params || warned_of_bare_regions_) return;
    if (!regions_had_params_) {
      const auto identity = frame_identity(buffer);
      if (!identity || !identity->regions_had_params) return;
      before = "those that were stored of it";
    }
    warned_of_bare_regions_ = true;
  }
  if (warn_)
    warn_(Status(Code::kUnsupported,
                 "the regions of a frame came without params although " + before + " had some",
                 "videoconvert and videoscale lose them: keep frames right behind the detector"));
}

std::map<std::string, uint64_t> MetaWatch::counts() const {
  std::lock_guard lock(mutex_);
  return counts_;
}

const std::vector<const MetaCodec *> &meta_codecs() {
  static const std::vector<const MetaCodec *> codecs = {
    &region_codec(),
    &video_codec(),
    &crop_codec(),
    &affine_codec(),
    &time_code_codec(),
    &reference_timestamp_codec(),
    &caption_codec(),
    &afd_codec(),
    &bar_codec(),
    &user_data_codec(),
    &custom_codec(),
    &protection_codec(),
#ifdef HAVE_ANALYTICS
    &analytics_codec(),
#endif
    &application_codec(),
#if GST_CHECK_VERSION(1, 24, 0)
    &serialized_codec(),
#endif
  };
  return codecs;
}

const MetaCodec *find_meta_codec(const GstMeta *meta) {
  for (const MetaCodec *codec : meta_codecs())
    if (codec->can(meta)) return codec;
  return nullptr;
}

Status bad_meta(const char *name, const char *what) {
  return Status(Code::kCorrupt, std::string("stored meta ") + name + ": " + what);
}

Status check_body_version(const char *name, ByteReader &in) {
  uint8_t version = in.u8();
  if (version > kMetaBodyVersion)
    return Status(Code::kNewerSchema,
                  std::string("the stored meta ") + name + " was written by a newer release");
  return version == 0 ? bad_meta(name, "cut short") : Status::ok();
}

Status serialize_metas(GstBuffer *buffer, MetaWatch *watch, const MetaOptions &options,
                       std::vector<MetaBlob> &metas, std::vector<DetectionRow> &detections) {
  MetaWatch silent(false, nullptr);
  if (!watch) watch = &silent;
  gpointer state = nullptr;
  while (GstMeta *meta = gst_buffer_iterate_meta(buffer, &state)) {
    if (dropped_on_purpose(meta)) continue;
    const MetaCodec *codec = find_meta_codec(meta);
    if (!codec) {
      CHECKPOINT_RETURN_IF_ERROR(watch->left_out(g_type_name(meta->info->api), ""));
      continue;
    }
    if (codec == &crop_codec() && options.crop_applied) continue;
    ByteWriter body;
    std::vector<DetectionRow> found;
    Status status = codec->serialize(buffer, meta, *watch, body, found);
    if (status.is(Code::kUnsupported)) {
      CHECKPOINT_RETURN_IF_ERROR(watch->left_out(g_type_name(meta->info->api), status.message()));
      continue;
    }
    CHECKPOINT_RETURN_IF_ERROR(status);
    for (DetectionRow &row : found) {
      row.ordinal = static_cast<uint32_t>(detections.size());
      detections.push_back(std::move(row));
    }
    if (body.size() > 0) metas.push_back({codec->name(), body.take()});
  }
  return Status::ok();
}

Status deserialize_metas(GstBuffer *buffer, const StreamCaps &caps,
                         const std::vector<MetaBlob> &metas, MetaWatch *watch) {
  for (const MetaBlob &blob : metas) {
    Status status(Code::kUnsupported, "written by a codec that this release does not have");
    for (const MetaCodec *codec : meta_codecs()) {
      if (blob.type != codec->name()) continue;
      status = codec->deserialize(buffer, caps, blob.body);
      break;
    }
    bool skippable = status.is(Code::kUnsupported) || status.is(Code::kNewerSchema);
    if (skippable && watch) status = watch->left_out("meta " + blob.type, status.message());
    if (!status.is_ok()) return status.with_context("meta " + blob.type);
  }
  return Status::ok();
}

}  // namespace checkpoint
