// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/postgres/location.h"

#include <glib.h>
#include <libpq-fe.h>

#include <algorithm>
#include <charconv>
#include <memory>

namespace checkpoint::postgres {

namespace {

struct FreeOptions {
  void operator()(PQconninfoOption *options) const { PQconninfoFree(options); }
};
using Options = std::unique_ptr<PQconninfoOption, FreeOptions>;

constexpr const char *kOurOptions =
    "the options of the store are schema, prepared-statements, busy-timeout, statement-timeout, "
    "reconnect-timeout and connections; all others are libpq's";

Result<int64_t> number_in(const std::string &name, const std::string &value, int64_t least,
                          int64_t most) {
  int64_t number = 0;
  auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc{} || end != value.data() + value.size() || number < least || number > most)
    return Status(Code::kInvalidArgument, name + " is a number from " + std::to_string(least) +
                                              " to " + std::to_string(most));
  return number;
}

Status set_timeout(const std::string &name, const std::string &value, int64_t least,
                   std::chrono::milliseconds &timeout) {
  CHECKPOINT_ASSIGN_OR_RETURN(int64_t ms, number_in(name, value, least, 86400000));
  timeout = std::chrono::milliseconds(ms);
  return Status::ok();
}

// Takes one of our own options; false: it is not ours.
Result<bool> take_option(Location &location, const std::string &name, const std::string &value) {
  Status status;
  if (name == "schema") {
    // As long as PostgreSQL lets a name be: it would cut a longer one without a word.
    if (value.empty() || value.size() > 63 ||
        !g_utf8_validate(value.data(), static_cast<gssize>(value.size()), nullptr) ||
        value.rfind("pg_", 0) == 0 || value.find('$') != std::string::npos)
      return Status(Code::kInvalidArgument,
                    "schema is a name of 1 to 63 bytes without $ that does not begin with pg_");
    location.schema = value;
  } else if (name == "prepared-statements") {
    if (value != "true" && value != "false")
      return Status(Code::kInvalidArgument, "prepared-statements is true or false");
    location.prepared_statements = value == "true";
  } else if (name == "busy-timeout") {
    status = set_timeout(name, value, 1, location.busy_timeout);
  } else if (name == "statement-timeout") {
    status = set_timeout(name, value, 1, location.statement_timeout);
  } else if (name == "reconnect-timeout") {
    status = set_timeout(name, value, 0, location.reconnect_timeout);
  } else if (name == "connections") {
    CHECKPOINT_ASSIGN_OR_RETURN(int64_t connections, number_in(name, value, 1, 100));
    location.connections = static_cast<size_t>(connections);
  } else {
    return false;
  }
  CHECKPOINT_RETURN_IF_ERROR(status);
  return true;
}

// libpq takes the part of a password behind an unescaped character for a port, a database or an
// option, and would show it in its messages; so nothing of such a URI may reach it.
bool looks_torn(const StoreUri &uri) {
  for (size_t at = 0; at < uri.authority.size();) {
    const size_t end = std::min(uri.authority.find(',', at), uri.authority.size());
    const std::string host = uri.authority.substr(at, end - at);
    const size_t bracket = host.rfind(']');
    const size_t colon = host.find(':', bracket == std::string::npos ? 0 : bracket);
    if (colon != std::string::npos &&
        !std::all_of(host.begin() + static_cast<std::ptrdiff_t>(colon) + 1, host.end(),
                     [](char c) { return c >= '0' && c <= '9'; }))
      return true;
    at = end + 1;
  }
  if (uri.path.find('@') != std::string::npos) return true;
  return std::any_of(uri.query.begin(), uri.query.end(), [](const auto &option) {
    return option.first.find('@') != std::string::npos;
  });
}

bool is_secret(const PQconninfoOption &option) {
  return option.dispchar != nullptr && option.dispchar[0] == '*';
}

class Parameters {
 public:
  explicit Parameters(Location &location) : location_(location), known_(PQconndefaults()) {}

  // False: libpq has no such option.
  bool set(const std::string &name, const std::string &value) {
    const PQconninfoOption *option = find(name);
    if (option == nullptr) return false;
    if (is_secret(*option) && !value.empty()) location_.secrets.push_back(value);
    location_.parameters.emplace_back(name, value);
    return true;
  }
  bool has(const std::string &name) const {
    return std::any_of(location_.parameters.begin(), location_.parameters.end(),
                       [&](const auto &p) { return p.first == name; });
  }
  void set_default(const std::string &name, const std::string &value) {
    if (!has(name)) set(name, value);
  }
  std::string get(const std::string &name) const {
    for (const auto &[key, value] : location_.parameters)
      if (key == name) return value;
    return {};
  }

