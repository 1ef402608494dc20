// SPDX-License-Identifier: LGPL-2.1-or-later
// Running launch lines in tests, and what their bus said.
#pragma once

#include <gst/gst.h>

#include <optional>
#include <string>
#include <vector>

struct sqlite3;

namespace checkpoint {

// What came over a pipeline's bus, in order, up to EOS or the first ERROR.
struct BusLog {
  bool eos = false;
  std::vector<std::string> errors;       // "domain/code: text", all that came before NULL
  std::vector<std::string> debugs;       // of the errors
  std::vector<std::string> sources;      // names of the elements that posted them
  std::vector<std::string> warnings;     // texts
  std::vector<GstStructure *> elements;  // element messages; owned

  BusLog() = default;
  BusLog(BusLog &&) = default;
  BusLog(const BusLog &) = delete;
  BusLog &operator=(const BusLog &) = delete;
  ~BusLog();
  // The last element message of that name; null: none.
  const GstStructure *element(const std::string &name) const;
};

// Ends the test where the line can't be parsed.
GstElement *parse_line(const std::string &line);
// Waits for EOS or an ERROR (60 s at most) and reads on for errors that follow at once.
BusLog wait_for_end(GstElement *pipeline);
// PLAYING, wait_for_end, NULL.
BusLog run_line(const std::string &line);

// The value that `sqlite3` would print for a query of one value.
// '' also where somebody else writes for longer than the patience; without one the test fails after
// 20 s.
std::string query_value(const std::string &database, const std::string &sql,
                        std::optional<int> patience_ms = {});
// Runs statements past our stores.
void change_database(const std::string &database, const std::string &sql);
// Holds a database's write lock, as another program may.
class DatabaseLock {
 public:
  explicit DatabaseLock(const std::string &database);
  ~DatabaseLock();
  DatabaseLock(const DatabaseLock &) = delete;
  DatabaseLock &operator=(const DatabaseLock &) = delete;

 private:
  sqlite3 *db_;
};

}  // namespace checkpoint
