// SPDX-License-Identifier: LGPL-2.1-or-later
// The value of a property as a configuration shows it, without what may be secret: texts of a name
// like "user-pw" are left out, also within a structure, and URIs masked. A number, a flag or a word
// of an enumeration is no secret, whatever its name ("keyint-min").
#pragma once

#include <gst/gst.h>

#include <optional>
#include <string>

#include "elements/gst_handles.h"

namespace checkpoint {

// As JSON; nullopt: all of it may be secret, or it is of a kind that has no text.
std::optional<std::string> shown_value(const char *name, const GValue *value);
// A text that is to be set on a property; nullopt: all of it may be secret, or it does not fit.
std::optional<std::string> shown_setting(GParamSpec *pspec, const std::string &text);
// A copy without fields that may be secret ("srtp-key").
CapsPtr without_secrets(const GstCaps *caps);

}  // namespace checkpoint
