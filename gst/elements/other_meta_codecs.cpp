// SPDX-License-Identifier: LGPL-2.1-or-later
// Metas that bring their own way of becoming bytes.
#include <gst/checkpoint/gstcheckpointmeta.h>

#include <memory>
#include <string>

#include "elements/meta_codecs.h"

namespace checkpoint {

namespace {

const GstCheckpointMetaCodec *codec_of(GType api) {
  static const GQuark key = g_quark_from_static_string(GST_CHECKPOINT_META_CODEC_KEY);
  return static_cast<const GstCheckpointMetaCodec *>(g_type_get_qdata(api, key));
}

// Any meta that the application has set a codec for.
class ApplicationCodec final : public MetaCodec {
 public:
  const char *name() const override { return "application"; }
  bool can(const GstMeta *meta) const override { return codec_of(meta->info->api) != nullptr; }
  Status serialize(GstBuffer *, const GstMeta *meta, MetaWatch &, ByteWriter &out,
                   std::vector<DetectionRow> &) const override {
    const std::unique_ptr<GByteArray, decltype(&g_byte_array_unref)> bytes(g_byte_array_new(),
                                                                           g_byte_array_unref);
    const GstCheckpointMetaCodec *codec = codec_of(meta->info->api);
    if (!codec || !codec->encode(meta, bytes.get(), codec->user_data))
      return Status(Code::kUnsupported, "the application's codec did not write it");
    out.u8(kMetaBodyVersion);
    out.text(g_type_name(meta->info->api));
    out.blob({reinterpret_cast<const std::byte *>(bytes->data), bytes->len});
    return Status::ok();
  }
  Status deserialize(GstBuffer *buffer, const StreamCaps &, ByteView body) const override {
    ByteReader in(body);
    CHECKPOINT_RETURN_IF_ERROR(check_body_version(name(), in));
    const std::string type(in.text());
    const ByteView data = in.blob();
    if (in.failed() || in.remaining() > 0 || type.find('\0') != type.npos)
      return bad_meta(name(), "bad fields");
    const GType api = g_type_from_name(type.c_str());
    const GstCheckpointMetaCodec *codec = api ? codec_of(api) : nullptr;
    if (!codec)
      return Status(Code::kUnsupported, "no codec is set for " + type + " in this process",
                    "the application that stored it sets one");
    if (!codec->decode(buffer, reinterpret_cast<const guint8 *>(data.data()), data.size(),
                       codec->user_data))
      return Status(Code::kCorrupt, "the codec of " + type + " did not take the stored bytes");
    return Status::ok();
  }
};

}  // namespace

const MetaCodec &application_codec() {
  static const ApplicationCodec codec;
  return codec;
}

#if GST_CHECK_VERSION(1, 24, 0)

namespace {

// Any meta whose GstMetaInfo has functions for it. Its own functions are called and not
// gst_meta_deserialize(), which would let stored bytes name any meta of the process.
class SerializedCodec final : public MetaCodec {
 public:
  const char *name() const override { return "serialized"; }
  bool can(const GstMeta *meta) const override {
    return meta->info->serialize_func && meta->info->deserialize_func;
  }
  Status serialize(GstBuffer *, const GstMeta *meta, MetaWatch &, ByteWriter &out,
                   std::vector<DetectionRow> &) const override {
    Growing bytes;
    guint8 version = 0;
    if (!meta->info->serialize_func(meta, &bytes, &version))
      return Status(Code::kUnsupported, "its own function did not write it");
    out.u8(kMetaBodyVersion);
    out.text(g_type_name(meta->info->type));
    out.u8(version);
    out.blob({reinterpret_cast<const std::byte *>(bytes.data), bytes.len});
    return Status::ok();
  }
  Status deserialize(GstBuffer *buffer, const StreamCaps &, ByteView body) const override {
    ByteReader in(body);
    CHECKPOINT_RETURN_IF_ERROR(check_body_version(name(), in));
    const std::string type(in.text());
    const uint8_t version = in.u8();
    const ByteView data = in.blob();
    if (in.failed() || in.remaining() > 0 || type.find('\0') != type.npos)
      return bad_meta(name(), "bad fields");
    const GstMetaInfo *info = gst_meta_get_info(type.c_str());
    if (!info)
      return Status(Code::kUnsupported, "the meta " + type + " is not known in this process",
                    "load the plugin that it comes from");
    // Those that have a codec of ours are never stored like this.
    const GstMeta asked{GST_META_FLAG_NONE, info};
    if (find_meta_codec(&asked) != this)
      return bad_meta(name(), "of a type that is stored otherwise");
    if (!info->deserialize_func(info, buffer, reinterpret_cast<const guint8 *>(data.data()),
                                data.size(), version))
      return Status(Code::kCorrupt, "the meta " + type + " did not take its stored bytes");
    return Status::ok();
  }

 private:
  struct Growing : GstByteArrayInterface {
    Growing() {
      gst_byte_array_interface_init(this);
      resize = [](GstByteArrayInterface *self, gsize length) -> gboolean {
        auto &growing = *static_cast<Growing *>(self);
        growing.bytes.resize(length);
        growing.data = growing.bytes.data();
        return TRUE;
      };
    }
    std::vector<guint8> bytes;
  };
};

}  // namespace

const MetaCodec &serialized_codec() {
  static const SerializedCodec codec;
  return codec;
}

#endif

}  // namespace checkpoint
