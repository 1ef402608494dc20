// SPDX-License-Identifier: LGPL-2.1-or-later
// Random jobs of users and of collectors, against a model of which frames each checkpoint has, on
// every pair of stores. GST_CHECKPOINT_TEST_SEED repeats a run, GST_CHECKPOINT_TEST_STEPS makes it
// longer.
#include <random>

#include "core/catalog.h"
#include "core/repack.h"
#include "core/verify.h"
#include "support/housekeeping_place.h"

using namespace checkpoint;

namespace {

uint64_t number_from(const char *variable, uint64_t otherwise) {
  const char *given = g_getenv(variable);
  return given ? g_ascii_strtoull(given, nullptr, 10) : otherwise;
}

struct Known {
  CheckpointRow row;
  uint64_t first, end;  // frames of the job
  bool partial;
  bool pinned = false;
};

class Model {
 public:
  explicit Model(uint64_t seed) : random_(static_cast<std::mt19937::result_type>(seed)) {}

  void step() {
    const bool full = known_.size() >= 40;  // they fit in one page of a list
    const size_t what = full ? 4 + pick(3) : pick(12);
    if (what < 4 || known_.empty())
      store();
    else if (what < 6)
      remove();
    else if (what == 6)
      toggle_pin();
    else if (what == 7)
      collect_and_die();
    else if (what == 8)
      damage();
    else if (what == 9)
      repack_packs();
    else
      collect_all();
  }

  // All that is known is there, as it was stored, and nothing else is.
  void check() {
    ck_assert_int_eq(place_.list(true).size(), known_.size());
    for (const Known &known : known_) check_frames(known);
    check_newest();
  }

  uint64_t damaged_frames() const { return damaged_frames_; }

 private:
  size_t pick(size_t n) { return static_cast<size_t>(random_() % n); }
  Known &any() { return known_[pick(known_.size())]; }

  void store() {
    const uint64_t first = pick(16), end = first + 1 + pick(9);
    place_.branch = pick(3) == 0 ? Branch{true, pick(2) ? "what if" : "else"} : Branch{};
    const bool partial = pick(4) == 0;
    std::optional<Uuid> parent;
    if (!known_.empty()) parent = any().row.id;
    const std::string stage = "stage" + std::to_string(pick(3));
    const CheckpointRow row =
        place_.store(stage, first, end, pick(4) == 0, parent, partial ? "stopped" : "");
    ck_assert(row.fields.branch == place_.branch);
    known_.push_back({row, first, end, partial});
  }

  void remove() {
    const size_t victim = pick(known_.size());
    MetadataStore &metadata = *place_.stores->metadata;
    const CheckpointRow row = known_[victim].row;
    if (known_[victim].pinned) {
      ck_assert(!metadata.delete_checkpoint(row.id, place_.cancel).is_ok());
      return;
    }
    // Sometimes only marked: the collection does the rest.
    if (pick(2) == 0)
      place_.remove(row);
    else
      ck_assert(metadata.delete_checkpoint(row.id, place_.cancel).is_ok());
    known_.erase(known_.begin() + static_cast<ptrdiff_t>(victim));
  }

  void toggle_pin() {
    Known &known = any();
    known.pinned = !known.pinned;
    MetadataStore &metadata = *place_.stores->metadata;
    ck_assert((known.pinned ? metadata.pin_checkpoint(known.row.id, place_.cancel)
                            : metadata.unpin_checkpoint(known.row.id, place_.cancel))
                  .is_ok());
  }

  void collect_and_die() {
    const char *const calls[] = {"purge_checkpoint", "condemn_packs", "confirm_condemned",
                                 "mark_deleted"};
    const char *call = calls[pick(4)];
    place_.metadata->fail_next(call, Status(Code::kUnavailable, "died"));
    CollectResult result;
    static_cast<void>(collect(*place_.stores, no_grace(), {}, result, place_.cancel));
    place_.metadata->before(call, {});
  }

  void collect_all() {
    place_.run();
    ck_assert(nothing_done(place_.run()));
  }

  void repack_packs() {
    RepackResult result;
    const Status status = repack(*place_.stores, {}, {}, result, place_.cancel);
    ck_assert_msg(status.is_ok(), "%s", status.to_string().c_str());
    // Nothing but damage keeps a pack from being moved.
    ck_assert(result.packs_skipped <= damaged_.size());
  }

