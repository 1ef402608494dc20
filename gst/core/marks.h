// SPDX-License-Identifier: LGPL-2.1-or-later
// Marks: what a writer notes of its own run among a checkpoint's events, behind the last frame that
// an earlier run stored. They are rows like events, so they are as durable and need nothing of a
// store; no reader hands them out.
#pragma once

#include <cstdint>
#include <string>

namespace checkpoint {

// The frame in front is about to be passed on; or, at the end of a line, it came again.
inline constexpr const char *kMarkPassing = "mark:passing";
// It was passed on, and what follows came back from it.
inline constexpr const char *kMarkReturned = "mark:returned";
// It is not passed on any more.
inline constexpr const char *kMarkLeftOut = "mark:left-out";
// The run before this one ended by itself.
inline constexpr const char *kMarkStopped = "mark:stopped";

inline bool is_mark(const std::string &type) { return type.starts_with("mark:"); }

// Their ordinals are above those of events, which a resumed run counts anew.
inline constexpr uint32_t kFirstMark = 1u << 30;

}  // namespace checkpoint
