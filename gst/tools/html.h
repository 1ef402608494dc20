// SPDX-License-Identifier: LGPL-2.1-or-later
// Texts as they may stand in HTML, whoever wrote them.
#pragma once

#include <string>
#include <string_view>

namespace checkpoint::tool {

// For contents and for attributes in either quotes. Control characters and what turns the direction
// of writing are escaped as printable() does it.
std::string html(std::string_view text);

// name="value", with a space before it.
std::string attribute(const char *name, std::string_view value);

std::string base64(std::string_view bytes);

}  // namespace checkpoint::tool
