// SPDX-License-Identifier: LGPL-2.1-or-later
// Stored events. Input: number of the type u8, body.
#include <iterator>

#include "elements/event_codec.h"
#include "fuzz/gst_target.h"

using namespace checkpoint;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  start_gstreamer();
  static constexpr const char *kTypes[] = {"segment",
                                           "tag",
                                           "gap",
                                           "flush-stop",
                                           "buffersize",
                                           "protection",
                                           "custom-downstream",
                                           "custom-downstream-sticky",
                                           "custom-both",
                                           "toc",
                                           "something else"};
  if (size < 1) return 0;
  const char *type = kTypes[data[0] % std::size(kTypes)];
  Result<EventPtr> event = decode_event(type, fuzz_input(data + 1, size - 1));
  if (!event.is_ok()) return 0;

  Result<std::optional<StoredEvent>> stored = encode_event(event->get());
  if (!stored.is_ok() || !*stored) return 0;  // a part may be refused
  FUZZ_CHECK((*stored)->type == type);
  Result<EventPtr> again = decode_event(type, (*stored)->body);
  FUZZ_CHECK(again.is_ok());
  Result<std::optional<StoredEvent>> second = encode_event(again->get());
  FUZZ_CHECK(second.is_ok() && *second);
  FUZZ_CHECK((*second)->body == (*stored)->body);
  return 0;
}
