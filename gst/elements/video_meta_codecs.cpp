// SPDX-License-Identifier: LGPL-2.1-or-later
// Metas that describe the picture: layout, crop, orientation, letterbox.
#include <gst/video/gstvideoaffinetransformationmeta.h>
#include <gst/video/video.h>

#include <cstring>

#include "elements/enum_bits.h"
#include "elements/meta_codecs.h"

namespace checkpoint {

namespace {

// Strides and offsets are those of the canonical layout, which the caps imply: what is left are
// flags and the id of the view.
class VideoCodec final : public MetaCodec {
 public:
  const char *name() const override { return "video"; }
  bool can(const GstMeta *meta) const override {
    return meta->info->api == GST_VIDEO_META_API_TYPE;
  }
  Status serialize(GstBuffer *buffer, const GstMeta *meta, MetaWatch &, ByteWriter &out,
                   std::vector<DetectionRow> &) const override {
    auto *video = reinterpret_cast<const GstVideoMeta *>(meta);
    if (video != gst_buffer_get_video_meta(buffer))
      return Status(Code::kUnsupported, "only the first view of a buffer is stored, not id " +
                                            std::to_string(video->id));
    if (enum_bits(video->flags) == 0 && video->id == 0) return Status::ok();
    out.u8(kMetaBodyVersion);
    out.u32(enum_bits(video->flags));
    out.u32(static_cast<uint32_t>(video->id));
    return Status::ok();
  }
  Status deserialize(GstBuffer *buffer, const StreamCaps &caps, ByteView body) const override {
    ByteReader in(body);
    CHECKPOINT_RETURN_IF_ERROR(check_body_version(name(), in));
    uint32_t flags = in.u32();
    auto id = static_cast<gint>(in.u32());
    if (in.failed()) return bad_meta(name(), "cut short");
    if (!caps.is_raw() || gst_buffer_get_size(buffer) == 0) return Status::ok();
    GstVideoInfo info = caps.info();
    GstVideoMeta *video = gst_buffer_add_video_meta_full(
        buffer, static_cast<GstVideoFrameFlags>(flags), GST_VIDEO_INFO_FORMAT(&info),
        static_cast<guint>(info.width), static_cast<guint>(info.height),
        GST_VIDEO_INFO_N_PLANES(&info), info.offset, info.stride);
    if (!video) return bad_meta(name(), "refused");
    video->id = id;
    return Status::ok();
  }
};

class CropCodec final : public MetaCodec {
 public:
  const char *name() const override { return "crop"; }
  bool can(const GstMeta *meta) const override {
    return meta->info->api == GST_VIDEO_CROP_META_API_TYPE;
  }
  Status serialize(GstBuffer *, const GstMeta *meta, MetaWatch &, ByteWriter &out,
                   std::vector<DetectionRow> &) const override {
    auto *crop = reinterpret_cast<const GstVideoCropMeta *>(meta);
    out.u8(kMetaBodyVersion);
    for (guint n : {crop->x, crop->y, crop->width, crop->height}) out.u32(n);
    return Status::ok();
  }
  Status deserialize(GstBuffer *buffer, const StreamCaps &caps, ByteView body) const override {
    ByteReader in(body);
    CHECKPOINT_RETURN_IF_ERROR(check_body_version(name(), in));
    uint64_t x = in.u32(), y = in.u32(), width = in.u32(), height = in.u32();
    if (in.failed()) return bad_meta(name(), "cut short");
    // Downstream takes it at its word when it reads the picture.
    if (caps.is_raw() && (x + width > static_cast<uint64_t>(caps.info().width) ||
                          y + height > static_cast<uint64_t>(caps.info().height)))
      return bad_meta(name(), "larger than the picture");
    GstVideoCropMeta *crop = gst_buffer_add_video_crop_meta(buffer);
    crop->x = static_cast<guint>(x);
    crop->y = static_cast<guint>(y);
    crop->width = static_cast<guint>(width);
    crop->height = static_cast<guint>(height);
    return Status::ok();
  }
};

class AffineCodec final : public MetaCodec {
 public:
  const char *name() const override { return "affine"; }
  bool can(const GstMeta *meta) const override {
    return meta->info->api == GST_VIDEO_AFFINE_TRANSFORMATION_META_API_TYPE;
  }
  Status serialize(GstBuffer *, const GstMeta *meta, MetaWatch &, ByteWriter &out,
                   std::vector<DetectionRow> &) const override {
    auto *affine = reinterpret_cast<const GstVideoAffineTransformationMeta *>(meta);
    out.u8(kMetaBodyVersion);
    for (gfloat f : affine->matrix) out.f32(f);
    return Status::ok();
  }
  Status deserialize(GstBuffer *buffer, const StreamCaps &, ByteView body) const override {
    ByteReader in(body);
    CHECKPOINT_RETURN_IF_ERROR(check_body_version(name(), in));
    gfloat matrix[16];
    for (gfloat &f : matrix) f = in.f32();
    if (in.failed()) return bad_meta(name(), "cut short");
    GstVideoAffineTransformationMeta *affine =
        gst_buffer_add_video_affine_transformation_meta(buffer);
    std::memcpy(affine->matrix, matrix, sizeof matrix);
    return Status::ok();
  }
};

class AfdCodec final : public MetaCodec {
 public:
  const char *name() const override { return "afd"; }
  bool can(const GstMeta *meta) const override {
    return meta->info->api == GST_VIDEO_AFD_META_API_TYPE;
  }
  Status serialize(GstBuffer *, const GstMeta *meta, MetaWatch &, ByteWriter &out,
                   std::vector<DetectionRow> &) const override {
    auto *afd = reinterpret_cast<const GstVideoAFDMeta *>(meta);
    out.u8(kMetaBodyVersion);
    out.u8(afd->field);
    out.u32(static_cast<uint32_t>(afd->spec));
    out.u32(static_cast<uint32_t>(afd->afd));
    return Status::ok();
  }
  Status deserialize(GstBuffer *buffer, const StreamCaps &, ByteView body) const override {
    ByteReader in(body);
    CHECKPOINT_RETURN_IF_ERROR(check_body_version(name(), in));
    uint8_t field = in.u8();
    const uint32_t spec = in.u32(), value = in.u32();
    if (in.failed() || field > 1 || spec > GST_VIDEO_AFD_SPEC_SMPTE_ST2016_1 || value > 15 ||
        value == 1 || (value >= 5 && value <= 7) || value == 12 ||
        (spec == GST_VIDEO_AFD_SPEC_DVB_ETSI && value == 0))
      return bad_meta(name(), "bad fields");
    bool added = gst_buffer_add_video_afd_meta(buffer, field, static_cast<GstVideoAFDSpec>(spec),
                                               static_cast<GstVideoAFDValue>(value));
    return added ? Status::ok() : bad_meta(name(), "refused");
  }
};

class BarCodec final : public MetaCodec {
 public:
  const char *name() const override { return "bar"; }
  bool can(const GstMeta *meta) const override {
    return meta->info->api == GST_VIDEO_BAR_META_API_TYPE;
  }
  Status serialize(GstBuffer *, const GstMeta *meta, MetaWatch &, ByteWriter &out,
                   std::vector<DetectionRow> &) const override {
    auto *bar = reinterpret_cast<const GstVideoBarMeta *>(meta);
    out.u8(kMetaBodyVersion);
    out.u8(bar->field);
    out.u8(bar->is_letterbox ? 1 : 0);
    out.u32(bar->bar_data1);
    out.u32(bar->bar_data2);
    return Status::ok();
  }
  Status deserialize(GstBuffer *buffer, const StreamCaps &, ByteView body) const override {
    ByteReader in(body);
    CHECKPOINT_RETURN_IF_ERROR(check_body_version(name(), in));
    uint8_t field = in.u8();
    bool letterbox = in.u8() != 0;
    guint first = in.u32(), second = in.u32();
    if (in.failed() || field > 1) return bad_meta(name(), "bad fields");
    return gst_buffer_add_video_bar_meta(buffer, field, letterbox, first, second)
               ? Status::ok()
               : bad_meta(name(), "refused");
  }
};

}  // namespace

const MetaCodec &video_codec() {
  static const VideoCodec codec;
  return codec;
}
const MetaCodec &crop_codec() {
  static const CropCodec codec;
  return codec;
}
const MetaCodec &affine_codec() {
  static const AffineCodec codec;
  return codec;
}
const MetaCodec &afd_codec() {
  static const AfdCodec codec;
  return codec;
}
const MetaCodec &bar_codec() {
  static const BarCodec codec;
  return codec;
}

}  // namespace checkpoint
