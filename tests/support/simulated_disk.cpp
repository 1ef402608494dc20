// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/simulated_disk.h"

#include <fcntl.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace checkpoint {

SimulatedDisk::SimulatedDisk(std::string base) : base_(std::move(base)) {
  nodes_.emplace_back();
  nodes_[0].folder = true;
}

int SimulatedDisk::find(int handle, const std::string &path) const {
  int node = 0;
  std::string rest = path;
  if (handle != 0) {
    auto found = handles_.find(handle);
    node = found == handles_.end() ? -1 : found->second;
  } else if (rest == base_ || rest.rfind(base_ + "/", 0) == 0) {
    rest = rest.substr(std::min(rest.size(), base_.size() + 1));
  } else {
    return -1;
  }
  while (node >= 0 && !rest.empty()) {
    std::string component = rest.substr(0, rest.find('/'));
    rest = rest.substr(std::min(rest.size(), component.size() + 1));
    if (component == "." || component.empty()) continue;
    const auto &entries = nodes_[static_cast<size_t>(node)].entries;
    auto found = entries.find(component);
    node = found == entries.end() ? -1 : found->second;
  }
  return node;
}

int SimulatedDisk::find_parent(int handle, const std::string &path, std::string &last) const {
  size_t slash = path.rfind('/');
  last = slash == std::string::npos ? path : path.substr(slash + 1);
  return find(handle, slash == std::string::npos ? "." : path.substr(0, slash));
}

void SimulatedDisk::apply(const FileCall &call) {
  if (call.failed) return;
  std::string name, to_name;
  if (call.op == "openat" || call.op == "mkdirat") {
    int node = find(call.handle, call.path);
    bool makes = call.op == "mkdirat" || (call.flags & O_CREAT) != 0;
    if (int parent = find_parent(call.handle, call.path, name); node < 0 && makes && parent >= 0) {
      node = static_cast<int>(nodes_.size());
      nodes_.emplace_back();
      nodes_.back().folder = call.op == "mkdirat";
      nodes_[static_cast<size_t>(parent)].entries[name] = node;
    }
    if (call.op == "openat" && node >= 0) handles_[call.opened] = node;
  } else if (call.op == "pwritev") {
    Bytes &data = nodes_[static_cast<size_t>(find(call.handle, "."))].data;
    size_t at = static_cast<size_t>(call.at);
    data.resize(std::max(data.size(), at + call.data.size()));
    std::copy(call.data.begin(), call.data.end(), data.begin() + call.at);
  } else if (call.op == "fsync") {
    int node = find(call.handle, ".");
    if (call.handle == 0 || node < 0) return;  // a folder above the base
    Node &synced = nodes_[static_cast<size_t>(node)];
    synced.synced_data = synced.data;
    synced.synced_entries = synced.entries;
  } else if (call.op == "renameat2" || call.op == "linkat") {
    int node = find(call.handle, call.path);
    int from = find_parent(call.handle, call.path, name);
    int to = find_parent(call.to_handle, call.to_path, to_name);
    if (node < 0 || from < 0 || to < 0) std::abort();
    nodes_[static_cast<size_t>(to)].entries[to_name] = node;
    if (call.op == "renameat2") nodes_[static_cast<size_t>(from)].entries.erase(name);
  } else if (call.op == "unlinkat") {
    int parent = find_parent(call.handle, call.path, name);
    if (parent >= 0) nodes_[static_cast<size_t>(parent)].entries.erase(name);
  }
}

void SimulatedDisk::lose_power(const std::string &target, std::mt19937 *random) const {
  write_out(0, target, random);
}

void SimulatedDisk::write_out(int number, const std::string &target, std::mt19937 *random) const {
  namespace fs = std::filesystem;
  const Node &node = nodes_[static_cast<size_t>(number)];
  auto coin = [&] { return random && ((*random)() & 1) != 0; };
  if (!node.folder) {
    Bytes data = node.synced_data;
    if (coin()) {  // pages of it reached the disk, in any order, or only its new length did
      data.resize(node.data.size());
      for (size_t at = 0; at < data.size(); at += 512)
        if (coin())
          std::copy_n(node.data.begin() + static_cast<long>(at),
                      std::min<size_t>(512, data.size() - at),
                      data.begin() + static_cast<long>(at));
    }
    std::ofstream file(target, std::ios::binary);
    file.write(reinterpret_cast<const char *>(data.data()), static_cast<long>(data.size()));
    return;
  }
  fs::create_directories(target);
  std::map<std::string, int> entries = node.synced_entries;
  for (const auto &[name, child] : node.entries)
    if (coin()) entries[name] = child;
  for (const auto &[name, child] : node.synced_entries)
    if (node.entries.count(name) == 0 && coin()) entries.erase(name);
  for (const auto &[name, child] : entries) write_out(child, target + "/" + name, random);
}

}  // namespace checkpoint
