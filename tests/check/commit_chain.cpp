// SPDX-License-Identifier: LGPL-2.1-or-later
// Which of the commits that packs tell of were made: what a repair builds on.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/repair_scan.h"
#include "support/check.h"

using namespace checkpoint;

namespace {

struct Put {
  uint64_t number, epoch, first, frames;
  std::optional<uint32_t> caps = {};
  std::optional<std::pair<uint64_t, uint32_t>> event = {};
};

// "numbers: frames, lost" of what counts.
std::string chain(const std::vector<Put> &puts, bool last_is_complete = true) {
  std::vector<FoundCommit> commits;
  for (const Put &put : puts)
    commits.push_back({Uuid::random(), put.number, put.epoch, 0, put.first, put.frames, false,
                       put.caps, put.event});
  commits.back().complete = last_is_complete;
  const CommitChain found = chain_of(commits);
  std::string text;
  for (const FoundCommit &commit : found.commits)
    text += std::to_string(commit.commit_no) + "@" + std::to_string(commit.epoch) + " ";
  return text + "= " + std::to_string(found.frames) + " -" + std::to_string(found.frames_lost) +
         (found.complete ? " complete" : "");
}

}  // namespace

GST_START_TEST(g12_commits_that_follow_count) {
  EQUAL(chain({{1, 1, 0, 5}, {2, 1, 5, 5}}), "1@1 2@1 = 10 -0 complete");
  EQUAL(chain({{1, 1, 0, 5}, {2, 1, 5, 5}}, false), "1@1 2@1 = 10 -0");
  // Run 2 ended as partial, which took a number and left no pack.
  EQUAL(chain({{1, 1, 0, 5}, {3, 3, 5, 5}}), "1@1 3@3 = 10 -0 complete");
}
GST_END_TEST

GST_START_TEST(g12_what_is_lost_within_is_counted) {
  EQUAL(chain({{1, 1, 0, 5}, {3, 1, 10, 5}}), "1@1 = 5 -10");
  EQUAL(chain({{2, 1, 5, 5}}), "= 0 -10");
}
GST_END_TEST

GST_START_TEST(g12_what_was_put_and_never_committed_does_not_count) {
  // Its number was used again.
  EQUAL(chain({{1, 1, 0, 5}, {2, 1, 5, 7}, {2, 2, 5, 5}}), "1@1 2@2 = 10 -0 complete");
  // Its number was used by the end of a run that left no pack.
  EQUAL(chain({{1, 1, 0, 5}, {2, 1, 5, 7}, {3, 3, 5, 5}}), "1@1 3@3 = 10 -0 complete");
  EQUAL(chain({{1, 1, 0, 5}, {2, 1, 5, 7}, {3, 3, 5, 5}}, false), "1@1 3@3 = 10 -0");
  // Several of them, and one that came late.
  EQUAL(chain({{1, 1, 0, 5}, {2, 1, 5, 5}, {3, 1, 10, 5}, {3, 2, 5, 1}, {4, 1, 15, 5}}),
        "1@1 3@2 = 6 -0");
  EQUAL(chain({{1, 1, 0, 5}, {2, 1, 5, 5}, {3, 2, 0, 9}}), "3@2 = 9 -0 complete");
}
GST_END_TEST

GST_START_TEST(g12_events_that_were_put_and_never_committed_do_not_count) {
  const std::pair<uint64_t, uint32_t> event{5, 0}, next{5, 1};
  EQUAL(chain({{1, 1, 0, 5}, {2, 1, 5, 0, {}, event}, {3, 3, 5, 5, {}, event}}),
        "1@1 3@3 = 10 -0 complete");
  EQUAL(chain({{1, 1, 0, 5, 0}, {2, 1, 5, 0, 1}, {3, 3, 5, 5, 1}}), "1@1 3@3 = 10 -0 complete");
  // Those were: the next ones follow them.
  EQUAL(chain({{1, 1, 0, 5, 0}, {2, 1, 5, 0, 1, event}, {3, 3, 5, 5, 2, next}}),
        "1@1 2@1 3@3 = 10 -0 complete");
}
GST_END_TEST

static Suite *commit_chain_suite() {
  Suite *suite = suite_create("commit_chain");
  TCase *tc = tcase_create("chain");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g12_commits_that_follow_count);
  tcase_add_test(tc, g12_what_is_lost_within_is_counted);
  tcase_add_test(tc, g12_what_was_put_and_never_committed_does_not_count);
  tcase_add_test(tc, g12_events_that_were_put_and_never_committed_do_not_count);
  return suite;
}
GST_CHECK_MAIN(commit_chain);
