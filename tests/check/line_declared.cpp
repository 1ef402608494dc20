// SPDX-License-Identifier: LGPL-2.1-or-later
// What a line declares of its stages, and what it can't tell of them.
#include <string>

#include "elements/checkpointsink.h"
#include "elements/checkpointtap.h"
#include "elements/line_stages.h"
#include "support/check.h"
#include "support/temp_dir.h"

using namespace checkpoint;

namespace {

constexpr const char *kSource = "videotestsrc ! video/x-raw,width=64,height=48 ! ";
constexpr const char *kEnd = " ! checkpointtap stage=s ! fakesink";

void register_elements() {
  GST_ELEMENT_REGISTER(checkpointsink, nullptr);
  GST_ELEMENT_REGISTER(checkpointtap, nullptr);
}

LineStages stages_of(const std::string &text) {
  auto line = LaunchLine::parse({text});
  ck_assert_msg(line.is_ok(), "%s", line.status().to_string().c_str());
  auto stages = LineStages::make(std::move(*line), {});
  ck_assert_msg(stages.is_ok(), "%s: %s", text.c_str(), stages.status().to_string().c_str());
  return std::move(*stages);
}

std::string declared(const std::string &text) {
  const LineStages stages = stages_of(text);
  return stages.declared(stages.line().stages()[0], {});
}

}  // namespace

GST_START_TEST(what_is_set_on_pads_counts) {
  const auto line = [](const std::string &pad) {
    return kSource + ("compositor name=c " + pad) + kEnd;
  };
  ck_assert(declared(line("sink_0::xpos=5")).find("\"sink_0::xpos\":5") != std::string::npos);
  ck_assert(declared(line("sink_0::xpos=5")) != declared(line("sink_0::xpos=50")));
  ck_assert(declared(line("sink_0::xpos=0")) == declared(line("")));
}
GST_END_TEST

GST_START_TEST(pads_that_can_not_be_compared_are_named) {
  const std::string film = "filesrc location=x.mkv ! ";
  ck_assert(stages_of(kSource + std::string("compositor") + kEnd).unknown_pads().empty());
  ck_assert(stages_of("videotestsrc ! tee name=t t.src_0 ! queue" + std::string(kEnd))
                .unknown_pads()
                .empty());
  for (const std::string &line :
       {film + "matroskademux name=d d.video_0 ! queue" + kEnd,
        film + "matroskademux ! compositor name=d sink_7::xpos=5" + kEnd,
        "compositor name=d" + std::string(kEnd) + " " + kSource + "d.sink_1"}) {
    const LineStages stages = stages_of(line);
    ck_assert_msg(stages.unknown_pads() == std::vector<std::string>{"d"}, "%s", line.c_str());
  }
}
GST_END_TEST

GST_START_TEST(another_model_of_a_detector_is_another_setting) {
  const ElementPtr detector(gst_element_factory_make("facedetect", nullptr));
  gchar *usual = nullptr;
  g_object_get(detector.get(), "profile", &usual, nullptr);
  const GCharPtr owner(usual);
  gchar *text = nullptr;
  ck_assert(g_file_get_contents(usual, &text, nullptr, nullptr));
  const GCharPtr text_owner(text);
  TempDir folder;
  const std::string model = folder.file("model.xml");
  ck_assert(g_file_set_contents(model.c_str(), text, -1, nullptr));
  const std::string line = kSource + ("videoconvert ! facedetect profile=" + model) + kEnd;
  const std::string before = declared(line);
  ck_assert(before.find("\"profile (file)\":{") != std::string::npos);
  ck_assert(declared(line) == before);
  ck_assert(g_file_set_contents(model.c_str(), (text + std::string("\n")).c_str(), -1, nullptr));
  ck_assert(declared(line) != before);
}
GST_END_TEST

GST_START_TEST(a_pattern_of_names_is_no_file_that_is_missing) {
  const LineStages stages = stages_of("splitmuxsrc location=/no/part*.mp4" + std::string(kEnd));
  ck_assert(stages.missing_inputs().empty());
  ck_assert_uint_eq(stages.unknown_inputs().size(), 1);
}
GST_END_TEST

GST_START_TEST(caps_of_a_link_and_a_capsfilter_without_a_name) {
  const LineStages stages = stages_of(
      kSource + std::string("videoconvert ! capsfilter caps=video/x-raw,format=BGR") + kEnd);
  // As often as it is made in one process.
  for (int i = 0; i < 3; i++) ck_assert(make_pipeline(stages.line().text(), {}).is_ok());
}
GST_END_TEST

GST_START_TEST(what_feeds_itself_has_an_end) {
  declared("funnel name=f ! tee name=t ! checkpointsink stage=s videotestsrc ! f. t. ! queue ! f.");
  declared("identity name=f ! tee name=t ! checkpointsink stage=s t. ! queue ! f.");
}
GST_END_TEST

GST_START_TEST(settings_that_can_not_be_are_named) {
  auto line = LaunchLine::parse({"videotestsrc ! videobalance name=b" + std::string(kEnd)});
  ck_assert(line.is_ok());
  struct {
    Override override;
    const char *named;
  } const wrong[] = {{{"x", "brightness", "1"}, "\"x\""},
                     {{"b", "colour", "1"}, "\"colour\""},
                     {{"b", "brightness", "blue"}, "\"blue\""},
                     {{"b", "brightness", "1.5"}, "\"1.5\""}};
  for (const auto &one : wrong) {
    auto made = LineStages::make(*line, {one.override});
    ck_assert(made.status().is(Code::kInvalidArgument));
    ck_assert(made.status().message().find(one.named) != std::string::npos);
  }
  struct {
    const char *text, *named, *next;
  } const lines[] = {
      {"videotestsrc ! videobalance name=b brightness=1.5 ! checkpointtap stage=s ! fakesink",
       "\"1.5\" is no value for b.brightness", "-1 to 1"},
      {"videotestsrc ! videobalance colour=1 ! checkpointtap stage=s ! fakesink", "\"colour\"",
       "gst-inspect-1.0"},
      {"videotestsrc ! nonsense ! checkpointtap stage=s ! fakesink", "\"nonsense\"",
       "gst-inspect-1.0"}};
  for (const auto &[text, named, next] : lines) {
    auto parsed = LaunchLine::parse({text});
    ck_assert(parsed.is_ok());
    const Status status = LineStages::make(std::move(*parsed), {}).status();
    ck_assert(status.is(Code::kInvalidArgument));
    ck_assert_msg(status.message().find(named) != std::string::npos, "%s",
                  status.to_string().c_str());
    ck_assert(status.hint().find(next) != std::string::npos);
  }
  ck_assert(!parse_override("b=1").is_ok() && !parse_override("b.x").is_ok());
}
GST_END_TEST

static Suite *line_declared_suite() {
  Suite *suite = suite_create("line_declared");
  TCase *tc = tcase_create("line_declared");
  suite_add_tcase(suite, tc);
  tcase_add_checked_fixture(tc, register_elements, nullptr);
  tcase_add_test(tc, what_is_set_on_pads_counts);
  tcase_add_test(tc, pads_that_can_not_be_compared_are_named);
  tcase_add_test(tc, another_model_of_a_detector_is_another_setting);
  tcase_add_test(tc, a_pattern_of_names_is_no_file_that_is_missing);
  tcase_add_test(tc, caps_of_a_link_and_a_capsfilter_without_a_name);
  tcase_add_test(tc, what_feeds_itself_has_an_end);
  tcase_add_test(tc, settings_that_can_not_be_are_named);
  return suite;
}
GST_CHECK_MAIN(line_declared);
