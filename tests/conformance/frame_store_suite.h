// SPDX-License-Identifier: LGPL-2.1-or-later
// What every frame store does alike: each sentence of store/frame_store.h, tried on each of a list
// of stores.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "store/frame_store.h"

// Of the check library, whose header breaks others' and so stays out of this one.
struct TCase;

namespace checkpoint {

// One place where a store is, empty at first; it goes away with this object.
class FrameStorePlace {
 public:
  virtual ~FrameStorePlace() = default;
  // One more store at this place, as another element or process would make it; not opened.
  virtual std::shared_ptr<FrameStore> make() = 0;
  // Do other processes see the same place?
  virtual bool shared_by_processes() const = 0;
  // Does one win of several who put the same name at the same moment? Else the last one's object
  // may be there, and others think that they have won.
  virtual bool decides_races() const { return true; }
  // False: names like this one are refused.
  virtual bool takes_name(const std::string &) const { return true; }
  // Takes the store away, as an unmounted disk is, and brings it back. False: can't be done here.
  virtual bool hide() { return false; }
  virtual void show() {}
  // Puts the store that this other place holds in its stead. False: can't be done here.
  virtual bool replace_by(FrameStorePlace &) { return false; }
};

struct FrameStoreCase {
  std::string name;
  std::function<std::unique_ptr<FrameStorePlace>()> make_place;
};

// The stores that this test program tries.
const std::vector<FrameStoreCase> &frame_store_cases();

// Adds every test, as a loop over frame_store_cases().
void add_frame_store_suite(TCase *tc);

}  // namespace checkpoint
