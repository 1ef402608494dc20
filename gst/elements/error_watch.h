// SPDX-License-Identifier: LGPL-2.1-or-later
// What other elements of the pipeline say went wrong, as long as the object lives.
#pragma once

#include <gst/gst.h>

#include <memory>
#include <string>

#include "core/writer.h"

namespace checkpoint {

class ErrorWatch {
 public:
  // Listens to the bus of the pipeline that `own` is in; errors of `own` itself don't count.
  explicit ErrorWatch(GstElement *own);
  ~ErrorWatch();
  ErrorWatch(const ErrorWatch &) = delete;
  ErrorWatch &operator=(const ErrorWatch &) = delete;

  // From here on an error makes this writer's checkpoint partial, also while its end is on its way.
  // Any thread.
  void follow(const std::shared_ptr<CheckpointWriter> &writer);
  // The first one; '' for none. Any thread.
  std::string error() const;

 private:
  struct State;
  // A closure of the bus holds it too, since an error may be on its way while we go.
  const std::shared_ptr<State> state_;
  GstBus *bus_ = nullptr;
  gulong handler_ = 0;
};

}  // namespace checkpoint
