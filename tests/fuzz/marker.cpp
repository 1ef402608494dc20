// SPDX-License-Identifier: LGPL-2.1-or-later
// The marker object, and names of objects as a listing may show them.
#include "core/names.h"
#include "fuzz/fuzz.h"
#include "fuzz/glib_target.h"
#include "store/object_name.h"

using namespace checkpoint;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  complaints_are_fatal();
  const ByteView input = fuzz_input(data, size);
  Result<StoreMarker> marker = marker_from_json(input, "somewhere");
  if (marker.is_ok()) {
    Result<StoreMarker> again = marker_from_json(as_bytes(marker_to_json(*marker)), "somewhere");
    FUZZ_CHECK(again.is_ok());
    FUZZ_CHECK(again->frame_store == marker->frame_store);
    FUZZ_CHECK(again->metadata_store == marker->metadata_store);
  }
  const std::string_view text = as_text(input);
  (void)check_object_prefix(text).is_ok();
  if (check_object_name(text).is_ok())
    FUZZ_CHECK(text.find('\0') == text.npos && !text.empty() && text[0] != '/');

  // Any allowed job name gives a name that every store takes.
  JobRow job;
  job.job_id = text;
  const Status named = check_name("job-id", text);
  for (char c : named.message()) FUZZ_CHECK(static_cast<unsigned char>(c) >= 0x20);
  if (named.is_ok()) FUZZ_CHECK(check_object_name(pack_object_name(job, Uuid{}, false)).is_ok());
  return 0;
}
