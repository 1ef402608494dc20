// SPDX-License-Identifier: LGPL-2.1-or-later
// What is seen and refused past the store, through SQL.
#include <json-glib/json-glib.h>

#include <limits>

#include "conformance/metadata_fixture.h"

using namespace checkpoint;
using namespace checkpoint::conformance;

namespace {

// Equal as JSON: spaces don't count, the order of keys neither.
bool same_json(const std::string &a, const std::string &b) {
  GError *error = nullptr;
  JsonNode *left = json_from_string(a.c_str(), &error);
  ck_assert_msg(left != nullptr && error == nullptr, "not JSON: %s", a.c_str());
  JsonNode *right = json_from_string(b.c_str(), &error);
  ck_assert_msg(right != nullptr && error == nullptr, "not JSON: %s", b.c_str());
  const bool equal = json_node_equal(left, right);
  json_node_unref(left);
  json_node_unref(right);
  if (!equal) g_printerr("%s\nis not\n%s\n", a.c_str(), b.c_str());
  return equal;
}

std::string view(SqlAccess &sql, const std::string &column, const Uuid &id) {
  auto rows = MUST(sql.query("SELECT " + column + " FROM stage_checkpoints WHERE id = '" +
                             id.to_string() + "'"));
  ck_assert_int_eq(static_cast<int>(rows.size()), 1);
  return rows[0][0];
}

}  // namespace

GST_START_TEST(g14_the_view_has_the_columns_of_old) {
  Fixture f(__i__);
  std::unique_ptr<SqlAccess> sql = f.place->sql();
  if (!sql) return;
  std::vector<std::string> expected{"job_id",
                                    "stage",
                                    "stage_index",
                                    "frames_prefix",
                                    "frames_manifest",
                                    "frames_meta",
                                    "filtered_frame_sequences",
                                    "stage_output_key",
                                    "stats",
                                    "config_snapshot",
                                    "config_overrides",
                                    "video_path",
                                    "profile_name",
                                    "is_scenario",
                                    "scenario_label",
                                    "id",
                                    "version",
                                    "state",
                                    "parent_id",
                                    "created_at"};
  ck_assert(MUST(sql->columns("SELECT * FROM stage_checkpoints")) == expected);
  ck_assert(MUST(sql->query("SELECT id FROM stage_checkpoints")).empty());
}
GST_END_TEST

