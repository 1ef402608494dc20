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
With --state FILE one that was stopped goes on where it was when the same line is run again: what it
found before is counted and not told again, and checkpoints that are newer than it are not looked at.
FILE is gone when all is done.
The exit code is 0 when all is well, 3 when something is broken, and 1 when a store can't be read.

Examples:
  gst-checkpoint-1.0 verify
  gst-checkpoint-1.0 verify --data --state nightly.state
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
    {"diff", "A [B]", "Shows what differs between two checkpoints",
     R"(Frames are matched by their sequence, and detections of one label by the overlap of their boxes.
The tables tell how many frames were added, removed and changed (and in what), how many detections
each label gained and lost, how many moved, whose confidence shifted and which have another track,
and which fields of the configuration and the stats differ. With --scenario, B is of that scenario,
and A alone is enough.

Examples:
  gst-checkpoint-1.0 diff street/detect@1 street/detect@2
  gst-checkpoint-1.0 diff street/detect --scenario low-light --frames
  gst-checkpoint-1.0 diff street/detect@1 street/detect@2 --json | jq .labels
)",
     run_diff},
#ifdef HAVE_PANGO
    {"sheet", "CHECKPOINT FILE.png", "Draws frames side by side, with what was detected on them",
     R"(Takes frames from all over the checkpoint, or of those that match --select.

Examples:
  gst-checkpoint-1.0 sheet street/detect faces.png
  gst-checkpoint-1.0 sheet street/detect faces.png --select "area > 20000" --tiles 20 --columns 5
)",
     run_sheet},
#endif
    {"report", "JOB FILE.html", "Writes all about a job into one HTML file",
     R"(Its stages and what each was run from, when which label was detected, frames that open large,
the configuration; with --scenario also what differs from the base, side by side. The file needs
nothing else: no network, no script.

Examples:
  gst-checkpoint-1.0 report street street.html
  gst-checkpoint-1.0 report street street.html --scenario low-light --frames 12 --force
)",
     run_report},
    {"export", "CHECKPOINT PATH", "Writes frames or detections for other programs",
     R"(The name says what: .jsonl (one frame a line), .csv (one detection a row), .json (COCO), .mkv
(FFV1), .mp4 or .webm; a name without one is a folder with a picture for each frame and frames.jsonl.

Examples:
  gst-checkpoint-1.0 export street/detect faces.csv
  gst-checkpoint-1.0 export street/detect frames --select "label = 'face'" --image jpeg
  gst-checkpoint-1.0 export street/decode street.mp4 --encoder "x264enc bitrate=4000 ! mp4mux"
)",
     run_export},
    {"import", "SOURCE JOB/STAGE", "Makes a checkpoint of pictures or a video",
     R"(SOURCE is a folder of PNG or JPEG pictures, or a video. Detections come from a file in one of the
forms that export writes; a folder's own frames.jsonl is found by itself.

Examples:
  gst-checkpoint-1.0 import frames street/decode
  gst-checkpoint-1.0 import film.mp4 street/detect --detections faces.csv
)",
     run_import},
    {"copy", "JOB|CHECKPOINT", "Copies checkpoints to another pair of stores",
     R"(All complete checkpoints of a job, the oldest first, or one. Each keeps its id, so that lineage holds
there as well; its version is the next one there. A job that is new there gets its identity key along.
What was stopped goes on when the same line is run again.

Examples:
  gst-checkpoint-1.0 copy street --to-frame-store s3://bucket/films --to-metadata-store postgresql://db/films
)",
     run_copy},
    {"pin", "CHECKPOINT…", "Keeps checkpoints from being deleted",
     R"(A pinned checkpoint can't be deleted, not even in the database. Pinning it again changes nothing.

Examples:
  gst-checkpoint-1.0 pin street/detect@3
)",
     run_pin},
    {"unpin", "CHECKPOINT…", "Lets pinned checkpoints be deleted again",
     R"(Examples:
  gst-checkpoint-1.0 unpin street/detect@3
)",
     run_unpin},
    {"rm", "[CHECKPOINT…]", "Deletes checkpoints, those that are named or by a rule",
     R"(Shows what would go and asks; --yes does not ask, --dry-run only shows. Pinned checkpoints and those
that are being written stay. What was run from a deleted one stays loadable. The bytes that nobody
else needs become free with gc.
The rules look at all checkpoints, or at those of --job, --stage and --scenario: --keep-last N takes
complete versions that are not among the last N of their job, stage and branch; with --older-than,
of those only the ones that were completed so long ago; --partial-older-than takes partial ones.
TIME is a number with ms, s, m, h or d.
The exit code is 1 when one had to be kept.

Examples:
  gst-checkpoint-1.0 rm street/detect@1 street/detect@2
  gst-checkpoint-1.0 rm --job street --keep-last 3 --older-than 30d --dry-run
  gst-checkpoint-1.0 rm --partial-older-than 7d --yes
)",
     run_rm},
    {"gc", "", "Removes the frames that no checkpoint needs",
     R"(Packs that nobody refers to are condemned now, and removed by a run that comes when their grace is
over. Shows what would be done and asks; --yes does not ask, --dry-run only shows. It may be stopped at
any moment and run again, while others write and read.
A pack goes only as a whole: --repack moves what is still needed out of packs that are mostly nobody's,
and condemns those.
--strangers report also lists the frame store and counts objects that no row knows; --strangers condemn
condemns those with names of ours. Don't do that before a repair.
The exit code is 1 when the frame store refused to remove something.

Examples:
  gst-checkpoint-1.0 gc --dry-run
  gst-checkpoint-1.0 gc --yes --grace 36h
  gst-checkpoint-1.0 gc --repack --dry-run
)",
     run_gc},
    {"repair", "", "Makes lost metadata again from the frame store alone",
     R"(Each pack tells what it is part of. All checkpoints whose packs are there come back into a new and
empty metadata store, with their ids, versions, frames, events and detections; also deleted ones that
were not collected. What only the database knew does not: pins, why a partial checkpoint stopped, and
when a complete one was completed. The lost metadata store must not be used any more after that.
The exit code is 0 when nothing is lost, 3 when something is, which is counted, and 1 when it failed.

Examples:
  gst-checkpoint-1.0 repair --frame-store s3://bucket/films --metadata-store sqlite:new.db --dry-run
  gst-checkpoint-1.0 repair --frame-store s3://bucket/films --metadata-store sqlite:new.db
)",
     run_repair},
    {"doctor", "", "Looks for what is wrong with the stores, or will be",
     R"(One line for each thing it looks at, and below it what to do: can both stores be reached, do they
belong together, what may this user do there (it stores, reads, lists and removes one small object), do
rules of the bucket remove or keep what they should not, clocks, room that is left, and what writers
that died have left behind. "unknown" is what a server does not tell.
The exit code is 0 when all is well, 3 with a warning or an error, and 1 when it could not look.

Examples:
  gst-checkpoint-1.0 doctor
  gst-checkpoint-1.0 doctor --frame-store s3://bucket/films --metadata-store postgresql://db/films --json
)",
     run_doctor},
};

}  // namespace

std::span<const Verb> verbs() { return kVerbs; }

const Verb *find_verb(std::string_view name) {
  const auto *found = std::find_if(std::begin(kVerbs), std::end(kVerbs),
                                   [&](const Verb &verb) { return name == verb.name; });
  return found == std::end(kVerbs) ? nullptr : found;
}

}  // namespace checkpoint::tool
