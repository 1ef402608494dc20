// SPDX-License-Identifier: LGPL-2.1-or-later
// Checkpoints that writers of this process have begun. A stage further down the same pipeline names
// one as its parent before that has a row.
#pragma once

#include <condition_variable>
#include <mutex>
#include <set>

#include "common/cancel.h"
#include "common/uuid.h"

namespace checkpoint {

// Any thread.
class RunningCheckpoints {
 public:
  static RunningCheckpoints &instance();

  // Its writer knows what it is, and will make its row. Several may say so of one.
  void add(const Uuid &id);
  // Its row is made, or this writer never will make it.
  void settle(const Uuid &id);
  // Until the checkpoint is settled; at once where it is, or where no writer of this process has
  // it.
  void wait(const Uuid &id, Cancellation &cancel);

 private:
  std::mutex mutex_;
  std::condition_variable settled_;
  std::multiset<Uuid> without_row_;  // protected by mutex_
};

}  // namespace checkpoint
