// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/status.h"

namespace checkpoint {

const char *code_name(Code code) {
  switch (code) {
    case Code::kOk:
      return "ok";
    case Code::kInvalidArgument:
      return "invalid-argument";
    case Code::kNotFound:
      return "not-found";
    case Code::kAlreadyExists:
      return "already-exists";
    case Code::kBusy:
      return "busy";
    case Code::kLeaseLost:
      return "lease-lost";
    case Code::kUnavailable:
      return "unavailable";
    case Code::kPermissionDenied:
      return "permission-denied";
    case Code::kNoSpace:
      return "no-space";
    case Code::kMissing:
      return "missing";
    case Code::kCorrupt:
      return "corrupt";
    case Code::kTruncated:
      return "truncated";
    case Code::kArchived:
      return "archived";
    case Code::kExpired:
      return "expired";
    case Code::kTimeout:
      return "timeout";
    case Code::kCancelled:
      return "cancelled";
    case Code::kUnsupported:
      return "unsupported";
    case Code::kConflict:
      return "conflict";
    case Code::kUnknownOutcome:
      return "unknown-outcome";
    case Code::kNewerSchema:
      return "newer-schema";
    case Code::kInternal:
      return "internal";
  }
  return "unknown";
}

std::string Status::to_string() const {
  std::string text = code_name(code_);
  if (!message_.empty()) text += ": " + message_;
  if (!hint_.empty()) text += " (" + hint_ + ")";
  return text;
}

}  // namespace checkpoint
