// SPDX-License-Identifier: LGPL-2.1-or-later
// Metas that carry something beside the picture: time codes, reference timestamps, captions, user
// data, protection, and any GstCustomMeta.
#include <gst/video/video-sei.h>
#include <gst/video/video.h>

#include <cstring>
#include <mutex>

#include "elements/enum_bits.h"
#include "elements/meta_codecs.h"
#include "elements/structure_codec.h"
#include "elements/value_types.h"

namespace checkpoint {

namespace {

class TimeCodeCodec final : public MetaCodec {
 public:
  const char *name() const override { return "timecode"; }
  bool can(const GstMeta *meta) const override {
    return meta->info->api == GST_VIDEO_TIME_CODE_META_API_TYPE;
  }
  // A value that is none of the enumeration's must not get into a variable of its type.
  static constexpr uint32_t kKnownFlags =
      GST_VIDEO_TIME_CODE_FLAGS_DROP_FRAME | GST_VIDEO_TIME_CODE_FLAGS_INTERLACED;
  Status serialize(GstBuffer *, const GstMeta *meta, MetaWatch &, ByteWriter &out,
                   std::vector<DetectionRow> &) const override {
    const GstVideoTimeCode &tc = reinterpret_cast<const GstVideoTimeCodeMeta *>(meta)->tc;
    out.u8(kMetaBodyVersion);
    out.u32(tc.config.fps_n);
    out.u32(tc.config.fps_d);
    out.u32(enum_bits(tc.config.flags));
    for (guint n : {tc.hours, tc.minutes, tc.seconds, tc.frames, tc.field_count}) out.u32(n);
    GDateTime *jam = tc.config.latest_daily_jam;
    out.u8(jam ? 1 : 0);
    if (!jam) return Status::ok();
    GValue v = G_VALUE_INIT;
    g_value_init(&v, GST_TYPE_DATE_TIME);
    g_value_take_boxed(&v, gst_date_time_new_from_g_date_time(g_date_time_ref(jam)));
    Status status = write_value(&v, out);
    g_value_unset(&v);
    return status;
  }
  Status deserialize(GstBuffer *buffer, const StreamCaps &, ByteView body) const override {
    ByteReader in(body);
    CHECKPOINT_RETURN_IF_ERROR(check_body_version(name(), in));
    GstVideoTimeCode tc{};
    tc.config.fps_n = in.u32();
    tc.config.fps_d = in.u32();
    const uint32_t flags = in.u32();
    if (flags & ~kKnownFlags) return bad_meta(name(), "unknown flags");
    tc.config.flags = static_cast<GstVideoTimeCodeFlags>(flags);
    for (guint *n : {&tc.hours, &tc.minutes, &tc.seconds, &tc.frames, &tc.field_count})
      *n = in.u32();
    GValue v = G_VALUE_INIT;
    if (in.u8() != 0) {
      CHECKPOINT_RETURN_IF_ERROR(read_value(in, &v));
      if (G_VALUE_HOLDS(&v, GST_TYPE_DATE_TIME) && g_value_get_boxed(&v))
        tc.config.latest_daily_jam =
            gst_date_time_to_g_date_time(static_cast<GstDateTime *>(g_value_get_boxed(&v)));
      g_value_unset(&v);
      if (!tc.config.latest_daily_jam) return bad_meta(name(), "bad daily jam");
    }
    // The add function compares this quotient with others.
    bool good = !in.failed() && tc.config.fps_n > 0 && tc.config.fps_d > 0 &&
                gst_video_time_code_is_valid(&tc) &&
                gst_buffer_add_video_time_code_meta(buffer, &tc);
    if (tc.config.latest_daily_jam) g_date_time_unref(tc.config.latest_daily_jam);
    return good ? Status::ok() : bad_meta(name(), "bad fields");
  }
};

class ReferenceTimestampCodec final : public MetaCodec {
 public:
  const char *name() const override { return "reference-timestamp"; }
  bool can(const GstMeta *meta) const override {
    return meta->info->api == GST_REFERENCE_TIMESTAMP_META_API_TYPE;
  }
  Status serialize(GstBuffer *, const GstMeta *meta, MetaWatch &, ByteWriter &out,
                   std::vector<DetectionRow> &) const override {
    auto *timestamp = reinterpret_cast<const GstReferenceTimestampMeta *>(meta);
    out.u8(kMetaBodyVersion);
    out.u64(timestamp->timestamp);
    out.u64(timestamp->duration);
    CHECKPOINT_RETURN_IF_ERROR(write_caps(timestamp->reference, out));
#if GST_CHECK_VERSION(1, 28, 0)
    const GstStructure *info = timestamp->info;
#else
    const GstStructure *info = nullptr;
#endif
    out.u8(info ? 1 : 0);
    return info ? write_structure(info, out) : Status::ok();
  }
  Status deserialize(GstBuffer *buffer, const StreamCaps &, ByteView body) const override {
    ByteReader in(body);
    CHECKPOINT_RETURN_IF_ERROR(check_body_version(name(), in));
    GstClockTime timestamp = in.u64(), duration = in.u64();
    CHECKPOINT_ASSIGN_OR_RETURN(CapsPtr reference, read_caps(in));
    StructurePtr info;
    if (in.u8() != 0) {
      CHECKPOINT_ASSIGN_OR_RETURN(info, read_structure(in));
    }
    if (in.failed() || timestamp == GST_CLOCK_TIME_NONE) return bad_meta(name(), "bad fields");
#if GST_CHECK_VERSION(1, 28, 0)
    GstReferenceTimestampMeta *meta =
        gst_buffer_add_reference_timestamp_meta(buffer, reference.get(), timestamp, duration);
    if (meta && info) meta->info = info.release();
#else
    if (info) return Status(Code::kUnsupported, "its info needs GStreamer 1.28");
    gst_buffer_add_reference_timestamp_meta(buffer, reference.get(), timestamp, duration);
#endif
    return Status::ok();
  }
};

class CaptionCodec final : public MetaCodec {
 public:
  const char *name() const override { return "caption"; }
  bool can(const GstMeta *meta) const override {
    return meta->info->api == GST_VIDEO_CAPTION_META_API_TYPE;
  }
  Status serialize(GstBuffer *, const GstMeta *meta, MetaWatch &, ByteWriter &out,
                   std::vector<DetectionRow> &) const override {
    auto *caption = reinterpret_cast<const GstVideoCaptionMeta *>(meta);
    out.u8(kMetaBodyVersion);
    out.u8(static_cast<uint8_t>(caption->caption_type));
    out.blob({reinterpret_cast<const std::byte *>(caption->data), caption->size});
    return Status::ok();
  }
  Status deserialize(GstBuffer *buffer, const StreamCaps &, ByteView body) const override {
    ByteReader in(body);
    CHECKPOINT_RETURN_IF_ERROR(check_body_version(name(), in));
    uint8_t type = in.u8();
    ByteView data = in.blob();
    if (in.failed() || data.empty() || type < GST_VIDEO_CAPTION_TYPE_CEA608_RAW ||
        type > GST_VIDEO_CAPTION_TYPE_CEA708_CDP)
      return bad_meta(name(), "bad fields");
    gst_buffer_add_video_caption_meta(buffer, static_cast<GstVideoCaptionType>(type),
                                      reinterpret_cast<const guint8 *>(data.data()), data.size());
    return Status::ok();
  }
};

class UserDataCodec final : public MetaCodec {
 public:
  const char *name() const override { return "user-data"; }
  bool can(const GstMeta *meta) const override {
    return meta->info->api == GST_VIDEO_SEI_USER_DATA_UNREGISTERED_META_API_TYPE;
  }
  Status serialize(GstBuffer *, const GstMeta *meta, MetaWatch &, ByteWriter &out,
                   std::vector<DetectionRow> &) const override {
    auto *user = reinterpret_cast<const GstVideoSEIUserDataUnregisteredMeta *>(meta);
    out.u8(kMetaBodyVersion);
    out.raw({reinterpret_cast<const std::byte *>(user->uuid), sizeof user->uuid});
    out.blob({reinterpret_cast<const std::byte *>(user->data), user->size});
    return Status::ok();
  }
  Status deserialize(GstBuffer *buffer, const StreamCaps &, ByteView body) const override {
    ByteReader in(body);
    CHECKPOINT_RETURN_IF_ERROR(check_body_version(name(), in));
    ByteView id = in.raw(16), data = in.blob();
    if (in.failed() || data.empty()) return bad_meta(name(), "cut short");
    guint8 uuid[16];
    std::memcpy(uuid, id.data(), sizeof uuid);
    Bytes copy(data.begin(), data.end());
    gst_buffer_add_video_sei_user_data_unregistered_meta(
        buffer, uuid, reinterpret_cast<guint8 *>(copy.data()), copy.size());
    return Status::ok();
  }
};

// How an encrypted frame is to be decrypted.
class ProtectionCodec final : public MetaCodec {
 public:
  const char *name() const override { return "protection"; }
  bool can(const GstMeta *meta) const override {
    return meta->info->api == GST_PROTECTION_META_API_TYPE;
  }
  Status serialize(GstBuffer *, const GstMeta *meta, MetaWatch &, ByteWriter &out,
                   std::vector<DetectionRow> &) const override {
    const GstStructure *info = reinterpret_cast<const GstProtectionMeta *>(meta)->info;
    if (!info) return Status(Code::kUnsupported, "it says nothing");
    out.u8(kMetaBodyVersion);
    return write_structure(info, out);
  }
  Status deserialize(GstBuffer *buffer, const StreamCaps &, ByteView body) const override {
    ByteReader in(body);
    CHECKPOINT_RETURN_IF_ERROR(check_body_version(name(), in));
    CHECKPOINT_ASSIGN_OR_RETURN(StructurePtr info, read_structure(in));
    if (in.remaining() > 0) return bad_meta(name(), "bytes left over");
    gst_buffer_add_protection_meta(buffer, info.release());
    return Status::ok();
  }
};

// The name of a GType.
bool is_type_name(const std::string &name) {
  if (name.size() < 3 || !(g_ascii_isalpha(name[0]) || name[0] == '_')) return false;
  for (char c : name)
    if (c == '\0' || (!g_ascii_isalnum(c) && !std::strchr("-_+", c))) return false;
  return true;
}

// Any GstCustomMeta: its name, the tags of its type, its structure.
class CustomCodec final : public MetaCodec {
 public:
  const char *name() const override { return "custom"; }
  bool can(const GstMeta *meta) const override { return gst_meta_info_is_custom(meta->info); }
  Status serialize(GstBuffer *, const GstMeta *meta, MetaWatch &, ByteWriter &out,
                   std::vector<DetectionRow> &) const override {
    auto *custom = reinterpret_cast<GstCustomMeta *>(const_cast<GstMeta *>(meta));
    const GstStructure *s = gst_custom_meta_get_structure(custom);
    std::string type = gst_structure_get_name(s);
    if (!gst_custom_meta_has_name(custom, type.c_str()) || !is_type_name(type))
      return Status(Code::kUnsupported, "a custom meta of the type " + type);
    out.u8(kMetaBodyVersion);
    const gchar *const *tags = gst_meta_api_type_get_tags(meta->info->api);
    uint32_t n_tags = 0;
    while (tags && tags[n_tags]) n_tags++;
    out.u32(n_tags);
    for (uint32_t i = 0; i < n_tags; i++) out.text(tags[i]);
    return write_structure(s, out);
  }
  Status deserialize(GstBuffer *buffer, const StreamCaps &, ByteView body) const override {
    ByteReader in(body);
    CHECKPOINT_RETURN_IF_ERROR(check_body_version(name(), in));
    uint32_t n_tags = in.u32();
    if (n_tags > in.remaining() / 4) return bad_meta(name(), "cut short");
    std::vector<std::string> tags;
    for (uint32_t i = 0; i < n_tags; i++) {
      tags.emplace_back(in.text());
      if (tags.back().find('\0') != std::string::npos) return bad_meta(name(), "bad tag");
    }
    CHECKPOINT_ASSIGN_OR_RETURN(StructurePtr s, read_structure(in));
    if (in.remaining() > 0) return bad_meta(name(), "bytes left over");
    std::string type = gst_structure_get_name(s.get());
    CHECKPOINT_RETURN_IF_ERROR(ensure_type(type, tags));
    GstCustomMeta *meta = gst_buffer_add_custom_meta(buffer, type.c_str());
    GstStructure *to = gst_custom_meta_get_structure(meta);
    for (gint i = 0; i < gst_structure_n_fields(s.get()); i++) {
      const char *field = gst_structure_nth_field_name(s.get(), static_cast<guint>(i));
      gst_structure_set_value(to, field, gst_structure_get_value(s.get(), field));
    }
    return Status::ok();
  }

