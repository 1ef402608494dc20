// SPDX-License-Identifier: LGPL-2.1-or-later
// doctor: a thin caller of core/doctor.h.
#include "core/doctor.h"

#include "tools/call.h"
#include "tools/json.h"
#include "tools/text.h"

namespace checkpoint::tool {

namespace {

using Level = Finding::Level;

struct Word {
  const char *text;
  Style style;
};
Word word_of(Level level) {
  switch (level) {
    case Level::kOk:
      return {"ok", Style::kGreen};
    case Level::kUnknown:
      return {"unknown", Style::kDim};
    case Level::kWarning:
      return {"warning", Style::kYellow};
    case Level::kError:
      break;
  }
  return {"error", Style::kRed};
}

std::string padded(std::string text, size_t width) {
  if (text.size() < width) text.resize(width, ' ');
  return text;
}

}  // namespace

int run_doctor(Call &call) {
  if (auto code = call.parse({}, 0, 0)) return *code;
  bool fine = true;
  std::optional<JsonArray> array;
  if (call.json()) array.emplace(call.out());
  const Status status = diagnose(
      call.frame_store(), call.metadata_store(),
      [&](const char *store, const Finding &finding) {
        const Word word = word_of(finding.level);
        fine = fine && finding.level != Level::kWarning && finding.level != Level::kError;
        if (array) {
          Json json;
          json.begin_object().field("store", store).field("check", finding.check);
          json.field("level", word.text).field("message", finding.text);
          json.field("hint", finding.hint).end_object();
          array->add(json);
          return;
        }
        call.out().line(call.out().styled(padded(word.text, 9), word.style) + padded(store, 16) +
                        padded(finding.check, 13) + printable(finding.text));
        if (!finding.hint.empty()) call.out().line("  next: " + printable(finding.hint));
      },
      call.cancel());
  if (!status.is_ok()) return call.fail(status);
  return fine ? kFine : kLossy;
}

}  // namespace checkpoint::tool
