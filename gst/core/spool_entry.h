// SPDX-License-Identifier: LGPL-2.1-or-later
// A checkpoint in a spool: a pair of stores of its own in a folder (frames in files, metadata in
// SQLite), and a note of what it is for. A lock on the folder says whether somebody works on it,
// and goes with the process.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/cancel.h"
#include "common/status.h"
#include "common/uuid.h"
#include "core/stores.h"

namespace checkpoint {

// A file that is locked, until the object goes or the process ends.
class FileLock {
 public:
  // Null: somebody else has it, or, without `make`, there is no such file.
  static Result<std::unique_ptr<FileLock>> take(const std::string &path, bool make);
  ~FileLock();
  FileLock(const FileLock &) = delete;
  FileLock &operator=(const FileLock &) = delete;

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  const int fd_;
};

// What the rows of the spool can't say, since they know nothing of the stores that it is for.
struct SpoolNote {
  uint64_t order = 0;  // entries are drained in this one
  Uuid checkpoint;     // its id there; with `resume` it may become another's
  std::optional<Uuid> parent;
  bool parent_is_hint = false;
  bool resume = false;
  int32_t stage_index = -1;
  Uuid instance;         // who takes the lease there: whoever drains the entry goes on with it
  uint64_t drained = 0;  // frames that are durable there; their packs may be gone
  std::string frame_store, metadata_store;  // for messages and to be compared: no secret
};

class SpoolEntry {
 public:
  // A new one in the folder `spool`, an absolute path, which is made where it is not there.
  static Result<std::unique_ptr<SpoolEntry>> create(const std::string &spool);
  // Those of `spool` with a note that nobody works on, in their order; what is left of entries that
  // never got one is removed.
  static Result<std::vector<std::unique_ptr<SpoolEntry>>> claim_all(const std::string &spool);

  // The checkpoint's id in the spool's own rows.
  const Uuid &id() const { return id_; }
  const std::optional<SpoolNote> &note() const { return note_; }
  // Durable when it returns ok. An order of 0 becomes the next one.
  Status write_note(SpoolNote note);
  // A pair of the process for this entry.
  Result<std::shared_ptr<Stores>> open(Cancellation &cancel) const;
  Status remove();

 private:
  SpoolEntry(std::string spool, const Uuid &id, std::unique_ptr<FileLock> lock);
  std::string path() const;
  Status read_note();

  const std::string spool_;
  const Uuid id_;
  std::unique_ptr<FileLock> lock_;
  std::optional<SpoolNote> note_;
};

// Makes the folder, and those above it.
Status make_spool(const std::string &folder);
// Of all packs in a spool.
uint64_t spool_bytes(const std::string &folder);

}  // namespace checkpoint
