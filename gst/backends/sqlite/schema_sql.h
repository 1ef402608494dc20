// SPDX-License-Identifier: LGPL-2.1-or-later
// The statements that make each version of the schema. docs/stores/sqlite.md explains the tables.
#pragma once

namespace checkpoint::sqlite {

// clang-format off

// A uint64 in a column is the int64 of the same bits; JSON shows what is beyond int64 as a string.
#define CHECKPOINT_JSON_U64(x) "CASE WHEN " x " < 0 THEN printf('%u', " x ") ELSE " x " END"

// Rows of a checkpoint change only while it is partial, and go only when it is marked deleted.
#define CHECKPOINT_PROTECT(table)                                                               \
  "CREATE TRIGGER " table "_insert BEFORE INSERT ON " table                                     \
  " WHEN (SELECT state FROM checkpoint WHERE key = NEW.checkpoint) IS NOT 'partial' "           \
  "BEGIN SELECT RAISE(ABORT, '" table ": only a partial checkpoint takes new rows'); END;"      \
  "CREATE TRIGGER " table "_update BEFORE UPDATE ON " table                                     \
  " WHEN (SELECT state FROM checkpoint WHERE key = OLD.checkpoint) = 'complete'"                \
  " OR (SELECT state FROM checkpoint WHERE key = NEW.checkpoint) = 'complete' "                 \
  "BEGIN SELECT RAISE(ABORT, '" table ": a complete checkpoint never changes'); END;"           \
  "CREATE TRIGGER " table "_delete BEFORE DELETE ON " table                                     \
  " WHEN (SELECT state FROM checkpoint WHERE key = OLD.checkpoint) = 'complete' "               \
  "BEGIN SELECT RAISE(ABORT, '" table ": a complete checkpoint never changes'); END;"

inline constexpr const char *kSchema1 =
R"sql(
CREATE TABLE store (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  uuid TEXT NOT NULL
);

CREATE TABLE frame_store (
  key INTEGER PRIMARY KEY,
  uuid TEXT NOT NULL UNIQUE,
  uri TEXT NOT NULL
);

CREATE TABLE job (
  key INTEGER PRIMARY KEY,
  uuid TEXT NOT NULL UNIQUE,
  job_id TEXT NOT NULL UNIQUE,
  identity_key BLOB NOT NULL,
  created_at REAL NOT NULL DEFAULT (julianday('now'))
);

CREATE TABLE stage_lease (
  key INTEGER PRIMARY KEY,
  job INTEGER NOT NULL REFERENCES job (key),
  is_scenario INTEGER NOT NULL,
  scenario_label TEXT NOT NULL,
  stage TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  owner_host TEXT NOT NULL,
  owner_boot TEXT NOT NULL,
  owner_pid INTEGER NOT NULL,
  owner_start_time INTEGER NOT NULL,
  owner_instance TEXT,
  expires_at REAL,
  next_version INTEGER NOT NULL DEFAULT 1,
  UNIQUE (job, is_scenario, scenario_label, stage)
);

CREATE TABLE checkpoint (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  job INTEGER NOT NULL REFERENCES job (key),
  is_scenario INTEGER NOT NULL,
  scenario_label TEXT NOT NULL,
  stage TEXT NOT NULL,
  stage_index INTEGER NOT NULL,
  version INTEGER NOT NULL,
  state TEXT NOT NULL DEFAULT 'partial' CHECK (state IN ('partial', 'complete', 'deleted')),
  reason TEXT NOT NULL DEFAULT '',
  parent TEXT,
  commit_no INTEGER NOT NULL DEFAULT 0,
  frames INTEGER NOT NULL DEFAULT 0,
  bytes_new INTEGER NOT NULL DEFAULT 0,
  bytes_reused INTEGER NOT NULL DEFAULT 0,
  first_time INTEGER,
  end_time INTEGER,
  frames_prefix TEXT NOT NULL,
  stage_output_key TEXT NOT NULL,
  stats TEXT NOT NULL,
  config_snapshot TEXT NOT NULL,
  config_overrides TEXT NOT NULL,
  config_declared TEXT NOT NULL,
  video_path TEXT NOT NULL,
  profile_name TEXT NOT NULL,
  filtered_frame_sequences TEXT,
  created_at REAL NOT NULL DEFAULT (julianday('now')),
  completed_at REAL,
  UNIQUE (job, is_scenario, scenario_label, stage, version)
);
CREATE INDEX checkpoint_by_state ON checkpoint (state);
CREATE INDEX checkpoint_by_job ON checkpoint (job, state);
CREATE INDEX checkpoint_by_job_stage ON checkpoint (job, stage, state);
CREATE INDEX checkpoint_by_stage ON checkpoint (stage, state);
CREATE INDEX checkpoint_by_branch ON checkpoint (is_scenario, scenario_label, state);

CREATE TABLE pack (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  uuid TEXT NOT NULL UNIQUE,
  frame_store INTEGER NOT NULL REFERENCES frame_store (key),
  object TEXT NOT NULL,
  plain INTEGER NOT NULL,
  size INTEGER NOT NULL DEFAULT 0,
  sha256 BLOB,
  state TEXT NOT NULL DEFAULT 'uploading'
    CHECK (state IN ('uploading', 'ready', 'condemned', 'deleted')),
  checkpoint INTEGER NOT NULL,
  created_at REAL NOT NULL DEFAULT (julianday('now')),
  UNIQUE (frame_store, object)
);
CREATE INDEX pack_by_state ON pack (frame_store, state);

CREATE TABLE checkpoint_pack (
  checkpoint INTEGER NOT NULL REFERENCES checkpoint (key),
  pack INTEGER NOT NULL REFERENCES pack (key),
  PRIMARY KEY (checkpoint, pack)
) WITHOUT ROWID;
CREATE INDEX checkpoint_pack_by_pack ON checkpoint_pack (pack);

CREATE TABLE digest (
  job INTEGER NOT NULL,
  frame_store INTEGER NOT NULL,
  identity BLOB NOT NULL,
  pack INTEGER NOT NULL,
  offset INTEGER NOT NULL,
  length INTEGER NOT NULL,
  raw_length INTEGER NOT NULL,
  checksum INTEGER NOT NULL,
  codec INTEGER NOT NULL,
  content INTEGER NOT NULL,
  PRIMARY KEY (job, frame_store, identity)
) WITHOUT ROWID;
CREATE INDEX digest_by_pack ON digest (pack);

CREATE TABLE caps (
  checkpoint INTEGER NOT NULL,
  number INTEGER NOT NULL,
  caps TEXT NOT NULL,
  PRIMARY KEY (checkpoint, number)
) WITHOUT ROWID;

CREATE TABLE frame (
  checkpoint INTEGER NOT NULL,
  idx INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  pack INTEGER,
  payload_offset INTEGER NOT NULL,
  payload_length INTEGER NOT NULL,
  raw_length INTEGER NOT NULL,
  checksum INTEGER NOT NULL,
  codec INTEGER NOT NULL,
  content INTEGER NOT NULL,
  record_pack INTEGER,
  record_offset INTEGER NOT NULL,
  record_length INTEGER NOT NULL,
  has_metas INTEGER NOT NULL,
  pts INTEGER,
  dts INTEGER,
  duration INTEGER,
  stream_time INTEGER,
  buffer_offset INTEGER,
  buffer_offset_end INTEGER,
  flags INTEGER NOT NULL,
  caps INTEGER NOT NULL,
  PRIMARY KEY (checkpoint, idx)
) WITHOUT ROWID;
CREATE INDEX frame_by_time ON frame (checkpoint, stream_time, idx);
CREATE INDEX frame_by_pts ON frame (checkpoint, pts, idx);
CREATE INDEX frame_by_sequence ON frame (checkpoint, sequence, idx);

CREATE TABLE detection (
  checkpoint INTEGER NOT NULL,
  idx INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  label TEXT NOT NULL,
  confidence REAL,
  x INTEGER NOT NULL,
  y INTEGER NOT NULL,
  width INTEGER NOT NULL,
  height INTEGER NOT NULL,
  track INTEGER,
  source TEXT NOT NULL,
  PRIMARY KEY (checkpoint, idx, ordinal)
) WITHOUT ROWID;
CREATE INDEX detection_by_label ON detection (label, confidence);
CREATE INDEX detection_of_label ON detection (checkpoint, label, idx);
CREATE INDEX detection_of_track ON detection (checkpoint, track, idx) WHERE track IS NOT NULL;

CREATE TABLE event (
  checkpoint INTEGER NOT NULL,
  idx INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  type TEXT NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (checkpoint, idx, ordinal)
) WITHOUT ROWID;

CREATE TABLE commits (
  checkpoint INTEGER NOT NULL,
  commit_no INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  record_pack INTEGER,
  record_offset INTEGER NOT NULL,
  record_length INTEGER NOT NULL,
  first_index INTEGER NOT NULL,
  frames INTEGER NOT NULL,
  PRIMARY KEY (checkpoint, commit_no)
) WITHOUT ROWID;

CREATE TRIGGER checkpoint_update BEFORE UPDATE ON checkpoint
WHEN (OLD.state = 'deleted' AND NEW.state <> 'deleted') OR (OLD.state = 'complete' AND
  (NEW.state <> 'deleted' OR
   (NEW.key, NEW.id, NEW.job, NEW.is_scenario, NEW.scenario_label, NEW.stage, NEW.stage_index,
    NEW.version, NEW.reason, NEW.parent, NEW.commit_no, NEW.frames, NEW.bytes_new,
    NEW.bytes_reused, NEW.first_time, NEW.end_time, NEW.frames_prefix, NEW.stage_output_key,
    NEW.stats, NEW.config_snapshot, NEW.config_overrides, NEW.config_declared, NEW.video_path,
    NEW.profile_name, NEW.filtered_frame_sequences, NEW.created_at, NEW.completed_at) IS NOT
   (OLD.key, OLD.id, OLD.job, OLD.is_scenario, OLD.scenario_label, OLD.stage, OLD.stage_index,
    OLD.version, OLD.reason, OLD.parent, OLD.commit_no, OLD.frames, OLD.bytes_new,
    OLD.bytes_reused, OLD.first_time, OLD.end_time, OLD.frames_prefix, OLD.stage_output_key,
    OLD.stats, OLD.config_snapshot, OLD.config_overrides, OLD.config_declared, OLD.video_path,
    OLD.profile_name, OLD.filtered_frame_sequences, OLD.created_at, OLD.completed_at)))
BEGIN SELECT RAISE(ABORT, 'checkpoint: a complete checkpoint never changes'); END;

CREATE TRIGGER checkpoint_delete BEFORE DELETE ON checkpoint WHEN OLD.state = 'complete'
BEGIN SELECT RAISE(ABORT, 'checkpoint: a complete checkpoint never changes'); END;

CREATE TRIGGER checkpoint_pack_update BEFORE UPDATE ON checkpoint_pack
WHEN (SELECT state FROM checkpoint WHERE key = OLD.checkpoint) = 'complete'
BEGIN SELECT RAISE(ABORT, 'checkpoint_pack: a complete checkpoint never changes'); END;

CREATE TRIGGER checkpoint_pack_delete BEFORE DELETE ON checkpoint_pack
WHEN (SELECT state FROM checkpoint WHERE key = OLD.checkpoint) = 'complete'
BEGIN SELECT RAISE(ABORT, 'checkpoint_pack: a complete checkpoint never changes'); END;
)sql"
CHECKPOINT_PROTECT("frame")
CHECKPOINT_PROTECT("caps")
CHECKPOINT_PROTECT("event")
CHECKPOINT_PROTECT("detection")
CHECKPOINT_PROTECT("commits")
R"sql(
CREATE VIEW stage_checkpoints AS
SELECT
  job.job_id AS job_id,
  c.stage AS stage,
  c.stage_index AS stage_index,
  c.frames_prefix AS frames_prefix,
  (SELECT json_group_object(printf('%u', f.sequence), f.name) FROM (
    SELECT frame.sequence AS sequence,
      CASE
        WHEN pack.plain THEN pack.object || '-' || printf('%08u', frame.payload_offset) ||
          CASE frame.codec WHEN 1 THEN '.lz4' WHEN 2 THEN '.zst' ELSE
            CASE frame.content WHEN 1 THEN '.jpg' WHEN 2 THEN '.png' ELSE '.raw' END
          END
        ELSE pack.object || '#' || frame.payload_offset || '+' || frame.payload_length
      END AS name
    FROM frame LEFT JOIN pack ON pack.key = frame.pack
    WHERE frame.checkpoint = c.key ORDER BY frame.idx) AS f) AS frames_manifest,
  (SELECT json_group_array(json(f.meta)) FROM (
    SELECT json_object()sql"
      "'sequence', " CHECKPOINT_JSON_U64("frame.sequence") ","
      "'index', frame.idx,"
      "'pts', " CHECKPOINT_JSON_U64("frame.pts") ","
      "'dts', " CHECKPOINT_JSON_U64("frame.dts") ","
      "'duration', " CHECKPOINT_JSON_U64("frame.duration") ","
      "'offset', " CHECKPOINT_JSON_U64("frame.buffer_offset") ","
      "'offset_end', " CHECKPOINT_JSON_U64("frame.buffer_offset_end") ","
R"sql('flags', frame.flags, 'caps', caps.caps) AS meta
    FROM frame LEFT JOIN caps ON caps.checkpoint = frame.checkpoint AND caps.number = frame.caps
    WHERE frame.checkpoint = c.key ORDER BY frame.idx) AS f) AS frames_meta,
  coalesce(c.filtered_frame_sequences, (
    SELECT json_group_array(f.sequence) FROM (
      SELECT )sql" CHECKPOINT_JSON_U64("frame.sequence") R"sql( AS sequence
      FROM frame WHERE frame.checkpoint = c.key ORDER BY frame.idx) AS f))
    AS filtered_frame_sequences,
  c.stage_output_key AS stage_output_key,
  nullif(c.stats, '') AS stats,
  nullif(c.config_snapshot, '') AS config_snapshot,
  nullif(c.config_overrides, '') AS config_overrides,
  c.video_path AS video_path,
  c.profile_name AS profile_name,
  c.is_scenario AS is_scenario,
  c.scenario_label AS scenario_label,
  c.id AS id,
  c.version AS version,
  c.state AS state,
  c.parent AS parent_id,
  strftime('%Y-%m-%dT%H:%M:%fZ', c.created_at) AS created_at
