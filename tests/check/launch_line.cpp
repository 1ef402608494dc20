// SPDX-License-Identifier: LGPL-2.1-or-later
// A launch line as a graph, and what is left of it when it starts at a tap.
#include "elements/launch_line.h"

#include <gst/gst.h>

#include <cstring>
#include <string>

#include "support/check.h"

using namespace checkpoint;

namespace {

LaunchLine parsed(const std::string &line) {
  auto result = LaunchLine::parse({line});
  ck_assert_msg(result.is_ok(), "%s: %s", line.c_str(), result.status().to_string().c_str());
  return std::move(*result);
}

void must_refuse(const std::string &line, const std::string &named) {
  auto result = LaunchLine::parse({line});
  ck_assert_msg(!result.is_ok(), "%s", line.c_str());
  ck_assert_msg(result.status().message().find(named) != std::string::npos, "%s",
                result.status().message().c_str());
}

std::string cut(const LaunchLine &line, const std::string &tap) {
  auto text = line.text_from(*line.find(tap), "checkpointsrc checkpoint-id=x");
  return text.is_ok() ? *text : "refused: " + text.status().message();
}

// What of the line is no longer there.
std::string removed(const LaunchLine &line, const std::string &tap) {
  auto elements = line.removed_by(*line.find(tap));
  if (!elements.is_ok()) return "refused: " + elements.status().message();
  std::string names;
  for (size_t element : *elements)
    names += (names.empty() ? "" : " ") + line.elements()[element].name;
  return names;
}

void must_equal(const std::string &is, const std::string &wanted) {
  ck_assert_msg(is == wanted, "%s\ninstead of\n%s", is.c_str(), wanted.c_str());
}

}  // namespace

GST_START_TEST(elements_links_caps_and_references_are_found) {
  const LaunchLine line = parsed(
      "filesrc location=\"a film.mp4\" ! decodebin name=d d. ! video/x-raw, format = RGB ! queue ! "
      "checkpointtap stage=decode ! facedetect scale-factor = 1.25 ! checkpointtap stage=detect "
      "! m.sink_0 compositor name=m ! fakesink d.src_1 ! queue ! fakesink");
  std::string names;
  for (const auto &element : line.elements()) names += element.name + " ";
  must_equal(names,
             "filesrc0 d queue0 checkpointtap0 facedetect0 checkpointtap1 m fakesink0 queue1 "
             "fakesink1 ");
  ck_assert(line.elements()[0].property("location") == "a film.mp4");
  ck_assert(line.elements()[4].property("scale-factor") == "1.25");
  ck_assert_uint_eq(line.links().size(), 9);
  ck_assert(line.links()[1].caps == "video/x-raw,format=RGB");
  ck_assert(line.links()[5].to_pad == "sink_0" && line.links()[7].from_pad == "src_1");
  ck_assert_uint_eq(line.stages().size(), 2);
  ck_assert(line.stage_of(line.stages()[0]) == "decode");
}
GST_END_TEST

GST_START_TEST(words_of_a_shell_stay_together) {
  auto line = LaunchLine::parse({"filesrc", "location=my film.mp4", "!", "video/x-raw, width=3",
                                 "!", "checkpointtap", "stage=a stage"});
  ck_assert(line.is_ok());
  ck_assert(line->elements()[0].property("location") == "my film.mp4");
  ck_assert(line->stage_of(line->stages()[0]) == "a stage");
  // And GStreamer reads the same from what we write.
  GError *error = nullptr;
  auto plain = LaunchLine::parse(
      {"fakesrc", "name=source", "!", "video/x-raw, width=(int)3", "!", "queue", "!", "fakesink"});
  ck_assert(plain.is_ok());
  GstElement *made = gst_parse_launch(plain->text().c_str(), &error);
  ck_assert_msg(!error, "%s: %s", plain->text().c_str(), error ? error->message : "");
  GstElement *source = gst_bin_get_by_name(GST_BIN(made), "source");
  ck_assert(source != nullptr);
  gst_object_unref(source);
  gst_object_unref(made);
}
GST_END_TEST

