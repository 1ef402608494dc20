// SPDX-License-Identifier: LGPL-2.1-or-later
// pin and unpin.
#include "tools/call.h"
#include "tools/checkpoint_name.h"
#include "tools/json.h"
#include "tools/text.h"

namespace checkpoint::tool {

namespace {

constexpr size_t kAnyNumber = SIZE_MAX;

int set_pins(Call &call, bool pinned) {
  std::optional<std::string> scenario;
  Options options;
  options.text("scenario", 0, "LABEL", "Of this scenario ('': that without a label)", &scenario);
  if (auto code = call.parse(std::move(options), 1, kAnyNumber)) return *code;

  auto stores = call.open_metadata();
  if (!stores.is_ok()) return call.fail(stores.status());
  MetadataStore &metadata = *(*stores)->metadata;
  // All are found before the first one is changed.
  std::vector<CheckpointRow> rows;
  for (const std::string &name : call.arguments()) {
    auto row = call.find(**stores, name, scenario, false);
    if (!row.is_ok()) return call.fail(row.status());
    rows.push_back(std::move(*row));
  }
  std::optional<JsonArray> array;
  for (const CheckpointRow &row : rows) {
    const Status status = pinned ? metadata.pin_checkpoint(row.id, call.cancel())
                                 : metadata.unpin_checkpoint(row.id, call.cancel());
    if (!status.is_ok()) return call.fail(status.with_context(checkpoint_name(row)));
    if (!call.json()) {
      call.out().line(printable(checkpoint_name(row)) + (pinned ? " is pinned" : " is not pinned"));
      continue;
    }
    if (!array) array.emplace(call.out());
    Json json;
    json.begin_object().field("id", row.id.to_string()).field("checkpoint", checkpoint_name(row));
    json.field("pinned", pinned).end_object();
    array->add(json);
  }
  return kFine;
}

}  // namespace

int run_pin(Call &call) { return set_pins(call, true); }
int run_unpin(Call &call) { return set_pins(call, false); }

}  // namespace checkpoint::tool
