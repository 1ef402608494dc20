// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/sqlite/error.h"

#include <sqlite3.h>

#include <cerrno>
#include <cstring>

namespace checkpoint::sqlite {

namespace {

Status no_space(const std::string &where) {
  return {
      Code::kNoSpace, "no space left for the database " + where,
      "free some space on its disk (reading takes 64 KiB, too); what was being stored goes on with "
      "resume=true"};
}

Status denied(const std::string &where, const std::string &why) {
  return {Code::kPermissionDenied, "the database " + where + " can't be written: " + why,
          "give this user the right to write the file and its folder"};
}

// By the system's own error, where SQLite could not do what it wanted with the file.
Status system_failure(const std::string &where, const char *message, int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return no_space(where);
    case EACCES:
    case EPERM:
    case EROFS:
      return denied(where, std::strerror(error));
    default:
      return Status(Code::kUnavailable,
                    "the database " + where + " can't be used: " + message +
                        (error != 0 ? std::string(", ") + std::strerror(error) : std::string()))
          .set_retryable();
  }
}

}  // namespace

Status status_of(int rc, const char *message, int error, const Location &location) {
  const std::string where = location.display();
  switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return Status(Code::kBusy,
                    "the database " + where + " was locked by another process for more than " +
                        std::to_string(location.busy_timeout.count()) + " ms",
                    "see who uses it (fuser " + where + "), or wait longer with ?busy-timeout=")
          .set_retryable();
    case SQLITE_INTERRUPT:
      return {Code::kCancelled, "cancelled"};
    case SQLITE_FULL:
      return no_space(where);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return denied(where, message);
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
      return system_failure(where, message, error);
    case SQLITE_NOTADB:
      return {Code::kCorrupt, where + " is not a SQLite database",
              "choose another path, or move that file away"};
    case SQLITE_CORRUPT:
      return {Code::kCorrupt, "the database " + where + " is damaged: " + message,
              "restore a backup, or rebuild it from the frame store (gst-checkpoint-1.0 repair)"};
    case SQLITE_TOOBIG:
      return {Code::kInvalidArgument, "a value is too large for the database " + where};
    default:
      return {Code::kInternal, "the database " + where + ": " + message};
  }
}

}  // namespace checkpoint::sqlite
