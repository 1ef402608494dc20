// SPDX-License-Identifier: LGPL-2.1-or-later
// How a line of gst-launch-1.0 has to end.
#pragma once

#include <initializer_list>
#include <string>

#include "support/launch.h"

namespace checkpoint {

// With exit code 0 and no error.
void must_succeed(Launch &launch, const std::string &what = "");
void must_succeed(const std::string &line, const Launch::Options &options = Launch::Options());

// With one error of `element`, before any other, that has all these words.
void must_fail(Launch &launch, const std::string &element,
               std::initializer_list<std::string> words);
void must_fail(const std::string &line, const std::string &element,
               std::initializer_list<std::string> words,
               const Launch::Options &options = Launch::Options());

}  // namespace checkpoint
