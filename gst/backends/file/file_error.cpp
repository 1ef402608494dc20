// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/file/file_error.h"

#include <glib.h>

#include <cerrno>

namespace checkpoint {

Status file_error(int error, const std::string &doing, const std::string &path) {
  const std::string message = doing + " " + path + ": " + g_strerror(error);
  switch (error) {
    case EACCES:
    case EPERM:
      return {Code::kPermissionDenied, message,
              "look at the owner and the mode of the folder, or choose another one"};
    case EROFS:
      return {Code::kPermissionDenied, message,
              "the file system is mounted read-only; mount it writable or choose another folder"};
    case ENOSPC:
      return {Code::kNoSpace, message, "free space on that disk, or choose a folder on another"};
    case EDQUOT:
      return {Code::kNoSpace, message, "your quota on that disk is used up"};
    case EFBIG:
      return {Code::kNoSpace, message,
              "the file system or a limit of the process (ulimit -f) allows no file so large; a "
              "smaller pack-size may help"};
    case ENAMETOOLONG:
    case EXDEV:
      return {Code::kInvalidArgument, message,
              error == EXDEV ? "all folders of a frame store have to be on one file system"
                             : "choose a folder with a shorter path"};
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
      return {Code::kInvalidArgument, message,
              "something else is in the place of a folder or file"};
    case EMFILE:
    case ENFILE:
      return Status(Code::kUnavailable, message, "raise the limit of open files (ulimit -n)")
          .set_retryable();
    case EIO:
    case EINTR:
    case EAGAIN:
    case EBUSY:
    case ENOMEM:
    case ESTALE:
    case ETIMEDOUT:
    case EHOSTDOWN:
    case ENOTCONN:
      return Status(Code::kUnavailable, message, "look at the disk, or at the connection to it")
          .set_retryable();
    default:
      return {Code::kUnavailable, message};
  }
}

}  // namespace checkpoint
