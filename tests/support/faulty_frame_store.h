// SPDX-License-Identifier: LGPL-2.1-or-later
// A frame store that fails, waits, counts or spoils data as a test tells it to, and else forwards
// to the real one.
//
//   auto faulty = std::make_shared<FaultyFrameStore>(memory_frame_store("x"));
//   faulty->fail_next("put", Status(Code::kNoSpace, "full"));
//   Gate gate;
//   faulty->before("put", [&](const FrameStoreCall &, Cancellation &c) { return gate.pass(c); });
//   faulty->flip_byte("job/frames/a.pack", 1000);
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "store/frame_store.h"

namespace checkpoint {

struct FrameStoreCall {
  std::string call;     // as the virtual is named: "put", "read_marker"…
  std::string name;     // of the object, or the prefix
  uint64_t offset = 0;  // of a get
  uint64_t size = 0;    // bytes of a put or get
  uint64_t number = 0;  // of this call in this store, from 1
};

// Any thread may call anything.
class FaultyFrameStore : public FrameStore {
 public:
  // Runs on the caller's thread and may wait (see Gate).
  using Hook = std::function<Status(const FrameStoreCall &, Cancellation &)>;
  using DataHook = std::function<void(const FrameStoreCall &, MutableByteView)>;

  explicit FaultyFrameStore(std::shared_ptr<FrameStore> inner) : inner_(std::move(inner)) {}

  // --- what goes wrong from now on; an empty hook takes one back
  // A failure is what the caller gets, and the store is not asked.
  void before(const std::string &call, Hook hook) { set(before_, call, std::move(hook)); }
  // A failure is what the caller gets, although the store has done it: a lost answer. Runs only
  // when the store succeeded.
  void after(const std::string &call, Hook hook) { set(after_, call, std::move(hook)); }
  // May change what a get has read.
  void on_data(DataHook hook);
  // The next `times` calls fail with this before they reach the store, ahead of before().
  void fail_next(const std::string &call, const Status &status, unsigned times = 1);
  // Gets see that byte of the object with all its bits flipped.
  void flip_byte(const std::string &name, uint64_t offset);
  // The object is seen to end there: gets past it are kTruncated, and stat() says so.
  void shorten(const std::string &name, uint64_t size);
  // Listings don't show these; all else finds them.
  void hide_in_listings(std::set<std::string> names);
  // Everything is kUnavailable while it is down.
  void set_down(bool down);
  void set_traits(const Traits &traits);

  // --- what happened
  uint64_t calls(const std::string &call) const;  // begun, those that failed included
  uint64_t bytes_put() const;                     // by puts that the store did
  uint64_t bytes_got() const;
  std::vector<std::string> put_names() const;  // of puts that the store did, in their order
  void reset_counts();

  Traits traits() const override;
  std::string display_uri() const override { return inner_->display_uri(); }
  Status open(Cancellation &cancel) override;
  Result<std::optional<StoreMarker>> read_marker(Cancellation &cancel) override;
  Status write_marker(const StoreMarker &marker, Cancellation &cancel) override;
  Status put(const std::string &name, std::span<const ByteView> parts,
             const std::optional<std::array<uint8_t, 32>> &sha256, Cancellation &cancel) override;
  Status get(const std::string &name, uint64_t offset, MutableByteView out,
             Cancellation &cancel) override;
  Result<ObjectInfo> stat(const std::string &name, Cancellation &cancel) override;
  Status list(const std::string &prefix, const std::function<bool(const ObjectInfo &)> &each,
              Cancellation &cancel) override;
  Status remove(const std::string &name, Cancellation &cancel) override;

 private:
  using Hooks = std::map<std::string, Hook>;
  void set(Hooks &hooks, const std::string &call, Hook hook);
  Status run(Hooks &hooks, const FrameStoreCall &call, Cancellation &cancel);
  Status begin(FrameStoreCall &call, Cancellation &cancel);
  Status end(const FrameStoreCall &call, const Status &status, Cancellation &cancel);

  const std::shared_ptr<FrameStore> inner_;
  mutable std::mutex mutex_;  // protects all below; not held while a hook or the store runs
  Hooks before_, after_;
  DataHook on_data_;
  std::map<std::string, std::vector<Status>> failures_;  // of each call
  std::map<std::string, std::set<uint64_t>> flipped_;
  std::map<std::string, uint64_t> shortened_;
  std::set<std::string> hidden_;
  bool down_ = false;
  std::optional<Traits> traits_;
  std::map<std::string, uint64_t> calls_;
  uint64_t bytes_put_ = 0, bytes_got_ = 0;
  std::vector<std::string> put_names_;
};

}  // namespace checkpoint