GST_START_TEST(g14_the_view_shows_a_checkpoint_as_one_row) {
  Fixture f(__i__);
  std::unique_ptr<SqlAccess> sql = f.place->sql();
  if (!sql) return;
  f.lease = f.take_lease("detect", Branch{true, "it's \"dim\""});
  CheckpointFields fields = f.fields("detect", Branch{true, "it's \"dim\""});
  fields.stage_index = 2;
  fields.parent = Uuid::random();
  fields.stage_output_key = "out.json";
  fields.stats = R"({"faces": 3})";
  fields.config_snapshot = R"({"a": "b'c"})";
  fields.config_overrides = R"({"threshold": 0.5})";
  fields.video_path = "/data/größe.mp4";
  fields.profile_name = "night";
  f.checkpoint = MUST(f.store->create_checkpoint(f.lease, Uuid::random(), fields, f.cancel));

  NewPack plain_pack{Uuid::random(), f.frame_store.key, "street/frames/a\"b", true};
  const PackKey plain = MUST(f.store->create_pack(f.lease, f.checkpoint.key, plain_pack, f.cancel));
  CommitBatch batch = f.next_commit(7);
  const PackKey packed = batch.ready_packs[0].key;
  batch.ready_packs.push_back({plain, 0, std::nullopt});
  std::vector<PackKey> keys{packed};
  const std::string object = MUST(f.store->get_packs(keys, f.cancel))[0].object;
  auto set_plain = [&](size_t i, Codec codec, Content content) {
    batch.frames[i].payload.pack = plain;
    batch.frames[i].payload.offset = i;
    batch.frames[i].payload.codec = codec;
    batch.frames[i].payload.content = content;
  };
  set_plain(1, Codec::kNone, Content::kRaw);
  set_plain(2, Codec::kNone, Content::kJpeg);
  set_plain(3, Codec::kNone, Content::kPng);
  set_plain(4, Codec::kLz4, Content::kRaw);
  set_plain(5, Codec::kZstd, Content::kPng);
  // A frame without bytes, and numbers that a JSON number can't hold everywhere.
  FrameRow &last = batch.frames[6];
  last = FrameRow{};
  last.index = 6;
  last.sequence = kNone - 1;
  last.pts = kNone - 2;
  last.offset_end = uint64_t{1} << 63;
  last.flags = UINT32_MAX;
  batch.frames[0].sequence = 1000;
  f.commit(batch);

  const Uuid id = f.checkpoint.id;
  ck_assert(same_json(view(*sql, "frames_manifest", id), R"({"1000": ")" + object + R"(#0+100",
          "1": "street/frames/a\"b-00000001.raw", "2": "street/frames/a\"b-00000002.jpg",
          "3": "street/frames/a\"b-00000003.png", "4": "street/frames/a\"b-00000004.lz4",
          "5": "street/frames/a\"b-00000005.zst", "18446744073709551614": null})"));
  std::string meta = "[";
  for (int i = 0; i < 6; i++)
    meta += R"({"sequence": )" + std::to_string(i == 0 ? 1000 : i) + R"(, "index": )" +
            std::to_string(i) + R"(, "pts": )" + std::to_string(i * 40000000) +
            R"(, "dts": null, "duration": 40000000, "offset": null, "offset_end": null,
                "flags": 0, "caps": "video/x-raw, format=(string)RGB"},)";
  meta += R"({"sequence": "18446744073709551614", "index": 6, "pts": "18446744073709551613",
              "dts": null, "duration": null, "offset": null, "offset_end": "9223372036854775808",
              "flags": 4294967295, "caps": "video/x-raw, format=(string)RGB"}])";
  ck_assert(same_json(view(*sql, "frames_meta", id), meta));
  ck_assert(same_json(view(*sql, "filtered_frame_sequences", id),
                      R"([1000, 1, 2, 3, 4, 5, "18446744073709551614"])"));
  ck_assert(same_json(view(*sql, "stats", id), fields.stats));
  ck_assert(same_json(view(*sql, "config_snapshot", id), fields.config_snapshot));
  ck_assert(same_json(view(*sql, "config_overrides", id), fields.config_overrides));
  ck_assert(view(*sql, "job_id", id) == "street");
  ck_assert(view(*sql, "stage", id) == "detect");
  ck_assert(view(*sql, "stage_index", id) == "2");
  ck_assert(view(*sql, "frames_prefix", id) == "street/frames/");
  ck_assert(view(*sql, "stage_output_key", id) == "out.json");
  ck_assert(view(*sql, "video_path", id) == fields.video_path);
  ck_assert(view(*sql, "profile_name", id) == "night");
  ck_assert(view(*sql, "scenario_label", id) == fields.branch.label);
  const std::string scenario = view(*sql, "is_scenario", id);
  ck_assert(scenario == "1" || scenario == "t");
  ck_assert(view(*sql, "version", id) == "1");
  ck_assert(view(*sql, "state", id) == "partial");
  ck_assert(view(*sql, "parent_id", id) == fields.parent->to_string());
  ck_assert(view(*sql, "created_at", id).rfind("20", 0) == 0);
}
GST_END_TEST

