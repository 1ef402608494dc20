// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "tools/text.h"

namespace checkpoint::tool {

namespace fs = std::filesystem;

namespace {

Status failed(const std::string &path, const char *what, int error) {
  const Code code = error == ENOSPC || error == EDQUOT      ? Code::kNoSpace
                    : error == EACCES || error == EPERM     ? Code::kPermissionDenied
                    : error == EEXIST || error == ENOTEMPTY ? Code::kAlreadyExists
                    : error == ENOENT                       ? Code::kNotFound
                                                            : Code::kUnavailable;
  return {code, std::string(what) + " " + tool::in_quotes(path) + ": " + std::strerror(error)};
}

Status exists(const std::string &path) {
  return {Code::kAlreadyExists, tool::in_quotes(path) + " is there already", "--force replaces it"};
}

// New files get the mode that the user's umask gives, not mkstemp's.
mode_t default_mode(mode_t wanted) {
  const mode_t mask = umask(0);
  umask(mask);
  return wanted & ~mask;
}

std::string template_for(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  const size_t slash = path.rfind('/');
  const size_t name = slash == std::string::npos ? 0 : slash + 1;
  return path.substr(0, name) + "." + path.substr(name) + ".XXXXXX";
}

}  // namespace

Status check_free_name(const std::string &path, bool force) {
  struct stat info;
  return force || lstat(path.c_str(), &info) != 0 ? Status::ok() : exists(path);
}

Result<std::unique_ptr<OutputFile>> OutputFile::create(const std::string &path, bool force) {
  CHECKPOINT_RETURN_IF_ERROR(check_free_name(path, force));
  std::unique_ptr<OutputFile> file(new OutputFile(path, force));
  std::string name = template_for(path);
  const int fd = mkstemp(name.data());
  if (fd < 0) return failed(path, "can't write", errno);
  file->temporary_ = name;
  fchmod(fd, default_mode(0666));
  file->file_ = fdopen(fd, "wb");
  return file;
}

OutputFile::~OutputFile() {
  if (file_) fclose(file_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

void OutputFile::write(std::string_view bytes) {
  if (error_ == 0 && fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) error_ = errno;
}

Status OutputFile::publish() {
  if (error_ == 0 && (fflush(file_) != 0 || fsync(fileno(file_)) != 0)) error_ = errno;
  fclose(file_);
  file_ = nullptr;
  if (error_ != 0) return failed(path_, "can't write", error_);
  // A link, unlike a rename, fails where the name is taken.
  if (!force_ && link(temporary_.c_str(), path_.c_str()) == 0) return Status::ok();
  if (!force_ && errno == EEXIST) return exists(path_);
  if (rename(temporary_.c_str(), path_.c_str()) != 0) return failed(path_, "can't write", errno);
  temporary_.clear();
  return Status::ok();
}

Result<std::unique_ptr<OutputFolder>> OutputFolder::create(const std::string &path, bool force) {
  std::error_code error;
  if (fs::exists(path, error) && !fs::is_directory(path, error))
    return Status(Code::kAlreadyExists, tool::in_quotes(path) + " is no folder");
  if (!force && fs::is_directory(path, error) && !fs::is_empty(path, error))
    return Status(Code::kAlreadyExists, tool::in_quotes(path) + " holds something already",
                  "--force writes into it");
  std::unique_ptr<OutputFolder> folder(new OutputFolder(path, force));
  std::string name = template_for(path);
  if (!mkdtemp(name.data())) return failed(path, "can't make", errno);
  folder->temporary_ = name;
  chmod(name.c_str(), default_mode(0777));
  return folder;
}

OutputFolder::~OutputFolder() {
  std::error_code error;
  if (!temporary_.empty()) fs::remove_all(temporary_, error);
}

Status OutputFolder::publish() {
  // Takes the place of an empty folder, too.
  if (rename(temporary_.c_str(), path_.c_str()) == 0) {
    temporary_.clear();
    return Status::ok();
  }
  if (!force_ || (errno != ENOTEMPTY && errno != EEXIST)) return failed(path_, "can't make", errno);
  std::error_code error;
  for (const fs::directory_entry &entry : fs::directory_iterator(temporary_, error)) {
    const std::string target = path_ + "/" + entry.path().filename().string();
    if (rename(entry.path().c_str(), target.c_str()) != 0)
      return failed(target, "can't write", errno);
  }
  return error ? failed(path_, "can't fill", error.value()) : Status::ok();
}

}  // namespace checkpoint::tool
