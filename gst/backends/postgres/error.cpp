// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/postgres/error.h"

#include <algorithm>

namespace checkpoint::postgres {

namespace {

bool in_class(std::string_view sqlstate, std::string_view prefix) {
  return sqlstate.substr(0, prefix.size()) == prefix;
}

}  // namespace

bool is_lost_connection(std::string_view sqlstate) {
  // 57P05 is idle_session_timeout, 57P04 a database that was dropped, which no waiting brings back.
  return sqlstate.empty() || in_class(sqlstate, "08") || sqlstate == "57P01" ||
         sqlstate == "57P02" || sqlstate == "57P03" || sqlstate == "57P05" || sqlstate == "53300" ||
         sqlstate == "25P03" || sqlstate == "25P04";
}

std::string without_secrets(std::string text, const Location &location) {
  for (const std::string &secret : location.secrets)
    for (size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at + 3))
      text.replace(at, secret.size(), "***");
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

Status connection_lost(const Location &location) {
  return Status(Code::kUnavailable, "the connection to " + location.display() + " was lost",
                "see whether the server runs and can be reached, then go on with resume=true")
      .set_retryable();
}

Status status_of(std::string_view sqlstate, const std::string &text, const Location &location) {
  const std::string where = location.display();
  const std::string message = without_secrets(text, location);
  if (sqlstate == kLeaseLostState) return {Code::kLeaseLost, "another writer has taken over"};
  if (sqlstate == "55P03")
    return Status(Code::kBusy,
                  "what is needed in " + where + " was locked by another session for more than " +
                      std::to_string(location.busy_timeout.count()) + " ms",
                  "see who holds it (pg_stat_activity), or wait longer with ?busy-timeout=")
        .set_retryable();
  if (sqlstate == "57014")
    return Status(Code::kTimeout,
                  where + " did not answer within " +
                      std::to_string(location.statement_timeout.count()) + " ms",
                  "see what keeps the server busy, or wait longer with ?statement-timeout=")
        .set_retryable();
  // Another transaction wrote the same row first: made again, this one finds it there.
  if (in_class(sqlstate, "40") || sqlstate == "23505")
    return {Code::kConflict, where + ": " + message};
  if (is_lost_connection(sqlstate))
    return Status(Code::kUnavailable, where + " can't be reached: " + message,
                  "see whether the server runs and takes connections")
        .set_retryable();
  if (sqlstate == "3D000" || sqlstate == "57P04")
    return {Code::kUnavailable, where + ": " + message,
            "make the database: createdb --encoding=UTF8 --template=template0 NAME"};
  if (in_class(sqlstate, "28"))
    return {Code::kPermissionDenied, "the server refuses to let us in to " + where + ": " + message,
            "check user, password and the server's pg_hba.conf"};
  if (sqlstate == "42501")
    return {
        Code::kPermissionDenied, where + ": " + message,
        "the grants that a writer, a reader and a collector need are in docs/stores/postgres.md"};
  if (sqlstate == "25006")
    return {Code::kPermissionDenied, where + " can only be read: " + message,
            "write to the primary server (target_session_attrs=read-write)"};
  if (sqlstate == "53100" || sqlstate == "53200")
    return {Code::kNoSpace, "the server of " + where + " has no room left: " + message,
            "free some space there, then go on with resume=true"};
  if (in_class(sqlstate, "53") || in_class(sqlstate, "58"))
    return Status(Code::kUnavailable, where + ": " + message).set_retryable();
  if (sqlstate == "XX001" || sqlstate == "XX002")
    return {Code::kCorrupt, "the database " + where + " is damaged: " + message,
            "restore a backup, or rebuild it from the frame store (gst-checkpoint-1.0 repair)"};
  if (in_class(sqlstate, "23")) return {Code::kInvalidArgument, where + " refuses it: " + message};
  if (in_class(sqlstate, "22") || in_class(sqlstate, "54"))
    return {Code::kInvalidArgument, "a value does not fit into " + where + ": " + message};
  if (in_class(sqlstate, "0A")) return {Code::kUnsupported, where + ": " + message};
  return {Code::kInternal, where + ": " + message + " (" + std::string(sqlstate) + ")"};
}

}  // namespace checkpoint::postgres
