// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/input_identity.h"

#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <memory>

#include "elements/gst_handles.h"
#include "elements/pipeline_config.h"
#include "store/uri.h"

namespace checkpoint {

namespace {

std::string string_property(GstElement *element, const char *name) {
  GParamSpec *pspec = g_object_class_find_property(G_OBJECT_GET_CLASS(element), name);
  if (!pspec || pspec->value_type != G_TYPE_STRING || !(pspec->flags & G_PARAM_READABLE)) return "";
  gchar *text = nullptr;
  g_object_get(element, name, &text, nullptr);
  GCharPtr owner(text);
  return text ? text : "";
}

int int_property(GstElement *element, const char *name, int otherwise) {
  GParamSpec *pspec = g_object_class_find_property(G_OBJECT_GET_CLASS(element), name);
  if (!pspec || pspec->value_type != G_TYPE_INT || !(pspec->flags & G_PARAM_READABLE))
    return otherwise;
  g_object_get(element, name, &otherwise, nullptr);
  return otherwise;
}

// The whole path of a file that is there; nullopt: there is none.
std::optional<std::string> file_at(const std::string &path, struct stat &info) {
  if (stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  const GCharPtr absolute(g_canonicalize_filename(path.c_str(), nullptr));
  return absolute.get();
}

// The time of its last change in nanoseconds since 1970.
std::string time_text(const struct stat &info) {
  return std::to_string(static_cast<int64_t>(info.st_mtim.tv_sec) * 1000000000 +
                        info.st_mtim.tv_nsec);
}

// A URI, and not of a file.
bool is_elsewhere(const std::string &location) {
  return location.find("://") != std::string::npos &&
         !GCharPtr(g_filename_from_uri(location.c_str(), nullptr, nullptr));
}

// '' for what is neither a file nor a URI.
std::string input_identity(const std::string &location) {
  if (location.empty()) return "";
  if (is_elsewhere(location)) return json_object({{"uri", json_string(mask_uri(location))}});
  std::string path = location;
  if (location.find("://") != std::string::npos)
    path = GCharPtr(g_filename_from_uri(location.c_str(), nullptr, nullptr)).get();
  struct stat info = {};
  const auto absolute = file_at(path, info);
  if (!absolute) return "";
  return json_object({{"path", json_string(*absolute)},
                      {"size", std::to_string(info.st_size)},
                      {"mtime", time_text(info)}});
}

// "%03d.png": what stands around the number, and how it is written.
struct NumberedName {
  std::string before, after;
  size_t width = 0;
  bool zeros = false;

  static std::optional<NumberedName> parse(const std::string &text) {
    NumberedName name;
    bool number = false;
    for (size_t i = 0; i < text.size(); i++) {
      std::string &part = number ? name.after : name.before;
      if (text[i] != '%' || (i + 1 < text.size() && text[i + 1] == '%')) {
        part += text[i];
        i += text[i] == '%';
        continue;
      }
      if (number) return std::nullopt;
      size_t end = std::min(text.find_first_not_of("0123456789", i + 1), text.size());
      const std::string width = text.substr(i + 1, end - i - 1);
      if (width.size() > 3) return std::nullopt;
      name.zeros = width.starts_with('0');
      name.width = width.empty() ? 0 : std::stoul(width);
      while (end < text.size() && text[end] == 'l') end++;
      if (end == text.size() || std::string("diu").find(text[end]) == std::string::npos)
        return std::nullopt;
      number = true;
      i = end;
    }
    return number ? std::optional(name) : std::nullopt;
  }

  // nullopt: no name that this would write.
  std::optional<int64_t> number_of(const std::string &text) const {
    if (text.size() <= before.size() + after.size() || !text.starts_with(before) ||
        !text.ends_with(after))
      return std::nullopt;
    std::string digits = text.substr(before.size(), text.size() - before.size() - after.size());
    if (digits.size() < width) return std::nullopt;
    if (!zeros) digits.erase(0, digits.find_first_not_of(' '));
    const bool padded = digits.size() > 1 && digits[0] == '0';
    if (digits.empty() || digits.size() > 18 || (padded && (!zeros || digits.size() > width)) ||
        !std::all_of(digits.begin(), digits.end(), [](unsigned char c) { return std::isdigit(c); }))
      return std::nullopt;
    return std::stoll(digits);
  }
};

// Of the files that a source of numbered ones reads: up to the first number that is missing.
std::string identity_of_numbered(GstElement *source, const std::string &location) {
  const size_t slash = location.rfind('/');
  const auto name = NumberedName::parse(location.substr(slash == location.npos ? 0 : slash + 1));
  if (!name) return "";
  const std::string folder = slash == location.npos ? "." : location.substr(0, slash + 1);
  const int first = int_property(source, "start-index", 0);
  const int last = int_property(source, "stop-index", -1);
  using DirPtr = std::unique_ptr<GDir, decltype(&g_dir_close)>;
  const DirPtr dir(g_dir_open(folder.c_str(), 0, nullptr), g_dir_close);
  std::map<int64_t, std::string> files;
  while (const gchar *entry = dir ? g_dir_read_name(dir.get()) : nullptr)
    if (const auto number = name->number_of(entry);
        number && *number >= first && (last < 0 || *number <= last))
      files[*number] = entry;
  using ChecksumPtr = std::unique_ptr<GChecksum, decltype(&g_checksum_free)>;
  const ChecksumPtr digest(g_checksum_new(G_CHECKSUM_SHA256), g_checksum_free);
  int64_t count = 0;
  for (const auto &[number, file] : files) {
    struct stat info = {};
    if (number != files.begin()->first + count || !file_at(folder + "/" + file, info)) break;
    const std::string one = file + "/" + std::to_string(info.st_size) + "/" + time_text(info) + "/";
    g_checksum_update(digest.get(), reinterpret_cast<const guchar *>(one.data()),
                      static_cast<gssize>(one.size()));
    count++;
  }
  if (count == 0) return "";
  const GCharPtr absolute(g_canonicalize_filename(location.c_str(), nullptr));
  return json_object({{"path", json_string(absolute.get())},
                      {"files", std::to_string(count)},
                      {"digest", json_string(g_checksum_get_string(digest.get()))}});
}

}  // namespace

std::string input_of(GstElement *source) {
  for (const char *name : {"location", "uri"})
    if (std::string identity = input_identity(string_property(source, name)); !identity.empty())
      return identity;
  return identity_of_numbered(source, string_property(source, "location"));
}

bool has_unknown_input(GstElement *source) {
  // What is there may be another film by now, and its name is known without its query only.
  for (const char *name : {"location", "uri"})
    if (is_elsewhere(string_property(source, name))) return true;
  if (!input_of(source).empty()) return false;
  for (const char *name : {"location", "uri", "device"})
    if (!string_property(source, name).empty()) return true;
  const gchar *kind = gst_element_class_get_metadata(GST_ELEMENT_GET_CLASS(source), "klass");
  for (const char *outside : {"File", "Network", "Hardware", "Device"})
    if (kind && std::string(kind).find(outside) != std::string::npos) return true;
  return false;
}

std::string missing_input(GstElement *source) {
  const std::string location = string_property(source, "location");
  // A URI or a pattern is no name of a file.
  const bool name =
      location.find("://") == location.npos && location.find_first_of("%*?[") == location.npos;
  return name && !location.empty() && !g_file_test(location.c_str(), G_FILE_TEST_EXISTS) ? location
                                                                                         : "";
}

bool names_content(const std::string &property) {
  for (const char *part :
       {"cascade", "config", "label", "location", "lut", "model", "profile", "weights"})
    if (property.find(part) != std::string::npos) return true;
  return false;
}

std::string file_identity(const std::string &path) {
  return is_elsewhere(path) ? "" : input_identity(path);
}

std::optional<std::string> whole_path(const std::string &path) {
  struct stat info = {};
  return file_at(path, info);
}

}  // namespace checkpoint
