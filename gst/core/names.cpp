// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/names.h"

#include <glib.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>

namespace checkpoint {

namespace {

constexpr size_t kMaxName = 512;
constexpr size_t kMaxPlainJob = 200;

// As much of a name as helps in a message, and nothing that a terminal obeys.
std::string quoted(std::string_view name) {
  std::string out = "'";
  for (char c : name.substr(0, 60)) {
    unsigned char byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\x%02x", byte);
      out += escape;
    }
  }
  return out + (name.size() > 60 ? "…'" : "'");
}

bool is_plain_job(std::string_view job_id) {
  if (job_id.empty() || job_id.size() > kMaxPlainJob) return false;
  bool plain = std::all_of(job_id.begin(), job_id.end(), [](char c) {
    return g_ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
  });
  return plain && job_id.find_first_not_of('.') != std::string_view::npos;
}

// What stands before "/frames/". Never a '/': what lies deeper belongs to another frame store whose
// folder is below ours.
bool is_job_folder(std::string_view folder) {
  return is_plain_job(folder) || (folder.starts_with('~') && Uuid::parse(folder.substr(1)));
}

const char *extension(Codec codec, Content content) {
  switch (codec) {
    case Codec::kLz4:
      return ".lz4";
    case Codec::kZstd:
      return ".zst";
    case Codec::kNone:
      break;
  }
  switch (content) {
    case Content::kJpeg:
      return ".jpg";
    case Content::kPng:
      return ".png";
    case Content::kRaw:
      break;
  }
  return ".raw";
}

}  // namespace

Status check_name(std::string_view what, std::string_view name) {
  std::string subject(what);
  if (name.empty()) return {Code::kInvalidArgument, subject + " is empty"};
  if (name.size() > kMaxName)
    return {Code::kInvalidArgument, subject + " " + quoted(name) + " has " +
                                        std::to_string(name.size()) + " bytes, more than " +
                                        std::to_string(kMaxName)};
  auto control = [&] {
    return Status(Code::kInvalidArgument,
                  subject + " " + quoted(name) + " holds a control character");
  };
  if (name.find('\0') != std::string_view::npos) return control();
  if (!g_utf8_validate(name.data(), static_cast<gssize>(name.size()), nullptr))
    return {Code::kInvalidArgument, subject + " " + quoted(name) + " is not valid UTF-8"};
  const char *end = name.data() + name.size();
  for (const char *at = name.data(); at < end; at = g_utf8_next_char(at)) {
    gunichar c = g_utf8_get_char(at);
    if (c < 0x20 || (c >= 0x7f && c < 0xa0)) return control();
  }
  return Status::ok();
}

std::string frames_prefix(const JobRow &job) {
  return (is_plain_job(job.job_id) ? job.job_id : "~" + job.uuid.to_string()) + "/frames/";
}

std::string pack_object_name(const JobRow &job, const Uuid &pack, bool plain) {
  return frames_prefix(job) + pack.to_string() + (plain ? "" : ".pack");
}

std::string plain_object_name(const std::string &pack_object, const PayloadRef &ref) {
  char ordinal[24];
  std::snprintf(ordinal, sizeof ordinal, "-%08" PRIu64, ref.offset);
  return pack_object + ordinal + extension(ref.codec, ref.content);
}

std::string payload_name(const PackRow &pack, const PayloadRef &ref) {
  return pack.plain
             ? plain_object_name(pack.object, ref)
             : pack.object + "#" + std::to_string(ref.offset) + "+" + std::to_string(ref.length);
}

std::optional<PackObjectName> parse_pack_object(std::string_view name) {
  constexpr std::string_view kFolder = "/frames/", kPack = ".pack";
  constexpr size_t kUuid = 36;
  const size_t folder = name.find(kFolder);
  if (folder == std::string_view::npos || !is_job_folder(name.substr(0, folder)))
    return std::nullopt;
  const size_t begin = folder + kFolder.size();
  const std::optional<Uuid> pack = Uuid::parse(name.substr(begin, kUuid));
  if (!pack) return std::nullopt;
  const std::string_view rest = name.substr(begin + kUuid);
  if (rest == kPack) return PackObjectName{std::string(name), *pack, false};
  // "-00000007.jpg"
  const size_t dot = rest.find('.');
  const bool numbered =
      dot != std::string_view::npos && dot >= 9 && rest[0] == '-' &&
      rest.substr(1, dot - 1).find_first_not_of("0123456789") == std::string_view::npos;
  if (!numbered || rest.find('/') != std::string_view::npos) return std::nullopt;
  return PackObjectName{std::string(name.substr(0, begin + kUuid)), *pack, true};
}

}  // namespace checkpoint
