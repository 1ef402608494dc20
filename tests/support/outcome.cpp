// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/outcome.h"

#include "support/check.h"

namespace checkpoint {

void must_succeed(Launch &launch, const std::string &what) {
  const int code = launch.wait();
  ck_assert_msg(code == 0 && launch.errors().empty(), "%s: %d\n%s", what.c_str(), code,
                launch.tail().c_str());
}

void must_succeed(const std::string &line, const Launch::Options &options) {
  Launch launch(line, options);
  must_succeed(launch, line);
}

void must_fail(Launch &launch, const std::string &element,
               std::initializer_list<std::string> words) {
  const int code = launch.wait();
  const auto errors = launch.errors();
  ck_assert_msg(code > 0 && !errors.empty() && errors[0].rfind(element, 0) == 0, "%d\n%s", code,
                launch.tail().c_str());
  // What GStreamer's base classes say of a stream that failed is theirs.
  size_t ours = 0;
  for (const std::string &error : errors)
    ours += error.rfind(element, 0) == 0 && error.find("Internal data stream error") == error.npos;
  ck_assert_msg(ours == 1, "%s", launch.tail().c_str());
  for (const std::string &word : words)
    ck_assert_msg(errors[0].find(word) != std::string::npos, "no \"%s\" in: %s", word.c_str(),
                  errors[0].c_str());
}

void must_fail(const std::string &line, const std::string &element,
               std::initializer_list<std::string> words, const Launch::Options &options) {
  Launch launch(line, options);
  must_fail(launch, element, words);
}

}  // namespace checkpoint
