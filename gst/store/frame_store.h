// SPDX-License-Identifier: LGPL-2.1-or-later
// Where packs live. Implemented by the backends, used by core.
//
// Every virtual may be called from any thread at any time after open(); calls run side by side.
// None throws. A call that waits ends with kCancelled soon after its Cancellation is cancelled; one
// that the kernel holds up for a dead disk, when the kernel lets it. A call that tries again by
// itself tells its Cancellation of each attempt that failed.
// What all implementations have to do alike is checked by tests/conformance/frame_store_suite.cpp;
// what they may do differently stands in Traits.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "common/bytes.h"
#include "common/cancel.h"
#include "common/status.h"
#include "common/uuid.h"
#include "store/finding.h"

namespace checkpoint {

// Binds a frame store to the one metadata store that knows its packs. It is the first object
// written.
struct StoreMarker {
  Uuid frame_store;
  Uuid metadata_store;
};

struct ObjectInfo {
  std::string name;
  uint64_t size = 0;
};

class FrameStore {
 public:
  struct Traits {
    // The store checks a SHA-256 given with put(); without it nobody should spend the time on one.
    bool checks_sha256 = false;
    // How many puts make sense at once.
    unsigned puts_in_flight = 2;
  };

  virtual ~FrameStore() = default;

  virtual Traits traits() const = 0;
  // Where it is, for messages; no secret in it.
  virtual std::string display_uri() const = 0;

  // Reaches the store. kUnavailable, kPermissionDenied, kNotFound (no such bucket). A folder that
  // does not exist is no error: it is made by write_marker().
  virtual Status open(Cancellation &cancel) = 0;

  // nullopt: there is none, so nobody stored here yet (or the disk is not mounted: the caller
  // knows).
  virtual Result<std::optional<StoreMarker>> read_marker(Cancellation &cancel) = 0;
  // Put-once: kAlreadyExists when another process was first; then read it. Makes the folder where
  // that is needed.
  virtual Status write_marker(const StoreMarker &marker, Cancellation &cancel) = 0;

  // Stores an object that consists of the parts in their order. Durable when it returns ok: it
  // survives a power loss. Nobody ever sees a part of it under its name. kAlreadyExists: the name
  // is taken, and nothing changed. kNoSpace, kPermissionDenied, kUnavailable. `sha256` of the whole
  // object is given where traits().checks_sha256.
  // A put that failed may have stored the object all the same, when the answer was lost. Made again
  // with the same bytes through the same FrameStore it is then ok, and durable, not kAlreadyExists:
  // the store looks whether what is there is what it sent.
  virtual Status put(const std::string &name, std::span<const ByteView> parts,
                     const std::optional<std::array<uint8_t, 32>> &sha256,
                     Cancellation &cancel) = 0;

  // Fills all of `out` from `offset`. kMissing: no such object, though the store is there.
  // kTruncated: it ends before that (never a short or zero-filled read). kUnavailable: can't tell.
  // kArchived.
  virtual Status get(const std::string &name, uint64_t offset, MutableByteView out,
                     Cancellation &cancel) = 0;

  // kMissing as above.
  virtual Result<ObjectInfo> stat(const std::string &name, Cancellation &cancel) = 0;

  // Calls `each` for every object whose name begins with `prefix`, in no order, until it returns
  // false. Objects that are put or removed meanwhile may or may not be seen; so a listing helps to
  // find strangers, never to judge.
  virtual Status list(const std::string &prefix,
                      const std::function<bool(const ObjectInfo &)> &each,
                      Cancellation &cancel) = 0;

  // Removing what is not there is ok; removing from a store that is not there is kUnavailable.
  virtual Status remove(const std::string &name, Cancellation &cancel) = 0;

  // Adds what a person should know of what is around it: rules of the server that will harm packs,
  // its clock, room that is left. What can't be found out is a finding too; an error is kCancelled,
  // or that the server can't be reached. Changes nothing.
  virtual Status examine(Findings &, Cancellation &cancel) { return cancel.check(); }
};

}  // namespace checkpoint