GST_START_TEST(a_chain_in_parentheses_is_part_of_the_chain_around_it) {
  const char *const flat =
      "fakesrc name=\"fakesrc0\" num-buffers=1 identity name=\"identity0\" queue name=\"queue0\" "
      "fakesink name=\"fakesink0\" fakesrc0. ! identity0. identity0. ! "
      "video/x-raw(memory:SystemMemory) ! queue0. queue0. ! fakesink0. ";
  for (const char *line : {
           "fakesrc num-buffers=1 ! identity ! video/x-raw(memory:SystemMemory) ! queue ! fakesink",
           "( fakesrc num-buffers=1 ! identity ) ! video/x-raw(memory:SystemMemory) ! queue ! "
           "fakesink",
           "bin.( name=b fakesrc num-buffers=1 ) ! (identity ! video/x-raw(memory:SystemMemory) ! "
           "( queue )) ! fakesink",
       })
    must_equal(parsed(line).text(), flat);
}
GST_END_TEST

GST_START_TEST(a_uri_is_the_source_of_its_chain) {
  const LaunchLine line =
      parsed("file:///a%20film.mp4 ! fakesink http://host/b.mp4?x=1 ! fakesink");
  ck_assert(line.elements()[0].factory == "filesrc");
  ck_assert(line.elements()[0].property("location") == "/a film.mp4");
  ck_assert(line.elements()[2].factory == "urisourcebin");
  ck_assert(line.elements()[2].property("uri") == "http://host/b.mp4?x=1");
  // One of a checkpoint, as gst_parse_launch() takes it; the last character is no assignment's.
  const auto stored = parsed(
      "checkpoint://street%205/decode?select=label%20%3D%20'a%22b'&select-after=10&filtered=true&"
      "scenario= ! fakesink");
  ck_assert_uint_eq(stored.links().size(), 1);
  const LaunchLine::Element &source = stored.elements()[0];
  ck_assert(source.factory == "checkpointsrc");
  ck_assert(source.property("job-id") == "street 5" && source.property("stage") == "decode");
  ck_assert(source.property("select") == "label = 'a\"b'" &&
            source.property("select-after") == "10" && source.property("filtered") == "true");
  ck_assert(source.property("scenario") == "" && !source.property("version"));
  const std::string id = "0192f0c1-2b3c-7d4e-8f50-61728394a5b6";
  const auto by_id = parsed("checkpoint:///?checkpoint-id=" + id + " ! fakesink");
  ck_assert(by_id.elements()[0].property("checkpoint-id") == id);
  ck_assert(!by_id.elements()[0].property("job-id"));
  ck_assert(!LaunchLine::parse({"checkpoint://street/decode?nonsense=1 ! fakesink"}).is_ok());
  ck_assert_uint_eq(line.links().size(), 2);
}
GST_END_TEST

GST_START_TEST(what_is_not_understood_is_named) {
  must_refuse("", "no pipeline");
  must_refuse("fakesrc ! ( queue ! fakesink  fakesrc ! fakesink )", "parentheses");
  must_refuse("( fakesrc ! t. ) tee name=t ! fakesink", "parentheses");
  must_refuse("( async-handling=true fakesrc ! fakesink )", "async-handling");
  must_refuse("( fakesrc ! queue ) max-size-time=0 ! fakesink", "max-size-time");
  must_refuse("fakesrc ! ( queue ! ) fakesink", ")");
  must_refuse("fakesrc ! ( queue ! fakesink", "not closed");
  must_refuse("fakesrc ! fakesink )", ")");
  must_refuse("gltestbin.( fakesrc ! fakesink )", "gltestbin");
  must_refuse("fakesrc ! file:///a.mp4", "file:///a.mp4");
  must_refuse("fakesrc name=\"a source\" ! fakesink", "a source");
  must_refuse("fakesrc !", "!");
  must_refuse("fakesrc ! ! fakesink", "!");
  must_refuse("fakesrc ! x.", "\"x\"");
  must_refuse("fakesrc ! checkpointtap ! fakesink", "checkpointtap0 has no stage");
  must_refuse("fakesrc ! checkpointtap stage=a ! checkpointsink stage=a", "twice");
}
GST_END_TEST