FROM checkpoint AS c JOIN job ON job.key = c.job
WHERE c.state <> 'deleted';
)sql";

// Version 2: pins, collection, and moving a payload into another pack.
inline constexpr const char *kSchema2 = R"sql(
CREATE TABLE checkpoint_pin (
  checkpoint INTEGER PRIMARY KEY REFERENCES checkpoint (key),
  created_at REAL NOT NULL DEFAULT (julianday('now'))
);

CREATE TABLE reader_pin (
  id TEXT NOT NULL,
  checkpoint INTEGER NOT NULL REFERENCES checkpoint (key),
  expires_at REAL NOT NULL,
  PRIMARY KEY (id, checkpoint)
) WITHOUT ROWID;
CREATE INDEX reader_pin_by_checkpoint ON reader_pin (checkpoint);

ALTER TABLE pack ADD COLUMN state_since REAL;
UPDATE pack SET state_since = julianday('now') WHERE state IN ('condemned', 'deleted');

CREATE TRIGGER checkpoint_pinned BEFORE UPDATE ON checkpoint
WHEN NEW.state = 'deleted' AND OLD.state <> 'deleted' AND
  EXISTS (SELECT 1 FROM checkpoint_pin WHERE checkpoint = OLD.key)
BEGIN SELECT RAISE(ABORT, 'checkpoint: a pinned checkpoint is not deleted'); END;

