-- A checkpoint as version 1 kept it: two frames, complete; and one that is partial.
INSERT INTO store (id, uuid VERSION_COLUMN) VALUES (1, '11111111-1111-4111-8111-111111111111' VERSION_VALUE);
INSERT INTO frame_store (uuid, uri) VALUES ('22222222-2222-4222-8222-222222222222', 'file:///frames');
INSERT INTO job (uuid, job_id, identity_key) VALUES ('33333333-3333-4333-8333-333333333333', 'street', X'000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f');
INSERT INTO stage_lease (job, is_scenario, scenario_label, stage, epoch, owner_host, owner_boot, owner_pid, owner_start_time, next_version)
  VALUES (1, false, '', 'decode', 2, 'camera-7', 'boot', 1, 1, 3);
INSERT INTO checkpoint (id, job, is_scenario, scenario_label, stage, stage_index, version, commit_no, frames, bytes_new, first_time, end_time, frames_prefix, stage_output_key, stats, config_snapshot, config_overrides, config_declared, video_path, profile_name)
  VALUES ('44444444-4444-4444-8444-444444444444', 1, false, '', 'decode', 0, 1, 1, 2, 200, 0, 80000000, 'street/frames/', '', '{"faces": 1}', '', '', '', '/film.mp4', 'day');
INSERT INTO pack (uuid, frame_store, object, plain, size, state, checkpoint)
  VALUES ('55555555-5555-4555-8555-555555555555', 1, 'street/frames/55555555-5555-4555-8555-555555555555.pack', false, 8192, 'ready', 1);
INSERT INTO checkpoint_pack (checkpoint, pack) VALUES (1, 1);
INSERT INTO digest (job, frame_store, identity, pack, "offset", length, raw_length, checksum, codec, content)
  VALUES (1, 1, X'01000000000000000000000000000000', 1, 192, 100, 120, 7, 2, 0);
INSERT INTO caps (checkpoint, number, caps) VALUES (1, 0, 'video/x-raw, format=(string)RGB');
INSERT INTO frame (checkpoint, idx, sequence, pack, payload_offset, payload_length, raw_length, checksum, codec, content, record_pack, record_offset, record_length, has_metas, pts, stream_time, duration, flags, caps)
  VALUES (1, 0, 0, 1, 192, 100, 120, 7, 2, 0, 1, 4096, 10, false, 0, 0, 40000000, 0, 0);
INSERT INTO frame (checkpoint, idx, sequence, pack, payload_offset, payload_length, raw_length, checksum, codec, content, record_pack, record_offset, record_length, has_metas, pts, stream_time, duration, flags, caps)
  VALUES (1, 1, 1, 1, 320, 100, 120, 8, 2, 0, 1, 4106, 10, true, 40000000, 40000000, 40000000, 0, 0);
INSERT INTO detection (checkpoint, idx, ordinal, label, confidence, x, y, width, height, source)
  VALUES (1, 1, 0, 'face', 0.5, 1, 2, 3, 4, 'roi');
INSERT INTO event (checkpoint, idx, ordinal, type, body) VALUES (1, 0, 0, 'segment', X'0102');
INSERT INTO commits (checkpoint, commit_no, epoch, record_pack, record_offset, record_length, first_index, frames)
  VALUES (1, 1, 1, 1, 4096, 20, 0, 2);
UPDATE checkpoint SET state = 'complete', completed_at = created_at WHERE key = 1;
INSERT INTO checkpoint (id, job, is_scenario, scenario_label, stage, stage_index, version, reason, frames_prefix, stage_output_key, stats, config_snapshot, config_overrides, config_declared, video_path, profile_name)
  VALUES ('66666666-6666-4666-8666-666666666666', 1, false, '', 'decode', 0, 2, 'power cut', 'street/frames/', '', '', '', '', '', '', '');
