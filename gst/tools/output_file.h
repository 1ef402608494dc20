// SPDX-License-Identifier: LGPL-2.1-or-later
// What a verb writes: it has its name only once it is whole, and replaces nothing unasked.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "common/status.h"

namespace checkpoint::tool {

// kAlreadyExists where something of that name is there; for work that takes long, before it.
Status check_free_name(const std::string &path, bool force);

class OutputFile {
 public:
  // Beside `path`, under a temporary name.
  static Result<std::unique_ptr<OutputFile>> create(const std::string &path, bool force);
  // Removes it unless it was published.
  ~OutputFile();
  OutputFile(const OutputFile &) = delete;
  OutputFile &operator=(const OutputFile &) = delete;

  // For those who write by name.
  const std::string &temporary_path() const { return temporary_; }
  // A failure is kept until publish().
  void write(std::string_view bytes);
  // As if a write had failed with this errno.
  void fail(int error) { error_ = error_ == 0 ? error : error_; }
  // On the disk, then under its name; kAlreadyExists: somebody was first, and there is no force.
  Status publish();

 private:
  OutputFile(std::string path, bool force) : path_(std::move(path)), force_(force) {}
  Status failure(const char *what, int error) const;

  const std::string path_;
  const bool force_;
  std::string temporary_;
  FILE *file_ = nullptr;
  int error_ = 0;  // the first that failed
};

// A folder of files, likewise: a new one has its name when all is in it; into an old one (with
// force) each file goes when all are whole.
class OutputFolder {
 public:
  static Result<std::unique_ptr<OutputFolder>> create(const std::string &path, bool force);
  ~OutputFolder();
  OutputFolder(const OutputFolder &) = delete;
  OutputFolder &operator=(const OutputFolder &) = delete;

  std::string file(const std::string &name) const { return temporary_ + "/" + name; }
  Status publish();

 private:
  OutputFolder(std::string path, bool force) : path_(std::move(path)), force_(force) {}
  const std::string path_;
  const bool force_;
  std::string temporary_;
};

}  // namespace checkpoint::tool
