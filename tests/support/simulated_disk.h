// SPDX-License-Identifier: LGPL-2.1-or-later
// What a disk holds after the power failed: a model that takes the file store's calls and keeps
// what POSIX promises and nothing more. The bytes of a file last when the file was synced, an entry
// of a folder when that folder was synced.
#pragma once

#include <map>
#include <random>
#include <string>
#include <vector>

#include "common/bytes.h"
#include "support/recording_file_ops.h"

namespace checkpoint {

class SimulatedDisk {
 public:
  // `base` is a folder that is there and empty, and on the disk already.
  explicit SimulatedDisk(std::string base);

  void apply(const FileCall &call);
  // Makes the real folder `target` what `base` is after a power failure now. Without `random` all
  // that was not synced is lost; else each part of it is lost, kept or, of data, torn.
  void lose_power(const std::string &target, std::mt19937 *random) const;

 private:
  struct Node {
    bool folder = false;
    Bytes data, synced_data;
    std::map<std::string, int> entries, synced_entries;
  };
  // The node of the path, or -1: outside of the base, or not there.
  int find(int handle, const std::string &path) const;
  // The folder of the path and its last component.
  int find_parent(int handle, const std::string &path, std::string &last) const;
  void write_out(int node, const std::string &target, std::mt19937 *random) const;

  const std::string base_;
  std::vector<Node> nodes_;     // the base first
  std::map<int, int> handles_;  // to nodes
};

}  // namespace checkpoint
