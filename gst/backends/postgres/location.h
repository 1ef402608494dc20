// SPDX-License-Identifier: LGPL-2.1-or-later
// Which database it is and how it is to be used: what the URI says.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "common/status.h"
#include "store/uri.h"

namespace checkpoint::postgres {

struct Location {
  // Keywords and values for libpq, ours included. May hold secrets.
  std::vector<std::pair<std::string, std::string>> parameters;
  std::vector<std::string> secrets;  // values that no message may show
  std::string shown;                 // the URI without secrets
  std::string schema = "gst_checkpoint";
  bool prepared_statements = true;
  // How long a call waits for a lock, for one statement, and for a server that went away.
  std::chrono::milliseconds busy_timeout{10000};
  std::chrono::milliseconds statement_timeout{60000};
  std::chrono::milliseconds reconnect_timeout{30000};
  std::chrono::milliseconds connect_timeout{10000};
  size_t connections = 4;

  // For messages.
  const std::string &display() const { return shown; }
  // Everything that two stores have to have in common to share connections.
  std::string identity() const;
  // The schema as it stands in SQL.
  std::string quoted_schema() const;
};

Result<Location> parse_location(const StoreUri &uri);

}  // namespace checkpoint::postgres
