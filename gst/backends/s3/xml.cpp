// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/s3/xml.h"

#include <glib.h>

#include <charconv>
#include <functional>

#include "store/uri.h"

namespace checkpoint {

namespace {

constexpr size_t kMaxDepth = 16;

class XmlWalk {
 public:
  using Leaf = std::function<void(const std::string &path, const std::string &text)>;
  explicit XmlWalk(Leaf leaf) : leaf_(std::move(leaf)) {}

  bool run(const std::string &xml) {
    static constexpr GMarkupParser kParser = {&on_start, &on_end, &on_text, nullptr, nullptr};
    std::unique_ptr<GMarkupParseContext, decltype(&g_markup_parse_context_free)> context(
        g_markup_parse_context_new(&kParser, GMarkupParseFlags(0), this, nullptr),
        g_markup_parse_context_free);
    return g_markup_parse_context_parse(context.get(), xml.data(), static_cast<gssize>(xml.size()),
                                        nullptr) &&
           g_markup_parse_context_end_parse(context.get(), nullptr);
  }

 private:
  static void on_start(GMarkupParseContext *, const gchar *name, const gchar **, const gchar **,
                       gpointer user, GError **error) {
    auto &self = *static_cast<XmlWalk *>(user);
    self.path_ += std::string("/") + name;
    self.text_.clear();
    if (++self.depth_ > kMaxDepth)
      g_set_error_literal(error, G_MARKUP_ERROR, G_MARKUP_ERROR_INVALID_CONTENT, "too deep");
  }
  static void on_end(GMarkupParseContext *, const gchar *, gpointer user, GError **) {
    auto &self = *static_cast<XmlWalk *>(user);
    self.leaf_(self.path_, self.text_);
    self.path_.resize(self.path_.rfind('/'));
    self.text_.clear();
    self.depth_--;
  }
  static void on_text(GMarkupParseContext *, const gchar *text, gsize size, gpointer user,
                      GError **) {
    static_cast<XmlWalk *>(user)->text_.append(text, size);
  }

  Leaf leaf_;
  std::string path_, text_;
  size_t depth_ = 0;
};

// With encoding-type=url a blank is a plus, as in a form.
std::string url_decoded(const std::string &text) {
  std::string spaced = text;
  for (char &c : spaced)
    if (c == '+') c = ' ';
  auto decoded = percent_decode(spaced);
  return decoded.is_ok() ? *decoded : std::string();
}

}  // namespace

std::string printable(const std::string &text) {
  std::string out;
  for (char c : text.substr(0, 300))
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  while (!out.empty() && (out.back() == '.' || out.back() == ' ')) out.pop_back();
  if (!g_utf8_validate(out.data(), static_cast<gssize>(out.size()), nullptr)) {
    gchar *valid = g_utf8_make_valid(out.data(), static_cast<gssize>(out.size()));
    out = valid;
    g_free(valid);
  }
  return out;
}

bool walk_xml(const std::string &xml, const XmlWalk::Leaf &leaf) { return XmlWalk(leaf).run(xml); }

void read_s3_error(const std::string &xml, S3Answer &answer) {
  const auto leaf = [&](const std::string &path, const std::string &text) {
    if (path == "/Error/Code") answer.code = printable(text);
    if (path == "/Error/Message") answer.message = printable(text);
    if (path == "/Error/Region") answer.region = printable(text);
  };
  (void)walk_xml(xml, leaf);  // what was read before an error is better than nothing
}

bool read_s3_listing(const std::string &xml, S3Listing &listing) {
  bool encoded = false, truncated = false, good = true, seen = false;
  S3Listing found;
  S3Listing::Object object;
  const auto leaf = [&](const std::string &path, const std::string &text) {
    if (path == "/ListBucketResult") seen = true;
    if (path == "/ListBucketResult/EncodingType") encoded = text == "url";
    if (path == "/ListBucketResult/IsTruncated") truncated = text == "true";
    if (path == "/ListBucketResult/NextContinuationToken") found.next = text;
    if (path == "/ListBucketResult/Contents/Key") object.key = text;
    if (path == "/ListBucketResult/Contents/Size") {
      auto parsed = std::from_chars(text.data(), text.data() + text.size(), object.size);
      good = good && parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
    }
    if (path == "/ListBucketResult/Contents") {
      found.objects.push_back(std::move(object));
      object = {};
    }
  };
  if (!walk_xml(xml, leaf) || !seen || !good || (truncated && found.next.empty())) return false;
  if (!truncated) found.next.clear();
  if (encoded)
    for (S3Listing::Object &o : found.objects) o.key = url_decoded(o.key);
  listing = std::move(found);
  return true;
}

}  // namespace checkpoint
