// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/s3_properties.h"

#include <iterator>

#include "store/uri.h"

namespace checkpoint {

namespace {

enum class Kind { kText, kYes, kNumber, kClient };

struct Property {
  const char *name;
  const char *option;  // of the URI
  Kind kind;
  const char *nick, *blurb;
};

constexpr Property kProperties[] = {
    {"endpoint-uri", "endpoint", Kind::kText, "Endpoint URI",
     "S3: where the server is, https://host:port (default: $AWS_ENDPOINT_URL_S3, else AWS)"},
    {"region", "region", Kind::kText, "Region", "S3: the region (default: $AWS_REGION)"},
    {"force-path-style", "path-style", Kind::kYes, "Force path style",
     "S3: the bucket is in the path, not in the host's name"},
    {"request-timeout", "request-timeout", Kind::kNumber, "Request timeout",
     "S3: milliseconds without a byte after which a request is tried again (0 = 15000)"},
    {"retry-attempts", "retry-attempts", Kind::kNumber, "Retry attempts",
     "S3: how often a request is tried in all (0 = 8)"},
    {"ca-file", "ca-file", Kind::kText, "CA file",
     "S3: certificates to trust, PEM (default: the system's)"},
    {"storage-class", "storage-class", Kind::kText, "Storage class",
     "S3: storage class of new objects"},
    {"sse", "sse", Kind::kText, "Server-side encryption",
     "S3: server-side encryption of new objects: AES256, aws:kms or aws:kms:dsse"},
    {"sse-kms-key-id", "sse-kms-key-id", Kind::kText, "SSE KMS key id",
     "S3: the key for sse=aws:kms"},
    {"s3-client", "s3-client", Kind::kClient, "S3 client", "S3: what speaks to the server"},
};
constexpr guint kAccessKey = kFirstS3Property + std::size(kProperties);
constexpr guint kSecretAccessKey = kAccessKey + 1;

constexpr gint kCurl = 0, kLibs3 = 1;

GType client_type() {
  static const GEnumValue values[] = {
      {kCurl, "libcurl: Signature Version 4 and all settings", "curl"},
      {kLibs3, "libs3: for servers that take Signature Version 2 only", "libs3"},
      {0, nullptr, nullptr}};
  static const GType type = g_enum_register_static("GstCheckpointS3Client", values);
  return type;
}

GParamSpec *spec_of(const Property &p, GParamFlags flags) {
  switch (p.kind) {
    case Kind::kText:
      return g_param_spec_string(p.name, p.nick, p.blurb, nullptr, flags);
    case Kind::kYes:
      return g_param_spec_boolean(p.name, p.nick, p.blurb, FALSE, flags);
    case Kind::kNumber:
      return g_param_spec_uint(p.name, p.nick, p.blurb, 0, G_MAXUINT, 0, flags);
    case Kind::kClient:
      break;
  }
  gst_type_mark_as_plugin_api(client_type(), static_cast<GstPluginAPIFlags>(0));
  return g_param_spec_enum(p.name, p.nick, p.blurb, client_type(), kCurl, flags);
}

const Property *property_of(guint id) {
  if (id < kFirstS3Property || id >= kAccessKey) return nullptr;
  return &kProperties[id - kFirstS3Property];
}

}  // namespace

void S3Properties::install(GObjectClass *klass) {
  constexpr auto kFlags = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                   GST_PARAM_MUTABLE_READY);
  constexpr auto kSecret =
      static_cast<GParamFlags>(G_PARAM_WRITABLE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
  guint id = kFirstS3Property;
  for (const Property &p : kProperties)
    g_object_class_install_property(klass, id++, spec_of(p, kFlags));
  g_object_class_install_property(
      klass, kAccessKey,
      g_param_spec_string("access-key", "Access key",
                          "S3: the access key id (default: where AWS tools look for it)", nullptr,
                          kSecret));
  g_object_class_install_property(
      klass, kSecretAccessKey,
      g_param_spec_string("secret-access-key", "Secret access key",
                          "S3: the secret that belongs to access-key", nullptr, kSecret));
}

bool S3Properties::set(guint id, const GValue *value) {
  if (id == kAccessKey || id == kSecretAccessKey) {
    const gchar *text = g_value_get_string(value);
    (id == kAccessKey ? access_key_ : secret_access_key_) = text ? text : "";
    return true;
  }
  const Property *p = property_of(id);
  if (!p) return false;
  std::string text;
  if (p->kind == Kind::kText) {
    const gchar *given = g_value_get_string(value);
    text = given ? given : "";
  } else if (p->kind == Kind::kYes) {
    text = g_value_get_boolean(value) ? "yes" : "";
  } else if (p->kind == Kind::kClient) {
    text = g_value_get_enum(value) == kLibs3 ? "libs3" : "";
  } else if (guint number = g_value_get_uint(value); number != 0) {
    text = std::to_string(number);
  }
  if (text.empty())
    options_.erase(p->option);
  else
    options_[p->option] = text;
  return true;
}

bool S3Properties::get(guint id, GValue *value) const {
  const Property *p = property_of(id);
  if (!p) return false;
  const auto found = options_.find(p->option);
  const std::string text = found == options_.end() ? "" : found->second;
  if (p->kind == Kind::kText)
    g_value_set_string(value, text.empty() ? nullptr : text.c_str());
  else if (p->kind == Kind::kYes)
    g_value_set_boolean(value, !text.empty());
  else if (p->kind == Kind::kClient)
    g_value_set_enum(value, text.empty() ? kCurl : kLibs3);
  else
    g_value_set_uint(value, static_cast<guint>(text.empty() ? 0 : std::stoul(text)));
  return true;
}

std::string S3Properties::apply(const std::string &uri) const {
  constexpr std::string_view kScheme = "s3://";
  if (!uri.starts_with(kScheme)) return uri;
  auto parsed = parse_store_uri(uri, "file");
  if (!parsed.is_ok()) return uri;  // who opens it says what is wrong
  std::string out = uri;
  if (!access_key_.empty() && parsed->user_info.empty())
    out.insert(kScheme.size(),
               percent_encode(access_key_) + ":" + percent_encode(secret_access_key_) + "@");
  char separator = uri.find('?') == std::string::npos ? '?' : '&';
  for (const auto &[option, value] : options_) {
    if (parsed->query.count(option)) continue;
    out += separator + option + "=" + percent_encode(value);
    separator = '&';
  }
  return out;
}

}  // namespace checkpoint
