// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/wires.h"

#include <cstdio>
#include <tuple>

#include "support/check.h"

namespace checkpoint {

Wires::Wires(const Home &home) : home_(home) {
  if (store_pair().frames != "file") {
    frames_.emplace(s3_port());
    environment_.push_back("GST_CHECKPOINT_FRAME_STORE=" + home.frame_store(frames_->port()));
  }
  if (store_pair().rows == "postgres") {
    rows_.emplace(postgres_port());
    environment_.push_back("GST_CHECKPOINT_METADATA_STORE=" + home.metadata_store(rows_->port()));
  }
}

void Wires::cut(bool yes) {
  if (frames_) frames_->set_away(yes);
  if (rows_) rows_->set_away(yes);
}

void Wires::cut_frames(bool yes) {
  if (frames_) return frames_->set_away(yes);
  const std::string here = home_.frames(), elsewhere = here + ".away";
  const auto &[from, to] = yes ? std::tie(here, elsewhere) : std::tie(elsewhere, here);
  ck_assert(std::rename(from.c_str(), to.c_str()) == 0);
}

bool Wires::silence_rows() {
  if (rows_) rows_->inject({.what = FaultProxy::Fault::What::kHang, .times = 1000});
  return rows_.has_value();
}

}  // namespace checkpoint
