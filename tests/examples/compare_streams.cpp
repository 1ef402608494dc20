// SPDX-License-Identifier: LGPL-2.1-or-later
// Are two streams the same? Frames, timing, flags, caps, metas and events; the first difference is
// printed with its frame and field. docs/how-to/compare-two-streams.md.
#include <cstdio>

#include "elements/identity_meta.h"
#include "support/stream_text.h"

using namespace checkpoint;

int main(int argc, char **argv) {
  gst_init(&argc, &argv);
  register_identity_meta();
  if (argc != 3) {
    std::fprintf(stderr,
                 "usage: compare_streams LINE_A LINE_B\n"
                 "Each is a gst-launch-1.0 line that ends in an open source pad.\n");
    return 2;
  }
  StreamText streams[2];
  for (int i = 0; i < 2; i++) {
    streams[i] = read_stream(argv[i + 1]);
    if (streams[i].error.empty()) continue;
    std::fprintf(stderr, "%s\n  failed after %zu frames: %s\n", argv[i + 1], streams[i].frames,
                 streams[i].error.c_str());
    return 2;
  }
  if (auto difference = first_difference(streams[0], streams[1])) {
    std::printf("different, %zu and %zu frames\n%s\n", streams[0].frames, streams[1].frames,
                difference->c_str());
    return 1;
  }
  std::printf("the same: %zu frames, %zu events\n", streams[0].frames,
              streams[0].items.size() - streams[0].frames);
  return 0;
}
