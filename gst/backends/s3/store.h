// SPDX-License-Identifier: LGPL-2.1-or-later
// Frame stores on S3: s3://bucket/prefix?endpoint=https://host&region=…
// docs/stores/s3.md describes the options, the rights that are needed and the errors.
#pragma once

#include <memory>

#include "backends/s3/client.h"
#include "backends/s3/config.h"
#include "store/frame_store.h"
#include "store/registry.h"

namespace checkpoint {

void register_s3(StoreRegistry &registry);

// With the environment's variables and files, over the client that the URI chooses.
Result<std::shared_ptr<FrameStore>> make_s3_store(
    const StoreUri &uri, const Environment &environment = process_environment());

// The client of such a store. kUnsupported, kInvalidArgument: a setting is beyond it.
Result<std::shared_ptr<S3Client>> make_s3_client(const StoreUri &uri, const S3Config &config,
                                                 const Environment &environment);
// Over a client of the caller's.
std::shared_ptr<FrameStore> make_s3_store(const S3Config &config, std::shared_ptr<S3Client> client);

}  // namespace checkpoint
