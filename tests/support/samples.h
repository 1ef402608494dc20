// SPDX-License-Identifier: LGPL-2.1-or-later
// Records, packs and noise to test the formats with: for the tests and for the fuzz targets' seeds.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "core/pack.h"
#include "core/record.h"

namespace checkpoint::samples {

using Random = std::mt19937_64;

// $GST_CHECKPOINT_TEST_SEED or a new one; printed, so that a failure can be run again.
uint64_t test_seed();

// Any legal record, with extreme values often.
Record random_record(Random &random);

// One record of every kind with every field set: what the golden bytes hold.
std::vector<Record> fixed_records();

// Compares bit by bit where that matters (NaN).
bool same(const Record &a, const Record &b);

Bytes random_bytes_of(Random &random, size_t size);
// Compresses to about a half.
Bytes picture_like_bytes(Random &random, size_t size);

PackHeader fixed_header();
// A whole object: three payloads of 5, 64 and 100 bytes, and fixed_records().
Bytes fixed_pack();
Bytes join(const SealedPack &pack);

}  // namespace checkpoint::samples
