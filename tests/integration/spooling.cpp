// SPDX-License-Identifier: LGPL-2.1-or-later
// A sink with a spool, as a user runs it, while the frame store is away.
#include <filesystem>
#include <string>

#include "support/check.h"
#include "support/durable_place.h"
#include "support/home.h"
#include "support/launch.h"
#include "support/wires.h"

using namespace checkpoint;

namespace {

// A home in which something is stored, and whose frame store can be away.
class SpoolPlace : public DurablePlace {
 public:
  explicit SpoolPlace(const SmallFilm &film) : DurablePlace(film) {
    Launch first(SmallFilm::line() + sink(), options());
    ck_assert_msg(first.wait() == 0, "%s", first.tail().c_str());
  }
  std::string spooling() const { return SmallFilm::line() + sink() + "spool=" + file("spool"); }
  // With it a run may find the store away.
  Launch::Options options() const { return {.environment = wires_.environment()}; }
  void set_away(bool away) { wires_.cut_frames(away); }
  std::string of_version(uint64_t version, const std::string &column) const {
    return value("SELECT " + column +
                 " FROM checkpoint WHERE version = " + std::to_string(version));
  }
  void must_have_empty_spool() const {
    for (const auto &found : std::filesystem::directory_iterator(file("spool")))
      ck_assert_msg(!found.is_directory(), "%s", found.path().c_str());
  }

 private:
  Wires wires_{*this};
};

}  // namespace

GST_START_TEST(g01_what_was_spooled_survives_a_kill) {
  SmallFilm film;
  for (const bool resume : {false, true}) {
    for (const unsigned commits : {1, 4, 20}) {
      SpoolPlace place(film);
      // A version of its own, so that resume has something to go on with.
      const std::string again = resume ? " resume=true" : "";
      place.set_away(true);
      uint64_t spooled = 0;
      {
        Launch launch(place.spooling(), place.options());
        for (unsigned n = 0; n < commits; n++) {
          const auto line = launch.wait_for("gst-checkpoint-spooled");
          ck_assert_msg(line.has_value(), "%s", launch.tail().c_str());
          spooled = *printed_number(*line, "frames");
        }
        launch.kill();
        launch.wait();
        ck_assert(launch.output().find("gst-checkpoint-commit") == std::string::npos);
      }
      ck_assert_uint_ge(spooled, 1);
      ck_assert_uint_eq(place.last_version(), 1);
      place.set_away(false);
      Launch launch(place.spooling() + again, place.options());
      ck_assert_msg(launch.wait() == 0 && launch.errors().empty() && launch.warnings().empty(),
                    "%s", launch.tail().c_str());
      ck_assert_uint_eq(place.last_version(), resume ? 2 : 3);
      EQUAL(place.of_version(place.last_version(), "state"), "complete");
      if (!resume) {
        EQUAL(place.of_version(2, "state"), "partial");
        ck_assert_uint_ge(place.number("SELECT frames FROM checkpoint WHERE version = 2"), spooled);
      }
      place.must_load();
      place.must_be_consistent();
      place.must_have_empty_spool();
    }
  }
}
GST_END_TEST

GST_START_TEST(a_line_ends_while_the_store_is_away_and_says_what_it_left) {
  SmallFilm film;
  SpoolPlace place(film);
  place.set_away(true);
  Launch launch(place.spooling() + " commit-timeout=1500", place.options());
  ck_assert_msg(launch.wait() == 0 && launch.errors().empty(), "%s", launch.tail().c_str());
  const auto warnings = launch.warnings();
  const std::string left = std::to_string(SmallFilm::kFrames) + " frames of stage 's'";
  ck_assert_msg(!warnings.empty() && warnings.back().find(left) != std::string::npos, "%s",
                launch.tail().c_str());
  ck_assert(launch.output().find("gst-checkpoint-commit") == std::string::npos);
  place.set_away(false);
  Launch next(place.spooling(), place.options());
  ck_assert_msg(next.wait() == 0 && next.errors().empty() && next.warnings().empty(), "%s",
                next.tail().c_str());
  ck_assert_uint_eq(place.last_version(), 3);
  EQUAL(place.of_version(2, "state"), "complete");
  EQUAL(place.of_version(3, "state"), "complete");
  // What came later was stored already.
  EQUAL(place.of_version(3, "bytes_new"), "0");
  place.must_load();
  place.must_be_consistent();
  place.must_have_empty_spool();
}
GST_END_TEST

static Suite *spooling_suite() {
  Suite *suite = suite_create("spooling");
  TCase *tc = tcase_create("spooling");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g01_what_was_spooled_survives_a_kill);
  tcase_add_test(tc, a_line_ends_while_the_store_is_away_and_says_what_it_left);
  return suite;
}
CHECKPOINT_CHECK_MAIN(spooling);