GST_START_TEST(g36_what_is_not_understood_shows_no_secret) {
  for (const char *line :
       {"fakesrc ! rtsp://u:hush@host/x?t=hush", "user-pw=hush fakesrc ! fakesink",
        "fakesrc ! \"rtsp://u:hush@host/x\"", "( user-pw=hush fakesrc ! fakesink )"}) {
    const Status status = LaunchLine::parse({line}).status();
    ck_assert_msg(status.is(Code::kInvalidArgument), "%s", line);
    ck_assert_msg(status.to_string().find("hush") == std::string::npos, "%s",
                  status.to_string().c_str());
    ck_assert(status.message().find(strstr(line, "user-pw") ? "user-pw" : "@host/x") !=
              std::string::npos);
  }
}
GST_END_TEST

GST_START_TEST(a_cut_keeps_what_is_behind_the_tap) {
  const LaunchLine line = parsed(
      "filesrc ! decodebin name=d ! videoconvert ! checkpointtap stage=decode ! facedetect ! "
      "video/x-raw ! checkpointtap stage=detect ! fakesink  d. ! audioconvert ! autoaudiosink");
  must_equal(removed(line, "checkpointtap0"),
             "filesrc0 d videoconvert0 checkpointtap0 audioconvert0 autoaudiosink0");
  must_equal(cut(line, "checkpointtap0"),
             "checkpointsrc checkpoint-id=x name=\"checkpointtap0\" facedetect "
             "name=\"facedetect0\" checkpointtap name=\"checkpointtap1\" stage=detect "
             "fakesink name=\"fakesink0\" checkpointtap0. ! facedetect0. facedetect0. ! "
             "video/x-raw ! checkpointtap1. checkpointtap1. ! fakesink0. ");
  must_equal(removed(line, "checkpointtap1"),
             "filesrc0 d videoconvert0 checkpointtap0 facedetect0 checkpointtap1 "
             "audioconvert0 autoaudiosink0");
}
GST_END_TEST

GST_START_TEST(a_cut_keeps_inputs_that_do_not_come_through_the_tap) {
  const LaunchLine line = parsed(
      "filesrc ! pngdec ! checkpointtap stage=a ! m. compositor name=m ! fakesink  videotestsrc ! "
      "queue ! m.");
  must_equal(removed(line, "checkpointtap0"), "filesrc0 pngdec0 checkpointtap0");
}
GST_END_TEST

GST_START_TEST(an_element_that_feeds_both_sides_is_refused_by_name) {
  const LaunchLine line = parsed(
      "filesrc ! tee name=t ! queue ! checkpointtap stage=a ! m. compositor name=m ! fakesink  t. "
      "! queue ! m.");
  const std::string why = removed(line, "checkpointtap0");
  ck_assert_msg(why.starts_with("refused: t is before") && why.find("queue1") != why.npos, "%s",
                why.c_str());
}
GST_END_TEST

static Suite *launch_line_suite() {
  Suite *suite = suite_create("launch_line");
  TCase *tc = tcase_create("launch_line");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, elements_links_caps_and_references_are_found);
  tcase_add_test(tc, words_of_a_shell_stay_together);
  tcase_add_test(tc, a_chain_in_parentheses_is_part_of_the_chain_around_it);
  tcase_add_test(tc, a_uri_is_the_source_of_its_chain);
  tcase_add_test(tc, what_is_not_understood_is_named);
  tcase_add_test(tc, g36_what_is_not_understood_shows_no_secret);
  tcase_add_test(tc, a_cut_keeps_what_is_behind_the_tap);
  tcase_add_test(tc, a_cut_keeps_inputs_that_do_not_come_through_the_tap);
  tcase_add_test(tc, an_element_that_feeds_both_sides_is_refused_by_name);
  return suite;
}
GST_CHECK_MAIN(launch_line);