GST_START_TEST(g16_the_view_of_an_empty_checkpoint) {
  Fixture f(__i__);
  std::unique_ptr<SqlAccess> sql = f.place->sql();
  if (!sql) return;
  f.lease = f.take_lease("decode");
  CheckpointFields fields = f.fields("decode");
  fields.filtered_frame_sequences = std::vector<uint64_t>{4, UINT64_MAX};
  f.checkpoint = MUST(f.store->create_checkpoint(f.lease, Uuid::random(), fields, f.cancel));
  f.complete();
  const Uuid id = f.checkpoint.id;
  ck_assert(same_json(view(*sql, "frames_manifest", id), "{}"));
  ck_assert(same_json(view(*sql, "frames_meta", id), "[]"));
  ck_assert(
      same_json(view(*sql, "filtered_frame_sequences", id), R"([4, "18446744073709551615"])"));
  ck_assert(view(*sql, "stats", id) == "NULL");
  ck_assert(view(*sql, "parent_id", id) == "NULL");
  ck_assert(view(*sql, "state", id) == "complete");
  // Without a list of the caller's it is that of all frames.
  const Uuid all = f.add_checkpoint("decode").id;
  ck_assert(same_json(view(*sql, "filtered_frame_sequences", all), "[]"));
}
GST_END_TEST

GST_START_TEST(g17_the_database_refuses_edits_of_a_complete_checkpoint) {
  Fixture f(__i__);
  std::unique_ptr<SqlAccess> sql = f.place->sql();
  if (!sql) return;
  f.add_checkpoint("decode");
  CommitBatch batch = f.next_commit(2);
  batch.events.push_back({0, 0, "tag", {}});
  DetectionRow detection;
  detection.label = "face";
  detection.source = "roi";
  batch.detections.push_back(detection);
  f.commit(batch);
  // While it is partial it may be worked on.
  MUST(sql->execute("UPDATE detection SET label = 'person' WHERE label = 'face'"));
  f.complete();
  const std::string key = std::to_string(f.checkpoint.key);
  const std::string of = " WHERE checkpoint = " + key;
  std::vector<std::string> edits{
      "UPDATE checkpoint SET stats = '{}' WHERE key = " + key,
      "UPDATE checkpoint SET state = 'partial' WHERE key = " + key,
      "UPDATE checkpoint SET state = 'deleted', frames = 0 WHERE key = " + key,
      "UPDATE checkpoint SET parent = '" + Uuid::random().to_string() + "' WHERE key = " + key,
      "DELETE FROM checkpoint WHERE key = " + key,
      "UPDATE frame SET pts = 1" + of,
      "UPDATE frame SET payload_offset = 0" + of,
      "INSERT INTO caps (checkpoint, number, caps) VALUES (" + key + ", 9, 'video/x-raw')",
      "INSERT INTO event (checkpoint, idx, ordinal, type, body) VALUES (" + key +
          ", 9, 9, 'x', '')",
      "UPDATE caps SET caps = 'audio/x-raw'" + of,
      "UPDATE event SET type = 'x'" + of,
      "UPDATE detection SET confidence = 1" + of,
      "UPDATE commits SET frames = 0" + of};
  for (const char *table : {"frame", "caps", "event", "detection", "commits", "checkpoint_pack"})
    edits.push_back(std::string("DELETE FROM ") + table + of);
  for (const std::string &edit : edits)
    ck_assert_msg(!sql->execute(edit).is_ok(), "%s was done", edit.c_str());

  ck_assert(same(f.checkpoint, MUST(f.store->get_checkpoint(f.checkpoint.id, f.cancel))));
  FramePage page;
  page.checkpoint = f.checkpoint.key;
  std::vector<FrameRow> frames = MUST(f.store->read_frames(page, f.cancel));
  ck_assert(frames.size() == 2 && same(frames[0], batch.frames[0]) &&
            same(frames[1], batch.frames[1]));
  ck_assert(MUST(f.store->read_caps(f.checkpoint.key, f.cancel)).size() == 1);
  ck_assert(MUST(f.store->read_events(f.checkpoint.key, 0, kNone, 9, f.cancel)).size() == 1);

  // Deleting is a mark, and only behind it the rows go.
  MUST(sql->execute("UPDATE checkpoint SET state = 'deleted' WHERE key = " + key));
  ck_assert(!sql->execute("UPDATE checkpoint SET state = 'complete' WHERE key = " + key).is_ok());
  ck_assert(MUST(f.store->get_checkpoint(f.checkpoint.id, f.cancel)).state ==
            CheckpointState::kDeleted);
  CheckpointQuery query;
  query.include_partial = true;
  ck_assert(MUST(f.store->list_checkpoints(query, f.cancel)).empty());
  ck_assert(MUST(sql->query("SELECT id FROM stage_checkpoints")).empty());
  MUST(sql->execute("DELETE FROM frame" + of));
}
GST_END_TEST

