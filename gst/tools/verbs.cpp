// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/verb.h"

#include <algorithm>

namespace checkpoint::tool {

namespace {

constexpr Verb kVerbs[] = {
    {"list", "[JOB[/STAGE]]", "Lists jobs, or the checkpoints of a job",
     R"(Without a JOB the jobs, in the order of their names, each with its newest checkpoint.
With a JOB its checkpoints, the newest first; with JOB/STAGE those of that stage.
Only complete ones of the base are listed: --partial and --scenarios add the others.

Examples:
  gst-checkpoint-1.0 list
  gst-checkpoint-1.0 list street
  gst-checkpoint-1.0 list street/detect --scenarios --partial
  gst-checkpoint-1.0 list street --json | jq '.[].checkpoint'
  gst-checkpoint-1.0 list --limit 50 --after street-049
)",
     run_list},
    {"show", "CHECKPOINT", "Shows everything about one checkpoint",
     R"(CHECKPOINT is JOB/STAGE, JOB/STAGE@VERSION, a checkpoint:// URI, or an id. Without a version
the newest complete one is meant; a partial one is shown when it is named, or with --partial.

Examples:
  gst-checkpoint-1.0 show street/detect
  gst-checkpoint-1.0 show street/detect@3 --frames
  gst-checkpoint-1.0 show street/detect --scenario low-light
  gst-checkpoint-1.0 show street/detect --json | jq .config_snapshot
)",
     run_show},
    {"verify", "[CHECKPOINT]", "Says which frames are broken or gone",
     R"(Without a CHECKPOINT all of them, partial ones and scenarios too. Rows are looked at, and whether
their packs are there in their size; --data reads every byte and checks it. Each frame that is
broken is listed with its checkpoint, sequence, pack and offset.
The exit code is 0 when all is well, 3 when something is broken, and 1 when a store can't be read.

Examples:
  gst-checkpoint-1.0 verify
  gst-checkpoint-1.0 verify street/detect --data
  gst-checkpoint-1.0 verify --job street --data --workers 8 --json | jq '.[].sequence'
)",
     run_verify},
    {"run", "PIPELINE…", "Runs a pipeline with taps, from where it got to the last time",
     R"(PIPELINE is a line as for gst-launch-1.0, with a checkpointtap at each stage boundary. Each stage
is recorded. The same command again starts from the furthest stage that is complete and was made as
the line says, and goes on with what was under way. A stage that was made otherwise is shown and not
used, unless with --reuse-stale. --from STAGE starts at that tap: no element before it is used.
Put the pipeline behind "--" when a word of it begins with a dash.

Examples:
  gst-checkpoint-1.0 run --job street filesrc location=street.mp4 ! decodebin ! videoconvert \
    ! checkpointtap stage=decode ! facedetect display=false ! checkpointtap stage=detect ! fakesink
  gst-checkpoint-1.0 run --job street --from decode --set facedetect0.scale-factor=1.1 \
    --scenario loose …
)",
     run_run},
};

}  // namespace

std::span<const Verb> verbs() { return kVerbs; }

const Verb *find_verb(std::string_view name) {
  const auto *found = std::find_if(std::begin(kVerbs), std::end(kVerbs),
                                   [&](const Verb &verb) { return name == verb.name; });
  return found == std::end(kVerbs) ? nullptr : found;
}

}  // namespace checkpoint::tool
