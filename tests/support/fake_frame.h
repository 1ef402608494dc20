// SPDX-License-Identifier: LGPL-2.1-or-later
// A frame of plain bytes, as an element would hand it to the writer.
#pragma once

#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "core/frame_input.h"

namespace checkpoint {

class FakeFrame : public FrameInput {
 public:
  // `mapped`: its payload can be used where it lies. `alive`, where given, counts frames that are
  // not let go yet.
  explicit FakeFrame(std::string bytes, bool mapped = true, std::atomic<int> *alive = nullptr)
      : bytes_(std::move(bytes)), mapped_(mapped), alive_(alive) {
    if (alive_) ++*alive_;
  }
  ~FakeFrame() override {
    if (alive_) --*alive_;
  }
  size_t held_bytes() const override { return bytes_.size(); }
  size_t payload_size() const override { return bytes_.size(); }
  Content content() const override { return content_value; }
  Result<std::optional<ByteView>> map() override {
    return mapped_ ? std::optional<ByteView>(as_bytes(bytes_)) : std::nullopt;
  }
  Status copy_to(MutableByteView out) override {
    std::memcpy(out.data(), bytes_.data(), bytes_.size());
    return Status::ok();
  }
  Status metas(std::vector<MetaBlob> &metas, std::vector<DetectionRow> &detections) override {
    metas = meta_values;
    detections = detection_values;
    return Status::ok();
  }

  Content content_value = Content::kRaw;
  std::vector<MetaBlob> meta_values;
  std::vector<DetectionRow> detection_values;

 private:
  const std::string bytes_;
  const bool mapped_;
  std::atomic<int> *const alive_;
};

// The bytes of a test's frame number n: no two alike, easy to compress.
inline std::string frame_bytes(uint64_t n, size_t size = 3000) {
  std::string bytes = "frame " + std::to_string(n) + ":";
  while (bytes.size() < size) bytes += static_cast<char>('a' + (bytes.size() + n) % 23);
  return bytes;
}

}  // namespace checkpoint
