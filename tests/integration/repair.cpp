// SPDX-License-Identifier: LGPL-2.1-or-later
// Metadata that are lost come back from the frame store alone, on every pair of stores.
#include <map>
#include <sstream>

#include "core/collector.h"
#include "core/reader.h"
#include "core/repack.h"
#include "core/repair.h"
#include "core/retention.h"
#include "support/check.h"
#include "support/home.h"
#include "support/tool.h"
#include "support/writer_place.h"

using namespace checkpoint;

namespace {

// Names the first line that differs; all of it would be too long a message.
void same_lines(const std::string &a, const std::string &b) {
  std::istringstream first(a), second(b);
  for (std::string one, other; std::getline(first, one) && std::getline(second, other);)
    EQUAL(one.substr(0, 500), other.substr(0, 500));
  ck_assert(a == b);
}

template <typename T>
T must(Result<T> result) {
  ck_assert_msg(result.is_ok(), "%s", result.status().to_string().c_str());
  return std::move(result).value();
}

// All that a user can see of a checkpoint, as text.
class Dump {
 public:
  Dump(std::shared_ptr<Stores> stores, const CheckpointRow &row)
      : stores_(std::move(stores)), row_(row) {
    const CheckpointFields &f = row.fields;
    add(row.id.to_string(), f.job_id, f.stage, f.stage_index, f.branch.is_scenario, f.branch.label);
    add(f.parent ? f.parent->to_string() : "none", f.frames_prefix, f.stage_output_key);
    add(f.config_snapshot, f.config_overrides, f.config_declared, f.video_path, f.profile_name);
    for (uint64_t sequence : f.filtered_frame_sequences.value_or(std::vector<uint64_t>{}))
      add(sequence);
    add(row.version, static_cast<int>(row.state), row.frames, row.created_at);
    add(row.bytes_new, row.bytes_reused, row.first_time, row.end_time);
    // What ends a run as partial leaves no record.
    if (row.state == CheckpointState::kComplete) add(row.commit_no, f.stats);
    add_rows();
    add_replay();
  }
  const std::string &text() const { return text_; }

 private:
  template <typename... T>
  void add(const T &...values) {
    (add_one(values), ...);
    text_ += "\n";
  }
  void add_one(const std::string &text) { text_ += text + "|"; }
  void add_one(const char *text) { text_ += std::string(text) + "|"; }
  template <typename T>
  void add_one(T number) requires(std::is_arithmetic_v<T>) {
    text_ += std::to_string(number) + "|";
  }
  void add_rows() {
    for (const CapsRow &caps : must(stores_->metadata->read_caps(row_.key, cancel_)))
      add("caps", caps.number, caps.caps);
    for (const FrameRow &f :
         must(stores_->metadata->read_frames({row_.key, 0, false, 1000}, cancel_))) {
      add("frame", f.index, f.sequence, f.has_metas, f.pts, f.dts, f.duration, f.stream_time);
      add(f.offset, f.offset_end, f.flags, f.caps, pack(f.record.pack), f.record.offset,
          f.record.length);
      const PayloadRef &p = f.payload;
      add(pack(p.pack), p.offset, p.length, p.raw_length, p.checksum, static_cast<int>(p.codec),
          static_cast<int>(p.content));
    }
    for (const EventRow &e :
         must(stores_->metadata->read_events(row_.key, 0, kNone, 1000, cancel_)))
      add("event", e.index, e.ordinal, e.type, std::string(as_text(e.body)));
    for (const DetectionRow &d : must(stores_->metadata->read_detections({row_.key}, cancel_)))
      add("detection", d.index, d.ordinal, d.label, d.confidence.value_or(-1), d.x, d.y, d.width,
          d.height, d.track.value_or(-1), d.source);
  }
  std::string pack(PackKey key) {
    if (key == 0) return "none";
    const PackRow row = must(stores_->metadata->get_packs({&key, 1}, cancel_)).front();
    return row.uuid.to_string() + row.object + std::to_string(row.size) +
           std::to_string(row.plain) + std::to_string(static_cast<int>(row.state));
  }
  void add_replay() {
    CheckpointReader reader(stores_, row_, {});
    for (;;) {
      auto item = reader.next(cancel_);
      if (!item.is_ok()) {
        add(item.status().to_string());
        return;
      }
      if (std::holds_alternative<ReplayEnd>(*item)) return;
      const auto *frame = std::get_if<ReplayFrame>(&*item);
      if (!frame) continue;
      for (const MetaBlob &meta : frame->metas) add(meta.type, std::string(as_text(meta.body)));
      if (frame->chunk)
        add(std::string(as_text(frame->chunk->view().subspan(frame->offset, frame->size))));
    }
  }

