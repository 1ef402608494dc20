// SPDX-License-Identifier: LGPL-2.1-or-later
// Watches a writer whose caller looks at what its calls return.
#pragma once

#include <functional>
#include <utility>

#include "core/writer.h"

namespace checkpoint {

class WarningObserver : public WriterObserver {
 public:
  explicit WarningObserver(std::function<void(const Status &)> warning)
      : warning_(std::move(warning)) {}
  void on_commit(const CommitInfo &) override {}
  void on_warning(const Status &status) override { warning_(status); }
  void on_progress(const std::string &, const std::string &, int) override {}
  void on_error(const Status &) override {}  // the call that it is about returns it

 private:
  const std::function<void(const Status &)> warning_;
};

}  // namespace checkpoint
