// SPDX-License-Identifier: LGPL-2.1-or-later
// Names: which job, stage and scenario names are allowed, and what objects are called in the frame
// store.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/status.h"
#include "store/model.h"

namespace checkpoint {

// 1 to 512 bytes of UTF-8 without control characters; an error that says which name and why. `what`
// is "job-id", "stage"…
Status check_name(std::string_view what, std::string_view name);

// "<job>/frames/", <job> being the job id where it is plain, else "~" and the job's uuid.
std::string frames_prefix(const JobRow &job);
// "<frames_prefix><pack uuid>.pack" ; for a plain pack without ".pack".
std::string pack_object_name(const JobRow &job, const Uuid &pack, bool plain);
// The object that holds payload number `ref.offset` of a plain pack: "<pack object>-00000007.jpg".
std::string plain_object_name(const std::string &pack_object, const PayloadRef &ref);
// What a frames_manifest calls a payload of this pack: its object, and where it lies in it.
std::string payload_name(const PackRow &pack, const PayloadRef &ref);

// The other way round: whose object is it? For a plain pack's payload `object` is the name of the
// pack. nullopt: nothing of ours is called so.
struct PackObjectName {
  std::string object;
  Uuid pack;
  bool plain = false;
};
std::optional<PackObjectName> parse_pack_object(std::string_view name);

}  // namespace checkpoint