  std::shared_ptr<Stores> stores_;
  const CheckpointRow row_;
  Cancellation cancel_;
  std::string text_;
};

struct Lost : Home {
  Lost() : place(std::make_unique<Place>(frame_store(), metadata_store())) {}

  CheckpointRow store(const std::string &stage, uint64_t first, uint64_t end,
                      const CheckpointFields &given = {}, const std::string &partial = "",
                      uint64_t pack_size = small_packs().pack_size, bool resume = false,
                      uint64_t step = 1) {
    WriterOptions options = small_packs();
    options.pack_size = pack_size;
    options.codec = Codec::kNone;  // so that three frames fill a pack
    options.workers = 1;           // so that neighbours lie in one pack
    CheckpointWriter writer(place->opener(), options, std::make_shared<News>());
    CheckpointFields wanted = given;
    wanted.job_id = "street";
    wanted.stage = stage;
    ck_assert(writer.set_caps("video/x-raw").is_ok());
    ck_assert(writer.begin(wanted, false, resume).is_ok());
    for (uint64_t i = first; i < end; i += step)
      ck_assert(push_noted(writer, i, frame_bytes(i)).is_ok());
    Status status = writer.finish(
        partial.empty() ? std::nullopt : std::optional<std::string>(partial), kPatience);
    ck_assert_msg(status.is_ok(), "%s", status.to_string().c_str());
    return must(place->stores->metadata->get_checkpoint(*writer.checkpoint_id(), cancel));
  }

  std::map<Uuid, std::string> dump() {
    std::map<Uuid, std::string> texts;
    for (const CheckpointRow &row : place->list(true))
      texts[row.id] = Dump(place->stores, row).text();
    return texts;
  }
  std::vector<Uuid> order() {
    std::vector<Uuid> ids;
    for (const CheckpointRow &row : place->list(true)) ids.push_back(row.id);
    return ids;
  }
  // Deletes it, and frees what nobody needs, also by repacking.
  void clean_up(const Uuid &id) {
    DeletionResult deleted;
    Stores &stores = *place->stores;
    const CheckpointRow row = must(stores.metadata->get_checkpoint(id, cancel));
    ck_assert(delete_checkpoints(*stores.metadata, {&row, 1}, {}, deleted, cancel).is_ok());
    CollectOptions at_once;
    at_once.grace = std::chrono::milliseconds(0);
    CollectResult collected;
    RepackResult repacked;
    ck_assert(collect(stores, at_once, {}, collected, cancel).is_ok());
    ck_assert(repack(stores, {}, {}, repacked, cancel).is_ok());
    ck_assert_int_eq(repacked.packs_made, 1);
    ck_assert(collect(stores, at_once, {}, collected, cancel).is_ok());
  }
  void lose_metadata() {
    place.reset();
    drop_metadata();
  }
  std::set<std::string> objects() {
    std::set<std::string> names;
    const auto add = [&](const ObjectInfo &object) { return names.insert(object.name).second; };
    ck_assert(place->stores->frames->list("", add, cancel).is_ok());
    return names;
  }
  // As a database is that was put back: of what is stored since, it knows nothing.
  void go_back_to(const std::set<std::string> &then) {
    std::set<std::string> since;
    for (const std::string &name : objects())
      if (then.count(name) == 0) since.insert(name);
    place->frames->hide_in_listings(since);
    const std::shared_ptr<FaultyFrameStore> frames = place->frames;
    lose_metadata();
    const auto metadata = must(StoreRegistry::instance().make_metadata_store(metadata_store()));
    RepairResult result;
    const Status status = repair(*frames, metadata.get(), {}, result, cancel);
    ck_assert_msg(status.is_ok(), "%s", status.to_string().c_str());
    ck_assert(result.lossless());
    open();
  }
  void open() { place = std::make_unique<Place>(frame_store(), metadata_store()); }

