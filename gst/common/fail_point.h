// SPDX-License-Identifier: LGPL-2.1-or-later
// Named steps of the commit protocol at which a test ends the process. Releases have none of them.
//
// GST_CHECKPOINT_FAIL_POINT=pack-put kills the process (SIGKILL) when it reaches that step,
// pack-put@3 when it does so the third time. tests/integration/fail_points.cpp goes through all of
// them; a step that it does not reach fails it.
#pragma once

namespace checkpoint {

// In the order of the protocol. X(name, what was done just before)
#define CHECKPOINT_FAIL_POINTS(X)                                                   \
  X(kLeaseTaken, "lease-taken", "the stage is ours")                                \
  X(kEarlierFound, "earlier-found", "an earlier version is to go on")               \
  X(kRowMade, "row-made", "the new version has its row")                            \
  X(kCompared, "compared", "all that an earlier run stored has come again")         \
  X(kPackPinned, "pack-pinned", "a pack of earlier payloads is held")               \
  X(kPackSealed, "pack-sealed", "a pack is full and has no intent yet")             \
  X(kIntentMade, "intent-made", "the pack has its row, and no byte")                \
  X(kObjectPut, "object-put", "one plain object is stored, the records are not")    \
  X(kPackPut, "pack-put", "the pack is stored, nothing refers to it")               \
  X(kCommitDue, "commit-due", "all that the commit refers to is durable")           \
  X(kRowsWritten, "rows-written", "the transaction is written and not committed")   \
  X(kCommitted, "committed", "the commit is durable and not announced")             \
  X(kAnnounced, "announced", "the commit is announced")                             \
  X(kPartialEndDue, "partial-end-due", "the reason for a partial end is not noted") \
  X(kReleaseDue, "release-due", "all is done, the lease is still ours")             \
  X(kSpoolMade, "spool-made", "the spool has a folder that says nothing")           \
  X(kSpoolNoted, "spool-noted", "the spool's folder says what it is for")           \
  X(kSpoolRoomNoted, "spool-room-noted", "stored frames are noted, still spooled")  \
  X(kSpoolRoomMade, "spool-room-made", "a pack of the spool is gone")               \
  X(kSpoolDrained, "spool-drained", "all is in the stores, and still in the spool") \
  X(kSpoolForgotten, "spool-forgotten", "the spool's folder says nothing any more")

enum class FailPoint {
#define CHECKPOINT_FAIL_POINT_VALUE(value, name, what) value,
  CHECKPOINT_FAIL_POINTS(CHECKPOINT_FAIL_POINT_VALUE)
#undef CHECKPOINT_FAIL_POINT_VALUE
};

#ifdef CHECKPOINT_WITH_FAIL_POINTS
// Any thread.
void fail_point(FailPoint point);
#else
inline void fail_point(FailPoint) {}
#endif

}  // namespace checkpoint
