// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/s3/libs3_transfer.h"

#include <libs3.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <thread>

namespace checkpoint {

namespace {

using Clock = std::chrono::steady_clock;
using Outcome = HttpAnswer::Outcome;
using std::chrono::milliseconds;

constexpr size_t kContexts = 64;  // kept
// For a thread whose request was given up. It takes longer where a name is being looked up.
constexpr milliseconds kLeaveTime{100};
// libs3 shows its sockets as an fd_set only, which holds none beyond 1023: then it is looked after
// now and then.
constexpr milliseconds kBlindWait{10};

bool initialize() {
  int flags = S3_INIT_ALL;
#ifdef S3_INIT_VERIFY_PEER
  flags |= S3_INIT_VERIFY_PEER;
#endif
  return S3_initialize("gst-checkpoint/" PACKAGE_VERSION, flags, nullptr) == S3StatusOK;
}

}  // namespace

void FreeLibs3Context::operator()(S3RequestContext *context) const {
  S3_destroy_request_context(context);
}

Libs3Context Libs3Contexts::take() {
  static const bool ready = initialize();
  if (!ready) return nullptr;
  {
    std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      Libs3Context context = std::move(free_.back());
      free_.pop_back();
      return context;
    }
  }
  S3RequestContext *context = nullptr;
  return Libs3Context(S3_create_request_context(&context) == S3StatusOK ? context : nullptr);
}

void Libs3Contexts::give_back(Libs3Context context) {
  std::lock_guard lock(mutex_);
  if (free_.size() < kContexts) free_.push_back(std::move(context));
}

Libs3Transfer::Libs3Transfer() : wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Libs3Transfer::~Libs3Transfer() {
  if (wake_ >= 0) close(wake_);
}

Outcome Libs3Transfer::run(std::shared_ptr<Libs3Contexts> contexts, milliseconds patience,
                           Cancellation &cancel) {
  if (wake_ < 0) return Outcome::kNotSent;
  std::thread thread;
  try {
    thread = std::thread([self = shared_from_this(), contexts = std::move(contexts), patience] {
      self->drive(*contexts, patience);
    });
  } catch (const std::system_error &) {
    return Outcome::kNotSent;
  }
  Cancellation::Hook hook(cancel, [this] {
    std::lock_guard lock(mutex_);
    cancelled_ = true;
    changed_.notify_all();
    eventfd_write(wake_, 1);
  });
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return known_ || cancelled_; });
  changed_.wait_for(lock, kLeaveTime, [&] { return done_; });
  const Outcome outcome = known_ ? outcome_ : Outcome::kCancelled;
  const bool done = done_;
  left_ = true;
  lock.unlock();
  if (done)
    thread.join();
  else
    thread.detach();
  return outcome;
}

void Libs3Transfer::drive(Libs3Contexts &contexts, milliseconds patience) {
  Libs3Context context = contexts.take();
  const Outcome outcome = context ? drive(context.get(), patience) : Outcome::kUnusable;
  {
    std::lock_guard lock(mutex_);
    outcome_ = outcome;
    known_ = true;
    changed_.notify_all();
  }
  if (outcome == Outcome::kAnswered)
    contexts.give_back(std::move(context));
  else
    context.reset();  // ends the request
  std::lock_guard lock(mutex_);
  done_ = true;
  changed_.notify_all();
}

Outcome Libs3Transfer::drive(S3RequestContext *context, milliseconds patience) {
  moved();
  {
    // It is dated with gmtime(), whose result all threads share.
    static std::mutex beginning;
    std::lock_guard lock(beginning);
    begin(context);
  }
  while (!complete_) {
    const auto left = std::chrono::ceil<milliseconds>(last_move_ + patience - Clock::now());
    if (cancelled_) return Outcome::kCancelled;
    if (left.count() <= 0) return Outcome::kTimeout;
    wait(context, left);
    int running = 0;
    if (S3_runonce_request_context(context, &running) != S3StatusOK) return Outcome::kBroken;
  }
  return Outcome::kAnswered;
}

void Libs3Transfer::wait(S3RequestContext *context, milliseconds most) const {
  fd_set read, write, except;
  FD_ZERO(&read);
  FD_ZERO(&write);
  FD_ZERO(&except);
  int highest = -1;
  std::vector<pollfd> polled{{wake_, POLLIN, 0}};
  if (S3_get_request_context_fdsets(context, &read, &write, &except, &highest) == S3StatusOK)
    for (int fd = 0; fd <= std::min(highest, FD_SETSIZE - 1); fd++) {
      const int events = (FD_ISSET(fd, &read) ? POLLIN : 0) | (FD_ISSET(fd, &write) ? POLLOUT : 0) |
                         (FD_ISSET(fd, &except) ? POLLPRI : 0);
      if (events) polled.push_back({fd, static_cast<short>(events), 0});
    }
  if (const int64_t due = S3_get_request_context_timeout(context); due >= 0)
    most = std::min(most, milliseconds(due));
  if (polled.size() == 1) most = std::min(most, kBlindWait);
  poll(polled.data(), polled.size(), static_cast<int>(most.count()));
}

}  // namespace checkpoint
