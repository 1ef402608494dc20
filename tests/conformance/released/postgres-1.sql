-- The statements that made version 1 of the schema, as they were released. Never edited.

CREATE TABLE @store (
  id integer PRIMARY KEY CHECK (id = 1),
  uuid uuid NOT NULL,
  schema_version integer NOT NULL
);

CREATE TABLE @frame_store (
  key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  uuid uuid NOT NULL UNIQUE,
  uri text NOT NULL
);

CREATE TABLE @job (
  key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  uuid uuid NOT NULL UNIQUE,
  job_id text COLLATE "C" NOT NULL UNIQUE,
  identity_key bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE @stage_lease (
  key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job bigint NOT NULL REFERENCES @job (key),
  is_scenario boolean NOT NULL,
  scenario_label text COLLATE "C" NOT NULL,
  stage text COLLATE "C" NOT NULL,
  epoch bigint NOT NULL,
  owner_host text NOT NULL,
  owner_boot text NOT NULL,
  owner_pid bigint NOT NULL,
  owner_start_time bigint NOT NULL,
  owner_instance uuid,
  expires_at timestamptz,
  next_version bigint NOT NULL DEFAULT 1,
  UNIQUE (job, is_scenario, scenario_label, stage)
);

CREATE TABLE @checkpoint (
  key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id uuid NOT NULL UNIQUE,
  job bigint NOT NULL REFERENCES @job (key),
  is_scenario boolean NOT NULL,
  scenario_label text COLLATE "C" NOT NULL,
  stage text COLLATE "C" NOT NULL,
  stage_index integer NOT NULL,
  version bigint NOT NULL,
  state text COLLATE "C" NOT NULL DEFAULT 'partial'
    CHECK (state IN ('partial', 'complete', 'deleted')),
  reason text NOT NULL DEFAULT '',
  parent uuid,
  commit_no bigint NOT NULL DEFAULT 0,
  frames bigint NOT NULL DEFAULT 0,
  bytes_new bigint NOT NULL DEFAULT 0,
  bytes_reused bigint NOT NULL DEFAULT 0,
  first_time bigint,
  end_time bigint,
  frames_prefix text NOT NULL,
  stage_output_key text NOT NULL,
  stats text NOT NULL,
  config_snapshot text NOT NULL,
  config_overrides text NOT NULL,
  config_declared text NOT NULL,
  video_path text NOT NULL,
  profile_name text NOT NULL,
  filtered_frame_sequences text,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  completed_at timestamptz,
  UNIQUE (job, is_scenario, scenario_label, stage, version)
);
CREATE INDEX checkpoint_by_state ON @checkpoint (state, key);
CREATE INDEX checkpoint_by_job ON @checkpoint (job, state, key);
CREATE INDEX checkpoint_by_job_stage ON @checkpoint (job, stage, state, key);
CREATE INDEX checkpoint_by_stage ON @checkpoint (stage, state, key);
CREATE INDEX checkpoint_by_branch ON @checkpoint (is_scenario, scenario_label, state, key);

CREATE TABLE @pack (
  key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  uuid uuid NOT NULL UNIQUE,
  frame_store bigint NOT NULL REFERENCES @frame_store (key),
  object text COLLATE "C" NOT NULL,
  plain boolean NOT NULL,
  size bigint NOT NULL DEFAULT 0,
  sha256 bytea,
  state text COLLATE "C" NOT NULL DEFAULT 'uploading'
    CHECK (state IN ('uploading', 'ready', 'condemned', 'deleted')),
  checkpoint bigint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (frame_store, object)
);
CREATE INDEX pack_by_state ON @pack (frame_store, state);

CREATE TABLE @checkpoint_pack (
  checkpoint bigint NOT NULL REFERENCES @checkpoint (key),
  pack bigint NOT NULL REFERENCES @pack (key),
  PRIMARY KEY (checkpoint, pack)
);
CREATE INDEX checkpoint_pack_by_pack ON @checkpoint_pack (pack);

CREATE TABLE @digest (
  job bigint NOT NULL,
  frame_store bigint NOT NULL,
  identity bytea NOT NULL,
  pack bigint NOT NULL,
  "offset" bigint NOT NULL,
  length bigint NOT NULL,
  raw_length bigint NOT NULL,
  checksum bigint NOT NULL,
  codec bigint NOT NULL,
  content bigint NOT NULL,
  PRIMARY KEY (job, frame_store, identity)
);
CREATE INDEX digest_by_pack ON @digest (pack);

CREATE TABLE @caps (
  checkpoint bigint NOT NULL,
  number bigint NOT NULL,
  caps text NOT NULL,
  PRIMARY KEY (checkpoint, number)
);

CREATE TABLE @frame (
  checkpoint bigint NOT NULL,
  idx bigint NOT NULL,
  sequence bigint NOT NULL,
  pack bigint,
  payload_offset bigint NOT NULL,
  payload_length bigint NOT NULL,
  raw_length bigint NOT NULL,
  checksum bigint NOT NULL,
  codec smallint NOT NULL,
  content smallint NOT NULL,
  record_pack bigint,
  record_offset bigint NOT NULL,
  record_length bigint NOT NULL,
  has_metas boolean NOT NULL,
  pts bigint,
  dts bigint,
  duration bigint,
  stream_time bigint,
  buffer_offset bigint,
  buffer_offset_end bigint,
  flags bigint NOT NULL,
  caps bigint NOT NULL,
  PRIMARY KEY (checkpoint, idx)
);
CREATE INDEX frame_by_time ON @frame (checkpoint, stream_time, idx);
CREATE INDEX frame_by_pts ON @frame (checkpoint, pts, idx);
CREATE INDEX frame_by_sequence ON @frame (checkpoint, sequence, idx);

CREATE TABLE @detection (
  checkpoint bigint NOT NULL,
  idx bigint NOT NULL,
  ordinal bigint NOT NULL,
  label text COLLATE "C" NOT NULL,
  confidence double precision,
  x bigint NOT NULL,
  y bigint NOT NULL,
  width bigint NOT NULL,
  height bigint NOT NULL,
  track bigint,
  source text NOT NULL,
  PRIMARY KEY (checkpoint, idx, ordinal)
);
CREATE INDEX detection_by_label ON @detection (label, confidence);
CREATE INDEX detection_of_label ON @detection (checkpoint, label, idx);
CREATE INDEX detection_of_track ON @detection (checkpoint, track, idx) WHERE track IS NOT NULL;

CREATE TABLE @event (
  checkpoint bigint NOT NULL,
  idx bigint NOT NULL,
  ordinal bigint NOT NULL,
  type text NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (checkpoint, idx, ordinal)
);

CREATE TABLE @commits (
  checkpoint bigint NOT NULL,
  commit_no bigint NOT NULL,
  epoch bigint NOT NULL,
  record_pack bigint,
  record_offset bigint NOT NULL,
  record_length bigint NOT NULL,
  first_index bigint NOT NULL,
  frames bigint NOT NULL,
  PRIMARY KEY (checkpoint, commit_no)
);

CREATE FUNCTION @require_lease(of_job bigint, of_scenario boolean, of_label text, of_stage text,
                               in_epoch bigint, by_instance uuid)
RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
  PERFORM 1 FROM @stage_lease AS l
  WHERE l.job = of_job AND l.is_scenario = of_scenario AND l.scenario_label = of_label
    AND l.stage = of_stage AND l.epoch = in_epoch AND l.owner_instance = by_instance
  FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'another writer has taken over stage %', of_stage USING ERRCODE = 'GC001';
  END IF;
END $body$;

-- A text that should be JSON; one that is not is shown as a JSON string.
CREATE FUNCTION @as_json(value text) RETURNS json LANGUAGE plpgsql IMMUTABLE AS $body$
BEGIN
  RETURN nullif(value, '')::json;
EXCEPTION WHEN OTHERS THEN
  RETURN to_json(value);
END $body$;

CREATE FUNCTION @refuse() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  RAISE EXCEPTION '%: a complete checkpoint never changes', TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END $body$;

CREATE FUNCTION @refuse_insert() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  IF EXISTS (SELECT FROM (SELECT DISTINCT checkpoint FROM new_rows) AS n
             LEFT JOIN @checkpoint AS c ON c.key = n.checkpoint
             WHERE c.state IS DISTINCT FROM 'partial') THEN
    RAISE EXCEPTION '%: only a partial checkpoint takes new rows', TG_TABLE_NAME
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $body$;

CREATE FUNCTION @refuse_update() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  IF EXISTS (SELECT FROM (SELECT checkpoint FROM old_rows UNION SELECT checkpoint FROM new_rows) AS n
             JOIN @checkpoint AS c ON c.key = n.checkpoint WHERE c.state = 'complete') THEN
    RAISE EXCEPTION '%: a complete checkpoint never changes', TG_TABLE_NAME
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $body$;

CREATE FUNCTION @refuse_delete() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  IF EXISTS (SELECT FROM (SELECT DISTINCT checkpoint FROM old_rows) AS n
             JOIN @checkpoint AS c ON c.key = n.checkpoint WHERE c.state = 'complete') THEN
    RAISE EXCEPTION '%: a complete checkpoint never changes', TG_TABLE_NAME
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $body$;

CREATE FUNCTION @refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  IF EXISTS (SELECT FROM @checkpoint AS c WHERE c.state = 'complete') THEN
    RAISE EXCEPTION '%: a complete checkpoint never changes', TG_TABLE_NAME
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $body$;

CREATE TRIGGER protect_update BEFORE UPDATE ON @checkpoint FOR EACH ROW
WHEN ((OLD.state = 'deleted' AND NEW.state <> 'deleted') OR (OLD.state = 'complete' AND
  (NEW.state <> 'deleted' OR
   (NEW.key, NEW.id, NEW.job, NEW.is_scenario, NEW.scenario_label, NEW.stage, NEW.stage_index,
    NEW.version, NEW.reason, NEW.parent, NEW.commit_no, NEW.frames, NEW.bytes_new,
    NEW.bytes_reused, NEW.first_time, NEW.end_time, NEW.frames_prefix, NEW.stage_output_key,
    NEW.stats, NEW.config_snapshot, NEW.config_overrides, NEW.config_declared, NEW.video_path,
    NEW.profile_name, NEW.filtered_frame_sequences, NEW.created_at, NEW.completed_at)
   IS DISTINCT FROM
   (OLD.key, OLD.id, OLD.job, OLD.is_scenario, OLD.scenario_label, OLD.stage, OLD.stage_index,
    OLD.version, OLD.reason, OLD.parent, OLD.commit_no, OLD.frames, OLD.bytes_new,
    OLD.bytes_reused, OLD.first_time, OLD.end_time, OLD.frames_prefix, OLD.stage_output_key,
    OLD.stats, OLD.config_snapshot, OLD.config_overrides, OLD.config_declared, OLD.video_path,
    OLD.profile_name, OLD.filtered_frame_sequences, OLD.created_at, OLD.completed_at))))
EXECUTE FUNCTION @refuse();
CREATE TRIGGER protect_delete BEFORE DELETE ON @checkpoint FOR EACH ROW
WHEN (OLD.state = 'complete') EXECUTE FUNCTION @refuse();
CREATE TRIGGER protect_truncate BEFORE TRUNCATE ON @checkpoint
FOR EACH STATEMENT EXECUTE FUNCTION @refuse_truncate();
CREATE TRIGGER protect_update AFTER UPDATE ON @checkpoint_pack REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION @refuse_update();CREATE TRIGGER protect_delete AFTER DELETE ON @checkpoint_pack REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION @refuse_delete();CREATE TRIGGER protect_truncate BEFORE TRUNCATE ON @checkpoint_pack FOR EACH STATEMENT EXECUTE FUNCTION @refuse_truncate();CREATE TRIGGER protect_insert AFTER INSERT ON @frame REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION @refuse_insert();CREATE TRIGGER protect_update AFTER UPDATE ON @frame REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION @refuse_update();CREATE TRIGGER protect_delete AFTER DELETE ON @frame REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION @refuse_delete();CREATE TRIGGER protect_truncate BEFORE TRUNCATE ON @frame FOR EACH STATEMENT EXECUTE FUNCTION @refuse_truncate();CREATE TRIGGER protect_insert AFTER INSERT ON @caps REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION @refuse_insert();CREATE TRIGGER protect_update AFTER UPDATE ON @caps REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION @refuse_update();CREATE TRIGGER protect_delete AFTER DELETE ON @caps REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION @refuse_delete();CREATE TRIGGER protect_truncate BEFORE TRUNCATE ON @caps FOR EACH STATEMENT EXECUTE FUNCTION @refuse_truncate();CREATE TRIGGER protect_insert AFTER INSERT ON @event REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION @refuse_insert();CREATE TRIGGER protect_update AFTER UPDATE ON @event REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION @refuse_update();CREATE TRIGGER protect_delete AFTER DELETE ON @event REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION @refuse_delete();CREATE TRIGGER protect_truncate BEFORE TRUNCATE ON @event FOR EACH STATEMENT EXECUTE FUNCTION @refuse_truncate();CREATE TRIGGER protect_insert AFTER INSERT ON @detection REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION @refuse_insert();CREATE TRIGGER protect_update AFTER UPDATE ON @detection REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION @refuse_update();CREATE TRIGGER protect_delete AFTER DELETE ON @detection REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION @refuse_delete();CREATE TRIGGER protect_truncate BEFORE TRUNCATE ON @detection FOR EACH STATEMENT EXECUTE FUNCTION @refuse_truncate();CREATE TRIGGER protect_insert AFTER INSERT ON @commits REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION @refuse_insert();CREATE TRIGGER protect_update AFTER UPDATE ON @commits REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION @refuse_update();CREATE TRIGGER protect_delete AFTER DELETE ON @commits REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION @refuse_delete();CREATE TRIGGER protect_truncate BEFORE TRUNCATE ON @commits FOR EACH STATEMENT EXECUTE FUNCTION @refuse_truncate();
CREATE VIEW @stage_checkpoints AS
SELECT
  job.job_id AS job_id,
  c.stage AS stage,
  c.stage_index AS stage_index,
  c.frames_prefix AS frames_prefix,
  (SELECT coalesce(json_object_agg(CASE WHEN frame.sequence < 0 THEN (frame.sequence::numeric + 18446744073709551616)::text ELSE frame.sequence::text END,
      CASE
        WHEN pack.plain THEN pack.object || '-' ||
          lpad(frame.payload_offset::text, greatest(8, length(frame.payload_offset::text)), '0') ||
          CASE frame.codec WHEN 1 THEN '.lz4' WHEN 2 THEN '.zst' ELSE
            CASE frame.content WHEN 1 THEN '.jpg' WHEN 2 THEN '.png' ELSE '.raw' END
          END
        ELSE pack.object || '#' || frame.payload_offset || '+' || frame.payload_length
      END ORDER BY frame.idx), '{}'::json)
    FROM @frame AS frame LEFT JOIN @pack AS pack ON pack.key = frame.pack
    WHERE frame.checkpoint = c.key) AS frames_manifest,
  (SELECT coalesce(json_agg(json_build_object('sequence', CASE WHEN frame.sequence < 0 THEN to_json((frame.sequence::numeric + 18446744073709551616)::text) ELSE to_json(frame.sequence) END,'index', frame.idx,'pts', CASE WHEN frame.pts < 0 THEN to_json((frame.pts::numeric + 18446744073709551616)::text) ELSE to_json(frame.pts) END,'dts', CASE WHEN frame.dts < 0 THEN to_json((frame.dts::numeric + 18446744073709551616)::text) ELSE to_json(frame.dts) END,'duration', CASE WHEN frame.duration < 0 THEN to_json((frame.duration::numeric + 18446744073709551616)::text) ELSE to_json(frame.duration) END,'offset', CASE WHEN frame.buffer_offset < 0 THEN to_json((frame.buffer_offset::numeric + 18446744073709551616)::text) ELSE to_json(frame.buffer_offset) END,'offset_end', CASE WHEN frame.buffer_offset_end < 0 THEN to_json((frame.buffer_offset_end::numeric + 18446744073709551616)::text) ELSE to_json(frame.buffer_offset_end) END,'flags', frame.flags, 'caps', caps.caps) ORDER BY frame.idx), '[]'::json)
    FROM @frame AS frame
    LEFT JOIN @caps AS caps ON caps.checkpoint = frame.checkpoint AND caps.number = frame.caps
    WHERE frame.checkpoint = c.key) AS frames_meta,
  coalesce(c.filtered_frame_sequences::json, (
    SELECT coalesce(json_agg(CASE WHEN frame.sequence < 0 THEN to_json((frame.sequence::numeric + 18446744073709551616)::text) ELSE to_json(frame.sequence) END ORDER BY frame.idx),
      '[]'::json)
    FROM @frame AS frame WHERE frame.checkpoint = c.key)) AS filtered_frame_sequences,
  c.stage_output_key AS stage_output_key,
  @as_json(c.stats) AS stats,
  @as_json(c.config_snapshot) AS config_snapshot,
  @as_json(c.config_overrides) AS config_overrides,
  c.video_path AS video_path,
  c.profile_name AS profile_name,
  c.is_scenario AS is_scenario,
  c.scenario_label AS scenario_label,
  c.id AS id,
  c.version AS version,
  c.state AS state,
  c.parent AS parent_id,
  c.created_at AS created_at
FROM @checkpoint AS c JOIN @job AS job ON job.key = c.job
WHERE c.state <> 'deleted';
