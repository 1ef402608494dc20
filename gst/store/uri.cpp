// SPDX-License-Identifier: LGPL-2.1-or-later
#include "store/uri.h"

#include <algorithm>

namespace checkpoint {

namespace {

bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_unreserved(char c) {
  return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}
bool is_scheme_char(char c) {
  return is_alpha(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char &c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

// The length of the scheme before ":/", or 0. One letter is no scheme but somebody's drive.
size_t scheme_length(std::string_view text) {
  size_t n = 0;
  while (n < text.size() && is_scheme_char(text[n])) n++;
  if (n < 2 || !is_alpha(text[0])) return 0;
  return text.substr(n, 2) == ":/" ? n : 0;
}

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) == 0x7f;
  });
}

// What a message may show of a text that could not be parsed: no part that may be a secret.
std::string scheme_of(const StoreUri &uri) { return uri.scheme + "://…"; }

Status parse_query(std::string_view text, StoreUri &uri) {
  while (!text.empty()) {
    std::string_view item = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), item.size() + 1));
    if (item.empty()) continue;
    size_t equals = item.find('=');
    auto key = percent_decode(item.substr(0, equals));
    auto value = percent_decode(equals == std::string_view::npos ? "" : item.substr(equals + 1));
    if (!key.is_ok() || !value.is_ok() || key->empty())
      return {Code::kInvalidArgument, "the options of " + scheme_of(uri) + " are not valid",
              "write them as ?key=value&key=value and encode special characters as %XX"};
    if (!uri.query.emplace(*key, *value).second)
      return {Code::kInvalidArgument,
              "the option '" + *key + "' of " + scheme_of(uri) + " is given twice"};
  }
  return Status::ok();
}

// "a=1&b=2" -> "a=***&b=***". A query without "=" may be a token as a whole.
std::string mask_values(std::string_view query, bool mask_bare) {
  std::string out;
  while (true) {
    size_t end = query.find_first_of("&;");
    std::string_view item = query.substr(0, end);
    size_t equals = item.find('=');
    if (equals != std::string_view::npos)
      out.append(item.substr(0, equals)).append("=***");
    else if (!item.empty())
      out.append(mask_bare ? std::string_view("***") : item);
    if (end == std::string_view::npos) return out;
    out += query[end];
    query.remove_prefix(end + 1);
  }
}

// libpq's other way to name a database, "host=h password=x"; somebody may take it for a URI.
bool is_conninfo(std::string_view text) {
  static constexpr std::string_view kWords[] = {
      "dbname",   "host",        "hostaddr", "options",          "passfile",
      "password", "port",        "service",  "sslcert",          "sslkey",
      "sslmode",  "sslpassword", "user",     "application_name", "connect_timeout"};
  const size_t begin = std::min(text.find_first_not_of(' '), text.size());
  const size_t equals = std::min(text.find('=', begin), text.size());
  if (equals == text.size()) return false;
  std::string_view word = text.substr(begin, equals - begin);
  while (!word.empty() && word.back() == ' ') word.remove_suffix(1);
  return std::find(std::begin(kWords), std::end(kWords), word) != std::end(kWords);
}

// "postgresql:u:secret@host/db", "postgresql//u:secret@host/db": the URI of a store, mistyped,
// which would be the path of a file.
bool is_mistyped_store(std::string_view text) {
  static constexpr std::string_view kSchemes[] = {"file", "memory",     "sqlite",
                                                  "s3",   "postgresql", "postgres"};
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  const auto begin = static_cast<std::ptrdiff_t>(
      std::find_if_not(text.begin(), text.end(),
                       [](char c) { return is_alpha(c) || is_digit(c); }) -
      text.begin());
  const std::string word = lower(text.substr(0, static_cast<size_t>(begin)));
  if (std::find(std::begin(kSchemes), std::end(kSchemes), word) == std::end(kSchemes)) return false;
  const std::string_view rest = text.substr(word.size());
  if (rest.empty() || rest.starts_with(":/")) return false;
  // "sqlite/a.db", "s3-frames" and "file.db" are names of files.
  return rest.starts_with("//") || std::string_view(":;,@=\\").find(rest[0]) != rest.npos;
}

// The place after the user info of `rest`, which is what stands behind "://"; 0: there is none.
// A password may hold an unescaped '/', '?' or '#': then what looks like a port is none.
size_t end_of_user_info(std::string_view scheme, std::string_view rest) {
  std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  if (size_t at = authority.rfind('@'); at != std::string_view::npos) return at + 1;
  size_t last_at = rest.rfind('@');
  if (last_at == std::string_view::npos) return 0;
  size_t colon = authority.rfind(':');
  bool odd_port = colon != std::string_view::npos &&
                  authority.find(']') == std::string_view::npos &&
                  !std::all_of(authority.begin() + static_cast<std::ptrdiff_t>(colon) + 1,
                               authority.end(), is_digit);
  bool database = lower(scheme).find("postgres") != std::string::npos;
  return odd_port || (database && colon != std::string_view::npos) ? last_at + 1 : 0;
}

// "jdbc:postgresql://…" is a URI as well.
bool is_scheme_or_colon(char c) { return is_scheme_char(c) || c == ':'; }

// Where the white space before another URI begins; npos: there is none.
size_t gap_before_uri(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  for (size_t colon = text.find("://"); colon != text.npos; colon = text.find("://", colon + 3)) {
    size_t begin = colon;
    while (begin > 0 && is_scheme_or_colon(text[begin - 1])) begin--;
    if (begin == colon || begin == 0 || kSpace.find(text[begin - 1]) == text.npos) continue;
    const size_t last = text.substr(0, begin).find_last_not_of(kSpace);
    return last == text.npos ? 0 : last + 1;
  }
  return text.npos;
}

