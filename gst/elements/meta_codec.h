// SPDX-License-Identifier: LGPL-2.1-or-later
// The metas of buffers as bytes, one codec per kind of meta.
//
// Not stored on purpose: the parent-buffer meta (memory of this process) and the identity meta
// (core/model's sequence says it). A meta without a codec is left out, counted, and said once per
// type through MetaWatch; under strict-metas it is an error.
#pragma once

#include <gst/gst.h>

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/bytes.h"
#include "common/status.h"
#include "core/record.h"
#include "elements/stream_caps.h"
#include "store/model.h"

namespace checkpoint {

// Hears of metas, or parts of them, that were left out. Any thread.
class MetaWatch {
 public:
  // `warn` is called on the thread that meets the first one of each type, without a lock held.
  using Warn = std::function<void(const Status &)>;
  MetaWatch(bool strict, Warn warn);

  // kUnsupported when strict: the frame can't be stored or replayed. `type` has no space in it: it
  // becomes a field of `stats`.
  Status left_out(const std::string &type, const std::string &why);
  // A frame as it arrives, in stream order: warns once when its regions are all bare although those
  // of an earlier frame, or its own in the checkpoint that it was replayed from, had params.
  // Converters lose them.
  void saw(GstBuffer *buffer);
  // How many of each type were left out so far.
  std::map<std::string, uint64_t> counts() const;

 private:
  const bool strict_;
  const Warn warn_;
  mutable std::mutex mutex_;
  std::map<std::string, uint64_t> counts_;  // protected by mutex_
  bool regions_had_params_ = false;         // protected by mutex_
  bool warned_of_bare_regions_ = false;     // protected by mutex_
};

class MetaCodec {
 public:
  virtual ~MetaCodec() = default;

  // MetaBlob::type; stored, so it never changes.
  virtual const char *name() const = 0;
  virtual bool can(const GstMeta *meta) const = 0;
  // Appends the body; leaves `out` empty when all of the meta follows from the caps. What `meta`
  // says of detections goes to `detections` (index and ordinal are the caller's). kUnsupported: it
  // can't be stored.
  virtual Status serialize(GstBuffer *buffer, const GstMeta *meta, MetaWatch &watch,
                           ByteWriter &out, std::vector<DetectionRow> &detections) const = 0;
  // Puts the meta on `buffer`, which is writable. Takes any bytes. kUnsupported: a type of value
  // that this process does not know.
  virtual Status deserialize(GstBuffer *buffer, const StreamCaps &caps, ByteView body) const = 0;
};

// All codecs, in the order in which they are asked.
const std::vector<const MetaCodec *> &meta_codecs();

// Does a region of this buffer have params? nullopt: it has no region.
std::optional<bool> regions_have_params(GstBuffer *buffer);

struct MetaOptions {
  bool crop_applied = false;  // the payload is the cropped region: no crop meta with it
};

Status serialize_metas(GstBuffer *buffer, MetaWatch *watch, const MetaOptions &options,
                       std::vector<MetaBlob> &metas, std::vector<DetectionRow> &detections);
// `watch` hears of those that this process can't make; without one they are an error.
Status deserialize_metas(GstBuffer *buffer, const StreamCaps &caps,
                         const std::vector<MetaBlob> &metas, MetaWatch *watch);

}  // namespace checkpoint