  Cancellation cancel;
  std::unique_ptr<Place> place;
};

}  // namespace

GST_START_TEST(g12_lost_metadata_come_back_from_the_frame_store_alone) {
  Lost lost;
  const CheckpointRow decode = lost.store("decode", 0, 10);
  CheckpointFields child;
  child.parent = decode.id;
  const CheckpointRow reused = lost.store("detect", 0, 10, child);
  ck_assert(reused.bytes_new == 0 && reused.bytes_reused > 0);
  child.branch = {true, "dim"};
  lost.store("detect", 2, 8, child);
  lost.store("decode", 0, 3);
  const CheckpointRow partial = lost.store("track", 20, 27, {}, "it stopped");
  lost.store("plain", 30, 37, {}, "", 0);
  lost.store("empty", 0, 0);
  const auto before = lost.dump();
  const auto order = lost.order();
  ck_assert_int_eq(before.size(), 7);
  lost.lose_metadata();

  JsonTree dry = tool_json(0, {"repair", "--dry-run"});
  ck_assert(!lost.has_rows());
  JsonTree done = tool_json(0, {"repair", "--yes"});
  for (const char *count : {"packs", "complete", "partial", "frames"})
    EQUAL(at(done, count), at(dry, count));
  EQUAL(at(done, "complete"), "6");
  EQUAL(at(done, "partial"), "1");
  EQUAL(at(done, "lossless"), "true");
  lost.open();
  ck_assert(lost.order() == order);
  const auto after = lost.dump();
  for (const auto &[id, text] : before) {
    ck_assert(after.count(id) == 1);
    same_lines(after.at(id), text);
  }
  ck_assert_int_eq(after.size(), before.size());
  tool_json(0, {"verify", "--data"});

  // What comes next goes on where the lost store was, and reuses what is there.
  const CheckpointRow next = lost.store("decode", 0, 10);
  ck_assert(next.version == 3 && next.bytes_new == 0);
  const CheckpointRow resumed = lost.store("track", 20, 30, {}, "", small_packs().pack_size, true);
  ck_assert(resumed.id == partial.id && resumed.frames == 10);
  ck_assert(resumed.state == CheckpointState::kComplete);
  // Not into what is there already.
  tool_says(1, {"repair", "--yes"});
  // The run that stopped took a number without a record.
  const auto with_resumed = lost.dump();
  lost.lose_metadata();
  tool_json(0, {"repair", "--yes"});
  lost.open();
  same_lines(lost.dump().at(partial.id), with_resumed.at(partial.id));
}
GST_END_TEST

// The records of frames that moved still name a pack that is gone.
GST_START_TEST(g12_what_was_repacked_comes_back) {
  Lost lost;
  const uint64_t size = small_packs().pack_size;
  const CheckpointRow decode = lost.store("decode", 0, 36);
  CheckpointFields child;
  child.parent = decode.id;
  const CheckpointRow detect = lost.store("detect", 0, 36, child, "", size, false, 6);
  ck_assert_int_eq(detect.bytes_new, 0);
  lost.clean_up(decode.id);
  child.parent = detect.id;
  const CheckpointRow track = lost.store("track", 0, 1, child);
  ck_assert_int_eq(track.bytes_new, 0);
  // Twice: the second one moves what the first one had moved.
  for (const bool twice : {false, true}) {
    if (twice) lost.clean_up(detect.id);
    const auto before = lost.dump();
    ck_assert_int_eq(before.size(), twice ? 1 : 2);
    lost.lose_metadata();
    JsonTree done = tool_json(0, {"repair", "--yes"});
    EQUAL(at(done, "lossless"), "true");
    lost.open();
    const auto after = lost.dump();
    ck_assert_int_eq(after.size(), before.size());
    for (const auto &[id, text] : before) same_lines(after.at(id), text);
    tool_json(0, {"verify", "--data"});
  }
}
GST_END_TEST