// Of every URI in a text; one goes on to the next, or to the end, as a password may hold anything.
// What comes behind `most` of them is not shown.
std::string mask_each(std::string_view text, unsigned most = 50) {
  const size_t colon = text.find("://");
  if (colon == text.npos) return std::string(text);
  if (most-- == 0) return "***";
  size_t begin = colon;
  while (begin > 0 && is_scheme_or_colon(text[begin - 1])) begin--;
  std::string out(text.substr(0, colon + 3));
  std::string_view rest = text.substr(colon + 3), later;
  if (const size_t gap = gap_before_uri(rest); gap != rest.npos) {
    later = rest.substr(gap);
    rest = rest.substr(0, gap);
  }
  if (size_t end = end_of_user_info(text.substr(begin, colon - begin), rest); end > 0) {
    out += "***@";
    rest.remove_prefix(end);
  }
  const size_t hash = rest.find('#');
  const std::string_view before_hash = rest.substr(0, hash);
  const size_t question = before_hash.find('?');
  if (before_hash.substr(0, question).find("://") != text.npos) {  // "rtsp://a,rtsp://b?c"
    out += mask_each(rest, most);
  } else {
    out += before_hash.substr(0, question);
    if (question != text.npos) out += "?" + mask_values(before_hash.substr(question + 1), true);
    if (hash != text.npos) out += "#" + mask_each(mask_values(rest.substr(hash + 1), false), most);
  }
  return out + mask_each(later, most);
}

}  // namespace

Result<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); i++) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0)
      return Status(Code::kInvalidArgument, "a '%' is not followed by two hexadecimal digits",
                    "write a percent sign as %25");
    if (high == 0 && low == 0) return Status(Code::kInvalidArgument, "%00 is not allowed");
    out += static_cast<char>(high << 4 | low);
    i += 2;
  }
  return out;
}

std::string percent_encode(std::string_view text, std::string_view keep) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    if (is_unreserved(c) || keep.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += '%';
      out += kDigits[static_cast<unsigned char>(c) >> 4];
      out += kDigits[static_cast<unsigned char>(c) & 15];
    }
  }
  return out;
}

std::string StoreUri::display() const {
  std::string text = scheme + "://";
  if (!user_info.empty()) text += "***@";
  text += percent_encode(authority, "!$&'()*+,;=:[]%");
  // Without this slash a relative path would look like a host.
  if (!path.empty() && path[0] != '/') text += authority.empty() ? "./" : "/";
  text += percent_encode(path, "/!$&'()*+,;=:@");
  char before = '?';
  for (const auto &[key, value] : query) {
    text += before + percent_encode(key) + "=***";
    before = '&';
  }
  return text;
}

Result<StoreUri> parse_store_uri(std::string_view text, std::string_view plain_path_scheme) {
  if (text.empty()) return Status(Code::kInvalidArgument, "the URI of a store is empty");
  if (has_control_character(text))
    return Status(Code::kInvalidArgument, "the URI of a store holds a control character");
  StoreUri uri;
  size_t scheme = scheme_length(text);
  if (scheme == 0) {
    if (is_conninfo(text))
      return Status(Code::kInvalidArgument, "a store is named by a URI, not by keyword=value",
                    "write postgresql://user@host:port/database?sslmode=… for PostgreSQL, and a "
                    "file whose name looks so as ./name");
    if (is_mistyped_store(text))
      return Status(
          Code::kInvalidArgument, "the URI of a store lacks \"://\"",
          "write it as postgresql://user@host/database, s3://bucket or file:///folder, and "
          "a file whose name looks so as ./name");
    if (text.find("://") < text.find('/'))
      return Status(Code::kInvalidArgument, "'" + std::string(text.substr(0, text.find("://"))) +
                                                "' can't be the scheme of a URI");
    uri.scheme = plain_path_scheme;
    uri.path = text;
    return uri;
  }
  uri.scheme = lower(text.substr(0, scheme));
  std::string_view rest = text.substr(scheme + 1);
  if (rest.find('#') != std::string_view::npos)
    return Status(Code::kInvalidArgument, scheme_of(uri) + " holds a '#'",
                  "write it as %23 where it is part of a name or a password");
  if (size_t question = rest.find('?'); question != std::string_view::npos) {
    CHECKPOINT_RETURN_IF_ERROR(parse_query(rest.substr(question + 1), uri));
    rest = rest.substr(0, question);
  }
  if (rest.substr(0, 2) == "//") {
    rest.remove_prefix(2);
    std::string_view authority = rest.substr(0, rest.find('/'));
    rest.remove_prefix(authority.size());
    if (size_t at = authority.rfind('@'); at != std::string_view::npos) {
      uri.user_info = authority.substr(0, at);
      authority.remove_prefix(at + 1);
    }
    uri.authority = authority;
  }
  auto path = percent_decode(rest);
  if (!path.is_ok()) return path.status().with_context("the path of " + scheme_of(uri));
  uri.path = *std::move(path);
  return uri;
}

std::string mask_uri(std::string_view text) {
  if (is_conninfo(text)) return "***";
  if (is_mistyped_store(text) && text.find('@') != std::string_view::npos) return "***";
  return mask_each(text);
}

}  // namespace checkpoint