 private:
  const PQconninfoOption *find(const std::string &name) const {
    for (const PQconninfoOption *o = known_.get(); o != nullptr && o->keyword != nullptr; o++)
      if (name == o->keyword) return o;
    return nullptr;
  }
  Location &location_;
  const Options known_;
};

// Host and database by libpq's own parser, which knows lists of hosts and IPv6 addresses.
Status parse_place(const StoreUri &uri, Parameters &parameters) {
  const std::string text = "postgresql://" + uri.authority +
                           (uri.path.empty() || uri.path[0] == '/' ? "" : "/") +
                           percent_encode(uri.path, "/");
  char *error = nullptr;
  Options parsed(PQconninfoParse(text.c_str(), &error));
  PQfreemem(error);  // it may quote a part of a password
  if (!parsed)
    return {Code::kInvalidArgument, "the host or the database of the URI can't be understood",
            "write postgresql://user:password@host:port/database"};
  for (const PQconninfoOption *o = parsed.get(); o->keyword != nullptr; o++)
    if (o->val != nullptr) parameters.set(o->keyword, o->val);
  return Status::ok();
}

Status parse_user(const StoreUri &uri, Parameters &parameters) {
  if (uri.user_info.empty()) return Status::ok();
  const size_t colon = uri.user_info.find(':');
  Result<std::string> user = percent_decode(uri.user_info.substr(0, colon));
  Result<std::string> password =
      percent_decode(colon == std::string::npos ? "" : uri.user_info.substr(colon + 1));
  if (!user.is_ok() || !password.is_ok())
    return {Code::kInvalidArgument, "the user or the password of the URI holds a broken %XX",
            "write a percent sign as %25"};
  if (!user->empty()) parameters.set("user", *user);
  if (!password->empty()) parameters.set("password", *password);
  return Status::ok();
}

// What a message shows: where it is and who asks, and nothing that may be a secret.
std::string shown_uri(const Location &location, const Parameters &parameters,
                      const std::string &authority) {
  std::string text = "postgresql://";
  if (std::string user = parameters.get("user"); !user.empty()) text += percent_encode(user) + "@";
  text += percent_encode(authority, "!$&'()*+,;=:[]%");
  if (std::string database = parameters.get("dbname"); !database.empty())
    text += "/" + percent_encode(database);
  text += "?schema=" + percent_encode(location.schema);
  if (authority.empty())
    for (const char *name : {"host", "port", "service"})
      if (parameters.has(name))
        text += std::string("&") + name + "=" + percent_encode(parameters.get(name), "/,:");
  return text;
}

}  // namespace

Result<Location> parse_location(const StoreUri &uri) {
  if (looks_torn(uri))
    return Status(Code::kInvalidArgument,
                  "the URI of a PostgreSQL store has a part that is no host, port or database",
                  "a password with / ? # @ or : in it has to be written with %2F %3F %23 %40 %3A");
  Location location;
  Parameters parameters(location);
  CHECKPOINT_RETURN_IF_ERROR(parse_place(uri, parameters));
  CHECKPOINT_RETURN_IF_ERROR(parse_user(uri, parameters));
  for (const auto &[name, value] : uri.query) {
    CHECKPOINT_ASSIGN_OR_RETURN(bool ours, take_option(location, name, value));
    if (ours) continue;
    if (!parameters.set(name, value))
      return Status(Code::kInvalidArgument, "neither the store nor libpq has one of the options",
                    kOurOptions);
  }
  if (parameters.has("connect_timeout")) {
    CHECKPOINT_ASSIGN_OR_RETURN(
        int64_t seconds, number_in("connect_timeout", parameters.get("connect_timeout"), 0, 86400));
    if (seconds > 0) location.connect_timeout = std::chrono::seconds(seconds);
  }
  location.shown = shown_uri(location, parameters, uri.authority);
  // A connection that is dead has to be found out well before a lease ends.
  parameters.set_default("keepalives_idle", "10");
  parameters.set_default("keepalives_interval", "5");
  parameters.set_default("keepalives_count", "3");
  parameters.set_default("tcp_user_timeout", std::to_string(location.connect_timeout.count()));
  parameters.set_default("fallback_application_name", "gst-checkpoint");
  location.parameters.emplace_back("client_encoding", "UTF8");
  return location;
}

std::string Location::identity() const {
  std::string text;
  auto add = [&](const std::string &part) { text += std::to_string(part.size()) + ":" + part; };
  for (const auto &[name, value] : parameters) {
    add(name);
    add(value);
  }
  add(schema);
  add(prepared_statements ? "prepared" : "unprepared");
  for (auto timeout : {busy_timeout, statement_timeout, reconnect_timeout})
    add(std::to_string(timeout.count()));
  add(std::to_string(connections));
  return text;
}

std::string Location::quoted_schema() const {
  std::string text = "\"";
  for (char c : schema) {
    if (c == '"') text += '"';
    text += c;
  }
  return text + "\"";
}

}  // namespace checkpoint::postgres
