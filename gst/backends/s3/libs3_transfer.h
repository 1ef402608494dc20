// SPDX-License-Identifier: LGPL-2.1-or-later
// One request to libs3, on a thread of its own. libs3 can't take a single request back and may sit
// in the look-up of a name; so a request has a context of its own, which is thrown away, and who
// waits for it goes at once, and leaves the thread behind.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "backends/s3/http.h"
#include "common/cancel.h"

struct S3RequestContext;  // libs3's

namespace checkpoint {

struct FreeLibs3Context {
  void operator()(S3RequestContext *context) const;
};
using Libs3Context = std::unique_ptr<S3RequestContext, FreeLibs3Context>;

// Contexts that nobody uses, with the connections that they keep. Any thread.
class Libs3Contexts {
 public:
  Libs3Context take();  // null: there is no memory for one
  void give_back(Libs3Context context);

 private:
  std::mutex mutex_;
  std::vector<Libs3Context> free_;  // protected by mutex_
};

// Its thread and the one who waits share it.
class Libs3Transfer : public std::enable_shared_from_this<Libs3Transfer> {
 public:
  Libs3Transfer();
  virtual ~Libs3Transfer();
  Libs3Transfer(const Libs3Transfer &) = delete;
  Libs3Transfer &operator=(const Libs3Transfer &) = delete;

  // Returns when libs3 has said how it went (kAnswered), when nothing moved for as long as
  // `patience`, or when cancelled. What the caller lent is not touched after that.
  HttpAnswer::Outcome run(std::shared_ptr<Libs3Contexts> contexts,
                          std::chrono::milliseconds patience, Cancellation &cancel);

 protected:
  // Hands the request to libs3. On the transfer's thread, as are libs3's callbacks.
  virtual void begin(S3RequestContext *context) = 0;

  // --- for the callbacks
  void moved() { last_move_ = std::chrono::steady_clock::now(); }
  void complete() { complete_ = true; }
  // Runs `use`, which may touch what the caller lent. False: he is gone, and it was not run.
  template <typename Use>
  bool with_lent(Use use) {
    std::lock_guard lock(mutex_);
    if (left_) return false;
    use();
    return true;
  }

 private:
  void drive(Libs3Contexts &contexts, std::chrono::milliseconds patience);
  HttpAnswer::Outcome drive(S3RequestContext *context, std::chrono::milliseconds patience);
  void wait(S3RequestContext *context, std::chrono::milliseconds most) const;

  const int wake_;  // an eventfd
  std::atomic<bool> cancelled_{false};

  // The thread's.
  bool complete_ = false;
  std::chrono::steady_clock::time_point last_move_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool left_ = false;  // by who waited; protected by mutex_
  // The outcome is known, though the thread may still tidy up; protected by mutex_
  bool known_ = false;
  bool done_ = false;                                            // protected by mutex_
  HttpAnswer::Outcome outcome_ = HttpAnswer::Outcome::kNotSent;  // protected by mutex_
};

}  // namespace checkpoint
