// SPDX-License-Identifier: LGPL-2.1-or-later
// What an S3 server's answer means for us.
#pragma once

#include <string>

#include "backends/s3/client.h"
#include "backends/s3/config.h"
#include "common/status.h"

namespace checkpoint {

enum class S3Verdict {
  kDone,
  kAgain,  // the same request may work a little later
  kRenew,  // with other credentials it may
  kFinal,
};
S3Verdict s3_verdict(const S3Answer &answer);

// May the server have done what it was asked for, although its answer does not say so?
bool s3_outcome_unknown(const S3Answer &answer);

// "NoSuchKey" and its like: the server has no such object. HEAD can't tell that from a missing
// bucket.
bool s3_no_such_object(const S3Answer &answer);
bool s3_no_such_bucket(const S3Answer &answer);

// Why `what` ("can't store 'x'") failed, and what to do next. Not for cancelled answers alone:
// these become kCancelled.
Status s3_error(const S3Answer &answer, const std::string &what, const S3Config &config);

}  // namespace checkpoint