GST_START_TEST(detections_can_be_queried) {
  Fixture f(__i__);
  std::unique_ptr<SqlAccess> sql = f.place->sql();
  if (!sql) return;
  f.add_checkpoint("detect");
  CommitBatch batch = f.next_commit(2);
  DetectionRow row;
  row.index = 1;
  row.label = "person";
  row.confidence = 0.75;
  row.x = -5;
  row.y = INT64_MAX;
  row.width = 3;
  row.height = 4;
  row.track = 42;
  row.source = "roi";
  batch.detections.push_back(row);
  row.ordinal = 1;
  row.confidence.reset();
  row.track.reset();
  batch.detections.push_back(row);
  // A projection is never a reason to fail.
  row.ordinal = 2;
  row.confidence = std::numeric_limits<double>::quiet_NaN();
  row.label = std::string("a\0b\xff'", 5);
  batch.detections.push_back(row);
  f.commit(batch);
  auto rows =
      MUST(sql->query("SELECT idx, ordinal, x, y, width, height, track, source FROM detection "
                      "WHERE label = 'person' AND confidence > 0.5"));
  ck_assert(rows == (std::vector<std::vector<std::string>>{
                        {"1", "0", "-5", "9223372036854775807", "3", "4", "42", "roi"}}));
  rows = MUST(sql->query("SELECT label FROM detection WHERE ordinal = 2"));
  ck_assert(rows[0][0] ==
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd'");
  rows = MUST(sql->query("SELECT confidence, track FROM detection WHERE ordinal = 1"));
  ck_assert(rows[0][0] == "NULL" && rows[0][1] == "NULL");
}
GST_END_TEST

// A reader that died leaves its pin behind; the next reader takes it away.
GST_START_TEST(pins_that_ended_do_not_pile_up) {
  Fixture f(__i__);
  std::unique_ptr<SqlAccess> sql = f.place->sql();
  if (!sql) return;
  f.add_checkpoint("decode");
  f.commit(f.next_commit(1));
  for (int i = 0; i < 3; i++) {
    const Uuid pin = Uuid::random();
    MUST(f.store->pin_for_reading(pin, {&f.checkpoint.key, 1}, kMinute, f.cancel));
    ck_assert(MUST(sql->query("SELECT count(*) FROM reader_pin"))[0][0] == "1");
    MUST(f.store->renew_reader_pin(pin, std::chrono::milliseconds(0), f.cancel));
  }
}
GST_END_TEST

void checkpoint::conformance::add_sql_tests(TCase *tc, int stores) {
  tcase_add_loop_test(tc, g14_the_view_has_the_columns_of_old, 0, stores);
  tcase_add_loop_test(tc, g14_the_view_shows_a_checkpoint_as_one_row, 0, stores);
  tcase_add_loop_test(tc, g16_the_view_of_an_empty_checkpoint, 0, stores);
  tcase_add_loop_test(tc, g17_the_database_refuses_edits_of_a_complete_checkpoint, 0, stores);
  tcase_add_loop_test(tc, detections_can_be_queried, 0, stores);
  tcase_add_loop_test(tc, pins_that_ended_do_not_pile_up, 0, stores);
}
