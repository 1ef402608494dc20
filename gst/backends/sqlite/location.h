// SPDX-License-Identifier: LGPL-2.1-or-later
// Where a database is and how it is to be used: what the URI says, and what the disk says to it.
#pragma once

#include <chrono>
#include <string>

#include "common/status.h"
#include "store/uri.h"

namespace checkpoint::sqlite {

enum class Journal { kAuto, kWal, kDelete };

struct Location {
  bool memory = false;
  std::string path;  // absolute; in memory: the name
  std::chrono::milliseconds busy_timeout{10000};
  Journal journal = Journal::kAuto;

  // For messages.
  std::string display() const { return memory ? "memory://" + path : path; }
};

Result<Location> parse_location(const StoreUri &uri);

// Makes the file (mode 0600) and the folder that it is in (0700) where they are not there, and
// finds out what would fail later with a less clear error: a path that is a folder, a file or a
// folder that may not be written.
Status prepare_file(const Location &location);

// WAL needs shared memory between all who have the file open, which a network file system does not
// give; there it is DELETE, with a warning in the log.
Journal choose_journal(const Location &location);

}  // namespace checkpoint::sqlite