 private:
  // Registers a type of an application that has not done so in this process (yet). Names of
  // GStreamer and its plugins are theirs: taken by us they would be lost to their owner.
  static Status ensure_type(const std::string &type, const std::vector<std::string> &tags) {
    static std::mutex mutex;
    std::lock_guard lock(mutex);
    Status taken(Code::kCorrupt, "stored meta custom: the name " + type + " is not one of those");
    if (const GstMetaInfo *info = gst_meta_get_info(type.c_str()))
      return gst_meta_info_is_custom(info) ? Status::ok() : taken;
    if (!is_type_name(type) || g_type_from_name(type.c_str()) != 0 ||
        g_type_from_name((type + "-api").c_str()) != 0)
      return taken;
    if (type.starts_with("Gst"))
      return Status(Code::kUnsupported, "the meta " + type + " is not known in this process",
                    "load the plugin that it comes from");
    std::vector<const gchar *> list;
    for (const std::string &tag : tags) list.push_back(tag.c_str());
    list.push_back(nullptr);
    return gst_meta_register_custom(type.c_str(), list.data(), nullptr, nullptr, nullptr)
               ? Status::ok()
               : taken;
  }
};

}  // namespace

const MetaCodec &time_code_codec() {
  static const TimeCodeCodec codec;
  return codec;
}
const MetaCodec &reference_timestamp_codec() {
  static const ReferenceTimestampCodec codec;
  return codec;
}
const MetaCodec &caption_codec() {
  static const CaptionCodec codec;
  return codec;
}
const MetaCodec &user_data_codec() {
  static const UserDataCodec codec;
  return codec;
}
const MetaCodec &protection_codec() {
  static const ProtectionCodec codec;
  return codec;
}
const MetaCodec &custom_codec() {
  static const CustomCodec codec;
  return codec;
}

}  // namespace checkpoint