GST_START_TEST(g12_what_got_one_name_twice_comes_back_under_two) {
  for (const bool other_job : {false, true}) {
    Lost lost;
    if (!other_job) lost.store("decode", 0, 3);
    const std::set<std::string> backup = lost.objects();
    const CheckpointRow first = lost.store("decode", 0, 10);
    lost.go_back_to(backup);
    const CheckpointRow second = lost.store("decode", 3, 9);
    ck_assert(first.version == second.version && first.id != second.id);
    CheckpointFields child;
    child.parent = second.id;
    lost.store("detect", 3, 9, child);
    const CheckpointRow third = lost.store("decode", 0, 4);
    ck_assert_int_eq(third.version, second.version + 1);
    lost.lose_metadata();

    JsonTree dry = tool_json(0, {"repair", "--dry-run"});
    JsonTree done = tool_json(0, {"repair", "--yes"});
    for (const char *count : {"packs", "complete", "partial", "frames", "renamed", "lossless"})
      EQUAL(at(done, count), at(dry, count));
    // Of the other job all that there is: what came before it keeps its name.
    EQUAL(at(done, "renamed"), other_job ? "3" : "1");
    EQUAL(at(done, "complete"), other_job ? "4" : "5");
    tool_json(0, {"verify", "--data"});
    const auto shown = [](const CheckpointRow &row) {
      return tool_json(0, {"show", row.id.to_string()});
    };
    EQUAL(at(shown(first), "frames"), "10");
    EQUAL(at(shown(first), "job_id"), "street");
    EQUAL(at(shown(first), "version"), std::to_string(first.version));
    EQUAL(at(shown(second), "frames"), "6");
    EQUAL(at(shown(second), "version"), std::to_string(second.version + (other_job ? 0 : 2)));
    ck_assert((at(shown(second), "job_id") == "street") == !other_job);
    EQUAL(at(shown(third), "version"), std::to_string(third.version));
  }
}
GST_END_TEST

GST_START_TEST(g12_what_is_lost_with_a_pack_is_counted) {
  Lost lost;
  const CheckpointRow decode = lost.store("decode", 0, 10);
  CheckpointFields child;
  child.parent = decode.id;
  const CheckpointRow reused = lost.store("detect", 0, 10, child);
  const auto rows = lost.place->rows(decode);
  // Of the first commit; payloads of other commits may lie in it, too.
  const PackKey first = rows[0].record.pack;
  ck_assert(rows.back().record.pack != first);
  uint64_t in_it = 0;
  for (const FrameRow &row : rows) in_it += row.payload.pack == first;
  const PackRow pack =
      must(lost.place->stores->metadata->get_packs({&first, 1}, lost.cancel)).front();
  ck_assert(lost.place->stores->frames->remove(pack.object, lost.cancel).is_ok());
  lost.lose_metadata();

  for (const char *how : {"--dry-run", "--yes"}) {
    JsonTree done = tool_json(3, {"repair", how});
    EQUAL(at(done, "packs_missing"), "1");
    EQUAL(at(done, "packs_unreadable"), "0");
    EQUAL(at(done, "frames_lost"), "10");
    EQUAL(at(done, "frames_without_payload"), std::to_string(in_it));
    EQUAL(at(done, "complete"), "1");
    EQUAL(at(done, "partial"), "1");
    EQUAL(at(done, "frames"), "10");
  }
  lost.open();
  ck_assert_int_eq(lost.place->rows(reused).size(), 10);
  JsonTree broken = tool_json(3, {"verify", reused.id.to_string()});
  EQUAL(at(broken, "[0].code"), "missing");
  EQUAL(at(broken, "[" + std::to_string(in_it - 1) + "].code"), "missing");
  EQUAL(at(broken, "[" + std::to_string(in_it) + "]"), "(none)");
  tool_json(0, {"verify", decode.id.to_string(), "--data"});
}
GST_END_TEST

static Suite *repair_suite() {
  Suite *suite = suite_create("repair");
  TCase *tc = tcase_create("repair");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g12_lost_metadata_come_back_from_the_frame_store_alone);
  tcase_add_test(tc, g12_what_was_repacked_comes_back);
  tcase_add_test(tc, g12_what_got_one_name_twice_comes_back_under_two);
  tcase_add_test(tc, g12_what_is_lost_with_a_pack_is_counted);
  return suite;
}
CHECKPOINT_CHECK_MAIN(repair);
