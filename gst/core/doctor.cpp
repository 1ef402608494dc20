// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/doctor.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/uuid.h"
#include "core/stores.h"
#include "store/registry.h"

namespace checkpoint {

namespace {

using Level = Finding::Level;

constexpr const char *kFrames = "frame store";
constexpr const char *kMetadata = "metadata store";

class Doctor {
 public:
  Doctor(std::shared_ptr<FrameStore> frames, std::shared_ptr<MetadataStore> metadata,
         const OnDiagnosis &tell, Cancellation &cancel)
      : frames_(std::move(frames)), metadata_(std::move(metadata)), tell_(tell), cancel_(cancel) {}

  Status run() {
    const bool rows = reach_metadata();
    if (rows) look_at_metadata();
    CHECKPOINT_RETURN_IF_ERROR(cancel_.check());
    if (judged(kFrames, "reach", frames_->open(cancel_), frames_->display_uri())) {
      rows ? bind() : look_for_marker();
      CHECKPOINT_RETURN_IF_ERROR(cancel_.check());
      probe();
      take(kFrames, [&](Findings &found) { return frames_->examine(found, cancel_); });
    }
    return cancel_.check();
  }

 private:
  // True: it is ok, and that was said.
  bool judged(const char *store, const char *check, const Status &status, const std::string &text,
              Level bad = Level::kError) {
    tell_(store, status.is_ok() ? Finding{check, Level::kOk, text, ""}
                                : Finding{check, bad, status.message(), status.hint()});
    return status.is_ok();
  }

  void take(const char *store, const std::function<Status(Findings &)> &examine) {
    Findings found;
    const Status status = examine(found);
    for (const Finding &finding : found) tell_(store, finding);
    if (!status.is_ok()) judged(store, "examine", status, "");
  }

  // False: there is nothing to look at.
  bool reach_metadata() {
    const Result<bool> exists = metadata_->exists(cancel_);
    if (exists.is_ok() && !*exists) {
      tell_(kMetadata, {"reach", Level::kWarning,
                        "nothing is stored in " + metadata_->display_uri() + " so far",
                        "the first writer makes it; is it the right place?"});
      return false;
    }
    const Status status = exists.is_ok() ? metadata_->open(cancel_) : exists.status();
    return judged(kMetadata, "reach", status, metadata_->display_uri());
  }

  void look_at_metadata() {
    const int64_t before = this_clock();
    const Result<int64_t> now = metadata_->now(cancel_);
    if (now.is_ok())
      tell_(kMetadata, clock_difference(*now, (before + this_clock()) / 2));
    else
      judged(kMetadata, "clock", now.status(), "");
    take(kMetadata, [&](Findings &found) { return metadata_->examine(found, cancel_); });
  }

  void bind() {
    const Status status = Stores::bind(frames_, metadata_, Stores::Access::kRead, cancel_).status();
    // Not bound so far is what a new pair is.
    judged(kFrames, "marker", status, "belongs to this metadata store",
           status.is(Code::kNotFound) ? Level::kWarning : Level::kError);
  }

  // Frames without their rows.
  void look_for_marker() {
    const auto marker = frames_->read_marker(cancel_);
    if (!marker.is_ok())
      judged(kFrames, "marker", marker.status(), "");
    else if (*marker)
      tell_(kFrames, {"marker", Level::kError,
                      "belongs to the metadata store " + (*marker)->metadata_store.to_string(),
                      "name that one; if it is lost, gst-checkpoint-1.0 repair makes it again"});
  }

  // Writes, reads, lists and removes an object of its own.
  void probe() {
    const auto marker = frames_->read_marker(cancel_);
    if (!marker.is_ok() || !*marker) {
      tell_(kFrames, {"rights", Level::kUnknown, "not tried: there is no frame store yet", ""});
      return;
    }
    const std::string name = "doctor-" + Uuid::random().to_string();
    const std::string text = "gst-checkpoint-1.0 doctor writes and removes this";
    const ByteView part = as_bytes(text);
    const auto may = [&](const char *check, const Status &status) {
      return judged(kFrames, check, status, "may be done",
                    status.is(Code::kPermissionDenied) ? Level::kWarning : Level::kError);
    };
    const bool put = may("put", frames_->put(name, std::span(&part, 1), {}, cancel_));
    if (put) may("get", read_back(name, text));
    may("list", list(name, put));
    if (put) may("remove", frames_->remove(name, cancel_));
  }

  Status read_back(const std::string &name, const std::string &text) {
    Bytes bytes(text.size());
    CHECKPOINT_RETURN_IF_ERROR(frames_->get(name, 0, bytes, cancel_));
    if (as_text(bytes) == text) return Status::ok();
    return {Code::kCorrupt, name + " came back with other bytes",
            "look at proxies and at what else writes there"};
  }

  Status list(const std::string &name, bool there) {
    bool seen = false;
    CHECKPOINT_RETURN_IF_ERROR(frames_->list(
        name,
        [&](const ObjectInfo &object) {
          seen = seen || object.name == name;
          return true;
        },
        cancel_));
    if (seen || !there) return Status::ok();
    return {Code::kUnavailable, "a listing does not show what was just stored",
            "gc --strangers and repair need whole listings"};
  }

  const std::shared_ptr<FrameStore> frames_;
  const std::shared_ptr<MetadataStore> metadata_;
  const OnDiagnosis &tell_;
  Cancellation &cancel_;
};

}  // namespace

Status diagnose(const std::string &frame_store_uri, const std::string &metadata_store_uri,
                const OnDiagnosis &tell, Cancellation &cancel) {
  StoreRegistry &registry = StoreRegistry::instance();
  CHECKPOINT_ASSIGN_OR_RETURN(auto frames, registry.make_frame_store(frame_store_uri));
  CHECKPOINT_ASSIGN_OR_RETURN(auto metadata, registry.make_metadata_store(metadata_store_uri));
  return Doctor(std::move(frames), std::move(metadata), tell, cancel).run();
}

}  // namespace checkpoint