-- The payload of a frame may move into a pack that a collector made (checkpoint = 0), and nothing
-- else of the frame changes with that.
DROP TRIGGER frame_update;
CREATE TRIGGER frame_update BEFORE UPDATE ON frame
WHEN ((SELECT state FROM checkpoint WHERE key = OLD.checkpoint) = 'complete' OR
  (SELECT state FROM checkpoint WHERE key = NEW.checkpoint) = 'complete') AND
  ((SELECT checkpoint FROM pack WHERE key = NEW.pack) IS NOT 0 OR
   (NEW.checkpoint, NEW.idx, NEW.sequence, NEW.payload_length, NEW.raw_length, NEW.checksum,
    NEW.codec, NEW.content, NEW.record_pack, NEW.record_offset, NEW.record_length, NEW.has_metas,
    NEW.pts, NEW.dts, NEW.duration, NEW.stream_time, NEW.buffer_offset, NEW.buffer_offset_end,
    NEW.flags, NEW.caps) IS NOT
   (OLD.checkpoint, OLD.idx, OLD.sequence, OLD.payload_length, OLD.raw_length, OLD.checksum,
    OLD.codec, OLD.content, OLD.record_pack, OLD.record_offset, OLD.record_length, OLD.has_metas,
    OLD.pts, OLD.dts, OLD.duration, OLD.stream_time, OLD.buffer_offset, OLD.buffer_offset_end,
    OLD.flags, OLD.caps))
BEGIN SELECT RAISE(ABORT, 'frame: a complete checkpoint never changes'); END;

-- What was moved away needs no reference any more.
DROP TRIGGER checkpoint_pack_delete;
CREATE TRIGGER checkpoint_pack_delete BEFORE DELETE ON checkpoint_pack
WHEN (SELECT state FROM checkpoint WHERE key = OLD.checkpoint) = 'complete' AND
  (SELECT state FROM pack WHERE key = OLD.pack) NOT IN ('condemned', 'deleted')
BEGIN SELECT RAISE(ABORT, 'checkpoint_pack: a complete checkpoint never changes'); END;
)sql";

#undef CHECKPOINT_JSON_U64
#undef CHECKPOINT_PROTECT

// clang-format on

}  // namespace checkpoint::sqlite
