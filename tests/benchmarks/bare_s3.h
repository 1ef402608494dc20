// SPDX-License-Identifier: LGPL-2.1-or-later
// What libcurl does alone: the same bytes to and from the same server over as many connections,
// and nothing else. The limit that checkpointsink and checkpointsrc are measured against.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace benchmark {

struct BareS3 {
  std::string endpoint, bucket, region, access_key, secret_key;  // endpoint: "http://host:port"

  // From the GST_CHECKPOINT_TEST_S3_* variables; an empty endpoint when they are not set.
  static BareS3 from_environment();

  // One object of consecutive buffers.
  struct Object {
    std::string name;
    std::vector<std::span<const std::byte>> parts;
    size_t size = 0;
  };
  // Seconds until the last one is stored. With `checked` the server gets the SHA-256 of each and
  // looks whether it is that.
  double put(const std::vector<Object> &objects, unsigned connections, bool checked = false) const;
  // One ranged get of each object; seconds.
  double get(const std::vector<Object> &objects, unsigned connections) const;
};

}  // namespace benchmark