  std::pair<std::string, uint64_t> place_of(const FrameRow &row) {
    auto packs = place_.stores->metadata->get_packs({&row.payload.pack, 1}, place_.cancel);
    ck_assert(packs.is_ok());
    const PackRow &pack = packs->front();
    if (pack.plain) return {plain_object_name(pack.object, row.payload), 0};
    return {pack.object, row.payload.offset};
  }

  void damage() {
    if (damaged_.size() >= 4) return;
    const std::vector<FrameRow> rows = place_.rows(any().row);
    if (rows.empty()) return;
    const auto at = place_of(rows[pick(rows.size())]);
    if (!damaged_.insert(at).second) return;
    place_.frames->flip_byte(at.first, at.second + 7);
  }

  // Each frame is right, or damaged and said to be.
  void check_frames(const Known &known) {
    const std::vector<FrameRow> rows = place_.rows(known.row);
    ck_assert_int_eq(rows.size(), known.end - known.first);
    CheckpointReader reader(place_.stores, known.row, {});
    uint64_t damaged = 0;
    for (const FrameRow &row : rows) {
      auto item = reader.next(place_.cancel);
      if (damaged_.count(place_of(row)) > 0) {
        ck_assert(item.status().is(Code::kCorrupt));
        ck_assert(reader.failed() && reader.failed()->row.index == row.index);
        reader.seek({row.index + 1});
        damaged++;
        continue;
      }
      ck_assert_msg(item.is_ok(), "%s", item.status().to_string().c_str());
      auto *frame = std::get_if<ReplayFrame>(&*item);
      ck_assert(frame && frame->row.index == row.index);
      ck_assert(as_text(frame->chunk->view().subspan(frame->offset, frame->size)) ==
                frame_bytes(known.first + row.index));
    }
    damaged_frames_ += damaged;
    VerifyOptions options;
    options.data = true;
    Verifier verifier(
        place_.stores, options, [](const VerifyFinding &) {}, [](uint64_t) {});
    ck_assert(verifier.check(known.row, place_.cancel).is_ok());
    ck_assert_int_eq(verifier.broken_frames(), damaged);
  }

  // The newest complete version of each branch and stage, and never another branch's.
  void check_newest() {
    for (const Branch &branch : {Branch{}, Branch{true, "what if"}, Branch{true, "else"}})
      for (const char *stage : {"stage0", "stage1", "stage2"}) {
        CheckpointSelector selector;
        selector.job_id = "street";
        selector.stage = stage;
        selector.branch = branch;
        const auto found = find_checkpoint(*place_.stores->metadata, selector, place_.cancel);
        const Known *newest = nullptr;
        for (const Known &known : known_)
          if (!known.partial && known.row.fields.branch == branch &&
              known.row.fields.stage == stage &&
              (!newest || newest->row.version < known.row.version))
            newest = &known;
        ck_assert(found.is_ok() == (newest != nullptr));
        ck_assert(newest ? found->id == newest->row.id : found.status().is(Code::kNotFound));
      }
  }

  Housekeeping place_;
  std::mt19937 random_;
  std::vector<Known> known_;
  std::set<std::pair<std::string, uint64_t>> damaged_;  // objects, and payloads in them
  uint64_t damaged_frames_ = 0;                         // that were seen
};

}  // namespace

GST_START_TEST(g29_random_operations_keep_what_the_model_knows) {
  const uint64_t seed = number_from("GST_CHECKPOINT_TEST_SEED", g_random_int());
  const uint64_t steps = number_from("GST_CHECKPOINT_TEST_STEPS", 120);
  g_print("GST_CHECKPOINT_TEST_SEED=%" G_GUINT64_FORMAT "\n", seed);
  Model model(seed);
  for (uint64_t step = 1; step <= steps; step++) {
    model.step();
    if (step % 15 == 0) model.check();
  }
  model.check();
  g_print("%" G_GUINT64_FORMAT " damaged frames were seen\n", model.damaged_frames());
}
GST_END_TEST

static Suite *housekeeping_model_suite() {
  Suite *suite = suite_create("housekeeping_model");
  TCase *tc = tcase_create("housekeeping_model");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g29_random_operations_keep_what_the_model_knows);
  return suite;
}
CHECKPOINT_CHECK_MAIN(housekeeping_model);
