// SPDX-License-Identifier: LGPL-2.1-or-later
// Identity of a frame: a GMAC over its canonical payload under the job's random key. A universal
// hash with a proven bound, so that nobody can make two frames of a film that count as one.
#pragma once

#include <memory>

#include "common/bytes.h"
#include "common/status.h"
#include "store/model.h"

namespace checkpoint {

IdentityKey random_identity_key();

// One thread at a time.
class FrameDigester {
 public:
  explicit FrameDigester(const IdentityKey &key);
  ~FrameDigester();
  FrameDigester(const FrameDigester &) = delete;
  FrameDigester &operator=(const FrameDigester &) = delete;

  Result<Digest> digest(ByteView payload);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace checkpoint
