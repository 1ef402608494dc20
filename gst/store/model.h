// SPDX-License-Identifier: LGPL-2.1-or-later
// The rows that a metadata store keeps, as plain values. docs/architecture.md draws how they hang
// together.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/bytes.h"
#include "common/uuid.h"

namespace checkpoint {

// Keys are the database's own row numbers: small, local to one metadata store, never shown to a
// user.
using JobKey = int64_t;
using CheckpointKey = int64_t;
using PackKey = int64_t;
using FrameStoreKey = int64_t;

// Identity of a frame's canonical payload under its job's key (see core/identity.h).
using Digest = std::array<uint8_t, 16>;
// The random key of a job's identities.
using IdentityKey = std::array<uint8_t, 32>;

// How a payload's stored bytes become the frame again. The number is what rows and packs hold.
enum class Codec : uint8_t { kNone = 0, kLz4 = 1, kZstd = 2 };
// What the decoded payload is; decides the name of a plain object (.raw, .jpg, .png).
enum class Content : uint8_t { kRaw = 0, kJpeg = 1, kPng = 2 };

// A GstClockTime or buffer offset that is not set. (After Codec, whose kNone would shadow it.)
inline constexpr uint64_t kNone = UINT64_MAX;

// One payload in the frame store.
struct PayloadRef {
  PackKey pack = 0;
  uint64_t offset =
      0;  // of its first stored byte; in a plain pack: its ordinal (see PackRow::plain)
  uint64_t length = 0;      // stored bytes
  uint64_t raw_length = 0;  // bytes after decoding
  uint64_t checksum = 0;    // XXH3-64 of the stored bytes
  Codec codec = Codec::kNone;
  Content content = Content::kRaw;
  bool operator==(const PayloadRef &) const = default;
};

// A part of a pack that holds one frame's binary record (core/record_codec.h).
struct RecordRef {
  PackKey pack = 0;
  uint64_t offset = 0;
  uint64_t length = 0;
  bool operator==(const RecordRef &) const = default;
};

struct FrameRow {
  uint64_t index = 0;     // dense position in the checkpoint, from 0
  uint64_t sequence = 0;  // job-wide number, the key in frames_manifest
  PayloadRef payload;     // raw_length 0: a frame without bytes; then pack is 0
  RecordRef record;
  bool has_metas = false;  // the record holds metas: it has to be read to replay the frame
  uint64_t pts = kNone, dts = kNone, duration = kNone;  // nanoseconds
  uint64_t stream_time = kNone;  // nanoseconds, through the segment in force; what seeks look for
  uint64_t offset = kNone, offset_end = kNone;  // GstBuffer's
  uint32_t flags = 0;                           // GstBufferFlags
  uint32_t caps = 0;                            // number of a CapsRow of this checkpoint
};

struct CapsRow {
  uint32_t number = 0;  // from 0, in order of appearance
  std::string caps;     // as gst_caps_to_string writes them
};

// A projection of a detection meta, for queries. The truth is the meta in the record.
struct DetectionRow {
  uint64_t index = 0;  // the frame's
  uint32_t ordinal = 0;
  std::string label;
  std::optional<double> confidence;             // 0..1 as the detector gave it
  int64_t x = 0, y = 0, width = 0, height = 0;  // pixels
  std::optional<int64_t> track;
  std::string source;  // what kind of meta it came from: "roi" or "analytics"
};

// A stream event that belongs before the frame `index`.
struct EventRow {
  uint64_t index = 0;
  uint32_t ordinal = 0;  // among the events of one index
  std::string type;      // "segment", "tag", ...
  Bytes body;            // written by elements/event_codec.cpp
};

// (job, is_scenario, label): the label of the base is '' and so may be that of a scenario.
struct Branch {
  bool is_scenario = false;
  std::string label;
  bool operator==(const Branch &) const = default;
};

struct JobRow {
  JobKey key = 0;
  Uuid uuid;
  std::string job_id;
  IdentityKey identity_key{};
};

enum class CheckpointState { kPartial, kComplete, kDeleted };

// The fields that a caller gives and that come back as they were: the seed's row. JSON is text; ''
// where not given.
struct CheckpointFields {
  std::string job_id;
  std::string stage;
  int32_t stage_index = 0;
  Branch branch;
  std::optional<Uuid> parent;
  std::string frames_prefix;
  std::string stage_output_key;
  std::string stats;             // JSON object
  std::string config_snapshot;   // JSON object: the resolved configuration
  std::string config_overrides;  // JSON object: only what was overridden
  std::string config_declared;   // JSON object: decides reuse
  std::string video_path;
  std::string profile_name;
  // Given by the caller; without it, the sequences of the frames that arrived.
  std::optional<std::vector<uint64_t>> filtered_frame_sequences;
};

struct CheckpointRow {
  CheckpointKey key = 0;
  Uuid id;
  JobKey job = 0;
  CheckpointFields fields;
  uint32_t version = 0;  // from 1, per (job, branch, stage)
  CheckpointState state = CheckpointState::kPartial;
  std::string reason;         // why a partial one stopped; '' while unknown
  uint64_t commit_no = 0;     // commits so far
  uint64_t frames = 0;        // durable frames: indexes 0 .. frames-1
  uint64_t bytes_new = 0;     // stored bytes put for it
  uint64_t bytes_reused = 0;  // stored bytes referenced in packs of earlier payloads
  uint64_t first_time = kNone,
           end_time = kNone;  // stream time of the first frame and the end of the last, nanoseconds
  int64_t created_at = 0, completed_at = 0;  // milliseconds since 1970, UTC; 0: not yet
  bool pinned = false;                       // by a user: not to be deleted
};

enum class PackState { kUploading, kReady, kCondemned, kDeleted };

struct PackRow {
  PackKey key = 0;
  Uuid uuid;
  FrameStoreKey frame_store = 0;
  std::string object;  // its name in the frame store
  // A plain pack is no object of its own: payload number n is the object plain_object_name(pack,
  // n), see core/names.h.
  bool plain = false;
  uint64_t size = 0;
  std::optional<std::array<uint8_t, 32>> sha256;  // where the frame store checks it
  PackState state = PackState::kUploading;
};

// Who holds a lease.
struct LeaseOwner {
  std::string host;
  std::string boot;  // the kernel's boot id
  int64_t pid = 0;
  uint64_t start_time = 0;  // of that process, in clock ticks since boot
  Uuid instance;            // of this writer, since one process may hold several
};

// The right to write one stage of one branch, until it expires.
struct Lease {
  JobKey job = 0;
  Branch branch;
  std::string stage;
  uint64_t epoch = 0;  // grows with every new owner
  LeaseOwner owner;
};

}  // namespace checkpoint
